"""Outlines of pixels as polygons, and polygons as pixels.

Coordinates are (x, y) of the image, (0, 0) the outer corner of the first pixel. A pixel belongs to a polygon when its
centre lies inside. So `filled(outlines(pixels))` is `pixels`, to the pixel.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

Polygon = NDArray[np.float64]  # (N, 2), closed: the last vertex joins the first

# Steps of one edge, by direction: right, down, left, up (y points down).
_STEP_X = np.array([1, 0, -1, 0])
_STEP_Y = np.array([0, 1, 0, -1])

# Edges averaged on either side of each point of a smooth outline. Nine edges span about seven pixels: the steps of the
# grid vanish (a disc's perimeter is right within 0.5 % from a radius of 20 pixels), and a lung's corners stay.
_SMOOTHING = 4


def outlines(pixels: NDArray[np.bool_]) -> tuple[Polygon, ...]:
    """Return closed polygons along the pixels' edges, with the set pixels on the right-hand side of the way."""
    polygons = []
    for starts, directions in _boundaries(pixels):
        corners = directions != np.roll(directions, 1)
        polygons.append(starts[corners].astype(np.float64))
    return tuple(polygons)


def smooth_outlines(pixels: NDArray[np.bool_]) -> tuple[Polygon, ...]:
    """Return the middles of the pixels' edges, each averaged with its neighbours along the outline."""
    return tuple(_smoothed(starts, directions) for starts, directions in _boundaries(pixels))


def boundary_length(pixels: NDArray[np.bool_], pixel_size: tuple[float, float]) -> float:
    """Return the length of the smooth outlines; `pixel_size` is (row, column)."""
    scale = np.array([pixel_size[1], pixel_size[0]])
    return float(sum(_closed_length(polygon * scale) for polygon in smooth_outlines(pixels)))


def filled(rows: int, columns: int, polygons: Sequence[Polygon]) -> NDArray[np.bool_]:
    """Return the pixels whose centres lie inside an odd number of polygons."""
    # Each edge flips, on every row whose centre line it crosses, all pixels to the right of the crossing.
    flips = np.zeros((rows, columns + 1), dtype=np.uint8)
    for polygon in polygons:
        if len(polygon) < 3:
            continue
        a, b = polygon, np.roll(polygon, -1, axis=0)
        rising = a[:, 1] > b[:, 1]
        upper, lower = np.where(rising[:, None], b, a), np.where(rising[:, None], a, b)
        first = np.clip(np.ceil(upper[:, 1] - 0.5), 0, rows).astype(np.intp)
        last = np.clip(np.ceil(lower[:, 1] - 0.5), 0, rows).astype(np.intp)
        counts = last - first
        edge = np.repeat(np.arange(len(polygon)), counts)
        row = np.arange(edge.size) - np.repeat(np.cumsum(counts) - counts, counts) + first[edge]
        share = (row + 0.5 - upper[edge, 1]) / (lower[edge, 1] - upper[edge, 1])
        x = upper[edge, 0] + share * (lower[edge, 0] - upper[edge, 0])
        column = np.clip(np.ceil(x - 0.5), 0, columns).astype(np.intp)
        np.bitwise_xor.at(flips, (row, column), 1)
    touched = np.flatnonzero(flips.any(axis=1))
    if touched.size:
        band = slice(touched[0], touched[-1] + 1)
        np.bitwise_xor.accumulate(flips[band], axis=1, out=flips[band])
    return np.ascontiguousarray(flips[:, :columns]).view(np.bool_)


def enclosed_area(polygon: Polygon) -> float:
    """Return the area inside a polygon, positive when it runs clockwise on screen."""
    x, y = polygon[:, 0], polygon[:, 1]
    return float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2


def _smoothed(starts: NDArray[np.intp], directions: NDArray[np.intp]) -> Polygon:
    middles = starts + np.stack([_STEP_X[directions], _STEP_Y[directions]], axis=1) / 2
    reach = min(_SMOOTHING, len(middles) // 8)  # a speck of a few pixels keeps its shape
    padded = np.concatenate([middles[len(middles) - reach :], middles, middles[:reach]])
    sums = np.cumsum(np.concatenate([np.zeros((1, 2)), padded]), axis=0)
    width = 2 * reach + 1
    smooth: Polygon = (sums[width:] - sums[:-width]) / width
    return smooth


def _closed_length(polygon: Polygon) -> float:
    step = np.roll(polygon, -1, axis=0) - polygon
    return float(np.hypot(step[:, 0], step[:, 1]).sum())


def _boundaries(pixels: NDArray[np.bool_]) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Yield each closed chain of pixel edges: where every edge starts, and which way it goes."""
    if pixels.size == 0:
        return
    padded = np.pad(pixels, 1)
    # Along each edge the set pixel lies on the right: below an edge to the right, left of an edge downwards, and so on.
    across = np.diff(padded.view(np.int8), axis=0)[:, 1:-1]  # [r, c]: from pixel row r - 1 to r
    along = np.diff(padded.view(np.int8), axis=1)[1:-1]
    parts = []
    for direction, (grid, sign, shift_x, shift_y) in enumerate(
        [(across, 1, 0, 0), (along, -1, 0, 0), (across, -1, 1, 0), (along, 1, 0, 1)]
    ):
        y, x = np.nonzero(grid == sign)
        parts.append(np.stack([x + shift_x, y + shift_y, np.full(x.size, direction)], axis=1))
    edges = np.concatenate(parts)
    x, y, direction = edges.T
    vertices_a_row = pixels.shape[1] + 1
    key = (y * vertices_a_row + x) * 4 + direction
    order = np.argsort(key)
    sorted_key = key[order]
    end = (y + _STEP_Y[direction]) * vertices_a_row + x + _STEP_X[direction]
    following = np.full(len(edges), -1)
    for turn in (3, 0, 1):  # the last one found wins: right where corners touch, so that every polygon is simple
        wanted = end * 4 + (direction + turn) % 4
        place = np.minimum(np.searchsorted(sorted_key, wanted), len(edges) - 1)
        found = sorted_key[place] == wanted
        following[found] = order[place[found]]
    chain = following.tolist()
    for first in range(len(chain)):
        if chain[first] < 0:
            continue
        loop = []
        edge = first
        while chain[edge] >= 0:
            loop.append(edge)
            chain[edge], edge = -1, chain[edge]
        yield edges[loop, :2], edges[loop, 2]
