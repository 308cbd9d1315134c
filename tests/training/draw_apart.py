"""Draws by processes: `draw_apart.py WORKERS FIRST` prints a line for each batch, or the fault that ends them.

In a process of its own: torch's loader takes over its caller's signals and descriptors.
"""

import hashlib
import sys

import numpy as np

from engine.network.config import Preprocessing
from training.films import Batch, Draws, Film
from training.supply import supplied


def draws(batch: int = 4) -> Draws:
    """Return five batches of four films."""
    rng = np.random.default_rng(0)
    lungs = np.zeros((2, 64, 64), np.uint8)
    lungs[0, 10:50, 8:28] = lungs[1, 10:50, 36:56] = 1
    films = [Film(str(i), "made", rng.random((64, 64), dtype=np.float32), lungs) for i in range(4)]
    return Draws(films, 21, 64, batch, 3, Preprocessing(), seed=2)


def told(batch: Batch) -> str:
    """Return what tells one batch from another."""
    arrays = (batch.frames, batch.coordinates, batch.labels, batch.targets)
    return hashlib.sha256(b"".join(array.tobytes() for array in arrays)).hexdigest()


def main() -> None:
    """Draw, and print."""
    workers, first, size = (int(word) for word in sys.argv[1:])
    try:
        for batch in supplied(draws(size), workers, first):
            print(told(batch))
    except ValueError as error:
        print(f"fault: {str(error).splitlines()[-1]}")


if __name__ == "__main__":
    main()
