"""How long the reader waits for a mask, through the real window and the bundled model.

    python -m benchmarks.latency [--boxes 40] [--size 2000] [--film FILE]

Prints one JSON line a figure. "box": from the mouse button's release to the end of the paint event that first shows the
mask; its peer in the same run is the bare engine in this process, decoder and naming alone, on the same box. "first":
from asking for a film to the painted mask of a box that was drawn as soon as the film was on screen; `first_ms` is the
first film after the start. "event loop": the longest that the event loop was away while all that went on. Settings and
caches are in a folder of the run's own, so that its start compiles the model.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from app.assembly import Assembly

ROOT = Path(__file__).resolve().parents[1]
DEMO = ROOT / "resources" / "demo" / "demo.dcm"


def main() -> int:
    """Measure both waits."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--boxes", type=int, default=40)
    parser.add_argument("--films", type=int, default=8, help="openings of a film (default: %(default)s)")
    parser.add_argument("--size", type=int, default=2000, help="side of the opened film (default: %(default)s)")
    arguments = parser.parse_args()
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    home = tempfile.TemporaryDirectory(prefix="lungbox-bench-")
    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME"):
        os.environ[name] = home.name
    with home:
        return _run(arguments, Path(home.name))


class _Painted:
    """Tells when the canvas has painted a case with something in it."""

    def __init__(self, assembly: "Assembly") -> None:
        from PySide6.QtWidgets import QApplication

        self._assembly, self._events = assembly, QApplication.processEvents
        self.longest_gap_s = 0.0  # that the event loop was away, of all waits

    def wait(self, done: Callable[[], bool], seconds: float = 60.0) -> float:
        """Run the event loop until something holds, then paint; return when that was done."""
        give_up = time.perf_counter() + seconds
        while not done():
            if time.perf_counter() > give_up:
                raise SystemExit("no answer within a minute")
            turn = time.perf_counter()
            self._events()
            self.longest_gap_s = max(self.longest_gap_s, time.perf_counter() - turn)
            time.sleep(0.0002)  # the model's thread wants the interpreter too
        self._assembly.window.canvas.repaint()
        return time.perf_counter()


def _run(arguments: argparse.Namespace, home: Path) -> int:
    from PySide6.QtWidgets import QApplication

    from app.assembly import assemble
    from app.settings import Settings
    from app.theme import apply_theme

    application = QApplication(sys.argv[:1])
    apply_theme(application, 1.0)
    assembly = assemble(Settings(tour_done=True), home / "settings.json", application)
    session, window = assembly.session, assembly.window
    window.resize(1400, 900)
    window.show()
    painted = _Painted(assembly)
    began = time.perf_counter()
    assembly.parts.encoder.start(None, "cpu")
    painted.wait(lambda: not session.jobs.busy)
    _say("start", model_ready_ms=(time.perf_counter() - began) * 1e3, backend=session.encoder.status.backend)
    painted.longest_gap_s = 0.0  # the window's first layout is no answer to anything
    _first(arguments, assembly, painted, home)
    _boxes(arguments, assembly, painted)
    _say("event loop", longest_gap_ms=painted.longest_gap_s * 1e3)
    session.readings.discard_unsaved()
    assembly.close()
    return 0


def _first(arguments: argparse.Namespace, assembly: "Assembly", painted: _Painted, home: Path) -> None:
    import cv2

    from engine.film.reading import read_radiograph

    session, waits, shown = assembly.session, [], []
    demo = read_radiograph(DEMO).stored
    side = arguments.size
    rows = np.linspace(0, demo.shape[0] - 1, side).round().astype(int)
    columns = np.linspace(0, demo.shape[1] - 1, side).round().astype(int)
    film = np.ascontiguousarray(demo[np.ix_(rows, columns)].astype(np.uint16))
    for number in range(arguments.films):
        film[0, 0] = number  # no two films hash alike
        path = home / f"{number}.png"
        path.write_bytes(cv2.imencode(".png", film)[1].tobytes())
        begun = time.perf_counter()
        assembly.window.open_paths([path])
        shown.append(painted.wait(lambda path=path: _is_open(assembly, path)) - begun)  # type: ignore[misc]
        _drag(assembly, (0.08, 0.1, 0.5, 0.85))
        waits.append(painted.wait(lambda: bool(session.case and session.case.findings)) - begun)
        painted.wait(lambda: not session.jobs.busy)
    on_screen = statistics.median(shown) * 1e3
    _say("first", size=side, first_ms=waits[0] * 1e3, **_summary(waits), film_on_screen_ms=on_screen)


def _boxes(arguments: argparse.Namespace, assembly: "Assembly", painted: _Painted) -> None:
    from app.prompting import answered
    from engine.geometry import Prompts
    from engine.segmenter import load_segmenter

    session = assembly.session
    assembly.window.open_paths([DEMO])
    painted.wait(lambda: _is_open(assembly, DEMO) and not session.jobs.busy)
    case = session.case
    assert case is not None
    segmenter = load_segmenter(device="cpu")
    segmenter.warm_up()
    embedding = segmenter.embed(case.radiograph)
    waits, bare = [], []
    rng = np.random.default_rng(7)
    for _ in range(arguments.boxes):
        shift = rng.uniform(-0.02, 0.02, 4)
        corners = tuple((np.array((0.08, 0.1, 0.5, 0.85)) + shift).tolist())
        session.select(None)
        before = session.case
        begun = _drag(assembly, corners)
        waits.append(painted.wait(lambda before=before: session.case is not before) - begun)  # type: ignore[misc]
        painted.wait(lambda: not session.jobs.busy)
        assert session.case is not None
        finding = session.case.findings[-1]
        assert finding.prompts is not None
        prompts = Prompts(finding.prompts.box)
        begun = time.perf_counter()
        answered(segmenter, embedding, case.radiograph, prompts, None, "")
        bare.append(time.perf_counter() - begun)
    peer = {f"bare_engine_{name}": value for name, value in _summary(bare).items()}
    ratio = statistics.median(waits) / statistics.median(bare)
    _say("box", boxes=len(waits), **_summary(waits), **peer, ratio_of_medians=ratio)


def _is_open(assembly: "Assembly", path: Path) -> bool:
    reading = assembly.session.reading
    return reading is not None and reading.film.path == path


def _drag(assembly: "Assembly", corners: tuple[float, ...]) -> float:
    """Drag a box, given in shares of the film, with the mouse; return when the button was let go."""
    from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
    from PySide6.QtGui import QMouseEvent
    from PySide6.QtTest import QTest
    from PySide6.QtWidgets import QApplication

    canvas, case = assembly.window.canvas, assembly.session.case
    assert case is not None
    rows, columns = case.radiograph.rows, case.radiograph.columns
    viewport = assembly.parts.lightbox.viewport

    def at(x: float, y: float) -> QPoint:
        place = viewport.to_screen(x * columns, y * rows)
        return QPoint(round(place[0]), round(place[1]))

    left, nothing, plain = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier
    QTest.mousePress(canvas, left, pos=at(*corners[:2]))
    for share in (0.5, 1.0):  # QTest.mouseMove tells of no button held
        x, y = (corners[i] + share * (corners[i + 2] - corners[i]) for i in (0, 1))
        place = QPointF(at(x, y))
        there = canvas.mapToGlobal(place)
        QApplication.sendEvent(canvas, QMouseEvent(QEvent.Type.MouseMove, place, there, nothing, left, plain))
    begun = time.perf_counter()
    QTest.mouseRelease(canvas, left, pos=at(*corners[2:]))
    return begun


def _summary(seconds: list[float]) -> dict[str, float]:
    ordered = sorted(seconds)
    return {
        "p50_ms": statistics.median(ordered) * 1e3,
        "p95_ms": ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))] * 1e3,
    }


def _say(figure: str, **values: object) -> None:
    rounded = {name: round(value, 2) if isinstance(value, float) else value for name, value in values.items()}
    print(json.dumps({"figure": figure, **rounded}), flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
