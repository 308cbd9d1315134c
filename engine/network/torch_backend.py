"""Torch: the engine for GPUs, the reference that the CPU engine is compared with, and its stand-in where that fails."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from engine.errors import CheckpointError
from engine.network.checkpoint import ATTENTION_SCALES, Checkpoint
from engine.network.model import ConvNorm, LungModel
from engine.network.quantized import float_tensors
from engine.network.torch_layers import EncoderAttention, Float32Conv2d, IntegerConv2d, IntegerLinear

TorchFeatures = tuple[Tensor, ...]
# It sees the film's own greys: alone it brought nine tenths of all that bfloat16 changed in a mask.
_FIRST = "image_encoder.stages.0.down"


def build_model(checkpoint: Checkpoint) -> LungModel:
    """Return the network of a checkpoint, layers in integers included."""
    tensors = {name: torch.from_numpy(value.copy()) for name, value in checkpoint.tensors.items()}
    with torch.device("meta"):  # no time is spent on initial values
        model = LungModel(checkpoint.config)
    for name, module in list(model.named_modules()):
        if isinstance(module, ConvNorm):  # checkpoints hold them folded into one convolution
            module.conv = _with_bias(module.conv, Float32Conv2d if name == _FIRST else nn.Conv2d)
            module.norm = nn.Identity()  # type: ignore[assignment]
    state = {name: torch.from_numpy(value) for name, value in float_tensors(checkpoint.tensors).items()}
    unused = {name: torch.zeros(value.shape) for name, value in model.state_dict().items() if name not in state}
    model.load_state_dict(state | unused, assign=True)
    for name in checkpoint.quantized_layers:
        _replace_by_integers(model, name, tensors)
    for index, block in enumerate(model.image_encoder.blocks):  # type: ignore[arg-type]
        name = f"image_encoder.blocks.{index}.attn"
        scales = tuple(tensors[f"{name}.{part}"] for part in ATTENTION_SCALES if f"{name}.{part}" in tensors)
        block.attn = EncoderAttention(block.attn, scales if len(scales) == 3 else None)
    return model.eval().requires_grad_(False)


def _with_bias(conv: nn.Conv2d, kind: type[nn.Conv2d]) -> nn.Conv2d:
    return kind(
        conv.in_channels,
        conv.out_channels,
        conv.kernel_size,  # type: ignore[arg-type]
        conv.stride,  # type: ignore[arg-type]
        conv.padding,  # type: ignore[arg-type]
        device="meta",
    )


def _replace_by_integers(model: nn.Module, name: str, tensors: dict[str, Tensor]) -> None:
    layer = model.get_submodule(name)
    weight, scale = tensors[f"{name}.weight"].float(), tensors[f"{name}.weight_scale"]
    input_scale, bias = tensors.get(f"{name}.input_scale"), tensors.get(f"{name}.bias")
    bias = None if bias is None else bias.float()
    match layer:
        case nn.Linear():
            model.set_submodule(name, IntegerLinear(weight, scale, input_scale, bias))
        case nn.Conv2d():
            model.set_submodule(name, IntegerConv2d(layer, weight, scale, input_scale, bias))
        case _:  # other layers keep the reals that their integers stand for
            if input_scale is not None:
                raise CheckpointError(f"The layer {name} cannot run in integers.")


def has_bfloat16(device: torch.device) -> bool:
    """Return whether a device computes in bfloat16. One that emulates it is slower than in float32, a CPU ten times."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return bool(torch.cpu._is_avx512_bf16_supported())


def in_bfloat16(model: LungModel) -> LungModel:
    """Return the model with the weights rounded once that autocast would round anew for every film and every box."""
    for layer in model.modules():
        if isinstance(layer, IntegerLinear):
            layer.weight = layer.weight.bfloat16()  # whole numbers up to 127: exact
        elif isinstance(layer, nn.Linear | nn.Conv2d | nn.ConvTranspose2d) and not isinstance(layer, Float32Conv2d):
            layer.to(torch.bfloat16)
    return model


class TorchBackend:
    """One checkpoint on one torch device: float32 on the CPU, bfloat16 on a GPU that has it, unless told otherwise.

    Layers in 8 bits multiply whole numbers in that type; `integer_kernels` has the linear ones multiply 8-bit integers.
    """

    fallback = ""

    def __init__(
        self,
        checkpoint: Checkpoint,
        device: str = "cpu",
        *,
        bfloat16: bool | None = None,
        integer_kernels: bool = False,
    ) -> None:
        self.checkpoint = checkpoint
        self._device = torch.device(device)
        gpu = self._device.type == "cuda"
        self._bfloat16 = gpu and has_bfloat16(self._device) if bfloat16 is None else bfloat16
        model = build_model(checkpoint)
        self._model = (in_bfloat16(model) if self._bfloat16 else model).to(self._device)
        for layer in self._model.modules() if integer_kernels else ():
            if type(layer) is IntegerLinear:
                layer.use_integer_kernels()
        self.device = torch.cuda.get_device_name(self._device) if gpu else "CPU"
        precision = "bfloat16" if self._bfloat16 else "float32"
        self.description = f"torch {torch.__version__}, {self.device}, {precision}"

    @torch.inference_mode()
    def encode(self, frame: NDArray[np.float32]) -> TorchFeatures:
        """Return the features of one (channels, size, size) frame, on this device."""
        frames = torch.from_numpy(np.ascontiguousarray(frame)).unsqueeze(0).to(self._device)
        with self._precision():
            return self._model.encode(frames)

    @torch.inference_mode()
    def decode(
        self, features: TorchFeatures, coordinates: NDArray[np.float32], labels: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return logits (N, h, h) and quality (N,) for N prompts of K tokens."""
        with self._precision():
            logits, quality = self._model.decode(
                features, torch.from_numpy(coordinates).to(self._device), torch.from_numpy(labels).to(self._device)
            )
        return logits.float().cpu().numpy(), quality.float().cpu().numpy()

    def _precision(self) -> Any:
        return torch.autocast(self._device.type, dtype=torch.bfloat16, enabled=self._bfloat16)
