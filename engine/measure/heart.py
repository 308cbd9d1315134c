"""Cardiothoracic ratio from the reader's callipers, and where we propose to put them."""

import math

import numpy as np
from numpy.typing import NDArray

from engine.case import HeartCallipers
from engine.frame import Frame
from engine.measure.calibration import Scale
from engine.measure.shape import LungShape
from engine.measure.values import Caveat, Evidence, Measurement, Reason

_ROWS = (
    ("heart-right", "Midline to right heart border"),
    ("heart-left", "Midline to left heart border"),
    ("heart-diameter", "Transverse cardiac diameter"),
)
_STEEPEST = math.tan(math.radians(12))  # a chest tilted farther than this is not proposed for
_HEART_FROM = 0.4  # of the lungs' height: the heart's borders lie below, the great vessels above
_PLAUSIBLE_RATIO = (0.3, 0.85)  # outside, the inner borders are not the heart's
_BULGE = 0.06  # of the thoracic diameter: the heart must be this much wider than the mediastinum above it


def cardiothoracic(
    callipers: HeartCallipers | None,
    diameter: Measurement,
    frame: Frame | None,
    stored_scale: Scale,
    caveats: tuple[Caveat, ...],
) -> list[Measurement]:
    """Return the heart's distances from the midline, and the ratio of its diameter to the thorax's."""
    unit = stored_scale.unit
    if frame is None:
        return _nothing(unit, Reason.NOT_FRONTAL)
    if callipers is None:
        return _nothing(unit, Reason.NEEDS_CALLIPERS)
    scale = stored_scale.along(frame)
    size = np.array([scale.column, scale.row])
    head, foot, right, left = (np.array(frame.from_image(*point)) * size for point in _calliper_points(callipers))
    if head[1] > foot[1]:
        head, foot = foot, head
    span = float(np.hypot(*(foot - head)))
    if foot[1] - head[1] <= abs(foot[0] - head[0]):
        return _nothing(unit, Reason.CALLIPERS_UNUSABLE)
    along = (foot - head) / span
    to_patients_right = np.array([-along[1], along[0]])  # upright, the midline running down: the image's left
    offsets = (float((right - head) @ to_patients_right), -float((left - head) @ to_patients_right))
    if sum(offsets) <= 0:
        return _nothing(unit, Reason.CALLIPERS_UNUSABLE)
    feet = [(head + along * float((point - head) @ along)) / size for point in (right, left)]
    lines = tuple(
        frame.line(*foot_point, *(point / size)) for foot_point, point in zip(feet, (right, left), strict=True)
    )
    drawn = ((lines[0], callipers.midline), (lines[1], callipers.midline), (*lines, callipers.midline))
    method = "perpendicular to the midline, at the reader's callipers"
    rows = [
        Measurement(
            key, "heart", name, value, unit, method, scale.origin, evidence=Evidence(lines=shown), caveats=caveats
        )
        for (key, name), value, shown in zip(_ROWS, (*offsets, sum(offsets)), drawn, strict=True)
    ]
    if diameter.value is None:
        return [*rows, _no_ratio(diameter.reason or Reason.NEEDS_BOTH_LUNGS)]
    ratio = Measurement(
        "ctr",
        "heart",
        "Cardiothoracic ratio",
        sum(offsets) / diameter.value,
        "1",
        "transverse cardiac diameter / internal thoracic diameter",
        evidence=Evidence(lines=(*drawn[2], *diameter.evidence.lines)),
        caveats=tuple(dict.fromkeys((*caveats, *diameter.caveats))),
    )
    return [*rows, ratio]


def _calliper_points(callipers: HeartCallipers) -> tuple[tuple[float, float], ...]:
    midline = callipers.midline
    return ((midline.x0, midline.y0), (midline.x1, midline.y1), callipers.right, callipers.left)


def _nothing(unit: str, reason: Reason) -> list[Measurement]:
    rows = [Measurement(key, "heart", name, None, unit, "", reason=reason) for key, name in _ROWS]
    return [*rows, _no_ratio(reason)]


def _no_ratio(reason: Reason) -> Measurement:
    return Measurement("ctr", "heart", "Cardiothoracic ratio", None, "1", "", reason=reason)


def proposed_callipers(right: LungShape, left: LungShape) -> HeartCallipers | None:
    """Return callipers at the lungs' inner borders, None where these do not show the heart.

    The midline halves the thorax: a line fitted to the middles between the lungs' outer edges. Masks that take in the
    lung behind the heart leave only the spine between them, and are told by the gap: too narrow, or no wider below.
    """
    frame, scale = right.frame, right.scale
    top, bottom = max(right.top, left.top), min(right.bottom, left.bottom)
    if bottom - top < 16:
        return None
    rows = np.arange(top, bottom)
    outer_right, inner_right = right.outer[rows - right.top], right.inner[rows - right.top]
    outer_left = frame.width - left.outer[rows - left.top]
    inner_left = frame.width - left.inner[rows - left.top]
    usable = np.isfinite(outer_right) & np.isfinite(outer_left) & (inner_left > inner_right)
    if usable.sum() < len(rows) / 2:
        return None
    y = rows + 0.5
    slope, offset = np.polyfit(y[usable], (outer_right + outer_left)[usable] / 2, 1)
    tilt = slope * scale.column / scale.row
    if abs(tilt) > _STEEPEST:
        return None
    middle = slope * y + offset
    upright = math.cos(math.atan(tilt)) * scale.column  # from columns to distance across a tilted midline
    thorax = float(np.nanmax(outer_left - outer_right)) * scale.column
    heart_top = top + _HEART_FROM * (bottom - top)
    at_right = _farthest(middle - inner_right, usable & (rows >= heart_top) & (rows < _lowest_row(right)))
    at_left = _farthest(inner_left - middle, usable & (rows >= heart_top) & (rows < _lowest_row(left)))
    if at_right is None or at_left is None:
        return None
    width = float((middle - inner_right)[at_right] + (inner_left - middle)[at_left]) * upright
    above = usable & (rows < heart_top)
    neck = float((inner_left - inner_right)[above].min()) * upright if above.any() else width
    low, high = _PLAUSIBLE_RATIO
    if not low <= width / thorax <= high or width - neck < _BULGE * thorax:
        return None
    return HeartCallipers(
        frame.line(slope * top + offset, top, slope * bottom + offset, bottom),
        frame.point(float(inner_right[at_right]), float(y[at_right])),
        frame.point(float(inner_left[at_left]), float(y[at_left])),
    )


def _lowest_row(shape: LungShape) -> float:
    """Return the row above which a lung's inner border can be the heart's: its dome, else its lowest point."""
    return shape.dome[1] if shape.dome is not None else shape.bottom


def _farthest(distance: NDArray[np.float64], where: NDArray[np.bool_]) -> int | None:
    """Return the row at the greatest distance from the midline; None where the border does not leave it."""
    if not where.any():
        return None
    row = int(np.where(where, distance, -np.inf).argmax())
    return row if distance[row] > 0 else None
