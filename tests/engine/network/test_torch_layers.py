"""Attention computed otherwise is the same attention."""

from pathlib import Path

import numpy as np
import pytest
import torch

from engine.network import torch_layers
from engine.network.checkpoint import bundled_checkpoint, read_checkpoint
from engine.network.config import ModelConfig, sam_config
from engine.network.torch_backend import TorchBackend, build_model, has_bfloat16
from engine.network.torch_layers import EncoderAttention, attend_folded, attend_in_strips, position_terms
from tests.engine.network.networks import (
    COMPACT,
    SAM,
    assert_same_masks,
    boxes_for,
    frame_for,
    in_integers,
    random_model,
    write_random,
)
from training.adaptation import Quantization
from training.rounding import RoundedAttention


@pytest.fixture(scope="module")
def attention() -> torch.nn.Module:
    return random_model(SAM).get_submodule("image_encoder.blocks.1.attn")


def test_strips_of_queries_give_segment_anythings_attention(
    attention: torch.nn.Module, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch_layers, "_STRIP_SCORES", 3 * 144 * 50)  # 50 queries at a time, so 44 in the last
    x = torch.randn(1, 12, 12, 48)
    torch.testing.assert_close(EncoderAttention(attention, None)(x), attention(x), atol=1e-5, rtol=1e-5)


def test_position_terms_folded_into_keys_give_the_same() -> None:
    torch.manual_seed(0)
    q, k, v = torch.randn(3, 2, 35, 16).unbind(0)
    terms = position_terms(q, torch.randn(9, 16), torch.randn(13, 16), 5, 7)
    torch.testing.assert_close(attend_folded(q, k, v, *terms), attend_in_strips(q, k, v, *terms), atol=1e-5, rtol=1e-5)


def test_strips_hold_no_table_of_scores() -> None:
    vit_b = sam_config("vit_b")
    heads, tokens = vit_b.heads, vit_b.grid**2
    assert heads * tokens * tokens >= torch_layers._STRIP_SCORES * 12  # at most a twelfth of the table


@pytest.mark.parametrize("config", [COMPACT, SAM], ids=lambda config: config.kind)
@pytest.mark.parametrize("integers", [False, True], ids=["reals", "integers"])
def test_weights_rounded_once_are_what_autocast_makes_of_them(
    config: ModelConfig, integers: bool, tmp_path: Path
) -> None:
    checkpoint = write_random(tmp_path / "model.safetensors", config)
    if integers:
        checkpoint = in_integers(checkpoint, tmp_path / "int8.safetensors", ("mlp", "decoder"))
    backend, frame, prompts = TorchBackend(checkpoint, bfloat16=True), frame_for(config), boxes_for(config, 3)
    found = backend.decode(backend.encode(frame), *prompts)
    backend._model = build_model(checkpoint)
    expected = backend.decode(backend.encode(frame), *prompts)
    assert all(np.array_equal(one, other) for one, other in zip(found, expected, strict=True))


@pytest.mark.parametrize("of_its_own", [False, True])
def test_a_gpu_that_only_emulates_bfloat16_computes_in_float32(
    of_its_own: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def supported(*, including_emulation: bool = True) -> bool:
        return of_its_own or including_emulation

    monkeypatch.setattr(torch.cuda, "is_bf16_supported", supported)
    assert has_bfloat16(torch.device("cuda")) is of_its_own


def test_on_a_cpu_torch_is_the_reference_in_float32(tmp_path: Path) -> None:
    checkpoint = write_random(tmp_path / "model.safetensors", COMPACT)
    assert TorchBackend(checkpoint).description.endswith("CPU, float32")


def test_in_bfloat16_the_model_we_ship_draws_the_same_masks() -> None:
    """What a GPU runs; with its first convolution in bfloat16, too, masks would agree to 0.995 only."""
    checkpoint = read_checkpoint(bundled_checkpoint())
    assert_same_masks(TorchBackend(checkpoint), [TorchBackend(checkpoint, bfloat16=True)])


@pytest.mark.parametrize("config", [COMPACT, SAM], ids=lambda config: config.kind)
def test_bfloat16_as_on_a_gpu_stays_close_to_float32(config: ModelConfig, tmp_path: Path) -> None:
    checkpoint = write_random(tmp_path / "model.safetensors", config)
    frame, prompts = frame_for(config), boxes_for(config, 4)
    expected, found = (
        backend.decode(backend.encode(frame), *prompts)[0]
        for backend in (TorchBackend(checkpoint), TorchBackend(checkpoint, bfloat16=True))
    )
    assert np.corrcoef(expected.ravel(), found.ravel())[0, 1] > 0.99


@torch.no_grad()
def test_attention_in_integers_is_the_one_that_was_trained(attention: torch.nn.Module) -> None:
    trained = RoundedAttention.from_attention(attention, Quantization())
    scales = [torch.tensor([value]) for value in (0.02, 0.03, 0.04)]
    trained.query_scale, trained.key_scale, trained.value_scale = scales
    torch.manual_seed(0)
    x = torch.randn(1, 12, 12, 48)
    difference = (EncoderAttention(attention, tuple(scales))(x) - trained(x)).abs()  # type: ignore[arg-type]
    rounding = (EncoderAttention(attention, None)(x) - trained(x)).abs()
    # A score that another order of sums moves by an ulp may round the other way; all the rest is equal.
    assert float(difference.mean()) < 0.02 * float(rounding.mean())
