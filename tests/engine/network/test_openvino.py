"""OpenVINO runs the network that torch runs, in integers where the checkpoint has them, without torch or telemetry."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from engine.network import openvino_backend
from engine.network.backends import Backend
from engine.network.checkpoint import Checkpoint, bundled_checkpoint, bundled_models, read_checkpoint
from engine.network.graph import decoder_model
from engine.network.graph_layers import Layers, ops, ov
from engine.network.integers import IN_FLOAT32, NO_OTHER_QUANTIZER, _largest_sum, with_real_weights
from engine.network.integers import adds_up as integers_add_up
from engine.network.openvino_backend import OpenVinoBackend
from engine.network.prompt_tokens import PromptTokens
from engine.network.quantized import linear_int8, quantize_weight
from engine.network.torch_backend import TorchBackend, build_model
from tests.engine.network.networks import (
    CONFIGS,
    assert_same_masks,
    boxes_for,
    film_like,
    frame_for,
    in_integers,
    lung_boxes,
    mean_dice,
    write_random,
)

ENCODER_LAYERS = ("blocks.0.mlp", "blocks.1.mlp", "blocks.2.mlp", "attn.proj")


@pytest.fixture(scope="module", params=CONFIGS.keys())
def checkpoint(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    return write_random(tmp_path_factory.mktemp("random") / "model.safetensors", CONFIGS[request.param])


def _with_labels(labels: np.ndarray) -> np.ndarray:
    """Return labels of a point of each kind instead of boxes, in turn."""
    mixed = labels.copy()
    mixed[::2] = (1, 0)
    mixed[1::4] = (-1, 1)
    return mixed


def test_in_float32_it_computes_what_torch_computes(checkpoint: Checkpoint, tmp_path: Path) -> None:
    torch_backend, backend = TorchBackend(checkpoint), OpenVinoBackend(checkpoint, exact=True, cache=tmp_path)
    frame = frame_for(checkpoint.config)
    coordinates, labels = boxes_for(checkpoint.config, 6)
    for kinds in (labels, _with_labels(labels)):
        expected, quality = torch_backend.decode(torch_backend.encode(frame), coordinates, kinds)
        logits, found = backend.decode(backend.encode(frame), coordinates, kinds)
        assert logits.shape == expected.shape == (6, checkpoint.config.mask_size, checkpoint.config.mask_size)
        np.testing.assert_allclose(logits, expected, atol=2e-4 * np.abs(expected).max())
        np.testing.assert_allclose(found, quality, atol=2e-4 * np.abs(quality).max())


def test_any_number_of_prompts_and_of_points_is_decoded(checkpoint: Checkpoint, tmp_path: Path) -> None:
    backend = OpenVinoBackend(checkpoint, exact=True, cache=tmp_path)
    features = backend.encode(frame_for(checkpoint.config))
    coordinates, labels = boxes_for(checkpoint.config, 5)
    together, _ = backend.decode(features, coordinates, labels)
    for index in (0, 4):
        alone, _ = backend.decode(features, coordinates[index : index + 1], labels[index : index + 1])
        np.testing.assert_allclose(alone[0], together[index], atol=1e-4 * np.abs(together).max())
    padded = np.pad(coordinates, ((0, 0), (0, 3), (0, 0))), np.pad(labels, ((0, 0), (0, 3)), constant_values=-1)
    assert backend.decode(features, *padded)[0].shape == together.shape


def test_features_are_kept_in_the_type_that_the_cpu_computes_in(checkpoint: Checkpoint, tmp_path: Path) -> None:
    frame = frame_for(checkpoint.config)
    short, exact = OpenVinoBackend(checkpoint, cache=tmp_path), OpenVinoBackend(checkpoint, exact=True, cache=tmp_path)
    wanted = np.uint16 if short.precision == "bf16" else np.float32
    assert {feature.dtype.type for feature in short.encode(frame)} == {wanted}
    assert {feature.dtype.type for feature in exact.encode(frame)} == {np.float32}


def test_layers_in_integers_really_run_in_integers_where_the_cpu_adds_them_up(
    checkpoint: Checkpoint, tmp_path: Path
) -> None:
    integers = in_integers(checkpoint, tmp_path / "int8.safetensors", ENCODER_LAYERS)
    wanted = [name for name in integers.quantized_layers if name.startswith("image_encoder")]
    assert len(wanted) == 3 * checkpoint.config.depth
    backend = OpenVinoBackend(integers, cache=tmp_path)
    assert backend.integers is integers_add_up()
    assert len(backend.executed_types("encoder").get("i8", [])) == (len(wanted) if backend.integers else 0)
    assert "i8" not in OpenVinoBackend(checkpoint, cache=tmp_path).executed_types("encoder")


def test_an_integer_layer_is_the_reference_to_float_rounding() -> None:
    """Inputs on the grid of their scale leave nothing to round, so only the accumulator and its scale remain."""
    rng = np.random.default_rng(0)
    weight, scale = quantize_weight(rng.normal(size=(96, 64)).astype(np.float32))
    bias = rng.normal(size=96).astype(np.float32)
    input_scale = np.array([0.0371], dtype=np.float32)
    x = rng.integers(-127, 128, (1, 50, 64), dtype=np.int8)
    tensors: dict[str, np.ndarray] = {
        "a.weight": weight,
        "a.weight_scale": scale,
        "a.input_scale": input_scale,
        "a.bias": bias,
    }
    frame = ops.parameter([1, 50, 64], np.float32)
    graph = ov.Model([ops.result(Layers(tensors, "").linear(frame, "a"))], [frame])
    found = []
    for properties in ({}, IN_FLOAT32) if integers_add_up() else (IN_FLOAT32,):
        compiled = ov.Core().compile_model(
            graph, "CPU", {"INFERENCE_PRECISION_HINT": "f32"} | NO_OTHER_QUANTIZER | properties
        )
        found.append(compiled([x * input_scale])[0])
    expected = linear_int8(x, input_scale, weight, scale, bias)
    for outputs in found:
        np.testing.assert_allclose(outputs, expected, rtol=1e-5, atol=1e-5)


def test_float32_adds_up_the_largest_integers_on_every_cpu() -> None:
    assert _largest_sum(IN_FLOAT32) == 127 * 127 * 256


def test_where_integers_would_saturate_they_are_multiplied_in_float32_and_it_is_said(
    checkpoint: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    integers = in_integers(checkpoint, tmp_path / "int8.safetensors", ENCODER_LAYERS)
    frame, prompts = frame_for(checkpoint.config), boxes_for(checkpoint.config, 4)
    monkeypatch.setattr(openvino_backend, "adds_up", lambda: False)
    backend = OpenVinoBackend(integers, exact=True, cache=tmp_path)
    assert "int8 layers in float32" in backend.description
    assert "i8" not in backend.executed_types("encoder")
    reference = TorchBackend(integers)
    expected = reference.decode(reference.encode(frame), *prompts)[0]
    found = backend.decode(backend.encode(frame), *prompts)[0]
    assert np.corrcoef(expected.ravel(), found.ravel())[0, 1] > 0.999


def test_integers_agree_with_torchs_integers_better_than_with_floats(checkpoint: Checkpoint, tmp_path: Path) -> None:
    integers = in_integers(checkpoint, tmp_path / "int8.safetensors", ENCODER_LAYERS)
    frame = frame_for(checkpoint.config)
    embeddings = [
        TorchBackend(one).encode(frame)[0][0].flatten(1).T.numpy() + one.tensors["prompt_encoder.no_mask_embed.weight"]
        for one in (integers, checkpoint)
    ]
    found = OpenVinoBackend(integers, exact=True, cache=tmp_path).encode(frame)[0][0]
    to_integers, to_floats = (float(np.abs(found - one).mean()) for one in embeddings)
    assert to_integers < 0.5 * to_floats


@pytest.mark.parametrize("wanted", ["image_encoder", "mask_decoder", "neck"])
def test_every_layer_may_be_in_integers(checkpoint: Checkpoint, tmp_path: Path, wanted: str) -> None:
    integers = in_integers(checkpoint, tmp_path / "int8.safetensors", (wanted,))
    frame, prompts = frame_for(checkpoint.config), boxes_for(checkpoint.config, 4)
    backends: list[Backend] = [TorchBackend(integers), OpenVinoBackend(integers, exact=True, cache=tmp_path)]
    expected, found = (backend.decode(backend.encode(frame), *prompts)[0] for backend in backends)
    assert np.corrcoef(expected.ravel(), found.ravel())[0, 1] > 0.99


def test_bfloat16_stays_close(checkpoint: Checkpoint, tmp_path: Path) -> None:
    backend = OpenVinoBackend(checkpoint, cache=tmp_path)
    frame, prompts = frame_for(checkpoint.config), boxes_for(checkpoint.config, 4)
    reference = TorchBackend(checkpoint)
    expected = reference.decode(reference.encode(frame), *prompts)[0]
    found = backend.decode(backend.encode(frame), *prompts)[0]
    assert np.corrcoef(expected.ravel(), found.ravel())[0, 1] > 0.99


def test_the_second_start_reads_what_the_first_compiled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoint = write_random(tmp_path / "model.safetensors", CONFIGS["compact"])
    cache = tmp_path / "cache"
    frame, prompts = frame_for(checkpoint.config), boxes_for(checkpoint.config, 2)
    first = OpenVinoBackend(checkpoint, cache=cache)
    expected = first.decode(first.encode(frame), *prompts)[0]
    assert len(list(cache.iterdir())) == 2

    def no_drawing(*_: object) -> None:
        raise AssertionError("the cache was not used")

    with monkeypatch.context() as patch:
        patch.setattr(openvino_backend, "_draw_encoder", no_drawing)
        patch.setattr(openvino_backend, "_draw_decoder", no_drawing)
        second = OpenVinoBackend(checkpoint, cache=cache)
        assert np.array_equal(second.decode(second.encode(frame), *prompts)[0], expected)

    for blob in cache.iterdir():  # damaged: compiled anew, not believed
        blob.write_bytes(blob.read_bytes()[:-100] + bytes(100))
    third = OpenVinoBackend(checkpoint, cache=cache)
    assert np.array_equal(third.decode(third.encode(frame), *prompts)[0], expected)


def test_the_cache_knows_weights_and_precision_apart_and_forgets_the_oldest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = write_random(tmp_path / "one.safetensors", CONFIGS["compact"])
    other = in_integers(one, tmp_path / "other.safetensors", ("mlp",))
    cache = tmp_path / "cache"
    for checkpoint in (one, other):
        for exact in (False, True):
            OpenVinoBackend(checkpoint, exact=exact, cache=cache)
    precisions = {OpenVinoBackend(one, exact=exact, cache=cache).precision for exact in (False, True)}
    assert len(list(cache.iterdir())) == 2 * len(precisions)  # a CPU without bfloat16 has but one
    monkeypatch.setattr(openvino_backend, "_KEPT_MODELS", 1)
    changed = write_random(
        tmp_path / "third.safetensors",
        CONFIGS["compact"],
        **{"mask_decoder.iou_token.weight": np.ones((1, 64), dtype=np.float32)},
    )
    OpenVinoBackend(changed, cache=cache)
    assert len(list(cache.iterdir())) == 1


def test_a_cache_that_cannot_be_written_is_no_fault(tmp_path: Path) -> None:
    checkpoint = write_random(tmp_path / "model.safetensors", CONFIGS["compact"])
    (tmp_path / "cache").write_text("a file, not a folder")
    backend = OpenVinoBackend(checkpoint, cache=tmp_path / "cache")
    assert backend.encode(frame_for(checkpoint.config))


_RUN = """
import socket, sys
def refuse(*_, **__): raise SystemExit("the network was asked for")
socket.socket.connect = refuse
socket.getaddrinfo = refuse
import numpy as np
from engine.network.backends import choose_backend
from engine.network.backends import Backend
from engine.network.checkpoint import read_checkpoint
checkpoint = read_checkpoint(sys.argv[1])
backend = choose_backend(checkpoint, "cpu")
size = checkpoint.config.image_size
features = backend.encode(np.random.default_rng(0).normal(size=(1, size, size)).astype(np.float32))
backend.decode(features, np.array([[[5, 5], [90, 90]]], np.float32), np.array([[2, 3]], np.float32))
assert backend.description.startswith("OpenVINO") and not backend.fallback
loaded = {name.split(".")[0] for name, module in sys.modules.items() if module is not None}
print(sorted(loaded & {"torch", "segment_anything", "openvino_telemetry", "onnx", "PySide6", "training"}))
"""


def test_the_cpu_path_imports_neither_torch_nor_telemetry(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    write_random(path, CONFIGS["compact"])
    root = Path(__file__).resolve().parents[3]
    found = subprocess.run(
        [sys.executable, "-c", _RUN, str(path)], cwd=root, capture_output=True, text=True, timeout=120, check=False
    )
    assert (found.stdout.strip(), found.returncode) == ("[]", 0), found.stderr


def test_tokens_are_torchs_tokens(checkpoint: Checkpoint) -> None:
    import torch

    model, tokens = build_model(checkpoint), PromptTokens(checkpoint.tensors, checkpoint.config)
    coordinates, labels = boxes_for(checkpoint.config, 8)
    labels = _with_labels(labels)
    expected = model.embed_tokens(torch.from_numpy(coordinates), torch.from_numpy(labels)).numpy()
    np.testing.assert_allclose(tokens.embed(coordinates, labels), expected, atol=1e-5)
    grid = checkpoint.config.grid
    position = model.prompt_encoder.pe_layer((grid, grid)).flatten(1).T.numpy()
    np.testing.assert_allclose(tokens.grid(grid), position, atol=1e-5)


def test_backends_draw_the_same_masks_with_the_model_we_ship() -> None:
    if not bundled_models():
        pytest.skip("no model is bundled yet")
    checkpoint = read_checkpoint(bundled_checkpoint())
    assert_same_masks(TorchBackend(checkpoint), [OpenVinoBackend(checkpoint, exact=True), OpenVinoBackend(checkpoint)])


def test_weights_on_the_tokens_side_change_no_mask(tmp_path: Path) -> None:
    """Drawn from integers, the decoder projects every place of the image; drawn from reals, only the few tokens."""
    if not bundled_models():
        pytest.skip("no model is bundled yet")
    checkpoint = read_checkpoint(bundled_checkpoint())
    backend = OpenVinoBackend(checkpoint, exact=True, cache=tmp_path)
    features = backend.encode(film_like(checkpoint))
    tokens = PromptTokens(checkpoint.tensors, checkpoint.config).embed(*lung_boxes(12))
    reals = with_real_weights(checkpoint)
    assert not any(name.endswith(".weight") and tensor.dtype == np.int8 for name, tensor in reals.tensors.items())
    answers = []
    for one in (checkpoint, reals):
        drawn = decoder_model(one, [ov.Tensor(feature) for feature in features])
        compiled = ov.Core().compile_model(
            drawn, "CPU", {"INFERENCE_PRECISION_HINT": "f32"} | NO_OTHER_QUANTIZER | IN_FLOAT32
        )
        answers.append(compiled([tokens, *features]))
    (expected, expected_quality), (logits, quality) = ((answer[0], answer[1]) for answer in answers)
    np.testing.assert_allclose(logits, expected, atol=5e-3 * np.abs(expected).max())
    np.testing.assert_allclose(quality, expected_quality, atol=1e-3)
    mean, worst = mean_dice(expected, logits)
    assert mean >= 0.9999
    assert worst >= 0.999  # an input between two integers may fall to the other: a few pixels of an outline
