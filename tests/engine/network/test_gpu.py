"""On a GPU the network computes what it computes on the CPU: in float32 to rounding, in bfloat16 the same masks."""

from pathlib import Path

import numpy as np
import pytest
import torch

from engine.network.checkpoint import Checkpoint, bundled_checkpoint, read_checkpoint
from engine.network.torch_backend import TorchBackend
from tests.engine.network.networks import (
    CONFIGS,
    assert_same_masks,
    boxes_for,
    frame_for,
    in_integers,
    write_random,
)

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")]


@pytest.fixture(params=CONFIGS, scope="module")
def checkpoint(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    return write_random(tmp_path_factory.mktemp("random") / "model.safetensors", CONFIGS[request.param])


def answers(backend: TorchBackend, count: int = 4) -> tuple[np.ndarray, np.ndarray]:
    config = backend.checkpoint.config
    return backend.decode(backend.encode(frame_for(config)), *boxes_for(config, count))


def test_in_float32_it_computes_what_the_cpu_computes(checkpoint: Checkpoint) -> None:
    expected, expected_quality = answers(TorchBackend(checkpoint))
    found, quality = answers(TorchBackend(checkpoint, "cuda", bfloat16=False))
    assert np.corrcoef(expected.ravel(), found.ravel())[0, 1] > 0.9999
    np.testing.assert_allclose(quality, expected_quality, atol=0.01)


def test_bfloat16_stays_close(checkpoint: Checkpoint) -> None:
    expected, found = (answers(one)[0] for one in (TorchBackend(checkpoint), TorchBackend(checkpoint, "cuda")))
    assert np.corrcoef(expected.ravel(), found.ravel())[0, 1] > 0.99


@pytest.mark.parametrize("wanted", ["image_encoder", "mask_decoder"])
def test_integer_kernels_compute_what_floats_do(checkpoint: Checkpoint, tmp_path: Path, wanted: str) -> None:
    integers = in_integers(checkpoint, tmp_path / "int8.safetensors", (wanted,))
    plain, kernels = (
        answers(TorchBackend(integers, "cuda", bfloat16=False, integer_kernels=chosen))[0] for chosen in (False, True)
    )
    assert np.corrcoef(plain.ravel(), kernels.ravel())[0, 1] > 0.9999


@pytest.mark.parametrize("integer_kernels", [False, True])
def test_the_model_we_ship_draws_the_same_masks(integer_kernels: bool) -> None:
    checkpoint = read_checkpoint(bundled_checkpoint())
    assert_same_masks(TorchBackend(checkpoint), [TorchBackend(checkpoint, "cuda", integer_kernels=integer_kernels)])
