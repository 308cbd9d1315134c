"""The image encoders as OpenVINO graphs, drawn from a checkpoint's tensors."""

import math

import numpy as np

from engine.network.checkpoint import ATTENTION_SCALES
from engine.network.config import ModelConfig
from engine.network.graph_layers import (
    Layers,
    Node,
    constant,
    length,
    ops,
    reshape,
    rounded,
    to_map,
    to_tokens,
    transpose,
)
from engine.network.quantized import INT8_LIMIT

_EPS = 1e-6


def draw_encoder(layers: Layers, config: ModelConfig, frame: Node) -> tuple[Node, ...]:
    """Return the embedding as tokens (1, grid * grid, C); the compact network's details follow it."""
    return (_compact if config.kind == "compact" else _sam)(layers, config, frame)


def _compact(layers: Layers, config: ModelConfig, frame: Node) -> tuple[Node, ...]:
    """Return the embedding, and the details at stride 2, 4 and 8 as maps."""
    details = []
    x = frame
    for index in range(3):
        split = index == 0 and length(frame, 1) > config.in_channels
        conv = layers.split_conv if split else layers.conv
        x = ops.gelu(conv(x, f"stages.{index}.down.conv", stride=2), "erf")
        if index:
            x = ops.gelu(ops.add(x, layers.conv(x, f"stages.{index}.refine.conv")), "erf")
        details.append(layers.conv(x, f"skips.{index}"))
    x = ops.add(layers.conv(x, "patch_embed", stride=2), layers.value("pos_embed"))
    for index in range(config.depth):
        x = _compact_block(layers.under(f"blocks.{index}"), config, x)
    return (_neck(layers, config, to_tokens(x)), *details)


def _compact_block(layers: Layers, config: ModelConfig, x: Node) -> Node:
    tokens = to_tokens(ops.add(x, layers.depthwise(x, "local")))
    tokens = ops.add(tokens, _attention(layers.under("attn"), config.heads, layers.norm(tokens, "norm1", _EPS)))
    tokens = ops.add(tokens, layers.mlp(layers.norm(tokens, "norm2", _EPS), "mlp", "gelu"))
    return to_map(tokens, config.grid, config.grid)


def _sam(layers: Layers, config: ModelConfig, frame: Node) -> tuple[Node, ...]:
    grid = config.grid
    patches = layers.conv(frame, "patch_embed.proj", stride=config.patch_size, padding=0)
    tokens = ops.add(to_tokens(patches), constant(layers.array("pos_embed").reshape(1, grid * grid, -1)))
    for index in range(config.depth):
        block = layers.under(f"blocks.{index}")
        window = 0 if index in config.global_blocks else config.window_size
        x = block.norm(tokens, "norm1", _EPS)
        tokens = ops.add(tokens, _attention(block.under("attn"), config.heads, x, grid, window))
        tokens = ops.add(tokens, block.mlp(block.norm(tokens, "norm2", _EPS), "mlp", "gelu"))
    return (_neck(layers, config, tokens),)


def _to_windows(tokens: Node, grid: int, window: int) -> Node:
    """Return (windows, window * window, C); the grid is padded with zeros below and to the right."""
    count = -(-grid // window)
    pad = count * window - grid
    x = reshape(tokens, 1, grid, grid, -1)
    if pad:
        none, after = constant([0, 0, 0, 0], np.int64), constant([0, pad, pad, 0], np.int64)
        x = ops.pad(x, none, after, "constant", constant(0.0))
    x = transpose(reshape(x, count, window, count, window, -1), 0, 2, 1, 3, 4)
    return reshape(x, count * count, window * window, -1)


def _from_windows(x: Node, grid: int, window: int) -> Node:
    """Return (1, grid * grid, C), the padding cut off."""
    count = -(-grid // window)
    x = transpose(reshape(x, count, count, window, window, -1), 0, 2, 1, 3, 4)
    x = reshape(x, 1, count * window, count * window, -1)
    if count * window != grid:
        starts, stops, steps, axes = ([0, 0], [grid, grid], [1, 1], [1, 2])
        x = ops.slice(x, *(constant(values, np.int64) for values in (starts, stops, steps, axes)))
    return reshape(x, 1, grid * grid, -1)


def _attention(layers: Layers, heads: int, x: Node, grid: int = 0, window: int = 0) -> Node:
    """Return self-attention of tokens (1, N, C): all with all, or each with those of its window.

    segment_anything pads the grid to whole windows before its layers. The padding is zero there, so after them it is
    their bias: padding between weight and bias gives the same, and at 512 px spares 42 % of these layers' work.
    """
    dim = length(x, 2)
    scale = 1.0 / math.sqrt(dim // heads)
    thirds = layers.thirds("qkv", scale)
    x = layers.input(x, "qkv")
    parts = []
    for name in "qkv":
        part = thirds.product(x, name, bias=not window)
        if window:
            part = ops.add(_to_windows(part, grid, window), thirds.value(f"{name}.bias"))
        parts.append(transpose(reshape(part, 0, 0, heads, dim // heads), 0, 2, 1, 3))
    bias = _relative_position(layers, heads, parts[0], scale) if layers.has("rel_pos_h") else None
    integers = layers.has(ATTENTION_SCALES[0])
    if integers:
        steps = zip(ATTENTION_SCALES, (scale, 1.0, 1.0), strict=True)
        parts = [rounded(part, layers.array(name) * factor) for part, (name, factor) in zip(parts, steps, strict=True)]
    q, k, v = parts
    scores = ops.matmul(q, k, False, True)
    shares = ops.softmax(scores if bias is None else ops.add(scores, bias), -1)
    if integers:
        shares = rounded(shares, 1.0 / INT8_LIMIT)
    y = ops.matmul(shares, v, False, False)
    y = reshape(transpose(y, 0, 2, 1, 3), 0, 0, dim)
    return layers.linear(_from_windows(y, grid, window) if window else y, "proj")


def _relative_position(layers: Layers, heads: int, q: Node, scale: float) -> Node:
    """Return what the offset between query and key adds to scores, (B, heads, N, N), from queries times `scale`.

    A row of queries shares one table of offsets, whichever head or window it is of, and so does a column: two products
    of many queries with a small matrix each, and a sum.
    """
    side = (layers.array("rel_pos_h").shape[0] + 1) // 2
    place = np.arange(side)
    offsets = place[:, None] - place[None, :] + side - 1  # query minus key
    batch, channels = length(q, 0), length(q, 3)
    grid = reshape(q, batch * heads, side, side, channels)

    def added(name: str, there: tuple[int, ...], back: tuple[int, ...]) -> Node:
        """Return (B * heads, rows, columns, side); the table's axis of the grid leads while it is multiplied."""
        table = constant(layers.array(name)[offsets] / np.float32(scale))
        product = ops.matmul(reshape(transpose(grid, *there), side, -1, channels), table, False, True)
        return transpose(reshape(product, side, batch * heads, side, side), *back)

    rows = reshape(added("rel_pos_h", (1, 0, 2, 3), (1, 0, 2, 3)), batch, heads, side * side, side, 1)
    columns = reshape(added("rel_pos_w", (2, 0, 1, 3), (1, 2, 0, 3)), batch, heads, side * side, 1, side)
    return reshape(ops.add(rows, columns), batch, heads, side * side, side * side)


def _neck(layers: Layers, config: ModelConfig, tokens: Node) -> Node:
    """Return the embedding as tokens: a 1 x 1 convolution is a matrix product of tokens."""
    if layers.has("neck.0.input_scale"):
        x = to_tokens(layers.conv(to_map(tokens, config.grid, config.grid), "neck.0", padding=0))
    else:
        weight = constant(layers.array("neck.0.weight").reshape(config.decoder_dim, config.embed_dim))
        x = ops.matmul(tokens, weight, False, True)
    x = layers.norm(x, "neck.1", _EPS)
    x = layers.conv(to_map(x, config.grid, config.grid), "neck.2")
    return layers.norm(to_tokens(x), "neck.3", _EPS)
