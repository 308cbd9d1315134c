"""A monkey at the window: random pointer, wheel, keys and files, seeded, with invariants looked at all the while.

    python -m benchmarks.monkey FOLDER [--events 100000] [--seed 1]

FOLDER holds films; damaged copies of them are made and opened too. Prints one JSON line: events, unhandled exceptions,
broken invariants, the event loop's largest gaps. The exit code is 0 only when nothing broke.
"""

import argparse
import json
import os
import random
import sys
import tempfile
import time
from pathlib import Path

from PySide6.QtCore import QEvent, QObject, QPoint, QPointF, Qt, QTimer
from PySide6.QtGui import QKeyEvent, QMouseEvent, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDialog, QFileDialog, QMessageBox

from app.assembly import Assembly

_BUTTONS = (Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton, Qt.MouseButton.MiddleButton)
_MODIFIERS = (
    Qt.KeyboardModifier.NoModifier,
    Qt.KeyboardModifier.ShiftModifier,
    Qt.KeyboardModifier.ControlModifier,
    Qt.KeyboardModifier.AltModifier,
)
_NEVER = {"quit", "close", "full-screen"}  # these end the run, or cover the screen


class Pulse(QObject):
    """Records how long the event loop is away."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self.gaps: list[float] = []
        self._last = time.perf_counter()
        timer = QTimer(self)
        timer.setTimerType(Qt.TimerType.PreciseTimer)
        timer.timeout.connect(self._tick)
        timer.start(5)

    def _tick(self) -> None:
        now = time.perf_counter()
        self.gaps.append((now - self._last) * 1e3)
        self._last = now


class Monkey:
    """Does one random thing at a time."""

    def __init__(self, assembly: Assembly, films: list[Path], seed: int) -> None:
        self._assembly, self._films = assembly, films
        self._random = random.Random(seed)
        self._held: Qt.MouseButton | None = None
        self.done: dict[str, int] = {}

    def act(self) -> None:
        """Do something."""
        kind = self._random.choices(
            ["move", "press", "release", "double", "wheel", "key", "command", "film", "select"],
            [40, 12, 14, 2, 6, 8, 12, 0.3, 2],
        )[0]
        self.done[kind] = self.done.get(kind, 0) + 1
        getattr(self, f"_{kind}")()
        application = QApplication.instance()
        assert isinstance(application, QApplication)
        for widget in (application.activePopupWidget(), application.activeModalWidget()):
            if widget is not None:
                widget.close()
        for dialog in self._assembly.window.findChildren(QDialog):
            dialog.close()

    def _place(self) -> QPointF:
        canvas = self._assembly.window.canvas
        return QPointF(self._random.randint(-20, canvas.width() + 20), self._random.randint(-20, canvas.height() + 20))

    def _mouse(self, kind: QEvent.Type, button: Qt.MouseButton) -> None:
        canvas, at = self._assembly.window.canvas, self._place()
        there = QPointF(canvas.mapToGlobal(at.toPoint()))
        held = self._held or Qt.MouseButton.NoButton
        QApplication.sendEvent(canvas, QMouseEvent(kind, at, there, button, held, self._random.choice(_MODIFIERS)))

    def _move(self) -> None:
        self._mouse(QEvent.Type.MouseMove, Qt.MouseButton.NoButton)

    def _press(self) -> None:
        self._held = self._random.choice(_BUTTONS)
        self._mouse(QEvent.Type.MouseButtonPress, self._held)

    def _release(self) -> None:
        button, self._held = self._held or Qt.MouseButton.LeftButton, None
        self._mouse(QEvent.Type.MouseButtonRelease, button)

    def _double(self) -> None:
        self._mouse(QEvent.Type.MouseButtonDblClick, self._random.choice(_BUTTONS))

    def _wheel(self) -> None:
        canvas, at = self._assembly.window.canvas, self._place()
        turn = QPoint(0, self._random.choice([-240, -120, 120, 240]))
        there = QPointF(canvas.mapToGlobal(at.toPoint()))
        modifier = self._random.choice(_MODIFIERS)
        event = QWheelEvent(
            at, there, QPoint(), turn, Qt.MouseButton.NoButton, modifier, Qt.ScrollPhase.NoScrollPhase, False
        )
        QApplication.sendEvent(canvas, event)

    def _key(self) -> None:
        key = self._random.choice(
            [Qt.Key.Key_Left, Qt.Key.Key_Right, Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_Space, Qt.Key.Key_O,
             Qt.Key.Key_Tab, Qt.Key.Key_Backspace, Qt.Key.Key_Escape]
        )  # fmt: skip
        canvas = self._assembly.window.canvas
        kind = self._random.choice([QEvent.Type.KeyPress, QEvent.Type.KeyRelease])
        QApplication.sendEvent(canvas, QKeyEvent(kind, key, self._random.choice(_MODIFIERS)))

    def _command(self) -> None:
        actions = self._assembly.window.actions_by_name
        name = self._random.choice(sorted(set(actions) - _NEVER))
        if actions[name].isEnabled():
            actions[name].trigger()

    def _film(self) -> None:
        self._assembly.window.open_paths([self._random.choice(self._films)])

    def _select(self) -> None:
        case = self._assembly.session.shown
        if case is not None and case.findings:
            self._assembly.session.select(self._random.choice(case.findings).tracking_uid)


def broken(assembly: Assembly) -> list[str]:
    """Return which invariants do not hold."""
    session, window, wrong = assembly.session, assembly.window, []
    case, reading = session.case, session.reading
    if case is not None and reading is not None:
        shape = case.radiograph.stored.shape
        if any((finding.mask.rows, finding.mask.columns) != shape for finding in case.findings):
            wrong.append("a mask is not on its film's grid")
        if session.lightbox.film is not reading.film:
            wrong.append("the lightbox shows another film than the session reads")
        if session.selected is not None and (session.shown is None or session.shown.finding(session.selected) is None):
            wrong.append("what is selected is not there")
        shown = session.shown
        if shown is not None and window.findings_panel.findings_model.rowCount() != len(shown.findings):
            wrong.append("the panel and the canvas disagree")
        if reading.history.done and reading.history.done[-1].after is not case:
            wrong.append("the case is not what the history says")
    if window.windowTitle() != "Lungbox":
        wrong.append("the title says more than the program's name")
    return wrong


def undone_to_the_start(assembly: Assembly) -> bool:
    """Return whether undoing everything gives back the case as it was opened."""
    reading = assembly.session.reading
    if reading is None or not reading.history.done:
        return True
    first, steps = reading.history.done[0].before, len(reading.history.done)
    for _ in range(steps):
        assembly.session.undo()
    same = reading.case is first
    for _ in range(steps):
        assembly.session.redo()
    return same


def damaged(films: list[Path], folder: Path, seed: int) -> list[Path]:
    """Write cut and flipped copies of some films."""
    chance = random.Random(seed)
    made = []
    for number, film in enumerate(films[:12]):
        data = bytearray(film.read_bytes())
        if number % 2:
            data = data[: chance.randrange(len(data))]
        else:
            for _ in range(40):
                data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        path = folder / f"damaged-{number}{film.suffix}"
        path.write_bytes(bytes(data))
        made.append(path)
    empty = folder / "empty.dcm"
    empty.write_bytes(b"")
    return [*made, empty, folder / "missing.dcm"]


def main() -> int:
    """Let the monkey in."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    home = tempfile.TemporaryDirectory(prefix="lungbox-monkey-", ignore_cleanup_errors=True)
    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME", "XDG_DOCUMENTS_DIR"):
        os.environ[name] = home.name
    with home:
        return _run(arguments, Path(home.name))


def _run(arguments: argparse.Namespace, home: Path) -> int:
    from app.__main__ import start, start_log
    from app.films import films_in

    films = films_in([arguments.folder])
    films += damaged(films, home, arguments.seed)
    application = QApplication(sys.argv[:1])
    start_log()
    # A monkey cannot answer questions; it says no to all of them.
    QDialog.exec = lambda self: 0  # type: ignore[method-assign]
    QMessageBox.exec = lambda self: 0  # type: ignore[method-assign]
    QFileDialog.getOpenFileNames = staticmethod(lambda *_, **__: ([], ""))  # type: ignore[method-assign]
    QFileDialog.getOpenFileName = staticmethod(lambda *_, **__: ("", ""))  # type: ignore[method-assign]
    QFileDialog.getSaveFileName = staticmethod(lambda *_, **__: ("", ""))  # type: ignore[method-assign]
    QFileDialog.getExistingDirectory = staticmethod(lambda *_, **__: "")  # type: ignore[method-assign]
    assembly = start(application, [films[0]], argparse.Namespace(checkpoint=None, device="cpu", no_demo=True))
    pulse = Pulse(application)
    monkey = Monkey(assembly, films, arguments.seed)
    wrong: dict[str, int] = {}
    begun = time.monotonic()
    for number in range(arguments.events):
        monkey.act()
        if number % 5 == 0:
            application.processEvents()
        if number % 100 == 0:
            QTest.qWait(1)
            for name in broken(assembly):
                wrong[name] = wrong.get(name, 0) + 1
        if number % 5000 == 4999 and not undone_to_the_start(assembly):
            wrong["undo does not lead back"] = wrong.get("undo does not lead back", 0) + 1
    unhandled = assembly.parts.faults.unhandled
    gaps = sorted(pulse.gaps)
    print(
        json.dumps(
            {
                "events": arguments.events,
                "seed": arguments.seed,
                "seconds": round(time.monotonic() - begun),
                "films": len(films),
                "unhandled": unhandled,
                "broken_invariants": wrong,
                "gap_p99_ms": round(gaps[int(len(gaps) * 0.99)], 1),
                "max_gap_ms": round(gaps[-1], 1),
                "done": monkey.done,
            }
        )
    )
    assembly.session.discard_unsaved()
    assembly.close()
    return int(bool(unhandled or wrong))


if __name__ == "__main__":
    raise SystemExit(main())
