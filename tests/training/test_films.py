"""What a training step is made of: the same seed gives the same batch, targets are what the prompts ask for."""

import numpy as np
import pytest

from engine.geometry import BoxPrompt
from engine.network.config import Preprocessing
from training import films
from training.films import Draws, Film, augmented, draw_prompts, lungless, with_fluid, with_gas

SIZE = 64


def a_film(seed: int = 0) -> Film:
    rng = np.random.default_rng(seed)
    lungs = np.zeros((2, SIZE, SIZE), dtype=np.uint8)
    lungs[0, 12:50, 8:28] = 1
    lungs[1, 14:48, 36:56] = 1
    unit = np.clip(0.8 - 0.5 * lungs.max(axis=0) + rng.normal(0, 0.05, (SIZE, SIZE)), 0, 1).astype(np.float32)
    return Film(f"film{seed}", "made", unit, lungs)


FILMS = [a_film(seed) for seed in range(6)]


def test_the_same_seed_gives_the_same_batches() -> None:
    one, two = (list(Draws(FILMS, 8, SIZE, 4, 3, Preprocessing(), seed=11)) for _ in range(2))
    for a, b in zip(one, two, strict=True):
        for field in ("frames", "coordinates", "labels", "targets"):
            np.testing.assert_array_equal(getattr(a, field), getattr(b, field))


def test_a_batch_has_a_frame_a_film_and_a_target_a_prompt() -> None:
    (batch,) = Draws(FILMS, 4, SIZE, 4, 3, Preprocessing(), seed=1)
    assert batch.frames.shape == (4, 1, SIZE, SIZE)
    assert batch.targets.shape == (12, SIZE // 2, SIZE // 2)
    assert batch.coordinates.shape[:2] == batch.labels.shape
    assert 0.0 <= batch.targets.min() <= batch.targets.max() <= 1.0


def test_augmented_films_are_stretched_as_the_engine_stretches_films() -> None:
    rng = np.random.default_rng(3)
    for _ in range(20):
        unit, lungs = augmented(FILMS[0], Preprocessing(), rng)
        assert unit.dtype == np.float32
        assert unit.min() >= 0.0
        assert unit.max() <= 1.0
        assert set(np.unique(lungs)) <= {0, 1}


def test_a_one_lung_prompt_asks_for_that_lung() -> None:
    rng = np.random.default_rng(5)
    prompts, target = draw_prompts(FILMS[0].lungs, [1], points=2, boxed=True, rng=rng)
    np.testing.assert_array_equal(target, FILMS[0].lungs[1])
    assert prompts.box is not None
    assert prompts.points[0].positive
    assert FILMS[0].lungs[1][int(prompts.points[0].y), int(prompts.points[0].x)] == 1


def test_a_lung_behind_a_shutter_is_not_asked_for_by_a_box_round_the_other() -> None:
    lungs = FILMS[0].lungs.copy()
    lungs[0] = 0
    _, target = draw_prompts(lungs, [0], points=0, boxed=True, rng=np.random.default_rng(1))
    np.testing.assert_array_equal(target, lungs[1])


def test_a_film_without_lungs_asks_for_nothing() -> None:
    prompts, target = draw_prompts(
        np.zeros((2, SIZE, SIZE), np.uint8), [0], points=0, boxed=True, rng=np.random.default_rng(1)
    )
    assert isinstance(prompts.box, BoxPrompt)
    assert target.sum() == 0


def test_a_lungless_part_holds_no_lung() -> None:
    rng = np.random.default_rng(2)
    busy = Film("f", "made", rng.random((SIZE, SIZE)).astype(np.float32), FILMS[0].lungs)
    found = [part for _ in range(30) if (part := lungless(busy, rng)) is not None]
    assert found
    assert all(lungs.sum() == 0 for _, lungs in found)


def test_fluid_is_as_white_as_what_lies_beside_the_lung() -> None:
    film, rng = FILMS[0], np.random.default_rng(4)
    lung = film.lungs[0]
    whiteness = [with_fluid(film.unit, lung, rng)[45:49, 12:24].mean() for _ in range(30)]
    assert film.unit[45:49, 12:24].mean() < 0.35  # air; beside it: 0.8
    assert np.median(whiteness) > 0.65
    assert max(whiteness) < 0.95
    assert with_fluid(film.unit, lung, rng)[:, 40:] == pytest.approx(film.unit[:, 40:])  # the other lung is left alone


def test_gas_lies_below_a_dome_and_in_no_lung() -> None:
    film, rng = FILMS[0], np.random.default_rng(6)
    found = [with_gas(film.unit, film.lungs, rng) - film.unit for _ in range(20)]
    darker = np.stack(found) < -0.1
    assert darker.any(axis=(1, 2)).sum() >= 15
    assert not darker[:, film.lungs.max(axis=0) > 0].any()
    assert not darker[:, :46].any()  # both lungs reach further down


@pytest.mark.parametrize("name", ["with_opacities", "with_gas", "with_devices", "exposed", "collimated"])
def test_each_alteration_changes_the_film_and_keeps_its_size(name: str) -> None:
    rng = np.random.default_rng(8)
    film = FILMS[0]
    alter = getattr(films, name)
    takes_lungs = {"with_opacities", "with_gas", "collimated"}
    changed = 0
    for _ in range(10):
        got = alter(film.unit, film.lungs, rng) if name in takes_lungs else alter(film.unit, rng)
        unit = got[0] if isinstance(got, tuple) else got
        assert unit.shape == film.unit.shape
        changed += not np.array_equal(unit, film.unit)
    assert changed >= 8
