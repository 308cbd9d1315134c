"""Where the keyboard goes: what a key does with the focus in the list, in the search field, in a table, on the film."""

from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import QEvent, QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QKeyEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget

from app.display import Marks
from app.gestures import GESTURES
from app.shortcut_dialogs import ShortcutSheet
from app.shortcuts import bindings
from engine.case import CaseState
from tests.app.room import LEFT_BOX, RIGHT_BOX, Room, film
from tests.app.test_window import drag, place

MakeRoom = Callable[..., Room]
RETURN = Qt.Key.Key_Return


@pytest.fixture
def three(make_room: MakeRoom, tmp_path: Path) -> Room:
    """Return a room with the first of three films open and outlined."""
    room = make_room(*(film(tmp_path / f"f{n}.dcm", number=n) for n in range(3)))
    room.box(RIGHT_BOX)
    return room


def shown(room: Room) -> str:
    assert room.session.reading is not None
    return room.session.reading.film.path.name


def test_return_in_the_search_field_opens_what_was_found(three: Room) -> None:
    search = three.window.worklist_panel.search
    search.setFocus()
    QTest.keyClicks(search, "f2")
    QTest.keyClick(search, RETURN)
    three.wait(lambda: shown(three) == "f2.dcm")
    three.settle()
    assert three.session.worklist.entries[0].state is CaseState.BOXED


def test_return_in_the_list_opens_another_film_and_accepts_the_open_one(three: Room) -> None:
    films = three.window.worklist_panel.list
    films.setFocus()
    films.setCurrentIndex(films.model().index(1, 0))
    QTest.keyClick(films, RETURN)
    three.wait(lambda: shown(three) == "f1.dcm")
    three.settle()
    assert three.session.worklist.entries[0].state is CaseState.BOXED
    three.box(RIGHT_BOX)
    QTest.keyClick(films, RETURN)
    three.settle()
    assert three.session.worklist.entries[1].state is CaseState.ACCEPTED


def test_return_ends_the_first_polygon_of_a_film(room: Room) -> None:
    room.session.take("polygon")
    for x, y in ((10, 10), (40, 10), (40, 60), (10, 60)):
        QTest.mouseClick(room.canvas, Qt.MouseButton.LeftButton, pos=place(room, x, y))
        QTest.mouseMove(room.canvas, place(room, x + 5, y + 5))
    QTest.keyClick(room.canvas, RETURN)
    room.settle()
    assert len(room.case.findings) == 1
    assert room.case.state is not CaseState.ACCEPTED


def send(widget: QWidget, kind: QEvent.Type, key: Qt.Key, modifiers: Qt.KeyboardModifier) -> None:
    """Send a key as the platform does."""
    QApplication.sendEvent(widget, QKeyEvent(kind, key, modifiers))


def test_shift_and_tab_go_back(room: Room) -> None:
    room.box(RIGHT_BOX)
    room.box(LEFT_BOX)
    first = room.case.findings[0].tracking_uid
    room.session.select(room.case.findings[1].tracking_uid)
    room.canvas.setFocus()
    # What X, Windows and macOS make of Shift and Tab.
    send(room.canvas, QEvent.Type.KeyPress, Qt.Key.Key_Backtab, Qt.KeyboardModifier.ShiftModifier)
    assert room.session.selected == first
    assert room.canvas.hasFocus()


def test_f6_leads_through_the_window_and_back_to_the_film(room: Room) -> None:
    room.box(RIGHT_BOX)
    room.canvas.setFocus()
    seen = []
    for _ in range(4):
        at = QApplication.focusWidget()
        assert at is not None
        QTest.keyClick(at, Qt.Key.Key_F6)
        seen.append(QApplication.focusWidget())
    panel = room.window.findings_panel
    assert seen == [room.window.worklist_panel.list, panel.findings, panel.table, room.canvas]


@pytest.mark.parametrize("where", ["list", "table", "findings"])
def test_the_overlay_key_works_wherever_the_focus_is(room: Room, where: str) -> None:
    room.box(RIGHT_BOX)
    panel = room.window.findings_panel
    widget = {"list": room.window.worklist_panel.list, "table": panel.table, "findings": panel.findings}[where]
    widget.setFocus()
    seen = []
    for send_key in (QTest.keyPress, QTest.keyRelease):
        send_key(widget, Qt.Key.Key_O)
        seen.append(room.session.lightbox.peeking)
    assert seen == [True, False]
    assert room.session.lightbox.display.marks is Marks.CONTOUR


def test_the_overlay_comes_back_whatever_else_is_held(room: Room) -> None:
    room.canvas.setFocus()
    QTest.keyPress(room.canvas, Qt.Key.Key_O)
    QTest.keyPress(room.canvas, Qt.Key.Key_Control)
    assert room.session.lightbox.peeking
    QTest.keyRelease(room.canvas, Qt.Key.Key_O, Qt.KeyboardModifier.ControlModifier)
    assert not room.session.lightbox.peeking


def test_the_sheet_promises_no_arrows_that_change_the_film(room: Room) -> None:
    for profile, plain_arrows in (("chest", True), ("ohif", False)):
        sheet = ShortcutSheet(bindings(profile, ()), GESTURES[profile], room.window)
        words = [label.text() for label in sheet.findChildren(type(room.window.findings_panel._how))]
        assert ("arrows; Ctrl: 10 px" in words) is plain_arrows
    room.window.bind("ohif", ())
    room.box(RIGHT_BOX)
    before = room.case.findings[0].prompts
    room.canvas.setFocus()
    QTest.keyClick(room.canvas, Qt.Key.Key_Right)
    QTest.keyClick(room.canvas, Qt.Key.Key_Down, Qt.KeyboardModifier.ControlModifier)
    room.wait(lambda: room.session.draft_prompts is None)
    room.settle()
    after = room.case.findings[0].prompts
    assert before is not None
    assert after is not None
    assert before.box is not None
    assert after.box is not None
    assert (after.box.x0 - before.box.x0, after.box.y0 - before.box.y0) == (1, 10)


@pytest.mark.parametrize("where", ["worklist_panel", "findings_panel", "status"])
def test_films_can_be_dropped_anywhere(room: Room, tmp_path: Path, where: str) -> None:
    dropped = film(tmp_path / "dropped.dcm", number=4)
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(dropped))])
    widget: QWidget | None = getattr(room.window, where)
    while widget is not None and not widget.acceptDrops():  # as Qt looks for whom to ask
        widget = widget.parentWidget()
    assert widget is room.window
    copy, left, plain = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    entering = QDragEnterEvent(QPoint(5, 5), copy, data, left, plain)
    entering.setAccepted(False)
    room.window.dragEnterEvent(entering)
    assert entering.isAccepted()
    room.window.dropEvent(QDropEvent(QPointF(5, 5), copy, data, left, plain))
    room.wait(lambda: shown(room) == "dropped.dcm")
    assert not room.window.worklist_panel.search.acceptDrops()


def test_a_drag_in_the_list_s_film_still_reaches_the_canvas(three: Room) -> None:
    three.window.worklist_panel.list.setFocus()
    drag(three, Qt.MouseButton.LeftButton, place(three, 42, 10), place(three, 60, 40), place(three, 74, 80))
    three.settle()
    assert len(three.case.findings) == 2
    assert three.canvas.hasFocus()
