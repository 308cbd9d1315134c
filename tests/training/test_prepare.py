"""Which tensors a row trains, exactly, and that it leaves every other bit alone."""

import copy
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from engine.network.config import ModelConfig
from engine.network.model import LungModel
from tests.training.small_model import COMPACT, SAM, films, logits_of, small_model
from training.adalora import AdaLoraQkv, RankBudget, adapted_layers
from training.adaptation import ROWS, STAGE_2, Adaptation, RecipeError
from training.losses import mask_loss
from training.prepare import parameter_groups, prepare, set_training, trainable_parameters
from training.qat import calibrating, fold_norms
from training.rounding import RoundedLinear

FACTORS = {
    part: {
        f"image_encoder.blocks.{block}.attn.qkv.{matrix}.{part.lower()}"
        for block in range(2)
        for matrix in ("query", "key", "value")
    }
    for part in ("P", "L", "Q")
}
ADAPTERS = FACTORS["P"] | FACTORS["L"] | FACTORS["Q"]


def names_under(part: str, config: ModelConfig = COMPACT) -> set[str]:
    return {name for name, _ in small_model(config).named_parameters() if name.startswith(f"{part}.")}


def names_with_norms_folded() -> set[str]:
    model = small_model(COMPACT)
    fold_norms(model)
    return {name for name, _ in model.named_parameters()}


DECODER, PROMPTS = names_under("mask_decoder"), names_under("prompt_encoder")
EXPECTED = {
    "decoder": DECODER,
    "lora-8": FACTORS["P"] | FACTORS["Q"],
    "lora-16": FACTORS["P"] | FACTORS["Q"],
    "lora-32": FACTORS["P"] | FACTORS["Q"],
    "adalora": ADAPTERS,
    "hybrid": ADAPTERS | DECODER,
    "decoder-qat": DECODER,
    "full-qat-text": FACTORS["L"],
    "full-qat-code": FACTORS["P"] | FACTORS["Q"] | DECODER | PROMPTS,
    "full-qat": ADAPTERS | DECODER | PROMPTS,
    "full-qat-int8": ADAPTERS | DECODER | PROMPTS,
    "full-qat-int4": ADAPTERS | DECODER | PROMPTS,
    "whole-qat-int4": names_under("image_encoder") | DECODER | PROMPTS,
    "whole-qat-int4-everywhere": names_with_norms_folded(),
    "rounded": set(),
}


def row_of(name: str) -> Adaptation:
    """Return a row; the small networks' layers do not divide into its groups of 32."""
    row = ROWS[name]
    if row.quantization is None:
        return row
    return replace(row, quantization=replace(row.quantization, group=16))


def ready(name: str, config: ModelConfig = COMPACT) -> LungModel:
    """Return a model prepared for a row, through stage 1 where the row is stage 2, and calibrated where it rounds."""
    model = small_model(config)
    if name in STAGE_2:
        prepare(model, ROWS["hybrid"])
        with torch.no_grad():
            for layer in adapted_layers(model):
                for triplet in layer.triplets:
                    triplet.l.normal_(0.0, 0.2)
                    triplet.mask[32:] = 0.0
                    triplet.l[32:] = 0.0
    prepare(model, row_of(name))
    with calibrating(model), torch.no_grad():
        logits_of(model, films(config))
    return model


def test_every_row_is_tested() -> None:
    assert EXPECTED.keys() == ROWS.keys()


@pytest.mark.parametrize("name", EXPECTED)
def test_a_row_trains_exactly_its_tensors(name: str) -> None:
    model = ready(name)
    assert set(trainable_parameters(model, ROWS[name])) == EXPECTED[name]
    assert {key for key, parameter in model.named_parameters() if parameter.requires_grad} == EXPECTED[name]


def snapshot(model: nn.Module) -> dict[str, Tensor]:
    return copy.deepcopy(model.state_dict())


@pytest.mark.parametrize("config", [COMPACT, SAM], ids=["compact", "sam"])
@pytest.mark.parametrize("name", [name for name, row in ROWS.items() if row.trains])
def test_everything_else_is_bit_equal_after_training(name: str, config: ModelConfig) -> None:
    model, row = ready(name, config), replace(row_of(name), learning_rate=1e-2, weight_decay=0.1)
    before = snapshot(model)
    optimizer = torch.optim.AdamW(parameter_groups(model, row), lr=row.learning_rate)
    budget = RankBudget(adapted_layers(model), row.adapters, row.epochs)
    batch = films(config)
    for _ in range(3):
        set_training(model, row)
        mask_loss(logits_of(model, batch), batch.targets).backward()
        budget.after_backward(1, optimizer, gradient_norm=1.0)
    after = snapshot(model)
    moved = {key for key in before if not torch.equal(before[key], after[key])}
    trained = set(trainable_parameters(model, row))
    statistics = {name for name in before if "running_" in name or "num_batches" in name}
    assert moved <= trained | (statistics if "encoder" in row.trains else set())
    # Some of what trains takes no part in a box prompt's mask: points, mask prompts, predicted quality.
    assert {key for key in trained if key.endswith((".p", ".q", ".l"))} <= moved
    if "decoder" in row.trains:
        assert "mask_decoder.transformer.layers.0.self_attn.q_proj.weight" in moved


def test_only_live_components_of_l_move_in_stage_2_of_the_papers_text() -> None:
    model, row = ready("full-qat-text"), ROWS["full-qat-text"]
    before = snapshot(model)
    optimizer = torch.optim.AdamW(parameter_groups(model, row), lr=1e-2)
    budget = RankBudget(adapted_layers(model), row.adapters, row.epochs)
    batch = films(COMPACT)
    mask_loss(logits_of(model, batch), batch.targets).backward()
    assert budget.after_backward(1, optimizer, gradient_norm=1.0).ranks == (32, 32)
    for name in FACTORS["L"]:
        moved = before[name] != model.state_dict()[name]
        assert moved[:32].all()
        assert not moved[32:].any()


def test_l_is_never_decayed() -> None:
    model = ready("hybrid")
    row = ROWS["hybrid"]
    decaying, plain = parameter_groups(model, row)
    assert decaying["weight_decay"] == 1e-4
    assert plain["weight_decay"] == 0.0
    factors = {id(triplet.l) for layer in adapted_layers(model) for triplet in layer.triplets}
    assert factors <= {id(parameter) for parameter in plain["params"]}
    counted = len(decaying["params"]) + len(plain["params"])
    assert counted == len(trainable_parameters(model, row))


def test_batch_norm_of_a_frozen_encoder_keeps_its_statistics() -> None:
    model, row = ready("decoder"), ROWS["decoder"]
    set_training(model, row)
    norms = [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]
    assert norms
    assert not any(norm.training for norm in norms)
    assert model.mask_decoder.training


def test_training_everything_moves_the_statistics() -> None:
    row = Adaptation(("encoder", "decoder", "prompt encoder"))
    model = prepare(small_model(COMPACT), row)
    set_training(model, row)
    assert all(module.training for module in model.modules())
    assert set(trainable_parameters(model, row)) == {name for name, _ in model.named_parameters()}


def test_stage_2_keeps_the_masks_and_the_factors_of_stage_1() -> None:
    model = prepare(small_model(COMPACT), ROWS["hybrid"])
    with torch.no_grad():
        for layer in adapted_layers(model):
            for triplet in layer.triplets:
                triplet.mask[5] = 0.0
                triplet.l.normal_()
    before = snapshot(model)
    prepare(model, ROWS["full-qat"])
    after = model.state_dict()
    assert all(torch.equal(before[key], after[key]) for key in before)


def test_a_row_without_adapters_merges_those_that_are_there() -> None:
    model = prepare(small_model(COMPACT), ROWS["hybrid"])
    with torch.no_grad():
        for layer in adapted_layers(model):
            for triplet in layer.triplets:
                triplet.l.normal_(0.0, 0.2)
        batch = films(COMPACT)
        before = logits_of(model, batch)
        prepare(model, ROWS["decoder"])
        assert not adapted_layers(model)
        assert torch.allclose(logits_of(model, batch), before, atol=1e-5)


def test_preparing_twice_changes_nothing() -> None:
    model = ready("full-qat")
    before, layers = snapshot(model), list(model.modules())
    prepare(model, ROWS["full-qat"])
    assert list(model.modules()) == layers
    assert all(torch.equal(value, model.state_dict()[key]) for key, value in before.items())


def test_the_papers_placement_rounds_its_layers_and_no_others() -> None:
    model = ready("full-qat-text", SAM)
    rounded = {name for name, module in model.named_modules() if isinstance(module, RoundedLinear)}
    linears = {name for name, module in small_model(SAM).named_modules() if isinstance(module, nn.Linear)}
    assert rounded == {name for name in linears if not name.endswith(".attn.qkv")}
    assert not any(name.startswith("prompt_encoder.") for name in rounded)  # it has no linear layer to round
    qkv = [module for module in model.modules() if isinstance(module, AdaLoraQkv)]
    assert all(layer.quantizer is None for layer in qkv)


def test_adapters_on_a_rounded_qkv_are_refused() -> None:
    model = prepare(small_model(COMPACT), row_of("whole-qat-int4"))
    with pytest.raises(RecipeError, match="rounded already"):
        prepare(model, ROWS["hybrid"])


def test_settings_that_cannot_work_are_refused() -> None:
    with pytest.raises(RecipeError, match="without adapters"):
        Adaptation(("L",))
    with pytest.raises(RecipeError, match="nothing trains"):
        Adaptation(())
    with pytest.raises(RecipeError, match="stays 1"):
        Adaptation(("L",), ROWS["lora-8"].adapters)
