"""Two processes train what one would have trained, and two passes gather the gradient of one."""

import csv
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from engine.network.config import Preprocessing
from engine.network.model import LungModel
from tests.tiny import TINY
from tests.training.made_films import write_films
from tests.training.team_run import RECIPE
from training.films import Draws, load_films
from training.together import Team, TeamError
from training.train import gradients, train

ROOT = Path(__file__).resolve().parents[2]
CPU = Team(torch.device("cpu"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_films(tmp_path_factory.mktemp("films"))


def losses_of(out: Path) -> list[float]:
    with (out / "log.csv").open(encoding="utf-8") as file:
        return [float(row["loss"]) for row in csv.DictReader(file) if row["loss"]]


def gradient_of(model: LungModel, folder: Path, accumulate: int) -> tuple[float, torch.Tensor]:
    films = load_films(folder, "train", ("shenzhen",), 64, Preprocessing())
    (batch,) = Draws(films[:4] * 2, 8, 64, 8, 3, Preprocessing(), seed=1)
    model.zero_grad()
    loss, _ = gradients(model, batch, replace(RECIPE, accumulate=accumulate), CPU.device)
    return loss, torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])


def test_two_passes_of_four_films_give_the_gradient_of_one_of_eight(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """But for batch norm, which sees one pass at a time: here it uses its running statistics; bfloat16 rounds."""
    monkeypatch.setattr("training.train.has_bfloat16", lambda _: False)
    torch.manual_seed(0)
    model = LungModel(TINY).eval()
    loss, whole = gradient_of(model, folder, 1)
    loss_in_two, halves = gradient_of(model, folder, 2)
    assert loss_in_two == pytest.approx(loss, rel=1e-5)
    assert (whole - halves).norm() < 1e-4 * whole.norm()
    assert whole.norm() > 0.01


def test_batch_norm_is_what_two_passes_differ_in(folder: Path) -> None:
    torch.manual_seed(0)
    model = LungModel(TINY).train()
    _, whole = gradient_of(model, folder, 1)
    _, halves = gradient_of(model, folder, 2)
    assert (whole - halves).norm() > 1e-3 * whole.norm()


@pytest.mark.slow
def test_two_processes_have_the_losses_of_one(folder: Path, tmp_path: Path) -> None:
    """Batch norm's statistics are the team's, so what is left is the order of sums, which AdamW's steps enlarge."""
    one, two = tmp_path / "one", tmp_path / "two"
    train(RECIPE, folder, one, CPU)
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    script = [str(ROOT / "tests" / "training" / "team_run.py"), str(folder), str(two)]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run([*torchrun, *script], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(" 36/36 films ") == 1  # one process speaks
    alone, together = losses_of(one), losses_of(two)
    assert len(alone) == 9
    assert together[0] == pytest.approx(alone[0], abs=1e-4)
    assert together == pytest.approx(alone, abs=0.01)
    scores = [torch.load(out / "average.pt", weights_only=True)["scores"] for out in (one, two)]
    assert scores[1] == pytest.approx(scores[0], abs=0.02)


def test_a_batch_that_cannot_be_shared_is_refused() -> None:
    assert Team(torch.device("cpu"), rank=1, size=2).share_of(8, 2) == (1, 2)
    with pytest.raises(TeamError, match="8 films cannot be shared by 3 processes with 1 passes"):
        Team(torch.device("cpu"), size=3).share_of(8, 1)
