"""The one rounding rule, and integer arithmetic that is exact."""

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from engine.network.quantized import (
    accumulate_int8,
    dequantize,
    linear_int8,
    pack_int4,
    quantize_weight,
    round_to_int8,
    unpack_int4,
    weight_scale,
)
from engine.network.torch_layers import IntegerLinear, rounded

int8s = st.integers(-127, 127)


def test_halves_go_to_the_even_neighbour_and_large_values_to_the_limit() -> None:
    values = np.array([0.5, 1.5, 2.5, -0.5, -1.5, 126.5, 127.5, 1e9, -1e9], dtype=np.float32)
    assert round_to_int8(values, 1.0).tolist() == [0, 2, 2, 0, -2, 126, 127, 127, -127]


@given(hnp.arrays(np.float32, 20, elements=st.floats(-1e4, 1e4, width=32)), st.floats(2**-10, 2**10, width=32))
def test_torch_and_numpy_round_alike_to_the_last_integer(values: np.ndarray, scale: float) -> None:
    ours = round_to_int8(values, scale)
    theirs = rounded(torch.from_numpy(values), torch.tensor(scale, dtype=torch.float32)).numpy()
    assert np.array_equal(ours, theirs)


@given(hnp.arrays(np.float32, (3, 5), elements=st.floats(-100, 100, width=32)))
@example(np.full((3, 5), 1.7e-44, dtype=np.float32))  # a scale of its own would be 0
def test_a_weight_comes_back_within_half_a_step_of_its_row(weight: np.ndarray) -> None:
    integers, scale = quantize_weight(weight)
    assert np.all(np.abs(dequantize(integers, scale) - weight) <= scale[:, None] * 0.5001)


def test_a_row_of_zeros_has_a_scale_that_divides() -> None:
    assert weight_scale(np.zeros((2, 3), dtype=np.float32)).tolist() == [1.0, 1.0]
    assert weight_scale(np.ones((2, 3), dtype=np.float32), per_row=False).shape == (1,)


@pytest.mark.parametrize("inputs", [1, 64, 3072])
def test_accumulators_are_exact(inputs: int) -> None:
    rng = np.random.default_rng(inputs)
    x = rng.integers(-127, 128, (4, inputs), dtype=np.int8)
    weight = rng.integers(-127, 128, (6, inputs), dtype=np.int8)
    assert np.array_equal(accumulate_int8(x, weight), x.astype(np.int64) @ weight.astype(np.int64).T)
    extreme = np.full((1, inputs), 127, dtype=np.int8)
    assert accumulate_int8(extreme, -extreme).item() == -127 * 127 * inputs


def test_torchs_integer_layer_is_ours() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(7, 48)).astype(np.float32)
    weight, scale = quantize_weight(rng.normal(size=(20, 48)).astype(np.float32))
    bias = rng.normal(size=20).astype(np.float32)
    input_scale = np.array([0.03], dtype=np.float32)
    layer = IntegerLinear(*(torch.from_numpy(v) for v in (weight.astype(np.float32), scale, input_scale, bias)))
    expected = linear_int8(round_to_int8(x, input_scale), input_scale, weight, scale, bias)
    assert np.array_equal(layer(torch.from_numpy(x)).numpy(), expected)


@pytest.mark.parametrize("rows", [3, 40])
def test_integer_kernels_multiply_what_floats_multiply(rows: int) -> None:
    rng = np.random.default_rng(rows)
    x = torch.from_numpy(rng.normal(size=(2, rows, 64)).astype(np.float32))
    weight, scale = quantize_weight(rng.normal(size=(24, 64)).astype(np.float32))
    input_scale, bias = np.array([0.03], dtype=np.float32), rng.normal(size=24).astype(np.float32)
    layer = IntegerLinear(*(torch.from_numpy(v) for v in (weight.astype(np.float32), scale, input_scale, bias)))
    expected = layer(x)
    layer.use_integer_kernels()
    assert layer.packed is not None
    assert torch.equal(layer(x), expected)


@given(
    hnp.arrays(np.int8, (3, 16), elements=st.integers(-7, 7)),
    hnp.arrays(np.uint8, (3, 4), elements=st.integers(1, 18)),
)
def test_four_bit_weights_survive_packing(factors: np.ndarray, groups: np.ndarray) -> None:
    weight = (factors.reshape(3, 4, 4) * groups[..., None]).reshape(3, 16).astype(np.int8)
    packed = pack_int4(weight, groups)
    assert packed.nbytes == weight.nbytes // 2
    assert np.array_equal(unpack_int4(packed, groups), weight)


def test_what_is_not_in_four_bits_is_not_packed() -> None:
    with pytest.raises(ValueError, match="multiples"):
        pack_int4(np.array([[3, 4]], dtype=np.int8), np.array([[2]], dtype=np.uint8))
    with pytest.raises(ValueError, match="multiples"):
        pack_int4(np.array([[8, 4]], dtype=np.int8), np.array([[1]], dtype=np.uint8))
    with pytest.raises(ValueError, match="range"):
        unpack_int4(np.array([[0x78]], dtype=np.uint8), np.array([[19]], dtype=np.uint8))  # -8, and 7 * 19
