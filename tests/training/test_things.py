"""Things laid on films: what is asked for is what is seen, and only there has the film changed; computed chests."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from engine.network.config import Preprocessing
from training.films import Draws, Film
from training.things import any_shape, phantom_films, varied, with_things

SIZE = 128
SMOOTH = np.outer(np.linspace(0.2, 0.8, SIZE), np.linspace(0.5, 1.0, SIZE)).astype(np.float32)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("phantoms")


@pytest.fixture(scope="module")
def phantom(kept: Path) -> Film:
    (film,) = phantom_films(1, SIZE, Preprocessing(), kept)
    return film


@pytest.mark.parametrize("seed", range(20))
def test_a_film_changes_where_things_are_and_nowhere_else(seed: int) -> None:
    unit, things = with_things(SMOOTH, np.random.default_rng(seed))
    changed = np.abs(unit - SMOOTH) > 1e-3
    near = cv2.dilate(things.max(axis=0), np.ones((13, 13), np.uint8)) > 0
    deep = cv2.erode(things.max(axis=0), np.ones((5, 5), np.uint8)) > 0
    assert not changed[~near].any()
    assert changed[deep].sum() >= 0.9 * deep.sum() > 0
    assert unit.dtype == np.float32


def test_of_two_things_each_pixel_shows_one() -> None:
    seen = [with_things(SMOOTH, np.random.default_rng(seed))[1] for seed in range(40)]
    assert all(things.shape == (2, SIZE, SIZE) and things.max() == 1 for things in seen)
    assert not any((things[0] & things[1]).any() for things in seen)
    bare = [any_shape(SIZE, np.random.default_rng(seed)) for seed in range(40)]
    areas = [shape.mean() for shape in bare]
    assert min(areas) < 0.02 < 0.1 < max(areas)


def test_a_film_without_masks_is_asked_for_things_and_a_chest_for_its_lungs(phantom: Film) -> None:
    bare = Film("bare", "made", SMOOTH, np.zeros((2, SIZE, SIZE), np.uint8))
    unit, things = varied(bare, Preprocessing(), np.random.default_rng(1))
    assert things.any()
    assert 0.0 <= unit.min() <= unit.max() <= 1.0
    lungs = varied(phantom, Preprocessing(), np.random.default_rng(5))[1]
    assert int(lungs.sum()) == pytest.approx(int(phantom.lungs.sum()), rel=0.6)
    (batch,) = Draws([bare, phantom], 2, SIZE, 2, 3, Preprocessing(), seed=2, vary=varied)
    assert batch.targets.shape == (6, SIZE // 2, SIZE // 2)
    assert (batch.targets.reshape(6, -1).max(axis=1) > 0.9).sum() >= 4


def test_a_computed_chest_has_dark_lungs_side_by_side(phantom: Film) -> None:
    left, right = (lung > 0 for lung in phantom.lungs)
    columns = np.arange(SIZE)
    assert np.average(columns, weights=left.sum(axis=0)) < np.average(columns, weights=right.sum(axis=0))
    assert 0.04 < left.mean() < 0.25
    assert 0.04 < right.mean() < 0.25
    body = (phantom.unit > 0.05) & ~left & ~right
    assert phantom.unit[left | right].mean() < phantom.unit[body].mean() - 0.1


def test_computed_chests_are_made_once(phantom: Film, kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.things.random_radiograph", None)
    (again,) = phantom_films(1, SIZE, Preprocessing(), kept)
    np.testing.assert_array_equal(again.unit, phantom.unit)
    np.testing.assert_array_equal(again.lungs, phantom.lungs)
