"""`lungbox replay FILE`: draw a result again from its record, and say whether it is the same."""

import argparse
from pathlib import Path

from engine.commands.console import add_json_option, add_model_options, print_json
from engine.errors import LungboxError
from engine.files import read_file, sha256
from engine.film.radiograph import Radiograph
from engine.film.reading import read_radiograph
from engine.mask import Mask
from engine.results.reopen import reopen
from engine.results.replay import LEAST_DICE, Record, Replayed, check_film, read_record, replay
from engine.segmenter import load_segmenter

_MOST_BYTES = 1 << 28
_MOST_NEIGHBOURS = 2000


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the command line."""
    parser = commands.add_parser("replay", help="draw a result again from its record and compare")
    parser.add_argument("file", type=Path, metavar="FILE", help="results.json or report.dcm")
    parser.add_argument("--film", type=Path, metavar="FILM", help="its film (default: looked for beside it, by hash)")
    add_model_options(parser)
    add_json_option(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print one line a structure; 1 when any is not the same."""
    record = read_record(arguments.file)
    film = read_radiograph(arguments.film) if arguments.film else _film_beside(arguments.file, record)
    check_film(record, film, arguments.file.name)
    segmenter = load_segmenter(arguments.checkpoint, arguments.device)
    results = replay(record, film, segmenter, _old_masks(arguments.file, film))
    if arguments.json:
        print_json(
            [
                {
                    "label": one.label,
                    "drawn_by": one.drawn_by,
                    "identical": one.identical,
                    "dice": one.dice,
                    "same_backend": one.same_backend,
                    "backend": one.backend,
                    "passed": one.passed,
                }
                for one in results
            ]
        )
    else:
        for one in results:
            print(_sentence(one))
    return 0 if all(one.passed for one in results) else 1


def _sentence(one: Replayed) -> str:
    if one.drawn_by == "reader":
        return f"{one.label}: drawn by the reader, {'bit for bit the same' if one.identical else 'NOT the same'}"
    where = "the same backend" if one.same_backend else f"another backend ({one.backend})"
    if one.identical:
        return f"{one.label}: bit for bit the same, on {where}"
    dice = "unknown, the old mask is not at hand" if one.dice is None else f"{one.dice:.5f}"
    verdict = f"within the {LEAST_DICE} allowed" if one.passed else "NOT the same"
    return f"{one.label}: Dice {dice} on {where}, {verdict}"


def _old_masks(path: Path, film: Radiograph) -> dict[str, Mask]:
    """Return the masks that lie beside the record; none where they cannot be read."""
    try:
        return {finding.tracking_uid: finding.mask for finding in reopen(path, film).findings}
    except LungboxError:
        return {}


def _film_beside(path: Path, record: Record) -> Radiograph:
    """Return the film whose hash the record states, from the record's folder or the one above."""
    for folder in (path.resolve().parent, path.resolve().parent.parent):
        for number, neighbour in enumerate(sorted(folder.iterdir())):
            if number >= _MOST_NEIGHBOURS:
                break
            if not neighbour.is_file():
                continue
            try:
                if record.film_file_sha256 and sha256(read_file(neighbour, _MOST_BYTES)) == record.film_file_sha256:
                    return read_radiograph(neighbour)
            except LungboxError:
                continue
    raise LungboxError(f"The film of {path.name} does not lie beside it.", advice="Name it with --film.")
