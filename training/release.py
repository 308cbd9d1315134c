"""From a trained network to the one file that is shipped: adapters merged, integers written, parity proved.

    python -m training.release runs/compact/average.pt --scheme int8 --data ../shared/data/cxr --out model.safetensors

A file is written only if the engine, running it, draws the masks that the trained network draws; how closely, is in
its card.
"""

import argparse
import copy
import json
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from engine.errors import LungboxError
from engine.geometry import Letterbox, Prompts
from engine.model_input import standardise
from engine.network.backends import Backend, choose_backend
from engine.network.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from engine.network.config import Preprocessing
from engine.network.layout import fold_batch_norm
from engine.network.model import LungModel
from engine.network.quantized import by_row, round_to_int8
from engine.network.torch_backend import TorchBackend
from training.adaptation import SCHEMES, RecipeError
from training.base import load_base
from training.boxes import bounds_of
from training.films import Film, load_films, lung_records
from training.manifest import CONVENTION_TEXTS, FilmRecord, Split, source_of
from training.qat import calibrating, round_places, without_adapters
from training.recipe import Recipe
from training.rounding import LayerQuantizer
from training.state import command, commit

Tensors = dict[str, NDArray[Any]]
_RECIPE = Recipe()

# Below this many values a tensor stays in float32: it costs nothing, and the position encoding's sines of large angles
# need it.
_SMALL = 512
_FLOAT16_LARGEST = 65504.0
_LEAST_MEAN_DICE, _LEAST_DICE = 0.999, 0.995  # between the trained network's masks and the released file's


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """A frame and prompts on it, to compare two networks with."""

    frame: NDArray[np.float32]  # (channels, size, size)
    coordinates: NDArray[np.float32]  # (prompts, tokens, 2)
    labels: NDArray[np.float32]  # (prompts, tokens)


@dataclass(frozen=True, slots=True)
class Parity:
    """How closely an engine, running the file, follows the trained network."""

    engine: str
    masks: int
    largest_logit: float  # of the trained network, to compare the next with
    largest_logit_difference: float
    mean_dice: float
    worst_dice: float
    largest_quality_difference: float


@dataclass(frozen=True, slots=True)
class Release:
    """What was written."""

    path: Path
    sha256: str
    size_bytes: int
    parity: tuple[Parity, ...]


def released_tensors(model: LungModel, rest: Literal["float32", "float16"]) -> Tensors:
    """Return the tensors of the file: integers and their scales, all else in `rest`. The model is left as it is."""
    model = copy.deepcopy(model)
    without_adapters(model)
    tensors: Tensors = {}
    scales: Tensors = {}
    for name, module in model.named_modules():
        if isinstance(module, LayerQuantizer):
            continue
        for key, value in (*module.named_parameters(recurse=False), *module.named_buffers(recurse=False)):
            tensors[f"{name}.{key}"] = value.detach().cpu().numpy()
        if isinstance(quantizer := getattr(module, "quantizer", None), LayerQuantizer):
            for key, value in _integers(name, quantizer, module.weight.detach()):
                scales[f"{name}.{key}"] = value
    for name, value in tensors.items():
        if name.endswith("_scale") and not np.isfinite(value).all():
            raise _never_calibrated(name)
    folded = fold_batch_norm({name: value for name, value in tensors.items() if name not in scales})
    return {name: _at_rest(name, value, rest) for name, value in folded.items()} | scales


def _integers(name: str, quantizer: LayerQuantizer, weight: torch.Tensor) -> Iterator[tuple[str, NDArray[Any]]]:
    """Yield a rounded layer's integers and scales, checked against the engine's own rounding where that is all."""
    whole = quantizer.weight_integers(weight.float()).cpu().numpy().astype(np.int8)
    scale = quantizer.weight_scale.cpu().numpy()
    if quantizer.bits == 8:
        real = weight.float().cpu().numpy()
        assert np.array_equal(whole, round_to_int8(real, by_row(scale, real.ndim)))
    else:
        yield "group_scale", quantizer.group_scale.cpu().numpy()
    yield "weight", whole
    yield "weight_scale", scale
    if quantizer.rule.activations == "static":
        if not torch.isfinite(quantizer.input_scale).all():
            raise _never_calibrated(name)
        yield "input_scale", quantizer.input_scale.cpu().numpy()


def _never_calibrated(name: str) -> RecipeError:
    return RecipeError(f"{name} was never calibrated", advice="Open training.qat.calibrating and run films through.")


def keeps_float32(name: str, values: int) -> bool:
    """Whether a tensor of so many values stays in float32 in a file whose rest is float16."""
    return values < _SMALL or name.endswith("_scale")


def _at_rest(name: str, value: NDArray[Any], rest: Literal["float32", "float16"]) -> NDArray[Any]:
    """Return a tensor that is not of integers as the file holds it."""
    value = value.astype(np.float32)
    whole = rest == "float32" or keeps_float32(name, value.size) or np.abs(value).max() >= _FLOAT16_LARGEST
    return value if whole else value.astype(np.float16)


@torch.inference_mode()
def _run(model: LungModel, sample: Sample) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    device = next(model.parameters()).device
    frame, coordinates, labels = (
        torch.from_numpy(value).to(device) for value in (sample.frame[None], sample.coordinates, sample.labels)
    )
    logits, quality = model.decode(model.encode(frame), coordinates, labels)
    return logits.float().cpu().numpy(), quality.float().cpu().numpy()


def _dice(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> float:
    total = int(a.sum()) + int(b.sum())
    return 2.0 * int((a & b).sum()) / total if total else 1.0


def parity_of(model: LungModel, backend: Backend, samples: Sequence[Sample]) -> Parity:
    """Return how closely a backend follows the trained network on samples."""
    model.eval()
    dice: list[float] = []
    largest = largest_difference = largest_quality = 0.0
    for sample in samples:
        expected, quality = _run(model, sample)
        logits, other_quality = backend.decode(backend.encode(sample.frame), sample.coordinates, sample.labels)
        largest = max(largest, float(np.abs(expected).max()))
        largest_difference = max(largest_difference, float(np.abs(expected - logits).max()))
        largest_quality = max(largest_quality, float(np.abs(quality - other_quality).max()))
        dice += [_dice(a > 0, b > 0) for a, b in zip(expected, logits, strict=True)]
    return Parity(
        engine=backend.description,
        masks=len(dice),
        largest_logit=largest,
        largest_logit_difference=largest_difference,
        mean_dice=float(np.mean(dice)),
        worst_dice=min(dice),
        largest_quality_difference=largest_quality,
    )


def torch_in_float32(checkpoint: Checkpoint) -> Backend:
    """Return the reference engine."""
    return TorchBackend(checkpoint, "cpu", bfloat16=False)


def engine_on_the_cpu(checkpoint: Checkpoint) -> Backend:
    """Return the engine that a reader's computer would run."""
    return choose_backend(checkpoint, "cpu")


ENGINES = (torch_in_float32, engine_on_the_cpu)


def card_of(records: Sequence[FilmRecord], taught: Mapping[str, int]) -> dict[str, Any]:
    """Return what a reader of a model's file must know: its use and limits, and which films it learned from.

    `taught` counts those that a model outlined, by source. Figures are added when it is released.
    """
    learned, held_out = (
        Counter(one.source for one in records if one.split is split) for split in (Split.TRAIN, Split.VAL)
    )
    data = f"Learned from {_counts(learned)}"
    if taught:
        data += f", and from {_counts(taught)} that a model outlined"
    licences = {one.licence or f"not stated ({one.source})": None for one in records}
    return {
        "intended_use": "Outlining the lungs on frontal chest radiographs of adults from a box or points. Research "
        "only; not a medical device.",
        "convention": CONVENTION_TEXTS[records[0].convention],
        "limits": [
            f"Learned from {len(learned)} source{'s' if len(learned) > 1 else ''} of outlined films; what those do not "
            "show, such as other projections, devices or children, it does not know.",
            "Where consolidation or effusion whitens a lung its outline may retreat: look at it.",
            "A film that is not a frontal chest radiograph still gets an outline; its predicted quality is lower.",
        ],
        "data": f"{data}; validated on {_counts(held_out)}.",
        "licence": "Research only. Of the films: " + "; ".join(licences) + ".",
        "films": {"train": dict(learned), "validation": dict(held_out)},
    }


def _counts(films: Mapping[str, int]) -> str:
    parts = [f"{count} film{'s' if count > 1 else ''} of {source}" for source, count in films.items()]
    return " and ".join(filter(None, [", ".join(parts[:-1]), *parts[-1:]]))


def release(
    model: LungModel,
    path: Path,
    *,
    name: str,
    version: str,
    preprocessing: Preprocessing,
    scheme: str,
    rest: Literal["float32", "float16"],
    card: Mapping[str, Any],
    samples: Sequence[Sample],
    engines: Sequence[Callable[[Checkpoint], Backend]] = ENGINES,
) -> Release:
    """Write a trained network's file, once each engine has run it and drawn the same masks."""
    if not samples:
        raise RecipeError("there is nothing to prove parity with", advice="Give some films and boxes.")
    model = copy.deepcopy(model).cpu().eval()
    described = {
        "name": name,
        "version": version,
        "config": model.config,
        "preprocessing": preprocessing,
        "tensors": released_tensors(model, rest),
        "scheme": scheme,
    }
    with tempfile.TemporaryDirectory() as folder:
        trial = Path(folder) / "trial.safetensors"
        write_checkpoint(trial, **described, card={})  # type: ignore[arg-type]
        checkpoint = read_checkpoint(trial)
    parity = tuple(parity_of(model, engine(checkpoint), samples) for engine in engines)
    for found in parity:
        if found.mean_dice < _LEAST_MEAN_DICE or found.worst_dice < _LEAST_DICE:
            raise RecipeError(
                f"{found.engine} does not draw the trained network's masks: Dice {found.mean_dice:.4f} on the mean, "
                f"{found.worst_dice:.4f} at worst, on {found.masks}; nothing was written"
            )
    whole_card = {**card, "parity": [asdict(found) for found in parity]}
    sha256 = write_checkpoint(path, **described, card=whole_card)  # type: ignore[arg-type]
    return Release(path, sha256, path.stat().st_size, parity)


def samples_of(films: Sequence[Film], preprocessing: Preprocessing) -> list[Sample]:
    """Return each film with a tight box round each lung and round both."""
    samples = []
    for film in films:
        size = film.unit.shape[0]
        letterbox = Letterbox.fit(size, size, size)
        boxes = [box for wanted in ([0], [1], [0, 1]) if (box := bounds_of(film.lungs[wanted].max(axis=0))) is not None]
        tokens = [letterbox.tokens(Prompts(box)) for box in boxes]
        coordinates, labels = (np.stack(parts).astype(np.float32) for parts in zip(*tokens, strict=True))
        samples.append(Sample(standardise(film.unit, preprocessing), coordinates, labels))
    return samples


def calibrate(model: LungModel, samples: Sequence[Sample]) -> None:
    """Fix the ranges of a prepared network's rounded layers from samples."""
    model.eval()
    with calibrating(model):
        for sample in samples:
            _run(model, sample)


def run_of(weights: Path) -> dict[str, Any]:
    """Return what the run that made the weights wrote down of itself; nothing where it did not."""
    path = weights.with_name("run.json")
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return found


def commands_of(run: Mapping[str, Any]) -> list[str]:
    """Return the command lines that made the weights, where their run wrote its own down, and this file."""
    made = [run["command"]] if "command" in run else []
    return list(dict.fromkeys([*made, command()]))  # training.whole does both


def training_of(run: Mapping[str, Any], taught: Mapping[str, int]) -> dict[str, Any]:
    """Return what a card says of a run."""
    kept = ("name", "seed", "phases", "learning_rate", "prompts_per_film", "taught_share")
    return {
        "recipe": {key: run["recipe"][key] for key in kept if key in run["recipe"]},
        "films_outlined_by_a_model": dict(taught),
        "started_from": run["start"],
        "commit": run["commit"],
        "torch": run["torch"],
    }


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a release is to be called, and on how many films its ranges and its proof rest."""

    scheme: str = "int8"
    name: str = "lungbox-compact"
    version: str = "0.1.0"
    note: str = ""  # what a reader of the card should know of this training
    calibration_films: int = _RECIPE.calibration_films
    proof_films: int = _RECIPE.proof_films


USUAL = Wanted()


def release_run(weights: Path, data: Path, out: Path, wanted: Wanted) -> Release:
    """Round a run's averaged weights without further training, and write the file."""
    scheme, base, run = SCHEMES[wanted.scheme], load_base(weights), run_of(weights)
    sources = run["recipe"]["sources"] if run else ()
    out.parent.mkdir(parents=True, exist_ok=True)  # before minutes of work that could not be kept
    taught = Counter(source_of(key) for key in run.get("taught", ()))
    model, preprocessing = base.network(()), base.preprocessing
    load = (sources, base.config.image_size, preprocessing)
    train_films, held_out = load_films(data, "train", *load), load_films(data, "val", *load)

    def some(films: Sequence[Film], count: int) -> list[Sample]:
        return samples_of(films[:: max(1, len(films) // count)][:count], preprocessing)

    if scheme.quantization is not None:
        round_places(model, scheme.quantization)
        calibrate(model, some(train_films, wanted.calibration_films))
    return release(
        model,
        out,
        name=wanted.name,
        version=wanted.version,
        preprocessing=preprocessing,
        scheme=wanted.scheme,
        rest=scheme.rest,
        card=card_of(lung_records(data, sources), taught)
        | {"calibration_films": wanted.calibration_films, "validation": base.scores, "commit": commit()}
        | {"commands": commands_of(run)}
        | ({"training": training_of(run, taught)} if run else {})
        | ({"note": wanted.note} if wanted.note else {}),
        samples=some(held_out, wanted.proof_films),
    )


def main(argv: list[str] | None = None) -> int:
    """Round a trained network without further training, and write its file."""
    parser = argparse.ArgumentParser(prog="python -m training.release", description=__doc__)
    parser.add_argument("weights", type=Path, help="average.pt of a run")
    parser.add_argument("--scheme", choices=list(SCHEMES), default=USUAL.scheme)
    parser.add_argument("--data", type=Path, required=True, help="folder with manifest.csv")
    parser.add_argument(
        "--calibration", type=int, default=USUAL.calibration_films, help="training films that fix the ranges"
    )
    parser.add_argument(
        "--proof", type=int, default=USUAL.proof_films, help="validation films that parity is proved on"
    )
    parser.add_argument("--name", default=USUAL.name)
    parser.add_argument("--version", default=USUAL.version)
    parser.add_argument("--note", default="", help="what a reader of the card should know of this training")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args(argv)
    wanted = Wanted(
        scheme=arguments.scheme,
        name=arguments.name,
        version=arguments.version,
        note=arguments.note,
        calibration_films=arguments.calibration,
        proof_films=arguments.proof,
    )
    try:
        written = release_run(arguments.weights, arguments.data, arguments.out, wanted)
    except LungboxError as error:
        print(f"training.release: {error}", file=sys.stderr)
        return 1
    for line in told(written):
        print(line)
    return 0


def told(written: Release) -> Iterator[str]:
    """Yield what was written, and how closely each engine draws the trained network's masks."""
    yield f"wrote {written.path} ({written.size_bytes / 1e6:.2f} MB, SHA-256 {written.sha256})"
    for found in written.parity:
        yield (
            f"  {found.engine}: Dice {found.mean_dice:.5f} on the mean of {found.masks} masks, "
            f"{found.worst_dice:.5f} at worst; logits up to {found.largest_logit:.1f} differ by at most "
            f"{found.largest_logit_difference:.4f}"
        )


if __name__ == "__main__":
    sys.exit(main())
