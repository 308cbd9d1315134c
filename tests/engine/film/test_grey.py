"""The grey pipeline against the standard's own numbers (PS3.3 C.11, PS3.4 N.2)."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from engine.film.grey import (
    ModalityLut,
    Rescale,
    VoiLut,
    Window,
    WindowFunction,
    auto_window,
    default_view,
    displayed,
    full_range,
    lookup,
    table_first,
)
from engine.film.radiograph import Radiograph
from tests.phantom import read_film, thorax

LINEAR, EXACT, SIGMOID = WindowFunction.LINEAR, WindowFunction.LINEAR_EXACT, WindowFunction.SIGMOID


def values(*numbers: float) -> NDArray[np.float32]:
    return np.array(numbers, dtype=np.float32)


def to_255(brightness: NDArray[np.float32]) -> list[int]:
    return [int(level) for level in np.floor(brightness.astype(np.float64) * 255 + 0.5)]


@pytest.mark.parametrize(
    ("center", "width", "x", "expected"),
    [
        # PS3.3 C.11.2.1.2.1, the two examples in its note, output 0 to 255.
        (2048, 4096, (0, 4095), (0, 255)),
        (2048, 1, (2047, 2048), (0, 255)),
        # A width of 100 about 0: 100 values from -50 to 49.
        (0, 100, (-50, -49, 48, 49), (0, 3, 252, 255)),
        # W 400, C 40: -128, 65 and 193 once came out as 23, 162 and 255 elsewhere.
        (40, 400, (-128, 65, 193), (20, 144, 226)),
        (40, 400, (-161, -160, 239, 240), (0, 0, 255, 255)),
    ],
)
def test_linear_windows_follow_the_standard(
    center: float, width: float, x: tuple[float, ...], expected: tuple[int, ...]
) -> None:
    assert to_255(Window(center, width, LINEAR).apply(values(*x))) == list(expected)


def test_a_linear_exact_window_has_no_half_pixel() -> None:
    window = Window(0, 100, EXACT)
    np.testing.assert_allclose(window.apply(values(-51, -50, -25, 0, 25, 50, 51)), [0, 0, 0.25, 0.5, 0.75, 1, 1])


def test_a_sigmoid_window_is_half_at_its_center_and_never_clips() -> None:
    window = Window(2048, 1000, SIGMOID)
    brightness = window.apply(values(1548, 2048, 2548))
    np.testing.assert_allclose(brightness, [1 / (1 + np.exp(2)), 0.5, 1 / (1 + np.exp(-2))], rtol=1e-6)
    assert window.apply(values(-1e9, 1e9)).tolist() == [0.0, 1.0]


def test_a_voi_lut_extends_its_first_and_last_entry() -> None:
    lut = VoiLut(first=10, entries=np.array([0, 100, 255], dtype=np.uint16), bits=8)
    np.testing.assert_allclose(lut.apply(values(-5, 9, 10, 11, 12, 13, 400)) * 255, [0, 0, 0, 100, 255, 255, 255])


def test_a_modality_lut_extends_its_first_and_last_entry() -> None:
    lut = ModalityLut(first=-1, entries=np.array([7, 8, 9], dtype=np.uint16))
    assert lut.apply(np.array([-9, -1, 0, 1, 9])).tolist() == [7, 7, 8, 9, 9]


@settings(max_examples=200, deadline=None)
@given(
    st.floats(-5000, 70000),
    st.floats(1.0, 70000),
    st.sampled_from(list(WindowFunction)),
    st.lists(st.floats(-70000, 70000, width=32), min_size=2, max_size=20),
)
def test_every_window_rises_and_stays_within_its_range(
    center: float, width: float, function: WindowFunction, x: list[float]
) -> None:
    brightness = Window(center, width, function).apply(np.array(sorted(x), dtype=np.float32))
    assert (np.diff(brightness) >= 0).all()
    assert brightness.min() >= 0
    assert brightness.max() <= 1


@pytest.mark.parametrize("levels", [2, 256, 1024, 65536])
@pytest.mark.parametrize("signed", [False, True])
def test_a_lookup_covers_every_storable_value(levels: int, signed: bool) -> None:
    radiograph = read_film(bits_stored=10, signed=signed)
    table = lookup(radiograph, full_range(radiograph), levels)
    assert len(table) == 1 << 10
    assert table_first(radiograph) == (-512 if signed else 0)
    assert table.dtype == (np.uint8 if levels <= 256 else np.uint16)
    assert (int(table.min()), int(table.max())) == (0, levels - 1)
    shown = displayed(radiograph, full_range(radiograph), levels)
    assert np.array_equal(shown, table[radiograph.stored.astype(int) - table_first(radiograph)])


@pytest.mark.parametrize("levels", [1, 65537])
def test_impossible_displays_are_our_own_mistake(levels: int) -> None:
    radiograph = read_film()
    with pytest.raises(ValueError, match="levels"):
        lookup(radiograph, full_range(radiograph), levels)


def test_the_readers_inversion_is_an_exact_mirror() -> None:
    radiograph = read_film(window=(2048, 4096))
    table = lookup(radiograph, radiograph.views[0])
    mirrored = lookup(radiograph, radiograph.views[0], inverted=True)
    assert np.abs(255 - table.astype(int) - mirrored).max() <= 1  # a level of half rounds up both ways
    again = lookup(replace(radiograph, inverse=True), radiograph.views[0], inverted=True)
    assert np.array_equal(again, table)


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize("inverted", [False, True])
def test_padding_is_black_whichever_way_round_the_film_is(photometric: str, inverted: bool) -> None:
    stored = thorax()
    stored[:, :10] = 4095
    stored[:, -10:] = 4000
    film = read_film(
        values=stored, photometric=photometric, window=(2048, 4096), PixelPaddingValue=4095, PixelPaddingRangeLimit=4000
    )
    assert film.padding == (4000, 4095)
    shown = displayed(film, film.views[0], inverted=inverted)
    assert not shown[:, :10].any()
    assert not shown[:, -10:].any()
    assert shown[:, 10:-10].any()


def with_padding() -> Radiograph:
    stored = np.full((40, 50), 1000, dtype=np.uint16)
    stored[10:30, 10:40] = np.linspace(2000, 3000, 600).reshape(20, 30)
    stored[:5] = 0
    return read_film(values=stored, PixelPaddingValue=0)


def test_padding_is_left_out_of_automatic_windows() -> None:
    padded = with_padding()
    window = full_range(padded)
    assert (window.center, window.width) == (2000.0, 2000.0)
    window = auto_window(padded)
    assert window.center - window.width / 2 == 1000.0
    bare = replace(padded, padding=None)
    assert auto_window(bare).center - auto_window(bare).width / 2 == 0.0


def test_a_film_that_is_all_padding_can_still_be_looked_at() -> None:
    film = read_film(values=np.zeros((8, 8), dtype=np.uint16), PixelPaddingValue=0)
    assert full_range(film).width > 0
    assert auto_window(film).width > 0
    assert not displayed(film, default_view(film)).any()


def test_a_film_of_one_value_has_a_window() -> None:
    film = read_film(values=np.full((8, 8), 77, dtype=np.uint16))
    assert (displayed(film, default_view(film)) == 128).all()


def test_windows_are_in_modality_units() -> None:
    film = read_film(RescaleSlope="2", RescaleIntercept="-1000", window=(1000, 2001))
    assert film.modality == Rescale(2.0, -1000.0)
    table = lookup(film, film.views[0])
    # Modality values of 0, 999.5 and 1999: the window's edges and middle.
    assert [int(table[stored]) for stored in (0, 500, 1000, 1500, 4095)] == [0, 0, 128, 255, 255]


def test_automatic_windows_follow_a_negative_slope() -> None:
    film = read_film(RescaleSlope="-1", RescaleIntercept="4095")
    window = full_range(film)
    assert (window.center, window.width) == (2047.5, 4095.0)
    assert np.all(np.diff(lookup(film, window).astype(int)) <= 0)


def test_the_headers_first_view_comes_before_an_automatic_one() -> None:
    assert default_view(read_film(window=(100, 200))) == Window(100, 200, LINEAR, "Window 1")
    assert default_view(read_film()).explanation == "Auto"
