"""Results of a case: written as the engine's bundle, whole or not at all; and read back."""

from pathlib import Path
from typing import TYPE_CHECKING

from engine.case import Case
from engine.errors import LungboxError, OutputError
from engine.film.radiograph import NoteCode, Radiograph
from engine.measure import Measurements, Prior, measure

if TYPE_CHECKING:
    from engine.results.beside import FoundResults
    from engine.results.reopen import Reopened


class ResultsError(LungboxError):
    """Results that cannot be opened on this film."""


class PartlyOpenedError(ResultsError):
    """Some of the results could not be opened; the others are there."""


def export_case(
    case: Case,
    measurements: Measurements | None,
    place: Path,
    *,
    prior: Prior | None = None,
    language: str = "en",
) -> Path:
    """Write the case's results in a folder of their own below `place`, and return it.

    The measurements are those on show; None while they are still being taken, then they are taken here.
    """
    # highdicom takes a second to import: only when first needed, and on the worker.
    from engine.results.bundle import export, kinds_for

    _make(place)
    numbers, kinds = measurements or measure(case), kinds_for(case)
    return export(case, numbers, place, kinds, prior=prior, language=language).folder


def export_deidentified(
    case: Case,
    measurements: Measurements | None,
    place: Path,
    *,
    no_name_on_film: bool,
    keep_sex_and_age: bool,
    language: str = "en",
) -> Path:
    """Write results that name nobody; those that show the film only where the reader saw no name on it."""
    from engine.results.bundle import export, kinds_for
    from engine.results.deidentify import PIXEL_KINDS, Deidentification

    _make(place)
    shown = no_name_on_film and not says_burned_in(case.radiograph)
    kinds = [kind for kind in kinds_for(case) if shown or kind not in PIXEL_KINDS]
    private = Deidentification(shown, keep_sex_and_age)
    # The pattern holds no file name: that is often the patient's.
    numbers, pattern = measurements or measure(case), "lungbox-{film}"
    return export(case, numbers, place, kinds, pattern=pattern, deidentify=private, language=language).folder


def says_burned_in(film: Radiograph) -> bool:
    """Return whether the film's own header says that text is burned into it."""
    return film.has_note(NoteCode.BURNED_IN)


def read_results(path: Path, film: Radiograph) -> "Reopened":
    """Return the structures of a bundle, a SEG or an SR on their film; ResultsError says why there are none."""
    from engine.results.reopen import reopen

    try:
        found = reopen(path, film)
    except LungboxError as error:
        raise ResultsError(error.message, advice=error.advice) from error
    if not found.findings and not found.marks.any:
        reason = "; ".join(found.remarks) or f"{path.name} holds no structure."
        raise ResultsError(reason, advice="Choose other results.")
    return found


def results_or_film(path: Path, film: Radiograph | None, listed: list[Path]) -> "Reopened | Path":
    """Return what results hold for the open film, else where their own film lies; ResultsError without either."""
    from engine.results.beside import film_wanted, find_film

    try:
        wanted = film_wanted(path)
        if film is not None and (not wanted.said or wanted.is_of(film)):
            return read_results(path, film)
        found = find_film(wanted, path, listed) if wanted.said else None
    except ResultsError:
        raise
    except LungboxError as error:
        raise ResultsError(error.message, advice=error.advice) from error
    if found is not None and (film is None or found != film.source.path):
        return found
    if film is not None and found is not None:
        return read_results(path, film)  # which says why not
    if not wanted.said:
        raise ResultsError(f"{path.name} does not say which film it belongs to.", advice="Open its film first.")
    whose = "belongs to another film" if film is not None else "belongs to a film that is not open"
    raise ResultsError(
        f"{path.name} {whose}: {wanted.text}.", advice="That film is neither beside it nor in the list. Open it first."
    )


def are_results(path: Path) -> bool:
    """Return whether a file or folder that was dropped is a bundle of results by its name."""
    return path.suffix.lower() == ".json" or (path / "results.json").is_file()


def is_dicom_result(path: Path) -> bool:
    """Return whether a file is a segmentation or a report, by its first bytes."""
    from engine.results.sop import is_result

    return path.is_file() and is_result(path)


def bundles_beside(film: Radiograph) -> "tuple[FoundResults, ...]":
    """Return the bundles of a film that lie beside it, the newest first."""
    from engine.results.beside import results_beside

    return results_beside(film)


def _make(place: Path) -> None:
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError("The export folder cannot be made.", advice="Choose another in Settings.") from error
