"""Batches, made while the network learns from the last ones: in a thread, or in processes where a GPU learns faster.

On a CPU the cores are the network's own, and one thread makes batches as fast as they are used up. A GPU asks for
hundreds of films a second, each the work of some ten milliseconds of a core.
"""

import multiprocessing
import os
import queue
import threading
from collections.abc import Iterator
from dataclasses import replace
from multiprocessing.context import BaseContext
from typing import TypeVar

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from engine.network.openvino_backend import usable_cores
from training.films import Batch, Draws, Film

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
        _Shared(draws),
        batch_size=None,
        sampler=range(first, len(draws)),
        num_workers=workers,
        prefetch_factor=_AHEAD,
        worker_init_fn=_one_thread,
        multiprocessing_context=_clean_processes(),
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


def _clean_processes() -> BaseContext:
    """Return how processes are started: not as copies of this one, which would lack its threads, the GPU's too.

    Where the system can, they are copies of a process that has imported all this and done nothing else.
    """
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    return context


class _Shared(Dataset[tuple[Tensor, ...]]):
    """Draws whose films are in memory once, whoever draws; and batches as tensors, which need no pipe either."""

    def __init__(self, draws: Draws) -> None:
        self._names = [(film.name, film.source) for film in draws.films]
        self._units = torch.from_numpy(np.stack([film.unit for film in draws.films])).share_memory_()
        self._lungs = torch.from_numpy(np.stack([film.lungs for film in draws.films])).share_memory_()
        self._without_films = replace(draws, films=[])
        self._draws: Draws | None = None

    def __getitem__(self, number: int) -> tuple[Tensor, ...]:
        if self._draws is None:  # the first in this process
            arrays = zip(self._names, self._units.numpy(), self._lungs.numpy(), strict=True)
            self._draws = replace(self._without_films, films=[Film(*names, *parts) for names, *parts in arrays])
        batch = self._draws[number]
        return tuple(
            torch.from_numpy(value) for value in (batch.frames, batch.coordinates, batch.labels, batch.targets)
        )


def _one_thread(_: int) -> None:
    cv2.setNumThreads(0)  # there is a process for every core already
