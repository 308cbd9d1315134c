"""Films in memory, and what a training step is made of: augmented frames, prompts as people give them, and truth.

Films are read through the engine, so training sees what the clinic sees; the percentile stretch is the engine's too and
is applied again after every augmentation.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.film.radiograph import Radiograph
from engine.geometry import BoxPrompt, Letterbox, PointPrompt, Prompts
from engine.model_input import standardise, to_model_input, to_unit
from engine.network.config import Preprocessing
from training.boxes import any_kind, bounds_of, draw_box
from training.manifest import DataError, FilmRecord, Label, Split, key_of, lung_truth, manifest_rows, named_sources
from training.sources import records_in
from training.truth import Lungs as Truth
from training.truth import read_film, read_lungs

Frame = NDArray[np.float32]
Lungs = NDArray[np.uint8]  # (2, size, size): the image's left lung, the image's right lung


@dataclass(frozen=True, slots=True, eq=False)
class Film:
    """One film on the model's frame, grey 0 to 1, with each lung's mask."""

    name: str
    source: str
    unit: Frame
    lungs: Lungs

    @property
    def key(self) -> str:
        """Its record's name, unique across sources."""
        return key_of(self.source, self.name)


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """What one step needs; prompts are grouped by film."""

    frames: NDArray[np.float32]  # (films, channels, size, size)
    coordinates: NDArray[np.float32]  # (films * prompts, tokens, 2)
    labels: NDArray[np.float32]  # (films * prompts, tokens)
    targets: NDArray[np.float32]  # (films * prompts, size / 2, size / 2), coverage 0 to 1

    def split(self, parts: int) -> list["Batch"]:
        """Return the batch in parts with as many films each."""
        cut = [np.split(value, parts) for value in (self.frames, self.coordinates, self.labels, self.targets)]
        return [Batch(*pieces) for pieces in zip(*cut, strict=True)]


@cache
def doubtful() -> frozenset[str]:
    """Return the keys of films whose mask was looked at and found wrong, each with its reason in the file."""
    return frozenset(row["key"] for row in manifest_rows(Path(__file__).with_name("doubtful.csv"), ("key", "reason")))


def lung_records(root: Path, sources: Sequence[str]) -> list[FilmRecord]:
    """Return the films of some sources, of all where none is named, that a network learns from or is validated on.

    What is no truth of lungs, or draws them by another convention than the rest, is refused: see `lung_truth`. Where a
    source has lungs its other masks, such as infections, are passed over. Films with doubtful truth teach nothing;
    where a network is scored they stay, or the score would choose its own films.
    """
    records = [one for one in named_sources(records_in(root), sources) if one.mask]
    with_lungs = {one.source for one in records if one.label is Label.LUNGS}
    records = [one for one in records if one.label is Label.LUNGS or one.source not in with_lungs]
    learned = [one for one in records if one.split is Split.TRAIN and one.key not in doubtful()]
    return lung_truth([*learned, *(one for one in records if one.split is Split.VAL)])


def of_split(records: Sequence[FilmRecord], split: Split) -> list[FilmRecord]:
    """Return the films of a split; that there are none is said now, not after hours of training."""
    found = [record for record in records if record.split is split]
    if not found:
        raise DataError(
            f"No film with a mask of its lungs lies in {split.value}.",
            advice="Name some in a manifest's column split; python -m training.data split writes one.",
        )
    return found


def load_films(root: Path, split: str, sources: Sequence[str], size: int, preprocessing: Preprocessing) -> list[Film]:
    """Return the films of train or val that have masks, read through the engine, on the model's frame."""
    films = []
    for record in of_split(lung_records(root, sources), Split(split)):
        unit, radiograph, letterbox = unit_of(record, size, preprocessing)
        lungs = framed(read_lungs(record, radiograph.rows, radiograph.columns), letterbox)
        if not lungs.any():
            raise DataError(
                f"The mask of {record.key} is empty.",
                advice="Draw its lungs, or leave the film out; python -m training.data check finds all such films.",
            )
        films.append(Film(record.id, record.source, unit, lungs))
    return films


def framed(truth: Truth, letterbox: Letterbox) -> Lungs:
    """Return both lungs on the model's frame; where they cannot be told apart, all is in the first."""
    if truth.right is None or truth.left is None:
        lungs = (truth.both, np.zeros_like(truth.both))
    else:
        lungs = (truth.right, truth.left)
    return np.stack([letterbox.to_frame(lung.astype(np.float32), blank=0.0) >= 0.5 for lung in lungs]).astype(np.uint8)


def unit_of(record: FilmRecord, size: int, preprocessing: Preprocessing) -> tuple[Frame, Radiograph, Letterbox]:
    """Return a film on the model's frame, grey 0 to 1, as it was read, and how it was fitted."""
    radiograph = read_film(record)
    letterbox = Letterbox.fit(radiograph.rows, radiograph.columns, size, radiograph.pixel_aspect)
    plain = Preprocessing(preprocessing.low_percentile, preprocessing.high_percentile, mean=(0.0,), std=(1.0,))
    return to_model_input(radiograph, letterbox, plain)[0], radiograph, letterbox


def resized(films: list[Film], size: int) -> list[Film]:
    """Return the films at another resolution."""
    if films and films[0].unit.shape[0] == size:
        return films
    return [
        Film(
            film.name,
            film.source,
            cv2.resize(film.unit, (size, size), interpolation=cv2.INTER_AREA),
            np.stack([cv2.resize(lung, (size, size), interpolation=cv2.INTER_AREA) for lung in film.lungs]),
        )
        for film in films
    ]


def chances(own: int, taught: int, share: float) -> NDArray[np.float64] | None:
    """Return how likely each of `own` films, then `taught` ones, is to be drawn, `share` of them being taught ones."""
    if taught == 0:
        return None
    return np.concatenate([np.full(own, (1.0 - share) / own), np.full(taught, share / taught)])


# ---------------------------------------------------------------------------------------------- augmentation


def warp(film: Film, rng: np.random.Generator) -> tuple[Frame, Lungs]:
    """Return the film rotated, scaled, squashed, shifted, bent and sometimes mirrored."""
    size = film.unit.shape[0]
    angle = np.deg2rad(rng.normal(0, 6) if rng.random() < 0.8 else rng.uniform(-25, 25))
    scale = np.exp(rng.normal(0, 0.13))
    aspect = np.exp(rng.normal(0, 0.10))  # Montgomery's films are squashed; people's are not all alike either
    mirror = -1.0 if rng.random() < 0.15 else 1.0
    linear = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    linear = linear @ np.diag([scale * aspect * mirror, scale / aspect])
    centre = np.array([size / 2, size / 2])
    shift = rng.normal(0, 0.05, 2) * size
    inverse = np.linalg.inv(linear)
    px, py = (np.arange(size) - centre[axis] - shift[axis] for axis in (0, 1))
    map_x, map_y = (
        np.add.outer(row[1] * py, row[0] * px + middle).astype(np.float32)
        for row, middle in zip(inverse, centre, strict=True)
    )
    if rng.random() < 0.4:  # lungs of another shape
        bend = rng.normal(0, 0.02 * size, (2, 5, 5)).astype(np.float32)
        map_x += cv2.resize(bend[0], (size, size), interpolation=cv2.INTER_CUBIC)
        map_y += cv2.resize(bend[1], (size, size), interpolation=cv2.INTER_CUBIC)
    unit = cv2.remap(film.unit, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=0.0)
    lungs = np.stack([cv2.remap(lung, map_x, map_y, cv2.INTER_NEAREST, borderValue=0) for lung in film.lungs])
    return unit, lungs


def soft_noise(size: int, cells: int, rng: np.random.Generator) -> Frame:
    """Return smooth noise, standard deviation about 1, with `cells` features across."""
    grid = rng.normal(0, 1, (cells, cells)).astype(np.float32)
    return np.asarray(cv2.resize(grid, (size, size), interpolation=cv2.INTER_CUBIC))


def with_opacities(unit: Frame, lungs: Lungs, rng: np.random.Generator) -> Frame:
    """Return the film with consolidations or an effusion painted into a lung; its outline stays where it was."""
    lung = lungs[rng.integers(2)]
    if not lung.any():
        return unit
    if rng.random() < 0.4:
        return patchy(unit, lung, rng)
    return with_fluid(unit, lung, rng)


def patchy(unit: Frame, lung: NDArray[np.uint8], rng: np.random.Generator) -> Frame:
    """Return the film with consolidations in a lung."""
    size = unit.shape[0]
    field = soft_noise(size, int(rng.integers(4, 14)), rng)
    inside = cv2.GaussianBlur(lung.astype(np.float32), (0, 0), size / 100)
    cover = np.clip((field - rng.uniform(0.0, 1.0)) * rng.uniform(1.0, 4.0), 0.0, 1.0) * inside
    dense = float(np.clip(rng.normal(0.75, 0.1), 0.5, 1.0))
    return painted(unit, cover * rng.uniform(0.3, 0.95), dense, rng)


def with_fluid(unit: Frame, lung: NDArray[np.uint8], rng: np.random.Generator) -> Frame:
    """Return the film with an effusion in a lung, from a blunted angle to a white side.

    Fluid is as white as what lies beside and below the lung, and hides the border between them: were it painted in
    another grey, or up to the outline alone, a network would find the edge that no film has.
    """
    size = unit.shape[0]
    rows, columns = np.flatnonzero(lung.any(axis=1)), np.flatnonzero(lung.any(axis=0))
    share = rng.uniform(0.1, 0.6) if rng.random() < 0.8 else rng.uniform(0.6, 1.1)
    top = rows[-1] - share * (rows[-1] - rows[0])
    across = (np.arange(size, dtype=np.float32) - columns[0]) / max(1, columns[-1] - columns[0])
    level = top - rng.uniform(-0.1, 0.15) * size * (across - 0.5) * (1 if rng.random() < 0.5 else -1)
    level = level - rng.uniform(0, 0.08) * size * (2 * across - 1) ** 2  # it climbs at the wall
    depth = np.arange(size, dtype=np.float32)[:, None] - level[None, :]
    reach = round(rng.uniform(0.0, 0.03) * size)
    wide = cv2.dilate(lung, np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)).astype(np.float32)
    near = cv2.GaussianBlur(wide, (0, 0), size / 80)
    cover = np.clip(depth / (rng.uniform(0.01, 0.12) * size), 0.0, 1.0) * near
    beside = (cv2.dilate(lung, np.ones((size // 12, size // 12), np.uint8)) > lung) & (depth > 0) & (unit > 0.05)
    dense = float(np.percentile(unit[beside], rng.uniform(55, 97))) if beside.any() else 0.75
    return painted(unit, cover * rng.uniform(0.5, 1.0) ** 0.5, dense, rng, grain=0.02)


def with_gas(unit: Frame, lungs: Lungs, rng: np.random.Generator) -> Frame:
    """Return the film with a bubble of gas below a dome, as dark as lung and none of it: stomach or bowel."""
    size = unit.shape[0]
    lung = lungs[rng.integers(2)]
    rows = np.flatnonzero(lung.any(axis=1))
    if rows.size == 0:
        return unit
    over_dome = lung[rows[-1] - (rows[-1] - rows[0]) // 5 :].any(axis=0)  # not beside the heart
    x = int(rng.choice(np.flatnonzero(over_dome)))
    radius_x, radius_y = (float(value) for value in rng.uniform(0.02, 0.09, 2) * size)
    y = np.flatnonzero(lung[:, x])[-1] + rng.uniform(0.005, 0.05) * size + radius_y
    ink = np.zeros(unit.shape, dtype=np.uint8)
    cv2.ellipse(ink, ((float(x), float(y)), (2 * radius_x, 2 * radius_y), float(rng.uniform(-30, 30))), 255, -1)
    cover = cv2.GaussianBlur(ink.astype(np.float32) / 255.0, (0, 0), rng.uniform(0.002, 0.012) * size)
    cover = cover * (1.0 - lungs.max(axis=0)) * rng.uniform(0.4, 0.95)
    return painted(unit, cover, float(np.percentile(unit[lung > 0], rng.uniform(10, 70))), rng)


def painted(unit: Frame, cover: Frame, dense: float, rng: np.random.Generator, grain: float = 0.06) -> Frame:
    """Return the film where `cover`, from 0 to 1, hides it behind something of one density, a little uneven."""
    texture = 1.0 + rng.uniform(0.0, grain) * soft_noise(unit.shape[0], 48, rng)
    return np.asarray(unit * (1.0 - cover) + dense * texture * cover, dtype=np.float32)


def with_devices(unit: Frame, rng: np.random.Generator) -> Frame:
    """Return the film with letters, lines, electrodes or a pacemaker on it."""
    size = unit.shape[0]
    drawn = np.array(unit)
    for _ in range(int(rng.integers(1, 5))):
        ink = np.zeros(unit.shape, dtype=np.uint8)
        thickness = max(1, round(rng.uniform(0.002, 0.010) * size))
        x, y = (int(v) for v in rng.uniform(0.02, 0.98, 2) * size)
        match rng.integers(4):
            case 0:
                text = str(rng.choice(["R", "L", "PA", "AP", "ERECT", "12:40", "SUPINE"]))
                height = float(rng.uniform(0.5, 2.0) * size / 512)
                cv2.putText(ink, text, (x, y), cv2.FONT_HERSHEY_SIMPLEX, height, 255, thickness)
            case 1:
                knots = np.cumsum(rng.normal(0, 0.12, (5, 2)), axis=0) + rng.uniform(0.2, 0.8, 2)
                t = np.linspace(0, 4, 60)
                line = np.stack([np.interp(t, np.arange(5), knots[:, i]) for i in range(2)], axis=1)
                line = cv2.GaussianBlur(line.astype(np.float32), (1, 15), 4) * size
                cv2.polylines(ink, [line.round().astype(np.int32)], isClosed=False, color=255, thickness=thickness)
            case 2:
                radius = max(2, int(rng.uniform(0.008, 0.03) * size))
                cv2.circle(ink, (x, y), radius, 255, -1 if rng.random() < 0.5 else thickness)
            case _:
                width, height_px = (int(v) for v in rng.uniform(0.03, 0.12, 2) * size)
                cv2.rectangle(ink, (x, y), (x + width, y + height_px), 255, -1)
        cover = ink.astype(np.float32) * float(rng.uniform(0.4, 1.0) / 255.0)
        drawn = drawn * (1.0 - cover) + float(rng.uniform(0.7, 1.3)) * cover
    return np.asarray(drawn, dtype=np.float32)


def collimated(unit: Frame, lungs: Lungs, rng: np.random.Generator) -> tuple[Frame, Lungs]:
    """Return the film with shutters; lung behind them is no longer there to be outlined."""
    size = unit.shape[0]
    x0, y0 = (int(v) for v in rng.uniform(0.0, 0.15, 2) * size)
    x1, y1 = (int(v) for v in rng.uniform(0.85, 1.0, 2) * size)
    open_field = np.zeros_like(unit, dtype=np.uint8)
    open_field[y0:y1, x0:x1] = 1
    shut = 0.0 if rng.random() < 0.7 else 1.0
    return np.where(open_field > 0, unit, np.float32(shut)), lungs * open_field


def exposed(unit: Frame, rng: np.random.Generator) -> Frame:
    """Return the film as another vendor, dose or window would have given it."""
    size = unit.shape[0]
    unit = cv2.pow(np.clip(unit, 0.0, 1.3), float(np.exp(rng.normal(0, 0.35))))
    if rng.random() < 0.3:  # a steep or flat window
        centre, slope = rng.uniform(0.35, 0.65), rng.uniform(2.0, 9.0)
        unit = 1.0 / (1.0 + cv2.exp(-slope * (unit - centre)))
    if rng.random() < 0.4:
        unit = unit + rng.uniform(0.0, 0.12) * soft_noise(size, int(rng.integers(2, 5)), rng)
    if rng.random() < 0.3:
        unit = cv2.GaussianBlur(unit, (0, 0), rng.uniform(0.4, 2.0) * size / 512)
    if rng.random() < 0.15:  # vendors sharpen
        unit = unit + rng.uniform(0.3, 1.5) * (unit - cv2.GaussianBlur(unit, (0, 0), rng.uniform(2, 12) * size / 512))
    if rng.random() < 0.5:
        unit = unit + np.float32(rng.uniform(0.0, 0.06)) * rng.standard_normal(unit.shape, dtype=np.float32)
    if rng.random() < 0.12:
        unit = 1.0 - unit
    return np.asarray(unit, dtype=np.float32)


def lungless(film: Film, rng: np.random.Generator) -> tuple[Frame, Lungs] | None:
    """Return a part of the film without lung, enlarged: what a hand or a hip teaches, where only chests are at hand."""
    size = film.unit.shape[0]
    lung = film.lungs.max(axis=0)
    for _ in range(12):
        side = int(rng.uniform(0.2, 0.5) * size)
        x, y = (int(v) for v in rng.integers(0, size - side, 2))
        cut = film.unit[y : y + side, x : x + side]
        if lung[y : y + side, x : x + side].mean() < 0.01 and cut.std() > 0.05:
            unit = np.rot90(cv2.resize(cut, (size, size), interpolation=cv2.INTER_LINEAR), int(rng.integers(4)))
            return np.ascontiguousarray(unit), np.zeros_like(film.lungs)
    return None


def augmented(film: Film, preprocessing: Preprocessing, rng: np.random.Generator) -> tuple[Frame, Lungs]:
    """Return one variation of a film, stretched as the engine stretches every film."""
    elsewhere = lungless(film, rng) if rng.random() < 0.06 else None
    unit, lungs = elsewhere or warp(film, rng)
    if rng.random() < 0.45:
        unit = with_opacities(unit, lungs, rng)
    if rng.random() < 0.15:
        unit = with_gas(unit, lungs, rng)
    if rng.random() < 0.25:
        unit = with_devices(unit, rng)
    unit = exposed(unit, rng)
    if rng.random() < 0.15:
        unit, lungs = collimated(unit, lungs, rng)
    return to_unit(unit, None, preprocessing), lungs


# ---------------------------------------------------------------------------------------------- prompts


def point_in(mask: NDArray[np.bool_], rng: np.random.Generator, *, positive: bool) -> PointPrompt | None:
    """Return a random point of a mask."""
    index = np.flatnonzero(mask)
    if index.size == 0:
        return None
    y, x = divmod(int(rng.choice(index)), mask.shape[1])
    return PointPrompt(x + 0.5, y + 0.5, positive)


def draw_prompts(
    lungs: Lungs, wanted: list[int], *, points: int, boxed: bool, rng: np.random.Generator
) -> tuple[Prompts, NDArray[np.uint8]]:
    """Return a prompt for the wanted lungs (0, 1 or both) with exactly `points` points, and what it should give."""
    size = lungs.shape[-1]
    target = lungs[wanted].max(axis=0)
    if not target.any():
        target, wanted = lungs.max(axis=0), [0, 1]  # this lung is behind a shutter: the film is asked for instead
    tight = bounds_of(target)
    box = BoxPrompt.whole(size, size)
    if tight is None and rng.random() < 0.5:
        x0, y0 = rng.uniform(0.0, 0.6, 2) * size
        box = BoxPrompt(x0, y0, *(np.array([x0, y0]) + rng.uniform(0.15, 0.4, 2) * size).tolist())
    elif tight is not None and (len(wanted) == 1 or rng.random() < 0.65):
        box = draw_box(rng, tight, any_kind(rng), size, size)
    given: list[PointPrompt] = []
    for i in range(points):
        positive = i == 0 or rng.random() < 0.6
        where = target > 0 if positive else cv2.dilate(target, np.ones((5, 5), np.uint8)) == 0
        point = point_in(where, rng, positive=positive)
        given.append(point or PointPrompt(size / 2, size / 2, positive=True))
    return Prompts(box if boxed else None, tuple(given)), target


Variation = Callable[[Film, Preprocessing, np.random.Generator], tuple[Frame, Lungs]]


@dataclass(frozen=True, slots=True, eq=False)
class Draws:
    """The batches of a stretch of training, each made when it is asked for. Masks are half the frame's size.

    What a film of a batch becomes depends on the seed, the batch's number and the film's place in it, on nothing else:
    a run that goes on draws what it would have drawn, several processes may each make some of the batches, and `share`
    (which, of how many) of each batch is the same films whoever draws the others.
    """

    films: list[Film]
    count: int  # films drawn, with repetition
    size: int
    batch: int
    prompts: int
    preprocessing: Preprocessing
    seed: int
    share: tuple[int, int] = (0, 1)
    mask_size: int | None = None
    chances: NDArray[np.float64] | None = None  # how likely each film is to be drawn, with sum 1; all alike by default
    vary: Variation = augmented

    def __len__(self) -> int:
        return self.count // self.batch

    def __iter__(self) -> Iterator[Batch]:
        return (self[number] for number in range(len(self)))

    def __getitem__(self, number: int) -> Batch:
        which, of = self.share
        per_share = self.batch // of
        rng = np.random.default_rng([self.seed, number])
        chosen = rng.choice(len(self.films), self.batch, replace=False, p=self.chances)
        boxed = rng.random() > 0.06
        points = int(rng.choice([0, 0, 0, 0, 1, 2, 3])) if boxed else int(rng.integers(1, 4))
        asked = [
            self._asked(
                self.films[chosen[place]],
                np.random.default_rng([self.seed, number, place + 1]),
                points=points,
                boxed=boxed,
            )
            for place in range(which * per_share, (which + 1) * per_share)
        ]
        return Batch(
            np.stack([one.frames for one in asked]),
            np.concatenate([one.coordinates for one in asked]),
            np.concatenate([one.labels for one in asked]),
            np.concatenate([one.targets for one in asked]),
        )

    def _asked(self, film: Film, rng: np.random.Generator, *, points: int, boxed: bool) -> Batch:
        """Return one variation of a film with its prompts; `frames` is the one frame."""
        frame, side = Letterbox.fit(self.size, self.size, self.size), self.mask_size or self.size // 2
        unit, lungs = self.vary(film, self.preprocessing, rng)
        coordinates, labels, targets = [], [], []
        for wanted in ([0], [1], [0, 1])[: self.prompts]:
            # A single point inside one lung cannot mean both.
            ask = wanted if boxed or len(wanted) == 1 else [int(rng.integers(2))]
            prompt, target = draw_prompts(lungs, ask, points=points, boxed=boxed, rng=rng)
            where, kind = frame.tokens(prompt)
            coordinates.append(where)
            labels.append(kind)
            targets.append(cv2.resize(target.astype(np.float32), (side, side), interpolation=cv2.INTER_AREA))
        return Batch(standardise(unit, self.preprocessing), np.stack(coordinates), np.stack(labels), np.stack(targets))
