"""Stage 0: the encoder learns what chest films look like from films without masks, by masked image modelling.

    python -m training.pretrain --data ../shared/data/cxr --out runs/pretrained
    python -m training.train --data ../shared/data/cxr --out runs/compact --start runs/pretrained/pretrained.pt

Squares of a film are hidden and the network says what they held (as SimMIM, arXiv 2111.09886, with our convolutional
encoder in the place of its transformer). It learns from the training split and from unlabelled films alone: a film that
anything is scored on is not even opened. A run that is killed goes on, and ends as it would have ended.
"""

import argparse
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

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
from training.films import Film, exposed, unit_of, warp
from training.manifest import DataError, Split, named_sources
from training.progress import FileJournal, Silent, Speaker, duration, journal, seconds_left
from training.recipe import RECIPES, Recipe
from training.sources import records_in
from training.state import read_whole, take_back, write_whole
from training.supply import prefetched
from training.together import refuse_several
from training.train import learning_rate

_DETAIL = 4  # the network says what was hidden at a quarter of the frame's resolution
_STRIDE = 16  # of the embedding, in both kinds of network


@dataclass(frozen=True, slots=True, eq=False)
class Hidden:
    """Frames of which parts are hidden, and what they held."""

    frames: NDArray[np.float32]  # (films, channels, size, size), 0 where hidden
    targets: NDArray[np.float32]  # (films, size / 4, size / 4), grey in the network's units
    hidden: NDArray[np.float32]  # (films, size / 4, size / 4), 1 where hidden


class Guesser(nn.Module):
    """The network's encoder, and the one layer that turns its embedding into pixels; only the encoder is kept."""

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
    """Yield the batches of the whole stage from batch `first` on; each depends on the seed and its number alone."""
    phase, preprocessing = recipe.pretraining, recipe.preprocessing
    small = (phase.size // _DETAIL, _DETAIL, phase.size // _DETAIL, _DETAIL)
    for number in range(first, phase.films // phase.batch):
        rng = np.random.default_rng([recipe.seed, number])
        frames, targets, masks = [], [], []
        for index in rng.choice(len(films), phase.batch, replace=False):
            unit = to_unit(exposed(warp(films[index], rng)[0], rng), None, preprocessing)
            frame, hidden = standardise(unit, preprocessing), hidden_squares(recipe, rng)
            frames.append(frame * (1.0 - hidden))
            targets.append(frame[0].reshape(small).mean((1, 3)))
            masks.append(hidden.reshape(small).mean((1, 3)))
        yield Hidden(np.stack(frames), np.stack(targets), np.stack(masks))


# -------------------------------------------------------------------------------------------------------- the loop


def guess_loss(guessed: Tensor, targets: Tensor, hidden: Tensor) -> Tensor:
    """Return the mean absolute error where something was hidden; what could be seen teaches nothing."""
    return ((guessed.float() - targets).abs() * hidden).sum() / hidden.sum()


def pretrain(recipe: Recipe, data: Path, out: Path, device: torch.device, speaker: Speaker | Silent) -> Path:
    """Run the stage, or what is left of it; return the file that `training.train --start` takes."""
    kept, state = out / "pretrained.pt", out / "pretraining.pt"
    if kept.exists():
        speaker.line(f"{kept} is there already")
        return kept
    out.mkdir(parents=True, exist_ok=True)
    sweep_stale(out, older_than_s=0.0)  # what a killed run was writing
    films = films_without_masks(data, recipe)
    speaker.line(f"{len(films)} films to learn from without masks")
    torch.manual_seed(recipe.seed)
    guesser = Guesser(LungModel(recipe.model)).to(device).train()
    size = recipe.pretraining.size
    guesser.model.prompt_encoder.input_image_size = (size, size)
    optimizer = torch.optim.AdamW(
        [*guesser.model.image_encoder.parameters(), *guesser.head.parameters()],
        lr=recipe.learning_rate,
        weight_decay=recipe.weight_decay,
        betas=(0.9, 0.98),
    )
    first = _taken_back(state, guesser, optimizer, device)
    with journal(out, first, first * recipe.pretraining.batch) as log:
        _steps(guesser, optimizer, films, recipe, first, device, state, speaker, log)
    shape = {"config": recipe.model.as_json(), "preprocessing": asdict(recipe.preprocessing)}
    write_whole(kept, {"model": guesser.model.state_dict(), "scores": {}, **shape})
    state.unlink(missing_ok=True)
    return kept


def _taken_back(state: Path, guesser: Guesser, optimizer: torch.optim.Optimizer, device: torch.device) -> int:
    """Return the step that a killed run had reached, its weights taken back; 0 where there was none."""
    if not state.exists():
        return 0
    found = read_whole(state, device)
    take_back(state, found, {"guesser": guesser, "optimizer": optimizer})
    return int(found["step"])


def _steps(
    guesser: Guesser,
    optimizer: torch.optim.Optimizer,
    films: list[Film],
    recipe: Recipe,
    first: int,
    device: torch.device,
    state: Path,
    speaker: Speaker | Silent,
    log: FileJournal,
) -> None:
    phase = recipe.pretraining
    begun = saved = time.monotonic()
    for step, batch in enumerate(prefetched(hidden_batches(films, recipe, first)), start=first):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, step * phase.batch / phase.films, recipe)
        with torch.autocast(device.type, torch.bfloat16, enabled=has_bfloat16(device)):
            guessed = guesser(torch.from_numpy(batch.frames).to(device))
        loss = guess_loss(guessed, *(torch.from_numpy(one).to(device) for one in (batch.targets, batch.hidden)))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(guesser.parameters(), recipe.gradient_norm)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        done = step + 1
        if done % recipe.report_steps == 0:
            seconds = (time.monotonic() - begun) / ((done - first) * phase.batch)
            left = seconds_left((phase,), 0, done * phase.batch, {phase.size: seconds}) or 0.0
            log.step(done, done * phase.batch, phase.size, loss.item(), None, 1 / seconds)
            text = f"{phase.size} px  loss {loss.item():.3f}  {1 / seconds:.1f} films/s  {duration(left)} left"
            speaker.progress(done * phase.batch, phase.films, text)
        if time.monotonic() - saved > recipe.checkpoint_seconds:
            saved = time.monotonic()
            reached = {"guesser": guesser.state_dict(), "optimizer": optimizer.state_dict(), "step": done}
            write_whole(state, reached)


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
