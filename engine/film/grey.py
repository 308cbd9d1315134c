"""The grey-scale pipeline of PS3.3 C.11 and PS3.4 N.2, as values and pure functions.

stored value -> Modality (rescale or LUT) -> View (VOI LUT or window) -> presentation (polarity, once) -> display.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


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
