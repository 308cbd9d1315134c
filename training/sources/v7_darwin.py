"""V7's COVID-19 chest radiographs as `darwin dataset pull` lays them out: `images/` and Darwin JSON annotations.

Polygons called "Lung" follow the rib cage and include the lung behind the heart: another convention than every NLM or
JSRT mask. Annotations of films that the download left out are skipped; films without such a polygon have no label.
"""

import json
from pathlib import Path

from engine.files import read_file
from training.manifest import Convention, DataError, FilmRecord, Label, MaskFile, Split

SOURCE = "v7"
_LICENCE = "masks CC-BY-4.0; each film under the licence of its origin"
_SHEET_LIMIT_BYTES = 64 << 20


def _sheets(folder: Path) -> list[Path]:
    """Return the annotation files: beside the images, or in the newest release by name."""
    releases = sorted(folder.glob("releases/*/annotations"))
    where = folder / "annotations" if (folder / "annotations").is_dir() else releases[-1] if releases else None
    return sorted(where.glob("*.json")) if where else []


def recognises(folder: Path) -> bool:
    """Return whether images and annotation files are here."""
    return (folder / "images").is_dir() and bool(_sheets(folder))


def records(folder: Path) -> list[FilmRecord]:
    """Return the films that were downloaded."""
    found = []
    for sheet in _sheets(folder):
        name, labelled = _read(sheet)
        image = folder / "images" / Path(name).name
        if not image.is_file():
            continue
        found.append(
            FilmRecord(
                id=sheet.stem,
                patient=sheet.stem,
                source=SOURCE,
                image=image,
                mask=(MaskFile(sheet),) if labelled else (),
                label=Label.LUNGS if labelled else Label.NONE,
                convention=Convention.HEART_INCLUDED if labelled else Convention.NONE,
                split=Split.UNASSIGNED if labelled else Split.UNLABELLED,
                licence=_LICENCE,
            )
        )
    return found


def _read(sheet: Path) -> tuple[str, bool]:
    """Return the film's file name and whether it has lungs; version 2 has `item`, version 1 `image`."""
    try:
        content = json.loads(read_file(sheet, limit_bytes=_SHEET_LIMIT_BYTES))
        name = content["item"]["name"] if "item" in content else content["image"]["filename"]
        labelled = any(
            annotation["name"].strip().lower() == "lung" and "polygon" in annotation
            for annotation in content["annotations"]
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{sheet.name} is not a Darwin annotation that we read.") from error
    return str(name), labelled
