"""What each rounding costs, from one checkpoint: bytes, time and Dice, row by row.

    python -m training.schemes --data ../shared/data/cxr --out runs/schemes

Every row is rounded after training, with ranges from training films, written as the file that would be shipped, read
back and run by the engine. Validation films only, one loose box round each lung; a film counts once. A checkpoint that
holds integers gives the reals that they stand for: its own rounding is then in every row, the float one included.
"""

import argparse
import copy
import json
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from engine.errors import LungboxError
from engine.files import write_atomically
from engine.geometry import Letterbox, Prompts
from engine.model_input import to_model_input
from engine.network.checkpoint import Checkpoint, bundled_checkpoint, read_checkpoint
from engine.network.model import LungModel
from engine.network.openvino_backend import OpenVinoBackend
from engine.segmenter import Segmenter
from training import metrics
from training.adaptation import SCHEMES, Quantization
from training.boxes import BoxKind
from training.evaluate import chosen
from training.manifest import FilmRecord, Split
from training.qat import round_places
from training.release import Release, Sample, calibrate, release, torch_in_float32
from training.scoring import Target, answers_on, asks
from training.state import commit
from training.statistics import NonInferiority, non_inferiority
from training.truth import read_film, read_lungs
from training.warm_start import network_of

FLOAT = "float32"
ROWS = (
    FLOAT,
    "int8 mlp, projection",
    "int8 mlp, projection, qkv",
    "int8 encoder, attention",
    "int8 mlp, projection, decoder",
    "int8",
    "int8 everywhere",
    "int4 mlp, projection",
    "int4 encoder",
    "int4",
    "int4 everywhere",
)
_RANGES = ("input_scale", "query_scale", "key_scale", "value_scale")  # what calibration fixes


@dataclass(slots=True)
class Judged:
    """What one row's file did on the films."""

    dice: list[float]  # one a film
    film_ms: list[float]  # read pixels to embedding
    box_ms: list[float]  # box to named lungs


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table; times are medians, ratios are to the float row in the same run."""

    scheme: str
    size_bytes: int
    smaller: float
    dice: float
    against_float: NonInferiority
    film_ms: float
    film_ratio: float  # how many times faster than the float row
    box_ms: float
    box_ratio: float
    engine: str


def evenly(records: Sequence[FilmRecord], count: int) -> list[FilmRecord]:
    """Return so many records, evenly spread."""
    return list(records[:: max(1, len(records) // count)][:count])


def sample_of(record: FilmRecord, checkpoint: Checkpoint) -> Sample:
    """Return a film as the network sees it, with a tight box round each lung and round both."""
    radiograph = read_film(record)
    rows, columns = radiograph.rows, radiograph.columns
    letterbox = Letterbox.fit(rows, columns, checkpoint.config.image_size, radiograph.pixel_aspect)
    wanted = asks(record.key, read_lungs(record, rows, columns), (BoxKind.TIGHT,))
    coordinates, labels = zip(*(letterbox.tokens(Prompts(ask.box)) for ask in wanted), strict=True)
    frame = to_model_input(radiograph, letterbox, checkpoint.preprocessing)
    return Sample(frame, np.stack(coordinates), np.stack(labels))


def calibrated(model: LungModel, rows: Sequence[str], samples: Sequence[Sample]) -> LungModel:
    """Return the model with every place rounded that some row rounds, and its ranges: they do not depend on the row."""
    quantizations = [found for name in rows if (found := SCHEMES[name].quantization) is not None]
    places = tuple(dict.fromkeys(place for one in quantizations for place in one.places))
    model = copy.deepcopy(model)
    if places:
        round_places(model, Quantization(places))
        calibrate(model, samples)
    return model


def rounded(model: LungModel, scheme: str, ranges: LungModel) -> LungModel:
    """Return the model rounded as a scheme says, with the ranges of `calibrated`."""
    model, quantization = copy.deepcopy(model), SCHEMES[scheme].quantization
    if quantization is None:
        return model
    round_places(model, quantization)
    known = dict(ranges.named_buffers())
    for name, buffer in model.named_buffers():
        if name.endswith(_RANGES):
            buffer.copy_(known[name])
    return model


def written(
    model: LungModel, scheme: str, checkpoint: Checkpoint, card: dict[str, Any], proof: Sequence[Sample], folder: Path
) -> Release:
    """Write a row's file; RecipeError where it would not be the network that was rounded."""
    return release(
        model,
        folder / f"{scheme.replace(', ', '-').replace(' ', '-')}.safetensors",
        name=checkpoint.name,
        version=checkpoint.version,
        preprocessing=checkpoint.preprocessing,
        scheme=scheme,
        rest=SCHEMES[scheme].rest,
        card=card,
        samples=proof,
        engines=(torch_in_float32,),
    )


def judged(segmenters: dict[str, Segmenter], records: Sequence[FilmRecord]) -> dict[str, Judged]:
    """Run every row on every film in turn, so that a slow minute of the machine hits all alike."""
    found = {name: Judged([], [], []) for name in segmenters}
    for segmenter in segmenters.values():
        segmenter.warm_up()
    for done, record in enumerate(records, start=1):
        radiograph = read_film(record)
        lungs = read_lungs(record, radiograph.rows, radiograph.columns)
        wanted = [ask for ask in asks(record.key, lungs, (BoxKind.LOOSE,)) if ask.target is not Target.BOTH]
        for name, segmenter in segmenters.items():
            begun = time.perf_counter()
            embedding = segmenter.embed(radiograph)
            encoded = time.perf_counter()
            masks = answers_on(segmenter, embedding, radiograph, wanted)
            ended = time.perf_counter()
            one = found[name]
            one.dice.append(statistics.fmean(metrics.dice(mask.mask, mask.ask.truth) for mask in masks))
            one.film_ms.append(1e3 * (encoded - begun))
            one.box_ms.append(1e3 * (ended - encoded) / len(wanted))
        print(f"\r{done} of {len(records)} films ", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return found


def table_rows(
    found: dict[str, Judged], sizes: dict[str, int], engines: dict[str, str], patients: Sequence[str]
) -> list[Row]:
    """Return the table."""
    base = found[FLOAT]
    rows = []
    for name, one in found.items():
        film, box = statistics.median(one.film_ms), statistics.median(one.box_ms)
        rows.append(
            Row(
                scheme=name,
                size_bytes=sizes[name],
                smaller=sizes[FLOAT] / sizes[name],
                dice=statistics.fmean(one.dice),
                against_float=non_inferiority(np.array(one.dice), np.array(base.dice), patients),
                film_ms=film,
                film_ratio=statistics.median(base.film_ms) / film,
                box_ms=box,
                box_ratio=statistics.median(base.box_ms) / box,
                engine=engines[name],
            )
        )
    return rows


def as_markdown(rows: Sequence[Row], checkpoint: Checkpoint) -> str:
    """Return the table for people."""
    first = rows[0].against_float
    lines = [
        f"{checkpoint.name} {checkpoint.version} ({checkpoint.scheme}; SHA-256 {checkpoint.sha256[:12]}), reals of its "
        f"weights rounded anew. {first.difference.films} validation films of {first.difference.patients} patients, a "
        f"loose box round each lung, Dice of what the program shows; margin {first.margin_points} points.",
        "",
        "| file | MB | smaller | Dice | points against float (95 % interval) | non-inferior | film ms | box ms |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        apart = row.against_float.difference
        points = f"{apart.value:+.3f} ({apart.low:+.3f} to {apart.high:+.3f})"
        shown = "yes" if row.against_float.shown else "NO"
        plain = row.scheme == FLOAT
        lines.append(
            f"| {row.scheme} | {row.size_bytes / 1e6:.2f} | {row.smaller:.2f}x | {row.dice:.4f} "
            f"| {'' if plain else points} | {'' if plain else shown} "
            f"| {row.film_ms:.0f} ({row.film_ratio:.2f}x) | {row.box_ms:.0f} ({row.box_ratio:.2f}x) |"
        )
    engines = sorted({row.engine for row in rows})
    return "\n".join([*lines, "", f"Run by {'; '.join(engines)}.", ""])


def run(
    path: Path,
    data: Path,
    out: Path,
    *,
    rows: Sequence[str] = ROWS,
    calibration: int = 24,
    films: int | None = None,
) -> list[Row]:
    """Write every row's file and table.md in a folder, and return the table."""
    checkpoint = read_checkpoint(path)
    model = network_of(checkpoint, [])
    records = chosen([data], [Split.VAL], [])
    records = records if films is None else evenly(records, films)
    print("calibrating", file=sys.stderr, flush=True)
    samples = [sample_of(record, checkpoint) for record in evenly(chosen([data], [Split.TRAIN], []), calibration)]
    ranges = calibrated(model, rows, samples)
    out.mkdir(parents=True, exist_ok=True)
    card = {"from": checkpoint.sha256, "calibration_films": len(samples), "commit": commit()}
    sizes: dict[str, int] = {}
    segmenters: dict[str, Segmenter] = {}
    for name in rows:
        print(f"writing {name}", file=sys.stderr, flush=True)
        done = written(rounded(model, name, ranges), name, checkpoint, card, samples[:1], out)
        sizes[name] = done.size_bytes
        segmenters[name] = Segmenter(OpenVinoBackend(read_checkpoint(done.path), cache=out / "compiled"))
    found = judged(segmenters, records)
    engines = {name: segmenter.backend.description for name, segmenter in segmenters.items()}
    table = table_rows(found, sizes, engines, [record.patient_key for record in records])
    write_atomically(out / "table.md", as_markdown(table, checkpoint).encode())
    values: dict[str, Any] = {
        "rows": [asdict(row) for row in table],
        "dice": {name: one.dice for name, one in found.items()},
    }
    values["films"] = [record.key for record in records]
    write_atomically(out / "table.json", (json.dumps(values, indent=1) + "\n").encode())
    return table


def main(words: Sequence[str] | None = None) -> int:
    """Round, write, run and compare as the command line says."""
    parser = argparse.ArgumentParser(prog="python -m training.schemes", description=__doc__.splitlines()[0])
    parser.add_argument("--checkpoint", type=Path, help="model file; the bundled one by default")
    parser.add_argument("--data", type=Path, required=True, help="folder with manifest.csv")
    parser.add_argument("--rows", nargs="+", choices=list(SCHEMES), default=list(ROWS), help="beside the float one")
    parser.add_argument("--calibration", type=int, default=24, help="training films that fix the ranges")
    parser.add_argument("--films", type=int, help="validation films, evenly chosen; all by default")
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args(words)
    path = given.checkpoint or bundled_checkpoint()
    rows = [FLOAT, *(name for name in given.rows if name != FLOAT)]
    try:
        table = run(path, given.data, given.out, rows=rows, calibration=given.calibration, films=given.films)
    except LungboxError as error:
        print(f"{error}", file=sys.stderr)
        return 1
    print(as_markdown(table, read_checkpoint(path)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
