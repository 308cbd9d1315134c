"""OpenVINO on the CPU: integers where the checkpoint has them, bfloat16 where the CPU has it, float32 elsewhere.

A CPU that cannot add up 8-bit products multiplies the same rounded values in float32 (engine.network.integers). A
compiled model is kept in the user's cache folder, so that only the first start pays for compiling it.
"""

import hashlib
import io
import logging
import os
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs
from numpy.typing import NDArray

from engine.errors import OutputError
from engine.files import write_atomically
from engine.network.bfloat16 import split_inputs
from engine.network.checkpoint import Checkpoint
from engine.network.integers import IN_FLOAT32, NO_OTHER_QUANTIZER, adds_up, with_real_weights
from engine.network.openvino_runtime import load_openvino
from engine.network.prompt_tokens import PromptTokens
from engine.version import VERSION

_log = logging.getLogger(__name__)

OpenVinoFeatures = tuple[NDArray[Any], ...]  # float32, or the bits of bfloat16 as uint16

_KEPT_MODELS = 8  # compiled models in the cache, two to a checkpoint; the least recently used go
_TYPES = frozenset({"f32", "bf16", "f16", "i8", "u8"})
_SOURCES = ("graph", "graph_layers", "graph_encoder", "graph_decoder", "bfloat16", "integers", "quantized")


def cache_folder() -> Path:
    """Return where compiled models are kept."""
    return Path(platformdirs.user_cache_dir("lungbox", appauthor=False)) / "compiled"


def usable_cores() -> int:
    """Return how many cores this process may use: a container or taskset often allows fewer than there are."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class OpenVinoBackend:
    """One checkpoint on the CPU. `exact` keeps float32 everywhere, for comparison."""

    device = "CPU"
    fallback = ""

    def __init__(self, checkpoint: Checkpoint, *, exact: bool = False, cache: Path | None = None) -> None:
        self.checkpoint = checkpoint
        openvino = load_openvino()
        core = openvino.Core()
        capabilities = core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        self.precision = "bf16" if "BF16" in capabilities and not exact else "f32"
        self._properties: dict[str, Any] = {
            "INFERENCE_PRECISION_HINT": self.precision,
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_NUM_THREADS": usable_cores(),
            "ENABLE_CPU_PINNING": False,  # the window and other programs want cores too
        } | NO_OTHER_QUANTIZER
        rounded = any(name.endswith(".input_scale") for name in checkpoint.tensors)
        self.integers = rounded and adds_up()  # whether integers are multiplied as integers
        if rounded and not self.integers:
            self._properties |= IN_FLOAT32
        key = _key(checkpoint, openvino, core, self._properties)
        folder = cache_folder() if cache is None else cache
        # In integers the first convolution is what it was trained to be; segment_anything's averages 768 values.
        self._halves = (
            self.precision == "bf16"
            and checkpoint.config.kind == "compact"
            and "image_encoder.stages.0.down.conv.input_scale" not in checkpoint.tensors
        )
        side = checkpoint.config.image_size
        self._halved = np.empty((1, 3 * checkpoint.config.in_channels * self._halves, side, side), dtype=np.float32)
        self._tokens = PromptTokens(checkpoint.tensors, checkpoint.config)
        self._encoder = self._compiled(
            core, folder / f"{key}.encoder", lambda: _draw_encoder(self._drawn, self._halves, self.precision)
        )
        self._decoder_path = folder / f"{key}.decoder"
        integers = ", int8 layers" if self.integers else ", int8 layers in float32" if rounded else ""
        self.description = (
            f"OpenVINO {openvino.__version__.split('-')[0]}, CPU, {self.precision}{integers}, {usable_cores()} threads"
        )

    @property
    def _drawn(self) -> Checkpoint:
        """The checkpoint as graphs are drawn from it."""
        return self.checkpoint if self.integers else with_real_weights(self.checkpoint)

    @cached_property
    def _decoder(self) -> Any:
        """The decoder, compiled when the first prompt comes: the film is already on its way by then."""
        core = load_openvino().Core()
        return self._compiled(core, self._decoder_path, lambda: _draw_decoder(self._drawn, self._encoder.outputs))

    def encode(self, frame: NDArray[np.float32]) -> OpenVinoFeatures:
        """Return the features of one (channels, size, size) frame."""
        frames = np.ascontiguousarray(frame[None], dtype=np.float32)
        results = self._encoder([split_inputs(frames, self._halved) if self._halves else frames], share_inputs=True)
        features = (results[index] for index in range(len(self._encoder.outputs)))
        return tuple(one.view(np.uint16) if self.precision == "bf16" else one for one in features)

    def decode(
        self, features: OpenVinoFeatures, coordinates: NDArray[np.float32], labels: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return logits (N, h, h) and quality (N,) for N prompts of K tokens."""
        if self.precision == "bf16":
            openvino = load_openvino()
            features = tuple(openvino.Tensor(one, openvino.Shape(one.shape), openvino.Type.bf16) for one in features)
        results = self._decoder([self._tokens.embed(coordinates, labels), *features], share_inputs=True)
        return results[0], results[1]

    def executed_types(self, part: str = "encoder") -> dict[str, list[str]]:
        """Return the layers that do the arithmetic as they really run, by the type they compute in: "i8", "bf16"."""
        model = (self._encoder if part == "encoder" else self._decoder).get_runtime_model()
        types: dict[str, list[str]] = {}
        for operation in model.get_ops():
            info = operation.get_rt_info()
            if str(info["layerType"].value) in ("FullyConnected", "MatMul", "Convolution", "ScaledAttn"):
                # The kernel's name ends with what it computes in; the layer's precision may be its weights' alone.
                kernel = str(info["primitiveType"].value).rsplit("_", 1)[-1].lower()
                kind = kernel if kernel in _TYPES else str(info["runtimePrecision"].value)
                types.setdefault(kind, []).append(operation.get_friendly_name())
        return types

    def _compiled(self, core: Any, path: Path, draw: Callable[[], Any]) -> Any:
        """Return the compiled model: from the cache if it is there and whole, else drawn, compiled, and kept there."""
        blob = _read_blob(path)
        if blob is not None:
            try:
                return core.import_model(io.BytesIO(blob), "CPU", self._properties)
            except RuntimeError as error:
                _log.info("compiled model %s is not used: %s", path.name, error)
        compiled = core.compile_model(draw(), "CPU", self._properties)
        stream = io.BytesIO()
        compiled.export_model(stream)
        _write_blob(path, stream.getvalue())
        return compiled


def _draw_encoder(checkpoint: Checkpoint, halves: bool, kept_as: str) -> Any:
    from engine.network.graph import encoder_model

    return encoder_model(checkpoint, halves=halves, kept_as=kept_as)


def _draw_decoder(checkpoint: Checkpoint, film: list[Any]) -> Any:
    from engine.network.graph import decoder_model

    return decoder_model(checkpoint, film)


def _key(checkpoint: Checkpoint, openvino: Any, core: Any, properties: dict[str, Any]) -> str:
    """Return the name of all that a compiled model depends on: weights, graph, runtime, CPU, settings."""
    digest = hashlib.sha256(checkpoint.sha256.encode())
    cpu = (core.get_property("CPU", "FULL_DEVICE_NAME"), core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"))
    digest.update(repr((openvino.__version__, cpu, sorted(properties.items()), VERSION)).encode())
    for name in _SOURCES:
        source = Path(__file__).with_name(f"{name}.py")
        digest.update(source.read_bytes() if source.exists() else b"")  # a frozen program has only its version
    return digest.hexdigest()[:32]


def _read_blob(path: Path) -> bytes | None:
    """Return a compiled model from the cache, None if it is not there or was damaged."""
    try:
        data = path.read_bytes()
        os.utime(path)
    except OSError:
        return None
    digest, blob = data[:32], data[32:]
    return blob if hashlib.sha256(blob).digest() == digest else None


def _write_blob(path: Path, blob: bytes) -> None:
    """Keep a compiled model, and let go of old ones. A cache that cannot be written is no fault."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, hashlib.sha256(blob).digest() + blob)
        kept = sorted(path.parent.glob("*coder"), key=lambda entry: entry.stat().st_mtime, reverse=True)
        for old in kept[_KEPT_MODELS:]:
            old.unlink(missing_ok=True)
    except (OSError, OutputError) as error:
        _log.info("compiled model not kept: %s", error)
