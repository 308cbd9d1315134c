"""How a network under training does on films that it does not learn from, on the frame that it is trained on."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 (torch's own convention)
from numpy.typing import NDArray

from engine.geometry import BoxPrompt, Letterbox, Prompts
from engine.model_input import standardise
from engine.network.model import LungModel
from training import pictures
from training.boxes import bounds_of
from training.films import Film
from training.recipe import Recipe
from training.together import Team

PICTURED = 8  # worst films on the sheet of each look


def questions(film: Film) -> Iterator[tuple[str, Prompts, NDArray[np.bool_]]]:
    """Yield what a film is asked in validation: each lung and both by their own bounds, both by the whole film."""
    size = film.unit.shape[0]
    for kind, wanted in (("lung", [0]), ("lung", [1]), ("both", [0, 1]), ("whole", [0, 1])):
        target = film.lungs[wanted].max(axis=0) > 0
        box = BoxPrompt.whole(size, size) if kind == "whole" else bounds_of(target)
        if box is not None and target.any():
            yield kind, Prompts(box), target


def answers(
    model: LungModel, film: Film, recipe: Recipe, device: torch.device
) -> Iterator[tuple[str, NDArray[np.bool_], NDArray[np.bool_]]]:
    """Yield the kind of each question, the network's mask, and the true one."""
    size = film.unit.shape[0]
    frame = Letterbox.fit(size, size, size)
    asked = list(questions(film))
    tokens = [frame.tokens(prompts) for _, prompts, _ in asked]
    features = model.encode(torch.from_numpy(standardise(film.unit, recipe.preprocessing))[None].to(device))
    logits, _ = model.decode(
        features,
        torch.from_numpy(np.stack([coordinates for coordinates, _ in tokens])).to(device),
        torch.from_numpy(np.stack([labels for _, labels in tokens])).to(device),
    )
    full = F.interpolate(logits.float().unsqueeze(1), (size, size), mode="bilinear", align_corners=False)[:, 0]
    for (kind, _, target), mask in zip(asked, (full > 0).cpu().numpy(), strict=True):
        yield kind, mask, target


@dataclass(frozen=True, slots=True, eq=False)
class Validation:
    """What one look at the validation films gave."""

    scores: dict[str, float]  # mean Dice for each kind of question, and the 5th percentile for single lungs
    worst: list[pictures.Tile]  # films, the worst first: truth and mask


@torch.inference_mode()
def validate(model: LungModel, films: list[Film], recipe: Recipe, company: Team) -> Validation:
    """Return how a network does on films. Each process is asked its share of them; all get the same answer."""
    model.eval()
    found: list[tuple[str, float]] = []
    looks: list[tuple[float, pictures.Tile]] = []
    for film in films[company.rank :: company.size]:
        if not film.lungs.any():  # a mask of a few pixels, gone on a small frame: nothing can be asked
            continue
        asked = []
        for kind, mask, target in answers(model, film, recipe, company.device):
            dice = float(2 * (mask & target).sum() / (mask.sum() + target.sum()))
            found.append((kind, dice))
            asked.append((dice, kind, mask, target))
        dice, kind, mask, target = min(asked, key=lambda one: one[0])
        tile = pictures.unit_tile(film.unit, [(target, pictures.TRUTH), (mask, pictures.MODEL)])
        looks.append((dice, pictures.captioned(tile, f"Dice {dice:.3f}: {film.name}, {kind}")))
        looks = sorted(looks, key=lambda one: one[0])[:PICTURED]
    model.train()
    scores: dict[str, list[float]] = {"lung": [], "both": [], "whole": []}
    for kind, dice in company.gathered(found):
        scores[kind].append(dice)
    means = {kind: float(np.mean(values)) for kind, values in scores.items()}
    worst = sorted(company.gathered(looks), key=lambda one: one[0])[:PICTURED]
    return Validation(means | {"lung_p5": float(np.percentile(scores["lung"], 5))}, [tile for _, tile in worst])
