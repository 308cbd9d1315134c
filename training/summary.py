"""From the scores of films to the tables that a model card prints, and to the bars that a release must clear."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.boxes import BoxKind
from training.manifest import Convention
from training.scoring import Score, Target, is_drawn
from training.statistics import Interval, bootstrap, fifth_percentile

DRAWN = "as drawn"  # the four drawn kinds together, each as often


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: a source, what was asked for, and how the boxes were drawn."""

    source: str
    convention: str
    altered: str
    asked: str  # "one lung" or "both lungs"
    box: str
    masks: int
    dice: Interval
    dice_median: float
    dice_fifth: Interval  # 5th percentile
    iou: float
    precision: float
    recall: float
    nsd: float
    nsd_paper: float
    hd95: float
    average_distance: float
    angle_error: float | None
    apex_error: float | None
    wall_error: float | None
    ssim: float
    not_whole_percent: float  # other than one piece a lung, or with a hole
    raw_not_whole_percent: float  # the same before the program tidies the network's mask
    roughness: float | None
    unit: str


def asked_for(one: Score) -> str:
    """Return what the reader wanted, whichever lung it was."""
    return "both lungs" if one.target == Target.BOTH.value else "one lung"


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def _sure(values: Iterable[float]) -> float:
    return float(np.mean(list(values)))


def row_of(scores: Sequence[Score], source: str, asked: str, box: str) -> Row:
    """Return the line of some scores; every mask counts alike, and intervals are over patients."""
    dices = np.array([one.dice for one in scores])
    patients = [one.patient for one in scores]
    conventions, units = {one.convention for one in scores}, {one.unit for one in scores}
    return Row(
        source=source,
        convention=" and ".join(sorted(conventions)),
        altered=scores[0].altered,
        asked=asked,
        box=box,
        masks=len(scores),
        dice=bootstrap(dices, patients),
        dice_median=float(np.median(dices)),
        dice_fifth=bootstrap(dices, patients, fifth_percentile),
        iou=_sure(one.iou for one in scores),
        precision=_sure(one.precision for one in scores),
        recall=_sure(one.recall for one in scores),
        nsd=_sure(one.nsd for one in scores),
        nsd_paper=_sure(one.nsd_paper for one in scores),
        hd95=_sure(one.hd95 for one in scores),
        average_distance=_sure(one.average_distance for one in scores),
        angle_error=_mean(one.angle_error for one in scores),
        apex_error=_mean(one.apex_error for one in scores),
        wall_error=_mean(one.wall_error for one in scores),
        ssim=_sure(one.ssim for one in scores),
        not_whole_percent=100.0 * _sure(not one.whole for one in scores),
        raw_not_whole_percent=100.0 * _sure(not one.raw_whole for one in scores),
        roughness=_mean(one.roughness for one in scores),
        unit=" or ".join(sorted(units)),
    )


def table(scores: Sequence[Score]) -> list[Row]:
    """Return a line for every source, and for all sources of one convention together, by what was asked and the box.

    Sources of different conventions are never pooled.
    """
    rows = []
    sources: list[tuple[str, list[Score]]] = []
    for convention in Convention:
        alike = [one for one in scores if one.convention == convention.value]
        names = sorted({one.source for one in alike})
        sources += [(name, [one for one in alike if one.source == name]) for name in names]
        if len(names) > 1:
            sources.append((" + ".join(names), alike))
    for name, of_source in sources:
        for altered in sorted({one.altered for one in of_source}):
            for asked in ("one lung", "both lungs"):
                group = [one for one in of_source if one.altered == altered and asked_for(one) == asked]
                rows += [row_of(part, name, asked, box) for box, part in _by_box(group) if part]
    return rows


def _by_box(group: list[Score]) -> list[tuple[str, list[Score]]]:
    kinds = [(kind.value, [one for one in group if one.box == kind.value]) for kind in BoxKind]
    return [(DRAWN, [one for one in group if is_drawn(one)]), *kinds]


# ---------------------------------------------------------------------------------------------- bars


@dataclass(frozen=True, slots=True)
class Bar:
    """One thing that a release must clear."""

    name: str
    found: float
    wanted: str
    cleared: bool


def _pooled(rows: Sequence[Row], asked: str, box: str, altered: str = "") -> Row | None:
    """Return the line of the most masks."""
    fitting = [row for row in rows if (row.asked, row.box, row.altered) == (asked, box, altered)]
    return max(fitting, key=lambda row: row.masks, default=None)


def bars(rows: Sequence[Row], drawn_by: Convention = Convention.HEART_EXCLUDED) -> list[Bar]:
    """Return the bars that these lines can speak to: of truth that is drawn as the model outlines."""
    rows = [row for row in rows if row.convention == drawn_by.value]
    found: list[Bar] = []

    def at_least(name: str, value: float, least: float) -> None:
        found.append(Bar(name, value, f"at least {least}", value >= least))

    one, both = _pooled(rows, "one lung", DRAWN), _pooled(rows, "both lungs", DRAWN)
    if one:
        at_least("one-lung boxes as drawn: mean Dice", one.dice.value, 0.970)
        at_least("one-lung boxes as drawn: 5th percentile of Dice", one.dice_fifth.value, 0.945)
    if both:
        at_least("both-lung boxes as drawn: mean Dice", both.dice.value, 0.966)
    if whole := _pooled(rows, "both lungs", BoxKind.WHOLE.value):
        at_least("whole film as the box: mean Dice", whole.dice.value, 0.966)
    for asked in ("one lung", "both lungs"):
        tight = _pooled(rows, asked, BoxKind.TIGHT.value)
        sloppy = _pooled(rows, asked, BoxKind.SLOPPY.value)
        if tight and sloppy:
            lost = 100.0 * (tight.dice.value - sloppy.dice.value)
            name = f"{asked}: Dice points lost by a sloppy box against a tight one"
            found.append(Bar(name, lost, "at most 0.7", lost <= 0.7))
    for row in (one, both):
        if row:
            name = f"{row.asked}: masks in other than one piece a lung, or with holes, per cent"
            found.append(Bar(name, row.not_whole_percent, "under 0.5", row.not_whole_percent < 0.5))
        if row and row.roughness is not None:
            name = f"{row.asked}: roughness against the truth's"
            found.append(Bar(name, row.roughness, "0.9 to 1.1", 0.9 <= row.roughness <= 1.1))
    for altered in sorted({row.altered for row in rows} - {""}):
        for plain in (one, both):
            spoilt = _pooled(rows, plain.asked, DRAWN, altered) if plain else None
            if plain and spoilt:
                lost = 100.0 * (plain.dice.value - spoilt.dice.value)
                name = f"{altered}, {plain.asked}: Dice points lost"
                found.append(Bar(name, lost, "at most 1.5", lost <= 1.5))
    return found


# ---------------------------------------------------------------------------------------------- text


def _number(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f}"


_COLUMNS: tuple[tuple[str, Callable[[Row], str]], ...] = (
    ("box", lambda row: row.box),
    ("n", lambda row: str(row.masks)),
    ("Dice (95 % interval)", lambda row: f"{row.dice.value:.4f} ({row.dice.low:.4f} to {row.dice.high:.4f})"),
    ("median", lambda row: f"{row.dice_median:.4f}"),
    (
        "5th pct",
        lambda row: f"{row.dice_fifth.value:.4f} ({row.dice_fifth.low:.4f} to {row.dice_fifth.high:.4f})",
    ),
    ("IoU", lambda row: f"{row.iou:.4f}"),
    ("precision", lambda row: f"{row.precision:.4f}"),
    ("NSD", lambda row: f"{row.nsd:.4f}"),
    ("NSD, paper's", lambda row: f"{row.nsd_paper:.4f}"),
    ("HD95", lambda row: f"{row.hd95:.2f}"),
    ("ASD", lambda row: f"{row.average_distance:.2f}"),
    ("angle", lambda row: _number(row.angle_error, 2)),
    ("apex", lambda row: _number(row.apex_error, 2)),
    ("chest wall", lambda row: _number(row.wall_error, 2)),
    ("SSIM", lambda row: f"{row.ssim:.4f}"),
    ("not whole %", lambda row: f"{row.not_whole_percent:.2f}"),
    ("untidied", lambda row: f"{row.raw_not_whole_percent:.2f}"),
    ("roughness", lambda row: _number(row.roughness, 3)),
)


def as_markdown(rows: Sequence[Row], drawn_by: Convention = Convention.HEART_EXCLUDED) -> str:
    """Return the lines as tables, one for each source, request and alteration; `drawn_by` is how the model outlines."""
    lines = [
        "Lengths are in mm where the spacing is known, else in pixels of a frame whose longer side is 512. NSD counts",
        "boundary pixels within 1.5 mm or 2 px of 512; the paper's tolerance is twice that. Masks are those that the",
        "program shows, specks and pinholes removed. Not whole: other than one piece a lung, or a hole; untidied: the",
        "same of the network's own masks. Roughness: perimeter squared over area against the truth's. Intervals are of",
        "95 %, by bootstrap over patients.",
    ]
    heading = ""
    for row in rows:
        spoilt = f", {row.altered}" if row.altered else ""
        title = f"### {row.source} ({row.convention}): {row.asked}{spoilt}, lengths in {row.unit}"
        if title != heading:
            heading = title
            lines += ["", title, ""]
            if row.convention != drawn_by.value:
                lines += [
                    "The truth is drawn by another convention than the model's, so Dice, IoU, NSD and HD95 say little;",
                    "precision, apex and chest wall are where the two agree.",
                    "",
                ]
            lines.append("| " + " | ".join(name for name, _ in _COLUMNS) + " |")
            lines.append("|" + " --- |" * len(_COLUMNS))
        lines.append("| " + " | ".join(text(row) for _, text in _COLUMNS) + " |")
    return "\n".join(lines) + "\n"


def bars_as_markdown(found: Sequence[Bar]) -> str:
    """Return the bars as a table."""
    lines = ["| bar | found | wanted | cleared |", "| --- | --- | --- | --- |"]
    lines += [f"| {bar.name} | {bar.found:.4f} | {bar.wanted} | {'yes' if bar.cleared else 'NO'} |" for bar in found]
    return "\n".join(lines) + "\n"


def as_json(rows: Sequence[Row], found: Sequence[Bar]) -> dict[str, Any]:
    """Return the same for machines."""
    return {"rows": [asdict(row) for row in rows], "bars": [asdict(bar) for bar in found]}


def worst(scores: Sequence[Score], count: int) -> list[Score]:
    """Return the worst drawn masks, no film twice; a film's worst box stands for it."""
    chosen: dict[str, Score] = {}
    for one in sorted((one for one in scores if is_drawn(one)), key=lambda one: (one.dice, one.film)):
        chosen.setdefault(one.film, one)
    return list(chosen.values())[:count]


def by_film(scores: Sequence[Score]) -> tuple[list[str], list[str], NDArray[np.float64]]:
    """Return films, their patients, and each film's mean Dice over its drawn boxes."""
    gathered: dict[str, list[float]] = {}
    patient_of: dict[str, str] = {}
    for one in scores:
        if is_drawn(one):
            gathered.setdefault(one.film, []).append(one.dice)
            patient_of[one.film] = one.patient
    films = sorted(gathered)
    return films, [patient_of[film] for film in films], np.array([np.mean(gathered[film]) for film in films])
