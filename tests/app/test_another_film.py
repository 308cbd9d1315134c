"""What was asked on one film and answered when another is open: a dialog or a slow disk lies between the two."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtWidgets import QDialog

from app import assembly as assembly_module
from app import exporting
from app.casefile import open_case
from app.dialogs import LengthDialog, NameDialog, WindowDialog
from app.films import Film, load_film
from engine.case import Line, Structure
from tests.app.room import LEFT_BOX, RIGHT_BOX, Room, film

MakeRoom = Callable[..., Room]


@pytest.fixture
def two(make_room: MakeRoom, tmp_path: Path) -> Room:
    """Return a room with the first of two films open, its right lung outlined and a distance drawn."""
    room = make_room(*(film(tmp_path / f"{n}.dcm", number=n) for n in range(2)))
    room.box(RIGHT_BOX)
    room.session.edit.set_distances((Line(10, 10, 60, 10),))
    room.settle()
    return room


def next_film(room: Room) -> None:
    """Go on, as a film does that was asked for before a dialog opened and comes while it is up."""
    first = room.session.reading
    assert room.session.worklist.step(1)
    room.wait(lambda: room.session.reading is not first)


def agreeing(room: Room, monkeypatch: pytest.MonkeyPatch, answer: object) -> None:
    """Have every dialog agreed to, with another film open by then."""

    def agreed(dialog: QDialog) -> bool:
        next_film(room)
        return True

    monkeypatch.setattr(assembly_module, "agreed", agreed)
    for kind in (LengthDialog, NameDialog, WindowDialog):
        monkeypatch.setattr(kind, "answer", answer)


def test_a_length_is_of_the_film_it_was_asked_for(two: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    agreeing(two, monkeypatch, 100.0)
    two.assembly.command("calibrate")
    two.settle()
    assert two.case.distances == ()
    assert two.session.reading is not None
    assert not two.session.reading.history.done
    assert "another film" in two.window.status.text


def test_a_name_is_for_the_film_it_was_asked_for(two: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    agreeing(two, monkeypatch, (None, "heart"))
    two.assembly.command("name-structure")
    assert two.session.structure is None


def test_a_window_is_for_the_film_it_was_asked_for(two: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    agreeing(two, monkeypatch, (1.0, 2.0))
    two.assembly.command("window")
    view = two.session.lightbox.display.view
    assert (getattr(view, "center", None), getattr(view, "width", None)) != (1.0, 2.0)


def test_the_case_that_was_asked_for_is_saved(two: Room, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    target = tmp_path / "saved.lungbox"
    first = two.case

    def where(parent: object, suggested: Path) -> Path:
        next_film(two)
        return target

    monkeypatch.setattr(assembly_module, "ask_where_to_save", where)
    two.assembly.command("save-as")
    two.settle()
    case = open_case(target).on(first.radiograph)
    assert [finding.structure for finding in case.findings] == [Structure.RIGHT_LUNG]


def test_the_case_that_was_asked_for_is_exported(two: Room, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    first = two.case.radiograph.source.pixel_sha256

    def place(parent: object, title: str) -> Path:
        next_film(two)
        return tmp_path / "out"

    monkeypatch.setattr(exporting, "ask_folder", place)
    two.assembly.command("export")
    two.settle()
    two.wait(lambda: not two.assembly.exports.unfinished)
    (results,) = (tmp_path / "out").rglob("results.json")
    assert first in results.read_text()


def test_a_prior_comes_beside_the_film_it_was_asked_for(
    two: Room, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    prior = film(tmp_path / "prior.dcm", number=5)
    go = threading.Event()

    def slowly(path: Path) -> Film:
        assert go.wait(30)
        return load_film(path)

    monkeypatch.setattr("app.comparing.load_film", slowly)
    monkeypatch.setattr(assembly_module, "ask_films", lambda parent: [prior])
    two.assembly.command("compare")
    next_film(two)
    go.set()
    two.settle()
    assert two.window.comparing.film is None


def test_naming_another_structure_leaves_the_selected_one_as_it_is(two: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    assert two.session.finding is not None
    monkeypatch.setattr(assembly_module, "agreed", lambda dialog: True)
    monkeypatch.setattr(NameDialog, "answer", (None, "heart"))
    two.window.findings_panel.structure_wanted.emit()
    assert [finding.structure for finding in two.case.findings] == [Structure.RIGHT_LUNG]
    two.box(LEFT_BOX)
    assert [finding.name for finding in two.case.findings if finding.structure is Structure.OTHER] == ["heart"]


def test_the_selected_structure_can_be_renamed(two: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assembly_module, "agreed", lambda dialog: True)
    monkeypatch.setattr(NameDialog, "answer", (None, "heart"))
    two.window.actions_by_name["rename"].trigger()
    assert [(finding.structure, finding.name) for finding in two.case.findings] == [(Structure.OTHER, "heart")]


def test_nothing_is_exported_before_all_of_it_is_outlined(
    two: Room, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def place(parent: object, title: str) -> Path:
        two.session.draw_box(LEFT_BOX)
        return tmp_path / "out"

    monkeypatch.setattr(exporting, "ask_folder", place)
    two.assembly.command("export")
    assert "still to come" in two.window.status.text
    two.settle()
    assert not (tmp_path / "out").exists()


def test_a_structure_named_while_an_outline_comes_is_the_next_one_s(two: Room) -> None:
    two.session.draw_box(LEFT_BOX)
    two.session.name_next(Structure.OTHER, "heart")
    two.settle()
    assert (two.session.structure, two.session.structure_name) == (Structure.OTHER, "heart")
