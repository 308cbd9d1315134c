"""What rounding does to a network's weights, as the paper's figure 3: for any checkpoint, as PNG and JSON.

    python -m training.quantization_error model.safetensors --scheme int8 --out figures
    python -m training.quantization_error int8.safetensors --reference float32.safetensors --out figures

A checkpoint of reals (a released file, average.pt of a run, Meta's .pth) is rounded here, as the scheme says. One that
holds integers is compared with the reals that it was made from.
"""

import argparse
import io
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from engine.errors import LungboxError
from engine.files import write_atomically
from engine.network.checkpoint import Checkpoint, read_checkpoint
from engine.network.model import LungModel
from engine.network.quantized import float_tensors
from training.adaptation import SCHEMES, Quantization, RecipeError
from training.base import load_base
from training.qat import fold_norms, quantizers, round_places
from training.release import released_tensors

Reals = NDArray[np.float32]

_BINS = 201
_AMPLITUDE_BINS = 24
_SAMPLE = 20_000  # points drawn in the scatter and the Q-Q plot
_QUANTILES = 199


@dataclass(frozen=True, slots=True, eq=False)
class RoundedWeight:
    """A layer's weight before and after."""

    layer: str
    real: Reals
    rounded: Reals


@dataclass(frozen=True, slots=True)
class Error:
    """The error of one layer, or of all, in the weight's own units."""

    weights: int
    mean: float
    standard_deviation: float
    largest: float
    signal_to_noise_db: float
    excess_kurtosis: float  # a Gaussian's is 0, a uniform error's -1.2
    correlation: float  # of the rounded weight with the real one


def checkpoint_in(path: Path) -> Checkpoint:
    """Return a released file, or the weights of a run or of Meta as a release in reals would hold them."""
    if path.suffix == ".safetensors":
        return read_checkpoint(path)
    base = load_base(path)
    return Checkpoint(
        name=base.about["name"],
        version="",
        config=base.config,
        preprocessing=base.preprocessing,
        tensors=released_tensors(base.network(()), "float32"),
        sha256=base.about["sha256"],
        scheme="float32",
        card={},
    )


def rounded_here(checkpoint: Checkpoint, quantization: Quantization) -> list[RoundedWeight]:
    """Return the weights of a checkpoint of reals, and what a scheme makes of them."""
    if checkpoint.quantized_layers:
        raise RecipeError(
            f"{checkpoint.name} holds integers already", advice="Give the checkpoint it was made from as --reference."
        )
    with torch.device("meta"):
        model = LungModel(checkpoint.config)
    fold_norms(model)  # checkpoints are folded
    tensors = {name: torch.from_numpy(value.copy()) for name, value in float_tensors(checkpoint.tensors).items()}
    model.load_state_dict(tensors, strict=False, assign=True)
    for name, parameter in list(model.named_parameters()):
        if parameter.is_meta:  # what a checkpoint may leave out
            owner, _, attribute = name.rpartition(".")
            setattr(model.get_submodule(owner), attribute, torch.nn.Parameter(torch.zeros(parameter.shape)))
    round_places(model, quantization)
    names = {id(module): name for name, module in model.named_modules()}
    found = []
    for quantizer, layer in quantizers(model):
        name = names[id(layer)]
        if f"{name}.weight" not in tensors:
            continue
        weight = layer.weight.detach()
        scale = quantizer.weight_scale.reshape(-1, *([1] * (weight.ndim - 1)))
        found.append(RoundedWeight(name, weight.numpy(), (quantizer.weight_integers(weight) * scale).numpy()))
    return found


def rounded_there(checkpoint: Checkpoint, reference: Checkpoint) -> list[RoundedWeight]:
    """Return the weights of a checkpoint of integers beside those of the checkpoint that it was made from."""
    if checkpoint.config != reference.config:
        raise RecipeError(f"{reference.name} is another network than {checkpoint.name}")
    if not checkpoint.quantized_layers or reference.quantized_layers:
        raise RecipeError("a comparison needs a checkpoint of integers and one of reals, in this order")
    after, before = float_tensors(checkpoint.tensors), float_tensors(reference.tensors)
    names = checkpoint.quantized_layers
    return [RoundedWeight(name, before[f"{name}.weight"], after[f"{name}.weight"]) for name in names]


def error_of(real: Reals, rounded: Reals) -> Error:
    """Return what rounding did to some weights."""
    error = (rounded.astype(np.float64) - real).ravel()
    centred = error - error.mean()
    variance = float(np.mean(centred**2))
    power = float(np.mean(real.astype(np.float64) ** 2))
    noise = float(np.mean(error**2))
    return Error(
        weights=error.size,
        mean=float(error.mean()),
        standard_deviation=variance**0.5,
        largest=float(np.abs(error).max()),
        signal_to_noise_db=float(10 * np.log10(power / noise)) if noise and power else float("inf"),
        excess_kurtosis=float(np.mean(centred**4) / variance**2 - 3) if variance else 0.0,
        correlation=float(np.corrcoef(real.ravel(), rounded.ravel())[0, 1]) if real.std() and rounded.std() else 1.0,
    )


def over_amplitude(real: Reals, rounded: Reals) -> list[dict[str, float]]:
    """Return the error of weights of like magnitude, in equal steps from 0 to the largest."""
    size, error = np.abs(real).ravel(), np.abs(rounded - real).ravel().astype(np.float64)
    edges = np.linspace(0.0, float(size.max()) or 1.0, _AMPLITUDE_BINS + 1)
    where = np.clip(np.digitize(size, edges) - 1, 0, _AMPLITUDE_BINS - 1)
    count = np.bincount(where, minlength=_AMPLITUDE_BINS)
    total = np.bincount(where, error, _AMPLITUDE_BINS)
    squares = np.bincount(where, error**2, _AMPLITUDE_BINS)
    return [
        {
            "from": float(edges[i]),
            "to": float(edges[i + 1]),
            "weights": int(count[i]),
            "mean_absolute_error": float(total[i] / count[i]),
            "root_mean_square_error": float((squares[i] / count[i]) ** 0.5),
        }
        for i in np.flatnonzero(count)
    ]


def quantiles(error: NDArray[np.float64]) -> tuple[list[float], list[float]]:
    """Return a Gaussian's quantiles and the error's at the same shares; on a line, the error is Gaussian."""
    shares = (np.arange(_QUANTILES) + 0.5) / _QUANTILES
    gaussian = [NormalDist().inv_cdf(float(share)) for share in shares]
    spread = float(error.std()) or 1.0
    return gaussian, [float(value) for value in (np.quantile(error, shares) - error.mean()) / spread]


def _json(value: float) -> float | None:
    return value if np.isfinite(value) else None  # JSON has no infinity


def _as_json(error: Error) -> dict[str, float | int | None]:
    return {name: _json(getattr(error, name)) for name in Error.__dataclass_fields__}


def analysis(weights: list[RoundedWeight]) -> dict[str, Any]:
    """Return all that the figure shows, and each layer's error."""
    if not weights:
        raise RecipeError("nothing is rounded: there is no error to look at")
    real = np.concatenate([weight.real.ravel() for weight in weights])
    rounded = np.concatenate([weight.rounded.ravel() for weight in weights])
    error = (rounded - real).astype(np.float64)
    counts, edges = np.histogram(error, _BINS)
    gaussian, found = quantiles(error)
    return {
        "overall": _as_json(error_of(real, rounded)),
        "histogram": {"edges": edges.tolist(), "counts": counts.tolist()},
        "gaussian": {"mean": float(error.mean()), "standard_deviation": float(error.std())},
        "over_amplitude": over_amplitude(real, rounded),
        "quantiles": {"gaussian": gaussian, "error": found},
        "layers": {weight.layer: _as_json(error_of(weight.real, weight.rounded)) for weight in weights},
    }


def figure(weights: list[RoundedWeight], found: Mapping[str, Any], title: str) -> bytes:
    """Return the four plots as a PNG."""
    from matplotlib.figure import Figure

    drawn = Figure(figsize=(11, 8.5), layout="constrained")
    drawn.suptitle(title)
    histogram, scatter, amplitude, qq = drawn.subplots(2, 2).ravel()

    edges = np.asarray(found["histogram"]["edges"])
    width = float(edges[1] - edges[0])
    density = np.asarray(found["histogram"]["counts"]) / (sum(found["histogram"]["counts"]) * width)
    fitted = NormalDist(found["gaussian"]["mean"], found["gaussian"]["standard_deviation"] or 1e-30)
    centres = edges[:-1] + width / 2
    histogram.bar(centres, density, width, color="#5b8db8", label="error")
    histogram.plot(centres, [fitted.pdf(float(x)) for x in centres], color="#b0413e", label="fitted Gaussian")
    histogram.set(title="Error", xlabel="rounded - real", ylabel="density")
    histogram.legend()

    real = np.concatenate([weight.real.ravel() for weight in weights])
    rounded = np.concatenate([weight.rounded.ravel() for weight in weights])
    drawn_ones = np.random.default_rng(0).choice(real.size, min(_SAMPLE, real.size), replace=False)
    limit = float(np.abs(real[drawn_ones]).max())
    scatter.plot([-limit, limit], [-limit, limit], color="#b0413e", linewidth=0.8)
    scatter.scatter(real[drawn_ones], rounded[drawn_ones], s=2, alpha=0.4, color="#5b8db8", linewidths=0)
    scatter.set(title="Real and rounded weights", xlabel="real", ylabel="rounded")

    bins = found["over_amplitude"]
    middles = [(each["from"] + each["to"]) / 2 for each in bins]
    amplitude.plot(middles, [each["root_mean_square_error"] for each in bins], "o-", markersize=3, label="RMS")
    amplitude.plot(middles, [each["mean_absolute_error"] for each in bins], "o-", markersize=3, label="mean")
    amplitude.set(title="Error over amplitude", xlabel="|real|", ylabel="|rounded - real|")
    amplitude.set_ylim(bottom=0)
    amplitude.legend()

    ends = [found["quantiles"]["gaussian"][0], found["quantiles"]["gaussian"][-1]]
    qq.plot(ends, ends, color="#b0413e", linewidth=0.8)
    qq.plot(found["quantiles"]["gaussian"], found["quantiles"]["error"], ".", markersize=3, color="#5b8db8")
    qq.set(title="Q-Q", xlabel="Gaussian quantile", ylabel="error quantile, in standard deviations")

    for plot in (histogram, scatter, amplitude):
        plot.ticklabel_format(scilimits=(-2, 3))
    png = io.BytesIO()
    drawn.savefig(png, format="png", dpi=130)
    return png.getvalue()


def main(argv: list[str] | None = None) -> int:
    """Read the flags and write the analysis of a checkpoint."""
    parser = argparse.ArgumentParser(prog="python -m training.quantization_error", description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--reference", type=Path, help="the reals that a checkpoint of integers was made from")
    rounding = [name for name, scheme in SCHEMES.items() if scheme.quantization is not None]
    parser.add_argument("--scheme", choices=rounding, default="int8", help="how to round a checkpoint of reals")
    parser.add_argument("--out", type=Path, default=Path(), help="folder for NAME.png and NAME.json")
    arguments = parser.parse_args(argv)
    try:
        print(run(arguments))
    except LungboxError as error:
        print(f"training.quantization_error: {error}", file=sys.stderr)
        return 1
    return 0


def run(arguments: argparse.Namespace) -> str:
    """Write the picture and the numbers; return what they come to."""
    checkpoint = checkpoint_in(arguments.checkpoint)
    if arguments.reference is not None:
        scheme = checkpoint.scheme
        weights = rounded_there(checkpoint, checkpoint_in(arguments.reference))
    else:
        scheme, quantization = arguments.scheme, SCHEMES[arguments.scheme].quantization
        assert quantization is not None
        weights = rounded_here(checkpoint, quantization)
    found = analysis(weights)
    about = {
        "checkpoint": checkpoint.name,
        "version": checkpoint.version,
        "sha256": checkpoint.sha256,
        "scheme": scheme,
    }
    arguments.out.mkdir(parents=True, exist_ok=True)
    stem = str(arguments.out / f"{arguments.checkpoint.stem}-quantization-error")
    write_atomically(f"{stem}.png", figure(weights, found, f"{checkpoint.name}, {scheme}"))
    write_atomically(f"{stem}.json", json.dumps(about | found, indent=1).encode())
    overall = found["overall"]
    return (
        f"{checkpoint.name}, {scheme}: {overall['weights']:,} weights in {len(weights)} layers, error "
        f"{overall['standard_deviation']:.3g} (standard deviation), {overall['largest']:.3g} at most, "
        f"{overall['signal_to_noise_db']:.1f} dB; wrote {stem}.png and .json"
    )


if __name__ == "__main__":
    sys.exit(main())
