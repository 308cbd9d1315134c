"""Training with rounding: prepare (`round_places`), calibrate (`calibrating`), train, convert (training.release).

Layers are swapped in where a recipe's places are, found by the model's structure, and out again by the release.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import nn

from engine.network.layout import fold_batch_norm
from engine.network.model import ConvNorm, LungModel
from engine.network.quantized import INT8_LIMIT
from training.adalora import AdaLoraQkv, attention_modules
from training.adaptation import Place, Quantization
from training.ranges import ActivationRange
from training.rounding import LayerQuantizer, RoundedAttention, RoundedConv2d, RoundedLinear

Layer = RoundedLinear | RoundedConv2d | AdaLoraQkv


@dataclass(frozen=True, slots=True)
class Site:
    """Where a layer hangs in the model."""

    parent: nn.Module
    attribute: str

    @property
    def layer(self) -> nn.Module:
        """The layer that is there now."""
        return self.parent.get_submodule(self.attribute)

    def replace(self, layer: nn.Module) -> None:
        """Hang another layer there."""
        setattr(self.parent, self.attribute, layer)


def _children(root: nn.Module, kind: type[nn.Module]) -> list[Site]:
    """Return every place under a module where a layer of a kind hangs."""
    return [
        Site(parent, attribute)
        for parent in root.modules()
        for attribute, child in parent.named_children()
        if isinstance(child, kind)
    ]


def _reads_film(model: LungModel, site: Site) -> bool:
    """Whether a convolution is the first: 8 bits of the film's own greys are too few, and it has hardly any weights."""
    layer = site.layer
    return isinstance(layer, nn.Conv2d) and layer.in_channels == model.config.in_channels


def sites(model: LungModel, place: Place) -> list[Site]:
    """Return the layers that a place of the recipe means."""
    blocks: Iterable[Any] = model.image_encoder.blocks  # type: ignore[assignment]
    found: dict[Place, list[Site]] = {
        "encoder mlp": [Site(block.mlp, name) for block in blocks for name in ("lin1", "lin2")],
        "encoder projection": [Site(block.attn, "proj") for block in blocks],
        "encoder qkv": [Site(block.attn, "qkv") for block in blocks],
        "encoder attention": [Site(block, "attn") for block in blocks],
        "encoder convolutions": [
            site for site in _children(model.image_encoder, nn.Conv2d) if not _reads_film(model, site)
        ],
        "decoder linears": _children(model.mask_decoder, nn.Linear),
        "decoder convolutions": _children(model.mask_decoder, nn.Conv2d),
        "prompt encoder": _children(model.prompt_encoder, nn.Linear),
    }
    return found[place]


def round_places(model: LungModel, quantization: Quantization) -> None:
    """Swap in rounded layers; those that are rounded already keep their scales."""
    for place in quantization.places:
        if "convolutions" in place:
            fold_norms(model)  # first, or the scales would be those of other weights
        for site in sites(model, place):
            site.replace(_rounded_layer(site.layer, quantization, 4 if place in quantization.four_bits else 8))


def _rounded_layer(layer: nn.Module, quantization: Quantization, bits: Literal[8, 4]) -> nn.Module:
    match layer:
        case RoundedLinear() | RoundedConv2d() | RoundedAttention():
            return layer
        case AdaLoraQkv():
            if layer.quantizer is None:
                layer.quantizer = LayerQuantizer(layer.weight, quantization, bits)
                layer.quantizer.fit(layer.merged_weight())
            return layer
        case nn.Linear():
            return RoundedLinear.from_linear(layer, quantization, bits)
        case nn.Conv2d():
            return RoundedConv2d.from_conv(layer, quantization)
        case _:
            return RoundedAttention.from_attention(layer, quantization)


def quantizers(model: nn.Module) -> Iterator[tuple[LayerQuantizer, Layer]]:
    """Yield the quantizer of every rounded layer, and the layer."""
    for module in model.modules():
        if isinstance(module, Layer) and isinstance(module.quantizer, LayerQuantizer):
            yield module.quantizer, module


@torch.no_grad()
def fit_weights(model: nn.Module) -> None:
    """Set all weights' scales from their present values: after training has moved them, once an epoch."""
    for quantizer, layer in quantizers(model):
        quantizer.fit(layer.merged_weight() if isinstance(layer, AdaLoraQkv) else layer.weight)


@contextmanager
def calibrating(model: nn.Module) -> Iterator[None]:
    """While open, rounded layers compute in floats and watch their inputs; on closing, their ranges are fixed."""
    layers = [quantizer for quantizer, _ in quantizers(model) if quantizer.rule.activations == "static"]
    attentions = [module for module in model.modules() if isinstance(module, RoundedAttention)]
    for layer in layers:
        layer.observed = ActivationRange()
    for attention in attentions:
        attention.observed = [ActivationRange() for _ in range(3)]
    try:
        yield
        for layer in layers:
            assert layer.observed is not None
            layer.input_scale.fill_(layer.observed.range(layer.rule) / INT8_LIMIT)
        for attention in attentions:
            assert attention.observed is not None
            for name, seen in zip(attention._PARTS, attention.observed, strict=True):
                getattr(attention, name).fill_(seen.range(attention.rule) / INT8_LIMIT)
    finally:
        for layer in layers:
            layer.observed = None
        for attention in attentions:
            attention.observed = None


def without_adapters(model: LungModel) -> None:
    """Merge all adapters; a rounded QKV becomes a rounded layer with the same scales."""
    for attention in attention_modules(model):
        layer = attention.qkv
        if not isinstance(layer, AdaLoraQkv):
            continue
        merged: nn.Linear = layer.to_linear()
        if isinstance(layer.quantizer, LayerQuantizer):
            merged = RoundedLinear.from_linear(merged, layer.quantizer.rule, layer.quantizer.bits)
            merged.quantizer = layer.quantizer
        attention.qkv = merged


@torch.no_grad()
def fold_norms(model: nn.Module) -> None:
    """Fold batch norm into the convolution before it, as every checkpoint has it."""
    for module in model.modules():
        if isinstance(module, ConvNorm) and isinstance(module.norm, nn.BatchNorm2d):
            fold_norm(module)


def fold_norm(module: ConvNorm) -> None:
    """Fold one, by the rule of the checkpoint."""
    conv = module.conv
    folded = nn.Conv2d(
        conv.in_channels,
        conv.out_channels,
        conv.kernel_size,  # type: ignore[arg-type]
        conv.stride,  # type: ignore[arg-type]
        conv.padding,  # type: ignore[arg-type]
        bias=True,
        device=conv.weight.device,
    )
    if not conv.weight.is_meta:
        tensors = fold_batch_norm({f"layer.{name}": value.cpu().numpy() for name, value in module.state_dict().items()})
        folded.load_state_dict({part: torch.from_numpy(tensors[f"layer.conv.{part}"]) for part in ("weight", "bias")})
    module.conv = folded
    module.norm = nn.Identity()  # type: ignore[assignment]
