"""The file that is shipped: what it holds, and that the engine running it is the network that was trained."""

import json
from dataclasses import asdict, replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.network.checkpoint import read_checkpoint, write_checkpoint
from engine.network.config import ModelConfig, Preprocessing
from engine.network.model import LungModel
from engine.network.quantized import float_tensors, round_to_int8
from tests.training.small_model import COMPACT, SAM, films, logits_of, small_model
from training.adalora import RankBudget, adapted_layers
from training.adaptation import ROWS, SCHEMES, Place, Quantization, RecipeError
from training.losses import mask_loss
from training.manifest import CONVENTION_TEXTS, Convention, FilmRecord, Label, MaskFile, Split
from training.prepare import parameter_groups, prepare
from training.qat import calibrating, round_places
from training.recipe import Recipe
from training.release import (
    Release,
    Sample,
    card_of,
    commands_of,
    engine_on_the_cpu,
    parity_of,
    release,
    released_tensors,
    run_of,
    torch_in_float32,
    training_of,
)
from training.state import command

GROUPS_OF_16 = {"group": 16}  # the small networks' layers divide by no more
QKV: tuple[Place, ...] = ("encoder qkv",)


def samples(config: ModelConfig, count: int = 2) -> list[Sample]:
    batch = films(config, count, seed=9)
    return [
        Sample(batch.frames[i].numpy(), batch.coordinates[i : i + 1].numpy(), batch.labels[i : i + 1].numpy())
        for i in range(count)
    ]


@cache
def trained(config: ModelConfig, row: str = "full-qat", places: tuple[Place, ...] = ()) -> LungModel:
    """Return a small network after both stages, some steps each; tests leave it as it is."""
    model, batch = small_model(config), films(config, 4)
    for name in ("hybrid", row):
        adaptation = ROWS[name]
        if adaptation.quantization is not None:
            quantization = replace(adaptation.quantization, places=adaptation.quantization.places + places)
            adaptation = replace(adaptation, quantization=quantization)
        prepare(model, adaptation)
        with calibrating(model), torch.no_grad():
            logits_of(model, batch)
        optimizer = torch.optim.AdamW(parameter_groups(model, adaptation), lr=3e-3)
        budget = RankBudget(adapted_layers(model), adaptation.adapters, adaptation.epochs)
        for step in range(25):
            mask_loss(logits_of(model, batch), batch.targets).backward()
            budget.after_backward(1 + step, optimizer, gradient_norm=1.0)
    return model


def written(model: LungModel, path: Path, rest: str = "float32") -> Release:
    return release(
        model,
        path,
        name="small",
        version="0",
        preprocessing=Preprocessing(mean=(0.5,) * model.config.in_channels, std=(0.25,) * model.config.in_channels),
        scheme="test",
        rest=rest,  # type: ignore[arg-type]
        card={"note": "small"},
        samples=samples(model.config),
        engines=[torch_in_float32],
    )


@pytest.mark.parametrize("config", [COMPACT, SAM], ids=["compact", "sam"])
def test_the_released_file_draws_what_the_trained_network_draws(config: ModelConfig, tmp_path: Path) -> None:
    model = trained(config, places=QKV)
    result = written(model, tmp_path / "small.safetensors")
    (parity,) = result.parity
    assert parity.masks == 2
    assert parity.mean_dice > 0.999
    assert parity.largest_logit_difference < 0.02 * parity.largest_logit
    checkpoint = read_checkpoint(result.path)
    assert checkpoint.sha256 == result.sha256
    assert checkpoint.card["note"] == "small"
    assert checkpoint.card["parity"][0]["largest_logit_difference"] == parity.largest_logit_difference
    assert result.path.stat().st_size == result.size_bytes


def test_the_engine_of_a_readers_computer_follows_too(tmp_path: Path) -> None:
    model = trained(COMPACT, places=QKV)
    checkpoint = read_checkpoint(written(model, tmp_path / "small.safetensors").path)
    parity = parity_of(model, engine_on_the_cpu(checkpoint), samples(COMPACT, 4))
    assert parity.engine.startswith("OpenVINO")
    assert parity.mean_dice > 0.99
    assert parity.largest_logit_difference < 0.1 * parity.largest_logit


def test_integers_in_the_file_are_the_rounded_merged_weights(tmp_path: Path) -> None:
    model = trained(COMPACT, places=QKV)
    layer = adapted_layers(model)[1]
    tensors = read_checkpoint(written(model, tmp_path / "small.safetensors").path).tensors
    name = "image_encoder.blocks.1.attn.qkv"
    scale = tensors[f"{name}.weight_scale"]
    assert scale.shape == (144,)
    assert np.array_equal(tensors[f"{name}.weight"], round_to_int8(layer.merged_weight().numpy(), scale[:, None]))
    assert tensors[f"{name}.weight"].dtype == np.int8
    assert tensors[f"{name}.input_scale"].shape == (1,)


def test_neither_adapters_nor_batch_norm_are_left_in_the_file(tmp_path: Path) -> None:
    tensors = read_checkpoint(written(trained(COMPACT), tmp_path / "small.safetensors").path).tensors
    kinds = {name.rpartition(".")[2] for name in tensors}
    assert not kinds & {"p", "q", "l", "mask", "running_mean", "running_var"}
    assert "image_encoder.stages.0.down.conv.bias" in tensors
    assert not [name for name in tensors if ".down.norm." in name or ".refine.norm." in name]


def test_the_paper_leaves_qkv_in_float_with_its_adapters_merged(tmp_path: Path) -> None:
    model = trained(COMPACT)
    tensors = read_checkpoint(written(model, tmp_path / "small.safetensors").path).tensors
    weight = tensors["image_encoder.blocks.0.attn.qkv.weight"]
    assert weight.dtype == np.float32
    assert np.array_equal(weight, adapted_layers(model)[0].merged_weight().numpy())


def test_releasing_leaves_the_trained_network_alone(tmp_path: Path) -> None:
    model = trained(COMPACT)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    written(model, tmp_path / "small.safetensors")
    after = model.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(value, after[name]) for name, value in before.items())


@pytest.mark.parametrize("config", [COMPACT, SAM], ids=["compact", "sam"])
@pytest.mark.parametrize("name", SCHEMES)
def test_every_scheme_runs_as_it_was_rounded(name: str, config: ModelConfig, tmp_path: Path) -> None:
    scheme, model = SCHEMES[name], small_model(config)
    if scheme.quantization is not None:
        round_places(model, replace(scheme.quantization, **GROUPS_OF_16))  # type: ignore[arg-type]
        with calibrating(model), torch.no_grad():
            logits_of(model, films(config))
    path = tmp_path / "small.safetensors"
    tensors = released_tensors(model, scheme.rest)
    preprocessing = Preprocessing(mean=(0.5,) * config.in_channels, std=(0.25,) * config.in_channels)
    write_checkpoint(
        path, name="s", version="0", config=config, preprocessing=preprocessing, tensors=tensors, scheme=name, card={}
    )
    parity = parity_of(model, torch_in_float32(read_checkpoint(path)), samples(config))
    # A random network's logits hover about 0, where no mask is stable: what can be asked for is that they are near.
    allowed = 0.1 if "everywhere" in name else 0.03
    assert parity.largest_logit_difference < allowed * parity.largest_logit


def test_what_is_not_integer_is_float16_but_small_tensors_stay_whole() -> None:
    model = small_model(COMPACT)
    full, half = released_tensors(model, "float32"), released_tensors(model, "float16")
    assert full.keys() == half.keys()
    for name, value in half.items():
        assert value.dtype == (np.float16 if value.size >= 512 else np.float32), name
        assert np.allclose(value, full[name], atol=1e-3)
    assert half["prompt_encoder.pe_layer.positional_encoding_gaussian_matrix"].dtype == np.float32


def test_a_value_too_large_for_float16_stays_float32() -> None:
    model = small_model(COMPACT)
    with torch.no_grad():
        model.image_encoder.blocks[0].mlp.lin1.weight[0, 0] = 1e5  # type: ignore[union-attr, index]
    assert released_tensors(model, "float16")["image_encoder.blocks.0.mlp.lin1.weight"].dtype == np.float32


def test_integers_times_scales_are_what_training_multiplied_with() -> None:
    model = small_model(COMPACT)
    round_places(model, Quantization(four_bits=("encoder mlp",), group=16))
    with calibrating(model), torch.no_grad():
        logits_of(model, films(COMPACT))
    reals = float_tensors(released_tensors(model, "float32"))
    layer = model.image_encoder.blocks[0].mlp.lin2  # type: ignore[union-attr, index]
    used = layer.quantizer.weight_integers(layer.weight) * layer.quantizer.weight_scale[:, None]
    assert np.array_equal(reals["image_encoder.blocks.0.mlp.lin2.weight"], used.detach().numpy())


def test_a_network_that_was_never_calibrated_is_not_released(tmp_path: Path) -> None:
    model = small_model(COMPACT)
    round_places(model, Quantization())
    with pytest.raises(RecipeError, match="never calibrated"):
        written(model, tmp_path / "small.safetensors")
    model = small_model(COMPACT)
    round_places(model, Quantization(places=("encoder attention",)))
    with pytest.raises(RecipeError, match="never calibrated"):
        written(model, tmp_path / "small.safetensors")
    assert not list(tmp_path.iterdir())


class Shifted:
    """An engine that is not the network: its logits are off."""

    def __init__(self, checkpoint: object) -> None:
        self._engine = torch_in_float32(checkpoint)  # type: ignore[arg-type]
        self.checkpoint, self.device, self.description = checkpoint, "CPU", "an engine that is off"

    def encode(self, frame: np.ndarray) -> object:
        return self._engine.encode(frame)

    def decode(self, features: object, coordinates: np.ndarray, labels: np.ndarray) -> object:
        logits, quality = self._engine.decode(features, coordinates, labels)
        return -logits, quality


def test_nothing_is_written_when_an_engine_draws_other_masks(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="an engine that is off does not draw"):
        release(
            trained(COMPACT),
            tmp_path / "small.safetensors",
            name="small",
            version="0",
            preprocessing=Preprocessing(),
            scheme="test",
            rest="float32",
            card={},
            samples=samples(COMPACT),
            engines=[Shifted],  # type: ignore[list-item]
        )
    assert not list(tmp_path.iterdir())


def test_parity_needs_something_to_look_at(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="nothing to prove parity with"):
        release(
            small_model(COMPACT),
            tmp_path / "small.safetensors",
            name="small",
            version="0",
            preprocessing=Preprocessing(),
            scheme="float32",
            rest="float32",
            card={},
            samples=[],
        )


def test_the_card_says_how_the_run_went_and_leaves_the_list_of_films_in_the_run(tmp_path: Path) -> None:
    weights = tmp_path / "average.pt"
    assert run_of(weights) == {}
    about = {"recipe": asdict(Recipe()), "start": None, "commit": "abc", "torch": "2", "films": ["one"]}
    (tmp_path / "run.json").write_text(json.dumps(about), encoding="utf-8")
    said = training_of(run_of(weights), {"nih": 3})
    assert said["films_outlined_by_a_model"] == {"nih": 3}
    assert said["recipe"]["phases"][0] == asdict(Recipe().phases[0])
    assert (said["commit"], said["started_from"]) == ("abc", None)
    assert "films" not in said


def test_the_card_says_by_which_command_the_weights_were_made_where_that_is_known() -> None:
    assert commands_of({}) == [command()]
    assert commands_of({"command": "python -m training.train --films 9"}) == [
        "python -m training.train --films 9",
        command(),
    ]
    assert commands_of({"command": command()}) == [command()]  # training.whole did both


def test_the_card_names_the_films_that_were_learned_from_and_their_licences() -> None:
    """Whosever they are: a researcher's own model must not say that it learned from ours."""
    mask = (MaskFile(Path("mask.png")),)
    convention = Convention.HEART_INCLUDED
    first = FilmRecord("1", "1", "mine", Path("1.png"), mask, Label.LUNGS, convention, Split.TRAIN, "in house")
    records = [
        first,
        replace(first, id="2"),
        replace(first, source="theirs"),
        replace(first, split=Split.VAL, licence=""),
    ]
    card = card_of(records, {"nih": 5})
    assert card["data"] == (
        "Learned from 2 films of mine and 1 film of theirs, and from 5 films of nih that a model outlined; "
        "validated on 1 film of mine."
    )
    assert card["convention"] == CONVENTION_TEXTS[Convention.HEART_INCLUDED]
    assert card["licence"] == "Research only. Of the films: in house; not stated (mine)."
    assert card["films"] == {"train": {"mine": 2, "theirs": 1}, "validation": {"mine": 1}}
    assert card["limits"][0].startswith("Learned from 2 sources of outlined films")
