"""A film that is no chest gets its warning in the window, with the model that ships."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from PySide6.QtWidgets import QLabel

from app.casefile import open_case, save_case
from app.films import load_film
from app.wording import doubt_text
from engine.geometry import BoxPrompt
from engine.measure import Caveat
from engine.results.reopen import reopen
from tests.app.room import Room
from tests.phantom import dicom_film, write_film

MakeRoom = Callable[..., Room]
DEMO = Path(__file__).resolve().parents[2] / "resources" / "demo" / "demo.dcm"


def warned(room: Room) -> bool:
    return any(label.text() == doubt_text() for label in room.window.findChildren(QLabel))


def test_no_chest_is_said_before_anything_is_drawn_and_a_chest_takes_it_away(
    make_room: MakeRoom, tmp_path: Path
) -> None:
    path = bone(tmp_path / "bone.dcm")
    room = make_room(path, checkpoint="")
    room.settle()
    assert room.session.doubt.doubtful
    assert warned(room)
    before = room.canvas.grab().toImage()
    room.open(DEMO)
    verdict = room.session.doubt.likeness
    assert verdict is not None
    assert not verdict.doubtful
    assert not warned(room)
    room.session.worklist.show(0)
    room.wait(lambda: room.session.reading is not None and room.session.reading.film.path == path)
    verdict = room.session.doubt.likeness  # known from before: no moment without the warning
    assert verdict is not None
    assert verdict.doubtful
    room.settle()
    assert room.canvas.grab().toImage() == before


def bone(path: Path) -> Path:
    """Write a film of a shaft."""
    y, x = np.mgrid[0:300, 0:260]
    shaft = 3500 * np.exp(-(((x - 130) / 25.0) ** 2)) + 100 * np.sin(y / 9.0) + 100
    return write_film(path, dicom_film(shaft.astype(np.uint16)))


def test_a_doubted_film_takes_its_verdict_into_results_and_back(make_room: MakeRoom, tmp_path: Path) -> None:
    out = tmp_path / "out"
    room = make_room(bone(tmp_path / "bone.dcm"), checkpoint="", export_on_accept=True, export_folder=str(out))
    room.box(BoxPrompt(60, 20, 200, 280))
    if not room.case.findings:  # a model that sees no lung here is right: the reader outlines by hand
        room.session.edit.fill_polygon(((60, 20), (200, 20), (200, 280)), erase=False)
    room.settle()
    assert room.case.doubtful
    assert room.session.measurements is not None
    assert all(Caveat.DOUBTED in row.caveats for row in room.session.measurements)
    room.session.accept()
    room.settle()
    (folder,) = [path.parent for path in out.glob("*/results.json")]
    stated = json.loads((folder / "results.json").read_text())["chest_likeness"]
    assert stated["frontal_chest"] is False
    assert reopen(folder, room.case.radiograph).marks.likeness == room.case.likeness


def test_the_verdict_is_no_step_and_nothing_to_save(make_room: MakeRoom, tmp_path: Path) -> None:
    room = make_room(bone(tmp_path / "bone.dcm"), checkpoint="")
    assert room.case.doubtful
    assert not room.session.readings.unsaved()
    reading = room.session.reading
    assert reading is not None
    assert reading.history.done == []
    room.session.edit.fill_polygon(((60, 20), (200, 20), (200, 280)), erase=False)
    assert room.session.readings.unsaved()
    room.session.undo()
    assert room.case.doubtful  # the case before the verdict comes back with it
    assert not room.session.readings.unsaved()


def test_a_film_accepted_before_the_verdict_gets_it_into_its_results(make_room: MakeRoom, tmp_path: Path) -> None:
    room = make_room(bone(tmp_path / "bone.dcm"), checkpoint="", export_on_accept=False)
    room.session.edit.fill_polygon(((60, 20), (200, 20), (200, 280)), erase=False)
    unjudged = replace(room.case, likeness=None)
    room.session.doubt.forget()
    room.assembly.exports.to(unjudged, tmp_path / "out")
    room.open(DEMO)  # the next film is already on screen
    room.settle()
    (found,) = (tmp_path / "out").glob("*/results.json")
    values = json.loads(found.read_text())
    assert values["chest_likeness"]["frontal_chest"] is False
    assert all("doubted" in row["caveats"] for row in values["measurements"])


def test_a_case_file_keeps_the_verdict(make_room: MakeRoom, tmp_path: Path) -> None:
    room = make_room(bone(tmp_path / "bone.dcm"), checkpoint="")
    room.session.files.save(tmp_path / "bone.lungbox")
    room.settle()
    assert open_case(tmp_path / "bone.lungbox").on(room.case.radiograph).likeness == room.case.likeness


def test_a_prior_that_is_no_chest_is_said_to_be_none(make_room: MakeRoom, tmp_path: Path) -> None:
    room = make_room(bone(tmp_path / "bone.dcm"), checkpoint="")
    room.session.edit.fill_polygon(((60, 20), (200, 20), (200, 280)), erase=False)
    case = replace(room.case, likeness=None)
    room.session.undo()
    save_case(tmp_path / "bone.lungbox", case)  # written before verdicts were kept
    room.open(DEMO)
    room.session.doubt.forget()
    room.window.comparing.show(load_film(tmp_path / "bone.dcm"))
    room.settle()
    assert room.window.comparing.source == "case"
    assert room.window.comparing.case is not None
    assert room.window.comparing.case.doubtful
    said = [label.text() for label in room.window.findings_panel.changes.findChildren(QLabel)]
    assert any(text.startswith("The prior: Does not look like a frontal chest film") for text in said)
