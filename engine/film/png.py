"""PNG files to samples: checked chunk by chunk before libpng sees them (ISO/IEC 15948)."""

import struct
import zlib
from collections.abc import Iterator
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
# 8.2: first column, first row, and steps of each pass.
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
_PIECE = 1 << 16  # unpacked at a time: 64 KB, so 67 MB at the most (deflate packs 1032 to 1)
# What the pixels need. The rest (text, colour profiles, gamma) is left out, and with it what it may unpack to.
_KEPT = frozenset({b"IHDR", b"PLTE", b"IDAT", b"IEND"})


@dataclass(frozen=True, slots=True)
class _Header:
    columns: int
    rows: int
    depth: int
    colour: int
    interlaced: bool

    @property
    def unpacked_bytes(self) -> int:
        """Size of the filtered rows: a filter byte and whole bytes of pixels each (clauses 7.2 and 9)."""
        passes = _ADAM7 if self.interlaced else ((0, 0, 1, 1),)
        pixel_bits = self.depth * _CHANNELS[self.colour]
        total = 0
        for left, top, step_x, step_y in passes:
            columns, rows = -(-(self.columns - left) // step_x), -(-(self.rows - top) // step_y)
            if columns > 0 and rows > 0:
                total += rows * (1 + (columns * pixel_bits + 7) // 8)
        return total


def decode_png(data: bytes) -> NDArray[np.unsignedinteger]:
    """Return the samples of a PNG, (rows, columns) or (rows, columns, channels); palettes become RGB.

    Samples come as stored: no gamma, profile or sRGB curve is applied. One to four bit greys are stretched to 8 bits.
    """
    header, needed, coded = _walk(data)
    _check_size(header, coded)
    samples = np.asarray(imagecodecs.png_decode(needed))
    if samples.shape[:2] != (header.rows, header.columns) or samples.dtype not in (np.uint8, np.uint16):
        raise DamagedFilmError("its pixels are not what its header says.", advice=_COPY_AGAIN)
    return samples


def exif_of(data: bytes) -> bytes:
    """Return the Exif profile of a PNG that is whole, b"" where it has none (eXIf, PNG third edition)."""
    return next((data[start + 8 : end - 4] for kind, start, end in _chunks(data) if kind == b"eXIf"), b"")


def _chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield kind, start and end of each chunk up to the last; damage where the file ends before it."""
    kind, start = b"", len(SIGNATURE)
    while kind != b"IEND":
        if start + 12 > len(data):
            raise DamagedFilmError("it is cut short.", advice=_COPY_AGAIN)
        length, kind = struct.unpack_from(">L4s", data, start)
        end = start + 12 + length
        if end > len(data):
            raise DamagedFilmError("it is cut short.", advice=_COPY_AGAIN)
        yield kind, start, end
        start = end


def _walk(data: bytes) -> tuple[_Header, bytes, list[bytes]]:
    """Return the header, a PNG of the chunks that matter, and the parts of its pixel data; refused unless whole."""
    header: _Header | None = None
    kept = [SIGNATURE]
    coded = []
    for kind, start, end in _chunks(data):
        if (kind == b"IHDR") != (header is None):
            raise DamagedFilmError("its header is not where it belongs.", advice=_COPY_AGAIN)
        if kind not in _KEPT:
            continue
        chunk = data[start:end]
        if zlib.crc32(chunk[4:-4]) != struct.unpack(">L", chunk[-4:])[0]:
            raise DamagedFilmError("a checksum is wrong.", advice=_COPY_AGAIN)
        if kind == b"IHDR":
            header = _header(chunk[8:-4])
        elif kind == b"IDAT":
            coded.append(chunk[8:-4])
        kept.append(chunk)
    assert header is not None
    return header, b"".join(kept), coded


def _check_size(header: _Header, coded: list[bytes]) -> None:
    """Refuse pixel data that do not unpack to their size, or fail their checksum, which libpng does not look at."""
    inflater = zlib.decompressobj()
    unpacked = 0
    try:
        for part in coded:
            for start in range(0, len(part), _PIECE):
                unpacked += len(inflater.decompress(part[start : start + _PIECE]))
                if unpacked > header.unpacked_bytes:
                    raise DamagedFilmError("it holds more than its picture.", advice=_COPY_AGAIN)
    except zlib.error as error:
        raise DamagedFilmError("its pixel data are damaged.", advice=_COPY_AGAIN) from error
    if not inflater.eof or unpacked < header.unpacked_bytes:
        raise DamagedFilmError("its pixel data are cut short.", advice=_COPY_AGAIN)


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
    return _Header(columns, rows, depth, colour, bool(interlace))
