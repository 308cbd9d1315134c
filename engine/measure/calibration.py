"""Which millimetres a case is measured in: the reader's, the file's, or none."""

import math
from dataclasses import dataclass, replace

from engine.case import Case, Line
from engine.errors import MeasurementError
from engine.film.radiograph import Radiograph
from engine.frame import Frame
from engine.geometry import Spacing, SpacingOrigin

# Shorter than this, a reader's aim of a pixel or two at each end is more than a tenth of the length.
_SHORTEST_REFERENCE_PX = 20.0


@dataclass(frozen=True, slots=True)
class Scale:
    """The size of a pixel in the unit that lengths are given in."""

    row: float
    column: float
    unit: str  # "mm", or "px": pixel widths
    origin: SpacingOrigin | None

    @property
    def pixel_size(self) -> tuple[float, float]:
        """(row, column)."""
        return (self.row, self.column)

    def along(self, frame: Frame) -> "Scale":
        """Return the pixel size along a frame's axes."""
        return replace(self, row=self.column, column=self.row) if frame.transposed else self

    def length(self, line: Line) -> float:
        """Return how long a line in image pixels is."""
        return math.hypot((line.x1 - line.x0) * self.column, (line.y1 - line.y0) * self.row)


def calibrated_by(radiograph: Radiograph, line: Line, length_mm: float) -> Spacing:
    """Return the spacing at which `line` is `length_mm` long; MeasurementError where it is too short to tell."""
    aspect = radiograph.pixel_aspect
    width_px = math.hypot(line.x1 - line.x0, (line.y1 - line.y0) * aspect)
    if not (math.isfinite(length_mm) and length_mm > 0):
        raise MeasurementError(f"A length of {length_mm} mm cannot calibrate.", advice="Give the true length.")
    if width_px < _SHORTEST_REFERENCE_PX:
        raise MeasurementError(
            f"A line of {width_px:.0f} pixels is too short to calibrate by.", advice="Use the longest known length."
        )
    column_mm = length_mm / width_px
    return Spacing(column_mm * aspect, column_mm, SpacingOrigin.USER, f"{length_mm:g} mm over {width_px:.1f} px")


def spacing_of(case: Case) -> Spacing | None:
    """Return the spacing a case is measured with: known length first, then the file's, corrected where switched on."""
    film = case.radiograph
    if case.known_length_mm is not None:
        return calibrated_by(film, *case.known_length_mm)
    if film.spacing is None:
        return None
    if case.magnification_applied and can_apply_magnification(film) and film.magnification is not None:
        factor = film.magnification
        return Spacing(
            film.spacing.row_mm / factor,
            film.spacing.column_mm / factor,
            SpacingOrigin.GEOMETRY,
            f"detector spacing divided by {factor:g}",
        )
    return film.spacing


def can_apply_magnification(radiograph: Radiograph) -> bool:
    """Return whether the switch means anything: spacing at the detector, and a magnification the file states."""
    return (
        radiograph.spacing is not None
        and radiograph.spacing.origin is SpacingOrigin.DETECTOR
        and radiograph.magnification is not None
    )


def scale_of(case: Case) -> Scale:
    """Return the pixel size for lengths: millimetres where there are any, else widths of a pixel."""
    spacing = spacing_of(case)
    if spacing is None:
        return Scale(case.radiograph.pixel_aspect, 1.0, "px", None)
    return Scale(spacing.row_mm, spacing.column_mm, "mm", spacing.origin)


def with_known_length(case: Case, line: Line, length_mm: float) -> Case:
    """Return the case calibrated by a line of known length; refused before it can do harm."""
    calibrated_by(case.radiograph, line, length_mm)
    return replace(case, known_length_mm=(line, length_mm))
