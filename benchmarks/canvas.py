"""How long a frame of the canvas takes, through the real widget, on a film of 4280 x 3520 pixels of 16 bits.

    python -m benchmarks.canvas [--frames 200] [--width 1400 --height 1000] [--scale 1]

A frame is everything from the pointer's step to the finished paint event: grey table, resampling, masks, words. Prints
one JSON line a scene. Wall time is what the reader feels; processor time is what the frame costs on a busy machine.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from engine.film.radiograph import Radiograph, Source


def main() -> int:
    """Time window drags, pans and zooms, with and without masks."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=200)
    parser.add_argument("--width", type=int, default=1400)
    parser.add_argument("--height", type=int, default=1000)
    parser.add_argument("--scale", type=float, default=1.0, help="device pixels per logical pixel")
    arguments = parser.parse_args()
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    os.environ["QT_SCALE_FACTOR"] = str(arguments.scale)
    home = tempfile.TemporaryDirectory(prefix="lungbox-bench-")
    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME"):
        os.environ[name] = home.name
    with home:
        return _run(arguments, Path(home.name))


def _run(arguments: argparse.Namespace, home: Path) -> int:
    from PySide6.QtTest import QTest
    from PySide6.QtWidgets import QApplication

    from app.assembly import assemble
    from app.display import grey_range, presets_for
    from app.films import Film
    from app.rendering import build_pyramid
    from app.settings import Settings
    from app.theme import apply_theme
    from engine.case import Finding, Making, Structure
    from engine.mask import Mask

    application = QApplication(sys.argv[:1])
    apply_theme(application, 1.0)
    assembly = assemble(Settings(), home / "settings.json", application)
    canvas, session, box = assembly.window.canvas, assembly.session, assembly.session.lightbox
    canvas.setParent(None)
    canvas.resize(arguments.width, arguments.height)
    canvas.show()
    if not QTest.qWaitForWindowExposed(canvas):
        raise SystemExit("the canvas was never shown")
    radiograph = _film()
    film = Film(radiograph, build_pyramid(radiograph), presets_for(radiograph), grey_range(radiograph))
    assembly.parts.encoder.encode = lambda *_, **__: None  # type: ignore[method-assign]
    session._opened(film)
    rows, columns = radiograph.rows, radiograph.columns

    def measure(name: str, step: Callable[[int], None]) -> None:
        wall, own = [], []
        for number in range(arguments.frames + 20):
            begun, spent = time.perf_counter(), time.thread_time()
            step(number)
            canvas.repaint()
            if number >= 20:
                wall.append((time.perf_counter() - begun) * 1e3)
                own.append((time.thread_time() - spent) * 1e3)
        print(
            json.dumps(
                {
                    "scene": name,
                    "frames": len(wall),
                    "p50_ms": round(statistics.median(wall), 2),
                    "p95_ms": round(sorted(wall)[int(len(wall) * 0.95)], 2),
                    "cpu_p50_ms": round(statistics.median(own), 2),
                    "cpu_p95_ms": round(sorted(own)[int(len(own) * 0.95)], 2),
                    "device_pixels": [int(arguments.width * arguments.scale), int(arguments.height * arguments.scale)],
                }
            )
        )

    def drag(number: int) -> None:
        box.drag_window(3 if number % 80 < 40 else -3, 2 if number % 60 < 30 else -2)

    def pan(number: int) -> None:
        box.pan(4 if number % 80 < 40 else -4, 3 if number % 60 < 30 else -3)

    def zoom(number: int) -> None:
        box.zoom(1.05 if number % 40 < 20 else 1 / 1.05, 500, 400)

    def scenes(suffix: str) -> None:
        box.fit()
        measure(f"window drag, fitted{suffix}", drag)
        box.actual_size(700, 500, arguments.scale)
        measure(f"window drag, 1:1{suffix}", drag)
        measure(f"pan, 1:1{suffix}", pan)
        box.fit()
        measure(f"zoom{suffix}", zoom)

    scenes("")
    y, x = np.mgrid[0:rows, 0:columns]
    case = session.case
    assert case is not None
    for structure, centre in ((Structure.RIGHT_LUNG, 0.3), (Structure.LEFT_LUNG, 0.7)):
        wavy = 1 + 0.05 * np.sin(y / 37.0)
        inside = ((x / columns - centre) / 0.16) ** 2 + ((y / rows - 0.5) / 0.36) ** 2 < wavy
        case = case.with_finding(Finding(structure, Mask.of(inside), Making.MODEL))
    session.do(replace(case), "box")
    scenes(", two lungs")
    assembly.parts.jobs.close()
    assembly.session.readings.discard_unsaved()
    assembly.close()
    return 0


def _film() -> Radiograph:
    y, x = np.mgrid[0:4280, 0:3520].astype(np.float32)
    grey = 30000 + 20000 * np.sin(x / 400) * np.cos(y / 500) + 4000 * np.sin(x / 7) * np.sin(y / 9)
    stored = (grey + np.random.default_rng(1).normal(0, 300, grey.shape)).clip(0, 65535).astype(np.uint16)
    return Radiograph(stored, Source(Path("bench.dcm"), "0" * 64, "0" * 64, "DICOM"), bits_stored=16)


if __name__ == "__main__":
    raise SystemExit(main())
