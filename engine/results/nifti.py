"""NIfTI-1 label map, written by hand: 348 bytes of header and the labels.

Axes: i runs along a row, j down the columns, as stored. The affine places them in RAS+ millimetres by Patient
Orientation (a film that does not state one is taken as upright): for an upright film x = -column_mm * i and
z = -row_mm * j. Without spacing a pixel counts 1 and the unit is "unknown". Labels: 1, 2, ... in drawing order.
"""

import gzip
import struct

import numpy as np
from numpy.typing import NDArray

from engine.errors import OutputError
from engine.film.radiograph import Orientation, Radiograph
from engine.results.context import Export

_DIRECTIONS = {
    "R": (1.0, 0.0, 0.0),
    "L": (-1.0, 0.0, 0.0),
    "A": (0.0, 1.0, 0.0),
    "P": (0.0, -1.0, 0.0),
    "H": (0.0, 0.0, 1.0),
    "F": (0.0, 0.0, -1.0),
}
_UINT8 = 2
_MILLIMETRES = 2
_ALIGNED = 2  # NIFTI_XFORM_ALIGNED_ANAT: the directions are the patient's, the origin is the film's corner
_HEADER_BYTES = 348
_LONGEST_SIDE = 32767  # dim[] is of signed 16-bit numbers


def fits(film: Radiograph) -> bool:
    """Return whether a film is small enough for the format."""
    return max(film.rows, film.columns) <= _LONGEST_SIDE


def label_map(export: Export) -> bytes:
    """Return the outlined structures as a gzipped NIfTI-1 file; where two overlap the later one is on top."""
    film = export.case.radiograph
    if not fits(film):
        raise OutputError(
            f"A film of {film.columns} x {film.rows} pixels does not fit NIfTI-1, which ends at {_LONGEST_SIDE}.",
            advice="Leave nifti out; png has the same masks.",
        )
    labels = np.zeros((film.rows, film.columns), dtype=np.uint8)
    for number, finding in enumerate(export.outlined, start=1):
        labels[finding.mask.pixels()] = number
    spacing = export.measurements.spacing
    row_mm, column_mm = (spacing.row_mm, spacing.column_mm) if spacing else (film.pixel_aspect, 1.0)
    header = _header(film.rows, film.columns, row_mm, column_mm, film.orientation, known=spacing is not None)
    # mtime 0: the same result is the same file.
    return gzip.compress(header + labels.tobytes(), compresslevel=6, mtime=0)


def affine_of(row_mm: float, column_mm: float, orientation: Orientation | None) -> NDArray[np.float64]:
    """Return the 3 x 4 matrix from (i, j, k) to RAS+ millimetres."""
    across = _DIRECTIONS.get((orientation.rightwards if orientation else "L")[:1], _DIRECTIONS["L"])
    down = _DIRECTIONS.get((orientation.downwards if orientation else "F")[:1], _DIRECTIONS["F"])
    i, j = np.array(across) * column_mm, np.array(down) * row_mm
    k = np.cross(across, down)
    return np.stack([i, j, k, (i + j) / 2], axis=1)  # voxel (0, 0) is the centre of the first pixel


def _header(
    rows: int, columns: int, row_mm: float, column_mm: float, orientation: Orientation | None, *, known: bool
) -> bytes:
    affine = affine_of(row_mm, column_mm, orientation)
    header = struct.pack("<i36x", _HEADER_BYTES)
    header += struct.pack("<8h", 3, columns, rows, 1, 1, 1, 1, 1)
    header += struct.pack("<3fhhhh", 0, 0, 0, 0, _UINT8, 8, 0)
    header += struct.pack("<8f", 1, column_mm, row_mm, 1, 0, 0, 0, 0)
    header += struct.pack("<3fhBB", _HEADER_BYTES + 4, 1, 0, 0, 0, _MILLIMETRES if known else 0)
    header += struct.pack("<4f2i", 0, 0, 0, 0, 0, 0)
    header += b"Lungbox label map".ljust(80, b"\0") + bytes(24)
    header += struct.pack("<2h6f", 0, _ALIGNED, 0, 0, 0, 0, 0, 0)
    header += struct.pack("<12f", *affine.ravel())
    header += bytes(16) + b"n+1\0"
    assert len(header) == _HEADER_BYTES
    return header + bytes(4)  # no extension
