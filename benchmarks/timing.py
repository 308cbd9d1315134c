"""Times of several variants in turn, on a machine that others use too."""

import json
import math
import os
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

_CLEAN_SHARE = 0.12  # of one core: a sample that others took more from is taken again
_TRIES = 3
_LONG_SECONDS = 2.0  # a sample this long is taken once
_LEAST_ROUNDS = 2
_LEAST_SECONDS = 0.2  # shorter calls are repeated within a sample


@dataclass(frozen=True, slots=True)
class Times:
    """The samples of one variant, in milliseconds a call."""

    median_ms: float
    least_ms: float
    lower_ms: float  # quartiles
    upper_ms: float
    samples: int
    clean: int  # of them, those while other programs used less than an eighth of a core

    @staticmethod
    def of(samples: list[tuple[float, bool]]) -> "Times":
        """Return the summary of (seconds, clean) samples; the clean ones alone count, where there are any."""
        kept = [seconds for seconds, clean in samples if clean] or [seconds for seconds, _ in samples]
        lower, middle, upper = statistics.quantiles(kept, n=4) if len(kept) > 1 else (kept[0],) * 3
        return Times(
            median_ms=1e3 * middle,
            least_ms=1e3 * min(kept),
            lower_ms=1e3 * lower,
            upper_ms=1e3 * upper,
            samples=len(samples),
            clean=sum(clean for _, clean in samples),
        )

    def as_json(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)


def _others_seconds() -> float | None:
    """Return the CPU time that all other processes have had, where the system tells (Linux)."""
    try:
        fields = Path("/proc/stat").read_text(encoding="ascii").splitlines()[0].split()[1:]
    except OSError:
        return None
    user, nice, system, _idle, _wait, irq, softirq, steal = (int(value) for value in fields[:8])
    everyone = (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")
    own = os.times()
    return everyone - own.user - own.system


def _sample(call: Callable[[], object], repeats: int) -> tuple[float, bool]:
    for _ in range(_TRIES):
        others = _others_seconds()
        start = time.perf_counter()
        for _ in range(repeats):
            call()
        seconds = time.perf_counter() - start
        after = _others_seconds()
        clean = others is None or after is None or (after - others) < _CLEAN_SHARE * seconds + 0.02
        if clean or seconds > _LONG_SECONDS:
            break
    return seconds / repeats, clean


def _seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def interleaved(
    variants: Mapping[str, Callable[[], object]], rounds: int, seconds: float = math.inf
) -> dict[str, Times]:
    """Return the times of variants called in turn, so that a slow minute of the machine hits all of them alike.

    No round begins after so many seconds; the first two always run whole.
    """
    begun = time.perf_counter()
    repeats = {}
    for name, call in variants.items():
        once = _seconds(call)  # the first call also compiles and fills caches
        if once < _LONG_SECONDS:
            once = _seconds(call)
        repeats[name] = max(1, round(_LEAST_SECONDS / once))
    samples: dict[str, list[tuple[float, bool]]] = {name: [] for name in variants}
    for done in range(rounds):
        if done >= _LEAST_ROUNDS and time.perf_counter() - begun > seconds:
            break
        for name, call in variants.items():
            samples[name].append(_sample(call, repeats[name]))
    return {name: Times.of(found) for name, found in samples.items()}


def write_json(path: Path, values: Any) -> None:
    """Write measured values, sorted, for people to compare."""
    path.write_text(json.dumps(values, indent=1, sort_keys=True) + "\n", encoding="utf-8")
