"""A tiny run that is killed: `kill_run.py FILMS OUT [N]` kills itself (SIGKILL) while it writes its Nth file."""

import itertools
import os
import signal
import sys
from pathlib import Path

import torch

from tests.training.team_run import RECIPE
from training.together import team
from training.train import train

if __name__ == "__main__":
    torch.set_num_threads(1)
    if len(sys.argv) > 3:
        moments, replace = itertools.count(1), os.replace

        def dies(source: str, target: str) -> None:
            """Stand for os.replace; the new file is written and not yet in its place."""
            if next(moments) == int(sys.argv[3]):
                os.kill(os.getpid(), signal.SIGKILL)
            replace(source, target)

        os.replace = dies  # type: ignore[assignment]
    with team("cpu") as company:
        train(RECIPE, Path(sys.argv[1]), Path(sys.argv[2]), company)
