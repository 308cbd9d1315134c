"""Export of a case: the engine's bundle, written whole or not at all."""

from pathlib import Path

from engine.case import Case
from engine.errors import OutputError
from engine.measure import Measurements, measure


def export_case(case: Case, measurements: Measurements | None, place: Path) -> Path:
    """Write the case's results in a folder of their own below `place`, and return it.

    The measurements are those on show; None while they are still being taken, then they are taken here.
    """
    # highdicom takes a second to import: only when first needed, and on the worker.
    from engine.results.bundle import export, kinds_for

    _make(place)
    return export(case, measurements or measure(case), place, kinds_for(case)).folder


def _make(place: Path) -> None:
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError("The export folder cannot be made.", advice="Choose another in Settings.") from error
