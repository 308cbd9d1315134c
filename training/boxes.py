"""Boxes as people draw them: the one place for how they differ from the truth, in training and in evaluation alike.

Nobody has published how readers draw boxes round lungs, so the spread is an assumption, written here once: a careful
reader is within a few per cent of a side, a hurried one up to 15 % off on each edge. A box taken from the truth to the
pixel, as the paper uses even at test time, is an oracle; `ORACLE` exists to be compared with, not to be trained on.
"""

import hashlib
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from engine.geometry import BoxPrompt


class BoxKind(Enum):
    """How a box was drawn. What it is drawn round, one lung or both, is the caller's choice of mask."""

    ORACLE = "oracle"  # the truth's own bounds
    TIGHT = "tight"  # aimed at the edges, hit to within a per cent or two
    LOOSE = "loose"  # clear of the lung on every side
    SHIFTED = "shifted"  # the right size, in slightly the wrong place
    SLOPPY = "sloppy"  # each edge off by up to 15 % of its side, inwards or outwards
    WHOLE = "whole"  # the reader did not bother: the whole film


# Where a kind is drawn at random, each of these is as likely as the others.
DRAWN = (BoxKind.TIGHT, BoxKind.LOOSE, BoxKind.SHIFTED, BoxKind.SLOPPY)

_SMALLEST_PX = 2.0


def bounds_of(mask: NDArray[np.generic]) -> BoxPrompt | None:
    """Return the tight half-open box round a mask's non-zero pixels, None where there are none."""
    inside = mask != 0
    rows = np.flatnonzero(inside.any(axis=1))
    if rows.size == 0:
        return None
    columns = np.flatnonzero(inside.any(axis=0))
    return BoxPrompt(float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1))


def _edge_errors(rng: np.random.Generator, kind: BoxKind) -> NDArray[np.float64]:
    """Return how far left, top, right and bottom are off, in parts of the box's side; positive is right and down."""
    match kind:
        case BoxKind.TIGHT:
            return rng.normal(0.0, 0.015, 4)
        case BoxKind.LOOSE:
            outwards = np.array([-1.0, -1.0, 1.0, 1.0])
            return outwards * rng.uniform(0.0, 0.20, 4)
        case BoxKind.SHIFTED:
            return np.tile(rng.normal(0.0, 0.05, 2), 2) + rng.normal(0.0, 0.02, 4)
        case BoxKind.SLOPPY:
            return rng.uniform(-0.15, 0.15, 4)
        case BoxKind.ORACLE | BoxKind.WHOLE:
            return np.zeros(4)


def draw_box(rng: np.random.Generator, bounds: BoxPrompt, kind: BoxKind, rows: int, columns: int) -> BoxPrompt:
    """Return the box of this kind that a reader draws round something with these bounds, on the film."""
    if kind is BoxKind.WHOLE:
        return BoxPrompt.whole(rows, columns)
    sides = np.array([bounds.x1 - bounds.x0, bounds.y1 - bounds.y0] * 2)
    x0, y0, x1, y1 = np.array(bounds.corners) + _edge_errors(rng, kind) * sides
    x0 = float(np.clip(x0, 0.0, columns - _SMALLEST_PX))
    y0 = float(np.clip(y0, 0.0, rows - _SMALLEST_PX))
    return BoxPrompt(
        x0, y0, float(np.clip(x1, x0 + _SMALLEST_PX, columns)), float(np.clip(y1, y0 + _SMALLEST_PX, rows))
    )


def any_kind(rng: np.random.Generator) -> BoxKind:
    """Return one of the drawn kinds."""
    return DRAWN[int(rng.integers(len(DRAWN)))]


def fixed_rng(*names: str) -> np.random.Generator:
    """Return a generator that these names alone determine, so that an evaluation draws the same boxes on every run."""
    return np.random.default_rng(int.from_bytes(hashlib.sha256("\n".join(names).encode()).digest()[:8], "big"))
