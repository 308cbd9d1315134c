"""Mask: the pixels of one structure, packed, immutable, on the film's own grid.

Every operation returns a new mask. Outlines run along the edges between pixels, so a polygon encloses exactly the
pixels it came from; `engine.outline` draws and fills them.
"""

import hashlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.errors import MeasurementError
from engine.geometry import BoxPrompt
from engine.outline import Polygon, boundary_length, filled, outlines, smooth_outlines

# A second part smaller than this share of the first is a fragment, not the other lung.
_LUNG_SHARE = 0.1
# Where two lungs touch they do so over less than half their height; a cut any longer goes through one lung.
_BRIDGE_SHARE = 0.5


@dataclass(frozen=True, slots=True)
class Stroke:
    """A disc drawn along a line through image coordinates, as a brush leaves it."""

    points: tuple[tuple[float, float], ...]
    radius_px: float

    def __post_init__(self) -> None:
        numbers = [self.radius_px, *(value for point in self.points for value in point)]
        if not self.points or self.radius_px < 0 or not all(math.isfinite(value) for value in numbers):
            raise ValueError("a stroke needs at least one point and a radius that is not negative")


@dataclass(frozen=True, slots=True, repr=False)
class Mask:
    """One bit a pixel, rows padded to whole bytes: 9 megapixels take 1.1 MB, so undo can keep every state."""

    rows: int
    columns: int
    packed: bytes

    @staticmethod
    def of(pixels: NDArray[np.generic]) -> "Mask":
        """Return the mask of the non-zero pixels of a (rows, columns) array."""
        if pixels.ndim != 2 or pixels.size == 0:
            raise ValueError(f"a mask needs a 2-D array, got shape {pixels.shape}")
        return Mask(int(pixels.shape[0]), int(pixels.shape[1]), np.packbits(pixels != 0, axis=1).tobytes())

    @staticmethod
    def of_crop(crop: NDArray[np.generic], x0: int, y0: int, rows: int, columns: int) -> "Mask":
        """Return the mask of a film's size whose pixels from column x0 and row y0 on are the crop's."""
        height, width = crop.shape
        band = np.zeros((height, columns), dtype=np.bool_)
        band[:, x0 : x0 + width] = crop
        bits = np.zeros((rows, (columns + 7) // 8), dtype=np.uint8)
        bits[y0 : y0 + height] = np.packbits(band, axis=1)
        return Mask(rows, columns, bits.tobytes())

    @staticmethod
    def empty(rows: int, columns: int) -> "Mask":
        """Return a mask with nothing in it."""
        return Mask(rows, columns, bytes(rows * ((columns + 7) // 8)))

    @staticmethod
    def of_polygons(rows: int, columns: int, polygons: Sequence[Polygon]) -> "Mask":
        """Return the pixels whose centres lie inside an odd number of polygons, so a polygon in another is a hole."""
        return Mask.of(filled(rows, columns, polygons))

    def __post_init__(self) -> None:
        if self.rows < 1 or self.columns < 1 or len(self.packed) != self.rows * self._row_bytes:
            raise ValueError(f"{len(self.packed)} bytes cannot hold {self.rows} x {self.columns} pixels")
        if self.columns % 8 and (self._bits()[:, -1] & (0xFF >> (self.columns % 8))).any():
            raise ValueError("the bits that pad a row must be 0")

    def __repr__(self) -> str:
        return f"Mask({self.rows} x {self.columns}, {self.area_px} px)"

    @property
    def _row_bytes(self) -> int:
        return (self.columns + 7) // 8

    def _bits(self) -> NDArray[np.uint8]:
        return np.frombuffer(self.packed, dtype=np.uint8).reshape(self.rows, -1)

    def pixels(self) -> NDArray[np.bool_]:
        """Return a new (rows, columns) boolean array."""
        return np.unpackbits(self._bits(), axis=1, count=self.columns).view(np.bool_)

    @property
    def area_px(self) -> int:
        """Number of pixels in the mask."""
        return int(np.bitwise_count(np.frombuffer(self.packed, dtype=np.uint8)).sum())

    @property
    def is_empty(self) -> bool:
        """True when no pixel is set."""
        return not self._bits().any()

    @property
    def sha256(self) -> str:
        """Hash of size and pixels, by which replay knows that two masks are the same to the bit."""
        return hashlib.sha256(f"{self.rows}x{self.columns}:".encode() + self.packed).hexdigest()

    def bounds(self) -> BoxPrompt | None:
        """Return the tight half-open box round the mask, None when it is empty."""
        window = self._window()
        if window is None:
            return None
        x0, y0, x1, y1 = window
        return BoxPrompt(float(x0), float(y0), float(x1), float(y1))

    def crop(self) -> tuple[NDArray[np.bool_], int, int]:
        """Return the pixels within the tight box, and its left column and top row; (0, 0) pixels when empty."""
        window = self._window()
        if window is None:
            return np.zeros((0, 0), dtype=np.bool_), 0, 0
        x0, y0, x1, y1 = window
        return self._unpacked(y0, y1)[:, x0:x1], x0, y0

    def png(self) -> bytes:
        """Return the mask as an 8-bit grey PNG: 255 inside, 0 outside."""
        done, data = cv2.imencode(".png", self.pixels().view(np.uint8) * np.uint8(255))
        if not done:
            raise ValueError("the mask could not be written as PNG")
        return bytes(data)

    # Sets

    def union(self, other: "Mask") -> "Mask":
        """Return the pixels in either mask."""
        return self._from_bits(self._bits() | self._same_grid(other))

    def intersect(self, other: "Mask") -> "Mask":
        """Return the pixels in both masks."""
        return self._from_bits(self._bits() & self._same_grid(other))

    def minus(self, other: "Mask") -> "Mask":
        """Return the pixels of this mask that the other does not hold."""
        return self._from_bits(self._bits() & ~self._same_grid(other))

    def clipped(self, box: BoxPrompt) -> "Mask":
        """Return the pixels whose centres lie in the box."""
        row = np.zeros(self.columns, dtype=np.bool_)
        row[max(0, math.ceil(box.x0 - 0.5)) : max(0, math.ceil(box.x1 - 0.5))] = True
        bits = self._bits() & np.packbits(row)
        bits[: max(0, math.ceil(box.y0 - 0.5))] = 0
        bits[max(0, math.ceil(box.y1 - 0.5)) :] = 0
        return self._from_bits(bits)

    def dice(self, other: "Mask") -> float:
        """Return twice the shared area over the sum of areas; two empty masks agree, so 1."""
        total = self.area_px + other.area_px
        return 2.0 * self.intersect(other).area_px / total if total else 1.0

    # Drawing

    def painted(self, stroke: Stroke) -> "Mask":
        """Return the mask with a brush stroke added."""
        return self._stroked(stroke, erase=False)

    def erased(self, stroke: Stroke) -> "Mask":
        """Return the mask with a brush stroke taken away."""
        return self._stroked(stroke, erase=True)

    def with_polygon(self, vertices: Polygon) -> "Mask":
        """Return the mask with the inside of a polygon added."""
        return self.union(Mask.of_polygons(self.rows, self.columns, [vertices]))

    def without_polygon(self, vertices: Polygon) -> "Mask":
        """Return the mask with the inside of a polygon taken away."""
        return self.minus(Mask.of_polygons(self.rows, self.columns, [vertices]))

    # Shape

    def holes_filled(self) -> "Mask":
        """Return the mask with every pocket that cannot reach the film's border filled."""
        if self.is_empty:
            return self
        crop, x0, y0 = self.crop()
        contours, _ = cv2.findContours(crop.view(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
        solid = np.zeros(crop.shape, dtype=np.uint8)
        cv2.drawContours(solid, contours, -1, 1, cv2.FILLED)
        return self._from_crop(solid, x0, y0)

    def parts(self) -> tuple["Mask", ...]:
        """Return the connected parts (touching corners connect), largest first, then from the top."""
        return tuple(self.each_part())

    def each_part(self) -> Iterator["Mask"]:
        """Yield the same one by one: who wants the largest need not wait for a hundred specks."""
        crop, x0, y0 = self.crop()
        if _part_count(crop) == 1:  # most masks, and a tenth of the time
            yield self
            return
        labels, order = _labelled(crop)
        for label in order:
            yield self._from_crop(labels == label, x0, y0)

    @property
    def part_count(self) -> int:
        """Number of connected parts."""
        return _part_count(self.crop()[0])

    def largest_parts(self, count: int = 1) -> "Mask":
        """Return only the `count` largest connected parts."""
        crop, x0, y0 = self.crop()
        if _part_count(crop) <= count:
            return self
        labels, order = _labelled(crop)
        kept = np.zeros(len(order) + 1, dtype=np.bool_)
        kept[order[:count]] = True
        return self._from_crop(kept[labels], x0, y0)

    def smoothed(self, radius_px: float) -> "Mask":
        """Return the mask blurred over about `radius_px` and cut at one half: corners rounded, area nearly kept."""
        if self.is_empty or radius_px <= 0:
            return self
        padded, x0, y0 = self._padded_crop(math.ceil(2 * radius_px) + 1)
        blurred = cv2.GaussianBlur(
            padded.astype(np.uint8) * np.uint8(255), (0, 0), radius_px / 2, borderType=cv2.BORDER_REPLICATE
        )
        return self._from_crop(blurred >= 128, x0, y0)

    def grown(self, radius: float, pixel_size: tuple[float, float] = (1.0, 1.0)) -> "Mask":
        """Return every pixel whose centre lies within `radius` of a pixel of the mask.

        `pixel_size` is (row, column) in the unit of the radius: the spacing for millimetres, left out for pixels.
        """
        if self.is_empty or radius <= 0:
            return self
        row_size, column_size = pixel_size
        padded, x0, y0 = self._padded_crop(math.ceil(radius / min(pixel_size)))
        return self._from_crop(_dilated(padded, radius / row_size, radius / column_size), x0, y0)

    def shrunk(self, radius: float, pixel_size: tuple[float, float] = (1.0, 1.0)) -> "Mask":
        """Return the pixels farther than `radius` from any pixel outside; the film's own border takes nothing away."""
        if self.is_empty or radius <= 0:
            return self
        row_size, column_size = pixel_size
        padded, x0, y0 = self._padded_crop(1)
        return self._from_crop(~_dilated(~padded, radius / row_size, radius / column_size), x0, y0)

    def split_lungs(self) -> tuple["Mask", "Mask"]:
        """Return the lungs on the image's left and right of a mask of both; every pixel goes to one of the two.

        Two separate lungs are told apart by their centroids. Lungs fused into one part are cut along the path from top
        to bottom through the middle third that crosses the fewest pixels. MeasurementError where there is one lung.
        """
        crop, x0, y0 = self.crop()
        labels, order = _labelled(crop)
        if not order:
            raise MeasurementError("The mask is empty.", advice="Segment the lungs first.")
        centres = [float(np.flatnonzero((labels == label).any(axis=0)).mean()) for label in order[:2]]
        areas = [int((labels == label).sum()) for label in order[:2]]
        if len(order) > 1 and areas[1] >= _LUNG_SHARE * areas[0]:
            middle = sum(centres) / 2
            low_side = np.zeros(crop.shape, dtype=np.bool_)
            low_side |= labels == order[int(centres[1] < centres[0])]
            rest = crop & (labels != order[0]) & (labels != order[1])
            low_side[:, : round(middle)] |= rest[:, : round(middle)]
        else:
            cut = _seam(crop)
            crossed = int(crop[np.arange(crop.shape[0]), cut - 1].sum())
            if crossed > _BRIDGE_SHARE * crop.shape[0]:
                raise _one_lung()
            low_side = crop & (np.arange(crop.shape[1])[None, :] < cut[:, None])
        sides = (self._from_crop(low_side, x0, y0), self._from_crop(crop & ~low_side, x0, y0))
        if min(side.area_px for side in sides) < _LUNG_SHARE * self.area_px:
            raise _one_lung()
        return sides

    # Outline

    def outlines(self) -> tuple[Polygon, ...]:
        """Return closed polygons along pixel edges, structure on the right of the way: outer ones run clockwise."""
        crop, x0, y0 = self.crop()
        return tuple(polygon + np.array([x0, y0]) for polygon in outlines(crop))

    def smooth_outlines(self) -> tuple[Polygon, ...]:
        """Return the outlines as drawn and as measured along: within a pixel of the edges, without their steps."""
        crop, x0, y0 = self.crop()
        return tuple(polygon + np.array([x0, y0]) for polygon in smooth_outlines(crop))

    def perimeter(self, pixel_size: tuple[float, float] = (1.0, 1.0)) -> float:
        """Return the length of the smooth outlines, holes included, in the unit of the (row, column) pixel size."""
        return boundary_length(self.crop()[0], pixel_size)

    # Inside

    def _window(self) -> tuple[int, int, int, int] | None:
        bits = self._bits()
        rows = np.flatnonzero(bits.any(axis=1))
        if rows.size == 0:
            return None
        columns = np.flatnonzero(np.unpackbits(np.bitwise_or.reduce(bits, axis=0), count=self.columns))
        return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1

    def _unpacked(self, y0: int, y1: int) -> NDArray[np.bool_]:
        return np.unpackbits(self._bits()[y0:y1], axis=1, count=self.columns).view(np.bool_)

    def _padded_crop(self, margin: int) -> tuple[NDArray[np.bool_], int, int]:
        window = self._window()
        assert window is not None  # callers return early on an empty mask
        x0, y0 = max(0, window[0] - margin), max(0, window[1] - margin)
        x1, y1 = min(self.columns, window[2] + margin), min(self.rows, window[3] + margin)
        return self._unpacked(y0, y1)[:, x0:x1], x0, y0

    def _from_bits(self, bits: NDArray[np.uint8]) -> "Mask":
        return Mask(self.rows, self.columns, bits.tobytes())

    def _from_crop(self, crop: NDArray[np.generic], x0: int, y0: int) -> "Mask":
        return Mask.of_crop(crop, x0, y0, self.rows, self.columns)

    def _same_grid(self, other: "Mask") -> NDArray[np.uint8]:
        if (self.rows, self.columns) != (other.rows, other.columns):
            raise ValueError(f"masks of {self.rows} x {self.columns} and {other.rows} x {other.columns} do not combine")
        return other._bits()

    def _stroked(self, stroke: Stroke, *, erase: bool) -> "Mask":
        points = np.array(stroke.points, dtype=np.float64)
        reach = stroke.radius_px + 1.0
        x0, y0 = (max(0, math.floor(value - reach)) for value in points.min(axis=0))
        x1 = min(self.columns, math.ceil(points[:, 0].max() + reach))
        y1 = min(self.rows, math.ceil(points[:, 1].max() + reach))
        if x1 <= x0 or y1 <= y0:
            return self
        drawn = _brushed(points - (x0, y0), stroke.radius_px, y1 - y0, x1 - x0)
        band = self._unpacked(y0, y1)
        if erase:
            band[:, x0:x1] &= ~drawn
        else:
            band[:, x0:x1] |= drawn
        bits = self._bits().copy()
        bits[y0:y1] = np.packbits(band, axis=1)
        return self._from_bits(bits)


def _one_lung() -> MeasurementError:
    return MeasurementError("The mask holds one lung, not two.", advice="Name it right or left.")


def _labelled(crop: NDArray[np.bool_]) -> tuple[NDArray[np.int32], list[int]]:
    """Return a label for each pixel and the labels of the parts, largest first, then from the top."""
    if crop.size == 0:
        return np.zeros(crop.shape, dtype=np.int32), []
    # OpenCV's own statistics take four times as long as the labels.
    count, labels = cv2.connectedComponents(np.ascontiguousarray(crop).view(np.uint8), connectivity=8)
    areas = np.bincount(labels.ravel(), minlength=count)[1:]
    return labels, [int(index) + 1 for index in np.argsort(-areas, kind="stable")]


def _part_count(crop: NDArray[np.bool_]) -> int:
    """Return how many parts there are: each has one outer border, and borders are found sooner than labels."""
    if crop.size == 0:
        return 0
    _, tree = cv2.findContours(np.ascontiguousarray(crop).view(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    return int(np.count_nonzero(tree[0, :, 3] < 0))  # borders within no other; the rest are of holes


def _dilated(pixels: NDArray[np.bool_], radius_y: float, radius_x: float) -> NDArray[np.bool_]:
    """Return every pixel within an ellipse's reach of a set pixel, centre to centre."""
    if radius_x == radius_y:
        away = cv2.distanceTransform((~pixels).view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
        # The distances of whole pixels are square roots of integers: a thousandth separates them from rounding.
        reached: NDArray[np.bool_] = (away <= radius_x + 1e-3) & pixels.any()
        return reached
    high, wide = math.floor(radius_y), math.floor(radius_x)
    y, x = np.ogrid[-high : high + 1, -wide : wide + 1]
    ellipse = ((y / radius_y) ** 2 + (x / radius_x) ** 2 <= 1.0 + 1e-9).astype(np.uint8)
    grown = cv2.dilate(pixels.view(np.uint8), ellipse, borderType=cv2.BORDER_CONSTANT, borderValue=0)
    return np.asarray(grown, dtype=np.uint8).view(np.bool_)


def _brushed(points: NDArray[np.float64], radius: float, rows: int, columns: int) -> NDArray[np.bool_]:
    """Return the pixels whose centres lie within the radius of the line, and those that hold its points."""
    drawn = np.zeros((rows, columns), dtype=np.bool_)
    inside = (points >= 0).all(axis=1) & (points < (columns, rows)).all(axis=1)
    held = np.floor(points[inside]).astype(np.intp)
    drawn[held[:, 1], held[:, 0]] = True
    starts, ends = (points, points) if len(points) == 1 else (points[:-1], points[1:])
    piece = max(32.0, 2 * radius)  # short pieces keep the search box small on a long diagonal
    for start, end in zip(starts, ends, strict=True):
        steps = max(1, math.ceil(float(np.hypot(*(end - start))) / piece))
        corners = start + (end - start) * (np.arange(steps + 1)[:, None] / steps)
        for a, b in pairwise(corners):
            _near_segment(drawn, a, b, radius)
    return drawn


def _near_segment(drawn: NDArray[np.bool_], a: NDArray[np.float64], b: NDArray[np.float64], radius: float) -> None:
    x0, y0 = (max(0, math.floor(value)) for value in np.minimum(a, b) - radius - 0.5)
    x1, y1 = (max(0, math.ceil(value)) for value in np.maximum(a, b) + radius + 0.5)
    y, x = np.ogrid[y0 : min(y1, drawn.shape[0]), x0 : min(x1, drawn.shape[1])]
    dx, dy = x + 0.5 - a[0], y + 0.5 - a[1]
    ex, ey = b - a
    length2 = float(ex * ex + ey * ey)
    along = np.clip((dx * ex + dy * ey) / length2, 0.0, 1.0) if length2 > 0 else np.float64(0.0)
    near = (dx - along * ex) ** 2 + (dy - along * ey) ** 2 <= radius * radius
    drawn[y0 : y0 + near.shape[0], x0 : x0 + near.shape[1]] |= near


def _seam(crop: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Return the first column right of a top-to-bottom path through the middle third that crosses the fewest pixels.

    Among equals the path nearest the middle wins: a pixel costs far more than any distance from it.
    """
    rows, columns = crop.shape
    left = columns // 3
    width = max(1, columns - 2 * left)
    offset = np.abs(np.arange(width) - (width - 1) / 2) / (rows * columns)
    cost = crop[:, left : left + width] + offset
    best = np.empty((rows, width))
    best[0] = cost[0]
    for row in range(1, rows):
        before = np.pad(best[row - 1], 1, constant_values=np.inf)
        best[row] = cost[row] + np.minimum(np.minimum(before[:-2], before[1:-1]), before[2:])
    path = np.empty(rows, dtype=np.intp)
    path[-1] = int(best[-1].argmin())
    for row in range(rows - 2, -1, -1):
        low = max(0, path[row + 1] - 1)
        path[row] = low + int(best[row, low : path[row + 1] + 2].argmin())
    first: NDArray[np.intp] = path + left + 1
    return first
