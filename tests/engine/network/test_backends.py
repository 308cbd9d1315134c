"""A device that fails is left once, and said so; output that is not a number is no result."""

import logging
from collections.abc import Callable

import numpy as np
import pytest
import torch

from engine.errors import BackendError, NoResultError
from engine.network import backends
from engine.network.backends import Backend, FallingBack, choose_backend
from engine.network.checkpoint import Checkpoint
from engine.network.openvino_backend import OpenVinoBackend
from engine.network.torch_backend import TorchBackend
from tests.engine.network.networks import COMPACT, boxes_for, frame_for, write_random

FAULTS = {
    "out of memory": lambda: torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
    "driver": lambda: RuntimeError("CUDA error: device-side assert triggered\nCompile with TORCH_USE_CUDA_DSA"),
    "no CUDA": lambda: AssertionError("Torch not compiled with CUDA enabled"),
    "host memory": lambda: RuntimeError("DefaultCPUAllocator: can't allocate memory"),
}


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    return write_random(tmp_path_factory.mktemp("random") / "model.safetensors", COMPACT)


class _Failing(TorchBackend):
    """A real backend, named a GPU, that fails at the n-th call."""

    def __init__(self, checkpoint: Checkpoint, fault: BaseException, call: int) -> None:
        super().__init__(checkpoint)
        self.device, self.description = "a GPU", "torch on a GPU"
        self._fault, self._calls_left = fault, call

    def _count(self) -> None:
        self._calls_left -= 1
        if self._calls_left < 0:
            raise self._fault

    def encode(self, frame: np.ndarray) -> tuple[torch.Tensor, ...]:
        self._count()
        return super().encode(frame)

    def decode(self, *arguments: object) -> tuple[np.ndarray, np.ndarray]:
        self._count()
        return super().decode(*arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize("make_fault", FAULTS.values(), ids=FAULTS.keys())
@pytest.mark.parametrize("call", [0, 1, 2], ids=["first film", "first box", "second box"])
def test_a_gpu_that_fails_in_use_is_left_once_with_the_same_answer(
    checkpoint: Checkpoint, make_fault: Callable[[], BaseException], call: int, caplog: pytest.LogCaptureFixture
) -> None:
    started: list[str] = []

    def on_cpu() -> Backend:
        started.append("cpu")
        return TorchBackend(checkpoint)

    backend = FallingBack([("the GPU", lambda: _Failing(checkpoint, make_fault(), call)), ("the CPU", on_cpu)])
    assert (backend.device, backend.fallback) == ("a GPU", "")
    frame, prompts = frame_for(COMPACT), boxes_for(COMPACT, 2)
    with caplog.at_level(logging.WARNING):
        features = backend.encode(frame)
        for _ in range(3):
            logits, quality = backend.decode(features, *prompts)
    plain = TorchBackend(checkpoint)
    expected, expected_quality = plain.decode(plain.encode(frame), *prompts)
    assert np.array_equal(logits, expected)
    assert np.array_equal(quality, expected_quality)
    assert backend.device == "CPU"
    assert backend.fallback.startswith("the GPU failed (")
    assert "\n" not in backend.fallback
    assert started == ["cpu"]
    assert [record.levelname for record in caplog.records] == ["WARNING"]


@pytest.mark.parametrize("make_fault", FAULTS.values(), ids=FAULTS.keys())
def test_a_gpu_that_cannot_start_is_passed_over(
    checkpoint: Checkpoint,
    make_fault: Callable[[], BaseException],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def failing(_: Checkpoint, device: str) -> Backend:
        raise make_fault()

    monkeypatch.setattr(backends, "nvidia_gpus", lambda: 1)
    monkeypatch.setattr(backends, "_torch", failing)
    with caplog.at_level(logging.WARNING):
        backend = choose_backend(checkpoint, "auto")
    assert backend.description.startswith("OpenVINO")
    assert backend.fallback.startswith("the GPU failed (")
    assert len(caplog.records) == 1


@pytest.mark.skipif(torch.cuda.is_available(), reason="CUDA works here")
def test_asking_for_a_gpu_that_is_not_there_says_so(checkpoint: Checkpoint, caplog: pytest.LogCaptureFixture) -> None:
    backend = choose_backend(checkpoint, "cuda")
    assert backend.device == "CPU"
    assert "the GPU failed" in backend.fallback
    assert caplog.records


def test_without_a_driver_torch_is_not_asked(checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    def unwanted(*_: object) -> Backend:
        raise SystemError("torch was asked")

    monkeypatch.setattr(backends, "nvidia_gpus", lambda: 0)
    monkeypatch.setattr(backends, "_torch", unwanted)
    backend = choose_backend(checkpoint, "auto")
    assert (backend.device, backend.fallback) == ("CPU", "")


def test_where_openvino_fails_torch_stands_in(
    checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_: Checkpoint) -> Backend:
        raise ImportError("libopenvino.so: cannot open shared object file")

    monkeypatch.setattr(backends, "_openvino", broken)
    backend = choose_backend(checkpoint, "cpu")
    assert backend.description.startswith("torch")
    assert "OpenVINO on the CPU failed" in backend.fallback
    assert caplog.records


def test_when_nothing_works_one_error_says_what_to_do(checkpoint: Checkpoint, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(BackendError) as caught:
        FallingBack([("the GPU", lambda: _raise(RuntimeError("CUDA error")))])
    assert caught.value.advice
    backend = FallingBack([("the CPU", lambda: _Failing(checkpoint, MemoryError(), 0))])
    with pytest.raises(BackendError):
        backend.encode(frame_for(COMPACT))
    assert not caplog.records


def _raise(error: BaseException) -> Backend:
    raise error


@pytest.mark.parametrize("fill", [np.nan, np.inf, 0.0, -3.0])
@pytest.mark.parametrize("which", ["logits", "quality"])
def test_output_that_says_nothing_is_no_result(
    checkpoint: Checkpoint, fill: float, which: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = FallingBack([("OpenVINO", lambda: OpenVinoBackend(checkpoint, exact=True))])
    features = backend.encode(frame_for(COMPACT))
    logits, quality = backend.decode(features, *boxes_for(COMPACT, 2))
    if which == "quality":
        if np.isfinite(fill):
            return  # any number may be a quality
        quality = np.full_like(quality, fill)
    else:
        logits = logits.copy()
        logits[1] = fill  # one prompt of two is enough
    monkeypatch.setattr(OpenVinoBackend, "decode", lambda *_: (logits, quality))
    with pytest.raises(NoResultError):
        backend.decode(features, *boxes_for(COMPACT, 2))
    assert backend.fallback == ""  # another device would only say the same


def test_a_film_that_is_not_numbers_gives_no_result(checkpoint: Checkpoint) -> None:
    backend = choose_backend(checkpoint, "cpu")
    features = backend.encode(np.full_like(frame_for(COMPACT), np.nan))
    with pytest.raises(NoResultError):
        backend.decode(features, *boxes_for(COMPACT, 1))


def test_an_unknown_device_is_refused(checkpoint: Checkpoint) -> None:
    with pytest.raises(BackendError, match="no device"):
        choose_backend(checkpoint, "tpu")
