"""What a measurement is: a number with its unit, how we know the millimetres, and what it was taken from."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from engine.case import Line
from engine.geometry import BoxPrompt, Spacing, SpacingOrigin


class Caveat(Enum):
    """What a reader must know before using a number. `text` is what results carry; `app.wording` translates."""

    AP = "ap"
    SUPINE = "supine"
    VIEW_UNKNOWN = "view-unknown"
    MAGNIFIED = "magnified"
    SPACING_UNKNOWN = "spacing-unknown"
    ORIENTATION_ASSUMED = "orientation-assumed"
    FRAGMENTS = "fragments"
    OVERLAP = "overlap"
    SPLIT = "split"
    CUT_OFF = "cut-off"
    NOT_CHEST = "not-chest"
    LOSSY = "lossy"
    NOT_FRONTAL = "not-frontal"
    DOUBTED = "doubted"

    @property
    def text(self) -> str:
        """One English sentence."""
        return _CAVEATS[self]


_CAVEATS = {
    Caveat.AP: "AP view: the heart is magnified, the ratio reads too high.",
    Caveat.SUPINE: "Supine: the diaphragm stands higher and the heart is wider than upright.",
    Caveat.VIEW_UNKNOWN: "The film does not state its view.",
    Caveat.MAGNIFIED: "Millimetres at the detector: larger than in the patient.",
    Caveat.SPACING_UNKNOWN: "The film does not say at which plane its millimetres hold.",
    Caveat.ORIENTATION_ASSUMED: "Orientation not stated: taken as upright, the patient's right on the image's left.",
    Caveat.FRAGMENTS: "The mask is in several parts; lengths are of the largest.",
    Caveat.OVERLAP: "The masks of the two lungs overlap.",
    Caveat.SPLIT: "One mask of both lungs, split into sides automatically.",
    Caveat.CUT_OFF: "The mask reaches the edge of the film.",
    Caveat.NOT_CHEST: "The film does not say that it is a chest.",
    Caveat.LOSSY: "Lossy compression has changed the grey values.",
    Caveat.NOT_FRONTAL: "Not a frontal view: the outlines cannot be trusted.",
    Caveat.DOUBTED: "Does not look like a frontal chest film: the outlines cannot be trusted.",
}


class Reason(Enum):
    """Why there is no number."""

    EMPTY = "empty"
    NEEDS_BOTH_LUNGS = "needs-both-lungs"
    NEEDS_CALLIPERS = "needs-callipers"
    CALLIPERS_UNUSABLE = "callipers-unusable"
    NOT_FRONTAL = "not-frontal"
    NO_BASE = "no-base"
    NO_ANGLE = "no-angle"
    GREY_WITHOUT_MEANING = "grey-without-meaning"

    @property
    def text(self) -> str:
        """One English sentence."""
        return _REASONS[self]


_REASONS = {
    Reason.EMPTY: "The mask is empty.",
    Reason.NEEDS_BOTH_LUNGS: "Both lungs must be outlined.",
    Reason.NEEDS_CALLIPERS: "The heart callipers have not been placed.",
    Reason.CALLIPERS_UNUSABLE: "The midline has no length, or the right and left heart borders are exchanged.",
    Reason.NOT_FRONTAL: "Not a frontal view.",
    Reason.NO_BASE: "The mask shows no base of the lung wide enough for a diaphragm.",
    Reason.NO_ANGLE: "The outline is too short beside the costophrenic angle.",
    Reason.GREY_WITHOUT_MEANING: "The file does not say how its grey values relate to X-ray intensity.",
}


@dataclass(frozen=True, slots=True)
class Evidence:
    """The exact place a number came from, in image coordinates: drawn when its row is selected."""

    lines: tuple[Line, ...] = ()  # the measured one first, then those that explain it
    points: tuple[tuple[float, float], ...] = ()
    masks: tuple[str, ...] = ()  # tracking UIDs of the findings whose pixels were used
    box: BoxPrompt | None = None  # only those pixels of the masks inside this box


@dataclass(frozen=True, slots=True)
class Measurement:
    """One value, or the reason that there is none. Full precision; `displayed` rounds."""

    id: str  # stable, e.g. "area": column names and SR depend on it
    structure: str  # a Structure's value, "thorax", "heart", or the tracking UID of a structure named by the reader
    name: str
    value: float | None
    unit: str  # "cm2", "mm", "deg", "1" (a ratio), "px", "grey"
    method: str
    origin: SpacingOrigin | None = None  # None: no millimetre is in it
    interval: tuple[float, float] | None = None  # over jittered prompts (engine.measure.uncertainty)
    evidence: Evidence = Evidence()
    caveats: tuple[Caveat, ...] = ()
    reason: Reason | None = None

    def __post_init__(self) -> None:
        if (self.value is None) is (self.reason is None):
            raise ValueError(f"{self.id}: a measurement has a value or a reason, and not both")


@dataclass(frozen=True, slots=True)
class Measurements:
    """Everything measured on one case, in the order it is shown."""

    values: tuple[Measurement, ...]
    spacing: Spacing | None  # as used, after the reader's calibration and magnification switch

    def __iter__(self) -> Iterator[Measurement]:
        return iter(self.values)

    def __len__(self) -> int:
        return len(self.values)

    def of(self, structure: str, measurement_id: str) -> Measurement | None:
        """Return one measurement."""
        found = (value for value in self.values if (value.structure, value.id) == (structure, measurement_id))
        return next(found, None)


_DECIMALS = {"mm": 0, "px": 0, "cm2": 1, "deg": 0, "1": 2, "grey": 0}


def rounded(value: float, unit: str) -> str:
    """Return a number as it is shown: mm 0 decimals, cm2 1, ratio 2, angle 0."""
    text = f"{value:.{_DECIMALS[unit]}f}"
    return text.lstrip("-") if float(text) == 0 else text


def displayed(measurement: Measurement) -> str:
    """Return the number as it is shown, without its unit; a dash where there is none."""
    return "–" if measurement.value is None else rounded(measurement.value, measurement.unit)


UNIT_SYMBOLS = {"cm2": "cm²", "mm": "mm", "deg": "°", "1": "", "px": "px", "grey": ""}


def with_unit(number: str, unit: str) -> str:
    """Return a shown number with its unit as people read it; no space before a degree sign."""
    symbol = UNIT_SYMBOLS[unit]
    return f"{number}{'' if symbol in ('', '°') else ' '}{symbol}"


def value_text(measurement: "Measurement") -> str:
    """Return a measurement's number as it is shown, with its unit."""
    return with_unit(displayed(measurement), measurement.unit)


ORIGIN_TEXTS = {
    SpacingOrigin.DETECTOR: "mm at the detector",
    SpacingOrigin.FIDUCIAL: "mm by fiducial",
    SpacingOrigin.GEOMETRY: "mm corrected for magnification",
    SpacingOrigin.CORRECTED: "mm corrected, type not stated",
    SpacingOrigin.UNKNOWN: "mm, origin unknown",
    SpacingOrigin.SCANNER: "mm at the film's surface",
    SpacingOrigin.USER: "mm calibrated by the reader",
}


def calibration_text(spacing: Spacing | None) -> str:
    """Return the calibration badge: where the millimetres come from, or that there are none."""
    return "pixels only" if spacing is None else ORIGIN_TEXTS[spacing.origin]
