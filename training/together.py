"""Several processes that train one network, as torchrun starts them; a process alone is a team of one.

    torchrun --standalone --nproc-per-node 4 -m training.train --data FOLDER --out RUN

Each process draws and learns from its share of every batch; gradients are averaged over all (torch's DDP). Batch norm
takes its statistics from the whole batch, so that a team trains what one process would have trained: on GPUs by torch's
SyncBatchNorm; that has no CPU form, so on CPUs by `TeamBatchNorm`, the same sums over gloo.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.nn.functional import all_reduce
from torch.nn.parallel import DistributedDataParallel

from engine.errors import LungboxError

T = TypeVar("T")


class TeamError(LungboxError):
    """Processes that cannot train together as asked."""


@dataclass(frozen=True, slots=True)
class Team:
    """The processes of a run, as one of them sees them."""

    device: torch.device
    rank: int = 0
    size: int = 1

    @property
    def leads(self) -> bool:
        """Whether this is the process that writes files and speaks."""
        return self.rank == 0

    def mean(self, *values: float) -> list[float]:
        """Return each value's mean over the team. Every process must ask."""
        if self.size == 1:
            return list(values)
        summed = torch.tensor(values, dtype=torch.float64 if self.device.type == "cpu" else torch.float32)
        summed = summed.to(self.device)
        dist.all_reduce(summed)
        return [float(value) / self.size for value in summed]

    def gathered(self, items: Sequence[T]) -> list[T]:
        """Return the items of all processes, by rank. Every process must ask."""
        if self.size == 1:
            return list(items)
        found: list[Sequence[T]] = [[] for _ in range(self.size)]
        dist.all_gather_object(found, list(items))
        return list(chain.from_iterable(found))

    def shared(self, model: nn.Module) -> nn.Module:
        """Return the network as it is called in training: its gradients are the team's mean."""
        if self.size == 1:
            return model
        where = [self.device] if self.device.type == "cuda" else None
        # Statistics of batch norm agree without being sent; layers for mask prompts get no gradient from boxes.
        return DistributedDataParallel(model, device_ids=where, broadcast_buffers=False, find_unused_parameters=True)

    def share_of(self, batch: int, passes: int) -> tuple[int, int]:
        """Return which share of each batch is this process's; TeamError where it cannot be shared evenly."""
        if batch % (self.size * passes):
            raise TeamError(
                f"A batch of {batch} films cannot be shared by {self.size} processes with {passes} passes each.",
                advice="Choose numbers whose product divides the batch.",
            )
        return self.rank, self.size


def _started() -> int:
    """Return how many processes torchrun started."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def refuse_several() -> None:
    """Raise TeamError where torchrun started several processes: each would do all, and write the same files."""
    if _started() > 1:
        raise TeamError(
            f"torchrun started {_started()} processes, and this command is for one.",
            advice="Start it without torchrun; of the stages, training.train alone runs on several GPUs.",
        )


@contextmanager
def team(device: str) -> Iterator[Team]:
    """Yield the team that torchrun started this process in, or a team of one."""
    if _started() == 1:
        yield Team(torch.device(device))
        return
    if device == "cuda":
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
        device = f"cuda:{os.environ['LOCAL_RANK']}"
    dist.init_process_group("nccl" if device.startswith("cuda") else "gloo")
    try:
        yield Team(torch.device(device), dist.get_rank(), dist.get_world_size())
    finally:
        dist.destroy_process_group()


class TeamBatchNorm(nn.BatchNorm2d):
    """Batch norm whose statistics are those of all processes' films, each process having as many."""

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, C, H, W) normalised by the mean and variance of the team's batch."""
        if not self.training:
            return super().forward(x)
        mean = _team_mean(x.float())
        centred = x.float() - mean
        variance = _team_mean(centred.square())
        with torch.no_grad():
            assert self.running_mean is not None
            assert self.running_var is not None
            assert self.num_batches_tracked is not None
            assert self.momentum is not None
            count = x.numel() // x.shape[1] * dist.get_world_size()
            self.running_mean.lerp_(mean.flatten(), self.momentum)
            self.running_var.lerp_(variance.flatten() * count / (count - 1), self.momentum)
            self.num_batches_tracked += 1
        out = centred * (variance + self.eps).rsqrt() * self.weight[:, None, None] + self.bias[:, None, None]
        return out.to(x.dtype)


def _team_mean(x: Tensor) -> Tensor:
    """Return (1, C, 1, 1): the mean over the films and pixels of all processes, through which gradients flow."""
    summed: Tensor = all_reduce(x.mean((0, 2, 3), keepdim=True))
    return summed / dist.get_world_size()


def with_team_statistics(model: nn.Module, company: Team) -> None:
    """Let every batch norm of a network take its statistics from the whole team's batch, in place."""
    if company.size == 1:
        return
    for name, module in list(model.named_modules()):
        if type(module) is nn.BatchNorm2d:
            owner = model.get_submodule(name.rpartition(".")[0])
            setattr(owner, name.rpartition(".")[2], _norm_like(module, company.device))


def _norm_like(module: nn.BatchNorm2d, device: torch.device) -> nn.Module:
    if device.type != "cpu":
        converted: nn.Module = nn.SyncBatchNorm.convert_sync_batchnorm(module)
        return converted
    made = TeamBatchNorm(module.num_features, module.eps, module.momentum)
    made.load_state_dict(module.state_dict())
    return made.to(device)
