"""Boxes, points, spacing, and the one place where coordinates change frame.

Engine coordinates are pixels of the stored image: x to the right, y down, (0, 0) the outer corner of the first pixel,
(columns, rows) the outer corner of the last. Boxes are half-open on that grid. Only `Letterbox` converts.
"""

import math
from dataclasses import dataclass
from enum import Enum

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.errors import PromptError


class SpacingOrigin(Enum):
    """How we know the millimetres of a pixel; carried with every number (docs/glossary.md)."""

    DETECTOR = "detector"  # measured at the detector plane, so still magnified
    FIDUCIAL = "fiducial"  # PixelSpacingCalibrationType FIDUCIAL
    GEOMETRY = "geometry"  # corrected for magnification (PixelSpacingCalibrationType GEOMETRY, or ERMF applied)
    CORRECTED = "corrected"  # differs from the detector's, reason not stated
    UNKNOWN = "unknown"  # PixelSpacing alone: the file does not say at which plane
    SCANNER = "scanner"  # digitised film, at the film's surface
    USER = "user"  # calibrated by the reader against a known length


@dataclass(frozen=True, slots=True)
class Spacing:
    """Millimetres between neighbouring pixel centres, and how we know them."""

    row_mm: float  # between rows, so along y
    column_mm: float  # between columns, so along x
    origin: SpacingOrigin
    detail: str = ""  # the file's own words, e.g. PixelSpacingCalibrationDescription

    def __post_init__(self) -> None:
        for value in (self.row_mm, self.column_mm):
            if not (math.isfinite(value) and value > 0):
                raise ValueError(f"spacing must be positive and finite, got {self.row_mm} x {self.column_mm}")

    @property
    def pixel_area_mm2(self) -> float:
        """Area of one pixel in mm2."""
        return self.row_mm * self.column_mm


@dataclass(frozen=True, slots=True)
class BoxPrompt:
    """A box in image pixels, half-open: it covers columns x0 to x1 - 1 and rows y0 to y1 - 1."""

    x0: float
    y0: float
    x1: float
    y1: float

    def __post_init__(self) -> None:
        if not all(math.isfinite(value) for value in self.corners):
            raise PromptError(f"A box needs four numbers, got {self.corners}.")
        if self.x1 <= self.x0 or self.y1 <= self.y0:
            raise PromptError(
                f"The box {self.corners} is empty.",
                advice="Give left, top, right, bottom, with left < right and top < bottom.",
            )

    @property
    def corners(self) -> tuple[float, float, float, float]:
        """Left, top, right, bottom."""
        return (self.x0, self.y0, self.x1, self.y1)

    @property
    def center(self) -> tuple[float, float]:
        """(x, y) of the middle."""
        return ((self.x0 + self.x1) / 2, (self.y0 + self.y1) / 2)

    def clipped(self, rows: int, columns: int) -> "BoxPrompt":
        """Return the part of the box that lies on the film; PromptError if none does."""
        x0, x1 = max(self.x0, 0.0), min(self.x1, float(columns))
        y0, y1 = max(self.y0, 0.0), min(self.y1, float(rows))
        if x1 <= x0 or y1 <= y0:
            raise PromptError(
                f"The box {self.corners} lies outside the film of {columns} x {rows} pixels.",
                advice="Draw it on the film.",
            )
        return BoxPrompt(x0, y0, x1, y1)

    @staticmethod
    def whole(rows: int, columns: int) -> "BoxPrompt":
        """Return the box that covers the whole film."""
        return BoxPrompt(0.0, 0.0, float(columns), float(rows))


@dataclass(frozen=True, slots=True)
class PointPrompt:
    """A point in image pixels that belongs to the structure, or does not."""

    x: float
    y: float
    positive: bool = True


@dataclass(frozen=True, slots=True)
class Prompts:
    """Everything the reader gave for one structure: at most one box, any number of points."""

    box: BoxPrompt | None = None
    points: tuple[PointPrompt, ...] = ()

    def __post_init__(self) -> None:
        if self.box is None and not any(point.positive for point in self.points):
            raise PromptError("A structure needs a box or a positive point.", advice="Draw a box round it.")


@dataclass(frozen=True, slots=True)
class Letterbox:
    """Maps a film onto the model's square frame: scaled to fit, square pixels, blank to the right and below."""

    rows: int
    columns: int
    size: int  # side of the model's frame
    scale_x: float  # model pixels per image pixel
    scale_y: float

    @staticmethod
    def fit(rows: int, columns: int, size: int, pixel_aspect: float = 1.0) -> "Letterbox":
        """Return the mapping for a film whose pixels are `pixel_aspect` times as high as they are wide."""
        height = rows * pixel_aspect
        scale = size / max(height, columns)
        return Letterbox(rows, columns, size, scale, scale * pixel_aspect)

    @property
    def inner(self) -> tuple[int, int]:
        """Rows and columns of the model frame that the film fills."""
        return (
            min(self.size, max(1, round(self.rows * self.scale_y))),
            min(self.size, max(1, round(self.columns * self.scale_x))),
        )

    def to_frame(self, image: NDArray[np.float32], blank: float) -> NDArray[np.float32]:
        """Return the film resized into the model's frame, the rest set to `blank`."""
        inner_rows, inner_columns = self.inner
        shrinking = inner_rows <= image.shape[0] and inner_columns <= image.shape[1]
        resized = cv2.resize(
            image, (inner_columns, inner_rows), interpolation=cv2.INTER_AREA if shrinking else cv2.INTER_LINEAR
        )
        frame = np.full((self.size, self.size), blank, dtype=np.float32)
        frame[:inner_rows, :inner_columns] = resized
        return frame

    def from_frame(self, logits: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return a square map of the model's frame, at any resolution, resampled to the film's own pixels."""
        return self._window(logits, 0, 0, self.columns, self.rows)

    def positive(self, logits: NDArray[np.float32]) -> tuple[NDArray[np.bool_], int, int]:
        """Return where `from_frame` is above 0, within a window that holds all of it, and its left column and top row.

        A lung fills a fifth of a film, and a value between others can only be positive where one of them is.
        """
        above = logits > 0.0
        rows, columns = np.flatnonzero(above.any(axis=1)), np.flatnonzero(above.any(axis=0))
        if rows.size == 0:
            return np.zeros((0, 0), dtype=np.bool_), 0, 0
        step_x, step_y = self._steps(logits)
        x0, x1 = _reach(columns[0], columns[-1], step_x, self.columns)
        y0, y1 = _reach(rows[0], rows[-1], step_y, self.rows)
        if x1 <= x0 or y1 <= y0:  # all of it beside the film
            return np.zeros((0, 0), dtype=np.bool_), 0, 0
        return self._window(logits, x0, y0, x1, y1) > 0.0, x0, y0

    def _steps(self, logits: NDArray[np.float32]) -> tuple[float, float]:
        """Return how far apart on the map neighbouring film pixels are, along x and y."""
        inner_rows, inner_columns = self.inner
        zoom = logits.shape[0] / self.size
        return inner_columns / self.columns * zoom, inner_rows / self.rows * zoom

    def _window(self, logits: NDArray[np.float32], x0: int, y0: int, x1: int, y1: int) -> NDArray[np.float32]:
        """Return columns x0 to x1 and rows y0 to y1 of the film."""
        step_x, step_y = self._steps(logits)
        # Pixel centres: image pixel i lies at (i + 0.5) * step - 0.5 of the map.
        matrix = np.array(
            [[step_x, 0, (x0 + 0.5) * step_x - 0.5], [0, step_y, (y0 + 0.5) * step_y - 0.5]], dtype=np.float64
        )
        film: NDArray[np.float32] = cv2.warpAffine(
            logits,
            matrix,
            (x1 - x0, y1 - y0),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
        return film

    def tokens(self, prompts: Prompts) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return the prompts as SAM's sparse tokens: (K, 2) coordinates in the frame and (K,) labels.

        Labels: -1 padding, 0 negative, 1 positive, 2 and 3 the box's corners. SAM was trained with the centres of a
        box's corner pixels, and its prompt encoder adds the half pixel itself, so it is taken off here.
        """
        coordinates: list[tuple[float, float]] = []
        labels: list[int] = []
        for point in prompts.points:
            coordinates.append((point.x * self.scale_x - 0.5, point.y * self.scale_y - 0.5))
            labels.append(1 if point.positive else 0)
        if prompts.box is None:
            coordinates.append((0.0, 0.0))
            labels.append(-1)
        else:
            box = prompts.box.clipped(self.rows, self.columns)
            coordinates.append((box.x0 * self.scale_x, box.y0 * self.scale_y))
            coordinates.append((box.x1 * self.scale_x - 1.0, box.y1 * self.scale_y - 1.0))
            labels += [2, 3]
        return np.array(coordinates, dtype=np.float32), np.array(labels, dtype=np.float32)


def _reach(first: np.intp, last: np.intp, step: float, count: int) -> tuple[int, int]:
    """Return the half-open run of film pixels that lie less than one map pixel from map pixels first to last."""
    low, high = (float(first) - 0.5) / step - 0.5, (float(last) + 1.5) / step - 0.5
    return max(0, math.floor(low)), min(count, math.ceil(high) + 1)
