"""What changed since a prior film: differences only between numbers of one kind. Nothing is classified."""

from dataclasses import dataclass
from enum import Enum

from engine.case import Case
from engine.errors import MeasurementError
from engine.film.radiograph import Radiograph
from engine.measure.values import Measurement, Measurements

_RATIOS = {"1", "deg"}  # free of any calibration
# Places are of one film; a reader's distances are numbered as they were drawn, and the first is not the first again.
_OF_ONE_FILM = ("centroid", "distance")


class Obstacle(Enum):
    """Why two numbers do not compare."""

    NO_MILLIMETRES = "no-millimetres"
    OTHER_CALIBRATION = "other-calibration"
    GREY = "grey"

    @property
    def text(self) -> str:
        """One English sentence."""
        return _OBSTACLES[self]


_OBSTACLES = {
    Obstacle.NO_MILLIMETRES: "Without millimetres on both films only ratios and angles compare.",
    Obstacle.OTHER_CALIBRATION: "The two films are calibrated in different ways; only ratios and angles compare.",
    Obstacle.GREY: "Grey values of two exposures do not compare.",
}


@dataclass(frozen=True, slots=True)
class Change:
    """One measurement on two films. `difference` is None where the two were not measured on one scale."""

    prior: Measurement
    current: Measurement
    difference: float | None  # current - prior, in the unit of both
    relative: float | None  # current / prior; None for a ratio, whose difference says it
    obstacle: Obstacle | None = None  # why there is no difference


@dataclass(frozen=True, slots=True, eq=False)
class Prior:
    """An earlier film of the same patient, outlined and measured."""

    case: Case
    measurements: Measurements

    def changes_to(self, current: Measurements) -> tuple[Change, ...]:
        """Return what changed since."""
        return compare(self.measurements, current)


def check_prior(prior: Radiograph, film: Radiograph) -> None:
    """Refuse a film as its own prior."""
    if prior.source.pixel_sha256 == film.source.pixel_sha256:
        raise MeasurementError("That is the film itself.", advice="Choose an earlier film of the same patient.")


def same_patient(prior: Radiograph, film: Radiograph) -> bool | None:
    """Return whether two films state one Patient ID; None where one of them states none."""
    ids = (prior.identity.patient_id.strip(), film.identity.patient_id.strip())
    return ids[0] == ids[1] if all(ids) else None


def is_later(prior: Radiograph, film: Radiograph) -> bool:
    """Return whether a prior was, by its own date, taken after the film."""
    before, now = (f"{f.identity.study_date}{f.identity.study_time[:6]}" for f in (prior, film))
    return bool(prior.identity.study_date and film.identity.study_date) and before > now


def compare(prior: Measurements, current: Measurements) -> tuple[Change, ...]:
    """Return the changes of everything measured on both films.

    Ratios and angles always compare. Millimetres compare only where both films' come from the same origin, and pixels
    never: a detector, a distance or a digitiser may have changed between the films.
    """
    changes = []
    for now in current:
        before = prior.of(now.structure, now.id)
        if before is None or before.value is None or now.value is None or now.id.startswith(_OF_ONE_FILM):
            continue
        obstacle = _obstacle(before, now)
        relative = None if obstacle or before.value == 0 or now.unit == "1" else now.value / before.value
        changes.append(Change(before, now, None if obstacle else now.value - before.value, relative, obstacle))
    return tuple(changes)


def _obstacle(prior: Measurement, current: Measurement) -> Obstacle | None:
    if prior.unit == current.unit and prior.unit in _RATIOS:
        return None
    if "grey" in (prior.unit, current.unit):
        return Obstacle.GREY
    if "px" in (prior.unit, current.unit):
        return Obstacle.NO_MILLIMETRES
    return None if prior.origin is current.origin else Obstacle.OTHER_CALIBRATION
