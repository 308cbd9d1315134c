"""Outlines of masks as paths for the screen, kept between frames."""

from collections import OrderedDict

import numpy as np
from PySide6.QtGui import QPainterPath

from app.rendering import drawn_outlines, smooth_path
from engine.mask import Mask

_KEPT = 48


class OutlinePaths:
    """Makes a mask's outline once for a range of zooms."""

    def __init__(self) -> None:
        self._paths: OrderedDict[int, tuple[Mask, float, QPainterPath]] = OrderedDict()

    def clear(self) -> None:
        """Forget all of them."""
        self._paths.clear()

    def of(self, mask: Mask, zoom: float) -> QPainterPath:
        """Return a mask's outline, simplified for the zoom."""
        # In steps of two, so that a wheel's turn does not trace every mask again.
        tolerance = min(0.35 * 2.0 ** -np.ceil(np.log2(zoom)), 2.0)
        kept = self._paths.get(id(mask))
        if kept is None or kept[1] != tolerance:
            kept = (mask, tolerance, smooth_path(drawn_outlines(mask, zoom), tolerance))
            self._paths[id(mask)] = kept
            while len(self._paths) > _KEPT:
                self._paths.popitem(last=False)
        self._paths.move_to_end(id(mask))
        return kept[2]
