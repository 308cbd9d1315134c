"""Random faults of the system below Python, counted: libfiu fails calls of the C library while results are saved.

    fiu-run -x .venv/bin/python -m benchmarks.io_faults [--faults 1000]      # Debian: fiu-utils

Exports a bundle and saves a case file under random faults of write, fsync, rename, open, mkdir and close until so many
saves have met one. After each, the old result must be as it was, and the new one whole or absent (`save_faults`), and
the case file the old one or the new one. Prints one JSON line; exits 1 when anything was lost.
"""

import argparse
import contextlib
import ctypes
import errno
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from app.casefile import open_case, save_case
from benchmarks.save_faults import Bench
from engine.case import Case, CaseState
from engine.errors import LungboxError, OutputError

# libfiu's names of the calls, how often each fails, and with what.
POINTS = (
    ("posix/io/rw/write", 0.10, errno.ENOSPC),
    ("posix/io/rw/write", 0.10, errno.EIO),
    ("posix/io/sync/fsync", 0.10, errno.EIO),
    ("posix/io/dir/mkdir", 0.20, errno.EROFS),
    ("posix/io/rename", 0.30, errno.EACCES),
    ("posix/io/oc/open", 0.05, errno.EMFILE),
)


class Faults:
    """The C library's calls, failing where and as often as asked."""

    def __init__(self) -> None:
        self._fiu = ctypes.CDLL("libfiu.so.0")
        self._fiu.fiu_enable_random.argtypes = (
            ctypes.c_char_p, ctypes.c_int, ctypes.c_void_p, ctypes.c_uint, ctypes.c_float,
        )  # fmt: skip

    @contextlib.contextmanager
    def at(self, point: str, probability: float, number: int) -> Iterator[None]:
        """Let a call fail at random, until the block ends."""
        if self._fiu.fiu_enable_random(point.encode(), 1, number, 0, probability) != 0:
            raise RuntimeError(f"libfiu does not know {point}")
        try:
            yield
        finally:
            self._fiu.fiu_disable(point.encode())


class CaseFiles:
    """One case file that is saved again and again, in turns of two states that can be told apart."""

    def __init__(self, folder: Path, case: Case) -> None:
        self.path = folder / "case.lungbox"
        self.states = [replace(case, state=state) for state in (CaseState.BOXED, CaseState.ACCEPTED)]
        save_case(self.path, self.states[0])
        self.now = 0
        self.tried = self.lost = self.stale = self.wrong = 0

    def save(self, faults: Faults, point: tuple[str, float, int]) -> bool:
        """Save the other state under a fault; return whether it met one."""
        told = False
        with faults.at(*point):
            try:
                save_case(self.path, self.states[1 - self.now])
            except LungboxError:
                told = True
        self.tried += 1
        try:
            found = open_case(self.path).on(self.states[0].radiograph)
        except LungboxError:
            self.lost += 1
            return told
        new = found.state is self.states[1 - self.now].state
        self.lost += found.findings != self.states[0].findings
        self.wrong += not told and not new  # it said that it had saved
        self.now = 1 - self.now if new else self.now
        left = [path for path in self.path.parent.iterdir() if path != self.path]
        self.stale += len(left)
        for path in left:
            path.unlink()
        return told


def main() -> int:
    """Run until enough saves have met a fault, and print the counts."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--faults", type=int, default=1000)
    arguments = parser.parse_args()
    if "fiu" not in os.environ.get("LD_PRELOAD", ""):
        # Without it nothing would fail, and everything would seem well.
        print("run this under fiu-run -x (Debian: fiu-utils)", file=sys.stderr)
        return 2
    faults = Faults()
    met = {"export": 0, "case": 0}
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as two:
        bench = Bench(Path(one))
        files = CaseFiles(Path(two), bench.case)
        turn = 0
        while sum(met.values()) < arguments.faults and turn < 20 * arguments.faults:
            point = POINTS[turn % len(POINTS)]
            turn += 1
            told = False
            with faults.at(*point):
                try:
                    bench.save()
                except OutputError:
                    told = True
            bench.judge(told=told)
            met["export"] += told
            met["case"] += files.save(faults, point)
    result = {
        "saves_tried": bench.tried + files.tried,
        "saves_that_met_a_fault": met,
        "data_lost": bench.lost + files.lost,
        "half_results": bench.half,
        "failures_untold": bench.untold + files.wrong,
        "saved_whole_all_the_same": bench.saved,
        "stale_files": bench.stale + files.stale,
    }
    print(json.dumps(result))
    good = not (result["data_lost"] or result["half_results"] or result["failures_untold"])
    return 0 if good and sum(met.values()) >= arguments.faults else 1


if __name__ == "__main__":
    sys.exit(main())
