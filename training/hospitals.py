"""Trained in one hospital, judged in another: our model beside the baselines, in one table with intervals.

    python -m training.hospitals --data ../shared/data/cxr --out runs/hospitals
    python -m training.hospitals --data ../shared/data/cxr --out runs/trial --films 2000 --seeds 1

Each network learns from Shenzhen, from Montgomery and from both (or from each of --hospitals and from all of them), by
one recipe and for as many films, with several seeds; baselines once with the box as a channel and once without it. All
are float32, run by the engine, and judged on the same films and boxes. With `--split train val` the training films of a
hospital that a network has not learned from are judged, too: it has never seen them, and they are many. What is
finished is kept, and a command that was stopped goes on.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from engine.errors import LungboxError
from engine.files import write_atomically
from engine.network.checkpoint import read_checkpoint, write_checkpoint
from engine.network.torch_backend import TorchBackend
from engine.segmenter import Segmenter
from training import baselines, summary
from training.base import load_base
from training.baselines import ARCHITECTURES, BaselineBackend
from training.evaluate import REMINDER, Model, chosen, evaluate
from training.films import load_films, lung_records
from training.manifest import Convention, DataError, FilmRecord, Split
from training.recipe import Recipe, shortened
from training.release import card_of, released_tensors
from training.scoring import Score, is_drawn, read_scores, write_scores
from training.state import StateError, read_whole
from training.statistics import bootstrap
from training.together import Team, refuse_several
from training.train import refuse_too_few, train

OURS = "lungbox"
HOSPITALS = ("shenzhen", "montgomery")


@dataclass(frozen=True, slots=True)
class Entry:
    """A network as it is trained: by which hospitals' films, and whether it sees the box."""

    network: str
    with_box: bool
    sources: tuple[str, ...]

    @property
    def title(self) -> str:
        """What the table calls it."""
        if self.network == OURS:
            return "Lungbox"
        return f"{ARCHITECTURES[self.network].title}, {'box' if self.with_box else 'no box'}"

    def stem(self, seed: int) -> str:
        """Name of its files."""
        return f"{'+'.join(self.sources)}-{self.network}-{'box' if self.with_box else 'nobox'}-{seed}"


def groups(hospitals: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Return what is trained on, by its name in files and flags: each hospital, and all of them."""
    return {"+".join(sources): sources for sources in (*((one,) for one in hospitals), tuple(hospitals))}


def entries(networks: Sequence[str], trained_on: Sequence[tuple[str, ...]], box: Sequence[str]) -> Iterator[Entry]:
    """Yield what is trained; our network is nothing without a box or points."""
    for sources in trained_on:
        for network in networks:
            for with_box in (True,) if network == OURS else [one == "with" for one in box]:
                yield Entry(network, with_box, sources)


def unseen(entry: Entry, records: Sequence[FilmRecord]) -> list[FilmRecord]:
    """Return the films that a network may be judged on: of its own hospitals none that it learned from."""
    return [one for one in records if one.split is not Split.TRAIN or one.source not in entry.sources]


def trained(entry: Entry, recipe: Recipe, data: Path, out: Path, device: torch.device) -> Segmenter:
    """Train a network, or go on training it, and return it behind the engine's interface."""
    recipe = replace(recipe, sources=entry.sources)
    folder = out / entry.stem(recipe.seed)
    if entry.network == OURS:
        base = load_base(train(recipe, data, folder, Team(device)))
        path = folder / "float32.safetensors"
        write_checkpoint(
            path,
            name=entry.title,
            version="trial",
            config=base.config,
            preprocessing=base.preprocessing,
            tensors=released_tensors(base.network(()), "float32"),
            scheme="float32",
            card=card_of(lung_records(data, entry.sources), {})
            | {"films drawn": recipe.total_films, "seed": recipe.seed},
        )
        return Segmenter(TorchBackend(read_checkpoint(path), device.type, bfloat16=False))  # as the baselines run
    torch.manual_seed(recipe.seed)
    network = baselines.build(ARCHITECTURES[entry.network], recipe.model.in_channels + entry.with_box)
    weights, state = (out / f"{entry.stem(recipe.seed)}{ending}" for ending in (".pt", ".state.pt"))
    if weights.exists():
        network.load_state_dict(read_whole(weights, device))
    else:
        films = load_films(data, "train", entry.sources, recipe.model.image_size, recipe.preprocessing)
        refuse_too_few(recipe, len(films))
        network = baselines.train(network, films, recipe, device, with_box=entry.with_box, state=state)
        write_atomically(weights, baselines.weights_of(network))
        state.unlink(missing_ok=True)
    return Segmenter(BaselineBackend(network, entry.title, recipe, device, with_box=entry.with_box))


# ---------------------------------------------------------------------------------------------- the table


def table(found: dict[Entry, list[Score]], seeds: int, recipe: Recipe) -> str:
    """Return a line for each network, hospital and request; a film counts once, with its mean over boxes and seeds."""
    lines = [
        f"{recipe.total_films} films drawn for each network; {seeds} seeds; float32; boxes as people draw them. Dice",
        "with its 95 % interval by bootstrap over patients. The last column: Dice points, of the same training, on the",
        "same films and boxes. Where the truth includes the heart, Dice says little: see precision.",
        "",
        "| trained on | judged on | asked | network | films | Dice | precision | Lungbox minus it |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    conventions = {one.source: one.convention for scores in found.values() for one in scores}
    for sources in dict.fromkeys(entry.sources for entry in found):
        alike = {entry: scores for entry, scores in found.items() if entry.sources == sources}
        for source in sorted(conventions):
            heart = "" if conventions[source] == Convention.HEART_EXCLUDED.value else f" ({conventions[source]})"
            seen = "" if source in sources else ", never seen"
            for asked in ("one lung", "both lungs"):
                lines += [
                    f"| {' + '.join(sources)} | {source}{heart}{seen} | {asked} | {cells} |"
                    for cells in _lines(alike, source, asked)
                ]
    return "\n".join(lines) + "\n"


def _lines(alike: dict[Entry, list[Score]], source: str, asked: str) -> Iterator[str]:
    def of(scores: list[Score]) -> list[Score]:
        return [one for one in scores if one.source == source and summary.asked_for(one) == asked]

    ours = next((of(scores) for entry, scores in alike.items() if entry.network == OURS), None)
    for entry, scores in alike.items():
        part = of(scores)
        _, patients, dices = summary.by_film(part)
        dice = bootstrap(dices, patients)
        precision = float(np.mean([one.precision for one in part if is_drawn(one)]))
        against = ""
        if ours is not None and entry.network != OURS:
            gain = bootstrap(100.0 * (summary.by_film(ours)[2] - dices), patients)
            against = f"{gain.value:+.2f} ({gain.low:+.2f} to {gain.high:+.2f})"
        yield (
            f"{entry.title} | {len(dices)} | {dice.value:.4f} ({dice.low:.4f} to {dice.high:.4f}) "
            f"| {precision:.4f} | {against}"
        )


# ---------------------------------------------------------------------------------------------- command


def main(words: Sequence[str] | None = None) -> int:
    """Train and judge what the command line names."""
    first_line = (__doc__ or "").split("\n", maxsplit=1)[0]
    parser = argparse.ArgumentParser(prog="python -m training.hospitals", description=first_line)
    parser.add_argument("--data", type=Path, required=True, help="folder with manifest.csv")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--films", type=int, help="drawn for each network; the recipe's own by default")
    parser.add_argument("--networks", nargs="+", default=[OURS, *ARCHITECTURES], choices=[OURS, *ARCHITECTURES])
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3])
    parser.add_argument("--hospitals", nargs="+", default=list(HOSPITALS), help="sources that networks learn from")
    parser.add_argument("--trained-on", nargs="+", help="of these, joined by + where it is all; leave out the others")
    parser.add_argument(
        "--box", nargs="+", default=["with", "without"], choices=["with", "without"], help="of baselines"
    )
    parser.add_argument("--split", nargs="+", default=["val", "external"], choices=["train", "val", "test", "external"])
    parser.add_argument("--final", action="store_true", help="needed for the test split, which is looked at once")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu", choices=["cpu", "cuda"])
    given = parser.parse_args(words)
    if "test" in given.split and not given.final:
        parser.error(f"{REMINDER} If this is that look, add --final.")
    known = groups(given.hospitals)
    if given.trained_on and (unknown := set(given.trained_on) - known.keys()):
        parser.error(f"--trained-on {' '.join(sorted(unknown))}: choose from {', '.join(known)}")
    try:
        refuse_several()
        print(run(given, chosen([given.data], [Split(name) for name in given.split], [])))
    except LungboxError as error:
        print(f"training.hospitals: {error}", file=sys.stderr)
        return 1
    return 0


def refuse_another(path: Path, plan: dict[str, object]) -> None:
    """Keep what a folder's rows are made of; StateError where they are made of something else."""
    text = json.dumps(plan, indent=1)
    if path.exists() and path.read_text(encoding="utf-8") != text:
        raise StateError(
            f"{path.parent} holds rows with another number of films, or judged on others.",
            advice="Choose another --out, or the --films and --split that it was begun with.",
        )
    write_atomically(path, text.encode())


def run(given: argparse.Namespace, records: Sequence[FilmRecord]) -> str:
    """Do what is not done yet, and return the table; it grows with each row, as hours lie between two."""
    recipe = Recipe()
    if given.films is not None:
        recipe = shortened(recipe, given.films)
    for network in given.networks:
        if network != OURS:
            baselines.build(ARCHITECTURES[network], 1)  # what is not installed is said now, not after hours
    wanted = [one for name, one in groups(given.hospitals).items() if not given.trained_on or name in given.trained_on]
    planned = list(entries(given.networks, wanted, given.box))
    for entry in planned:
        if not unseen(entry, records):
            raise DataError(
                f"A network trained on {' and '.join(entry.sources)} has learned from every film here.",
                advice="Add val or external to --split, or leave it out with --trained-on.",
            )
    given.out.mkdir(parents=True, exist_ok=True)
    refuse_another(given.out / "plan.json", {"films": recipe.total_films, "judged": [one.key for one in records]})
    found: dict[Entry, list[Score]] = {}
    text = ""
    for entry in planned:
        for seed in given.seeds:
            kept = given.out / f"{entry.stem(seed)}.csv"
            if not kept.exists():
                print(f"{entry.title}, trained on {' and '.join(entry.sources)}, seed {seed}", file=sys.stderr)
                seeded = replace(recipe, seed=seed)
                segmenter = trained(entry, seeded, given.data, given.out, torch.device(given.device))
                scores, _ = evaluate([Model(entry.title, segmenter)], unseen(entry, records), [])
                write_scores(kept, scores[0])
            found.setdefault(entry, []).extend(read_scores(kept))
        text = table(found, len(given.seeds), recipe)
        write_atomically(given.out / "table.md", text.encode())
    return text


if __name__ == "__main__":
    sys.exit(main())
