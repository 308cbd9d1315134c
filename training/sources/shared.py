"""The folders that lie beside a checkout: Shenzhen, Montgomery, Hannover with V7's masks, NIH, and one manifest.csv."""

import re
from codecs import BOM_UTF8
from pathlib import Path

from training.manifest import MANIFEST, Convention, DataError, FilmRecord, Label, MaskFile, Split, manifest_rows

SOURCE = "shared films"
COLUMNS = ("id", "source", "image", "mask", "width", "height", "convention", "split", "licence")


def recognises(folder: Path) -> bool:
    """Return whether there is a manifest with this header."""
    path = folder / MANIFEST
    if not path.is_file():
        return False
    with path.open("rb") as file:  # as bytes: a manifest in another encoding is not this one, and its adapter says so
        return file.readline(1024).removeprefix(BOM_UTF8).strip() == ",".join(COLUMNS).encode()


def _patient(row: dict[str, str]) -> str:
    """Return whose film it is: NIH names PATIENT_NUMBER, and the panels of one published figure end in -a, -b."""
    match row["source"]:
        case "nih":
            return row["id"].split("_")[0]
        case "hannover_v7":
            return re.sub(r"-[a-z]$", "", row["id"])
        case _:
            return row["id"]


def records(folder: Path) -> list[FilmRecord]:
    """Return the films, with the splits as they are given."""
    found = []
    for number, row in enumerate(manifest_rows(folder / MANIFEST, COLUMNS), start=2):
        try:
            convention, split = Convention(row["convention"]), Split(row["split"])
        except ValueError as error:
            raise DataError(f"manifest.csv, row {number}: {error}.") from error
        mask = (MaskFile(folder / row["mask"]),) if row["mask"] else ()
        found.append(
            FilmRecord(
                id=row["id"],
                patient=_patient(row),
                source=row["source"],
                image=folder / row["image"],
                mask=mask,
                label=Label.LUNGS if mask else Label.NONE,
                convention=convention,
                split=split,
                licence=row["licence"],
            )
        )
    return found
