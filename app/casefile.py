"""The case file (`.lungbox`): one case as JSON, without the film but with its hash (docs/case-file.md).

Masks are zlib-packed bits in base64. A file opened with another film refuses: masks on the wrong patient are the one
mistake that must not happen.
"""

import base64
import json
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.case import Case, CaseState, Finding, Making, Provenance, Structure
from engine.errors import LungboxError, OutputError
from engine.files import read_file, write_atomically
from engine.film.radiograph import Radiograph
from engine.geometry import BoxPrompt, PointPrompt, Prompts
from engine.mask import Mask
from engine.results import marks as other_marks

FORMAT = "lungbox-case"
VERSION = 1
SUFFIX = ".lungbox"
FILM_SUFFIXES = (".dcm", ".dicom", ".ima", ".png", ".jpg", ".jpeg", ".tif", ".tiff")
_LIMIT_BYTES = 256 << 20
_LIMIT_MASK_BYTES = 64 << 20


class CaseFileError(LungboxError):
    """A case file that is damaged, of a newer version, or of another film."""


def case_path(film: Path) -> Path:
    """Return where a film's case file lies: beside it, and named after it. A film named by its UID has no ending."""
    return film.with_name((film.stem if film.suffix.lower() in FILM_SUFFIXES else film.name) + SUFFIX)


def mask_text(mask: Mask) -> str:
    """Return a mask as text: a lung on a 9 megapixel film takes some 6 KB."""
    return base64.b64encode(zlib.compress(mask.packed, 1)).decode()


def mask_of(text: str, rows: int, columns: int) -> Mask:
    """Return the mask that `mask_text` wrote; never more memory than its film allows."""
    size = rows * ((columns + 7) // 8)
    if size > _LIMIT_MASK_BYTES:
        raise ValueError("mask too large")
    unpacker = zlib.decompressobj()
    packed = unpacker.decompress(base64.b64decode(text, validate=True), size + 1)
    return Mask(rows, columns, packed)


def masks_of(case: Case) -> dict[str, Mask]:
    """Return every mask of a case by its hash: those on show, and the model's own beneath a reader's edits."""
    masks = [mask for finding in case.findings for mask in (finding.mask, finding.model_mask) if mask is not None]
    return {mask.sha256: mask for mask in masks}


def masks_named(marks: dict[str, Any]) -> set[str]:
    """Return the hashes of the masks that `marks_of` named."""
    return {finding[name] for finding in marks["findings"] for name in ("mask", "model_mask") if finding[name]}


def same_marks(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Return whether two cases are marked alike, as `Case.marked_as` does before their film is at hand."""
    unsaid = other_marks.LIKENESS
    return {k: v for k, v in one.items() if k != unsaid} == {k: v for k, v in other.items() if k != unsaid}


def _prompts(prompts: Prompts | None) -> dict[str, Any] | None:
    if prompts is None:
        return None
    return {
        "box": None if prompts.box is None else list(prompts.box.corners),
        "points": [[point.x, point.y, point.positive] for point in prompts.points],
    }


def marks_of(case: Case) -> dict[str, Any]:
    """Return everything marked on a film as plain values; masks by their hash."""
    return {
        "state": case.state.value,
        "findings": [
            {
                "structure": finding.structure.value,
                "name": finding.name,
                "mask": finding.mask.sha256,
                "model_mask": None if finding.model_mask is None else finding.model_mask.sha256,
                "making": finding.making.value,
                "prompts": _prompts(finding.prompts),
                "quality": finding.quality,
                "tracking_uid": finding.tracking_uid,
                "provenance": None
                if finding.provenance is None
                else {name: getattr(finding.provenance, name) for name in Provenance.__dataclass_fields__},
            }
            for finding in case.findings
        ],
        **other_marks.marks_values(case),
    }


def case_of(marks: dict[str, Any], masks: dict[str, Mask], radiograph: Radiograph) -> Case:
    """Return the case that `marks_of` described, on its film. KeyError, ValueError or TypeError if it does not fit."""
    findings = []
    for item in marks["findings"]:
        prompts = item["prompts"]
        provenance = item["provenance"]
        findings.append(
            Finding(
                Structure(item["structure"]),
                masks[item["mask"]],
                Making(item["making"]),
                str(item["name"]),
                None
                if prompts is None
                else Prompts(
                    None if prompts["box"] is None else BoxPrompt(*(float(value) for value in prompts["box"])),
                    tuple(PointPrompt(float(x), float(y), bool(positive)) for x, y, positive in prompts["points"]),
                ),
                None if item["quality"] is None else float(item["quality"]),
                None if provenance is None else Provenance(**{key: str(value) for key, value in provenance.items()}),
                str(item["tracking_uid"]),
                None if item["model_mask"] is None else masks[item["model_mask"]],
            )
        )
    others = other_marks.marks_of(marks)
    return Case(
        radiograph,
        tuple(findings),
        others.callipers,
        others.distances,
        others.known_length_mm,
        others.magnification_applied,
        CaseState(marks["state"]),
        others.likeness,
    )


@dataclass(frozen=True, slots=True)
class FilmHash:
    """What a case file says of its film."""

    path: Path
    pixel_sha256: str
    file_sha256: str
    rows: int
    columns: int

    @classmethod
    def of(cls, radiograph: Radiograph) -> "FilmHash":
        """Return it for a film; hashes a large one for a moment where nobody has asked for that yet."""
        source = radiograph.source
        return cls(source.path, source.pixel_sha256, source.file_sha256, radiograph.rows, radiograph.columns)


@dataclass(frozen=True, slots=True, eq=False)
class CaseFile:
    """A case file before its film is at hand."""

    film_path: Path
    pixel_sha256: str
    rows: int
    columns: int
    marks: dict[str, Any]
    masks: dict[str, Mask]

    def on(self, radiograph: Radiograph) -> Case:
        """Return the case on its film; CaseFileError on any other."""
        if radiograph.source.pixel_sha256 != self.pixel_sha256:
            raise CaseFileError(
                f"{radiograph.source.path.name} is not the film that this case was drawn on.",
                advice="Its pixels differ. Open the case with its own film.",
            )
        try:
            return case_of(self.marks, self.masks, radiograph)
        except (KeyError, ValueError, TypeError, LungboxError) as error:
            raise CaseFileError("The case file is damaged.", advice="Its marks do not fit its film.") from error


def save_case(path: Path, case: Case) -> None:
    """Write a case file, whole or not at all."""
    save_marks(path, FilmHash.of(case.radiograph), marks_of(case), masks_of(case))


def save_marks(path: Path, film: FilmHash, marks: dict[str, Any], masks: dict[str, Mask]) -> None:
    """Write a case file of what `marks_of` and `masks_of` gave, when their film need not be at hand."""
    document = {
        "format": FORMAT,
        "version": VERSION,
        "film": {
            "file": film.path.name,
            "path": str(film.path),
            "pixel_sha256": film.pixel_sha256,
            "file_sha256": film.file_sha256,
            "rows": film.rows,
            "columns": film.columns,
        },
        "marks": marks,
        "masks": {sha: mask_text(mask) for sha, mask in masks.items()},
    }
    try:
        write_atomically(path, json.dumps(document, indent=1).encode())
    except OSError as error:
        raise OutputError(f"{path.name} could not be written.", advice=str(error.strerror or "")) from error


def open_case(path: Path) -> CaseFile:
    """Read a case file; CaseFileError when it cannot be used."""
    data = read_file(path, _LIMIT_BYTES)
    try:
        return _parsed(json.loads(data), path)
    except (KeyError, ValueError, TypeError, zlib.error, RecursionError) as error:
        raise CaseFileError(f"{path.name} is damaged.", advice="It is not a whole Lungbox case.") from error


def _parsed(document: dict[str, Any], path: Path) -> CaseFile:
    """Return what a case file holds; the usual errors of a mapping where it is not what it should be."""
    if document["format"] != FORMAT:
        raise ValueError("another format")
    if int(document["version"]) > VERSION:
        raise CaseFileError(f"{path.name} was written by a newer Lungbox.", advice="Update, then open it again.")
    film = document["film"]
    rows, columns = int(film["rows"]), int(film["columns"])
    masks = {str(sha): mask_of(text, rows, columns) for sha, text in document["masks"].items()}
    if any(mask.sha256 != sha for sha, mask in masks.items()):
        raise ValueError("a mask is not what its hash says")
    # Beside the case file first: case and film are moved together more often than apart.
    beside = path.parent / Path(str(film["file"])).name
    film_path = beside if beside.exists() else Path(str(film["path"]))
    return CaseFile(film_path, str(film["pixel_sha256"]), rows, columns, dict(document["marks"]), masks)
