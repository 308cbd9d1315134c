"""Films for tests: a DICOM writer for awkward headers, in every syntax that needs no codec.

dataset = dicom_film(photometric="MONOCHROME1", bits_stored=10, signed=True, PixelSpacing=[0.2, 0.2])
radiograph = radiograph_from_dicom(dicom_bytes(dataset), Path("film.dcm"), "")
"""

import hashlib
import struct
import warnings
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import correct_ambiguous_vr_element, write_data_element
from pydicom.tag import BaseTag

from engine.film.dicom import radiograph_from_dicom
from engine.film.radiograph import Radiograph

IMPLICIT_LITTLE = "1.2.840.10008.1.2"
EXPLICIT_LITTLE = "1.2.840.10008.1.2.1"
ENCAPSULATED_NATIVE = "1.2.840.10008.1.2.1.98"
DEFLATED = "1.2.840.10008.1.2.1.99"
EXPLICIT_BIG = "1.2.840.10008.1.2.2"
RLE = "1.2.840.10008.1.2.5"
NATIVE_SYNTAXES = (IMPLICIT_LITTLE, EXPLICIT_LITTLE, EXPLICIT_BIG, DEFLATED)

CR = "1.2.840.10008.5.1.4.1.1.1"
DX = "1.2.840.10008.5.1.4.1.1.1.1"
DX_FOR_PROCESSING = "1.2.840.10008.5.1.4.1.1.1.1.1"
SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
XA = "1.2.840.10008.5.1.4.1.1.12.1"
RF = "1.2.840.10008.5.1.4.1.1.12.2"

SENTINEL = "SENTINEL^PATIENT"  # planted where a patient's data are; must turn up nowhere else


def thorax(rows: int = 96, columns: int = 80, bits: int = 12, *, signed: bool = False) -> NDArray[np.integer]:
    """Return something like a chest: bright body, two dark lungs, a heart, using the whole range of the bits."""
    y, x = np.mgrid[0:rows, 0:columns]
    y, x = (y + 0.5) / rows, (x + 0.5) / columns
    grey = 0.55 + 0.35 * np.exp(-(((x - 0.5) / 0.08) ** 2))
    for center in (0.28, 0.72):
        grey -= 0.5 * np.exp(-((((x - center) / 0.16) ** 2 + ((y - 0.45) / 0.3) ** 2) ** 2))
    grey += 0.2 * np.exp(-(((x - 0.58) / 0.12) ** 2 + ((y - 0.65) / 0.15) ** 2))
    grey += 0.02 * np.sin(40 * x) * np.cos(30 * y)
    unit = (grey - grey.min()) / (grey.max() - grey.min())
    top = (1 << bits) - 1
    values = np.rint(unit * top).astype(np.int64)
    stored: NDArray[np.integer] = values - (1 << (bits - 1)) if signed else values
    return stored.astype(np.int16 if signed else np.uint16)


def dicom_film(
    values: NDArray[np.integer] | None = None,
    *,
    sop_class: str = DX,
    photometric: str = "MONOCHROME2",
    lut_shape: str | None = None,
    bits_stored: int = 12,
    bits_allocated: int | None = None,
    high_bit: int | None = None,
    signed: bool = False,
    window: tuple[float, float] | None = None,
    **elements: Any,
) -> Dataset:
    """Return the data set of a film; `elements` are further attributes by keyword, None takes one out.

    `values` are stored values, (rows, columns) or (rows, columns, 3); they are moved under `high_bit` here.
    """
    if values is None:
        values = thorax(bits=bits_stored, signed=signed)
    bits_allocated = bits_allocated or (8 if bits_stored <= 8 else 16)
    high_bit = bits_stored - 1 if high_bit is None else high_bit
    film = Dataset()
    film.SOPClassUID = sop_class
    film.SOPInstanceUID = "1.2.826.0.1.3680043.10.1466.1.1"
    film.StudyInstanceUID = "1.2.826.0.1.3680043.10.1466.1"
    film.SeriesInstanceUID = "1.2.826.0.1.3680043.10.1466.1.2"
    film.Modality = {CR: "CR", XA: "XA", RF: "RF", SECONDARY_CAPTURE: "OT"}.get(sop_class, "DX")
    film.PatientName = SENTINEL
    film.PatientID = "SENTINEL-ID"
    film.PatientBirthDate = "19500101"
    film.PatientSex = "O"
    film.StudyDate = "20260102"
    film.StudyTime = "030405"
    film.AccessionNumber = "SENTINEL-ACC"
    film.StudyID = "1"
    film.SeriesNumber = 1
    film.InstanceNumber = 1
    film.BodyPartExamined = "CHEST"
    film.ViewPosition = "PA"
    film.PatientOrientation = ["L", "F"]
    film.SamplesPerPixel = 3 if values.ndim == 3 else 1
    film.PhotometricInterpretation = photometric
    if values.ndim == 3:
        film.PlanarConfiguration = 0
    film.Rows, film.Columns = values.shape[:2]
    film.BitsAllocated, film.BitsStored, film.HighBit = bits_allocated, bits_stored, high_bit
    film.PixelRepresentation = int(signed)
    if lut_shape is not None:
        film.PresentationLUTShape = lut_shape
    if window is not None:
        film.WindowCenter, film.WindowWidth = (str(value) for value in window)
    set_pixels(film, cells_of(values, bits_allocated, bits_stored, high_bit))
    for keyword, value in elements.items():
        set_element(film, keyword, value)
    return film


def cells_of(values: NDArray[np.integer], bits_allocated: int, bits_stored: int, high_bit: int) -> NDArray[np.integer]:
    """Return allocated words with the values under their high bit, every other bit zero."""
    bits = values.astype(np.int64) & ((1 << bits_stored) - 1)
    cells: NDArray[np.integer] = (bits << (high_bit + 1 - bits_stored)).astype(f"u{bits_allocated // 8}")
    return cells


def set_pixels(film: Dataset, cells: NDArray[np.integer]) -> None:
    """Put allocated words, (rows, columns[, samples]), into Pixel Data; `dicom_bytes` puts them in order."""
    raw = np.ascontiguousarray(cells, dtype=cells.dtype.newbyteorder("<")).tobytes()
    film.add_new(0x7FE00010, "OB" if cells.itemsize == 1 else "OW", raw + b"\0" * (len(raw) % 2))


def set_element(film: Dataset, keyword: str, value: Any) -> None:
    """Set an attribute, whatever its value; bytes go in as they are, None takes the attribute out."""
    tag = tag_for_keyword(keyword)
    assert tag is not None, keyword
    if value is None:
        film.pop(BaseTag(tag), None)
    elif isinstance(value, bytes) and keyword not in {"PixelData", "LUTData"}:
        set_raw(film, keyword, value)
    else:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a value that breaks the standard is the point of the test
            setattr(film, keyword, value)


def set_raw(film: Dataset, keyword: str, raw: bytes, vr: str | None = None) -> None:
    """Set an attribute to bytes that pydicom would not write, such as Pixel Spacing "abc"."""
    tag = tag_for_keyword(keyword)
    assert tag is not None, keyword
    padded = raw + b" " * (len(raw) % 2)
    vr = vr or dictionary_VR(tag)
    film.pop(BaseTag(tag), None)
    film[BaseTag(tag)] = RawDataElement(BaseTag(tag), vr, len(padded), padded, 0, False, True)


def lut_item(
    first: int, entries: NDArray[np.integer], bits: int, explanation: str = "", *, signed: bool = False
) -> Dataset:
    """Return an item of a Modality or VOI LUT Sequence."""
    item = Dataset()
    vr = "SS" if signed else "US"
    count = len(entries) & 0xFFFF
    if signed and count > 0x7FFF:
        count -= 0x10000
    item.add_new(0x00283002, vr, [count, first, bits])
    if explanation:
        item.LUTExplanation = explanation
    item.add_new(0x00283006, "OW", entries.astype("<u2").tobytes())
    return item


def add_overlay(
    film: Dataset, bitmap: NDArray[np.bool_], *, group: int = 0x6000, origin: tuple[int, int] = (1, 1), label: str = ""
) -> None:
    """Add an overlay plane of its own; origin is row and column, counted from 1."""
    packed = np.packbits(bitmap.ravel(), bitorder="little").tobytes()
    _overlay_module(film, group, bitmap.shape, origin, label, bits_allocated=1, bit_position=0)
    film.add_new(group << 16 | 0x3000, "OW", packed + b"\0" * (len(packed) % 2))


def embed_overlay(film: Dataset, bitmap: NDArray[np.bool_], bit: int, *, group: int = 0x6000, label: str = "") -> None:
    """Hide an overlay plane in an unused bit of Pixel Data."""
    cells = np.frombuffer(film.PixelData, dtype="<u2").reshape(bitmap.shape) | (bitmap.astype(np.uint16) << bit)
    set_pixels(film, cells.astype(np.uint16))
    _overlay_module(film, group, bitmap.shape, (1, 1), label, bits_allocated=16, bit_position=bit)


def _overlay_module(
    film: Dataset,
    group: int,
    shape: tuple[int, ...],
    origin: tuple[int, int],
    label: str,
    *,
    bits_allocated: int,
    bit_position: int,
) -> None:
    base = group << 16
    film.add_new(base | 0x0010, "US", shape[0])
    film.add_new(base | 0x0011, "US", shape[1])
    film.add_new(base | 0x0040, "CS", "G")
    film.add_new(base | 0x0050, "SS", list(origin))
    film.add_new(base | 0x0100, "US", bits_allocated)
    film.add_new(base | 0x0102, "US", bit_position)
    if label:
        film.add_new(base | 0x1500, "LO", label)


def dicom_bytes(
    film: Dataset,
    transfer_syntax: str = EXPLICIT_LITTLE,
    *,
    codestream: bytes | None = None,
    preamble: bytes = bytes(128),
    trailing: bytes = b"",
) -> bytes:
    """Return the file: native, deflated and RLE syntaxes are encoded here, others take the frame's `codestream`."""
    body = DicomBytesIO()
    body.is_little_endian = transfer_syntax != EXPLICIT_BIG
    body.is_implicit_VR = transfer_syntax == IMPLICIT_LITTLE
    pixels = film.get_item(0x7FE00010)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for tag in sorted(tag for tag in list(film.keys()) if tag != 0x7FE00010):
            element: DataElement | RawDataElement = film.get_item(tag)  # raw ones go out as they are, however wrong
            if " or " in (element.VR or ""):
                element = correct_ambiguous_vr_element(element, film, body.is_little_endian)
            write_data_element(body, element, ["utf8"])
    data = body.getvalue()
    if pixels is not None:
        data += _pixel_element(film, pixels, transfer_syntax, codestream)
    data += trailing
    if transfer_syntax == DEFLATED:
        deflater = zlib.compressobj(wbits=-zlib.MAX_WBITS)
        data = deflater.compress(data) + deflater.flush()
        data += b"\0" * (len(data) % 2)
    return preamble + b"DICM" + file_meta(film.get("SOPClassUID", CR), transfer_syntax) + data


def file_meta(sop_class: str, transfer_syntax: str) -> bytes:
    """Return group 2 of a file."""
    elements = b"".join(
        _explicit(0x0002, element, vr, value)
        for element, vr, value in (
            (0x0001, b"OB", b"\0\1"),
            (0x0002, b"UI", sop_class.encode()),
            (0x0003, b"UI", b"1.2.826.0.1.3680043.10.1466.1.1"),
            (0x0010, b"UI", transfer_syntax.encode()),
            (0x0012, b"UI", b"1.2.826.0.1.3680043.10.1466.9"),
        )
    )
    return _explicit(0x0002, 0x0000, b"UL", struct.pack("<L", len(elements))) + elements


def _explicit(group: int, element: int, vr: bytes, value: bytes) -> bytes:
    value += b"\0" * (len(value) % 2)
    length = struct.pack("<HL", 0, len(value)) if vr == b"OB" else struct.pack("<H", len(value))
    return struct.pack("<HH", group, element) + vr + length + value


def _pixel_element(film: Dataset, pixels: DataElement, transfer_syntax: str, codestream: bytes | None) -> bytes:
    raw: bytes = pixels.value
    wide = film.get("BitsAllocated") != 8
    if transfer_syntax == IMPLICIT_LITTLE:
        return struct.pack("<HHL", 0x7FE0, 0x0010, len(raw)) + raw
    if transfer_syntax == EXPLICIT_BIG:
        # 8-bit pixels go out as OW here, which is what makes them awkward: their bytes are swapped in pairs.
        swapped = np.frombuffer(raw, dtype="<u2").byteswap().tobytes()
        return struct.pack(">HH2sHL", 0x7FE0, 0x0010, b"OW", 0, len(swapped)) + swapped
    if transfer_syntax in {EXPLICIT_LITTLE, DEFLATED}:
        return struct.pack("<HH2sHL", 0x7FE0, 0x0010, b"OW" if wide else b"OB", 0, len(raw)) + raw
    if transfer_syntax == RLE:
        codestream = rle_frame(film, raw)
    elif transfer_syntax == ENCAPSULATED_NATIVE:
        codestream = raw
    assert codestream is not None, "this syntax needs a codestream"
    return struct.pack("<HH2sHL", 0x7FE0, 0x0010, b"OB", 0, 0xFFFFFFFF) + encapsulated(codestream)


def encapsulated(*fragments: bytes) -> bytes:
    """Return fragments as items, after an empty offset table and before the end marker."""
    items = b"".join(
        struct.pack("<HHL", 0xFFFE, 0xE000, len(fragment) + len(fragment) % 2) + fragment + b"\0" * (len(fragment) % 2)
        for fragment in (b"", *fragments)
    )
    return items + struct.pack("<HHL", 0xFFFE, 0xE0DD, 0)


def rle_frame(film: Dataset, raw: bytes) -> bytes:
    """Return native pixels as an RLE frame by pydicom's own encoder, one that we did not write."""
    from pydicom.pixels.encoders.base import RLELosslessEncoder

    frame = RLELosslessEncoder.encode(
        raw[: film.Rows * film.Columns * film.SamplesPerPixel * film.BitsAllocated // 8],
        rows=film.Rows,
        columns=film.Columns,
        samples_per_pixel=film.SamplesPerPixel,
        photometric_interpretation=film.PhotometricInterpretation,
        bits_allocated=film.BitsAllocated,
        bits_stored=film.BitsAllocated,
        pixel_representation=0,
        number_of_frames=1,
        planar_configuration=0,
        encoding_plugin="pydicom",
    )
    return bytes(frame)


def write_film(
    path: Path, film: Dataset | None = None, transfer_syntax: str = EXPLICIT_LITTLE, /, **elements: Any
) -> Path:
    """Write a film to a file and return its path; `elements` as for `dicom_film`."""
    film = dicom_film(**elements) if film is None else film
    path.write_bytes(dicom_bytes(film, transfer_syntax))
    return path


def read_film(
    film: Dataset | bytes | None = None, transfer_syntax: str = EXPLICIT_LITTLE, /, **elements: Any
) -> Radiograph:
    """Return the radiograph that reading makes of a film, its file's bytes, or the arguments of `dicom_film`."""
    if film is None:
        film = dicom_film(**elements)
    data = film if isinstance(film, bytes) else dicom_bytes(film, transfer_syntax)
    return radiograph_from_dicom(data, Path("film.dcm"), hashlib.sha256(data).hexdigest())
