import json
from pathlib import Path

import pytest

from engine.__main__ import main
from engine.network.checkpoint import bundled_checkpoint, read_checkpoint
from tests.tiny import tiny_checkpoint


def test_the_bundled_model_passes_its_self_test(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["self_test"]["passed"]
    assert report["checkpoint"]["sha256"] == read_checkpoint(bundled_checkpoint()).sha256
    assert report["backend"]["description"]
    assert report["packages"]["numpy"]


def test_a_model_that_has_learned_nothing_fails_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--checkpoint", str(tiny_checkpoint(tmp_path / "t.safetensors"))]) == 1
    assert "Self-test    FAILED" in capsys.readouterr().out


def test_a_missing_model_is_reported_and_not_raised(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--json", "--checkpoint", str(tmp_path / "absent.safetensors")]) == 1
    assert not json.loads(capsys.readouterr().out)["self_test"]["passed"]
