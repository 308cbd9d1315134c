"""Results out of the window and back into it."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDesktopServices, QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QCheckBox, QDialog

from app.dialogs import DeidentifyDialog
from app.prompting import brought_in
from app.results import PartlyOpenedError, ResultsError
from engine.case import Case, CaseState, Finding, Line, Making, Structure
from engine.errors import LungboxError
from engine.film.reading import read_radiograph
from engine.mask import Mask
from engine.measure import measure
from engine.results.bundle import export
from engine.results.marks import NO_MARKS
from engine.results.reopen import Reopened
from tests.app.room import LEFT_BOX, RIGHT_BOX, Room, film

MakeRoom = Callable[..., Room]


def exported(folder: Path) -> Path:
    """Return the one bundle in a folder."""
    found = list(folder.glob("*/results.json"))
    assert len(found) == 1
    return found[0].parent


def drop(room: Room, path: Path) -> None:
    """Drop a file or folder on the film."""
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path))])
    event = QDropEvent(
        QPointF(50, 50),
        Qt.DropAction.CopyAction,
        data,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    room.window.dropEvent(event)


def test_accepted_results_hold_the_intervals_on_show(room: Room, tmp_path: Path) -> None:
    room.session.settings = replace(room.session.settings, export_on_accept=True, export_folder=str(tmp_path / "out"))
    room.box(RIGHT_BOX)
    room.window.actions_by_name["uncertainty"].trigger()
    room.settle()
    assert room.session.measurements is not None
    shown = {(row.structure, row.id): row.interval for row in room.session.measurements if row.interval is not None}
    assert shown
    assert room.session.measuring.bands
    room.session.accept()
    room.settle()
    assert room.case.state is CaseState.ACCEPTED
    assert room.session.measuring.bands  # accepting takes nothing off the screen
    written = json.loads((exported(tmp_path / "out") / "results.json").read_text())
    found = {
        (row["structure"], row["id"]): tuple(row["interval"]) for row in written["measurements"] if row["interval"]
    }
    assert found == shown


def test_what_changed_since_it_was_measured_is_measured_for_the_results(room: Room) -> None:
    room.box(RIGHT_BOX)
    before = room.case
    assert room.session.measuring.of(before) is not None
    room.session.swap_sides()
    assert room.session.measuring.of(room.case) is None  # not yet: never the numbers of another outline
    room.settle()
    assert room.session.measuring.of(room.case) is not None
    room.session.undo()
    assert room.session.measuring.of(before) is None
    room.settle()
    assert room.session.measuring.of(before) is not None


def results_of(room: Room, place: Path) -> Path:
    """Export the open case, and return the bundle's folder."""
    room.assembly.exports.to(room.case, place)
    room.settle()
    return exported(place)


def test_the_reader_is_told_where_the_results_went_and_may_go_there(
    room: Room, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[str] = []
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: shown.append(url.toLocalFile()))
    room.assembly.command("show-results")
    assert (shown, "Nothing was exported" in room.window.status.text) == ([], True)
    room.box(RIGHT_BOX)
    folder = results_of(room, tmp_path / "out")
    assert folder.name in room.window.status.text
    room.assembly.command("show-results")
    assert [Path(path) for path in shown] == [folder]


@pytest.mark.parametrize("name", ["", "results.json", "segmentation.dcm", "report.dcm"])
def test_results_come_back_as_one_step_that_can_be_edited(room: Room, tmp_path: Path, name: str) -> None:
    room.box(RIGHT_BOX)
    room.box(LEFT_BOX)
    written = room.case.findings
    assert len(written) == 2
    folder = results_of(room, tmp_path / "out")
    room.session.delete_selected()
    room.session.delete_selected()
    room.settle()
    assert room.session.reading is not None
    steps = len(room.session.reading.history.done)
    room.session.files.open_results(folder / name)
    room.settle()
    assert len(room.session.reading.history.done) == steps + 1
    found = {finding.tracking_uid: finding for finding in room.case.findings}
    assert {uid: f.mask.sha256 for uid, f in found.items()} == {f.tracking_uid: f.mask.sha256 for f in written}
    assert {f.structure for f in found.values()} == {f.structure for f in written}
    room.session.select(written[0].tracking_uid)
    room.session.edit.grow()
    room.settle()
    grown = room.case.finding(written[0].tracking_uid)
    assert grown is not None
    assert grown.mask.area_px > written[0].mask.area_px
    room.session.undo()
    room.session.undo()
    assert room.case.findings == ()


def test_results_take_the_place_of_the_same_structure_only(room: Room, tmp_path: Path) -> None:
    room.session.name_next(Structure.RIGHT_LUNG)
    room.box(RIGHT_BOX)
    right = room.case.findings[0]
    folder = results_of(room, tmp_path / "out")
    room.session.delete_selected()
    room.session.name_next(Structure.RIGHT_LUNG)
    room.box(replace(RIGHT_BOX, x0=14))
    room.session.name_next(Structure.LEFT_LUNG)
    room.box(LEFT_BOX)
    left = room.case.of(Structure.LEFT_LUNG)
    drop(room, folder)
    room.settle()
    assert len(room.case.findings) == 2
    assert room.case.of(Structure.LEFT_LUNG) is left
    found = room.case.of(Structure.RIGHT_LUNG)
    assert found is not None
    assert (found.tracking_uid, found.mask.sha256) == (right.tracking_uid, right.mask.sha256)


def test_results_of_another_film_are_refused_with_the_reason(make_room: MakeRoom, tmp_path: Path) -> None:
    room = make_room(film(tmp_path / "a.dcm"))
    room.box(RIGHT_BOX)
    folder = results_of(room, tmp_path / "out")
    room.open(film(tmp_path / "b.dcm", number=1, SOPInstanceUID="1.2.826.0.1.3680043.10.1466.1.9"))
    room.box(RIGHT_BOX)
    before = room.case
    errors: list[LungboxError] = []
    room.session.failed.connect(errors.append)
    (tmp_path / "broken.json").write_text("{")
    (tmp_path / "a.dcm").unlink()  # else it would be found, and opened
    for path in (folder, folder / "segmentation.dcm", tmp_path / "broken.json", tmp_path / "b.dcm"):
        drop(room, path) if path.suffix != ".dcm" else room.session.files.open_results(path)
        room.settle()
    assert [type(error) for error in errors] == [ResultsError] * 4
    assert "belongs to another film" in errors[0].message
    assert "belongs to another film" in errors[1].message
    assert "is not JSON" in errors[2].message
    assert "neither a segmentation nor a report" in errors[3].message
    assert room.case is before


def test_a_result_whose_mask_is_gone_is_said_and_the_others_open(room: Room, tmp_path: Path) -> None:
    room.box(RIGHT_BOX)
    folder = results_of(room, tmp_path / "out")
    values = json.loads((folder / "results.json").read_text())
    values["structures"].append({**values["structures"][0], "tracking_uid": "2.25.1", "mask_sha256": "0" * 64})
    (folder / "results.json").write_text(json.dumps(values))
    errors: list[LungboxError] = []
    room.session.failed.connect(errors.append)
    room.session.files.open_results(folder)
    room.settle()
    assert len(errors) == 1
    assert isinstance(errors[0], PartlyOpenedError)
    assert errors[0].message
    assert [finding.tracking_uid for finding in room.case.findings] == [values["structures"][0]["tracking_uid"]]


@pytest.mark.parametrize("name", ["segmentation.dcm", "report.dcm", "results.json", ""])
@pytest.mark.parametrize("open_film", [False, True])
def test_a_result_alone_finds_its_film_and_opens_it(
    make_room: MakeRoom, tmp_path: Path, name: str, open_film: bool
) -> None:
    (tmp_path / "study").mkdir()
    place = film(tmp_path / "study" / "a.dcm")
    case = results_case(place)
    folder = export(case, measure(case), tmp_path / "study", ("sr", "png")).folder
    room = make_room(film(tmp_path / "b.dcm", number=1, SOPInstanceUID="1.2.3")) if open_film else make_room()
    said: list[str] = []
    room.session.noticed.connect(said.append)
    room.window.open_paths([folder / name if name else folder])
    room.wait(lambda: room.session.case is not None and bool(room.session.case.findings))
    room.settle()
    assert room.case.radiograph.source.path == place
    assert [finding.mask for finding in room.case.findings] == [finding.mask for finding in case.findings]
    assert "results-film-found" in said
    assert room.session.files.offer is None  # they are open: nobody need be asked


@pytest.mark.parametrize("name", ["segmentation.dcm", "report.dcm", "results.json"])
def test_a_result_whose_film_is_nowhere_says_which_it_wants(make_room: MakeRoom, tmp_path: Path, name: str) -> None:
    place = film(tmp_path / "a.dcm")
    case = results_case(place)
    folder = export(case, measure(case), tmp_path, ("sr", "png")).folder
    place.unlink()
    room = make_room()
    errors: list[LungboxError] = []
    room.session.failed.connect(errors.append)
    room.window.open_paths([folder / name])
    room.wait(lambda: bool(errors))
    assert case.radiograph.source.sop_instance_uid in errors[0].message
    assert name in errors[0].message
    assert room.session.case is None
    assert room.session.worklist.entries == []


def test_a_film_and_its_report_may_be_dropped_together(make_room: MakeRoom, tmp_path: Path) -> None:
    place = film(tmp_path / "a.dcm")
    case = results_case(place)
    folder = export(case, measure(case), tmp_path, ("sr",)).folder
    room = make_room()
    room.window.open_paths([folder / "report.dcm", place])
    room.wait(lambda: room.session.case is not None and bool(room.session.case.findings))
    assert len(room.session.worklist.entries) == 1


def results_case(path: Path) -> Case:
    """Return a film's case with a lung drawn by hand."""
    radiograph = read_radiograph(path)
    pixels = np.zeros((radiograph.rows, radiograph.columns), dtype=np.bool_)
    pixels[20:70, 10:35] = True
    return Case(radiograph, (Finding(Structure.RIGHT_LUNG, Mask.of(pixels), Making.DRAWN),))


def test_results_beside_a_film_are_offered_and_opened_on_the_readers_word_alone(
    make_room: MakeRoom, tmp_path: Path
) -> None:
    place = film(tmp_path / "a.dcm")
    case = results_case(place)
    at = datetime(2026, 11, 12, 9, 5, tzinfo=UTC)
    export(case, measure(case), tmp_path, ("png",), made_at=at, reader="<b>Dr. Example")
    room = make_room(place)
    offer = room.window.findings_panel.offer
    assert offer.isVisibleTo(room.window)
    assert offer.sentence.text() == "Results of 2026-11-12 by <b>Dr. Example lie beside this film. Open them?"
    assert offer.sentence.textFormat() is Qt.TextFormat.PlainText
    assert not room.case.findings
    QTest.keyClick(offer.open, Qt.Key.Key_Space)
    room.settle()
    assert [finding.mask for finding in room.case.findings] == [finding.mask for finding in case.findings]
    assert not offer.isVisibleTo(room.window)
    room.session.undo()
    assert not room.case.findings


def test_an_offer_that_is_declined_or_overtaken_is_gone(make_room: MakeRoom, tmp_path: Path) -> None:
    place = film(tmp_path / "a.dcm")
    case = results_case(place)
    export(case, measure(case), tmp_path, ("png",))
    room = make_room(place)
    offer = room.window.findings_panel.offer
    assert offer.isVisibleTo(room.window)
    room.box(RIGHT_BOX)  # the reader has begun anew
    assert not offer.isVisibleTo(room.window)
    room.session.undo()
    (tmp_path / "else").mkdir()
    other = film(tmp_path / "else" / "b.dcm", number=2)
    room.open(other)
    assert not offer.isVisibleTo(room.window)  # those results are of another film
    room.open(place)
    assert offer.isVisibleTo(room.window)
    offer.decline.click()
    assert not offer.isVisibleTo(room.window)
    room.open(other)
    room.open(place)
    assert not offer.isVisibleTo(room.window)


def test_the_menu_asks_for_results(room: Room, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    room.box(RIGHT_BOX)
    folder = results_of(room, tmp_path / "out")
    room.session.delete_selected()
    monkeypatch.setattr("app.assembly.ask_results", lambda parent: folder / "results.json")
    room.window.actions_by_name["open-results"].trigger()
    room.settle()
    assert len(room.case.findings) == 1


def deidentified(room: Room, place: Path, monkeypatch: pytest.MonkeyPatch, *ticked: int) -> Path:
    """Export through the menu, with the dialog's boxes of these numbers ticked."""
    room.box(RIGHT_BOX)

    def answer(dialog: QDialog) -> int:
        assert isinstance(dialog, DeidentifyDialog)
        boxes = dialog.findChildren(QCheckBox)
        assert [box.isChecked() for box in boxes] == [False, False]  # nothing is assumed
        for number in ticked:
            boxes[number].click()
        return QDialog.DialogCode.Accepted

    monkeypatch.setattr(QDialog, "exec", answer)
    monkeypatch.setattr("app.exporting.ask_folder", lambda parent, title: place)
    room.window.actions_by_name["export-deidentified"].trigger()
    room.settle()
    return exported(place)


NAMED = {"PatientName": "SENTINEL^ANNA", "PatientID": "SENTINEL-4711", "PatientSex": "F", "PatientAge": "061Y"}


@pytest.mark.parametrize(
    ("ticked", "shown", "kept"), [((), False, False), ((0,), True, False), ((0, 1), True, True)], ids=str
)
def test_a_deidentified_export_names_nobody_and_shows_the_film_only_when_told(
    make_room: MakeRoom,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    ticked: tuple[int, ...],
    shown: bool,
    kept: bool,
) -> None:
    room = make_room(film(tmp_path / "SENTINEL.dcm", **NAMED))
    folder = deidentified(room, tmp_path / "out", monkeypatch, *ticked)
    assert folder.name.startswith("lungbox-")
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert files
    assert not any(b"SENTINEL" in data for data in files.values())
    assert ("film.dcm" in files) is shown
    assert ("capture.dcm" in files) is shown
    assert any(name.endswith(".png") for name in files) is shown
    assert any(name.endswith(".pdf") for name in files) is shown
    assert {"segmentation.dcm", "report.dcm", "results.json"} <= set(files)
    assert (b"061Y" in files["segmentation.dcm"]) is kept


def test_a_film_that_says_it_holds_text_is_never_shown(
    make_room: MakeRoom, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = make_room(film(tmp_path / "a.dcm", BurnedInAnnotation="YES"))
    folder = deidentified(room, tmp_path / "out", monkeypatch, 0)
    names = {path.name for path in folder.iterdir()}
    assert "segmentation.dcm" in names
    assert not {name for name in names if name in ("film.dcm", "capture.dcm") or name.endswith((".png", ".pdf"))}


def test_leaving_the_question_writes_nothing(room: Room, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    room.box(RIGHT_BOX)
    monkeypatch.setattr(QDialog, "exec", lambda dialog: QDialog.DialogCode.Rejected)
    monkeypatch.setattr("app.exporting.ask_folder", lambda parent, title: tmp_path / "out")
    room.window.actions_by_name["export-deidentified"].trigger()
    room.settle()
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["", "report.dcm"])
def test_distances_and_calibration_come_back_with_the_results(room: Room, tmp_path: Path, name: str) -> None:
    room.box(RIGHT_BOX)
    line = Line(5.1, 6.2, 60.3, 70.4)
    room.session.edit.set_distances((line, Line(1 / 3, 2, 30, 4)))
    room.session.edit.calibrate(line, 123.4)
    room.settle()
    before = room.session.measurements
    assert before is not None
    assert before.spacing is not None
    written = room.case
    folder = results_of(room, tmp_path / "out")
    while not room.case.marked_as(Case(room.case.radiograph)):
        room.session.undo()
    room.session.files.open_results(folder / name)
    room.settle()
    assert (room.case.distances, room.case.known_length_mm) == (written.distances, written.known_length_mm)
    after = room.session.measurements
    assert after is not None
    assert after.spacing == before.spacing
    assert [row.value for row in after] == [row.value for row in before]


def test_lungs_brought_in_beside_a_mask_of_both_keep_their_own_numbers(room: Room) -> None:
    case = room.case
    rows, columns = case.radiograph.rows, case.radiograph.columns
    pixels = np.zeros((3, rows, columns), dtype=bool)
    pixels[0, 10:80, 8:38], pixels[1, 10:80, 42:74], pixels[2, 5:90, 5:80] = True, True, True
    kinds = (Structure.RIGHT_LUNG, Structure.LEFT_LUNG, Structure.BOTH_LUNGS)
    right, left, both = (Finding(kind, Mask.of(one), Making.IMPORTED) for kind, one in zip(kinds, pixels, strict=True))
    after = brought_in(replace(case, findings=(both,)), Reopened((right, left), NO_MARKS, ()))
    assert [finding.structure for finding in after.findings] == [Structure.OTHER, *kinds[:2]]
    assert after.findings[0].name == "Both lungs"
    (area,) = (one for one in measure(after) if (one.structure, one.id) == ("both_lungs", "area"))
    assert (area.value, area.unit) == (pixels[:2].sum(), "px")
