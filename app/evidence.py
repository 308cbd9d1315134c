"""Where numbers came from, drawn on their film while their row is selected: the very pixels, lines and points."""

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainterPath, QPen

from app import painting
from app.outlines import OutlinePaths
from app.painting import Pencil
from app.wording import evidence_text
from engine.case import Case
from engine.measure import Measurement

# Unlike any structure's colour, and light enough for lung and bone.
TINT = QColor("#ffe66b")
_FILL = 0.3
_LABEL_GAP = 12.0


def draw_evidence(
    pencil: Pencil, measurements: tuple[Measurement, ...], case: Case, paths: OutlinePaths, area: QRectF
) -> None:
    """Draw what each measurement was taken from, and its value beside it."""
    for measurement in measurements:
        if measurement.evidence.lines:
            _draw_lines(pencil, measurement, area)
        else:
            _draw_pixels(pencil, measurement, case, paths, area)


def _draw_pixels(pencil: Pencil, measurement: Measurement, case: Case, paths: OutlinePaths, area: QRectF) -> None:
    """Draw the pixels that were counted: of whole masks, or as far as a box goes; of an outline, the line alone."""
    transform, painter = painting.transform_of(pencil.viewport), pencil.painter
    whole = QPainterPath()
    for uid in measurement.evidence.masks:
        finding = case.finding(uid)
        if finding is not None:
            whole.addPath(paths.of(finding.mask, pencil.viewport.zoom * painter.device().devicePixelRatioF()).path)
    box = measurement.evidence.box
    if box is not None:
        band = QPainterPath()
        band.addRect(QRectF(QPointF(box.x0, box.y0), QPointF(box.x1, box.y1)))
        whole = whole.intersected(band)
    shown = transform.map(whole)
    if shown.isEmpty():
        return
    if measurement.id != "perimeter":
        inside = QColor(TINT)
        inside.setAlphaF(_FILL)
        painter.fillPath(shown, inside)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    for pen in (QPen(painting.HALO, 4.0), QPen(TINT, 2.0)):
        painter.setPen(pen)
        painter.drawPath(shown)
    for x, y in measurement.evidence.points:
        painter.drawEllipse(pencil.at(x, y), 4, 4)
    painting.label(painter, evidence_text(measurement), shown.boundingRect().center(), TINT, centred=True, inside=area)


def _draw_lines(pencil: Pencil, measurement: Measurement, area: QRectF) -> None:
    """Draw the measured line, strong and with its value, and those that explain it, thin."""
    painter, evidence = pencil.painter, measurement.evidence
    first, *others = evidence.lines
    for line in others:
        painting.measured_line(pencil, line, "", TINT, width=1.2)
    painting.measured_line(pencil, first, "", TINT, width=2.2)
    painter.setPen(QPen(TINT, 1.4))
    for x, y in evidence.points:
        painter.drawEllipse(pencil.at(x, y), 4, 4)
    text = evidence_text(measurement)
    a, b = pencil.at(first.x0, first.y0), pencil.at(first.x1, first.y1)
    room = QFontMetricsF(painter.font()).horizontalAdvance(text) + 24
    if (a - b).manhattanLength() >= room:
        place = (a + b) / 2 + QPointF(0, 14)
        painting.label(painter, text, place, TINT, centred=True, inside=area)
        return
    # A short line would vanish under its own value: that goes beside everything drawn.
    ends = [pencil.at(x, y) for line in evidence.lines for x, y in ((line.x0, line.y0), (line.x1, line.y1))]
    left, right = min(end.x() for end in ends), max(end.x() for end in ends)
    level = (a.y() + b.y()) / 2
    beside = right + _LABEL_GAP if right + _LABEL_GAP + room <= area.right() else left - _LABEL_GAP - room
    painting.label(painter, text, QPointF(beside, level), TINT, inside=area)
