"""A checkpoint is whole, ours and unchanged, or refused with one clear message; nothing in it is ever executed."""

import hashlib
import json
import os
import pickle
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
import torch

import resources
from engine.errors import CheckpointError, OutputError
from engine.network import checkpoint as module
from engine.network.checkpoint import bundled_models, read_checkpoint, write_checkpoint
from engine.network.config import ModelConfig, Preprocessing, sam_config
from engine.network.layout import UNUSED_PREFIXES, expected_shapes, fold_batch_norm
from engine.network.model import LungModel
from tests.engine.network.networks import COMPACT, CONFIGS, in_integers, random_model, state_of, write_random


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("good") / "good.safetensors"
    write_random(path, COMPACT)
    return path


@pytest.mark.parametrize(
    "config", [*CONFIGS.values(), sam_config("vit_b"), sam_config("vit_l", 512)], ids=lambda c: c.kind
)
def test_the_layout_lists_exactly_what_the_network_holds(config: ModelConfig) -> None:
    with torch.device("meta"):
        state = LungModel(config).state_dict()
    shapes = {name: tuple(value.shape) for name, value in state.items() if not name.startswith(UNUSED_PREFIXES)}
    for name in [name for name in shapes if ".norm.running_mean" in name]:  # folded into the convolution's bias
        base = name.removesuffix("norm.running_mean")
        shapes[f"{base}conv.bias"] = shapes[name]
        for part in ("weight", "bias", "running_mean", "running_var", "num_batches_tracked"):
            del shapes[f"{base}norm.{part}"]
    assert expected_shapes(config) == shapes


def test_what_is_read_is_what_was_written(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    tensors = fold_batch_norm(state_of(random_model(COMPACT)))
    preprocessing = Preprocessing(1.0, 99.0, (0.4,), (0.2,))
    sha256 = write_checkpoint(
        path,
        name="lungs",
        version="3",
        config=COMPACT,
        preprocessing=preprocessing,
        tensors=tensors,
        scheme="float32",
        card={"films": 700},
    )
    found = read_checkpoint(path)
    assert (found.name, found.version, found.config, found.preprocessing) == ("lungs", "3", COMPACT, preprocessing)
    assert (found.sha256, found.card, found.quantized_layers) == (sha256, {"films": 700}, ())
    assert found.tensors.keys() == expected_shapes(COMPACT).keys()
    assert all(np.array_equal(found.tensors[name], tensors[name]) for name in found.tensors)
    assert not any(tensor.flags.writeable for tensor in found.tensors.values())


def test_the_file_is_plain_safetensors_and_the_same_each_time(good: Path, tmp_path: Path) -> None:
    write_random(tmp_path / "again", COMPACT)
    assert (tmp_path / "again").read_bytes() == good.read_bytes()
    theirs = safetensors.numpy.load_file(good)
    ours = read_checkpoint(good).tensors
    assert theirs.keys() == ours.keys()
    assert all(np.array_equal(theirs[name], ours[name]) for name in ours)


def test_folding_batch_norm_changes_nothing_but_rounding() -> None:
    model = random_model(COMPACT)
    stage = model.image_encoder.stages[1].refine  # type: ignore[index,union-attr]
    folded = fold_batch_norm(state_of(model))
    x = torch.randn(1, 12, 9, 9)
    name = "image_encoder.stages.1.refine.conv"
    weight, bias = (torch.from_numpy(folded[f"{name}.{part}"]) for part in ("weight", "bias"))
    torch.testing.assert_close(stage(x), torch.nn.functional.conv2d(x, weight, bias, padding=1), atol=1e-5, rtol=1e-5)


def test_four_bit_weights_take_half_a_byte_each_and_come_back(good: Path, tmp_path: Path) -> None:
    name = "image_encoder.blocks.0.mlp.lin1"
    rng = np.random.default_rng(0)
    groups = rng.integers(1, 19, (192, 3), dtype=np.uint8)
    factors = rng.integers(-7, 8, (192, 3, 16))
    weight = (factors * groups[..., None]).reshape(192, 48).astype(np.int8)
    changes = {f"{name}.weight": weight, f"{name}.group_scale": groups}
    changes[f"{name}.weight_scale"] = np.full(192, 0.01, dtype=np.float32)
    found = write_random(tmp_path / "four.safetensors", COMPACT, **changes)
    assert np.array_equal(found.tensors[f"{name}.weight"], weight)
    stored = safetensors.numpy.load_file(tmp_path / "four.safetensors")
    assert stored[f"{name}.weight_int4"].nbytes == weight.size // 2
    assert f"{name}.weight" not in stored


class _Bomb:
    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[object, ...]:
        return (os.mkdir, (str(self.marker),))


def _header(data: bytes) -> tuple[dict[str, Any], bytes]:
    (length,) = struct.unpack_from("<Q", data)
    return json.loads(data[8 : 8 + length]), data[8 + length :]


def _with_header(header: dict[str, Any], rest: bytes) -> bytes:
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + rest


def _first_tensor(header: dict[str, Any]) -> dict[str, Any]:
    first: dict[str, Any] = next(value for key, value in header.items() if key != "__metadata__")
    return first


def _changed_shape(data: bytes) -> bytes:
    header, rest = _header(data)
    _first_tensor(header)["shape"] = [1, 2, 3]
    return _with_header(header, rest)


def _changed_offset(data: bytes) -> bytes:
    header, rest = _header(data)
    _first_tensor(header)["data_offsets"] = [8, 1 << 60]
    return _with_header(header, rest)


def _negative_sides(data: bytes) -> bytes:
    header, rest = _header(data)
    first = _first_tensor(header)
    begin, end = first["data_offsets"]
    first["shape"] = [-1, -((end - begin) // 4)]
    return _with_header(header, rest)


def _changed_description(data: bytes) -> bytes:
    header, rest = _header(data)
    header["__metadata__"]["lungbox"] += " "
    return _with_header(header, rest)


def _entry(entry: str, rest: bytes = b"") -> bytes:
    """A file whose table of contents is as it stands here."""
    text = f'{{"a": {entry}}}'.encode()
    return struct.pack("<Q", len(text)) + text + rest


def _described(data: bytes, **changes: object) -> bytes:
    """The file with another description, hashed as it should be."""
    header, rest = _header(data)
    metadata: dict[str, str] = header["__metadata__"]
    metadata["lungbox"] = json.dumps(json.loads(metadata["lungbox"]) | changes)
    metadata["lungbox_sha256"] = hashlib.sha256(metadata["lungbox"].encode()).hexdigest()
    return _with_header(header, rest)


def _four_bits_in_floats(data: bytes) -> bytes:
    header, rest = _header(data)
    header["x.weight_int4"] = {"dtype": "F32", "shape": [1, 1], "data_offsets": [len(rest), len(rest) + 4]}
    header["x.group_scale"] = {"dtype": "U8", "shape": [1, 1], "data_offsets": [len(rest) + 4, len(rest) + 5]}
    return _with_header(header, rest + bytes(4) + b"\1")


def _surrogate(data: bytes) -> bytes:
    header, rest = _header(data)
    header["__metadata__"]["lungbox"] = "\ud800"
    return _with_header(header, rest)


HOSTILE: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda data: b"",
    "a web page": lambda data: b"<!DOCTYPE html><html><body>404 Not Found</body></html>",
    "text": lambda data: b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n",
    "a header of 2^63 bytes": lambda data: struct.pack("<Q", 1 << 63) + b"{" + data[9:],
    "nested brackets": lambda data: struct.pack("<Q", 200_000) + b'{"a":' + b"[" * 199_995,
    "cut in the header": lambda data: data[:100],
    "cut in the weights": lambda data: data[:-1],
    "longer": lambda data: data + b"\0",
    "another shape": _changed_shape,
    "offsets outside": _changed_offset,
    "negative sides": _negative_sides,
    "another description": _changed_description,
    "no description": lambda data: _with_header(
        {k: v for k, v in _header(data)[0].items() if k[0] != "_"}, _header(data)[1]
    ),
    "an offset without end": lambda data: _entry('{"dtype": "F32", "shape": [1], "data_offsets": [0, 1e999]}'),
    "none of too many": lambda data: _entry(f'{{"dtype": "F32", "shape": [0, {10**23}], "data_offsets": [0, 0]}}'),
    "70 dimensions": lambda data: _entry(f'{{"dtype": "F32", "shape": {[1] * 70}, "data_offsets": [0, 4]}}', bytes(4)),
    "metadata that is a list": lambda data: _with_header(_header(data)[0] | {"__metadata__": [1]}, _header(data)[1]),
    "a description that is a list": lambda data: _with_header(
        _header(data)[0] | {"__metadata__": {"lungbox": "[]", "lungbox_sha256": hashlib.sha256(b"[]").hexdigest()}},
        _header(data)[1],
    ),
    "a description that is no text": _surrogate,
    "settings that are a list": lambda data: _described(data, config=[]),
    "preprocessing that is a number": lambda data: _described(data, preprocessing=5),
    "a mean that no float holds": lambda data: _described(data, preprocessing={"mean": [10**400]}),
    "a card that is a number": lambda data: _described(data, card=5),
    "a card that JSON cannot say": lambda data: _described(data, card={"dice": float("nan")}),
    "a name that is no text": lambda data: _described(data, name="\ud800"),
    "4-bit weights in floats": _four_bits_in_floats,
}


@pytest.mark.parametrize("damage", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_file_that_is_no_checkpoint_gives_one_clear_error(
    good: Path, tmp_path: Path, damage: Callable[[bytes], bytes]
) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(damage(good.read_bytes()))
    with pytest.raises(CheckpointError) as caught:
        read_checkpoint(path)
    assert caught.value.advice
    assert "\n" not in caught.value.message
    assert "model.safetensors" in caught.value.message


def test_every_flipped_bit_is_found(good: Path, tmp_path: Path) -> None:
    data = good.read_bytes()
    (length,) = struct.unpack_from("<Q", data)
    rng = np.random.default_rng(4)
    places = [*rng.integers(0, 8 + length, 60), *rng.integers(8 + length, len(data), 40)]
    path = tmp_path / "flipped.safetensors"
    original = read_checkpoint(good)
    for place in places:
        flipped = bytearray(data)
        flipped[place] ^= 1 << int(rng.integers(0, 8))
        path.write_bytes(flipped)
        try:
            found = read_checkpoint(path)
        except CheckpointError:
            continue
        # White space and the spelling of an escape may change without changing what the file says.
        assert found.config == original.config
        assert all(np.array_equal(found.tensors[name], original.tensors[name]) for name in original.tensors)


def test_pickles_are_refused_and_never_run(tmp_path: Path) -> None:
    marker = tmp_path / "executed"
    plain, zipped, as_metas = tmp_path / "model.pkl", tmp_path / "model.pt", tmp_path / "model.pth"
    plain.write_bytes(pickle.dumps(_Bomb(marker)))
    torch.save({"weights": _Bomb(marker)}, zipped)
    torch.save({"weights": _Bomb(marker)}, as_metas)
    for path, words in ((plain, "can carry code"), (zipped, "can carry code"), (as_metas, "more than weights")):
        with pytest.raises(CheckpointError, match=words):
            read_checkpoint(path)
    assert not marker.exists()


def _make_pipe(path: Path) -> None:
    if not hasattr(os, "mkfifo"):
        pytest.skip("this system has no named pipes")
    os.mkfifo(path)


@pytest.mark.parametrize("make", [Path.mkdir, _make_pipe, lambda path: None], ids=["folder", "pipe", "nothing"])
def test_what_is_no_file_is_refused_at_once(tmp_path: Path, make: Callable[[Path], None]) -> None:
    path = tmp_path / "model.safetensors"
    make(path)
    with pytest.raises(CheckpointError):
        read_checkpoint(path)


BAD_TENSORS = {
    "not a number": {"mask_decoder.iou_token.weight": np.full((1, 64), np.nan, dtype=np.float32)},
    "infinite": {"mask_decoder.iou_token.weight": np.full((1, 64), np.inf, dtype=np.float16)},
    "another shape": {"mask_decoder.iou_token.weight": np.zeros((1, 65), dtype=np.float32)},
    "unknown": {"image_encoder.blocks.9.norm1.weight": np.zeros(48, dtype=np.float32)},
    "integers without a scale": {"image_encoder.blocks.0.mlp.lin1.weight": np.zeros((192, 48), dtype=np.int8)},
    "a scale of zero": {
        "image_encoder.blocks.0.mlp.lin1.weight": np.zeros((192, 48), dtype=np.int8),
        "image_encoder.blocks.0.mlp.lin1.weight_scale": np.zeros(192, dtype=np.float32),
    },
    "-128": {
        "image_encoder.blocks.0.mlp.lin1.weight": np.full((192, 48), -128, dtype=np.int8),
        "image_encoder.blocks.0.mlp.lin1.weight_scale": np.ones(192, dtype=np.float32),
    },
    "a scale without integers": {"image_encoder.blocks.0.mlp.lin1.weight_scale": np.ones(192, dtype=np.float32)},
}


@pytest.mark.parametrize("changes", BAD_TENSORS.values(), ids=BAD_TENSORS.keys())
def test_unusable_weights_are_neither_written_nor_read(
    tmp_path: Path, changes: dict[str, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(CheckpointError):
        write_random(tmp_path / "refused", COMPACT, **changes)
    assert not list(tmp_path.iterdir())
    with monkeypatch.context() as patch:
        patch.setattr(module, "check_tensors", lambda *_: None)
        path = tmp_path / "forged.safetensors"
        write_random(path, COMPACT, **changes)
    with pytest.raises(CheckpointError):
        read_checkpoint(path)


@pytest.mark.parametrize(
    "changes",
    [
        {"image_size": 1 << 20},
        {"image_size": "128"},
        {"patch_size": 0},
        {"heads": 0},
        {"depth": 10**9},
        {"mlp_ratio": float("nan")},
        {"kind": "other"},
        {"stem": [1, 2]},
        {"surprise": 1},
    ],
    ids=str,
)
def test_impossible_settings_are_refused(good: Path, tmp_path: Path, changes: dict[str, object]) -> None:
    data = good.read_bytes()
    config = json.loads(_header(data)[0]["__metadata__"]["lungbox"])["config"]
    path = tmp_path / "model.safetensors"
    path.write_bytes(_described(data, config=config | changes))
    with pytest.raises(CheckpointError, match="settings"):
        read_checkpoint(path)


def test_a_future_format_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "future.safetensors"
    with monkeypatch.context() as patch:
        patch.setattr(module, "FORMAT", 99)
        write_random(path, COMPACT)
    with pytest.raises(CheckpointError, match="format 99"):
        read_checkpoint(path)


def test_a_failed_write_leaves_the_old_file(good: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(b"the old file")

    def no_space(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", no_space)
    with pytest.raises(OutputError):
        write_random(path, COMPACT)
    assert path.read_bytes() == b"the old file"
    assert len(list(tmp_path.iterdir())) == 1


def test_bundled_models_are_the_ones_listed(good: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resources, "path", lambda name: tmp_path / name)
    folder = tmp_path / "models"
    folder.mkdir()
    model = folder / "lungs.safetensors"
    model.write_bytes(good.read_bytes())
    with pytest.raises(CheckpointError, match="not the one that was released"):
        read_checkpoint(model)  # not listed
    entry = f'[[model]]\nname = "lungs"\nfile = "lungs.safetensors"\nsha256 = "{read_checkpoint(good).sha256}"\n'
    (tmp_path / "models.toml").write_text(entry)
    assert module.bundled_checkpoint() == model
    assert read_checkpoint(model).name == "random"
    with pytest.raises(CheckpointError, match="not the one that was released"):
        write_random(model, COMPACT, **{"mask_decoder.iou_token.weight": np.ones((1, 64), dtype=np.float32)})


def test_the_models_we_ship_can_be_read() -> None:
    for entry in bundled_models():
        found = read_checkpoint(resources.path("models") / entry["file"])
        assert found.sha256 == entry["sha256"]
        assert entry["licence"]
        assert entry["intended_use"]


@pytest.mark.slow
def test_metas_files_load_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "sam_vit_b.pth"
    with torch.device("meta"):
        shapes = LungModel(sam_config("vit_b", 128)).state_dict()
    state = {name: torch.full(value.shape, 0.5) for name, value in shapes.items()}
    torch.save(state, path)
    found = read_checkpoint(path)
    assert found.config == sam_config("vit_b", 128)
    assert found.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert len(found.preprocessing.mean) == 3
    assert found.tensors.keys() == state.keys()


_POSITION = {"image_encoder.pos_embed": torch.zeros(1, 8, 8, 768)}


@pytest.mark.parametrize(
    "state",
    [_POSITION, {"image_encoder.pos_embed": torch.zeros(1, 8, 8, 700)}, _POSITION | {"epoch": 3}, {}, [1], {"a": 1}],
    ids=["weights missing", "another width", "more than weights", "empty", "a list", "no weights"],
)
def test_files_in_metas_form_are_checked_like_ours(tmp_path: Path, state: object) -> None:
    path = tmp_path / "changed.pth"
    torch.save(state, path)
    with pytest.raises(CheckpointError, match=r"changed\.pth"):
        read_checkpoint(path)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(CheckpointError, match=r"changed\.pth"):
        read_checkpoint(path)


def test_integer_layers_are_named(good: Path, tmp_path: Path) -> None:
    integers = in_integers(read_checkpoint(good), tmp_path / "int8.safetensors", ("mlp.lin1", "attn.proj"))
    assert "image_encoder.blocks.0.mlp.lin1" in integers.quantized_layers
    assert all("mlp.lin1" in name or "attn.proj" in name for name in integers.quantized_layers)
    assert replace(integers, name="").path == tmp_path / "int8.safetensors"
