import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import PromptError
from engine.geometry import BoxPrompt, Letterbox, PointPrompt, Prompts, Spacing, SpacingOrigin


def test_an_empty_box_is_refused() -> None:
    with pytest.raises(PromptError, match="empty"):
        BoxPrompt(10, 10, 10, 20)


def test_a_box_with_a_nan_is_refused() -> None:
    with pytest.raises(PromptError):
        BoxPrompt(float("nan"), 0, 10, 10)


def test_a_box_outside_the_film_is_refused() -> None:
    with pytest.raises(PromptError, match="outside"):
        BoxPrompt(200, 0, 300, 50).clipped(rows=100, columns=100)


def test_a_box_is_clipped_to_the_film() -> None:
    assert BoxPrompt(-5, -5, 300, 50).clipped(rows=100, columns=120).corners == (0, 0, 120, 50)


@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), float("inf")])
def test_spacing_must_be_positive_and_finite(value: float) -> None:
    with pytest.raises(ValueError, match="positive"):
        Spacing(value, 0.2, SpacingOrigin.DETECTOR)


def test_negative_points_alone_are_no_prompt() -> None:
    with pytest.raises(PromptError):
        Prompts(points=(PointPrompt(1, 1, positive=False),))


def test_a_square_film_fills_the_frame() -> None:
    assert Letterbox.fit(2000, 2000, 512).inner == (512, 512)


def test_a_wide_film_leaves_the_bottom_blank() -> None:
    letterbox = Letterbox.fit(1000, 2000, 512)
    frame = letterbox.to_frame(np.ones((1000, 2000), dtype=np.float32), blank=-1.0)
    np.testing.assert_allclose(frame[:256], 1.0, atol=1e-6)
    assert (frame[256:] == -1.0).all()


def test_tall_pixels_make_a_square_film_tall() -> None:
    rows, columns = Letterbox.fit(1000, 1000, 512, pixel_aspect=2.0).inner
    assert (rows, columns) == (512, 256)


def test_tokens_of_a_box_are_the_centres_of_its_corner_pixels_less_half_a_pixel() -> None:
    coordinates, labels = Letterbox.fit(512, 512, 512).tokens(Prompts(BoxPrompt(10, 20, 110, 220)))
    assert labels.tolist() == [2, 3]
    assert coordinates.tolist() == [[10, 20], [109, 219]]  # SAM adds the half pixel


def test_points_without_a_box_are_padded_as_sam_pads_them() -> None:
    _, labels = Letterbox.fit(512, 512, 512).tokens(
        Prompts(points=(PointPrompt(5, 5), PointPrompt(9, 9, positive=False)))
    )
    assert labels.tolist() == [1, 0, -1]


@given(
    rows=st.integers(40, 400),
    columns=st.integers(40, 400),
    aspect=st.floats(0.5, 2.0),
    left=st.floats(0.1, 0.4),
    top=st.floats(0.1, 0.4),
)
def test_a_disc_returns_from_the_frame_to_where_it_was(
    rows: int, columns: int, aspect: float, left: float, top: float
) -> None:
    letterbox = Letterbox.fit(rows, columns, 256, aspect)
    film = np.zeros((rows, columns), dtype=np.float32)
    y0, y1, x0, x1 = round(top * rows), round((top + 0.5) * rows), round(left * columns), round((left + 0.5) * columns)
    film[y0:y1, x0:x1] = 1.0
    back = letterbox.from_frame(letterbox.to_frame(film, blank=0.0) - 0.5) > 0
    found_y, found_x = np.flatnonzero(back.any(axis=1)), np.flatnonzero(back.any(axis=0))
    # One frame pixel, in film pixels, is all that a round trip may move an edge.
    slack_y, slack_x = 1.0 / letterbox.scale_y + 1, 1.0 / letterbox.scale_x + 1
    assert abs(found_y[0] - y0) <= slack_y
    assert abs(found_y[-1] + 1 - y1) <= slack_y
    assert abs(found_x[0] - x0) <= slack_x
    assert abs(found_x[-1] + 1 - x1) <= slack_x


@given(
    rows=st.integers(20, 300),
    columns=st.integers(20, 300),
    aspect=st.floats(0.5, 2.0),
    side=st.sampled_from([32, 64, 128]),
    threshold=st.floats(-0.5, 1.5),
    seed=st.integers(0, 1000),
)
def test_what_is_positive_is_found_without_resampling_the_whole_film(
    rows: int, columns: int, aspect: float, side: int, threshold: float, seed: int
) -> None:
    letterbox = Letterbox.fit(rows, columns, 128, aspect)
    noise = np.random.default_rng(seed).normal(size=(side, side)).astype(np.float32)
    logits = cv2.GaussianBlur(noise, (0, 0), side / 20) * np.float32(side / 10) - np.float32(threshold)
    film = letterbox.from_frame(logits)
    crop, x0, y0 = letterbox.positive(logits)
    found = np.zeros((rows, columns), dtype=np.bool_)
    found[y0 : y0 + crop.shape[0], x0 : x0 + crop.shape[1]] = crop
    sure = np.abs(film) > 1e-4  # both are float32 sums, of coordinates counted from another corner
    assert np.array_equal(found[sure], film[sure] > 0)


def test_nothing_positive_on_the_film_is_an_empty_window() -> None:
    letterbox = Letterbox.fit(100, 40, 128)
    beside = np.full((64, 64), -1.0, dtype=np.float32)
    assert letterbox.positive(beside)[0].size == 0
    beside[:, 40:] = 1.0  # where the frame is blank
    assert letterbox.positive(beside)[0].size == 0
