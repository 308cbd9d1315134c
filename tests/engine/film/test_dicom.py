"""DICOM files as wholes: what is refused and how, headers that lie, and the header that results quote."""

import hashlib
import io
import logging
import struct
import warnings
from dataclasses import FrozenInstanceError, replace
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset

from engine.errors import DamagedFilmError, FilmError, FilmTooLargeError, NotAFilmError, UnsupportedFilmError
from engine.film import structure
from engine.film.header import data_set
from engine.film.radiograph import NoteCode, Source
from engine.film.reading import read_radiograph
from tests.phantom import (
    CR,
    DEFLATED,
    EXPLICIT_BIG,
    EXPLICIT_LITTLE,
    IMPLICIT_LITTLE,
    NATIVE_SYNTAXES,
    SENTINEL,
    add_overlay,
    dicom_bytes,
    dicom_film,
    encapsulated,
    file_meta,
    lut_item,
    read_film,
    thorax,
    write_film,
)

CT = "1.2.840.10008.5.1.4.1.1.2"


# --- kinds of file ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data", [b"", b"\0", bytes(131), bytes(1000), b"hello" * 100, b"\x89PNG\r\n\x1a\n" + bytes(200)]
)
def test_what_is_no_dicom_is_refused(data: bytes) -> None:
    assert not structure.looks_like_dicom(data)
    with pytest.raises(NotAFilmError, match=r"^film\.dcm: not a DICOM file"):
        read_film(data)


@pytest.mark.parametrize(
    ("sop_class", "kind"),
    [
        (CT, "CT Image Storage"),
        ("1.2.840.10008.5.1.4.1.1.4", "MR Image Storage"),
        ("1.2.840.10008.5.1.4.1.1.66.4", "Segmentation Storage"),
        ("1.2.840.10008.5.1.4.1.1.12.1.1", "Enhanced XA"),
        ("1.2.840.10008.1.3.10", "Media Storage Directory"),
        ("1.2.3.4.5", "private or unknown"),
    ],
)
def test_other_objects_are_refused_by_name(sop_class: str, kind: str) -> None:
    with pytest.raises(NotAFilmError, match=kind) as caught:
        read_film(sop_class=sop_class)
    assert caught.value.advice


def test_an_object_without_an_image_is_refused() -> None:
    with pytest.raises(NotAFilmError, match="no image"):
        read_film(dicom_film(PixelData=None, Rows=None))


def test_a_film_of_unstated_kind_is_read_and_said() -> None:
    film = read_film(SOPClassUID=None)
    assert np.array_equal(film.stored, thorax())
    assert film.has_note(NoteCode.HEADER_ODD)


@pytest.mark.parametrize("transfer_syntax", [EXPLICIT_LITTLE, IMPLICIT_LITTLE])
def test_a_file_without_preamble_or_meta_is_read(transfer_syntax: str) -> None:
    data = dicom_bytes(dicom_film(), transfer_syntax)
    bare = data[132 + len(file_meta(dicom_film().SOPClassUID, transfer_syntax)) :]
    for begin in (data[132:], bare):
        assert structure.looks_like_dicom(begin)
        assert np.array_equal(read_film(begin).stored, thorax())


def test_a_syntax_that_is_not_the_files_is_seen_through_and_said() -> None:
    data = dicom_bytes(dicom_film(), EXPLICIT_LITTLE)
    lying = data.replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2\0\0\0")
    film = read_film(lying)
    assert np.array_equal(film.stored, thorax())
    assert film.has_note(NoteCode.HEADER_ODD)


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2.4.100", "1.2.840.10008.1.2.4.94", "1.2.3", "1.2.840.113619.5.2"])
def test_a_syntax_that_we_do_not_read_is_refused(syntax: str) -> None:
    with pytest.raises(UnsupportedFilmError, match=r"^film\.dcm: "):
        read_film(dicom_bytes(dicom_film(thorax(16, 12)), syntax, codestream=bytes(100)))


def test_a_syntax_that_is_no_uid_is_refused_without_being_quoted() -> None:
    data = dicom_bytes(dicom_film()).replace(b"1.2.840.10008.1.2.1\0", b"SENTINEL^PATIENT^^^^")
    with pytest.raises(DamagedFilmError, match="not a UID") as caught:
        read_film(data)
    assert "SENTINEL" not in str(caught.value)


def test_a_float_film_is_refused() -> None:
    film = dicom_film(PixelData=None)
    film.add_new(0x7FE00008, "OF", bytes(96 * 80 * 4))
    with pytest.raises(UnsupportedFilmError, match="floating point"):
        read_film(film)


# --- bombs -----------------------------------------------------------------------------------------------------------


def test_a_deflate_bomb_is_refused_before_it_has_unfolded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(structure, "MAX_INFLATED_BYTES", 1 << 20)
    data = dicom_bytes(dicom_film(), DEFLATED, trailing=bytes(4 << 20))
    assert len(data) < 50_000
    with pytest.raises(FilmTooLargeError, match="inflates"):
        read_film(data)


def test_a_damaged_deflate_stream_is_refused() -> None:
    data = dicom_bytes(dicom_film(), DEFLATED)
    with pytest.raises(DamagedFilmError, match="compressed data"):
        read_film(data[:-2000] + b"\xff" * 2000)


def nested(depth: int, *, defined: bool) -> bytes:
    """Return a sequence in a sequence in a sequence."""
    tag = struct.pack("<HH", 0x0008, 0x1140)
    if not defined:
        begin = tag + b"SQ\0\0\xff\xff\xff\xff" + struct.pack("<HHL", 0xFFFE, 0xE000, 0xFFFFFFFF)
        end = struct.pack("<HHL", 0xFFFE, 0xE00D, 0) + struct.pack("<HHL", 0xFFFE, 0xE0DD, 0)
        return begin * depth + end * depth
    inner = b""
    for _ in range(depth):
        item = struct.pack("<HHL", 0xFFFE, 0xE000, len(inner)) + inner
        inner = tag + b"SQ\0\0" + struct.pack("<L", len(item)) + item
    return inner


def with_element(element: bytes, **elements: Any) -> bytes:
    """Return a film with more bytes at the head of its header."""
    data = dicom_bytes(dicom_film(SOPClassUID=None, SOPInstanceUID=None, **elements))
    at = 132 + len(file_meta(CR, EXPLICIT_LITTLE))
    return data[:at] + element + data[at:]


@pytest.mark.parametrize("defined", [False, True])
def test_a_recursion_bomb_is_refused(defined: bool) -> None:
    with pytest.raises(FilmTooLargeError, match="nests"):
        read_film(with_element(nested(500, defined=defined)))


@pytest.mark.parametrize("defined", [False, True])
def test_an_ordinary_depth_is_read(defined: bool) -> None:
    film = read_film(with_element(nested(12, defined=defined)))
    assert np.array_equal(film.stored, thorax())


def test_a_million_elements_are_refused() -> None:
    empty = b"".join(struct.pack("<HH2sH", 0x0009, number, b"LO", 0) for number in range(0x1000, 0x2000))
    with pytest.raises(FilmTooLargeError, match="elements"):
        read_film(with_element(empty * 30))


def test_a_damaged_sequence_costs_only_itself() -> None:
    broken = (
        struct.pack("<HH", 0x0008, 0x1140)
        + b"SQ\0\0"
        + struct.pack("<L", 20)
        + b"\xfe\xff\x00\xe0\xff\0\0\0"
        + bytes(12)
    )
    film = read_film(with_element(broken))
    assert np.array_equal(film.stored, thorax())
    assert film.has_note(NoteCode.HEADER_ODD)
    assert "ReferencedImageSequence" not in data_set(film.source.header)


def icon() -> Dataset:
    item = Dataset()
    item.Rows = item.Columns = 4
    item.add_new(0x7FE00010, "OB", bytes(16))
    return item


@pytest.mark.parametrize("transfer_syntax", NATIVE_SYNTAXES)
def test_an_icon_is_not_taken_for_the_film(transfer_syntax: str) -> None:
    film = dicom_film(IconImageSequence=[icon()])
    read = read_film(film, transfer_syntax)
    assert np.array_equal(read.stored, thorax())


def test_an_encapsulated_icon_is_stepped_over() -> None:
    pixels = struct.pack("<HH", 0x7FE0, 0x0010) + b"OB\0\0\xff\xff\xff\xff" + encapsulated(bytes(20), bytes(6))
    item = struct.pack("<HHL", 0xFFFE, 0xE000, 0xFFFFFFFF) + pixels + struct.pack("<HHL", 0xFFFE, 0xE00D, 0)
    sequence = (
        struct.pack("<HH", 0x0088, 0x0200) + b"SQ\0\0\xff\xff\xff\xff" + item + struct.pack("<HHL", 0xFFFE, 0xE0DD, 0)
    )
    data = dicom_bytes(dicom_film())
    at = data.rindex(b"\xe0\x7f\x10\x00OW\0\0")
    assert np.array_equal(read_film(data[:at] + sequence + data[at:]).stored, thorax())


def test_what_follows_the_pixels_is_of_no_concern() -> None:
    data = dicom_bytes(dicom_film())
    for trailing in (bytes(512), b"\xfc\xff\xfc\xffOB\0\0\x04\0\0\0abcd", b"garbage"):
        assert np.array_equal(read_film(data + trailing).stored, thorax())


# --- every fault is ours, and quiet ----------------------------------------------------------------------------------


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_a_mutated_film_is_whole_or_refused_by_us(data: st.DataObject) -> None:
    syntax = data.draw(st.sampled_from(MUTANTS_OF))
    film = bytearray(SEEDS[syntax])
    for _ in range(data.draw(st.integers(1, 6))):
        film[data.draw(st.integers(0, len(film) - 1))] = data.draw(st.integers(0, 255))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            read_film(bytes(film))
        except FilmError as error:
            refusal = str(error)
        else:
            refusal = ""
    assert "SENTINEL" not in refusal


MUTANTS_OF = (EXPLICIT_LITTLE, IMPLICIT_LITTLE, EXPLICIT_BIG)


def _seed(syntax: str) -> bytes:
    film = dicom_film(
        thorax(8, 6),
        window=(100, 200),
        VOILUTSequence=[lut_item(0, np.arange(64, dtype=np.uint16), 8)],
        PixelSpacing=[0.2, 0.2],
        ImagerPixelSpacing=[0.2, 0.2],
    )
    add_overlay(film, np.eye(8, 6, dtype=bool))
    return dicom_bytes(film, syntax)


SEEDS = {syntax: _seed(syntax) for syntax in MUTANTS_OF}


def test_reading_says_nothing_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        read_film(SpecificCharacterSet=b"SENTINEL", PatientBirthDate=b"SENTINEL", WindowCenter=b"SENTINEL")
        with pytest.raises(FilmError):
            read_film(Rows=b"SENTINEL", PatientName=b"SENTINEL\xff\xfe")
    assert caplog.text == ""
    assert not logging.getLogger("pydicom").disabled


def test_a_refusal_carries_no_traceback_of_what_it_read() -> None:
    with pytest.raises(FilmError) as caught:
        read_film(Rows=b"SENTINEL")
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


# --- the source ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("transfer_syntax", NATIVE_SYNTAXES)
def test_the_header_is_kept_in_explicit_little_endian_without_pixels(transfer_syntax: str) -> None:
    entries = np.arange(4096, dtype=np.uint16)
    film = dicom_film(
        WindowCenter=["1", "2"], PixelPaddingValue=7, VOILUTSequence=[lut_item(0, entries, 12)], PixelSpacing=[0.2, 0.2]
    )
    add_overlay(film, np.eye(96, 80, dtype=bool))
    if transfer_syntax == EXPLICIT_BIG:
        # Whoever writes words in a big endian file swaps them.
        swapped = np.frombuffer(film[0x60003000].value, dtype="<u2").byteswap().tobytes()
        film[0x60003000].value = swapped
        film.VOILUTSequence[0].LUTData = entries.astype(">u2").tobytes()
    read = read_film(film, transfer_syntax)
    kept = data_set(read.source.header)
    assert "PixelData" not in kept
    assert kept.PatientName == SENTINEL
    assert kept.SOPClassUID == film.SOPClassUID
    assert kept.Rows == 96
    assert list(kept.PixelSpacing) == [0.2, 0.2]
    assert kept.PixelPaddingValue == 7
    item = kept.VOILUTSequence[0]
    assert list(item.LUTDescriptor) == [4096, 0, 12]
    assert np.array_equal(np.frombuffer(item.LUTData, dtype="<u2"), entries)
    assert np.array_equal(kept.overlay_array(0x6000), np.eye(96, 80))


def test_the_kept_header_can_be_written_again() -> None:
    read = read_film(PixelSpacing=[0.2, 0.2], ReferencedImageSequence=[icon()])
    kept = data_set(read.source.header)
    out = DicomBytesIO()
    out.is_little_endian, out.is_implicit_VR = True, False
    write_dataset(out, kept)
    assert out.getvalue() == read.source.header


def test_elements_that_nobody_could_read_are_left_out_of_the_kept_header_and_said() -> None:
    film = read_film(WindowCenter=b"SENTINEL", SeriesNumber=b"number one", StudyInstanceUID=b"../../etc")
    kept = data_set(film.source.header)
    for keyword in ("WindowCenter", "SeriesNumber", "StudyInstanceUID"):
        assert keyword not in kept
    assert film.has_note(NoteCode.HEADER_ODD)
    for element in kept.iterall():
        assert str(element.value) is not None


def test_the_source_knows_the_file(tmp_path: Path) -> None:
    path = write_film(tmp_path / "one.dcm")
    film = read_film(path.read_bytes())
    assert film.source.kind == "DICOM"
    assert film.source.modality == "DX"
    assert film.source.transfer_syntax == EXPLICIT_LITTLE
    assert film.source.study_instance_uid == "1.2.826.0.1.3680043.10.1466.1"
    assert len(film.source.file_sha256) == len(film.source.pixel_sha256) == 64


def test_the_test_writer_writes_what_pydicom_reads() -> None:
    """The phantom is our own work, so it is checked against another reader."""
    for syntax in NATIVE_SYNTAXES:
        read = pydicom.dcmread(io.BytesIO(dicom_bytes(dicom_film(window=(1, 2)), syntax)))
        assert read.file_meta.TransferSyntaxUID == syntax
        assert np.array_equal(read.pixel_array, thorax())


def test_hashes_are_worked_out_when_asked_for_and_once() -> None:
    asked = []

    def work() -> str:
        asked.append(1)
        return "a" * 64

    source = Source(Path("film.dcm"), work, work, "DICOM")
    assert not asked
    assert source.file_sha256 == source.file_sha256 == "a" * 64
    assert len(asked) == 1
    assert replace(source, file_sha256="b").file_sha256 == "b"
    assert source == Source(Path("film.dcm"), "a" * 64, "a" * 64, "DICOM")
    with pytest.raises(FrozenInstanceError):
        source.file_sha256 = "c"  # type: ignore[misc]


def test_a_film_knows_the_hash_of_its_file(tmp_path: Path) -> None:
    path = write_film(tmp_path / "film.dcm")
    assert read_radiograph(path).source.file_sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
