"""Batches are the same however many processes make them, and on from wherever a run stopped."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests.training.draw_apart import draws, told
from training.supply import supplied, workers_for

ROOT = Path(__file__).parents[2]


def drawn_by_processes(workers: int, first: int, size: int = 4) -> list[str]:
    words = [sys.executable, "-m", "tests.training.draw_apart", *(str(one) for one in (workers, first, size))]
    done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=ROOT, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout.split("\n")[:-1]


@pytest.mark.parametrize("first", [0, 2])
def test_a_thread_makes_the_batches_in_order(first: int) -> None:
    assert [told(one) for one in supplied(draws(), 0, first)] == [told(one) for one in draws()][first:]


@pytest.mark.slow
@pytest.mark.parametrize(("workers", "first"), [(1, 0), (2, 2)])
def test_any_number_of_processes_makes_the_same_batches_in_order(workers: int, first: int) -> None:
    assert drawn_by_processes(workers, first) == [told(one) for one in draws()][first:]


def test_a_fault_in_making_a_batch_reaches_the_loop() -> None:
    with pytest.raises(ValueError, match="larger sample"):
        list(supplied(draws(5), 0))  # five films a step, of four


@pytest.mark.slow
def test_a_fault_in_a_process_reaches_the_loop_too() -> None:
    (line,) = drawn_by_processes(2, 0, size=5)
    assert line.startswith("fault: ")
    assert "larger sample" in line


def test_a_cpu_keeps_its_cores_for_the_network_and_a_gpu_is_fed_by_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.supply.usable_cores", lambda: 16)
    assert workers_for(torch.device("cpu")) == 0
    assert workers_for(torch.device("cuda")) == 15
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "4")
    assert workers_for(torch.device("cuda", 1)) == 3
