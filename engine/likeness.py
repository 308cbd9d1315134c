"""Whether a film looks like a frontal chest film to the model: the verdict as a value. `engine.domain` gives it."""

from dataclasses import dataclass
from math import isfinite
from typing import Any

# How often that warns on chest films, and on what else: docs/out-of-domain.md.
LEAST_QUALITY = 0.65
MOST_UNDECIDED = 1.0


@dataclass(frozen=True, slots=True)
class ChestLikeness:
    """What the model makes of the whole film."""

    lungs: int
    quality: float  # its own estimate of the IoU, 0 to 1
    undecided: float  # area left open between lung and not lung, as a share of the lungs' area

    @property
    def doubtful(self) -> bool:
        """Return whether outlines on this film need a warning."""
        return self.lungs == 0 or self.quality < LEAST_QUALITY or self.undecided > MOST_UNDECIDED


def likeness_values(likeness: ChestLikeness | None) -> dict[str, Any] | None:
    """Return a verdict as plain values, for files."""
    if likeness is None:
        return None
    return {
        "frontal_chest": not likeness.doubtful,
        "lungs": likeness.lungs,
        "quality": likeness.quality,
        "undecided": likeness.undecided,
    }


def likeness_of(values: dict[str, Any] | None) -> ChestLikeness | None:
    """Return what `likeness_values` wrote. KeyError, ValueError or TypeError where it wrote something else.

    The signs are read and judged anew: the limits may have moved since.
    """
    if values is None:
        return None
    found = ChestLikeness(int(values["lungs"]), float(values["quality"]), float(values["undecided"]))
    if not (isfinite(found.quality) and isfinite(found.undecided)):
        raise ValueError("a verdict that is not in numbers")
    return found
