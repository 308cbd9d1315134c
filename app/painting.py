"""What the canvas draws on top of the film: functions of a painter and values, placed by the viewport."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from PySide6.QtCore import QPointF, QRectF, QSizeF, Qt
from PySide6.QtGui import (
    QBrush,
    QColor,
    QFont,
    QFontMetricsF,
    QImage,
    QPainter,
    QPainterPath,
    QPainterPathStroker,
    QPen,
    QTransform,
)

from app import strokes
from app.handles import HANDLES, calliper_points, handle_place
from app.outlines import Outline
from app.theme import colour
from app.viewport import Viewport
from engine.case import HeartCallipers, Line
from engine.geometry import BoxPrompt, PointPrompt

HALO = QColor(0, 0, 0, 150)
HANDLE_SIDE = 7.0
_SHADOW = 2.0  # logical pixels that a text's shadow reaches beyond it
_WITH_ALPHA = QImage.Format.Format_ARGB32_Premultiplied


@dataclass(frozen=True, slots=True)
class Pencil:
    """A painter, where it draws, and how sharp the screen is."""

    painter: QPainter
    viewport: Viewport

    def at(self, x: float, y: float) -> QPointF:
        """Return the screen place of an image point."""
        return QPointF(*self.viewport.to_screen(x, y))


def transform_of(viewport: Viewport) -> QTransform:
    """Return the viewport as Qt has it."""
    m = viewport.matrix()
    return QTransform(m[0, 0], m[1, 0], m[0, 1], m[1, 1], m[0, 2], m[1, 2])


def outline(pencil: Pencil, edge: Outline, tint: QColor, *, fill: float, width: float) -> None:
    """Draw a structure: a light fill, a dark halo that keeps the line visible on white lung and bone, and the line."""
    painter, screen = pencil.painter, edge.on_screen(pencil.viewport)
    if fill > 0:
        inside = QColor(tint)
        inside.setAlphaF(fill)
        # The fill's own edge lies under the halo: steps in it are not seen, and without smoothing it is drawn faster.
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, on=False)
        painter.fillPath(strokes.inside(screen), inside)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    halo, line = strokes.along(screen, width + 2.0, width)
    painter.fillPath(halo, HALO)
    painter.fillPath(line, tint)


def uncertain(pencil: Pencil, edge: Outline, tint: QColor) -> None:
    """Draw the band in which the outline might as well run: hatched, so that it is not taken for the mask."""
    hatch = QColor(tint)
    hatch.setAlphaF(0.75)
    pencil.painter.fillPath(strokes.inside(edge.on_screen(pencil.viewport)), QBrush(hatch, Qt.BrushStyle.BDiagPattern))


def box(pencil: Pencil, prompt: BoxPrompt, tint: QColor, *, handles: bool, waiting: bool = False) -> None:
    """Draw a box; with handles when it is the one that can be moved."""
    painter = pencil.painter
    rectangle = QRectF(pencil.at(prompt.x0, prompt.y0), pencil.at(prompt.x1, prompt.y1)).normalized()
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(QPen(HALO, 2.6))
    painter.drawRect(rectangle)
    pen = QPen(tint, 1.2, Qt.PenStyle.DotLine if waiting else Qt.PenStyle.DashLine)
    painter.setPen(pen)
    painter.drawRect(rectangle)
    if handles:
        half = HANDLE_SIDE / 2
        painter.setPen(QPen(QColor(0, 0, 0, 200), 1.0))
        painter.setBrush(QColor("#f4f5f7"))
        for edges in HANDLES:
            place = pencil.at(*handle_place(prompt, edges))
            painter.drawRect(QRectF(place.x() - half, place.y() - half, HANDLE_SIDE, HANDLE_SIDE))


def points(pencil: Pencil, prompts: Sequence[PointPrompt]) -> None:
    """Draw points: a plus on green, a minus on red; shape says it as well as colour."""
    painter = pencil.painter
    for point in prompts:
        place = pencil.at(point.x, point.y)
        painter.setPen(QPen(QColor(0, 0, 0, 200), 1.2))
        painter.setBrush(colour("good") if point.positive else colour("bad"))
        painter.drawEllipse(place, 6.0, 6.0)
        painter.setPen(QPen(QColor("#101214"), 1.8))
        painter.drawLine(place - QPointF(3, 0), place + QPointF(3, 0))
        if point.positive:
            painter.drawLine(place - QPointF(0, 3), place + QPointF(0, 3))


def measured_line(
    pencil: Pencil, line: Line, text: str, tint: QColor, *, ends: bool = True, width: float = 1.4
) -> None:
    """Draw a distance with its length beside it."""
    painter = pencil.painter
    a, b = pencil.at(line.x0, line.y0), pencil.at(line.x1, line.y1)
    painter.setPen(QPen(HALO, width + 2.2))
    painter.drawLine(a, b)
    painter.setPen(QPen(tint, width))
    painter.drawLine(a, b)
    if ends:
        length = math.hypot(b.x() - a.x(), b.y() - a.y())
        if length > 1:
            across = QPointF(-(b.y() - a.y()) / length * 5, (b.x() - a.x()) / length * 5)
            for end in (a, b):
                painter.drawLine(end - across, end + across)
    if text:
        label(painter, text, (a + b) / 2 + QPointF(0, 14), tint, centred=True)


def callipers(pencil: Pencil, placed: HeartCallipers, *, handles: bool, texts: tuple[str, str] = ("", "")) -> None:
    """Draw the heart callipers: the midline, and the perpendiculars to the heart's right and left border."""
    painter = pencil.painter
    tint = QColor("#f2e9c9")
    line = placed.midline
    a, b = pencil.at(line.x0, line.y0), pencil.at(line.x1, line.y1)
    painter.setPen(QPen(HALO, 3.2))
    painter.drawLine(a, b)
    painter.setPen(QPen(tint, 1.2, Qt.PenStyle.DashLine))
    painter.drawLine(a, b)
    dx, dy = line.x1 - line.x0, line.y1 - line.y0
    square = dx * dx + dy * dy
    for (x, y), text in zip((placed.right, placed.left), texts, strict=True):
        share = ((x - line.x0) * dx + (y - line.y0) * dy) / square if square else 0.0
        foot = Line(line.x0 + share * dx, line.y0 + share * dy, x, y)
        measured_line(pencil, foot, text, tint)
    if handles:
        painter.setPen(QPen(QColor(0, 0, 0, 200), 1.0))
        painter.setBrush(QColor("#f4f5f7"))
        for x, y in calliper_points(placed).values():
            painter.drawEllipse(pencil.at(x, y), 4.5, 4.5)
        painter.setBrush(Qt.BrushStyle.NoBrush)


def brush_ring(pencil: Pencil, x: float, y: float, radius_px: float, *, erasing: bool) -> None:
    """Draw the brush where it would paint."""
    painter = pencil.painter
    radius = radius_px * pencil.viewport.zoom
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(QPen(HALO, 2.6))
    painter.drawEllipse(pencil.at(x, y), radius, radius * pencil.viewport.pixel_aspect)
    painter.setPen(QPen(colour("bad") if erasing else QColor("#f4f5f7"), 1.2))
    painter.drawEllipse(pencil.at(x, y), radius, radius * pencil.viewport.pixel_aspect)


def stroke_band(
    pencil: Pencil, places: Sequence[tuple[float, float]], radius_px: float, tint: QColor, *, erasing: bool
) -> None:
    """Draw a stroke that is being painted: one band of even tint, however it crosses itself."""
    painter = pencil.painter
    width = max(2 * radius_px * pencil.viewport.zoom, 1.0)
    path = QPainterPath(pencil.at(*places[0]))
    for place in places[1:]:
        path.lineTo(pencil.at(*place))
    if len(places) == 1:
        path.lineTo(pencil.at(*places[0]) + QPointF(0.01, 0))
    stroker = QPainterPathStroker()
    stroker.setWidth(width)
    stroker.setCapStyle(Qt.PenCapStyle.RoundCap)
    stroker.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
    band = QColor(colour("bad") if erasing else tint)
    band.setAlphaF(0.4)
    painter.fillPath(stroker.createStroke(path).simplified(), band)


def polygon(
    pencil: Pencil, corners: Sequence[tuple[float, float]], tint: QColor, to: tuple[float, float] | None
) -> None:
    """Draw a polygon that is being clicked, with the edge that the next click would add."""
    painter = pencil.painter
    places = [pencil.at(*corner) for corner in corners]
    if to is not None:
        places.append(pencil.at(*to))
    for pen in (QPen(HALO, 3.2), QPen(tint, 1.4)):
        painter.setPen(pen)
        for a, b in pairwise(places):
            painter.drawLine(a, b)
    painter.setPen(QPen(QColor(0, 0, 0, 200), 1.0))
    painter.setBrush(QColor("#f4f5f7"))
    for number, corner in enumerate(corners):
        size = 4.5 if number == 0 else 3.0
        painter.drawEllipse(pencil.at(*corner), size, size)
    painter.setBrush(Qt.BrushStyle.NoBrush)


def label(
    painter: QPainter, text: str, place: QPointF, tint: QColor, *, centred: bool = False, inside: QRectF | None = None,
    clear_of: Sequence[QRectF] = (),
) -> QRectF:  # fmt: skip
    """Draw a small tag; it is moved to stay inside a rectangle and clear of other tags. Returns where it lies."""
    metrics = QFontMetricsF(painter.font())
    if inside is not None:
        text = metrics.elidedText(text, Qt.TextElideMode.ElideMiddle, inside.width() - 12)
    width, height = metrics.horizontalAdvance(text) + 12, metrics.height() + 5
    x = place.x() - width / 2 if centred else place.x()
    rectangle = QRectF(x, place.y() - height / 2, width, height)
    if inside is not None:
        rectangle.moveLeft(min(max(rectangle.left(), inside.left()), max(inside.right() - width, inside.left())))
        rectangle.moveTop(min(max(rectangle.top(), inside.top()), max(inside.bottom() - height, inside.top())))
    above = [rectangle.translated(0, other.top() - 2 - rectangle.bottom()) for other in clear_of]
    below = [rectangle.translated(0, other.bottom() + 2 - rectangle.top()) for other in clear_of]
    for tried in (rectangle, *above, *below):
        fits = inside is None or (inside.top() <= tried.top() and tried.bottom() <= inside.bottom())
        if fits and not any(tried.intersects(other) for other in clear_of):
            rectangle = tried
            break
    edge = QColor(tint)
    edge.setAlphaF(0.55)
    painter.setPen(QPen(edge, 1.0))
    painter.setBrush(QColor(12, 14, 17, 205))
    painter.drawRoundedRect(rectangle, 4, 4)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(tint)
    painter.drawText(rectangle, Qt.AlignmentFlag.AlignCenter, text)
    return rectangle


def banner(painter: QPainter, text: str, area: QRectF, tint: QColor) -> None:
    """Draw a sentence at the foot of an area, on as many lines as it takes."""
    flags = Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignBottom | Qt.TextFlag.TextWordWrap
    inside = area.adjusted(8, 4, -8, -4)
    words = painter.boundingRect(inside, int(flags), text)
    edge = QColor(tint)
    edge.setAlphaF(0.55)
    painter.setPen(QPen(edge, 1.0))
    painter.setBrush(QColor(12, 14, 17, 205))
    painter.drawRoundedRect(words.adjusted(-8, -4, 8, 4), 4, 4)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(tint)
    painter.drawText(inside, int(flags), text)


def shadowed(painter: QPainter, rectangle: QRectF, flags: Qt.AlignmentFlag, text: str, tint: QColor) -> None:
    """Draw a line of text that is read on black and on white alike."""
    if not text:
        return
    scale = painter.device().devicePixelRatio()
    picture = _shadowed(text, painter.font().toString(), tint.name(), scale)
    size = picture.deviceIndependentSize()
    x, y = rectangle.left() - _SHADOW, rectangle.top() - _SHADOW
    if flags & Qt.AlignmentFlag.AlignRight:
        x = rectangle.right() + _SHADOW - size.width()
    elif flags & Qt.AlignmentFlag.AlignHCenter:
        x = rectangle.center().x() - size.width() / 2
    if flags & Qt.AlignmentFlag.AlignBottom:
        y = rectangle.bottom() + _SHADOW - size.height()
    elif flags & Qt.AlignmentFlag.AlignVCenter:
        y = rectangle.center().y() - size.height() / 2
    painter.drawImage(QPointF(round(x * scale) / scale, round(y * scale) / scale), picture)


@lru_cache(maxsize=128)  # words stand still while the film moves; a QImage, for a QPixmap may not outlive the program
def _shadowed(text: str, font_text: str, tint: str, scale: float) -> QImage:
    font = QFont()
    font.fromString(font_text)
    metrics = QFontMetricsF(font)
    size = QSizeF(metrics.horizontalAdvance(text), metrics.height()) + QSizeF(2 * _SHADOW, 2 * _SHADOW)
    picture = QImage(math.ceil(size.width() * scale), math.ceil(size.height() * scale), _WITH_ALPHA)
    picture.setDevicePixelRatio(scale)
    picture.fill(Qt.GlobalColor.transparent)
    with QPainter(picture) as painter:
        painter.setRenderHint(QPainter.RenderHint.TextAntialiasing)
        painter.setFont(font)
        base = QPointF(_SHADOW, _SHADOW + metrics.ascent())
        painter.setPen(QColor(0, 0, 0, 190))
        for dx, dy in ((1, 1), (-1, 1), (1, -1), (-1, -1), (0, 1.5)):
            painter.drawText(base + QPointF(dx, dy), text)
        painter.setPen(QColor(tint))
        painter.drawText(base, text)
    return picture


def sized(font: QFont, factor: float, *, bold: bool = False) -> QFont:
    """Return a font at another size."""
    changed = QFont(font)
    changed.setPointSizeF(font.pointSizeF() * factor)
    changed.setBold(bold)
    return changed
