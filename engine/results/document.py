"""results.json: the whole result as data, by the schema in resources/schema/results-1.json.

It names the film by its UIDs and hashes and holds no patient's name: whoever has the film knows whose it is.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from engine.case import Finding
from engine.geometry import Prompts, Spacing
from engine.measure import Measurement, displayed
from engine.results.context import NOTICE, Export
from engine.results.marks import line_values, marks_values
from engine.results.prior import prior_values
from engine.results.runs import edits_of
from engine.version import VERSION

FORMAT = "lungbox-results"
FORMAT_VERSION = 1


@dataclass(frozen=True, slots=True)
class WrittenFile:
    """One file of a bundle, by which `lungbox verify` knows it again."""

    name: str
    kind: str
    sha256: str
    size: int
    sop_instance_uid: str = ""
    content_sha256: str = ""  # of a DICOM object's data set: an archive may write the file's head anew


def document(export: Export, files: Sequence[WrittenFile]) -> bytes:
    """Return the JSON document, UTF-8."""
    case, film = export.case, export.case.radiograph
    source = film.source
    values = {
        "format": FORMAT,
        "version": FORMAT_VERSION,
        "notice": NOTICE,
        "lungbox_version": VERSION,
        "made_at": export.made_at.isoformat(timespec="seconds"),
        "reader": export.reader,
        "deidentified": export.deidentified,
        "film": {
            "kind": source.kind,
            "rows": film.rows,
            "columns": film.columns,
            "file_sha256": source.file_sha256,
            "pixel_sha256": source.pixel_sha256,
            "sop_instance_uid": source.sop_instance_uid,
            "series_instance_uid": source.series_instance_uid,
            "study_instance_uid": source.study_instance_uid,
            "modality": source.modality,
            "view_position": film.view_position.value,
            "notes": [note.code.value for note in film.notes],
        },
        "spacing": spacing_values(export.measurements.spacing),
        **marks_values(case),
        "structures": [structure(finding, number) for number, finding in enumerate(export.outlined, start=1)],
        "measurements": [measurement_values(row) for row in export.measurements],
        "prior": prior_values(export),
        "files": [
            {
                "name": file.name,
                "kind": file.kind,
                "sha256": file.sha256,
                "size": file.size,
                "sop_instance_uid": file.sop_instance_uid,
                "content_sha256": file.content_sha256,
            }
            for file in files
        ],
    }
    return json.dumps(values, indent=1, ensure_ascii=False, allow_nan=False).encode("utf-8")


def structure(finding: Finding, number: int) -> dict[str, Any]:
    """Return one structure with all that replay needs."""
    provenance = finding.provenance
    return {
        "segment": number,
        "tracking_uid": finding.tracking_uid,
        "structure": finding.structure.value,
        "name": finding.name,
        "label": finding.label,
        "making": finding.making.value,
        "quality": finding.quality,
        "prompts": prompts_values(finding.prompts),
        "edits": edits_of(finding),
        "mask_sha256": finding.mask.sha256,
        "area_px": finding.mask.area_px,
        "provenance": None
        if provenance is None
        else {
            "checkpoint_name": provenance.checkpoint_name,
            "checkpoint_sha256": provenance.checkpoint_sha256,
            "backend": provenance.backend,
            "lungbox_version": provenance.lungbox_version,
        },
    }


def prompts_values(prompts: Prompts | None) -> dict[str, Any] | None:
    """Return the reader's box and points as plain values."""
    if prompts is None:
        return None
    return {
        "box": None if prompts.box is None else list(prompts.box.corners),
        "points": [[point.x, point.y, point.positive] for point in prompts.points],
    }


def spacing_values(spacing: Spacing | None) -> dict[str, Any] | None:
    """Return a spacing as plain values."""
    if spacing is None:
        return None
    return {
        "row_mm": spacing.row_mm,
        "column_mm": spacing.column_mm,
        "origin": spacing.origin.value,
        "detail": spacing.detail,
    }


def measurement_values(row: Measurement) -> dict[str, Any]:
    """Return a measurement as plain values, in full precision."""
    return {
        "id": row.id,
        "structure": row.structure,
        "name": row.name,
        "value": row.value,
        "displayed": displayed(row),
        "unit": row.unit,
        "origin": None if row.origin is None else row.origin.value,
        "method": row.method,
        "interval": None if row.interval is None else list(row.interval),
        "caveats": [caveat.value for caveat in row.caveats],
        "reason": None if row.reason is None else row.reason.value,
        "lines": [line_values(line) for line in row.evidence.lines],
        "points": [list(point) for point in row.evidence.points],
        "box": None if row.evidence.box is None else list(row.evidence.box.corners),
        "masks": list(row.evidence.masks),
    }
