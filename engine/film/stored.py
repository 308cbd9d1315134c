"""Pixel data to stored values: checked against the header before anything is allocated, masked, signed, grey."""

import struct
import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydicom.pixels.processing import apply_color_lut

from engine.errors import DamagedFilmError, FilmTooLargeError, NotAFilmError, UnsupportedFilmError
from engine.film.header import PYDICOM_FAULTS, Header, quiet_pydicom
from engine.film.radiograph import MAX_PIXELS, Note, NoteCode
from engine.film.structure import (
    DEFLATED,
    ENCAPSULATED_NATIVE,
    EXPLICIT_BIG,
    EXPLICIT_LITTLE,
    IMPLICIT_LITTLE,
    RLE,
    Layout,
    PixelElement,
    fragments,
)

_NATIVE = frozenset({IMPLICIT_LITTLE, EXPLICIT_LITTLE, EXPLICIT_BIG, DEFLATED, ENCAPSULATED_NATIVE})
_MONOCHROME = ("MONOCHROME1", "MONOCHROME2")
_LUMA = frozenset({"YBR_FULL", "YBR_FULL_422", "YBR_PARTIAL_422"})
_UNDONE = frozenset({"YBR_ICT", "YBR_RCT"})  # transforms inside JPEG 2000, which its decoder undoes
_WITH_LOSS = frozenset(f"1.2.840.10008.1.2.4.{code}" for code in (50, 51, 81, 91, 203))
_JPEG_DCT = frozenset({"1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51"})  # whose decoder returns RGB in any case
_REFUSED = frozenset({"HSV", "ARGB", "CMYK", "YBR_PARTIAL_420", "XYB"})
_RLE_HEADER_BYTES = 64
_RLE_LIMIT_S = 8.0  # a film of 15 megapixels takes half a second; one of runs of two bytes takes minutes
_RUNS_BETWEEN_LOOKS = 1 << 16
_COPY_AGAIN = "Copy the file again from where it came from."
_EXPORT_AGAIN = "Export the film again from its system."


@dataclass(frozen=True, slots=True)
class PixelLayout:
    """How the header says the pixels lie (PS3.3 C.7.6.3)."""

    rows: int
    columns: int
    samples: int
    bits_allocated: int
    bits_stored: int
    high_bit: int
    signed: bool
    photometric: str
    planar: bool
    notes: tuple[Note, ...] = ()

    @property
    def low_bit(self) -> int:
        """The lowest bit of the value."""
        return self.high_bit + 1 - self.bits_stored

    @property
    def cell_type(self) -> np.dtype[np.unsignedinteger]:
        """The type of one sample as allocated."""
        return np.dtype(np.uint8 if self.bits_allocated == 8 else np.uint16)

    @property
    def size_bytes(self) -> int:
        """What the pixels take uncompressed."""
        samples = 2 if self.photometric in {"YBR_FULL_422", "YBR_PARTIAL_422"} else self.samples
        return self.rows * self.columns * samples * self.bits_allocated // 8


@dataclass(frozen=True, slots=True, eq=False)
class StoredPixels:
    """Stored values, and the cells they were cut from where overlays may hide in them."""

    values: NDArray[np.integer]
    bits_stored: int
    layout: PixelLayout
    cells: NDArray[np.unsignedinteger] | None
    notes: tuple[Note, ...]


def pixel_layout(header: Header) -> PixelLayout:
    """Return the checked description of the pixels; FilmError where it cannot be true."""
    notes: list[Note] = []
    rows, columns = (header.word(keyword) for keyword in ("Rows", "Columns"))
    if not rows or not columns:
        raise DamagedFilmError("its number of rows or columns is missing.", advice=_EXPORT_AGAIN)
    if rows * columns > MAX_PIXELS:
        raise FilmTooLargeError(
            f"{columns} x {rows} pixels are over our limit of {MAX_PIXELS / 1e6:.0f} megapixels.", advice=_EXPORT_AGAIN
        )
    _check_single_frame(header)
    samples = header.word("SamplesPerPixel")
    samples = 1 if samples is None else samples
    allocated = header.word("BitsAllocated")
    if allocated is None:
        raise DamagedFilmError("it does not say how many bits a pixel takes.", advice=_EXPORT_AGAIN)
    if allocated not in {8, 16}:
        raise UnsupportedFilmError(f"{allocated} bits allocated a pixel; we read 8 and 16.", advice=_EXPORT_AGAIN)
    stored = header.word("BitsStored")
    stored = allocated if stored is None else stored
    high_bit = header.word("HighBit")
    high_bit = stored - 1 if high_bit is None else high_bit
    if not 1 <= stored <= allocated or not stored - 1 <= high_bit < allocated:
        raise DamagedFilmError(
            f"{stored} bits below bit {high_bit} do not fit into {allocated} allocated.", advice=_EXPORT_AGAIN
        )
    representation = header.word("PixelRepresentation")
    if representation not in {None, 0, 1}:
        raise DamagedFilmError(f"Pixel Representation is {representation}, not 0 or 1.", advice=_EXPORT_AGAIN)
    photometric = header.term("PhotometricInterpretation")
    if not photometric:
        photometric = "RGB" if samples == 3 else "MONOCHROME2"
        notes.append(Note(NoteCode.POLARITY, "the file does not say whether low values are dark; shown so"))
    _check_photometric(photometric, samples, allocated)
    planar = header.word("PlanarConfiguration") == 1
    return PixelLayout(
        rows, columns, samples, allocated, stored, high_bit, representation == 1, photometric, planar, tuple(notes)
    )


def _check_single_frame(header: Header) -> None:
    frames = header.numbers("NumberOfFrames")
    if frames and not (len(frames) == 1 and frames[0] >= 1):
        raise DamagedFilmError("its number of frames is not a number.", advice=_EXPORT_AGAIN)
    if frames and frames[0] != 1:
        raise NotAFilmError(
            f"{frames[0]:.0f} frames where a radiograph has one.", advice="Export the frame you want as a single image."
        )


def _check_photometric(photometric: str, samples: int, allocated: int) -> None:
    if photometric in {*_MONOCHROME, "PALETTE COLOR"}:
        expected = 1
    elif photometric in {"RGB", *_UNDONE} or (photometric in _LUMA and allocated == 8):
        expected = 3
    else:
        kind = (
            f"photometric interpretation {photometric}"
            if photometric in _REFUSED
            else "this photometric interpretation"
        )
        raise UnsupportedFilmError(f"we do not read {kind}.", advice=_EXPORT_AGAIN)
    if samples != expected:
        raise DamagedFilmError(f"{photometric} has {expected} samples a pixel, not {samples}.", advice=_EXPORT_AGAIN)


def read_pixels(layout: Layout, header: Header) -> StoredPixels:
    """Return the stored values of a film."""
    pixel = pixel_layout(header)
    if layout.pixels is None:
        raise DamagedFilmError("it describes an image and holds no pixel data.", advice=_COPY_AGAIN)
    in_cells = layout.transfer_syntax in _NATIVE or layout.transfer_syntax == RLE
    found: tuple[Note, ...] = ()
    if layout.transfer_syntax in _NATIVE:
        samples, found = _native(layout, layout.pixels, pixel)
    elif layout.pixels.length is not None:
        raise DamagedFilmError("its pixel data are not compressed, as it says they are.", advice=_EXPORT_AGAIN)
    elif layout.transfer_syntax == RLE:
        samples = _run_lengths(fragments(layout, layout.pixels), pixel)
    else:
        samples = _decoded(fragments(layout, layout.pixels), layout.transfer_syntax, pixel)
    notes = (*pixel.notes, *found)
    if pixel.photometric in _MONOCHROME:
        values, odd = _values(samples, pixel, in_cells=in_cells)
        return StoredPixels(values, pixel.bits_stored, pixel, samples if in_cells else None, (*notes, *odd))
    grey, bits = _reduced(samples, pixel, header, layout.transfer_syntax, in_cells=in_cells)
    reduced = Note(NoteCode.COLOUR_REDUCED, f"a picture in colour ({pixel.photometric}), reduced to grey")
    return StoredPixels(grey, bits, pixel, None, (*notes, reduced))


def _native(
    layout: Layout, pixels: PixelElement, pixel: PixelLayout
) -> tuple[NDArray[np.unsignedinteger], tuple[Note, ...]]:
    """Return the samples of uncompressed pixel data, a view where it can be."""
    if layout.transfer_syntax == ENCAPSULATED_NATIVE:
        data, start = fragments(layout, pixels), 0
        length = len(data)
    elif pixels.length is None:
        raise DamagedFilmError("its pixel data have no length.", advice=_EXPORT_AGAIN)
    else:
        data, start, length = layout.data, pixels.start, pixels.length
    if length < pixel.size_bytes:
        raise DamagedFilmError(f"its pixel data are cut short: {length} of {pixel.size_bytes} B.", advice=_COPY_AGAIN)
    excess = length - pixel.size_bytes
    if excess >= pixel.size_bytes // pixel.rows + 1:
        # A spare byte is the standard's, a few are some writers'; a whole row more means that the header is wrong.
        raise DamagedFilmError(
            f"its pixel data hold {length} bytes where {pixel.columns} x {pixel.rows} pixels take {pixel.size_bytes}.",
            advice=_EXPORT_AGAIN,
        )
    notes = (Note(NoteCode.HEADER_ODD, f"{excess} bytes after the last pixel are ignored"),) if excess > 1 else ()
    if pixel.bits_allocated == 16:
        order = "<u2" if layout.little_endian else ">u2"
        samples = np.frombuffer(data, np.dtype(order), pixel.size_bytes // 2, start)
    else:
        samples = np.frombuffer(data, np.uint8, pixel.size_bytes, start)
        if not layout.little_endian and pixels.vr == "OW":
            # PS3.5 A.3: bytes of an OW are swapped in pairs. The last one of an odd number lies behind the padding.
            count = pixel.size_bytes + pixel.size_bytes % 2
            if count > length:
                raise DamagedFilmError("its pixel data are cut short by a byte.", advice=_COPY_AGAIN)
            pairs = np.frombuffer(data, np.uint8, count, start).reshape(-1, 2)
            samples = pairs[:, ::-1].ravel()[: pixel.size_bytes]
    return _shaped(samples, pixel), notes


def _shaped(samples: NDArray[np.unsignedinteger], pixel: PixelLayout) -> NDArray[np.unsignedinteger]:
    """Return (rows, columns) or (rows, columns, samples)."""
    if pixel.photometric in {"YBR_FULL_422", "YBR_PARTIAL_422"}:
        # PS3.3 C.7.6.3.1.2: two luminances, then the colour they share; only luminance is of use.
        if pixel.columns % 2:
            raise UnsupportedFilmError("a subsampled picture of an odd number of columns.", advice=_EXPORT_AGAIN)
        return samples.reshape(-1, 4)[:, :2].reshape(pixel.rows, pixel.columns)
    if pixel.samples == 1:
        return samples.reshape(pixel.rows, pixel.columns)
    if pixel.planar:
        return samples.reshape(pixel.samples, pixel.rows, pixel.columns).transpose(1, 2, 0)
    return samples.reshape(pixel.rows, pixel.columns, pixel.samples)


def _run_lengths(frame: bytes, pixel: PixelLayout) -> NDArray[np.unsignedinteger]:
    """Return the samples of an RLE frame (PS3.5 annex G): a segment for each byte of a sample, highest first."""
    cell_bytes = pixel.bits_allocated // 8
    segments = pixel.samples * cell_bytes
    if len(frame) < _RLE_HEADER_BYTES or struct.unpack_from("<L", frame)[0] != segments:
        raise DamagedFilmError("its compressed pixel data are not laid out as it says.", advice=_EXPORT_AGAIN)
    bounds = [*struct.unpack_from(f"<{segments}L", frame, 4), len(frame)]
    if bounds[0] < _RLE_HEADER_BYTES:
        raise DamagedFilmError("its compressed pixel data are damaged.", advice=_COPY_AGAIN)
    area = pixel.rows * pixel.columns
    deadline = time.monotonic() + _RLE_LIMIT_S
    planes = np.empty((pixel.samples, cell_bytes, area), dtype=np.uint8)
    for segment in range(segments):
        run = _unfolded(frame[bounds[segment] : bounds[segment + 1]], area, deadline)
        planes[segment // cell_bytes, segment % cell_bytes] = np.frombuffer(run, np.uint8, area)
    cells = planes[:, 0].astype(pixel.cell_type)
    if cell_bytes == 2:
        cells = (cells << np.uint16(8)) | planes[:, 1]
    cells = cells.reshape(pixel.samples, pixel.rows, pixel.columns)
    return cells[0] if pixel.samples == 1 else cells.transpose(1, 2, 0)


def _unfolded(segment: bytes, size: int, deadline: float) -> bytearray:
    """Return the first `size` bytes of a PackBits segment (PS3.5 G.3.2)."""
    out = bytearray()
    position, end = 0, len(segment)
    while len(out) < size and position < end:
        if time.monotonic() > deadline:
            raise FilmTooLargeError("decompressing it takes too long.", advice=_EXPORT_AGAIN)
        for _ in range(_RUNS_BETWEEN_LOOKS):
            head = segment[position]
            if head < 128:
                out += segment[position + 1 : position + head + 2]
                position += head + 2
            else:
                if head > 128:
                    out += segment[position + 1 : position + 2] * (257 - head)
                position += 1 if head == 128 else 2
            if len(out) >= size or position >= end:
                break
    if len(out) < size:
        raise DamagedFilmError(f"its pixel data are cut short: {len(out)} of {size} bytes.", advice=_COPY_AGAIN)
    return out


def _decoded(frame: bytes, transfer_syntax: str, pixel: PixelLayout) -> NDArray[np.unsignedinteger]:
    """Return the samples of a frame compressed by a codec, which runs apart from us."""
    from engine.film.decoder import decode_frame

    frame_samples = decode_frame(frame, transfer_syntax, pixel.rows, pixel.columns, pixel.bits_allocated, pixel.samples)
    expected = (pixel.rows, pixel.columns) if pixel.samples == 1 else (pixel.rows, pixel.columns, pixel.samples)
    if frame_samples.shape != expected:
        raise DamagedFilmError("its pixels are not as many as it says.", advice=_EXPORT_AGAIN)
    cells = frame_samples.astype(pixel.cell_type, copy=False)
    ceiling = (1 << pixel.bits_stored) - 1
    if transfer_syntax in _WITH_LOSS and not pixel.signed and ceiling < int(cells.max()) <= ceiling + ceiling // 16:
        # Coded with more bits than are stored, a bright edge may come back a little brighter than there are values.
        cells = np.minimum(cells, pixel.cell_type.type(ceiling))
    return cells


def _values(
    cells: NDArray[np.unsignedinteger], pixel: PixelLayout, *, in_cells: bool
) -> tuple[NDArray[np.integer], tuple[Note, ...]]:
    """Return stored values: the bits that belong to the image, moved to the bottom and given their sign."""
    # Codecs hand out values; only cells of native and RLE data have a high bit (PS3.5 8.2).
    shift = pixel.low_bit if in_cells else 0
    mask = (1 << pixel.bits_stored) - 1
    notes: tuple[Note, ...] = ()
    if shift == 0 and not pixel.signed and pixel.bits_stored < pixel.bits_allocated and int(cells.max()) > mask:
        if not in_cells:
            raise DamagedFilmError(
                f"its picture has values of more than the {pixel.bits_stored} bits it says.", advice=_EXPORT_AGAIN
            )
        notes = (Note(NoteCode.HEADER_ODD, f"bits above the {pixel.bits_stored} stored are ignored"),)
    kind = np.dtype(np.uint8 if pixel.bits_stored <= 8 else np.uint16)
    whole = shift == 0 and pixel.bits_stored == 8 * cells.itemsize
    values: NDArray[np.integer]
    if whole and not pixel.signed:
        values = np.array(cells, dtype=kind, order="C", copy=True)
    else:
        word = cells.dtype.newbyteorder("=").type
        moved = cells if shift == 0 else cells >> word(shift)
        if pixel.signed:
            # Sign extension in 16 bits: push the value's top bit to the word's, and shift it back arithmetically.
            spare = 16 - pixel.bits_stored
            values = (moved.astype(np.uint16) << np.uint16(spare)).view(np.int16) >> np.int16(spare)
        else:
            values = np.bitwise_and(moved, word(mask)).astype(kind, copy=False)
    values.setflags(write=False)
    return values, notes


def _reduced(
    samples: NDArray[np.unsignedinteger], pixel: PixelLayout, header: Header, transfer_syntax: str, *, in_cells: bool
) -> tuple[NDArray[np.unsignedinteger], int]:
    """Return a picture in colour as grey, and the bits that grey takes."""
    bits = pixel.bits_stored
    if pixel.photometric == "PALETTE COLOR":
        grey = _grey_of_palette(samples, header)
        bits = 8 * grey.itemsize
    elif pixel.photometric in _UNDONE and in_cells:
        raise DamagedFilmError(f"{pixel.photometric} is for JPEG 2000 alone.", advice=_EXPORT_AGAIN)
    elif pixel.photometric in _LUMA and transfer_syntax not in _JPEG_DCT:
        grey = _luma(samples, pixel.photometric)
    else:
        grey = _grey_of_rgb(samples)
    if int(grey.max()) >> bits:
        raise DamagedFilmError(f"its colours take more than the {bits} bits it says.", advice=_EXPORT_AGAIN)
    grey.setflags(write=False)
    return grey, bits


def _grey_of_rgb(samples: NDArray[np.unsignedinteger]) -> NDArray[np.unsignedinteger]:
    """Return luminance: ITU-R BT.601, the weights of YBR_FULL (PS3.3 C.7.6.3.1.2)."""
    grey = np.rint(samples.astype(np.float32) @ np.array([0.299, 0.587, 0.114], dtype=np.float32))
    kind = np.uint8 if samples.dtype.itemsize == 1 else np.uint16
    whole: NDArray[np.unsignedinteger] = np.minimum(grey, np.iinfo(kind).max).astype(kind)
    return whole


def _luma(samples: NDArray[np.unsignedinteger], photometric: str) -> NDArray[np.unsignedinteger]:
    """Return the luminance of a picture that is coded as luminance and colour."""
    luma = samples if samples.ndim == 2 else samples[..., 0]
    if photometric == "YBR_PARTIAL_422":
        stretched = (np.clip(luma.astype(np.float32), 16, 235) - 16) * (255 / 219)
        luma = np.rint(stretched)
    grey: NDArray[np.unsignedinteger] = np.array(luma, dtype=np.uint8, order="C", copy=True)
    return grey


def _grey_of_palette(indices: NDArray[np.unsignedinteger], header: Header) -> NDArray[np.unsignedinteger]:
    """Return the luminance of a picture whose values stand for colours (PS3.3 C.7.6.3.1.5)."""
    with quiet_pydicom():
        try:
            colours = apply_color_lut(
                np.ascontiguousarray(indices, dtype=indices.dtype.newbyteorder("=")), header.dataset
            )
        except PYDICOM_FAULTS:
            raise DamagedFilmError("its palette is damaged.", advice=_EXPORT_AGAIN) from None
    return _grey_of_rgb(colours[..., :3])
