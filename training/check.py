"""What is wrong with a data set before anything is trained on it: a report that people can read, and a contact sheet.

Knows nothing of how films lie on disk; it is given records, reads every film and mask once, and judges.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median

import cv2
import numpy as np

from engine.errors import LungboxError
from training import metrics, pictures
from training.duplicates import Look, Pair, groups, look_of, similar_pairs
from training.manifest import Convention, DataError, FilmRecord, Label, Part
from training.splits import leaks
from training.truth import Lungs, Pixels, read_film, read_lungs, read_mask

# Of the film's area, for both lungs together: the 794 shared masks lie between 0.08 and 0.61.
_AREA = (0.08, 0.65)
_RATIO = 3.0  # the larger lung over the smaller
_CRUMB = 0.005  # of the mask: a piece smaller than this is a slip of the pen
_LOOK_ALIKE_BITS = 40  # strangers that a person should compare; the nearest of most films is 76 bits away

# Width of the mediastinum between the lungs, over the width of both, in the lower third where the heart lies.
# For one film it proves nothing, but a source's median tells: 0.45 Shenzhen, 0.44 Montgomery, 0.19 Hannover by V7.
_GAP_EXCLUDED, _GAP_INCLUDED = 0.30, 0.22


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing about one film that a person should look at."""

    film: str
    what: str


@dataclass(frozen=True, slots=True, eq=False)
class Checked:
    """What was seen of one film."""

    record: FilmRecord
    rows: int
    columns: int
    look: Look | None
    area: float | None  # of the lungs, over the film's
    heart_gap: float | None
    tile: pictures.Tile | None  # for the contact sheet
    faults: tuple[Fault, ...]


def heart_gap(lungs: Lungs) -> float | None:
    """Return how wide the gap between the lungs is in their lower third, over the width of both."""
    if lungs.right is None or lungs.left is None:
        return None
    rows = np.flatnonzero(lungs.both.any(axis=1))
    columns = np.flatnonzero(lungs.both.any(axis=0))
    lower = range(int(rows[0] + 0.6 * len(rows)), int(rows[0] + 0.85 * len(rows)))
    gaps = []
    for row in lower:
        on_left, on_right = np.flatnonzero(lungs.right[row]), np.flatnonzero(lungs.left[row])
        if on_left.size and on_right.size:
            gaps.append(max(0, int(on_right[0]) - int(on_left[-1]) - 1))
    return median(gaps) / len(columns) if gaps else None


def lung_faults(lungs: Lungs, *, drawn_apart: bool) -> Iterator[str]:
    """Yield what is implausible about the mask of two lungs."""
    both = lungs.both
    if not both.any():
        yield "the mask is empty"
        return
    share = float(both.mean())
    if not _AREA[0] <= share <= _AREA[1]:
        yield f"lungs cover {100 * share:.0f} % of the film"
    edge = both.copy()
    edge[1:-1, 1:-1] = False
    if np.count_nonzero(edge) > 0.02 * (both.shape[0] + both.shape[1]):
        yield "lungs run out of the film"
    if found := metrics.holes(both):
        yield f"{found} holes in the mask"
    if lungs.right is None or lungs.left is None:
        yield "the lungs cannot be told apart"
        return
    yield from _side_faults(lungs.right, lungs.left, drawn_apart=drawn_apart)


def _side_faults(right: Pixels, left: Pixels, *, drawn_apart: bool) -> Iterator[str]:
    for lung, name in ((right, "right"), (left, "left")):
        if (count := metrics.pieces(lung)) > 1:
            yield f"{name} lung in {count} pieces{'' if _is_broken(lung) else ', all but one of them crumbs'}"
    columns_right, columns_left = (float(np.nonzero(lung)[1].mean()) for lung in (right, left))
    middle = right.shape[1] / 2
    if columns_right >= columns_left:
        yield "left and right are exchanged" if drawn_apart else "one lung lies over the other"
    elif columns_left < middle or columns_right > middle:
        yield "both lungs lie in one half of the film"
    sizes = sorted((int(np.count_nonzero(right)), int(np.count_nonzero(left))))
    if sizes[1] > _RATIO * sizes[0]:
        yield f"one lung is {sizes[1] / sizes[0]:.1f} times the other"
    if np.count_nonzero(right & left) > _CRUMB * sizes[0]:
        yield "the two lungs overlap"


def _is_broken(lung: Pixels) -> bool:
    """Return whether a piece besides the largest is more than a slip of the pen."""
    _, _, stats, _ = cv2.connectedComponentsWithStats(lung.astype(np.uint8), connectivity=8)
    areas = sorted(stats[1:, cv2.CC_STAT_AREA].tolist())
    return len(areas) > 1 and areas[-2] > _CRUMB * areas[-1]


def check_film(record: FilmRecord, tile_px: int = 180) -> Checked:
    """Return what there is to say of one film; one that cannot be read is a fault, not the end."""
    try:
        radiograph = read_film(record)
    except LungboxError as error:
        return Checked(record, 0, 0, None, None, None, None, (Fault(record.key, f"cannot be read: {error.message}"),))
    faults: list[str] = []
    lungs: Lungs | None = None
    outlines: list[tuple[Pixels, pictures.Colour]] = []
    try:
        if record.label is Label.LUNGS:
            lungs = read_lungs(record, radiograph.rows, radiograph.columns)
            drawn_apart = {file.part for file in record.mask} >= {Part.RIGHT, Part.LEFT}
            faults += lung_faults(lungs, drawn_apart=drawn_apart)
            # Lungs of which the sides are unknown are drawn in the colour of both.
            outlines = [(lungs.both, pictures.BOX)]
            if lungs.right is not None and lungs.left is not None:
                outlines = [(lungs.right, pictures.TRUTH), (lungs.left, pictures.SECOND)]
        elif record.mask:
            outlines = [(read_mask(record, radiograph.rows, radiograph.columns), pictures.MODEL)]
    except LungboxError as error:
        faults.append(f"mask cannot be read: {error.message}")
    if int(radiograph.stored.max()) == int(radiograph.stored.min()):
        faults.append("the film is blank")
    tile = pictures.film_tile(radiograph, outlines, side=tile_px)
    return Checked(
        record,
        radiograph.rows,
        radiograph.columns,
        look_of(radiograph),
        None if lungs is None else float(lungs.both.mean()),
        None if lungs is None else heart_gap(lungs),
        tile,
        tuple(Fault(record.key, what) for what in faults),
    )


@dataclass(frozen=True, slots=True, eq=False)
class Findings:
    """What there is to say of a whole set."""

    films: tuple[Checked, ...]
    pairs: tuple[Pair, ...]  # places are those of `films`

    def named(self, pair: Pair) -> str:
        """Return both films of a pair, with their splits."""
        one, other = (self.films[i].record for i in (pair.first, pair.second))
        splits = " and ".join(record.split.value or "unassigned" for record in (one, other))
        return f"{one.key} and {other.key} ({splits}); {pair.bits} bits, detail {pair.detail:.2f}, {pair.how}"

    @property
    def group_of(self) -> dict[str, str]:
        """Each film's group of patient and copies."""
        return groups([film.record for film in self.films], self.pairs)


def findings(films: Sequence[Checked]) -> Findings:
    """Return what the films say of each other."""
    seen = [i for i, film in enumerate(films) if film.look is not None]
    looks = [film.look for film in films if film.look is not None]
    pairs = [
        Pair(seen[pair.first], seen[pair.second], pair.bits, pair.detail, pair.how) for pair in similar_pairs(looks)
    ]
    return Findings(tuple(films), tuple(pairs))


# ---------------------------------------------------------------------------------------------- report


def report(found: Findings) -> str:
    """Return the report in Markdown: first what needs a person, then the counts."""
    films = found.films
    faults = [fault for film in films for fault in film.faults]
    copies = [pair for pair in found.pairs if pair.same_film]
    alike = [
        pair
        for pair in found.pairs
        if not pair.same_film
        and pair.bits <= _LOOK_ALIKE_BITS
        and films[pair.first].record.patient_key != films[pair.second].record.patient_key
    ]
    leaking = leaks([film.record for film in films], found.group_of)
    lines = ["# Check of the films", ""]
    lines += _verdict(found, len(faults), len(copies), len(alike), len(leaking))
    lines += ["", "## Counts", "", *_counts(films)]
    lines += ["", "## Sizes", "", *_sizes(films)]
    lines += ["", "## Conventions", "", *_conventions(films)]
    lines += ["", "## Copies of one film", "", *_listed([found.named(pair) for pair in copies])]
    lines += ["", "## Strangers that look alike: one patient under two names?", ""]
    lines += _listed([found.named(pair) for pair in alike])
    lines += ["", "## Groups in two splits", ""]
    lines += _listed([f"{a.key} ({a.split.value}) and {b.key} ({b.split.value})" for a, b in leaking])
    lines += ["", "## Films and masks to look at", "", *_faults(faults)]
    return "\n".join(lines) + "\n"


def _verdict(found: Findings, faults: int, copies: int, alike: int, leaking: int) -> list[str]:
    broken = sum(film.look is None for film in found.films)
    conventions = {film.record.convention for film in found.films if film.record.label is Label.LUNGS}
    return [
        f"- {len(found.films)} films, {broken} of them broken.",
        f"- {faults} remarks on films and masks.",
        f"- {copies} copies of another film; {alike} pairs of strangers that look alike.",
        f"- {leaking} groups of patient or copy in two splits.",
        f"- Conventions of lung masks: {', '.join(sorted(one.value for one in conventions)) or 'none'}"
        + (": MIXED, so pool no scores and train on one of them." if len(conventions) > 1 else "."),
    ]


def _counts(films: Sequence[Checked]) -> list[str]:
    lines = ["| source | split | label | films | patients |", "| --- | --- | --- | --- | --- |"]
    keys = Counter((film.record.source, film.record.split.value, film.record.label.value) for film in films)
    for (source, split, label), count in sorted(keys.items()):
        patients = {
            film.record.patient
            for film in films
            if (film.record.source, film.record.split.value, film.record.label.value) == (source, split, label)
        }
        lines.append(f"| {source} | {split or 'unassigned'} | {label or 'none'} | {count} | {len(patients)} |")
    return lines


def _sizes(films: Sequence[Checked]) -> list[str]:
    lines = ["| source | smallest | median | largest | square | area of the lungs, % of the film |"]
    lines.append("| --- | --- | --- | --- | --- | --- |")
    for source in sorted({film.record.source for film in films}):
        seen = sorted((film for film in films if film.record.source == source and film.rows), key=_pixels)
        if not seen:
            continue
        low, middle, high = (f"{film.columns} x {film.rows}" for film in (seen[0], seen[len(seen) // 2], seen[-1]))
        square = sum(film.rows == film.columns for film in seen)
        areas = [100 * film.area for film in seen if film.area is not None]
        area = f"{min(areas):.0f} to {max(areas):.0f}, median {median(areas):.0f}" if areas else ""
        lines.append(f"| {source} | {low} | {middle} | {high} | {square} of {len(seen)} | {area} |")
    return lines


def _pixels(film: Checked) -> int:
    return film.rows * film.columns


def _conventions(films: Sequence[Checked]) -> list[str]:
    lines = [
        "The gap is what lies between the lungs low down, over the width of both: wide where the heart is excluded.",
        "",
        "| source | says | films | median gap | speaks for |",
        "| --- | --- | --- | --- | --- |",
    ]
    for source in sorted({film.record.source for film in films}):
        for convention in Convention:
            gaps = [
                film.heart_gap
                for film in films
                if film.record.source == source and film.record.convention is convention and film.heart_gap is not None
            ]
            if gaps:
                gap, says = median(gaps), convention.value or "nothing"
                lines.append(f"| {source} | {says} | {len(gaps)} | {gap:.3f} | {_spoken_for(gap)} |")
    return lines


def _spoken_for(gap: float) -> str:
    if gap >= _GAP_EXCLUDED:
        return Convention.HEART_EXCLUDED.value
    return Convention.HEART_INCLUDED.value if gap <= _GAP_INCLUDED else "either"


def _listed(items: Sequence[str], most: int = 50) -> list[str]:
    if not items:
        return ["None."]
    more = [f"- and {len(items) - most} more"] if len(items) > most else []
    return [*(f"- {item}" for item in items[:most]), *more]


def _faults(faults: Sequence[Fault]) -> list[str]:
    """Return the remarks gathered by kind, so that forty films with crumbs are one line."""
    kinds: dict[str, list[Fault]] = {}
    for fault in faults:
        kinds.setdefault(re.sub(r"[\d.]+", "N", fault.what), []).append(fault)
    lines = []
    for members in sorted(kinds.values(), key=len):
        named = ", ".join(fault.film for fault in members[:8])
        more = f" and {len(members) - 8} more" if len(members) > 8 else ""
        what = members[0].what if len(members) == 1 else f"such as: {members[0].what}"
        lines.append(f"{len(members)} x {what}: {named}{more}")
    return _listed(lines)


# ---------------------------------------------------------------------------------------------- contact sheet


def contact_sheet(found: Findings, per_source: int = 10, remarked: int = 40) -> pictures.Tile:
    """Return a few films of every source, then those with remarks, then copies and look-alikes side by side.

    Patient's right lung green, left lung blue; lungs that cannot be told apart yellow; other masks red.
    """
    tiles: list[pictures.Tile] = []
    for source in sorted({film.record.source for film in found.films}):
        shown = [film for film in found.films if film.record.source == source and film.tile is not None]
        step = max(1, len(shown) // per_source)
        tiles += [_tile(film, film.record.key) for film in shown[::step][:per_source]]
    # Rare remarks first: what forty films share is seen on the first few.
    counts = Counter(fault.what for film in found.films for fault in film.faults)
    strange = sorted(
        (film for film in found.films if film.faults and film.tile is not None),
        key=lambda film: (min(counts[fault.what] for fault in film.faults), film.record.key),
    )
    tiles += [_tile(film, f"{film.record.id}: {film.faults[0].what}") for film in strange[:remarked]]
    for pair in [pair for pair in found.pairs if pair.same_film or pair.bits <= _LOOK_ALIKE_BITS][:20]:
        for film in (found.films[pair.first], found.films[pair.second]):
            tiles.append(_tile(film, f"{film.record.id} {pair.detail:.2f}"))
    return pictures.sheet(tiles, columns=10)


def _tile(film: Checked, text: str) -> pictures.Tile:
    if film.tile is None:
        raise DataError(f"{film.record.key} has no picture.")
    return pictures.captioned(film.tile, text)
