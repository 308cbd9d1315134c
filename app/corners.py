"""The text in the corners of the canvas, and the markers at its edges."""

from dataclasses import dataclass

import numpy as np
from PySide6.QtCore import QCoreApplication, QPointF, QRectF, Qt
from PySide6.QtGui import QFont, QFontMetricsF, QPainter

from app import painting
from app.display import Corners
from app.lightbox import Lightbox
from app.session import Session
from app.theme import colour
from app.viewport import edge_letters
from app.wording import calibration, identity_lines, plain, view_text, window_text
from engine.film.grey import table_first
from engine.measure import spacing_of

_PAD = 14.0


@dataclass(frozen=True, slots=True)
class Corner:
    """Lines of one corner."""

    flags: Qt.AlignmentFlag
    lines: tuple[str, ...]
    always: bool = False  # also when only few corners are shown


def corner_texts(session: Session, pointer: QPointF | None, scale: float = 1.0) -> tuple[Corner, ...]:
    """Return what the corners say of the film on screen."""
    lightbox, case = session.lightbox, session.shown
    film = lightbox.film
    if film is None or case is None:
        return ()
    radiograph, display = film.radiograph, lightbox.display
    # Pictures say nobody's name; the file's own may be one, and is hidden like one.
    who = () if display.identity_hidden else identity_lines(radiograph) or (plain(radiograph.source.path.name),)
    size = f"{radiograph.columns} x {radiograph.rows}  {radiograph.bits_stored} bit"
    what = (view_text(radiograph), size)
    zoom = f"{lightbox.viewport.zoom * scale * 100:.0f} %"  # of screen pixels: 100 % is one to one
    greys = (readout(session, pointer), f"{window_text(display.view)}   {zoom}")
    left, right = Qt.AlignmentFlag.AlignLeft, Qt.AlignmentFlag.AlignRight
    top, bottom = Qt.AlignmentFlag.AlignTop, Qt.AlignmentFlag.AlignBottom
    return (
        Corner(left | top, who),
        Corner(right | top, tuple(line for line in what if line)),
        Corner(left | bottom, tuple(line for line in greys if line)),
        Corner(right | bottom, (calibration(spacing_of(case)),), always=True),
    )


def readout(session: Session, pointer: QPointF | None) -> str:
    """Return the pixel under the pointer: place, stored value, modality value, level on screen."""
    lightbox = session.lightbox
    if pointer is None or lightbox.film is None:
        return ""
    radiograph = lightbox.film.radiograph
    x, y = lightbox.viewport.to_image(pointer.x(), pointer.y())
    column, row = int(np.floor(x)), int(np.floor(y))
    if not (0 <= row < radiograph.rows and 0 <= column < radiograph.columns):
        return ""
    stored = radiograph.stored[row, column]
    value = float(radiograph.modality.apply(np.array([stored]))[0])
    level = int(lightbox.table()[int(stored) - table_first(radiograph)])
    text = QCoreApplication.translate("Canvas", "x {x}  y {y}   stored {stored}   value {value}   shown {level}")
    return text.format(x=column, y=row, stored=int(stored), value=f"{value:g}", level=level)


def draw_corners(painter: QPainter, corners: tuple[Corner, ...], shown: Corners, area: QRectF, font: QFont) -> float:
    """Draw the corners that are wanted; where two meet, the right one gives way. Return how high the foot is."""
    painter.setFont(painting.sized(font, 0.95))
    metrics = QFontMetricsF(painter.font())
    inside = area.adjusted(_PAD, _PAD - 2, -_PAD, -_PAD + 2)
    taken: dict[bool, tuple[str, ...]] = {False: (), True: ()}  # at the head and at the foot, counted from the edge
    for corner in corners:
        if shown is Corners.NONE or (shown is Corners.FEW and not corner.always):
            continue
        foot = bool(corner.flags & Qt.AlignmentFlag.AlignBottom)
        lines, beside = corner.lines[::-1] if foot else corner.lines, taken[foot]
        widths = [metrics.horizontalAdvance(f"{left}  {right}") for left, right in zip(beside, lines, strict=False)]
        free = len(beside) if max(widths, default=0.0) > inside.width() else 0
        for number, line in enumerate(lines, start=free):
            place = inside.translated(0, (-number if foot else number) * metrics.lineSpacing())
            text = metrics.elidedText(line, Qt.TextElideMode.ElideRight, inside.width())
            painting.shadowed(painter, place, corner.flags, text, colour("text"))
        taken[foot] = (*beside[:free], *lines) if len(lines) + free > len(beside) else beside
    return max(len(taken[True]), 2) * metrics.lineSpacing() + _PAD  # the pixel under the pointer has its line always


def draw_markers(painter: QPainter, lightbox: Lightbox, area: QRectF) -> None:
    """Draw R and L at the film's edges, and head and feet where they are not as usual.

    In brackets when the file does not state its orientation: then it is taken to be upright, seen from the front.
    """
    film = lightbox.film
    if film is None:
        return
    orientation = film.radiograph.orientation
    rightwards, downwards = (orientation.rightwards, orientation.downwards) if orientation else ("L", "F")
    left, top, right, bottom = edge_letters(lightbox.viewport, rightwards, downwards)
    x0, y0, x1, y1 = lightbox.viewport.film_rectangle(film.radiograph.rows, film.radiograph.columns)
    seen = QRectF(QPointF(x0, y0), QPointF(x1, y1)).intersected(area)
    if seen.width() < 120 or seen.height() < 120:
        return
    painter.setFont(painting.sized(painter.font(), 1.9, bold=True))
    inset = seen.adjusted(14, 44, -14, -44)
    centre = Qt.AlignmentFlag.AlignVCenter
    places = [(left, Qt.AlignmentFlag.AlignLeft | centre), (right, Qt.AlignmentFlag.AlignRight | centre)]
    if top != "H":
        middle = Qt.AlignmentFlag.AlignHCenter
        places += [(top, middle | Qt.AlignmentFlag.AlignTop), (bottom, middle | Qt.AlignmentFlag.AlignBottom)]
    for letters, flags in places:
        text = letters if orientation is not None else f"({letters})"
        painting.shadowed(painter, inset, flags, text, colour("text"))
