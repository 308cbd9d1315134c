"""A run that is really killed (SIGKILL), in the middle of a write and at any moment, ends as one that was not."""

import csv
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from tests.training.made_films import write_films
from tests.training.team_run import RECIPE
from training.progress import COLUMNS
from training.together import Team
from training.train import train

ROOT = Path(__file__).resolve().parents[2]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="Windows has no SIGKILL"),
]


def begin(folder: Path, out: Path, *more: str) -> subprocess.Popen[bytes]:
    script = str(ROOT / "tests" / "training" / "kill_run.py")
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, script, str(folder), str(out), *more], env=environment, stdout=subprocess.DEVNULL
    )


def steps_in(out: Path) -> list[int]:
    """Return the steps in the log, in its order; each line that is whole must be readable."""
    path = out / "log.csv"
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    rows = list(csv.reader(text[: text.rfind("\n") + 1].splitlines()))
    assert all(len(row) == len(COLUMNS) for row in rows)
    return [int(row[0]) for row in rows[1:] if row[3]]


def kept_step(out: Path) -> int:
    return int(torch.load(out / "state.pt", weights_only=True)["step"])


def test_a_run_that_is_killed_twice_ends_as_one_that_was_not(tmp_path: Path) -> None:
    folder, out = tmp_path / "films", tmp_path / "killed"
    folder.mkdir()
    write_films(folder)

    # run.json, log.csv, and the states of two steps are in place; the third state is written and not yet in its place.
    process = begin(folder, out, "5")
    assert process.wait() == -signal.SIGKILL
    assert kept_step(out) == 2
    assert steps_in(out) == [1, 2, 3]
    assert list(out.glob("*.part"))

    process = begin(folder, out)
    while process.poll() is None and steps_in(out)[-1:] < [4]:
        time.sleep(0.01)
    time.sleep(random.uniform(0.0, 0.05))
    process.kill()
    assert process.wait() in (-signal.SIGKILL, 0)  # a fast machine may have ended
    assert steps_in(out)[-1] >= 3
    assert steps_in(out)[-1] - kept_step(out) <= 1  # the run keeps its state after every step

    assert begin(folder, out).wait() == 0
    assert steps_in(out) == list(range(1, 10))
    assert not list(out.glob("*.part"))
    straight = train(RECIPE, folder, tmp_path / "straight", Team(torch.device("cpu")))
    expected, found = (torch.load(path, weights_only=True) for path in (straight, out / "average.pt"))
    for name, value in expected["model"].items():
        assert torch.equal(found["model"][name], value), name
