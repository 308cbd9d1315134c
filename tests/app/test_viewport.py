"""Where an image point is on screen, and back; markers that follow rotation."""

import numpy as np
import pytest

from app.rendering import build_pyramid, grey_table, resample
from app.viewport import Viewport, edge_letters
from engine.film.grey import displayed
from tests.phantom import read_film, thorax

TURNS = [(turns, mirrored) for turns in range(4) for mirrored in (False, True)]


@pytest.mark.parametrize(("turns", "mirrored"), TURNS)
def test_screen_and_image_are_inverse(turns: int, mirrored: bool) -> None:
    viewport = Viewport(300, 200, 1.7, (40, 60), turns, mirrored, pixel_aspect=1.3)
    for point in ((0, 0), (12.5, 99), (-7, 300)):
        assert viewport.to_image(*viewport.to_screen(*point)) == pytest.approx(point)
    m = viewport.matrix()
    assert m @ (12.5, 99, 1) == pytest.approx(viewport.to_screen(12.5, 99))


@pytest.mark.parametrize(("turns", "mirrored"), TURNS)
def test_zoom_holds_the_point_under_the_pointer(turns: int, mirrored: bool) -> None:
    viewport = Viewport(300, 200, 0.8, (40, 60), turns, mirrored)
    held = viewport.to_image(33, 150)
    for factor in (1.2, 0.3, 9.0):
        assert viewport.zoomed(factor, 33, 150).to_screen(*held) == pytest.approx((33, 150))


@pytest.mark.parametrize(("turns", "mirrored"), TURNS)
def test_a_fitted_film_is_whole_and_touches_two_edges(turns: int, mirrored: bool) -> None:
    viewport = Viewport(300, 200, turns=turns, mirrored=mirrored, pixel_aspect=2.0).fitted(90, 100)
    x0, y0, x1, y1 = viewport.film_rectangle(90, 100)
    assert min(x0, y0) >= -1e-6
    assert max(x1 - 300, y1 - 200) <= 1e-6
    assert x1 - x0 == pytest.approx(300) or y1 - y0 == pytest.approx(200)


def test_turning_is_clockwise_on_screen_also_when_mirrored() -> None:
    for mirrored in (False, True):
        before = Viewport(100, 100, 1.0, (50, 50), mirrored=mirrored)
        point = before.to_image(50, 10)  # at the top of the screen
        assert before.turned(1).to_screen(*point) == pytest.approx((90, 50))  # at its right


def test_markers_follow_rotation_and_flip() -> None:
    upright = Viewport(100, 100)
    assert edge_letters(upright, "L", "F") == ("R", "H", "L", "F")
    assert edge_letters(upright.flipped(), "L", "F") == ("L", "H", "R", "F")
    assert edge_letters(upright.turned(1), "L", "F") == ("F", "R", "H", "L")
    assert edge_letters(upright.turned(2), "L", "F") == ("L", "F", "R", "H")
    assert edge_letters(upright, "R", "F") == ("L", "H", "R", "F")


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_at_one_to_one_the_screen_shows_exactly_what_the_engine_says(signed: bool, photometric: str) -> None:
    film = read_film(values=thorax(64, 48, signed=signed), signed=signed, photometric=photometric, window=(900, 1500))
    view = film.views[0]
    patch = resample(build_pyramid(film), Viewport(48, 64, 1.0, (24, 32)), 1.0)
    assert patch is not None
    shown = grey_table(film, view, inverted=False)[patch.indices]
    assert np.array_equal(shown, displayed(film, view))
    inverse = grey_table(film, view, inverted=True)[patch.indices]
    assert np.array_equal(inverse, displayed(film, view, inverted=True))


@pytest.mark.parametrize(("turns", "mirrored"), TURNS)
def test_turned_pixels_are_the_film_s_own(turns: int, mirrored: bool) -> None:
    film = read_film(values=thorax(64, 48))
    viewport = Viewport(100, 100, turns=turns, mirrored=mirrored)
    viewport = Viewport(100, 100, 1.0, (24, 32), turns, mirrored)
    patch = resample(build_pyramid(film), viewport, 1.0)
    assert patch is not None
    expected = np.rot90(film.stored, -turns)
    expected = expected[:, ::-1] if mirrored else expected
    assert np.array_equal(patch.indices, expected)


def test_only_what_is_in_view_is_sampled() -> None:
    film = read_film(values=thorax(512, 400))
    patch = resample(build_pyramid(film), Viewport(60, 40, 8.0, (200, 256)), 2.0)
    assert patch is not None
    assert patch.indices.shape == (80, 120)
    assert resample(build_pyramid(film), Viewport(60, 40, 8.0, (9000, 256)), 2.0) is None


def test_zoomed_out_a_grating_turns_grey_and_not_into_moire() -> None:
    values = np.zeros((512, 512), dtype=np.uint16)
    values[:, ::2] = 4000
    film = read_film(values=values)
    patch = resample(build_pyramid(film), Viewport(128, 128, 0.25, (256, 256)), 1.0)
    assert patch is not None
    assert int(patch.indices.max()) - int(patch.indices.min()) <= 4
