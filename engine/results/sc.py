"""Secondary Capture: outlines, table and calibration burned into a picture, for systems that show nothing else."""

import textwrap
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from engine.measure import Caveat, calibration_text, value_text
from engine.results.codes import look_of, looks
from engine.results.context import NOTICE, Export, structure_key
from engine.results.dicom import completed, head, prepared_source
from engine.results.pictures import draw_lines, line_thickness, overlay, shrunk_to
from engine.version import VERSION

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_FILM_ROWS = 1600  # enough for a report on any screen; the film itself stays in the archive
_PANEL_COLUMNS = 620
_LEAST_ROWS = 1100  # that hold two lungs, heart and every caveat
_CAVEAT_LETTERS = 76  # that fit on a line of the panel
_SHOWN = (
    "area",
    "height-dome",
    "height-angle",
    "width",
    "costophrenic-angle",
    "dome-height",
    "asymmetry",
    "diaphragm-difference",
    "thoracic-diameter",
    "heart-diameter",
    "ctr",
)


def capture(export: Export) -> "Dataset":
    """Return the capture, in RGB. It has no pixel spacing: its pixels are not the detector's."""
    import highdicom as hd

    source = prepared_source(export)
    orientation = export.case.radiograph.orientation
    dataset = hd.sc.SCImage.from_ref_dataset(
        ref_dataset=source,
        pixel_array=picture(export),
        photometric_interpretation="RGB",
        bits_allocated=8,
        coordinate_system="PATIENT",
        patient_orientation=("L", "F"),
        transfer_syntax_uid="1.2.840.10008.1.2.1",
        **head(export, "sc", "Lungbox capture"),
    )
    if orientation is None:
        dataset.PatientOrientation = None
    else:
        dataset.PatientOrientation = [orientation.rightwards, orientation.downwards]
    dataset.Modality = source.get("Modality") or "OT"
    dataset.BurnedInAnnotation = "YES"
    dataset.ConversionType = "WSD"
    dataset.DerivationDescription = (
        "Outlines, measurements and calibration drawn onto the film; for reading, not measuring"
    )
    return completed(dataset, export)


def picture(export: Export) -> NDArray[np.uint8]:
    """Return the film with outlines and callipers, and the table beside it."""
    film = export.case.radiograph
    drawn = overlay(export.case)
    ratio = export.measurements.of("heart", "ctr")
    if ratio is not None and ratio.value is not None:
        draw_lines(drawn, ratio.evidence.lines, looks()["heart"].color, line_thickness(export.case))
    left = shrunk_to(drawn, _FILM_ROWS, _FILM_ROWS * 2, film.pixel_aspect)
    rows = max(left.shape[0], _LEAST_ROWS)
    canvas = np.zeros((rows, left.shape[1] + _PANEL_COLUMNS, 3), dtype=np.uint8)
    canvas[: left.shape[0], : left.shape[1]] = left
    image = Image.fromarray(canvas)
    _write_panel(ImageDraw.Draw(image), export, left.shape[1] + 24, rows)
    return np.array(image)


def _write_panel(draw: ImageDraw.ImageDraw, export: Export, x: int, rows: int) -> None:
    large, normal, small = (ImageFont.load_default(size) for size in (26, 20, 15))
    y = 24
    draw.text((x, y), f"Lungbox {VERSION}", fill="white", font=large)
    y += 40
    badge = calibration_text(export.measurements.spacing)
    draw.rectangle((x, y, x + 24 + draw.textlength(badge, font=normal), y + 32), outline="white")
    draw.text((x + 12, y + 4), badge, fill="white", font=normal)
    y += 44
    if export.case.doubtful:
        y = _write_doubt(draw, x, y, normal)
    y += 8
    carried = dict.fromkeys(caveat for row in export.measurements for caveat in row.caveats)
    carried.pop(Caveat.DOUBTED, None)  # it stands above, larger
    warnings = [line for caveat in carried for line in textwrap.wrap(caveat.text, _CAVEAT_LETTERS)]
    foot = rows - 60 - 20 * len(warnings)
    sections = [(finding.label, look_of(finding).color, structure_key(finding)) for finding in export.outlined]
    between = [
        ("Both lungs", looks()["both_lungs"].color, "both_lungs"),
        ("Thorax", (255, 255, 255), "thorax"),
        ("Heart", looks()["heart"].color, "heart"),
    ]
    sections += [row for row in between if row[2] not in {key for _, _, key in sections}]
    for title, color, key in sections:
        lines = [row for row in export.of_structure(key) if row.id in _SHOWN and row.value is not None]
        if not lines or y + 28 * (len(lines) + 1) > foot:
            continue
        draw.text((x, y), title, fill=color, font=normal)
        y += 28
        for row in lines:  # Pillow's own font has no superscripts
            draw.text((x + 16, y), row.name, fill="white", font=normal)
            draw.text((x + 560, y), value_text(row).replace("²", "2"), fill="white", font=normal, anchor="ra")
            y += 26
        y += 10
    y = foot
    for line in warnings:
        draw.text((x, y), line, fill=(255, 200, 120), font=small)
        y += 20
    draw.text((x, rows - 44), f"{export.made_at:%Y-%m-%d %H:%M}", fill="white", font=small)
    draw.text((x, rows - 24), NOTICE, fill="white", font=small)


def _write_doubt(draw: ImageDraw.ImageDraw, x: int, y: int, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> int:
    """Write the warning on a film that is no frontal chest by its looks, filled so that nobody misses it."""
    first, _, second = Caveat.DOUBTED.text.partition(": ")
    draw.rectangle((x, y, x + _PANEL_COLUMNS - 48, y + 62), fill=(255, 176, 64))
    draw.text((x + 12, y + 6), first, fill="black", font=font)
    draw.text((x + 12, y + 33), second[:1].upper() + second[1:], fill="black", font=font)
    return y + 70
