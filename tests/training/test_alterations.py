"""Spoilt films: the same for every model, with the truth that goes with them."""

from pathlib import Path

import numpy as np
import pytest

from engine.film.radiograph import Radiograph, Source
from training.alterations import Alteration, altered
from training.truth import Lungs, split_lungs

SIDE = 256


def lungs() -> Lungs:
    both = np.zeros((SIDE, SIDE), np.bool_)
    both[60:200, 40:110] = True
    both[60:200, 146:216] = True
    return split_lungs(both)


def film(*, inverse: bool = False) -> Radiograph:
    """Dark lungs in a bright chest, 12 bits."""
    grey = np.where(lungs().both, 900, 3000) + np.add.outer(np.arange(SIDE), np.arange(SIDE))
    stored = (4095 - grey if inverse else grey).astype(np.uint16)
    return Radiograph(stored, Source(Path("f.png"), "file", "pixels", "PNG"), 12, inverse=inverse)


@pytest.mark.parametrize("how", list(Alteration))
def test_a_spoilt_film_is_another_film_of_the_same_size_and_the_same_each_time(how: Alteration) -> None:
    one, truth = altered(film(), lungs(), how, "name")
    again, _ = altered(film(), lungs(), how, "name")
    assert one.stored.shape == truth.both.shape == (SIDE, SIDE)
    assert one.stored.dtype == np.uint16
    assert (one.stored != film().stored).any()
    assert one.source.pixel_sha256 not in {"pixels", altered(film(), lungs(), how, "other")[0].source.file_sha256}
    np.testing.assert_array_equal(one.stored, again.stored)


@pytest.mark.parametrize("inverse", [False, True])
def test_film_and_truth_turn_together(inverse: bool) -> None:
    turned, truth = altered(film(inverse=inverse), lungs(), Alteration.ROTATED, "name")
    shown = -turned.modality_values() if inverse else turned.modality_values()
    middle = np.s_[50:206, 50:206]
    dark = shown[middle] < (2000 - (4095 if inverse else 0))
    assert np.mean(dark == truth.both[middle]) > 0.99
    assert truth.right is not None
    assert truth.left is not None
    np.testing.assert_array_equal(truth.right | truth.left, truth.both)
    assert not np.array_equal(truth.both, lungs().both)
    assert truth.both.sum() == pytest.approx(lungs().both.sum(), rel=0.02)
    # Nothing exposes what comes in from outside, so on screen the corners are as dark as the darkest.
    assert shown[0, 0] == pytest.approx(shown.min(), abs=60)


def test_inversion_says_nothing_in_the_header() -> None:
    inverted, truth = altered(film(), lungs(), Alteration.INVERTED, "name")
    assert not inverted.inverse
    assert inverted.stored[truth.both].min() > inverted.stored[~truth.both].max()


@pytest.mark.parametrize("inverse", [False, True])
def test_an_underexposed_film_is_bright_flat_and_grainy(inverse: bool) -> None:
    before = film(inverse=inverse)
    after, truth = altered(before, lungs(), Alteration.UNDEREXPOSED, "name")

    def shown(radiograph: Radiograph) -> np.ndarray:
        return 4095 - radiograph.stored.astype(float) if inverse else radiograph.stored.astype(float)

    def contrast(radiograph: Radiograph) -> float:
        values = shown(radiograph)
        return float(values[~truth.both].mean() - values[truth.both].mean())

    def grain(radiograph: Radiograph) -> float:
        return float(np.diff(shown(radiograph)[90:180, 50:100], axis=1).std())

    assert 0 < contrast(after) < 0.8 * contrast(before)
    assert grain(after) > 10 * grain(before)
    assert shown(after)[truth.both].mean() > shown(before)[truth.both].mean()


def test_lung_behind_a_shutter_is_no_longer_truth() -> None:
    shut, truth = altered(film(), lungs(), Alteration.COLLIMATED, "name")
    rows = np.flatnonzero((shut.stored != shut.stored[0, 0]).any(axis=1))
    columns = np.flatnonzero((shut.stored != shut.stored[0, 0]).any(axis=0))
    assert rows[0] > 0
    assert columns[-1] < SIDE - 1
    outside = np.ones((SIDE, SIDE), np.bool_)
    outside[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] = False
    assert len(np.unique(shut.stored[outside])) == 1
    assert not truth.both[outside].any()
    np.testing.assert_array_equal(truth.both[~outside], lungs().both[~outside])


@pytest.mark.parametrize("inverse", [False, True])
def test_tubes_and_letters_are_bright_and_leave_the_truth_alone(inverse: bool) -> None:
    before = film(inverse=inverse)
    after, truth = altered(before, lungs(), Alteration.DEVICES, "name")
    change = after.stored.astype(int) - before.stored.astype(int)
    brighter = -change if inverse else change
    assert 0.01 < np.mean(brighter > 200) < 0.2
    assert brighter.min() > -5
    np.testing.assert_array_equal(truth.both, lungs().both)
