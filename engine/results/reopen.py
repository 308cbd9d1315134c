"""Results read back: our bundles, and SEGs and SRs of others, as findings on the film or refused with the reason."""

import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from engine.case import Case, Finding, Making, Provenance, Structure
from engine.errors import (
    DamagedFilmError,
    LungboxError,
    MeasurementError,
    NotAFilmError,
    PromptError,
    UnsupportedFilmError,
)
from engine.files import read_file
from engine.film.radiograph import Radiograph
from engine.frame import frontal_frame, sides_of
from engine.geometry import BoxPrompt, PointPrompt, Prompts
from engine.mask import Mask
from engine.results.context import new_uid
from engine.results.document import FORMAT, FORMAT_VERSION
from engine.results.marks import NO_MARKS, Marks, marks_of
from engine.results.read_pr import marks_of_pr
from engine.results.read_seg import dataset_of, findings_of_seg, other_film
from engine.results.read_sr import findings_of_sr
from engine.results.runs import with_edits
from engine.results.sop import LABEL_MAP_SEG, PRESENTATION, SEG, is_document

_MOST_BYTES = 1 << 28
_MOST_JSON_BYTES = 1 << 26
# All that values of the wrong kind or size were seen to raise.
_FAULTS = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError, MeasurementError, PromptError)
_LUNGS = (Structure.RIGHT_LUNG, Structure.LEFT_LUNG)
# At most this share of a lung crosses to the other side; of a mask of both, half does.
_ACROSS = 0.1


@dataclass(frozen=True, slots=True)
class Reopened:
    """Structures that can be edited again, and what else the file said."""

    findings: tuple[Finding, ...]
    marks: Marks = NO_MARKS
    remarks: tuple[str, ...] = ()  # what was there and could not be used; never a patient's data


def reopen(path: Path, film: Radiograph) -> Reopened:
    """Return the structures in a bundle's folder, its results.json, a SEG, an SR or a GSPS, on their film."""
    found = _read(Path(path), film)
    return replace(found, findings=each_once(_sided(_apart(found.findings), film)))


def _read(path: Path, film: Radiograph) -> Reopened:
    if path.is_dir():
        return _bundle(path, film)
    if is_document(path):
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


def _sided(findings: tuple[Finding, ...], film: Radiograph) -> tuple[Finding, ...]:
    """Return two lungs that nobody gave a side with the sides on which they lie; all else as it is."""
    frame = frontal_frame(film)
    lungs = [finding for finding in findings if finding.structure is Structure.BOTH_LUNGS]
    told = any(finding.structure in _LUNGS for finding in findings)
    if frame is None or told or len(lungs) != 2 or any(lung.mask.is_empty for lung in lungs):
        return findings
    try:
        right, _ = sides_of(lungs[0].mask.union(lungs[1].mask), frame)
    except MeasurementError:
        return findings
    share = {lung.tracking_uid: lung.mask.intersect(right).area_px / lung.mask.area_px for lung in lungs}
    if min(share.values()) > _ACROSS or max(share.values()) < 1 - _ACROSS:
        return findings
    side = {uid: _LUNGS[0] if on_right > _ACROSS else _LUNGS[1] for uid, on_right in share.items()}
    return tuple(replace(finding, structure=side.get(finding.tracking_uid, finding.structure)) for finding in findings)


def _apart(findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """Return findings with a tracking UID each: a case would keep but the last of two that share one."""
    seen: set[str] = set()
    found = []
    for finding in findings:
        found.append(replace(finding, tracking_uid=new_uid()) if finding.tracking_uid in seen else finding)
        seen.add(finding.tracking_uid)
    return tuple(found)


def each_once(findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """Return findings with each lung once: numbers are filed under it. Whatever else is called so keeps its own label.

    Both lungs are the right and the left one where these are there; a mask of both beside them is something else.
    """
    taken = {Structure.BOTH_LUNGS} if {finding.structure for finding in findings} >= set(_LUNGS) else set()
    found = []
    for finding in findings:
        if finding.structure is Structure.OTHER:
            found.append(finding)
        elif finding.structure in taken:
            found.append(replace(finding, structure=Structure.OTHER, name=finding.label))
        else:
            found.append(replace(finding, name="") if finding.name else finding)
            taken.add(finding.structure)
    return tuple(found)


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
        None if box is None else BoxPrompt(*(_number(value) for value in box)),
        tuple(PointPrompt(_number(x), _number(y), bool(positive)) for x, y, positive in values["points"]),
    )


def _number(value: Any) -> float:
    """Return a number of a file; ValueError where it is none, or none that can be."""
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise ValueError("not a finite number")
    return number


def _bundle(folder: Path, film: Radiograph, name: str = "results.json") -> Reopened:
    values = read_document(folder / name)
    try:
        if values["film"]["pixel_sha256"] != film.source.pixel_sha256:
            raise other_film(name)
        found = [_structure(values, row, folder, film) for row in values["structures"]]
        marks = marks_of(values)
        marks.on(Case(film))  # a calibration that cannot be is found here, and not while it is drawn
    except _FAULTS as error:
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
    making, quality = Making(row["making"]), row["quality"]
    model_mask = None
    if edits["base"] == "model" and making is Making.EDITED:  # edited to the model's own mask, it is still the base
        undone = {"added": edits["removed"], "removed": edits["added"]}
        model_mask = with_edits(mask, undone)
    provenance = row["provenance"]
    finding = Finding(
        Structure(row["structure"]),
        mask,
        making,
        str(row["name"]),
        prompts_of(row["prompts"]),
        None if quality is None else _number(quality),
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
