"""Every compressed syntax comes back as it went in, and only when it is what the header says."""

import struct
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from PIL import Image

from engine.errors import DamagedFilmError, FilmError, UnsupportedFilmError
from engine.film.codecs import decode_frame
from engine.film.codestream import read_jpeg, read_jpeg_2000
from engine.film.reading import read_radiograph
from tests.codestreams import (
    HTJ2K,
    HTJ2K_LOSSLESS,
    JPEG_2000_LOSSLESS,
    JPEG_BASELINE,
    JPEG_EXTENDED,
    JPEG_LOSSLESS_P14,
    JPEG_LOSSLESS_SV1,
    JPEG_LS_LOSSLESS,
    JPEG_LS_NEAR,
    SYNTAXES,
    Syntax,
    chest,
    compressed_film,
)

CASES = [pytest.param(syntax, bits, id=f"{syntax.name} {bits}") for syntax in SYNTAXES for bits in syntax.bits]
LOSSLESS = [syntax for syntax in SYNTAXES if not syntax.tolerance]


def allocated(bits: int) -> int:
    return 8 if bits == 8 else 16


@pytest.mark.parametrize(("syntax", "bits"), CASES)
def test_a_film_of_every_syntax_and_depth_is_read_as_it_was_written(tmp_path: Path, syntax: Syntax, bits: int) -> None:
    values = chest(bits)
    (tmp_path / "film.dcm").write_bytes(compressed_film(values, syntax, bits))
    radiograph = read_radiograph(tmp_path / "film.dcm")
    difference = np.abs(radiograph.stored.astype(np.int64) - values).max()
    assert difference <= syntax.tolerance * ((1 << bits) - 1)
    assert radiograph.source.transfer_syntax == syntax.uid


@pytest.mark.parametrize("written", [JPEG_LS_NEAR, HTJ2K])
def test_a_lossy_picture_that_overshoots_the_stored_bits_is_held_to_them(tmp_path: Path, written: str) -> None:
    values = np.where(chest(12) > 2000, 4095, 0).astype(np.uint16)  # coded with 16 bits, stored with 12
    if written == HTJ2K:
        coded = bytes(imagecodecs.htj2k_encode(values, level=2e-3, reversible=False))
    else:
        coded = bytes(imagecodecs.jpegls_encode(np.where(values, 4097, 0).astype(np.uint16), level=2))
    assert decode_frame(coded, written, 70, 58, 16, 1).max() > 4095
    syntax = next(syntax for syntax in SYNTAXES if syntax.uid == written)
    (tmp_path / "film.dcm").write_bytes(compressed_film(values, syntax, 12, coded))
    radiograph = read_radiograph(tmp_path / "film.dcm")
    assert radiograph.stored.max() == 4095
    assert np.abs(radiograph.stored.astype(int) - values).max() < 256


@pytest.mark.parametrize("predictor", range(1, 8))
@pytest.mark.parametrize("bits", [8, 12, 16])
def test_jpeg_lossless_knows_all_predictors(predictor: int, bits: int) -> None:
    values = chest(bits, rows=131, columns=67)  # more than two of the bands in which its bits are counted
    coded = bytes(imagecodecs.jpeg8_encode(values, lossless=True, predictor=predictor, bitspersample=bits))
    assert np.array_equal(decode_frame(coded, JPEG_LOSSLESS_P14, 131, 67, allocated(bits), 1), values)


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (40, 1), (2, 2), (64, 3), (65, 3)])
def test_jpeg_lossless_of_odd_shapes(shape: tuple[int, int]) -> None:
    values = np.random.default_rng(1).integers(0, 4096, shape, dtype=np.uint16)
    coded = bytes(imagecodecs.jpeg8_encode(values, lossless=True, predictor=6, bitspersample=12))
    assert np.array_equal(decode_frame(coded, JPEG_LOSSLESS_P14, shape[0], shape[1], 16, 1), values)


@pytest.mark.parametrize("syntax", [syntax for syntax in SYNTAXES if 8 in syntax.bits], ids=lambda syntax: syntax.name)
def test_colour_comes_back_as_red_green_and_blue(syntax: Syntax) -> None:
    values = chest(8, rows=64, columns=64, channels=3)
    decoded = decode_frame(syntax.encode(values, 8), syntax.uid, 64, 64, 8, 3)
    # Chroma is stored at half the size by the JPEG encoder: its edges may be off, the picture may not.
    assert np.abs(decoded.astype(float) - values).mean() < (0 if syntax in LOSSLESS else 8) + 1e-9


def test_a_jpeg_of_red_green_and_blue_without_transform_comes_back_unchanged() -> None:
    values = chest(8, rows=64, columns=64, channels=3)
    coded = bytes(imagecodecs.jpeg8_encode(values, level=98, outcolorspace="RGB"))
    assert np.abs(decode_frame(coded, JPEG_BASELINE, 64, 64, 8, 3).astype(int) - values).max() <= 6


@pytest.mark.parametrize("encode", [imagecodecs.jpeg2k_encode, imagecodecs.htj2k_encode])
def test_signed_values_come_as_twos_complement(encode: object) -> None:
    values = chest(12).astype(np.int16) - 2048
    if encode is imagecodecs.jpeg2k_encode:
        coded = bytes(imagecodecs.jpeg2k_encode(values, level=0, codecformat="j2k", reversible=True))
    else:
        coded = bytes(imagecodecs.htj2k_encode(values, reversible=True))
    decoded = decode_frame(coded, JPEG_2000_LOSSLESS, 70, 58, 16, 1)
    assert decoded.dtype == np.uint16
    assert np.array_equal(decoded.view(np.int16), values)


def test_the_jp2_file_format_round_a_codestream_is_taken_off() -> None:
    values = chest(16)
    coded = bytes(imagecodecs.jpeg2k_encode(values, level=0, codecformat="jp2", reversible=True))
    assert coded[4:8] == b"jP  "
    assert np.array_equal(decode_frame(coded, JPEG_2000_LOSSLESS, 70, 58, 16, 1), values)


def test_tiles_and_an_offset_grid_are_read(tmp_path: Path) -> None:
    values = chest(8, rows=200, columns=150)
    path = tmp_path / "film.j2k"
    Image.fromarray(values).save(path, "JPEG2000", no_jp2=True, tile_size=(64, 64))
    announced, _ = read_jpeg_2000(path.read_bytes())
    assert (announced.rows, announced.columns, announced.bits) == (200, 150, 8)
    assert np.array_equal(decode_frame(path.read_bytes(), JPEG_2000_LOSSLESS, 200, 150, 8, 1), values)


def test_a_jpeg_with_restart_markers_and_fill_bytes_is_read(tmp_path: Path) -> None:
    values = chest(8, rows=64, columns=64)
    path = tmp_path / "film.jpg"
    Image.fromarray(values).save(path, "JPEG", quality=98, restart_marker_rows=1)
    coded = path.read_bytes()
    assert read_jpeg(coded).restarts
    scan = coded.index(b"\xff\xda")
    filled = coded[:scan] + b"\xff\xff\xff" + coded[scan:] + b"\0"
    assert np.abs(decode_frame(filled, JPEG_BASELINE, 64, 64, 8, 1).astype(int) - values).max() < 6


@pytest.mark.parametrize(("syntax", "bits"), CASES)
def test_a_codestream_cut_short_anywhere_is_refused(syntax: Syntax, bits: int) -> None:
    values = chest(bits)
    coded = syntax.encode(values, bits)
    for part in range(64):
        with pytest.raises(DamagedFilmError):
            decode_frame(coded[: len(coded) * part // 64], syntax.uid, 70, 58, allocated(bits), 1)


@pytest.mark.parametrize(("syntax", "bits"), CASES)
@pytest.mark.parametrize(
    ("rows", "columns", "samples"), [(71, 58, 1), (70, 57, 1), (58, 70, 1), (7000, 5800, 1), (70, 58, 3)]
)
def test_a_header_and_a_codestream_that_disagree_are_refused(
    syntax: Syntax, bits: int, rows: int, columns: int, samples: int
) -> None:
    with pytest.raises(DamagedFilmError, match="its header says"):
        decode_frame(syntax.encode(chest(bits), bits), syntax.uid, rows, columns, allocated(bits), samples)


@pytest.mark.parametrize("syntax", [syntax for syntax in SYNTAXES if 16 in syntax.bits], ids=lambda syntax: syntax.name)
def test_more_bits_than_the_header_allocates_are_refused(syntax: Syntax) -> None:
    with pytest.raises(DamagedFilmError, match="allocates 8 bits and its picture has 16"):
        decode_frame(syntax.encode(chest(16), 16), syntax.uid, 70, 58, 8, 1)


@pytest.mark.parametrize(
    ("uid", "written"),
    [
        (JPEG_BASELINE, JPEG_LOSSLESS_SV1), (JPEG_EXTENDED, JPEG_LS_LOSSLESS), (JPEG_LOSSLESS_SV1, JPEG_BASELINE),
        (JPEG_LS_LOSSLESS, JPEG_LOSSLESS_P14), (JPEG_2000_LOSSLESS, JPEG_BASELINE), (JPEG_BASELINE, JPEG_2000_LOSSLESS),
        (HTJ2K_LOSSLESS, JPEG_LS_LOSSLESS),
    ],
)  # fmt: skip
def test_a_picture_compressed_in_another_way_than_it_says_is_refused(uid: str, written: str) -> None:
    syntax = next(syntax for syntax in SYNTAXES if syntax.uid == written)
    with pytest.raises(DamagedFilmError):
        decode_frame(syntax.encode(chest(8), 8), uid, 70, 58, 8, 1)


@pytest.mark.parametrize("uid", ["1.2.840.10008.1.2.4.100", "1.2.840.10008.1.2.4.110", "1.2.3", ""])
def test_a_syntax_we_do_not_read_is_said_to_be_so(uid: str) -> None:
    with pytest.raises(UnsupportedFilmError, match="transfer syntax"):
        decode_frame(b"", uid, 1, 1, 8, 1)


@pytest.mark.parametrize("announced", [(60_000, 60_000), (1, 1), (0, 70), (0xFFFFFFFF, 0xFFFFFFFF)])
@pytest.mark.parametrize("uid", [JPEG_2000_LOSSLESS, HTJ2K_LOSSLESS])
def test_a_jpeg_2000_that_announces_another_size_is_refused_before_it_is_decoded(
    uid: str, announced: tuple[int, int]
) -> None:
    syntax = next(syntax for syntax in SYNTAXES if syntax.uid == uid)
    coded = bytearray(syntax.encode(chest(16), 16))
    struct.pack_into(">LL", coded, 8, *announced)  # SIZ: Xsiz, Ysiz
    with pytest.raises(DamagedFilmError):
        decode_frame(bytes(coded), uid, 70, 58, 16, 1)


@pytest.mark.parametrize(
    "written", [JPEG_BASELINE, JPEG_EXTENDED, JPEG_LOSSLESS_P14, JPEG_LOSSLESS_SV1, JPEG_LS_LOSSLESS]
)
@pytest.mark.parametrize("announced", [(65_500, 65_500), (1, 1), (0, 58), (70, 0)])
def test_a_jpeg_that_announces_another_size_is_refused_before_it_is_decoded(
    written: str, announced: tuple[int, int]
) -> None:
    syntax = next(syntax for syntax in SYNTAXES if syntax.uid == written)
    coded = bytearray(syntax.encode(chest(8), 8))
    frame = next(at for at in range(len(coded)) if coded[at] == 0xFF and coded[at + 1] in {0xC0, 0xC1, 0xC3, 0xF7})
    struct.pack_into(">HH", coded, frame + 5, *announced)
    with pytest.raises(DamagedFilmError, match="its header says"):
        decode_frame(bytes(coded), written, 70, 58, 8, 1)


def test_a_tile_that_is_missing_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "film.j2k"
    Image.fromarray(chest(8, rows=128, columns=128)).save(path, "JPEG2000", no_jp2=True, tile_size=(64, 64))
    coded = path.read_bytes()
    second = coded.index(b"\xff\x90\x00\x0a\x00\x01")
    (length,) = struct.unpack_from(">L", coded, second + 6)
    with pytest.raises(DamagedFilmError, match="cut short"):
        decode_frame(coded[:second] + coded[second + length :], JPEG_2000_LOSSLESS, 128, 128, 8, 1)


@pytest.mark.parametrize("missing", [1, 2, 10, 100, 1000])
def test_a_jpeg_whose_coded_data_run_out_is_refused_and_not_filled_with_grey(missing: int) -> None:
    coded = bytes(imagecodecs.jpeg8_encode(chest(8, rows=300, columns=200), level=95))
    shortened = coded[: -2 - missing] + b"\xff\xd9"
    assert imagecodecs.jpeg8_decode(shortened).shape == (300, 200)  # the decoder alone makes up the rest
    with pytest.raises(DamagedFilmError, match="is damaged"):
        decode_frame(shortened, JPEG_BASELINE, 300, 200, 8, 1)


def test_a_strange_jfif_version_does_not_hide_that_the_data_run_out(tmp_path: Path) -> None:
    path = tmp_path / "film.jpg"
    Image.fromarray(chest(8, rows=300, columns=200)).save(path, "JPEG", quality=95)
    coded = path.read_bytes()
    strange = coded.replace(b"JFIF\0\1\1", b"JFIF\0\0\1", 1)
    assert strange != coded
    assert decode_frame(strange, JPEG_BASELINE, 300, 200, 8, 1).shape == (300, 200)
    with pytest.raises(DamagedFilmError, match="is damaged"):
        decode_frame(strange[:-2000] + b"\xff\xd9", JPEG_BASELINE, 300, 200, 8, 1)


@pytest.mark.parametrize("missing", [500, 5000, 20_000])
def test_a_12_bit_jpeg_whose_coded_data_run_out_is_refused(missing: int) -> None:
    coded = bytes(imagecodecs.jpeg8_encode(chest(12, rows=300, columns=200), level=95, bitspersample=12))
    with pytest.raises(DamagedFilmError, match="is damaged"):
        decode_frame(coded[: -2 - missing] + b"\xff\xd9", JPEG_EXTENDED, 300, 200, 16, 1)


@pytest.mark.parametrize("bits", [8, 12, 16])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_jpeg_lossless_with_bits_missing_or_left_over_is_refused(bits: int, channels: int) -> None:
    if (bits, channels) == (12, 3):
        pytest.skip("the encoder writes no 12-bit colour")
    values = chest(bits, rows=100, columns=80, channels=channels)
    coded = bytes(imagecodecs.jpeg8_encode(values, lossless=True, predictor=1, bitspersample=bits))
    assert np.array_equal(decode_frame(coded, JPEG_LOSSLESS_SV1, 100, 80, allocated(bits), channels), values)
    noise = np.random.default_rng(0).integers(0, 255, 64, dtype=np.uint8).tobytes()
    middle = len(coded) // 2
    for damaged in (
        coded[:-12] + b"\xff\xd9",
        coded[: len(coded) // 4] + b"\xff\xd9",
        coded[:-2] + noise + b"\xff\xd9",
        coded[:middle] + noise + coded[middle:],
        coded[:middle] + coded[middle + 64 :],
    ):
        with pytest.raises(FilmError):
            decode_frame(damaged, JPEG_LOSSLESS_SV1, 100, 80, allocated(bits), channels)


def test_a_thumbnail_inside_a_jpeg_is_not_taken_for_its_end() -> None:
    coded = bytes(imagecodecs.jpeg8_encode(chest(8), level=90))
    thumbnail = bytes(imagecodecs.jpeg8_encode(chest(8, rows=16, columns=16), level=50))
    segment = b"\xff\xe1" + struct.pack(">H", len(thumbnail) + 2) + thumbnail
    with_thumbnail = coded[:2] + segment + coded[2:]
    assert read_jpeg(with_thumbnail).rows == 70
    with pytest.raises(DamagedFilmError):
        read_jpeg(with_thumbnail[: len(segment) + 300])
