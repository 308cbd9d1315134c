"""What lies beside a film: its case file, and bundles of results."""

from dataclasses import dataclass, replace

from app.casefile import case_path, open_case
from engine.case import Case
from engine.errors import LungboxError
from engine.film.radiograph import Radiograph


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """Outlines that somebody made on a film earlier."""

    case: Case
    source: str  # "case" or "results"


def marks_beside(radiograph: Radiograph) -> Found | None:
    """Return the outlines in a film's case file, else those in the newest results beside it."""
    from engine.results.beside import results_beside
    from engine.results.reopen import reopen

    saved = case_path(radiograph.source.path)
    if saved.is_file():
        try:
            case = open_case(saved).on(radiograph)
        except LungboxError:
            case = Case(radiograph)  # damaged, or of another film: nobody asked for it by name
        if case.findings:
            return Found(case, "case")
    for results in results_beside(radiograph):
        try:
            found = reopen(results.folder, radiograph)
        except LungboxError:
            continue
        if found.findings:
            return Found(found.marks.on(replace(Case(radiograph), findings=found.findings)), "results")
    return None
