"""A released file is a start: the network draws what the file draws, and its batch norm is alive again."""

from pathlib import Path

import pytest
import torch

from engine.network.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from engine.network.config import Preprocessing
from engine.network.model import LungModel
from tests.training.made_films import write_films
from tests.training.small_model import COMPACT, films, logits_of, small_model
from training.base import load_base
from training.recipe import Phase, Recipe
from training.release import released_tensors
from training.together import Team
from training.train import train
from training.warm_start import network_of


@pytest.fixture
def trained() -> LungModel:
    return small_model(COMPACT)


@pytest.fixture
def released(trained: LungModel, tmp_path: Path) -> Checkpoint:
    path = tmp_path / "model.safetensors"
    write_checkpoint(
        path,
        name="small",
        version="1",
        config=COMPACT,
        preprocessing=Preprocessing(),
        tensors=released_tensors(trained, "float32"),
        scheme="float32",
        card={},
    )
    return read_checkpoint(path)


def test_the_network_is_the_same_function_as_the_file(trained: LungModel, released: Checkpoint) -> None:
    batch = films(COMPACT, count=3)
    again = network_of(released, list(batch.frames.numpy())).eval()
    with torch.inference_mode():
        expected = logits_of(trained, batch)
        assert torch.allclose(logits_of(again, batch), expected, atol=2e-4 * expected.abs().max().item())


def test_in_training_the_statistics_are_those_of_the_films(released: Checkpoint) -> None:
    batch = films(COMPACT, count=4)
    again = network_of(released, list(batch.frames.numpy()))
    with torch.inference_mode():
        in_evaluation = again.eval().encode(batch.frames)[0]
        in_training = again.train().encode(batch.frames)[0]
    assert torch.allclose(in_evaluation, in_training, atol=1e-2 * in_evaluation.abs().max().item())


def test_a_run_goes_on_from_a_file_and_says_which(released: Checkpoint, tmp_path: Path) -> None:
    (tmp_path / "films").mkdir()
    folder, out = write_films(tmp_path / "films"), tmp_path / "run"
    recipe = Recipe(phases=(Phase(64, 8, 4),), learning_rate=1e-9, evaluate_films=100)
    weights = train(recipe, folder, out, Team(torch.device("cpu")), load_base(tmp_path / "model.safetensors"))
    kept = torch.load(weights, weights_only=True)
    assert kept["config"]["embed_dim"] == COMPACT.embed_dim
    name = "image_encoder.blocks.0.attn.qkv.weight"
    assert torch.allclose(kept["model"][name], torch.from_numpy(released.tensors[name].copy()), atol=1e-4)
    assert released.sha256 in (out / "run.json").read_text()
