"""What changes while a network is trained: written whole or not at all, and taken back after a kill."""

import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from copy import deepcopy
from dataclasses import asdict, dataclass, field
from itertools import compress
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from torch import nn

from engine.errors import LungboxError
from engine.files import replacing
from engine.network.model import LungModel
from training.recipe import Recipe
from training.together import Team, with_team_statistics


class StateError(LungboxError):
    """A run that cannot go on from what its folder holds."""


@dataclass(slots=True)
class Run:
    """Everything that changes while training, and that a resumed run must have back."""

    model: LungModel
    average: LungModel  # of the weights over the last steps; this is what is kept
    optimizer: torch.optim.Optimizer
    recipe: Recipe
    base: str | None = None  # SHA-256 of the file that it started from, where not from nothing
    step: int = 0
    seen: int = 0  # films, over all phases
    phase: int = 0
    phase_seen: int = 0
    seconds_per_film: dict[int, float] = field(default_factory=dict)  # by side of the frame, as measured

    def save(self, path: Path) -> None:
        """Write the state, whole or not at all."""
        state: dict[str, object] = {
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
            "seen": self.seen,
            "phase": self.phase,
            "phase_seen": self.phase_seen,
            "seconds_per_film": self.seconds_per_film,
            "plan": plan_of(self.recipe, self.base),
        }
        write_whole(path, state)

    def load(self, path: Path, device: torch.device) -> None:
        """Take the state back; StateError where it is of a run that was begun otherwise."""
        state = read_whole(path, device)
        refuse_another(path, state.get("plan", {}), plan_of(self.recipe, self.base))
        take_back(path, state, {"model": self.model, "average": self.average, "optimizer": self.optimizer})
        self.step, self.seen = int(state["step"]), int(state["seen"])
        self.phase, self.phase_seen = int(state["phase"]), int(state["phase_seen"])
        self.seconds_per_film = dict(state.get("seconds_per_film", {}))


@torch.no_grad()
def follow(average: nn.Module, trained: nn.Module, step: int, longest: float) -> None:
    """Move averaged weights a little towards those after a step, statistics of batch norm included; 1 is the first."""
    decay = min(longest, (1 + step) / (10 + step))  # the first weights are soon forgotten
    kept, new = list(average.state_dict().values()), list(trained.state_dict().values())
    real = [value.dtype.is_floating_point for value in kept]
    # At once: on a GPU a launch for each of some hundred small tensors takes longer than the step itself.
    torch._foreach_lerp_(list(compress(kept, real)), list(compress(new, real)), 1.0 - decay)
    for whole, value in zip(kept, new, strict=True):
        if not whole.dtype.is_floating_point:
            whole.copy_(value)


def weight_groups(parameters: Iterable[nn.Parameter], weight_decay: float) -> list[dict[str, Any]]:
    """Return an optimizer's groups: matrices decay, vectors (biases, norms, an adapter's L) are not pulled to zero."""
    trained = list(parameters)
    return [
        {"params": [p for p in trained if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in trained if p.ndim <= 1], "weight_decay": 0.0},
    ]


def optimizer_of(network: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """Return what trains a network from scratch: ours, in stage 0 too, and each baseline."""
    groups = weight_groups((p for p in network.parameters() if p.requires_grad), recipe.weight_decay)
    return torch.optim.AdamW(groups, lr=recipe.learning_rate, betas=(0.9, 0.98))


def plan_of(recipe: Recipe, base: str | None) -> dict[str, Any]:
    """Return what a run cannot change on its way, in types that torch reads back without running code."""
    return {
        "model": recipe.model.as_json(),
        "phases": [asdict(phase) for phase in recipe.phases],
        "base": base,
        "sources": list(recipe.sources),
        "seed": recipe.seed,
    }


def refuse_another(path: Path, kept: Mapping[str, Any], plan: Mapping[str, Any]) -> None:
    """Raise StateError where a state was begun with another plan; what an older state does not say is not asked."""
    other = [name for name, value in plan.items() if kept.get(name, value) != value]
    if other:
        raise StateError(
            f"{path} is of another run: it differs in {', '.join(other)}.",
            advice="Choose another --out, or go on with what it was begun with.",
        )


def take_back(path: Path, state: Mapping[str, Any], parts: Mapping[str, Any]) -> None:
    """Give each part its own state back; StateError where that is another network's."""
    try:
        for name, part in parts.items():
            part.load_state_dict(state[name])
    except (KeyError, RuntimeError, ValueError) as error:
        raise StateError(
            f"{path} is of another network.", advice="Choose another --out, or remove it to begin again."
        ) from error


def start(recipe: Recipe, company: Team, model: LungModel | None = None, base: str | None = None) -> Run:
    """Return a new run, of `model`, which came from a file with the hash `base`, or of a network that knows nothing."""
    torch.manual_seed(recipe.seed)
    model = LungModel(recipe.model) if model is None else model
    # Channels last: convolutions of bfloat16 are made for it, on CPUs as on GPUs.
    model = model.to(company.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    average = deepcopy(model).requires_grad_(requires_grad=False)
    with_team_statistics(model, company)
    return Run(model, average, optimizer_of(model, recipe), recipe, base)


def write_whole(path: Path, state: dict[str, object]) -> None:
    """Write a torch file that takes the old one's place in one step."""
    with replacing(path) as file:
        torch.save(state, file)


def read_whole(path: Path, device: torch.device) -> dict[str, Any]:
    """Return what `write_whole` wrote; StateError where it cannot be read, or something has damaged it since."""
    try:
        state: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
    except OSError as error:
        raise StateError(f"{path} cannot be read: {error.strerror}.", advice="Choose another --out.") from error
    except (RuntimeError, EOFError, KeyError, ValueError, UnpicklingError) as error:
        raise StateError(f"{path} is damaged.", advice="Remove it to begin the run again.") from error
    return state


def command() -> str:
    """Return the command line that runs, as it was typed; which python it was is nobody's business."""
    return shlex.join(["python", *sys.orig_argv[1:]])


def commit() -> str:
    """Return the commit of the source that runs."""
    git = shutil.which("git")
    if git is None:
        return "unknown"
    done = subprocess.run([git, "rev-parse", "HEAD"], capture_output=True, text=True, check=False)  # noqa: S603
    return done.stdout.strip() or "unknown"
