"""Lines along a mask's edge look as Qt's own stroker draws them, at every sharpness of the screen."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPainterPath, QPen, QPolygonF
from pytestqt.qtbot import QtBot

from app import painting, strokes
from app.outlines import OutlinePaths
from app.painting import Pencil
from app.strokes import Polygon
from app.viewport import Viewport
from engine.mask import Mask

_TINT, _FILL, _WIDTH = QColor("#56b4e9"), 0.2, 1.8


def ragged() -> Mask:
    """Return what masks can be: a wavy lung with a hole, a ring, a disc, and the noise of a bad answer."""
    y, x = np.mgrid[0:1000, 0:800]
    inside = ((x / 800 - 0.4) / 0.26) ** 2 + ((y / 1000 - 0.5) / 0.36) ** 2 < 1 + 0.1 * np.sin(y / 9)
    inside[300:340, 250:300] = False
    inside[100:140, 600:700] = True
    inside[110:130, 620:680] = False
    inside |= (x - 600) ** 2 + (y - 500) ** 2 < 30**2
    inside[700:760, 600:660] = np.random.default_rng(0).random((60, 60)) < 0.5
    return Mask.of(inside)


def closed(polygons: Sequence[Polygon]) -> QPainterPath:
    path = QPainterPath()
    for polygon in polygons:
        path.addPolygon(QPolygonF([QPointF(x, y) for x, y in polygon]))
        path.closeSubpath()
    return path


def by_qt(pencil: Pencil, mask: Mask) -> None:
    path = closed(OutlinePaths().of(mask, pencil.viewport.zoom).on_screen(pencil.viewport))
    pencil.painter.setRenderHint(QPainter.RenderHint.Antialiasing, on=False)
    wash = QColor(_TINT)
    wash.setAlphaF(_FILL)
    pencil.painter.fillPath(path, wash)
    pencil.painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    pencil.painter.setBrush(Qt.BrushStyle.NoBrush)
    for tint, width in ((painting.HALO, _WIDTH + 2.0), (_TINT, _WIDTH)):
        pen = QPen(tint, width, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap, Qt.PenJoinStyle.RoundJoin)
        pencil.painter.setPen(pen)
        pencil.painter.drawPath(path)


def by_us(pencil: Pencil, mask: Mask) -> None:
    edge = OutlinePaths().of(mask, pencil.viewport.zoom)
    painting.outline(pencil, edge, _TINT, fill=_FILL, width=_WIDTH)


def drawn(by: Callable[[Pencil, Mask], None], mask: Mask, viewport: Viewport, scale: float) -> NDArray[np.int64]:
    image = QImage(int(420 * scale), int(320 * scale), QImage.Format.Format_RGB32)
    image.setDevicePixelRatio(scale)
    image.fill(QColor(90, 90, 90))
    painter = QPainter(image)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    by(Pencil(painter, viewport), mask)
    painter.end()
    pixels = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.width(), 4)
    return pixels[:, :, :3].astype(np.int64)


@pytest.mark.parametrize("zoom", [0.3, 0.9, 2.0, 6.0])
@pytest.mark.parametrize("scale", [1.0, 1.5, 2.0, 3.0])
@pytest.mark.parametrize(("turns", "mirrored"), [(0, False), (1, True)])
def test_the_line_is_the_one_that_qt_would_stroke(
    qtbot: QtBot, zoom: float, scale: float, turns: int, mirrored: bool
) -> None:
    viewport = Viewport(420.0, 320.0, zoom, (420, 140), turns, mirrored)
    expected, found = (drawn(by, ragged(), viewport, scale) for by in (by_qt, by_us))
    assert len(np.unique(expected)) > 10  # the edge is in view
    off = np.abs(expected - found).max(axis=2)
    assert off.mean() < 0.2
    assert (off > 48).mean() < 1e-3  # in the noise, whose edges are shorter than the line is wide


def test_holes_stay_holes_and_nothing_is_drawn_of_nothing(qtbot: QtBot) -> None:
    square = np.array([[0.0, 0.0], [10.0, 0.0], [10.0, 10.0], [0.0, 10.0]])
    path = strokes.inside((square, 3 + square * 0.4))
    assert path.contains(QPointF(1, 1))
    assert not path.contains(QPointF(5, 5))
    (line,) = strokes.along((square,), 2.0)
    assert line.contains(QPointF(-0.9, 5))
    assert line.contains(QPointF(0.9, 5))
    assert not line.contains(QPointF(5, 5))
    assert strokes.inside(()).isEmpty()
    assert strokes.along((np.zeros((4, 2)),), 2.0)[0].isEmpty()
