"""What a line of the worklist says of a film."""

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QRect
from PySide6.QtGui import QFontMetrics, QImage, QPainter
from pytestqt.qtbot import QtBot

from app import painting
from app.films import Entry
from app.theme import colour
from app.worklist_panel import EntryDelegate, WorklistModel, caption
from tests.app.room import Room, film

MakeRoom = Callable[..., Room]
_FILM = Entry(Path("a.dcm"), view="PA", taken="2026-01-01 12:00", patient="Doe^Jane")


def drawn_words(room: Room, width: int, row: int = 0, entry: Entry = _FILM) -> list[str]:
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
    delegate._draw_words(painter, QRect(0, 0, width, 60), room.window.font(), entry, model.index(row, 0), current=False)
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


def test_the_films_of_a_study_hang_together_under_one_name(make_room: MakeRoom, tmp_path: Path) -> None:
    for number, study in enumerate(("1.2.3.1", "1.2.3.1", "1.2.3.2")):
        film(tmp_path / f"{number}.dcm", number=number, StudyInstanceUID=study, PatientName="Doe^Jane")
    room = make_room(tmp_path)
    panel = room.window.worklist_panel
    room.wait(lambda: all(entry.thumbnail is not None for entry in room.session.worklist.entries))
    entries = room.session.worklist.entries
    named = ["Doe, Jane" in drawn_words(room, 300, row, entry) for row, entry in enumerate(entries)]
    assert named == [True, False, True]
    picture = panel.list.viewport().grab().toImage()
    lines = [panel.list.visualRect(panel.filter.index(row, 0)) for row in range(3)]
    bar = [picture.pixelColor(line.left() + 1, line.center().y()) == colour("muted") for line in lines]
    assert bar == [True, True, False]
    assert picture.pixelColor(lines[0].left() + 1, lines[0].bottom()) == colour("muted")  # without a gap
    assert panel.model.index(1, 0).data().startswith("Doe, Jane")  # what is read aloud and searched keeps it
