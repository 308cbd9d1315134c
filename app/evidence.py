"""Where a number came from, drawn on its film while its row is selected."""

from app import painting
from app.painting import Pencil
from app.theme import colour
from app.wording import length_text
from engine.measure import Measurement


def draw_evidence(pencil: Pencil, measurement: Measurement) -> None:
    """Draw the lines, points or box of a measurement."""
    tint = colour("text")
    for number, line in enumerate(measurement.evidence.lines):
        text = length_text(None, line, measurement) if number == 0 else ""
        painting.measured_line(pencil, line, text, tint)
    for x, y in measurement.evidence.points:
        pencil.painter.setPen(tint)
        pencil.painter.drawEllipse(pencil.at(x, y), 4, 4)
    if measurement.evidence.box is not None:
        painting.box(pencil, measurement.evidence.box, tint, handles=False)
