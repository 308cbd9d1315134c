"""What the window's tests work with: small films, and the program in a test's hands."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pytestqt.qtbot import QtBot

from app.assembly import Assembly
from app.canvas import Canvas
from app.session import Session
from app.window import Window
from engine.case import Case
from engine.geometry import BoxPrompt
from tests.phantom import dicom_film, thorax, write_film

RIGHT_BOX = BoxPrompt(8, 10, 38, 80)
LEFT_BOX = BoxPrompt(42, 10, 74, 80)


def film(path: Path, **options: object) -> Path:
    """Write a small chest film."""
    number = int(str(options.pop("number", 0)))
    values = thorax()
    values[0, 0] += number % 7  # so that no two films hash alike
    return write_film(path, dicom_film(values, **options))  # type: ignore[arg-type]


@dataclass
class Room:
    """The program in a test's hands."""

    assembly: Assembly
    qtbot: QtBot

    @property
    def session(self) -> Session:
        return self.assembly.session

    @property
    def window(self) -> Window:
        return self.assembly.window

    @property
    def canvas(self) -> Canvas:
        return self.assembly.window.canvas

    @property
    def case(self) -> Case:
        case = self.session.case
        assert case is not None
        return case

    def wait(self, condition: Callable[[], bool]) -> None:
        self.qtbot.waitUntil(condition, timeout=60_000)

    def settle(self) -> None:
        self.wait(lambda: not self.session.pending and not self.session.jobs.busy)

    def open(self, *paths: Path) -> None:
        self.window.open_paths(list(paths))
        self.wait(lambda: self.session.reading is not None and self.session.reading.film.path == paths[0])
        self.settle()

    def box(self, box: BoxPrompt) -> None:
        self.session.draw_box(box)
        self.settle()
