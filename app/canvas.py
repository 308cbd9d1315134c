"""Canvas: the film, its marks and the pointer. It keeps nothing of the case: each paint asks session and lightbox."""

from PySide6.QtCore import QEvent, QPoint, QPointF, Qt, Signal
from PySide6.QtGui import (
    QContextMenuEvent,
    QCursor,
    QFocusEvent,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.gestures import Mouse
from app.handles import Edge, with_edges_moved
from app.scene import Scene
from app.session import Session
from app.tools import CLICK_SLOP, TOOLS, BoxTool, Pointer, PolygonTool, Tool
from engine.case import Case
from engine.geometry import BoxPrompt, Prompts
from engine.measure import Measurement

_PATHS_KEPT = 48
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

    menu_wanted = Signal(QPoint)
    tool_used = Signal()  # by a button or a key: it may be in the middle of something now, or no longer
    mask_painted = Signal()  # the first frame that shows a new case was drawn

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session, self._lightbox = session, session.lightbox
        self._tools: dict[str, Tool] = {kind.name: kind(session) for kind in TOOLS}
        session.hand = self.tool
        self.scene = Scene(session)
        self._pressed: Qt.MouseButton | None = None
        self._press_at = QPointF()
        self._last = QPointF()
        self._dragged = False
        self._space = False
        self._pans = False  # what the button does that is down
        self.mouse = Mouse(session)
        self._pointer: QPointF | None = None
        self._painted_case: Case | None = None
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(320, 240)
        self.setAccessibleName(self.tr("Film"))
        session.case_changed.connect(self.update)
        session.selection_changed.connect(self.update)
        session.measured.connect(self.update)
        session.doubt.changed.connect(self.update)
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

    def show_evidence(self, measurements: tuple[Measurement, ...]) -> None:
        """Draw how numbers were measured."""
        self.scene.evidence = measurements
        self.update()

    def cancel(self) -> None:
        """Esc: give up what was begun, else let go of the selection. It never changes the view."""
        if self._pressed is not None:
            self._pressed = None
        if not self.tool.cancel():
            self._session.select(None)
            self.show_evidence(())
        self._follow_tool()

    def commit(self) -> bool:
        """Enter: end a polygon; False when the tool in hand has no use for it."""
        done = self.tool.commit()
        self._follow_tool()
        return done

    def middle(self) -> QPointF:
        """Return the pointer's place on the canvas, its middle when the pointer is elsewhere."""
        return self._pointer if self._pointer is not None else QPointF(self.width() / 2, self.height() / 2)

    def _film_changed(self) -> None:
        self.scene.forget()
        self.tool.cancel()
        self.update()

    def _tool_changed(self) -> None:
        self._session.hand = self.tool
        for tool in self._tools.values():
            if tool is not self.tool:
                tool.cancel()
        self._update_cursor()
        self.update()

    # Painting

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw what is in view."""
        with QPainter(self) as painter:  # a painter that an error leaves open takes the process with it
            pointer = self._pointer if self.underMouse() else None
            self.scene.paint(painter, self.rect().toRectF(), self.device_scale, self.font(), self.tool.sketch, pointer)
        shown = self._session.shown
        if shown is not self._painted_case:
            self._painted_case = shown
            self.mask_painted.emit()

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
        """Left is the tool's, right the window's or the zoom's, middle (or Space) the hand's: in every tool."""
        self.setFocus(Qt.FocusReason.MouseFocusReason)
        if self._pressed is not None or self._lightbox.film is None:
            return
        self._pressed, self._press_at, self._last, self._dragged = (
            event.button(),
            event.position(),
            event.position(),
            False,
        )
        left = event.button() == Qt.MouseButton.LeftButton
        self._pans = event.button() == Qt.MouseButton.MiddleButton or (left and self._space)
        if left and not self._pans:
            self.tool.press(self._pointer_of(event))
        self._update_cursor(event)
        self._follow_tool()

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
                factor = self.mouse.right_drag(step, event.modifiers(), self._lightbox)
                if factor is not None:
                    self._lightbox.zoom(factor, self._press_at.x(), self._press_at.y())
        elif self._pressed is not None and self._pans:
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
        if event.button() == Qt.MouseButton.LeftButton and not self._pans and self._lightbox.film is not None:
            self.tool.release(self._pointer_of(event))
        elif event.button() == Qt.MouseButton.RightButton and not self._dragged:
            self.menu_wanted.emit(event.globalPosition().toPoint())
        self._update_cursor(event)
        self._follow_tool()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Between the whole film and 1:1, unless the tool has a use for it."""
        if event.button() != Qt.MouseButton.LeftButton or self._lightbox.film is None:
            self.mousePressEvent(event)
        elif not self.tool.double_click(self._pointer_of(event)):
            self._lightbox.toggle_fit(event.position().x(), event.position().y(), self.device_scale)
        self._follow_tool()

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """Only the keyboard's menu key: the right button may be about to drag."""
        if event.reason() == QContextMenuEvent.Reason.Keyboard:
            self.menu_wanted.emit(self.mapToGlobal(self.rect().center()))

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Zoom at the pointer or go through the films, by profile, with Ctrl the other; with Shift the brush's size."""
        factor = self.mouse.wheel(event)
        if factor is not None and self._lightbox.film is not None:
            self._lightbox.zoom(factor, event.position().x(), event.position().y())
        event.accept()

    def leaveEvent(self, event: QEvent) -> None:
        """Forget the pointer."""
        self._pointer = None
        self.update()

    def _follow_tool(self) -> None:
        """Draw what the tool has made of it, and have others ask whether there is something to take back."""
        self.update()
        self.tool_used.emit()

    def _update_cursor(self, event: QMouseEvent | None = None) -> None:
        if self._pressed is not None and self._pans:
            role = "closed-hand"
        elif self._pressed is None and self._space:
            role = "open-hand"
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
        prompts = session.prompts if finding is not None and finding.prompts is not None else None
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
