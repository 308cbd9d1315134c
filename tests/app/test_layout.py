"""Nothing in the window is cut or lies on something else: in every language, and at every size of text."""

from collections.abc import Callable, Iterator
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, QRect, QRectF, QSize, Qt, QTranslator
from PySide6.QtGui import QFontMetrics, QImage, QPainter
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QApplication,
    QLabel,
    QScrollArea,
    QToolButton,
    QWidget,
)

from app import painting
from app.bar import Bar
from app.corners import Corner, draw_corners
from app.display import Corners
from app.films import Entry, load_film
from app.gestures import GESTURES
from app.shortcut_dialogs import ShortcutEditor, ShortcutSheet
from app.shortcuts import bindings
from app.theme import apply_theme, colour
from app.tour import Tour
from app.worklist_panel import EntryDelegate
from engine.case import Finding, Making, Structure
from engine.mask import Mask
from tests.app.room import LEFT_BOX, RIGHT_BOX, Room, film

MakeRoom = Callable[..., Room]
SCREENS = {1.0: QSize(1366, 768), 1.25: QSize(1280, 800), 1.5: QSize(1280, 800), 2.0: QSize(1280, 800)}


@pytest.fixture(autouse=True)
def _as_before(qapp: QApplication, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Take every translation off again, and the large text."""
    installed: list[QTranslator] = []
    install = QApplication.installTranslator

    def note(translator: QTranslator) -> bool:
        installed.append(translator)
        return install(translator)

    monkeypatch.setattr(QApplication, "installTranslator", staticmethod(note))
    yield
    for translator in installed:
        qapp.removeTranslator(translator)
    apply_theme(qapp, 1.0)


@pytest.fixture(params=["en", "de"])
def read(request: pytest.FixtureRequest, make_room: MakeRoom, tmp_path: Path) -> Room:
    """Return a room with a film read, in every language."""
    return _read(make_room, tmp_path, request.param, 1.0)


@pytest.fixture
def german(make_room: MakeRoom, tmp_path: Path) -> Room:
    """Return one in the language of long words."""
    return _read(make_room, tmp_path, "de", 1.0)


def _read(make_room: MakeRoom, tmp_path: Path, language: str, scale: float) -> Room:
    room = make_room(film(tmp_path / "film.dcm", StudyTime="120000"), language=language, text_scale=scale)
    case = room.case
    for number, (structure, box) in enumerate(((Structure.RIGHT_LUNG, RIGHT_BOX), (Structure.LEFT_LUNG, LEFT_BOX))):
        pixels = np.zeros((case.radiograph.rows, case.radiograph.columns), dtype=bool)
        pixels[int(box.y0) : int(box.y1), int(box.x0) : int(box.x1)] = True
        finding = Finding(structure, Mask.of(pixels), Making.MODEL, tracking_uid=f"2.25.{number + 1}")
        case = case.with_finding(finding)
    room.session.do(case, "box")
    room.settle()
    room.wait(lambda: room.window.findings_panel.table_model.rowCount() > 0)
    return room


def _sizes(room: Room) -> Iterator[float]:
    """Set the text in every size, each in the smallest window that holds it."""
    application = QApplication.instance()
    assert isinstance(application, QApplication)
    for scale in SCREENS:
        apply_theme(application, scale)
        _narrow(room)
        yield scale


def _narrow(room: Room) -> None:
    """Make the window as small as it can be."""
    QTest.qWait(50)
    room.window.resize(room.window.minimumSize())
    QTest.qWait(50)


def _place(widget: QWidget, within: QWidget) -> QRect:
    return QRect(widget.mapTo(within, QPoint(0, 0)), widget.size())


def _shown(room: Room) -> list[QWidget]:
    window = room.window
    parts = [window.worklist_panel, window.canvas, window.findings_panel, window.status, window.findChildren(Bar)[0]]
    return [part for part in (*parts, window.prior) if part.isVisible()]


def _labels(room: Room) -> list[QLabel]:
    return [label for label in room.window.status.findChildren(QLabel) if label.text().strip()]


def _apart(room: Room) -> bool:
    """Return whether every part of the window is inside it and clear of the others."""
    window = room.window
    places = [_place(part, window) for part in _shown(room)]
    inside = all(window.rect().contains(place) for place in places)
    return inside and not any(one.intersects(other) for one, other in combinations(places, 2))


def test_no_part_of_the_smallest_window_lies_on_another_and_a_usual_screen_holds_it(read: Room, tmp_path: Path) -> None:
    for scale in _sizes(read):
        assert read.window.minimumSize().boundedTo(SCREENS[scale]) == read.window.minimumSize(), scale
        assert _apart(read), scale
    read.window.comparing.show(load_film(film(tmp_path / "prior.dcm", number=1)))
    read.settle()
    for scale in _sizes(read):
        assert read.window.prior.isVisible()
        assert read.window.minimumSize().boundedTo(SCREENS[scale]) == read.window.minimumSize(), scale
        assert _apart(read), scale


def test_a_window_that_starts_with_large_text_holds_it(make_room: MakeRoom, tmp_path: Path) -> None:
    room = _read(make_room, tmp_path, "de", 2.0)
    _narrow(room)
    assert _apart(room)
    least = room.window.minimumWidth()
    assert next(scale for scale in _sizes(room) if scale == 2.0)
    assert room.window.minimumWidth() == least


def test_the_notice_keeps_its_whole_place(read: Room) -> None:
    status = read.window.status
    notice = status._notice
    for scale in _sizes(read):
        for words in ("", "A remark that is longer than any window is wide. " * 9):
            status.say(words)
            for width in (read.window.minimumWidth(), 1440):
                read.window.resize(width, 800)
                QTest.qWait(20)
                place = _place(notice, read.window)
                assert place.right() < read.window.width(), scale
                assert place.width() >= QFontMetrics(notice.font()).horizontalAdvance(notice.text()), scale
                others = [_place(label, read.window) for label in _labels(read) if label is not notice]
                assert not any(place.intersects(other) for other in others), scale


def test_what_the_status_bar_cuts_is_whole_in_its_tool_tip(room: Room) -> None:
    status = room.window.status
    words = "A remark that is longer than any window is wide. " * 9
    status.say(words)
    room.window.resize(room.window.minimumWidth(), 700)
    QTest.qWait(20)
    label = next(label for label in _labels(room) if label.text() == words)
    assert QFontMetrics(label.font()).horizontalAdvance(words) > label.width() > 100
    assert label.toolTip() == words
    status.say("short")
    QTest.qWait(20)
    assert label.toolTip() == ""


def test_names_and_numbers_of_measurements_are_whole(read: Room) -> None:
    table = read.window.findings_panel.table
    model, header = table.model(), table.horizontalHeader()
    assert model.rowCount() > 10
    for scale in _sizes(read):
        metrics = QFontMetrics(table.font())
        line = metrics.height() + 8
        for row in range(model.rowCount()):
            name = model.index(row, 0).data().strip()
            width = sum(table.columnWidth(column) for column in range(table.columnSpan(row, 0))) - 14
            needed = metrics.boundingRect(QRect(0, 0, width, 9999), Qt.TextFlag.TextWordWrap, name)
            assert needed.width() <= width, (scale, name)
            assert (
                table.rowHeight(row)
                == round(needed.height() / metrics.lineSpacing() - 1) * metrics.lineSpacing() + line
            ), (scale, name)
        assert sum(table.columnWidth(column) for column in range(5)) <= table.viewport().width(), scale
        for column in range(1, 5):
            assert table.columnWidth(column) >= table.sizeHintForColumn(column), scale
            assert table.columnWidth(column) >= header.sectionSizeHint(column), scale


def test_names_that_fit_stand_on_one_line(make_room: MakeRoom, tmp_path: Path) -> None:
    room = _read(make_room, tmp_path, "en", 1.0)
    QTest.qWait(50)
    table = room.window.findings_panel.table
    heights = {table.rowHeight(row) for row in range(table.model().rowCount())}
    assert heights == {QFontMetrics(table.font()).height() + 8}


def test_buttons_hold_their_words(read: Room) -> None:
    panel, window = read.window.findings_panel, read.window
    buttons: list[QAbstractButton] = [panel.accept, panel.flag, *window.findChildren(QToolButton)]
    for scale in _sizes(read):
        for button in buttons:
            if button.isVisible():
                assert button.width() >= button.sizeHint().width(), (scale, button.text())
                assert button.height() >= button.sizeHint().height(), (scale, button.text())


def test_many_notes_leave_the_way_out_in_the_window(german: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    panel = german.window.findings_panel
    note = "A note of two lines or of three, as notes are. " * 2
    monkeypatch.setattr(panel, "_wanted_notes", lambda: [(f"{number}. {note}", True) for number in range(6)])
    panel._refresh_notes()
    for scale in _sizes(german):
        assert _apart(german), scale
        assert panel.rect().contains(_place(panel.accept, panel)), scale
        scroll = panel.findChildren(QScrollArea)[0]
        page = scroll.widget()
        assert page is not None
        assert scroll.verticalScrollBar().maximum() > 0, scale
        assert page.width() <= scroll.viewport().width(), scale
        parts = [part for part in page.findChildren(QWidget) if part.isVisible() and part.parentWidget() is page]
        assert not any(one.geometry().intersects(other.geometry()) for one, other in combinations(parts, 2)), scale


def test_every_structure_has_its_line(german: Room) -> None:
    findings = german.window.findings_panel.findings
    for scale in _sizes(german):
        assert findings.height() >= 2 * findings.sizeHintForRow(0), scale


def _words_drawn(room: Room, entry: Entry, line: QRect) -> dict[str, QRect]:
    """Return where a line of the worklist has its words."""
    words: dict[str, QRect] = {}

    class Watched(QPainter):
        def drawText(self, *arguments: object) -> None:  # type: ignore[override]
            place, flags, text = arguments
            assert isinstance(place, QRect)
            assert isinstance(flags, Qt.AlignmentFlag)
            words[str(text)] = QFontMetrics(self.font()).boundingRect(place, flags.value, str(text))

    panel, delegate = room.window.worklist_panel, EntryDelegate()
    picture = QImage(line.size(), QImage.Format.Format_RGB32)
    with Watched(picture) as painter:
        first = panel.model.index(0, 0)
        delegate._draw_words(painter, delegate.inside(line), panel.list.font(), entry, first, current=True)
    return words


def test_a_line_of_the_worklist_holds_its_words(read: Room) -> None:
    panel = read.window.worklist_panel
    entry = Entry(Path("a.dcm"), view="PA", taken="2026-01-01 12:00", patient="Doe^Jane")
    for scale in _sizes(read):
        line = QRect(QPoint(0, 0), panel.list.visualRect(panel.filter.index(0, 0)).size())
        words = _words_drawn(read, entry, line)
        assert len(words) == 3
        assert not any(one.intersects(other) for one, other in combinations(words.values(), 2)), scale
        assert all(line.contains(place) for place in words.values()), scale
        assert any("2026-01-01" in text for text in words), scale


def test_the_heading_of_the_worklist_leaves_its_count_alone(german: Room) -> None:
    labels = [label for label in german.window.worklist_panel.findChildren(QLabel) if label.isVisible()]
    count = next(label for label in labels if label.objectName() == "hint")
    for scale in _sizes(german):
        places = [_place(label, german.window) for label in labels]
        assert not any(one.intersects(other) for one, other in combinations(places, 2)), scale
        assert count.width() >= count.sizeHint().width(), scale


def test_corners_that_meet_give_way(qapp: QApplication, monkeypatch: pytest.MonkeyPatch) -> None:
    places: list[QRectF] = []

    def note(painter: QPainter, place: QRectF, flags: Qt.AlignmentFlag, text: str, _: object) -> None:
        places.append(painter.boundingRect(place, flags.value, text))

    monkeypatch.setattr("app.corners.painting.shadowed", note)
    left, right = Qt.AlignmentFlag.AlignLeft, Qt.AlignmentFlag.AlignRight
    top, bottom = Qt.AlignmentFlag.AlignTop, Qt.AlignmentFlag.AlignBottom
    corners = (
        Corner(left | top, ("Doe, Jane", "A patient's number, and what was asked")),
        Corner(right | top, ("PA DX DICOM", "2000 x 2100 12 bit")),
        Corner(left | bottom, ("x 1  y 2", "W 4096 L 2048 35 %")),
        Corner(right | bottom, ("mm at the detector",)),
    )
    for width, lines in ((900, 4), (220, 7)):
        places.clear()
        picture = QImage(width, 600, QImage.Format.Format_RGB32)
        with QPainter(picture) as painter:
            draw_corners(painter, corners, Corners.ALL, QRectF(0, 0, width, 600), qapp.font())
        assert len({place.top() for place in places}) == lines
        assert not any(one.intersects(other) for one, other in combinations(places, 2))
        assert all(QRectF(0, 0, width, 600).contains(place) for place in places)


def test_names_beside_each_other_do_not_meet(qapp: QApplication) -> None:
    picture, inside = QImage(200, 200, QImage.Format.Format_RGB32), QRectF(0, 0, 200, 200)
    with QPainter(picture) as painter:
        names: list[QRectF] = []
        for x in (90, 110, 100):
            tint = colour("text")
            names.append(painting.label(painter, "Right lung", QPointF(x, 20), tint, inside=inside, clear_of=names))
    assert not any(one.intersects(other) for one, other in combinations(names, 2))


def test_the_tour_is_whole(read: Room) -> None:
    for scale in _sizes(read):
        tour = Tour(read.session, read.canvas)
        for _ in range(4):
            QTest.qWait(20)
            assert read.canvas.rect().contains(tour.geometry()), scale
            for label in tour.findChildren(QLabel):
                assert label.height() >= label.heightForWidth(label.width()), (scale, label.text())
            for button in tour.findChildren(QAbstractButton):
                assert button.width() >= button.sizeHint().width(), (scale, button.text())
            tour._go_on()


def test_a_message_is_whole(german: Room) -> None:
    toast = german.window.toast
    for scale in _sizes(german):
        toast.show_message("Not a film", "A sentence that says what to do, and takes more than one line.")
        QTest.qWait(20)
        assert german.canvas.rect().contains(toast.geometry()), scale
        for label in toast.findChildren(QLabel):
            assert label.height() >= label.heightForWidth(label.width()), (scale, label.text())


def test_no_sheet_of_keys_scrolls_sideways(read: Room) -> None:
    for scale in _sizes(read):
        read.window.resize(1440, 900)
        sheet = ShortcutSheet(bindings("chest", ()), GESTURES["chest"], read.window)
        editor = ShortcutEditor(read.session.settings, read.window)
        for dialog in (sheet, editor):
            dialog.show()
            QTest.qWait(20)
            assert dialog.findChildren(QScrollArea)[0].horizontalScrollBar().maximum() == 0, scale
            assert dialog.width() <= 1440, scale
            dialog.close()
