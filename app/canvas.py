"""Canvas: the film, its marks and the pointer. It keeps no state of the case; it asks session and lightbox at each paint."""

from collections import OrderedDict
from pathlib import Path

from PySide6.QtCore import QEvent, QPoint, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import (
    QContextMenuEvent,
    QCursor,
    QFocusEvent,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPainterPath,
    QPaintEvent,
    QPixmap,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from app import painting
from app.corners import Corner, corner_texts, draw_corners, draw_markers
from app.display import Marks
from app.handles import Edge, with_edges_moved
from app.painting import Pencil
from app.rendering import Patch, grey_image, resample, smooth_path
from app.session import Session
from app.theme import CANVAS, colour, structure_colour
from app.tools import CLICK_SLOP, TOOLS, BoxTool, PolygonTool, Pointer, Sketch, Tool
from app.wording import length_text, structure_name
from engine.case import Case, Finding
from engine.geometry import BoxPrompt, Prompts
from engine.mask import Mask
from engine.measure import Measurement

_PATHS_KEPT = 48
_ZOOM_STEP = 1.18
_LENS_RADIUS = 110
_LENS_ZOOM = 2.5
_CURSORS = {
    "cross": Qt.CursorShape.CrossCursor,
    "arrow": Qt.CursorShape.ArrowCursor,
    "move": Qt.CursorShape.SizeAllCursor,
    "horizontal": Qt.CursorShape.SizeHorCursor,
    "vertical": Qt.CursorShape.SizeVerCursor,
    "diagonal-down": Qt.CursorShape.SizeFDiagCursor,
    "diagonal-up": Qt.CursorShape.SizeBDiagCursor,
    "open-hand": Qt.CursorShape.OpenHandCursor,
    "closed-hand": Qt.CursorShape.ClosedHandCursor,
    "brush": Qt.CursorShape.BlankCursor,
}


class Canvas(QWidget):
    """Where the film is read."""

    files_dropped = Signal(list)
    menu_wanted = Signal(QPoint)
    mask_painted = Signal()  # the first frame that shows a new case was drawn

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session, self._lightbox = session, session.lightbox
        self._tools: dict[str, Tool] = {kind.name: kind(session) for kind in TOOLS}
        self._patch: tuple[tuple[object, ...], Patch | None] | None = None
        self._paths: OrderedDict[int, tuple[Mask, float, QPainterPath]] = OrderedDict()
        self._layer: tuple[tuple[object, ...], QPixmap] | None = None
        self._pressed: Qt.MouseButton | None = None
        self._press_at = QPointF()
        self._last = QPointF()
        self._dragged = False
        self._space = False
        self._pointer: QPointF | None = None
        self._evidence: Measurement | None = None
        self._painted_case: Case | None = None
        self.setMouseTracking(True)
        self.setAcceptDrops(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(320, 240)
        self.setAccessibleName(self.tr("Film"))
        session.case_changed.connect(self.update)
        session.selection_changed.connect(self.update)
        session.measured.connect(self.update)
        session.film_changed.connect(self._film_changed)
        session.tool_changed.connect(self._tool_changed)
        session.worklist.loading_changed.connect(self.update)
        self._lightbox.viewport_changed.connect(self.update)
        self._lightbox.display_changed.connect(self.update)

    # What others ask

    @property
    def tool(self) -> Tool:
        """The tool in hand."""
        return self._tools[self._session.tool]

    @property
    def device_scale(self) -> float:
        """Screen pixels per logical pixel."""
        return float(self.devicePixelRatioF())

    def show_evidence(self, measurement: Measurement | None) -> None:
        """Draw how a number was measured."""
        self._evidence = measurement
        self.update()

    def cancel(self) -> None:
        """Esc: give up what was begun, else let go of the selection. It never changes the view."""
        if self._pressed is not None:
            self._pressed = None
        if not self.tool.cancel():
            self._session.select(None)
            self.show_evidence(None)
        self.update()

    def commit(self) -> bool:
        """Enter: end a polygon; False when there was none."""
        done = self.tool.commit()
        self.update()
        return done

    def middle(self) -> QPointF:
        """Return the pointer's place on the canvas, its middle when the pointer is elsewhere."""
        return self._pointer if self._pointer is not None else QPointF(self.width() / 2, self.height() / 2)

    def _film_changed(self) -> None:
        self._patch, self._layer, self._evidence = None, None, None
        self._paths.clear()
        self.tool.cancel()
        self.update()

    def _tool_changed(self) -> None:
        for tool in self._tools.values():
            if tool is not self.tool:
                tool.cancel()
        self._update_cursor()
        self.update()

    # Painting

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw what is in view."""
        painter = QPainter(self)
        painter.fillRect(event.rect(), CANVAS)
        film = self._lightbox.film
        if film is None:
            self._draw_empty(painter)
            painter.end()
            return
        scale = self.device_scale
        patch = self._visible(scale)
        if patch is not None:
            image = grey_image(patch, self._lightbox.table(), scale)
            painter.drawImage(QPointF(patch.left / scale, patch.top / scale), image)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setRenderHint(QPainter.RenderHint.TextAntialiasing)
        shown = self._session.shown
        if shown is not None and not self._lightbox.peeking:
            self._draw_layer(painter, shown, scale)
            self._draw_live(painter, shown)
        corners = self._lightbox.display.corners
        draw_markers(painter, self._lightbox, self.rect().toRectF())
        pointer = self._pointer if self.underMouse() else None
        draw_corners(painter, corner_texts(self._session, pointer), corners, self.rect().toRectF(), self.font())
        if self._lightbox.magnifying and self._pointer is not None:
            self._draw_lens(painter, self._pointer, scale)
        if self._session.worklist.loading is not None:
            self._draw_loading(painter)
        painter.end()
        if shown is not self._painted_case:
            self._painted_case = shown
            self.mask_painted.emit()

    def _visible(self, scale: float) -> Patch | None:
        film, display = self._lightbox.film, self._lightbox.display
        assert film is not None
        key = (film, self._lightbox.viewport, scale, display.interpolation)
        if self._patch is None or self._patch[0] != key:
            self._patch = (key, resample(film.pyramid, self._lightbox.viewport, scale, display.interpolation))
        return self._patch[1]

    def path_of(self, mask: Mask) -> QPainterPath:
        """Return a mask's outline, simplified for the zoom."""
        tolerance = min(0.35 / self._lightbox.viewport.zoom, 2.0)
        kept = self._paths.get(id(mask))
        if kept is None or not tolerance / 2 <= kept[1] <= tolerance:
            path = smooth_path(mask.smooth_outlines(), tolerance)
            kept = (mask, tolerance, path)
            self._paths[id(mask)] = kept
            while len(self._paths) > _PATHS_KEPT:
                self._paths.popitem(last=False)
        self._paths.move_to_end(id(mask))
        return kept[2]

    def _draw_layer(self, painter: QPainter, shown: Case, scale: float) -> None:
        """Draw the masks, from a picture of them while only the greys change."""
        display, viewport = self._lightbox.display, self._lightbox.viewport
        if display.marks is Marks.OFF or not shown.findings:
            return
        key = (shown, viewport, scale, display.marks, display.opacity, self._session.selected, self.size())
        if self._layer is None or self._layer[0] != key:
            picture = QPixmap(self.size() * scale)
            picture.setDevicePixelRatio(scale)
            picture.fill(Qt.GlobalColor.transparent)
            ink = QPainter(picture)
            ink.setRenderHint(QPainter.RenderHint.Antialiasing)
            ink.setFont(painting.sized(self.font(), 0.95, bold=True))
            for finding in shown.findings:
                self._draw_finding(Pencil(ink, viewport), finding)
            ink.end()
            self._layer = (key, picture)
        painter.drawPixmap(0, 0, self._layer[1])

    def _draw_finding(self, pencil: Pencil, finding: Finding) -> None:
        display = self._lightbox.display
        tint = structure_colour(finding)
        selected = finding.tracking_uid == self._session.selected
        fill = 0.0 if display.marks is Marks.CONTOUR else display.opacity * (1.25 if selected else 0.8)
        width = self._session.settings.contour_width * (1.25 if selected else 1.0)
        path = self.path_of(finding.mask)
        painting.outline(pencil, path, tint, fill=min(fill, 1.0), width=width)
        if path.isEmpty():
            return
        bounds = painting.transform_of(pencil.viewport).mapRect(path.boundingRect())
        text = structure_name(finding)
        if finding.quality is not None:
            text += f"  {finding.quality:.2f}"
            if finding.quality < self._session.settings.check_below:
                text += "  " + self.tr("check")
        inside = self.rect().toRectF().adjusted(8, 8, -8, -8)
        painting.label(
            pencil.painter, text, QPointF(bounds.center().x(), bounds.top() - 16), tint, centred=True, inside=inside
        )

    def _draw_live(self, painter: QPainter, shown: Case) -> None:
        """Draw what follows the pointer: boxes, points, callipers, distances, and what is being drawn."""
        session, viewport = self._session, self._lightbox.viewport
        pencil = Pencil(painter, viewport)
        painter.setFont(painting.sized(self.font(), 0.95, bold=True))
        finding = session.finding
        tint = structure_colour(finding) if finding is not None else colour("accent")
        sketch: Sketch = self.tool.sketch
        for pending in session.pending:
            if pending.prompts.box is not None:
                painting.box(pencil, pending.prompts.box, colour("accent"), handles=False, waiting=True)
            painting.points(pencil, pending.prompts.points)
        prompts = session.draft_prompts or (finding.prompts if finding is not None else None)
        if prompts is not None and self._lightbox.display.marks is not Marks.OFF:
            if prompts.box is not None:
                painting.box(pencil, prompts.box, tint, handles=session.tool == "box")
            painting.points(pencil, prompts.points)
        placed = sketch.callipers or shown.callipers
        if placed is not None:
            painting.callipers(pencil, placed, handles=session.tool == "callipers")
        for index, line in enumerate(shown.distances):
            if index != sketch.hidden_line:
                painting.measured_line(pencil, line, length_text(shown, line), colour("text"))
        if self._evidence is not None:
            self._draw_evidence(pencil, self._evidence)
        if sketch.box is not None:
            painting.box(pencil, sketch.box, colour("accent"), handles=False)
        if sketch.stroke is not None:
            radius = sketch.stroke.radius_px
            painting.stroke_band(pencil, sketch.stroke.points, radius, tint, erasing=sketch.erasing)
        if sketch.polygon:
            to = (sketch.line.x1, sketch.line.y1) if sketch.line is not None else None
            painting.polygon(pencil, sketch.polygon, tint, to)
        elif sketch.line is not None:
            painting.measured_line(pencil, sketch.line, length_text(shown, sketch.line), colour("text"))
        if session.tool in ("brush", "eraser") and self._pointer is not None and self.underMouse():
            place = viewport.to_image(self._pointer.x(), self._pointer.y())
            erasing = sketch.erasing if sketch.stroke is not None else session.tool == "eraser"
            painting.brush_ring(pencil, *place, session.brush_radius, erasing=erasing)

    def _draw_evidence(self, pencil: Pencil, measurement: Measurement) -> None:
        tint = colour("text")
        lines = measurement.evidence.lines
        for number, line in enumerate(lines):
            text = length_text(None, line, measurement) if number == 0 else ""
            painting.measured_line(pencil, line, text, tint)
        for x, y in measurement.evidence.points:
            pencil.painter.setPen(tint)
            pencil.painter.drawEllipse(pencil.at(x, y), 4, 4)
        if measurement.evidence.box is not None:
            painting.box(pencil, measurement.evidence.box, tint, handles=False)

    def _draw_lens(self, painter: QPainter, place: QPointF, scale: float) -> None:
        film, viewport = self._lightbox.film, self._lightbox.viewport
        assert film is not None
        x, y = viewport.to_image(place.x(), place.y())
        side = 2.0 * _LENS_RADIUS
        lens = viewport.resized(side, side).zoomed(_LENS_ZOOM, side / 2, side / 2)
        moved = lens.to_screen(x, y)
        lens = lens.panned(side / 2 - moved[0], side / 2 - moved[1])
        patch = resample(film.pyramid, lens, scale, "cubic")
        circle = QPainterPath()
        circle.addEllipse(place, _LENS_RADIUS, _LENS_RADIUS)
        painter.save()
        painter.setClipPath(circle)
        painter.fillPath(circle, colour("canvas"))
        if patch is not None:
            corner = QPointF(place.x() - _LENS_RADIUS, place.y() - _LENS_RADIUS)
            image = grey_image(patch, self._lightbox.table(), scale)
            painter.drawImage(corner + QPointF(patch.left / scale, patch.top / scale), image)
        painter.restore()
        painter.setPen(colour("muted"))
        painter.drawPath(circle)

    def _draw_loading(self, painter: QPainter) -> None:
        painting.label(
            painter, self.tr("Opening the film …"), QPointF(self.width() / 2, 28), colour("info"), centred=True
        )

    def _draw_empty(self, painter: QPainter) -> None:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        area = self.rect().toRectF()
        painter.setPen(colour("muted"))
        painter.setFont(painting.sized(self.font(), 1.5))
        middle = QRectF(area.left() + 24, area.center().y() - 60, area.width() - 48, 48)
        if self._session.worklist.loading is not None:
            painter.drawText(middle, Qt.AlignmentFlag.AlignCenter, self.tr("Opening the film …"))
            return
        wrapped = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
        painter.drawText(middle, wrapped, self.tr("Drop a chest film here"))
        painter.setFont(painting.sized(self.font(), 1.05))
        painter.setPen(colour("faint"))
        painter.drawText(
            middle.translated(0, 44), wrapped, self.tr("or press Ctrl+O to open DICOM, PNG, TIFF or JPEG, or a folder")
        )

    # Pointer

    def _pointer_of(self, event: QMouseEvent) -> Pointer:
        place, modifiers = event.position(), event.modifiers()
        x, y = self._lightbox.viewport.to_image(place.x(), place.y())
        return Pointer(
            x,
            y,
            place.x(),
            place.y(),
            self._lightbox.viewport.zoom,
            shift=bool(modifiers & Qt.KeyboardModifier.ShiftModifier),
            control=bool(modifiers & Qt.KeyboardModifier.ControlModifier),
            alt=bool(modifiers & Qt.KeyboardModifier.AltModifier),
        )

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Left is the tool's, right the window's, middle (or Space) the hand's: in every tool."""
        self.setFocus(Qt.FocusReason.MouseFocusReason)
        if self._pressed is not None or self._lightbox.film is None:
            return
        self._pressed, self._press_at, self._last, self._dragged = event.button(), event.position(), event.position(), False
        if event.button() == Qt.MouseButton.LeftButton and not self._space:
            self.tool.press(self._pointer_of(event))
        self._update_cursor(event)
        self.update()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Drag, or hover."""
        self._pointer = event.position()
        if self._lightbox.film is None:
            return
        step = event.position() - self._last
        self._last = event.position()
        if (event.position() - self._press_at).manhattanLength() >= CLICK_SLOP:
            self._dragged = True
        if self._pressed == Qt.MouseButton.RightButton:
            if self._dragged:
                self._lightbox.drag_window(step.x(), step.y(), _speed(event.modifiers()))
        elif self._pressed == Qt.MouseButton.MiddleButton or (self._pressed is not None and self._space):
            self._lightbox.pan(step.x(), step.y())
        elif self._pressed == Qt.MouseButton.LeftButton:
            self.tool.move(self._pointer_of(event))
        else:
            self.tool.hover(self._pointer_of(event))
        self._update_cursor(event)
        self.update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """End what the button began."""
        if event.button() != self._pressed:
            return
        self._pressed = None
        if event.button() == Qt.MouseButton.LeftButton and not self._space and self._lightbox.film is not None:
            self.tool.release(self._pointer_of(event))
        elif event.button() == Qt.MouseButton.RightButton and not self._dragged:
            self.menu_wanted.emit(event.globalPosition().toPoint())
        self._update_cursor(event)
        self.update()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Between the whole film and 1:1, unless the tool has a use for it."""
        if event.button() != Qt.MouseButton.LeftButton or self._lightbox.film is None:
            self.mousePressEvent(event)
        elif not self.tool.double_click(self._pointer_of(event)):
            self._lightbox.toggle_fit(event.position().x(), event.position().y(), self.device_scale)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """Only the keyboard's menu key: the right button may be about to drag."""
        if event.reason() == QContextMenuEvent.Reason.Keyboard:
            self.menu_wanted.emit(self.mapToGlobal(self.rect().center()))

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Zoom at the pointer; with Shift the brush's size, with Ctrl the next or previous film."""
        # Shift turns the wheel sideways on some systems.
        notches = (event.angleDelta().y() or event.angleDelta().x()) / 120.0
        modifiers = event.modifiers()
        if modifiers & Qt.KeyboardModifier.ShiftModifier:
            self._session.set_brush_radius(self._session.brush_radius * 1.12**notches)
        elif modifiers & Qt.KeyboardModifier.ControlModifier:
            if abs(notches) >= 1:
                self._session.worklist.step(-1 if notches > 0 else 1)
        elif self._lightbox.film is not None:
            self._lightbox.zoom(_ZOOM_STEP**notches, event.position().x(), event.position().y())
        event.accept()

    def leaveEvent(self, event: QEvent) -> None:
        """Forget the pointer."""
        self._pointer = None
        self.update()

    def _update_cursor(self, event: QMouseEvent | None = None) -> None:
        if self._space or self._pressed == Qt.MouseButton.MiddleButton:
            role = "closed-hand" if self._pressed is not None else "open-hand"
        elif self._lightbox.film is None:
            role = "arrow"
        elif event is not None:
            role = self.tool.cursor(self._pointer_of(event))
        else:
            role = "cross"
        self.setCursor(QCursor(_CURSORS[role]))

    # Keys that are held, or that mean something on the film only

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Space for the hand, arrows for the selected box."""
        key = event.key()
        if key == Qt.Key.Key_Space:
            if not event.isAutoRepeat():
                self._space = True
                self._update_cursor()
        elif key in _ARROWS and self._arrow(*_ARROWS[Qt.Key(key)], event.modifiers()):
            pass
        elif key == Qt.Key.Key_Backspace and isinstance(self.tool, PolygonTool) and self.tool.back():
            self.update()
        else:
            super().keyPressEvent(event)

    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        """Let go of the hand."""
        if event.key() == Qt.Key.Key_Space and not event.isAutoRepeat():
            self._space = False
            self._update_cursor()
        else:
            super().keyReleaseEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """A key whose release goes elsewhere must not stay held."""
        self._space = False
        self._lightbox.peek(on=False)
        super().focusOutEvent(event)

    def _arrow(self, dx: int, dy: int, modifiers: Qt.KeyboardModifier) -> bool:
        """Move the selected box, or with Shift its right and lower edges; with nothing selected, change film."""
        session = self._session
        case, finding = session.case, session.finding
        if case is None:
            return False
        prompts = session.draft_prompts or (finding.prompts if finding is not None else None)
        if prompts is None or prompts.box is None or not isinstance(self.tool, BoxTool):
            return session.worklist.step(dy) if dy else False
        step = 10 if modifiers & Qt.KeyboardModifier.ControlModifier else 1
        edges = Edge.RIGHT | Edge.BOTTOM if modifiers & Qt.KeyboardModifier.ShiftModifier else Edge.ALL
        # Arrows mean directions on screen, whichever way the film is turned.
        ix, iy = self._lightbox.viewport.vector_to_image(dx, dy)
        zoom = self._lightbox.viewport.zoom
        box: BoxPrompt = with_edges_moved(
            prompts.box, edges, ix * zoom * step, iy * zoom * step, case.radiograph.rows, case.radiograph.columns
        )
        session.nudge(Prompts(box, prompts.points))
        return True

    # Files and size

    def dragEnterEvent(self, event) -> None:  # type: ignore[no-untyped-def]
        """Take files and folders."""
        if event.mimeData().hasUrls():
            event.acceptProposedAction()

    def dropEvent(self, event) -> None:  # type: ignore[no-untyped-def]
        """Open what was dropped."""
        paths = [Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()]
        if paths:
            event.acceptProposedAction()
            self.files_dropped.emit(paths)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Tell the lightbox."""
        self._lightbox.resize(self.width(), self.height())

    def picture(self) -> QImage:
        """Return the film as it is on screen, with its marks."""
        return self.grab().toImage()


_ARROWS = {
    Qt.Key.Key_Left: (-1, 0),
    Qt.Key.Key_Right: (1, 0),
    Qt.Key.Key_Up: (0, -1),
    Qt.Key.Key_Down: (0, 1),
}


def _speed(modifiers: Qt.KeyboardModifier) -> float:
    """Return how coarse a window drag is: Ctrl five times, Alt a fifth."""
    if modifiers & Qt.KeyboardModifier.ControlModifier:
        return 5.0
    return 0.2 if modifiers & Qt.KeyboardModifier.AltModifier else 1.0


__all__ = ["Canvas", "Corner"]
