"""Arrays to QImage: the only border between numpy and Qt.

The film is never painted whole. A pyramid of ever smaller copies of its stored values is kept; a frame resamples the
part in view from the level just finer than the screen, and sends only that through the 65,536-entry grey table.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from PySide6.QtGui import QColor, QImage

from app.viewport import Viewport
from engine.film.grey import View, lookup, table_first
from engine.film.radiograph import Radiograph
from engine.mask import Mask

Interpolation = Literal["nearest", "linear", "cubic"]

_FLAGS = {"nearest": cv2.INTER_NEAREST, "linear": cv2.INTER_LINEAR, "cubic": cv2.INTER_CUBIC}
_SMALLEST_LEVEL = 128


@dataclass(frozen=True, slots=True, eq=False)
class Pyramid:
    """A film's stored values as table indices, at 1/1, 1/2, 1/4 ... of its size."""

    levels: tuple[NDArray[np.generic], ...]  # uint8 or uint16

    @property
    def nbytes(self) -> int:
        """Memory it takes."""
        return sum(level.nbytes for level in self.levels)


def build_pyramid(radiograph: Radiograph) -> Pyramid:
    """Return the pyramid of a film: stored values moved so that they index its grey table."""
    stored, first = radiograph.stored, table_first(radiograph)
    unsigned = np.uint8 if stored.dtype.itemsize == 1 else np.uint16
    level: NDArray[np.generic] = stored if first == 0 else (stored.astype(np.int32) - first).astype(unsigned)
    levels = [np.ascontiguousarray(level)]
    while min(levels[-1].shape) >= 2 * _SMALLEST_LEVEL:
        rows, columns = levels[-1].shape
        levels.append(cv2.resize(levels[-1], ((columns + 1) // 2, (rows + 1) // 2), interpolation=cv2.INTER_AREA))
    return Pyramid(tuple(levels))


def grey_table(radiograph: Radiograph, view: View, *, inverted: bool) -> NDArray[np.uint8]:
    """Return the engine's grey table, as long as the pyramid's type: OpenCV looks up 256 or 65,536 entries."""
    table = lookup(radiograph, view, 256, inverted=inverted)
    length = 1 << 8 * radiograph.stored.dtype.itemsize
    padded = np.zeros(length, dtype=np.uint8)
    padded[: min(len(table), length)] = table[:length]
    return padded


@dataclass(frozen=True, slots=True, eq=False)
class Patch:
    """The part of the film in view, resampled to device pixels, before the grey table."""

    indices: NDArray[np.generic]
    left: int  # device pixels
    top: int


def resample(
    pyramid: Pyramid,
    viewport: Viewport,
    scale: float,
    interpolation: Interpolation = "linear",
    before: tuple[Viewport, Patch] | None = None,
) -> Patch | None:
    """Return the film's visible part at `scale` device pixels per logical pixel, None when nothing is in view.

    What was in view `before` a pan is moved, and only the strips that came into view are resampled.
    """
    rows, columns = pyramid.levels[0].shape
    x0, y0, x1, y1 = (edge * scale for edge in viewport.film_rectangle(rows, columns))
    left, top = max(round(x0), 0), max(round(y0), 0)
    right, bottom = min(round(x1), round(viewport.width * scale)), min(round(y1), round(viewport.height * scale))
    if right <= left or bottom <= top:
        return None
    sampler = _Sampler.of(pyramid, viewport, scale, interpolation)
    patch = Patch(np.empty((bottom - top, right - left), sampler.level.dtype), left, top)
    shift = None if before is None else viewport.whole_shift(before[0], scale)
    if before is None or shift is None:
        sampler.fill(patch, left, top, right, bottom)
        return patch
    old = before[1]
    old_left, old_top = old.left + shift[0], old.top + shift[1]
    from_x, to_x = np.clip((old_left, old_left + old.indices.shape[1]), left, right).tolist()
    from_y, to_y = np.clip((old_top, old_top + old.indices.shape[0]), top, bottom).tolist()
    patch.indices[from_y - top : to_y - top, from_x - left : to_x - left] = old.indices[
        from_y - old_top : to_y - old_top, from_x - old_left : to_x - old_left
    ]
    sampler.fill(patch, left, top, right, from_y)
    sampler.fill(patch, left, to_y, right, bottom)
    sampler.fill(patch, left, from_y, from_x, to_y)
    sampler.fill(patch, to_x, from_y, right, to_y)
    return patch


class PatchInView:
    """Resamples a film's part in view where it must, and keeps it between frames."""

    def __init__(self) -> None:
        self._kept: tuple[tuple[Pyramid, float, Interpolation], Viewport, Patch | None] | None = None

    def forget(self) -> None:
        """Drop what is kept."""
        self._kept = None

    def of(
        self, pyramid: Pyramid, viewport: Viewport, scale: float, interpolation: Interpolation = "linear"
    ) -> Patch | None:
        """Return what `resample` does."""
        key, before = (pyramid, scale, interpolation), None
        if self._kept is not None and self._kept[0] == key:
            _, place, patch = self._kept
            if place == viewport:
                return patch
            before = None if patch is None else (place, patch)
        found = resample(pyramid, viewport, scale, interpolation, before)
        self._kept = (key, viewport, found)
        return found


@dataclass(frozen=True, slots=True, eq=False)
class _Sampler:
    """Takes a film's values for pixels of the screen."""

    level: NDArray[np.generic]
    linear: NDArray[np.float64]  # from screen pixels to the level's
    offset: NDArray[np.float64]
    flags: int

    @staticmethod
    def of(pyramid: Pyramid, viewport: Viewport, scale: float, interpolation: Interpolation) -> "_Sampler":
        rows, columns = pyramid.levels[0].shape
        # The coarsest level that still has a pixel or more for each pixel of the screen.
        shrink = 1.0 / max(viewport.zoom * scale * min(viewport.pixel_aspect, 1.0), 1e-9)
        number = min(max(int(np.floor(np.log2(max(shrink, 1.0)))), 0), len(pyramid.levels) - 1)
        level = pyramid.levels[number]
        inverse = cv2.invertAffineTransform(viewport.matrix(scale))
        # Screen pixel centres to image, image to level: pixel i of a level covers [i, i + 1) of its own grid.
        steps = np.array([level.shape[1] / columns, level.shape[0] / rows])
        flags = _FLAGS[interpolation] | cv2.WARP_INVERSE_MAP
        return _Sampler(level, inverse[:, :2] * steps[:, None], inverse[:, 2] * steps, flags)

    def fill(self, patch: Patch, left: int, top: int, right: int, bottom: int) -> None:
        """Take the values of some of a patch's pixels, none where there are none."""
        if right <= left or bottom <= top:
            return
        offset = self.offset + self.linear @ np.array([left + 0.5, top + 0.5]) - 0.5
        found = cv2.warpAffine(
            self.level,
            np.column_stack([self.linear, offset]),
            (right - left, bottom - top),
            flags=self.flags,
            borderMode=cv2.BORDER_REPLICATE,
        )
        y, x = top - patch.top, left - patch.left
        patch.indices[y : y + bottom - top, x : x + right - left] = found


def grey_image(patch: Patch, table: NDArray[np.uint8], scale: float) -> QImage:
    """Return the patch through the grey table."""
    return _image_of(cv2.LUT(patch.indices, table), QImage.Format.Format_Grayscale8, scale)


def overlay_image(bitmap: NDArray[np.bool_], viewport: Viewport, scale: float, tint: QColor) -> QImage:
    """Return an overlay plane over the whole canvas, in one colour."""
    size = (max(round(viewport.width * scale), 1), max(round(viewport.height * scale), 1))
    matrix = viewport.matrix(scale)
    matrix[:, 2] += matrix[:, :2] @ (0.5, 0.5) - 0.5  # centres of image pixels to centres of screen pixels
    alpha = cv2.warpAffine(bitmap.view(np.uint8) * np.uint8(255), matrix, size, flags=cv2.INTER_LINEAR)
    image = _image_of(alpha, QImage.Format.Format_Alpha8, scale)
    picture = QImage(image.size(), QImage.Format.Format_ARGB32_Premultiplied)
    picture.fill(tint)
    picture.setAlphaChannel(image)
    picture.setDevicePixelRatio(scale)
    return picture


def thumbnail_image(pyramid: Pyramid, table: NDArray[np.uint8], side: int) -> QImage:
    """Return a small picture of the whole film, at most `side` pixels wide and high."""
    rows, columns = pyramid.levels[0].shape
    shrink = min(side / rows, side / columns)
    viewport = Viewport(max(columns * shrink, 1), max(rows * shrink, 1), shrink, (columns / 2, rows / 2))
    patch = resample(pyramid, viewport, 1.0)
    if patch is None:
        return QImage(1, 1, QImage.Format.Format_Grayscale8)
    return grey_image(patch, table, 1.0)


def _image_of(array: NDArray[np.uint8], kind: QImage.Format, scale: float) -> QImage:
    """Return an image that owns its bytes: Qt's contract is that a borrowed buffer outlives it."""
    rows, columns = array.shape[:2]
    image = QImage(array.data, columns, rows, array.strides[0], kind).copy()
    image.setDevicePixelRatio(scale)
    return image


_NEAR = 1.5  # screen pixels per image pixel: from here on the steps of the pixel grid can be seen
_SMOOTHING = 4  # neighbours averaged on either side, as the engine's own outlines have it


def is_near(zoom: float) -> bool:
    """Whether pixels are told apart, so that only the engine's own outlines will do."""
    return zoom >= _NEAR


def drawn_outlines(mask: Mask, *, near: bool) -> Sequence[NDArray[np.float64]]:
    """Return a mask's outlines for the screen: the engine's own where pixels are told apart, else within half a pixel.

    The quick ones take 3 ms where the exact ones take 30, and a mask that follows a dragged box is drawn at each move.
    """
    if near:
        return mask.smooth_outlines()
    crop, x0, y0 = mask.crop()
    if crop.size == 0:
        return ()
    found, _ = cv2.findContours(
        np.ascontiguousarray(crop).view(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE, offset=(x0, y0)
    )
    return [_averaged(contour[:, 0, :].astype(np.float64) + 0.5) for contour in found if len(contour) > 2]


def _averaged(contour: NDArray[np.float64]) -> NDArray[np.float64]:
    reach = min(_SMOOTHING, len(contour) // 8)
    padded = np.concatenate([contour[len(contour) - reach :], contour, contour[:reach]])
    sums = np.cumsum(np.concatenate([np.zeros((1, 2)), padded]), axis=0)
    width = 2 * reach + 1
    smooth: NDArray[np.float64] = (sums[width:] - sums[:-width]) / width
    return smooth


def thinned(polygon: NDArray[np.float64], tolerance_px: float) -> NDArray[np.float64]:
    """Return an outline with no more corners than the screen can show."""
    if tolerance_px <= 0 or len(polygon) <= 16:
        return polygon
    kept = cv2.approxPolyDP(polygon.astype(np.float32).reshape(-1, 1, 2), tolerance_px, closed=True)
    corners: NDArray[np.float64] = kept[:, 0, :].astype(np.float64)
    return corners
