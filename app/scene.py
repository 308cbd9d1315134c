"""Scene: one frame of the canvas. It keeps pictures and paths between frames, and no state of the case."""

import math

from PySide6.QtCore import QCoreApplication, QPointF, QRectF, Qt
from PySide6.QtGui import QFont, QPainter, QPainterPath

from app import painting
from app.corners import corner_texts, draw_corners, draw_markers
from app.display import Marks
from app.evidence import draw_evidence
from app.layer import Layer
from app.outlines import Outline, OutlinePaths
from app.painting import Pencil
from app.rendering import PatchInView, grey_image, overlay_image, resample
from app.session import Session
from app.theme import CANVAS, colour, structure_colour
from app.tools import Sketch
from app.wording import doubt_text, length_text, structure_name
from engine.case import Case, Finding
from engine.geometry import BoxPrompt
from engine.mask import Mask
from engine.measure import Measurement

_LENS_RADIUS = 110
_LENS_ZOOM = 2.5


class Scene:
    """Draws the film in view, its marks, what is being drawn, and the words around it."""

    def __init__(self, session: Session) -> None:
        self._session, self._lightbox = session, session.lightbox
        self._patch = PatchInView()
        self._paths = OutlinePaths()
        self._layer = Layer()
        self._area = QRectF()
        self._scale = 1.0
        self._font = QFont()
        self._sketch = Sketch()
        self._pointer: QPointF | None = None
        self.evidence: tuple[Measurement, ...] = ()  # of the chosen row

    def forget(self) -> None:
        """Drop what was kept for the last film."""
        self.evidence = ()
        self._patch.forget()
        self._layer.forget()
        self._paths.clear()

    def paint(
        self, painter: QPainter, area: QRectF, scale: float, font: QFont, sketch: Sketch, pointer: QPointF | None
    ) -> None:
        """Draw a frame; `scale` is device pixels per logical pixel."""
        self._area, self._scale, self._font, self._sketch, self._pointer = area, scale, font, sketch, pointer
        film = self._lightbox.film
        if film is None:
            painter.fillRect(area, CANVAS)
            self._draw_empty(painter)
            return
        patch = self._patch.of(film.pyramid, self._lightbox.viewport, scale, self._lightbox.display.interpolation)
        seen = QRectF()
        if patch is not None:
            image = grey_image(patch, self._lightbox.table(), scale)
            seen = QRectF(QPointF(patch.left / scale, patch.top / scale), image.deviceIndependentSize())
        for strip in _around(area, _within(seen)):
            painter.fillRect(strip, CANVAS)
        if patch is not None:
            painter.drawImage(seen.topLeft(), image)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setRenderHint(QPainter.RenderHint.TextAntialiasing)
        if self._lightbox.display.overlays:
            for overlay in film.radiograph.overlays:
                plane = overlay_image(overlay.bitmap, self._lightbox.viewport, scale, colour("warn"))
                painter.drawImage(QPointF(0, 0), plane)
        shown = self._session.shown
        if shown is not None and not self._lightbox.peeking:
            self._draw_masks(painter, shown, scale)
            self._draw_live(painter, shown)
        draw_markers(painter, self._lightbox, area)
        corners = corner_texts(self._session, pointer, scale)
        foot = draw_corners(painter, corners, self._lightbox.display.corners, area, font)
        if self._session.doubt.doubtful:
            # Above the corners' words, which a small window brings to the middle.
            painting.banner(painter, doubt_text(), area.adjusted(14, 14, -14, -foot - 12), colour("warn"))
        if self._lightbox.magnifying and pointer is not None:
            self._draw_lens(painter, pointer, scale)
        if self._session.worklist.loading is not None:
            self._draw_loading(painter)

    def edge_of(self, mask: Mask) -> Outline:
        """Return a mask's outline, simplified for the zoom."""
        return self._paths.of(mask, self._lightbox.viewport.zoom * self._scale)

    def _draw_masks(self, painter: QPainter, shown: Case, scale: float) -> None:
        display, viewport = self._lightbox.display, self._lightbox.viewport
        if display.marks is Marks.OFF or not shown.findings:
            return
        bands = tuple(self._session.measuring.bands.values())
        width = self._session.settings.contour_width
        key = (shown, display.marks, display.opacity, display.uncertainty, width, self._session.selected, bands)

        def ink(pencil: Pencil) -> None:
            for finding in shown.findings:
                self._draw_finding(pencil, finding)

        self._layer.draw(painter, key, viewport, scale, ink)
        painter.setFont(painting.sized(self._font, 0.95, bold=True))
        names: list[QRectF] = []
        for finding in shown.findings:
            names += self._draw_name(Pencil(painter, viewport), finding, names)

    def _draw_finding(self, pencil: Pencil, finding: Finding) -> None:
        display = self._lightbox.display
        tint = structure_colour(finding)
        selected = finding.tracking_uid == self._session.selected
        fill = 0.0 if display.marks is Marks.CONTOUR else display.opacity * (1.25 if selected else 0.8)
        width = self._session.settings.contour_width * (1.25 if selected else 1.0)
        edge = self.edge_of(finding.mask)
        band = self._session.measuring.bands.get(finding.tracking_uid) if display.uncertainty else None
        if band is not None:
            painting.uncertain(pencil, self.edge_of(band), tint)
        painting.outline(pencil, edge, tint, fill=min(fill, 1.0), width=width)

    def _draw_name(self, pencil: Pencil, finding: Finding, names: list[QRectF]) -> list[QRectF]:
        """Draw a structure's name and quality above it, within the canvas and clear of other names."""
        path = self.edge_of(finding.mask).path
        if path.isEmpty():
            return []
        bounds = painting.transform_of(pencil.viewport).mapRect(path.boundingRect())
        if not bounds.intersects(self._area):
            return []
        top = bounds.top()
        frame = finding.prompts.box if finding.prompts is not None else None
        if finding.tracking_uid == self._session.selected and frame is not None and not self._is_whole(frame):
            top = min(top, *(pencil.at(frame.x0, y).y() for y in (frame.y0, frame.y1)))
        text = structure_name(finding)
        if finding.quality is not None:
            text += f"  {finding.quality:.2f}"
            if finding.quality < self._session.settings.check_below or self._session.doubt.doubtful:
                text += "  " + QCoreApplication.translate("Canvas", "check")
        inside, place = self._area.adjusted(8, 8, -8, -8), QPointF(bounds.center().x(), top - 16)
        tint = structure_colour(finding)
        return [painting.label(pencil.painter, text, place, tint, centred=True, inside=inside, clear_of=names)]

    def _is_whole(self, box: BoxPrompt) -> bool:
        """Return whether a box is the film: "both lungs" asks with that, and a frame round it would say nothing."""
        case = self._session.case
        return case is not None and box == BoxPrompt.whole(case.radiograph.rows, case.radiograph.columns)

    def _draw_live(self, painter: QPainter, shown: Case) -> None:
        """Draw what follows the pointer: boxes, points, callipers, distances, and what is being drawn."""
        session, viewport = self._session, self._lightbox.viewport
        pencil = Pencil(painter, viewport)
        painter.setFont(painting.sized(self._font, 0.95, bold=True))
        finding = session.finding
        tint = structure_colour(finding) if finding is not None else colour("accent")
        sketch: Sketch = self._sketch
        for waiting in (pending.prompts for pending in session.pending if pending.prompts is not None):
            if waiting.box is not None:
                painting.box(pencil, waiting.box, colour("accent"), handles=False, waiting=True)
            painting.points(pencil, waiting.points)
        prompts = session.draft_prompts or (finding.prompts if finding is not None else None)
        if prompts is not None and self._lightbox.display.marks is not Marks.OFF:
            if prompts.box is not None and not self._is_whole(prompts.box):
                painting.box(pencil, prompts.box, tint, handles=session.tool == "box")
            painting.points(pencil, prompts.points)
        placed = sketch.callipers or shown.callipers
        if placed is not None:
            painting.callipers(pencil, placed, handles=session.tool == "callipers")
        for index, line in enumerate(shown.distances):
            if index != sketch.hidden_line:
                painting.measured_line(pencil, line, length_text(shown, line), colour("text"))
        if self.evidence:
            draw_evidence(pencil, self.evidence, shown, self._paths, self._area.adjusted(8, 8, -8, -8))
        self._draw_sketch(pencil, shown, sketch)
        if session.tool in ("brush", "eraser") and self._pointer is not None:
            place = viewport.to_image(self._pointer.x(), self._pointer.y())
            erasing = sketch.erasing if sketch.stroke is not None else session.tool == "eraser"
            painting.brush_ring(pencil, *place, session.brush_radius, erasing=erasing)

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
            painter,
            QCoreApplication.translate("Canvas", "Opening the film …"),
            QPointF(self._area.center().x(), 28),
            colour("info"),
            centred=True,
        )

    def _draw_empty(self, painter: QPainter) -> None:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        area = self._area
        painter.setPen(colour("muted"))
        painter.setFont(painting.sized(self._font, 1.5))
        middle = QRectF(area.left() + 24, area.center().y() - 60, area.width() - 48, 48)
        if self._session.worklist.loading is not None:
            painter.drawText(
                middle, Qt.AlignmentFlag.AlignCenter, QCoreApplication.translate("Canvas", "Opening the film …")
            )
            return
        wrapped = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
        painter.drawText(middle, wrapped, QCoreApplication.translate("Canvas", "Drop a chest film here"))
        painter.setFont(painting.sized(self._font, 1.05))
        painter.setPen(colour("faint"))
        painter.drawText(
            middle.translated(0, 44),
            wrapped,
            QCoreApplication.translate("Canvas", "or press Ctrl+O to open DICOM, PNG, TIFF or JPEG, or a folder"),
        )

    def _draw_sketch(self, pencil: Pencil, shown: Case, sketch: Sketch) -> None:
        """Draw what the tool has begun."""
        finding = self._session.finding
        tint = structure_colour(finding) if finding is not None else colour("accent")
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


def _within(area: QRectF) -> QRectF:
    """Return the whole logical pixels that lie within an area."""
    left, top = math.ceil(area.left()), math.ceil(area.top())
    return QRectF(left, top, max(0, math.floor(area.right()) - left), max(0, math.floor(area.bottom()) - top))


def _around(area: QRectF, hole: QRectF) -> tuple[QRectF, ...]:
    """Return what a hole leaves of an area: above, below, left and right of it."""
    if hole.isEmpty():
        return (area,)
    strips = (
        QRectF(area.topLeft(), QPointF(area.right(), hole.top())),
        QRectF(QPointF(area.left(), hole.bottom()), area.bottomRight()),
        QRectF(QPointF(area.left(), hole.top()), hole.bottomLeft()),
        QRectF(hole.topRight(), QPointF(area.right(), hole.bottom())),
    )
    return tuple(strip for strip in strips if not strip.isEmpty())
