"""Trains the compact model: data, model, loop, validation, checkpoint, in reading order.

    python -m training.train --data ../shared/data/cxr --out runs/compact
    python -m training.train --data ../shared/data/cxr --out runs/more --recipe continue --start FILE.safetensors
    python -m training.train --data ../shared/data/cxr --also runs/taught --out runs/more
    torchrun --standalone --nproc-per-node 4 -m training.train --data ../shared/data/cxr --out runs/compact

Everything that may be changed is a field of `training.recipe.Recipe`. The second form goes on from a released file, the
third learns from films outlined by a model, too (`training.teach`), the fourth on several GPUs or CPUs
(`training.together`). A run killed at any moment goes on from its last checkpoint
when started again with the same --out, and ends as it would have ended. `training.release` makes a file for the engine
from its weights.
"""

import argparse
import json
import sys
import time
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 (torch's own convention)
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from engine.errors import LungboxError
from engine.files import sweep_stale, write_atomically
from engine.model_input import standardise
from engine.network.torch_backend import has_bfloat16
from training.base import Base, load_base
from training.films import Batch, Draws, Film, chances, load_films, lung_records, resized
from training.losses import mask_loss
from training.manifest import DataError, lung_truth
from training.pictures import sheet, write_png
from training.progress import Journal, NoJournal, Silent, Speaker, duration, journal, seconds_left
from training.recipe import RECIPES, Recipe, shortened
from training.state import Run, command, commit, follow, start, write_whole
from training.supply import supplied, workers_for
from training.together import Team, team
from training.validation import validate

WARM_FILMS = 24  # that give batch norm its statistics where a run goes on from a released file

# ------------------------------------------------------------------------------------------------------------ loss


def loss_of(logits: Tensor, quality: Tensor, targets: Tensor, recipe: Recipe) -> tuple[Tensor, float]:
    """Return BCE, heavier at the outline, + Dice + the error of the predicted IoU; and the mean Dice of the masks."""
    logits, quality = logits.float(), quality.float()
    smooth = F.avg_pool2d(targets.unsqueeze(1), 5, stride=1, padding=2)[:, 0]
    edge = ((smooth > 0.01) & (smooth < 0.99)).float()
    with torch.no_grad():
        masks, truth = logits > 0, targets > 0.5
        both = (masks & truth).sum((1, 2)).float()
        total = masks.sum((1, 2)) + truth.sum((1, 2))
        iou = both / (total - both).clamp(min=1.0)
        dice = (2.0 * both / total.clamp(min=1.0)).mean().item()
    loss = mask_loss(logits, targets, weight=1.0 + recipe.edge_weight * edge)
    return loss + recipe.quality_weight * F.mse_loss(quality, iou), dice


def batch_loss(model: nn.Module, batch: Batch, recipe: Recipe, device: torch.device) -> tuple[Tensor, float]:
    """Return the loss of a LungModel, or of a team's, on a batch in mixed precision; and the mean Dice of its masks."""
    with torch.autocast(device.type, torch.bfloat16, enabled=has_bfloat16(device)):
        frames, coordinates, labels = (
            torch.from_numpy(value).to(device) for value in (batch.frames, batch.coordinates, batch.labels)
        )
        logits, quality = model(frames, coordinates, labels)
    return loss_of(logits, quality, torch.from_numpy(batch.targets).to(device), recipe)


def learning_rate(step: int, done: float, recipe: Recipe) -> float:
    """Return the rate for a step: linear warm-up, then cosine over the share of films already seen."""
    warm = min(1.0, (step + 1) / recipe.warmup_steps)
    return recipe.learning_rate * warm * 0.5 * (1.0 + float(np.cos(np.pi * done)))


# -------------------------------------------------------------------------------------------------------- the loop


def gradients(network: nn.Module, batch: Batch, recipe: Recipe, device: torch.device) -> tuple[float, float]:
    """Leave the gradient of a batch's mean loss in the weights; return that loss and the mean Dice."""
    parts = batch.split(recipe.accumulate)
    losses, dices = [], []
    for number, part in enumerate(parts, start=1):
        quiet: AbstractContextManager[None] = nullcontext()
        if isinstance(network, DistributedDataParallel) and number < len(parts):
            quiet = network.no_sync()  # only the last pass of a step need tell the other processes
        with quiet:
            loss, dice = batch_loss(network, part, recipe, device)
            (loss / len(parts)).backward()
        losses.append(loss.item())
        dices.append(dice)
    return sum(losses) / len(losses), sum(dices) / len(dices)


def one_step(run: Run, network: nn.Module, batch: Batch, device: torch.device) -> tuple[float, float]:
    """Train on one batch, or this process's share of it; return the loss and the mean Dice before the step."""
    recipe = run.recipe
    for group in run.optimizer.param_groups:
        group["lr"] = learning_rate(run.step, run.seen / recipe.total_films, recipe)
    loss, dice = gradients(network, batch, recipe, device)
    torch.nn.utils.clip_grad_norm_(run.model.parameters(), recipe.gradient_norm)
    run.optimizer.step()
    run.optimizer.zero_grad(set_to_none=True)
    return loss, dice


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """Where a run takes place: its processes, its folder, and what is told of it."""

    team: Team
    out: Path
    speaker: Speaker | Silent
    journal: Journal

    def look(self, run: Run, films: list[Film], size: int) -> dict[str, float]:
        """Validate the averaged weights; tell the scores, and draw the worst films."""
        found = validate(run.average, films, run.recipe, self.team)
        self.journal.validation(run.step, run.seen, size, found.scores)
        self.speaker.line("validation " + ", ".join(f"{kind} {score:.4f}" for kind, score in found.scores.items()))
        if self.team.leads:
            (self.out / "overlays").mkdir(exist_ok=True)
            write_png(self.out / "overlays" / f"{run.seen:06d}.png", sheet(found.worst, columns=4))
        return found.scores

    def save(self, run: Run) -> None:
        """Keep the state, once for all processes."""
        if self.team.leads:
            run.save(self.out / "state.pt")


def train(
    recipe: Recipe, data: Path, out: Path, company: Team, base: Base | None = None, also: Path | None = None
) -> Path:
    """Run the recipe, from nothing or from other weights; return the file with the averaged weights."""
    if base is not None:
        recipe = replace(recipe, model=base.config, preprocessing=base.preprocessing)
    for phase in recipe.phases:
        company.share_of(phase.batch, recipe.accumulate)
    speaker = Speaker(sys.stdout) if company.leads else Silent()
    films, held_out = load_both(recipe, data)
    taught = [] if also is None else load_taught(also, data, recipe)
    refuse_too_few(recipe, len(films) + len(taught))
    chance = chances(len(films), len(taught), recipe.taught_share)
    speaker.line(f"{len(films)} films to train on, {len(taught)} outlined by a model, {len(held_out)} to validate")
    frames = [standardise(film.unit, recipe.preprocessing) for film in films[:: max(1, len(films) // WARM_FILMS)]]
    begun = (None, None) if base is None else (base.network(frames), base.about["sha256"])
    run = start(recipe, company, *begun)
    if (out / "state.pt").exists():
        run.load(out / "state.pt", company.device)
        if run.phase == len(recipe.phases) and (out / "average.pt").exists():
            speaker.line(f"{out} is finished already")
            return out / "average.pt"
        speaker.line(f"going on at step {run.step}, {run.seen} films seen")
    if company.leads:
        out.mkdir(parents=True, exist_ok=True)
        sweep_stale(out, older_than_s=0.0)  # what a killed run was writing
        describe(out / "run.json", recipe, base, films, taught)
    network = company.shared(run.model)
    network.train()
    kept: AbstractContextManager[Journal] = (
        journal(out, run.step, run.seen) if company.leads else nullcontext(NoJournal())
    )
    with kept as told:
        place = Place(company, out, speaker, told)
        for run.phase in range(run.phase, len(recipe.phases)):  # noqa: B020 (goes on where the run stopped)
            run_phase(run, network, Supply([*films, *taught], chance), held_out, place)
            run.phase_seen = 0
        run.phase = len(recipe.phases)
        scores = place.look(run, held_out, recipe.model.image_size)
        place.save(run)
    weights = out / "average.pt"
    if company.leads:
        shape = {"config": recipe.model.as_json(), "preprocessing": asdict(recipe.preprocessing)}
        write_whole(weights, {"model": run.average.state_dict(), "scores": scores, **shape})
    return weights


def load_both(recipe: Recipe, data: Path) -> tuple[list[Film], list[Film]]:
    """Return the films to learn from and those to validate on."""
    size, preprocessing = recipe.model.image_size, recipe.preprocessing
    train_films, held_out = (load_films(data, split, recipe.sources, size, preprocessing) for split in ("train", "val"))
    return train_films, held_out


def refuse_too_few(recipe: Recipe, films: int) -> None:
    """Raise DataError where there are fewer films to learn from than a step draws."""
    batch = max(phase.batch for phase in recipe.phases)
    if films < batch:
        raise DataError(
            f"There are {films} films with masks to learn from; a step takes {batch}, each another.",
            advice="Give more films, or move some to train in the manifest's column split.",
        )


def load_taught(folder: Path, data: Path, recipe: Recipe) -> list[Film]:
    """Return the films of a folder that `training.teach` wrote, by the convention of the others."""
    lung_truth([*lung_records(data, recipe.sources), *lung_records(folder, ())])
    return load_films(folder, "train", (), recipe.model.image_size, recipe.preprocessing)


def describe(path: Path, recipe: Recipe, base: Base | None, films: list[Film], taught: list[Film]) -> None:
    """Write what a run is made of."""
    about = {
        "recipe": asdict(recipe),
        "start": None if base is None else base.about,
        "command": command(),
        "commit": commit(),
        "torch": torch.__version__,
        "films": [film.key for film in films],
        "taught": [film.key for film in taught],
    }
    write_atomically(path, json.dumps(about, indent=1).encode())


@dataclass(frozen=True, slots=True, eq=False)
class Supply:
    """The films to draw from, and how likely each is to be drawn; all alike where that is None."""

    films: list[Film]
    chances: NDArray[np.float64] | None


def run_phase(run: Run, network: nn.Module, supply: Supply, held_out: list[Film], place: Place) -> None:
    """Train what is left of the run's phase, saving and looking at the validation films on the way."""
    recipe, phase, company = run.recipe, run.recipe.phases[run.phase], place.team
    smaller, smaller_held_out = resized(supply.films, phase.size), resized(held_out, phase.size)
    for model in (run.model, run.average):
        model.prompt_encoder.input_image_size = (phase.size, phase.size)
    draws = Draws(
        smaller,
        phase.films,
        phase.size,
        phase.batch,
        recipe.prompts_per_film,
        recipe.preprocessing,
        recipe.seed + 1000 * run.phase,
        share=company.share_of(phase.batch, recipe.accumulate),
        chances=supply.chances,
    )
    begun = saved = time.monotonic()
    seen_before = run.seen
    for batch in supplied(draws, workers_for(company.device), first=run.phase_seen // phase.batch):
        found = one_step(run, network, batch, company.device)
        run.step, run.seen, run.phase_seen = run.step + 1, run.seen + phase.batch, run.phase_seen + phase.batch
        follow(run.average, run.model, run.step, recipe.ema_decay)
        if run.step % recipe.report_steps == 0:
            # Looks and checkpoints included: they take their share of what is left, too.
            run.seconds_per_film[phase.size] = (time.monotonic() - begun) / (run.seen - seen_before)
            report(run, company.mean(*found), place)
        if run.seen // recipe.evaluate_films != (run.seen - phase.batch) // recipe.evaluate_films:
            place.look(run, smaller_held_out, phase.size)
        if time.monotonic() - saved > recipe.checkpoint_seconds:
            saved = time.monotonic()
            place.save(run)
    place.save(run)


def report(run: Run, found: list[float], place: Place) -> None:
    """Tell how a run does and how long all its phases will still take."""
    loss, dice = found
    size = run.recipe.phases[run.phase].size
    films_per_s = 1.0 / run.seconds_per_film[size]
    left = seconds_left(run.recipe.phases, run.phase, run.phase_seen, run.seconds_per_film)
    place.journal.step(run.step, run.seen, size, loss, dice, films_per_s)
    text = f"{size} px  loss {loss:.3f}  Dice {dice:.4f}  {films_per_s:.1f} films/s"
    ends = "" if left is None else f"  {duration(left)} left"
    place.speaker.progress(run.seen, run.recipe.total_films, text + ends)


def main(argv: list[str] | None = None) -> int:
    """Read the flags and train."""
    parser = argparse.ArgumentParser(prog="python -m training.train", description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with manifest.csv")
    parser.add_argument("--out", type=Path, required=True, help="folder for the run")
    parser.add_argument("--recipe", choices=sorted(RECIPES), default="compact")
    parser.add_argument(
        "--start", type=Path, help="released .safetensors, average.pt or pretrained.pt to start from, not from nothing"
    )
    parser.add_argument("--films", type=int, help="drawn in all; the recipe's own number by default")
    parser.add_argument("--sources", nargs="+", default=[], help="to learn from; all that have lungs by default")
    parser.add_argument("--also", type=Path, help="folder of training.teach: films outlined by a model, to learn from")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    given = parser.parse_args(argv)
    try:
        base = None if given.start is None else load_base(given.start)
        with team(given.device) as company:
            recipe = replace(RECIPES[given.recipe], sources=tuple(given.sources))
            if given.films is not None:
                recipe = shortened(recipe, given.films)
            weights = train(recipe, given.data, given.out, company, base, given.also)
            if company.leads:
                print(f"wrote {weights}")
    except LungboxError as error:
        print(f"training.train: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
