"""Results read back: our bundles, and SEGs and SRs of others, as findings on the film or refused with the reason."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from engine.case import Case, Finding, Making, Provenance, Structure
from engine.errors import DamagedFilmError, LungboxError, MeasurementError, NotAFilmError, UnsupportedFilmError
from engine.files import read_file
from engine.film.radiograph import Radiograph
from engine.geometry import BoxPrompt, PointPrompt, Prompts
from engine.mask import Mask
from engine.results.document import FORMAT, FORMAT_VERSION
from engine.results.marks import NO_MARKS, Marks, marks_of
from engine.results.read_pr import marks_of_pr
from engine.results.read_seg import dataset_of, findings_of_seg, other_film
from engine.results.read_sr import findings_of_sr
from engine.results.runs import with_edits
from engine.results.sop import LABEL_MAP_SEG, PRESENTATION, SEG

_MOST_BYTES = 1 << 28
_MOST_JSON_BYTES = 1 << 26


@dataclass(frozen=True, slots=True)
class Reopened:
    """Structures that can be edited again, and what else the file said."""

    findings: tuple[Finding, ...]
    marks: Marks = NO_MARKS
    remarks: tuple[str, ...] = ()  # what was there and could not be used; never a patient's data


def reopen(path: Path, film: Radiograph) -> Reopened:
    """Return the structures in a bundle's folder, its results.json, a SEG, an SR or a GSPS, on their film."""
    path = Path(path)
    if path.is_dir():
        return _bundle(path, film)
    if path.suffix.lower() == ".json":
        return _bundle(path.parent, film, path.name)
    dataset = dataset_of(path)
    if str(dataset.get("SOPClassUID", "")) in (SEG, LABEL_MAP_SEG):
        return Reopened(findings_of_seg(dataset, film, path.name))
    if str(dataset.get("SOPClassUID", "")) == PRESENTATION:
        return Reopened(*marks_of_pr(dataset, film, path.name))
    if str(dataset.get("Modality", "")) == "SR":
        findings, marks, remarks = findings_of_sr(dataset, film, path)
        return Reopened(findings, marks, remarks)
    raise UnsupportedFilmError(
        f"{path.name} is neither a segmentation nor a report.", advice="Choose a SEG, SR, GSPS or a Lungbox result."
    )


def read_document(path: Path) -> dict[str, Any]:
    """Return a results.json as plain values; an error of ours where it is none."""
    try:
        values = json.loads(read_file(path, _MOST_JSON_BYTES))
    except (ValueError, RecursionError) as error:
        raise DamagedFilmError(f"{path.name} is not JSON.", advice="Choose a Lungbox results.json.") from error
    if not isinstance(values, dict) or values.get("format") != FORMAT:
        raise NotAFilmError(f"{path.name} is not a Lungbox result.", advice="Choose a Lungbox results.json.")
    if values.get("version") != FORMAT_VERSION:
        raise UnsupportedFilmError(
            f"{path.name} is of version {values.get('version')}, this program reads {FORMAT_VERSION}.",
            advice="Open it with a newer Lungbox.",
        )
    return values


def prompts_of(values: dict[str, Any] | None) -> Prompts | None:
    """Return the prompts that `prompts_values` wrote."""
    if values is None:
        return None
    box = values["box"]
    return Prompts(
        None if box is None else BoxPrompt(*(float(value) for value in box)),
        tuple(PointPrompt(float(x), float(y), bool(positive)) for x, y, positive in values["points"]),
    )


def _bundle(folder: Path, film: Radiograph, name: str = "results.json") -> Reopened:
    values = read_document(folder / name)
    if values["film"]["pixel_sha256"] != film.source.pixel_sha256:
        raise other_film(name)
    try:
        found = [_structure(values, row, folder, film) for row in values["structures"]]
        marks = marks_of(values)
        marks.on(Case(film))  # a calibration that cannot be is found here, and not while it is drawn
    except (KeyError, TypeError, ValueError, MeasurementError) as error:
        raise DamagedFilmError(f"{name} is damaged.", advice="Open another copy of the result.") from error
    remarks = tuple(remark for _, remark in found if remark)
    return Reopened(tuple(finding for finding, _ in found if finding is not None), marks, remarks)


def _structure(
    values: dict[str, Any], row: dict[str, Any], folder: Path, film: Radiograph
) -> tuple[Finding | None, str]:
    edits = row["edits"]
    known: Iterable[Mask | str] = _masks_beside(values, row, folder, film)
    if edits["base"] == "empty":  # the record itself holds all of it
        known = [with_edits(Mask.empty(film.rows, film.columns), edits)]
    reason = "no segmentation or mask lies beside the result; run `lungbox replay`"
    for mask in known:
        if isinstance(mask, str):
            reason = mask
        elif mask.sha256 == row["mask_sha256"]:
            break
        else:
            reason = "its mask is not the one that was measured"
    else:
        return None, f"{row['label']}: {reason}"
    model_mask = None
    if edits["base"] == "model" and (edits["added"] or edits["removed"]):
        undone = {"added": edits["removed"], "removed": edits["added"]}
        model_mask = with_edits(mask, undone)
    provenance = row["provenance"]
    finding = Finding(
        Structure(row["structure"]),
        mask,
        Making(row["making"]),
        str(row["name"]),
        prompts_of(row["prompts"]),
        None if row["quality"] is None else float(row["quality"]),
        None if provenance is None else Provenance(**{key: str(value) for key, value in provenance.items()}),
        str(row["tracking_uid"]),
        model_mask,
    )
    return finding, ""


def _masks_beside(values: dict[str, Any], row: dict[str, Any], folder: Path, film: Radiograph) -> Iterator[Mask | str]:
    """Yield a structure's mask from each file of the bundle that holds it, or why that file does not give it."""
    for file in values["files"]:
        place = folder / Path(str(file["name"])).name  # never a way out of the folder
        if not place.is_file():
            continue
        try:
            if file["kind"] in ("seg", "labelmap"):
                for finding in findings_of_seg(dataset_of(place), film, place.name):
                    if finding.tracking_uid == row["tracking_uid"]:
                        yield finding.mask
            elif file["kind"] == "png" and place.name.startswith(f"mask-{int(row['segment'])}-"):
                yield _png_mask(place, film)
        except LungboxError as error:
            yield error.message


def _png_mask(path: Path, film: Radiograph) -> Mask:
    data = np.frombuffer(read_file(path, _MOST_BYTES), dtype=np.uint8)
    pixels = cv2.imdecode(data, cv2.IMREAD_GRAYSCALE)
    if pixels is None or pixels.shape != (film.rows, film.columns):
        raise DamagedFilmError(f"{path.name} is not a mask of this film.", advice="Open another copy of the result.")
    return Mask.of(pixels > 127)
