"""Export of an accepted case: the engine's bundle, written whole or not at all."""

from pathlib import Path

from engine.case import Case


def export_case(case: Case, place: Path) -> Path:
    """Write the case's results in a folder of their own below `place`, and return it."""
    from engine.results.bundle import export  # highdicom: slow to import, so only when first needed

    place.mkdir(parents=True, exist_ok=True)
    return export(case, place)
