"""Stage 0: the network learns what chest films look like, and what a prompt asks for, from films without masks.

    python -m training.pretrain --data ../shared/data/cxr --out runs/pretrained
    python -m training.train --data ../shared/data/cxr --out runs/compact --start runs/pretrained/pretrained.pt

In turns: squares of a film are hidden and the encoder says what they held (as SimMIM, arXiv 2111.09886, with our
convolutional encoder in the place of its transformer); and things are outlined that nobody had to draw
(`training.things`), from boxes and points as training gives them. It learns from the training split and from unlabelled
films alone: a film that anything is scored on is not even opened. A run that is killed goes on, and ends as it would
have ended.
"""

import argparse
import math
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 (torch's own convention)
from numpy.typing import NDArray
from torch import Tensor, nn

from engine.errors import LungboxError
from engine.files import sweep_stale
from engine.model_input import standardise, to_unit
from engine.network.model import LungModel
from engine.network.torch_backend import has_bfloat16
from training.films import Batch, Draws, Film, chances, exposed, unit_of, warp
from training.manifest import DataError, Split, named_sources
from training.progress import FileJournal, Silent, Speaker, duration, journal, seconds_left
from training.recipe import RECIPES, Recipe
from training.sources import records_in
from training.state import optimizer_of, read_whole, refuse_another, take_back, write_whole
from training.supply import prefetched, supplied, workers_for
from training.things import phantom_films, varied
from training.together import refuse_several
from training.train import batch_loss, learning_rate

_DETAIL = 4  # the network says what was hidden at a quarter of the frame's resolution
_STATE = "pretraining.pt"  # of a stage that is not at its end
_STRIDE = 16  # of the embedding, in both kinds of network


@dataclass(frozen=True, slots=True, eq=False)
class Hidden:
    """Frames of which parts are hidden, and what they held."""

    frames: NDArray[np.float32]  # (films, channels, size, size), 0 where hidden
    targets: NDArray[np.float32]  # (films, size / 4, size / 4), grey in the network's units
    hidden: NDArray[np.float32]  # (films, size / 4, size / 4), 1 where hidden


class Guesser(nn.Module):
    """The network, and the one layer that turns its encoder's embedding into pixels; only the network is kept."""

    def __init__(self, model: LungModel) -> None:
        super().__init__()
        self.model = model
        across = _STRIDE // _DETAIL
        self.head = nn.Conv2d(model.config.decoder_dim, across * across, 1)

    def forward(self, frames: Tensor) -> Tensor:
        """Return (B, size / 4, size / 4) for (B, channels, size, size)."""
        return F.pixel_shuffle(self.head(self.model.encode(frames)[0]), _STRIDE // _DETAIL)[:, 0]


# ------------------------------------------------------------------------------------------------------------ data


def films_without_masks(root: Path, recipe: Recipe) -> list[Film]:
    """Return the films that may be learnt from without being scored on, of every convention.

    Of every source, too, or of those that the recipe names, and the films that nobody has outlined.
    """
    size = recipe.pretraining.size
    blank = np.zeros((2, size, size), np.uint8)
    records = records_in(root)
    learned = {one.key for one in named_sources(records, recipe.sources) if one.split is Split.TRAIN}
    wanted = [one for one in records if one.split is Split.UNLABELLED or one.key in learned]
    if len(wanted) < recipe.pretraining.batch:
        raise DataError(
            f"{root} has {len(wanted)} films of train or unlabelled; a step takes {recipe.pretraining.batch}.",
            advice="Check the column split of its manifest.",
        )
    return [Film(one.id, one.source, unit_of(one, size, recipe.preprocessing)[0], blank) for one in wanted]


def hidden_squares(recipe: Recipe, rng: np.random.Generator) -> NDArray[np.float32]:
    """Return (size, size): 1 in the squares of a film that are hidden."""
    size, side = recipe.pretraining.size, recipe.hidden_side
    across = -(-size // side)
    chosen = np.zeros(across * across, np.float32)
    chosen[rng.permutation(chosen.size)[: round(recipe.hidden_share * chosen.size)]] = 1.0
    return np.kron(chosen.reshape(across, across), np.ones((side, side), np.float32))[:size, :size]


def hidden_batches(films: list[Film], recipe: Recipe, first: int) -> Iterator[Hidden]:
    """Yield batches with hidden squares from batch `first` on; each depends on the seed and its number alone."""
    phase, preprocessing = recipe.pretraining, recipe.preprocessing
    small = (phase.size // _DETAIL, _DETAIL, phase.size // _DETAIL, _DETAIL)
    steps = phase.films // phase.batch
    for number in range(first, steps - thing_steps(steps, recipe)):
        rng = np.random.default_rng([recipe.seed, number])
        frames, targets, masks = [], [], []
        for index in rng.choice(len(films), phase.batch, replace=False):
            unit = to_unit(exposed(warp(films[index], rng)[0], rng), None, preprocessing)
            frame, hidden = standardise(unit, preprocessing), hidden_squares(recipe, rng)
            frames.append(frame * (1.0 - hidden))
            targets.append(frame[0].reshape(small).mean((1, 3)))
            masks.append(hidden.reshape(small).mean((1, 3)))
        yield Hidden(np.stack(frames), np.stack(targets), np.stack(masks))


def thing_draws(films: list[Film], recipe: Recipe, folder: Path) -> Draws:
    """Return the batches with things to outline, on these films and on computed chests."""
    phase, preprocessing = recipe.pretraining, recipe.preprocessing
    phantoms = phantom_films(recipe.phantoms, phase.size, preprocessing, folder) if recipe.phantoms else []
    return Draws(
        [*films, *phantoms],
        thing_steps(phase.films // phase.batch, recipe) * phase.batch,
        phase.size,
        phase.batch,
        recipe.prompts_per_film,
        preprocessing,
        recipe.seed + 1,  # hidden squares have the seed itself
        chances=chances(len(films), len(phantoms), recipe.phantom_share),
        vary=varied,
    )


def thing_steps(steps: int, recipe: Recipe) -> int:
    """Return how many of the first steps ask for outlines of things: their share, evenly spread."""
    return int(steps * recipe.things_share)


# -------------------------------------------------------------------------------------------------------- the loop


def guess_loss(guessed: Tensor, targets: Tensor, hidden: Tensor) -> Tensor:
    """Return the mean absolute error where something was hidden; what could be seen teaches nothing."""
    return ((guessed.float() - targets).abs() * hidden).sum() / hidden.sum()


def hidden_loss(guesser: Guesser, batch: Hidden, device: torch.device) -> Tensor:
    """Return how far off the hidden squares of a batch are guessed, in mixed precision."""
    with torch.autocast(device.type, torch.bfloat16, enabled=has_bfloat16(device)):
        guessed = guesser(torch.from_numpy(batch.frames).to(device))
    return guess_loss(guessed, *(torch.from_numpy(one).to(device) for one in (batch.targets, batch.hidden)))


def stage_plan(recipe: Recipe) -> dict[str, Any]:
    """Return what the stage cannot change on its way."""
    return {
        "model": recipe.model.as_json(),
        "pretraining": asdict(recipe.pretraining),
        "things_share": recipe.things_share,
        "sources": list(recipe.sources),
        "seed": recipe.seed,
    }


@dataclass(slots=True)
class Stage:
    """What changes while the stage runs, and that one which was killed must have back."""

    guesser: Guesser
    optimizer: torch.optim.Optimizer
    recipe: Recipe
    step: int = 0

    def save(self, path: Path) -> None:
        """Write the state, whole or not at all."""
        parts = {"guesser": self.guesser.state_dict(), "optimizer": self.optimizer.state_dict()}
        write_whole(path, {**parts, "step": self.step, "plan": stage_plan(self.recipe)})

    def load(self, path: Path, device: torch.device) -> None:
        """Take the state back; StateError where it is of a stage that was begun otherwise."""
        state = read_whole(path, device)
        refuse_another(path, state.get("plan", {}), stage_plan(self.recipe))
        take_back(path, state, {"guesser": self.guesser, "optimizer": self.optimizer})
        self.step = int(state["step"])


def begun(recipe: Recipe, device: torch.device) -> Stage:
    """Return the stage before its first step."""
    torch.manual_seed(recipe.seed)
    guesser = Guesser(LungModel(recipe.model)).to(device).train()
    guesser.model.prompt_encoder.input_image_size = (recipe.pretraining.size, recipe.pretraining.size)
    return Stage(guesser, optimizer_of(guesser, recipe), recipe)


def pretrain(recipe: Recipe, data: Path, out: Path, device: torch.device, speaker: Speaker | Silent) -> Path:
    """Run the stage, or what is left of it; return the file that `training.train --start` takes."""
    kept, state, plan = out / "pretrained.pt", out / _STATE, stage_plan(recipe)
    if kept.exists():
        refuse_another(kept, read_whole(kept, device).get("plan", {}), plan)
        speaker.line(f"{kept} is there already")
        return kept
    out.mkdir(parents=True, exist_ok=True)
    sweep_stale(out, older_than_s=0.0)  # what a killed run was writing
    films = films_without_masks(data, recipe)
    speaker.line(f"{len(films)} films to learn from without masks")
    stage = begun(recipe, device)
    if state.exists():
        stage.load(state, device)
    with journal(out, stage.step, stage.step * recipe.pretraining.batch) as log:
        run_stage(stage, films, device, out, speaker, log)
    shape = {"config": recipe.model.as_json(), "preprocessing": asdict(recipe.preprocessing)}
    write_whole(kept, {"model": stage.guesser.model.state_dict(), "scores": {}, "plan": plan, **shape})
    state.unlink(missing_ok=True)
    return kept


def run_stage(
    stage: Stage, films: list[Film], device: torch.device, out: Path, speaker: Speaker | Silent, log: FileJournal
) -> None:
    """Take what is left of its steps, saving on the way."""
    recipe, guesser, phase = stage.recipe, stage.guesser, stage.recipe.pretraining
    first, asked = stage.step, thing_steps(stage.step, recipe)
    hidden = prefetched(hidden_batches(films, recipe, first - asked))
    things: Iterator[Batch] = iter(())
    if recipe.things_share:
        things = supplied(thing_draws(films, recipe, out), workers_for(device), asked)
    error, dice = math.nan, math.nan  # of the last step of each kind
    began = saved = time.monotonic()
    for step in range(first, phase.films // phase.batch):
        for group in stage.optimizer.param_groups:
            group["lr"] = learning_rate(step, step * phase.batch / phase.films, recipe)
        if thing_steps(step + 1, recipe) > thing_steps(step, recipe):
            loss, dice = batch_loss(guesser.model, next(things), recipe, device)
        else:
            loss = hidden_loss(guesser, next(hidden), device)
            error = loss.item()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(guesser.parameters(), recipe.gradient_norm)
        stage.optimizer.step()
        stage.optimizer.zero_grad(set_to_none=True)
        stage.step = step + 1
        seen = stage.step * phase.batch
        if stage.step % recipe.report_steps == 0:
            seconds = (time.monotonic() - began) / (seen - first * phase.batch)
            left = seconds_left((phase,), 0, seen, {phase.size: seconds}) or 0.0
            log.step(stage.step, seen, phase.size, error, None if math.isnan(dice) else dice, 1 / seconds)
            found = [f"hidden squares off by {error:.3f}"] * (not math.isnan(error))
            found += [f"Dice of things {dice:.3f}"] * (not math.isnan(dice))
            text = "  ".join([f"{phase.size} px", *found, f"{1 / seconds:.1f} films/s", f"{duration(left)} left"])
            speaker.progress(seen, phase.films, text)
        if time.monotonic() - saved > recipe.checkpoint_seconds:
            saved = time.monotonic()
            stage.save(out / _STATE)


def main(argv: list[str] | None = None) -> int:
    """Read the flags and pretrain."""
    parser = argparse.ArgumentParser(prog="python -m training.pretrain", description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with manifest.csv")
    parser.add_argument("--out", type=Path, required=True, help="folder for the run")
    parser.add_argument("--recipe", choices=sorted(RECIPES), default="compact")
    parser.add_argument(
        "--sources", nargs="+", default=[], help="to learn from, with what nobody outlined; by default all"
    )
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    given = parser.parse_args(argv)
    speaker = Speaker(sys.stdout)
    recipe = replace(RECIPES[given.recipe], sources=tuple(given.sources))
    try:
        refuse_several()
        kept = pretrain(recipe, given.data, given.out, torch.device(given.device), speaker)
    except LungboxError as error:
        print(f"training.pretrain: {error}", file=sys.stderr)
        return 1
    speaker.line(f"wrote {kept}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
