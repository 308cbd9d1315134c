"""The skeleton of a DICOM file, from its lengths alone, before any parser sees a value.

A file that passes holds whole elements, nested and counted within limits, and its pixel data lies where we say; so
pydicom can read what precedes it without recursion, without guessing where a damaged file ends, and in bounded time.
"""

import re
import struct
import zlib
from dataclasses import dataclass, field
from typing import Literal

from engine.errors import DamagedFilmError, FilmError, FilmTooLargeError, NotAFilmError, UnsupportedFilmError

IMPLICIT_LITTLE = "1.2.840.10008.1.2"
EXPLICIT_LITTLE = "1.2.840.10008.1.2.1"
ENCAPSULATED_NATIVE = "1.2.840.10008.1.2.1.98"
DEFLATED = "1.2.840.10008.1.2.1.99"
EXPLICIT_BIG = "1.2.840.10008.1.2.2"
RLE = "1.2.840.10008.1.2.5"

# The largest film in colour and a header; a deflated file of a few megabytes can hold gigabytes.
MAX_INFLATED_BYTES = 256 << 20
MAX_HEADER_BYTES = 64 << 20
MAX_ELEMENTS = 100_000  # the fullest header among real films holds about a thousand
MAX_DEPTH = 32

_PREAMBLE_END = 128
_DATA_START = 132
_UNDEFINED = 0xFFFFFFFF
_ITEM = 0xFFFEE000
_ITEM_END = 0xFFFEE00D
_SEQUENCE_END = 0xFFFEE0DD
_PIXEL_DATA = 0x7FE00010
_FLOAT_PIXEL_DATA = frozenset({0x7FE00008, 0x7FE00009})
_TRANSFER_SYNTAX = 0x00020010
# Each twice: in the file's own description (group 2), and in the data set.
_SOP_CLASS, _SOP_INSTANCE = (0x00020002, 0x00080016), (0x00020003, 0x00080018)
# PS3.5 table 7.1-1: these carry two reserved bytes and a 32-bit length.
_LONG_VR = frozenset({b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"})
_CUT_SHORT = "Copy the file again from where it came from."


@dataclass(frozen=True, slots=True)
class PixelElement:
    """Where Pixel Data lies in `Layout.data`."""

    vr: str  # "OB" or "OW"; "" in implicit files, where PS3.5 A.1 says OW
    start: int
    length: int | None  # None: encapsulated, items up to a delimiter


@dataclass(frozen=True, slots=True)
class Layout:
    """What a file is made of."""

    data: bytes = field(repr=False)  # the file, or what it inflates to
    preamble: bytes = field(repr=False)  # what the file itself begins with (PS3.10 7.1)
    transfer_syntax: str
    implicit: bool
    little_endian: bool
    header_start: int
    header_end: int
    pixels: PixelElement | None
    unsound: tuple[int, ...]  # tags of sequences whose contents do not add up
    odd: tuple[str, ...]  # what we had to overlook


@dataclass(frozen=True, slots=True)
class _Element:
    tag: int
    vr: bytes
    start: int
    length: int | None


def looks_like_dicom(data: bytes) -> bool:
    """Return whether the bytes are DICOM: by the prefix, or, without preamble, by a plausible first element.

    Files of older systems have no preamble. They begin with a short element of group 2 or 8 (PS3.5 section 7), with its
    VR in either byte order, without it little end first.
    """
    if data[_PREAMBLE_END:_DATA_START] == b"DICM":
        return True
    if len(data) < 16:
        return False
    for order in "<>":
        group, element, length = struct.unpack_from(f"{order}HHL", data)
        if group not in {0x0002, 0x0008} or element > 0x1140:
            continue
        if not _looks_implicit(data, 0) or (order == "<" and length <= 256):
            return True
    return False


def lay_out(data: bytes) -> Layout:
    """Return the structure of a DICOM file; FilmError when it has none or is cut short."""
    if not looks_like_dicom(data):
        raise NotAFilmError("not a DICOM file.", advice="Choose a DICOM, PNG, TIFF or JPEG radiograph.")
    start = _DATA_START if data[_PREAMBLE_END:_DATA_START] == b"DICM" else 0
    syntax, start = _read_meta(data, start)
    odd: list[str] = []
    preamble = data[:_PREAMBLE_END]
    if syntax == DEFLATED:
        data, start = _inflated(data[start:]), 0
    implicit = _looks_implicit(data, start)
    if not syntax:
        odd.append("no transfer syntax is stated")
        syntax = _likely_syntax(data, start)
    elif implicit != (syntax == IMPLICIT_LITTLE) and start < len(data):
        odd.append("value representations are not as the transfer syntax says")
    little_endian = syntax != EXPLICIT_BIG
    walker = _Walker(data, little_endian)
    pixels, end = walker.walk(start, implicit)
    return Layout(
        data, preamble, syntax, implicit, little_endian, start, end, pixels, tuple(walker.unsound), tuple(odd)
    )


def _read_meta(data: bytes, position: int) -> tuple[str, int]:
    """Return the transfer syntax, "" if unstated, and where the data set begins; group 2 is always explicit little."""
    syntax = ""
    walker = _Walker(data, little_endian=True)
    while position + 8 <= len(data) and data[position : position + 2] == b"\x02\x00":
        element = walker.element(position, implicit=False, limit=len(data))
        if element.length is None:
            raise DamagedFilmError("the file's own description is damaged.", advice=_CUT_SHORT)
        if element.tag == _TRANSFER_SYNTAX:
            raw = data[element.start : element.start + element.length]
            syntax = raw.strip(b"\0 ").decode("ascii", "replace")
            if not re.fullmatch(r"[0-9.]{1,64}", syntax):
                raise DamagedFilmError("its transfer syntax is not a UID.", advice=_CUT_SHORT)
        position = element.start + element.length
    return syntax, position


def stated_object(head: bytes) -> tuple[str, str]:
    """Return SOP Class and Instance UID as the first bytes of a file state them; "" where they do not.

    The data set's own word goes before the file's description: tools that change one forget the other.
    """
    found = dict.fromkeys((*_SOP_CLASS, *_SOP_INSTANCE), "")

    def read(data: bytes, position: int, *, implicit: bool, little_endian: bool, last: int) -> int:
        walker = _Walker(data, little_endian)
        order: Literal["little", "big"] = "little" if little_endian else "big"
        while position + 8 <= len(data) and int.from_bytes(data[position : position + 2], order) <= last >> 16:
            element = walker.element(position, implicit, len(data))
            if element.tag > last or element.length is None:
                break
            if element.tag in found:
                value = data[element.start : element.start + element.length]
                found[element.tag] = value.strip(b"\0 ").decode("ascii", "replace")
            position = element.start + element.length
        return position

    if looks_like_dicom(head):
        start = _DATA_START if head[_PREAMBLE_END:_DATA_START] == b"DICM" else 0
        try:
            read(head, start, implicit=False, little_endian=True, last=0x0002FFFF)
            syntax, start = _read_meta(head, start)
            if syntax == DEFLATED:
                head, start = zlib.decompressobj(-zlib.MAX_WBITS).decompress(head[start:], len(head)), 0
            implicit = _looks_implicit(head, start)
            little_endian = (syntax or _likely_syntax(head, start)) != EXPLICIT_BIG
            read(head, start, implicit=implicit, little_endian=little_endian, last=max(_SOP_INSTANCE))
        except (FilmError, zlib.error):
            pass  # cut short here, or by whoever wrote it: what came before is stated
    return found[_SOP_CLASS[1]] or found[_SOP_CLASS[0]], found[_SOP_INSTANCE[1]] or found[_SOP_INSTANCE[0]]


def _inflated(deflated: bytes) -> bytes:
    """Return the data set of a Deflated file (PS3.5 A.5), never more than our limit of it."""
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        inflated = inflater.decompress(deflated, MAX_INFLATED_BYTES + 1)
    except zlib.error:
        raise DamagedFilmError("its compressed data are damaged.", advice=_CUT_SHORT) from None
    if len(inflated) > MAX_INFLATED_BYTES:
        raise FilmTooLargeError(
            f"it inflates to more than {MAX_INFLATED_BYTES >> 20} MiB.", advice="No radiograph does; do not trust it."
        )
    if not inflater.eof:
        raise DamagedFilmError("its compressed data are cut short.", advice=_CUT_SHORT)
    return inflated


def _looks_implicit(data: bytes, position: int) -> bool:
    """Return whether the element here has no value representation: two capitals can hardly be a length."""
    vr = data[position + 4 : position + 6]
    return not (len(vr) == 2 and vr.isalpha() and vr.isupper())


def _likely_syntax(data: bytes, position: int) -> str:
    """Return the syntax of a data set that states none: big end first, its first group begins with a zero."""
    if _looks_implicit(data, position):
        return IMPLICIT_LITTLE
    return EXPLICIT_BIG if data[position : position + 1] == b"\0" else EXPLICIT_LITTLE


class _Walker:
    """Steps over elements by their lengths, counting them, without recursion."""

    def __init__(self, data: bytes, little_endian: bool) -> None:
        self._data = data
        order = "<" if little_endian else ">"
        self._tag_and_long = struct.Struct(order + "HHL").unpack_from
        self._short = struct.Struct(order + "H").unpack_from
        self._long = struct.Struct(order + "L").unpack_from
        self._count = 0
        self.unsound: list[int] = []

    def walk(self, position: int, implicit: bool) -> tuple[PixelElement | None, int]:
        """Return the pixel data of the top level and where its element begins; all before it is whole."""
        data, begin = self._data, position
        while position < len(data):
            if not any(data[position : position + 8]):
                return None, position  # zeros that pad a file without pixels
            element = self.element(position, implicit, len(data))
            if element.tag in _FLOAT_PIXEL_DATA:
                raise UnsupportedFilmError(
                    "its pixels are floating point numbers.", advice="Export it again with 8 to 16 bit integers."
                )
            if element.tag == _PIXEL_DATA:
                return PixelElement(element.vr.decode(), element.start, element.length), position
            if element.start - begin > MAX_HEADER_BYTES:
                raise FilmTooLargeError(f"its header takes more than {MAX_HEADER_BYTES >> 20} MiB.")
            position = self._past(element, implicit)
        return None, position

    def element(self, position: int, implicit: bool, limit: int) -> _Element:
        """Return the element that begins here, its value within `limit`."""
        self._count += 1
        if self._count > MAX_ELEMENTS:
            raise FilmTooLargeError(f"its header holds more than {MAX_ELEMENTS} elements.")
        data = self._data
        if position + 8 > limit:
            raise DamagedFilmError("it is cut short within its header.", advice=_CUT_SHORT)
        group, number, length = self._tag_and_long(data, position)
        tag, vr, start = group << 16 | number, b"", position + 8
        # Delimiters have no value representation; nor, in some writers' files, have elements (pydicom reads them too).
        if not implicit and group != 0xFFFE and not _looks_implicit(data, position):
            vr = data[position + 4 : position + 6]
            if vr in _LONG_VR:
                if position + 12 > limit:
                    raise DamagedFilmError("it is cut short within its header.", advice=_CUT_SHORT)
                length, start = self._long(data, position + 8)[0], position + 12
            else:
                length = self._short(data, position + 6)[0]
        if length == _UNDEFINED:
            return _Element(tag, vr, start, None)
        if start + length > limit:
            what = "its pixel data are cut short" if tag == _PIXEL_DATA else "it is cut short within its header"
            raise DamagedFilmError(f"{what}: {limit - start} of {length} bytes are there.", advice=_CUT_SHORT)
        return _Element(tag, vr, start, length)

    def _past(self, element: _Element, implicit: bool) -> int:
        """Return the position after an element of the top level, having looked into its sequences."""
        if element.length is None:
            return self._past_items(element, implicit, len(self._data))
        end = element.start + element.length
        if element.length and self._is_sequence(element):
            try:
                self._past_items(element, implicit, end)
            except DamagedFilmError:
                self.unsound.append(element.tag)  # its own length still tells where the next element begins
        return end

    @staticmethod
    def _is_sequence(element: _Element) -> bool:
        if element.vr:
            return element.vr == b"SQ"
        from pydicom.datadict import dictionary_VR  # a picture is told from DICOM here, and needs no pydicom

        try:
            return dictionary_VR(element.tag) == "SQ"
        except KeyError:
            return False

    def _past_items(self, element: _Element, implicit: bool, limit: int) -> int:
        """Return the position after the items of a sequence, or of encapsulated data such as an icon's."""
        # Each level: where it ends (None: at a delimiter), whether it is a list of items, whether it is implicit.
        end = None if element.length is None else element.start + element.length
        bytes_only = element.vr in {b"OB", b"OW"}
        levels: list[tuple[int | None, bool, bool]] = [(end, True, implicit)]
        position = element.start
        while levels:
            end, is_list, implicit = levels[-1]
            bound = limit if end is None else end
            if end is not None and position >= end:
                levels.pop()
                continue
            inner = self.element(position, implicit or is_list, bound)
            if inner.tag == (_SEQUENCE_END if is_list else _ITEM_END) and end is None:
                levels.pop()
                position = inner.start
            elif is_list:
                if inner.tag != _ITEM or (bytes_only and inner.length is None):
                    raise DamagedFilmError("a sequence in its header is damaged.", advice=_CUT_SHORT)
                if bytes_only:
                    position = inner.start + (inner.length or 0)
                    continue
                inner_end = None if inner.length is None else inner.start + inner.length
                levels.append((inner_end, False, implicit or _looks_implicit(self._data, inner.start)))
                position = inner.start
            elif inner.length is None and inner.vr in {b"OB", b"OW"}:
                position = self._past_items(inner, implicit, bound)  # once: fragments hold no elements
            elif inner.length is None or (inner.length and self._is_sequence(inner)):
                inner_end = None if inner.length is None else inner.start + inner.length
                levels.append((inner_end, True, implicit))
                position = inner.start
            else:
                position = inner.start + inner.length
            if len(levels) > 2 * MAX_DEPTH:
                raise FilmTooLargeError(
                    f"its header nests deeper than {MAX_DEPTH} sequences.",
                    advice="Export the film again from its system.",
                )
        return position


def fragments(layout: Layout, pixels: PixelElement) -> bytes:
    """Return the one frame of encapsulated pixel data (PS3.5 A.4): its fragments, joined."""
    data, position = layout.data, pixels.start
    items: list[bytes] = []
    while True:
        if position + 8 > len(data):
            raise DamagedFilmError("its pixel data are cut short: the end marker is missing.", advice=_CUT_SHORT)
        group, number, length = struct.unpack_from("<HHL", data, position)
        tag, position = group << 16 | number, position + 8
        if tag == _SEQUENCE_END:
            break
        if tag != _ITEM or length == _UNDEFINED or position + length > len(data):
            raise DamagedFilmError("its pixel data are cut short or damaged.", advice=_CUT_SHORT)
        items.append(data[position : position + length])
        position += length
        if len(items) > MAX_ELEMENTS:
            raise FilmTooLargeError(f"its pixel data are in more than {MAX_ELEMENTS} fragments.")
    if len(items) < 2 or not any(items[1:]):
        raise DamagedFilmError("it holds no compressed frame.", advice=_CUT_SHORT)
    if len(items[0]) > 4:
        raise NotAFilmError("it holds several frames.", advice="Export the one frame you want as a single image.")
    return items[1] if len(items) == 2 else b"".join(items[1:])
