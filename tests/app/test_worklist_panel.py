"""What a line of the worklist says of a film."""

from pathlib import Path

from PySide6.QtCore import QRect
from PySide6.QtGui import QFontMetrics, QImage, QPainter
from pytestqt.qtbot import QtBot

from app import painting
from app.films import Entry
from app.worklist_panel import EntryDelegate, WorklistModel, caption
from tests.app.room import Room

_FILM = Entry(Path("a.dcm"), view="PA", taken="2026-01-01 12:00", patient="Doe^Jane")


def drawn_words(room: Room, width: int) -> list[str]:
    """Return what the words of a line are, as wide as it is."""
    words: list[str] = []

    class Watched(QPainter):
        def drawText(self, *arguments: object) -> None:  # type: ignore[override]
            words.append(str(arguments[-1]))

    canvas = QImage(400, 100, QImage.Format.Format_RGB32)
    model = room.window.worklist_panel.model
    assert isinstance(model, WorklistModel)
    painter = Watched(canvas)
    delegate = EntryDelegate()
    delegate._draw_words(painter, QRect(0, 0, width, 60), room.window.font(), _FILM, model.index(0, 0), current=False)
    painter.end()
    return words


def test_a_date_that_fits_without_its_hour_is_shown_without_it(room: Room) -> None:
    small = QFontMetrics(painting.sized(room.window.font(), 0.88))
    wide = small.horizontalAdvance(caption(_FILM, 0)) + 2
    assert "PA  2026-01-01 12:00" in drawn_words(room, wide)
    assert "PA  2026-01-01" in drawn_words(room, wide - 8)


def test_a_film_that_says_nothing_has_its_place(qtbot: QtBot) -> None:
    assert caption(Entry(Path("a.png")), 6) == "# 7"
    assert caption(Entry(Path("a.png")), 6, hour=False) == "# 7"
