"""Results read back: our bundles, and SEGs and SRs of others, as findings on the film or refused with the reason."""

import io
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.case import Finding, HeartCallipers, Line, Making, Provenance, Structure
from engine.errors import DamagedFilmError, LungboxError, NotAFilmError, UnsupportedFilmError
from engine.files import read_file
from engine.film.radiograph import Radiograph
from engine.geometry import BoxPrompt, PointPrompt, Prompts
from engine.mask import Mask
from engine.results.codes import BOTH_CODES, LEFT_CODES, LUNG_CODES, PRECOORDINATED, RIGHT_CODES
from engine.results.document import FORMAT, FORMAT_VERSION
from engine.results.runs import with_edits

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_MOST_BYTES = 1 << 28
_MOST_JSON_BYTES = 1 << 26
_SEG = "1.2.840.10008.5.1.4.1.1.66.4"
_LABEL_MAP_SEG = "1.2.840.10008.5.1.4.1.1.66.7"
_MOST_SEGMENTS = 256
# A fractional segment's pixel belongs to the structure from half of the greatest value on.
_HALF = 0.5


@dataclass(frozen=True, slots=True)
class Reopened:
    """Structures that can be edited again, and what else the file said."""

    findings: tuple[Finding, ...]
    callipers: HeartCallipers | None = None
    remarks: tuple[str, ...] = ()  # what was there and could not be used; never a patient's data


def reopen(path: Path, film: Radiograph) -> Reopened:
    """Return the structures in a bundle's folder, its results.json, a SEG or an SR, on their film."""
    path = Path(path)
    if path.is_dir():
        return _bundle(path, film)
    if path.suffix.lower() == ".json":
        return _bundle(path.parent, film, path.name)
    dataset = dataset_of(path)
    if str(dataset.get("SOPClassUID", "")) in (_SEG, _LABEL_MAP_SEG):
        return Reopened(findings_of_seg(dataset, film, path.name))
    if str(dataset.get("Modality", "")) == "SR":
        return _report(dataset, film, path)
    raise UnsupportedFilmError(
        f"{path.name} is neither a segmentation nor a report.", advice="Choose a SEG, an SR or a Lungbox result."
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
        raise _other_film(name)
    try:
        found = [_structure(values, row, folder, film) for row in values["structures"]]
        callipers = _callipers(values["callipers"])
    except (KeyError, TypeError, ValueError) as error:
        raise DamagedFilmError(f"{name} is damaged.", advice="Open another copy of the result.") from error
    remarks = tuple(remark for _, remark in found if remark)
    return Reopened(tuple(finding for finding, _ in found if finding is not None), callipers, remarks)


def _structure(
    values: dict[str, Any], row: dict[str, Any], folder: Path, film: Radiograph
) -> tuple[Finding | None, str]:
    edits = row["edits"]
    mask: Mask | None = None
    if edits["base"] == "empty":
        mask = with_edits(Mask.empty(film.rows, film.columns), edits)
    for file in values["files"]:
        if mask is not None:
            break
        place = folder / Path(str(file["name"])).name  # never a way out of the folder
        if file["kind"] == "seg" and place.is_file():
            for finding in findings_of_seg(dataset_of(place), film, place.name):
                if finding.tracking_uid == row["tracking_uid"]:
                    mask = finding.mask
        elif file["kind"] == "png" and place.is_file() and place.name.startswith(f"mask-{int(row['segment'])}-"):
            mask = _png_mask(place, film)
    if mask is None:
        return None, f"{row['label']}: no segmentation or mask lies beside the result; run `lungbox replay`"
    if mask.sha256 != row["mask_sha256"]:
        return None, f"{row['label']}: its mask is not the one that was measured"
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


def _png_mask(path: Path, film: Radiograph) -> Mask:
    data = np.frombuffer(read_file(path, _MOST_BYTES), dtype=np.uint8)
    pixels = cv2.imdecode(data, cv2.IMREAD_GRAYSCALE)
    if pixels is None or pixels.shape != (film.rows, film.columns):
        raise DamagedFilmError(f"{path.name} is not a mask of this film.", advice="Open another copy of the result.")
    return Mask.of(pixels > 127)


def _callipers(values: dict[str, Any] | None) -> HeartCallipers | None:
    if values is None:
        return None
    right, left = values["right"], values["left"]
    return HeartCallipers(
        Line(*(float(value) for value in values["midline"])),
        (float(right[0]), float(right[1])),
        (float(left[0]), float(left[1])),
    )


def dataset_of(path: Path) -> "Dataset":
    """Return a whole DICOM file; an error of ours where it is none."""
    from pydicom import dcmread

    from engine.film.header import PYDICOM_FAULTS, quiet_pydicom

    data = read_file(path, _MOST_BYTES)
    try:
        with quiet_pydicom():
            dataset = dcmread(io.BytesIO(data))
            dataset.walk(lambda _dataset, _element: None)  # every element is read here, so that faults come out here
    except PYDICOM_FAULTS as error:
        raise DamagedFilmError(f"{path.name} cannot be read as DICOM.", advice="Export it again.") from error
    return dataset


def _other_film(name: str) -> LungboxError:
    return LungboxError(f"{name} belongs to another film.", advice="Open the film it was made on.")


# Segmentations


def findings_of_seg(dataset: "Dataset", film: Radiograph, name: str) -> tuple[Finding, ...]:
    """Return the segments of a SEG on this film; refused where it is of another film, or of another grid."""
    from engine.film.header import PYDICOM_FAULTS, quiet_pydicom

    _check_reference(dataset, film, name)
    if (int(dataset.get("Rows", 0)), int(dataset.get("Columns", 0))) != (film.rows, film.columns):
        raise UnsupportedFilmError(
            f"{name} is not on the grid of the film, {film.columns} x {film.rows} pixels.",
            advice="Only segmentations on the film's own grid can be opened.",
        )
    try:
        with quiet_pydicom():
            described = {int(item.SegmentNumber): item for item in dataset.SegmentSequence}
            described.pop(0, None)  # a label map's background
            frames = _frames(dataset, film, name)
            numbers = _segment_numbers(dataset, len(frames))
            masks = _masks(dataset, frames, numbers, list(described))
            return tuple(_finding(described[number], mask) for number, mask in masks.items() if number in described)
    except PYDICOM_FAULTS as error:
        raise DamagedFilmError(f"{name} is damaged or incomplete.", advice="Export it again.") from error


def _check_reference(dataset: "Dataset", film: Radiograph, name: str) -> None:
    """Refuse what says that it was made on another film; every place that may say so is asked."""
    uid = film.source.sop_instance_uid
    found: set[str] = set()
    references = list(dataset.get("SourceImageSequence") or ())
    for series in dataset.get("ReferencedSeriesSequence") or ():
        references += list(series.get("ReferencedInstanceSequence") or ())
    groups = list(dataset.get("SharedFunctionalGroupsSequence") or ())
    groups += dataset.get("PerFrameFunctionalGroupsSequence") or ()
    for group in groups:
        for derivation in group.get("DerivationImageSequence") or ():
            references += list(derivation.get("SourceImageSequence") or ())
    for reference in references:
        found.add(str(reference.get("ReferencedSOPInstanceUID", "")))
    if not uid:
        raise UnsupportedFilmError(
            "The film is no DICOM, so no segmentation can belong to it.", advice="Open its DICOM file."
        )
    if uid not in found:
        if found - {""}:
            raise _other_film(name)
        raise UnsupportedFilmError(
            f"{name} does not say which film it belongs to.", advice="Export it with references."
        )


def _frames(dataset: "Dataset", film: Radiograph, name: str) -> NDArray[np.generic]:
    """Return (frames, rows, columns); of the compressed only run length, which pydicom decodes itself."""
    count = int(dataset.get("NumberOfFrames", 1) or 1)
    if not 1 <= count <= _MOST_SEGMENTS:
        raise UnsupportedFilmError(f"{name} has {count} frames.", advice=f"At most {_MOST_SEGMENTS} are read.")
    bits = int(dataset.BitsAllocated)
    size = film.rows * film.columns
    if str(dataset.file_meta.TransferSyntaxUID) == "1.2.840.10008.1.2.5":
        return np.asarray(dataset.pixel_array).reshape(count, film.rows, film.columns)
    if dataset.file_meta.TransferSyntaxUID.is_encapsulated:
        raise UnsupportedFilmError(f"{name} is compressed.", advice="Export it uncompressed.")
    data = np.frombuffer(bytes(dataset.PixelData), dtype=np.uint8)
    if data.size * 8 < count * size * bits:
        raise DamagedFilmError(f"{name} ends before its last pixel.", advice="Export it again.")
    if bits == 1:
        # Frames follow each other without padding, first pixel in the lowest bit (PS3.5 8.1.1, PS3.3 C.7.6.3.1).
        values: NDArray[np.generic] = np.unpackbits(data, bitorder="little", count=count * size)
    else:
        order = "<" if dataset.file_meta.TransferSyntaxUID.is_little_endian else ">"
        values = data[: count * size * bits // 8].view(np.dtype(f"{order}u{bits // 8}"))
    return values.reshape(count, film.rows, film.columns)


def _segment_numbers(dataset: "Dataset", count: int) -> list[int]:
    """Return which segment each frame is of; a label map's frames are of all."""
    if str(dataset.SOPClassUID) == _LABEL_MAP_SEG or str(dataset.get("SegmentationType", "")) == "LABELMAP":
        return [0] * count
    shared = _segment_of((dataset.get("SharedFunctionalGroupsSequence") or [None])[0])
    groups = list(dataset.get("PerFrameFunctionalGroupsSequence") or ())
    numbers = [_segment_of(group) or shared for group in groups[:count]]
    if len(numbers) != count or any(number is None for number in numbers):
        raise ValueError("a frame does not name its segment")
    return [int(number) for number in numbers if number is not None]


def _segment_of(group: "Dataset | None") -> int | None:
    if group is None:
        return None
    for item in group.get("SegmentIdentificationSequence") or ():
        return int(item.ReferencedSegmentNumber)
    return None


def _masks(
    dataset: "Dataset", frames: NDArray[np.generic], numbers: list[int], described: list[int]
) -> dict[int, Mask]:
    kind = str(dataset.get("SegmentationType", ""))
    rows, columns = int(frames.shape[1]), int(frames.shape[2])
    masks = {number: Mask.empty(rows, columns) for number in described}
    if not any(numbers):
        for number in described:
            masks[number] = Mask.of(frames[0] == number)
        return masks
    threshold = 1.0 if kind != "FRACTIONAL" else _HALF * float(dataset.get("MaximumFractionalValue", 255))
    for frame, number in zip(frames, numbers, strict=True):
        if number in masks:
            masks[number] = masks[number].union(Mask.of(frame >= threshold))
    return masks


def _finding(item: "Dataset", mask: Mask) -> Finding:
    structure = structure_of_codes(*_codes(item))
    label = str(item.get("SegmentLabel", "") or "Structure")
    finding = Finding(structure, mask, Making.IMPORTED, "" if structure is not Structure.OTHER else label[:64])
    uid = str(item.get("TrackingUID", "") or "")
    return replace(finding, tracking_uid=uid) if uid else finding


def _codes(item: "Dataset") -> tuple[tuple[str, str], set[tuple[str, str]], str]:
    """Return the type's code, its modifiers from wherever writers put them, and the label."""
    types = item.get("SegmentedPropertyTypeCodeSequence") or ()
    if not types:
        return ("", ""), set(), str(item.get("SegmentLabel", ""))
    first = types[0]
    modifiers = [
        *(first.get("SegmentedPropertyTypeModifierCodeSequence") or ()),
        *(item.get("SegmentedPropertyTypeModifierCodeSequence") or ()),
    ]
    for region in item.get("AnatomicRegionSequence") or ():
        modifiers += list(region.get("AnatomicRegionModifierSequence") or ())
    return _code(first), {_code(modifier) for modifier in modifiers}, str(item.get("SegmentLabel", ""))


def _code(item: "Dataset") -> tuple[str, str]:
    value = item.get("CodeValue") or item.get("LongCodeValue") or ""
    return str(value), str(item.get("CodingSchemeDesignator", ""))


def structure_of_codes(kind: tuple[str, str], modifiers: set[tuple[str, str]], label: str) -> Structure:
    """Return the structure that codes mean: pre-coordinated, or a lung with its side as a modifier, or in the label."""
    if kind in PRECOORDINATED:
        return PRECOORDINATED[kind]
    if kind not in LUNG_CODES:
        return Structure.OTHER
    right, left = bool(modifiers & RIGHT_CODES), bool(modifiers & LEFT_CODES)
    if modifiers & BOTH_CODES or (right and left):
        return Structure.BOTH_LUNGS
    words = set(label.lower().replace("_", " ").replace("-", " ").split())
    right, left = right or (not left and "right" in words), left or (not right and "left" in words)
    if right != left:
        return Structure.RIGHT_LUNG if right else Structure.LEFT_LUNG
    return Structure.BOTH_LUNGS


# Reports


def _report(dataset: "Dataset", film: Radiograph, path: Path) -> Reopened:
    """Return what an SR outlines: polygons it holds itself, and segments of a SEG that lies in the same folder."""
    findings: dict[str, Finding] = {}
    remarks: list[str] = []
    about_film = False
    for group in _groups(dataset):
        texts = {_name(item): item for item in group.get("ContentSequence") or ()}
        uid = str(texts["112040"].get("UID", "")) if "112040" in texts else ""
        label = str(texts["112039"].get("TextValue", "")) if "112039" in texts else "Structure"
        structure = _group_structure(group, label)
        for item in group.get("ContentSequence") or ():
            kind = str(item.get("ValueType", ""))
            if kind == "SCOORD":
                if not _references(item, film):
                    continue
                about_film = True
                mask = _region(item, film)
                if mask is None:
                    remarks.append(f"{label}: a {item.get('GraphicType')} is no closed outline")
                    continue
                finding = Finding(
                    structure, mask, Making.IMPORTED, "" if structure is not Structure.OTHER else label[:64]
                )
                findings[uid or finding.tracking_uid] = replace(finding, tracking_uid=uid) if uid else finding
            elif kind == "IMAGE" and _name(item) in ("121191", "121214"):
                about_film = True
                found = _referenced_segment(item, film, path)
                if found is None:
                    remarks.append(f"{label}: the segmentation that it refers to does not lie beside {path.name}")
                else:
                    findings[found.tracking_uid] = found
    if not about_film and not findings:
        raise UnsupportedFilmError(
            f"{path.name} outlines nothing on this film.",
            advice="Open the film it was made on, or choose another report.",
        )
    return Reopened(tuple(findings.values()), None, tuple(remarks))


def _groups(item: "Dataset") -> list["Dataset"]:
    """Return every measurement group, however deep."""
    found = []
    for child in item.get("ContentSequence") or ():
        if _name(child) == "125007":
            found.append(child)
        found += _groups(child)
    return found


def _name(item: "Dataset") -> str:
    names = item.get("ConceptNameCodeSequence") or ()
    return _code(names[0])[0] if names else ""


def _group_structure(group: "Dataset", label: str) -> Structure:
    kind, modifiers = ("", ""), set()
    for item in group.get("ContentSequence") or ():
        codes = item.get("ConceptCodeSequence") or ()
        if not codes:
            continue
        if _name(item) == "121071":
            kind = _code(codes[0])
        if _name(item) in ("363698007", "G-C0E3"):
            kind = kind if kind in LUNG_CODES or kind in PRECOORDINATED else _code(codes[0])
            for modifier in item.get("ContentSequence") or ():
                modifiers |= {_code(code) for code in modifier.get("ConceptCodeSequence") or ()}
        if _name(item) in ("272741003", "G-C171"):
            modifiers.add(_code(codes[0]))
    return structure_of_codes(kind, modifiers, label)


def _references(item: "Dataset", film: Radiograph) -> bool:
    for child in item.get("ContentSequence") or ():
        for reference in child.get("ReferencedSOPSequence") or ():
            if str(reference.get("ReferencedSOPInstanceUID", "")) == film.source.sop_instance_uid:
                return True
    return False


def _region(item: "Dataset", film: Radiograph) -> Mask | None:
    """Return the pixels inside a closed polyline or a circle; None for what encloses nothing."""
    points = np.array([float(value) for value in item.get("GraphicData") or ()]).reshape(-1, 2)
    kind = str(item.get("GraphicType", ""))
    if kind == "CIRCLE" and len(points) == 2:
        radius = float(np.hypot(*(points[1] - points[0])))
        angles = np.linspace(0, 2 * np.pi, 256, endpoint=False)
        points = points[0] + radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    elif kind != "POLYLINE" or len(points) < 4 or not np.array_equal(points[0], points[-1]):
        return None
    mask = Mask.of_polygons(film.rows, film.columns, [points])
    return None if mask.is_empty else mask


def _referenced_segment(item: "Dataset", film: Radiograph, path: Path) -> Finding | None:
    reference = item.ReferencedSOPSequence[0]
    wanted = str(reference.ReferencedSOPInstanceUID)
    number = int(reference.get("ReferencedSegmentNumber", 0) or 0)
    for neighbour in sorted(path.parent.glob("*.dcm")):
        if neighbour == path:
            continue
        try:
            dataset = dataset_of(neighbour)
        except LungboxError:
            continue
        if str(dataset.get("SOPInstanceUID", "")) != wanted:
            continue
        findings = findings_of_seg(dataset, film, neighbour.name)
        segments = [int(segment.SegmentNumber) for segment in dataset.SegmentSequence]
        return findings[segments.index(number)] if number in segments else None
    return None
