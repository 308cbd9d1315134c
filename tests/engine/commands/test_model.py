"""`lungbox model`: checked before it is kept, kept whole, refused with a reason."""

import json
import struct
from pathlib import Path

import numpy as np
import platformdirs
import pytest

from engine.__main__ import main
from engine.models import add_model, installed_models, model_path
from engine.network.checkpoint import bundled_checkpoint, read_checkpoint, write_checkpoint
from tests.tiny import tiny_checkpoint


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "data"
    monkeypatch.setattr(platformdirs, "user_data_path", lambda *given, **more: folder)
    return folder / "models"


def test_the_shipped_model_is_listed_with_its_licence(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["model", "list", "--json"]) == 0
    (shipped,) = json.loads(capsys.readouterr().out)
    assert shipped["sha256"] == read_checkpoint(bundled_checkpoint()).sha256
    assert shipped["bundled"]
    assert "research" in shipped["licence"].lower()
    assert shipped["card"]["intended_use"]
    assert main(["model", "list"]) == 0
    assert "(shipped)" in capsys.readouterr().out


def write_named(path: Path, name: str, version: str) -> None:
    """Write a tiny model that calls itself something."""
    given = read_checkpoint(tiny_checkpoint(path.with_name("m.safetensors")))
    write_checkpoint(
        path,
        name=name,
        version=version,
        config=given.config,
        preprocessing=given.preprocessing,
        tensors=given.tensors,
        scheme=given.scheme,
        card={},
    )


def test_a_model_of_ours_is_added_byte_for_byte_used_by_name_and_removed(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tiny_checkpoint(tmp_path / "whatever name.safetensors")
    assert main(["model", "add", str(source), "--json"]) == 0
    key = json.loads(capsys.readouterr().out)["key"]
    kept = data / f"{key}.safetensors"
    assert kept.read_bytes() == source.read_bytes()
    assert [model.key for model in installed_models()][1:] == [key]
    assert model_path(key) == kept
    assert main(["doctor", "--checkpoint", key]) == 1  # found and run; it has learned nothing
    assert "tiny" in capsys.readouterr().out
    assert add_model(source).path == kept  # once more changes nothing
    assert main(["model", "remove", key]) == 0
    assert not kept.exists()
    assert main(["model", "remove", "lungbox-compact"]) == 1  # the shipped one stays


def test_an_added_model_is_found_by_a_name_with_a_version_in_it(data: Path, tmp_path: Path) -> None:
    write_named(tmp_path / "dotted.safetensors", "lungs", "0.3.0")
    added = add_model(tmp_path / "dotted.safetensors")
    assert added.key.startswith("lungs-0.3.0-")
    assert model_path(added.key) == added.path


@pytest.mark.parametrize("damage", ["cut", "flip", "text", "absent"])
def test_what_is_no_whole_model_is_refused_and_nothing_is_kept(
    damage: str, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tiny_checkpoint(tmp_path / "m.safetensors")
    held = bytearray(source.read_bytes())
    if damage == "cut":
        source.write_bytes(held[: len(held) // 2])
    elif damage == "flip":
        held[-100] ^= 1
        source.write_bytes(held)
    elif damage == "text":
        source.write_text("no model", encoding="utf-8")
    else:
        source.unlink()
    assert main(["model", "add", str(source)]) == 1
    said = capsys.readouterr().err
    assert said.startswith("lungbox: ")
    assert said.count("\n") == 1
    assert not data.exists()


def test_a_model_that_was_damaged_later_is_listed_with_the_reason(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = add_model(tiny_checkpoint(tmp_path / "m.safetensors")).path
    kept.write_bytes(kept.read_bytes()[:-1])
    assert main(["model", "list"]) == 0
    assert "cannot be used" in capsys.readouterr().out


def test_a_hostile_file_among_the_models_does_not_hide_the_others(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data.mkdir(parents=True)
    text = b'{"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 1e999]}}'
    (data / "hostile.safetensors").write_bytes(struct.pack("<Q", len(text)) + text)
    assert main(["model", "list", "--json"]) == 0
    shipped, hostile = json.loads(capsys.readouterr().out)
    assert shipped["bundled"]
    assert "damaged" in hostile["fault"]


def test_a_name_in_a_model_cannot_choose_where_it_goes(data: Path, tmp_path: Path) -> None:
    hostile = tmp_path / "hostile.safetensors"
    write_named(hostile, "../../../up\n\x1b[31m", "/etc")
    assert add_model(hostile).path.parent == data
    assert [path.name for path in data.iterdir()] == [f"up-31m-etc-{read_checkpoint(hostile).sha256[:8]}.safetensors"]


def test_metas_file_becomes_one_of_ours_with_the_same_weights(data: Path, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    from engine.network.config import sam_config
    from engine.network.layout import expected_shapes

    config = sam_config("vit_b", 256)
    rng = np.random.default_rng(0)
    state = {
        name: torch.from_numpy(0.02 * rng.standard_normal(shape, dtype=np.float32))
        for name, shape in expected_shapes(config).items()
    }
    torch.save(state, tmp_path / "sam_vit_b.pth")
    added = add_model(tmp_path / "sam_vit_b.pth")
    ours = read_checkpoint(added.path)
    assert ours.config == config
    assert added.card["converted_from"] == "sam_vit_b.pth"
    assert all(np.array_equal(ours.tensors[name], value.numpy()) for name, value in state.items())
