"""How fast and in how much memory the engines run: `python -m benchmarks.runtime [--json FILE] [--only NETWORK]`.

Everything is a ratio to segment-anything 1.0 (or, for the compact network, to itself) in eager float32 torch, on the
same weights, in the same run, the variants taking turns. The machine's own matrix products are measured beside them.
"""

import argparse
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.gemm import measured_limits
from benchmarks.networks import (
    ENCODER_LAYERS,
    WITH_QKV,
    calibrated,
    checkpoint_of,
    frame_for,
    in_integers,
    operations,
    random_model,
)
from benchmarks.timing import Times, interleaved, write_json
from engine.network.checkpoint import Checkpoint, bundled_checkpoint, read_checkpoint
from engine.network.config import ModelConfig, sam_config
from engine.network.integers import adds_up
from engine.network.openvino_backend import OpenVinoBackend, usable_cores
from engine.network.openvino_runtime import load_openvino
from engine.network.torch_backend import TorchBackend

CONFIGS = {
    "compact 512": ModelConfig(),
    "ViT-B 512": sam_config("vit_b", 512),
    "ViT-B 1024": sam_config("vit_b", 1024),
}
EAGER = "torch eager float32"
BUNDLED = "OpenVINO int8 (the bundled file) + {}"
ENCODER_GOALS = {"compact 512": 4.0, "ViT-B 512": 7.0, "ViT-B 1024": 8.0}
DECODER_GOAL = 4.0
# After these no further round begins, so that the whole is done in a quarter of an hour on two slow cores.
ENCODER_SECONDS, DECODER_SECONDS = {"compact 512": 45.0, "ViT-B 512": 120.0, "ViT-B 1024": 240.0}, 30.0
MEMORY_GOAL, START_GOAL_S = 0.40, 1.5
_INTEGERS = {"mlp, projection": ENCODER_LAYERS, "mlp, projection, qkv": WITH_QKV}
BOX = np.array([[[100.0, 120.0], [400.0, 420.0]]], dtype=np.float32), np.array([[2.0, 3.0]], dtype=np.float32)


class Subject:
    """One configuration's networks, all of the same weights."""

    def __init__(self, name: str, cache: Path) -> None:
        self.name, self.config, self._cache = name, CONFIGS[name], cache
        self.frame = frame_for(self.config)
        self.model = random_model(self.config)
        self.checkpoint = checkpoint_of(self.model, name)
        self._largest = calibrated(self.model, self.checkpoint, self.frame)

    def integers(self, layers: tuple[str, ...]) -> Checkpoint:
        """Return the checkpoint with layers in integers."""
        return in_integers(self.checkpoint, self._largest, layers)

    def openvino(self, checkpoint: Checkpoint, *, exact: bool = False) -> OpenVinoBackend:
        """Return the CPU engine on a checkpoint."""
        return OpenVinoBackend(checkpoint, exact=exact, cache=self._cache)

    def bundled(self) -> Checkpoint | None:
        """Return the file that ships, where it is of this network: its times do not depend on its weights."""
        found = read_checkpoint(bundled_checkpoint())
        return found if found.config == self.config else None

    @torch.inference_mode()
    def eager_encode(self) -> Any:
        """Run segment-anything's own modules (the compact network's own)."""
        return self.model.encode(torch.from_numpy(self.frame)[None])

    def encoders(self) -> dict[str, Callable[[], object]]:
        """Return every variant of the encoder."""
        reference = TorchBackend(self.checkpoint)
        backends = {
            "OpenVINO f32": self.openvino(self.checkpoint, exact=True),
            "OpenVINO {}": self.openvino(self.checkpoint),
        }
        for words, layers in _INTEGERS.items():
            backends[f"OpenVINO int8 ({words}) + {{}}"] = self.openvino(self.integers(layers))
        if (bundled := self.bundled()) is not None:
            backends[BUNDLED] = self.openvino(bundled)
        variants: dict[str, Callable[[], object]] = {
            EAGER: self.eager_encode,
            "torch float32, attention in strips": lambda: reference.encode(self.frame),
        }
        for name, backend in backends.items():
            variants[name.format(backend.precision)] = partial(backend.encode, self.frame)
        return variants

    def decoders(self) -> dict[str, Callable[[], object]]:
        """Return every variant of prompt encoder and mask decoder, one box."""
        features = self.eager_encode()
        coordinates, labels = (torch.from_numpy(part) for part in BOX)

        @torch.inference_mode()
        def eager() -> object:
            return self.model.decode(features, coordinates, labels)

        variants: dict[str, Callable[[], object]] = {EAGER: eager}
        for exact in (True, False):
            backend = self.openvino(self.checkpoint, exact=exact)
            encoded = backend.encode(self.frame)
            variants[f"OpenVINO {backend.precision}"] = partial(backend.decode, encoded, *BOX)
        if (bundled := self.bundled()) is not None:
            backend = self.openvino(bundled)
            variants[BUNDLED.format(backend.precision)] = partial(backend.decode, backend.encode(self.frame), *BOX)
        return variants


def _integer_parts(variant: str, *, adds_up: bool) -> tuple[str, ...]:
    """Return the parts that a variant multiplies as integers: none where the CPU would lose some of the sums."""
    if "int8" not in variant or not adds_up:
        return ()
    whole = "qkv" in variant or "bundled" in variant
    return ("mlp", "projection", "qkv") if whole else ("mlp", "projection")


def _rows(
    part: str, name: str, times: dict[str, Times], goal: float, limits: dict[str, float] | None = None
) -> list[dict[str, Any]]:
    """Return one row a variant: times, ratio to eager, and the share of the machine's limit that was reached."""
    rows = []
    for variant, found in times.items():
        row: dict[str, Any] = {"part": part, "network": name, "variant": variant, **found.as_json()}
        row["ratio"] = times[EAGER].median_ms / found.median_ms
        row["goal"] = goal if variant != EAGER else None
        if limits is not None:
            real = limits["bfloat16" if "bf16" in variant else "float32"]
            least = operations(CONFIGS[name]).seconds_at(
                {"real": real, "int8": limits["int8"]}, _integer_parts(variant, adds_up=adds_up())
            )
            row["share_of_limit"] = least / (found.median_ms / 1e3)
        rows.append(row)
    return rows


def _machine() -> dict[str, Any]:
    flags = ""
    cpu_info = Path("/proc/cpuinfo")
    if cpu_info.exists():
        flags = next((line for line in cpu_info.read_text().splitlines() if line.startswith("flags")), "")
    openvino = load_openvino()
    core = openvino.Core()
    return {
        "cpu": core.get_property("CPU", "FULL_DEVICE_NAME"),
        "cores": usable_cores(),
        "vnni": "avx512_vnni" in flags or "avx_vnni" in flags,
        "bfloat16": "avx512_bf16" in flags or "amx_bf16" in flags,
        "amx": "amx_int8" in flags,
        "integers_add_up": adds_up(),
        "system": platform.platform(terse=True),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "openvino": openvino.__version__.split("-")[0],
    }


def shortcomings(machine: dict[str, Any]) -> str:
    """Return what the machine lacks of what the bars were set with, and which of them it cannot be judged by."""
    slow_integers = not (machine["vnni"] and machine["integers_add_up"])
    lacking = ["8-bit dot products (VNNI)"] * slow_integers + ["bfloat16"] * (not machine["bfloat16"])
    if not lacking:
        return "This CPU has VNNI and bfloat16, with which the bars were set: it can be judged by all of them."
    barred = [f"encoder {name} {goal:.0f}x" for name, goal in ENCODER_GOALS.items()]
    barred += [] if machine["bfloat16"] else [f"decoder {DECODER_GOAL:.0f}x"]
    consequence = "" if machine["integers_add_up"] else " Layers in 8 bits are multiplied in float32 (docs/engines.md)."
    return (
        f"This CPU lacks {' and '.join(lacking)}, with which the bars were set.{consequence} "
        f"It cannot be judged by: {', '.join(barred)}. "
        "It can by: share of its own limit, peak memory, start, and that no variant is slower than torch."
    )


def _child(*arguments: str, cache: Path) -> str:
    """Return what a fresh Python prints."""
    environment = {**os.environ, "XDG_CACHE_HOME": str(cache)}
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.runtime", *arguments],
        check=True,
        capture_output=True,
        text=True,
        env=environment,
    )
    return done.stdout.strip().splitlines()[-1]


def peak_memory(name: str, engine: str) -> float:
    """Return the peak memory of this process in MB after two runs of an encoder; meant for a process of its own."""
    subject_cache = Path(os.environ["XDG_CACHE_HOME"]) / "memory"
    if engine == "eager":
        model, frame = random_model(CONFIGS[name]), torch.from_numpy(frame_for(CONFIGS[name]))[None]
        with torch.inference_mode():
            for _ in range(2):
                model.encode(frame)
    else:
        backend = OpenVinoBackend(_stored(name), cache=subject_cache)
        for _ in range(2):
            backend.encode(frame_for(CONFIGS[name]))
    return _own_peak_mb()


def _own_peak_mb() -> float:
    """Return the most memory that this program has had; Linux's ru_maxrss is its parent's, where that had more."""
    status = Path("/proc/self/status")
    if status.exists():
        peak = next(line for line in status.read_text(encoding="ascii").splitlines() if line.startswith("VmHWM"))
        return int(peak.split()[1]) * 1024 / 1e6
    scale = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale / 1e6


def _stored(name: str) -> Checkpoint:
    """Return the checkpoint that the parent wrote for its children: as in the app, without torch's help."""
    return read_checkpoint(Path(os.environ["XDG_CACHE_HOME"]) / f"{name}.safetensors")


_START = """
import sys, time
import numpy as np
from pathlib import Path
from engine.network.backends import choose_backend
from engine.network.checkpoint import read_checkpoint
checkpoint = read_checkpoint(Path(sys.argv[1]))
backend = choose_backend(checkpoint, "cpu")
size = checkpoint.config.image_size
backend.encode(np.zeros((checkpoint.config.in_channels, size, size), np.float32))
assert "torch" not in sys.modules
"""


def start_seconds(checkpoint: Path, cache: Path, runs: int) -> list[float]:
    """Return the seconds from starting a process to its first embedding, the first run's compiling not counted."""
    environment = {**os.environ, "XDG_CACHE_HOME": str(cache)}
    times = []
    for _ in range(runs + 1):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", _START, str(checkpoint)], check=True, env=environment)
        times.append(time.perf_counter() - start)
    return times[1:]


def _store(subject: Subject, folder: Path) -> Path:
    from engine.network.checkpoint import write_checkpoint

    shipped = subject.integers(WITH_QKV)
    path = folder / f"{subject.name}.safetensors"
    write_checkpoint(
        path,
        name=shipped.name,
        version=shipped.version,
        config=shipped.config,
        preprocessing=shipped.preprocessing,
        tensors=shipped.tensors,
        scheme=shipped.scheme,
        card={},
    )
    return path


def measure(names: list[str], rounds: int, *, memory: bool) -> dict[str, Any]:
    """Return all that was measured."""
    begun = time.perf_counter()
    _progress("the machine's matrix products")
    limits = measured_limits()
    _progress(", ".join(f"{name} {value:.0f} GOP/s" for name, value in limits.items()))
    rows: list[dict[str, Any]] = []
    report: dict[str, Any] = {"machine": _machine(), "limits_gop_s": limits, "rows": rows}
    with tempfile.TemporaryDirectory() as folder:
        cache = Path(folder)
        for name in names:
            subject = Subject(name, cache)
            some = rounds if "1024" not in name else max(3, rounds // 3)
            for part, variants, count, seconds in (
                ("encoder", subject.encoders(), some, ENCODER_SECONDS[name]),
                ("decoder", subject.decoders(), rounds, DECODER_SECONDS),
            ):
                _progress(f"{part}, {name}")
                times = interleaved(variants, count, seconds)
                _progress("; ".join(f"{variant} {found.median_ms:.1f} ms" for variant, found in times.items()))
                encoding = part == "encoder"
                goal = ENCODER_GOALS[name] if encoding else DECODER_GOAL
                rows += _rows(part, name, times, goal, limits if encoding else None)
            path = _store(subject, cache)
            if name.startswith("compact"):
                report["start_s"] = start_seconds(path, cache, 5)
            del subject
            if memory:
                peaks = {
                    engine: float(_child("--memory", engine, name, cache=cache)) for engine in ("eager", "openvino")
                }
                report.setdefault("peak_memory_mb", {})[name] = peaks
    report["minutes"] = (time.perf_counter() - begun) / 60
    return report


def _progress(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def table(report: dict[str, Any]) -> str:
    """Return the report for people."""
    machine, limits = report["machine"], report["limits_gop_s"]
    lines = [
        f"{machine['cpu']}, {machine['cores']} cores, VNNI {'yes' if machine['vnni'] else 'no'}, "
        f"bfloat16 {'yes' if machine['bfloat16'] else 'no'}, AMX {'yes' if machine['amx'] else 'no'}; "
        f"torch {machine['torch']}, OpenVINO {machine['openvino']}",
        shortcomings(machine),
        "Limits, GOP/s: " + ", ".join(f"{name} {value:.0f}" for name, value in limits.items()),
        "",
        f"{'part':8} {'network':12} {'variant':44} {'median ms':>10} {'quartiles':>17} {'n (clean)':>9} "
        f"{'ratio':>6} {'goal':>5} {'limit':>6}",
    ]
    for row in report["rows"]:
        share = f"{100 * row['share_of_limit']:.0f} %" if "share_of_limit" in row else ""
        goal = f"{row['goal']:.0f}x" if row["goal"] else ""
        quartiles = f"{row['lower_ms']:.1f}-{row['upper_ms']:.1f}"
        counts = f"{row['samples']} ({row['clean']})"
        lines.append(
            f"{row['part']:8} {row['network']:12} {row['variant']:44} {row['median_ms']:10.1f} {quartiles:>17} "
            f"{counts:>9} {row['ratio']:5.2f}x {goal:>5} {share:>6}"
        )
    for name, peaks in report.get("peak_memory_mb", {}).items():
        share = peaks["openvino"] / peaks["eager"]
        lines.append(
            f"Peak memory, {name}: eager {peaks['eager']:.0f} MB, OpenVINO {peaks['openvino']:.0f} MB, "
            f"{100 * share:.0f} % (goal {100 * MEMORY_GOAL:.0f} %)"
        )
    if "start_s" in report:
        times = report["start_s"]
        lines.append(
            f"Start to first embedding, compact, cache warm, no torch: {statistics.median(times):.2f} s "
            f"({min(times):.2f}-{max(times):.2f}, n {len(times)}; goal {START_GOAL_S} s)"
        )
    lines.append(f"Measured in {report['minutes']:.1f} minutes.")
    return "\n".join(lines)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="also write the figures here")
    parser.add_argument("--only", choices=CONFIGS, action="append", help="this network alone; may be repeated")
    parser.add_argument("--rounds", type=int, default=9, help="samples of each variant (a third for ViT-B 1024)")
    parser.add_argument("--no-memory", action="store_true", help="leave out the peak memory")
    parser.add_argument("--memory", nargs=2, metavar=("ENGINE", "NETWORK"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(usable_cores())
    if options.memory:
        print(peak_memory(options.memory[1], options.memory[0]))
        return
    report = measure(options.only or list(CONFIGS), options.rounds, memory=not options.no_memory)
    print(table(report))
    if options.json:
        write_json(options.json, report)


if __name__ == "__main__":
    main()
