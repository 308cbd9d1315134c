"""What changed since a prior film, as results carry it: in full precision, or with the reason for no number."""

import csv
import io
from typing import Any

from engine.film.radiograph import Radiograph
from engine.likeness import likeness_values
from engine.measure import Change, same_patient
from engine.results.context import Export, structure_key
from engine.results.marks import LIKENESS
from engine.results.table import number_text, safe_text

COLUMNS = (
    "structure",
    "measurement",
    "then",
    "then_unit",
    "then_spacing_origin",
    "now",
    "now_unit",
    "now_spacing_origin",
    "change",
    "ratio",
    "obstacle",
    "caveats",
    "then_film_sop_instance_uid",
    "then_film_pixel_sha256",
    "now_film_sop_instance_uid",
    "now_film_pixel_sha256",
    "same_patient_id",
)


def prior_values(export: Export) -> dict[str, Any] | None:
    """Return the prior and the changes as plain values; of the film only what names nobody."""
    if export.prior is None:
        return None
    film = export.prior.case.radiograph
    return {
        "film": {
            "pixel_sha256": film.source.pixel_sha256,
            "sop_instance_uid": film.source.sop_instance_uid,
            "series_instance_uid": film.source.series_instance_uid,
            "study_instance_uid": film.source.study_instance_uid,
            "view_position": film.view_position.value,
        },
        "same_patient_id": same_patient(film, export.case.radiograph),
        LIKENESS: likeness_values(export.prior.case.likeness),
        "making": {structure_key(finding): finding.making.value for finding in export.prior.case.findings},
        "changes": [_change(change) for change in export.changes],
    }


def _change(change: Change) -> dict[str, Any]:
    return {
        "id": change.current.id,
        "structure": change.current.structure,
        "name": change.current.name,
        "then": change.prior.value,
        "then_unit": change.prior.unit,
        "then_origin": None if change.prior.origin is None else change.prior.origin.value,
        "now": change.current.value,
        "now_unit": change.current.unit,
        "now_origin": None if change.current.origin is None else change.current.origin.value,
        "difference": change.difference,
        "ratio": change.relative,
        "obstacle": None if change.obstacle is None else change.obstacle.value,
    }


def changes_table(export: Export) -> bytes:
    """Return the changes as CSV, UTF-8: one row a measurement."""
    assert export.prior is not None  # only then there is such a table
    films = (export.prior.case.radiograph, export.case.radiograph)
    same = same_patient(*films)
    about = [text for film in films for text in _named(film)]
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for change in export.changes:
        then, now = change.prior, change.current
        caveats = dict.fromkeys(caveat.value for caveat in (*then.caveats, *now.caveats))
        writer.writerow(
            [
                safe_text(now.structure),
                now.id,
                number_text(then.value),
                then.unit,
                "" if then.origin is None else then.origin.value,
                number_text(now.value),
                now.unit,
                "" if now.origin is None else now.origin.value,
                number_text(change.difference),
                number_text(change.relative),
                "" if change.obstacle is None else change.obstacle.value,
                " ".join(caveats),
                *about,
                "" if same is None else "yes" if same else "no",
            ]
        )
    return out.getvalue().encode("utf-8")


def _named(film: Radiograph) -> tuple[str, str]:
    return safe_text(film.source.sop_instance_uid), film.source.pixel_sha256
