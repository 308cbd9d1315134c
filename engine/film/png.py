"""PNG files to samples: checked chunk by chunk before libpng sees them (ISO/IEC 15948)."""

import struct
import zlib
from dataclasses import dataclass

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from engine.errors import DamagedFilmError, FilmTooLargeError, UnsupportedFilmError
from engine.film.radiograph import MAX_PIXELS

SIGNATURE = b"\x89PNG\r\n\x1a\n"

_COPY_AGAIN = "Copy the file again from where it came from."
_EXPORT_AGAIN = "Export the film again, as DICOM if you can."
# 11.2.2: bit depths allowed for each colour type, and the channels of each.
_DEPTHS = {0: {1, 2, 4, 8, 16}, 2: {8, 16}, 3: {1, 2, 4, 8}, 4: {8, 16}, 6: {8, 16}}
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
# What the pixels need. The rest (text, colour profiles, gamma) is left out, and with it what it may unpack to.
_KEPT = frozenset({b"IHDR", b"PLTE", b"IDAT", b"IEND"})


@dataclass(frozen=True, slots=True)
class _Header:
    columns: int
    rows: int
    depth: int
    colour: int


def decode_png(data: bytes) -> NDArray[np.unsignedinteger]:
    """Return the samples of a PNG, (rows, columns) or (rows, columns, channels); palettes become RGB.

    Samples come as stored: no gamma, profile or sRGB curve is applied. One to four bit greys are stretched to 8 bits.
    """
    header, needed = _walk(data)
    samples = np.asarray(imagecodecs.png_decode(needed))
    if samples.shape[:2] != (header.rows, header.columns) or samples.dtype not in (np.uint8, np.uint16):
        raise DamagedFilmError("its pixels are not what its header says.", advice=_COPY_AGAIN)
    return samples


def _walk(data: bytes) -> tuple[_Header, bytes]:
    """Return the header and a PNG of the chunks that matter; refused unless it is whole."""
    header: _Header | None = None
    kept = [SIGNATURE]
    position = len(SIGNATURE)
    while True:
        if position + 12 > len(data):
            raise DamagedFilmError("it is cut short.", advice=_COPY_AGAIN)
        length, kind = struct.unpack_from(">L4s", data, position)
        end = position + 12 + length
        if end > len(data):
            raise DamagedFilmError("it is cut short.", advice=_COPY_AGAIN)
        if (kind == b"IHDR") != (header is None):
            raise DamagedFilmError("its header is not where it belongs.", advice=_COPY_AGAIN)
        if kind in _KEPT:
            chunk = data[position:end]
            if zlib.crc32(chunk[4:-4]) != struct.unpack(">L", chunk[-4:])[0]:
                raise DamagedFilmError("a checksum is wrong.", advice=_COPY_AGAIN)
            if kind == b"IHDR":
                header = _header(chunk[8:-4])
            kept.append(chunk)
        if kind == b"IEND":
            break
        position = end
    assert header is not None
    return header, b"".join(kept)


def _header(body: bytes) -> _Header:
    """Return the checked IHDR (11.2.2)."""
    if len(body) != 13:
        raise DamagedFilmError("its header is damaged.", advice=_COPY_AGAIN)
    columns, rows, depth, colour, compression, filtering, interlace = struct.unpack(">LLBBBBB", body)
    if not columns or not rows:
        raise DamagedFilmError("it has no rows or no columns.", advice=_COPY_AGAIN)
    if rows * columns > MAX_PIXELS:
        raise FilmTooLargeError(
            f"{columns} x {rows} pixels are over our limit of {MAX_PIXELS / 1e6:.0f} megapixels.", advice=_EXPORT_AGAIN
        )
    if depth not in _DEPTHS.get(colour, set()) or compression or filtering or interlace > 1:
        raise UnsupportedFilmError("it is a PNG of an unknown kind.", advice=_EXPORT_AGAIN)
    return _Header(columns, rows, depth, colour)
