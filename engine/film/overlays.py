"""Overlay planes, groups 6000 to 601E (PS3.3 C.9.2), placed on the film's own grid."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.film.header import Header
from engine.film.radiograph import MAX_PIXELS, Note, NoteCode, Overlay
from engine.film.stored import StoredPixels

_ROWS, _COLUMNS, _FRAMES, _DESCRIPTION = 0x0010, 0x0011, 0x0015, 0x0022
_ORIGIN, _BIT_POSITION, _LABEL, _DATA = 0x0050, 0x0102, 0x1500, 0x3000


@dataclass(frozen=True, slots=True)
class OverlayFacts:
    """The planes that could be read, and notes on those that could not."""

    overlays: tuple[Overlay, ...]
    notes: tuple[Note, ...]


class _UnreadableError(Exception):
    """A plane that is left out."""


def read_overlays(header: Header, pixels: StoredPixels) -> OverlayFacts:
    """Return the overlay planes of the film."""
    overlays: list[Overlay] = []
    notes: list[Note] = []
    tags = list(header.dataset.keys())  # not the data set itself: iterating it would decode every element
    groups = sorted({tag.group for tag in tags if 0x6000 <= tag.group <= 0x601E and tag.group % 2 == 0})
    for group in groups:
        try:
            overlay = _overlay(header, group, pixels)
        except _UnreadableError as fault:
            notes.append(Note(NoteCode.HEADER_ODD, f"overlay {group:04X} is left out: {fault}"))
            continue
        if overlay:
            overlays.append(overlay)
    return OverlayFacts(tuple(overlays), tuple(notes))


def _overlay(header: Header, group: int, pixels: StoredPixels) -> Overlay | None:
    rows, columns = (_word(header, group, element) for element in (_ROWS, _COLUMNS))
    packed = header.raw_in_group(group, _DATA)
    position = _word(header, group, _BIT_POSITION)
    if not packed and position is None:
        return None  # a group without a plane, such as curve or private leftovers
    if packed:
        if not rows or not columns:
            raise _UnreadableError("its size is missing")
        plane = _unpacked(header, group, packed, rows, columns)
    else:
        assert position is not None
        plane = _embedded(pixels, position)
        # C.9.2.1.1: an embedded plane has the image's own size; one that says otherwise shares its corner.
        plane = plane[: rows or plane.shape[0], : columns or plane.shape[1]]
    label = header.text_in_group(group, _LABEL) or header.text_in_group(group, _DESCRIPTION) or f"Overlay {group:04X}"
    return Overlay(label, _placed(plane, _origin(header, group), pixels.values.shape))


def _word(header: Header, group: int, element: int) -> int | None:
    words = header.as_words(header.raw_in_group(group, element))
    return words[0] if words else None


def _origin(header: Header, group: int) -> tuple[int, int]:
    """Return row and column of the plane's first pixel on the film, from 0; the file counts from 1, below it too."""
    words = header.as_words(header.raw_in_group(group, _ORIGIN))
    if len(words) < 2:
        return (0, 0)
    row, column = (word - 0x10000 if word & 0x8000 else word for word in words[:2])
    return (row - 1, column - 1)


def _unpacked(header: Header, group: int, packed: bytes, rows: int, columns: int) -> NDArray[np.bool_]:
    """Return a plane of its own, one bit a pixel, the first in the lowest bit (PS3.5 8.1.2)."""
    frames = header.raw_in_group(group, _FRAMES).strip(b"\0 ")
    if frames not in {b"", b"1"}:
        raise _UnreadableError("it holds several frames")
    if rows * columns > MAX_PIXELS:
        raise _UnreadableError(f"{columns} x {rows} pixels are too many")
    if 8 * len(packed) < rows * columns:
        raise _UnreadableError("its data are cut short")
    cells = np.frombuffer(packed, dtype=np.uint8)
    if not header.little_endian and header.vr_in_group(group, _DATA) == "OW" and cells.size % 2 == 0:
        cells = cells.reshape(-1, 2)[:, ::-1].ravel()
    bits = np.unpackbits(cells[: (rows * columns + 7) // 8], bitorder="little", count=rows * columns)
    return bits.reshape(rows, columns).view(np.bool_)


def _embedded(pixels: StoredPixels, position: int) -> NDArray[np.bool_]:
    """Return a plane that lies in unused bits of Pixel Data (retired, but on many a film)."""
    cells, layout = pixels.cells, pixels.layout
    if cells is None:
        raise _UnreadableError("its bits are lost in compression")
    if position >= layout.bits_allocated:
        raise _UnreadableError(f"there is no bit {position}")
    if layout.low_bit <= position <= layout.high_bit:
        raise _UnreadableError(f"bit {position} belongs to the image")
    plane: NDArray[np.bool_] = (cells & cells.dtype.type(1 << position)) != 0
    return plane


def _placed(plane: NDArray[np.bool_], origin: tuple[int, int], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Return the part of a plane that lies on the film."""
    film = np.zeros(shape, dtype=np.bool_)
    (row, column), (rows, columns) = origin, shape
    seen = plane[max(-row, 0) : max(rows - row, 0), max(-column, 0) : max(columns - column, 0)]
    top, left = max(row, 0), max(column, 0)
    film[top : top + seen.shape[0], left : left + seen.shape[1]] = seen
    film.setflags(write=False)
    return film
