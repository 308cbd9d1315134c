"""Batches are the same however many processes make them, and on from wherever a run stopped."""

import numpy as np
import pytest
import torch

from engine.network.config import Preprocessing
from training.films import Batch, Draws, Film
from training.supply import supplied, workers_for


def draws() -> Draws:
    rng = np.random.default_rng(0)
    lungs = np.zeros((2, 64, 64), np.uint8)
    lungs[0, 10:50, 8:28] = lungs[1, 10:50, 36:56] = 1
    films = [Film(str(i), "made", rng.random((64, 64), dtype=np.float32), lungs) for i in range(4)]
    return Draws(films, 21, 64, 4, 3, Preprocessing(), seed=2)


def assert_same(one: Batch, other: Batch) -> None:
    for name in ("frames", "coordinates", "labels", "targets"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)


@pytest.mark.parametrize("workers", [0, 1, 2])
@pytest.mark.parametrize("first", [0, 2])
def test_any_number_of_processes_makes_the_same_batches_in_order(workers: int, first: int) -> None:
    expected = [draws()[number] for number in range(first, 5)]
    found = list(supplied(draws(), workers, first))
    assert len(found) == len(expected) == 5 - first
    for pair in zip(found, expected, strict=True):
        assert_same(*pair)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_fault_in_making_a_batch_reaches_the_loop(workers: int) -> None:
    broken = Draws(draws().films, 8, 64, 5, 3, Preprocessing(), seed=2)  # five films a step, of four
    with pytest.raises(ValueError, match="larger sample"):
        list(supplied(broken, workers))


def test_a_cpu_keeps_its_cores_for_the_network_and_a_gpu_is_fed_by_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.supply.usable_cores", lambda: 16)
    assert workers_for(torch.device("cpu")) == 0
    assert workers_for(torch.device("cuda")) == 15
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "4")
    assert workers_for(torch.device("cuda", 1)) == 3
