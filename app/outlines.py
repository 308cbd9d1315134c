"""Outlines of masks as paths for the screen, kept between frames."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from PySide6.QtGui import QPainterPath

from app import strokes
from app.rendering import drawn_outlines, is_near, thinned
from app.strokes import Polygon
from app.viewport import Viewport
from engine.mask import Mask

_KEPT = 48
_SEEN_PX = 0.35  # of a device pixel: corners nearer to a straight line than this are left out


@dataclass(frozen=True, slots=True, eq=False)
class Outline:
    """A mask's edge in image coordinates, as fine as the screen."""

    polygons: tuple[Polygon, ...]
    path: QPainterPath  # their inside: holes are left out

    def on_screen(self, viewport: Viewport) -> tuple[Polygon, ...]:
        """Return the polygons where a view has them."""
        matrix = viewport.matrix()
        return tuple(polygon @ matrix[:, :2].T + matrix[:, 2] for polygon in self.polygons)


@dataclass(slots=True, eq=False)
class _Traced:
    """A mask that was traced, and its outlines by tolerance: tracing takes ten times as long as thinning out."""

    mask: Mask  # held, for its id is the key
    near: bool
    outlines: Sequence[Polygon]
    thinned: dict[float, Outline] = field(default_factory=dict)


class OutlinePaths:
    """Makes a mask's outline once for a range of zooms."""

    def __init__(self) -> None:
        self._traced: OrderedDict[int, _Traced] = OrderedDict()

    def clear(self) -> None:
        """Forget all of them."""
        self._traced.clear()

    def of(self, mask: Mask, zoom: float) -> Outline:
        """Return a mask's outline, simplified for the zoom, in device pixels a pixel of the film."""
        near = is_near(zoom)
        kept = self._traced.get(id(mask))
        if kept is None or kept.near != near:
            kept = _Traced(mask, near, drawn_outlines(mask, near=near))
            self._traced[id(mask)] = kept
            while len(self._traced) > _KEPT:
                self._traced.popitem(last=False)
        self._traced.move_to_end(id(mask))
        # In steps of two, so that a wheel's turn does not thin out every mask again.
        tolerance = min(_SEEN_PX * 2.0 ** -np.ceil(np.log2(zoom)), 2.0)
        if tolerance not in kept.thinned:
            fine = (thinned(outline, tolerance) for outline in kept.outlines)
            polygons = tuple(polygon for polygon in fine if len(polygon) > 2)
            kept.thinned[tolerance] = Outline(polygons, strokes.inside(polygons))
        return kept.thinned[tolerance]
