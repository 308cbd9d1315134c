"""Which films the program doubts to be frontal chests: `python -m training.doubted --data FOLDER`.

Counts, by source and split, of the films in a folder that are doubted (`engine.domain`), and of validation films spoilt
so that they should be: the abdomen alone, on their side, upside down. Test films are left alone.
"""

import argparse
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from engine.domain import chest_likeness
from engine.errors import LungboxError
from engine.film.radiograph import Radiograph
from engine.segmenter import load_segmenter
from training.manifest import Split
from training.progress import watched
from training.sources import records_in
from training.truth import read_film

SPOILT_FILMS = 30  # of the validation split, evenly


def spoilt(film: Radiograph) -> Iterator[tuple[str, Radiograph]]:
    """Yield what should be doubted, made of a chest film."""
    stored = film.stored
    yield "lower 30 %", replace(film, stored=np.ascontiguousarray(stored[round(0.7 * film.rows) :]))
    yield "on its side", replace(film, stored=np.ascontiguousarray(np.rot90(stored)))
    yield "upside down", replace(film, stored=np.ascontiguousarray(stored[::-1]))


def main(argv: list[str] | None = None) -> int:
    """Count and print."""
    parser = argparse.ArgumentParser(prog="python -m training.doubted", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with manifest.csv")
    parser.add_argument("--checkpoint", type=Path, help="model file; the bundled one by default")
    arguments = parser.parse_args(argv)
    try:
        segmenter = load_segmenter(arguments.checkpoint, "cpu")
        counts: dict[str, list[bool]] = {}
        numbers: dict[str, list[tuple[float, float]]] = {}

        def judge(kind: str, film: Radiograph) -> None:
            found = chest_likeness(segmenter, segmenter.embed(film), film)
            counts.setdefault(kind, []).append(found.doubtful)
            numbers.setdefault(kind, []).append((found.quality, found.undecided))

        wanted = {Split.VAL, Split.EXTERNAL, Split.UNLABELLED}
        records = [record for record in records_in(arguments.data) if record.split in wanted]
        validation = [record for record in records if record.split is Split.VAL]
        chosen = {record.key for record in validation[:: max(1, len(validation) // SPOILT_FILMS)][:SPOILT_FILMS]}
        for record in watched(records):
            film = read_film(record)
            judge(f"{record.source}, {record.split.value}", film)
            if record.key in chosen:
                for kind, other in spoilt(film):
                    judge(kind, other)
    except LungboxError as error:
        print(f"training.doubted: {error}", file=sys.stderr)
        return 1
    print(f"{segmenter.checkpoint.name} {segmenter.checkpoint.version}, {segmenter.backend.description}")
    print("| films | doubted | median quality | median undecided |\n|---|---|---|---|")
    for kind, doubts in counts.items():
        quality, undecided = np.median(np.array(numbers[kind]), axis=0)
        print(f"| {kind} | {sum(doubts)} of {len(doubts)} | {quality:.2f} | {undecided:.2f} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
