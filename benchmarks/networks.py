"""Networks to time: random weights, integers from a calibration on noise, and the operations that they need.

Times do not depend on what the weights say; accuracy is measured elsewhere, with trained ones.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from engine.network.checkpoint import Checkpoint
from engine.network.config import ModelConfig, Preprocessing
from engine.network.layout import UNUSED_PREFIXES, fold_batch_norm
from engine.network.model import LungModel
from engine.network.quantized import INT8_LIMIT, quantize_weight

ENCODER_LAYERS = ("mlp.lin1", "mlp.lin2", "attn.proj")
WITH_QKV = (*ENCODER_LAYERS, "attn.qkv")


def random_model(config: ModelConfig, seed: int = 0) -> LungModel:
    """Return a network as its own package builds it, its position tables no longer zero."""
    torch.manual_seed(seed)
    model = LungModel(config).eval().requires_grad_(False)
    for name, parameter in model.named_parameters():
        if "rel_pos" in name or "pos_embed" in name:
            parameter.normal_(std=0.02)
    return model


def checkpoint_of(model: LungModel, name: str) -> Checkpoint:
    """Return a network as the checkpoint that a file would hold."""
    tensors = fold_batch_norm({key: value.numpy() for key, value in model.state_dict().items()})
    kept = {key: value for key, value in tensors.items() if not key.startswith(UNUSED_PREFIXES)}
    channels = model.config.in_channels
    preprocessing = Preprocessing(mean=(0.5,) * channels, std=(0.25,) * channels)
    return Checkpoint(name, "random", model.config, preprocessing, kept, name, "float32", {})


def calibrated(model: LungModel, checkpoint: Checkpoint, frame: NDArray[np.float32]) -> dict[str, float]:
    """Return the largest input of every encoder layer that may run in integers."""
    largest: dict[str, float] = {}

    def watch(name: str) -> Callable[..., None]:
        return lambda _layer, inputs: largest.update({name: float(inputs[0].abs().max())})

    handles = [
        layer.register_forward_pre_hook(watch(name))
        for name, layer in model.image_encoder.named_modules(prefix="image_encoder")
        if isinstance(layer, nn.Linear) and name.endswith(WITH_QKV)
    ]
    with torch.inference_mode():
        model.encode(torch.from_numpy(frame)[None])
    for handle in handles:
        handle.remove()
    return largest


def in_integers(checkpoint: Checkpoint, largest: dict[str, float], layers: tuple[str, ...]) -> Checkpoint:
    """Return the checkpoint with those layers in 8 bits, weights and inputs."""
    tensors: dict[str, Any] = dict(checkpoint.tensors)
    for name in (name for name in largest if name.endswith(layers)):
        tensors[f"{name}.weight"], tensors[f"{name}.weight_scale"] = quantize_weight(tensors[f"{name}.weight"])
        tensors[f"{name}.input_scale"] = np.array([largest[name] / INT8_LIMIT], dtype=np.float32)
    return replace(checkpoint, tensors=tensors, sha256=f"{checkpoint.sha256} {' '.join(layers)}", scheme="int8")


def frame_for(config: ModelConfig) -> NDArray[np.float32]:
    """Return a frame of noise."""
    shape = (config.in_channels, config.image_size, config.image_size)
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


@dataclass(frozen=True, slots=True)
class Operations:
    """Multiplications and additions of an encoder, in units of 1e9 (GOP)."""

    qkv: float
    projection: float
    mlp: float
    attention: float
    convolutions: float

    def seconds_at(self, limits: dict[str, float], integers: tuple[str, ...] = ()) -> float:
        """Return the least time at measured limits (GOP/s by type), these parts being in integers."""
        parts: dict[str, float] = asdict(self)
        return sum(count / limits["int8" if part in integers else "real"] for part, count in parts.items())


def operations(config: ModelConfig) -> Operations:
    """Return what the encoder must compute. Windows are counted padded, as segment-anything runs them."""
    tokens, dim = config.grid**2, config.embed_dim
    hidden = int(dim * config.mlp_ratio)
    attention = qkv = projection = 0
    for index in range(config.depth):
        windowed = config.window_size > 0 and index not in config.global_blocks
        side = config.window_size if windowed else config.grid
        windows = (-(-config.grid // side)) ** 2
        seen = windows * side**2
        qkv += seen * dim * 3 * dim
        projection += seen * dim * dim
        attention += 2 * seen * side**2 * dim  # scores, and the mixture of values
        if config.kind == "sam":
            attention += 2 * seen * side * dim  # relative positions, rows and columns
    size = config.image_size
    if config.kind == "sam":
        convolutions = tokens * config.patch_size**2 * config.in_channels * dim
    else:
        s2, s4, s8 = config.stem
        widths = [(2, config.in_channels, s2), (4, s2, s4), (4, s4, s4), (8, s4, s8), (8, s8, s8), (16, s8, dim)]
        details = zip((2, 4, 8), config.stem, (16, 8, 4), strict=True)
        widths += [(stride, channels, config.decoder_dim // part) for stride, channels, part in details]
        convolutions = sum((size // stride) ** 2 * 9 * inputs * outputs for stride, inputs, outputs in widths)
        convolutions += config.depth * tokens * 9 * dim
    convolutions += tokens * (dim * config.decoder_dim + 9 * config.decoder_dim**2)
    mlp = 2 * config.depth * tokens * dim * hidden
    return Operations(*(2 * value / 1e9 for value in (qkv, projection, mlp, attention, convolutions)))
