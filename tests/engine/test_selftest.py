"""The self-test fails where it should, and the program knows which commit it is."""

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import resources
from engine import origin, selftest
from engine.film.reading import read_radiograph
from engine.mask import Mask
from engine.origin import commit
from engine.segmenter import load_segmenter
from engine.selftest import run_self_test

ROOT = Path(__file__).resolve().parents[2]


def test_areas_that_are_measured_wrong_fail_it(monkeypatch: pytest.MonkeyPatch) -> None:
    segmenter = load_segmenter(device="cpu")
    whole = run_self_test(segmenter)
    assert whole.passed
    assert whole.area_error is not None
    assert whole.area_error < 1e-3
    real = selftest._read_mask

    def thinner(name: str) -> Mask:
        pixels = np.array(real(name).pixels())
        pixels[: pixels.shape[0] // 3] = 0
        return Mask.of(pixels)

    error = selftest._area_error(
        read_radiograph(resources.path("demo/demo.dcm")),
        {name: thinner(name) for name in ("right_lung", "left_lung")},
    )
    assert error > selftest.AREA_TOLERANCE
    monkeypatch.setattr(selftest, "_area_error", lambda radiograph, masks: 0.02)
    wrong = run_self_test(segmenter)
    assert not wrong.passed
    assert "2.0 % wrong" in wrong.message


def test_a_failure_is_never_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    segmenter = load_segmenter(device="cpu")
    failed = replace(run_self_test(segmenter), passed=False)
    monkeypatch.setattr(selftest, "run_self_test", lambda _: failed)
    assert selftest.proved(segmenter, tmp_path / "record.json") is failed
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_may_not_be_written_costs_only_the_record(tmp_path: Path) -> None:
    segmenter = load_segmenter(device="cpu")
    (tmp_path / "file").write_text("")
    result = selftest.proved(segmenter, tmp_path / "file" / "record.json")
    assert not isinstance(result, str)
    assert result.passed


def test_a_checkout_says_its_commit() -> None:
    done = subprocess.run(["git", "-C", str(ROOT), "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip("not a checkout")
    commit.cache_clear()
    assert commit() == done.stdout.strip()


@pytest.mark.parametrize(("text", "said"), [("0" * 40, "0" * 40), ("main", ""), ("", ""), (None, "")])
def test_a_build_says_its_commit(tmp_path: Path, text: str | None, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "build.json").write_text(json.dumps({"commit": text}))
    monkeypatch.setattr(resources, "path", lambda name: tmp_path / name)
    commit.cache_clear()
    assert commit() == said
    commit.cache_clear()


def test_where_neither_says_there_is_no_commit(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="HEAD"):
        origin._head(tmp_path)


@pytest.mark.parametrize("packed", [False, True])
def test_branches_are_followed_in_linked_work_trees_and_packed(tmp_path: Path, packed: bool) -> None:
    def git(*arguments: str, folder: Path = tmp_path / "main") -> str:
        settings = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
        command = ["git", "-C", str(folder), *settings, *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    (tmp_path / "main").mkdir()
    git("init", "-q", "-b", "main")
    git("commit", "-q", "--allow-empty", "-m", "first")
    git("worktree", "add", "-q", "-b", "other", str(tmp_path / "other"))
    git("commit", "-q", "--allow-empty", "-m", "second", folder=tmp_path / "other")
    if packed:
        git("pack-refs", "--all")
    for place in ("main", "other"):
        assert origin._head(tmp_path / place) == git("rev-parse", "HEAD", folder=tmp_path / place)
