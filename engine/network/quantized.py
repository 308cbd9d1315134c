"""Integers: the one rounding rule, and the integer linear layer that every backend is compared with. No torch here.

Symmetric, zero at zero: real = integer * scale, integers from -127 to 127 (-128 is left unused, so that negation is
exact). Weights carry one scale, or one per output row; activations one, fixed at calibration. Training rounds with
`round_to_int8` too, through a straight-through estimator, so a layer that was trained with rounding and the layer that
runs in integers agree to the last bit of the accumulator.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

INT8_LIMIT = 127
INT4_LIMIT = 7


def scale_of(largest: NDArray[np.float32] | float, limit: int = INT8_LIMIT) -> NDArray[np.float32]:
    """Return the scale at which the largest magnitude becomes `limit`; 1 where there is nothing but zeros.

    What float32 cannot divide by, a scale below its smallest normal number, counts as zeros.
    """
    step = np.asarray(largest, dtype=np.float32) / np.float32(limit)
    return np.where(step >= np.finfo(np.float32).tiny, step, np.float32(1.0)).astype(np.float32)


def weight_scale(weight: NDArray[np.float32], *, per_row: bool = True) -> NDArray[np.float32]:
    """Return the scale of each output row of a weight, (rows,), or of the whole, (1,)."""
    magnitude = np.abs(weight.reshape(weight.shape[0], -1))
    return scale_of(magnitude.max(axis=1) if per_row else magnitude.max(keepdims=True).reshape(1))


def round_to_int8(values: NDArray[np.float32], scale: NDArray[np.float32] | float) -> NDArray[np.int8]:
    """Return the integers nearest to values / scale, half to even, limited to -127 and 127.

    The quotient is a float32 division, as everywhere that this rule is written again (training, torch backend).
    """
    quotient = np.asarray(values, dtype=np.float32) / np.asarray(scale, dtype=np.float32)
    return np.clip(np.rint(quotient), -INT8_LIMIT, INT8_LIMIT).astype(np.int8)


def by_row(scale: NDArray[np.float32], ndim: int) -> NDArray[np.float32]:
    """Return a scale of one value or one per row, shaped to multiply a weight of `ndim` dimensions."""
    return scale.reshape(-1, *([1] * (ndim - 1)))


def quantize_weight(
    weight: NDArray[np.float32], *, per_row: bool = True
) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Return a weight's integers and their scale."""
    scale = weight_scale(weight, per_row=per_row)
    return round_to_int8(weight, by_row(scale, weight.ndim)), scale


def dequantize(integers: NDArray[np.int8], scale: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the reals that integers with one scale, or one per row, stand for."""
    return (integers.astype(np.float32) * by_row(scale, integers.ndim)).astype(np.float32)


def accumulate_int8(x: NDArray[np.int8], weight: NDArray[np.int8]) -> NDArray[np.int32]:
    """Return the exact integer products x @ weight.T, (..., outputs).

    float64 holds every sum of fewer than 2^39 products of two int8, and has a fast matrix product; int32 does not.
    """
    return (x.astype(np.float64) @ weight.astype(np.float64).T).astype(np.int32)


def linear_int8(
    x: NDArray[np.int8],
    input_scale: NDArray[np.float32] | float,
    weight: NDArray[np.int8],
    scale: NDArray[np.float32],
    bias: NDArray[np.float32] | None = None,
) -> NDArray[np.float32]:
    """Return the linear layer of integer inputs and weights: int32 accumulators, scaled to reals once."""
    factor = np.asarray(input_scale, dtype=np.float32) * scale
    out = accumulate_int8(x, weight).astype(np.float32) * factor
    return out if bias is None else out + bias


def pack_int4(weight: NDArray[np.int8], group_scale: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the 4-bit factors of a (rows, inputs) weight, two to a byte, the first in the low bits."""
    groups = weight.reshape(*group_scale.shape, -1).astype(np.int16)
    factors, rest = np.divmod(groups, group_scale[..., None])
    if rest.any() or np.abs(factors).max(initial=0) > INT4_LIMIT:
        raise ValueError("the weight is not made of 4-bit multiples of its groups' scales")
    nibbles = factors.reshape(weight.shape) & 0xF
    return (nibbles[:, 0::2] | (nibbles[:, 1::2] << 4)).astype(np.uint8)


def unpack_int4(packed: NDArray[np.uint8], group_scale: NDArray[np.uint8]) -> NDArray[np.int8]:
    """Return the 8-bit weight that `pack_int4` packed; ValueError if it does not fit."""
    rows, half = packed.shape
    nibbles = np.empty((rows, half * 2), dtype=np.int16)
    nibbles[:, 0::2], nibbles[:, 1::2] = packed & 0xF, packed >> 4
    factors = np.where(nibbles > INT4_LIMIT, nibbles - 16, nibbles)
    weight = factors.reshape(*group_scale.shape, -1) * group_scale[..., None].astype(np.int16)
    if np.abs(weight).max(initial=0) > INT8_LIMIT or np.abs(factors).max(initial=0) > INT4_LIMIT:
        raise ValueError("4-bit weights out of range")
    return weight.reshape(rows, half * 2).astype(np.int8)


def float_tensors(tensors: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[np.float32]]:
    """Return a checkpoint's tensors in float32, integer weights times their scales; the scales go."""
    reals: dict[str, NDArray[np.float32]] = {}
    for name, tensor in tensors.items():
        if name.endswith("_scale"):
            continue
        reals[name] = (
            dequantize(tensor, tensors[f"{name}_scale"]) if tensor.dtype == np.int8 else tensor.astype(np.float32)
        )
    return reals
