"""What a reader marked on a film beside its outlines, and what the model thought of it: to results and back."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from engine.case import Case, HeartCallipers, Line
from engine.likeness import ChestLikeness, likeness_of, likeness_values
from engine.measure import with_known_length

LIKENESS = "chest_likeness"  # what the model thinks of the film: the one value here that no reader made


@dataclass(frozen=True, slots=True)
class Marks:
    """Callipers, distances and calibration, as results carry them."""

    callipers: HeartCallipers | None = None
    distances: tuple[Line, ...] = ()
    known_length_mm: tuple[Line, float] | None = None
    magnification_applied: bool = False
    likeness: ChestLikeness | None = None

    @property
    def any(self) -> bool:
        """Return whether a reader marked anything."""
        return bool(self.callipers or self.distances or self.known_length_mm or self.magnification_applied)

    def on(self, case: Case) -> Case:
        """Return the case with these marks; what they do not name stays. MeasurementError where they do not fit."""
        added = tuple(line for line in self.distances if line not in case.distances)
        case = replace(
            case,
            callipers=self.callipers or case.callipers,
            distances=(*case.distances, *added),
            magnification_applied=self.magnification_applied or case.magnification_applied,
            likeness=case.likeness or self.likeness,
        )
        return case if self.known_length_mm is None else with_known_length(case, *self.known_length_mm)


NO_MARKS = Marks()


def marks_values(case: Case) -> dict[str, Any]:
    """Return the marks of a case as plain values, in full precision."""
    known, callipers = case.known_length_mm, case.callipers
    return {
        "magnification_applied": case.magnification_applied,
        "known_length": None if known is None else {"line": line_values(known[0]), "mm": known[1]},
        "callipers": None
        if callipers is None
        else {
            "midline": line_values(callipers.midline),
            "right": list(callipers.right),
            "left": list(callipers.left),
        },
        "distances": [line_values(line) for line in case.distances],
        LIKENESS: likeness_values(case.likeness),
    }


def marks_of(values: dict[str, Any]) -> Marks:
    """Return what `marks_values` wrote. KeyError, ValueError or TypeError where it wrote something else."""
    callipers, known = values["callipers"], values["known_length"]
    return Marks(
        None
        if callipers is None
        else HeartCallipers(_line(callipers["midline"]), _point(callipers["right"]), _point(callipers["left"])),
        tuple(_line(line) for line in values["distances"]),
        None if known is None else (_line(known["line"]), _finite([known["mm"]], 1)[0]),
        bool(values["magnification_applied"]),
        likeness_of(values.get(LIKENESS)),  # results of 0.2.0 and before have none
    )


def line_values(line: Line) -> list[float]:
    """Return a line as plain values."""
    return [line.x0, line.y0, line.x1, line.y1]


def _line(values: Iterable[Any]) -> Line:
    return Line(*_finite(values, 4))


def _point(values: Iterable[Any]) -> tuple[float, float]:
    x, y = _finite(values, 2)
    return (x, y)


def _finite(values: Iterable[Any], count: int) -> tuple[float, ...]:
    numbers = tuple(float(value) for value in values)
    if len(numbers) != count or not all(math.isfinite(number) for number in numbers):
        raise ValueError("not the numbers of a mark")
    return numbers
