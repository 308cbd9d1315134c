"""A thousand films opened one after another through the real window, and what stays in memory of them.

    python -m benchmarks.leak [FOLDER...] [--loads 1000]

Worklists of ten films each, of the FOLDERs or simulated, under ever new paths, are opened and gone through as in a
week's work; on every fifth film both lungs are outlined, edited and undone, and half of those are saved. Prints one
JSON line: growth per 100 loads of resident memory (of the window's process, and of its children together), of what
native code has allocated and not freed, of Python's objects and of Qt's, by a line fitted to what was measured after
the warm-up. Resident memory moves by a megabyte as the allocator pleases; what is allocated shows a leak of bytes. The
exit code is 0 when no memory grew by more than 0.1 MB per 100 loads.
"""

import argparse
import contextlib
import ctypes
import gc
import json
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from PySide6.QtCore import QEvent, QObject
from PySide6.QtWidgets import QApplication

from app.assembly import Assembly
from benchmarks.watching import wait

_WARM_UP = 0.3  # of all loads: caches fill
_LIST = 10  # films a worklist
_EVERY = 20  # loads between two samples
_ALLOWED_MB_PER_100 = 0.1
_PATIENCE_S = 120
_M_MMAP_THRESHOLD = -3  # malloc.h


def main() -> int:
    """Open the films."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="*", metavar="FOLDER")
    parser.add_argument("--loads", type=int, default=1000)
    parser.add_argument("--films", type=int, default=12, help="different films")
    arguments = parser.parse_args()
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    home = tempfile.TemporaryDirectory(prefix="lungbox-leak-", ignore_cleanup_errors=True)
    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME", "XDG_DOCUMENTS_DIR"):
        os.environ[name] = home.name
    with home:
        return _run(arguments, Path(home.name))


@dataclass(frozen=True, slots=True)
class _Sample:
    """What is in memory after so many loads."""

    loads: int
    mb: float
    children_mb: float
    allocated_mb: float
    objects: int
    qobjects: int

    @staticmethod
    def now(loads: int, application: QApplication) -> "_Sample":
        QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
        gc.collect()
        _give_back()
        windows = [one for one in application.topLevelWidgets() if one.parent() is None]
        qobjects = sum(len(one.findChildren(QObject)) for one in (application, *windows))
        return _Sample(loads, _resident_mb(), _children_mb(), _allocated_mb(), len(gc.get_objects()), qobjects)


def _kinds() -> Counter[str]:
    """Return how many objects of each type Python's collector knows. Not for every sample: they take a megabyte."""
    return Counter(f"{type(one).__module__}.{type(one).__qualname__}" for one in gc.get_objects())


def _keep_apart() -> None:
    """Have large arrays lie in mappings of their own: glibc else moves that limit up, and leaves holes of megabytes."""
    _malloc("mallopt", _M_MMAP_THRESHOLD, 256 << 10)


def _give_back() -> None:
    """Have the allocator return what it holds for later: that is no leak, and more than a tenth of a megabyte."""
    _malloc("malloc_trim", 0)


def _malloc(name: str, *values: int) -> None:
    """Call glibc's allocator, where there is one."""
    function = _of_glibc(name)
    if function is not None:
        function(*values)


def _of_glibc(name: str) -> Any:
    """Return a function of glibc's; None where there is none."""
    return getattr(ctypes.CDLL(None), name, None) if sys.platform.startswith("linux") else None


class _MallInfo(ctypes.Structure):
    """glibc's struct mallinfo2 (malloc.h)."""

    _fields_ = [
        (name, ctypes.c_size_t)
        for name in (
            "arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost"
        )
    ]  # fmt: skip


def _allocated_mb() -> float:
    """Return what glibc's allocator has given out, in its heaps and in mappings; 0 where there is no such allocator."""
    function = _of_glibc("mallinfo2")
    if function is None:
        return 0.0
    function.restype = _MallInfo
    info = function()
    return float(info.uordblks + info.hblkhd) / 1e6


def _resident_mb() -> float:
    return float(psutil.Process().memory_info().rss) / 1e6


def _children_mb() -> float:
    """Return what the processes of the model and of the decoder hold: a leak of theirs is one, too."""
    found = 0.0
    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            found += child.memory_info().rss / 1e6
    return found


def _films(arguments: argparse.Namespace, home: Path) -> list[Path]:
    from app.films import films_in
    from tests.phantom import dicom_film, thorax, write_film

    if not arguments.folders:
        sides = range(1000, 1000 + 8 * arguments.films, 8)
        return [write_film(home / f"film-{side}.dcm", dicom_film(thorax(side, side))) for side in sides]
    found = [path for path in films_in(arguments.folders) if not path.name.endswith(".mask.png")]
    return found[:: max(len(found) // arguments.films, 1)][: arguments.films]


def _run(arguments: argparse.Namespace, home: Path) -> int:
    from app.__main__ import start, start_log
    from app.settings import Settings, save_settings, settings_path
    from engine.film.decoder import prewarm

    _keep_apart()
    application = QApplication(sys.argv[:1])
    start_log()
    prewarm()
    # Nothing of the films on disk: the cache of encoded films is bounded by a setting, and has tests of its own.
    save_settings(settings_path(), Settings(export_on_accept=False, next_after_accept=False, embeddings_disk_mb=0))
    films = _films(arguments, home)
    assembly = start(application, [], argparse.Namespace(checkpoint=None, device="cpu", no_demo=True))
    begun = time.monotonic()
    samples = [_Sample.now(0, application)]
    warm: Counter[str] | None = None
    for first in range(0, arguments.loads, _LIST):
        folder = home / f"list-{first}"
        folder.mkdir()
        for number in range(first, first + _LIST):
            source = films[number % len(films)]
            (folder / f"{number:06}{source.suffix}").symlink_to(source.absolute())
        assembly.window.open_paths([folder])
        for place, path in enumerate(sorted(folder.iterdir())):
            if place:
                assembly.session.worklist.step(1)
            _until(lambda path=path: _is_open(assembly, path))  # type: ignore[misc]
            if place % 5 == 4:
                _work(assembly, saved=place == _LIST - 1)
        if (first + _LIST) % _EVERY == 0:
            samples.append(_Sample.now(first + _LIST, application))
            if warm is None and first + _LIST >= arguments.loads * _WARM_UP:
                warm = _kinds()
    more = _kinds()
    more.subtract(warm or more)
    print(json.dumps(_report(arguments, samples, more, len(films), time.monotonic() - begun, assembly)))
    assembly.session.readings.discard_unsaved()
    assembly.close()
    places = ("mb", "children_mb", "allocated_mb")
    grew = any(_per_100(_warm(samples), where) > _ALLOWED_MB_PER_100 for where in places)
    return int(grew or bool(assembly.parts.faults.unhandled))


def _report(
    arguments: argparse.Namespace,
    samples: list[_Sample],
    more: Counter[str],
    films: int,
    seconds: float,
    assembly: Assembly,
) -> dict[str, object]:
    warm = _warm(samples)
    loads = warm[-1].loads - warm[0].loads
    some = samples[:: max(len(samples) // 10, 1)]
    return {
        "loads": arguments.loads,
        "films": films,
        "seconds": round(seconds),
        "mb_at": {sample.loads: round(sample.mb, 1) for sample in some},
        "children_mb_at": {sample.loads: round(sample.children_mb, 1) for sample in some},
        "MB_per_100_loads": round(_per_100(warm, "mb"), 3),
        "children_MB_per_100_loads": round(_per_100(warm, "children_mb"), 3),
        "allocated_MB_per_100_loads": round(_per_100(warm, "allocated_mb"), 4),
        "objects_per_100_loads": round(_per_100(warm, "objects"), 1),
        "qobjects_per_100_loads": round(_per_100(warm, "qobjects"), 2),
        "grown_per_100_loads": {kind: round(n * 100 / loads, 1) for kind, n in more.most_common(12) if n > 2},
        "unhandled": assembly.parts.faults.unhandled,
    }


def _warm(samples: list[_Sample]) -> list[_Sample]:
    return [sample for sample in samples if sample.loads >= samples[-1].loads * _WARM_UP]


def _per_100(samples: list[_Sample], name: str) -> float:
    """Return the slope of a straight line through the samples, per 100 loads."""
    loads = np.array([sample.loads for sample in samples], dtype=np.float64)
    values = np.array([getattr(sample, name) for sample in samples], dtype=np.float64)
    return float(np.polyfit(loads, values, 1)[0]) * 100


def _is_open(assembly: Assembly, path: Path) -> bool:
    session = assembly.session
    return session.reading is not None and session.reading.film.path == path and not session.jobs.busy


def _work(assembly: Assembly, *, saved: bool) -> None:
    session = assembly.session
    session.both_lungs()
    _until(lambda: not session.pending and not session.jobs.busy)
    session.edit.smooth()
    session.undo()
    if saved and session.reading is not None:
        session.files.save(session.reading.film.path.with_suffix(".lungbox"))
    _until(lambda: not session.jobs.busy)


def _until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + _PATIENCE_S
    while not condition():
        if time.monotonic() > end:
            print("no answer", file=sys.stderr, flush=True)
            raise TimeoutError
        wait(2)


if __name__ == "__main__":
    raise SystemExit(main())
