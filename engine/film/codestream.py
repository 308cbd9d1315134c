"""What a compressed picture says of itself, read before any decoder sees it.

A decoder allocates what the codestream announces and fills what is missing with grey; so the announcement is compared
with the file's header, and the codestream is walked marker by marker to its end, first.
"""

import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field

from engine.errors import DamagedFilmError, UnsupportedFilmError

_COPY_AGAIN = "Copy the file again from where it came from."
_EXPORT_AGAIN = "Export the film again from its system."

# ISO/IEC 10918-1 B.1.1.5: in coded data 0xFF is followed by 0x00 or a restart marker. In JPEG-LS (ISO/IEC 14495-1
# C.2.1) by a byte below 0x80.
_NEXT_JPEG_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
_NEXT_JPEG_LS_MARKER = re.compile(rb"\xff[\x80-\xcf\xd8-\xfe]")
_SOF_JPEG_LS = 0xF7
_SOF = frozenset({0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF, _SOF_JPEG_LS})
_DHT, _SOI, _EOI, _SOS, _DRI, _APP1, _COM = 0xC4, 0xD8, 0xD9, 0xDA, 0xDD, 0xE1, 0xFE

_JP2_SIGNATURE = b"\x00\x00\x00\x0cjP  "
_J2K_START = b"\xff\x4f\xff\x51"
_J2K_CAP, _J2K_SOT, _J2K_EOC = 0xFF50, 0xFF90, 0xFFD9


@dataclass(frozen=True, slots=True)
class Codestream:
    """One picture as its codestream announces it."""

    process: int  # the SOF marker of a JPEG (0xC0 baseline ... 0xF7 JPEG-LS), 0 for JPEG 2000
    rows: int
    columns: int
    samples: int
    bits: int  # of one sample
    signed: bool = False
    high_throughput: bool = False  # HTJ2K block coding
    exif: bytes = b""
    # Of a JPEG's last scan:
    scans: int = 0
    restarts: bool = False
    predictor: int = 0  # of a lossless JPEG
    point_transform: int = 0  # low bits that a lossless JPEG leaves out
    tables: tuple[int, ...] = ()  # the Huffman table of each component
    huffman: Mapping[int, Mapping[int, int]] = field(default_factory=dict)  # table: symbol: length of its code
    coded_bits: int = 0


def read_jpeg(data: bytes) -> Codestream:
    """Return what a JPEG or JPEG-LS announces; DamagedFilmError unless it runs whole from SOI to EOI."""
    if data[:2] != b"\xff\xd8":
        raise DamagedFilmError("its compressed picture does not begin like a JPEG.", advice=_EXPORT_AGAIN)
    frame: tuple[int, int, int, int, int] | None = None
    scan, restarts, exif = b"", False, b""
    huffman: dict[int, dict[int, int]] = {}
    scans = coded_bits = 0
    position = 2
    while True:
        position, marker = _next_marker(data, position)
        if marker == _EOI:
            break
        segment = _segment(data, position)
        position += 2 + len(segment)
        if marker in _SOF:
            if frame is not None:
                raise DamagedFilmError("its compressed picture has two headers.", advice=_EXPORT_AGAIN)
            frame = _jpeg_frame(marker, segment)
        elif marker == _DRI:
            restarts = any(segment)
        elif marker == _DHT:
            huffman |= _huffman_tables(segment)
        elif marker == _APP1 and segment[:6] == b"Exif\0\0":
            exif = segment[6:]
        elif marker == _SOS:
            if frame is None:
                raise DamagedFilmError("its compressed picture has no header.", advice=_COPY_AGAIN)
            if len(segment) < 4 or len(segment) != 4 + 2 * segment[0]:
                raise _out_of_step()
            scan = segment
            scans += 1
            end = _end_of_scan(data, position, frame[0])
            coded_bits = 8 * (end - position - data.count(b"\xff\x00", position, end))
            position = end
    if frame is None or not scans:
        raise _cut_short()
    process, bits, rows, columns, samples = frame
    return Codestream(
        process,
        rows,
        columns,
        samples,
        bits,
        exif=exif,
        scans=scans,
        restarts=restarts,
        predictor=scan[-3],
        point_transform=scan[-1] & 0x0F,
        tables=tuple(selector >> 4 for selector in scan[2:-3:2]),
        huffman=huffman,
        coded_bits=coded_bits,
    )


def without_application_data(data: bytes) -> bytes:
    """Return a JPEG that `read_jpeg` has passed, less the APPn and COM segments before its first scan."""
    kept = [data[:2]]
    position = 2
    while True:
        start = position
        position, marker = _next_marker(data, position)
        if marker == _SOS:
            return b"".join([*kept, data[start:]])
        position += 2 + len(_segment(data, position))
        if not (marker & 0xF0 == 0xE0 or marker == _COM):
            kept.append(data[start:position])


def _end_of_scan(data: bytes, position: int, process: int) -> int:
    """Return where the coded data that begin at `position` end, which is at the next marker."""
    pattern = _NEXT_JPEG_LS_MARKER if process == _SOF_JPEG_LS else _NEXT_JPEG_MARKER
    found = pattern.search(data, position)
    if found is None or found.start() == position:
        raise _cut_short()
    return found.start()


def _huffman_tables(segment: bytes) -> dict[int, dict[int, int]]:
    """Return the lengths of the codes of each DC (so lossless) table of a DHT segment (B.2.4.2)."""
    tables: dict[int, dict[int, int]] = {}
    position = 0
    while position + 17 <= len(segment):
        kind, counts = segment[position], segment[position + 1 : position + 17]
        symbols = segment[position + 17 : position + 17 + sum(counts)]
        if len(symbols) < sum(counts):
            raise _out_of_step()
        position += 17 + len(symbols)
        lengths = [length for length, count in enumerate(counts, start=1) for _ in range(count)]
        if kind < 0x10:
            tables[kind] = dict(zip(symbols, lengths, strict=True))
    return tables


def _next_marker(data: bytes, position: int) -> tuple[int, int]:
    """Return the position behind the next marker, and the marker."""
    if data[position : position + 1] != b"\xff":
        raise _cut_short() if position >= len(data) else _out_of_step()
    while data[position : position + 1] == b"\xff":  # B.1.1.2: any number of fill bytes
        position += 1
    if position >= len(data):
        raise _cut_short()
    if data[position] in {0x00, _SOI}:
        raise _out_of_step()
    return position + 1, data[position]


def _segment(data: bytes, position: int) -> bytes:
    """Return a marker segment without its length."""
    if position + 2 > len(data):
        raise _cut_short()
    (length,) = struct.unpack_from(">H", data, position)
    if length < 2:
        raise _out_of_step()
    if position + length > len(data):
        raise _cut_short()
    return data[position + 2 : position + length]


def _jpeg_frame(marker: int, segment: bytes) -> tuple[int, int, int, int, int]:
    """Return process, bits, rows, columns and samples of a frame header (ISO/IEC 10918-1 B.2.2)."""
    if len(segment) < 6 or len(segment) < 6 + 3 * segment[5]:
        raise _out_of_step()
    bits, rows, columns, samples = struct.unpack_from(">BHHB", segment)
    return marker, bits, rows, columns, samples


def read_jpeg_2000(data: bytes) -> tuple[Codestream, bytes]:
    """Return what a JPEG 2000 announces, and the bare codestream; DamagedFilmError unless every tile is there.

    DICOM forbids the JP2 file format round it (PS3.5 A.4.4), and some writers leave it on: it is taken off.
    """
    if data[: len(_JP2_SIGNATURE)] == _JP2_SIGNATURE:
        data = _unboxed(data)
    if data[:4] != _J2K_START:
        raise DamagedFilmError("its compressed picture does not begin like a JPEG 2000.", advice=_EXPORT_AGAIN)
    size = _segment(data, 4)
    if len(size) < 36:
        raise _out_of_step()
    right, bottom, left, top, tile_width, tile_height, tile_left, tile_top = struct.unpack_from(">8L", size, 2)
    (samples,) = struct.unpack_from(">H", size, 34)
    if len(size) < 36 + 3 * samples or not samples:
        raise _out_of_step()
    components = {bytes(size[36 + 3 * index : 39 + 3 * index]) for index in range(samples)}
    if len(components) != 1:
        raise UnsupportedFilmError("a compressed picture with unlike colours.", advice=_EXPORT_AGAIN)
    depth, step_x, step_y = components.pop()
    if (step_x, step_y) != (1, 1):
        raise UnsupportedFilmError("a compressed picture with subsampled colours.", advice=_EXPORT_AGAIN)
    if not (left < right and top < bottom and tile_width and tile_height and tile_left <= left and tile_top <= top):
        raise DamagedFilmError("its compressed picture has no size.", advice=_EXPORT_AGAIN)
    tiles = -(-(right - tile_left) // tile_width) * -(-(bottom - tile_top) // tile_height)
    if tiles > 65535:  # ISO/IEC 15444-1 A.4.2: a tile's index has 16 bits
        raise _out_of_step()
    high_throughput = _walk_tiles(data, 6 + len(size), tiles)
    announced = Codestream(
        process=0,
        rows=bottom - top,
        columns=right - left,
        samples=samples,
        bits=(depth & 0x7F) + 1,
        signed=bool(depth & 0x80),
        high_throughput=high_throughput,
    )
    return announced, data


def _walk_tiles(data: bytes, position: int, tiles: int) -> bool:
    """Check that every tile is there to its last byte; return whether blocks are coded as in HTJ2K."""
    high_throughput = False
    seen: set[int] = set()
    while position + 2 <= len(data):
        (marker,) = struct.unpack_from(">H", data, position)
        if marker == _J2K_EOC:
            break
        segment = _segment(data, position + 2)
        if marker == _J2K_SOT:
            if len(segment) < 8:
                raise _out_of_step()
            tile, length = struct.unpack_from(">HL", segment)
            seen.add(tile)
            if length == 0:  # A.4.2: the last tile-part, up to EOC, which padding may follow
                if not data.rstrip(b"\0\xff").endswith(b"\xff\xd9") and not data.endswith(b"\xff\xd9"):
                    raise _cut_short()
                break
            if length < 14:
                raise _out_of_step()
            position += length
            if position > len(data):
                raise _cut_short()
        elif seen or not 0xFF50 <= marker <= 0xFF6F:
            raise _out_of_step()
        else:
            high_throughput |= marker == _J2K_CAP
            position += 4 + len(segment)
    if seen != set(range(tiles)):
        raise _cut_short()
    return high_throughput


def _unboxed(data: bytes) -> bytes:
    """Return the codestream in a JP2 file (ISO/IEC 15444-1 annex I)."""
    position = 0
    while position + 8 <= len(data):
        length, kind = struct.unpack_from(">L4s", data, position)
        body = position + 8
        if length == 1 and body + 8 <= len(data):
            (length,) = struct.unpack_from(">Q", data, body)
            body += 8
        end = len(data) if length == 0 else position + length
        if end < body:
            break
        if end > len(data):
            raise _cut_short()
        if kind == b"jp2c":
            return data[body:end]
        position = end
    raise _cut_short()


def _cut_short() -> DamagedFilmError:
    return DamagedFilmError("its compressed picture is cut short.", advice=_COPY_AGAIN)


def _out_of_step() -> DamagedFilmError:
    return DamagedFilmError("its compressed picture is damaged.", advice=_COPY_AGAIN)
