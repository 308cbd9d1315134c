"""The arithmetic of size: parameters by part, trained per row, bytes on disk per scheme; the paper's count beside ours.

    python -m training.sizes            # ViT-B, from shapes alone
    python -m training.sizes --model vit_l vit_h compact
    python -m training.sizes --measure  # and really write the file of a random ViT-B

The paper counts linear layers only, keeps its adapters, and writes no integers. We count the whole file.
"""

import argparse
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import nn

from engine.network.checkpoint import write_checkpoint
from engine.network.config import ModelConfig, Preprocessing, sam_config
from engine.network.layout import UNUSED_PREFIXES, expected_shapes
from engine.network.model import LungModel
from training.adaptation import ROWS, SCHEMES, Scheme
from training.prepare import prepare, trainable_parameters
from training.qat import quantizers, round_places, sites
from training.release import keeps_float32, released_tensors
from training.rounding import LayerQuantizer, RoundedAttention

MEGABYTE = 1e6
_PAPER_RANKS = (48, 32)  # while it trains, and after


def configuration(name: str) -> ModelConfig:
    """Return the shape of "vit_b", "vit_l", "vit_h" or "compact"."""
    return ModelConfig() if name == "compact" else sam_config(name)  # type: ignore[arg-type]


def on_paper(config: ModelConfig) -> LungModel:
    """Return the network with shapes and no values."""
    with torch.device("meta"):
        return LungModel(config)


def _count(*modules: nn.Module) -> int:
    return sum(parameter.numel() for module in modules for parameter in module.parameters())


def parts(config: ModelConfig) -> dict[str, int]:
    """Return the parameters of each part; they add up to the network's."""
    model = on_paper(config)
    mlp = [site.layer for site in sites(model, "encoder mlp")]
    decoder_linears = _count(*(site.layer for site in sites(model, "decoder linears")))
    counted = {
        "encoder qkv": _count(*(site.layer for site in sites(model, "encoder qkv"))),
        "encoder proj": _count(*(site.layer for site in sites(model, "encoder projection"))),
        "encoder lin1": _count(*mlp[0::2]),
        "encoder lin2": _count(*mlp[1::2]),
        "encoder convolutions": _count(*(site.layer for site in sites(model, "encoder convolutions"))),
    }
    counted["encoder, the rest"] = _count(model.image_encoder) - sum(counted.values())
    return counted | {
        "decoder linears": decoder_linears,
        "decoder, the rest": _count(model.mask_decoder) - decoder_linears,
        "prompt encoder": _count(model.prompt_encoder),
    }


def adapter_parameters(config: ModelConfig, rank: int) -> int:
    """Return P, L and Q of q, k and v in every block."""
    return config.depth * 3 * rank * (2 * config.embed_dim + 1)


@dataclass(frozen=True, slots=True)
class PaperCount:
    """The paper's published ratios, by the only counting that gives all of them (AdaLoRA-QAT, arXiv 2604.01167)."""

    reduction: float  # "16.6x" fewer trainable parameters, of the network with its adapters
    trainable_percent: float  # "6.1 %", of the network without
    decoder_reduction: float  # "23.6x", decoder fine-tuning
    decoder_percent: float  # "4.2 %"
    float_megabytes: float
    mixed_megabytes: float

    @property
    def compression(self) -> float:
        """The paper's "2.24x"."""
        return self.float_megabytes / self.mixed_megabytes


def paper_count(config: ModelConfig) -> PaperCount:
    """Return the paper's ratios for a network: of the decoder, its linear layers only; adapters at rank 32 trained."""
    found = parts(config)
    whole, decoder = sum(found.values()), found["decoder linears"]
    while_training, after = (adapter_parameters(config, rank) for rank in _PAPER_RANKS)
    trained = decoder + after
    integers = found["encoder proj"] + found["encoder lin1"] + found["encoder lin2"] + decoder
    return PaperCount(
        reduction=(whole + after) / trained,
        trainable_percent=100.0 * trained / whole,
        decoder_reduction=whole / decoder,
        decoder_percent=100.0 * decoder / whole,
        # Linear layers and the adapters as wide as they were trained; no other tensor is counted on either side.
        float_megabytes=4 * (integers + found["encoder qkv"] + while_training) / MEGABYTE,
        mixed_megabytes=(integers + 4 * (found["encoder qkv"] + while_training)) / MEGABYTE,
    )


def trainable(config: ModelConfig) -> dict[str, int]:
    """Return how many values each row trains, in the tensors it really trains."""
    counted = {}
    for name, row in ROWS.items():
        adapters = row.adapters
        if adapters is not None:
            adapters = replace(adapters, rank=min(adapters.rank, config.embed_dim))
        row = replace(row, adapters=adapters, quantization=None)  # noqa: PLW2901 (rounding adds nothing to train)
        model = prepare(on_paper(config), row)
        counted[name] = sum(parameter.numel() for parameter in trainable_parameters(model, row).values())
    return counted


def whole_bytes(config: ModelConfig) -> int:
    """Return the size of all parameters in float32: what segment-anything's own file holds."""
    return 4 * sum(parts(config).values())


def tensor_bytes(config: ModelConfig, scheme: Scheme) -> int:
    """Return the bytes of all tensors in the file of a scheme, without its header."""
    model = on_paper(config)
    if scheme.quantization is not None:
        round_places(model, scheme.quantization)
    rounded = {id(quantizer): quantizer for quantizer, _ in quantizers(model)}
    layers: dict[str, LayerQuantizer] = {}
    total = 0
    for name, module in model.named_modules():
        if name.startswith(UNUSED_PREFIXES):
            continue
        quantizer = getattr(module, "quantizer", None)
        if id(quantizer) in rounded:
            assert isinstance(quantizer, LayerQuantizer)
            layers[f"{name}.weight"] = quantizer
            total += sum(scale.numel() * scale.element_size() for scale in quantizer.buffers())
        if isinstance(module, RoundedAttention):
            total += 3 * 4
    for name, shape in expected_shapes(config).items():
        values = torch.Size(shape).numel()
        if name in layers:
            total += values * layers[name].bits // 8
        else:
            total += values * (4 if scheme.rest == "float32" or keeps_float32(name, values) else 2)
    return total


def measured_bytes(config: ModelConfig, scheme: Scheme, folder: Path) -> int:
    """Return the size of the file of a network with random weights, really written."""
    torch.manual_seed(0)
    model = LungModel(config)
    if scheme.quantization is not None:
        round_places(model, scheme.quantization)
        for name, buffer in model.named_buffers():
            if name.endswith("_scale") and buffer.is_floating_point():
                buffer.nan_to_num_(1.0)  # ranges that no film has set: of any value, they take the same room
    path = folder / "random.safetensors"
    channels = config.in_channels
    write_checkpoint(
        path,
        name="random",
        version="0",
        config=config,
        preprocessing=Preprocessing(mean=(0.5,) * channels, std=(0.25,) * channels),
        tensors=released_tensors(model, scheme.rest),
        scheme="random weights",
        card={},
    )
    return path.stat().st_size


def report(name: str) -> str:
    """Return the tables of one network."""
    config = configuration(name)
    found, count = parts(config), paper_count(config)
    whole = sum(found.values())
    lines = [f"{name}: {whole:,} parameters, {whole_bytes(config) / MEGABYTE:.2f} MB in float32", "", "By part"]
    lines += [f"  {part:<24}{values:>14,}{100 * values / whole:>8.2f} %" for part, values in found.items()]
    lines += ["", "Trained, per row" + f"{'':>28}of the network"]
    lines += [
        f"  {row:<24}{values:>14,}{100 * values / whole:>8.2f} %"
        + (f"{whole / values:>10.1f}x fewer" if values else "")
        for row, values in trainable(config).items()
    ]
    for rank in _PAPER_RANKS:
        lines.append(f"  {f'adapters of rank {rank}':<24}{adapter_parameters(config, rank):>14,}")
    live = config.depth * 3 * _PAPER_RANKS[1]
    lines.append(f"  {'L that is live, of those':<24}{live:>14,}")
    lines += ["", "By the paper's counting: linear layers only, adapters kept, and nothing else in the file"]
    published = " (the paper: {})" if name == "vit_b" else ""
    lines += [
        f"  {what:<46}{value:>9}{published.format(paper)}"
        for what, value, paper in (
            ("fewer trained than the network with adapters", f"{count.reduction:.1f}x", "16.6x"),
            ("trained, of the network", f"{count.trainable_percent:.1f} %", "6.1 %"),
            ("fewer trained, decoder alone", f"{count.decoder_reduction:.1f}x", "23.6x"),
            ("trained, decoder alone", f"{count.decoder_percent:.1f} %", "4.2 %"),
            (
                f"{count.float_megabytes:.2f} MB to {count.mixed_megabytes:.2f} MB",
                f"{count.compression:.2f}x",
                "2.24x",
            ),
        )
    ]
    lines += ["", f"By ours: the whole file, against {whole_bytes(config) / MEGABYTE:.2f} MB"]
    for scheme_name, scheme in SCHEMES.items():
        size = tensor_bytes(config, scheme)
        lines.append(f"  {scheme_name:<24}{size / MEGABYTE:>11.2f} MB{whole_bytes(config) / size:>8.3f}x")
    return "\n".join(lines)


def main(argv: list[str] | None = None) -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="python -m training.sizes", description=__doc__)
    models = ("vit_b", "vit_l", "vit_h", "compact")
    parser.add_argument("--model", nargs="+", choices=models, default=list(models))
    parser.add_argument("--measure", metavar="SCHEME", nargs="*", choices=list(SCHEMES), help="write these files; all")
    arguments = parser.parse_args(argv)
    for name in arguments.model:
        print(report(name), end="\n\n")
        if arguments.measure is None:
            continue
        config = configuration(name)
        with tempfile.TemporaryDirectory() as folder:
            for scheme_name in arguments.measure or SCHEMES:
                size = measured_bytes(config, SCHEMES[scheme_name], Path(folder))
                ratio = whole_bytes(config) / size
                print(f"  written: {scheme_name:<24}{size / MEGABYTE:>11.2f} MB{ratio:>8.3f}x", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
