"""No slot raises into nowhere: wherever our code is called from, what it raises is shown in the one place, as text."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import QCoreApplication, QEvent, Qt, QTimer
from PySide6.QtGui import QCloseEvent, QKeyEvent, QMouseEvent
from PySide6.QtWidgets import QLabel, QPushButton, QWidget

from app.jobs import Lane
from tests.app.room import RIGHT_BOX, Room, film
from tests.phantom import SENTINEL

MakeRoom = Callable[..., Room]
Patch = pytest.MonkeyPatch
_MESSAGE = f"<b>{SENTINEL}</b> is not a number"


def breaks(*_: object, **__: object) -> None:
    raise ValueError(_MESSAGE)


def _menu_command(room: Room, patch: Patch) -> None:
    patch.setattr(room.assembly, "_about", breaks)
    room.window.actions_by_name["about"].trigger()


def _unknown_command(room: Room, patch: Patch) -> None:
    room.window.command.emit("no such command")


def _session_command(room: Room, patch: Patch) -> None:
    patch.setattr(room.session, "both_lungs", breaks)
    room.window.actions_by_name["both-lungs"].trigger()


def _post(widget: QWidget, event: QEvent) -> None:
    # Not QTest: what an override raises comes back to a caller in Python, and the window system is none.
    QCoreApplication.postEvent(widget, event)


def _mouse(room: Room, kind: QEvent.Type, button: Qt.MouseButton) -> None:
    place = room.canvas.rect().center().toPointF()
    _post(room.canvas, QMouseEvent(kind, place, place, button, button, Qt.KeyboardModifier.NoModifier))


def _key_on_the_film(room: Room, patch: Patch) -> None:
    patch.setattr(room.canvas, "_arrow", breaks)
    _post(room.canvas, QKeyEvent(QEvent.Type.KeyPress, Qt.Key.Key_Down, Qt.KeyboardModifier.NoModifier))


def _press(room: Room, patch: Patch) -> None:
    patch.setattr(room.canvas.tool, "press", breaks)
    _mouse(room, QEvent.Type.MouseButtonPress, Qt.MouseButton.LeftButton)


def _hover(room: Room, patch: Patch) -> None:
    patch.setattr(room.canvas.tool, "hover", breaks)
    _mouse(room, QEvent.Type.MouseMove, Qt.MouseButton.NoButton)


def _paint(room: Room, patch: Patch) -> None:
    patch.setattr(room.canvas.scene, "paint", breaks)
    room.canvas.update()


def _inking(room: Room, patch: Patch) -> None:
    patch.setattr("app.painting.outline", breaks)
    room.session.lightbox.pan(0.3, 0.0)


def _who_listens(room: Room, patch: Patch) -> None:
    room.session.case_changed.connect(breaks)
    room.session.edit.fill_polygon(((2, 2), (12, 2), (12, 12)), erase=False)
    room.session.case_changed.disconnect(breaks)


def _timer(room: Room, patch: Patch) -> None:
    QTimer.singleShot(10, breaks)


def _button(room: Room, patch: Patch) -> None:
    button = QPushButton(room.window)
    button.clicked.connect(breaks)
    button.click()


def _work_elsewhere(room: Room, patch: Patch) -> None:
    room.session.jobs.run(Lane.FILM, breaks, lambda _: None)


def _its_delivery(room: Room, patch: Patch) -> None:
    room.session.jobs.run(Lane.FILM, lambda: 1, breaks)


def _thread(room: Room, patch: Patch) -> None:
    thread = threading.Thread(target=breaks)
    thread.start()
    thread.join()


def _closing(room: Room, patch: Patch) -> None:
    patch.setattr(room.window, "close_guard", breaks)
    _post(room.window, QCloseEvent())


PLACES: tuple[Callable[[Room, Patch], None], ...] = (
    _menu_command, _unknown_command, _session_command, _key_on_the_film, _press, _hover, _paint, _inking,
    _who_listens, _timer, _button, _work_elsewhere, _its_delivery, _thread, _closing,
)  # fmt: skip


def _run(milliseconds: int) -> None:
    """Run the program's own event loop: within another one, what an override raises is held back."""
    QTimer.singleShot(milliseconds, lambda: QCoreApplication.exit(0))
    QCoreApplication.exec()


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.__name__.strip("_"))
def test_what_a_slot_raises_is_shown_in_plain_text_and_the_window_goes_on(
    room: Room, place: Callable[[Room, Patch], None]
) -> None:
    room.box(RIGHT_BOX)
    assert room.window.toast.text == ""
    with pytest.MonkeyPatch.context() as patch:
        QTimer.singleShot(0, lambda: place(room, patch))
        _run(600)
    faults, toast = room.assembly.parts.faults, room.window.toast
    assert 1 <= faults.unhandled <= 20  # a frame that cannot be drawn is not drawn again for ever
    assert "internal error" in toast.text
    assert "Your work is kept" in toast.text
    assert SENTINEL not in toast.text
    labels = toast.findChildren(QLabel)
    assert {label.textFormat() for label in labels} == {Qt.TextFormat.PlainText}
    assert toast.isVisibleTo(room.window)
    seen, before = faults.unhandled, room.case.findings
    room.canvas.update()
    room.session.edit.fill_polygon(((20, 2), (32, 2), (32, 12)), erase=False)
    _run(200)
    assert room.case.findings != before
    room.session.undo()
    assert room.case.findings == before
    assert faults.unhandled == seen


def test_a_hostile_name_is_shown_as_it_is_written(make_room: MakeRoom, tmp_path: Path) -> None:
    hostile = "<img src=x><h1>Doe"
    path = tmp_path / f"{hostile}.dcm"
    room = make_room(film(tmp_path / "a.dcm"))
    path.write_bytes(b"not a film")
    room.window.open_paths([path])
    room.wait(lambda: bool(room.window.toast.text))
    shown = [label for label in room.window.toast.findChildren(QLabel) if hostile in label.text()]
    assert shown or hostile not in room.window.toast.text
    assert {label.textFormat() for label in room.window.toast.findChildren(QLabel)} == {Qt.TextFormat.PlainText}
