"""Landmarks of one lung: apex, costophrenic angle, dome, and the edges of every row.

All in the lung's own frame: upright, lateral towards x = 0, medial towards larger x, in pixels of the whole film.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.frame import Frame
from engine.mask import Mask
from engine.measure.calibration import Scale
from engine.outline import Polygon, smooth_outlines

# The base lies in the lowest two fifths of a lung; above it the medial border belongs to heart and hilum.
_BASE_SHARE = 0.6
# A base narrower than this share of the lung is an angle filled by effusion, or a mask cut short: no diaphragm to see.
_NARROWEST_BASE = 0.25
# Chest wall and diaphragm are fitted over 20 mm beside the angle; a lung is about 250 mm high.
TANGENT_MM = 20.0
TANGENT_SHARE = 0.08

Point = tuple[float, float]


@dataclass(frozen=True, slots=True, eq=False)
class LungShape:
    """One lung's largest part. Rows are counted from `top`; row i of the edges is row `top + i` of the frame."""

    frame: Frame
    scale: Scale  # along the frame's axes
    top: int
    bottom: int  # exclusive
    outer: NDArray[np.float64]  # lateral edge of each row, NaN where the row is empty
    inner: NDArray[np.float64]  # medial edge
    outline: Polygon  # the longest, smooth
    apex: Point  # middle of the top row, at its upper edge
    costophrenic: Point  # lowest point of the lateral half, at its lower edge
    medial_base: Point | None  # medial end of the diaphragm; None where no base is seen
    base: NDArray[np.float64]  # (N, 2) lower edge of each column between the two, empty where no base is seen

    @property
    def height(self) -> int:
        """Rows from apex to lowest point."""
        return self.bottom - self.top

    @property
    def widest_row(self) -> int:
        """Row of the frame where the lung is widest, the uppermost of equals."""
        return self.top + int(np.nanargmax(self.inner - self.outer))

    @property
    def dome(self) -> Point | None:
        """Highest point of the diaphragm, the middle of equals."""
        if self.medial_base is None:
            return None
        level = self.base[:, 1].min()
        x = self.base[self.base[:, 1] == level, 0]
        return (float(x[len(x) // 2]), float(level))


def lung_shape(largest_part: Mask, frame: Frame, stored_scale: Scale) -> LungShape:
    """Return the landmarks of a lung in its own frame; the mask is one part, not empty."""
    crop, x0, y0 = largest_part.crop()
    pixels = frame.pixels(crop)
    left, top = frame.corner(x0, y0, *crop.shape)
    scale = stored_scale.along(frame)
    height, width = pixels.shape
    filled_rows = pixels.any(axis=1)
    outer = np.where(filled_rows, pixels.argmax(axis=1) + left, np.nan)
    inner = np.where(filled_rows, left + width - pixels[:, ::-1].argmax(axis=1), np.nan)
    lower = np.where(pixels.any(axis=0), height - pixels[::-1].argmax(axis=0), 0)  # lower edge of each column
    top_row = np.flatnonzero(pixels[0])
    angle_column = int(lower[: max(1, width // 2)].argmax())  # the first of equals is the most lateral
    medial_column = _medial_end(lower, angle_column, height, scale)
    base = np.zeros((0, 2))
    if medial_column is not None:
        columns = np.arange(angle_column, medial_column + 1)
        base = np.stack([left + columns + 0.5, top + lower[columns]], axis=1).astype(np.float64)
    return LungShape(
        frame=frame,
        scale=scale,
        top=top,
        bottom=top + height,
        outer=outer,
        inner=inner,
        outline=max(smooth_outlines(pixels), key=len) + np.array([left, top]),
        apex=(left + float(top_row.mean()) + 0.5, float(top)),
        costophrenic=(left + angle_column + 0.5, float(top + lower[angle_column])),
        medial_base=None if medial_column is None else (float(base[-1, 0]), float(base[-1, 1])),
        base=base,
    )


def _medial_end(lower: NDArray[np.integer], angle_column: int, height: int, scale: Scale) -> int | None:
    """Return the column farthest down and medially, at 45 degrees, of the lower border beyond the angle."""
    columns = np.arange(angle_column + 1, len(lower))
    columns = columns[lower[columns] > _BASE_SHARE * height]
    if columns.size == 0:
        return None
    column = int(columns[(lower[columns] * scale.row + columns * scale.column).argmax()])
    # The lower border must stay in the base all the way: a gap means that another part of the lung was reached.
    whole = bool((lower[angle_column : column + 1] > _BASE_SHARE * height).all())
    return column if whole and column - angle_column >= _NARROWEST_BASE * len(lower) else None


@dataclass(frozen=True, slots=True)
class CostophrenicAngle:
    """Angle between chest wall and diaphragm, and the two tangents in the lung's frame."""

    degrees: float
    tangents: tuple[tuple[Point, Point], ...]


def tangent_length(shape: LungShape) -> float:
    """Return over which length of outline the tangents are fitted, in the scale's unit."""
    return TANGENT_MM if shape.scale.unit == "mm" else TANGENT_SHARE * shape.height * shape.scale.row


def costophrenic_angle(shape: LungShape) -> CostophrenicAngle | None:
    """Return the angle between the outline's two arms beside the lowest lateral point, by total least squares."""
    size = np.array([shape.scale.column, shape.scale.row])
    outline = shape.outline * size
    corner = np.array(shape.costophrenic) * size
    start = int(((outline - corner) ** 2).sum(axis=1).argmin())
    reach = tangent_length(shape)
    arms = []
    for turned in (np.roll(outline, -start, axis=0), np.roll(outline[::-1], start + 1, axis=0)):
        way = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(turned, axis=0).T))])
        arm = turned[: int(np.searchsorted(way, reach))]
        if way[-1] < 3 * reach or len(arm) < 5:
            return None
        arms.append(_direction(arm))
    cosine = float(np.clip(np.dot(*arms), -1.0, 1.0))
    ends = [tuple(((corner + arm * reach) / size).tolist()) for arm in arms]
    return CostophrenicAngle(
        math.degrees(math.acos(cosine)), tuple((shape.costophrenic, (end[0], end[1])) for end in ends)
    )


def _direction(arm: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the unit vector along a run of points, away from its first."""
    _, _, axes = np.linalg.svd(arm - arm.mean(axis=0), full_matrices=False)
    axis: NDArray[np.float64] = axes[0]
    return axis if np.dot(axis, arm[-1] - arm[0]) >= 0 else -axis


@dataclass(frozen=True, slots=True)
class DomeHeight:
    """How far the diaphragm rises above the chord between its ends, and where."""

    height: float
    chord: tuple[Point, Point]
    rise: tuple[Point, Point]  # from the chord to the farthest point above it


def dome_height(shape: LungShape) -> DomeHeight | None:
    """Return the greatest distance of the diaphragm above its chord; None where no base is seen."""
    if shape.medial_base is None:
        return None
    size = np.array([shape.scale.column, shape.scale.row])
    a, b = np.array(shape.costophrenic) * size, np.array(shape.medial_base) * size
    along = (b - a) / np.hypot(*(b - a))
    above = np.array([along[1], -along[0]])  # the chord runs medially, towards larger x, so this points up
    offsets = shape.base * size - a
    distances = offsets @ above
    peak = int(distances.argmax())
    foot = (a + along * float(offsets[peak] @ along)) / size
    return DomeHeight(
        max(0.0, float(distances[peak])),
        (shape.costophrenic, shape.medial_base),
        ((float(foot[0]), float(foot[1])), (float(shape.base[peak, 0]), float(shape.base[peak, 1]))),
    )
