"""The manifest: one row a film, whatever the source and whatever its masks mean.

On disk a CSV whose paths are relative to it; in memory frozen records with absolute paths. What the pixels of a mask
stand for (`Label`) and where the annotators drew the lung's edge (`Convention`) travel with every record, because two
sources that differ in either must never be mixed silently.
"""

import argparse
import csv
import io
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path

from engine.errors import LungboxError
from engine.files import read_file, write_atomically


class DataError(LungboxError):
    """Training data that cannot be used as asked."""


class Convention(Enum):
    """Where the annotators drew a lung's medial and lower edge; the two differ by about a fifth of the area."""

    HEART_EXCLUDED = "heart-excluded"  # the visible lung field: JSRT/SCR, Montgomery, Shenzhen
    HEART_INCLUDED = "heart-included"  # the lung behind the heart and diaphragm too: V7
    NONE = ""  # no lung mask


CONVENTION_TEXTS = {  # what a model's card says of how it outlines
    Convention.HEART_EXCLUDED: (
        "Projected lung, heart excluded: lung behind the heart and below the domes is not in the mask."
    ),
    Convention.HEART_INCLUDED: "Projected lung, whole: lung behind the heart and below the domes is in the mask.",
}


def convention_of(card: Mapping[str, object]) -> Convention:
    """Return how a model outlines by what its card says; NONE where it does not say."""
    return next((one for one, text in CONVENTION_TEXTS.items() if card.get("convention") == text), Convention.NONE)


class Label(Enum):
    """What a mask's pixels stand for."""

    LUNGS = "lungs"
    INFECTION = "infection"
    PNEUMOTHORAX = "pneumothorax"
    NONE = ""


class Split(Enum):
    """What a film may be used for."""

    TRAIN = "train"
    VAL = "val"
    TEST = "test"  # looked at once
    EXTERNAL = "external"  # a hospital that training never sees
    UNLABELLED = "unlabelled"
    UNASSIGNED = ""


class Part(Enum):
    """Which lung a file of a mask holds; the patient's sides."""

    RIGHT = "right"
    LEFT = "left"
    ALL = ""


@dataclass(frozen=True, slots=True)
class MaskFile:
    """One file that a film's mask is made from; `training.truth` reads each kind."""

    path: Path
    part: Part = Part.ALL
    key: str = ""  # the film's own row or polygon in a file that holds many


def key_of(source: str, film: str) -> str:
    """Return a film's name that is unique across sources."""
    return f"{source}/{film}"


def source_of(key: str) -> str:
    """Return the source in such a name."""
    return key.split("/", 1)[0]


@dataclass(frozen=True, slots=True)
class FilmRecord:
    """One film: where it is, whose it is, what its mask means, what it may be used for."""

    id: str
    patient: str  # films of one patient stay in one split; where the source does not say, the film's own id
    source: str
    image: Path
    mask: tuple[MaskFile, ...]  # their union is the mask
    label: Label
    convention: Convention
    split: Split
    licence: str
    spacing_mm: float | None = None  # of square pixels, where the source's papers say and the file does not

    @property
    def key(self) -> str:
        """Name that is unique across sources."""
        return key_of(self.source, self.id)

    @property
    def patient_key(self) -> str:
        """Patient, unique across sources."""
        return key_of(self.source, self.patient)


MANIFEST = "manifest.csv"  # in the folder of the films, or of what was made of them
COLUMNS = ("id", "patient", "source", "image", "mask", "label", "convention", "split", "licence", "spacing_mm")


def _mask_cell(files: tuple[MaskFile, ...], folder: Path) -> str:
    cells = []
    for file in files:
        path = _relative(file.path, folder)
        if any(mark in path + file.key for mark in "|\n"):
            raise DataError(f"The name {path!r} cannot be written in a manifest.", advice="Rename it without '|'.")
        cells.append(f"{path}::{file.part.value}::{file.key}")
    return "|".join(cells)


def _mask_files(cell: str, folder: Path) -> tuple[MaskFile, ...]:
    files = []
    for part in filter(None, cell.split("|")):
        path, _, rest = part.partition("::")
        side, _, key = rest.partition("::")
        files.append(MaskFile(folder / path, Part(side), key))
    return tuple(files)


def _relative(path: Path, folder: Path) -> str:
    return Path(os.path.relpath(path, folder)).as_posix()


def write_manifest(path: Path, records: Iterable[FilmRecord]) -> None:
    """Write a manifest, in the order of the films' keys, whole or not at all."""
    folder = path.resolve().parent
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for record in sorted(records, key=lambda record: record.key):
        writer.writerow(
            [
                record.id,
                record.patient,
                record.source,
                _relative(record.image.resolve(), folder),
                _mask_cell(record.mask, folder),
                record.label.value,
                record.convention.value,
                record.split.value,
                record.licence,
                "" if record.spacing_mm is None else repr(record.spacing_mm),
            ]
        )
    write_atomically(path, text.getvalue().encode())


def manifest_rows(path: Path, columns: tuple[str, ...]) -> list[dict[str, str]]:
    """Return the rows of a CSV that has at least these columns; DataError names what is missing."""
    try:
        text = read_file(path, limit_bytes=256 << 20).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{path.name} is not text in UTF-8.") from error
    reader = csv.DictReader(io.StringIO(text, newline=""), skipinitialspace=True)
    absent = [column for column in columns if column not in (reader.fieldnames or ())]
    if absent:
        raise DataError(f"{path.name} has no column {', '.join(absent)}.", advice=f"It needs {', '.join(columns)}.")
    rows = list(reader)
    ragged = next((i for i, row in enumerate(rows) if None in row or None in row.values()), None)
    if ragged is not None:
        raise DataError(f"{path.name}: row {ragged + 2} does not have as many cells as the header.")
    return rows


def read_manifest(path: Path) -> list[FilmRecord]:
    """Return the films of a manifest; DataError names the row that cannot be one.

    One that a person writes need have no column but `image`; what the others would say is then taken for granted: the
    film is called as its file, the source as the folder, each film is of another patient, a mask is of the lungs.
    """
    folder = path.resolve().parent
    records = []
    for number, row in enumerate(manifest_rows(path, ("image",)), start=2):
        mask = _mask_files(row.get("mask", ""), folder)
        name = row.get("id") or Path(row["image"]).stem
        try:
            record = FilmRecord(
                id=name,
                patient=row.get("patient") or name,
                source=row.get("source") or folder.name,
                image=folder / row["image"],
                mask=mask,
                label=Label(row.get("label") or (Label.LUNGS.value if mask else "")),
                convention=Convention(row.get("convention", "")),
                split=Split(row.get("split") or ("" if mask else Split.UNLABELLED.value)),
                licence=row.get("licence", ""),
                spacing_mm=float(row["spacing_mm"]) if row.get("spacing_mm") else None,
            )
        except ValueError as error:
            raise DataError(f"{path.name}, row {number}: {error}.") from error
        records.append(record)
    return unique(records)


def unique(records: list[FilmRecord]) -> list[FilmRecord]:
    """Return the records, having made sure that no two have the same key."""
    seen: set[str] = set()
    for record in records:
        if record.key in seen:
            raise DataError(f"Two films are called {record.key}.", advice="Give each film of a source its own id.")
        seen.add(record.key)
    return records


def named_sources(records: Iterable[FilmRecord], sources: Sequence[str]) -> list[FilmRecord]:
    """Return the records of the sources that are named, of all where none is; a name that none has is refused."""
    chosen = list(records)
    known = {record.source for record in chosen}
    unknown = sorted(set(sources) - known)
    if unknown:
        raise DataError(f"No source is called {', '.join(unknown)}.", advice=f"There are {', '.join(sorted(known))}.")
    return [record for record in chosen if not sources or record.source in sources]


def drawn_by(convention: Convention, records: Sequence[FilmRecord]) -> list[FilmRecord]:
    """Return the records with this convention for lungs that come with none."""
    return [
        replace(one, convention=convention) if one.label is Label.LUNGS and one.convention is Convention.NONE else one
        for one in records
    ]


def add_convention(parser: argparse.ArgumentParser) -> None:
    """Add the flag that says how lungs were drawn."""
    known = [one.value for one in Convention if one is not Convention.NONE]
    parser.add_argument("--convention", choices=known, default="", help="of masks in folders that do not say theirs")


def refuse_no_lungs(record: FilmRecord) -> None:
    """Raise DataError where a film's mask is not of lungs, whatever a paper trains on, or nobody says how drawn."""
    if record.label is not Label.LUNGS:
        what = {Label.NONE: "has no mask"}.get(record.label, f"has a mask of {record.label.value}, not of lungs")
        raise DataError(f"{record.key} {what}.", advice="Leave this source out: name the others with --sources.")
    if record.convention is Convention.NONE:
        raise DataError(
            f"Nothing says whether the mask of {record.key} takes in lung behind the heart.",
            advice="Say it with --convention, or in the manifest's column: heart-excluded or heart-included.",
        )


def lung_truth(records: Iterable[FilmRecord]) -> list[FilmRecord]:
    """Return the records that may be the lungs' truth together, or say which may not.

    Two conventions in one set teach a network to guess between them.
    """
    chosen = list(records)
    first: dict[Convention, FilmRecord] = {}
    for record in chosen:
        refuse_no_lungs(record)
        first.setdefault(record.convention, record)
    if len(first) > 1:
        found = ", ".join(f"{record.key} is {convention.value}" for convention, record in first.items())
        raise DataError(
            f"Two conventions in one set: {found}.",
            advice="The two differ by a fifth of a lung: name the sources of one of them with --sources.",
        )
    return chosen
