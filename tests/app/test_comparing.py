"""A prior beside the film: its outlines, the table of changes, and the results that carry it."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel

from app.gestures import GESTURES
from app.wording import sided_name
from engine.case import Case
from engine.errors import LungboxError, MeasurementError
from engine.measure import Obstacle, measure
from engine.results.bundle import export
from tests.app.room import LEFT_BOX, RIGHT_BOX, Room, film
from tests.app.test_window import drag, wheel

MakeRoom = Callable[..., Room]
SPACED = {"ImagerPixelSpacing": ["4", "4"]}


def prior_of(folder: Path, **elements: object) -> Path:
    folder.mkdir(exist_ok=True)
    options = {"number": 3, "SOPInstanceUID": "1.2.3.4", "StudyDate": "20240229", **SPACED, **elements}
    return film(folder / "prior.dcm", **options)


def compare(room: Room, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Open a prior through the menu."""
    monkeypatch.setattr("app.assembly.ask_films", lambda parent: [path])
    room.window.actions_by_name["compare"].trigger()
    room.settle()


def cells(room: Room) -> dict[str, tuple[str, ...]]:
    model = room.window.findings_panel.changes.model
    rows = range(model.rowCount())
    return {
        str(model.index(row, 0).data()): tuple(str(model.index(row, c).data()) for c in range(1, 5)) for row in rows
    }


def notes(room: Room) -> str:
    return "\n".join(label.text() for label in room.window.findings_panel.changes.findChildren(QLabel))


@pytest.fixture
def measured(make_room: MakeRoom, tmp_path: Path) -> Room:
    room = make_room(film(tmp_path / "now.dcm", **SPACED))
    room.box(RIGHT_BOX)
    room.box(LEFT_BOX)
    return room


def test_a_prior_is_outlined_when_asked_and_the_changes_are_shown(
    measured: Room, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    room, panel = measured, measured.window.findings_panel
    assert not room.window.actions_by_name["outline-prior"].isEnabled()
    compare(room, prior_of(tmp_path / "old"), monkeypatch)
    assert room.window.prior.isVisibleTo(room.window)
    assert panel.tabs.currentIndex() == 1
    assert cells(room) == {}
    assert panel.changes.outline.isVisibleTo(panel)
    room.window.actions_by_name["outline-prior"].trigger()
    room.settle()
    assert not panel.changes.outline.isVisibleTo(panel)
    comparing = room.window.comparing
    assert comparing.prior is not None
    assert comparing.source == "model"
    assert comparing.case is not None
    shown = cells(room)
    assert shown
    now = room.session.measurements
    assert now is not None
    for change in comparing.changes:
        assert change.current is now.of(change.current.structure, change.current.id)
        assert change.prior is comparing.prior.measurements.of(change.current.structure, change.current.id)
    area = next(change for change in comparing.changes if change.current.id == "area")
    then_text, now_text, change_text, unit = shown[sided_name(area.current, room.case)]
    assert (then_text, now_text, unit) == (f"{area.prior.value:.1f}", f"{area.current.value:.1f}", "cm²")
    assert area.difference is not None
    assert float(change_text.replace("\N{MINUS SIGN}", "-")) == round(area.difference, 1)
    assert "Outlined by the model" in notes(room)


def test_a_chosen_change_is_drawn_on_both_films(
    measured: Room, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    room, panel = measured, measured.window.findings_panel
    room.window.show()
    compare(room, prior_of(tmp_path / "old"), monkeypatch)
    room.window.comparing.outline()
    room.settle()
    before = room.canvas.grab().toImage(), room.window.prior.grab().toImage()
    row = next(r for r, change in enumerate(panel.changes.model.rows) if change.current.evidence.lines)
    panel.changes.table.selectRow(row)
    assert room.window.comparing.evidence is panel.changes.model.rows[row].prior
    assert room.canvas.grab().toImage() != before[0]
    assert room.window.prior.grab().toImage() != before[1]
    panel.tabs.setCurrentIndex(0)
    assert room.window.comparing.evidence is None


@pytest.mark.parametrize("where", ["session", "case", "results"])
def test_outlines_that_a_prior_has_are_used(
    where: str, measured: Room, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    room, path = measured, prior_of(tmp_path / "old")
    now = room.session.worklist.entries[0].path
    room.open(path)
    room.box(RIGHT_BOX)
    old = room.case
    if where == "case":
        room.session.files.save(path.with_suffix(".lungbox"))
        room.settle()
    if where == "results":
        export(old, measure(old), path.parent, ("png",))
    if where != "session":
        while not room.case.marked_as(Case(room.case.radiograph)):
            room.session.undo()
    room.window.open_paths([now])
    room.wait(lambda: room.session.reading is not None and room.session.reading.film.path == now)
    room.settle()
    compare(room, path, monkeypatch)
    comparing = room.window.comparing
    assert comparing.source == where
    assert comparing.case is not None
    assert [f.mask for f in comparing.case.findings] == [f.mask for f in old.findings]
    assert cells(room)


def test_where_calibrations_differ_only_ratios_are_shown_and_the_reason_is_said(
    measured: Room, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = measured
    compare(room, prior_of(tmp_path / "old", PixelSpacing=["3", "3"]), monkeypatch)
    room.window.comparing.outline()
    room.settle()
    changes = room.window.comparing.changes
    assert Obstacle.OTHER_CALIBRATION in {change.obstacle for change in changes}
    assert {unit for *_, unit in cells(room).values()} <= {"", "°"}
    assert "calibrated in different ways" in notes(room)


def test_doubts_about_whose_and_which_the_prior_is_are_said(
    measured: Room, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = measured
    later = prior_of(tmp_path / "old", PatientID="SOMEBODY-ELSE", StudyDate="20991231", ViewPosition="AP")
    compare(room, later, monkeypatch)
    said = notes(room)
    assert "Another patient ID" in said
    assert "the prior is the later film" in said
    assert "different views" in said
    assert "2099" not in said  # its date comes with its numbers, and goes with the names
    room.window.comparing.outline()
    room.settle()
    assert "2099-12-31" in notes(room)
    room.window.lightbox.hide_identity(hidden=True)
    assert "2099" not in notes(room)


def test_a_film_is_no_prior_of_itself_and_none_outlives_its_film(
    measured: Room, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = measured
    errors: list[LungboxError] = []
    room.session.failed.connect(errors.append)
    compare(room, room.session.worklist.entries[0].path, monkeypatch)
    assert [type(error) for error in errors] == [MeasurementError]
    assert room.window.prior.isHidden()
    compare(room, prior_of(tmp_path / "old"), monkeypatch)
    assert room.window.comparing.film is not None
    room.open(film(tmp_path / "next.dcm", number=5))  # perhaps of somebody else
    assert room.window.prior.path is None
    assert room.window.findings_panel.tabs.isHidden()


def test_results_carry_the_changes_on_show(measured: Room, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    room = measured
    compare(room, prior_of(tmp_path / "old"), monkeypatch)
    room.window.comparing.outline()
    room.settle()
    shown = [change.difference for change in room.window.comparing.changes]
    room.assembly.exports.to(room.case, tmp_path / "out")
    room.settle()
    (folder,) = [path.parent for path in (tmp_path / "out").glob("*/results.json")]
    values = json.loads((folder / "results.json").read_text())["prior"]
    assert [change["difference"] for change in values["changes"]] == shown
    assert values["film"]["sop_instance_uid"] == "1.2.3.4"
    assert (folder / "changes.csv").is_file()


def test_the_comparison_is_worked_by_keys_alone(
    measured: Room, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = measured
    room.window.show()
    monkeypatch.setattr("app.assembly.ask_films", lambda parent: [prior_of(tmp_path / "old")])
    QTest.keyClick(room.window, Qt.Key.Key_D, Qt.KeyboardModifier.ControlModifier)
    room.settle()
    keys = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier
    QTest.keyClick(room.window, Qt.Key.Key_D, keys)
    room.settle()
    panel = room.window.findings_panel
    assert cells(room)
    panel.tabs.setFocus()
    QTest.keyClick(panel.tabs, Qt.Key.Key_Left)
    assert panel.tabs.currentIndex() == 0
    QTest.keyClick(room.window, Qt.Key.Key_D, Qt.KeyboardModifier.ControlModifier)
    assert room.window.comparing.film is None


@pytest.mark.parametrize("profile", GESTURES)
def test_wheel_and_right_button_mean_the_same_over_the_prior(
    make_room: MakeRoom, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, profile: str
) -> None:
    folder = tmp_path / "now"
    folder.mkdir()
    for number in range(2):
        film(folder / f"{number}.dcm", number=number, **SPACED)
    room = make_room(folder)
    compare(room, prior_of(tmp_path / "before"), monkeypatch)
    room.window.bind(profile, ())
    main, prior = room.session.lightbox, room.window.prior
    at = QPoint(60, 80)
    zoom, view = main.viewport.zoom, prior.lightbox.display.view
    drag(room, Qt.MouseButton.RightButton, at, QPoint(62, 90), QPoint(64, 120), over=prior)
    zooms = GESTURES[profile].right == "zoom"
    assert (main.viewport.zoom > zoom, prior.lightbox.display.view != view) == (zooms, not zooms)
    zoom = main.viewport.zoom
    wheel(prior, at, -1)
    room.settle()
    if GESTURES[profile].wheel == "films":
        assert room.session.worklist.index == 1
    else:
        assert main.viewport.zoom < zoom
