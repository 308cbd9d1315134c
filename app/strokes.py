"""Lines along polygons that cost a frame little.

Qt's own stroker makes eight edges of each one of an outline, most of them crossing within the line, and its rasteriser
pays for every crossing. A line of constant width round a closed polygon is the polygon moved outwards and inwards by
half the width: two edges of one.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QByteArray, QDataStream, Qt
from PySide6.QtGui import QPainterPath

Polygon = NDArray[np.float64]  # (corners, 2): x, y; closed, the first corner is not repeated

_ROUND_FROM = np.cos(np.radians(30.0))  # sharper turns than this get a round join; in others a mitre looks the same
_DISC = np.stack([f(np.linspace(0, 2 * np.pi, 12, endpoint=False)) for f in (np.cos, np.sin)], axis=1)


def inside(polygons: Sequence[Polygon]) -> QPainterPath:
    """Return what lies within an odd number of polygons: holes are left out."""
    return _path(polygons, Qt.FillRule.OddEvenFill)


def along(polygons: Sequence[Polygon], *widths: float) -> tuple[QPainterPath, ...]:
    """Return a line of each width along the edges of polygons, as paths to be filled."""
    bands = [band for polygon in polygons if (band := _band(polygon)) is not None]
    return tuple(
        _path([part for band in bands for part in band.parts(width / 2)], Qt.FillRule.WindingFill) for width in widths
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Band:
    """A closed polygon with the way its corners go when a line along it grows wider by one on either side."""

    corners: Polygon
    ways: Polygon
    sharp: Polygon  # the corners that need a round join

    def parts(self, half: float) -> list[Polygon]:
        """Return both edges of a line, and discs, all so wound that the line's inside is wound +1 or more."""
        out = half * self.ways
        return [self.corners + out, (self.corners - out)[::-1], *(corner + half * _DISC for corner in self.sharp)]


def _band(polygon: Polygon) -> _Band | None:
    following = np.concatenate([polygon[1:], polygon[:1]])
    distinct = (following != polygon).any(axis=1)
    if not distinct.all():
        polygon = polygon[distinct]
        following = np.concatenate([polygon[1:], polygon[:1]])
    if len(polygon) < 2:
        return None
    step = following - polygon
    step /= np.hypot(step[:, 0], step[:, 1])[:, None]
    after = np.stack([step[:, 1], -step[:, 0]], axis=1)
    before = np.concatenate([after[-1:], after[:-1]])
    cosine = (before * after).sum(axis=1)
    # Moved by the mitre, a corner is as far from both its edges as the line is wide on either side.
    ways = (before + after) / np.maximum(1.0 + cosine, 0.5)[:, None]
    sharp = cosine < _ROUND_FROM
    if not sharp.any():
        return _Band(polygon, ways, polygon[:0])
    # At a sharp corner the edges end apart. On the inner side they cross: that part is wound twice, and stays filled.
    ways[sharp] = before[sharp]
    places = np.flatnonzero(sharp)
    return _Band(
        np.insert(polygon, places + 1, polygon[places], axis=0),
        np.insert(ways, places + 1, after[places], axis=0),
        polygon[places],
    )


_ELEMENT = np.dtype([("kind", ">i4"), ("x", ">f8"), ("y", ">f8")])


def _path(polygons: Sequence[Polygon], rule: Qt.FillRule) -> QPainterPath:
    """Return polygons as a path, by Qt's own stream: a call for each corner would take as long as drawing them."""
    path = QPainterPath()
    count = sum(len(polygon) for polygon in polygons)
    if count:
        elements = np.empty(count, dtype=_ELEMENT)
        points = np.concatenate(polygons)
        elements["kind"], elements["x"], elements["y"] = QPainterPath.ElementType.LineToElement.value, *points.T
        starts = np.cumsum([0, *(len(polygon) for polygon in polygons[:-1])])
        elements["kind"][starts] = QPainterPath.ElementType.MoveToElement.value
        data = struct.pack(">i", count) + elements.tobytes() + struct.pack(">ii", int(starts[-1]), rule.value)
        stream = QDataStream(QByteArray(data))
        stream >> path  # Qt's way to read
    path.setFillRule(rule)
    return path
