"""DICOM Structured Reports, ours and of others, as findings on the film; or refused with the reason."""

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from engine.case import Case, Finding, Line, Making, Structure
from engine.errors import LungboxError, MeasurementError, UnsupportedFilmError
from engine.film.radiograph import Radiograph
from engine.mask import Mask
from engine.results.codes import ANATOMY_CODES, LINES, LUNG_CODES, MARKS, PRECOORDINATED
from engine.results.marks import Marks, marks_of
from engine.results.read_seg import (
    code_of,
    dataset_of,
    findings_of_seg,
    frame_segments,
    structure_of_codes,
    understood,
)
from engine.results.sop import LABEL_MAP_SEG, SEG

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

# Concept names of TID 1500 (PS3.16); the second of each pair is SNOMED's older identifier.
_GROUP = "125007"
_FINDING = "121071"
_SITE = ("363698007", "G-C0E3")
_LATERALITY = ("272741003", "G-C171")
_TRACKING_ID, _TRACKING_UID = "112039", "112040"
_SEGMENT_REFERENCES = ("121191", "121214")
_CIRCLE_POINTS = 256


def findings_of_sr(
    dataset: "Dataset", film: Radiograph, path: Path
) -> tuple[tuple[Finding, ...], Marks, tuple[str, ...]]:
    """Return what an SR outlines (its own polygons, and segments of a SEG in its folder), marks, and could not say."""
    findings: dict[str, Finding] = {}
    remarks: list[str] = []
    about_film = False
    lines: list[Line] = []
    with understood(path.name, MeasurementError):
        named = film.source.sop_instance_uid in film_uids_of_sr(dataset)
        groups = _groups(dataset)
        for group in groups:
            about_film |= _read_group(group, film, path, findings, remarks)
            lines += _lines(group, film)
        marks = _marks(dataset, film) if named else None
    about_film |= named and bool(remarks)  # a segmentation that is not there cannot tell whose it is: the evidence can
    if marks is None:
        marks = Marks(distances=tuple(dict.fromkeys(lines)))
        about_film |= bool(lines)
    if not about_film:
        raise UnsupportedFilmError(
            f"{path.name} outlines nothing on this film.",
            advice="Open the film it was made on, or choose another report.",
        )
    return tuple(findings.values()), marks, tuple(dict.fromkeys(remarks))


def film_uids_of_sr(dataset: "Dataset") -> set[str]:
    """Return the SOP Instance UIDs of what a report is about, segmentations left out (Evidence, PS3.3 C.17.2)."""
    return {
        str(reference.get("ReferencedSOPInstanceUID", ""))
        for study in dataset.get("CurrentRequestedProcedureEvidenceSequence") or ()
        for series in study.get("ReferencedSeriesSequence") or ()
        for reference in series.get("ReferencedSOPSequence") or ()
        if str(reference.get("ReferencedSOPClassUID", "")) not in (SEG, LABEL_MAP_SEG)
    } - {""}


def _marks(dataset: "Dataset", film: Radiograph) -> Marks | None:
    """Return what a report of ours says of the reader's marks; None in the reports of others."""
    for item in dataset.get("ContentSequence") or ():
        for child in item.get("ContentSequence") or ():
            names = child.get("ConceptNameCodeSequence") or ()
            if names and code_of(names[0]) == (MARKS.value, MARKS.scheme):
                marks = marks_of(json.loads(str(child.TextValue)))
                marks.on(Case(film))  # a calibration that cannot be is found here, and not while it is drawn
                return marks
    return None


def _lines(group: "Dataset", film: Radiograph) -> list[Line]:
    """Return the straight lines that a group's lengths were taken along."""
    found = []
    for item in group.get("ContentSequence") or ():
        names = item.get("ConceptNameCodeSequence") or ()
        if str(item.get("ValueType", "")) != "NUM" or not names or code_of(names[0]) not in LINES:
            continue
        drawn = [child for child in item.get("ContentSequence") or () if str(child.get("ValueType", "")) == "SCOORD"]
        for place in drawn:
            ends = [float(value) for value in place.get("GraphicData") or ()]
            straight = str(place.get("GraphicType", "")) == "POLYLINE" and len(ends) == 4 and np.isfinite(ends).all()
            if straight and _references(place, film):
                found.append(Line(*ends))
    return found


def _read_group(
    group: "Dataset", film: Radiograph, path: Path, findings: dict[str, Finding], remarks: list[str]
) -> bool:
    """Add what one measurement group outlines; return whether it is about this film."""
    texts = {_name(item): item for item in group.get("ContentSequence") or ()}
    uid = str(texts[_TRACKING_UID].get("UID", "")) if _TRACKING_UID in texts else ""
    label = str(texts[_TRACKING_ID].get("TextValue", "")) if _TRACKING_ID in texts else "Structure"
    structure = _group_structure(group, label)
    about_film = False
    for item in group.get("ContentSequence") or ():
        kind = str(item.get("ValueType", ""))
        if kind == "SCOORD" and _references(item, film):
            about_film = True
            mask = _region(item, film)
            if mask is None:
                remarks.append(f"{label}: a {item.get('GraphicType')} is no closed outline")
                continue
            finding = Finding(structure, mask, Making.IMPORTED, label[:64])
            finding = replace(finding, tracking_uid=uid) if uid else finding
            before = findings.get(finding.tracking_uid)  # a structure may be outlined in several parts
            findings[finding.tracking_uid] = (
                finding if before is None else replace(before, mask=before.mask.union(finding.mask))
            )
        elif kind == "IMAGE" and _name(item) in _SEGMENT_REFERENCES:
            found = _referenced_segments(item, film, path)
            about_film |= bool(found)
            if not found:
                remarks.append(f"{label}: the segmentation that it refers to does not lie beside {path.name}")
            for segment in found:
                findings[segment.tracking_uid] = _with_side(segment, structure)
    return about_film


def _with_side(segment: Finding, structure: Structure) -> Finding:
    """Return a segment with the side that its report states, where the segmentation itself states none."""
    if segment.structure is Structure.BOTH_LUNGS and structure in (Structure.RIGHT_LUNG, Structure.LEFT_LUNG):
        return replace(segment, structure=structure)
    return segment


def _groups(item: "Dataset") -> list["Dataset"]:
    """Return every measurement group, however deep."""
    found = []
    for child in item.get("ContentSequence") or ():
        if _name(child) == _GROUP:
            found.append(child)
        found += _groups(child)
    return found


def _name(item: "Dataset") -> str:
    names = item.get("ConceptNameCodeSequence") or ()
    return code_of(names[0])[0] if names else ""


def _group_structure(group: "Dataset", label: str) -> Structure:
    findings: list[tuple[str, str]] = []
    sites: list[tuple[str, str]] = []
    modifiers: set[tuple[str, str]] = set()
    for item in group.get("ContentSequence") or ():
        codes = item.get("ConceptCodeSequence") or ()
        if not codes:
            continue
        name = _name(item)
        if name == _FINDING:
            findings.append(code_of(codes[0]))
        if name in _SITE:
            sites.append(code_of(codes[0]))
            for modifier in item.get("ContentSequence") or ():
                modifiers |= {code_of(code) for code in modifier.get("ConceptCodeSequence") or ()}
        if name in _LATERALITY:
            modifiers.add(code_of(codes[0]))
    # What is found in a lung is no lung: the site speaks only where the finding is one, or says no more than anatomy.
    tells = all(code in LUNG_CODES or code in PRECOORDINATED or code in ANATOMY_CODES for code in findings)
    kinds = [*findings, *sites] if tells else findings
    # The most telling of them: a lung with its side, then a lung, then whatever comes first.
    kinds.sort(key=lambda kind: (kind not in PRECOORDINATED, kind not in LUNG_CODES))
    return structure_of_codes(kinds[0] if kinds else ("", ""), modifiers, label)


def _references(item: "Dataset", film: Radiograph) -> bool:
    for child in item.get("ContentSequence") or ():
        for reference in child.get("ReferencedSOPSequence") or ():
            uid = str(reference.get("ReferencedSOPInstanceUID", ""))
            if uid and uid == film.source.sop_instance_uid:
                return True
    return False


def _region(item: "Dataset", film: Radiograph) -> Mask | None:
    """Return the pixels inside a closed polyline, a circle or an ellipse; None for what encloses nothing."""
    points = np.array([float(value) for value in item.get("GraphicData") or ()]).reshape(-1, 2)
    kind = str(item.get("GraphicType", ""))
    if not np.isfinite(points).all():
        return None
    turn = np.linspace(0, 2 * np.pi, _CIRCLE_POINTS, endpoint=False)[:, None]
    if kind == "CIRCLE" and len(points) == 2:  # the centre, and a point on the circle (PS3.3 C.18.6.1.2)
        radius = float(np.hypot(*(points[1] - points[0])))
        points = points[0] + radius * np.concatenate([np.cos(turn), np.sin(turn)], axis=1)
    elif kind == "ELLIPSE" and len(points) == 4:  # the ends of the major axis, then of the minor
        axes = (points[1] - points[0]) / 2, (points[3] - points[2]) / 2
        points = (points[0] + points[1]) / 2 + np.cos(turn) * axes[0] + np.sin(turn) * axes[1]
    elif kind != "POLYLINE" or len(points) < 4 or not np.array_equal(points[0], points[-1]):
        return None
    mask = Mask.of_polygons(film.rows, film.columns, [points])
    return None if mask.is_empty else mask


def _referenced_segments(item: "Dataset", film: Radiograph, path: Path) -> tuple[Finding, ...]:
    """Return the segments that an item names, by number or by frame, from a SEG in the report's folder."""
    reference = item.ReferencedSOPSequence[0]
    wanted = str(reference.ReferencedSOPInstanceUID)
    for neighbour in sorted(path.parent.glob("*.dcm")):
        if neighbour == path:
            continue
        try:
            dataset = dataset_of(neighbour)
        except LungboxError:
            continue
        if str(dataset.get("SOPInstanceUID", "")) != wanted:
            continue
        numbers = _numbers(reference, "ReferencedSegmentNumber")
        if not numbers:
            frames = _numbers(reference, "ReferencedFrameNumber")
            of_frame = frame_segments(dataset, int(dataset.get("NumberOfFrames", 1) or 1))
            numbers = {of_frame[frame - 1] for frame in frames if 0 < frame <= len(of_frame)}
        segments = [int(segment.SegmentNumber) for segment in dataset.SegmentSequence if segment.SegmentNumber != 0]
        found = zip(segments, findings_of_seg(dataset, film, neighbour.name), strict=True)
        return tuple(finding for number, finding in found if number in numbers)
    return ()


def _numbers(reference: "Dataset", keyword: str) -> set[int]:
    """Return the numbers of an element that may hold none, one or several."""
    value = reference.get(keyword)
    return set() if value in (None, "") else {int(number) for number in np.atleast_1d(value)}
