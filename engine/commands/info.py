"""`lungbox info`: what we understood of a film, without saying whose it is unless asked."""

import argparse
from pathlib import Path
from typing import Any

from engine.commands.console import add_json_option, print_json
from engine.film.grey import Modality, ModalityLut, Rescale, View, VoiLut, Window
from engine.film.radiograph import Radiograph
from engine.film.reading import read_radiograph
from engine.geometry import Spacing
from engine.measure.values import ORIGIN_TEXTS

_LABEL_WIDTH = 18


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command and its options."""
    parser = subparsers.add_parser(
        "info",
        help="print what we understood of a film",
        description="Print what we understood of a film: pixels, windows, polarity, spacing, and what to doubt.",
    )
    parser.add_argument("film", type=Path, metavar="FILE", help="a DICOM, PNG, TIFF or JPEG radiograph")
    parser.add_argument("--identity", action="store_true", help="also print whose film it is, and the texts in it")
    add_json_option(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print one film's description."""
    radiograph = read_radiograph(args.film)
    described = describe(radiograph)
    if args.identity:
        described["identity"] = identity(radiograph)
        described["texts"] = texts(radiograph)
    if args.json:
        print_json(described)
    else:
        print("\n".join(_lines(described)))
    return 0


def describe(radiograph: Radiograph) -> dict[str, Any]:
    """Return what we understood of a film, without a patient's data, ready for JSON."""
    source, spacing = radiograph.source, radiograph.spacing
    orientation = radiograph.orientation
    return {
        "file": source.path.name,
        "kind": source.kind,
        "modality": source.modality,
        "transfer_syntax": _syntax_name(source.transfer_syntax),
        "columns": radiograph.columns,
        "rows": radiograph.rows,
        "bits_stored": radiograph.bits_stored,
        "signed": radiograph.stored.dtype.kind == "i",
        "stored_range": [int(radiograph.stored.min()), int(radiograph.stored.max())],
        "padding": list(radiograph.padding) if radiograph.padding else None,
        "modality_values": _modality(radiograph.modality),
        "views": [_view(number, view) for number, view in enumerate(radiograph.views, start=1)],
        "polarity": "low values bright" if radiograph.inverse else "low values dark",
        "spacing": _spacing(spacing),
        "magnification": radiograph.magnification,
        "pixel_aspect": radiograph.pixel_aspect,
        "view_position": radiograph.view_position.value,
        "orientation": [orientation.rightwards, orientation.downwards] if orientation else None,
        "laterality": radiograph.laterality or None,
        "body_part": radiograph.body_part or None,
        "overlays": [int(overlay.bitmap.sum()) for overlay in radiograph.overlays],
        "file_sha256": source.file_sha256,
        "pixel_sha256": source.pixel_sha256,
        "notes": [{"code": note.code.value, "text": note.text} for note in radiograph.notes],
    }


def identity(radiograph: Radiograph) -> dict[str, str]:
    """Return whose film it is, and the identifiers by which archives know it."""
    who, source = radiograph.identity, radiograph.source
    return {
        "patient_name": who.patient_name,
        "patient_id": who.patient_id,
        "birth_date": who.birth_date,
        "sex": who.sex,
        "study_date": who.study_date,
        "study_time": who.study_time,
        "study_description": who.study_description,
        "accession_number": who.accession_number,
        "institution": who.institution,
        "study_instance_uid": source.study_instance_uid,
        "series_instance_uid": source.series_instance_uid,
        "sop_instance_uid": source.sop_instance_uid,
    }


def texts(radiograph: Radiograph) -> dict[str, str]:
    """Return what the film's makers wrote freely, and so may have written a name into."""
    named = {f"view_{number}": view.explanation for number, view in enumerate(radiograph.views, start=1)}
    named |= {f"overlay_{number}": overlay.label for number, overlay in enumerate(radiograph.overlays, start=1)}
    if radiograph.spacing:
        named["spacing"] = radiograph.spacing.detail
    return named


def _syntax_name(uid: str) -> str | None:
    from pydicom.uid import UID  # PNG and TIFF films need no pydicom

    return UID(uid).name if uid else None


def _modality(modality: Modality) -> dict[str, Any]:
    if isinstance(modality, Rescale):
        return {"slope": modality.slope, "intercept": modality.intercept}
    assert isinstance(modality, ModalityLut)
    return {"lut_entries": len(modality.entries), "first": modality.first}


def _view(number: int, view: View) -> dict[str, Any]:
    described: dict[str, Any] = {"number": number}
    if isinstance(view, Window):
        described |= {"center": view.center, "width": view.width, "function": view.function.value}
    elif isinstance(view, VoiLut):
        described |= {"lut_entries": len(view.entries), "first": view.first, "bits": view.bits}
    return described


def _spacing(spacing: Spacing | None) -> dict[str, Any] | None:
    if spacing is None:
        return None
    return {
        "row_mm": spacing.row_mm,
        "column_mm": spacing.column_mm,
        "origin": spacing.origin.value,
        "unit": ORIGIN_TEXTS[spacing.origin],
    }


def _lines(described: dict[str, Any]) -> list[str]:
    """Return the description as lines for people."""
    sign = "signed" if described["signed"] else "unsigned"
    low, high = described["stored_range"]
    rows = [
        ("File", f"{described['file']} ({' '.join(filter(None, (described['kind'], described['modality'])))})"),
        (
            "Pixels",
            f"{described['columns']} x {described['rows']}, {described['bits_stored']} bits {sign}, {low} to {high}",
        ),
        ("Transfer syntax", described["transfer_syntax"] or "none"),
        ("Modality values", _modality_line(described["modality_values"])),
        ("Padding", "none" if not described["padding"] else " to ".join(map(str, described["padding"]))),
    ]
    rows += [("Window", _view_line(view)) for view in described["views"]] or [("Window", "none; between percentiles")]
    rows += [
        ("Polarity", described["polarity"]),
        ("Spacing", _spacing_line(described["spacing"])),
        (
            "Magnification",
            f"{described['magnification']:.4g}, not applied" if described["magnification"] else "not stated",
        ),
        ("Pixel aspect", f"{described['pixel_aspect']:.4g}"),
        ("View", described["view_position"]),
        ("Orientation", _orientation_line(described["orientation"])),
        ("Laterality", described["laterality"] or "not stated"),
        ("Body part", described["body_part"] or "not stated"),
        ("Overlays", ", ".join(f"{pixels} pixels" for pixels in described["overlays"]) or "none"),
        ("Pixel SHA-256", described["pixel_sha256"]),
    ]
    rows += [("Note", note["text"]) for note in described["notes"]]
    for asked in ("identity", "texts"):
        rows += [
            (name.replace("_", " ").capitalize(), value) for name, value in described.get(asked, {}).items() if value
        ]
    return [f"{label:<{_LABEL_WIDTH}}{value}" for label, value in rows]


def _modality_line(values: dict[str, Any]) -> str:
    if "slope" in values:
        return f"stored x {values['slope']:g} + {values['intercept']:g}"
    return f"a table of {values['lut_entries']} entries from {values['first']}"


def _view_line(view: dict[str, Any]) -> str:
    if "center" in view:
        return f"center {view['center']:g}, width {view['width']:g}, {view['function']}"
    return f"a VOI LUT of {view['lut_entries']} entries from {view['first']}, {view['bits']} bits"


def _spacing_line(spacing: dict[str, Any] | None) -> str:
    if spacing is None:
        return "pixels only"
    return f"{spacing['row_mm']:.5g} x {spacing['column_mm']:.5g} {spacing['unit']}"


def _orientation_line(orientation: list[str] | None) -> str:
    return f"{orientation[0]} to the right, {orientation[1]} down" if orientation else "unknown"
