"""One film through the engine, prompted as people would, and every number that its masks get."""

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from enum import Enum
from pathlib import Path
from typing import Any, get_type_hints

import numpy as np

from engine.files import write_atomically
from engine.film.radiograph import Radiograph
from engine.geometry import BoxPrompt, Prompts, Spacing, SpacingOrigin
from engine.lungs import name_lungs
from engine.segmenter import Embedding, Segmentation, Segmenter
from training import metrics
from training.boxes import DRAWN, BoxKind, bounds_of, draw_box, fixed_rng
from training.manifest import FilmRecord, manifest_rows
from training.metrics import Pixels, PixelSize
from training.truth import Lungs


class Target(Enum):
    """What the box was drawn round; the patient's sides."""

    RIGHT = "right lung"
    LEFT = "left lung"
    BOTH = "both lungs"


@dataclass(frozen=True, slots=True, eq=False)
class Ask:
    """One box on one film, and the mask that it should give."""

    target: Target
    kind: BoxKind
    box: BoxPrompt
    truth: Pixels


@dataclass(frozen=True, slots=True)
class Score:
    """One row of the table: a film, a box, and how good the mask was. Lengths are in `unit`."""

    film: str
    patient: str
    source: str
    split: str
    convention: str
    altered: str  # how the film was spoilt for the test; empty for the film as it is
    target: str
    box: str
    dice: float
    iou: float
    precision: float  # of the prediction, the share that is lung
    recall: float  # of the lung, the share that was found
    nsd: float  # at 1.5 mm, or 2 px of 512
    nsd_paper: float  # at 4 px of 512: the paper's 2 px of 256
    hd95: float
    average_distance: float
    angle_error: float | None  # None where the truth's lungs cannot be told apart
    apex_error: float | None
    wall_error: float | None
    ssim: float
    pieces: int
    expected_pieces: int
    holes: int
    raw_pieces: int  # of the network's own mask, before the program tidies it
    raw_holes: int
    roughness: float | None  # None for an empty mask
    quality: float  # the model's own estimate of its IoU
    unit: str

    @property
    def whole(self) -> bool:
        """True for a mask that a reader takes for a lung: one piece each, and no hole."""
        return self.pieces == self.expected_pieces and self.holes == 0

    @property
    def raw_whole(self) -> bool:
        """The same of the network's own mask."""
        return self.raw_pieces == self.expected_pieces and self.raw_holes == 0


def with_known_spacing(radiograph: Radiograph, record: FilmRecord) -> Spacing | None:
    """Return the film's spacing, or what the source's papers say where the file does not."""
    if radiograph.spacing is not None or record.spacing_mm is None:
        return radiograph.spacing
    return Spacing(record.spacing_mm, record.spacing_mm, SpacingOrigin.UNKNOWN, f"documentation of {record.source}")


def asks(film: str, lungs: Lungs, kinds: Sequence[BoxKind] = tuple(BoxKind)) -> list[Ask]:
    """Return the boxes that readers draw on a film: each lung and both in every way, and the whole film for both.

    The film's name and the kind alone decide where a box falls, so every model meets the same boxes.
    """
    rows, columns = lungs.both.shape
    found = []
    for target, truth in ((Target.RIGHT, lungs.right), (Target.LEFT, lungs.left), (Target.BOTH, lungs.both)):
        bounds = None if truth is None else bounds_of(truth)
        if truth is None or bounds is None:
            continue
        for kind in kinds:
            if kind is BoxKind.WHOLE and target is not Target.BOTH:
                continue
            box = draw_box(fixed_rng(film, target.value, kind.value), bounds, kind, rows, columns)
            found.append(Ask(target, kind, box, truth))
    return found


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """What a reader gets for one ask."""

    ask: Ask
    mask: Pixels  # as the program shows it, the last tidy step included
    raw: Pixels  # as the network gave it
    quality: float


def answers(segmenter: Segmenter, radiograph: Radiograph, wanted: Sequence[Ask]) -> list[Answer]:
    """Return the masks on the film's own grid: one embedding, then all prompts."""
    return answers_on(segmenter, segmenter.embed(radiograph), radiograph, wanted)


def answers_on(
    segmenter: Segmenter, embedding: Embedding, radiograph: Radiograph, wanted: Sequence[Ask]
) -> list[Answer]:
    """Return the same for a film that is encoded already."""
    prompts = [Prompts(ask.box) for ask in wanted]
    found = segmenter.segment_many(embedding, prompts)
    return [
        Answer(ask, _shown(one, prompt, radiograph), one.mask.pixels(), one.quality)
        for ask, prompt, one in zip(wanted, prompts, found, strict=True)
    ]


def _shown(segmentation: Segmentation, prompts: Prompts, radiograph: Radiograph) -> Pixels:
    """Return all that the program would draw: the lungs it names, together."""
    shown = np.zeros((radiograph.rows, radiograph.columns), np.bool_)
    for finding in name_lungs(segmentation, prompts, radiograph):
        shown |= finding.mask.pixels()
    return shown


def score(record: FilmRecord, lungs: Lungs, answer: Answer, size: PixelSize, altered: str = "") -> Score:
    """Return every metric of one answer."""
    mask, truth = answer.mask, answer.ask.truth
    found = metrics.surfaces(mask, truth, size)
    shared = int(np.count_nonzero(mask & truth))
    parts = _lungs_of(answer.ask.target, lungs)
    angles = [
        metrics.error_near(found, metrics.costophrenic_angle(lung, on_image_left=on_left), lung, size)
        for lung, on_left in parts
    ]
    apices = [metrics.error_near(found, metrics.apex(lung), lung, size) for lung, _ in parts]
    walls = [metrics.error_along(found, metrics.chest_wall(lung, on_image_left=on_left)) for lung, on_left in parts]
    return Score(
        film=record.key,
        patient=record.patient_key,
        source=record.source,
        split=record.split.value,
        convention=record.convention.value,
        altered=altered,
        target=answer.ask.target.value,
        box=answer.ask.kind.value,
        dice=metrics.dice(mask, truth),
        iou=metrics.iou(mask, truth),
        precision=shared / max(1, int(np.count_nonzero(mask))),
        recall=shared / max(1, int(np.count_nonzero(truth))),
        nsd=metrics.nsd(found, size.tolerance),
        nsd_paper=metrics.nsd(found, size.tolerance * metrics.PAPER_TOLERANCE_FRAME_PX / metrics.TOLERANCE_FRAME_PX),
        hd95=metrics.hd95(found),
        average_distance=metrics.average_distance(found),
        angle_error=_mean(angles),
        apex_error=_mean(apices),
        wall_error=_mean(walls),
        ssim=metrics.ssim(mask, truth),
        pieces=metrics.pieces(mask),
        expected_pieces=len(parts) or metrics.pieces(truth),
        holes=metrics.holes(mask),
        raw_pieces=metrics.pieces(answer.raw),
        raw_holes=metrics.holes(answer.raw),
        roughness=metrics.roughness(mask, truth),
        quality=answer.quality,
        unit=size.unit,
    )


def _lungs_of(target: Target, lungs: Lungs) -> list[tuple[Pixels, bool]]:
    """Return the truth's single lungs that a target holds, and whether each lies on the image's left."""
    both = ((Target.RIGHT, lungs.right, True), (Target.LEFT, lungs.left, False))
    return [
        (lung, on_left)
        for one, lung, on_left in both
        if lung is not None and lung.any() and target in (one, Target.BOTH)
    ]


def _mean(values: list[float]) -> float | None:
    return sum(values) / len(values) if values else None


def write_scores(path: Path, scores: Sequence[Score]) -> None:
    """Write the table of every film, box and number."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, [field.name for field in fields(Score)], lineterminator="\n")
    writer.writeheader()
    for one in scores:
        row = {name: "" if value is None else value for name, value in asdict(one).items()}
        writer.writerow({name: f"{value:.6g}" if isinstance(value, float) else value for name, value in row.items()})
    write_atomically(path, text.getvalue().encode())


def read_scores(path: Path) -> list[Score]:
    """Return what `write_scores` wrote."""
    kinds = get_type_hints(Score)
    rows = manifest_rows(path, tuple(field.name for field in fields(Score)))
    return [Score(**{name: _value(row[name], kinds[name]) for name in kinds}) for row in rows]


def _value(cell: str, kind: object) -> Any:
    if kind is str:
        return cell
    if kind is int:
        return int(cell)
    return float(cell) if cell else None


def is_drawn(one: Score) -> bool:
    """Return whether a person drew the box: neither an oracle's nor the whole film."""
    return one.box in {kind.value for kind in DRAWN}
