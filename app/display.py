"""Display: how the film is shown. It never reaches the model, and undo never covers it."""

from dataclasses import dataclass, replace
from enum import Enum

from app.rendering import Interpolation
from engine.film.grey import View, VoiLut, Window, auto_window, full_range
from engine.film.radiograph import Radiograph

_HEADER_VIEWS = 6  # of ten digits, four are ours
_DRAG_PIXELS = 768  # a drag of so many pixels crosses the film's whole range of greys


class PresetKind(Enum):
    """Where a preset comes from."""

    HEADER = "header"
    AUTO = "auto"
    LUNG = "lung"
    MEDIASTINUM = "mediastinum"
    FULL = "full"


@dataclass(frozen=True, slots=True, eq=False)
class Preset:
    """A view that a digit calls up."""

    kind: PresetKind
    view: View


@dataclass(frozen=True, slots=True)
class GreyRange:
    """Modality values of the film's own pixels, padding left out."""

    low: float  # 0.5th percentile
    high: float  # 99.5th percentile
    minimum: float
    maximum: float

    @property
    def span(self) -> float:
        """From low to high, never zero."""
        return max(self.high - self.low, 1e-6)


def grey_range(radiograph: Radiograph) -> GreyRange:
    """Return the range of greys of a film."""
    whole, middle = full_range(radiograph), auto_window(radiograph, 0.5, 99.5)
    return GreyRange(
        middle.center - middle.width / 2,
        middle.center + middle.width / 2,
        whole.center - whole.width / 2,
        whole.center + whole.width / 2,
    )


def _between(radiograph: Radiograph, low: float, high: float) -> Window:
    """Return the window between two percentiles of brightness on screen."""
    if radiograph.inverse:
        low, high = 100.0 - high, 100.0 - low
    return auto_window(radiograph, low, high)


def presets_for(radiograph: Radiograph) -> tuple[Preset, ...]:
    """Return the film's presets in the order of the digits: the header's own, then ours."""
    return (
        *(Preset(PresetKind.HEADER, view) for view in radiograph.views[:_HEADER_VIEWS]),
        Preset(PresetKind.AUTO, auto_window(radiograph)),
        Preset(PresetKind.LUNG, _between(radiograph, 0.5, 88.0)),
        Preset(PresetKind.MEDIASTINUM, _between(radiograph, 35.0, 99.8)),
        Preset(PresetKind.FULL, full_range(radiograph)),
    )


def as_window(view: View) -> Window:
    """Return the linear window that spans a view's own input: where a drag starts from a VOI LUT without a jump."""
    if isinstance(view, Window):
        return view
    if isinstance(view, VoiLut):
        width = float(len(view.entries))
        return Window(view.first + width / 2, width)
    raise TypeError(f"no window spans a {type(view).__name__}")


def dragged(view: View, greys: GreyRange, dx: float, dy: float, *, gain: float, inverted: bool) -> Window:
    """Return the window after a drag of dx, dy pixels: right widens, down brightens (BIR)."""
    window = as_window(view)
    step = greys.span / _DRAG_PIXELS * gain
    full = max(greys.maximum - greys.minimum, greys.span)
    width = min(max(window.width + dx * step, min(1.0, greys.span / 256)), 2 * full)
    level = window.center + (dy if inverted else -dy) * step
    level = min(max(level, greys.minimum - full), greys.maximum + full)
    return replace(window, center=level, width=width, explanation="")


class Marks(Enum):
    """How masks are drawn."""

    FILL = "fill"  # outline and a light fill
    CONTOUR = "contour"
    OFF = "off"


class Corners(Enum):
    """How much text the corners of the canvas hold."""

    ALL = "all"
    FEW = "few"  # orientation and spacing only
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Display:
    """How the film is shown now."""

    view: View
    inverted: bool = False  # by the reader, on top of the film's own polarity
    marks: Marks = Marks.FILL
    opacity: float = 0.22
    corners: Corners = Corners.ALL
    interpolation: Interpolation = "linear"
    identity_hidden: bool = False
    overlays: bool = True  # the film's own overlay planes (60xx)
    uncertainty: bool = False
