"""The one interface behind which OpenVINO and torch run the same checkpoint, and the choice between them.

torch is neither imported nor needed unless the machine has an NVIDIA driver, or OpenVINO fails.
"""

import ctypes
import importlib.util
import logging
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from engine.errors import BackendError, NoResultError
from engine.network.checkpoint import Checkpoint

_log = logging.getLogger(__name__)

DEVICES = ("auto", "cpu", "cuda")

# What a runtime raises when the fault is the device's and not ours. torch: OutOfMemoryError and "CUDA error" are
# RuntimeErrors, as are OpenVINO's; a build without CUDA raises AssertionError; a missing driver library OSError.
DEVICE_FAULTS = (RuntimeError, AssertionError, OSError, MemoryError, ImportError)


class Backend(Protocol):
    """Runs one checkpoint on one device."""

    @property
    def checkpoint(self) -> Checkpoint:
        """The weights it runs, with their hash, configuration and preprocessing."""
        ...

    @property
    def description(self) -> str:
        """Runtime, version, device and precision in one line: for status bar, doctor and every result."""
        ...

    @property
    def device(self) -> str:
        """CPU, or the GPU's name."""
        ...

    @property
    def fallback(self) -> str:
        """What failed and what runs instead, for the reader; empty when all is well."""
        ...

    def encode(self, frame: NDArray[np.float32]) -> Any:
        """Return the features of one (channels, size, size) frame, in whatever form `decode` takes them."""
        ...

    def decode(
        self, features: Any, coordinates: NDArray[np.float32], labels: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return logits (N, h, h) and quality (N,) for N prompts of K tokens: coordinates (N, K, 2), labels (N, K)."""
        ...


@dataclass(slots=True, eq=False)
class _Encoded:
    """Features, and the frame they came from: a GPU that fails takes its features with it."""

    frame: NDArray[np.float32]
    features: Any
    backend: Backend


class FallingBack:
    """Runs the first engine that works, of those given in order of preference, and says when it had to change.

    An engine that fails once, at start or in use, is not asked again. Output that is not a number is no device's fault
    and is not tried elsewhere: it is no result.
    """

    def __init__(self, engines: list[tuple[str, Callable[[], Backend]]]) -> None:
        self._untried = list(engines)
        self.fallback = ""  # what failed and what runs instead, for the reader; empty when all is well
        self._name = ""
        self._backend = self._next()

    @property
    def checkpoint(self) -> Checkpoint:
        """The weights it runs."""
        return self._backend.checkpoint

    @property
    def description(self) -> str:
        """Runtime, version, device and precision of the engine now in use."""
        return self._backend.description

    @property
    def device(self) -> str:
        """CPU, or the GPU's name."""
        return self._backend.device

    def encode(self, frame: NDArray[np.float32]) -> _Encoded:
        """Return the features of one frame."""
        while True:
            try:
                return _Encoded(frame, self._backend.encode(frame), self._backend)
            except DEVICE_FAULTS as fault:
                self._give_up(fault)

    def arrays_of(self, features: _Encoded) -> tuple[NDArray[Any], ...] | None:
        """Return the features as plain arrays, None where they are not: those of a GPU are made anew sooner."""
        held = features.features
        plain = isinstance(held, tuple) and all(isinstance(array, np.ndarray) for array in held)
        return held if plain else None

    def from_arrays(self, frame: NDArray[np.float32], arrays: tuple[NDArray[Any], ...]) -> _Encoded:
        """Return features that the engine now in use made of a frame earlier."""
        return _Encoded(frame, arrays, self._backend)

    def decode(
        self, features: _Encoded, coordinates: NDArray[np.float32], labels: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return logits and quality; NoResultError if they are not numbers, or say nothing."""
        while True:
            try:
                if features.backend is not self._backend:
                    features.features, features.backend = self._backend.encode(features.frame), self._backend
                logits, quality = self._backend.decode(features.features, coordinates, labels)
                break
            except DEVICE_FAULTS as fault:
                self._give_up(fault)
        check_result(logits, quality)
        return logits, quality

    def _give_up(self, fault: BaseException) -> None:
        failed = self._name
        self._backend = self._next(failed, fault)

    def _next(self, failed: str = "", fault: BaseException | None = None) -> Backend:
        while self._untried:
            self._name, start = self._untried.pop(0)
            try:
                backend = start()
            except DEVICE_FAULTS as error:
                failed, fault = failed or self._name, fault or error
                continue
            if failed:
                self.fallback = f"{failed} failed ({_reason(fault)}); running on {self._name}."
                _log.warning("%s", self.fallback)
            return backend
        raise BackendError(
            f"The model could not be run: {failed} failed ({_reason(fault)}).",
            advice="Run `lungbox doctor`; close other programs if memory is short.",
        ) from fault


def _reason(fault: BaseException | None) -> str:
    """Return the fault's first line: drivers write pages."""
    lines = str(fault).strip().splitlines()
    return lines[0][:160] if lines else type(fault).__name__


def check_result(logits: NDArray[np.float32], quality: NDArray[np.float32]) -> None:
    """Refuse output that says nothing: it must never be read as "no lung there"."""
    if not (np.isfinite(logits).all() and np.isfinite(quality).all()):
        raise NoResultError("The model returned values that are not numbers.", advice="Run `lungbox doctor`.")
    flat = logits.reshape(logits.shape[0], -1)
    if (flat.min(axis=1) == flat.max(axis=1)).any():
        raise NoResultError("The model returned the same value everywhere.", advice="Run `lungbox doctor`.")


def nvidia_gpus() -> int:
    """Return how many GPUs the NVIDIA driver offers, asked of the driver itself: importing torch takes a second."""
    count = ctypes.c_int(0)
    try:
        driver = ctypes.CDLL(_driver_library())
        if driver.cuInit(0) != 0 or driver.cuDeviceGetCount(ctypes.byref(count)) != 0:
            return 0
    except (OSError, AttributeError):
        return 0
    return count.value


def nvidia_driver() -> str:
    """Return the NVIDIA driver's version as far as it tells, empty where there is none; no GPU is woken."""
    try:
        # Linux: the exact version. Elsewhere the driver is asked which CUDA it speaks, which changes with its releases.
        return Path("/proc/driver/nvidia/version").read_text(encoding="utf-8").splitlines()[0].strip()
    except (OSError, IndexError, UnicodeDecodeError):
        pass
    version = ctypes.c_int(0)
    try:
        known = ctypes.CDLL(_driver_library()).cuDriverGetVersion(ctypes.byref(version)) == 0
    except (OSError, AttributeError):
        return ""
    return f"CUDA {version.value // 1000}.{version.value % 1000 // 10}" if known else ""


def _driver_library() -> str:
    return "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"


def choose_backend(checkpoint: Checkpoint, device: str = "auto") -> FallingBack:
    """Return the fastest engine that works here: CUDA where there is a GPU, else OpenVINO, else torch on the CPU.

    `device` is "auto", "cpu", or "cuda" to try the GPU even where no driver answers.
    """
    if device not in DEVICES:
        raise BackendError(f"There is no device {device!r}.", advice=f"Choose one of {', '.join(DEVICES)}.")
    with_torch = importlib.util.find_spec("torch") is not None
    engines: list[tuple[str, Callable[[], Backend]]] = []
    if device == "cuda" or (device == "auto" and with_torch and nvidia_gpus() > 0):
        engines.append(("the GPU", lambda: _torch(checkpoint, "cuda")))
    engines.append(("OpenVINO on the CPU", lambda: _openvino(checkpoint)))
    if with_torch:
        engines.append(("torch on the CPU", lambda: _torch(checkpoint, "cpu")))
    return FallingBack(engines)


def _torch(checkpoint: Checkpoint, device: str) -> Backend:
    from engine.network.torch_backend import TorchBackend

    return TorchBackend(checkpoint, device)


def _openvino(checkpoint: Checkpoint) -> Backend:
    from engine.network.openvino_backend import OpenVinoBackend

    return OpenVinoBackend(checkpoint)
