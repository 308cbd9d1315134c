"""Stages 1 and 2: a pretrained network adapted under a rank budget, then trained with its rounding.

    python -m training.adapt runs/compact/average.pt --row hybrid --row full-qat-int8 --data FOLDER --out runs/adapted

Rows are those of `training.adaptation`, each from the result of the one before. Meta's sam_vit_b_01ec64.pth, or a
released .safetensors, in the place of average.pt adapts that. An epoch is as many films as there are to learn from; a
batch's films differ, but each batch is drawn anew from all of them, so some come twice in an epoch and some not at all.
The file's scheme is what the rows round to, or --scheme where none does. A run that is killed goes on from its last
epoch, and ends with the bits of a run that was not.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from engine.errors import LungboxError
from engine.network.backends import Backend
from engine.network.checkpoint import Checkpoint
from engine.network.config import Preprocessing
from engine.network.model import LungModel
from training.adalora import RankBudget, adapted_layers
from training.adaptation import ROWS, SCHEMES, Adaptation, RecipeError
from training.base import load_base
from training.films import Draws, Film, load_films, lung_records
from training.losses import adapter_loss
from training.prepare import parameter_groups, prepare, set_training
from training.qat import fit_weights, quantizers, round_places, without_adapters
from training.recipe import Recipe
from training.release import ENGINES, USUAL, Sample, calibrate, card_of, release, samples_of
from training.state import command, commit, read_whole, refuse_another, take_back, write_whole
from training.supply import supplied, workers_for
from training.together import Team, refuse_several
from training.train import batch_loss
from training.validation import validate


@dataclass(frozen=True, slots=True, eq=False)
class Films:
    """What a stage learns from, and what it is looked at with."""

    train: list[Film]
    held_out: list[Film]
    preprocessing: Preprocessing

    def samples(self, films: Sequence[Film], count: int) -> list[Sample]:
        """Return frames and boxes of `count` films, evenly taken."""
        return samples_of(films[:: max(1, len(films) // count)][:count], self.preprocessing)


@dataclass(slots=True, eq=False)
class Stage:
    """One row under way, and all that a resumed run must have back."""

    model: LungModel
    row: Adaptation
    optimizer: torch.optim.Optimizer
    budget: RankBudget
    plan: dict[str, Any]  # what it was begun with: `plan_of`
    epoch: int = 0  # the last that was finished

    @property
    def _parts(self) -> dict[str, Any]:
        return {"model": self.model, "optimizer": self.optimizer, "budget": self.budget}

    def save(self, path: Path) -> None:
        """Write the state, whole or not at all. Masks and scales are the model's buffers."""
        parts = {name: part.state_dict() for name, part in self._parts.items()}
        write_whole(path, {**parts, "epoch": self.epoch, "plan": self.plan})

    def load(self, path: Path) -> None:
        """Take the state back; StateError where it was begun otherwise."""
        state = read_whole(path, next(self.model.parameters()).device)
        refuse_another(path, state.get("plan", {}), self.plan)
        take_back(path, state, self._parts)
        self.epoch = int(state["epoch"])


def plan_of(base: str, rows: Sequence[str], recipe: Recipe) -> dict[str, Any]:
    """Return what the last of some rows is the result of; `base` is the SHA-256 of the file that the first changed."""
    sources = list(recipe.sources)
    return {"base": base, "rows": list(rows), "epochs": recipe.adapt_epochs, "sources": sources, "seed": recipe.seed}


def run_row(model: LungModel, row: Adaptation, films: Films, recipe: Recipe, plan: dict[str, Any], path: Path) -> None:
    """Change and train the network by one row, in place; `path` keeps what was reached."""
    name = plan["rows"][-1]
    torch.manual_seed(recipe.seed)  # P and Q are drawn here
    prepare(model, row)
    if any(quantizer.rule.activations == "static" for quantizer, _ in quantizers(model)):
        calibrate(model, films.samples(films.train, recipe.calibration_films))
    if not row.trains:
        return
    groups = [group for group in parameter_groups(model, row) if group["params"]]
    optimizer = torch.optim.AdamW(groups, lr=row.learning_rate)
    stage = Stage(model, row, optimizer, RankBudget(adapted_layers(model), row.adapters, row.epochs), plan)
    if path.exists():
        stage.load(path)
        print(f"{name}: going on after epoch {stage.epoch}", flush=True)
    for stage.epoch in range(stage.epoch + 1, row.epochs + 1):  # noqa: B020 (goes on where the run stopped)
        fit_weights(model)
        set_training(model, row)
        loss = one_epoch(stage, films, recipe)
        scores = validate(model, films.held_out, recipe, Team(next(model.parameters()).device)).scores
        said = ", ".join(f"{kind} {score:.4f}" for kind, score in scores.items())
        ranks = f"ranks {min(stage.budget.ranks)} to {max(stage.budget.ranks)}, " if stage.budget.ranks else ""
        print(f"{name} epoch {stage.epoch}/{row.epochs}: loss {loss:.4f}, {ranks}validation {said}", flush=True)
        stage.save(path)


def one_epoch(stage: Stage, films: Films, recipe: Recipe) -> float:
    """Train on as many films as there are; return the mean loss."""
    config = stage.model.config
    device = next(stage.model.parameters()).device
    draws = Draws(
        films.train,
        len(films.train),
        config.image_size,
        min(recipe.adapt_batch, len(films.train)),
        recipe.prompts_per_film,
        films.preprocessing,
        recipe.seed + 1000 * stage.epoch,  # an epoch's films and augmentation depend on nothing before it
        mask_size=config.mask_size,
    )
    losses = []
    for batch in supplied(draws, workers_for(device)):
        loss, _ = batch_loss(stage.model, batch, recipe, device)
        total = loss + adapter_loss(adapted_layers(stage.model), stage.row.adapters).to(device)
        total.backward()
        stage.budget.after_backward(stage.epoch, stage.optimizer, gradient_norm=stage.row.gradient_norm)
        losses.append(total.item())
    return sum(losses) / len(losses)


def scheme_of(rows: Sequence[str], wanted: str | None) -> str:
    """Return the scheme that the file will hold: what the rows round to, or the wanted one where none rounds."""
    rounding = dict.fromkeys(found for name in rows if (found := ROWS[name].quantization) is not None)
    if not rounding:
        return wanted or USUAL.scheme
    if len(rounding) > 1:
        raise RecipeError(
            f"{', '.join(rows)} round by different rules, and what is rounded stays so", advice="Name one of them."
        )
    held = [name for name, scheme in SCHEMES.items() if scheme.quantization in rounding]
    if wanted not in (None, *held):
        raise RecipeError(
            f'{", ".join(rows)} round to "{held[0]}", not to "{wanted}"',
            advice="Leave out --scheme, or choose rows that round to it or not at all.",
        )
    return wanted or held[0]


def adapt(
    base: Path,
    rows: Sequence[str],
    scheme: str | None,
    data: Path,
    out: Path,
    recipe: Recipe,
    device: torch.device,
    engines: Sequence[Callable[[Checkpoint], Backend]] = ENGINES,
) -> Path:
    """Run the rows one after the other and release the result, by `scheme_of`; return the checkpoint."""
    scheme = scheme_of(rows, scheme)
    out.mkdir(parents=True, exist_ok=True)
    start = load_base(base)
    load = (recipe.sources, start.config.image_size, start.preprocessing)
    films = Films(load_films(data, "train", *load), load_films(data, "val", *load), start.preprocessing)
    frames = [sample.frame for sample in films.samples(films.train, recipe.calibration_films)]
    model = start.network(frames).to(device)
    recipe = replace(recipe, model=model.config, preprocessing=start.preprocessing)
    for number, name in enumerate(rows, start=1):
        row = ROWS[name]
        if recipe.adapt_epochs is not None and row.trains:
            row = shortened(row, recipe.adapt_epochs)
        plan = plan_of(start.about["sha256"], rows[:number], recipe)
        run_row(model, row, films, recipe, plan, out / f"{number}-{name}.pt")
    chosen = SCHEMES[scheme]
    without_adapters(model)
    if chosen.quantization is not None and not any(True for _ in quantizers(model)):
        round_places(model, chosen.quantization)
        calibrate(model, films.samples(films.train, recipe.calibration_films))
    written = release(
        model.cpu(),
        out / "model.safetensors",
        name=f"{out.name}",
        version="1",
        preprocessing=start.preprocessing,
        scheme=scheme,
        rest=chosen.rest,
        card=card_of(lung_records(data, recipe.sources), {})
        | {"base": start.about, "rows": list(rows), "calibration_films": recipe.calibration_films}
        | {"commit": commit(), "commands": [command()]},
        samples=films.samples(films.held_out, recipe.proof_films),
        engines=engines,
    )
    return written.path


def shortened(row: Adaptation, epochs: int) -> Adaptation:
    """Return the row with fewer epochs; cuts that would come too late are made at even steps within them."""
    cuts = row.adapters.cuts if row.adapters is not None else ()
    if row.adapters is None or not cuts or cuts[-1].epoch <= epochs:
        return replace(row, epochs=epochs)
    if epochs < len(cuts) + 1:
        raise RecipeError(
            f"{len(cuts)} cuts do not fit into {epochs} epochs",
            advice=f"Use at least {len(cuts) + 1}: the first only measures.",
        )
    moved = tuple(replace(cut, epoch=2 + i * (epochs - 2) // max(1, len(cuts) - 1)) for i, cut in enumerate(cuts))
    return replace(row, epochs=epochs, adapters=replace(row.adapters, cuts=moved))


def main(argv: list[str] | None = None) -> int:
    """Read the flags and adapt."""
    parser = argparse.ArgumentParser(prog="python -m training.adapt", description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("base", type=Path, help="average.pt of a run, a released file, or Meta's .pth")
    parser.add_argument(
        "--row", action="append", choices=sorted(ROWS), required=True, help="once for each stage, in order"
    )
    parser.add_argument("--epochs", type=int, help="fewer epochs than the row's own")
    parser.add_argument(
        "--scheme", choices=sorted(SCHEMES), help=f"of the file, where no row rounds (default: {USUAL.scheme})"
    )
    parser.add_argument("--data", type=Path, required=True, help="folder with manifest.csv")
    parser.add_argument("--sources", nargs="+", default=[], help="to learn from; all that have lungs by default")
    parser.add_argument("--out", type=Path, required=True, help="folder for the run")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    given = parser.parse_args(argv)
    recipe = replace(Recipe(), adapt_epochs=given.epochs, sources=tuple(given.sources))
    try:
        refuse_several()
        path = adapt(given.base, given.row, given.scheme, given.data, given.out, recipe, torch.device(given.device))
    except LungboxError as error:
        print(f"training.adapt: {error}", file=sys.stderr)
        return 1
    print(f"wrote {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
