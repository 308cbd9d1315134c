"""Files made to harm: bombs, lies and half files, each named for what it does. Some read a film all the same."""

import io
import struct
import zlib
from collections.abc import Callable, Iterator

import imagecodecs
import numpy as np
from PIL import Image
from pydicom.dataset import Dataset

from tests.codestreams import SYNTAXES, chest, compressed_film
from tests.phantom import (
    DEFLATED,
    EXPLICIT_LITTLE,
    IMPLICIT_LITTLE,
    RLE,
    dicom_bytes,
    dicom_film,
    encapsulated,
    file_meta,
    set_raw,
    thorax,
)

BY_NAME = {syntax.name: syntax for syntax in SYNTAXES}


def strange_films() -> Iterator[tuple[str, bytes]]:
    """Yield files that are strange, and films all the same."""
    plain = dicom_film()
    for name, preamble in (("Windows program", b"MZ"), ("Linux program", b"\x7fELF"), ("script", b"#!/bin/sh\n")):
        yield f"DICOM and {name} in one", dicom_bytes(plain, preamble=preamble.ljust(128, b"\0"))
    for name, text in (
        ("NUL", b"A\0B"), ("ANSI escape", b"\x1b[2J\x1b]0;owned\x07"), ("markup", b"<img src='file:///etc/passwd'>"),
        ("60,000 letters", b"X" * 60_000), ("right to left", "\u202eEVIL".encode()), ("a path", b"../../../etc/passwd"),
    ):  # fmt: skip
        film = dicom_film(SpecificCharacterSet="ISO_IR 192")
        for keyword in ("PatientName", "PatientID", "StudyDescription"):
            set_raw(film, keyword, text)
        yield f"names with {name}", dicom_bytes(film, IMPLICIT_LITTLE)
    for charset in ("nonsense", "ISO_IR 999", "\\\\ISO 2022 IR 87", "utf-9"):
        film = dicom_film()
        set_raw(film, "SpecificCharacterSet", charset.encode())
        set_raw(film, "PatientName", bytes(range(128, 200)))
        yield f"character set {charset}", dicom_bytes(film, IMPLICIT_LITTLE)
    film = dicom_film()
    set_raw(film, "SOPInstanceUID", b"../../../../tmp/x")
    yield "a UID that is a path", dicom_bytes(film, IMPLICIT_LITTLE)
    text_bomb = _chunk(b"zTXt", b"k\0\0" + zlib.compress(bytes(50_000_000), 9))
    profile_bomb = _chunk(b"iCCP", b"k\0\0" + zlib.compress(bytes(50_000_000), 9))
    whole = bytes(imagecodecs.png_encode(chest(8)))
    yield "PNG with bombs beside the pixels", whole[:33] + text_bomb + profile_bomb + whole[33:]


def not_films() -> Iterator[tuple[str, bytes]]:
    yield "empty", b""
    yield "one byte", b"\0"
    yield "zeros", bytes(100_000)
    yield "PDF", b"%PDF-1.7\n" + bytes(1000)
    yield "zip", b"PK\x03\x04" + bytes(1000)
    yield "gzip", b"\x1f\x8b" + bytes(1000)
    yield "text", b"Dear colleague, please find enclosed the film.\n" * 20
    yield "web page", b"  <!DOCTYPE html><html></html>"
    yield "JSON", b'{"film": null}'
    yield "program", b"MZ" + bytes(1000)
    yield "GIF", b"GIF89a" + bytes(1000)
    yield "noise", np.random.default_rng(5).integers(0, 256, 10_000, dtype=np.uint8).tobytes()
    yield "DICOM prefix alone", bytes(128) + b"DICM"
    yield "DICOM meta alone", bytes(128) + b"DICM" + file_meta("1.2.840.10008.5.1.4.1.1.1.1", EXPLICIT_LITTLE)


def _dicom_headers() -> Iterator[tuple[str, bytes]]:
    wrong: dict[str, tuple[int | bytes, ...]] = {
        "Rows": (0, 1, 97, 65_535),
        "Columns": (0, 1, 81, 65_535),
        "BitsAllocated": (0, 1, 8, 12, 32, 64, 65_535),
        "BitsStored": (0, 17, 65_535),
        "HighBit": (10, 16, 65_535),
        "SamplesPerPixel": (0, 2, 3, 4, 255),
        "PixelRepresentation": (2, 65_535),
        "NumberOfFrames": (b"0", b"-1", b"2", b"999999999", b"abc", b"1\\2", b"1e9"),
        "PhotometricInterpretation": (b"RGB", b"CMYK", b"MONOCHROME3"),
    }
    for keyword, values in wrong.items():
        for value in values:
            film = dicom_film()
            set_raw(film, keyword, value if isinstance(value, bytes) else struct.pack("<H", value))
            yield f"{keyword} {value!r}", dicom_bytes(film, IMPLICIT_LITTLE)
    for keyword in ("Rows", "Columns", "BitsAllocated"):
        film = dicom_film()
        del film[keyword]
        yield f"{keyword} missing", dicom_bytes(film)


def _dicom_structures() -> Iterator[tuple[str, bytes]]:
    whole = dicom_bytes(dicom_film())
    pixels = whole.rindex(struct.pack("<HH2s", 0x7FE0, 0x0010, b"OW"))
    for length in (0xFFFFFFFF, 0xFFFFFFFE, 0x7FFFFFFF, 0, 2, 15_358):
        damaged = bytearray(whole)
        struct.pack_into("<L", damaged, pixels + 8, length)
        yield f"pixel data of {length:#x} bytes", bytes(damaged)
    yield "no pixel data", whole[:pixels]
    for syntax in ("1.2.3.4", "1.2.840.10008.1.2.4.100"):
        meta = file_meta("1.2.840.10008.5.1.4.1.1.1.1", syntax)
        body = whole[132 + len(file_meta("1.2.840.10008.5.1.4.1.1.1.1", EXPLICIT_LITTLE)) :]
        yield f"transfer syntax {syntax}", bytes(128) + b"DICM" + meta + body
    j2k = BY_NAME["JPEG 2000 lossless"]
    packed = compressed_film(chest(16), j2k, 16)
    start = packed.rindex(struct.pack("<HH2s", 0x7FE0, 0x0010, b"OB")) + 12
    empty = struct.pack("<HHL", 0xFFFE, 0xE000, 0)
    end = struct.pack("<HHL", 0xFFFE, 0xE0DD, 0)
    yield "no fragments", packed[:start] + empty + end
    yield "an empty fragment", packed[:start] + empty + empty + end
    yield "no items at all", packed[:start]
    yield "a fragment longer than the file", packed[:start] + empty + struct.pack("<HHL", 0xFFFE, 0xE000, 0x7FFFFFFF)
    yield "fragments without an end", packed[:-8]
    yield "fragments of something else", packed[:start] + encapsulated(b"not a codestream at all")


def _dicom_bombs() -> Iterator[tuple[str, bytes]]:
    # A block of zeros that ends on a byte and refers to nothing before it can be repeated for ever.
    deflater = zlib.compressobj(9, wbits=-15)
    block = deflater.compress(bytes(1 << 20)) + deflater.flush(zlib.Z_FULL_FLUSH)
    meta = bytes(128) + b"DICM" + file_meta("1.2.840.10008.5.1.4.1.1.1.1", DEFLATED)
    yield "4 GB deflated to 4 MB", meta + block * 4096 + b"\x03\0"
    large = struct.pack("<H", 30_000)
    film = dicom_film(thorax(8, 8, bits=8), bits_stored=8)
    set_raw(film, "Rows", large)
    set_raw(film, "Columns", large)
    frame = struct.pack("<16L", 1, 64, *[0] * 14) + b"\x81\0" * 7_000_000
    yield "900 megapixels in 14 MB of runs", dicom_bytes_of(film, RLE, frame)
    for name in ("JPEG 2000 lossless", "HTJ2K lossless"):
        coded = bytearray(BY_NAME[name].encode(chest(16), 16))
        struct.pack_into(">LL", coded, 8, 60_000, 60_000)
        yield f"{name} that says 60,000 x 60,000", compressed_film(chest(16), BY_NAME[name], 16, bytes(coded))
    film = dicom_film(chest(16), bits_stored=16)
    set_raw(film, "Rows", struct.pack("<H", 60_000))
    set_raw(film, "Columns", struct.pack("<H", 60_000))
    coded = bytearray(BY_NAME["JPEG 2000 lossless"].encode(chest(16), 16))
    struct.pack_into(">LL", coded, 8, 60_000, 60_000)
    yield (
        "JPEG 2000 and header both of 60,000 x 60,000",
        dicom_bytes_of(film, BY_NAME["JPEG 2000 lossless"].uid, bytes(coded)),
    )
    film = dicom_film(chest(16), bits_stored=16)
    set_raw(film, "Rows", struct.pack("<H", 8_000))
    set_raw(film, "Columns", struct.pack("<H", 8_000))
    struct.pack_into(">LL", coded, 8, 8_000, 8_000)
    yield (
        "JPEG 2000 of 8,000 x 8,000 that is not there",
        dicom_bytes_of(film, BY_NAME["JPEG 2000 lossless"].uid, bytes(coded)),
    )
    whole = dicom_bytes(dicom_film())
    start = 132 + len(file_meta("1.2.840.10008.5.1.4.1.1.1.1", EXPLICIT_LITTLE))
    for depth in (2_000, 100_000):
        opening = struct.pack("<HH2sHL", 0x0008, 0x1140, b"SQ", 0, 0xFFFFFFFF) + struct.pack(
            "<HHL", 0xFFFE, 0xE000, 0xFFFFFFFF
        )
        yield f"sequences nested {depth} deep", whole[:start] + opening * depth


def dicom_bytes_of(film: Dataset, syntax: str, codestream: bytes) -> bytes:
    """Return a file whose only frame is `codestream`, RLE too."""
    if syntax != RLE:
        return dicom_bytes(film, syntax, codestream=codestream)
    pixels = film.PixelData
    del film.PixelData
    data = (
        dicom_bytes(film, RLE) + struct.pack("<HH2sHL", 0x7FE0, 0x0010, b"OB", 0, 0xFFFFFFFF) + encapsulated(codestream)
    )
    film.PixelData = pixels
    return data


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">L", len(body)) + kind + body + struct.pack(">L", zlib.crc32(kind + body))


def png(columns: int, rows: int, raw: bytes, depth: int = 8, colour: int = 0, interlace: int = 0) -> bytes:
    """Return a PNG of filtered rows that need not fit its header."""
    header = struct.pack(">LLBBBBB", columns, rows, depth, colour, 0, 0, interlace)
    return (
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", header)
        + _chunk(b"IDAT", zlib.compress(raw))
        + _chunk(b"IEND", b"")
    )  # fmt: skip


def _pngs() -> Iterator[tuple[str, bytes]]:
    yield "PNG of 10 rows in place of 1000", png(1000, 1000, bytes(1001) * 10)
    yield "PNG of 999 rows in place of 1000", png(1000, 1000, bytes(1001) * 999)
    yield "PNG of a row too many", png(1000, 1000, bytes(1001) * 1001)
    yield "PNG of 2 ** 31 columns", png(2**31 - 1, 2**31 - 1, bytes(100))
    yield "PNG of 2.5 gigapixels", png(50_000, 50_000, bytes(100))
    yield "PNG of no columns", png(0, 10, bytes(10))
    yield "PNG of no rows", png(10, 0, b"")
    yield "PNG of 3 bits", png(8, 8, bytes(9 * 8), depth=3)
    yield "PNG of colour type 5", png(8, 8, bytes(9 * 8), colour=5)
    yield "PNG of interlace 7", png(8, 8, bytes(9 * 8), interlace=7)
    yield "PNG palette without a palette", png(8, 8, bytes(9 * 8), colour=3)
    yield "PNG with a filter of its own", png(8, 8, (b"\x09" + bytes(8)) * 8)
    yield "PNG bomb", png(100, 100, bytes(200_000_000))
    whole = png(8, 8, bytes(9 * 8))
    yield "PNG without pixels", whole[:33] + _chunk(b"IEND", b"")
    yield "PNG with two headers", whole[:33] + whole[8:]
    yield "PNG without a header", whole[:8] + whole[33:]
    yield "PNG with a wrong checksum", whole[:45] + bytes([whole[45] ^ 1]) + whole[46:]


def _tiff(image: Image.Image, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, "TIFF", **options)
    return file.getvalue()


def _tiffs() -> Iterator[tuple[str, bytes]]:
    grey = Image.fromarray(chest(8))
    several = io.BytesIO()
    grey.save(several, "TIFF", save_all=True, append_images=[grey])
    yield "TIFF of two pages", several.getvalue()
    yield "TIFF of floating point", _tiff(Image.fromarray(chest(8).astype(np.float32)))
    yield "TIFF of 1 bit", _tiff(grey.convert("1"))
    yield "TIFF with JPEG inside", _tiff(grey, compression="jpeg")
    whole = bytes(imagecodecs.tiff_encode(chest(8)))
    (directory,) = struct.unpack_from("<L", whole, 4)
    (count,) = struct.unpack_from("<H", whole, directory)
    entries = {
        struct.unpack_from("<H", whole, at)[0]: at for at in range(directory + 2, directory + 2 + 12 * count, 12)
    }
    for name, tag, value in (
        ("of 2 ** 31 columns", 256, 2**31), ("of no columns", 256, 0), ("of no rows", 257, 0), ("too wide", 256, 59),
        ("too high", 257, 71), ("of 60,000 rows", 257, 60_000), ("with a strip outside the file", 273, 10**6),
        ("with a strip cut short", 279, 100), ("of no samples", 277, 0), ("of 200 samples", 277, 200),
        ("of an unknown compression", 259, 999), ("of an unknown photometric", 262, 9),
    ):  # fmt: skip
        damaged = bytearray(whole)
        struct.pack_into("<L", damaged, entries[tag] + 8, value)
        yield f"TIFF {name}", bytes(damaged)
    yield "TIFF whose directory is itself the next", _patched(whole, directory + 2 + 12 * count, "<L", directory)
    yield "TIFF whose directory is far away", _patched(whole, 4, "<L", 0xFFFFFFF0)
    yield "TIFF of 4 billion values", _patched(whole, entries[273] + 4, "<L", 0xFFFFFFFF)
    yield "TIFF of 65,535 fields", _patched(whole, directory, "<H", 65_535)
    yield "TIFF header alone", whole[:8]


def _patched(data: bytes, offset: int, form: str, value: int) -> bytes:
    damaged = bytearray(data)
    struct.pack_into(form, damaged, offset, value)
    return bytes(damaged)


def _jpegs() -> Iterator[tuple[str, bytes]]:
    whole = bytes(imagecodecs.jpeg8_encode(chest(8), level=90))
    frame = whole.index(b"\xff\xc0")
    yield "JPEG of 65,500 x 65,500", _patched(whole, frame + 5, ">L", 65_500 << 16 | 65_500)
    yield "JPEG of no rows", _patched(whole, frame + 5, ">H", 0)
    yield "JPEG of no columns", _patched(whole, frame + 7, ">H", 0)
    yield "JPEG a little too high", _patched(whole, frame + 5, ">H", 90)
    yield "JPEG of four colours", _jpeg_of(Image.new("CMYK", (40, 40)))
    yield "JPEG of start and end", b"\xff\xd8\xff\xd9"
    yield "JPEG with two headers", whole[: frame + 13] + whole[frame : frame + 13] + whole[frame + 13 :]
    yield "JPEG with an arithmetic coder", _patched(whole, frame, ">H", 0xFFC9)


def _jpeg_of(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "JPEG")
    return file.getvalue()


# Files that hold no whole film, or ask for too much.
REFUSED: dict[str, Callable[[], Iterator[tuple[str, bytes]]]] = {
    "not films": not_films,
    "DICOM headers": _dicom_headers,
    "DICOM structures": _dicom_structures,
    "DICOM bombs": _dicom_bombs,
    "PNG": _pngs,
    "TIFF": _tiffs,
    "JPEG": _jpegs,
}
