"""The mask decoders as OpenVINO graphs, in two parts: what a film needs once, and what each prompt needs.

What the decoder computes from the film alone, it computes once a film: queries, keys and values of the image in its
first layer. The position encoding is a constant, so its products with weights are too: they become part of a bias.
"""

import numpy as np
from numpy.typing import NDArray

from engine.network.config import ModelConfig
from engine.network.graph_layers import (
    Layers,
    Node,
    attend,
    channels_first,
    channels_last,
    constant,
    from_blocks,
    length,
    ops,
    reshape,
    transpose,
)

_EPS = 1e-5  # torch's LayerNorm in the two-way transformer
_EPS_2D = 1e-6  # segment_anything's LayerNorm2d
_IMAGE_SIDE = (
    "cross_attn_token_to_image.k_proj",
    "cross_attn_token_to_image.v_proj",
    "cross_attn_image_to_token.q_proj",
)


def _split_heads(x: Node, heads: int) -> Node:
    """Return (N, heads, tokens, channels / heads)."""
    channels = length(x, 2)
    return transpose(reshape(x, 0, 0, heads, channels // heads), 0, 2, 1, 3)


def _join_heads(x: Node) -> Node:
    return reshape(transpose(x, 0, 2, 1, 3), 0, 0, length(x, 1) * length(x, 3))


def image_side(layers: Layers, names: tuple[str, ...], position: NDArray[np.float32], keys: Node) -> list[Node]:
    """Return several projections of the image's tokens in one product; `v_proj` alone does not see positions."""
    if any(layers.has(f"{name}.input_scale") for name in names):  # integers of sums are not sums of integers
        placed = ops.add(keys, constant(position[None]))
        return [layers.linear(keys if name.endswith("v_proj") else placed, name) for name in names]
    weights = [layers.array(f"{name}.weight") for name in names]
    biases = []
    for name, weight in zip(names, weights, strict=True):
        bias = np.broadcast_to(layers.array(f"{name}.bias"), (position.shape[0], weight.shape[0]))
        biases.append(bias if name.endswith("v_proj") else bias + position @ weight.T)
    product = ops.matmul(keys, constant(np.concatenate(weights)), False, True)
    product = ops.add(product, constant(np.concatenate(biases, axis=1)[None]))
    widths = constant([weight.shape[0] for weight in weights], np.int64)
    return list(ops.variadic_split(product, constant(2, np.int64), widths).outputs())


def draw_film_side(
    layers: Layers, config: ModelConfig, position: NDArray[np.float32], embedding: Node, no_mask: NDArray[np.float32]
) -> tuple[Node, ...]:
    """Return what the decoder needs of a film, once a film: its keys, and their projections for the first layer."""
    keys = ops.add(embedding, constant(no_mask.reshape(1, 1, -1)))
    first = image_side(layers.under("transformer.layers.0"), _IMAGE_SIDE, position, keys)
    return (keys, *(_split_heads(part, config.decoder_heads) for part in first))


def draw_two_way(
    layers: Layers, config: ModelConfig, position: NDArray[np.float32], tokens: Node, film: tuple[Node, ...]
) -> tuple[Node, Node]:
    """Return the tokens (N, T, C) and the image's keys (N, grid * grid, C) after SAM's two-way transformer."""
    heads = config.decoder_heads
    keys, *first = film
    queries = tokens
    for index in range(config.decoder_depth):
        layer = layers.under(f"layers.{index}")
        side = first if index == 0 else [_split_heads(p, heads) for p in image_side(layer, _IMAGE_SIDE, position, keys)]
        q = queries if index == 0 else ops.add(queries, tokens)  # the first layer's self-attention has no positions
        attended = _attention(layer.under("self_attn"), heads, q, q, queries)
        queries = layer.norm(attended if index == 0 else ops.add(queries, attended), "norm1", _EPS)
        to_image = layer.under("cross_attn_token_to_image")
        q = _split_heads(to_image.linear(ops.add(queries, tokens), "q_proj"), heads)
        attended = to_image.linear(_join_heads(attend(q, side[0], side[1])), "out_proj")
        queries = layer.norm(ops.add(queries, attended), "norm2", _EPS)
        queries = layer.norm(ops.add(queries, layer.mlp(queries, "mlp", "relu")), "norm3", _EPS)
        to_token = layer.under("cross_attn_image_to_token")
        k = _split_heads(to_token.linear(ops.add(queries, tokens), "k_proj"), heads)
        v = _split_heads(to_token.linear(queries, "v_proj"), heads)
        attended = to_token.linear(_join_heads(attend(side[2], k, v)), "out_proj")
        keys = layer.norm(ops.add(keys, attended), "norm4", _EPS)
    final = layers.under("final_attn_token_to_image")
    k, v = image_side(final, ("k_proj", "v_proj"), position, keys)
    q = _split_heads(final.linear(ops.add(queries, tokens), "q_proj"), heads)
    attended = final.linear(_join_heads(attend(q, _split_heads(k, heads), _split_heads(v, heads))), "out_proj")
    return layers.norm(ops.add(queries, attended), "norm_final_attn", _EPS), keys


def _attention(layers: Layers, heads: int, q: Node, k: Node, v: Node) -> Node:
    parts = (layers.linear(x, name) for x, name in ((q, "q_proj"), (k, "k_proj"), (v, "v_proj")))
    return layers.linear(_join_heads(attend(*(_split_heads(part, heads) for part in parts))), "out_proj")


def draw_compact_decoder(
    layers: Layers, config: ModelConfig, position: NDArray[np.float32], sparse: Node, features: tuple[Node, ...]
) -> tuple[Node, Node]:
    """Return logits (N, h, h) and quality (N,) of the compact network."""
    own = [layers.array("iou_token.weight"), layers.array("mask_token.weight")]
    hidden, keys = draw_two_way(layers.under("transformer"), config, position, _with_tokens(own, sparse), features[:4])
    mask_token, iou_token = _token(hidden, 1), _token(hidden, 0)
    finest, at_4, at_8 = features[4:]
    side = config.grid
    x = from_blocks(layers.norm(layers.upscaled(keys, "upscale.0.up", side), "upscale.0.norm", _EPS_2D), 2 * side)
    x = _refined(layers, "upscale.0.refine", ops.relu(ops.add(channels_first(x), at_8)))
    x = from_blocks(layers.upscaled(channels_last(x), "upscale.1.up", 2 * side), 4 * side)
    x = _refined(layers, "upscale.1.refine", ops.relu(ops.add(channels_first(x), at_4)))
    coarse = _weighed_map(layers.token_mlp(mask_token, "mask_head"), x, 4 * side)
    edges = _weighed_map(layers.token_mlp(mask_token, "edge_head"), finest, 8 * side)
    smooth = ops.interpolate(
        coarse,
        constant([8 * side, 8 * side], np.int64),
        "linear_onnx",
        "sizes",
        coordinate_transformation_mode="half_pixel",
        axes=constant([2, 3], np.int64),
    )
    logits = reshape(ops.add(smooth, edges), 0, 8 * side, 8 * side)
    return logits, reshape(layers.token_mlp(iou_token, "iou_head"), -1)


def draw_sam_decoder(
    layers: Layers, config: ModelConfig, position: NDArray[np.float32], sparse: Node, film: tuple[Node, ...]
) -> tuple[Node, Node]:
    """Return logits (N, 4 grid, 4 grid) and quality (N,) of segment_anything's decoder, its first mask alone."""
    own = [layers.array("iou_token.weight"), layers.array("mask_tokens.weight")]
    hidden, keys = draw_two_way(layers.under("transformer"), config, position, _with_tokens(own, sparse), film)
    side = config.grid
    x = layers.norm(layers.upscaled(keys, "output_upscaling.0", side), "output_upscaling.1", _EPS_2D)
    x = layers.upscaled(from_blocks(ops.gelu(x, "erf"), 2 * side), "output_upscaling.3", 2 * side)
    # Weighed before the pixels are put in order: one channel is moved instead of all.
    weights = layers.token_mlp(_token(hidden, 1), "output_hypernetworks_mlps.0")
    pixels = reshape(ops.gelu(x, "erf"), 0, -1, length(x, 5))
    weighed = ops.matmul(pixels, weights, False, True)  # (N, pixels, 1)
    logits = from_blocks(reshape(weighed, 0, 2 * side, 2 * side, 2, 2, 1), 4 * side)
    quality = layers.token_mlp(_token(hidden, 0), "iou_prediction_head")
    first = ops.gather(quality, constant(0, np.int64), constant(2, np.int64))
    return reshape(logits, 0, 4 * side, 4 * side), reshape(first, -1)


def _with_tokens(own: list[NDArray[np.float32]], sparse: Node) -> Node:
    """Return the decoder's own tokens and the prompts', (N, T, C)."""
    learned = constant(np.concatenate(own)[None])
    prompts = ops.slice(ops.shape_of(sparse), *(constant([value], np.int64) for value in (0, 1, 1)))
    shape = ops.concat([prompts, constant(learned.get_output_shape(0)[1:], np.int64)], 0)
    return ops.concat([ops.broadcast(learned, shape), sparse], 1)


def _token(hidden: Node, index: int) -> Node:
    return ops.slice(hidden, *(constant([value], np.int64) for value in (index, index + 1, 1, 1)))  # (N, 1, C)


def _refined(layers: Layers, name: str, x: Node) -> Node:
    return ops.relu(ops.add(x, layers.conv(x, name)))


def _weighed_map(weights: Node, image: Node, side: int) -> Node:
    """Return (N, 1, side, side): for each prompt the map's channels times its token's weights."""
    flat = reshape(image, 0, length(image, 1), -1)
    return reshape(ops.matmul(weights, flat, False, False), 0, 1, side, side)
