"""Outlines by a trained model for films without masks, so that the next training sees more hospitals.

    python -m training.teach --data ../shared/data/cxr --sources nih --out runs/taught
    python -m training.train --data ../shared/data/cxr --also runs/taught --recipe continue --start FILE --out runs/next

A film is outlined in several ways: as it is and mirrored, asked for with the whole film and with boxes round each lung.
What most of them agree on becomes its mask, if they do agree, and if it looks like two whole lungs: a base that fluid
whitens is outlined too short by every view alike, and would teach that. Such films, and doubted ones, are left out.
The masks, a manifest, and a sheet to look at are written to --out.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from engine.domain import chest_likeness
from engine.errors import LungboxError
from engine.files import write_atomically
from engine.film.radiograph import Radiograph
from engine.geometry import BoxPrompt, Prompts
from engine.lungs import tidied
from engine.mask import Mask
from engine.segmenter import Embedding, Segmenter, load_segmenter
from training.boxes import BoxKind, bounds_of, draw_box, fixed_rng
from training.manifest import (
    MANIFEST,
    Convention,
    DataError,
    FilmRecord,
    Label,
    MaskFile,
    Split,
    convention_of,
    named_sources,
    write_manifest,
)
from training.pictures import MODEL, film_tile, sheet, write_png
from training.progress import watched
from training.sources import records_in
from training.truth import read_film, split_lungs

KEPT = "kept"
AGREEMENT = 0.97  # Dice of every view with what most say; two readers of one film differ by about as much
SHORTER = 0.20  # of the longer lung's height: more, and a base is whitened or a lung collapsed
SMALLER = 0.55  # of the larger lung's area
PATCHY = 0.03  # of the frame must be lung, at least, on either side
SHEET_TILES = 48


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a film: its mask, or why it has none."""

    mask: Mask | None
    why_not: str = ""


def taught(segmenter: Segmenter, film: Radiograph, name: str) -> Outcome:
    """Return the outline that all views of a film agree on."""
    embedding = segmenter.embed(film)
    if chest_likeness(segmenter, embedding, film).doubtful:
        return Outcome(None, "doubted to be a frontal chest")
    found = _views(segmenter, embedding, film, name)
    mirrored = replace(film, stored=np.ascontiguousarray(film.stored[:, ::-1]))
    found += [Mask.of(view.pixels()[:, ::-1]) for view in _views(segmenter, segmenter.embed(mirrored), mirrored, name)]
    votes = np.mean([view.pixels() for view in found], axis=0)
    mask = tidied(Mask.of(votes >= 0.5))
    if min(mask.dice(view) for view in found) < AGREEMENT:
        return Outcome(None, "outlined differently when asked differently")
    fault = _fault(mask)
    return Outcome(None, fault) if fault else Outcome(mask)


def _views(segmenter: Segmenter, embedding: Embedding, film: Radiograph, name: str) -> list[Mask]:
    """Return both lungs as they are outlined with the whole film for a box, and with a box round each lung."""
    whole = Prompts(BoxPrompt.whole(film.rows, film.columns))
    first = tidied(segmenter.segment_many(embedding, [whole])[0].mask)
    boxes = [bounds_of(part.pixels()) for part in first.parts()]
    asked = [
        Prompts(draw_box(fixed_rng(name, str(i)), box, BoxKind.LOOSE, film.rows, film.columns))
        for i, box in enumerate(boxes)
        if box is not None
    ]
    if not asked:
        return [first]
    each = [tidied(one.mask).largest_parts() for one in segmenter.segment_many(embedding, asked)]
    both = each[0]
    for one in each[1:]:
        both = both.union(one)
    return [first, both]


def _fault(mask: Mask) -> str:
    """Say what keeps a mask from being two whole lungs; empty where nothing does."""
    lungs = split_lungs(mask.pixels())
    if mask.part_count != 2 or lungs.right is None or lungs.left is None:
        return "not two lungs"
    heights = [float(np.count_nonzero(lung.any(axis=1))) for lung in (lungs.right, lungs.left)]
    areas = [float(np.count_nonzero(lung)) for lung in (lungs.right, lungs.left)]
    if min(areas) < PATCHY * mask.rows * mask.columns:
        return "too small a lung"
    if min(heights) < (1.0 - SHORTER) * max(heights) or min(areas) < SMALLER * max(areas):
        return "one lung much smaller than the other"
    return ""


def teach(segmenter: Segmenter, records: Sequence[FilmRecord], out: Path) -> Counter[str]:
    """Outline the films; write masks, manifest and sheet; return how many were left out for which reason."""
    folder = out / "masks"
    out.mkdir(parents=True, exist_ok=True)
    told: Counter[str] = Counter()
    kept, tiles = [], []
    convention = convention_of(segmenter.checkpoint.card)
    if convention is Convention.NONE:
        raise DataError(
            "The model's card does not say how it outlines.", advice="Teach with a model of training.release."
        )
    by = f"{segmenter.checkpoint.name} {segmenter.checkpoint.version} {segmenter.checkpoint.sha256[:12]}"
    for number, record in enumerate(watched(records)):
        film = read_film(record)
        outcome = taught(segmenter, film, record.key)
        if outcome.mask is None:
            told[outcome.why_not] += 1
            continue
        path = folder / f"{record.source}-{record.id}.png"
        path.parent.mkdir(parents=True, exist_ok=True)  # a film of images/ward/ is called ward/film
        write_atomically(path, outcome.mask.png())
        kept.append(
            replace(
                record,
                mask=(MaskFile(path),),
                label=Label.LUNGS,
                convention=convention,
                split=Split.TRAIN,
                licence=f"{record.licence}; mask by {by}",
            )
        )
        if number % max(1, len(records) // SHEET_TILES) == 0:
            tiles.append(film_tile(film, [(outcome.mask.pixels(), MODEL)], side=256))
    write_png(out / "sheet.png", sheet(tiles, columns=8))
    write_manifest(out / MANIFEST, kept)  # last: where it lies, the rest does
    told[KEPT] = len(kept)
    return told


def without_masks(records: Sequence[FilmRecord]) -> list[FilmRecord]:
    """Return the films that nobody has outlined, and that nothing is scored on."""
    return [record for record in records if record.split is Split.UNLABELLED and not record.mask]


def main(argv: list[str] | None = None) -> int:
    """Read the flags, outline, and say what was left out."""
    parser = argparse.ArgumentParser(prog="python -m training.teach", description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with films")
    parser.add_argument("--sources", nargs="+", default=[], help="to outline; all films without masks by default")
    parser.add_argument("--out", type=Path, required=True, help="folder for masks and manifest")
    parser.add_argument("--checkpoint", type=Path, help="the teacher; the bundled model by default")
    given = parser.parse_args(argv)
    try:
        films = without_masks(named_sources(records_in(given.data), given.sources))
        if not films:
            raise DataError("There are no films without masks here.", advice="Every film has a mask, or is kept apart.")
        told = teach(load_segmenter(given.checkpoint, "cpu"), films, given.out)
    except LungboxError as error:
        print(f"training.teach: {error}", file=sys.stderr)
        return 1
    for what, count in told.most_common():
        print(f"{count:6d}  {what}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
