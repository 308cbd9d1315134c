"""The layers that the OpenVINO graphs are drawn with. No torch here, and no exchange format between.

Tokens run as (N, tokens, channels); maps as (N, channels, rows, columns) only where a convolution needs them.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.network.bfloat16 import split_weights
from engine.network.openvino_runtime import load_openvino
from engine.network.quantized import INT8_LIMIT, by_row, dequantize

Node = Any  # openvino's output of an operation; its package has no types

ov = load_openvino()
ops = ov.opset13


def constant(value: Any, dtype: type = np.float32) -> Node:
    """Return a constant."""
    return ops.constant(np.asarray(value, dtype=dtype))


def length(x: Node, axis: int) -> int:
    """Return how long a side is; it must not depend on the prompts."""
    output = x if isinstance(x, ov.Output) else x.output(0)
    size: int = output.get_partial_shape()[axis].get_length()
    return size


def reshape(x: Node, *shape: int) -> Node:
    """Return x in another shape; 0 keeps a side, -1 fills."""
    return ops.reshape(x, constant(shape, np.int64), special_zero=True)


def transpose(x: Node, *order: int) -> Node:
    """Return x with its axes in another order."""
    return ops.transpose(x, constant(order, np.int64))


def to_map(tokens: Node, rows: int, columns: int) -> Node:
    """Return (N, C, rows, columns) of tokens."""
    return channels_first(reshape(tokens, 0, rows, columns, -1))


def channels_first(x: Node) -> Node:
    """Return (N, C, rows, columns) of (N, rows, columns, C): no data moves, OpenVINO's convolutions keep C last."""
    return transpose(x, 0, 3, 1, 2)


def channels_last(x: Node) -> Node:
    """Return (N, rows, columns, C) of (N, C, rows, columns): no data moves either."""
    return transpose(x, 0, 2, 3, 1)


def to_tokens(image: Node) -> Node:
    """Return (N, rows * columns, C) of a map."""
    return reshape(channels_last(image), 0, -1, length(image, 1))


def rounded(x: Node, scale: NDArray[np.float32] | float) -> Node:
    """Return what x becomes in 8 bits: OpenVINO turns this, and the layers after it, into integer arithmetic.

    255 levels from -127 to 127 times the scale: `engine.network.quantized.round_to_int8` and its scale, no other.
    """
    limit = np.float32(np.asarray(scale, dtype=np.float32).reshape(-1)[0]) * np.float32(INT8_LIMIT)
    low, high = constant(-limit), constant(limit)
    return ops.fake_quantize(x, low, high, low, high, 2 * INT8_LIMIT + 1)


class Layers:
    """Draws layers with a checkpoint's tensors, by their names."""

    def __init__(self, tensors: Mapping[str, NDArray[Any]], prefix: str) -> None:
        self._tensors = tensors
        self._prefix = prefix

    def under(self, name: str) -> "Layers":
        """Return the same for the layers below a name."""
        return Layers(self._tensors, f"{self._prefix}{name}.")

    def has(self, name: str) -> bool:
        """Return whether the checkpoint holds this tensor."""
        return f"{self._prefix}{name}" in self._tensors

    def array(self, name: str) -> NDArray[np.float32]:
        """Return a tensor's reals."""
        tensor = self._tensors[f"{self._prefix}{name}"]
        if tensor.dtype == np.int8:
            return dequantize(tensor, self._tensors[f"{self._prefix}{name}_scale"])
        return np.asarray(tensor, dtype=np.float32)

    def value(self, name: str) -> Node:
        """Return a tensor as a constant in float32."""
        return constant(self.array(name))

    def rounds(self, name: str) -> bool:
        """Return whether a layer rounds its input."""
        return self.has(f"{name}.input_scale")

    def in_integers(self, name: str) -> bool:
        """Return whether a layer multiplies integers: its input is rounded, and its weight is drawn as integers."""
        return self.rounds(name) and self._tensors[f"{self._prefix}{name}.weight"].dtype == np.int8

    def weight(self, name: str) -> Node:
        """Return a layer's weight: reals, or integers times their scale when the layer's input is in integers too."""
        if not self.in_integers(name):
            return self.value(f"{name}.weight")
        integers = self._tensors[f"{self._prefix}{name}.weight"]
        scale = by_row(self._tensors[f"{self._prefix}{name}.weight_scale"], integers.ndim)
        return ops.multiply(ops.convert(ops.constant(np.ascontiguousarray(integers)), "f32"), constant(scale))

    def input(self, x: Node, name: str) -> Node:
        """Return a layer's input, rounded if the layer runs in integers."""
        return rounded(x, self.array(f"{name}.input_scale")) if self.rounds(name) else x

    def linear(self, x: Node, name: str) -> Node:
        """Return (..., outputs) for (..., inputs)."""
        return self.product(self.input(x, name), name)

    def product(self, x: Node, name: str, *, bias: bool = True) -> Node:
        """Return a linear layer of what is rounded already, where the layer rounds."""
        y = ops.matmul(x, self.weight(name), transpose_a=False, transpose_b=True)
        return ops.add(y, self.value(f"{name}.bias")) if bias and self.has(f"{name}.bias") else y

    def thirds(self, name: str, factor: float) -> "Layers":
        """Return a layer whose outputs are queries, keys and values as three, "q", "k" and "v"; q's times a factor.

        Three products write where they are read; one would be split again, which moves everything once more.
        """
        tensors: dict[str, NDArray[Any]] = {}
        for kind in ("weight", "weight_scale", "bias"):
            if self.has(f"{name}.{kind}"):
                whole = self._tensors[f"{self._prefix}{name}.{kind}"]
                parts = [whole] * 3 if len(whole) == 1 else np.split(whole, 3)  # one scale may serve all
                tensors |= {f"{part}.{kind}": one for part, one in zip("qkv", parts, strict=True)}
        in_integers = self.in_integers(name)
        for part in "qkv":
            if in_integers:
                tensors[f"{part}.input_scale"] = self._tensors[f"{self._prefix}{name}.input_scale"]
            elif tensors[f"{part}.weight"].dtype == np.int8:
                tensors[f"{part}.weight"] = dequantize(tensors[f"{part}.weight"], tensors[f"{part}.weight_scale"])
        for scaled in ("q.weight_scale" if in_integers else "q.weight", "q.bias"):
            if scaled in tensors:
                tensors[scaled] = tensors[scaled].astype(np.float32) * np.float32(factor)
        return Layers(tensors, "")

    def norm(self, x: Node, name: str, eps: float) -> Node:
        """Return the layer norm of the last axis."""
        y = ops.mvn(x, constant([-1], np.int64), True, eps, "inside_sqrt")
        return ops.add(ops.multiply(y, self.value(f"{name}.weight")), self.value(f"{name}.bias"))

    def conv(self, x: Node, name: str, stride: int = 1, padding: int = 1) -> Node:
        """Return the convolution of a map."""
        pads = [padding, padding]
        y = ops.convolution(self.input(x, name), self.weight(name), [stride, stride], pads, pads, [1, 1])
        if not self.has(f"{name}.bias"):
            return y
        return ops.add(y, constant(self.array(f"{name}.bias").reshape(1, -1, 1, 1)))

    def split_conv(self, x: Node, name: str, stride: int = 1, padding: int = 1) -> Node:
        """Return the convolution of a map in halves (engine.network.bfloat16)."""
        weight = constant(split_weights(self.array(f"{name}.weight"), axis=1))
        pads = [padding, padding]
        y = ops.convolution(x, weight, [stride, stride], pads, pads, [1, 1])
        return ops.add(y, constant(self.array(f"{name}.bias").reshape(1, -1, 1, 1)))

    def depthwise(self, x: Node, name: str) -> Node:
        """Return the 3 x 3 convolution of each channel by itself."""
        weight = self.weight(name)
        channels = length(weight, 0)
        weight = reshape(weight, channels, 1, 1, 3, 3)
        y = ops.group_convolution(self.input(x, name), weight, [1, 1], [1, 1], [1, 1], [1, 1])
        return ops.add(y, constant(self.array(f"{name}.bias").reshape(1, -1, 1, 1)))

    def mlp(self, x: Node, name: str, activation: str) -> Node:
        """Return a transformer block's two linear layers."""
        hidden = self.linear(x, f"{name}.lin1")
        hidden = ops.gelu(hidden, "erf") if activation == "gelu" else ops.relu(hidden)
        return self.linear(hidden, f"{name}.lin2")

    def token_mlp(self, x: Node, name: str) -> Node:
        """Return the three linear layers of a token's head."""
        for layer in range(3):
            x = self.linear(x, f"{name}.layers.{layer}")
            x = ops.relu(x) if layer < 2 else x
        return x

    def upscaled(self, x: Node, name: str) -> Node:
        """Return the transposed 2 x 2 convolution, stride 2, of tokens: (N, 4 P, outputs) for (N, P, inputs).

        Its steps do not overlap, so it is one matrix product; each place's four pixels, row by row, follow one another
        until `from_blocks` puts them in order.
        """
        flat = self._upscaling(name)
        bias = np.tile(self.array(f"{name}.bias"), 4)
        y = ops.add(ops.matmul(x, constant(flat), False, True), constant(bias))
        return reshape(y, 0, -1, flat.shape[0] // 4)

    def upscaled_map(self, x: Node, name: str) -> Node:
        """Return the same of a map: (N, outputs, 2 rows, 2 columns) for (N, inputs, rows, columns)."""
        flat = self._upscaling(name)[:, :, None, None]
        bias = np.tile(self.array(f"{name}.bias"), 4).reshape(1, -1, 1, 1)
        y = ops.add(ops.convolution(x, constant(flat), [1, 1], [0, 0], [0, 0], [1, 1]), constant(bias))
        return ops.depth_to_space(y, "blocks_first", 2)

    def _upscaling(self, name: str) -> NDArray[np.float32]:
        """Return the weights of the four pixels that a place becomes, (4 * outputs, inputs): row, column, channel."""
        weight = self.array(f"{name}.weight")  # (inputs, outputs, 2, 2)
        return np.ascontiguousarray(weight.transpose(2, 3, 1, 0).reshape(-1, weight.shape[0]))


def from_blocks(x: Node, side: int) -> Node:
    """Return (N, C, 2 side, 2 side) of what `Layers.upscaled` made of (side, side) places."""
    blocks = transpose(reshape(x, 0, side, side, 2, 2, length(x, 2)), 0, 1, 3, 2, 4, 5)
    return channels_first(reshape(blocks, 0, 2 * side, 2 * side, length(x, 2)))


def attend(q: Node, k: Node, v: Node, scale: float | None = None) -> Node:
    """Return softmax(q k' * scale) v for (N, heads, tokens, channels); the scale is 1 / sqrt(channels) unless given."""
    scale = 1.0 / math.sqrt(length(q, 3)) if scale is None else scale
    scores = ops.matmul(ops.multiply(q, constant(scale)), k, False, True)
    return ops.matmul(ops.softmax(scores, -1), v, False, False)
