"""A monkey at the window: random pointer, wheel, keys, dialogs and files, seeded, with invariants looked at meanwhile.

    python -m benchmarks.monkey FOLDER... [--events 100000] [--seed 1] [--report runs.jsonl]

FOLDERs hold films; some are copied, damaged copies are made, and all are opened, deleted and overwritten. The model is
the real one in its own process, which the monkey kills now and then; films are let go from memory all the time. Many
events are run in chunks, each by a process of its own with the next seed, so that a crash is counted and costs no more
than its chunk; with --report, chunks that were done are not done again. Prints a JSON line a chunk and one for all; the
exit code is 0 only when nothing broke.
"""

import argparse
import contextlib
import faulthandler
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter, deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PySide6.QtCore import QEvent, QPoint, QPointF, Qt, QTimer
from PySide6.QtGui import QInputMethodEvent, QKeyEvent, QMouseEvent, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QDialog,
    QFileDialog,
    QLineEdit,
    QMenu,
    QWidget,
)

from app.assembly import Assembly
from benchmarks.harmed import Films
from benchmarks.watching import Complaints, Pulse, Returns, broken, undone_to_the_start, wait

_BUTTONS = (Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton, Qt.MouseButton.MiddleButton)
_MODIFIERS = (
    Qt.KeyboardModifier.NoModifier,
    Qt.KeyboardModifier.NoModifier,
    Qt.KeyboardModifier.ShiftModifier,
    Qt.KeyboardModifier.ControlModifier,
    Qt.KeyboardModifier.AltModifier,
)
_KEYS = (
    Qt.Key.Key_Left, Qt.Key.Key_Right, Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_Space, Qt.Key.Key_O, Qt.Key.Key_Tab,
    Qt.Key.Key_Backtab, Qt.Key.Key_Backspace, Qt.Key.Key_Escape, Qt.Key.Key_Return, Qt.Key.Key_Delete,
)  # fmt: skip
_WORDS = ("heart", "", "<b>x</b>", "PA", "2024", "=1+1", "\u202eabc", "x" * 60, "-3", "99999999")
_NEVER = {"quit", "close"}  # these end the run
_ACTS = {
    "move": 30, "gesture": 6, "press": 4, "release": 4, "double": 2, "wheel": 6, "key": 8, "command": 14, "widget": 5,
    "select": 2, "file": 0.5, "resize": 0.2, "disturb": 0.05,
}  # fmt: skip
_SETTLES = 0.004  # how often the monkey waits until everything is answered: what comes then meets masks
_TRAIL = "did "
_PATIENCE_S = 600.0  # an answer that takes longer never comes: a neighbour may have all of the processor for long
_KEPT_FILMS = 2  # in memory, far fewer than in a reader's window: films are let go and taken up all the time
_LONGEST_SECONDS = 60.0  # an act that takes longer has its stack printed


class Monkey:
    """Does one random thing at a time; whatever dialog is open gets it."""

    def __init__(self, assembly: Assembly, films: Films, seed: int) -> None:
        self._assembly, self._films = assembly, films
        self._random = random.Random(seed)
        self._held: Qt.MouseButton | None = None
        self._coming: deque[Callable[[], None]] = deque()  # the rest of a gesture
        self.done: Counter[str] = Counter()
        self.last = ""
        self._trail = not sys.stderr.isatty()

    def act(self) -> None:
        """Do something."""
        application = QApplication.instance()
        assert isinstance(application, QApplication)
        popup, modal = application.activePopupWidget(), application.activeModalWidget()
        if popup is not None:
            self._note("popup")
            self._answer_popup(popup)
        elif modal is not None:
            self._note("dialog")
            self._answer_dialog(modal)
        elif self._coming:
            self._note("gesture")
            self._coming.popleft()()
        else:
            kind = self._random.choices(list(_ACTS), list(_ACTS.values()))[0]
            self._note(kind)
            getattr(self, f"_{kind}")()

    def _note(self, kind: str) -> None:
        self.done[kind] += 1
        self._say(kind)

    def _say(self, what: str) -> None:
        """Leave a trail, for the case that this is the last thing done."""
        self.last = what
        if self._trail:
            sys.stderr.write(f"{_TRAIL}{what}\n")

    # Pointer and keys on the film

    def _place(self) -> QPointF:
        canvas = self._assembly.window.canvas
        return QPointF(self._random.randint(-20, canvas.width() + 20), self._random.randint(-20, canvas.height() + 20))

    def _mouse(self, kind: QEvent.Type, button: Qt.MouseButton, modifier: Qt.KeyboardModifier | None = None) -> None:
        canvas, at = self._assembly.window.canvas, self._place()
        there = QPointF(canvas.mapToGlobal(at.toPoint()))
        held = self._held or Qt.MouseButton.NoButton
        modifiers = self._random.choice(_MODIFIERS) if modifier is None else modifier
        QApplication.sendEvent(canvas, QMouseEvent(kind, at, there, button, held, modifiers))

    def _move(self) -> None:
        self._mouse(QEvent.Type.MouseMove, Qt.MouseButton.NoButton)

    def _press(self) -> None:
        self._held = self._random.choice(_BUTTONS)
        self._mouse(QEvent.Type.MouseButtonPress, self._held)

    def _release(self) -> None:
        button, self._held = self._held or Qt.MouseButton.LeftButton, None
        self._mouse(QEvent.Type.MouseButtonRelease, button)

    def _gesture(self) -> None:
        """Drag with the left button, as a reader would: the moves and the release come with the next events."""
        modifier = self._random.choice(_MODIFIERS)
        self._held = Qt.MouseButton.LeftButton
        self._mouse(QEvent.Type.MouseButtonPress, self._held, modifier)
        for _ in range(self._random.randint(0, 8)):
            self._coming.append(lambda: self._mouse(QEvent.Type.MouseMove, Qt.MouseButton.NoButton, modifier))
        self._coming.append(self._release)

    def _double(self) -> None:
        self._mouse(QEvent.Type.MouseButtonDblClick, self._random.choice(_BUTTONS))

    def _wheel(self) -> None:
        canvas, at = self._assembly.window.canvas, self._place()
        turn = QPoint(0, self._random.choice([-240, -120, 120, 240]))
        there = QPointF(canvas.mapToGlobal(at.toPoint()))
        event = QWheelEvent(
            at, there, QPoint(), turn, Qt.MouseButton.NoButton, self._random.choice(_MODIFIERS),
            Qt.ScrollPhase.NoScrollPhase, False,
        )  # fmt: skip
        QApplication.sendEvent(canvas, event)

    def _key(self) -> None:
        canvas = self._assembly.window.canvas
        kind = self._random.choice([QEvent.Type.KeyPress, QEvent.Type.KeyRelease])
        QApplication.sendEvent(canvas, QKeyEvent(kind, self._random.choice(_KEYS), self._random.choice(_MODIFIERS)))

    # Commands, panels, dialogs

    def _command(self) -> None:
        actions = self._assembly.window.actions_by_name
        name = self._random.choice(sorted(set(actions) - _NEVER))
        self._say(name)
        if actions[name].isEnabled():
            actions[name].trigger()

    def _select(self) -> None:
        case = self._assembly.session.shown
        if case is not None and case.findings:
            self._assembly.session.select(self._random.choice(case.findings).tracking_uid)

    def _widget(self) -> None:
        window = self._assembly.window
        self._poke([widget for widget in window.findChildren(QWidget) if widget.window() is window])

    def _poke(self, widgets: list[QWidget]) -> None:
        kinds = (QAbstractButton, QLineEdit, QAbstractItemView, QAbstractSpinBox, QComboBox)
        found = [
            widget for widget in widgets if isinstance(widget, kinds) and widget.isVisible() and widget.isEnabled()
        ]
        if not found:
            return
        widget = self._random.choice(found)
        self._say(f"{type(widget).__name__} {widget.objectName() or widget.accessibleName()}")
        if isinstance(widget, QLineEdit | QAbstractSpinBox):
            # As an input method would: QTest's keys abort the process at a letter beyond Latin-1.
            event = QInputMethodEvent()
            event.setCommitString(self._random.choice(_WORDS))
            QApplication.sendEvent(widget, event)
            return
        target = widget.viewport() if isinstance(widget, QAbstractItemView) else widget
        at = QPoint(self._random.randrange(max(target.width(), 1)), self._random.randrange(max(target.height(), 1)))
        QTest.mouseClick(target, Qt.MouseButton.LeftButton, self._random.choice(_MODIFIERS), at)

    def _answer_popup(self, popup: QWidget) -> None:
        if isinstance(popup, QMenu) and popup.actions() and self._random.random() < 0.5:
            action = self._random.choice(popup.actions())
            if action.objectName() not in _NEVER and action.isEnabled() and action.menu() is None:
                self._say(f"menu {action.objectName()}")
                popup.close()
                action.trigger()
                return
        popup.close()

    def _answer_dialog(self, dialog: QWidget) -> None:
        self._say(type(dialog).__name__)
        if self._random.random() < 0.6:
            self._poke(dialog.findChildren(QWidget))
        elif isinstance(dialog, QDialog) and self._random.random() < 0.5:
            dialog.accept()
        else:
            dialog.close()

    def _resize(self) -> None:
        self._assembly.window.resize(self._random.randint(900, 2200), self._random.randint(560, 1400))

    # Files, and what happens to them

    def _file(self) -> None:
        self._assembly.window.open_paths([self._random.choice(self._films.to_open())])

    def _disturb(self) -> None:
        kind = self._random.choice(["kill-model", "delete", "cut", "swap", "restore", "restore"])
        self._note(kind)
        if kind == "kill-model":
            self._kill_model()
        else:
            self._films.disturb(kind, self._random)

    def _kill_model(self) -> None:
        segmenter = self._assembly.parts.encoder._segmenter
        pid = getattr(segmenter.backend, "pid", None) if segmenter is not None else None
        if pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def choose(self, kind: str) -> str:
        """Answer a file dialog."""
        chance = self._random.random()
        if chance < 0.2:
            return ""
        if kind == "folder":
            return str(self._random.choice([self._films.folder, self._films.out, Path("/proc/nowhere")]))
        if kind == "save":
            places = [self._films.out / f"{self._random.randrange(4)}.lungbox", Path("/proc/nowhere/a.lungbox")]
            return str(self._random.choice(places))
        return str(self._random.choice(self._films.to_open()))


class Run:
    """One chunk, under the real event loop."""

    def __init__(self, application: QApplication, assembly: Assembly, monkey: Monkey, events: int, seed: int) -> None:
        self._application, self._assembly, self._monkey, self._events = application, assembly, monkey, events
        self._chance = random.Random(~seed)
        self.wrong: Counter[str] = Counter()
        self.number = 0
        self._waiting = False
        self._depth = 0
        self.pulse = Pulse(application, lambda: monkey.last)
        self._over = False

    def go(self) -> None:
        """Run all events; returns when the last one was handled."""
        QTimer.singleShot(0, self._tick)
        self._application.exec()

    def _tick(self) -> None:
        if self._over:
            return
        # Before the act, and a timer of its own each time: an act that opens a dialog runs an event loop inside.
        QTimer.singleShot(20 if self._waiting else 0, self._tick)
        if self._waiting:
            return
        if self.number >= self._events and self._depth == 0:
            self._over = True
            self._settle()
            self._look()
            self._application.exit()
            return
        faulthandler.dump_traceback_later(_LONGEST_SECONDS)
        self.number += 1
        self._depth += 1
        try:
            self._monkey.act()
        finally:
            self._depth -= 1
        if self._depth == 0:
            self._pause()

    def _pause(self) -> None:
        if self._chance.random() < _SETTLES:
            self._settle()
        if self.number % 100 == 0:
            self._look()
        if self.number % 2500 == 0:
            self._settle()
            if not undone_to_the_start(self._assembly):
                self.wrong["undo does not lead back"] += 1
            self._look()

    def _look(self) -> None:
        self.wrong.update(broken(self._assembly))
        self.pulse.skip()

    def _settle(self) -> None:
        """Wait, like a reader, until everything is answered."""
        self._waiting = True
        session, until = self._assembly.session, time.monotonic() + _PATIENCE_S
        while (session.pending or session.jobs.busy) and time.monotonic() < until:
            wait(5)
        if session.pending or session.jobs.busy:
            self.wrong["never answered"] += 1
        self._waiting = False


def main() -> int:
    """Let the monkey in."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="+", metavar="FOLDER")
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1, help="of the first chunk")
    parser.add_argument("--chunk", type=int, default=5_000, help="events a process")
    parser.add_argument("--films", type=int, default=8, help="films taken of each folder, others with every seed")
    parser.add_argument("--report", type=Path, help="file that gets a line a chunk; what it holds is not run again")
    arguments = parser.parse_args()
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    return _one(arguments) if arguments.events <= arguments.chunk else _all(arguments)


def _all(arguments: argparse.Namespace) -> int:
    """Run the chunks that are not in the report, and add everything up."""
    lines: dict[int, dict[str, Any]] = {}
    if arguments.report is not None and arguments.report.exists():
        lines = {line["seed"]: line for line in map(json.loads, arguments.report.read_text().splitlines())}
    for seed in range(arguments.seed, arguments.seed + -(-arguments.events // arguments.chunk)):
        if seed in lines:
            continue
        command = [sys.executable, "-m", "benchmarks.monkey", *(str(folder) for folder in arguments.folders)]
        command += ["--events", str(arguments.chunk), "--chunk", str(arguments.chunk), "--seed", str(seed)]
        done = subprocess.run([*command, "--films", str(arguments.films)], capture_output=True, text=True, check=False)
        said = done.stdout.strip().splitlines()
        line = json.loads(said[-1]) if said and done.returncode in (0, 1) else _crash(seed, done)
        lines[seed] = line
        print(json.dumps(line), flush=True)
        if arguments.report is not None:
            with arguments.report.open("a") as handle:
                handle.write(json.dumps(line) + "\n")
    whole = summed(list(lines.values()))
    print(json.dumps(whole))
    return int(bool(whole["crashes"] or whole["unhandled"] or whole["broken_invariants"] or whole["complaints"]))


def _crash(seed: int, done: "subprocess.CompletedProcess[str]") -> dict[str, Any]:
    """Return the line of a chunk whose process died: what it did last, and where its threads were."""
    said = done.stderr.splitlines()
    trail = [text for text in said if text.startswith(_TRAIL)]
    rest = [text for text in said if not text.startswith(_TRAIL)]
    code = done.returncode
    return {"seed": seed, "events": len(trail), "crashed": 1, "code": code, "trail": trail[-12:], "said": rest[-60:]}


def summed(lines: list[dict[str, Any]]) -> dict[str, Any]:
    """Add chunks up."""
    counts: dict[str, Counter[str]] = {"broken_invariants": Counter(), "complaints": Counter(), "done": Counter()}
    for line in lines:
        for name, counter in counts.items():
            counter.update(line.get(name, {}))
    return {
        "monkey_events": sum(line["events"] for line in lines),
        "chunks": len(lines),
        "crashes": sum(line.get("crashed", 0) for line in lines),
        "unhandled": sum(line.get("unhandled", 0) for line in lines),
        "gap_p99_ms": max((line.get("gap_p99_ms", 0.0) for line in lines), default=0.0),
        "max_gap_ms": max((line.get("max_gap_ms", 0.0) for line in lines), default=0.0),
        "max_own_ms": max((line.get("max_own_ms", 0.0) for line in lines), default=0.0),
        "seconds": sum(line.get("seconds", 0) for line in lines),
        "films_taken_up_again": sum(line.get("films_taken_up_again", 0) for line in lines),
        **{name: dict(counter) for name, counter in counts.items()},
    }


def _one(arguments: argparse.Namespace) -> int:
    home = tempfile.TemporaryDirectory(prefix="lungbox-monkey-", ignore_cleanup_errors=True)
    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME", "XDG_DOCUMENTS_DIR"):
        os.environ[name] = home.name
    with home:
        return _run(arguments, Path(home.name))


def _answer_file_dialogs(monkey: Monkey) -> None:
    """Have the monkey choose where the system's own dialogs would ask."""
    choose = monkey.choose
    answers: dict[str, Callable[..., object]] = {
        "getOpenFileNames": lambda *_, **__: ([name] if (name := choose("open")) else [], ""),
        "getOpenFileName": lambda *_, **__: (choose("open"), ""),
        "getSaveFileName": lambda *_, **__: (choose("save"), ""),
        "getExistingDirectory": lambda *_, **__: choose("folder"),
    }
    for name, answer in answers.items():
        setattr(QFileDialog, name, staticmethod(answer))


def _run(arguments: argparse.Namespace, home: Path) -> int:
    from app import worklist
    from app.__main__ import start, start_log
    from app.settings import Settings, save_settings, settings_path
    from engine.film.decoder import prewarm

    faulthandler.enable()
    application = QApplication(sys.argv[:1])
    start_log()
    prewarm()
    films = Films(arguments.folders, home, arguments.seed, arguments.films)
    # Exporting on every acceptance takes most of a run's time; a quarter of the seeds do.
    export = arguments.seed % 4 == 0
    save_settings(settings_path(), Settings(export_on_accept=export, export_folder=str(films.out)))
    assembly = start(application, [films.folder], argparse.Namespace(checkpoint=None, device="cpu", no_demo=True))
    complaints = Complaints()
    complaints.install()
    worklist._KEPT_FILMS = _KEPT_FILMS
    returns = Returns(assembly.session)
    monkey = Monkey(assembly, films, arguments.seed)
    _answer_file_dialogs(monkey)
    idle = Pulse(application)
    wait(1000)
    idle_gap = idle.summary()["max_gap_ms"]  # what this machine does to a program that does nothing
    idle.stop()
    run = Run(application, assembly, monkey, arguments.events, arguments.seed)
    begun = time.monotonic()
    run.go()
    faulthandler.cancel_dump_traceback_later()
    run.wrong.update(+returns.lost)  # without those that are 0
    unhandled = assembly.parts.faults.unhandled
    told = (home / "lungbox" / "log" / "lungbox.log").read_text().splitlines() if unhandled else []
    line = {
        "seed": arguments.seed,
        "events": run.number,
        "seconds": round(time.monotonic() - begun),
        "films": len(films.good),
        "bad_files": len(films.bad),
        "unhandled": unhandled,
        "unhandled_at": [text for text in told if "unhandled" in text],
        "broken_invariants": dict(run.wrong),
        "complaints": complaints.messages,
        "films_taken_up_again": returns.seen,
        "restarts_of_the_model": assembly.parts.encoder.status.restarts,
        "idle_max_gap_ms": idle_gap,
        **run.pulse.summary(),
        "done": dict(monkey.done),
    }
    print(json.dumps(line))
    assembly.session.readings.discard_unsaved()
    assembly.close()
    return int(bool(unhandled or run.wrong or complaints.messages))


if __name__ == "__main__":
    raise SystemExit(main())
