"""Layers that round: they are the integer layers of `engine`, to the last bit, and they let gradients pass."""

from dataclasses import replace
from typing import Any, Literal

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from engine.network import quantized
from engine.network.config import ModelConfig
from engine.network.quantized import (
    INT4_LIMIT,
    INT8_LIMIT,
    accumulate_int8,
    by_row,
    linear_int8,
    pack_int4,
    quantize_weight,
    round_to_int8,
    unpack_int4,
)
from tests.training.small_model import COMPACT, SAM, films, logits_of, small_model
from training.adalora import AdaLoraQkv, adapted_layers
from training.adaptation import ROWS, Adapters, Place, Quantization, RecipeError
from training.prepare import prepare
from training.qat import calibrating, fit_weights, fold_norms, round_places, sites, without_adapters
from training.ranges import ActivationRange
from training.rounding import RoundedAttention, RoundedConv2d, RoundedLinear, rounded, scale_of

EVERYWHERE: tuple[Place, ...] = (
    "encoder mlp",
    "encoder projection",
    "encoder qkv",
    "encoder attention",
    "encoder convolutions",
    "decoder linears",
    "decoder convolutions",
    "prompt encoder",
)
PER_TENSOR, PER_ROW = Quantization(weight_scale="tensor"), Quantization()
GROUPS = Quantization(group=16)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.floats(-1e4, 1e4, width=32), min_size=1, max_size=20), st.floats(2**-10, 10, width=32))
def test_one_rounding_rule(values: list[float], scale: float) -> None:
    array = np.array([*values, *(scale * np.arange(-4, 5, dtype=np.float32) / 2)], dtype=np.float32)  # ties as well
    ours = rounded(torch.from_numpy(array), torch.tensor([scale]))
    assert np.array_equal(ours.numpy(), round_to_int8(array, scale).astype(np.float32))


@pytest.mark.parametrize("limit", [INT8_LIMIT, INT4_LIMIT])
def test_one_rule_of_scales(limit: int) -> None:
    """Down to what float32 cannot divide by, which counts as zeros in both."""
    tiny = np.float32(np.finfo(np.float32).tiny)
    around = np.nextafter(tiny * np.float32(limit), np.array([0, 1], np.float32))
    largest = np.concatenate([[0, 1e-45, 1e-36, 1e-3, 3.1, 1e30], around]).astype(np.float32)
    ours = scale_of(torch.from_numpy(largest), limit)
    assert np.array_equal(ours.numpy(), quantized.scale_of(largest, limit))


def trained_layer(
    rule: Quantization, bits: Literal[8, 4] = 8, inputs: int = 48, outputs: int = 20
) -> tuple[RoundedLinear, Tensor]:
    """Return a layer after some steps of training with rounding, and an input that it has not seen."""
    generator = torch.Generator().manual_seed(4)
    torch.manual_seed(4)
    layer = RoundedLinear.from_linear(nn.Linear(inputs, outputs), rule, bits)
    x = torch.randn(64, inputs, generator=generator)
    with calibrating(layer):
        layer(x)
    optimizer = torch.optim.Adam(layer.parameters(), lr=1e-2)
    for _ in range(10):
        (layer(x) - x[:, :1].sin()).square().mean().backward()
        optimizer.step()
        optimizer.zero_grad()
    return layer, 2.0 * torch.randn(32, inputs, generator=generator)  # some of it beyond the calibrated range


def integers(layer: RoundedLinear) -> np.ndarray[Any, np.dtype[np.int8]]:
    """Return the weight as the engine's own rule makes it."""
    quantizer = layer.quantizer
    weight, scale = layer.weight.detach().numpy(), quantizer.weight_scale.numpy()
    if quantizer.bits == 8:
        return round_to_int8(weight, by_row(scale, 2))
    group = quantizer.group_scale.numpy()
    wide = np.repeat(group, quantizer.rule.group, axis=1)
    factors = np.clip(np.rint(weight / (scale[:, None] * wide.astype(np.float32))), -7, 7).astype(np.int8)
    return unpack_int4(pack_int4(factors * wide.astype(np.int8), group), group)


@pytest.mark.parametrize(
    ("rule", "bits"), [(PER_TENSOR, 8), (PER_ROW, 8), (GROUPS, 4)], ids=["per tensor", "per row", "4 bits"]
)
def test_the_trained_layer_and_the_integer_layer_agree_to_the_last_bit(rule: Quantization, bits: Literal[8, 4]) -> None:
    layer, x = trained_layer(rule, bits)
    quantizer = layer.quantizer
    weight, input_scale = integers(layer), quantizer.input_scale.numpy()
    x8 = round_to_int8(x.numpy(), input_scale)
    accumulator = torch.nn.functional.linear(quantizer.input_integers(x)[0], quantizer.weight_integers(layer.weight))
    assert np.array_equal(accumulator.detach().numpy().astype(np.int32), accumulate_int8(x8, weight))
    assert layer.bias is not None
    bias = layer.bias.detach().numpy()
    whole = linear_int8(x8, input_scale, weight, quantizer.weight_scale.numpy(), bias)
    assert np.array_equal(layer(x).detach().numpy(), whole)


def test_the_accumulator_is_exact_at_its_largest() -> None:
    inputs = 1040  # 1040 * 127 * 127 is the last below 2^24: a float32 counts every unit of it
    layer = RoundedLinear.from_linear(nn.Linear(inputs, 2, bias=False), PER_TENSOR)
    with torch.no_grad():
        layer.weight.fill_(1.0)
        layer.weight[1, ::2] = -126.0 / 127.0
    fit_weights(layer)
    layer.quantizer.input_scale.fill_(1.0 / 127.0)
    x = torch.ones(1, inputs)
    out = torch.nn.functional.linear(
        layer.quantizer.input_integers(x)[0], layer.quantizer.weight_integers(layer.weight)
    )
    assert out.tolist() == [[1040 * 127 * 127, 520 * 127 * 127 - 520 * 126 * 127]]


@pytest.mark.parametrize("per_row", [True, False])
def test_weight_scales_are_the_engines(per_row: bool) -> None:
    torch.manual_seed(1)
    base = nn.Linear(32, 8)
    with torch.no_grad():
        base.weight[3] = 0.0  # a row of zeros has a scale too
    layer = RoundedLinear.from_linear(base, PER_ROW if per_row else PER_TENSOR)
    weight, scale = quantize_weight(base.weight.detach().numpy(), per_row=per_row)
    assert np.array_equal(layer.quantizer.weight_scale.numpy(), scale)
    assert np.array_equal(layer.quantizer.weight_integers(base.weight).detach().numpy(), weight.astype(np.float32))


def test_4_bit_weights_stay_within_8_bits_and_lose_less_than_plain_4_bits() -> None:
    torch.manual_seed(1)
    base = nn.Linear(64, 32)
    with torch.no_grad():
        base.weight.mul_(torch.rand(32, 4).repeat_interleave(16, dim=1))
        base.weight[0, 0] = 3.0  # an outlier spoils its group alone
    layer = RoundedLinear.from_linear(base, GROUPS, 4)
    whole = layer.quantizer.weight_integers(base.weight).detach()
    assert float(whole.abs().max()) <= INT8_LIMIT
    kept = whole * layer.quantizer.weight_scale[:, None]
    plain_scale = base.weight.detach().abs().amax(dim=1, keepdim=True) / 7
    plain = (base.weight.detach() / plain_scale).round() * plain_scale
    assert float((kept - base.weight).square().sum().detach()) < 0.3 * float(
        (plain - base.weight).square().sum().detach()
    )


def test_gradients_pass_straight_through_within_the_range_and_not_beyond() -> None:
    values = torch.tensor([0.26, -1.0, 126.9, 300.0, -128.0], requires_grad=True)
    (rounded(values * 1.0, torch.tensor([1.0])) * torch.tensor([1.0, 2.0, 3.0, 4.0, 5.0])).sum().backward()
    assert values.grad is not None
    assert values.grad.tolist() == [1.0, 2.0, 3.0, 0.0, 0.0]


def test_the_gradient_of_a_rounded_layer_is_near_the_plain_ones() -> None:
    layer, _ = trained_layer(PER_ROW)
    fit_weights(layer)
    x = torch.randn(16, 48).clamp(-2, 2)
    plain = layer.to_linear()
    for each in (layer, plain):
        each(x).square().sum().backward()
        assert each.weight.grad is not None
        if each is layer:
            straight = each.weight.grad.clone()
            each.weight.grad = None
    assert plain.weight is layer.weight
    error = (straight - plain.weight.grad).norm() / plain.weight.grad.norm()  # type: ignore[union-attr, operator]
    assert float(error) < 0.02


def test_factors_are_exact_under_bfloat16() -> None:
    layer, x = trained_layer(PER_ROW)
    with torch.autocast("cpu", torch.bfloat16):
        whole, _ = layer.quantizer.input_integers(x.bfloat16())
        weight = layer.quantizer.weight_integers(layer.weight.bfloat16())
        out = layer(x)
    assert whole.dtype == torch.bfloat16
    assert torch.equal(whole.float(), rounded(x.bfloat16().float(), layer.quantizer.input_scale))
    assert torch.equal(weight.float(), weight.float().round())
    assert torch.allclose(out, layer(x), rtol=0.02, atol=0.02)


def test_without_rounded_activations_only_weights_are_rounded() -> None:
    rule = replace(PER_TENSOR, activations="none")
    torch.manual_seed(0)
    base = nn.Linear(32, 8)
    x = torch.randn(4, 32)
    layer = RoundedLinear.from_linear(base, rule)
    weight, scale = quantize_weight(base.weight.detach().numpy(), per_row=False)
    expected = torch.nn.functional.linear(x, torch.from_numpy(weight * scale), base.bias)
    assert torch.allclose(layer(x), expected, atol=1e-6)


def test_a_layer_that_was_never_calibrated_cannot_pass() -> None:
    layer = RoundedLinear.from_linear(nn.Linear(8, 4), PER_ROW)
    assert torch.isnan(layer(torch.ones(1, 8))).all()


def test_to_linear_gives_the_reals_back() -> None:
    base = nn.Linear(32, 8)
    back = RoundedLinear.from_linear(base, PER_ROW).to_linear()
    assert type(back) is nn.Linear
    assert back.weight is base.weight
    assert back.bias is base.bias


def test_groups_that_do_not_divide_the_inputs_are_refused() -> None:
    with pytest.raises(RecipeError, match="groups of 16"):
        RoundedLinear.from_linear(nn.Linear(24, 8), GROUPS, 4)


def test_4_bits_where_they_cannot_be_are_refused() -> None:
    with pytest.raises(RecipeError, match="encoder convolutions"):
        Quantization(EVERYWHERE, four_bits=("encoder convolutions",))
    with pytest.raises(RecipeError, match="encoder qkv"):
        Quantization(("encoder mlp",), four_bits=("encoder qkv",))
    with pytest.raises(RecipeError, match="each row and group"):
        Quantization(four_bits=("encoder mlp",), weight_scale="tensor")


def test_each_place_has_its_own_bits() -> None:
    model = small_model(COMPACT)
    round_places(model, replace(GROUPS, four_bits=("encoder mlp",)))
    bits = {name: layer.quantizer.bits for name, layer in model.named_modules() if isinstance(layer, RoundedLinear)}
    assert {bit for name, bit in bits.items() if ".blocks." in name and ".mlp." in name} == {4}
    assert {bit for name, bit in bits.items() if not (".blocks." in name and ".mlp." in name)} == {8}


# Ranges


def seen(*batches: Tensor) -> ActivationRange:
    watched = ActivationRange()
    for batch in batches:
        watched.see(batch)
    return watched


def rule(name: str, percentile: float = 99.9) -> Quantization:
    return replace(PER_ROW, activation_range=name, percentile=percentile)  # type: ignore[arg-type]


def test_the_largest_of_all_films() -> None:
    assert seen(torch.tensor([1.0, -3.0]), torch.tensor([2.0])).range(rule("largest")) == 3.0


def test_the_mean_of_each_films_largest_forgets_slowly() -> None:
    assert seen(torch.tensor([1.0]), torch.tensor([2.0])).range(rule("mean of largest")) == pytest.approx(1.1)


def test_a_percentile_leaves_outliers_out_whatever_the_order_of_films() -> None:
    body = torch.linspace(-1.0, 1.0, 100_001)
    outlier = torch.tensor([400.0])
    for watched in (seen(body, outlier), seen(outlier, body), seen(body[:50_000], outlier, body[50_000:])):
        assert watched.range(rule("percentile")) == pytest.approx(1.0, abs=0.2)  # a bin is 400 / 4096 wide


def test_least_squares_beats_the_largest_on_what_it_has_seen() -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(200_000, generator=generator)
    x[0] = 30.0  # one value in 200,000
    watched = seen(x)

    def lost(limit: float) -> float:
        scale = limit / INT8_LIMIT
        return float(((x / scale).round().clamp(-INT8_LIMIT, INT8_LIMIT) * scale - x).square().mean())

    best = watched.range(rule("least squares"))
    assert lost(best) < 0.5 * lost(30.0)
    assert lost(best) <= min(lost(limit) for limit in np.linspace(1.0, 30.0, 30)) * 1.05


def test_calibration_that_saw_nothing_is_refused() -> None:
    layer = RoundedLinear.from_linear(nn.Linear(8, 4), PER_ROW)
    with pytest.raises(RecipeError, match="saw no inputs"), calibrating(layer):
        pass
    with pytest.raises(RecipeError, match="not numbers"), calibrating(layer):
        layer(torch.full((1, 8), torch.nan))


def test_after_a_failed_calibration_the_layer_watches_no_longer() -> None:
    layer = RoundedLinear.from_linear(nn.Linear(8, 4), PER_ROW)
    with pytest.raises(RecipeError), calibrating(layer):
        pass
    assert layer.quantizer.observed is None


# The whole network


@pytest.mark.parametrize("config", [COMPACT, SAM], ids=["compact", "sam"])
def test_calibration_computes_what_the_network_did_before(config: ModelConfig) -> None:
    model, batch = small_model(config), films(config)
    with torch.no_grad():
        plain = logits_of(model, batch)
        round_places(model, replace(PER_ROW, places=EVERYWHERE))
        with calibrating(model):
            watched = logits_of(model, batch)
        rounded_logits = logits_of(model, batch)
    assert torch.allclose(plain, watched, atol=1e-5)
    assert not torch.equal(rounded_logits, watched)
    assert float((rounded_logits - plain).norm() / plain.norm()) < 0.15


@pytest.mark.parametrize("config", [COMPACT, SAM], ids=["compact", "sam"])
def test_places_mean_these_layers(config: ModelConfig) -> None:
    model = small_model(config)
    counts = {place: len(sites(model, place)) for place in EVERYWHERE}
    convolutions = {"compact": (4 + 1 + 2 + 2 + 3, 2), "sam": (2, 0)}[config.kind]
    heads = {"compact": 3, "sam": 5}[config.kind]
    assert counts == {
        "encoder mlp": 4,
        "encoder projection": 2,
        "encoder qkv": 2,
        "encoder attention": 2,
        "encoder convolutions": convolutions[0],
        "decoder linears": 2 * (3 * 4 + 2) + 4 + 3 * heads,
        "decoder convolutions": convolutions[1],
        "prompt encoder": 0,
    }


def test_every_place_is_swapped_by_its_kind() -> None:
    model = small_model(COMPACT)
    round_places(model, replace(PER_ROW, places=EVERYWHERE))
    for place in EVERYWHERE:
        for site in sites(model, place):
            assert isinstance(site.layer, RoundedLinear | RoundedConv2d | RoundedAttention)
    plain = [name for name, m in model.image_encoder.named_modules() if type(m) in (nn.Linear, nn.Conv2d)]
    assert plain == ["stages.0.down.conv"]  # it reads the film


def test_folded_batch_norm_computes_the_same() -> None:
    model, batch = small_model(COMPACT), films(COMPACT)
    with torch.no_grad():
        before = logits_of(model, batch)
        fold_norms(model)
        assert not any(isinstance(module, nn.BatchNorm2d) for module in model.modules())
        assert torch.allclose(logits_of(model, batch), before, atol=1e-5)


def test_scales_follow_the_weights_when_they_are_fitted_again() -> None:
    model = prepare(small_model(COMPACT), ROWS["full-qat"])
    layer = model.image_encoder.blocks[0].mlp.lin1  # type: ignore[union-attr, index]
    assert isinstance(layer, RoundedLinear)
    before = layer.quantizer.weight_scale.clone()
    with torch.no_grad():
        layer.weight.mul_(2.0)
    fit_weights(model)
    assert torch.equal(layer.quantizer.weight_scale, 2.0 * before)


def test_a_rounded_qkv_rounds_the_merged_weight_and_trains_its_adapters() -> None:
    torch.manual_seed(0)
    layer = AdaLoraQkv.from_linear(nn.Linear(16, 48), Adapters(rank=4, cuts=(), initial_l=0.3))
    layer.weight.requires_grad = False
    holder = small_model(COMPACT)
    holder.image_encoder.blocks[0].attn.qkv = layer  # type: ignore[union-attr, index]
    round_places(holder, replace(PER_ROW, places=("encoder qkv",)))
    x = torch.randn(8, 16)
    with calibrating(holder), torch.no_grad():
        layer(x)
        holder.image_encoder.blocks[1].attn.qkv(torch.randn(8, 48))  # type: ignore[union-attr, index]
    out = layer(x)
    assert isinstance(layer.quantizer, nn.Module)
    same = RoundedLinear.from_linear(layer.to_linear(), PER_ROW)
    same.quantizer = layer.quantizer  # type: ignore[assignment]
    assert torch.allclose(out, same(x), atol=1e-5)
    out.square().sum().backward()
    assert all(t.l.grad is not None and t.l.grad.all() for t in layer.triplets)
    without_adapters(holder)
    assert not adapted_layers(holder)
    assert torch.allclose(holder.image_encoder.blocks[0].attn.qkv(x), same(x))  # type: ignore[union-attr, index]


def test_training_with_rounding_wins_back_what_rounding_cost() -> None:
    model, batch = small_model(COMPACT), films(COMPACT, 4)
    with torch.no_grad():
        plain = logits_of(model, batch)
    matrices: tuple[Place, ...] = ("encoder mlp", "encoder qkv", "decoder linears")
    round_places(model, Quantization(matrices, four_bits=matrices, group=16))
    with calibrating(model), torch.no_grad():
        logits_of(model, batch)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-4)
    errors = []
    for _ in range(40):
        error = (logits_of(model, batch) - plain).square().mean()
        error.backward()
        optimizer.step()
        optimizer.zero_grad()
        errors.append(float(error.detach()))
    assert min(errors[-5:]) < 0.2 * errors[0]
