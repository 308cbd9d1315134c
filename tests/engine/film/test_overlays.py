"""Overlay planes: of their own or hidden in the pixels, on the film or partly beside it."""

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from engine.film.radiograph import NoteCode
from tests.phantom import (
    EXPLICIT_BIG,
    EXPLICIT_LITTLE,
    IMPLICIT_LITTLE,
    RLE,
    add_overlay,
    dicom_film,
    embed_overlay,
    read_film,
    thorax,
)

ROWS, COLUMNS = 24, 19  # neither a multiple of eight nor square


def film() -> Dataset:
    return dicom_film(thorax(ROWS, COLUMNS))


def drawing(rows: int = ROWS, columns: int = COLUMNS) -> NDArray[np.bool_]:
    bitmap = np.random.default_rng(3).random((rows, columns)) < 0.3
    bitmap[0, :] = True  # tells rows from columns
    return bitmap


@pytest.mark.parametrize("transfer_syntax", [EXPLICIT_LITTLE, IMPLICIT_LITTLE, RLE])
def test_a_plane_is_read_row_by_row_lowest_bit_first(transfer_syntax: str) -> None:
    dataset = film()
    add_overlay(dataset, drawing(), label="Marker")
    (overlay,) = read_film(dataset, transfer_syntax).overlays
    assert overlay.label == "Marker"
    assert np.array_equal(overlay.bitmap, drawing())
    assert not overlay.bitmap.flags.writeable


def test_words_of_a_plane_are_swapped_in_big_endian_files() -> None:
    dataset = film()
    add_overlay(dataset, drawing())
    packed = np.frombuffer(dataset[0x60003000].value, dtype="<u2")
    dataset[0x60003000].value = packed.byteswap().tobytes()
    (overlay,) = read_film(dataset, EXPLICIT_BIG).overlays
    assert np.array_equal(overlay.bitmap, drawing())


@pytest.mark.parametrize("origin", [(1, 1), (3, 5), (-4, 2), (2, -6), (20, 15), (-2, -2), (200, 1), (1, -200)])
@pytest.mark.parametrize("size", [(6, 9), (ROWS, COLUMNS), (40, 50)])
def test_a_plane_lies_where_its_origin_says_and_ends_with_the_film(
    origin: tuple[int, int], size: tuple[int, int]
) -> None:
    dataset = film()
    bitmap = drawing(*size)
    add_overlay(dataset, bitmap, origin=origin)
    expected = np.zeros((ROWS, COLUMNS), dtype=bool)
    for row, column in np.argwhere(bitmap):
        y, x = row + origin[0] - 1, column + origin[1] - 1
        if 0 <= y < ROWS and 0 <= x < COLUMNS:
            expected[y, x] = True
    (overlay,) = read_film(dataset).overlays
    assert np.array_equal(overlay.bitmap, expected)


@pytest.mark.parametrize("bit", [12, 13, 15])
@pytest.mark.parametrize("transfer_syntax", [EXPLICIT_LITTLE, EXPLICIT_BIG, RLE])
def test_an_embedded_plane_is_taken_out_of_the_pixels(bit: int, transfer_syntax: str) -> None:
    dataset = film()
    embed_overlay(dataset, drawing(), bit, label="Hidden")
    read = read_film(dataset, transfer_syntax)
    assert np.array_equal(read.stored, thorax(ROWS, COLUMNS))
    (overlay,) = read.overlays
    assert overlay.label == "Hidden"
    assert np.array_equal(overlay.bitmap, drawing())


def test_an_embedded_plane_may_lie_in_bit_0_below_the_image() -> None:
    dataset = dicom_film(thorax(ROWS, COLUMNS), high_bit=15)
    embed_overlay(dataset, drawing(), 0)
    read = read_film(dataset)
    assert np.array_equal(read.stored, thorax(ROWS, COLUMNS))
    assert np.array_equal(read.overlays[0].bitmap, drawing())


def test_several_planes_keep_the_order_of_their_groups() -> None:
    dataset = film()
    add_overlay(dataset, drawing(5, 5), group=0x6002, label="second")
    add_overlay(dataset, ~drawing(), group=0x6000, label="first")
    add_overlay(dataset, drawing(), group=0x601E, label="last")
    assert [overlay.label for overlay in read_film(dataset).overlays] == ["first", "second", "last"]


def test_a_nameless_plane_is_called_by_its_group() -> None:
    dataset = film()
    add_overlay(dataset, drawing(), group=0x6004)
    assert read_film(dataset).overlays[0].label == "Overlay 6004"


def test_a_plane_with_its_own_data_needs_no_bit_position() -> None:
    dataset = film()
    add_overlay(dataset, drawing())
    del dataset[0x60000102]
    del dataset[0x60000050]
    assert np.array_equal(read_film(dataset).overlays[0].bitmap, drawing())


@pytest.mark.parametrize(
    ("element", "vr", "value"),
    [
        (0x60003000, "OW", b"\xff\xff"),  # cut short
        (0x60000010, "US", 0),
        (0x60000011, "US", 0),
        (0x60000010, "US", 65535),
        (0x60000015, "IS", "3"),
    ],
)
def test_a_plane_that_contradicts_itself_is_left_out_and_said(element: int, vr: str, value: object) -> None:
    dataset = film()
    add_overlay(dataset, drawing())
    dataset.add_new(element, vr, value)
    read = read_film(dataset)
    assert read.overlays == ()
    assert read.has_note(NoteCode.HEADER_ODD)
    assert np.array_equal(read.stored, thorax(ROWS, COLUMNS))


@pytest.mark.parametrize("bit", [0, 5, 11, 16, 200])
def test_a_plane_in_bits_of_the_image_or_of_nothing_is_left_out(bit: int) -> None:
    dataset = film()
    dataset.add_new(0x60000010, "US", ROWS)
    dataset.add_new(0x60000011, "US", COLUMNS)
    dataset.add_new(0x60000102, "US", bit)
    read = read_film(dataset)
    assert read.overlays == ()
    assert read.has_note(NoteCode.HEADER_ODD)
