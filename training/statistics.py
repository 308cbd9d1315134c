"""Intervals and tests on scores of films: by patient, because two films of one patient are not two observations."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float64]
Weights = NDArray[np.int64]  # (resamples, films): how often each resample drew each film
Statistic = Callable[[Scores, Weights], Scores]  # one value a resample

RESAMPLES = 2000
MARGIN_POINTS = 0.5  # of Dice: INT8 may be worse than float by less than this
_AT_ONCE = 4_000_000  # weights in memory at a time: 32 MB


@dataclass(frozen=True, slots=True)
class Interval:
    """A statistic and its 95 % interval."""

    value: float
    low: float
    high: float
    films: int
    patients: int


def mean(scores: Scores, weights: Weights) -> Scores:
    """Return each resample's mean."""
    return np.asarray((weights @ scores) / weights.sum(axis=1))


def fifth_percentile(scores: Scores, weights: Weights) -> Scores:
    """Return the value below which 5 % of each resample lie, interpolated between the two nearest."""
    order = np.argsort(scores, kind="stable")
    ranked, reached = scores[order], np.cumsum(weights[:, order], axis=1)
    place = 0.05 * (reached[:, -1] - 1)
    below = np.floor(place)

    def at(places: NDArray[np.float64]) -> Scores:
        return np.asarray(ranked[(reached <= places[:, None]).sum(axis=1)])

    return np.asarray(at(below) + (place - below) * (at(np.ceil(place)) - at(below)))


def bootstrap(scores: Scores, patients: Sequence[str], statistic: Statistic = mean, seed: int = 0) -> Interval:
    """Return the statistic with its 95 % percentile interval over patients drawn with replacement.

    All films of a drawn patient come with the patient. One patient has no spread to show, so the interval is the value.
    """
    if len(scores) == 0 or len(scores) != len(patients):
        raise ValueError(f"{len(scores)} scores for {len(patients)} patients")
    names, owner = np.unique(np.asarray(patients), return_inverse=True)
    rng = np.random.default_rng(seed)
    values = []
    step = max(1, _AT_ONCE // len(scores))
    for start in range(0, RESAMPLES, step):
        count = min(step, RESAMPLES - start)
        drawn = rng.multinomial(len(names), np.full(len(names), 1.0 / len(names)), size=count)
        values.append(statistic(scores, drawn[:, owner]))
    low, high = np.percentile(np.concatenate(values), [2.5, 97.5])
    once = np.ones((1, len(scores)), dtype=np.int64)
    return Interval(float(statistic(scores, once)[0]), float(low), float(high), len(scores), len(names))


@dataclass(frozen=True, slots=True)
class SignedRank:
    """Wilcoxon's signed-rank test of paired differences, two-sided."""

    statistic: float  # the smaller of the two rank sums
    p_value: float
    pairs: int  # that differ; pairs without a difference are left out, as Wilcoxon did
    exact: bool


_EXACT_UP_TO = 50


def wilcoxon(differences: Scores) -> SignedRank:
    """Return the test of whether paired differences are symmetric about zero.

    Exact up to 50 pairs without ties; else the normal approximation with the correction for ties and for continuity.
    """
    kept = differences[differences != 0.0]
    n = len(kept)
    if n == 0:
        return SignedRank(0.0, 1.0, 0, exact=True)
    sizes, place, counts = np.unique(np.abs(kept), return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2.0)[place]  # ties share the mean of their ranks
    positive = float(ranks[kept > 0].sum())
    total = n * (n + 1) / 2.0
    smaller = min(positive, total - positive)
    if n <= _EXACT_UP_TO and len(sizes) == n:
        # ways[s]: subsets of the ranks 1..n with sum s, each sign pattern being equally likely.
        ways = np.zeros(int(total) + 1)
        ways[0] = 1.0
        for rank in range(1, n + 1):
            ways[rank:] = ways[rank:] + ways[:-rank]
        tail = float(ways[: int(smaller) + 1].sum()) / 2.0**n
        return SignedRank(smaller, min(1.0, 2.0 * tail), n, exact=True)
    variance = n * (n + 1) * (2 * n + 1) / 24.0 - float((counts**3 - counts).sum()) / 48.0
    z = max(0.0, total / 2.0 - smaller - 0.5) / math.sqrt(variance)
    return SignedRank(smaller, math.erfc(z / math.sqrt(2.0)), n, exact=False)


@dataclass(frozen=True, slots=True)
class NonInferiority:
    """Whether a method is worse than another by less than a margin, at 2.5 % one-sided."""

    difference: Interval  # new minus old, in points of Dice (hundredths)
    margin_points: float

    @property
    def shown(self) -> bool:
        """True when even the interval's low end is above minus the margin."""
        return self.difference.low > -self.margin_points


def non_inferiority(
    new: Scores, old: Scores, patients: Sequence[str], margin_points: float = MARGIN_POINTS, seed: int = 0
) -> NonInferiority:
    """Return the comparison of paired Dice values: no significant difference is no proof of equality, this is one."""
    return NonInferiority(bootstrap((new - old) * 100.0, patients, mean, seed), margin_points)
