"""Intervals from the prompt's uncertainty: how far a number moves when the box is drawn a little differently."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from engine.case import Case
from engine.geometry import BoxPrompt, Prompts
from engine.mask import Mask
from engine.measure.case import measure
from engine.measure.values import Measurements

JITTER = 0.03  # of the box's side, about how far two readers' boxes differ
DRAWS = 8


def jittered(prompts: Prompts, rows: int, columns: int, draws: int = DRAWS, seed: int = 0) -> list[Prompts]:
    """Return the same prompts with each edge of the box moved by up to `JITTER` of its side; always the same draws."""
    if prompts.box is None:
        return []
    box = prompts.box.clipped(rows, columns)
    width, height = box.x1 - box.x0, box.y1 - box.y0
    shifts = np.random.default_rng(seed).uniform(-JITTER, JITTER, (draws, 4)) * (width, height, width, height)
    moved = [BoxPrompt(*(np.array(box.corners) + shift).tolist()).clipped(rows, columns) for shift in shifts]
    return [replace(prompts, box=other) for other in moved]


def with_intervals(case: Case, measurements: Measurements, masks: Mapping[str, Sequence[Mask]]) -> Measurements:
    """Return the measurements with the range each took over alternative masks, by tracking UID.

    The k-th alternatives of all structures are measured together, so that asymmetry has its interval too. A number
    that some alternative could not give has none: its interval would be too narrow.
    """
    draws = min((len(alternatives) for alternatives in masks.values()), default=0)
    if draws == 0:
        return measurements
    rounds = []
    for draw in range(draws):
        findings = tuple(
            replace(finding, mask=masks[finding.tracking_uid][draw]) if finding.tracking_uid in masks else finding
            for finding in case.findings
        )
        rounds.append(measure(replace(case, findings=findings)))
    rows = []
    for row in measurements:
        others = [found.value for each in rounds if (found := each.of(row.structure, row.id)) is not None]
        known = [value for value in others if value is not None]
        if row.value is None or len(known) < draws:
            rows.append(row)
            continue
        rows.append(replace(row, interval=(min(*known, row.value), max(*known, row.value))))
    return Measurements(tuple(rows), measurements.spacing)
