"""Which tensors a checkpoint of a given configuration holds, and of what shape. No torch here.

Names are those of `engine.network.model`, so that Meta's files load as they are; batch norm is folded away.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.network.config import ModelConfig

Shapes = Mapping[str, tuple[int, ...]]

# segment_anything's modules own these, but one mask from boxes and points never reads them. A file may leave them out.
UNUSED_PREFIXES = (
    "prompt_encoder.mask_downscaling.",
    "mask_decoder.output_hypernetworks_mlps.1.",
    "mask_decoder.output_hypernetworks_mlps.2.",
    "mask_decoder.output_hypernetworks_mlps.3.",
)
_BATCH_NORM_EPS = 1e-5  # torch's default, which training uses


def expected_shapes(config: ModelConfig) -> dict[str, tuple[int, ...]]:
    """Return name and shape of every tensor that the network needs; those under UNUSED_PREFIXES are not listed."""
    encoder = _compact_encoder(config) if config.kind == "compact" else _sam_encoder(config)
    decoder = _compact_decoder(config) if config.kind == "compact" else _sam_decoder(config)
    return dict(
        [
            *((f"prompt_encoder.{name}", shape) for name, shape in _prompt_encoder(config)),
            *((f"image_encoder.{name}", shape) for name, shape in encoder),
            *((f"mask_decoder.{name}", shape) for name, shape in decoder),
        ]
    )


_Named = Iterator[tuple[str, tuple[int, ...]]]


def _linear(name: str, inputs: int, outputs: int) -> _Named:
    yield f"{name}.weight", (outputs, inputs)
    yield f"{name}.bias", (outputs,)


def _conv(name: str, inputs: int, outputs: int, kernel: int, *, bias: bool = True) -> _Named:
    yield f"{name}.weight", (outputs, inputs, kernel, kernel)
    if bias:
        yield f"{name}.bias", (outputs,)


def _norm(name: str, channels: int) -> _Named:
    yield f"{name}.weight", (channels,)
    yield f"{name}.bias", (channels,)


def _prompt_encoder(config: ModelConfig) -> _Named:
    dim = config.decoder_dim
    yield "pe_layer.positional_encoding_gaussian_matrix", (2, dim // 2)
    for index in range(4):
        yield f"point_embeddings.{index}.weight", (1, dim)
    yield "not_a_point_embed.weight", (1, dim)
    yield "no_mask_embed.weight", (1, dim)


def _neck(config: ModelConfig) -> _Named:
    dim = config.decoder_dim
    yield from _conv("neck.0", config.embed_dim, dim, 1, bias=False)
    yield from _norm("neck.1", dim)
    yield from _conv("neck.2", dim, dim, 3, bias=False)
    yield from _norm("neck.3", dim)


def _encoder_block(name: str, config: ModelConfig) -> _Named:
    dim, hidden = config.embed_dim, int(config.embed_dim * config.mlp_ratio)
    yield from _norm(f"{name}.norm1", dim)
    yield from _linear(f"{name}.attn.qkv", dim, dim * 3)
    yield from _linear(f"{name}.attn.proj", dim, dim)
    yield from _norm(f"{name}.norm2", dim)
    yield from _linear(f"{name}.mlp.lin1", dim, hidden)
    yield from _linear(f"{name}.mlp.lin2", hidden, dim)


def _compact_encoder(config: ModelConfig) -> _Named:
    s2, s4, s8 = config.stem
    yield "pos_embed", (1, config.embed_dim, config.grid, config.grid)
    yield from _conv("stages.0.down.conv", config.in_channels, s2, 3)
    for index, (inputs, outputs) in enumerate(((s2, s4), (s4, s8)), start=1):
        yield from _conv(f"stages.{index}.down.conv", inputs, outputs, 3)
        yield from _conv(f"stages.{index}.refine.conv", outputs, outputs, 3)
    yield from _conv("patch_embed", s8, config.embed_dim, 3)
    for index in range(config.depth):
        yield f"blocks.{index}.local.weight", (config.embed_dim, 1, 3, 3)
        yield f"blocks.{index}.local.bias", (config.embed_dim,)
        yield from _encoder_block(f"blocks.{index}", config)
    yield from _neck(config)
    for index, (inputs, outputs) in enumerate(zip(config.stem, detail_channels(config), strict=True)):
        yield from _conv(f"skips.{index}", inputs, outputs, 3)


def _sam_encoder(config: ModelConfig) -> _Named:
    yield "pos_embed", (1, config.grid, config.grid, config.embed_dim)
    yield from _conv("patch_embed.proj", config.in_channels, config.embed_dim, config.patch_size)
    for index in range(config.depth):
        side = config.grid if index in config.global_blocks or not config.window_size else config.window_size
        head = config.embed_dim // config.heads
        yield f"blocks.{index}.attn.rel_pos_h", (2 * side - 1, head)
        yield f"blocks.{index}.attn.rel_pos_w", (2 * side - 1, head)
        yield from _encoder_block(f"blocks.{index}", config)
    yield from _neck(config)


def detail_channels(config: ModelConfig) -> tuple[int, int, int]:
    """Return the channels of the compact decoder at stride 2, 4 and 8."""
    return (config.decoder_dim // 16, config.decoder_dim // 8, config.decoder_dim // 4)


def _two_way_transformer(config: ModelConfig) -> _Named:
    dim = config.decoder_dim

    def attention(name: str, inner: int) -> _Named:
        for part in ("q_proj", "k_proj", "v_proj"):
            yield from _linear(f"transformer.{name}.{part}", dim, inner)
        yield from _linear(f"transformer.{name}.out_proj", inner, dim)

    for index in range(config.decoder_depth):
        layer = f"layers.{index}"
        yield from attention(f"{layer}.self_attn", dim)
        yield from attention(f"{layer}.cross_attn_token_to_image", dim // 2)
        yield from attention(f"{layer}.cross_attn_image_to_token", dim // 2)
        yield from _linear(f"transformer.{layer}.mlp.lin1", dim, config.decoder_mlp)
        yield from _linear(f"transformer.{layer}.mlp.lin2", config.decoder_mlp, dim)
        for norm in range(1, 5):
            yield from _norm(f"transformer.{layer}.norm{norm}", dim)
    yield from attention("final_attn_token_to_image", dim // 2)
    yield from _norm("transformer.norm_final_attn", dim)
    yield "iou_token.weight", (1, dim)


def _token_mlp(name: str, dim: int, outputs: int) -> _Named:
    yield from _linear(f"{name}.layers.0", dim, dim)
    yield from _linear(f"{name}.layers.1", dim, dim)
    yield from _linear(f"{name}.layers.2", dim, outputs)


def _compact_decoder(config: ModelConfig) -> _Named:
    dim = config.decoder_dim
    s2, s4, s8 = detail_channels(config)
    yield from _two_way_transformer(config)
    yield "mask_token.weight", (1, dim)
    for index, (inputs, outputs) in enumerate(((dim, s8), (s8, s4))):
        yield f"upscale.{index}.up.weight", (inputs, outputs, 2, 2)
        yield f"upscale.{index}.up.bias", (outputs,)
        if index == 0:
            yield from _norm("upscale.0.norm", outputs)
        yield from _conv(f"upscale.{index}.refine", outputs, outputs, 3)
    yield from _token_mlp("mask_head", dim, s4)
    yield from _token_mlp("edge_head", dim, s2)
    yield from _token_mlp("iou_head", dim, 1)


def _sam_decoder(config: ModelConfig) -> _Named:
    dim = config.decoder_dim
    yield from _two_way_transformer(config)
    yield "mask_tokens.weight", (4, dim)
    for index, (inputs, outputs) in ((0, (dim, dim // 4)), (3, (dim // 4, dim // 8))):
        yield f"output_upscaling.{index}.weight", (inputs, outputs, 2, 2)
        yield f"output_upscaling.{index}.bias", (outputs,)
    yield from _norm("output_upscaling.1", dim // 4)
    yield from _token_mlp("output_hypernetworks_mlps.0", dim, dim // 8)
    yield from _linear("iou_prediction_head.layers.0", dim, 256)
    yield from _linear("iou_prediction_head.layers.1", 256, 256)
    yield from _linear("iou_prediction_head.layers.2", 256, 4)


def fold_batch_norm(tensors: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Return the tensors with every `X.norm` that has running statistics folded into `X.conv`; others as they are.

    conv(x) * g + (b - mean * g), with g = weight / sqrt(var + eps): computed in float64, rounded once.
    """
    folded = dict(tensors)
    for name in tensors:
        if not name.endswith(".norm.running_mean"):
            continue
        base = name.removesuffix("norm.running_mean")
        mean, variance, scale, shift = (
            folded.pop(f"{base}norm.{part}").astype(np.float64)
            for part in ("running_mean", "running_var", "weight", "bias")
        )
        folded.pop(f"{base}norm.num_batches_tracked", None)
        gain = scale / np.sqrt(variance + _BATCH_NORM_EPS)
        weight = folded[f"{base}conv.weight"].astype(np.float64) * gain[:, None, None, None]
        folded[f"{base}conv.weight"] = weight.astype(np.float32)
        folded[f"{base}conv.bias"] = (shift - mean * gain).astype(np.float32)
    return folded
