"""Compressed films whole: sign, width, polarity and colour survive the codec; a picture not as stated is refused."""

from typing import Any

import imagecodecs
import numpy as np
import pytest
from numpy.typing import NDArray

from engine.errors import DamagedFilmError
from engine.film.radiograph import NoteCode
from tests.codestreams import JPEG_2000_LOSSLESS, JPEG_BASELINE, JPEG_LOSSLESS_SV1, JPEG_LS_LOSSLESS
from tests.phantom import EXPLICIT_LITTLE, SECONDARY_CAPTURE, dicom_bytes, dicom_film, read_film, thorax


def j2k(values: NDArray[np.generic], **options: Any) -> bytes:
    return bytes(imagecodecs.jpeg2k_encode(values, level=0, codecformat="j2k", reversible=True, **options))


def colours() -> NDArray[np.uint8]:
    """Return a picture in colour without sharp edges, which a lossy codec keeps."""
    y, x = np.mgrid[0:64, 0:48]
    return np.stack([255 * y / 63, 255 * x / 47, 255 - 255 * y / 63], axis=-1).astype(np.uint8)


@pytest.mark.parametrize("bits", [8, 10, 12, 16])
def test_signed_films_keep_their_sign_in_jpeg_2000(bits: int) -> None:
    stored = thorax(24, 20, bits, signed=True)
    cells = stored.astype(np.int8) if bits == 8 else stored
    film = dicom_film(stored, bits_stored=bits, signed=True)
    read = read_film(dicom_bytes(film, JPEG_2000_LOSSLESS, codestream=j2k(cells, bitspersample=bits)))
    assert np.array_equal(read.stored, stored)


@pytest.mark.parametrize(
    ("syntax", "encode"),
    [
        (JPEG_LS_LOSSLESS, lambda cells: bytes(imagecodecs.jpegls_encode(cells))),
        (
            JPEG_LOSSLESS_SV1,
            lambda cells: bytes(imagecodecs.jpeg8_encode(cells, lossless=True, predictor=1, bitspersample=16)),
        ),
    ],
)
def test_signed_films_keep_their_sign_in_codecs_that_know_none(syntax: str, encode: object) -> None:
    assert callable(encode)
    stored = thorax(24, 20, 12, signed=True)
    cells = (stored.astype(np.int32) & 0xFFFF).astype(np.uint16)
    read = read_film(dicom_bytes(dicom_film(stored, signed=True), syntax, codestream=encode(cells)))
    assert np.array_equal(read.stored, stored)


def test_a_compressed_film_is_the_film_it_was() -> None:
    film = dicom_film(photometric="MONOCHROME1", window=(2048, 4096), PixelPaddingValue=0)
    native = read_film(film, EXPLICIT_LITTLE)
    compressed = read_film(dicom_bytes(film, JPEG_2000_LOSSLESS, codestream=j2k(thorax(), bitspersample=12)))
    assert compressed.source.pixel_sha256 == native.source.pixel_sha256
    assert compressed.source.header == native.source.header
    assert (compressed.inverse, compressed.views, compressed.padding) == (native.inverse, native.views, native.padding)


@pytest.mark.parametrize("photometric", ["YBR_FULL_422", "YBR_FULL", "RGB"])
def test_a_colour_jpeg_is_grey_whatever_its_header_calls_its_colours(photometric: str) -> None:
    picture = colours()
    film = dicom_film(picture, sop_class=SECONDARY_CAPTURE, photometric=photometric, bits_stored=8)
    codestream = bytes(imagecodecs.jpeg8_encode(picture, level=98))
    read = read_film(dicom_bytes(film, JPEG_BASELINE, codestream=codestream))
    assert read.has_note(NoteCode.COLOUR_REDUCED)
    assert read.has_note(NoteCode.LOSSY)
    assert np.abs(read.stored.astype(int) - picture @ [0.299, 0.587, 0.114]).max() < 6


@pytest.mark.parametrize(("photometric", "mct"), [("YBR_RCT", True), ("RGB", False)])
def test_a_colour_jpeg_2000_is_grey_to_the_bit(photometric: str, mct: bool) -> None:
    picture = colours()
    film = dicom_film(picture, sop_class=SECONDARY_CAPTURE, photometric=photometric, bits_stored=8)
    read = read_film(dicom_bytes(film, JPEG_2000_LOSSLESS, codestream=j2k(picture, mct=mct)))
    assert np.array_equal(read.stored, np.rint(picture @ np.array([0.299, 0.587, 0.114], np.float32)).astype(np.uint8))


@pytest.mark.parametrize(
    "elements", [{"Rows": 95}, {"Columns": 81}, {"Rows": 80, "Columns": 96}, {"BitsStored": 10, "HighBit": 9}]
)
def test_a_header_that_describes_another_picture_is_refused(elements: dict[str, int]) -> None:
    codestream = j2k(thorax(), bitspersample=12)
    film = dicom_film()
    for keyword, value in elements.items():
        setattr(film, keyword, value)
    with pytest.raises(DamagedFilmError, match=r"^film\.dcm: "):
        read_film(dicom_bytes(film, JPEG_2000_LOSSLESS, codestream=codestream))


def test_another_syntax_than_the_pictures_is_refused() -> None:
    codestream = j2k(thorax(), bitspersample=12)
    for syntax in (JPEG_BASELINE, JPEG_LS_LOSSLESS):
        with pytest.raises(DamagedFilmError):
            read_film(dicom_bytes(dicom_film(), syntax, codestream=codestream))
