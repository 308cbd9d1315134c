"""Looks at the validation films: what they are asked, and films that have nothing to be asked."""

import numpy as np
import torch

from engine.network.model import LungModel
from tests.tiny import TINY
from training.films import Film
from training.recipe import Recipe
from training.together import Team
from training.validation import questions, validate


def a_film(name: str, *, lungs: bool) -> Film:
    masks = np.zeros((2, 64, 64), np.uint8)
    if lungs:
        masks[0, 10:50, 6:26] = masks[1, 10:50, 38:58] = 1
    return Film(name, "made", np.random.default_rng(1).random((64, 64), dtype=np.float32), masks)


def test_each_lung_and_both_are_asked_for() -> None:
    asked = list(questions(a_film("a", lungs=True)))
    assert [kind for kind, _, _ in asked] == ["lung", "lung", "both", "whole"]
    assert [int(target.sum()) for _, _, target in asked] == [800, 800, 1600, 1600]


def test_a_film_whose_mask_is_gone_on_a_small_frame_does_not_end_the_look() -> None:
    torch.manual_seed(0)
    model, recipe, alone = LungModel(TINY), Recipe(model=TINY), Team(torch.device("cpu"))
    with_lungs = validate(model, [a_film("a", lungs=True)], recipe, alone)
    found = validate(model, [a_film("gone", lungs=False), a_film("a", lungs=True)], recipe, alone)
    assert found.scores == with_lungs.scores
    assert len(found.worst) == 1
