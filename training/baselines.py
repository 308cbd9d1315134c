"""U-Net, DeepLabV3+ and SegFormer on the same films and boxes, for as many films: the floor and ceiling of our table.

    python -m training.baselines --data ../shared/data/cxr --out runs/baselines --checkpoint MODEL

Trained from scratch with our model's own batches, loss, schedule and average of weights, once with the box as a second
channel and once without it, several seeds each; judged by `training.evaluate` through the engine's Segmenter, so films
are read, framed and scored as our model's are. The paper compares networks that saw a box with networks that saw none.

A network without the box finds both lungs; of its pieces, those that lie mostly inside the box are its answer.
"""

import argparse
import hashlib
import importlib
import io
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 (torch's own convention)
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from engine.errors import LungboxError
from engine.files import write_atomically
from engine.network.checkpoint import Checkpoint
from engine.segmenter import Segmenter, load_segmenter
from training import comparison, summary
from training.evaluate import Model, chosen, evaluate
from training.films import Batch, Draws, Film, load_films, resized
from training.losses import mask_loss
from training.manifest import Split
from training.recipe import SOURCES, Recipe
from training.scoring import Score, write_scores
from training.state import StateError, read_whole, write_whole
from training.supply import supplied, workers_for
from training.train import has_bfloat16, learning_rate

_BOX_CORNER = 2  # label of a box's first corner (Letterbox.tokens); its second follows
_INSIDE = 0.5  # of a piece's area


class BaselinesMissingError(LungboxError):
    """The package with the networks is not installed, or does not fit this torch."""


@dataclass(frozen=True, slots=True)
class Architecture:
    """A network of segmentation-models-pytorch."""

    title: str
    factory: str
    encoder: str


# Sizes near the encoders that papers use, not near ours: a baseline should not lose for want of parameters.
ARCHITECTURES = {
    "unet": Architecture("U-Net, ResNet-34", "Unet", "resnet34"),
    "deeplab": Architecture("DeepLabV3+, ResNet-34", "DeepLabV3Plus", "resnet34"),
    "segformer": Architecture("SegFormer, MiT-B1", "Segformer", "mit_b1"),
}


def _networks() -> Any:
    """Return segmentation-models-pytorch.

    It loads torchvision, and uses none of its operators. A torchvision that was built for another build of torch
    (CUDA's wheel beside a CPU torch) cannot load them and fails on import only because it describes two of them;
    declaring the two lets it load.
    """
    try:
        importlib.import_module("torchvision.extension")
    except RuntimeError:
        declared = torch.library.Library("torchvision", "FRAGMENT")
        for operator in ("nms", "qnms"):
            declared.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        _KEPT.append(declared)
        for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
            del sys.modules[name]
    except ImportError as error:
        raise _missing() from error
    try:
        return importlib.import_module("segmentation_models_pytorch")
    except (ImportError, RuntimeError) as error:
        raise _missing() from error


_KEPT: list[Any] = []  # torch forgets an operator when its library is collected


def _missing() -> BaselinesMissingError:
    return BaselinesMissingError(
        "The baselines' networks cannot be loaded.",
        advice="Install lungbox[baselines]: segmentation-models-pytorch, and the torchvision of this torch.",
    )


def build(architecture: Architecture, channels: int) -> nn.Module:
    """Return the network with random weights: (N, channels, size, size) to logits (N, 1, size, size)."""
    network: nn.Module = getattr(_networks(), architecture.factory)(
        encoder_name=architecture.encoder, encoder_weights=None, in_channels=channels, classes=1
    )
    return network


# ---------------------------------------------------------------------------------------------- boxes as a channel


def box_channel(coordinates: NDArray[np.float32], labels: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    """Return (N, 1, size, size): 1 inside each prompt's box, -1 outside; points are not seen."""
    channel = np.full((len(labels), 1, size, size), -1.0, dtype=np.float32)
    for one, where, kinds in zip(channel[:, 0], coordinates, labels, strict=True):
        corner = int(np.flatnonzero(kinds == _BOX_CORNER)[0])
        (x0, y0), (x1, y1) = where[corner], where[corner + 1]
        one[max(0, round(float(y0))) : round(float(y1)) + 1, max(0, round(float(x0))) : round(float(x1)) + 1] = 1.0
    return channel


def inside_box(logits: NDArray[np.float32], box: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the logits of one frame, less the pieces that lie mostly outside the box."""
    count, labels = cv2.connectedComponents((logits > 0).astype(np.uint8), connectivity=8)
    area = np.bincount(labels.ravel(), minlength=count)
    within = np.bincount(labels[box > 0], minlength=count)
    dropped = within <= _INSIDE * area
    dropped[0] = False
    return np.where(dropped[labels], -np.abs(logits), logits)


def has_boxes(batch: Batch) -> bool:
    """Return whether the prompts of a batch have a box; a few have points alone, which no baseline can be told."""
    return bool((batch.labels == _BOX_CORNER).any(axis=1).all())


# ---------------------------------------------------------------------------------------------- training


def questions(batch: Batch, *, with_box: bool) -> tuple[Tensor, Tensor]:
    """Return inputs (N, channels, size, size) and targets (N, size / 2, size / 2): a prompt each, or a film each."""
    frames, targets = torch.from_numpy(batch.frames), torch.from_numpy(batch.targets)
    prompts = len(targets) // len(frames)
    if not with_box:
        return frames, targets.unflatten(0, (len(frames), prompts)).amax(dim=1)
    boxes = torch.from_numpy(box_channel(batch.coordinates, batch.labels, frames.shape[-1]))
    return torch.cat([frames.repeat_interleave(prompts, dim=0), boxes], dim=1), targets


def loss_of(logits: Tensor, targets: Tensor, edge_weight: float) -> Tensor:
    """Return the loss that our own model is trained with, at the resolution that it is trained at."""
    smooth = F.avg_pool2d(targets.unsqueeze(1), 5, stride=1, padding=2)[:, 0]
    edge = ((smooth > 0.01) & (smooth < 0.99)).float()
    return mask_loss(F.avg_pool2d(logits.float(), 2)[:, 0], targets, weight=1.0 + edge_weight * edge)


def _drawn(films: list[Film], recipe: Recipe, device: torch.device, first: int) -> Iterator[tuple[Batch, int]]:
    """Yield the batches of all phases, from number `first` on, and how many films were seen before each."""
    seen = 0
    for number, phase in enumerate(recipe.phases):
        draws = Draws(
            resized(films, phase.size),
            phase.films,
            phase.size,
            phase.batch,
            recipe.prompts_per_film,
            recipe.preprocessing,
            recipe.seed + 1000 * number,
        )
        skipped = min(first, len(draws))
        first -= skipped
        seen += skipped * phase.batch
        for batch in supplied(draws, workers_for(device), skipped):
            yield batch, seen
            seen += phase.batch


def shortened(recipe: Recipe, share: float) -> Recipe:
    """Return the recipe with a share of its films, a batch a phase at least, and of its warm-up."""
    phases = tuple(replace(phase, films=max(phase.batch, round(phase.films * share))) for phase in recipe.phases)
    return replace(recipe, phases=phases, warmup_steps=max(1, round(recipe.warmup_steps * share)))


@dataclass(slots=True)
class Baseline:
    """A baseline under way, and all that a training which was killed must have back."""

    network: nn.Module
    average: AveragedModel
    optimizer: torch.optim.Optimizer
    step: int = 0  # batches drawn, those that were passed over included

    def save(self, path: Path) -> None:
        """Write the state, whole or not at all."""
        parts = {name: getattr(self, name).state_dict() for name in ("network", "average", "optimizer")}
        write_whole(path, {**parts, "step": self.step})

    def load(self, path: Path, device: torch.device) -> None:
        """Take the state back; StateError where it is of another network."""
        state = read_whole(path, device)
        try:
            for name in ("network", "average", "optimizer"):
                getattr(self, name).load_state_dict(state[name])
        except (RuntimeError, ValueError) as error:
            raise StateError(f"{path} is of another network.", advice="Remove it to begin the row again.") from error
        self.step = int(state["step"])


def train(
    network: nn.Module,
    films: list[Film],
    recipe: Recipe,
    device: torch.device,
    *,
    with_box: bool,
    state: Path | None = None,
) -> nn.Module:
    """Train a network by our recipe and return its averaged self; where `state` is given, it goes on from there."""
    network.to(device).train()
    average = AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(recipe.ema_decay), use_buffers=True)
    rate, decay = recipe.learning_rate, recipe.weight_decay
    optimizer = torch.optim.AdamW(network.parameters(), lr=rate, weight_decay=decay, betas=(0.9, 0.98))
    run = Baseline(network, average, optimizer)
    if state is not None and state.exists():
        run.load(state, device)
        print(f"  going on after {run.step} steps", file=sys.stderr, flush=True)
    saved = time.monotonic()
    for batch, seen in _drawn(films, recipe, device, run.step):
        if has_boxes(batch):
            loss = _one_step(run, batch, learning_rate(run.step, seen / recipe.total_films, recipe), recipe, with_box)
            if run.step % recipe.report_steps == 0:
                print(f"  {seen} of {recipe.total_films} films, loss {loss.item():.3f}", file=sys.stderr, flush=True)
        run.step += 1
        if state is not None and time.monotonic() - saved > recipe.checkpoint_seconds:
            run.save(state)
            saved = time.monotonic()
    kept: nn.Module = average.module
    return kept.eval()


def _one_step(run: Baseline, batch: Batch, rate: float, recipe: Recipe, with_box: bool) -> Tensor:
    """Train on one batch; return the loss before the step."""
    device = next(run.network.parameters()).device
    for group in run.optimizer.param_groups:
        group["lr"] = rate
    inputs, targets = questions(batch, with_box=with_box)
    with torch.autocast(device.type, torch.bfloat16, enabled=has_bfloat16(device)):
        logits = run.network(inputs.to(device))
    loss = loss_of(logits, targets.to(device), recipe.edge_weight)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(run.network.parameters(), recipe.gradient_norm)
    run.optimizer.step()
    run.optimizer.zero_grad(set_to_none=True)
    run.average.update_parameters(run.network)
    return loss


# ---------------------------------------------------------------------------------------------- in the engine


def weights_of(network: nn.Module) -> bytes:
    """Return the weights as torch writes them."""
    file = io.BytesIO()
    torch.save(network.state_dict(), file)
    return file.getvalue()


class BaselineBackend:
    """Runs a baseline behind the engine's interface, in float32."""

    fallback = ""

    def __init__(self, network: nn.Module, title: str, recipe: Recipe, device: torch.device, *, with_box: bool) -> None:
        self._network = network.to(device).eval()
        self._device = device
        self._with_box = with_box
        self.description = f"torch {torch.__version__} {device.type}"
        self.device = device.type.upper()
        self.checkpoint = Checkpoint(
            name=title,
            version="baseline",
            config=recipe.model,
            preprocessing=recipe.preprocessing,
            tensors={},
            sha256=hashlib.sha256(weights_of(network)).hexdigest(),
            scheme="float32",
            card={},
        )

    @torch.inference_mode()
    def encode(self, frame: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the frame, or both lungs' logits where the box does not matter."""
        return frame if self._with_box else self._run(frame[None])[0]

    @torch.inference_mode()
    def decode(
        self, features: NDArray[np.float32], coordinates: NDArray[np.float32], labels: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return logits (N, size, size); a baseline has no opinion of its own quality."""
        boxes = box_channel(coordinates, labels, features.shape[-1])
        if self._with_box:
            logits = np.concatenate([self._run(np.concatenate([features, box])[None]) for box in boxes])
        else:
            logits = np.stack([inside_box(features, box[0]) for box in boxes])
        return logits, np.zeros(len(labels), dtype=np.float32)

    def _run(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        logits: Tensor = self._network(torch.from_numpy(inputs).to(self._device))
        return np.asarray(logits.float().cpu().numpy()[:, 0])


# ---------------------------------------------------------------------------------------------- the table


def table(ours: tuple[str, list[Score]] | None, baselines: Sequence[tuple[str, list[Score]]]) -> str:
    """Return one table of all rows, and ours against each baseline with the interval of the difference."""
    lines = []
    for title, scores in [*([ours] if ours else []), *baselines]:
        lines += [f"# {title}", "", summary.as_markdown(summary.table(scores))]
        if ours and scores is not ours[1]:
            lines += [comparison.as_markdown(comparison.compare(ours[1], scores), ours[0], title)]
    return "\n".join(lines)


def main(words: Sequence[str] | None = None) -> int:
    """Train and judge the baselines that the command line names."""
    first_line = (__doc__ or "").split("\n", maxsplit=1)[0]
    parser = argparse.ArgumentParser(prog="python -m training.baselines", description=first_line)
    parser.add_argument("--data", type=Path, required=True, help="folder with manifest.csv")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--networks", nargs="+", default=list(ARCHITECTURES), choices=list(ARCHITECTURES))
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3])
    parser.add_argument("--share", type=float, default=1.0, help="of our films; less than 1 is a trial, not a row")
    parser.add_argument("--train-on", nargs="+", default=list(SOURCES), help="sources that are trained on")
    parser.add_argument("--judge-on", nargs="+", default=[], help="sources that are judged; all by default")
    parser.add_argument("--split", nargs="+", default=["val"], choices=["train", "val", "test", "external"])
    parser.add_argument("--final", action="store_true", help="needed for the test split, which is looked at once")
    parser.add_argument("--checkpoint", type=Path, help="our model, for the comparison")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    given = parser.parse_args(words)
    if "test" in given.split and not given.final:
        parser.error("the test split is looked at once: add --final")
    try:
        return _run(given)
    except LungboxError as error:
        print(error, file=sys.stderr)
        return 1


def _run(given: argparse.Namespace) -> int:
    recipe, device = shortened(Recipe(), given.share), torch.device(given.device)
    records = chosen([given.data], [Split(name) for name in given.split], given.judge_on)
    films = load_films(given.data, "train", tuple(given.train_on), recipe.model.image_size, recipe.preprocessing)
    given.out.mkdir(parents=True, exist_ok=True)
    ours = None
    if given.checkpoint:
        found, _ = evaluate([Model("Lungbox", load_segmenter(given.checkpoint))], records, [])
        ours = ("Lungbox", found[0])
    judged: list[tuple[str, list[Score]]] = []
    for name in given.networks:
        for with_box in (True, False):
            for seed in given.seeds:
                title = f"{ARCHITECTURES[name].title}, {'box' if with_box else 'no box'}, seed {seed}"
                print(title, file=sys.stderr)
                torch.manual_seed(seed)
                seeded = replace(recipe, seed=seed)
                channels = recipe.model.in_channels + with_box
                network = train(build(ARCHITECTURES[name], channels), films, seeded, device, with_box=with_box)
                backend = BaselineBackend(network, title, recipe, device, with_box=with_box)
                found, _ = evaluate([Model(title, Segmenter(backend))], records, [])
                stem = f"{name}-{'box' if with_box else 'nobox'}-{seed}"
                write_atomically(given.out / f"{stem}.pt", weights_of(network))
                write_scores(given.out / f"{stem}.csv", found[0])
                judged.append((title, found[0]))
                # Hours lie between two rows: the table grows with each.
                write_atomically(given.out / "table.md", table(ours, judged).encode())
    print((given.out / "table.md").read_text(encoding="utf-8"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
