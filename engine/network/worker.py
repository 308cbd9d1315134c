"""The model's child: holds the weights and the films' features, and answers until the parent closes the pipe.

Run by `engine.network.apart`, as `python -m engine.network.worker` or by a frozen program that calls `serve`.
"""

import contextlib
import signal
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.errors import BackendError, CheckpointError, LungboxError
from engine.network.backends import FallingBack, choose_backend
from engine.network.checkpoint import read_checkpoint
from engine.network.feature_store import FeatureStore, store_folder
from engine.version import VERSION
from engine.wire import bytes_of, parents_pipes, read_bytes, read_header, write_message

_NOTHING: NDArray[np.float32] = np.empty(0, dtype=np.float32)
_DOCTOR = "Run `lungbox doctor`."


class _Model:
    """What the child holds."""

    def __init__(self) -> None:
        self.backend: FallingBack | None = None
        self._features: dict[int, Any] = {}
        self._store = FeatureStore(store_folder(), 0)
        self._writer = ThreadPoolExecutor(max_workers=1)  # the next box need not wait for the disk

    def answer(self, header: Mapping[str, Any], payload: bytes) -> tuple[dict[str, Any], NDArray[np.float32]]:
        """Do what a request asks."""
        for number in header["drop"]:
            self._features.pop(number, None)
        if header["do"] == "load":
            checkpoint = read_checkpoint(header["path"])
            if checkpoint.sha256 != header["sha256"]:
                raise CheckpointError("The model file was changed while Lungbox ran.", advice="Restart Lungbox.")
            self.backend = choose_backend(checkpoint, header["device"])
            self._store = FeatureStore(store_folder(), header["disk_bytes"])
            with contextlib.suppress(OSError):  # a folder that cannot be read is no fault: it is not used either
                self._store.make_room()
            return {}, _NOTHING
        if self.backend is None:
            raise BackendError("No model is loaded.", advice=_DOCTOR)
        values = np.frombuffer(payload, dtype=np.float32).reshape(header["shape"])
        if header["do"] == "encode":
            self._features[header["number"]] = self._encoded(self.backend, values)
            return {}, _NOTHING
        features = self._features[header["number"]]
        logits, quality = self.backend.decode(
            features, np.ascontiguousarray(values[..., :2]), np.ascontiguousarray(values[..., 2])
        )
        answer = np.concatenate([logits.reshape(-1), quality.reshape(-1)], dtype=np.float32)
        return {"shape": list(logits.shape)}, answer

    def _encoded(self, backend: FallingBack, frame: NDArray[np.float32]) -> Any:
        """Return the film's features: from the disk if they are there, else made, and kept there."""
        made_by = backend.description
        key = FeatureStore.key(frame, backend.checkpoint.sha256, made_by, VERSION)
        kept = self._store.read(key)
        if kept is not None:
            return backend.from_arrays(frame, kept)
        features = backend.encode(frame)
        arrays = backend.arrays_of(features)
        if arrays is not None and backend.description == made_by:  # it may have fallen back just now
            self._writer.submit(self._store.write, key, arrays)
        return features


def serve() -> None:
    """Answer requests until the parent closes the pipe. All that a child process runs."""
    requests, replies = parents_pipes()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in a terminal reaches us too: the parent decides
    model = _Model()
    with contextlib.suppress(OSError, EOFError):
        while True:
            header, size = read_header(requests)
            payload = read_bytes(requests, size)
            answer, values = _answered(model, header, payload)
            if model.backend is not None:
                backend = model.backend
                answer |= {
                    "description": backend.description, "device": backend.device, "fallback": backend.fallback,
                }  # fmt: skip
            write_message(replies, answer, bytes_of(values))


def _answered(model: _Model, header: Mapping[str, Any], payload: bytes) -> tuple[dict[str, Any], NDArray[np.float32]]:
    try:
        return model.answer(header, payload)
    except LungboxError as error:
        fault, message, advice = type(error).__name__, error.message, error.advice
    except Exception as error:  # noqa: BLE001 (told to the parent, which shows it)
        fault, advice = "BackendError", _DOCTOR
        message = f"The model could not be run ({type(error).__name__})."
    return {"fault": fault, "message": message, "advice": advice}, _NOTHING


if __name__ == "__main__":
    serve()
