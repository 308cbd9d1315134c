"""Batches, made while the network learns from the last ones: in a thread, or in processes where a GPU learns faster.

On a CPU the cores are the network's own, and one thread makes batches as fast as they are used up. A GPU asks for
hundreds of films a second, each the work of some ten milliseconds of a core.
"""

import os
import queue
import threading
from collections.abc import Iterator
from typing import TypeVar

import cv2
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from engine.network.openvino_backend import usable_cores
from training.films import Batch, Draws

Item = TypeVar("Item")
_AHEAD = 3  # batches kept ready, by each that makes them


def workers_for(device: torch.device) -> int:
    """Return how many processes make batches for a device; 0 stands for a thread of this one."""
    if device.type == "cpu":
        return 0
    beside = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))  # torchrun's word for the processes that share these cores
    return max(1, usable_cores() // beside - 1)


def supplied(draws: Draws, workers: int, first: int = 0) -> Iterator[Batch]:
    """Yield the batches from number `first` on, the same ones however many processes make them."""
    if workers == 0:
        yield from prefetched(draws[number] for number in range(first, len(draws)))
        return
    made: DataLoader[tuple[Tensor, ...]] = DataLoader(
        _Tensors(draws),
        batch_size=None,
        sampler=range(first, len(draws)),
        num_workers=workers,
        prefetch_factor=_AHEAD,
        worker_init_fn=_one_thread,
    )
    for tensors in made:
        yield Batch(*(tensor.numpy() for tensor in tensors))


def prefetched(source: Iterator[Item], depth: int = _AHEAD) -> Iterator[Item]:
    """Yield the same items, made ahead in a thread: OpenCV lets go of the interpreter lock."""
    ready: queue.Queue[Item | BaseException | None] = queue.Queue(depth)

    def fill() -> None:
        try:
            for item in source:
                ready.put(item)
            ready.put(None)
        except BaseException as fault:  # noqa: BLE001 (handed to the training loop, which raises it)
            ready.put(fault)

    threading.Thread(target=fill, daemon=True).start()
    while (item := ready.get()) is not None:
        if isinstance(item, BaseException):
            raise item
        yield item


class _Tensors(Dataset[tuple[Tensor, ...]]):
    """Batches as tensors, which travel between processes in shared memory; arrays would be copied through a pipe."""

    def __init__(self, draws: Draws) -> None:
        self._draws = draws

    def __getitem__(self, number: int) -> tuple[Tensor, ...]:
        batch = self._draws[number]
        return tuple(
            torch.from_numpy(value) for value in (batch.frames, batch.coordinates, batch.labels, batch.targets)
        )


def _one_thread(_: int) -> None:
    cv2.setNumThreads(0)  # there is a process for every core already
