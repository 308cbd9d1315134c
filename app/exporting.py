"""Export of an accepted case: the engine's bundle, written whole or not at all."""

from pathlib import Path

from engine.case import Case
from engine.errors import OutputError
from engine.measure import measure


def export_case(case: Case, place: Path) -> Path:
    """Write the case's results in a folder of their own below `place`, and return it."""
    # highdicom takes a second to import: only when first needed, and on the worker.
    from engine.results.bundle import KINDS, PICTURE_KINDS, export

    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError("The export folder cannot be made.", advice="Choose another in Settings.") from error
    kinds = KINDS if case.radiograph.source.kind == "DICOM" else PICTURE_KINDS
    return export(case, measure(case), place, kinds).folder
