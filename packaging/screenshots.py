"""Pictures of the window for README and docs, from the demo film: `python packaging/screenshots.py [FOLDER]`.

Every picture is of the real program: the bundled model answers, and the measurements are those of its answer.
QT_SCALE_FACTOR sets the sharpness; the states are the same.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pydicom
from numpy.typing import NDArray
from PySide6.QtWidgets import QApplication, QWidget

# Run as a file: a package called packaging is already installed nearly everywhere.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import resources


def main() -> int:
    """Write the pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, default=Path("docs/screenshots"))
    parser.add_argument("--only", help="one picture by its name")
    arguments = parser.parse_args()
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    home = tempfile.TemporaryDirectory(prefix="lungbox-pictures-", ignore_cleanup_errors=True)
    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME"):
        os.environ[name] = home.name
    arguments.folder.mkdir(parents=True, exist_ok=True)
    with home:
        return _take(arguments.folder, arguments.only)


def _take(folder: Path, only: str | None) -> int:
    from app.__main__ import start
    from app.dialogs import SettingsDialog
    from app.display import PresetKind
    from app.films import load_film
    from app.gestures import GESTURES
    from app.histogram import HistogramDialog
    from app.settings import Settings
    from app.shortcut_dialogs import ShortcutSheet
    from app.shortcuts import bindings
    from benchmarks.watching import wait as pause
    from engine.case import Line
    from engine.geometry import BoxPrompt

    application = QApplication(sys.argv[:1])
    assembly = start(application, [], argparse.Namespace(checkpoint=None, device=None, no_demo=False))
    session, window = assembly.session, assembly.window
    window.resize(1440, 900)

    def wait(done: Callable[[], bool]) -> None:
        limit = time.monotonic() + 120
        while not done():
            if time.monotonic() > limit:
                raise SystemExit("the window did not come so far")
            pause(20)

    def settled() -> bool:
        return not session.pending and not session.jobs.busy

    def picture(name: str, widget: QWidget | None = None) -> None:
        if only is None or only == name:
            wait(settled)
            pause(150)
            path = folder / f"{name}.png"
            (widget or window).grab().save(str(path))
            print(path)

    wait(lambda: session.reading is not None and settled())
    picture("tour")
    for tour in window.canvas.findChildren(QWidget, "tour"):
        tour.hide()
    # A box that waits for the model, or for its self-test behind the film, tells nothing of how long a box takes.
    wait(lambda: session.encoder.status.encode_ms is not None)
    pause(2000)
    session.both_lungs()
    wait(settled)
    picture("main")
    case = session.case
    assert case is not None
    film = case.radiograph
    for finding in case.findings:
        bounds = finding.mask.bounds()
        assert bounds is not None
        margin = film.columns * 0.012
        session.draw_box(
            BoxPrompt(bounds.x0 - margin, bounds.y0 - margin, bounds.x1 + margin, bounds.y1 + margin).clipped(
                film.rows, film.columns
            )
        )
        wait(settled)
    picture("boxes")
    rows = window.findings_panel.table
    for row in range(rows.model().rowCount()):
        if rows.model().index(row, 0).data() == "Thoracic diameter":
            rows.selectRow(row)
    picture("measured-how")
    rows.clearSelection()
    window.canvas.show_evidence(())
    session.take("callipers")
    session.edit.place_callipers()
    wait(settled)
    picture("callipers")
    session.undo()
    session.take("distance")
    session.edit.set_distances((Line(film.columns * 0.42, film.rows * 0.3, film.columns * 0.58, film.rows * 0.3),))
    session.lightbox.preset_named(PresetKind.LUNG)
    session.lightbox.hide_identity(hidden=True)
    picture("names-hidden")
    window.actions_by_name["uncertainty"].trigger()
    session.take("box")
    wait(settled)
    picture("uncertainty")
    picture("shortcuts", _shown(ShortcutSheet(bindings("chest", ()), GESTURES["chest"], window)))
    picture("settings", _shown(SettingsDialog(Settings(), window)))
    picture("histogram", _shown(HistogramDialog(session.lightbox, window)))
    with tempfile.TemporaryDirectory(prefix="lungbox-pictures-") as films:
        earlier, lying = _earlier(Path(films)), _lying(Path(films))
        window.open_paths([resources.path("demo/demo.dcm")])
        session.lightbox.hide_identity(hidden=False)
        session.lightbox.show_uncertainty(on=False)
        session.lightbox.reset()
        session.edit.set_distances(())
        window.comparing.show(load_film(earlier))
        wait(settled)
        window.comparing.outline()
        wait(lambda: bool(window.comparing.changes))
        picture("prior")
        window.comparing.clear()
        window.open_paths([lying])
        wait(lambda: session.reading is not None and session.reading.film.path == lying)
        session.both_lungs()
        wait(lambda: settled() and session.doubt.likeness is not None)
        if not session.doubt.doubtful:
            raise SystemExit("the film that lies on its side is not doubted")
        picture("doubted")
    session.readings.discard_unsaved()
    assembly.close()
    return 0


def _earlier(folder: Path) -> Path:
    """Write the demo film as if taken a year before, with smaller lungs: the same chest, breathed in less."""
    dataset = pydicom.dcmread(resources.path("demo/demo.dcm"))
    dataset.decompress()
    pixels = dataset.pixel_array
    rows, columns = pixels.shape
    less = np.array([[0.97, 0, 0.015 * columns], [0, 0.93, 0.02 * rows]])
    pixels = cv2.warpAffine(pixels, less, (columns, rows), borderMode=cv2.BORDER_REPLICATE)
    dataset.StudyDate = "20250108"
    return _saved(dataset, pixels, folder / "earlier.dcm")


def _lying(folder: Path) -> Path:
    """Write the demo film on its side under a header that says upright, as happens."""
    dataset = pydicom.dcmread(resources.path("demo/demo.dcm"))
    dataset.decompress()
    return _saved(dataset, np.rot90(dataset.pixel_array), folder / "lying.dcm")


def _saved(dataset: pydicom.Dataset, pixels: NDArray[np.generic], path: Path) -> Path:
    dataset.Rows, dataset.Columns = pixels.shape
    dataset.PixelData = np.ascontiguousarray(pixels).tobytes()
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = pydicom.uid.generate_uid(
        entropy_srcs=[path.name]
    )
    dataset.save_as(path)
    return path


def _shown(dialog: QWidget) -> QWidget:
    dialog.show()
    return dialog


if __name__ == "__main__":
    raise SystemExit(main())
