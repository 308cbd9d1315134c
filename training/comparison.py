"""One checkpoint against another on the same films and boxes: float against INT8, before against after."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from training.scoring import Score
from training.statistics import NonInferiority, SignedRank, non_inferiority, wilcoxon
from training.summary import by_film


@dataclass(frozen=True, slots=True)
class Comparison:
    """What two checkpoints' Dice values say of each other; a film counts once, with the mean of its drawn boxes."""

    films: str  # which
    signed_rank: SignedRank
    non_inferiority: NonInferiority


def compare(new: Sequence[Score], old: Sequence[Score]) -> list[Comparison]:
    """Return the comparison for every source, and for all of them."""
    if [(one.film, one.target, one.box) for one in new] != [(one.film, one.target, one.box) for one in old]:
        raise ValueError("the two were not asked the same")
    names = sorted({one.source for one in new})
    wanted = [(name, {name}) for name in names] + ([("all", set(names))] if len(names) > 1 else [])
    found = []
    for name, sources in wanted:
        _, patients, ours = by_film([one for one in new if one.source in sources])
        _, _, theirs = by_film([one for one in old if one.source in sources])
        found.append(Comparison(name, wilcoxon(ours - theirs), non_inferiority(ours, theirs, patients)))
    return found


def as_markdown(found: Sequence[Comparison], new: str, old: str) -> str:
    """Return the comparison as a table, with what each test can and cannot say."""
    lines = [
        f"{new} against {old}: Dice points, mean of a film's drawn boxes.",
        "",
        "Wilcoxon's signed-rank test is the paper's. A large p does not show that two are equal; the interval of the",
        "difference does, where it lies above minus the margin.",
        "",
        "| films | n | difference (95 % interval) | margin | non-inferior | Wilcoxon p |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for one in found:
        difference, rank = one.non_inferiority.difference, one.signed_rank
        how = "exact" if rank.exact else "normal approximation"
        lines.append(
            f"| {one.films} | {difference.films} "
            f"| {difference.value:+.3f} ({difference.low:+.3f} to {difference.high:+.3f}) "
            f"| {one.non_inferiority.margin_points} | {'yes' if one.non_inferiority.shown else 'NO'} "
            f"| {rank.p_value:.3g} ({how}, {rank.pairs} pairs) |"
        )
    return "\n".join(lines) + "\n"


def as_json(found: Sequence[Comparison]) -> list[dict[str, Any]]:
    """Return the same for machines."""
    return [{**asdict(one), "non_inferior": one.non_inferiority.shown} for one in found]
