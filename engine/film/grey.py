"""The grey-scale pipeline of PS3.3 C.11 and PS3.4 N.2, as values and pure functions.

stored value -> Modality (rescale or LUT) -> View (VOI LUT or window) -> presentation (polarity, once) -> display.
"""

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from engine.film.radiograph import Radiograph

_SAMPLES = 1_000_000  # percentiles of a regular sample of this many pixels


class Modality(Protocol):
    """Stored values to modality values."""

    def apply(self, stored: NDArray[np.integer]) -> NDArray[np.float32]:
        """Return modality values of the same shape."""
        ...


@dataclass(frozen=True, slots=True)
class Rescale:
    """Rescale Slope and Intercept (PS3.3 C.11.1.1.2)."""

    slope: float
    intercept: float

    def apply(self, stored: NDArray[np.integer]) -> NDArray[np.float32]:
        """Return stored * slope + intercept."""
        return (stored * np.float64(self.slope) + self.intercept).astype(np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class ModalityLut:
    """A Modality LUT (PS3.3 C.11.1.1.1): values outside the table take its first or last entry."""

    first: int
    entries: NDArray[np.uint16]

    def apply(self, stored: NDArray[np.integer]) -> NDArray[np.float32]:
        """Return the table's entries."""
        index = np.clip(stored.astype(np.int64) - self.first, 0, len(self.entries) - 1)
        return self.entries[index].astype(np.float32)


class WindowFunction(Enum):
    """VOI LUT Function (0028,1056)."""

    LINEAR = "LINEAR"
    LINEAR_EXACT = "LINEAR_EXACT"
    SIGMOID = "SIGMOID"


class View(Protocol):
    """A way to look at modality values: the header's, or the reader's."""

    @property
    def explanation(self) -> str:
        """What the file calls it."""
        ...

    def apply(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return brightness before polarity, 0 to 1."""
        ...


@dataclass(frozen=True, slots=True)
class Window:
    """Window Centre and Width in modality units (PS3.3 C.11.2.1.2)."""

    center: float
    width: float
    function: WindowFunction = WindowFunction.LINEAR
    explanation: str = ""

    def apply(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return brightness before polarity, 0 to 1."""
        x = values.astype(np.float64)
        if self.function is WindowFunction.SIGMOID:
            exponent = np.clip(-4.0 * (x - self.center) / self.width, -700.0, 700.0)
            return (1.0 / (1.0 + np.exp(exponent))).astype(np.float32)
        if self.function is WindowFunction.LINEAR_EXACT:
            y = (x - self.center) / self.width + 0.5
        elif self.width <= 1.0:
            # PS3.3 C.11.2.1.2.1: a width of 1 is a threshold at center - 0.5.
            y = (x > self.center - 0.5).astype(np.float64)
        else:
            y = (x - (self.center - 0.5)) / (self.width - 1.0) + 0.5
        return np.clip(y, 0.0, 1.0).astype(np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class VoiLut:
    """A VOI LUT (PS3.3 C.11.2.1.1): entries are unsigned, of `bits` bits."""

    first: int
    entries: NDArray[np.uint16]
    bits: int
    explanation: str = ""

    def apply(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return brightness before polarity, 0 to 1."""
        index = np.clip(np.rint(values).astype(np.int64) - self.first, 0, len(self.entries) - 1)
        return self.entries[index].astype(np.float32) / float((1 << self.bits) - 1)


def stored_range(bits_stored: int, *, signed: bool) -> tuple[int, int]:
    """Return the lowest and highest value that so many bits can store."""
    if signed:
        return -(1 << (bits_stored - 1)), (1 << (bits_stored - 1)) - 1
    return 0, (1 << bits_stored) - 1


def table_first(radiograph: "Radiograph") -> int:
    """Return the stored value that index 0 of `lookup` stands for."""
    return stored_range(radiograph.bits_stored, signed=radiograph.stored.dtype.kind == "i")[0]


def lookup(
    radiograph: "Radiograph", view: View, levels: int = 256, *, inverted: bool = False
) -> NDArray[np.uint8] | NDArray[np.uint16]:
    """Return the display level of every value the film can store; index it with stored - table_first(radiograph).

    Modality, then VOI, then polarity, once (PS3.4 N.2). `inverted` is the reader's own inversion, on top of the film's.
    Padding is no image: it is black, whatever the polarity.
    """
    if not 2 <= levels <= 1 << 16:
        raise ValueError(f"a display has 2 to 65536 levels, not {levels}")
    signed = radiograph.stored.dtype.kind == "i"
    first, last = stored_range(radiograph.bits_stored, signed=signed)
    values = radiograph.modality.apply(np.arange(first, last + 1, dtype=np.int32))
    brightness = view.apply(values).astype(np.float64)
    if radiograph.inverse != inverted:
        brightness = 1.0 - brightness
    # PS3.3 C.11.2.1.2 leaves rounding open; to the nearest level, so that the ends take half a step each.
    table = np.floor(brightness * (levels - 1) + 0.5)
    if radiograph.padding is not None:
        low, high = radiograph.padding
        table[max(low - first, 0) : max(high - first + 1, 0)] = 0
    return table.astype(np.uint8) if levels <= 1 << 8 else table.astype(np.uint16)


def displayed(
    radiograph: "Radiograph", view: View, levels: int = 256, *, inverted: bool = False
) -> NDArray[np.uint8] | NDArray[np.uint16]:
    """Return the film as display levels, at its own size."""
    table: NDArray[Any] = lookup(radiograph, view, levels, inverted=inverted)
    first = table_first(radiograph)
    index = radiograph.stored if first == 0 else radiograph.stored.astype(np.int32) - first
    shown: NDArray[Any] = table[index]
    return shown


def _sampled_values(radiograph: "Radiograph") -> NDArray[np.float32]:
    """Return modality values of a regular sample of the pixels that are image; of all pixels when none is."""
    stride = max(1, int(np.sqrt(radiograph.stored.size / _SAMPLES)))
    stored = radiograph.stored[::stride, ::stride]
    if radiograph.padding is not None:
        low, high = radiograph.padding
        image = stored[(stored < low) | (stored > high)]
        stored = image if image.size else stored
    return radiograph.modality.apply(stored)


def _window_between(low: float, high: float, explanation: str) -> Window:
    """Return the window that shows low as black and high as white, before polarity."""
    # A film of one value has no range; any positive width shows it as mid grey.
    return Window((low + high) / 2.0, (high - low) or 1.0, WindowFunction.LINEAR_EXACT, explanation)


def auto_window(radiograph: "Radiograph", low_percentile: float = 1.0, high_percentile: float = 99.0) -> Window:
    """Return the window between two percentiles of the image, padding left out; for films without one of their own."""
    low, high = np.percentile(_sampled_values(radiograph), [low_percentile, high_percentile])
    return _window_between(float(low), float(high), "Auto")


def full_range(radiograph: "Radiograph") -> Window:
    """Return the window from the image's lowest to its highest value, padding left out."""
    stored = radiograph.stored
    if radiograph.padding is not None:
        image = stored[radiograph.valid()]
        stored = image if image.size else stored
    # Rescale keeps or reverses order; a table may do neither, so its whole range is looked up.
    span = np.arange(int(stored.min()), int(stored.max()) + 1, dtype=np.int32)
    values = radiograph.modality.apply(span)
    return _window_between(float(values.min()), float(values.max()), "Full range")


def default_view(radiograph: "Radiograph") -> View:
    """Return how the film is first shown: as its header asks, else between percentiles."""
    return radiograph.views[0] if radiograph.views else auto_window(radiograph)
