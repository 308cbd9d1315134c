"""TIFF files to samples: one image, 8 or 16 bits, in strips or tiles (TIFF 6.0, BigTIFF).

Read here and not by libtiff, which shows what it has of a file that is cut short or damaged: every strip must unpack to
its size, and pass its checksum where it has one.
"""

import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from engine.errors import DamagedFilmError, FilmTooLargeError, NotAFilmError, UnsupportedFilmError
from engine.film.radiograph import MAX_PIXELS

_COPY_AGAIN = "Copy the file again from where it came from."
_EXPORT_AGAIN = "Export the film again as a single grey image of 8 or 16 bits, as DICOM if you can."

# Field types we need: BYTE, SHORT, LONG, LONG8.
_FIELD = {1: "B", 3: "H", 4: "L", 16: "Q"}
_MAX_VALUES = 1 << 20
_MAX_FIELDS = 4096

_SUBFILE, _WIDTH, _LENGTH, _BITS, _COMPRESSION, _PHOTOMETRIC, _FILL_ORDER = 254, 256, 257, 258, 259, 262, 266
_STRIP_OFFSETS, _ORIENTATION, _SAMPLES, _ROWS_PER_STRIP, _STRIP_BYTES, _PLANAR = 273, 274, 277, 278, 279, 284
_PREDICTOR, _COLOUR_MAP, _TILE_WIDTH, _TILE_LENGTH, _TILE_OFFSETS, _TILE_BYTES = 317, 320, 322, 323, 324, 325
_SAMPLE_FORMAT = 339
_WANTED = frozenset(
    {
        _SUBFILE, _WIDTH, _LENGTH, _BITS, _COMPRESSION, _PHOTOMETRIC, _FILL_ORDER, _STRIP_OFFSETS, _ORIENTATION,
        _SAMPLES, _ROWS_PER_STRIP, _STRIP_BYTES, _PLANAR, _PREDICTOR, _COLOUR_MAP, _TILE_WIDTH, _TILE_LENGTH,
        _TILE_OFFSETS, _TILE_BYTES, _SAMPLE_FORMAT,
    }
)  # fmt: skip
_NONE, _LZW, _DEFLATE, _PACKBITS, _OLD_DEFLATE = 1, 5, 8, 32773, 32946
_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _PALETTE = 0, 1, 2, 3


@dataclass(frozen=True, slots=True)
class _Layout:
    """How the samples of the image lie in the file."""

    little_endian: bool
    rows: int
    columns: int
    samples: int  # of a pixel
    bits: int
    signed: bool
    photometric: int
    orientation: int
    compression: int
    differences: bool  # horizontal differencing (section 14)
    planar: bool
    block_rows: int  # of a strip or tile
    block_columns: int
    tiled: bool
    offsets: tuple[int, ...]
    sizes: tuple[int, ...]
    colour_map: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Tiff:
    """What a file shows."""

    samples: NDArray[np.integer]  # (rows, columns) or (rows, columns, channels)
    inverse: bool  # 0 is shown white
    orientation: int  # section 8, Orientation: 1 is as stored


def decode_tiff(data: bytes) -> Tiff:
    """Return the picture in a TIFF, its pixels as they are stored."""
    layout = _layout(data)
    samples = _samples(data, layout)
    if layout.photometric == _PALETTE:
        samples = _coloured(samples, layout)
    return Tiff(samples, layout.photometric == _WHITE_IS_ZERO, layout.orientation)


def _coloured(samples: NDArray[np.integer], layout: _Layout) -> NDArray[np.unsignedinteger]:
    """Return red, green and blue of a palette picture: the map holds all reds, all greens, all blues (section 5)."""
    entries = 1 << layout.bits
    if layout.signed or len(layout.colour_map) != 3 * entries or max(layout.colour_map) > 0xFFFF:
        raise DamagedFilmError("its palette is damaged.", advice=_COPY_AGAIN)
    colours = np.array(layout.colour_map, dtype=np.uint16).reshape(3, entries).T
    coloured: NDArray[np.unsignedinteger] = colours[samples]
    return coloured


def _layout(data: bytes) -> _Layout:
    """Return the checked layout of the file's only image."""
    order = "<" if data[:2] == b"II" else ">"
    big = struct.unpack_from(f"{order}H", data, 2)[0] == 43
    start = struct.unpack_from(f"{order}Q" if big else f"{order}L", data, 8 if big else 4)[0]
    fields, following = _fields(data, order, big, start)
    if following:
        raise NotAFilmError("it holds several images.", advice="Export the one film you want as a single image.")

    def one(tag: int, default: int | None = None) -> int:
        values = fields.get(tag, () if default is None else (default,))
        if not values:
            raise DamagedFilmError("its header is incomplete.", advice=_COPY_AGAIN)
        return values[0]

    rows, columns, samples = one(_LENGTH), one(_WIDTH), one(_SAMPLES, 1)
    if not rows or not columns:
        raise DamagedFilmError("it has no rows or no columns.", advice=_COPY_AGAIN)
    if rows * columns > MAX_PIXELS:
        raise FilmTooLargeError(
            f"{columns} x {rows} pixels are over our limit of {MAX_PIXELS / 1e6:.0f} megapixels.", advice=_EXPORT_AGAIN
        )
    bits, formats = set(fields.get(_BITS, (1,))), set(fields.get(_SAMPLE_FORMAT, (1,)))
    photometric = one(_PHOTOMETRIC, _BLACK_IS_ZERO)
    channels = {_WHITE_IS_ZERO: {1, 2}, _BLACK_IS_ZERO: {1, 2}, _RGB: {3, 4}, _PALETTE: {1}}.get(photometric, set())
    compression, predictor = one(_COMPRESSION, _NONE), one(_PREDICTOR, 1)
    if (
        bits not in ({8}, {16})
        or formats not in ({1}, {2})
        or samples not in channels
        or (formats == {2} and samples > 1)
        or compression not in {_NONE, _LZW, _DEFLATE, _PACKBITS, _OLD_DEFLATE}
        or predictor not in {1, 2}
        or one(_FILL_ORDER, 1) != 1
        or one(_PLANAR, 1) not in {1, 2}
    ):
        raise UnsupportedFilmError(
            f"we do not read a TIFF of {max(bits)} bits, {samples} samples, photometric {photometric}, "
            f"compression {compression}.",
            advice=_EXPORT_AGAIN,
        )
    tiled = _TILE_OFFSETS in fields
    return _Layout(
        little_endian=order == "<",
        rows=rows,
        columns=columns,
        samples=samples,
        bits=bits.pop(),
        signed=formats == {2},
        photometric=photometric,
        orientation=one(_ORIENTATION, 1),
        compression=compression,
        differences=predictor == 2,
        planar=one(_PLANAR, 1) == 2 and samples > 1,
        block_rows=one(_TILE_LENGTH) if tiled else max(1, min(rows, one(_ROWS_PER_STRIP, rows))),
        block_columns=one(_TILE_WIDTH) if tiled else columns,
        tiled=tiled,
        offsets=fields.get(_TILE_OFFSETS if tiled else _STRIP_OFFSETS, ()),
        sizes=fields.get(_TILE_BYTES if tiled else _STRIP_BYTES, ()),
        colour_map=fields.get(_COLOUR_MAP, ()),
    )


def _fields(data: bytes, order: str, big: bool, start: int) -> tuple[Mapping[int, tuple[int, ...]], int]:
    """Return the fields we need of the image file directory at `start`, and where the next directory lies."""
    count_format, entry_format, next_format = ("Q", "HHQ8s", "Q") if big else ("H", "HHL4s", "L")
    try:
        (count,) = struct.unpack_from(f"{order}{count_format}", data, start)
        if count > _MAX_FIELDS:
            raise DamagedFilmError("its header is damaged.", advice=_COPY_AGAIN)
        entry_size = struct.calcsize(f"{order}{entry_format}")
        position = start + struct.calcsize(f"{order}{count_format}")
        fields: dict[int, tuple[int, ...]] = {}
        for _ in range(count):
            tag, kind, number, inline = struct.unpack_from(f"{order}{entry_format}", data, position)
            position += entry_size
            if tag not in _WANTED:
                continue
            if kind not in _FIELD or number > _MAX_VALUES:
                raise DamagedFilmError("its header is damaged.", advice=_COPY_AGAIN)
            values_format = f"{order}{number}{_FIELD[kind]}"
            if struct.calcsize(values_format) <= len(inline):
                fields[tag] = struct.unpack_from(values_format, inline)
            else:
                (offset,) = struct.unpack(f"{order}{next_format}", inline)
                fields[tag] = struct.unpack_from(values_format, data, offset)
        (following,) = struct.unpack_from(f"{order}{next_format}", data, position)
    except (struct.error, OverflowError) as error:
        raise DamagedFilmError("it is cut short.", advice=_COPY_AGAIN) from error
    return fields, following


def _samples(data: bytes, layout: _Layout) -> NDArray[np.integer]:
    """Return the samples, put together from strips or tiles."""
    if not (layout.block_rows and layout.block_columns) or layout.block_rows * layout.block_columns > MAX_PIXELS:
        raise DamagedFilmError("its tiles have no sensible size.", advice=_COPY_AGAIN)
    down = -(-layout.rows // layout.block_rows)
    across = -(-layout.columns // layout.block_columns)
    planes = layout.samples if layout.planar else 1
    depth = 1 if layout.planar else layout.samples
    if len(layout.offsets) != down * across * planes or len(layout.sizes) != len(layout.offsets):
        raise DamagedFilmError("parts of the picture are missing.", advice=_COPY_AGAIN)
    cell = np.dtype(f"u{layout.bits // 8}")
    whole = np.empty((layout.rows, layout.columns, layout.samples), dtype=cell)
    for index, (offset, size) in enumerate(zip(layout.offsets, layout.sizes, strict=True)):
        plane, place = divmod(index, down * across)
        top, left = place // across * layout.block_rows, place % across * layout.block_columns
        # 'Orientation' of data in a block: the last strip is as short as the image; a tile is always whole.
        block_rows = layout.block_rows if layout.tiled else min(layout.block_rows, layout.rows - top)
        block = _block(data, offset, size, (block_rows, layout.block_columns, depth), layout)
        part = block[: layout.rows - top, : layout.columns - left]
        channels = slice(plane, plane + 1) if layout.planar else slice(None)
        whole[top : top + part.shape[0], left : left + part.shape[1], channels] = part
    samples: NDArray[np.integer] = whole.view(f"i{layout.bits // 8}") if layout.signed else whole
    return samples[..., 0] if layout.samples == 1 else samples


def _block(
    data: bytes, offset: int, size: int, shape: tuple[int, int, int], layout: _Layout
) -> NDArray[np.unsignedinteger]:
    """Return one strip or tile as native unsigned samples."""
    if offset + size > len(data):
        raise DamagedFilmError("it is cut short.", advice=_COPY_AGAIN)
    expected = shape[0] * shape[1] * shape[2] * layout.bits // 8
    # Some writers fill up the last strip to the size of the others.
    most = max(expected, layout.block_rows * shape[1] * shape[2] * layout.bits // 8)
    unpacked = _unpacked(data[offset : offset + size], most, layout.compression)
    if len(unpacked) < expected:
        raise DamagedFilmError("a part of its picture is cut short.", advice=_COPY_AGAIN)
    stored = np.dtype(f"{'<' if layout.little_endian else '>'}u{layout.bits // 8}")
    block = np.frombuffer(unpacked, dtype=stored, count=expected // stored.itemsize).reshape(shape)
    native: NDArray[np.unsignedinteger] = block.astype(stored.newbyteorder("="))
    if layout.differences:
        native = np.cumsum(native, axis=1, dtype=native.dtype)  # modulo the type, as section 14 has it
    return native


def _unpacked(packed: bytes, most: int, compression: int) -> bytes:
    """Return the bytes of a strip, at most `most` of them."""
    if compression == _NONE:
        return packed[:most]
    if compression in {_DEFLATE, _OLD_DEFLATE}:
        return _inflated(packed, most)
    decode = imagecodecs.lzw_decode if compression == _LZW else imagecodecs.packbits_decode
    return bytes(decode(packed, out=most))


def _inflated(packed: bytes, most: int) -> bytes:
    """Return the bytes of a deflated strip, its checksum looked at: that comes last, so only at the stream's end."""
    inflater = zlib.decompressobj()
    try:
        inflated = inflater.decompress(packed, most + 1)
    except zlib.error as error:
        raise DamagedFilmError("a part of its picture is damaged.", advice=_COPY_AGAIN) from error
    if len(inflated) > most:
        raise DamagedFilmError("a part of it holds more than its picture.", advice=_COPY_AGAIN)
    if not inflater.eof:
        raise DamagedFilmError("a part of its picture is cut short.", advice=_COPY_AGAIN)
    return inflated
