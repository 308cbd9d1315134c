"""A record's film and mask as arrays on one grid, and each lung by itself."""

import csv
import io
import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from engine.files import read_file
from engine.film.radiograph import Radiograph
from engine.film.reading import read_radiograph
from training.manifest import DataError, FilmRecord, Label, MaskFile, Part
from training.sources.jsrt import read_img

Pixels = NDArray[np.bool_]

_MASK_LIMIT_BYTES = 256 << 20
_SQUASH_TOLERANCE = 0.02  # a mask at another resolution may differ this much in aspect: one pixel's rounding at 100 px
_LARGEST_LABEL = 15
_SMALLEST_LUNG = 0.03  # of both; the smallest in the shared films, of a destroyed lung, is 9 %


@dataclass(frozen=True, slots=True, eq=False)
class Lungs:
    """The truth of one film: both lungs, and each alone where the two can be told apart."""

    both: Pixels
    right: Pixels | None  # the patient's right, so on the image's left
    left: Pixels | None


def read_film(record: FilmRecord) -> Radiograph:
    """Return a record's film, read as the clinic reads it; only JSRT's raw files need a reader of their own."""
    if record.image.suffix.lower() == ".img":
        return read_img(record.image)
    return read_radiograph(record.image)


def read_mask(record: FilmRecord, rows: int, columns: int) -> Pixels:
    """Return the union of a record's mask files on the film's grid."""
    if not record.mask:
        raise DataError(f"{record.key} has no mask.")
    return _union([_part(file, rows, columns) for file in record.mask])


def read_lungs(record: FilmRecord, rows: int, columns: int) -> Lungs:
    """Return the lungs' truth; DataError where the mask is of something else."""
    if record.label is not Label.LUNGS:
        raise DataError(f"{record.key} has no lung mask but {record.label.value or 'none'}.")
    parts = {file.part: _part(file, rows, columns) for file in record.mask}
    if Part.RIGHT in parts and Part.LEFT in parts:
        return Lungs(parts[Part.RIGHT] | parts[Part.LEFT], parts[Part.RIGHT], parts[Part.LEFT])
    return split_lungs(_union(list(parts.values())))


def split_lungs(both: Pixels) -> Lungs:
    """Return the two lungs of one mask: its two largest pieces, each with the crumbs nearest to it.

    The piece on the image's left is the patient's right lung. Lungs that touch are one piece and stay together.
    """
    count, labels, stats, centres = cv2.connectedComponentsWithStats(both.astype(np.uint8), connectivity=8)
    pieces = sorted(range(1, count), key=lambda i: -int(stats[i, cv2.CC_STAT_AREA]))
    if len(pieces) < 2 or stats[pieces[1], cv2.CC_STAT_AREA] < _SMALLEST_LUNG * np.count_nonzero(both):
        return Lungs(both, None, None)
    right, left = sorted(pieces[:2], key=lambda i: float(centres[i, 0]))
    midline = (centres[right, 0] + centres[left, 0]) / 2
    on_right = np.zeros(count, dtype=np.bool_)
    for piece in pieces:
        on_right[piece] = centres[piece, 0] < midline
    lies_right = on_right[labels]
    return Lungs(both, both & lies_right, both & ~lies_right)


def _union(masks: list[Pixels]) -> Pixels:
    return np.asarray(np.stack(masks).any(axis=0))


def _part(file: MaskFile, rows: int, columns: int) -> Pixels:
    """Return a file's mask on the film's grid; some are drawn at another resolution (SCR: 1024 for films of 2048)."""
    mask = _read(file, rows, columns)
    if mask.shape == (rows, columns):
        return mask
    squash = (mask.shape[0] / mask.shape[1]) / (rows / columns)
    if abs(squash - 1.0) > _SQUASH_TOLERANCE:
        size = f"{mask.shape[1]} x {mask.shape[0]}"
        raise DataError(f"{file.path.name}: a mask of {size} pixels does not fit a film of {columns} x {rows}.")
    return np.asarray(cv2.resize(mask.astype(np.float32), (columns, rows), interpolation=cv2.INTER_LINEAR) >= 0.5)


def _read(file: MaskFile, rows: int, columns: int) -> Pixels:
    match file.path.suffix.lower():
        case ".csv":
            return _run_lengths(file, rows, columns)
        case ".json":
            return darwin_lungs(read_file(file.path, limit_bytes=_MASK_LIMIT_BYTES), file.path.name)
        case _:
            return _picture(file.path)


def _picture(path: Path) -> Pixels:
    try:
        with Image.open(io.BytesIO(read_file(path, limit_bytes=_MASK_LIMIT_BYTES))) as picture:
            worn, grey = picture.format == "JPEG", np.asarray(picture.convert("L"))
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, SyntaxError, ValueError) as error:
        raise DataError(f"{path.name} is not a mask that can be read.") from error
    # Small numbers, or no more than two besides 0, are labels, as of the two lungs or of lobes: all but 0 are inside.
    # Else it is a worn or smoothed mask: what is nearer to the brightest value is inside.
    if not worn and grey.min() == 0 and (grey.max() <= _LARGEST_LABEL or np.unique(grey).size <= 3):
        return grey > 0
    return grey.astype(np.int32) * 2 > int(grey.max()) if grey.any() else np.zeros(grey.shape, dtype=np.bool_)


def _run_lengths(file: MaskFile, rows: int, columns: int) -> Pixels:
    mask = np.zeros((rows, columns), dtype=np.bool_)
    for runs in _run_length_table(file.path, file.path.stat().st_mtime_ns).get(file.key, ()):
        mask |= decode_run_lengths(runs, rows, columns, file.path.name)
    return mask


@lru_cache(maxsize=2)
def _run_length_table(path: Path, _changed_ns: int) -> dict[str, tuple[str, ...]]:
    """Return every film's run lengths; a film may have several rows, one a pneumothorax."""
    table: dict[str, tuple[str, ...]] = {}
    text = io.StringIO(read_file(path, limit_bytes=_MASK_LIMIT_BYTES).decode("utf-8-sig"), newline="")
    for row in csv.reader(text, skipinitialspace=True):
        if len(row) == 2 and row[0] != "ImageId":
            table[row[0]] = (*table.get(row[0], ()), row[1])
    return table


def decode_run_lengths(runs: str, rows: int, columns: int, name: str) -> Pixels:
    """Return SIIM's mask: pairs of gap and length down the columns, each gap counted from the end of the last run."""
    try:
        numbers = np.array(runs.split(), dtype=np.int64)
    except ValueError as error:
        raise DataError(f"{name}: run lengths are not numbers.") from error
    flat = np.zeros(rows * columns, dtype=np.bool_)
    if numbers.size == 1 and numbers[0] == -1:
        return flat.reshape(rows, columns)
    if numbers.size % 2 or (numbers < 0).any() or int(numbers.sum()) > flat.size:
        raise DataError(f"{name}: run lengths do not fit a film of {columns} x {rows}.")
    ends = np.cumsum(numbers)
    for start, end in zip(ends[0::2], ends[1::2], strict=True):
        flat[start:end] = True
    return flat.reshape(columns, rows).T


def darwin_lungs(data: bytes, name: str) -> Pixels:
    """Return the polygons called "Lung" of a V7 Darwin JSON file, version 1 or 2, on the image's own grid."""
    try:
        sheet = json.loads(data)
        rows, columns = _darwin_size(sheet)
        rings = [
            np.array([[point["x"], point["y"]] for point in ring], dtype=np.float64)
            for annotation in sheet["annotations"]
            if annotation["name"].strip().lower() == "lung" and "polygon" in annotation
            for ring in _darwin_rings(annotation["polygon"])
        ]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{name} is not a Darwin annotation that we read.") from error
    if not rings:
        raise DataError(f"{name} has no polygon called Lung.")
    mask = np.zeros((rows, columns), dtype=np.uint8)
    for ring in rings:
        # Darwin's origin is the corner of the first pixel, OpenCV's its centre; 4 bits of a pixel are kept.
        corners = np.round((ring - 0.5) * 16.0).astype(np.int32)
        cv2.fillPoly(mask, [corners], color=1, shift=4)
    return mask.astype(np.bool_)


def _darwin_size(sheet: dict[str, Any]) -> tuple[int, int]:
    image = sheet["image"] if "image" in sheet else sheet["item"]["slots"][0]
    rows, columns = int(image["height"]), int(image["width"])
    if not (0 < rows <= 1 << 16 and 0 < columns <= 1 << 16):
        raise ValueError("impossible image size")
    return rows, columns


def _darwin_rings(polygon: dict[str, Any]) -> list[list[dict[str, float]]]:
    """Return the rings of a polygon: version 2 lists `paths`, version 1 has one `path` and `additional_paths`."""
    if "paths" in polygon:
        return list(polygon["paths"])
    return [polygon["path"], *polygon.get("additional_paths", [])]
