"""A prior beside the film: its own greys, the same part of the chest in view."""

from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QPointF, QSize, Qt
from PySide6.QtGui import QMouseEvent, QPainter, QPaintEvent, QResizeEvent, QWheelEvent
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QToolButton, QWidget

from app import painting
from app.comparing import Comparing
from app.corners import draw_markers
from app.display import Marks
from app.evidence import draw_evidence
from app.gestures import Mouse
from app.layer import Layer
from app.lightbox import Lightbox
from app.outlines import OutlinePaths
from app.painting import Pencil
from app.rendering import PatchInView, grey_image
from app.theme import CANVAS, colour, structure_colour
from app.wording import date, view_text

LEAST_WIDTH = 125  # logical pixels of a film beside its prior


class Films(QWidget):
    """The film, and its prior beside it where there is one."""

    def __init__(self, canvas: QWidget, prior: QWidget, parent: QWidget) -> None:
        super().__init__(parent)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        for film in (canvas, prior):
            film.setMinimumWidth(LEAST_WIDTH)
            row.addWidget(film, 1)

    def minimumSizeHint(self) -> QSize:
        """Return less room where text is larger, so that a screen holds the words beside the film."""
        width = 400 - 12 * self.fontMetrics().averageCharWidth()
        return QSize(max(width, 2 * LEAST_WIDTH), super().minimumSizeHint().height())


class PriorView(QWidget):
    """Shows another film. Zoom and pan follow the main film's, in parts of each one's size; the greys are its own."""

    def __init__(self, main: Lightbox, comparing: Comparing, mouse: Mouse, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._main, self._comparing, self._mouse = main, comparing, mouse
        self._paths = OutlinePaths()
        self._patch = PatchInView()
        self._layer = Layer()
        self.lightbox = Lightbox(self)
        self._press_at = QPointF()
        self._last: QPointF | None = None
        self._button = Qt.MouseButton.NoButton
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumWidth(LEAST_WIDTH)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setAccessibleName(self.tr("Prior film"))
        self._close = QToolButton(self)
        self._close.setText("✕")
        self._close.setAccessibleName(self.tr("Close the prior"))
        self._close.clicked.connect(comparing.clear)
        main.viewport_changed.connect(self._follow)
        self.lightbox.viewport_changed.connect(self.update)
        self.lightbox.display_changed.connect(self.update)
        main.display_changed.connect(self.update)
        comparing.changed.connect(self._follow_prior)
        comparing.chosen.connect(self.update)
        self.hide()

    @property
    def path(self) -> Path | None:
        """The prior's file."""
        return self.lightbox.film.path if self.lightbox.film else None

    def _follow_prior(self) -> None:
        """Show the prior that there is, or nothing."""
        film = self._comparing.film
        if film is not self.lightbox.film:
            self._paths.clear()
            self._patch.forget()
            self._layer.forget()
            self.lightbox.show(film)
            self.setVisible(film is not None)
            self._follow()
        self.update()

    def _follow(self) -> None:
        """Show the same part of this film as is shown of the main one."""
        film, other = self.lightbox.film, self._main.film
        if film is None or other is None or self.isHidden():
            return
        view, mine, theirs = self._main.viewport, film.radiograph, other.radiograph
        fitted = view.fitted(theirs.rows, theirs.columns)
        own = replace(self.lightbox.viewport, turns=view.turns, mirrored=view.mirrored, pixel_aspect=mine.pixel_aspect)
        own = own.resized(self.width(), self.height()).fitted(mine.rows, mine.columns)
        place = (view.centre[0] / theirs.columns * mine.columns, view.centre[1] / theirs.rows * mine.rows)
        self.lightbox.viewport = replace(own, zoom=own.zoom * view.zoom / fitted.zoom, centre=place)
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw what is in view."""
        with QPainter(self) as painter:  # a painter that an error leaves open takes the process with it
            area = self.rect().toRectF()
            painter.fillRect(area, CANVAS)
            film, scale = self.lightbox.film, float(self.devicePixelRatioF())
            if film is not None:
                patch = self._patch.of(film.pyramid, self.lightbox.viewport, scale)
                if patch is not None:
                    painter.drawImage(
                        QPointF(patch.left / scale, patch.top / scale), grey_image(patch, self.lightbox.table(), scale)
                    )
                painter.setRenderHint(QPainter.RenderHint.Antialiasing)
                self._draw_marks(painter)
                draw_markers(painter, self.lightbox, area)
                painter.setFont(self.font())
                taken = "" if self._main.display.identity_hidden else date(film.radiograph.identity.study_date)
                text = "  ".join(part for part in (self.tr("Prior"), taken, view_text(film.radiograph)) if part)
                room = self._close.x() - 20
                text = self.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, room)
                painting.shadowed(
                    painter, area.adjusted(14, 12, -14, -12), Qt.AlignmentFlag.AlignLeft, text, colour("text")
                )
            painter.setPen(colour("line"))
            painter.drawLine(area.topLeft(), area.bottomLeft())

    def _draw_marks(self, painter: QPainter) -> None:
        """Draw the prior's outlines as the main film's are shown, and where a chosen number was taken."""
        case, viewport, display = self._comparing.case, self.lightbox.viewport, self._main.display
        if case is None or display.marks is Marks.OFF or self._main.peeking:
            return
        scale = self.devicePixelRatioF()
        fill = display.opacity if display.marks is Marks.FILL else 0.0

        def ink(pencil: Pencil) -> None:
            for finding in case.findings:
                edge = self._paths.of(finding.mask, viewport.zoom * scale)
                painting.outline(pencil, edge, structure_colour(finding), fill=fill, width=1.6)

        self._layer.draw(painter, (case, fill), viewport, scale, ink)
        if self._comparing.evidence is not None:
            area = self.rect().toRectF().adjusted(8, 8, -8, -8)
            draw_evidence(Pencil(painter, viewport), (self._comparing.evidence,), case, self._paths, area)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Begin a drag: right for the prior's window or the zoom of both, else to pan both."""
        self._press_at = self._last = event.position()
        self._button = event.button()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Drag."""
        if self._last is None:
            return
        step, self._last = event.position() - self._last, event.position()
        if self._button == Qt.MouseButton.RightButton:
            self._zoom(self._mouse.right_drag(step, event.modifiers(), self.lightbox), self._press_at)
        else:
            self._main.pan(step.x(), step.y())

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """End a drag."""
        self._last = None

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Zoom both, or go through the films."""
        self._zoom(self._mouse.wheel(event), event.position())
        event.accept()

    def _zoom(self, factor: float | None, at: QPointF) -> None:
        if factor is None:
            return
        share = (at.x() / max(self.width(), 1), at.y() / max(self.height(), 1))
        self._main.zoom(factor, share[0] * self._main.viewport.width, share[1] * self._main.viewport.height)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep the part in view."""
        self._close.move(self.width() - self._close.sizeHint().width() - 6, 6)
        self._follow()
