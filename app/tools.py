"""Tools: small state machines from pointer events to the session's actions. The canvas draws their `sketch`."""

import math
from dataclasses import dataclass, replace

from app.handles import (
    Edge,
    LineEnd,
    box_between,
    calliper_part_at,
    covers,
    edges_at,
    line_end_at,
    with_edges_moved,
    with_end_moved,
    with_part_moved,
)
from app.session import Session
from app.viewport import Viewport
from engine.case import HeartCallipers, Line
from engine.geometry import BoxPrompt, Prompts
from engine.mask import Stroke

CLICK_SLOP = 4.0  # screen pixels: less is a click, more is a drag
_REACH = 7.0  # screen pixels round a handle


@dataclass(frozen=True, slots=True)
class Pointer:
    """Where the pointer is, in the image and on screen, and which modifiers are held."""

    x: float
    y: float
    screen_x: float
    screen_y: float
    zoom: float  # screen pixels per image pixel
    shift: bool = False
    control: bool = False
    alt: bool = False

    @property
    def reach(self) -> float:
        """How near counts as on it, in image pixels."""
        return _REACH / self.zoom


@dataclass(frozen=True, slots=True)
class Sketch:
    """What is being drawn, before it is anything."""

    box: BoxPrompt | None = None
    stroke: Stroke | None = None
    erasing: bool = False
    polygon: tuple[tuple[float, float], ...] = ()
    line: Line | None = None
    callipers: HeartCallipers | None = None
    hidden_line: int | None = None  # a distance whose end is being moved


class Tool:
    """What a tool answers to; by default it does nothing."""

    name = ""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.sketch = Sketch()
        self._start: Pointer | None = None  # where the button went down
        self._dragged = False  # too far since then for a click

    @property
    def begun(self) -> bool:
        """True in the middle of something: Enter and undo are then the tool's."""
        return self._start is not None or self.sketch != Sketch()

    def press(self, at: Pointer) -> None:
        """Begin at the pointer."""

    def move(self, at: Pointer) -> None:
        """Follow the pointer while the button is down."""

    def hover(self, at: Pointer) -> None:
        """Follow the pointer while no button is down."""

    def release(self, at: Pointer) -> None:
        """End at the pointer."""

    def double_click(self, at: Pointer) -> bool:
        """Answer a double click; False leaves it to the canvas."""
        return False

    def cancel(self) -> bool:
        """Give up what was begun; False when nothing was."""
        begun = self.begun
        self._start, self.sketch = None, Sketch()
        return begun

    def back(self) -> bool:
        """Take back the last of what was begun; False when nothing was."""
        return self.cancel()

    def interrupt(self) -> None:
        """Give up what was begun on a case that is no more."""
        self.cancel()

    def commit(self) -> bool:
        """End what Enter ends; False when nothing was begun."""
        return self.begun

    def cursor(self, at: Pointer) -> str:
        """Return the role of the cursor here."""
        return "cross"

    def _down(self, at: Pointer) -> None:
        self._start, self._dragged = at, False

    def _is_drag(self, at: Pointer) -> bool:
        """Return whether the pointer has ever been too far from where it went down for a click."""
        start = self._start
        if start is not None and math.hypot(at.screen_x - start.screen_x, at.screen_y - start.screen_y) >= CLICK_SLOP:
            self._dragged = True
        return self._dragged


def _box_of(session: Session) -> BoxPrompt | None:
    if session.draft_prompts is not None:
        return session.draft_prompts.box
    finding = session.finding
    return finding.prompts.box if finding is not None and finding.prompts is not None else None


class BoxTool(Tool):
    """Drag a box; drag the edges of the selected one; click to select; Ctrl+click and Alt+click refine with points."""

    name = "box"

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._edges = Edge.NONE
        self._box: BoxPrompt | None = None
        self._held: str | None = None  # whose box it is

    def press(self, at: Pointer) -> None:
        if (at.control or at.alt) and not at.shift:
            self.session.add_point(at.x, at.y, positive=not at.alt)
            return
        self._down(at)
        box = _box_of(self.session)
        self._edges = edges_at(box, at.x, at.y, at.reach) if box is not None and not at.shift else Edge.NONE
        self._box, self._held = box, self.session.selected

    def move(self, at: Pointer) -> None:
        case = self.session.case
        if self._start is None or case is None or not self._is_drag(at):
            return
        rows, columns = case.radiograph.rows, case.radiograph.columns
        if self._edges and self._box is not None:
            if self.session.selected != self._held:
                self.cancel()
                return
            box = with_edges_moved(self._box, self._edges, at.x - self._start.x, at.y - self._start.y, rows, columns)
            self.session.drag_prompts(_with_box(self.session, box))
        else:
            self.sketch = Sketch(box=box_between((self._start.x, self._start.y), (at.x, at.y), rows, columns))

    def release(self, at: Pointer) -> None:
        if self._start is None:
            return
        dragged, self._start = self._is_drag(at), None
        if self._edges:
            self._edges = Edge.NONE
            self.session.drop_prompts()
            return
        box, self.sketch = self.sketch.box, Sketch()
        if box is not None:
            self.session.draw_box(box)
        elif not dragged:
            select_at(self.session, at)

    def cancel(self) -> bool:
        moved = self.session.draft_prompts is not None
        self._edges = Edge.NONE
        self.session.cancel_drag()
        return super().cancel() or moved

    def cursor(self, at: Pointer) -> str:
        box = _box_of(self.session)
        edges = edges_at(box, at.x, at.y, at.reach) if box is not None else Edge.NONE
        return _edge_cursor(self.session.lightbox.viewport, edges) if edges else "cross"


def _edge_cursor(viewport: Viewport, edges: Edge) -> str:
    """Return the way in which edges go on screen, however the film is turned."""
    x, y = (Edge.RIGHT in edges) - (Edge.LEFT in edges), (Edge.BOTTOM in edges) - (Edge.TOP in edges)
    # Exact: a film is turned by quarters only.
    across, down = (x * ix + y * iy for ix, iy in (viewport.vector_to_image(1, 0), viewport.vector_to_image(0, 1)))
    if not across or not down:
        return "horizontal" if across else "vertical"
    return "diagonal-down" if across * down > 0 else "diagonal-up"


def _with_box(session: Session, box: BoxPrompt) -> Prompts:
    prompts = session.prompts
    return Prompts(box, prompts.points if prompts is not None else ())


def select_at(session: Session, at: Pointer) -> None:
    """Select the finding under the pointer, the smallest where several lie; none where none does."""
    case = session.shown
    if case is None:
        return
    column, row = int(at.x), int(at.y)
    inside = 0 <= row < case.radiograph.rows and 0 <= column < case.radiograph.columns
    hit = [finding for finding in case.findings if inside and covers(finding.mask, row, column)]
    session.select(min(hit, key=lambda finding: finding.mask.area_px).tracking_uid if hit else None)


class PointTool(Tool):
    """Click what belongs to the structure, Alt+click what does not; click a point again to take it back."""

    name = "point"

    def press(self, at: Pointer) -> None:
        prompts = self.session.prompts
        for index, point in enumerate(prompts.points if prompts is not None else ()):
            if math.hypot(point.x - at.x, point.y - at.y) <= at.reach:
                self.session.remove_point(index)
                return
        self.session.add_point(at.x, at.y, positive=not (at.alt or at.control))


class BrushTool(Tool):
    """Paint on the selected structure, or erase; Ctrl does the other."""

    name = "brush"
    erases = False

    def press(self, at: Pointer) -> None:
        erase = self.erases != at.control
        self.sketch = Sketch(stroke=Stroke(((at.x, at.y),), self.session.brush_radius), erasing=erase)

    def move(self, at: Pointer) -> None:
        stroke = self.sketch.stroke
        if stroke is not None:
            self.sketch = replace(self.sketch, stroke=replace(stroke, points=(*stroke.points, (at.x, at.y))))

    def release(self, at: Pointer) -> None:
        stroke, erase, self.sketch = self.sketch.stroke, self.sketch.erasing, Sketch()
        if stroke is not None:
            self.session.edit.paint(stroke, erase=erase)

    def cursor(self, at: Pointer) -> str:
        return "brush"


class EraserTool(BrushTool):
    """Erase; Ctrl paints."""

    name = "eraser"
    erases = True


class PolygonTool(Tool):
    """Click corners; double click, Enter or the first corner closes; Alt takes the inside away."""

    name = "polygon"

    def press(self, at: Pointer) -> None:
        corners = self.sketch.polygon
        if len(corners) >= 3 and math.hypot(corners[0][0] - at.x, corners[0][1] - at.y) <= at.reach:
            self._close(erase=at.alt)
            return
        self.sketch = Sketch(polygon=(*corners, (at.x, at.y)), erasing=at.alt)

    def hover(self, at: Pointer) -> None:
        if self.sketch.polygon:
            self.sketch = replace(self.sketch, line=Line(*self.sketch.polygon[-1], at.x, at.y))

    def double_click(self, at: Pointer) -> bool:
        if len(self.sketch.polygon) < 3:
            return self.begun  # two quick corners in one place: no wish to see the whole film
        self._close(erase=at.alt)
        return True

    def commit(self) -> bool:
        if len(self.sketch.polygon) >= 3:
            self._close(erase=self.sketch.erasing)
            return True
        return self.begun

    def back(self) -> bool:
        begun, corners = self.begun, self.sketch.polygon[:-1]
        self.sketch = replace(self.sketch, polygon=corners, line=None) if corners else Sketch()
        return begun

    def interrupt(self) -> None:
        """Go on: corners fit any case of their film."""

    def _close(self, *, erase: bool) -> None:
        corners, self.sketch = self.sketch.polygon, Sketch()
        self.session.edit.fill_polygon(corners, erase=erase)


class CallipersTool(Tool):
    """Place heart callipers with a first click, then drag their ends."""

    name = "callipers"

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._part: str | None = None

    def press(self, at: Pointer) -> None:
        case = self.session.case
        if case is None:
            return
        if case.callipers is None:
            self.session.edit.place_callipers()
            return
        self._down(at)
        self._part = calliper_part_at(case.callipers, at.x, at.y, at.reach * 1.6)

    def move(self, at: Pointer) -> None:
        case = self.session.case
        if self._part is None or self._start is None or not self._is_drag(at):
            return
        if case is not None and case.callipers is not None:
            x = min(max(at.x, 0.0), float(case.radiograph.columns))
            y = min(max(at.y, 0.0), float(case.radiograph.rows))
            self.sketch = Sketch(callipers=with_part_moved(case.callipers, self._part, x, y))

    def release(self, at: Pointer) -> None:
        callipers = self.sketch.callipers
        self.cancel()
        if callipers is not None:
            self.session.edit.set_callipers(callipers)

    def cancel(self) -> bool:
        self._part = None
        return super().cancel()

    def cursor(self, at: Pointer) -> str:
        case = self.session.case
        if case is not None and case.callipers is not None:
            return "move" if calliper_part_at(case.callipers, at.x, at.y, at.reach * 1.6) else "arrow"
        return "cross"


class DistanceTool(Tool):
    """Drag a distance, or an end of one."""

    name = "distance"

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._end: LineEnd | None = None

    def press(self, at: Pointer) -> None:
        case = self.session.case
        if case is not None:
            self._down(at)
            self._end = line_end_at(case.distances, at.x, at.y, at.reach)

    def move(self, at: Pointer) -> None:
        case = self.session.case
        if self._start is None or case is None or not self._is_drag(at):
            return
        x = min(max(at.x, 0.0), float(case.radiograph.columns))
        y = min(max(at.y, 0.0), float(case.radiograph.rows))
        if self._end is not None:
            line = with_end_moved(case.distances[self._end.index], x, y, second=self._end.second)
            self.sketch = Sketch(line=line, hidden_line=self._end.index)
        else:
            self.sketch = Sketch(line=Line(self._start.x, self._start.y, x, y))

    def release(self, at: Pointer) -> None:
        case, line, end = self.session.case, self.sketch.line, self._end
        self.cancel()
        if case is None or line is None:
            return
        lines = case.distances
        if end is not None:
            self.session.edit.set_distances((*lines[: end.index], line, *lines[end.index + 1 :]))
        else:
            self.session.edit.set_distances((*lines, line))

    def cancel(self) -> bool:
        self._end = None
        return super().cancel()

    def cursor(self, at: Pointer) -> str:
        case = self.session.case
        return "move" if case is not None and line_end_at(case.distances, at.x, at.y, at.reach) else "cross"


class _DragTool(Tool):
    """Drags something that is no part of the case; a click selects."""

    waits = False  # until a drag cannot be a click any more

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._last: Pointer | None = None

    def press(self, at: Pointer) -> None:
        self._down(at)
        self._last = at

    def move(self, at: Pointer) -> None:
        dragged = self._is_drag(at)
        if self._last is None or (self.waits and not dragged):
            return
        self.drag(at.screen_x - self._last.screen_x, at.screen_y - self._last.screen_y, at)
        self._last = at

    def release(self, at: Pointer) -> None:
        clicked = self._start is not None and not self._is_drag(at)
        self.cancel()
        if clicked:
            select_at(self.session, at)

    def cancel(self) -> bool:
        self._last = None
        return super().cancel()

    def drag(self, dx: float, dy: float, at: Pointer) -> None:
        """Follow the pointer by so many pixels of the screen."""
        raise NotImplementedError


class HandTool(_DragTool):
    """Drag the film."""

    name = "hand"

    def drag(self, dx: float, dy: float, at: Pointer) -> None:
        self.session.lightbox.pan(dx, dy)

    def cursor(self, at: Pointer) -> str:
        return "closed-hand" if self._last is not None else "open-hand"


class WindowTool(_DragTool):
    """Drag the window: for those whose right button does something else, or who have none."""

    name = "windowing"
    waits = True

    def drag(self, dx: float, dy: float, at: Pointer) -> None:
        self.session.lightbox.drag_window(dx, dy, window_speed(control=at.control, alt=at.alt))

    def cursor(self, at: Pointer) -> str:
        return "arrow"


def window_speed(*, control: bool, alt: bool) -> float:
    """Return how coarse a window drag is: Ctrl five times, Alt a fifth."""
    return 5.0 if control else 0.2 if alt else 1.0


TOOLS: tuple[type[Tool], ...] = (
    BoxTool, PointTool, BrushTool, EraserTool, PolygonTool, CallipersTool, DistanceTool, WindowTool, HandTool
)  # fmt: skip
