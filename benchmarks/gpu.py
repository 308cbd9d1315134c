"""How fast and in how much memory the GPU engine runs: `python -m benchmarks.gpu [--json FILE] [--only NETWORK]`.

Everything is a ratio to segment-anything 1.0 (or, for the compact network, to itself) in float32 on the same GPU and
the same weights, the variants taking turns, from the frame in memory to the answer in memory. "replayed" is the same
work recorded once as a CUDA graph: what is left when no launch waits for Python. The bundled model's masks are compared
with those of torch in float32 on the CPU, on the demo film and boxes as people draw them.
"""

import argparse
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.networks import WITH_QKV, calibrated, checkpoint_of, frame_for, in_integers, random_model
from benchmarks.runtime import BOX, CONFIGS
from benchmarks.timing import interleaved, write_json
from engine.film.reading import read_radiograph
from engine.geometry import BoxPrompt, Prompts
from engine.network.checkpoint import bundled_checkpoint, read_checkpoint
from engine.network.torch_backend import TorchBackend
from engine.segmenter import Segmenter
from resources import path as resource
from training.boxes import DRAWN, bounds_of, draw_box, fixed_rng

FLOAT32 = "segment-anything float32"
ROUNDS, BOXES = 15, 50
_WARM = 3  # runs before a graph is recorded


def to_cpu(values: Any) -> Any:
    """Wait for an answer, as the program does."""
    torch.cuda.synchronize()
    return values


class Subject:
    """One network on the GPU in all ways that are compared."""

    def __init__(self, name: str) -> None:
        config = CONFIGS[name]
        self.frame = frame_for(config)
        model = random_model(config)
        checkpoint = checkpoint_of(model, name)
        bundled = read_checkpoint(bundled_checkpoint())
        # The file that ships, where it is of this network: its times do not depend on its weights.
        integers = (
            bundled
            if bundled.config == config
            else in_integers(checkpoint, calibrated(model, checkpoint, self.frame), WITH_QKV)
        )
        self.model = model.cuda()
        self.backends = {
            "Lungbox bfloat16": TorchBackend(checkpoint, "cuda"),
            "Lungbox int8, products in bfloat16": TorchBackend(integers, "cuda"),
            "Lungbox int8 kernels": TorchBackend(integers, "cuda", integer_kernels=True),
        }

    @torch.inference_mode()
    def encode(self, *, half: bool) -> tuple[Tensor, ...]:
        """Run segment-anything's own modules."""
        with torch.autocast("cuda", torch.bfloat16, enabled=half):
            return self.model.encode(torch.from_numpy(self.frame)[None].cuda())

    def _encode_by(self, backend: TorchBackend) -> object:
        return to_cpu(backend.encode(self.frame))

    @torch.inference_mode()
    def decode(self, features: tuple[Tensor, ...], *, half: bool) -> tuple[Any, Any]:
        """Run segment-anything's own modules."""
        with torch.autocast("cuda", torch.bfloat16, enabled=half):
            logits, quality = self.model.decode(features, *(torch.from_numpy(part).cuda() for part in BOX))
        return logits.float().cpu().numpy(), quality.float().cpu().numpy()

    def encoders(self) -> dict[str, Callable[[], object]]:
        """Return every variant of the encoder."""
        variants: dict[str, Callable[[], object]] = {
            FLOAT32: lambda: to_cpu(self.encode(half=False)),
            "segment-anything bfloat16": lambda: to_cpu(self.encode(half=True)),
        }
        for name, backend in self.backends.items():
            variants[name] = partial(self._encode_by, backend)
        plain = self.backends["Lungbox bfloat16"]._model
        variants["Lungbox bfloat16, replayed"] = replayed(plain.encode, torch.from_numpy(self.frame)[None])
        return variants

    def decoders(self) -> dict[str, Callable[[], object]]:
        """Return every variant of prompt encoder and mask decoder, one box."""
        variants: dict[str, Callable[[], object]] = {
            FLOAT32: partial(self.decode, self.encode(half=False), half=False),
            "segment-anything bfloat16": partial(self.decode, self.encode(half=True), half=True),
        }
        for name, backend in self.backends.items():
            variants[name] = partial(backend.decode, backend.encode(self.frame), *BOX)
        backend = self.backends["Lungbox bfloat16"]
        features = backend.encode(self.frame)
        model = backend._model
        variants["Lungbox bfloat16, replayed"] = replayed(
            lambda *box: model.decode(features, *box), *(torch.from_numpy(part) for part in BOX)
        )
        return variants


@torch.inference_mode()
def replayed(call: Callable[..., tuple[Tensor, ...]], *inputs: Tensor) -> Callable[[], object]:
    """Return a call recorded as a CUDA graph, with its inputs copied in and its answer copied out, in bfloat16."""
    held = [one.cuda() for one in inputs]
    beside = torch.cuda.Stream()
    beside.wait_stream(torch.cuda.current_stream())
    # Without autocast's cache: a weight that was rounded during the recording would be a part of it.
    with torch.cuda.stream(beside), torch.autocast("cuda", torch.bfloat16, cache_enabled=False):
        for _ in range(_WARM):
            call(*held)
    torch.cuda.current_stream().wait_stream(beside)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph), torch.autocast("cuda", torch.bfloat16, cache_enabled=False):
        answer = call(*held)

    @torch.inference_mode()
    def run() -> object:
        for one, new in zip(held, inputs, strict=True):
            one.copy_(new)
        graph.replay()
        return to_cpu([part.float().cpu() if part.numel() < 1 << 18 else part for part in answer])

    return run


def memory_of(call: Callable[[], object]) -> tuple[float, float]:
    """Return the megabytes that are held on the GPU, and the most that a call needs besides."""
    torch.cuda.synchronize()
    torch.cuda.reset_peak_memory_stats()
    held = torch.cuda.memory_allocated()
    call()
    torch.cuda.synchronize()
    return held / 1e6, (torch.cuda.max_memory_allocated() - held) / 1e6


def agreement() -> list[dict[str, Any]]:
    """Return how alike the bundled model's masks are on the GPU and, in float32, on the CPU."""
    checkpoint = read_checkpoint(bundled_checkpoint())
    film = read_radiograph(resource("demo/demo.dcm"))
    reference = Segmenter(TorchBackend(checkpoint))
    embedding = reference.embed(film)
    whole = reference.segment_many(embedding, [Prompts(BoxPrompt.whole(film.rows, film.columns))])[0].mask
    lungs = [box for part in [whole, *whole.parts()] if (box := bounds_of(part.pixels())) is not None]
    asked = []
    for number in range(BOXES):
        rng = fixed_rng("gpu", str(number))
        box = draw_box(rng, lungs[number % len(lungs)], DRAWN[number % len(DRAWN)], film.rows, film.columns)
        asked.append(Prompts(box))
    expected = reference.segment_many(embedding, asked)
    rows = []
    for name, integer_kernels in (("int8, products in bfloat16", False), ("int8 kernels", True)):
        segmenter = Segmenter(TorchBackend(checkpoint, "cuda", integer_kernels=integer_kernels))
        found = segmenter.segment_many(segmenter.embed(film), asked)
        dices = [one.mask.dice(other.mask) for one, other in zip(found, expected, strict=True)]
        apart = [abs(one.quality - other.quality) for one, other in zip(found, expected, strict=True)]
        rows.append({"variant": name, "boxes": BOXES, "mean": float(np.mean(dices)), "worst": min(dices)})
        rows[-1]["quality"] = max(apart)
    return rows


def measure(names: list[str]) -> dict[str, Any]:
    """Return all that was measured."""
    report: dict[str, Any] = {
        "gpu": torch.cuda.get_device_name(),
        "torch": torch.__version__,
        "cuda": torch.version.cuda,
        "agreement": agreement(),
        "rows": [],
    }
    for name in names:
        subject = Subject(name)
        for part, variants in (("encoder", subject.encoders()), ("decoder", subject.decoders())):
            found = interleaved(variants, ROUNDS, 20.0)
            for variant, times in found.items():
                held, besides = memory_of(variants[variant])
                report["rows"].append(
                    {"part": part, "network": name, "variant": variant, **times.as_json()}
                    | {"ratio": found[FLOAT32].median_ms / times.median_ms, "needs_mb": besides, "held_mb": held}
                )
            print(f"{part}, {name}: done", file=sys.stderr, flush=True)
        del subject
        torch.cuda.empty_cache()
    return report


def table(report: dict[str, Any]) -> str:
    """Return the report for people."""
    lines = [f"{report['gpu']}, torch {report['torch']}, CUDA {report['cuda']}", ""]
    lines += [
        f"{'part':8} {'network':12} {'variant':36} {'median ms':>10} {'quartiles':>13} {'ratio':>7} {'needs MB':>9}"
    ]
    for row in report["rows"]:
        quartiles = f"{row['lower_ms']:.2f}-{row['upper_ms']:.2f}"
        lines.append(
            f"{row['part']:8} {row['network']:12} {row['variant']:36} {row['median_ms']:10.2f} {quartiles:>13} "
            f"{row['ratio']:6.2f}x {row['needs_mb']:9.0f}"
        )
    for row in report["agreement"]:
        lines.append(
            f"Agreement of {row['variant']} with torch float32 on the CPU, {row['boxes']} boxes on the demo film: Dice "
            f"{row['mean']:.5f} on the mean, {row['worst']:.5f} at worst; quality within {row['quality']:.4f}"
        )
    return "\n".join(lines)


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", type=Path, help="also write the figures here")
    parser.add_argument("--only", choices=CONFIGS, action="append", help="this network alone; may be repeated")
    options = parser.parse_args()
    if not torch.cuda.is_available():
        print("torch finds no NVIDIA GPU here; python -m benchmarks.runtime measures the CPU.", file=sys.stderr)
        return 1
    report = measure(options.only or list(CONFIGS))
    print(table(report))
    if options.json:
        write_json(options.json, report)
    return 0


if __name__ == "__main__":
    sys.exit(main())
