"""The stages as they are run: from a run's weights, or Meta's file, to a checkpoint that the engine runs."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.errors import CheckpointError
from engine.network.checkpoint import read_checkpoint
from engine.network.config import sam_config
from engine.network.model import LungModel
from tests.tiny import TINY
from tests.training.made_films import write_films
from training import adapt as module
from training.adapt import adapt, shortened
from training.adaptation import STAGE_1, RecipeError
from training.base import load_base
from training.recipe import Phase, Recipe
from training.release import torch_in_float32
from training.together import Team
from training.train import train

RECIPE = replace(Recipe(), adapt_epochs=4, calibration_films=3, proof_films=2)
CPU = torch.device("cpu")
# Parity is proved in float32 alone: bfloat16 moves the masks of networks that have learned next to nothing.
EXACT = (torch_in_float32,)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_films(tmp_path_factory.mktemp("films"), count=8)


@pytest.fixture(scope="module")
def base(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return average.pt of a network that has learned a little: rounding moves the masks of one that has not."""
    recipe = Recipe(model=TINY, phases=(Phase(64, 320, 4),), learning_rate=3e-3, warmup_steps=4, ema_decay=0.8)
    return train(recipe, folder, tmp_path_factory.mktemp("base"), Team(CPU))


def test_both_stages_end_in_a_checkpoint_in_integers(base: Path, folder: Path, tmp_path: Path) -> None:
    path = adapt(base, ["hybrid", "full-qat"], "int8 paper, float32", folder, tmp_path, RECIPE, CPU, EXACT)
    checkpoint = read_checkpoint(path)
    assert checkpoint.config == TINY
    assert checkpoint.quantized_layers
    assert checkpoint.card["rows"] == ["hybrid", "full-qat"]


def test_a_killed_stage_ends_with_the_bits_of_one_that_was_not(
    base: Path, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    straight = adapt(base, ["hybrid"], "float32", folder, tmp_path / "a", RECIPE, CPU, EXACT)
    real, epochs = module.one_epoch, []

    def dies(*arguments: object) -> float:
        epochs.append(1)
        if len(epochs) == 3:
            raise KeyboardInterrupt
        return real(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "one_epoch", dies)
    with pytest.raises(KeyboardInterrupt):
        adapt(base, ["hybrid"], "float32", folder, tmp_path / "b", RECIPE, CPU, EXACT)
    monkeypatch.setattr(module, "one_epoch", real)
    resumed = adapt(base, ["hybrid"], "float32", folder, tmp_path / "b", RECIPE, CPU, EXACT)
    one, two = read_checkpoint(straight).tensors, read_checkpoint(resumed).tensors
    assert one.keys() == two.keys()
    assert all((one[name] == two[name]).all() for name in one)


def test_cuts_move_into_fewer_epochs_and_all_of_them_act() -> None:
    row = shortened(STAGE_1["hybrid"], 6)
    assert row.adapters is not None
    assert [cut.rank for cut in row.adapters.cuts] == [43, 37, 32]
    assert [cut.epoch for cut in row.adapters.cuts] == sorted({cut.epoch for cut in row.adapters.cuts})
    assert row.adapters.cuts[-1].epoch <= 6


def test_too_few_epochs_for_the_cuts_are_refused() -> None:
    with pytest.raises(RecipeError, match="do not fit"):
        shortened(STAGE_1["hybrid"], 3)


@pytest.mark.slow
def test_a_file_in_metas_format_is_adapted_by_the_same_call(folder: Path, tmp_path: Path) -> None:
    torch.manual_seed(2)
    path = tmp_path / "sam_vit_b_random.pth"
    torch.save(
        LungModel(sam_config("vit_b", image_size=224)).state_dict(), path
    )  # ViT-B's own shapes, on a small frame
    recipe = replace(RECIPE, adapt_epochs=1)
    written = adapt(path, ["decoder"], "int8 paper, float32", folder, tmp_path / "out", recipe, CPU, engines=EXACT)
    checkpoint = read_checkpoint(written)
    assert checkpoint.config.kind == "sam"
    assert checkpoint.config.embed_dim == 768
    assert any(".mlp.lin1" in name for name in checkpoint.quantized_layers)


@pytest.mark.parametrize("content", [b"<!DOCTYPE html>", b"", b"PK\x03\x04 not really"], ids=["page", "empty", "zip"])
def test_what_is_no_weights_file_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    path.write_bytes(content)
    with pytest.raises(CheckpointError):
        load_base(path)


def test_a_file_that_would_run_code_is_refused_and_runs_none(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (Path.touch, (Path(tmp_path / "ran"),))  # type: ignore[return-value]

    path = tmp_path / "evil.pth"
    torch.save({"model": Evil()}, path)
    with pytest.raises(CheckpointError):
        load_base(path)
    assert not (tmp_path / "ran").exists()


def test_a_released_file_is_a_start_like_the_run_that_it_came_from(base: Path, folder: Path, tmp_path: Path) -> None:
    words = ("int8 paper, float32", folder)
    released = adapt(base, ["rounded"], *words, tmp_path / "released", RECIPE, CPU, EXACT)
    again = adapt(released, ["rounded"], *words, tmp_path / "again", RECIPE, CPU, EXACT)
    first, second = read_checkpoint(released), read_checkpoint(again)
    assert first.quantized_layers == second.quantized_layers
    for name in first.quantized_layers:
        assert np.array_equal(first.tensors[f"{name}.weight"], second.tensors[f"{name}.weight"])
    short = replace(RECIPE, adapt_epochs=1)
    trained = read_checkpoint(adapt(released, ["decoder"], "float32", folder, tmp_path / "trained", short, CPU, EXACT))
    name = "image_encoder.stages.0.down.conv.weight"  # a batch norm is unfolded and folded on its way
    np.testing.assert_allclose(trained.tensors[name], first.tensors[name], rtol=1e-5, atol=1e-6)
