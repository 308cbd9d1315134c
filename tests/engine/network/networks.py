"""Real, small, randomly initialised networks as checkpoints, in floats and in integers."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import nn

from engine.network.backends import Backend
from engine.network.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from engine.network.config import ModelConfig, Preprocessing
from engine.network.layout import UNUSED_PREFIXES
from engine.network.model import LungModel
from engine.network.quantized import quantize_weight
from engine.network.torch_backend import build_model

COMPACT = ModelConfig(
    image_size=128, embed_dim=48, depth=2, heads=3, stem=(8, 12, 16), decoder_dim=64, decoder_mlp=96, decoder_heads=4
)
SAM = ModelConfig(
    kind="sam",
    image_size=192,  # a grid of 12 in windows of 5: padded, as SAM's 64 in windows of 14
    in_channels=3,
    embed_dim=48,
    depth=3,
    heads=3,
    window_size=5,
    global_blocks=(1,),
    stem=(),
    decoder_dim=64,
    decoder_mlp=96,
    decoder_heads=4,
)
CONFIGS = {"compact": COMPACT, "sam": SAM}


def random_model(config: ModelConfig, seed: int = 0) -> LungModel:
    """Return a network with nothing left at zero or one, so that no parameter can be forgotten unseen."""
    torch.manual_seed(seed)
    model = LungModel(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim <= 1:
                parameter.add_(0.1 * torch.randn_like(parameter))
            elif float(parameter.abs().max()) == 0.0 or parameter.ndim == 2:
                parameter.normal_(std=0.15)
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d) and module.running_mean is not None:
                module.running_mean.normal_(std=0.2)
                module.running_var.uniform_(0.5, 2.0)  # type: ignore[union-attr]
    return model


def state_of(model: LungModel) -> dict[str, np.ndarray]:
    return {name: value.numpy() for name, value in model.state_dict().items()}


def write_random(path: Path, config: ModelConfig, **changes: np.ndarray) -> Checkpoint:
    write_checkpoint(
        path,
        name="random",
        version="1",
        config=config,
        preprocessing=Preprocessing(mean=(0.5,) * config.in_channels, std=(0.25,) * config.in_channels),
        tensors=state_of(random_model(config)) | changes,
        scheme="float32",
        card={"note": "random weights, for tests"},
    )
    return read_checkpoint(path)


def frame_for(config: ModelConfig, seed: int = 1) -> np.ndarray:
    """Return a smooth random frame."""
    rng = np.random.default_rng(seed)
    coarse = rng.normal(size=(config.in_channels, 8, 8))
    fine = np.kron(coarse, np.ones((config.image_size // 8, config.image_size // 8)))
    return (fine + 0.1 * rng.normal(size=fine.shape)).astype(np.float32)


def boxes_for(config: ModelConfig, count: int, seed: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """Return coordinates (count, 2, 2) and labels (count, 2) of random boxes."""
    rng = np.random.default_rng(seed)
    corners = np.sort(rng.uniform(0, config.image_size, (count, 2, 2)), axis=1).astype(np.float32)
    return corners, np.tile(np.array([2, 3], dtype=np.float32), (count, 1))


def in_integers(checkpoint: Checkpoint, path: Path, wanted: tuple[str, ...]) -> Checkpoint:
    """Return the same network with every layer whose name contains one of `wanted` in integers, inputs included."""
    model = build_model(checkpoint)
    largest: dict[str, float] = {}
    for name, layer in model.named_modules():
        if isinstance(layer, nn.Linear | nn.Conv2d) and any(part in name for part in wanted):
            layer.register_forward_pre_hook(
                lambda _, inputs, name=name: largest.update(
                    {name: max(largest.get(name, 0.0), float(inputs[0].abs().max()))}
                )
            )
    coordinates, labels = boxes_for(checkpoint.config, 3)
    with torch.inference_mode():
        features = model.encode(torch.from_numpy(frame_for(checkpoint.config))[None])
        model.decode(features, torch.from_numpy(coordinates), torch.from_numpy(labels))
    tensors = dict(checkpoint.tensors)
    for name, value in largest.items():
        if name.startswith(UNUSED_PREFIXES):
            continue
        tensors[f"{name}.weight"], tensors[f"{name}.weight_scale"] = quantize_weight(tensors[f"{name}.weight"])
        tensors[f"{name}.input_scale"] = np.array([value / 127], dtype=np.float32)
    write_checkpoint(
        path,
        name="random",
        version="1-int8",
        config=checkpoint.config,
        preprocessing=checkpoint.preprocessing,
        tensors=tensors,
        scheme="int8: " + ", ".join(wanted),
        card={},
    )
    return read_checkpoint(path)


def mean_dice(a: np.ndarray, b: np.ndarray) -> tuple[float, float]:
    """Return mean and worst Dice of two sets of logits; two empty masks agree."""
    scores = []
    for one, other in zip(a > 0, b > 0, strict=True):
        total = int(one.sum()) + int(other.sum())
        scores.append(2.0 * int((one & other).sum()) / total if total else 1.0)
    return float(np.mean(scores)), min(scores)


def assert_same_masks(reference: Backend, backends: Sequence[Backend]) -> None:
    """Hold backends of one network to what any two must agree in: 50 boxes on a film."""
    frame, prompts = film_like(reference.checkpoint), lung_boxes(50)
    expected, quality = reference.decode(reference.encode(frame), *prompts)
    for backend in backends:
        logits, found = backend.decode(backend.encode(frame), *prompts)
        mean, worst = mean_dice(expected, logits)
        assert mean >= 0.999
        assert worst >= 0.995
        assert np.abs(found - quality).max() <= 0.01


def film_like(checkpoint: Checkpoint) -> np.ndarray:
    """Return two dark ovals in a bright field, as the model sees a chest."""
    size = checkpoint.config.image_size
    y, x = (np.mgrid[:size, :size] + 0.5) / size
    unit = 0.75 - 0.15 * np.abs(x - 0.5)
    for centre in (0.3, 0.7):
        inside = ((x - centre) / 0.14) ** 2 + ((y - 0.45) / 0.28) ** 2
        unit -= 0.5 / (1 + np.exp((inside - 1) * 12))
    rng = np.random.default_rng(0)
    unit = np.clip(unit + rng.normal(0, 0.01, unit.shape), 0, 1)
    mean, std = checkpoint.preprocessing.mean[0], checkpoint.preprocessing.std[0]
    return np.asarray((unit[None] - mean) / std, dtype=np.float32)


def lung_boxes(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return coordinates and labels of boxes round one oval or the other, a few pixels off."""
    rng = np.random.default_rng(1)
    base = np.where(rng.random((count, 1)) < 0.5, [[72, 80, 236, 380]], [[276, 80, 440, 380]])
    corners = (base + rng.normal(0, 8, (count, 4))).astype(np.float32).reshape(count, 2, 2)
    return corners, np.tile(np.array([2, 3], dtype=np.float32), (count, 1))
