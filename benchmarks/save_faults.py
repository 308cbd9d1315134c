"""Faults injected into saving results, counted: every write, sync and rename failed once, full disks, kill -9.

    python benchmarks/save_faults.py [--kills 300]

Before each fault a result lies in the folder. After it that result must be byte for byte as it was, and the new one
whole (every file by its hash, every mask read back) or absent. Prints one JSON line; exits 1 when anything was lost.
"""

import argparse
import contextlib
import errno
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from engine.case import Case, Finding, Making, Structure
from engine.errors import OutputError
from engine.film.radiograph import Radiograph, Source
from engine.geometry import Spacing, SpacingOrigin
from engine.mask import Mask
from engine.measure import Measurements, measure
from engine.results.bundle import export, sweep_stale
from engine.results.check import check_bundle

KINDS = ("csv", "png", "nifti")
ERRORS = (errno.ENOSPC, errno.EIO, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EFBIG, errno.EINTR, errno.ENODEV)
STAMP = datetime(2026, 1, 1, tzinfo=UTC)


def case() -> Case:
    """Return a small case with two lungs."""
    rows, columns = 96, 81
    y, x = np.mgrid[:rows, :columns]
    film = Radiograph(
        ((x * 7 + y * 3) % 4096).astype(np.uint16),
        Source(Path("film.png"), "0" * 64, "1" * 64, "PNG"),
        12,
        spacing=Spacing(0.2, 0.2, SpacingOrigin.USER),
    )
    masks = [((x - center) / 17) ** 2 + ((y - 48) / 36) ** 2 < 1 for center in (22, 58)]
    sides = (Structure.RIGHT_LUNG, Structure.LEFT_LUNG)
    return Case(
        film, tuple(Finding(side, Mask.of(mask), Making.DRAWN) for side, mask in zip(sides, masks, strict=True))
    )


class Bench:
    """A folder with one good result in it, and the counts so far."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.case = case()
        self.measurements: Measurements = measure(self.case)
        self.good = export(self.case, self.measurements, folder, KINDS, pattern="good", made_at=STAMP).folder
        self.fingerprint = _fingerprint(self.good)
        self.tried = self.lost = self.half = self.saved = self.stale = self.untold = self.swept = 0

    def save(self, folder: Path | None = None) -> None:
        """Export once more, as `new`."""
        export(self.case, self.measurements, folder or self.folder, KINDS, pattern="new", made_at=STAMP)

    def judge(self, *, told: bool | None) -> None:
        """Look at the folder after a fault and clear it; `told` is whether the save said that it failed."""
        self.tried += 1
        if _fingerprint(self.good) != self.fingerprint:
            self.lost += 1
        new = self.folder / "new"
        if new.exists():
            checks = check_bundle(new, self.case.radiograph, None)
            if any(check.passed is False for check in checks):
                self.half += 1
            else:
                self.saved += 1
            shutil.rmtree(new)
        elif told is False:
            self.untold += 1
        left = [path for path in self.folder.iterdir() if path != self.good]
        if left and told is None:  # killed: what it left is swept when it is old
            self.swept += sweep_stale(self.folder, older_than_s=0)
            left = [path for path in self.folder.iterdir() if path != self.good]
        self.stale += len(left)
        for path in left:
            shutil.rmtree(path)


def _fingerprint(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()


def failing(
    names: tuple[str, ...], fails: Callable[[int], bool], number: int
) -> tuple[contextlib.ExitStack, list[str]]:
    """Patch os so that some calls fail; return what undoes it, and the list that grows by every call."""
    calls: list[str] = []

    def wrapped(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            calls.append(name)
            if fails(len(calls)):
                raise OSError(number, os.strerror(number))
            return real(*arguments, **options)

        return call

    stack = contextlib.ExitStack()
    for name in names:
        stack.enter_context(mock.patch.object(os, name, wrapped(name, getattr(os, name))))
    return stack, calls


def every_call(bench: Bench) -> None:
    """Fail the n-th write, sync, rename, open or mkdir, for every n and several errors; once, and from then on."""
    names = ("write", "fsync", "rename", "open", "mkdir")
    patch, calls = failing(names, lambda _: False, 0)
    with patch:
        bench.save()
    shutil.rmtree(bench.folder / "new")
    for number in ERRORS:
        for at in range(1, len(calls) + 1):
            for fails in (lambda n, at=at: n == at, lambda n, at=at: n >= at):
                patch, _ = failing(names, fails, number)
                told = False
                with patch:
                    try:
                        bench.save()
                    except OutputError:
                        told = True
                bench.judge(told=told)


def short_writes(bench: Bench) -> None:
    """Let every write take only a few bytes, as a nearly full or interrupted disk may: the save must still be whole."""
    real = os.write
    for most in (1 << 9, 1 << 11, 1 << 13):
        with mock.patch.object(os, "write", lambda fd, data, most=most: real(fd, bytes(data[:most]))):
            bench.save()
        bench.judge(told=False)


def small_limits(bench: Bench) -> None:
    """Limit the size of a file (EFBIG), in a child process."""
    import resource

    for limit in range(0, 36_000, 300):
        child = os.fork()
        if child == 0:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
            _exit_with_save(bench)
        _, status = os.waitpid(child, 0)
        bench.judge(told=os.waitstatus_to_exitcode(status) == 1)


def _exit_with_save(bench: Bench) -> None:
    try:
        bench.save()
    except OutputError:
        os._exit(1)
    except BaseException:  # noqa: BLE001 (the parent counts anything else as untold)
        os._exit(2)
    os._exit(0)


def kills(bench: Bench, count: int) -> None:
    """Kill a saving process at a random moment."""
    chance = random.Random(0)
    start = time.perf_counter()
    bench.save()
    lasts = time.perf_counter() - start
    shutil.rmtree(bench.folder / "new")
    for _ in range(count):
        child = os.fork()
        if child == 0:
            _exit_with_save(bench)
        time.sleep(chance.uniform(0.0, 1.3 * lasts))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        bench.judge(told=None)


_FULL_DISK = """
import sys, subprocess, pathlib
sys.path.insert(0, {root!r})
from benchmarks.save_faults import Bench
from engine.errors import OutputError
import json
counts = []
for kilobytes in range(48, 176, 4):
    place = pathlib.Path({place!r})
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={{kilobytes}}k", "tmpfs", str(place)], check=True)
    try:
        bench = Bench(place)
    except OutputError:
        subprocess.run(["umount", str(place)], check=True)
        continue
    told = False
    try:
        bench.save()
    except OutputError:
        told = True
    bench.judge(told=told)
    counts.append([bench.tried, bench.lost, bench.half, bench.saved, bench.stale, bench.untold])
    subprocess.run(["umount", str(place)], check=True)
print(json.dumps([sum(column) for column in zip(*counts)]))
"""


def full_disks(bench: Bench) -> int:
    """Fill real small disks (tmpfs in a private mount namespace); return how many, 0 where the system allows none."""
    with tempfile.TemporaryDirectory() as place:
        script = _FULL_DISK.format(root=str(Path(__file__).resolve().parents[1]), place=place)
        done = subprocess.run(
            ["unshare", "-rm", sys.executable, "-c", script], capture_output=True, text=True, check=False
        )
    if done.returncode != 0 or not done.stdout.strip():
        return 0
    tried, lost, half, saved, stale, untold = json.loads(done.stdout)
    bench.tried += tried
    bench.lost += lost
    bench.half += half
    bench.saved += saved
    bench.stale += stale
    bench.untold += untold
    return int(tried)


def main() -> int:
    """Run all and print the counts."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=300)
    arguments = parser.parse_args()
    counts: dict[str, int] = {}
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder))
        for name, run in (
            ("failed_calls", every_call),
            ("short_writes", short_writes),
            ("file_size_limits", small_limits),
            ("kills", lambda b: kills(b, arguments.kills)),
            ("full_disks", full_disks),
        ):
            before = bench.tried
            run(bench)
            counts[name] = bench.tried - before
        result = {
            "save_faults_tried": bench.tried,
            "data_lost": bench.lost,
            "half_results": bench.half,
            "failures_untold": bench.untold,
            "saved_whole_all_the_same": bench.saved,
            "stale_files": bench.stale,
            "staging_of_killed_saves_swept": bench.swept,
            **counts,
        }
    print(json.dumps(result))
    return 1 if bench.lost or bench.half or bench.untold or bench.stale else 0


if __name__ == "__main__":
    sys.exit(main())
