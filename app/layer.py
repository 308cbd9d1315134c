"""The masks' picture, kept between frames: greys may change under it, and most steps of a pan only move it."""

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import QPointF, QSizeF, Qt
from PySide6.QtGui import QPainter, QPixmap

from app.painting import Pencil
from app.viewport import Viewport

_MARGIN = 128  # logical pixels beyond each edge of the canvas: so far a pan goes before the masks are drawn again


@dataclass(frozen=True, slots=True, eq=False)
class _Drawn:
    key: tuple[object, ...]
    viewport: Viewport
    scale: float
    picture: QPixmap


class Layer:
    """Draws what depends on a key and on the place of the film, by way of a picture where that saves time."""

    def __init__(self) -> None:
        self._drawn: _Drawn | None = None
        self._seen: tuple[Viewport, float] | None = None  # by the frame before

    def forget(self) -> None:
        """Drop the picture."""
        self._drawn, self._seen = None, None

    def draw(
        self,
        painter: QPainter,
        key: tuple[object, ...],
        viewport: Viewport,
        scale: float,
        ink: Callable[[Pencil], None],
    ) -> None:
        """Draw with `ink`, which draws the same wherever key, viewport and scale are the same."""
        seen, self._seen = self._seen, (viewport, scale)
        place = self._place(key, viewport, scale)
        if place is None:
            if seen is not None and viewport.whole_shift(seen[0], scale) is None:
                ink(Pencil(painter, viewport))  # a zoom: the next frame would have no use for a picture
                return
            self._drawn = _Drawn(key, viewport, scale, _picture(viewport, scale, ink))
            place = QPointF(-_MARGIN, -_MARGIN)
        assert self._drawn is not None
        painter.drawPixmap(place, self._drawn.picture)

    def _place(self, key: tuple[object, ...], viewport: Viewport, scale: float) -> QPointF | None:
        """Return where the picture lies now, None where it shows something else or leaves a gap."""
        drawn = self._drawn
        if drawn is None or drawn.scale != scale or drawn.key != key:
            return None
        shift = viewport.whole_shift(drawn.viewport, scale)
        if shift is None or max(abs(shift[0]), abs(shift[1])) > _MARGIN * scale:
            return None
        return QPointF(shift[0] / scale - _MARGIN, shift[1] / scale - _MARGIN)


def _picture(viewport: Viewport, scale: float, ink: Callable[[Pencil], None]) -> QPixmap:
    wide = viewport.resized(viewport.width + 2 * _MARGIN, viewport.height + 2 * _MARGIN)
    picture = QPixmap((QSizeF(wide.width, wide.height) * scale).toSize())
    picture.setDevicePixelRatio(scale)
    picture.fill(Qt.GlobalColor.transparent)
    with QPainter(picture) as painter:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        ink(Pencil(painter, wide))
    return picture
