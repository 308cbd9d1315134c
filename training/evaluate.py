"""How good a checkpoint is: `python -m training.evaluate --checkpoint X --data DIR --split val --out DIR`.

Through the engine's own Segmenter and last tidy step, at each film's own resolution, with boxes as people draw them.
Writes every mask's numbers (scores.csv), the tables with intervals and the bars (table.md), the same for machines
(summary.json) and the worst ten films (worst.png). With --against, the same for a second checkpoint, and whether the
first is as good.
"""

import argparse
import hashlib
import json
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine.errors import LungboxError
from engine.files import write_atomically
from engine.film.radiograph import Radiograph
from engine.segmenter import Segmenter, load_segmenter
from training import comparison, metrics, pictures, summary
from training.alterations import Alteration, altered
from training.boxes import DRAWN, BoxKind
from training.manifest import (
    Convention,
    DataError,
    FilmRecord,
    Label,
    Split,
    add_convention,
    convention_of,
    drawn_by,
    named_sources,
    refuse_no_lungs,
    unique,
)
from training.progress import watched
from training.scoring import Answer, Score, Target, answers, asks, score, with_known_spacing, write_scores
from training.sources import records_in
from training.truth import Lungs, read_film, read_lungs

_SPLITS = {one.value: one for one in (Split.TRAIN, Split.VAL, Split.TEST, Split.EXTERNAL)} | {"none": Split.UNASSIGNED}
REMINDER = "The test split is looked at once, when nothing can change any more. Tune on val."


@dataclass(frozen=True, slots=True)
class Model:
    """A checkpoint that is being judged."""

    name: str
    segmenter: Segmenter


def named(segmenters: Sequence[Segmenter]) -> list[Model]:
    """Return the checkpoints by what tells them apart: their arithmetic, else the order in which they were given."""
    schemes = [one.checkpoint.scheme.split(":")[0] for one in segmenters]
    names = schemes if len(set(schemes)) == len(schemes) else ["this checkpoint", "the other"]
    return [Model(name, one) for name, one in zip(names, segmenters, strict=False)]


def chosen(
    folders: Sequence[Path],
    splits: Sequence[Split],
    sources: Sequence[str],
    convention: Convention = Convention.NONE,
) -> list[FilmRecord]:
    """Return the films with lung masks of some folders, splits and sources; no sources means all.

    The convention is of masks that say none; one that nobody says is refused, as Dice would mean nothing.
    """
    records = named_sources(unique([record for folder in folders for record in records_in(folder)]), sources)
    lungs = [record for record in drawn_by(convention, records) if record.label is Label.LUNGS]
    found = [record for record in lungs if record.split in splits]
    if not found:
        raise DataError(
            f"No film has lungs and lies in {', '.join(split.value for split in splits)}.",
            advice="--split none judges a folder without splits; make train leaves those it gave in RUN/films.",
        )
    for one in found:
        refuse_no_lungs(one)
    return sorted(found, key=lambda record: record.key)


def judged(
    model: Model, record: FilmRecord, radiograph: Radiograph, lungs: Lungs, how: Alteration | None
) -> list[Score]:
    """Return the scores of one film, as it is or spoilt."""
    film, truth = altered(radiograph, lungs, how, record.key) if how else (radiograph, lungs)
    size = metrics.pixel_size(film.rows, film.columns, with_known_spacing(film, record))
    wanted = asks(record.key, truth, DRAWN if how else tuple(BoxKind))
    name = how.value if how else ""
    return [score(record, truth, one, size, name) for one in answers(model.segmenter, film, wanted)]


def evaluate(
    models: Sequence[Model], records: Sequence[FilmRecord], alterations: Sequence[Alteration]
) -> tuple[list[list[Score]], str]:
    """Return each model's scores, and the hash of the films' bytes."""
    scores: list[list[Score]] = [[] for _ in models]
    films = hashlib.sha256()
    for record in watched(records):
        radiograph = read_film(record)
        lungs = read_lungs(record, radiograph.rows, radiograph.columns)
        films.update(f"{record.key} {radiograph.source.file_sha256}\n".encode())
        for model, kept in zip(models, scores, strict=True):
            for how in (None, *alterations):
                kept.extend(judged(model, record, radiograph, lungs, how))
    return scores, films.hexdigest()


# ---------------------------------------------------------------------------------------------- pictures


def _again(model: Model, record: FilmRecord, target: str, box: str) -> tuple[Radiograph, Answer]:
    """Return one film's mask for one box once more: keeping every mask in memory would cost gigabytes."""
    radiograph = read_film(record)
    lungs = read_lungs(record, radiograph.rows, radiograph.columns)
    ask = next(ask for ask in asks(record.key, lungs, (BoxKind(box),)) if ask.target.value == target)
    return radiograph, answers(model.segmenter, radiograph, [ask])[0]


def worst_sheet(model: Model, records: Sequence[FilmRecord], scores: Sequence[Score], count: int = 10) -> pictures.Tile:
    """Return the worst films: truth green, model red, box yellow."""
    record_of = {record.key: record for record in records}
    tiles = []
    for one in summary.worst([one for one in scores if not one.altered], count):
        radiograph, answer = _again(model, record_of[one.film], one.target, one.box)
        outlines = [(answer.ask.truth, pictures.TRUTH), (answer.mask, pictures.MODEL)]
        tile = pictures.film_tile(radiograph, outlines, answer.ask.box)
        tiles.append(pictures.captioned(tile, f"Dice {one.dice:.3f}: {one.film}, {one.target}, {one.box}"))
    return pictures.sheet(tiles, columns=5)


def _examples(scores: Sequence[Score], records: Sequence[FilmRecord]) -> list[FilmRecord]:
    """Return the worst film, the one at the 5th percentile and the median one."""
    films, _, dices = summary.by_film([one for one in scores if not one.altered])
    order = np.argsort(dices)
    places = sorted({0, round(0.05 * (len(films) - 1)), round(0.5 * (len(films) - 1))})
    record_of = {record.key: record for record in records}
    return [record_of[films[order[place]]] for place in places]


def figures(new: Model, old: Model, records: Sequence[FilmRecord]) -> tuple[pictures.Tile, pictures.Tile]:
    """Return the paper's figure 2, similarity of each mask to the truth and its loss, and 3, the outlines."""
    similarity, outlines = [], []
    for record in records:
        found = {}
        for model in (old, new):
            radiograph, found[model.name] = _again(model, record, Target.BOTH.value, BoxKind.LOOSE.value)
        truth, box = found[new.name].ask.truth, found[new.name].ask.box
        goal = metrics.paper_frame(truth)
        maps = {name: metrics.ssim_map(metrics.paper_frame(one.mask), goal) for name, one in found.items()}
        similarity.append(pictures.captioned(pictures.film_tile(radiograph, [(truth, pictures.TRUTH)]), record.key))
        for model in (old, new):
            text = f"SSIM {model.name}: {maps[model.name].mean():.4f}"
            similarity.append(pictures.captioned(pictures.heat_tile(maps[model.name], 0.0, 1.0), text))
        lost = maps[old.name] - maps[new.name]
        text = f"SSIM lost: mean {lost.mean():+.5f}, most {lost.max():+.3f}; scale 0 to 0.2"
        similarity.append(pictures.captioned(pictures.heat_tile(np.abs(lost), 0.0, 0.2), text))
        for name, colour in ((old.name, pictures.SECOND), (new.name, pictures.MODEL)):
            tile = pictures.film_tile(radiograph, [(truth, pictures.TRUTH), (found[name].mask, colour)], box)
            dice = metrics.dice(found[name].mask, truth)
            outlines.append(pictures.captioned(tile, f"Dice {dice:.4f}, {name}: {record.key}"))
    return pictures.sheet(similarity, columns=4), pictures.sheet(outlines, columns=2)


# ---------------------------------------------------------------------------------------------- command


def _arguments(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m training.evaluate", description=__doc__.split("\n\n", maxsplit=1)[0]
    )
    parser.add_argument("--checkpoint", type=Path, help="model file; the bundled one by default")
    parser.add_argument("--against", type=Path, help="second model file, usually the float one")
    parser.add_argument("--data", type=Path, action="append", required=True, help="folder of films; may be repeated")
    parser.add_argument("--split", nargs="+", default=["val"], choices=list(_SPLITS))
    add_convention(parser)
    parser.add_argument("--sources", nargs="*", default=[], help="only these; all by default")
    parser.add_argument("--altered", action="store_true", help="also rotated, inverted, underexposed and so on")
    parser.add_argument("--device", default="auto", choices=["auto", "cpu", "cuda"])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--final", action="store_true", help="needed for the test split, which is looked at once")
    given = parser.parse_args(words)
    if "test" in given.split and not given.final:
        parser.error(f"{REMINDER} If this is that look, add --final.")
    return given


def main(words: Sequence[str] | None = None) -> int:
    """Evaluate as the command line says; return the exit status."""
    given = _arguments(words)
    if given.final:
        print(f"--final: {REMINDER}", file=sys.stderr)
    try:
        return _run(given, shlex.join(words if words is not None else sys.argv[1:]))
    except LungboxError as error:
        print(f"{error}", file=sys.stderr)
        return 1


def _run(given: argparse.Namespace, command: str) -> int:
    splits = [_SPLITS[name] for name in given.split]
    records = chosen(given.data, splits, given.sources, Convention(given.convention))
    paths = [given.checkpoint, given.against] if given.against else [given.checkpoint]
    models = named([load_segmenter(path, given.device) for path in paths])
    new, old = models[0], models[1] if given.against else None
    scores, data_sha256 = evaluate(models, records, list(Alteration) if given.altered else [])
    given.out.mkdir(parents=True, exist_ok=True)
    rows = summary.table(scores[0])
    drawn = convention_of(new.segmenter.checkpoint.card)
    drawn = Convention.HEART_EXCLUDED if drawn is Convention.NONE else drawn  # as ours, and as Meta's is adapted by us
    found = summary.bars(rows, drawn)
    write_scores(given.out / "scores.csv", scores[0])
    pictures.write_png(given.out / "worst.png", worst_sheet(new, records, scores[0]))
    text = [_heading(new, records), summary.bars_as_markdown(found) if found else "", summary.as_markdown(rows, drawn)]
    content = {
        "command": f"python -m training.evaluate {command}",
        "checkpoint": _about(new),
        "films": len(records),
        "films_sha256": data_sha256,
        **summary.as_json(rows, found),
    }
    if old:
        plain = [[one for one in part if not one.altered] for part in scores]
        compared = comparison.compare(plain[0], plain[1])
        write_scores(given.out / "scores-other.csv", scores[1])
        figure_2, figure_3 = figures(new, old, _examples(scores[0], records))
        pictures.write_png(given.out / "figure-2.png", figure_2)
        pictures.write_png(given.out / "figure-3.png", figure_3)
        text.append(comparison.as_markdown(compared, new.name, old.name))
        content["against"] = {"checkpoint": _about(old), "comparison": comparison.as_json(compared)}
        content["other_rows"] = summary.as_json(summary.table(scores[1]), [])["rows"]
    write_atomically(given.out / "table.md", "\n".join(text).encode())
    write_atomically(given.out / "summary.json", (json.dumps(content, indent=1) + "\n").encode())
    print("\n".join(text))
    return 0


def _about(model: Model) -> dict[str, str]:
    checkpoint = model.segmenter.checkpoint
    return {
        "name": checkpoint.name,
        "version": checkpoint.version,
        "sha256": checkpoint.sha256,
        "scheme": checkpoint.scheme,
        "backend": model.segmenter.backend.description,
    }


def _heading(model: Model, records: Sequence[FilmRecord]) -> str:
    about = _about(model)
    splits = " and ".join(sorted({record.split.value or "no split" for record in records}))
    return (
        f"# {about['name']} {about['version']} on {len(records)} films of {splits}\n\n"
        f"{about['scheme']}; {about['backend']}; SHA-256 {about['sha256']}.\n"
    )


if __name__ == "__main__":
    sys.exit(main())
