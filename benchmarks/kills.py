"""The real program killed (SIGKILL) at random moments of a scripted session, and what its next start has of the work.

    python -m benchmarks.kills [--kills 100] [--seed 1] [--starts 10]

The script draws, erases, measures, undoes, redoes and asks the model; the program says each step when it is done, with
a hash of the case. After each kill the journal must hold every step that was said, each as it was; every so often the
program itself is started again, is offered the work, and must show it whole. Prints one JSON line; the exit code is 0
when nothing was lost.
"""

import argparse
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from app.casefile import marks_of
from app.journal import JournalFolder, Recovered
from engine.case import Case
from engine.film.radiograph import Radiograph
from engine.film.reading import read_radiograph
from engine.mask import Stroke

if TYPE_CHECKING:
    from app.assembly import Assembly

_DEMO = Path(__file__).resolve().parents[1] / "resources/demo/demo.dcm"
_START_LIMIT_S = 300.0
_LONGEST_S = 1.5  # from the first step to the kill


def fingerprint(case: Case) -> str:
    """Return a hash of everything that is marked on a film."""
    return hashlib.sha256(json.dumps(marks_of(case), sort_keys=True).encode()).hexdigest()[:16]


def main() -> int:
    """Kill the program again and again."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--starts", type=int, default=10, help="start the program again after every so many kills")
    parser.add_argument("--film", type=Path, default=_DEMO)
    parser.add_argument("--be", choices=("work", "return"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.be:
        return _program(arguments.film, arguments.seed, returning=arguments.be == "return")
    found = kill_often(arguments.film.absolute(), arguments.kills, arguments.seed, arguments.starts)
    print(json.dumps(found))
    return int(bool(found["lost"] or found["not_offered"] or found["not_shown"]))


def kill_often(film: Path, kills: int, seed: int, starts: int) -> dict[str, int]:
    """Return the counts."""
    chance, radiograph = random.Random(seed), read_radiograph(film)
    counts = dict.fromkeys(("kills", "steps_said", "steps_found", "lost", "not_offered", "starts", "not_shown"), 0)
    for number in range(kills):
        with tempfile.TemporaryDirectory(prefix="lungbox-kills-", ignore_cleanup_errors=True) as home:
            said = _killed(film, seed * 1000 + number, chance.uniform(0, _LONGEST_S), home)
            counts["kills"] += 1
            counts["steps_said"] += len(said)
            left = JournalFolder(Path(home) / "lungbox" / "journal").left_behind()
            if len(left) != 1:
                counts["not_offered"] += bool(said)
                continue
            counts["steps_found"] += len(left[0].entries) - 1
            counts["lost"] += not _in_order(said, _steps(left[0], radiograph))
            if number % starts == 0:
                counts["starts"] += 1
                counts["not_shown"] += _shown(film, home) != fingerprint(left[0].on(radiograph).case)
    return counts


def _in_order(said: list[str], steps: list[str]) -> bool:
    """Return whether all that was said is there, in order; the model's answers are steps that come unsaid."""
    coming = iter(steps)
    return all(step in coming for step in said)


def _steps(found: Recovered, radiograph: Radiograph) -> list[str]:
    """Return the case's hash after each step of a journal."""
    prints = []
    for count in range(2, len(found.entries) + 1):
        part = Recovered(
            found.path, found.film_path, found.pixel_sha256, found.begun, found.entries[:count], found.masks
        )
        prints.append(fingerprint(part.on(radiograph).case))
    return prints


def _started(film: Path, seed: int, home: str, be: str) -> "subprocess.Popen[str]":
    places = ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME", "XDG_DOCUMENTS_DIR")
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen", **dict.fromkeys(places, home)}
    command = [sys.executable, "-m", "benchmarks.kills", "--film", str(film), "--seed", str(seed), "--be", be]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)


def _killed(film: Path, seed: int, after_s: float, home: str) -> list[str]:
    """Start the program, kill it some time after its first step, and return the steps that it said."""
    with _started(film, seed, home, "work") as process:
        assert process.stdout is not None
        hung = threading.Timer(_START_LIMIT_S, process.kill)
        hung.start()
        lines = [process.stdout.readline()]
        threading.Timer(after_s, lambda: process.send_signal(signal.SIGKILL)).start()
        lines += process.stdout.readlines()
        hung.cancel()
    return [line.split()[1] for line in lines if line.startswith("step ") and line.endswith("\n")]


def _shown(film: Path, home: str) -> str:
    """Start the program again and return the hash of the case that it shows."""
    with _started(film, 0, home, "return") as process:
        hung = threading.Timer(_START_LIMIT_S, process.kill)
        hung.start()
        out, _ = process.communicate()
        hung.cancel()
    return next((line.split()[1] for line in out.splitlines() if line.startswith("shown ")), "")


def _program(film: Path, seed: int, *, returning: bool) -> int:
    """Be the real program, with a reader's hands in it."""
    from PySide6.QtCore import QTimer

    import app.__main__ as program
    import app.assembly

    setattr(app.assembly, "ask", lambda *_, **__: 0)  # noqa: B010 ("Restore", whatever is asked)
    really_start: Callable[..., Assembly] = program.start

    def start(*arguments: object) -> "Assembly":
        assembly = really_start(*arguments)
        work = _look(assembly) if returning else _work(assembly, random.Random(seed))
        timer = QTimer(assembly)
        timer.timeout.connect(lambda: next(work, None))
        timer.start(5)
        return assembly

    program.start = start  # type: ignore[assignment]
    return program.main([*([] if returning else [str(film)]), "--device", "cpu", "--no-demo"])


def _look(assembly: "Assembly") -> Iterator[None]:
    while (case := assembly.session.case) is None:
        yield
    print("shown", fingerprint(case), flush=True)
    os._exit(0)


def _work(assembly: "Assembly", chance: random.Random) -> Iterator[None]:
    """Do one thing after another for ever, and say every step once it is done."""
    session = assembly.session
    while (case := session.case) is None:
        yield
    rows, columns = case.radiograph.rows, case.radiograph.columns

    def point() -> tuple[float, float]:
        return (chance.uniform(0.1, 0.9) * columns, chance.uniform(0.1, 0.9) * rows)

    def stroke() -> None:
        session.edit.paint(Stroke((point(), point()), chance.uniform(5, 60)), erase=chance.random() < 0.3)

    things: list[Callable[[], object]] = [
        stroke,
        stroke,
        lambda: session.edit.fill_polygon((point(), point(), point()), erase=False),
        session.edit.place_callipers,
        session.both_lungs,
        session.swap_sides,
        session.flag,
        session.delete_selected,
        session.undo,
        session.undo,
        session.redo,
    ]
    last = session.case
    while True:
        chance.choice(things)()
        if session.case is not last and session.case is not None:
            last = session.case
            print("step", fingerprint(last), flush=True)
        yield


if __name__ == "__main__":
    raise SystemExit(main())
