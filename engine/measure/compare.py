"""What changed since a prior film: differences only between numbers of one kind."""

from dataclasses import dataclass

from engine.measure.values import Measurement, Measurements

_RATIOS = {"1", "deg"}  # free of any calibration


@dataclass(frozen=True, slots=True)
class Change:
    """One measurement on two films. `difference` is None where the two were not measured on one scale."""

    prior: Measurement
    current: Measurement
    difference: float | None  # current - prior, in the unit of both
    relative: float | None  # current / prior
    reason: str = ""  # why there is no difference


def compare(prior: Measurements, current: Measurements) -> tuple[Change, ...]:
    """Return the changes of everything measured on both films.

    Ratios and angles always compare. Millimetres compare only where both films' come from the same origin, and pixels
    never: a detector, a distance or a digitiser may have changed between the films.
    """
    changes = []
    for now in current:
        before = prior.of(now.structure, now.id)
        if before is None or before.value is None or now.value is None or now.id.startswith("centroid"):
            continue
        reason = _obstacle(before, now)
        relative = None if reason or before.value == 0 or now.unit == "1" else now.value / before.value
        changes.append(Change(before, now, None if reason else now.value - before.value, relative, reason))
    return tuple(changes)


def _obstacle(prior: Measurement, current: Measurement) -> str:
    if prior.unit == current.unit and prior.unit in _RATIOS:
        return ""
    if prior.unit in ("px", "grey") or current.unit in ("px", "grey"):
        return "Without millimetres on both films only ratios and angles compare."
    if prior.origin is not current.origin:
        return "The two films are calibrated in different ways; only ratios and angles compare."
    return ""
