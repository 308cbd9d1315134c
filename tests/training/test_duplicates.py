"""Copies are found through what collections do to them, and strangers are left alone."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from engine.film.radiograph import Radiograph, Source
from training.duplicates import SAME_FILM, Look, Pair, look_of, mirrored, similar_pairs

Picture = NDArray[np.uint8]


def radiograph(picture: NDArray[np.generic], *, inverse: bool = False) -> Radiograph:
    source = Source(Path("film.png"), "", "", "PNG")
    return Radiograph(picture.astype(np.uint8), source, 8, inverse=inverse)


def chest(seed: int) -> Picture:
    """A film-like picture: two dark ovals that all share, ribs and vessels that are its own."""
    rng = np.random.default_rng(seed)
    picture = np.full((300, 300), 190, dtype=np.float32)
    for x in (95, 205):
        cv2.ellipse(picture, (x, 150), (48, 105), 0, 0, 360, 60.0, -1)
    picture = cv2.GaussianBlur(picture, (0, 0), 6)
    for rib in range(9):
        y = 50 + 24 * rib + rng.normal(0, 4)
        for side in (-1, 1):
            end = (round(150 + side * 120), round(y + 40 + rng.normal(0, 6)))
            cv2.line(picture, (150 + side * 10, round(y)), end, float(120 + rng.normal(0, 15)), 4)
    for _ in range(60):
        start = rng.uniform(40, 260, 2)
        end = (start + rng.normal(0, 25, 2)).round().astype(int).tolist()
        cv2.line(picture, start.round().astype(int).tolist(), end, float(rng.uniform(60, 200)), 2)
    soft = cv2.GaussianBlur(picture, (0, 0), 1.2) + rng.normal(0, 3, picture.shape)
    return np.asarray(np.clip(soft, 0, 255), dtype=np.uint8)


def as_jpeg(picture: Picture, quality: int) -> Picture:
    _, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE), dtype=np.uint8)


def with_letters(picture: Picture) -> Picture:
    marked = picture.copy()
    cv2.putText(marked, "R PORTABLE", (10, 35), cv2.FONT_HERSHEY_SIMPLEX, 0.9, 255, 2)
    return marked


def gamma(picture: Picture, power: float) -> Picture:
    return np.asarray(255 * (picture / 255) ** power, dtype=np.uint8)


COPIES = {
    "smaller": lambda p: cv2.resize(p, (256, 256), interpolation=cv2.INTER_AREA),
    "larger": lambda p: cv2.resize(p, (512, 512), interpolation=cv2.INTER_CUBIC),
    "squashed": lambda p: cv2.resize(p, (224, 299), interpolation=cv2.INTER_AREA),
    "JPEG": lambda p: as_jpeg(p, 40),
    "dark": lambda p: gamma(p, 1.6),
    "light": lambda p: gamma(p, 0.6),
    "letters": with_letters,
}


@pytest.mark.parametrize("how", COPIES)
def test_a_copy_is_found_among_strangers(how: str) -> None:
    films = [chest(seed) for seed in range(12)]
    films.append(COPIES[how](films[5]))
    found = [pair for pair in similar_pairs([look_of(radiograph(film)) for film in films]) if pair.same_film]
    assert [(pair.first, pair.second, pair.how) for pair in found] == [(5, 12, "as it is")]


@pytest.mark.parametrize(
    ("turn", "how"),
    [
        (lambda p: 255 - p, "inverted"),
        (lambda p: p[:, ::-1], "mirrored"),
        (lambda p: 255 - p[:, ::-1], "mirrored and inverted"),
    ],
)
def test_inverted_and_mirrored_copies_are_found_and_named(turn: object, how: str) -> None:
    film = chest(3)
    looks = [look_of(radiograph(film)), look_of(radiograph(chest(4))), look_of(radiograph(turn(film)))]  # type: ignore[operator]
    found = [pair for pair in similar_pairs(looks) if pair.same_film]
    assert [(pair.first, pair.second, pair.how) for pair in found] == [(0, 2, how)]
    assert found[0].detail > 0.9


def test_a_film_stored_inverted_looks_as_it_is_shown() -> None:
    film = chest(1)
    shown = look_of(radiograph(film))
    stored = look_of(radiograph(255 - film, inverse=True))
    assert np.count_nonzero(shown.bits != stored.bits) <= 2


def test_the_mirror_undoes_itself() -> None:
    bits = look_of(radiograph(chest(2))).bits
    assert (mirrored(bits) != bits).any()
    np.testing.assert_array_equal(mirrored(mirrored(bits)), bits)


def test_pairs_across_blocks_are_found_once_and_with_their_places() -> None:
    """More films than one block of the comparison holds."""
    rng = np.random.default_rng(0)
    looks = [Look(rng.random(256) > 0.5, rng.integers(-90, 90, (112, 112)).astype(np.int8)) for _ in range(2100)]
    looks[2090] = looks[7]
    looks[2095] = looks[2080]
    found = [(pair.first, pair.second) for pair in similar_pairs(looks) if pair.same_film]
    assert sorted(found) == [(7, 2090), (2080, 2095)]


def test_no_films_have_no_pairs() -> None:
    assert similar_pairs([]) == []


def test_a_pair_is_the_same_film_from_the_threshold_on() -> None:
    assert Pair(0, 1, 80, SAME_FILM, "as it is").same_film
    assert not Pair(0, 1, 2, SAME_FILM - 0.01, "as it is").same_film
