"""What changes while a network is trained: written whole or not at all, and taken back after a kill."""

import shutil
import subprocess
from copy import deepcopy
from dataclasses import asdict, dataclass, field
from itertools import compress
from pathlib import Path
from typing import Any

import torch

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
            "plan": plan_of(self.recipe),
        }
        write_whole(path, state)

    def load(self, path: Path, device: torch.device) -> None:
        """Take the state back; StateError where it is of another network or other phases."""
        state = read_whole(path, device)
        if state.get("plan", plan_of(self.recipe)) != plan_of(self.recipe):
            raise StateError(
                f"{path.parent.name} holds a run with another network or other phases.",
                advice="Choose another --out, or start with the recipe that it was begun with.",
            )
        self.model.load_state_dict(state["model"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step, self.seen = int(state["step"]), int(state["seen"])
        self.phase, self.phase_seen = int(state["phase"]), int(state["phase_seen"])
        self.seconds_per_film = dict(state.get("seconds_per_film", {}))

    @torch.no_grad()
    def follow(self, longest: float) -> None:
        """Move the averaged weights a little towards the trained ones, statistics of batch norm included."""
        decay = min(longest, (1 + self.step) / (10 + self.step))  # the first weights are soon forgotten
        kept, new = list(self.average.state_dict().values()), list(self.model.state_dict().values())
        real = [value.dtype.is_floating_point for value in kept]
        # At once: on a GPU a launch for each of some hundred small tensors takes longer than the step itself.
        torch._foreach_lerp_(list(compress(kept, real)), list(compress(new, real)), 1.0 - decay)
        for whole, value in zip(kept, new, strict=True):
            if not whole.dtype.is_floating_point:
                whole.copy_(value)


def plan_of(recipe: Recipe) -> dict[str, Any]:
    """Return what of a recipe a run cannot change on its way, in types that torch reads back without running code."""
    return {"model": recipe.model.as_json(), "phases": [asdict(phase) for phase in recipe.phases]}


def start(recipe: Recipe, company: Team, model: LungModel | None = None) -> Run:
    """Return a new run, of `model` or of a network that knows nothing. Vectors are not pulled towards zero."""
    torch.manual_seed(recipe.seed)
    model = LungModel(recipe.model) if model is None else model
    # Channels last: convolutions of bfloat16 are made for it, on CPUs as on GPUs.
    model = model.to(company.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    average = deepcopy(model).requires_grad_(requires_grad=False)
    with_team_statistics(model, company)
    matrices = [p for p in model.parameters() if p.requires_grad and p.ndim > 1]
    vectors = [p for p in model.parameters() if p.requires_grad and p.ndim <= 1]
    groups = [{"params": matrices, "weight_decay": recipe.weight_decay}, {"params": vectors, "weight_decay": 0.0}]
    return Run(model, average, torch.optim.AdamW(groups, lr=recipe.learning_rate, betas=(0.9, 0.98)), recipe)


def write_whole(path: Path, state: dict[str, object]) -> None:
    """Write a torch file that takes the old one's place in one step."""
    with replacing(path) as file:
        torch.save(state, file)


def read_whole(path: Path, device: torch.device) -> dict[str, Any]:
    """Return what `write_whole` wrote; StateError where something else has damaged it since."""
    try:
        state: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
    except (RuntimeError, EOFError, KeyError, ValueError) as error:
        raise StateError(f"{path} is damaged.", advice="Remove it to begin the run again.") from error
    return state


def commit() -> str:
    """Return the commit of the source that runs."""
    git = shutil.which("git")
    if git is None:
        return "unknown"
    done = subprocess.run([git, "rev-parse", "HEAD"], capture_output=True, text=True, check=False)  # noqa: S603
    return done.stdout.strip() or "unknown"
