"""PNG, TIFF and JPEG: the stored values as they are, and nothing that such a file cannot know."""

import contextlib
import io
import struct
import tracemalloc
import zlib
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from engine.errors import DamagedFilmError, FilmError, FilmTooLargeError, NotAFilmError, UnsupportedFilmError
from engine.film.radiograph import NoteCode, Radiograph
from engine.film.reading import read_radiograph
from engine.film.tiff import decode_tiff
from tests.codestreams import chest
from tests.hostile import png

COLOURED = chest(8, channels=3)


def film(folder: Path, data: bytes) -> Radiograph:
    path = folder / "film"
    path.write_bytes(data)
    return read_radiograph(path)


def pillow(image: Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def luma(colour: NDArray[np.integer]) -> NDArray[np.integer]:
    """ITU-R BT.601, in floating point."""
    grey: NDArray[np.integer] = np.rint(colour[..., :3] @ np.array([0.299, 0.587, 0.114])).astype(colour.dtype)
    return grey


@pytest.mark.parametrize("bits", [8, 16])
def test_a_grey_png_keeps_its_values(tmp_path: Path, bits: int) -> None:
    radiograph = film(tmp_path, bytes(imagecodecs.png_encode(chest(bits))))
    assert np.array_equal(radiograph.stored, chest(bits))
    assert radiograph.stored.dtype == chest(bits).dtype
    assert (radiograph.bits_stored, radiograph.inverse, radiograph.spacing) == (bits, False, None)
    assert (radiograph.source.kind, radiograph.source.transfer_syntax) == ("PNG", "")
    assert [note.code for note in radiograph.notes] == [NoteCode.SPACING_MISSING]


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("compression", ["none", "lzw", "deflate", "packbits"])
@pytest.mark.parametrize(
    "layout", [{}, {"predictor": True}, {"tile": (32, 48)}, {"rowsperstrip": 7}, {"byteorder": ">"}]
)
def test_a_grey_tiff_keeps_its_values(tmp_path: Path, bits: int, compression: str, layout: dict[str, Any]) -> None:
    if compression in {"none", "packbits"} and "predictor" in layout:
        pytest.skip("no predictor without LZW or deflate")
    data = bytes(imagecodecs.tiff_encode(chest(bits), compression=compression, **layout))
    radiograph = film(tmp_path, data)
    assert np.array_equal(radiograph.stored, chest(bits))
    assert (radiograph.bits_stored, radiograph.source.kind, radiograph.inverse) == (bits, "TIFF", False)


def test_a_big_tiff_is_read(tmp_path: Path) -> None:
    data = bytes(imagecodecs.tiff_encode(chest(16), compression="lzw", bigtiff=True))
    assert data[:4] == b"II+\0"
    assert np.array_equal(film(tmp_path, data).stored, chest(16))


def test_a_tiff_that_shows_zero_white_is_inverse_and_keeps_its_values(tmp_path: Path) -> None:
    radiograph = film(tmp_path, bytes(imagecodecs.tiff_encode(chest(8), photometric="miniswhite")))
    assert radiograph.inverse
    assert np.array_equal(radiograph.stored, chest(8))


def test_a_signed_tiff_keeps_its_sign(tmp_path: Path) -> None:
    values = chest(12).astype(np.int16) - 2000
    assert np.array_equal(film(tmp_path, bytes(imagecodecs.tiff_encode(values))).stored, values)


@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_a_tiff_in_colour_is_reduced_to_grey_with_a_note(tmp_path: Path, planar: str) -> None:
    values = COLOURED if planar == "contig" else np.ascontiguousarray(COLOURED.transpose(2, 0, 1))
    data = bytes(imagecodecs.tiff_encode(values, photometric="rgb", planarconfig=planar, compression="lzw"))
    radiograph = film(tmp_path, data)
    assert np.abs(radiograph.stored.astype(int) - luma(COLOURED)).max() <= 1
    assert radiograph.has_note(NoteCode.COLOUR_REDUCED)


def test_a_tiff_palette_is_reduced_to_grey(tmp_path: Path) -> None:
    image = Image.fromarray(COLOURED).quantize(32)
    radiograph = film(tmp_path, pillow(image, "TIFF"))
    expected = luma(np.asarray(image.convert("RGB")).astype(np.uint16) * 257)  # the map has 16 bits
    assert np.abs(radiograph.stored.astype(int) - expected).max() <= 258
    assert radiograph.has_note(NoteCode.COLOUR_REDUCED)


@pytest.mark.parametrize("bits", [8, 16])
def test_a_png_in_colour_is_reduced_to_grey_with_a_note(tmp_path: Path, bits: int) -> None:
    colour = chest(bits, channels=3)
    radiograph = film(tmp_path, bytes(imagecodecs.png_encode(colour)))
    assert np.abs(radiograph.stored.astype(int) - luma(colour)).max() <= 1
    assert [note.text for note in radiograph.notes if note.code is NoteCode.COLOUR_REDUCED] == [
        "a picture in colour, reduced to grey"
    ]


@pytest.mark.parametrize("bits", [8, 16])
def test_a_grey_film_saved_as_colour_keeps_its_greys_to_the_bit(tmp_path: Path, bits: int) -> None:
    grey = np.arange(1 << bits, dtype=np.uint8 if bits == 8 else np.uint16).reshape(-1, 16)
    radiograph = film(tmp_path, bytes(imagecodecs.png_encode(np.dstack([grey] * 3))))
    assert np.array_equal(radiograph.stored, grey)
    assert radiograph.has_note(NoteCode.COLOUR_REDUCED)


@pytest.mark.parametrize("channels", [2, 4])
@pytest.mark.parametrize(("alpha", "noted"), [(255, False), (254, True)])
def test_transparency_is_left_out_and_noted_where_it_shows(
    tmp_path: Path, channels: int, alpha: int, *, noted: bool
) -> None:
    layer = np.full((70, 58), alpha, dtype=np.uint8)
    values = np.dstack([chest(8), layer] if channels == 2 else [COLOURED, layer])
    radiograph = film(tmp_path, bytes(imagecodecs.png_encode(values)))
    assert radiograph.has_note(NoteCode.HEADER_ODD) is noted
    expected = chest(8) if channels == 2 else luma(COLOURED)
    assert np.abs(radiograph.stored.astype(int) - expected).max() <= 1


def test_palettes_and_single_bits_are_read(tmp_path: Path) -> None:
    palette = Image.fromarray(COLOURED).quantize(16)
    expected = luma(np.asarray(palette.convert("RGB")))
    for bits in (4, 8):
        assert np.abs(film(tmp_path, pillow(palette, "PNG", bits=bits)).stored.astype(int) - expected).max() <= 1
    binary = Image.fromarray(chest(8)).convert("1")
    assert np.array_equal(film(tmp_path, pillow(binary, "PNG")).stored, np.asarray(binary) * np.uint8(255))


def test_an_interlaced_png_is_read(tmp_path: Path) -> None:
    # One pixel, so one pass of Adam7; and 3 x 2, where passes 1, 4, 6 and 7 hold something and the others nothing.
    assert film(tmp_path, png(1, 1, b"\0\x2a", interlace=1)).stored.tolist() == [[42]]
    rows = b"\0\1" + b"\0\3" + b"\0\2" + b"\0\4\5\6"
    assert film(tmp_path, png(3, 2, rows, interlace=1)).stored.tolist() == [[1, 2, 3], [4, 5, 6]]


@pytest.mark.parametrize(("mode", "noted"), [("L", False), ("RGB", True)])
@pytest.mark.parametrize("progressive", [False, True])
def test_a_jpeg_is_read_with_notes(tmp_path: Path, mode: str, *, noted: bool, progressive: bool) -> None:
    image = Image.fromarray(chest(8, rows=200, columns=150, channels=3)).convert(mode)
    data = pillow(image, "JPEG", quality=98, progressive=progressive, subsampling=0)
    radiograph = film(tmp_path, data)
    expected = np.asarray(image) if mode == "L" else luma(np.asarray(image))
    assert np.abs(radiograph.stored.astype(int) - expected).max() <= 10
    assert radiograph.has_note(NoteCode.LOSSY)
    assert radiograph.has_note(NoteCode.COLOUR_REDUCED) is noted
    assert radiograph.source.kind == "JPEG"


@pytest.mark.parametrize(("kind", "options"), [("JPEG", {"quality": 98}), ("PNG", {}), ("TIFF", {})])
def test_an_orientation_is_noted_and_the_pixels_stay_as_stored(
    tmp_path: Path, kind: str, options: dict[str, Any]
) -> None:
    image = Image.fromarray(chest(8))
    exif = Image.Exif()
    plain = film(tmp_path, pillow(image, kind, **options))
    for orientation in range(1, 9):
        exif[274] = orientation
        asked = {"tiffinfo": {274: orientation}} if kind == "TIFF" else {"exif": exif}
        radiograph = film(tmp_path, pillow(image, kind, **options, **asked))
        assert np.array_equal(radiograph.stored, plain.stored)
        assert radiograph.has_note(NoteCode.ORIENTATION_UNKNOWN) is (orientation != 1)


def test_a_mirrored_picture_says_what_the_file_asks_for(tmp_path: Path) -> None:
    radiograph = film(tmp_path, pillow(Image.fromarray(chest(8)), "TIFF", tiffinfo={274: 2}))
    assert "the file asks for it to be shown mirrored; shown as stored" in [note.text for note in radiograph.notes]


@pytest.mark.parametrize(
    "exif", [b"", b"II*\0", b"II*\0\xff\xff\xff\xff", b"MM\0*\0\0\0\x08\xff\xff" + bytes(5), b"xx" * 40]
)
def test_damaged_exif_data_are_no_reason_to_refuse_a_film(tmp_path: Path, exif: bytes) -> None:
    data = pillow(Image.fromarray(chest(8)), "JPEG", quality=98)
    segment = b"Exif\0\0" + exif
    with_exif = data[:2] + b"\xff\xe1" + struct.pack(">H", len(segment) + 2) + segment + data[2:]
    assert np.array_equal(film(tmp_path, with_exif).stored, film(tmp_path, data).stored)


@pytest.mark.parametrize(
    "data",
    [
        pillow(Image.fromarray(chest(8)), "PNG", dpi=(254, 254)),
        pillow(Image.fromarray(chest(8)), "TIFF", dpi=(254, 254)),
        pillow(Image.fromarray(chest(8)), "JPEG", dpi=(254, 254)),
    ],
    ids=["PNG", "TIFF", "JPEG"],
)
def test_dots_per_inch_are_never_millimetres_of_a_patient(tmp_path: Path, data: bytes) -> None:
    radiograph = film(tmp_path, data)
    assert (radiograph.spacing, radiograph.pixel_aspect) == (None, 1.0)
    assert radiograph.has_note(NoteCode.SPACING_MISSING)


def test_gamma_and_profiles_do_not_change_stored_values(tmp_path: Path) -> None:
    plain = bytes(imagecodecs.png_encode(chest(8)))
    gamma = struct.pack(">L4sL", 4, b"gAMA", 220_000)
    gamma += struct.pack(">L", zlib.crc32(gamma[4:]))
    assert np.array_equal(film(tmp_path, plain[:33] + gamma + plain[33:]).stored, chest(8))


WHOLE = {
    "PNG 8": bytes(imagecodecs.png_encode(chest(8))),
    "PNG 16": bytes(imagecodecs.png_encode(chest(16))),
    "PNG colour": bytes(imagecodecs.png_encode(COLOURED)),
    "JPEG": pillow(Image.fromarray(chest(8)), "JPEG", quality=90),
    "JPEG colour": pillow(Image.fromarray(COLOURED), "JPEG", quality=90),
    "JPEG progressive": pillow(Image.fromarray(chest(8)), "JPEG", quality=90, progressive=True),
    "TIFF": bytes(imagecodecs.tiff_encode(chest(16))),
    "TIFF LZW": bytes(imagecodecs.tiff_encode(chest(16), compression="lzw")),
    "TIFF deflate, tiles": bytes(imagecodecs.tiff_encode(chest(8), compression="deflate", tile=(32, 32))),
    "TIFF by Pillow": pillow(Image.fromarray(chest(8)), "TIFF", compression="tiff_lzw"),
}


@pytest.mark.parametrize("name", WHOLE)
def test_a_picture_cut_short_anywhere_is_refused_or_still_whole(tmp_path: Path, name: str) -> None:
    whole = film(tmp_path, WHOLE[name]).stored
    refused = 0
    for part in range(64):
        try:
            radiograph = film(tmp_path, WHOLE[name][: len(WHOLE[name]) * part // 64])
        except FilmError:
            refused += 1
        else:
            # Some TIFFs end in fields of their header that we do not need.
            assert np.array_equal(radiograph.stored, whole)
    assert refused == 64 if not name.startswith("TIFF") else refused >= 60


@pytest.mark.parametrize("name", ["TIFF LZW", "TIFF deflate, tiles"])
def test_damage_in_a_tiff_is_never_blank(tmp_path: Path, name: str) -> None:
    whole = film(tmp_path, WHOLE[name]).stored
    for at in range(200, len(WHOLE[name]), 61):
        damaged = bytearray(WHOLE[name])
        damaged[at : at + 4] = b"\0\0\0\0"
        try:
            stored = film(tmp_path, bytes(damaged)).stored
        except FilmError:
            continue
        assert stored.shape == whole.shape
        assert np.unique(stored[-8:]).size > 1


@pytest.mark.parametrize("layout", [{}, {"tile": (32, 32)}, {"rowsperstrip": 7}], ids=str)
def test_a_flipped_bit_in_a_deflated_tiff_is_never_shown(layout: dict[str, Any]) -> None:
    values = chest(8)
    whole = bytes(imagecodecs.tiff_encode(values, compression="deflate", **layout))
    for bit in range(16 * 8, 8 * len(whole), 101):
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        try:
            found = decode_tiff(bytes(damaged))
        except (FilmError, zlib.error):
            continue
        if found.samples.shape == values.shape:  # a flip in the header may make another picture of it
            assert np.array_equal(found.samples, values), bit


def strips(values: NDArray[np.uint8], rows_per_strip: int, packed: list[bytes], compression: int) -> bytes:
    """A grey TIFF whose strips, two or more, are these bytes."""
    places = [8 + sum(len(strip) for strip in packed[:number]) for number in range(len(packed))]
    pixels = b"".join(packed)
    end = 8 + len(pixels)
    table = struct.pack(f"<{2 * len(packed)}L", *places, *map(len, packed))
    fields = [
        (256, 3, 1, values.shape[1]), (257, 3, 1, values.shape[0]), (258, 3, 1, 8), (259, 3, 1, compression),
        (262, 3, 1, 1), (273, 4, len(packed), end), (278, 3, 1, rows_per_strip),
        (279, 4, len(packed), end + 4 * len(packed)),
    ]  # fmt: skip
    directory = struct.pack("<H", len(fields)) + b"".join(struct.pack("<HHLL", *entry) for entry in fields)
    return b"II*\0" + struct.pack("<L", end + len(table)) + pixels + table + directory + bytes(4)


def test_a_last_strip_that_is_filled_up_is_read(tmp_path: Path) -> None:
    values = chest(8)  # 70 rows, so 6 in the last strip
    filled = np.vstack([values, np.zeros((-len(values) % 16, values.shape[1]), dtype=np.uint8)])
    packed = [zlib.compress(filled[top : top + 16].tobytes()) for top in range(0, len(values), 16)]
    assert np.array_equal(film(tmp_path, strips(values, 16, packed, 8)).stored, values)


@pytest.mark.parametrize(("compression", "tail"), [(8, b""), (8, bytes(9)), (32946, b"")])
def test_a_deflated_strip_must_end_with_its_checksum(tmp_path: Path, compression: int, tail: bytes) -> None:
    values = chest(8)
    packed = [zlib.compress(values[:35].tobytes()) + tail, zlib.compress(values[35:].tobytes())]
    assert np.array_equal(film(tmp_path, strips(values, 35, packed, compression)).stored, values)
    for cut in (1, 4):
        with pytest.raises(DamagedFilmError, match="cut short"):
            film(tmp_path, strips(values, 35, [packed[0][: len(packed[0]) - len(tail) - cut], packed[1]], compression))
    more = zlib.compress(values[:36].tobytes())
    with pytest.raises(DamagedFilmError, match="more than its picture"):
        film(tmp_path, strips(values, 35, [more, packed[1]], compression))


@pytest.mark.parametrize(
    ("compression", "bomb"), [(5, imagecodecs.lzw_encode(bytes(10 << 20))), (32773, b"\x81\0" * (10 << 13))]
)
def test_a_strip_takes_no_more_memory_than_its_picture(compression: int, bomb: bytes) -> None:
    data = strips(np.zeros((16, 8), dtype=np.uint8), 8, [bytes(bomb)] * 2, compression)
    tracemalloc.start()
    try:
        with contextlib.suppress(RuntimeError):  # PackBits that holds more is refused, LZW is cut
            decode_tiff(data)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


def test_a_page_more_is_refused_by_name(tmp_path: Path) -> None:
    image = Image.fromarray(chest(8))
    with pytest.raises(NotAFilmError, match="film: it holds several images"):
        film(tmp_path, pillow(image, "TIFF", save_all=True, append_images=[image]))


def test_more_than_67_megapixels_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FilmTooLargeError, match="over our limit of 67 megapixels"):
        film(tmp_path, png(8193, 8193, bytes(100)))


def test_a_row_missing_is_damage(tmp_path: Path) -> None:
    with pytest.raises(DamagedFilmError, match="cut short"):
        film(tmp_path, png(100, 100, bytes(101) * 99))


def test_a_jpeg_of_four_colours_is_not_for_us(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedFilmError, match="4 colours"):
        film(tmp_path, pillow(Image.new("CMYK", (40, 40)), "JPEG"))


@pytest.mark.shared
def test_real_pictures_are_read_alike_by_another_reader(shared_dir: Path) -> None:
    pictures = sorted(
        path
        for folder in (shared_dir / "data/cxr").iterdir()
        if folder.is_dir()
        for path in sorted(entry for entry in folder.iterdir() if entry.suffix in {".png", ".jpg"})[:3]
    )
    assert pictures
    for path in pictures:
        with Image.open(path) as image:
            if image.mode not in {"L", "1", "I;16"}:
                continue
            other = np.asarray(image.convert("L") if image.mode == "1" else image)
        assert np.array_equal(read_radiograph(path).stored, other), path.name
