"""The image encoders as OpenVINO graphs, drawn from a checkpoint's tensors."""

from engine.network.config import ModelConfig
from engine.network.graph_layers import Layers, Node, constant, ops, reshape, to_map, to_tokens, transpose

_EPS = 1e-6


def draw_compact_encoder(layers: Layers, config: ModelConfig, frame: Node) -> tuple[Node, ...]:
    """Return the embedding as tokens (1, grid * grid, C), and the details at stride 2, 4 and 8 as maps."""
    details = []
    x = frame
    for index in range(3):
        x = ops.gelu(layers.conv(x, f"stages.{index}.down.conv", stride=2), "erf")
        if index:
            x = ops.gelu(ops.add(x, layers.conv(x, f"stages.{index}.refine.conv")), "erf")
        details.append(layers.conv(x, f"skips.{index}"))
    x = ops.add(layers.conv(x, "patch_embed", stride=2), layers.value("pos_embed"))
    for index in range(config.depth):
        x = _compact_block(layers.under(f"blocks.{index}"), config, x)
    return (_neck(layers, config, to_tokens(x)), *details)


def _compact_block(layers: Layers, config: ModelConfig, x: Node) -> Node:
    tokens = to_tokens(ops.add(x, layers.depthwise(x, "local")))
    tokens = ops.add(tokens, _global_attention(layers.under("attn"), config, layers.norm(tokens, "norm1", _EPS)))
    tokens = ops.add(tokens, layers.mlp(layers.norm(tokens, "norm2", _EPS), "mlp", "gelu"))
    return to_map(tokens, config.grid, config.grid)


def _global_attention(layers: Layers, config: ModelConfig, x: Node) -> Node:
    dim, heads = config.embed_dim, config.heads
    qkv = transpose(reshape(layers.linear(x, "qkv"), 0, 0, 3, heads, dim // heads), 2, 0, 3, 1, 4)
    q, k, v = (reshape(part, 1, heads, -1, dim // heads) for part in ops.split(qkv, constant(0, int), 3).outputs())
    y = ops.scaled_dot_product_attention(q, k, v)
    return layers.linear(reshape(transpose(y, 0, 2, 1, 3), 0, 0, dim), "proj")


def _neck(layers: Layers, config: ModelConfig, tokens: Node) -> Node:
    """Return the embedding as tokens: a 1 x 1 convolution is a matrix product of tokens."""
    weight = constant(layers.array("neck.0.weight").reshape(config.decoder_dim, config.embed_dim))
    x = layers.norm(ops.matmul(tokens, weight, False, True), "neck.1", _EPS)
    x = layers.conv(to_map(x, config.grid, config.grid), "neck.2")
    return layers.norm(to_tokens(x), "neck.3", _EPS)
