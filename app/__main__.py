"""`python -m app [FILE ...]`: builds every object of the window, wires them, and runs."""

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from logging.handlers import RotatingFileHandler
from pathlib import Path

import cv2
from PySide6.QtCore import QLibraryInfo, QTranslator
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication

import resources
from app.assembly import Assembly, assemble
from app.policy import load_policy, policy_path
from app.settings import folder, load_settings, settings_path
from app.theme import apply_theme
from app.wording import SentenceFile, language_of, translation_path
from engine.film.decoder import prewarm

NO_DISPLAY = 3  # exit code: nothing to show a window on


def main(argv: Sequence[str] | None = None) -> int:
    """Show the window until it is closed."""
    arguments = _parser().parse_args(argv)
    if not has_display():
        print("lungbox: no display; use `lungbox segment` for work without a window", file=sys.stderr)  # noqa: T201
        return NO_DISPLAY
    application = QApplication.instance()
    if not isinstance(application, QApplication):
        application = QApplication(["lungbox"])
    application.setApplicationName("Lungbox")
    application.setDesktopFileName("lungbox")
    start_log()
    prewarm()
    # OpenCV's own threads fight the model's for two cores, and no frame needs them.
    cv2.setNumThreads(2)
    assembly = start(application, [Path(name) for name in arguments.films], arguments)
    assembly.prove()
    code = application.exec()
    assembly.close()
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="lungbox-viewer", description="Outline and measure the lungs on a chest film."
    )
    parser.add_argument(
        "films", nargs="*", metavar="FILE", help="films, folders or .lungbox cases; the demo film if none"
    )
    parser.add_argument("--checkpoint", help="a model file instead of the bundled one")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), help="where the model runs")
    parser.add_argument("--no-demo", action="store_true", help="start with an empty window")
    return parser


def has_display() -> bool:
    """Return whether a window can be shown: Qt would abort the process if it cannot."""
    if not sys.platform.startswith("linux") or isinstance(QGuiApplication.instance(), QGuiApplication):
        return True
    platform = os.environ.get("QT_QPA_PLATFORM", "").split(":")[0]
    if platform and platform not in ("xcb", "wayland", "wayland-egl"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def start_log() -> None:
    """Write the log: kinds of errors and timings, never a name, a path or a pixel."""
    logger = logging.getLogger("lungbox")
    if logger.handlers:
        return
    logger.setLevel(logging.INFO)
    try:
        place = folder("log")
        place.mkdir(parents=True, exist_ok=True)
        handler: logging.Handler = RotatingFileHandler(place / "lungbox.log", maxBytes=1 << 20, backupCount=2)
    except OSError:
        handler = logging.NullHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logger.addHandler(handler)
    logger.propagate = False


def start(application: QApplication, films: list[Path], arguments: argparse.Namespace | None = None) -> Assembly:
    """Build the window and open the first films."""
    policy = load_policy(policy_path())
    chosen, broken = load_settings(settings_path(), policy.settings)
    settings = policy.applied(chosen)
    language = language_of(settings.language)
    if language != "en":
        sentences = SentenceFile(translation_path(language), application)
        application.installTranslator(sentences)
        own = QTranslator(application)
        if own.load(f"qtbase_{language}", QLibraryInfo.path(QLibraryInfo.LibraryPath.TranslationsPath)):
            application.installTranslator(own)
    apply_theme(application, settings.text_scale)
    assembly = assemble(settings, settings_path(), application, policy)
    if broken:
        assembly.say_settings_broken()
    if policy.faults:
        assembly.say_policy_broken()

    def wanted(name: str) -> str:
        said = None if name in policy.locked else getattr(arguments, name, None)
        return str(said or getattr(settings, name))

    checkpoint = wanted("checkpoint")
    assembly.begin(Path(checkpoint) if checkpoint else None, wanted("device"))
    assembly.window.show()
    demo = resources.path("demo/demo.dcm")
    if not films and not getattr(arguments, "no_demo", False) and demo.exists():
        films = [demo]
    shown_demo = films == [demo]
    recovering = assembly.offer_recovery()
    if films and not (recovering and shown_demo):
        assembly.window.open_paths(films, add=recovering)
        if shown_demo and not settings.tour_done:
            assembly.begin_tour()
    return assembly


if __name__ == "__main__":
    raise SystemExit(main())
