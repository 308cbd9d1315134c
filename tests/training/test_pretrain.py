"""Stage 0 on made films: what it may see, that it learns, that it goes on, and that training starts from it."""

import csv
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from engine.network.model import LungModel
from tests.tiny import TINY
from tests.training.made_films import COLUMNS, write_films
from training import pretrain as module
from training.base import load_base
from training.manifest import DataError
from training.pretrain import (
    films_without_masks,
    guess_loss,
    hidden_batches,
    hidden_squares,
    main,
    pretrain,
    thing_steps,
)
from training.progress import Silent
from training.recipe import RECIPES, Phase, Recipe
from training.state import StateError
from training.together import Team
from training.train import batch_loss, train

RECIPE = Recipe(
    model=TINY,
    phases=(Phase(64, 4, 4),),
    pretraining=Phase(64, 320, 4),
    hidden_side=16,
    phantoms=0,  # some seconds each; test_things has one
    learning_rate=5e-3,
    warmup_steps=4,
    report_steps=1,
)
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made films, of which the validation films cannot be opened, and two without masks."""
    root = write_films(tmp_path_factory.mktemp("films"), count=10)
    for number in (7, 8, 9):
        (root / f"{number}.png").write_bytes(b"nobody may read this")
    with (root / "manifest.csv").open("a", newline="", encoding="utf-8") as file:
        write = csv.DictWriter(file, COLUMNS)
        for number, split in ((0, "unlabelled"), (7, "external"), (8, "test")):
            film = {"id": f"more-{number}", "image": f"{number}.png", "mask": "", "source": "nih", "split": split}
            write.writerow(film | {"width": 96, "height": 96, "convention": "", "licence": "none"})
    return root


@pytest.fixture(scope="module")
def pretrained(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return pretrain(RECIPE, folder, tmp_path_factory.mktemp("run"), CPU, Silent())


def test_films_that_anything_is_scored_on_are_not_even_opened(folder: Path) -> None:
    assert [film.name for film in films_without_masks(folder, RECIPE)] == ["0", "1", "2", "3", "4", "5", "6", "more-0"]


def test_with_sources_named_only_those_and_what_nobody_outlined_is_seen(folder: Path) -> None:
    of_nih = films_without_masks(folder, replace(RECIPE, sources=("nih",), pretraining=Phase(64, 4, 1)))
    assert [film.name for film in of_nih] == ["more-0"]
    assert len(films_without_masks(folder, replace(RECIPE, sources=("shenzhen",)))) == 8


def test_too_few_films_are_refused(folder: Path) -> None:
    with pytest.raises(DataError, match="8 films of train or unlabelled; a step takes 9"):
        films_without_masks(folder, replace(RECIPE, pretraining=Phase(64, 90, 9)))


def test_the_wanted_share_is_hidden_and_only_that_is_asked_for(folder: Path) -> None:
    hidden = hidden_squares(RECIPE, np.random.default_rng(0))
    assert hidden.shape == (64, 64)
    assert hidden.mean() == pytest.approx(10 / 16)
    batch = next(hidden_batches(films_without_masks(folder, RECIPE), RECIPE, first=0))
    covered = np.kron(batch.hidden, np.ones((4, 4))) > 0
    assert (batch.frames[:, 0][covered] == 0).all()
    assert (batch.frames[:, 0][~covered] != 0).mean() > 0.9
    targets, where = torch.from_numpy(batch.targets), torch.from_numpy(batch.hidden)
    assert guess_loss(targets + 5 * (1 - where), targets, where) == 0
    assert guess_loss(targets + where, targets, where) == pytest.approx(1.0)


def test_it_learns(pretrained: Path) -> None:
    with pretrained.with_name("log.csv").open(encoding="utf-8") as file:
        losses = [float(row["loss"]) for row in csv.DictReader(file)]
    assert len(losses) == 80
    assert np.mean(losses[-10:]) < 0.8 * np.mean(losses[:10])


def test_the_steps_that_ask_for_things_are_spread_evenly() -> None:
    for share, steps in ((0.5, [1, 3, 5, 7]), (0.25, [3, 7]), (0.0, []), (1.0, list(range(8)))):
        recipe = replace(RECIPE, things_share=share)
        assert [n for n in range(8) if thing_steps(n + 1, recipe) > thing_steps(n, recipe)] == steps


def test_things_teach_the_mask_decoder_and_hidden_squares_the_encoder(folder: Path, tmp_path: Path) -> None:
    short = replace(RECIPE, pretraining=Phase(64, 160, 4), weight_decay=0.0)
    torch.manual_seed(short.seed)
    fresh = LungModel(TINY).state_dict()
    decoder = [name for name in fresh if name.startswith("mask_decoder.") and name.endswith(".weight")]
    encoder = "image_encoder.blocks.0.attn.qkv.weight"
    for share in (0.0, 0.5):
        kept = pretrain(replace(short, things_share=share), folder, tmp_path / str(share), CPU, Silent())
        found = torch.load(kept, weights_only=True)["model"]
        assert not torch.equal(found[encoder], fresh[encoder])
        moved = [not torch.equal(found[name], fresh[name]) for name in decoder]
        assert not any(moved) if share == 0.0 else sum(moved) > 0.9 * len(decoder)


def test_a_folder_of_another_plan_is_refused(
    folder: Path, pretrained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = replace(RECIPE, things_share=0.25)
    with pytest.raises(StateError, match=r"pretrained\.pt is of another run: it differs in things_share"):
        pretrain(other, folder, pretrained.parent, CPU, Silent())
    often = replace(RECIPE, pretraining=Phase(64, 40, 4), checkpoint_seconds=0.0, things_share=1.0)
    monkeypatch.setattr(module, "batch_loss", killing(batch_loss, call=2))
    with pytest.raises(KeyboardInterrupt):
        pretrain(often, folder, tmp_path / "killed", CPU, Silent())
    with pytest.raises(StateError, match=r"pretraining\.pt is of another run"):
        pretrain(replace(often, seed=8), folder, tmp_path / "killed", CPU, Silent())


def killing(real: Callable[..., Any], call: int) -> Callable[..., Any]:
    """Return what does as `real` until it is called for so many times, and then ends the run."""
    calls = []

    def dies(*arguments: Any) -> Any:
        calls.append(1)
        if len(calls) == call:
            raise KeyboardInterrupt
        return real(*arguments)

    return dies


@pytest.mark.parametrize("kind", ["guess_loss", "batch_loss"])
def test_a_killed_stage_ends_with_the_bits_of_one_that_was_not(
    kind: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    often = replace(RECIPE, pretraining=Phase(64, 40, 4), checkpoint_seconds=0.0)
    with monkeypatch.context() as patch:
        patch.setattr(module, kind, killing(getattr(module, kind), call=3))
        with pytest.raises(KeyboardInterrupt):
            pretrain(often, folder, tmp_path / "killed", CPU, Silent())
    assert (tmp_path / "killed" / "pretraining.pt").exists()
    runs = [pretrain(often, folder, tmp_path / name, CPU, Silent()) for name in ("killed", "straight")]
    again, straight = (torch.load(path, weights_only=True)["model"] for path in runs)
    assert all(torch.equal(again[name], value) for name, value in straight.items())


def test_training_starts_from_its_weights(folder: Path, pretrained: Path, tmp_path: Path) -> None:
    """At a rate of nothing, what training keeps is what it started from."""
    whole = write_films(tmp_path, count=10)
    out = tmp_path / "run"
    weights = train(replace(RECIPE, learning_rate=0.0), whole, out, Team(CPU), load_base(pretrained))
    kept, given = (torch.load(path, weights_only=True)["model"] for path in (weights, pretrained))
    name = "image_encoder.blocks.0.attn.qkv.weight"
    assert torch.equal(kept[name], given[name])
    assert "pretrained.pt" in (out / "run.json").read_text(encoding="utf-8")


def test_the_command_says_what_is_there_already(
    folder: Path, pretrained: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(RECIPES, "compact", RECIPE)
    words = ["--data", str(folder), "--device", "cpu"]
    assert main([*words, "--out", str(pretrained.parent)]) == 0
    assert "is there already" in capsys.readouterr().out
    assert main(["--data", str(pretrained.parent), "--out", str(folder / "out")]) == 1
    assert "training.pretrain:" in capsys.readouterr().err
