"""A network that goes on learning from a released file instead of from nothing.

A release holds batch norm folded into its convolutions, and integers instead of the reals they were rounded from. The
reals that the integers stand for are a start as good as any; batch norm is unfolded so that the network draws what the
file draws, and learns as one that was never folded.
"""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from engine.network.checkpoint import Checkpoint
from engine.network.model import ConvNorm, LungModel
from engine.network.quantized import float_tensors


def network_of(checkpoint: Checkpoint, frames: Sequence[NDArray[np.float32]]) -> LungModel:
    """Return the trainable network of a released file; `frames` (channels, size, size) give batch norm its statistics.

    With any statistics the network is the same function, in evaluation; with those of real films it also learns at
    once as it would have gone on learning.
    """
    model = LungModel(checkpoint.config)
    folded = {name: module for name, module in model.named_modules() if isinstance(module, ConvNorm)}
    shifts: dict[str, Tensor] = {}
    state: dict[str, Tensor] = {}
    for name, value in float_tensors(checkpoint.tensors).items():
        owner = name.removesuffix(".conv.bias")
        if owner in folded and owner != name:
            shifts[owner] = torch.from_numpy(value.copy())
        else:
            state[name] = torch.from_numpy(value.copy())
    model.load_state_dict(model.state_dict() | state)
    for name, layer in folded.items():
        layer.norm.load_state_dict(_norm(torch.zeros_like(shifts[name]), torch.ones_like(shifts[name]), shifts[name]))
    for name, (mean, variance) in _statistics(model, folded, frames).items():
        folded[name].norm.load_state_dict(_norm(mean, variance, shifts[name]))
    return model


def _norm(mean: Tensor, variance: Tensor, shift: Tensor) -> dict[str, Tensor]:
    """Return a batch norm with these statistics that only adds `shift`."""
    gain = (variance + nn.BatchNorm2d(1).eps).sqrt()
    counted = torch.tensor(0, dtype=torch.long)
    return {
        "running_mean": mean,
        "running_var": variance,
        "weight": gain,
        "bias": shift + mean,
        "num_batches_tracked": counted,
    }


@torch.inference_mode()
def _statistics(
    model: LungModel, layers: dict[str, ConvNorm], frames: Sequence[NDArray[np.float32]]
) -> dict[str, tuple[Tensor, Tensor]]:
    """Return mean and variance, per channel, of what each convolution gives on the frames."""
    sums = {name: torch.zeros(2, layer.norm.num_features, dtype=torch.float64) for name, layer in layers.items()}
    counts = dict.fromkeys(layers, 0)

    def watch(name: str) -> torch.utils.hooks.RemovableHandle:
        def add(_module: nn.Module, _inputs: tuple[Tensor, ...], x: Tensor) -> None:
            values = x.double()
            sums[name] += torch.stack([values.sum((0, 2, 3)), values.square().sum((0, 2, 3))])
            counts[name] += x.numel() // x.shape[1]

        return layers[name].conv.register_forward_hook(add)

    handles = [watch(name) for name in layers]
    model.eval()
    for frame in frames:
        model.encode(torch.from_numpy(np.ascontiguousarray(frame))[None])
    for handle in handles:
        handle.remove()
    found = {}
    for name, (total, squares) in sums.items():
        mean = total / max(1, counts[name])
        variance = (squares / max(1, counts[name]) - mean.square()).clamp(min=1e-6)
        found[name] = (mean.float().clone(), variance.float().clone())
    return found
