"""A tiny run as torchrun starts it: `torchrun --nproc-per-node 2 tests/training/team_run.py FILMS OUT`."""

import sys
from pathlib import Path

from tests.tiny import TINY
from training.recipe import Phase, Recipe
from training.together import team
from training.train import train

RECIPE = Recipe(
    model=TINY,
    phases=(Phase(32, 24, 4), Phase(64, 12, 4)),
    learning_rate=3e-3,
    warmup_steps=4,
    ema_decay=0.8,
    evaluate_films=16,
    report_steps=1,
    checkpoint_seconds=0.0,
)

if __name__ == "__main__":
    with team("cpu") as company:
        train(RECIPE, Path(sys.argv[1]), Path(sys.argv[2]), company)
