"""Trains the compact model from scratch: data, model, loop, validation, checkpoint, in reading order.

    python -m training.train --data ../shared/data/cxr --out runs/compact

Everything that may be changed is a field of `training.recipe.Recipe`. A run killed at any moment goes on from its last
checkpoint when started again with the same --out.
"""

import argparse
import csv
import json
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 (torch's own convention)
from torch import Tensor

from engine.geometry import BoxPrompt, Letterbox, Prompts
from engine.model_input import standardise
from engine.network.model import LungModel
from training.films import Batch, Film, batches, bounds, load_films, resized
from training.recipe import Recipe

SOURCES = ("shenzhen", "montgomery")


def loss_of(logits: Tensor, quality: Tensor, targets: Tensor, recipe: Recipe) -> tuple[Tensor, float]:
    """Return BCE, heavier at the outline, + Dice + the error of the predicted IoU; and the mean hard Dice."""
    logits, quality = logits.float(), quality.float()
    smooth = F.avg_pool2d(targets.unsqueeze(1), 5, stride=1, padding=2)[:, 0]
    edge = ((smooth > 0.01) & (smooth < 0.99)).float()
    bce = F.binary_cross_entropy_with_logits(logits, targets, weight=1.0 + recipe.edge_weight * edge)
    p = logits.sigmoid()
    dice = 1.0 - (2.0 * (p * targets).sum((1, 2)) + 1.0) / (p.sum((1, 2)) + targets.sum((1, 2)) + 1.0)
    with torch.no_grad():
        hard, truth = logits > 0, targets > 0.5
        both = (hard & truth).sum((1, 2)).float()
        total = hard.sum((1, 2)) + truth.sum((1, 2))
        iou = both / (total - both).clamp(min=1.0)
        mean_dice = float((2.0 * both / total.clamp(min=1.0)).mean())
    return bce + dice.mean() + recipe.quality_weight * F.mse_loss(quality, iou), mean_dice


def learning_rate(step: int, done: float, recipe: Recipe) -> float:
    """Return the rate for a step: linear warm-up, then cosine over the share of films already seen."""
    return recipe.learning_rate * min(1.0, (step + 1) / recipe.warmup_steps) * 0.5 * (1.0 + float(np.cos(np.pi * done)))


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


@torch.inference_mode()
def validate(model: LungModel, films: list[Film], recipe: Recipe, device: torch.device) -> dict[str, float]:
    """Return mean Dice, and the 5th percentile, for tight one-lung boxes, both lungs, and the whole film."""
    model.eval()
    size = films[0].unit.shape[0]
    frame = Letterbox.fit(size, size, size)
    scores: dict[str, list[float]] = {"lung": [], "both": [], "whole": []}
    for film in films:
        features = model.encode(torch.from_numpy(standardise(film.unit, recipe.preprocessing))[None].to(device))
        asked = []
        for kind, wanted in (("lung", [0]), ("lung", [1]), ("both", [0, 1]), ("whole", [0, 1])):
            target = film.lungs[wanted].max(axis=0)
            box = bounds(target)
            if box is not None:
                asked.append((kind, frame.tokens(Prompts(frame_box(size) if kind == "whole" else box)), target))
        coordinates = torch.from_numpy(np.stack([tokens[0] for _, tokens, _ in asked])).to(device)
        labels = torch.from_numpy(np.stack([tokens[1] for _, tokens, _ in asked])).to(device)
        logits, _ = model.decode(features, coordinates, labels)
        full = F.interpolate(logits.float().unsqueeze(1), (size, size), mode="bilinear", align_corners=False)[:, 0]
        for (kind, _, target), mask in zip(asked, (full > 0).cpu().numpy(), strict=True):
            scores[kind].append(float(2 * (mask & (target > 0)).sum() / max(1, mask.sum() + (target > 0).sum())))
    model.train()
    return {kind: float(np.mean(values)) for kind, values in scores.items()} | {
        "lung_p5": float(np.percentile(scores["lung"], 5))
    }


def frame_box(size: int) -> BoxPrompt:
    """Return the box round the whole frame."""
    return BoxPrompt.whole(size, size)


def commit() -> str:
    """Return the commit of the source that runs."""
    try:
        return subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def save(path: Path, state: dict[str, object]) -> None:
    """Write the run's state whole or not at all."""
    part = path.with_suffix(".part")
    torch.save(state, part)
    part.replace(path)


def train(recipe: Recipe, data: Path, out: Path, device: torch.device) -> Path:
    """Run the recipe; return the file with the averaged weights."""
    out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(recipe.seed)
    films = load_films(data, "train", SOURCES, recipe.model.image_size, recipe.preprocessing)
    held_out = load_films(data, "val", SOURCES, recipe.model.image_size, recipe.preprocessing)
    print(f"{len(films)} films to train on, {len(held_out)} to validate", flush=True)

    model = LungModel(recipe.model).to(device)
    average = LungModel(recipe.model).to(device).requires_grad_(False)
    average.load_state_dict(model.state_dict())
    decay = [p for p in model.parameters() if p.requires_grad and p.ndim > 1]
    plain = [p for p in model.parameters() if p.requires_grad and p.ndim <= 1]
    optimizer = torch.optim.AdamW(
        [{"params": decay, "weight_decay": recipe.weight_decay}, {"params": plain, "weight_decay": 0.0}],
        lr=recipe.learning_rate,
        betas=(0.9, 0.98),
    )
    step = seen = phase_index = phase_seen = 0
    state_file = out / "state.pt"
    if state_file.exists():
        state = torch.load(state_file, map_location=device, weights_only=True)
        model.load_state_dict(state["model"])
        average.load_state_dict(state["average"])
        optimizer.load_state_dict(state["optimizer"])
        step, seen, phase_index, phase_seen = (int(state[key]) for key in ("step", "seen", "phase", "phase_seen"))
        print(f"going on at step {step}, {seen} films seen", flush=True)
    about = {"recipe": asdict(recipe), "commit": commit(), "torch": torch.__version__, "films": [f.name for f in films]}
    (out / "run.json").write_text(json.dumps(about, indent=1))
    log = (out / "log.csv").open("a", newline="")
    write = csv.writer(log).writerow

    def keep() -> None:
        counters = {"step": step, "seen": seen, "phase": phase_index, "phase_seen": phase_seen}
        save(state_file, {"model": model.state_dict(), "average": average.state_dict(), "optimizer": optimizer.state_dict(), **counters})

    saved = started = time.monotonic()
    seen_at_start, next_look = seen, seen + recipe.evaluate_films
    model.train()
    for phase_index in range(phase_index, len(recipe.phases)):  # noqa: B020, PLR1704 (goes on where the run stopped)
        phase = recipe.phases[phase_index]
        small, small_held_out = resized(films, phase.size), resized(held_out, phase.size)
        for network in (model, average):
            network.prompt_encoder.input_image_size = (phase.size, phase.size)
        remaining = phase.films - phase_seen
        # A resumed phase draws other films than the uninterrupted one would have; the count is what matters here.
        source = batches(small, remaining, phase.size, phase.batch, recipe.prompts_per_film, recipe.preprocessing, recipe.seed + step)
        for batch in prefetched(source):
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(step, seen / recipe.total_films, recipe)
            with torch.autocast(device.type, torch.bfloat16):
                features = model.encode(torch.from_numpy(batch.frames).to(device))
                logits, quality = model.decode(
                    features, torch.from_numpy(batch.coordinates).to(device), torch.from_numpy(batch.labels).to(device)
                )
            loss, dice = loss_of(logits, quality, torch.from_numpy(batch.targets).to(device), recipe)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), recipe.gradient_norm)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            step, seen, phase_seen = step + 1, seen + phase.batch, phase_seen + phase.batch
            follow(average, model, min(recipe.ema_decay, (1 + step) / (10 + step)))
            if step % 20 == 0:
                rate = (seen - seen_at_start) / (time.monotonic() - started)
                write([step, seen, phase.size, f"{loss.item():.4f}", f"{dice:.4f}", f"{rate:.2f}", "", ""])
                log.flush()
                print(f"step {step} films {seen}/{recipe.total_films} {phase.size}px loss {loss.item():.3f} dice {dice:.4f} {rate:.1f} films/s", flush=True)
            if seen >= next_look:
                next_look += recipe.evaluate_films
                scores = validate(average, small_held_out, recipe, device)
                write([step, seen, phase.size, "", "", "", "val", json.dumps(scores)])
                log.flush()
                print("validation", {k: round(v, 4) for k, v in scores.items()}, flush=True)
            if time.monotonic() - saved > recipe.checkpoint_seconds:
                saved = time.monotonic()
                keep()
        phase_seen = 0
        keep()
    phase_index += 1
    keep()
    scores = validate(average, held_out, recipe, device)
    print("final validation", {k: round(v, 4) for k, v in scores.items()}, flush=True)
    weights = out / "average.pt"
    save(weights, {"model": average.state_dict(), "scores": scores})
    return weights


@torch.no_grad()
def follow(average: LungModel, model: LungModel, decay: float) -> None:
    """Move the averaged weights a little towards the trained ones; counters and statistics are averaged too."""
    for kept, new in zip(average.state_dict().values(), model.state_dict().values(), strict=True):
        if kept.dtype.is_floating_point:
            kept.lerp_(new, 1.0 - decay)
        else:
            kept.copy_(new)


def main(argv: list[str] | None = None) -> int:
    """Read the flags and train."""
    parser = argparse.ArgumentParser(prog="python -m training.train", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with manifest.csv")
    parser.add_argument("--out", type=Path, required=True, help="folder for the run")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    arguments = parser.parse_args(argv)
    weights = train(Recipe(), arguments.data, arguments.out, torch.device(arguments.device))
    print(f"wrote {weights}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
