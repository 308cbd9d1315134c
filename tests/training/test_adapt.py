"""The stages as they are run: from a run's weights, or Meta's file, to a checkpoint that the engine runs."""

from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.errors import CheckpointError
from engine.network.checkpoint import read_checkpoint
from engine.network.config import ModelConfig, Preprocessing, sam_config
from engine.network.model import LungModel
from tests.tiny import TINY
from tests.training.made_films import write_films
from training import adapt as module
from training import pretrain, whole
from training.adapt import adapt, scheme_of, shortened
from training.adaptation import ROWS, SCHEMES, STAGE_1, RecipeError
from training.base import load_base
from training.qat import round_places
from training.recipe import Phase, Recipe
from training.release import torch_in_float32
from training.rounding import RoundedLinear
from training.state import StateError, command
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
    path = adapt(base, ["hybrid", "full-qat-int8"], None, folder, tmp_path, RECIPE, CPU, EXACT)
    checkpoint = read_checkpoint(path)
    assert checkpoint.config == TINY
    assert checkpoint.card["rows"] == ["hybrid", "full-qat-int8"]
    assert checkpoint.card["commands"] == [command()]
    assert checkpoint.scheme == "int8"
    with torch.device("meta"):
        shipped = LungModel(TINY)
    places = SCHEMES["int8"].quantization
    assert places is not None
    round_places(shipped, places)
    names = {name for name, layer in shipped.named_modules() if isinstance(layer, RoundedLinear)}
    assert set(checkpoint.quantized_layers) == names
    assert any(name.endswith("attn.qkv") for name in names)


@pytest.mark.parametrize("name", [name for name, row in ROWS.items() if row.quantization is not None])
def test_a_row_that_rounds_gives_a_scheme_that_has_a_name(name: str) -> None:
    assert SCHEMES[scheme_of(["hybrid", name], None)].quantization == ROWS[name].quantization


def test_rows_that_do_not_round_give_the_scheme_that_is_asked_for() -> None:
    assert scheme_of(["hybrid"], "int4") == "int4"
    assert scheme_of(["hybrid"], None) == "int8"


@pytest.mark.parametrize("wanted", ["int8", "int4", "float32"])
def test_a_file_is_not_called_what_it_does_not_hold(base: Path, folder: Path, tmp_path: Path, wanted: str) -> None:
    with pytest.raises(RecipeError, match=f'round to "int8 mlp, projection, decoder", not to "{wanted}"'):
        adapt(base, ["rounded"], wanted, folder, tmp_path / "run", RECIPE, CPU, EXACT)
    assert not (tmp_path / "run").exists()


def test_rows_that_round_by_different_rules_are_refused() -> None:
    with pytest.raises(RecipeError, match="different rules"):
        scheme_of(["decoder-qat", "full-qat"], None)


def random_base(path: Path, seed: int, config: ModelConfig = TINY) -> Path:
    torch.manual_seed(seed)
    shape = {"config": config.as_json(), "preprocessing": asdict(Preprocessing()), "scores": {}}
    torch.save({"model": LungModel(config).state_dict(), **shape}, path)
    return path


def test_a_folder_of_another_base_is_left_alone(folder: Path, tmp_path: Path) -> None:
    """Or one network's weights would be released under another's name."""
    one, two = (random_base(tmp_path / f"{seed}.pt", seed) for seed in (1, 2))
    recipe, out = replace(RECIPE, adapt_epochs=1), tmp_path / "run"
    adapt(one, ["decoder"], "float32", folder, out, recipe, CPU, EXACT)
    before = (out / "model.safetensors").read_bytes()
    for base, rows, changed, message in (
        (two, ["decoder"], recipe, "base"),
        (random_base(tmp_path / "3.pt", 3, replace(TINY, embed_dim=24)), ["decoder"], recipe, "base"),
        (one, ["decoder"], replace(recipe, seed=8, sources=("shenzhen",)), "sources, seed"),
        (one, ["decoder"], replace(recipe, adapt_epochs=2), "epochs"),
    ):
        with pytest.raises(StateError, match=f"another run: it differs in {message}"):
            adapt(base, rows, "float32", folder, out, changed, CPU, EXACT)
    assert (out / "model.safetensors").read_bytes() == before


def test_a_second_row_is_that_of_the_first(folder: Path, tmp_path: Path) -> None:
    base, recipe, out = random_base(tmp_path / "1.pt", 1), replace(RECIPE, adapt_epochs=1), tmp_path / "run"
    adapt(base, ["lora-8", "decoder"], "float32", folder, out, recipe, CPU, EXACT)
    with pytest.raises(StateError, match="another run: it differs in rows"):
        adapt(base, ["lora-16", "decoder"], "float32", folder, out, recipe, CPU, EXACT)


def test_a_state_without_a_plan_goes_on_where_it_is_of_this_network(folder: Path, tmp_path: Path) -> None:
    base, recipe, out = random_base(tmp_path / "1.pt", 1), replace(RECIPE, adapt_epochs=1), tmp_path / "run"
    adapt(base, ["decoder"], "float32", folder, out, recipe, CPU, EXACT)
    state = torch.load(out / "1-decoder.pt", weights_only=True)
    del state["plan"]
    torch.save(state, out / "1-decoder.pt")
    adapt(base, ["decoder"], "float32", folder, out, recipe, CPU, EXACT)
    other = random_base(tmp_path / "2.pt", 2, replace(TINY, embed_dim=24))
    with pytest.raises(StateError, match="of another network"):
        adapt(other, ["decoder"], "float32", folder, out, recipe, CPU, EXACT)
    (out / "1-decoder.pt").write_bytes(b"cut")
    with pytest.raises(StateError, match="damaged"):
        adapt(base, ["decoder"], "float32", folder, out, recipe, CPU, EXACT)


@pytest.mark.parametrize("main", [module.main, pretrain.main, whole.main])
def test_what_is_for_one_process_is_refused_under_torchrun(
    main: Callable[[list[str]], int], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    words = ["--data", "nowhere", "--out", "nowhere"]
    assert main(["base.pt", "--row", "hybrid", *words] if main is module.main else words) == 1
    assert "torchrun started 2 processes, and this command is for one" in capsys.readouterr().err


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
    words = ("int8 mlp, projection, decoder", folder)
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
