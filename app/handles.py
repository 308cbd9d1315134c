"""Hit testing: what lies under the pointer. Pure functions in image pixels."""

import math
from dataclasses import dataclass, replace
from enum import Flag

from engine.case import HeartCallipers, Line
from engine.geometry import BoxPrompt
from engine.mask import Mask

MINIMUM_BOX_PX = 2.0


class Edge(Flag):
    """Edges of a box that a handle moves."""

    NONE = 0
    LEFT = 1
    TOP = 2
    RIGHT = 4
    BOTTOM = 8
    ALL = 15


HANDLES = (
    Edge.LEFT | Edge.TOP,
    Edge.TOP,
    Edge.RIGHT | Edge.TOP,
    Edge.RIGHT,
    Edge.RIGHT | Edge.BOTTOM,
    Edge.BOTTOM,
    Edge.LEFT | Edge.BOTTOM,
    Edge.LEFT,
)


def handle_place(box: BoxPrompt, edges: Edge) -> tuple[float, float]:
    """Return where a handle of a box lies."""
    x = box.x0 if Edge.LEFT in edges else box.x1 if Edge.RIGHT in edges else (box.x0 + box.x1) / 2
    y = box.y0 if Edge.TOP in edges else box.y1 if Edge.BOTTOM in edges else (box.y0 + box.y1) / 2
    return (x, y)


def edges_at(box: BoxPrompt, x: float, y: float, reach: float) -> Edge:
    """Return the edges of a box under a point: two at a corner, one along a side, none elsewhere."""
    edges = Edge.NONE
    if box.y0 - reach <= y <= box.y1 + reach:
        if abs(x - box.x0) <= reach:
            edges |= Edge.LEFT
        elif abs(x - box.x1) <= reach:
            edges |= Edge.RIGHT
    if box.x0 - reach <= x <= box.x1 + reach:
        if abs(y - box.y0) <= reach:
            edges |= Edge.TOP
        elif abs(y - box.y1) <= reach:
            edges |= Edge.BOTTOM
    return edges


def with_edges_moved(box: BoxPrompt, edges: Edge, dx: float, dy: float, rows: int, columns: int) -> BoxPrompt:
    """Return the box after a drag; edges stop at the film and never cross."""
    x0, y0, x1, y1 = box.corners
    if edges == Edge.ALL:
        dx = min(max(dx, -x0), columns - x1)
        dy = min(max(dy, -y0), rows - y1)
        return BoxPrompt(x0 + dx, y0 + dy, x1 + dx, y1 + dy)
    if Edge.LEFT in edges:
        x0 = min(max(x0 + dx, 0.0), x1 - MINIMUM_BOX_PX)
    if Edge.RIGHT in edges:
        x1 = max(min(x1 + dx, float(columns)), x0 + MINIMUM_BOX_PX)
    if Edge.TOP in edges:
        y0 = min(max(y0 + dy, 0.0), y1 - MINIMUM_BOX_PX)
    if Edge.BOTTOM in edges:
        y1 = max(min(y1 + dy, float(rows)), y0 + MINIMUM_BOX_PX)
    return BoxPrompt(x0, y0, x1, y1)


def box_between(a: tuple[float, float], b: tuple[float, float], rows: int, columns: int) -> BoxPrompt | None:
    """Return the box between two points, cut to the film; None when nothing is left."""
    x0, x1 = sorted((min(max(a[0], 0.0), float(columns)), min(max(b[0], 0.0), float(columns))))
    y0, y1 = sorted((min(max(a[1], 0.0), float(rows)), min(max(b[1], 0.0), float(rows))))
    if x1 - x0 < MINIMUM_BOX_PX or y1 - y0 < MINIMUM_BOX_PX:
        return None
    return BoxPrompt(x0, y0, x1, y1)


@dataclass(frozen=True, slots=True)
class LineEnd:
    """One end of one of the reader's distances."""

    index: int
    second: bool


def line_end_at(lines: tuple[Line, ...], x: float, y: float, reach: float) -> LineEnd | None:
    """Return the nearest end of a line within reach."""
    best: tuple[float, LineEnd] | None = None
    for index, line in enumerate(lines):
        for second, (px, py) in enumerate(((line.x0, line.y0), (line.x1, line.y1))):
            distance = math.hypot(px - x, py - y)
            if distance <= reach and (best is None or distance < best[0]):
                best = (distance, LineEnd(index, bool(second)))
    return best[1] if best else None


def with_end_moved(line: Line, x: float, y: float, *, second: bool) -> Line:
    """Return the line with one end elsewhere."""
    return replace(line, x1=x, y1=y) if second else replace(line, x0=x, y0=y)


CALLIPER_PARTS = ("top", "bottom", "right", "left")


def calliper_points(callipers: HeartCallipers) -> dict[str, tuple[float, float]]:
    """Return the draggable points of the heart callipers."""
    line = callipers.midline
    return {
        "top": (line.x0, line.y0),
        "bottom": (line.x1, line.y1),
        "right": callipers.right,
        "left": callipers.left,
    }


def calliper_part_at(callipers: HeartCallipers, x: float, y: float, reach: float) -> str | None:
    """Return the nearest draggable part within reach."""
    near = {
        part: math.hypot(px - x, py - y)
        for part, (px, py) in calliper_points(callipers).items()
        if math.hypot(px - x, py - y) <= reach
    }
    return min(near, key=near.__getitem__) if near else None


def with_part_moved(callipers: HeartCallipers, part: str, x: float, y: float) -> HeartCallipers:
    """Return the callipers with one part elsewhere."""
    line = callipers.midline
    if part == "top":
        return replace(callipers, midline=replace(line, x0=x, y0=y))
    if part == "bottom":
        return replace(callipers, midline=replace(line, x1=x, y1=y))
    return replace(callipers, right=(x, y)) if part == "right" else replace(callipers, left=(x, y))


def middle_callipers(rows: int, columns: int) -> HeartCallipers:
    """Return callipers in the middle of the film, to drag from where the lungs give no better place."""
    middle, y = columns / 2, rows * 0.65
    return HeartCallipers(
        Line(middle, rows * 0.2, middle, rows * 0.8), (middle - columns * 0.12, y), (middle + columns * 0.18, y)
    )


def covers(mask: Mask, row: int, column: int) -> bool:
    """Return whether one pixel is in a mask, without unpacking it."""
    row_bytes = (mask.columns + 7) // 8
    return bool(mask.packed[row * row_bytes + column // 8] >> (7 - column % 8) & 1)
