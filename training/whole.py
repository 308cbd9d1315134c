"""From a folder of radiographs to the checkpoint that the app ships, in one command.

    python -m training.whole --data ../shared/data/cxr --out runs/whole

Splits, where the films have none yet; pretraining on every film; training where there are masks; a first release, which
outlines the films that have none; training on those too; the release. Each stage goes on where it was stopped, and one
that is finished is not done again. On several GPUs give the stages by hand: `training.train` says how.
"""

import argparse
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from engine.errors import LungboxError
from engine.segmenter import load_segmenter
from training.base import load_base
from training.data import split as split_films
from training.data import told as told_splits
from training.manifest import (
    MANIFEST,
    Convention,
    Label,
    Split,
    add_convention,
    drawn_by,
    lung_truth,
    named_sources,
    read_manifest,
)
from training.pretrain import pretrain
from training.progress import Speaker
from training.recipe import RECIPES, Recipe
from training.release import USUAL, Release, Wanted, release_run, told
from training.sources import records_in
from training.teach import KEPT, teach, without_masks
from training.together import Team, refuse_several
from training.train import load_both, refuse_too_few, train


@dataclass(frozen=True, slots=True)
class Plan:
    """The two trainings, and what is released in the end."""

    first: Recipe = RECIPES["compact"]
    last: Recipe = RECIPES["lengthen"]
    wanted: Wanted = USUAL
    convention: Convention = Convention.NONE  # of masks in a folder that does not say theirs


def whole(plan: Plan, data: Path, out: Path, device: torch.device, speaker: Speaker) -> Release:
    """Run what is left of all stages; return what was written."""
    data = with_splits(plan, data, out, speaker)
    if not (out / "pretraining" / "pretrained.pt").exists():
        refuse_too_few(plan.first, len(load_both(plan.first, data)[0]))  # what cannot be learned from is said now
    pretrained = pretrain(plan.first, data, out / "pretraining", device, speaker)
    alone = Team(device)
    first = train(plan.first, data, out / "first", alone, load_base(pretrained))
    also = outlined(plan, data, out, first, speaker)
    last = train(plan.last, data, out / "last", alone, load_base(first), also)
    return release_run(last, data, out / "model.safetensors", plan.wanted)


def with_splits(plan: Plan, data: Path, out: Path, speaker: Speaker) -> Path:
    """Return a folder whose films have their splits: the given one, or one with a manifest that gives each its own."""
    films, records = out / "films", records_in(data)
    if not any(one.split is Split.UNASSIGNED for one in records):
        return data
    if not (films / MANIFEST).exists():
        records = drawn_by(plan.convention, records)
        chosen = named_sources(records, plan.first.sources)
        lung_truth(one for one in chosen if one.label is Label.LUNGS)  # or the manifest would keep what is refused
        for line in told_splits(split_films(records, films)):
            speaker.line(line)
    return films


def outlined(plan: Plan, data: Path, out: Path, first: Path, speaker: Speaker) -> Path | None:
    """Return the folder with outlines of the films that have none; None where that gives nothing to learn from."""
    folder, teacher = out / "taught", out / "first.safetensors"
    films = without_masks(records_in(data))
    if not films:
        speaker.line("no films without masks: nothing to outline")
        return None
    if not (folder / MANIFEST).exists():
        if not teacher.exists():
            release_run(first, data, teacher, plan.wanted)
        counts = teach(load_segmenter(teacher, "cpu"), films, folder)
        speaker.line(", ".join(f"{count} {what}" for what, count in counts.most_common()))
        if not counts[KEPT]:
            speaker.line("no film was outlined beyond doubt: it goes on without")
    return folder if read_manifest(folder / MANIFEST) else None


def main(argv: list[str] | None = None) -> int:
    """Read the flags and do it."""
    parser = argparse.ArgumentParser(prog="python -m training.whole", description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with manifest.csv")
    parser.add_argument("--out", type=Path, required=True, help="folder for the runs and the model")
    parser.add_argument("--version", default=USUAL.version, help="of the model that is written")
    add_convention(parser)
    parser.add_argument("--sources", nargs="+", default=[], help="to learn from; all that have lungs by default")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    given = parser.parse_args(argv)
    usual = Plan()
    first, last = (replace(recipe, sources=tuple(given.sources)) for recipe in (usual.first, usual.last))
    plan = Plan(first, last, Wanted(version=given.version), Convention(given.convention))
    try:
        refuse_several()
        written = whole(plan, given.data, given.out, torch.device(given.device), Speaker(sys.stdout))
    except LungboxError as error:
        print(f"training.whole: {error}", file=sys.stderr)
        return 1
    for line in told(written):
        print(line)
    return 0


if __name__ == "__main__":
    sys.exit(main())
