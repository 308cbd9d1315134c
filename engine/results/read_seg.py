"""DICOM Segmentations, ours and of others, as findings on the film; or refused with the reason."""

import contextlib
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from engine.case import Finding, Making, Structure
from engine.errors import DamagedFilmError, FilmError, LungboxError, UnsupportedFilmError
from engine.files import read_file
from engine.film.decoder import decode_frame
from engine.film.radiograph import Radiograph
from engine.mask import Mask
from engine.results.codes import BOTH_CODES, LEFT_CODES, LUNG, LUNG_CODES, PRECOORDINATED, RIGHT_CODES
from engine.results.sop import LABEL_MAP_SEG

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_RUN_LENGTH = "1.2.840.10008.1.2.5"
_MOST_BYTES = 1 << 28
_MOST_SEGMENTS = 256
_RIGHT_WORDS, _LEFT_WORDS = {"right", "r"}, {"left", "l"}
_LUNG_WORDS = {"lung", "lungs"}
# A fractional segment's pixel belongs to the structure from half of the greatest value on.
_HALF = 0.5


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


@contextlib.contextmanager
def understood(name: str, *faults: type[Exception]) -> Iterator[None]:
    """Call a file damaged where pydicom cannot make sense of it, or where it raises one of some other faults."""
    from engine.film.header import PYDICOM_FAULTS, quiet_pydicom

    caught: tuple[type[Exception], ...] = (*PYDICOM_FAULTS, *faults)
    try:
        with quiet_pydicom():
            yield
    except caught as error:
        raise DamagedFilmError(f"{name} is damaged or incomplete.", advice="Export it again.") from error


def other_film(name: str) -> LungboxError:
    """Return the refusal of what was made on another film."""
    return LungboxError(f"{name} belongs to another film.", advice="Open the film it was made on.")


def findings_of_seg(dataset: "Dataset", film: Radiograph, name: str) -> tuple[Finding, ...]:
    """Return the segments of a SEG on this film under its labels; refused if of another film, or of another grid."""
    with understood(name):
        _check_reference(dataset, film, name)
        if (int(dataset.get("Rows", 0)), int(dataset.get("Columns", 0))) != (film.rows, film.columns):
            raise UnsupportedFilmError(
                f"{name} is not on the grid of the film, {film.columns} x {film.rows} pixels.",
                advice="Only segmentations on the film's own grid can be opened.",
            )
        described = {int(item.SegmentNumber): item for item in dataset.SegmentSequence}
        described.pop(0, None)  # a label map's background
        frames = _frames(dataset, film, name)
        masks = _masks(dataset, frames, frame_segments(dataset, len(frames)), list(described))
        return tuple(_finding(described[number], mask) for number, mask in masks.items())


def _check_reference(dataset: "Dataset", film: Radiograph, name: str) -> None:
    """Refuse what says that it was made on another film."""
    uid = film.source.sop_instance_uid
    if not uid:
        raise UnsupportedFilmError(
            "The film is no DICOM, so no segmentation can belong to it.", advice="Open its DICOM file."
        )
    found = film_uids_of_seg(dataset)
    if uid not in found:
        if found:
            raise other_film(name)
        raise UnsupportedFilmError(
            f"{name} does not say which film it belongs to.", advice="Export it with references."
        )


def film_uids_of_seg(dataset: "Dataset") -> set[str]:
    """Return the SOP Instance UIDs of the films that a SEG says it was made on, wherever it says so."""
    references = list(dataset.get("SourceImageSequence") or ())
    for series in dataset.get("ReferencedSeriesSequence") or ():
        references += list(series.get("ReferencedInstanceSequence") or ())
    groups = list(dataset.get("SharedFunctionalGroupsSequence") or ())
    groups += dataset.get("PerFrameFunctionalGroupsSequence") or ()
    for group in groups:
        for derivation in group.get("DerivationImageSequence") or ():
            references += list(derivation.get("SourceImageSequence") or ())
    return {str(reference.get("ReferencedSOPInstanceUID", "")) for reference in references} - {""}


def _frames(dataset: "Dataset", film: Radiograph, name: str) -> NDArray[np.generic]:
    """Return (frames, rows, columns); whatever codec was at work, it works in the decoder's process."""
    count = int(dataset.get("NumberOfFrames", 1) or 1)
    if not 1 <= count <= _MOST_SEGMENTS:
        raise UnsupportedFilmError(f"{name} has {count} frames.", advice=f"At most {_MOST_SEGMENTS} are read.")
    bits = int(dataset.BitsAllocated)
    syntax = dataset.file_meta.TransferSyntaxUID
    if syntax.is_encapsulated and syntax != _RUN_LENGTH:
        return _decoded(dataset, film, count, name)
    if syntax == _RUN_LENGTH:  # pydicom's own decoder, in Python: it can neither hang nor crash
        return np.asarray(dataset.pixel_array).reshape(count, film.rows, film.columns)
    size = film.rows * film.columns
    data = np.frombuffer(bytes(dataset.PixelData), dtype=np.uint8)
    if data.size * 8 < count * size * bits:
        raise DamagedFilmError(f"{name} ends before its last pixel.", advice="Export it again.")
    if bits == 1:
        # Frames follow each other without padding, first pixel in the lowest bit (PS3.5 8.1.1, PS3.3 C.7.6.3.1).
        values: NDArray[np.generic] = np.unpackbits(data, bitorder="little", count=count * size)
    else:
        order = "<" if syntax.is_little_endian else ">"
        values = data[: count * size * bits // 8].view(np.dtype(f"{order}u{bits // 8}"))
    return values.reshape(count, film.rows, film.columns)


def _decoded(dataset: "Dataset", film: Radiograph, count: int, name: str) -> NDArray[np.generic]:
    """Return the frames of a compressed segmentation."""
    from pydicom.encaps import generate_frames

    codestreams = list(generate_frames(dataset.PixelData, number_of_frames=count))
    if len(codestreams) != count:
        raise DamagedFilmError(f"{name} ends before its last frame.", advice="Export it again.")
    syntax, bits = str(dataset.file_meta.TransferSyntaxUID), int(dataset.BitsAllocated)
    try:
        frames = [decode_frame(one, syntax, film.rows, film.columns, bits, 1) for one in codestreams]
    except FilmError as error:  # the decoder's words are a film's, and hold no name
        raise type(error)(f"{name}: {error.message}", advice="Export it again, uncompressed.") from error
    return np.stack(frames)


def frame_segments(dataset: "Dataset", count: int) -> list[int]:
    """Return which segment each frame is of; 0 for a label map's, which are of all."""
    if str(dataset.SOPClassUID) == LABEL_MAP_SEG or str(dataset.get("SegmentationType", "")) == "LABELMAP":
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
    label = _label(item) or "Structure"
    finding = Finding(structure_of_codes(*_codes(item)), mask, Making.IMPORTED, label[:64])
    uid = str(item.get("TrackingUID", "") or "")
    return replace(finding, tracking_uid=uid) if uid else finding


def _codes(item: "Dataset") -> tuple[tuple[str, str], set[tuple[str, str]], str]:
    """Return the type's code, its modifiers from wherever writers put them, and the label."""
    types = item.get("SegmentedPropertyTypeCodeSequence") or ()
    if not types:
        return ("", ""), set(), _label(item)
    first = types[0]
    modifiers = [
        *(first.get("SegmentedPropertyTypeModifierCodeSequence") or ()),
        *(item.get("SegmentedPropertyTypeModifierCodeSequence") or ()),
    ]
    for region in item.get("AnatomicRegionSequence") or ():
        modifiers += list(region.get("AnatomicRegionModifierSequence") or ())
    return code_of(first), {code_of(modifier) for modifier in modifiers}, _label(item)


def code_of(item: "Dataset") -> tuple[str, str]:
    """Return a coded item's value and scheme."""
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
    words = _words(label)
    right, left = right or (not left and bool(words & _RIGHT_WORDS)), left or (not right and bool(words & _LEFT_WORDS))
    if right != left:
        return Structure.RIGHT_LUNG if right else Structure.LEFT_LUNG
    return Structure.BOTH_LUNGS


def structure_of_label(label: str) -> Structure:
    """Return the structure that a label alone means: a lung is named with its side, and nothing in it or on it."""
    words = _words(label)
    is_lung = bool(words & _LUNG_WORDS) and words <= _LUNG_WORDS | _RIGHT_WORDS | _LEFT_WORDS | {"both"}
    return structure_of_codes((LUNG.value, LUNG.scheme) if is_lung else ("", ""), set(), label)


def _label(item: "Dataset") -> str:
    value = item.get("SegmentLabel") or ""
    # A backslash, which LO cannot hold, has made several values of it.
    return " ".join(map(str, value)) if isinstance(value, Sequence) and not isinstance(value, str) else str(value)


def _words(label: str) -> set[str]:
    return set(re.split(r"[\W_]+", label.lower())) - {""}
