"""What a run through the real window is watched for: the event loop's gaps, complaints told to nobody, invariants."""

import sys
import time
from collections import Counter
from collections.abc import Callable
from functools import cache
from types import TracebackType
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QEventLoop, QMessageLogContext, QObject, Qt, QTimer, QtMsgType, qInstallMessageHandler

from app.casefile import marks_of, same_marks
from app.history import same_history
from app.journal import read_journal
from app.reading import Key, Reading

if TYPE_CHECKING:
    from app.assembly import Assembly
    from app.session import Session

_EXPECTED = "This plugin does not support "  # the offscreen platform, of raising a window and the like
_SLOWEST = 5


@cache
def _alarm() -> tuple[QEventLoop, QTimer]:
    loop, timer = QEventLoop(), QTimer()
    timer.setSingleShot(True)
    timer.timeout.connect(loop.quit)
    return loop, timer


def wait(milliseconds: int) -> None:
    """Run the event loop for a while; not from within another wait.

    QTest.qWait would hold the interpreter's lock, and no worker would get on; QTimer.singleShot loses some 150 bytes a
    call (PySide 6.11), which a search for leaks then finds.
    """
    loop, timer = _alarm()
    timer.start(milliseconds)
    loop.exec()


class Pulse(QObject):
    """Records how long the event loop is away.

    By the clock, and in the thread's own processor time, which a neighbour's load hardly lengthens.
    """

    def __init__(self, parent: QObject, doing: Callable[[], str] = lambda: "") -> None:
        super().__init__(parent)
        self.gaps: list[float] = []
        self.own: list[float] = []
        self._slowest: list[tuple[float, float, str]] = []
        self._doing = doing
        self.skip()
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._tick)
        self._timer.start(5)

    def stop(self) -> None:
        """Record no more."""
        self._timer.stop()

    def skip(self) -> None:
        """Count nothing of what was done since the last beat: it was the watcher's own work."""
        self._last, self._last_own = time.perf_counter(), time.thread_time()

    def summary(self) -> dict[str, Any]:
        """Return the figures, in milliseconds."""
        return {
            "beats": len(self.gaps),
            "gap_p99_ms": _at(self.gaps, 0.99),
            "max_gap_ms": _at(self.gaps, 1.0),
            "own_p99_ms": _at(self.own, 0.99),
            "max_own_ms": _at(self.own, 1.0),
            "slowest": [(round(gap, 1), round(own, 1), what) for own, gap, what in self._slowest],
        }

    def _tick(self) -> None:
        gap, own = (time.perf_counter() - self._last) * 1e3, (time.thread_time() - self._last_own) * 1e3
        self.gaps.append(gap)
        self.own.append(own)
        if len(self._slowest) < _SLOWEST or own > self._slowest[-1][0]:
            self._slowest = sorted([*self._slowest, (own, gap, self._doing())], reverse=True)[:_SLOWEST]
        self.skip()


def _at(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return round(ordered[min(int(len(ordered) * share), len(ordered) - 1)], 1) if ordered else 0.0


class Complaints:
    """Counts what Qt and the interpreter say to nobody: messages, exceptions that could not be raised."""

    def __init__(self) -> None:
        self.messages: dict[str, int] = {}

    def install(self) -> None:
        """Take them from now on; `Faults` takes the exceptions of slots and threads."""
        qInstallMessageHandler(self._from_qt)
        sys.unraisablehook = self._unraisable

    def _from_qt(self, kind: QtMsgType, _: QMessageLogContext, text: str) -> None:
        if kind not in (QtMsgType.QtDebugMsg, QtMsgType.QtInfoMsg) and not text.startswith(_EXPECTED):
            self._add(text)

    def _unraisable(self, found: Any) -> None:
        trace: TracebackType | None = found.exc_traceback
        place = ""
        while trace is not None:
            place = f"{trace.tb_frame.f_code.co_filename.rsplit('/', 1)[-1]}:{trace.tb_lineno}"
            trace = trace.tb_next
        self._add(f"unraisable {found.exc_type.__name__} at {place}")

    def _add(self, text: str) -> None:
        self.messages[text] = self.messages.get(text, 0) + 1


class Returns:
    """Looks whether a film that is opened again has the work with which it was left."""

    def __init__(self, session: "Session") -> None:
        self.seen = 0
        self.lost: Counter[str] = Counter()
        self._session = session
        self._left: dict[Key, tuple[dict[str, Any], list[list[str]]]] = {}
        self._open: Reading | None = None
        session.film_changed.connect(self._changed)

    def _changed(self) -> None:
        before, now = self._open, self._session.reading
        if before is not None and (before.history.done or before.history.undone):
            self._left[before.key] = _work(before)
        self._open = now
        if now is None or now is before or now.key not in self._left:
            return
        self.seen += 1
        (marks, history), (left_marks, left_history) = _work(now), self._left[now.key]
        self.lost["a film came back with other marks"] += not same_marks(marks, left_marks)
        self.lost["a film came back with another history"] += history != left_history


def _work(reading: Reading) -> tuple[dict[str, Any], list[list[str]]]:
    history = [[change.name for change in changes] for changes in (reading.history.done, reading.history.undone)]
    return marks_of(reading.case), history


def broken(assembly: "Assembly") -> list[str]:
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
        if reading.history.done and not reading.history.done[-1].after.marked_as(case):
            wrong.append("the case is not what the history says")
        if not journalled(reading):
            wrong.append("the journal would not give the case back")
    if window.windowTitle() != "Lungbox":
        wrong.append("the title says more than the program's name")
    return wrong


def journalled(reading: Reading) -> bool:
    """Return whether a start after a kill right now would have the case and its history as they are."""
    if not reading.history.done and not reading.history.undone:
        return True
    found = read_journal(reading.journal.path)
    if found is None:
        return False
    work = found.on(reading.film.radiograph)
    return work.case.marked_as(reading.case) and same_history(work.history, reading.history)


def undone_to_the_start(assembly: "Assembly") -> bool:
    """Return whether undoing everything gives back the case as it was opened, and doing it again what it was."""
    reading = assembly.session.reading
    if reading is None or not reading.history.done:
        return True
    first, last, steps = reading.history.done[0].before, reading.case, len(reading.history.done)
    while reading.history.done:  # an undo may take back what was begun and not done
        assembly.session.undo()
    same = reading.case.marked_as(first)
    for _ in range(steps):
        assembly.session.redo()
    return same and reading.case.marked_as(last)
