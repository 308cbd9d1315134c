"""Outlines of masks as paths for the screen, kept between frames."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from PySide6.QtGui import QPainterPath

from app.rendering import drawn_outlines, is_near, smooth_path
from engine.mask import Mask

_KEPT = 48
_SEEN_PX = 0.35  # of a device pixel: corners nearer to a straight line than this are left out


@dataclass(slots=True, eq=False)
class _Traced:
    """A mask that was traced, and its paths by tolerance: tracing takes ten times as long as thinning out."""

    mask: Mask  # held, for its id is the key
    near: bool
    outlines: Sequence[NDArray[np.float64]]
    paths: dict[float, QPainterPath] = field(default_factory=dict)


class OutlinePaths:
    """Makes a mask's outline once for a range of zooms."""

    def __init__(self) -> None:
        self._traced: OrderedDict[int, _Traced] = OrderedDict()

    def clear(self) -> None:
        """Forget all of them."""
        self._traced.clear()

    def of(self, mask: Mask, zoom: float) -> QPainterPath:
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
        if tolerance not in kept.paths:
            kept.paths[tolerance] = smooth_path(kept.outlines, tolerance)
        return kept.paths[tolerance]
