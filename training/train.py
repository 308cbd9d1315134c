"""Trains the compact model: data, model, loop, validation, checkpoint, in reading order.

    python -m training.train --data ../shared/data/cxr --out runs/compact
    python -m training.train --data ../shared/data/cxr --out runs/more --recipe continue --start FILE.safetensors

Everything that may be changed is a field of `training.recipe.Recipe`. The second form goes on from a released file. A
run killed at any moment goes on from its last checkpoint when started again with the same --out. `training.release`
makes a file for the engine from its weights.
"""

import argparse
import csv
import json
import queue
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 (torch's own convention)
from numpy.typing import NDArray
from torch import Tensor

from engine.errors import LungboxError
from engine.geometry import BoxPrompt, Letterbox, Prompts
from engine.model_input import standardise
from engine.network.checkpoint import Checkpoint, read_checkpoint
from engine.network.model import LungModel
from training.boxes import bounds_of
from training.films import Batch, Film, batches, load_films, resized
from training.losses import mask_loss
from training.recipe import RECIPES, Recipe
from training.warm_start import network_of

SOURCES = ("shenzhen", "montgomery")  # hannover_v7 draws lung behind the heart: another convention
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


def has_bfloat16(device: torch.device) -> bool:
    """Whether bfloat16 saves time: a CPU without instructions for it emulates them, ten times slower than float32."""
    return device.type != "cpu" or torch.cpu._is_avx512_bf16_supported()


def batch_loss(model: LungModel, batch: Batch, recipe: Recipe, device: torch.device) -> tuple[Tensor, float]:
    """Return the loss of a network on a batch, in mixed precision, and the mean Dice of its masks."""
    with torch.autocast(device.type, torch.bfloat16, enabled=has_bfloat16(device)):
        features = model.encode(torch.from_numpy(batch.frames).to(device))
        coordinates, labels = torch.from_numpy(batch.coordinates), torch.from_numpy(batch.labels)
        logits, quality = model.decode(features, coordinates.to(device), labels.to(device))
    return loss_of(logits, quality, torch.from_numpy(batch.targets).to(device), recipe)


def learning_rate(step: int, done: float, recipe: Recipe) -> float:
    """Return the rate for a step: linear warm-up, then cosine over the share of films already seen."""
    warm = min(1.0, (step + 1) / recipe.warmup_steps)
    return recipe.learning_rate * warm * 0.5 * (1.0 + float(np.cos(np.pi * done)))


# ------------------------------------------------------------------------------------------------------------ data


def prefetched(source: Iterator[Batch], depth: int = 3) -> Iterator[Batch]:
    """Yield the same batches, made ahead in a thread: OpenCV lets go of the interpreter lock."""
    ready: queue.Queue[Batch | BaseException | None] = queue.Queue(depth)

    def fill() -> None:
        try:
            for item in source:
                ready.put(item)
            ready.put(None)
        except BaseException as fault:  # noqa: BLE001 (handed to the training loop, which raises it)
            ready.put(fault)

    threading.Thread(target=fill, daemon=True).start()
    while (item := ready.get()) is not None:
        if isinstance(item, BaseException):
            raise item
        yield item


# ------------------------------------------------------------------------------------------------------ validation


def questions(film: Film) -> Iterator[tuple[str, Prompts, NDArray[np.bool_]]]:
    """Yield what a film is asked in validation: each lung and both by their own bounds, both by the whole film."""
    size = film.unit.shape[0]
    for kind, wanted in (("lung", [0]), ("lung", [1]), ("both", [0, 1]), ("whole", [0, 1])):
        target = film.lungs[wanted].max(axis=0) > 0
        box = BoxPrompt.whole(size, size) if kind == "whole" else bounds_of(target)
        if box is not None and target.any():
            yield kind, Prompts(box), target


@torch.inference_mode()
def validate(model: LungModel, films: list[Film], recipe: Recipe, device: torch.device) -> dict[str, float]:
    """Return the mean Dice for each kind of question, and the 5th percentile for single lungs."""
    model.eval()
    size = films[0].unit.shape[0]
    frame = Letterbox.fit(size, size, size)
    scores: dict[str, list[float]] = {"lung": [], "both": [], "whole": []}
    for film in films:
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
            scores[kind].append(float(2 * (mask & target).sum() / (mask.sum() + target.sum())))
    model.train()
    means = {kind: float(np.mean(values)) for kind, values in scores.items()}
    return means | {"lung_p5": float(np.percentile(scores["lung"], 5))}


# ------------------------------------------------------------------------------------------------------- the state


@dataclass(slots=True)
class Run:
    """Everything that changes while training, and that a resumed run must have back."""

    model: LungModel
    average: LungModel  # of the weights over the last steps; this is what is kept
    optimizer: torch.optim.Optimizer
    step: int = 0
    seen: int = 0  # films, over all phases
    phase: int = 0
    phase_seen: int = 0

    def save(self, path: Path) -> None:
        """Write the state, whole or not at all."""
        state: dict[str, object] = {
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
            "seen": self.seen,
            "phase": self.phase,
            "phase_seen": self.phase_seen,
        }
        write_whole(path, state)

    def load(self, path: Path, device: torch.device) -> None:
        """Take the state back."""
        state = torch.load(path, map_location=device, weights_only=True)
        self.model.load_state_dict(state["model"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step, self.seen = int(state["step"]), int(state["seen"])
        self.phase, self.phase_seen = int(state["phase"]), int(state["phase_seen"])

    @torch.no_grad()
    def follow(self, longest: float) -> None:
        """Move the averaged weights a little towards the trained ones, statistics of batch norm included."""
        decay = min(longest, (1 + self.step) / (10 + self.step))  # the first weights are soon forgotten
        for kept, new in zip(self.average.state_dict().values(), self.model.state_dict().values(), strict=True):
            if kept.dtype.is_floating_point:
                kept.lerp_(new, 1.0 - decay)
            else:
                kept.copy_(new)


def write_whole(path: Path, state: dict[str, object]) -> None:
    """Write a torch file beside its place, then put it there in one step."""
    part = path.with_suffix(".part")
    torch.save(state, part)
    part.replace(path)


def start(recipe: Recipe, device: torch.device, model: LungModel | None = None) -> Run:
    """Return a new run, of `model` or of a network that knows nothing. Vectors are not pulled towards zero."""
    torch.manual_seed(recipe.seed)
    model = (LungModel(recipe.model) if model is None else model).to(device)
    average = LungModel(recipe.model).to(device).requires_grad_(requires_grad=False)
    average.load_state_dict(model.state_dict())
    matrices = [p for p in model.parameters() if p.requires_grad and p.ndim > 1]
    vectors = [p for p in model.parameters() if p.requires_grad and p.ndim <= 1]
    groups = [{"params": matrices, "weight_decay": recipe.weight_decay}, {"params": vectors, "weight_decay": 0.0}]
    return Run(model, average, torch.optim.AdamW(groups, lr=recipe.learning_rate, betas=(0.9, 0.98)))


def commit() -> str:
    """Return the commit of the source that runs."""
    git = shutil.which("git")
    if git is None:
        return "unknown"
    done = subprocess.run([git, "rev-parse", "HEAD"], capture_output=True, text=True, check=False)  # noqa: S603
    return done.stdout.strip() or "unknown"


# -------------------------------------------------------------------------------------------------------- the loop


def one_step(run: Run, batch: Batch, recipe: Recipe, device: torch.device) -> tuple[float, float]:
    """Train on one batch; return the loss and the mean Dice before the step."""
    for group in run.optimizer.param_groups:
        group["lr"] = learning_rate(run.step, run.seen / recipe.total_films, recipe)
    loss, dice = batch_loss(run.model, batch, recipe, device)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(run.model.parameters(), recipe.gradient_norm)
    run.optimizer.step()
    run.optimizer.zero_grad(set_to_none=True)
    return loss.item(), dice


def train(recipe: Recipe, data: Path, out: Path, device: torch.device, base: Checkpoint | None = None) -> Path:
    """Run the recipe, from scratch or from a released file; return the file with the averaged weights."""
    if base is not None:
        recipe = replace(recipe, model=base.config, preprocessing=base.preprocessing)
    out.mkdir(parents=True, exist_ok=True)
    films = load_films(data, "train", SOURCES, recipe.model.image_size, recipe.preprocessing)
    held_out = load_films(data, "val", SOURCES, recipe.model.image_size, recipe.preprocessing)
    print(f"{len(films)} films to train on, {len(held_out)} to validate", flush=True)
    origin = None if base is None else {"name": base.name, "version": base.version, "sha256": base.sha256}
    about = {
        "recipe": asdict(recipe),
        "start": origin,
        "commit": commit(),
        "torch": torch.__version__,
        "films": [f.name for f in films],
    }
    (out / "run.json").write_text(json.dumps(about, indent=1), encoding="utf-8")

    frames = [standardise(film.unit, recipe.preprocessing) for film in films[:: max(1, len(films) // WARM_FILMS)]]
    run = start(recipe, device, None if base is None else network_of(base, frames))
    state = out / "state.pt"
    if state.exists():
        run.load(state, device)
        print(f"going on at step {run.step}, {run.seen} films seen", flush=True)
    run.model.train()
    with (out / "log.csv").open("a", newline="", encoding="utf-8") as file:
        log = csv.writer(file).writerow
        for run.phase in range(run.phase, len(recipe.phases)):  # noqa: B020 (goes on where the run stopped)
            run_phase(run, films, held_out, recipe, device, state, log)
            file.flush()
            run.phase_seen = 0
    run.phase = len(recipe.phases)
    run.save(state)
    scores = validate(run.average, held_out, recipe, device)
    print("final validation", {kind: round(score, 4) for kind, score in scores.items()}, flush=True)
    weights = out / "average.pt"
    shape = {"config": recipe.model.as_json(), "preprocessing": asdict(recipe.preprocessing)}
    write_whole(weights, {"model": run.average.state_dict(), "scores": scores, **shape})
    return weights


def run_phase(
    run: Run,
    films: list[Film],
    held_out: list[Film],
    recipe: Recipe,
    device: torch.device,
    state: Path,
    log: Callable[[list[object]], object],
) -> None:
    """Train what is left of the run's phase, saving and looking at the validation films on the way."""
    phase = recipe.phases[run.phase]
    smaller, smaller_held_out = resized(films, phase.size), resized(held_out, phase.size)
    for network in (run.model, run.average):
        network.prompt_encoder.input_image_size = (phase.size, phase.size)
    # A resumed phase draws other films than the uninterrupted one would have: the count is what matters here.
    source = batches(
        smaller,
        phase.films - run.phase_seen,
        phase.size,
        phase.batch,
        recipe.prompts_per_film,
        recipe.preprocessing,
        recipe.seed + run.step,
    )
    begun = saved = time.monotonic()
    seen_before = run.seen
    for batch in prefetched(source):
        loss, dice = one_step(run, batch, recipe, device)
        run.step, run.seen, run.phase_seen = run.step + 1, run.seen + phase.batch, run.phase_seen + phase.batch
        run.follow(recipe.ema_decay)
        if run.step % recipe.report_steps == 0:
            rate = (run.seen - seen_before) / (time.monotonic() - begun)
            left_min = (recipe.total_films - run.seen) / rate / 60
            log([run.step, run.seen, phase.size, f"{loss:.4f}", f"{dice:.4f}", f"{rate:.2f}", ""])
            print(
                f"{run.seen}/{recipe.total_films} films, {phase.size} px, loss {loss:.3f}, Dice {dice:.4f}, "
                f"{rate:.1f} films/s, {left_min:.0f} min left at this size",
                flush=True,
            )
        if run.seen // recipe.evaluate_films != (run.seen - phase.batch) // recipe.evaluate_films:
            scores = validate(run.average, smaller_held_out, recipe, device)
            log([run.step, run.seen, phase.size, "", "", "", json.dumps(scores)])
            print("validation", {kind: round(score, 4) for kind, score in scores.items()}, flush=True)
        if time.monotonic() - saved > recipe.checkpoint_seconds:
            saved = time.monotonic()
            run.save(state)
    run.save(state)


def main(argv: list[str] | None = None) -> int:
    """Read the flags and train."""
    parser = argparse.ArgumentParser(prog="python -m training.train", description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with manifest.csv")
    parser.add_argument("--out", type=Path, required=True, help="folder for the run")
    parser.add_argument("--recipe", choices=sorted(RECIPES), default="compact")
    parser.add_argument(
        "--start", type=Path, help="released file (.safetensors) to go on from, instead of from scratch"
    )
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    given = parser.parse_args(argv)
    try:
        base = None if given.start is None else read_checkpoint(given.start)
        weights = train(RECIPES[given.recipe], given.data, given.out, torch.device(given.device), base)
    except LungboxError as error:
        print(f"training.train: {error}", file=sys.stderr)
        return 1
    print(f"wrote {weights}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
