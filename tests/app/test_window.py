"""The window as the reader uses it: pointer, keys, panels, messages, and the real main()."""

import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import (
    SIGNAL,
    QAbstractItemModel,
    QEvent,
    QMimeData,
    QModelIndex,
    QPoint,
    QPointF,
    Qt,
    QTimer,
    QUrl,
)
from PySide6.QtGui import QDropEvent, QKeySequence, QWheelEvent
from PySide6.QtTest import QAbstractItemModelTester, QTest
from PySide6.QtWidgets import QApplication, QDialog, QLabel, QMenuBar, QMessageBox, QToolButton, QWidget

from app.__main__ import NO_DISPLAY, has_display, main
from app.bar import ActionButton, Bar
from app.dialogs import SettingsDialog
from app.display import Corners, Marks
from app.gestures import GESTURES
from app.measurements import MEASUREMENT_ROLE
from app.settings import Settings
from app.shortcut_dialogs import ShortcutEditor, ShortcutSheet
from app.shortcuts import COMMANDS, PROFILES, bindings, conflicts
from app.wording import SentenceFile, plain, translation_path
from engine.case import CaseState, HeartCallipers, Line, Structure
from engine.geometry import BoxPrompt
from tests.app.room import RIGHT_BOX, Room, film

MakeRoom = Callable[..., Room]
LEFT, RIGHT, MIDDLE = Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton, Qt.MouseButton.MiddleButton
PLAIN = Qt.KeyboardModifier.NoModifier


def place(room: Room, x: float, y: float) -> QPoint:
    """Return where an image point is on the canvas."""
    return QPointF(*room.session.lightbox.viewport.to_screen(x, y)).toPoint()


def drag(
    room: Room,
    button: Qt.MouseButton,
    *points: QPoint,
    modifiers: Qt.KeyboardModifier = PLAIN,
    over: QWidget | None = None,
) -> None:
    """Drag through points of the canvas, or of what else is pointed at."""
    over = over or room.canvas
    QTest.mousePress(over, button, modifiers, points[0])
    for point in points[1:]:
        QTest.mouseMove(over, point)
        event_move(over, point, button, modifiers)
    QTest.mouseRelease(over, button, modifiers, points[-1])


def event_move(over: QWidget, point: QPoint, button: Qt.MouseButton, modifiers: Qt.KeyboardModifier) -> None:
    """Send a move with a button down, which QTest.mouseMove cannot."""
    from PySide6.QtGui import QMouseEvent

    where = QPointF(point)
    there = QPointF(over.mapToGlobal(point))
    QApplication.sendEvent(
        over, QMouseEvent(QEvent.Type.MouseMove, where, there, Qt.MouseButton.NoButton, button, modifiers)
    )


def key(room: Room, name: str) -> None:
    """Press a command's first key on the canvas."""
    keys = room.window.actions_by_name[name].property("keys")
    combination = QKeySequence(keys[0])[0]  # type: ignore[index]
    room.canvas.setFocus()
    QTest.keyClick(room.canvas, combination.key(), combination.keyboardModifiers())


def test_dragging_a_box_outlines_what_is_in_it(room: Room) -> None:
    drag(room, LEFT, place(room, 8, 10), place(room, 20, 40), place(room, 38, 80))
    room.settle()
    prompts = room.case.findings[0].prompts
    assert prompts is not None
    assert prompts.box is not None
    assert prompts.box.corners == pytest.approx(RIGHT_BOX.corners, abs=1.0)


def test_dragging_an_edge_moves_it_and_undo_puts_it_back(room: Room) -> None:
    room.session.name_next(Structure.RIGHT_LUNG)
    room.box(RIGHT_BOX)
    drag(room, LEFT, place(room, 38, 45), place(room, 42, 45), place(room, 50, 45))
    room.settle()
    prompts = room.case.findings[0].prompts
    assert prompts is not None
    assert prompts.box is not None
    assert prompts.box.x1 == pytest.approx(50, abs=1)
    assert prompts.box.x0 == RIGHT_BOX.x0
    key(room, "undo")
    assert room.case.findings[0].prompts.box == RIGHT_BOX  # type: ignore[union-attr]


def test_arrows_move_the_box_and_a_run_of_them_is_one_step(room: Room) -> None:
    room.session.name_next(Structure.RIGHT_LUNG)
    room.box(RIGHT_BOX)
    assert room.session.reading is not None
    steps = len(room.session.reading.history.done)
    room.canvas.setFocus()
    for _ in range(3):
        QTest.keyClick(room.canvas, Qt.Key.Key_Right)
    QTest.keyClick(room.canvas, Qt.Key.Key_Down, Qt.KeyboardModifier.ShiftModifier)
    room.wait(lambda: room.session.draft_prompts is None)
    room.settle()
    box = room.case.findings[0].prompts.box  # type: ignore[union-attr]
    assert box == BoxPrompt(11, 10, 41, 81)
    assert len(room.session.reading.history.done) == steps + 1


def assert_windows(room: Room, button: Qt.MouseButton) -> None:
    """Drag to the right and down: a wider window, at a lower level, and the case is as it was."""
    before, case = room.session.lightbox.display.view, room.case
    drag(room, button, QPoint(200, 200), QPoint(220, 230), QPoint(260, 250))
    after = room.session.lightbox.display.view
    assert after.width > before.width  # type: ignore[attr-defined]
    assert after.center < before.center  # type: ignore[attr-defined]
    assert room.case is case


def test_right_drag_is_window_and_level_in_every_tool(room: Room) -> None:
    for tool in ("box", "point", "brush", "eraser", "polygon", "callipers", "distance", "windowing", "hand"):
        room.session.take(tool)
        assert_windows(room, RIGHT)


def test_the_window_tool_windows_by_left_drag_and_selects_by_a_click(room: Room) -> None:
    room.box(RIGHT_BOX)
    room.session.select(None)
    room.session.take("windowing")
    assert_windows(room, LEFT)
    view, case = room.session.lightbox.display.view, room.case
    pixels = case.findings[0].mask.pixels()
    y, x = (int(values[len(values) // 2]) for values in pixels.nonzero())
    QTest.mouseClick(room.canvas, LEFT, PLAIN, place(room, x, y))
    assert room.session.selected == case.findings[0].tracking_uid
    assert room.session.lightbox.display.view == view


def test_the_right_button_and_the_wheel_do_what_their_profile_says(make_room: MakeRoom, tmp_path: Path) -> None:
    paths = [film(tmp_path / f"{number}.dcm", number=number) for number in range(3)]
    room = make_room(tmp_path)
    lightbox, worklist = room.session.lightbox, room.session.worklist
    assert len(paths) == len(worklist.entries)
    for profile, zooms, films in (("chest", False, False), ("weasis", False, True), ("ohif", True, True)):
        room.window.bind(profile, ())
        lightbox.reset()
        zoom, view, held = lightbox.viewport.zoom, lightbox.display.view, lightbox.viewport.to_image(200, 200)
        drag(room, RIGHT, QPoint(200, 200), QPoint(203, 220), QPoint(203, 300))
        assert (lightbox.viewport.zoom > zoom, lightbox.display.view != view) == (zooms, not zooms)
        if zooms:
            assert lightbox.viewport.zoom / zoom == pytest.approx(1.7)  # a hundred pixels down
            assert lightbox.viewport.to_screen(*held) == pytest.approx((200, 200))
        for modifiers in (PLAIN, Qt.KeyboardModifier.ControlModifier):
            place, zoom = worklist.index, lightbox.viewport.zoom
            wheel(room.canvas, QPoint(150, 300), -1, modifiers)
            room.settle()
            if (modifiers == PLAIN) == films:
                assert worklist.index == place + 1
                worklist.show(place)
                room.settle()
            else:
                assert worklist.index == place
                assert lightbox.viewport.zoom < zoom


def test_parts_of_a_notch_add_up_to_a_film(make_room: MakeRoom, tmp_path: Path) -> None:
    for number in range(2):
        film(tmp_path / f"{number}.dcm", number=number)
    room = make_room(tmp_path)
    for part in range(4):
        assert room.session.worklist.index == 0, part
        wheel(room.canvas, QPoint(150, 300), -0.25, Qt.KeyboardModifier.ControlModifier)
        room.settle()
    assert room.session.worklist.index == 1


def test_down_brightens_on_an_inverted_film_too(make_room: MakeRoom, tmp_path: Path) -> None:
    room = make_room(film(tmp_path / "mono1.dcm", photometric="MONOCHROME1"))
    before = room.session.lightbox.table().astype(int).sum()
    drag(room, RIGHT, QPoint(200, 200), QPoint(200, 215), QPoint(200, 230))
    assert room.session.lightbox.table().astype(int).sum() > before


def test_middle_drag_and_space_drag_pan(room: Room) -> None:
    centre = room.session.lightbox.viewport.centre
    drag(room, MIDDLE, QPoint(200, 200), QPoint(210, 205), QPoint(230, 220))
    moved = room.session.lightbox.viewport.centre
    assert moved[0] < centre[0]
    room.canvas.setFocus()
    QTest.keyPress(room.canvas, Qt.Key.Key_Space)
    drag(room, LEFT, QPoint(200, 200), QPoint(190, 190), QPoint(180, 180))
    QTest.keyRelease(room.canvas, Qt.Key.Key_Space)
    assert room.session.lightbox.viewport.centre[0] > moved[0]
    assert room.case.findings == ()


def wheel(over: QWidget, at: QPoint, notches: float, modifiers: Qt.KeyboardModifier = PLAIN) -> None:
    event = QWheelEvent(
        QPointF(at), QPointF(over.mapToGlobal(at)), QPoint(), QPoint(0, round(120 * notches)),
        Qt.MouseButton.NoButton, modifiers, Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    QApplication.sendEvent(over, event)


def test_the_wheel_zooms_at_the_pointer_and_with_shift_sizes_the_brush(room: Room) -> None:
    at = QPoint(150, 300)
    held = room.session.lightbox.viewport.to_image(150, 300)
    wheel(room.canvas, at, 3)
    assert room.session.lightbox.viewport.to_screen(*held) == pytest.approx((150, 300))
    radius = room.session.brush_radius
    room.session.lightbox.fit()
    wheel(room.canvas, at, 1, Qt.KeyboardModifier.ShiftModifier)
    assert room.session.brush_radius > radius
    assert room.session.lightbox.is_fitted


def test_brush_polygon_distance_and_callipers_by_pointer(room: Room) -> None:
    room.session.take("brush")
    room.session.set_brush_radius(4)
    drag(room, LEFT, place(room, 20, 30), place(room, 20, 40), place(room, 20, 60))
    area = room.case.findings[0].mask.area_px
    assert area > 200
    room.session.take("polygon")
    for corner in ((10, 20), (30, 20), (30, 70), (10, 70)):
        QTest.mouseClick(room.canvas, LEFT, PLAIN, place(room, *corner))
    key(room, "accept")  # Enter closes the polygon first
    assert room.case.state is CaseState.BOXED
    assert room.case.findings[0].mask.area_px > area
    room.session.take("distance")
    drag(room, LEFT, place(room, 10, 10), place(room, 20, 20), place(room, 40, 50))
    assert len(room.case.distances) == 1
    drag(room, LEFT, place(room, 40, 50), place(room, 50, 60), place(room, 60, 70))
    assert len(room.case.distances) == 1
    assert room.case.distances[0].x1 == pytest.approx(60, abs=1)
    room.session.take("callipers")
    QTest.mouseClick(room.canvas, LEFT, PLAIN, place(room, 40, 40))
    assert room.case.callipers is not None
    left_x, y = room.case.callipers.left
    drag(room, LEFT, place(room, left_x, y), place(room, left_x + 3, y), place(room, left_x + 9, y))
    assert room.case.callipers.left[0] == pytest.approx(left_x + 9, abs=1)


def test_escape_gives_up_a_drag_and_never_touches_the_view(room: Room) -> None:
    viewport = room.session.lightbox.viewport
    QTest.mousePress(room.canvas, LEFT, PLAIN, place(room, 8, 10))
    event_move(room.canvas, place(room, 30, 60), LEFT, PLAIN)
    assert room.canvas.tool.sketch.box is not None
    key(room, "cancel")
    QTest.mouseRelease(room.canvas, LEFT, PLAIN, place(room, 30, 60))
    room.settle()
    assert room.case.findings == ()
    assert room.session.lightbox.viewport == viewport


def test_the_overlay_key_peeks_while_held_and_cycles_when_tapped(room: Room) -> None:
    room.canvas.setFocus()
    QTest.keyPress(room.canvas, Qt.Key.Key_O)
    held = room.session.lightbox.peeking
    room.qtbot.wait(300)
    QTest.keyRelease(room.canvas, Qt.Key.Key_O)
    assert (held, room.session.lightbox.peeking) == (True, False)
    seen = [room.session.lightbox.display.marks]
    QTest.keyClick(room.canvas, Qt.Key.Key_O)
    seen.append(room.session.lightbox.display.marks)
    assert seen == [Marks.FILL, Marks.CONTOUR]


_NEEDS_DIALOG = {
    "open", "open-folder", "open-case", "save", "save-as", "export", "compare", "calibrate", "window", "histogram",
    "settings", "shortcuts", "edit-shortcuts", "tour", "log", "about", "name-structure",
}  # fmt: skip


@pytest.mark.parametrize("profile", PROFILES)
def test_every_default_binding_reaches_its_command(room: Room, profile: str) -> None:
    room.session.name_next(Structure.RIGHT_LUNG)
    room.box(RIGHT_BOX)
    room.session.edit.set_distances((*room.case.distances, *()))
    room.window.bind(profile, ())
    room.window.command.disconnect()
    reached: list[str] = []
    room.window.command.connect(reached.append)
    for command in COMMANDS:
        if command.name in ("marks", "quit", "close", "full-screen"):
            continue  # held keys have a test of their own; the others end or cover the test
        action = room.window.actions_by_name[command.name]
        for keys in command.keys(profile):
            if keys not in bindings(profile, ())[command.name]:
                continue
            triggered: list[bool] = []
            action.setEnabled(True)
            action.triggered.connect(lambda *_, triggered=triggered: triggered.append(True))
            combination = QKeySequence(keys)[0]  # type: ignore[index]
            room.canvas.setFocus()
            selected = room.session.selected
            QTest.keyClick(room.canvas, combination.key(), combination.keyboardModifiers())
            if command.name not in ("next-structure", "previous-structure"):
                assert triggered, f"{profile}: {keys} does not reach {command.name}"
            if room.session.finding is None:
                room.session.select(selected)
            room.settle()
    expected = {c.name for c in COMMANDS if c.name in _NEEDS_DIALOG and c.keys(profile)}
    assert expected <= set(reached)


@pytest.mark.parametrize("profile", PROFILES)
def test_no_profile_gives_one_key_to_two_commands(profile: str) -> None:
    assert conflicts({command.name: command.keys(profile) for command in COMMANDS}) == {}


def test_a_reader_s_key_is_taken_from_whoever_had_it() -> None:
    bound = bindings("chest", (("box", "D"),))
    assert bound["box"] == ("D",)
    assert bound["distance"] == ()
    assert conflicts(bound) == {}


def test_the_editor_refuses_a_key_that_is_taken(room: Room) -> None:
    dialog = ShortcutEditor(Settings(), room.window)
    room.qtbot.addWidget(dialog)
    dialog._fields["box"].setKeySequence(QKeySequence("D"))
    assert dialog._problem.text()
    assert not dialog._buttons.buttons()[0].isEnabled() or not dialog._buttons.buttons()[1].isEnabled()
    dialog._fields["distance"].setKeySequence(QKeySequence())
    assert not dialog._problem.text()
    assert bindings("chest", dialog.answer.shortcuts)["box"] == ("D",)


def models(room: Room) -> list[QAbstractItemModel]:
    panel = room.window.findings_panel
    return [
        panel.findings_model,
        panel.table_model,
        room.window.worklist_panel.model,
        room.window.worklist_panel.filter,
    ]


def test_the_models_are_sound_while_everything_changes(make_room: MakeRoom, tmp_path: Path) -> None:
    folder = tmp_path / "films"
    folder.mkdir()
    for number in range(4):
        film(folder / f"{number}.dcm", number=number)
    room = make_room()
    mode = QAbstractItemModelTester.FailureReportingMode.Fatal
    testers = [QAbstractItemModelTester(model, mode, room.window) for model in models(room)]
    room.window.open_paths([folder])
    room.wait(lambda: room.session.reading is not None)
    room.settle()
    room.session.both_lungs()
    room.settle()
    room.session.edit.place_callipers()
    room.settle()
    room.window.worklist_panel.search.setText("PA")
    room.window.worklist_panel.search.setText("no such film")
    assert room.window.worklist_panel.filter.rowCount() == 0
    room.window.worklist_panel.search.clear()
    room.session.worklist.step(1)
    room.settle()
    for _ in range(5):
        room.session.undo()
    assert all(tester is not None for tester in testers)


def widgets(root: QWidget) -> list[QWidget]:
    return [root, *root.findChildren(QWidget)]


def test_no_text_from_a_file_can_be_taken_for_markup(make_room: MakeRoom, tmp_path: Path) -> None:
    hostile = '<img src="file:///etc/passwd"><b>X</b>\u202eabc\x1b[31m'
    room = make_room(film(tmp_path / "a.dcm", PatientName=hostile, StudyDescription=hostile))
    room.session.both_lungs()
    room.settle()
    dialogs: list[QDialog] = [SettingsDialog(Settings(), room.window), ShortcutEditor(Settings(), room.window)]
    dialogs.append(ShortcutSheet(bindings("chest", ()), GESTURES["chest"], room.window))
    room.assembly.parts.faults.shown.emit(hostile, hostile)
    labels = [widget for widget in widgets(room.window) if isinstance(widget, QLabel)]
    for dialog in dialogs:
        labels += [widget for widget in widgets(dialog) if isinstance(widget, QLabel)]
    assert len(labels) > 30
    rich = [label.text() for label in labels if label.textFormat() is not Qt.TextFormat.PlainText and label.text()]
    assert rich == []
    for model in models(room):
        for row in range(model.rowCount()):
            tip = model.index(row, 0).data(Qt.ItemDataRole.ToolTipRole) or ""
            assert "<" not in str(tip) or str(tip).startswith("<p>&lt;")


def test_control_and_direction_characters_are_not_shown() -> None:
    assert plain("a\x1b[31m\u202eb\x00\n") == "a[31mb"
    assert len(plain("x" * 60_000)) <= 80


def test_questions_are_asked_in_plain_text(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    from app.dialogs import ask

    formats: list[Qt.TextFormat] = []
    monkeypatch.setattr(QMessageBox, "exec", lambda self: formats.append(self.textFormat()))
    assert ask(room.window, "<b>t</b>", "<b>x</b>", ("Yes", "No")) == 1
    assert formats == [Qt.TextFormat.PlainText]


def test_hiding_names_takes_them_off_every_widget(room: Room) -> None:
    from app.corners import corner_texts

    def on_screen() -> str:
        corners = " ".join(line for corner in corner_texts(room.session, None) for line in corner.lines)
        model = room.window.worklist_panel.model
        rows = " ".join(
            str(model.index(0).data(role)) for role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole)
        )
        return corners + rows + room.window.windowTitle()

    assert "SENTINEL" in on_screen()
    assert "SENTINEL" not in room.window.windowTitle()
    key(room, "hide-identity")
    assert "SENTINEL" not in on_screen()
    assert "film.dcm" not in on_screen()
    recent = room.window._recent_menu
    assert not recent.isEnabled()
    key(room, "hide-identity")
    assert recent.isEnabled()


def test_nothing_of_the_patient_goes_to_log_or_settings(room: Room, home: Path, tmp_path: Path) -> None:
    room.session.both_lungs()
    room.settle()
    bad = tmp_path / "SENTINEL^NAME.dcm"
    bad.write_bytes(b"x")
    room.window.open_paths([bad])
    room.wait(lambda: bool(room.window.toast.text))
    room.settle()
    files = [path for path in home.rglob("*") if path.is_file()]
    assert files
    assert [path.name for path in files if b"SENTINEL" in path.read_bytes()] == []


def test_corner_text_has_three_states(room: Room) -> None:
    seen = []
    for _ in range(3):
        seen.append(room.session.lightbox.display.corners)
        key(room, "corners")
    assert set(seen) == set(Corners)
    assert room.session.lightbox.display.corners is seen[0]


def test_files_are_opened_when_dropped(room: Room, tmp_path: Path) -> None:
    dropped = film(tmp_path / "dropped.dcm", number=4)
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(dropped))])
    event = QDropEvent(QPointF(50, 50), Qt.DropAction.CopyAction, data, LEFT, PLAIN)
    room.window.dropEvent(event)
    room.wait(lambda: room.session.reading is not None and room.session.reading.film.path == dropped)
    assert len(room.session.worklist.entries) == 2


def test_a_chosen_number_is_drawn_on_the_film(room: Room) -> None:
    room.session.edit.fill_polygon(((8, 10), (38, 10), (38, 80), (8, 80)), erase=False)
    room.settle()
    table = room.window.findings_panel.table
    names = [table.model().index(row, 0).data() for row in range(table.model().rowCount())]
    table.selectRow(names.index("Maximum width"))
    (evidence,) = room.canvas.scene.evidence
    assert evidence.id == "width"
    assert evidence.evidence.lines
    assert "width" in room.window.findings_panel._how.text().lower() or room.window.findings_panel._how.text()


def two_lungs(room: Room) -> None:
    """Draw a lung on either side, callipers and a distance."""
    for left, right in ((8, 34), (46, 72)):
        room.session.select(None)
        base = ((right, 66), ((left + right) / 2, 58), (left, 80))
        room.session.edit.fill_polygon(((left, 10), (right, 10), *base), erase=False)
    room.session.edit.set_callipers(HeartCallipers(Line(40, 10, 40, 80), (32, 60), (52, 64)))
    room.session.edit.set_distances((Line(10, 20, 60, 30),))
    room.settle()


def test_every_number_of_the_panel_is_drawn_where_it_was_taken(room: Room) -> None:
    two_lungs(room)
    room.window.show()
    table, model = room.window.findings_panel.table, room.window.findings_panel.table_model
    bare = room.canvas.grab().toImage()
    drawn = {}
    for row in range(model.rowCount()):
        for column in (1, 2, 3):
            (chosen, *more) = model.index(row, column).data(MEASUREMENT_ROLE)
            if not model.index(row, column).data() or chosen.value is None:
                continue
            assert more == []
            table.setCurrentIndex(model.index(row, column))
            assert room.canvas.scene.evidence == (chosen,)
            picture = room.canvas.grab().toImage()
            assert picture != bare, chosen.id
            drawn[chosen.structure, chosen.id] = picture
    assert {"area", "share-lower", "perimeter", "asymmetry", "width", "ctr", "distance-1"} <= {key for _, key in drawn}
    for key in ("area", "height-dome", "width", "share-upper"):
        assert drawn["right_lung", key] != drawn["left_lung", key], key
    table.setCurrentIndex(QModelIndex())
    assert room.canvas.scene.evidence == ()


def test_a_row_chosen_by_its_name_is_drawn_on_both_sides(room: Room) -> None:
    two_lungs(room)
    table, model = room.window.findings_panel.table, room.window.findings_panel.table_model
    names = [model.index(row, 0).data() for row in range(model.rowCount())]
    table.setCurrentIndex(model.index(names.index("Maximum width"), 0))
    assert [one.structure for one in room.canvas.scene.evidence] == ["right_lung", "left_lung"]


def test_what_is_drawn_follows_an_edit(room: Room) -> None:
    two_lungs(room)
    table, model = room.window.findings_panel.table, room.window.findings_panel.table_model
    names = [model.index(row, 0).data() for row in range(model.rowCount())]
    table.setCurrentIndex(model.index(names.index("Maximum width"), 1))
    (before,) = room.canvas.scene.evidence
    right = room.case.of(Structure.RIGHT_LUNG)
    assert right is not None
    room.session.select(right.tracking_uid)
    room.session.edit.grow()
    room.settle()
    (after,) = room.canvas.scene.evidence
    assert after.id == before.id
    assert after.evidence.lines != before.evidence.lines  # never the line of an older outline


def test_every_control_has_a_name_for_screen_readers(room: Room) -> None:
    from PySide6.QtWidgets import QAbstractButton

    nameless = [
        button.objectName() or type(button).__name__
        for button in room.window.findChildren(QAbstractButton)
        if button.isVisible() and not (button.accessibleName() or button.text() or button.toolTip())
    ]
    assert nameless == []


def test_pyside_keeps_its_references_to_none(room: Room) -> None:
    canvas = room.canvas
    canvas.update()
    before = sys.getrefcount(None)
    for _ in range(1000):
        canvas.update()
        canvas.setToolTip("")
    assert abs(sys.getrefcount(None) - before) < 50


def test_broken_settings_are_put_aside_and_said_once(make_room: MakeRoom, home: Path, checkpoint: Path) -> None:
    settings = home / "config" / "settings.json"
    settings.parent.mkdir(parents=True)
    settings.write_bytes(b'{"text_scale": ')
    room = make_room()
    assert "settings" in room.window.toast.text
    assert settings.with_suffix(".json.bad").exists()


def test_without_a_model_the_reader_still_draws_by_hand(make_room: MakeRoom, tmp_path: Path) -> None:
    room = make_room(film(tmp_path / "a.dcm"), checkpoint=str(tmp_path / "missing.safetensors"))
    assert room.session.encoder.status.state.value == "failed"
    assert room.window.toast.text
    room.session.draw_box(RIGHT_BOX)
    room.settle()
    assert room.case.findings == ()
    room.session.edit.fill_polygon(((8, 10), (38, 10), (38, 80)), erase=False)
    assert len(room.case.findings) == 1


def test_the_real_main_opens_boxes_corrects_accepts_saves_and_goes(
    home: Path, checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    films = [film(tmp_path / f"{number}.dcm", number=number) for number in range(2)]
    seen: dict[str, object] = {}
    original = sys.modules["app.__main__"].start

    def start(*arguments: object) -> object:
        assembly = original(*arguments)
        seen["assembly"] = assembly
        return assembly

    monkeypatch.setattr("app.__main__.start", start)

    def steps() -> Iterator[Callable[[], bool]]:
        assembly = seen["assembly"]
        session, window = assembly.session, assembly.window  # type: ignore[attr-defined]
        session.settings = replace(session.settings, export_folder=str(tmp_path / "out"))
        yield lambda: session.reading is not None and not session.jobs.busy
        session.draw_box(RIGHT_BOX)
        yield lambda: not session.pending and not session.jobs.busy
        session.edit.grow()
        yield lambda: not session.jobs.busy
        session.files.save(tmp_path / "case.lungbox")
        yield lambda: not session.dirty and not session.jobs.busy
        session.accept()
        yield lambda: session.worklist.index == 1 and not session.jobs.busy
        seen["state"] = session.worklist.entries[0].state
        assembly.window.close_guard = lambda: True  # type: ignore[attr-defined]
        # The last window closed ends the program. A second quit would lie in wait for the next test's event loop.
        window.close()
        yield lambda: True

    script = steps()
    waiting: list[Callable[[], bool]] = []

    def drive() -> None:
        if not waiting or waiting[-1]():
            waiting.append(next(script, lambda: False))

    timer = QTimer()
    timer.timeout.connect(drive)
    timer.start(20)
    code = main([*(str(path) for path in films), "--checkpoint", str(checkpoint), "--device", "cpu"])
    timer.stop()
    assert code == 0
    assert seen["state"] is CaseState.ACCEPTED
    assert (tmp_path / "case.lungbox").exists()
    assert list((tmp_path / "out").glob("*/results.json"))
    window = seen["assembly"].window  # type: ignore[attr-defined]
    window.deleteLater()


def test_with_no_display_one_line_is_said_and_a_code_returned(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("app.__main__.has_display", lambda: False)
    assert main([]) == NO_DISPLAY
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
    assert has_display()


def test_a_number_below_nothing_has_a_minus_sign_and_no_hyphen(make_room: MakeRoom, tmp_path: Path) -> None:
    room = make_room(film(tmp_path / "film.dcm", ImagerPixelSpacing=["4", "4"]))
    for structure, (x0, y0, x1, y1) in (
        (Structure.RIGHT_LUNG, (10, 20, 20, 40)),
        (Structure.LEFT_LUNG, (45, 20, 70, 80)),
    ):
        room.session.name_next(structure)
        room.session.edit.fill_polygon(((x0, y0), (x1, y0), (x1, y1), (x0, y1)), erase=False)
        room.settle()
    model = room.window.findings_panel.table_model
    shown = {str(model.index(row, 0).data()): str(model.index(row, 3).data()) for row in range(model.rowCount())}
    assert shown["Asymmetry"].startswith("\N{MINUS SIGN}0.")


@pytest.mark.parametrize("language", ["en", "de"])
def test_no_menu_is_cut_in_the_narrowest_window(make_room: MakeRoom, qapp: QApplication, language: str) -> None:
    sentences = SentenceFile(translation_path(language), qapp)
    qapp.installTranslator(sentences)
    try:
        window = make_room().window
    finally:
        qapp.removeTranslator(sentences)
    bar, menus = window.findChildren(Bar)[0], window.findChildren(QMenuBar)[0]
    presets = next(button for button in bar.findChildren(QToolButton) if button.menu() and button.parent() is bar)
    shown = []
    for width in (1440, window.minimumWidth(), 1440):
        window.resize(width, 700)
        window.show()
        QTest.qWait(50)
        assert menus.width() >= menus.sizeHint().width(), width
        assert not any(button.isVisible() for button in menus.findChildren(QToolButton))  # of menus that found no room
        shown.append(presets.toolButtonStyle() is Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
    assert shown == [True, False, True]


def test_a_button_does_and_shows_what_its_action_does(make_room: MakeRoom, tmp_path: Path) -> None:
    room = make_room()
    room.open(film(tmp_path / "film.dcm"))
    window = room.window
    buttons = {button.accessibleName(): button for button in window.findChildren(ActionButton)}
    for name in ("brush", "polygon"):
        action = window.actions_by_name[name]
        QTest.mouseClick(buttons[action.text()], LEFT)
        assert buttons[action.text()].isChecked()
        assert action.isChecked()
        assert buttons[action.text()].toolTip() == action.toolTip()
    assert not buttons[window.actions_by_name["brush"].text()].isChecked()
    assert not buttons[window.actions_by_name["undo"].text()].isEnabled()
    QTest.mouseClick(buttons[window.actions_by_name["invert"].text()], LEFT)
    assert room.session.lightbox.display.inverted


def test_an_action_that_changes_often_costs_no_more_each_time(make_room: MakeRoom) -> None:
    actions = make_room().window.actions_by_name.values()
    changed = SIGNAL("changed()")
    before = [action.receivers(changed) for action in actions]
    for _ in range(10):
        for action in actions:
            action.setEnabled(not action.isEnabled())
    assert [action.receivers(changed) for action in actions] == before
