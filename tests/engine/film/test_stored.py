"""Stored values: every width, sign and place of the bits, in every syntax that needs no codec, and colour."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from engine.errors import DamagedFilmError, FilmError, FilmTooLargeError, NotAFilmError, UnsupportedFilmError
from engine.film import stored as stored_pixels
from engine.film.radiograph import NoteCode
from tests.phantom import (
    DEFLATED,
    ENCAPSULATED_NATIVE,
    EXPLICIT_BIG,
    EXPLICIT_LITTLE,
    IMPLICIT_LITTLE,
    NATIVE_SYNTAXES,
    RLE,
    SECONDARY_CAPTURE,
    dicom_bytes,
    dicom_film,
    encapsulated,
    read_film,
    set_pixels,
    thorax,
)

SYNTAXES = (*NATIVE_SYNTAXES, ENCAPSULATED_NATIVE, RLE)
# Stored, allocated, high bit: at the bottom, in the middle, at the top.
PLACES = [
    *[(bits, 16, bits - 1) for bits in range(8, 17)],
    *[(bits, 16, 15) for bits in range(8, 16)],
    (10, 16, 12),
    (12, 16, 13),
    (8, 8, 7),
    (7, 8, 6),
    (6, 8, 7),
]


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize(("bits", "allocated", "high_bit"), PLACES)
@pytest.mark.parametrize("transfer_syntax", [EXPLICIT_LITTLE, EXPLICIT_BIG])
def test_bits_are_cut_out_and_signed(
    bits: int, allocated: int, high_bit: int, signed: bool, transfer_syntax: str
) -> None:
    stored = thorax(22, 17, bits, signed=signed)
    film = dicom_film(
        stored, bits_stored=bits, bits_allocated=allocated, high_bit=high_bit, signed=signed, PatientOrientation=None
    )
    read = read_film(film, transfer_syntax)
    assert np.array_equal(read.stored, stored)
    assert read.stored.dtype == (np.int16 if signed else np.uint8 if bits <= 8 else np.uint16)
    assert read.bits_stored == bits
    assert not read.stored.flags.writeable


@pytest.mark.parametrize("shape", [(22, 17), (1, 1), (3, 1), (1, 3), (5, 8)])
@pytest.mark.parametrize("bits", [8, 12, 16])
def test_every_syntax_gives_the_same_film(shape: tuple[int, int], bits: int) -> None:
    stored = np.random.default_rng(7).integers(0, 1 << bits, shape).astype(np.uint16)
    films = [read_film(dicom_film(stored, bits_stored=bits), syntax) for syntax in SYNTAXES]
    for film, syntax in zip(films, SYNTAXES, strict=True):
        assert np.array_equal(film.stored, stored)
        assert film.source.transfer_syntax == syntax
    assert len({film.source.pixel_sha256 for film in films}) == 1


def test_the_pixel_hash_knows_type_shape_and_values() -> None:
    stored = thorax(bits=8)
    hashes = {
        read_film(values=stored, bits_stored=8).source.pixel_sha256,
        read_film(values=stored, bits_stored=9).source.pixel_sha256,
        read_film(values=stored, bits_stored=12, signed=True).source.pixel_sha256,
        read_film(values=stored.reshape(stored.shape[::-1]), bits_stored=8).source.pixel_sha256,
        read_film(values=stored[::-1], bits_stored=8).source.pixel_sha256,
    }
    assert len(hashes) == 5
    assert (
        read_film(values=stored, bits_stored=8, bits_allocated=16).source.pixel_sha256
        == read_film(values=stored, bits_stored=8, bits_allocated=8).source.pixel_sha256
    )


def test_bits_above_those_stored_are_masked_and_said() -> None:
    film = dicom_film()
    set_pixels(film, thorax().astype(np.uint16) | 0xA000)
    read = read_film(film)
    assert np.array_equal(read.stored, thorax())
    assert read.has_note(NoteCode.HEADER_ODD)


def test_a_radiograph_does_not_change_with_the_bytes_it_was_read_from() -> None:
    data = bytearray(dicom_bytes(dicom_film(bits_stored=16)))
    read = read_film(bytes(data))
    before = read.stored.copy()
    data[-200:] = bytes(200)
    assert np.array_equal(read.stored, before)
    with pytest.raises(ValueError, match="read-only"):
        read.stored[0, 0] = 0


COLOURS = np.array(
    [[[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255]], [[0, 0, 0], [9, 9, 9], [200, 100, 50], [1, 2, 3]]]
)
LUMA = np.rint(COLOURS @ np.array([0.299, 0.587, 0.114])).astype(np.uint8)


def colour_film(photometric: str, values: NDArray[Any], **elements: Any) -> Dataset:
    return dicom_film(
        values.astype(np.uint8), sop_class=SECONDARY_CAPTURE, photometric=photometric, bits_stored=8, **elements
    )


@pytest.mark.parametrize("transfer_syntax", SYNTAXES)
def test_a_colour_picture_is_reduced_to_grey_and_said(transfer_syntax: str) -> None:
    read = read_film(colour_film("RGB", COLOURS), transfer_syntax)
    assert np.array_equal(read.stored, LUMA)
    assert read.has_note(NoteCode.COLOUR_REDUCED)
    assert not read.inverse
    assert read.bits_stored == 8


def test_colour_by_plane_is_the_same_picture() -> None:
    film = colour_film("RGB", COLOURS, PlanarConfiguration=1)
    set_pixels(film, np.ascontiguousarray(COLOURS.transpose(2, 0, 1)).astype(np.uint8))
    assert np.array_equal(read_film(film).stored, LUMA)


def test_the_luminance_of_ybr_is_its_grey() -> None:
    read = read_film(colour_film("YBR_FULL", COLOURS))
    assert np.array_equal(read.stored, COLOURS[..., 0])
    assert read.has_note(NoteCode.COLOUR_REDUCED)


def test_subsampled_ybr_gives_two_luminances_to_four_bytes() -> None:
    film = colour_film("YBR_FULL_422", np.zeros((2, 4, 3)))
    pairs = np.array([[10, 20, 128, 128], [30, 40, 128, 128], [50, 60, 128, 128], [70, 80, 128, 128]], dtype=np.uint8)
    set_pixels(film, pairs)
    assert read_film(film).stored.tolist() == [[10, 20, 30, 40], [50, 60, 70, 80]]


def test_16_bit_colour_keeps_its_range() -> None:
    values = (COLOURS * 257).astype(np.uint16)
    read = read_film(dicom_film(values, sop_class=SECONDARY_CAPTURE, photometric="RGB", bits_stored=16))
    assert read.stored.dtype == np.uint16
    assert np.abs(read.stored.astype(int) - 257 * (COLOURS @ [0.299, 0.587, 0.114])).max() <= 0.51


def test_a_transform_of_jpeg_2000_is_refused_elsewhere() -> None:
    with pytest.raises(DamagedFilmError, match="JPEG 2000 alone"):
        read_film(colour_film("YBR_RCT", COLOURS))


def palette_film(**elements: Any) -> Dataset:
    film = colour_film("PALETTE COLOR", np.array([[0, 1], [2, 3]]))
    for name, entries in (("Red", [255, 0, 0, 9]), ("Green", [0, 255, 0, 9]), ("Blue", [0, 0, 255, 9])):
        film.add_new(f"{name}PaletteColorLookupTableDescriptor", "US", [4, 0, 8])
        film.add_new(f"{name}PaletteColorLookupTableData", "OW", bytes(entries))
    for keyword, value in elements.items():
        setattr(film, keyword, value)
    return film


def test_a_palette_is_looked_up_before_it_is_grey() -> None:
    read = read_film(palette_film())
    assert read.stored.tolist() == [[76, 150], [29, 9]]
    assert read.has_note(NoteCode.COLOUR_REDUCED)


@pytest.mark.parametrize(
    "elements", [{"RedPaletteColorLookupTableData": b""}, {"RedPaletteColorLookupTableDescriptor": [4, 0, 99]}]
)
def test_a_damaged_palette_is_refused(elements: dict[str, Any]) -> None:
    with pytest.raises(DamagedFilmError, match="palette"):
        read_film(palette_film(**elements))


@pytest.mark.parametrize(
    ("elements", "error", "reason"),
    [
        ({"Rows": 0}, DamagedFilmError, "rows or columns"),
        ({"Columns": 0}, DamagedFilmError, "rows or columns"),
        ({"Rows": None}, DamagedFilmError, "rows or columns"),
        ({"Rows": b"\x01\x00\x02\x00"}, DamagedFilmError, "Rows is not a number"),
        ({"Rows": 65535, "Columns": 65535}, FilmTooLargeError, "megapixels"),
        ({"Rows": 97}, DamagedFilmError, "cut short"),
        ({"Rows": 48}, DamagedFilmError, "pixel data hold"),
        ({"Columns": 79}, DamagedFilmError, "pixel data hold"),
        ({"NumberOfFrames": 2}, NotAFilmError, "2 frames"),
        ({"NumberOfFrames": b"99999999999999999999"}, NotAFilmError, "frames"),
        ({"NumberOfFrames": b"-1"}, DamagedFilmError, "frames"),
        ({"NumberOfFrames": b"0 "}, DamagedFilmError, "frames"),
        ({"NumberOfFrames": b"many"}, DamagedFilmError, "frames"),
        ({"BitsAllocated": 0}, UnsupportedFilmError, "bits allocated"),
        ({"BitsAllocated": 1}, UnsupportedFilmError, "bits allocated"),
        ({"BitsAllocated": 12}, UnsupportedFilmError, "bits allocated"),
        ({"BitsAllocated": 32}, UnsupportedFilmError, "bits allocated"),
        ({"BitsAllocated": None}, DamagedFilmError, "bits a pixel"),
        ({"BitsStored": 0}, DamagedFilmError, "do not fit"),
        ({"BitsStored": 17}, DamagedFilmError, "do not fit"),
        ({"HighBit": 16}, DamagedFilmError, "do not fit"),
        ({"HighBit": 10}, DamagedFilmError, "do not fit"),
        ({"PixelRepresentation": 2}, DamagedFilmError, "Pixel Representation"),
        ({"SamplesPerPixel": 3}, DamagedFilmError, "samples"),
        ({"SamplesPerPixel": 2}, DamagedFilmError, "samples"),
        ({"PhotometricInterpretation": "RGB"}, DamagedFilmError, "samples"),
        ({"PhotometricInterpretation": "HSV"}, UnsupportedFilmError, "HSV"),
        ({"PhotometricInterpretation": "SENTINEL"}, UnsupportedFilmError, "photometric"),
        ({"PixelData": None}, DamagedFilmError, "no pixel data"),
        ({"PixelData": b""}, DamagedFilmError, "cut short"),
    ],
)
def test_a_header_that_cannot_be_true_is_refused(elements: dict[str, Any], error: type[FilmError], reason: str) -> None:
    with pytest.raises(error, match=reason) as caught:
        read_film(**elements)
    assert caught.value.message.startswith("film.dcm: ")
    assert "SENTINEL" not in str(caught.value)


def test_a_frame_number_of_one_is_a_film() -> None:
    assert np.array_equal(read_film(NumberOfFrames=1, sop_class="1.2.840.10008.5.1.4.1.1.7.3").stored, thorax())


def test_defaults_stand_in_for_what_can_be_known() -> None:
    read = read_film(BitsStored=None, HighBit=None, PixelRepresentation=None, SamplesPerPixel=None, bits_stored=16)
    assert np.array_equal(read.stored, thorax(bits=16))


def test_a_film_without_polarity_says_so() -> None:
    read = read_film(PhotometricInterpretation=None)
    assert not read.inverse
    assert read.has_note(NoteCode.POLARITY)


def test_a_few_bytes_after_the_last_pixel_are_ignored_and_said() -> None:
    film = dicom_film()
    film.PixelData += bytes(16)
    read = read_film(film)
    assert np.array_equal(read.stored, thorax())
    assert read.has_note(NoteCode.HEADER_ODD)


@pytest.mark.parametrize("transfer_syntax", SYNTAXES)
def test_a_truncated_film_is_refused_wherever_it_was_cut(transfer_syntax: str) -> None:
    """Never an image with missing rows."""
    data = dicom_bytes(dicom_film(thorax(16, 12), PixelSpacing=[0.2, 0.2]), transfer_syntax)
    # Deflated data carry a byte of padding, which no one misses.
    whole = len(data) - 1 if transfer_syntax == DEFLATED and data[-1] == 0 else len(data)
    for length in range(whole):
        with pytest.raises(FilmError, match=r"^film\.dcm: "):
            read_film(data[:length])


def test_native_pixels_of_undefined_length_are_refused() -> None:
    data = dicom_bytes(dicom_film())
    at = data.rindex(b"\xe0\x7f\x10\x00OW\0\0") + 8
    with pytest.raises(DamagedFilmError, match="no length"):
        read_film(data[:at] + b"\xff\xff\xff\xff" + data[at + 4 :])
    with pytest.raises(DamagedFilmError, match="cut short"):
        read_film(data[:at] + b"\xfe\xff\xff\xff" + data[at + 4 :])


def test_compressed_pixels_of_a_length_are_refused() -> None:
    data = dicom_bytes(dicom_film()).replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.5\0")
    with pytest.raises(DamagedFilmError, match="not compressed"):
        read_film(data)


def rle_bytes(frame: bytes) -> bytes:
    """Return an RLE film whose frame is replaced."""
    data = dicom_bytes(dicom_film(thorax(16, 12)), RLE)
    return data[: data.rindex(b"\xfe\xff\x00\xe0\0\0\0\0")] + encapsulated(frame)


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        bytes(64),
        b"\x01" + bytes(63) + bytes(500),  # one segment where two bytes a pixel need two
        (2).to_bytes(4, "little") + (64).to_bytes(4, "little") + (9999).to_bytes(4, "little") + bytes(600),
        (2).to_bytes(4, "little") + (70).to_bytes(4, "little") + (64).to_bytes(4, "little") + bytes(600),
        (2).to_bytes(4, "little") + (0).to_bytes(4, "little") + (64).to_bytes(4, "little") + bytes(600),
        (2).to_bytes(4, "little")
        + (64).to_bytes(4, "little")
        + (66).to_bytes(4, "little")
        + bytes(52)
        + b"\x81\x01\x81\x01",
        (15).to_bytes(4, "little") + bytes(900),
    ],
)
def test_a_damaged_rle_frame_is_refused(frame: bytes) -> None:
    with pytest.raises(DamagedFilmError):
        read_film(rle_bytes(frame))


def test_an_rle_bomb_unfolds_to_no_more_than_the_film() -> None:
    """Sixteen megabytes of runs would be a gigabyte; 192 pixels are read and the rest left."""
    run = b"\x81\x07" * (4 << 20)
    frame = b"".join(number.to_bytes(4, "little") for number in (2, 64, 64 + len(run))) + bytes(52) + run + run
    assert (read_film(rle_bytes(frame)).stored == 0x707).all()


def test_an_rle_film_that_would_take_for_ever_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored_pixels, "_RLE_LIMIT_S", -1.0)
    with pytest.raises(FilmTooLargeError, match="too long"):
        read_film(dicom_film(thorax(16, 12)), RLE)


def test_several_frames_behind_an_offset_table_are_refused() -> None:
    data = dicom_bytes(dicom_film(thorax(16, 12)), RLE)
    at = data.rindex(b"\xfe\xff\x00\xe0\0\0\0\0")
    table = b"\xfe\xff\x00\xe0\x08\0\0\0" + bytes(8)
    with pytest.raises(NotAFilmError, match="several frames"):
        read_film(data[:at] + table + data[at + 8 :])


def test_a_frame_in_many_fragments_is_joined() -> None:
    data = dicom_bytes(dicom_film(thorax(16, 12)), ENCAPSULATED_NATIVE)
    at = data.rindex(b"\xfe\xff\x00\xe0\0\0\0\0")
    raw = data[at + 16 : -8]
    pieces = encapsulated(*(raw[start : start + 50] for start in range(0, len(raw), 50)))
    assert np.array_equal(read_film(data[:at] + pieces).stored, thorax(16, 12))


def test_8_bit_words_in_big_endian_are_swapped_in_pairs() -> None:
    stored = np.arange(15, dtype=np.uint8).reshape(3, 5)
    assert np.array_equal(read_film(dicom_film(stored, bits_stored=8), EXPLICIT_BIG).stored, stored)


def test_implicit_files_have_no_representation_for_their_pixels() -> None:
    stored = thorax(9, 7, 8)
    assert np.array_equal(read_film(dicom_film(stored, bits_stored=8), IMPLICIT_LITTLE).stored, stored)
