"""CSV: one row a structure, the same columns in the same order in every file, numbers in full."""

import csv
import io
import re
from dataclasses import dataclass

from engine.measure import Measurement
from engine.results.codes import looks
from engine.results.context import Export, structure_key
from engine.version import VERSION

_ABOUT = (
    "film_sop_instance_uid",
    "film_pixel_sha256",
    "structure",
    "name",
    "tracking_uid",
    "making",
    "length_unit",
    "area_unit",
    "spacing_origin",
    "spacing_row_mm",
    "spacing_column_mm",
)
_MEASURED = (
    "area",
    "perimeter",
    "centroid-x",
    "centroid-y",
    "height-dome",
    "height-angle",
    "width",
    "area-upper",
    "share-upper",
    "area-middle",
    "share-middle",
    "area-lower",
    "share-lower",
    "costophrenic-angle",
    "dome-height",
    "grey-mean",
    "grey-spread",
    "asymmetry",
    "left-right-ratio",
    "diaphragm-difference",
    "thoracic-diameter",
    "heart-right",
    "heart-left",
    "heart-diameter",
    "ctr",
    "distance",
)
_CLOSING = ("caveats", "quality", "checkpoint_sha256", "backend", "lungbox_version", "looks_like_frontal_chest")
COLUMNS = (
    *_ABOUT,
    *(f"{key.replace('-', '_')}{end}" for key in _MEASURED for end in ("", "_low", "_high")),
    *_CLOSING,
)

# A cell of text that starts like one of these can run as a formula when a spreadsheet opens the file (OWASP). A cell
# starts, too, after what another country's spreadsheet parts cells by: there our quotes are letters like any other.
_STARTS = "(?<![^;\t\r\n])"
_TRIGGERS = re.compile(_STARTS + "(?=[ \"]*[=+\\-@\t\r\n'＝＋－＠])")
_ESCAPES = re.compile(_STARTS + "'")


@dataclass(frozen=True, slots=True)
class _Row:
    structure: str
    name: str
    tracking_uid: str = ""
    making: str = ""
    quality: float | None = None
    checkpoint_sha256: str = ""
    backend: str = ""


def safe_text(text: str) -> str:
    """Return text that no spreadsheet takes for a formula: an apostrophe before what could start one."""
    return _TRIGGERS.sub("'", text)


def original_text(cell: str) -> str:
    """Return what `safe_text` was given."""
    return _ESCAPES.sub("", cell)


def table(export: Export) -> bytes:
    """Return the CSV, UTF-8. Only text is escaped: a number, negative or not, is a number."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for row in _rows(export):
        writer.writerow(_cells(export, row))
    for measurement in export.measurements:
        if measurement.id.startswith("distance-"):
            writer.writerow(_cells(export, _Row("distance", measurement.name), {"distance": measurement}))
    return out.getvalue().encode("utf-8")


def _rows(export: Export) -> list[_Row]:
    rows = []
    named = set()
    for finding in export.case.findings:
        provenance = finding.provenance
        named.add(structure_key(finding))
        rows.append(
            _Row(
                finding.structure.value,
                finding.label,
                finding.tracking_uid,
                finding.making.value,
                finding.quality,
                provenance.checkpoint_sha256 if provenance else "",
                provenance.backend if provenance else "",
            )
        )
    extra = {"both_lungs": looks()["both_lungs"].name, "thorax": "Thorax", "heart": looks()["heart"].name}
    rows += [_Row(key, name) for key, name in extra.items() if key not in named and export.of_structure(key)]
    return rows


def _cells(export: Export, row: _Row, measured: dict[str, Measurement] | None = None) -> list[str]:
    film, spacing = export.case.radiograph, export.measurements.spacing
    likeness = export.case.likeness
    if measured is None:
        key = row.tracking_uid if row.structure == "other" else row.structure
        measured = {measurement.id: measurement for measurement in export.of_structure(key)}
    cells = [
        safe_text(film.source.sop_instance_uid),
        film.source.pixel_sha256,
        row.structure,
        safe_text(row.name),
        safe_text(row.tracking_uid),
        row.making,
        "mm" if spacing else "px",
        "cm2" if spacing else "px",
        spacing.origin.value if spacing else "",
        number_text(spacing.row_mm if spacing else None),
        number_text(spacing.column_mm if spacing else None),
    ]
    for key in _MEASURED:
        found = measured.get(key)
        low, high = found.interval if found is not None and found.interval is not None else (None, None)
        cells += [number_text(found.value if found is not None else None), number_text(low), number_text(high)]
    caveats = dict.fromkeys(caveat.value for found in measured.values() for caveat in found.caveats)
    return [
        *cells,
        " ".join(caveats),
        number_text(row.quality),
        row.checkpoint_sha256,
        safe_text(row.backend),
        VERSION,
        "" if likeness is None else "no" if likeness.doubtful else "yes",
    ]


def number_text(value: float | None) -> str:
    """Return a number in full precision; empty where there is none."""
    return "" if value is None else repr(float(value))
