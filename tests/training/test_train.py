"""The loop on made films: it learns them, it goes on after a kill, and its weights become a checkpoint."""

import csv
import re
from dataclasses import replace
from pathlib import Path

import cv2
import pytest
import torch

from tests.tiny import TINY
from tests.training.made_films import write_films
from training.base import load_base
from training.manifest import DataError
from training.pictures import MODEL, TRUTH
from training.recipe import Phase, Recipe
from training.state import StateError, start
from training.together import Team
from training.train import learning_rate, loss_of, train

CPU = Team(torch.device("cpu"))

RECIPE = Recipe(
    model=TINY,
    phases=(Phase(32, 48, 4), Phase(64, 24, 4)),
    learning_rate=6e-3,
    warmup_steps=4,
    ema_decay=0.8,
    evaluate_films=40,
    report_steps=2,
    checkpoint_seconds=0.0,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_films(tmp_path_factory.mktemp("films"))


def test_the_rate_rises_then_falls_to_nothing() -> None:
    rates = [learning_rate(step, step / 100, RECIPE) for step in range(101)]
    assert rates[0] < rates[3]
    assert max(rates) <= RECIPE.learning_rate
    assert rates[100] < 1e-9


def test_a_perfect_mask_costs_next_to_nothing_and_an_empty_one_a_lot() -> None:
    targets = torch.zeros(2, 32, 32)
    targets[:, 8:24, 8:24] = 1
    good, dice = loss_of((targets * 2 - 1) * 20, torch.ones(2), targets, RECIPE)
    bad, none = loss_of(torch.full_like(targets, -20.0), torch.ones(2), targets, RECIPE)
    assert good < 1e-3
    assert dice == 1.0
    assert bad > 1.0
    assert none == 0.0


def test_a_short_run_learns_is_kept_and_says_how_it_goes(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weights = train(RECIPE, folder, tmp_path, CPU)
    assert re.search(r" 67 %  48/72 films  32 px  loss .* films/s  \d+ s left\n", capsys.readouterr().out)
    looks = sorted(path.name for path in (tmp_path / "overlays").iterdir())
    assert looks == ["000040.png", "000072.png"]  # within the first phase, and at the end
    sheet = cv2.imread(str(tmp_path / "overlays" / looks[-1]))
    assert sheet is not None
    for colour in (TRUTH, MODEL):
        assert (sheet == colour).all(axis=2).any()
    kept = torch.load(weights, weights_only=True)
    untrained = start(RECIPE, CPU).model.state_dict()
    assert kept["model"].keys() == untrained.keys()
    assert kept["scores"]["lung"] > 0.1  # untrained: under 0.01
    with (tmp_path / "log.csv").open() as file:
        losses = [float(row["loss"]) for row in csv.DictReader(file) if row["loss"]]
    assert losses[-1] < 0.8 * losses[0]


def test_a_killed_run_goes_on_where_it_stopped(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import training.train as module

    steps: list[int] = []
    real = module.one_step

    def dies(*arguments: object) -> tuple[float, float]:
        if len(steps) == 8:
            raise KeyboardInterrupt
        steps.append(1)
        return real(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "one_step", dies)
    with pytest.raises(KeyboardInterrupt):
        train(RECIPE, folder, tmp_path, CPU)
    state = torch.load(tmp_path / "state.pt", weights_only=True)
    assert state["seen"] == 32
    monkeypatch.setattr(module, "one_step", real)
    train(RECIPE, folder, tmp_path, CPU)
    ended = torch.load(tmp_path / "state.pt", weights_only=True)
    assert ended["seen"] == RECIPE.total_films
    assert ended["phase"] == len(RECIPE.phases)
    straight = train(RECIPE, folder, tmp_path / "straight", CPU).with_name("state.pt")
    never_killed = torch.load(straight, weights_only=True)
    for name, value in never_killed["average"].items():
        assert torch.equal(value, ended["average"][name]), name


def test_a_folder_that_holds_another_run_is_left_alone(folder: Path, tmp_path: Path) -> None:
    short = replace(RECIPE, phases=(Phase(32, 4, 4),))
    train(short, folder, tmp_path, CPU)
    before = (tmp_path / "state.pt").read_bytes()
    with pytest.raises(StateError, match="another run: it differs in phases"):
        train(RECIPE, folder, tmp_path, CPU)
    assert (tmp_path / "state.pt").read_bytes() == before


def test_a_run_does_not_go_on_as_another_bases(folder: Path, tmp_path: Path) -> None:
    """Or its card would say that it started from weights which it never saw."""
    short = replace(RECIPE, phases=(Phase(32, 4, 4),))
    one, two = (train(replace(short, seed=seed), folder, tmp_path / str(seed), CPU) for seed in (1, 2))
    train(short, folder, tmp_path / "run", CPU, load_base(one))
    told = (tmp_path / "run" / "run.json").read_bytes()
    for base in (load_base(two), None):
        with pytest.raises(StateError, match="another run: it differs in base"):
            train(short, folder, tmp_path / "run", CPU, base)
    with pytest.raises(StateError, match="another run: it differs in sources, seed"):
        train(replace(short, seed=8, sources=("shenzhen",)), folder, tmp_path / "run", CPU, load_base(one))
    assert (tmp_path / "run" / "run.json").read_bytes() == told


def test_a_state_that_does_not_say_what_it_was_begun_with_goes_on(folder: Path, tmp_path: Path) -> None:
    short = replace(RECIPE, phases=(Phase(32, 4, 4),))
    weights = train(short, folder, tmp_path, CPU)
    state = torch.load(tmp_path / "state.pt", weights_only=True)
    for name in ("base", "sources", "seed"):
        del state["plan"][name]
    torch.save(state, tmp_path / "state.pt")
    assert train(replace(short, seed=8), folder, tmp_path, CPU) == weights


def test_fewer_films_than_a_step_takes_are_refused_before_the_first(folder: Path, tmp_path: Path) -> None:
    large = replace(RECIPE, phases=(Phase(32, 48, 4), Phase(64, 24, 8)))
    with pytest.raises(DataError, match="7 films with masks to learn from; a step takes 8"):
        train(large, folder, tmp_path / "run", CPU)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("content", [b"half a file", b"cut", b""])
def test_a_damaged_state_is_said_to_be_damaged(folder: Path, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "state.pt").write_bytes(content)
    with pytest.raises(StateError, match=r"state.pt is damaged. Remove it"):
        train(RECIPE, folder, tmp_path, CPU)


def test_a_state_that_cannot_be_read_is_said(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "state.pt").mkdir()
    with pytest.raises(StateError, match=r"state.pt cannot be read"):
        train(RECIPE, folder, tmp_path, CPU)
