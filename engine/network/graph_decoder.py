"""The mask decoders as OpenVINO graphs, in two parts: what a film needs once, and what each prompt needs.

What the decoder computes from the film alone, it computes once a film: queries, keys and values of the image in its
first layer. In later layers the image has thousands of places and a prompt a handful of tokens, so weights that belong
to the places are multiplied with the tokens instead: q (W x)' = (q W) x'. A prompt of one box has 4 tokens in 8 heads,
which makes that a quarter of the work; from 16 tokens on it would be more.
"""

import math

import numpy as np
from numpy.typing import NDArray

from engine.network.config import ModelConfig
from engine.network.graph_layers import (
    Layers,
    Node,
    attend,
    constant,
    from_blocks,
    length,
    ops,
    reshape,
    to_tokens,
    transpose,
)

_EPS = 1e-5  # torch's LayerNorm in the two-way transformer
_EPS_2D = 1e-6  # segment_anything's LayerNorm2d
_FROM_IMAGE, _FROM_TOKENS = "cross_attn_token_to_image", "cross_attn_image_to_token"
_IMAGE_SIDE = (f"{_FROM_IMAGE}.k_proj", f"{_FROM_IMAGE}.v_proj", f"{_FROM_TOKENS}.q_proj")


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
        image = _Image(layer, heads, keys, position) if index else _Image(layer, heads, keys, position, first)
        q = queries if index == 0 else ops.add(queries, tokens)  # the first layer's self-attention has no positions
        attended = _attention(layer.under("self_attn"), heads, q, q, queries)
        queries = layer.norm(attended if index == 0 else ops.add(queries, attended), "norm1", _EPS)
        attended = image.seen_by(ops.add(queries, tokens), _FROM_IMAGE)
        queries = layer.norm(ops.add(queries, attended), "norm2", _EPS)
        queries = layer.norm(ops.add(queries, layer.mlp(queries, "mlp", "relu")), "norm3", _EPS)
        attended = image.told_by(ops.add(queries, tokens), queries)
        keys = layer.norm(ops.add(keys, attended), "norm4", _EPS)
    image = _Image(layers, heads, keys, position)
    attended = image.seen_by(ops.add(queries, tokens), "final_attn_token_to_image")
    return layers.norm(ops.add(queries, attended), "norm_final_attn", _EPS), keys


class _Image:
    """The image's side of one layer: its places' keys (N, P, C), projected already or not."""

    def __init__(
        self, layers: Layers, heads: int, keys: Node, position: NDArray[np.float32], projected: list[Node] | None = None
    ) -> None:
        self._layers, self._heads, self._keys, self._position = layers, heads, keys, position
        self._projected = projected  # key and value for the tokens, query for the image: (N, heads, P, channels)
        self._placed = ops.add(keys, constant(position[None]))

    def seen_by(self, tokens: Node, name: str) -> Node:
        """Return what tokens (N, T, C) find in the image."""
        layers = self._layers.under(name)
        q = _split_heads(layers.linear(tokens, "q_proj"), self._heads)
        if self._projected is None and not layers.in_integers("k_proj"):
            return layers.linear(_join_heads(self._found(layers, q)), "out_proj")
        k, v = self._projected[:2] if self._projected is not None else self._project(name, ("k_proj", "v_proj"))
        return layers.linear(_join_heads(attend(q, k, v)), "out_proj")

    def _found(self, layers: Layers, q: Node) -> Node:
        """Return softmax(q k') v, (N, heads, T, channels), with the weights of k and v on the tokens' side.

        The bias of k adds as much to every place, which the softmax does not see; shares add up to 1, so that of v is
        added once.
        """
        width = length(q, 3)
        key, value = (
            constant(layers.array(f"{name}.weight").reshape(1, self._heads, width, -1)) for name in ("k_proj", "v_proj")
        )
        q = ops.multiply(q, constant(1.0 / math.sqrt(width)))
        asked = _rows(ops.matmul(q, key, False, False))  # (N, heads * T, C)
        shares = ops.softmax(ops.matmul(asked, layers.input(self._placed, "k_proj"), False, True), -1)
        found = ops.matmul(shares, layers.input(self._keys, "v_proj"), False, False)
        found = reshape(found, 0, self._heads, -1, length(self._keys, 2))
        bias = constant(layers.array("v_proj.bias").reshape(1, self._heads, 1, width))
        return ops.add(ops.matmul(found, value, False, True), bias)

    def told_by(self, placed_tokens: Node, tokens: Node) -> Node:
        """Return what the image's places learn of the tokens, (N, P, C).

        Scores lie as (N, heads, T, P), so that nothing large is put in another order.
        """
        layers = self._layers.under(_FROM_TOKENS)
        heads, places = self._heads, length(self._keys, 1)
        k = _split_heads(layers.linear(placed_tokens, "k_proj"), heads)
        v = _split_heads(layers.linear(tokens, "v_proj"), heads)
        width = length(k, 3)
        k = ops.multiply(k, constant(1.0 / math.sqrt(width)))
        if self._projected is None and not layers.in_integers("q_proj"):
            weight, bias = (
                constant(layers.array(f"q_proj.{part}").reshape(1, heads, width, -1)) for part in ("weight", "bias")
            )
            asked = _rows(ops.matmul(k, weight, False, False))  # (N, heads * T, C)
            scores = ops.matmul(asked, layers.input(self._placed, "q_proj"), False, True)
            scores = reshape(ops.add(scores, _rows(ops.matmul(k, bias, False, False))), 0, heads, -1, places)
        else:
            q = self._projected[2] if self._projected is not None else self._project(_FROM_TOKENS, ("q_proj",))[0]
            scores = ops.matmul(k, q, False, True)
        shares = reshape(ops.softmax(scores, 2), 0, -1, places)
        # Each head's values in its own channels, zeros elsewhere: one product then joins the heads as well.
        own = constant(np.eye(heads).reshape(1, heads, 1, heads, 1))
        values = reshape(ops.multiply(reshape(v, 0, 0, -1, 1, width), own), 0, -1, heads * width)
        if layers.rounds("out_proj"):
            return layers.linear(ops.matmul(shares, values, True, False), "out_proj")
        values = ops.matmul(values, layers.value("out_proj.weight"), False, True)
        return ops.add(ops.matmul(shares, values, True, False), layers.value("out_proj.bias"))

    def _project(self, attention: str, names: tuple[str, ...]) -> list[Node]:
        names = tuple(f"{attention}.{name}" for name in names)
        return [_split_heads(part, self._heads) for part in image_side(self._layers, names, self._position, self._keys)]


def _rows(x: Node) -> Node:
    """Return (N, heads * T, channels) of (N, heads, T, channels)."""
    return reshape(x, 0, -1, length(x, 3))


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
    x = from_blocks(layers.norm(layers.upscaled(keys, "upscale.0.up"), "upscale.0.norm", _EPS_2D), side)
    x = _refined(layers, "upscale.0.refine", ops.relu(ops.add(x, at_8)))
    x = _refined(layers, "upscale.1.refine", ops.relu(ops.add(layers.upscaled_map(x, "upscale.1.up"), at_4)))
    # A product channel by channel, and their sum: the map stays as convolutions leave it, channels last in memory.
    weights = reshape(layers.token_mlp(mask_token, "mask_head"), 0, -1, 1, 1)
    coarse = ops.reduce_sum(ops.multiply(x, weights), constant([1], np.int64), False)
    coarse = reshape(coarse, 0, 1, 4 * side, 4 * side)
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
    x = layers.norm(layers.upscaled(keys, "output_upscaling.0"), "output_upscaling.1", _EPS_2D)
    x = ops.gelu(layers.upscaled(ops.gelu(x, "erf"), "output_upscaling.3"), "erf")  # (N, 16 P, channels)
    # Weighed before the pixels are put in order: one channel is moved, once, instead of all of them twice.
    weights = layers.token_mlp(_token(hidden, 1), "output_hypernetworks_mlps.0")
    weighed = reshape(ops.matmul(x, weights, False, True), 0, side, side, 2, 2, 2, 2)  # rows and columns in turn
    logits = reshape(transpose(weighed, 0, 1, 3, 5, 2, 4, 6), 0, 4 * side, 4 * side)
    quality = layers.token_mlp(_token(hidden, 0), "iou_prediction_head")
    first = ops.gather(quality, constant(0, np.int64), constant(2, np.int64))
    return logits, reshape(first, -1)


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
    flat = to_tokens(image)
    return reshape(ops.matmul(flat, weights, False, True), 0, 1, side, side)
