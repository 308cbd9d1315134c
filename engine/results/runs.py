"""Masks and edits as runs of pixels: [first pixel, how many], pixels counted along the rows from 0."""

from typing import Any

import numpy as np

from engine.case import Finding, Making
from engine.mask import Mask


def runs_of(mask: Mask) -> list[list[int]]:
    """Return the mask as runs."""
    edge = np.diff(np.concatenate([[0], mask.pixels().ravel().view(np.int8), [0]]).astype(np.int8))
    starts, ends = np.flatnonzero(edge == 1), np.flatnonzero(edge == -1)
    return np.stack([starts, ends - starts], axis=1).tolist()  # type: ignore[no-any-return]


def mask_of_runs(rows: int, columns: int, runs: list[list[int]]) -> Mask:
    """Return the mask of runs; ValueError where they do not fit."""
    flat = np.zeros(rows * columns, dtype=np.bool_)
    for start, length in runs:
        if start < 0 or length < 1 or start + length > flat.size:
            raise ValueError("a run lies outside the film")
        flat[start : start + length] = True
    return Mask.of(flat.reshape(rows, columns))


def edits_of(finding: Finding) -> dict[str, Any]:
    """Return how the mask on show differs from what the model drew; from nothing, where no model's mask is known."""
    if finding.making is Making.MODEL:
        return {"base": "model", "added": [], "removed": []}
    base = finding.model_mask
    if base is None:
        return {"base": "empty", "added": runs_of(finding.mask), "removed": []}
    return {
        "base": "model",
        "added": runs_of(finding.mask.minus(base)),
        "removed": runs_of(base.minus(finding.mask)),
    }


def with_edits(base: Mask, edits: dict[str, Any]) -> Mask:
    """Return the base mask with the reader's edits made again."""
    added = mask_of_runs(base.rows, base.columns, edits["added"])
    removed = mask_of_runs(base.rows, base.columns, edits["removed"])
    return base.union(added).minus(removed)
