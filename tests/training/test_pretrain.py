"""Stage 0 on made films: what it may see, that it learns, that it goes on, and that training starts from it."""

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.tiny import TINY
from tests.training.made_films import COLUMNS, write_films
from training import pretrain as module
from training.base import load_base
from training.manifest import DataError
from training.pretrain import films_without_masks, guess_loss, hidden_batches, hidden_squares, main, pretrain
from training.progress import Silent
from training.recipe import RECIPES, Phase, Recipe
from training.together import Team
from training.train import train

RECIPE = Recipe(
    model=TINY,
    phases=(Phase(64, 4, 4),),
    pretraining=Phase(64, 320, 4),
    hidden_side=16,
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


def test_a_killed_stage_ends_with_the_bits_of_one_that_was_not(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, steps = module.guess_loss, []

    def dies(*arguments: torch.Tensor) -> torch.Tensor:
        steps.append(1)
        if len(steps) == 6:
            raise KeyboardInterrupt
        return real(*arguments)

    often = replace(RECIPE, pretraining=Phase(64, 40, 4), checkpoint_seconds=0.0)
    monkeypatch.setattr(module, "guess_loss", dies)
    with pytest.raises(KeyboardInterrupt):
        pretrain(often, folder, tmp_path / "killed", CPU, Silent())
    monkeypatch.setattr(module, "guess_loss", real)
    runs = [pretrain(often, folder, tmp_path / name, CPU, Silent()) for name in ("killed", "straight")]
    again, straight = (torch.load(path, weights_only=True)["model"] for path in runs)
    assert len(steps) == 6
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
