"""U-Net, DeepLabV3+ and SegFormer on the same films and boxes, for as many films: the floor and ceiling of our table.

Trained from scratch with our model's own batches, loss, schedule and average of weights, once with the box as a second
channel and once without it; they run behind the engine's Segmenter, so films are read, framed and scored as our model's
are (`training.hospitals` is the command). The paper compares networks that saw a box with networks that saw none.

A network without the box finds both lungs; of its pieces, those that the box has a good part of are its answer.
"""

import hashlib
import importlib
import io
import sys
import time
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 (torch's own convention)
from numpy.typing import NDArray
from torch import Tensor, nn

from engine.errors import LungboxError
from engine.lungs import MEANT
from engine.network.checkpoint import Checkpoint
from engine.network.torch_backend import has_bfloat16
from training.films import Batch, Draws, Film, resized
from training.losses import mask_loss
from training.recipe import Recipe
from training.state import follow, optimizer_of, read_whole, take_back, write_whole
from training.supply import supplied, workers_for
from training.train import learning_rate

_BOX_CORNER = 2  # label of a box's first corner (Letterbox.tokens); its second follows


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
    """Return the logits of one frame, less the pieces that the box hardly has, by the rule that ours are named by."""
    count, labels = cv2.connectedComponents((logits > 0).astype(np.uint8), connectivity=8)
    area = np.bincount(labels.ravel(), minlength=count)
    within = np.bincount(labels[box > 0], minlength=count)
    dropped = within < MEANT * area
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


@dataclass(slots=True)
class Baseline:
    """A baseline under way, and all that a training which was killed must have back."""

    network: nn.Module
    average: nn.Module  # of the weights, as `training.state.Run` has it
    optimizer: torch.optim.Optimizer
    step: int = 0  # batches drawn, those that were passed over included

    @property
    def _parts(self) -> dict[str, Any]:
        return {"network": self.network, "average": self.average, "optimizer": self.optimizer}

    def save(self, path: Path) -> None:
        """Write the state, whole or not at all."""
        write_whole(path, {name: part.state_dict() for name, part in self._parts.items()} | {"step": self.step})

    def load(self, path: Path, device: torch.device) -> None:
        """Take the state back; StateError where it is of another network."""
        state = read_whole(path, device)
        take_back(path, state, self._parts)
        self.step = int(state["step"])


def begun(network: nn.Module, recipe: Recipe) -> Baseline:
    """Return a baseline before its first step, with our own model's average of weights and optimizer."""
    return Baseline(network, deepcopy(network).requires_grad_(requires_grad=False), optimizer_of(network, recipe))


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
    run = begun(network.to(device).train(), recipe)
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
    return run.average.eval()


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
    follow(run.average, run.network, run.step + 1, recipe.ema_decay)
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
