"""Layers that compute on the integers a release will hold, and let gradients pass straight through.

A rounded layer multiplies whole numbers, kept in floating point, and scales the product once. That product is the
accumulator of the integer layer: exact in float32 below 2^24, and under bfloat16 autocast its factors still are. The
rounding rule is `engine.network.quantized`'s.
"""

from typing import Any, Literal, Self

import torch
import torch.nn.functional as F  # noqa: N812 (torch's own convention)
from torch import Tensor, nn

from engine.network.quantized import INT4_LIMIT, INT8_LIMIT
from training.adaptation import Quantization, RecipeError
from training.ranges import ActivationRange


class _Rounded(torch.autograd.Function):
    """values / scale, rounded half to even and limited; the gradient passes wherever the limit was not reached."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, scale: Tensor, limit: int) -> Tensor:
        whole = (values.float() / scale).round_()
        # Asked of the rounded value: the largest weight / its scale may come out as 127.00001, and must keep learning.
        ctx.save_for_backward(scale, whole.abs() <= limit)
        ctx.dtype = values.dtype
        return whole.clamp_(-limit, limit).to(values.dtype)  # up to 127 they are exact in bfloat16 as well

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        scale, inside = ctx.saved_tensors
        return (gradients[0] * inside / scale).to(ctx.dtype), None, None


def rounded(values: Tensor, scale: Tensor, limit: int = INT8_LIMIT) -> Tensor:
    """Return `round_to_int8` of a tensor as whole numbers in its own type, with a straight-through gradient."""
    out: Tensor = _Rounded.apply(values, scale, limit)  # type: ignore[no-untyped-call]
    return out


def scale_of(largest: Tensor, limit: int) -> Tensor:
    """Return `engine.network.quantized.scale_of` of a tensor; a test holds the two together."""
    step = largest.float() / limit
    return torch.where(step >= torch.finfo(torch.float32).tiny, step, torch.ones_like(step))


class LayerQuantizer(nn.Module):
    """The scales of one layer. A scale is NaN until it is known, so a layer that was never calibrated cannot pass."""

    weight_scale: Tensor
    group_scale: Tensor
    input_scale: Tensor

    def __init__(self, weight: Tensor, quantization: Quantization, bits: Literal[8, 4] = 8) -> None:
        super().__init__()
        self.rule, self.bits = quantization, bits
        rows = weight.shape[0]
        scales = 1 if quantization.weight_scale == "tensor" else rows
        self.register_buffer("weight_scale", torch.full((scales,), torch.nan, device=weight.device))
        if self.bits == 4:
            if weight.shape[1] % quantization.group:
                raise RecipeError(f"{weight.shape[1]} inputs do not divide into groups of {quantization.group}")
            groups = weight.shape[1] // quantization.group
            self.register_buffer("group_scale", torch.zeros(rows, groups, dtype=torch.uint8, device=weight.device))
        if quantization.activations == "static":
            self.register_buffer("input_scale", torch.full((1,), torch.nan, device=weight.device))
        self.observed: ActivationRange | None = None  # collects the range of inputs during calibration

    def _by_row(self, ndim: int) -> Tensor:
        return self.weight_scale.reshape(-1, *([1] * (ndim - 1)))

    @torch.no_grad()
    def fit(self, weight: Tensor) -> None:
        """Set the weight's scales from its present values; a weight that is only a shape has none."""
        if weight.is_meta:
            return
        size = weight.detach().float().abs().reshape(weight.shape[0], -1)
        self.weight_scale.copy_(
            scale_of(size.amax(dim=1) if self.rule.weight_scale == "row" else size.amax().view(1), INT8_LIMIT)
        )
        if self.bits == 4:
            self.group_scale.copy_(self._best_group_scale(weight.detach().float()))

    def _best_group_scale(self, weight: Tensor) -> Tensor:
        """Return for each row and group the whole number at which 4 bits lose least, (rows, groups).

        A 4-bit weight times its group's whole number is an 8-bit weight with the row's scale. So the file holds 4 bits,
        and everything that runs 8-bit layers runs these. 18 * 7 is the largest such product that stays within 127.
        """
        target = (weight / self._by_row(2)).reshape(weight.shape[0], -1, self.rule.group)  # (rows, groups, group)
        best = torch.ones(target.shape[:2], device=weight.device)
        least = torch.full_like(best, torch.inf)
        for candidate in range(1, INT8_LIMIT // INT4_LIMIT + 1):
            kept = (target / candidate).round().clamp(-INT4_LIMIT, INT4_LIMIT) * candidate
            error = (kept - target).square().sum(dim=2)
            best = torch.where(error < least, candidate, best)
            least = torch.minimum(error, least)
        return best.to(torch.uint8)

    def weight_integers(self, weight: Tensor) -> Tensor:
        """Return the weight's whole numbers within -127 and 127, with a straight-through gradient."""
        if self.bits == 8:
            return rounded(weight, self._by_row(weight.ndim))
        group = self.group_scale.float().repeat_interleave(self.rule.group, dim=1)
        return rounded(weight, self._by_row(2) * group, INT4_LIMIT) * group.to(weight.dtype)

    def input_integers(self, x: Tensor) -> tuple[Tensor, Tensor | float]:
        """Return what the layer multiplies with, and the scale that it stands in."""
        if self.rule.activations == "none":
            return x, 1.0
        return rounded(x, self.input_scale), self.input_scale

    def forward(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """Return the linear layer on rounded inputs and weights; during calibration, on neither."""
        if self.observed is not None:
            self.observed.see(x)
            return F.linear(x, weight, bias)
        inputs, input_scale = self.input_integers(x)
        out = F.linear(inputs, self.weight_integers(weight)) * (input_scale * self.weight_scale)
        return out if bias is None else out + bias

    def convolve(self, x: Tensor, conv: nn.Conv2d) -> Tensor:
        """Return the convolution on rounded inputs and weights; during calibration, on neither."""
        if self.observed is not None:
            self.observed.see(x)
            return F.conv2d(x, conv.weight, conv.bias, conv.stride, conv.padding, conv.dilation, conv.groups)
        inputs, input_scale = self.input_integers(x)
        out = F.conv2d(
            inputs, self.weight_integers(conv.weight), None, conv.stride, conv.padding, conv.dilation, conv.groups
        )
        out = out * (input_scale * self.weight_scale).view(1, -1, 1, 1)
        return out if conv.bias is None else out + conv.bias.view(1, -1, 1, 1)


class RoundedLinear(nn.Linear):
    """A linear layer that computes on integers; weight and bias keep their names and stay trainable reals."""

    def __init__(self, base: nn.Linear, quantization: Quantization, bits: Literal[8, 4] = 8) -> None:
        super().__init__(base.in_features, base.out_features, bias=base.bias is not None, device="meta")
        self.weight, self.bias = base.weight, base.bias
        self.quantizer = LayerQuantizer(base.weight, quantization, bits)
        self.quantizer.fit(base.weight)

    @classmethod
    def from_linear(cls, base: nn.Linear, quantization: Quantization, bits: Literal[8, 4] = 8) -> Self:
        """Return the layer that computes what `base` does, on integers."""
        return cls(base, quantization, bits)

    def forward(self, x: Tensor) -> Tensor:
        """Return (..., outputs) for (..., inputs)."""
        out: Tensor = self.quantizer(x, self.weight, self.bias)
        return out

    def to_linear(self) -> nn.Linear:
        """Return the plain layer with the same reals."""
        linear = nn.Linear(self.in_features, self.out_features, bias=self.bias is not None, device="meta")
        linear.weight, linear.bias = self.weight, self.bias
        return linear


class RoundedConv2d(nn.Conv2d):
    """A convolution that computes on integers."""

    def __init__(self, base: nn.Conv2d, quantization: Quantization) -> None:
        super().__init__(
            base.in_channels,
            base.out_channels,
            base.kernel_size,  # type: ignore[arg-type]
            base.stride,  # type: ignore[arg-type]
            base.padding,  # type: ignore[arg-type]
            base.dilation,  # type: ignore[arg-type]
            base.groups,
            bias=base.bias is not None,
            device="meta",
        )
        self.weight, self.bias = base.weight, base.bias
        self.quantizer = LayerQuantizer(base.weight, quantization)
        self.quantizer.fit(base.weight)

    @classmethod
    def from_conv(cls, base: nn.Conv2d, quantization: Quantization) -> Self:
        """Return the layer that computes what `base` does, on integers."""
        return cls(base, quantization)

    def forward(self, x: Tensor) -> Tensor:
        """Return (N, outputs, h, w)."""
        return self.quantizer.convolve(x, self)


class RoundedAttention(nn.Module):
    """Self-attention of an encoder block whose two matrix products are of integers; qkv and proj keep their names.

    Query, key and value each have a calibrated scale. The weights of attention lie between 0 and 1: theirs is 1 / 127.
    """

    query_scale: Tensor
    key_scale: Tensor
    value_scale: Tensor
    _PARTS = ("query_scale", "key_scale", "value_scale")

    def __init__(self, base: Any, quantization: Quantization) -> None:
        super().__init__()
        self.rule = quantization
        self.num_heads: int = base.num_heads
        self.qkv, self.proj = base.qkv, base.proj
        self.use_rel_pos = bool(getattr(base, "use_rel_pos", False))  # segment_anything's; ours has no such term
        if self.use_rel_pos:
            self.rel_pos_h, self.rel_pos_w = base.rel_pos_h, base.rel_pos_w
        for name in self._PARTS:
            self.register_buffer(name, torch.full((1,), torch.nan, device=base.proj.weight.device))
        self.observed: list[ActivationRange] | None = None

    @classmethod
    def from_attention(cls, base: nn.Module, quantization: Quantization) -> Self:
        """Return the attention that computes what `base` does, on integers."""
        return cls(base, quantization)

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, N, C) for (B, N, C), or (B, H, W, C) for (B, H, W, C)."""
        shape = x.shape
        tokens = self.qkv(x).reshape(shape[0], -1, 3, self.num_heads, shape[-1] // self.num_heads)
        parts = tokens.permute(2, 0, 3, 1, 4).unbind(0)  # 3 of (B, heads, N, C / heads)
        bias = self._relative_position(parts[0], shape) if self.use_rel_pos else 0.0
        if self.observed is not None:
            for part, seen in zip(parts, self.observed, strict=True):
                seen.see(part)
            scores = (parts[0] @ parts[1].transpose(-2, -1)) * parts[0].shape[-1] ** -0.5
            mixed = (scores + bias).softmax(dim=-1) @ parts[2]
        else:
            query, key, value = (rounded(p, getattr(self, name)) for p, name in zip(parts, self._PARTS, strict=True))
            scale = self.query_scale * self.key_scale * parts[0].shape[-1] ** -0.5
            weights = ((query @ key.transpose(-2, -1)) * scale + bias).softmax(dim=-1)
            share = torch.full_like(self.value_scale, 1.0 / INT8_LIMIT)
            mixed = (rounded(weights, share) @ value.to(weights.dtype)) * (share * self.value_scale)
        out: Tensor = self.proj(mixed.transpose(1, 2).reshape(shape))
        return out

    def _relative_position(self, query: Tensor, shape: torch.Size) -> Tensor:
        """Return segment_anything's decomposed relative-position term, (B, heads, N, N)."""
        batch, height, width, _ = shape
        flat = query.reshape(batch * self.num_heads, height, width, -1)
        rows, columns = (
            table[torch.arange(side, device=table.device)[:, None] - torch.arange(side, device=table.device) + side - 1]
            for table, side in ((self.rel_pos_h, height), (self.rel_pos_w, width))
        )
        by_row = torch.einsum("bhwc,hkc->bhwk", flat, rows)
        by_column = torch.einsum("bhwc,wkc->bhwk", flat, columns)
        term = by_row[..., :, None] + by_column[..., None, :]  # (B * heads, H, W, H, W)
        return term.reshape(batch, self.num_heads, height * width, height * width)
