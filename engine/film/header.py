"""Reading a DICOM header that may lie: absent, empty or nonsensical values come back as such, never as exceptions.

pydicom decodes; its exceptions and warnings, which quote values, stay in here.
"""

import contextlib
import decimal
import io
import logging
import math
import re
import struct
import threading
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

from pydicom.charset import convert_encodings, decode_bytes
from pydicom.datadict import dictionary_has_tag, dictionary_VR, tag_for_keyword
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.errors import BytesLengthException, InvalidDicomError
from pydicom.filebase import DicomBytesIO
from pydicom.filereader import read_dataset
from pydicom.filewriter import correct_ambiguous_vr_element, write_data_element
from pydicom.multival import MultiValue
from pydicom.tag import BaseTag
from pydicom.valuerep import CUSTOMIZABLE_CHARSET_VR, TEXT_VR_DELIMS

from engine.errors import DamagedFilmError
from engine.film.structure import Layout

# All that pydicom 3.0 was seen to raise on damaged values. RuntimeError covers RecursionError and NotImplementedError.
PYDICOM_FAULTS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    BytesLengthException,
    BytesWarning,
    EOFError,
    InvalidDicomError,
    LookupError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    decimal.DecimalException,
    struct.error,
)

_MAX_TEXT = 1024  # PS3.5 table 6.2-1: the longest short text; a longer one is an attack on the screen
_MAX_NUMBERS = 4096  # bytes of numbers: room for every window of any film, not for a million
_DECIMAL = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
_TERM = re.compile(r"[A-Z0-9_ ]{1,16}")
_UID = re.compile(r"[0-9]+(\.[0-9]+)*")
# Announces GB 2312 (PS3.3 C.12.1.1.2, table C.12-4).
_GB_2312 = b"\x1b$)A"
_GB_18030 = "GB18030"  # of DICOM and of Python alike
_CHARACTER_SET = BaseTag(0x00080005)
# Characters that would act on a terminal or turn the text round: C0 and C1 controls, and bidirectional controls.
_ACTING = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
_one_at_a_time = threading.RLock()  # warning filters belong to the process


@contextlib.contextmanager
def quiet_pydicom() -> Iterator[None]:
    """Keep pydicom's warnings and log lines to ourselves: they quote the values they complain about."""
    logger = logging.getLogger("pydicom")
    with _one_at_a_time, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        before, logger.disabled = logger.disabled, True
        try:
            yield
        finally:
            logger.disabled = before


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Header:
    """A data set, read by keyword."""

    dataset: Dataset
    little_endian: bool
    encodings: tuple[str, ...] = ("iso8859",)

    def raw(self, keyword: str) -> bytes:
        """Return an element's bytes as they lie in the file; b"" when absent or a sequence."""
        return self._raw(_tag(keyword))

    def raw_in_group(self, group: int, element: int) -> bytes:
        """Return the bytes of an element of a repeating group."""
        return self._raw(BaseTag(group << 16 | element))

    def vr_in_group(self, group: int, element: int) -> str:
        """Return the VR of an element of a repeating group; "OW" where an implicit file states none (PS3.5 A.1)."""
        found = _as_found(self.dataset, BaseTag(group << 16 | element))
        return str(found.VR or "OW") if found is not None else ""

    def _raw(self, tag: BaseTag) -> bytes:
        return _bytes(_as_found(self.dataset, tag))

    def has(self, keyword: str) -> bool:
        """Return whether the element is there, even if empty."""
        return _tag(keyword) in self.dataset

    def words(self, keyword: str) -> tuple[int, ...]:
        """Return unsigned 16-bit numbers (US, and SS or OW before their sign)."""
        return self.as_words(self.raw(keyword)[:_MAX_NUMBERS])

    def as_words(self, raw: bytes) -> tuple[int, ...]:
        """Return bytes as unsigned 16-bit numbers in the file's byte order."""
        count = len(raw) // 2
        return struct.unpack(f"{'<' if self.little_endian else '>'}{count}H", raw[: 2 * count])

    def word(self, keyword: str) -> int | None:
        """Return a single unsigned 16-bit number, None when absent; DamagedFilmError when it is anything else."""
        raw = self.raw(keyword)
        if not raw:
            return None
        if len(raw) != 2:
            raise DamagedFilmError(f"its {keyword} is not a number.", advice="Export the film again from its system.")
        return self.as_words(raw)[0]

    def numbers(self, keyword: str) -> tuple[float, ...]:
        """Return decimal or integer strings as numbers, NaN for what is not one; () when absent or empty."""
        text = self.raw(keyword)[:_MAX_NUMBERS].decode("ascii", "replace").strip("\0 ")
        if not text:
            return ()
        return tuple(
            float(part) if _DECIMAL.fullmatch(part) else math.nan
            for part in (piece.strip("\0 ") for piece in text.split("\\"))
        )

    def text(self, keyword: str) -> str:
        """Return a text as it may be shown: decoded, without characters that act, cut to a bearable length."""
        return self._decoded(self.raw(keyword))

    def text_in_group(self, group: int, element: int) -> str:
        """Return a text of a repeating group, as `text` does."""
        return self._decoded(self.raw_in_group(group, element))

    def _decoded(self, raw: bytes) -> str:
        raw = raw[: 4 * _MAX_TEXT]
        if not raw:
            return ""
        with quiet_pydicom():
            try:
                text = decode_bytes(raw, self.encodings, set(TEXT_VR_DELIMS))
            except PYDICOM_FAULTS:
                text = raw.decode("ascii", "replace")
        return showable(text)

    def texts(self, keyword: str) -> tuple[str, ...]:
        """Return the values of a multi-valued text."""
        text = self.text(keyword)
        return tuple(part.strip() for part in text.split("\\")) if text else ()

    def term(self, keyword: str) -> str:
        """Return a coded word in capitals (VR CS), or "" for anything longer or freer, which might name somebody."""
        word = self.raw(keyword).decode("ascii", "replace").strip("\0 ").upper()
        return word if _TERM.fullmatch(word) else ""

    def uid(self, keyword: str) -> str:
        """Return a UID, or "" when it is not one: results and files are named after it."""
        uid = self.raw(keyword).decode("ascii", "replace").strip("\0 ")
        return uid if _is_uid(uid) else ""

    def items(self, keyword: str) -> tuple["Header", ...]:
        """Return the items of a sequence; () when absent or damaged."""
        items = _items(self.dataset, _tag(keyword))
        return tuple(Header(item, self.little_endian, self.encodings) for item in items)


def _items(dataset: Dataset, tag: BaseTag) -> tuple[Dataset, ...]:
    """Return the items of a sequence; () when absent or damaged."""
    if tag not in dataset:
        return ()
    with quiet_pydicom():
        try:
            element = dataset[tag]
            return tuple(element.value or ()) if element.VR == "SQ" else ()
        except PYDICOM_FAULTS:
            return ()


def _as_found(dataset: Dataset, tag: BaseTag) -> DataElement | RawDataElement | None:
    """Return an element as it was read; pydicom's own annotation forgets two of the three."""
    try:
        return dataset.get_item(tag)
    except PYDICOM_FAULTS:  # it looks a VR up that there is not
        raise DamagedFilmError(
            "an element of its header is damaged.", advice="Copy the file again from where it came from."
        ) from None


def _bytes(element: DataElement | RawDataElement | None) -> bytes:
    """Return the bytes of an element that nobody has decoded yet."""
    if isinstance(element, RawDataElement) and isinstance(element.value, bytes):
        return element.value
    return b""


def _tag(keyword: str) -> BaseTag:
    tag = tag_for_keyword(keyword)
    assert tag is not None, keyword
    return BaseTag(tag)


def _is_uid(text: str) -> bool:
    return len(text) <= 64 and _UID.fullmatch(text) is not None


def showable(text: str) -> str:
    """Return text that neither acts on what shows it nor widens it beyond measure."""
    text = _ACTING.sub("\N{REPLACEMENT CHARACTER}", text.rstrip("\0 ").lstrip(" "))
    return text if len(text) <= _MAX_TEXT else text[:_MAX_TEXT] + "\N{HORIZONTAL ELLIPSIS}"


def read_header(layout: Layout) -> Header:
    """Return the header of a file whose structure holds."""
    with quiet_pydicom():
        try:
            dataset = read_dataset(
                io.BytesIO(layout.data[layout.header_start : layout.header_end]), layout.implicit, layout.little_endian
            )
        except PYDICOM_FAULTS:
            raise DamagedFilmError(
                "its header is damaged.", advice="Copy the file again from where it came from."
            ) from None
        for tag in layout.unsound:
            dataset.pop(BaseTag(tag), None)
        encodings = _encodings(dataset)
        if "iso_ir_58" in encodings:
            _in_gb_18030(dataset, layout)
            encodings = (_GB_18030,)
        return Header(dataset, layout.little_endian, encodings)


def _in_gb_18030(dataset: Dataset, layout: Layout) -> None:
    """Have text in GB 2312, in sequences too, be GB 18030: the same bytes without the escape that pydicom leaves."""
    for tag in list(dataset.keys()):
        found = _as_found(dataset, tag)
        vr = (found.VR if found is not None else None) or (dictionary_VR(tag) if dictionary_has_tag(tag) else "UN")
        if vr == "SQ":
            for item in _items(dataset, tag):
                if _CHARACTER_SET not in item:
                    _in_gb_18030(item, layout)
        elif isinstance(found, RawDataElement) and tag == _CHARACTER_SET:
            dataset[tag] = found._replace(value=f"{_GB_18030} ".encode())
        elif isinstance(found, RawDataElement) and found.value and vr in CUSTOMIZABLE_CHARSET_VR:
            dataset[tag] = found._replace(value=found.value.replace(_GB_2312, b""))
    dataset.set_original_encoding(layout.implicit, layout.little_endian, [_GB_18030])


def _encodings(dataset: Dataset) -> tuple[str, ...]:
    """Return Python's names of Specific Character Set (0008,0005); Latin 1 for one that does not exist."""
    raw = _bytes(_as_found(dataset, _CHARACTER_SET))
    names = [name.strip("\0 ") for name in raw.decode("ascii", "replace").split("\\")]
    try:
        return tuple(convert_encodings(names))
    except PYDICOM_FAULTS:
        return ("iso8859",)


@dataclass(frozen=True, slots=True)
class PlainHeader:
    """A header as results quote it."""

    data_set: bytes  # explicit little endian, without preamble, group 2, group lengths and pixel data
    left_out: int  # elements that nobody could read


def plain_header(layout: Layout) -> PlainHeader:
    """Return the header in Explicit VR Little Endian; every element left in it can be read, nested ones too."""
    header = read_header(layout)  # of our own: pydicom puts what it decodes in the place of the bytes it read
    dataset = header.dataset
    native = dataset.original_encoding == (False, True)
    encodings = list(header.encodings)
    written, left_out = [], 0
    with quiet_pydicom():
        for tag in sorted(dataset.keys()):
            if tag.element == 0 or tag.group <= 2:
                continue
            out = DicomBytesIO()
            out.is_little_endian, out.is_implicit_VR = True, False
            try:
                raw = _as_found(dataset, tag)
                element = dataset[tag]
                _read_through(element)
                if native and isinstance(raw, RawDataElement) and raw.VR is not None:
                    write_data_element(out, raw, encodings)
                else:
                    write_data_element(out, _writable(element, header), encodings)
            except (*PYDICOM_FAULTS, DamagedFilmError):
                left_out += 1
                continue
            written.append(out.getvalue())
    return PlainHeader(b"".join(written), left_out)


def data_set(plain: bytes) -> Dataset:
    """Return `Source.header` as a pydicom Dataset."""
    return read_dataset(io.BytesIO(plain), False, True)


def _read_through(element: DataElement) -> None:
    """Decode an element and all within it, so that nobody after us meets a value that cannot be."""
    if element.VR == "SQ":
        for item in element.value or ():
            for inner in item:
                _read_through(inner)
        return
    if isinstance(element.value, bytes):
        return
    str(element.value)
    values = element.value if isinstance(element.value, MultiValue) else [element.value]
    if element.VR in {"DS", "IS"} and any(isinstance(value, str) and value.strip("\0 ") for value in values):
        raise ValueError("not a number")  # pydicom warns, and hands out the text
    if element.VR == "UI" and not all(_is_uid(str(value)) for value in values if value):
        raise ValueError("not a UID")


def _writable(element: DataElement, header: Header) -> DataElement:
    """Return an element with its VR settled and its words little endian: pydicom leaves OW as it lies in the file."""
    if " or " in element.VR:
        settled = correct_ambiguous_vr_element(element, header.dataset, header.little_endian)
        assert isinstance(settled, DataElement)
        element = settled
    if header.little_endian:
        return element
    if element.VR == "SQ":
        for item in element.value or ():
            for inner in list(item):
                item[inner.tag] = _writable(inner, Header(item, header.little_endian))
    elif element.VR == "OW" and isinstance(element.value, bytes):
        words = len(element.value) // 2
        swapped = struct.pack(f"<{words}H", *struct.unpack(f">{words}H", element.value[: 2 * words]))
        return DataElement(element.tag, "OW", swapped)
    return element
