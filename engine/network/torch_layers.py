"""Layers of the torch backend: products of whole numbers, and SAM's attention without its tables of scores.

Integer layers multiply whole numbers kept in floating point and scale the product once, as the integer layer does
(engine.network.quantized.linear_int8) and as training does: up to 2^24 the product is the accumulator itself.
"""

from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 (torch's own convention)
from torch import Tensor, nn

from engine.network.quantized import INT8_LIMIT

_STRIP_SCORES = 16 << 20  # scores held at once: 64 MB in float32
_KERNEL_STEP, _KERNEL_ROWS = 8, 16  # CUDA's integer products want multiples of the one, and more rows than the other


def rounded(values: Tensor, scale: Tensor) -> Tensor:
    """Return `engine.network.quantized.round_to_int8` as whole numbers: the same division, rounding and limits."""
    return torch.round(values.float() / scale).clamp_(-INT8_LIMIT, INT8_LIMIT)


class IntegerLinear(nn.Module):
    """A linear layer on integer weights and, where it has an input scale, integer inputs."""

    def __init__(self, weight: Tensor, weight_scale: Tensor, input_scale: Tensor | None, bias: Tensor | None) -> None:
        super().__init__()
        self.register_buffer("weight", weight)  # whole numbers as float: see the module's first lines
        self.register_buffer("factor", weight_scale if input_scale is None else input_scale * weight_scale)
        self.register_buffer("input_scale", input_scale)
        self.register_buffer("bias", bias)

    weight: Tensor
    factor: Tensor
    input_scale: Tensor | None
    bias: Tensor | None
    packed: Tensor | None = None  # (inputs, outputs) int8, where integer kernels multiply

    def use_integer_kernels(self) -> None:
        """Multiply as 8-bit integers from now on, where the layer has integer inputs and a shape that kernels take."""
        outputs, inputs = self.weight.shape
        if self.input_scale is not None and inputs % _KERNEL_STEP == 0 and outputs % _KERNEL_STEP == 0:
            self.packed = self.weight.to(torch.int8).t()

    def integers(self, x: Tensor) -> Tensor:
        """Return what is multiplied with the weights."""
        return x if self.input_scale is None else rounded(x, self.input_scale)

    def forward(self, x: Tensor) -> Tensor:
        """Return (..., outputs) for (..., inputs)."""
        whole = self.integers(x)
        if self.packed is not None and whole.numel() > _KERNEL_ROWS * whole.shape[-1]:
            sums: Tensor = torch._int_mm(whole.flatten(0, -2).to(torch.int8), self.packed)
            product = sums.unflatten(0, x.shape[:-1])
        else:
            product = F.linear(whole, self.weight)
        out: Tensor = product * self.factor
        return out if self.bias is None else out + self.bias


class IntegerConv2d(IntegerLinear):
    """A convolution on integers."""

    def __init__(
        self, conv: nn.Conv2d, weight: Tensor, weight_scale: Tensor, input_scale: Tensor | None, bias: Tensor | None
    ) -> None:
        super().__init__(weight, weight_scale, input_scale, bias)
        self.stride, self.padding, self.groups = conv.stride, conv.padding, conv.groups

    def forward(self, x: Tensor) -> Tensor:
        """Return (N, outputs, h, w)."""
        out = F.conv2d(self.integers(x), self.weight, None, self.stride, self.padding, 1, self.groups)
        out = out * self.factor.view(1, -1, 1, 1)
        return out if self.bias is None else out + self.bias.view(1, -1, 1, 1)


class Float32Conv2d(nn.Conv2d):
    """A convolution in float32 where the rest of the network is in bfloat16."""

    def forward(self, x: Tensor) -> Tensor:
        """Return (N, outputs, h, w)."""
        with torch.autocast(x.device.type, enabled=False):
            return super().forward(x.float())


class EncoderAttention(nn.Module):
    """Stands in for an encoder block's attention, ours or segment_anything's, with its layers under their names.

    segment_anything builds the whole (heads, N, N) table of scores, adds two more of its size, and takes a softmax of
    the sum: 0.8 GB each at 1024 px. Here the same sums are taken a strip of queries at a time on the CPU; on a GPU the
    position terms are folded into longer queries and keys, so that the fused kernel needs no bias at all.
    """

    def __init__(self, attention: nn.Module, scales: tuple[Tensor, Tensor, Tensor] | None) -> None:
        super().__init__()
        self.num_heads: int = attention.num_heads  # type: ignore[assignment]
        self.qkv: Any = attention.qkv
        self.proj: Any = attention.proj
        self.rel_pos_h: Tensor | None = getattr(attention, "rel_pos_h", None)
        self.rel_pos_w: Tensor | None = getattr(attention, "rel_pos_w", None)
        self.register_buffer("scales", None if scales is None else torch.stack(scales))  # of query, key and value

    scales: Tensor | None

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, ..., C) for tokens (B, N, C) or (B, H, W, C)."""
        shape = x.shape
        tokens = self.qkv(x).reshape(shape[0], -1, 3, self.num_heads, shape[-1] // self.num_heads)
        q, k, v = tokens.permute(2, 0, 3, 1, 4).flatten(1, 2).unbind(0)  # (B * heads, N, C / heads)
        terms: tuple[Tensor, Tensor] | None = None
        if self.rel_pos_h is not None and self.rel_pos_w is not None:
            terms = position_terms(q, self.rel_pos_h, self.rel_pos_w, shape[1], shape[2])
        scale = q.shape[-1] ** -0.5
        if self.scales is not None:
            y = attend_in_integers(q, k, v, terms, self.scales)
        elif terms is None:
            y = F.scaled_dot_product_attention(q[None], k[None], v[None])[0]
        else:
            y = (attend_folded if x.is_cuda else attend_in_strips)(q * scale, k, v, *terms)
        out: Tensor = self.proj(y.unflatten(0, (-1, self.num_heads)).transpose(1, 2).reshape(shape))
        return out


def offsets(side: int, device: torch.device) -> Tensor:
    """Return (side, side) indices into a table of 2 * side - 1 relative positions: query minus key."""
    place = torch.arange(side, device=device)
    return place[:, None] - place[None, :] + side - 1


def position_terms(q: Tensor, rel_h: Tensor, rel_w: Tensor, height: int, width: int) -> tuple[Tensor, Tensor]:
    """Return what a key's row adds to each query's score, (B, N, H), and what its column adds, (B, N, W)."""
    grid = q.unflatten(1, (height, width))  # (B, H, W, C)
    by_row = torch.einsum("bhwc,hkc->bhwk", grid, rel_h[offsets(height, q.device)].to(q.dtype))
    by_column = torch.einsum("bhwc,wkc->bhwk", grid, rel_w[offsets(width, q.device)].to(q.dtype))
    return by_row.flatten(1, 2), by_column.flatten(1, 2)


def attend_in_strips(q: Tensor, k: Tensor, v: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Return softmax(q k' + rows + columns) v, a strip of queries at a time; q is already scaled."""
    height, width = rows.shape[-1], columns.shape[-1]
    strip = max(1, _STRIP_SCORES // (q.shape[0] * height * width))
    keys = k.transpose(1, 2)
    strips = []
    for start in range(0, q.shape[1], strip):
        part = slice(start, start + strip)
        scores = torch.bmm(q[:, part], keys).unflatten(2, (height, width))
        scores += rows[:, part, :, None]
        scores += columns[:, part, None, :]
        strips.append(torch.bmm(torch.softmax(scores.flatten(2), dim=-1).to(v.dtype), v))
    return torch.cat(strips, dim=1)


def attend_folded(q: Tensor, k: Tensor, v: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Return the same by one fused attention: a key that says "row 3, column 5" in ones and zeros picks those terms."""
    height, width = rows.shape[-1], columns.shape[-1]
    place = torch.cat(
        [
            torch.eye(height, dtype=k.dtype, device=k.device).repeat_interleave(width, dim=0),
            torch.eye(width, dtype=k.dtype, device=k.device).repeat(height, 1),
        ],
        dim=1,
    )  # (H * W, H + W)
    longer_q = torch.cat([q, rows.to(q.dtype), columns.to(q.dtype)], dim=2)
    longer_k = torch.cat([k, place.expand(k.shape[0], -1, -1)], dim=2)
    # The fused kernels want queries, keys and values of one width.
    padded_v = F.pad(v, (0, longer_q.shape[2] - v.shape[2]))
    y = F.scaled_dot_product_attention(longer_q[None], longer_k[None], padded_v[None], scale=1.0)[0]
    return y[..., : v.shape[2]]


def attend_in_integers(q: Tensor, k: Tensor, v: Tensor, terms: tuple[Tensor, Tensor] | None, scales: Tensor) -> Tensor:
    """Return attention whose two products are of integers; its weights lie in 0..1 and have the scale 1 / 127."""
    scale = q.shape[-1] ** -0.5
    query_scale, key_scale, value_scale = scales
    rows = q.shape[1]
    strip = max(1, _STRIP_SCORES // (q.shape[0] * k.shape[1]))
    keys, values = rounded(k, key_scale).transpose(1, 2), rounded(v, value_scale)
    share = torch.full_like(value_scale, 1.0 / INT8_LIMIT)
    strips = []
    for start in range(0, rows, strip):
        part = slice(start, start + strip)
        scores = torch.bmm(rounded(q[:, part], query_scale), keys) * (query_scale * key_scale * scale)
        if terms is not None:
            by_row, by_column = (term[:, part] for term in terms)
            table = scores.unflatten(2, (by_row.shape[-1], -1)) + by_row[..., None] + by_column[..., None, :]
            scores = table.flatten(2)
        strips.append(torch.bmm(rounded(scores.softmax(dim=-1), share), values) * (share * value_scale))
    return torch.cat(strips, dim=1)
