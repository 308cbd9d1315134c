"""Encoded films on disk: the same features or none, bounded, and nobody's name."""

import os
import stat
import sys
from pathlib import Path

import numpy as np
import pytest

from engine.network.apart import Apart
from engine.network.feature_store import FeatureStore
from tests.engine.network.networks import COMPACT, boxes_for, frame_for, write_random

FEATURES: tuple[np.ndarray, ...] = (
    np.arange(24, dtype=np.float32).reshape(2, 3, 4),
    np.arange(5, dtype=np.uint16).reshape(1, 5),
)


def test_what_was_written_is_read(tmp_path: Path) -> None:
    store = FeatureStore(tmp_path / "encoded", 1 << 20)
    assert store.read("a") is None
    store.write("a", FEATURES)
    read = store.read("a")
    assert read is not None
    for one, other in zip(read, FEATURES, strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("damage", ["bit", "short", "empty", "long"])
def test_damage_is_as_good_as_nothing_and_goes(tmp_path: Path, damage: str) -> None:
    store = FeatureStore(tmp_path, 1 << 20)
    store.write("a", FEATURES)
    whole = (tmp_path / "a").read_bytes()
    flipped = whole[:-3] + bytes([whole[-3] ^ 4]) + whole[-2:]
    changed = {"bit": flipped, "short": whole[:-7], "empty": b"", "long": whole + b"\0"}[damage]
    (tmp_path / "a").write_bytes(changed)
    assert store.read("a") is None
    assert not (tmp_path / "a").exists()


def test_it_never_outgrows_its_limit_and_the_longest_unused_go(tmp_path: Path) -> None:
    one = (np.zeros(1000, dtype=np.float32),)  # 4 kB
    store = FeatureStore(tmp_path, 13_000)
    for number, name in enumerate("abc"):
        store.write(name, one)
        os.utime(tmp_path / name, ns=(number, number))
    assert store.read("a") is not None  # used again: now b is the oldest
    store.write("d", one)
    assert {path.name for path in tmp_path.iterdir()} == {"a", "c", "d"}
    FeatureStore(tmp_path, 1000).write("large", one)
    assert not (tmp_path / "large").exists()


def test_a_limit_of_nothing_neither_reads_nor_writes(tmp_path: Path) -> None:
    FeatureStore(tmp_path, 1 << 20).write("a", FEATURES)
    none = FeatureStore(tmp_path, 0)
    none.write("b", FEATURES)
    assert none.read("a") is None
    assert not (tmp_path / "b").exists()


def test_a_folder_that_cannot_be_made_is_no_fault(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    store = FeatureStore(tmp_path / "file" / "encoded", 1 << 20)
    store.write("a", FEATURES)
    assert store.read("a") is None


def test_another_frame_or_maker_has_another_name() -> None:
    frame = frame_for(COMPACT)
    key = FeatureStore.key(frame, "checkpoint", "backend")
    assert key == FeatureStore.key(frame.copy(), "checkpoint", "backend")
    assert (
        len({key, FeatureStore.key(frame + 1, "checkpoint", "backend"), FeatureStore.key(frame, "x", "backend")}) == 3
    )


@pytest.mark.skipif(sys.platform != "linux", reason="the cache folder is set as Linux has it")
def test_the_model_s_process_keeps_films_and_answers_the_same_from_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    path = tmp_path / "model.safetensors"
    write_random(path, COMPACT)
    frame, (coordinates, labels) = frame_for(COMPACT), boxes_for(COMPACT, 2)
    answers = []
    for _ in range(2):
        model = Apart(path, "cpu", 64 << 20)
        features = model.encode(frame)
        answers.append(model.decode(features, coordinates, labels))
        kept = tmp_path / "cache" / "lungbox" / "encoded"
        for _ in range(200):  # it is written behind the answer
            if kept.is_dir() and any(len(file.name) == 64 for file in kept.iterdir()):
                break
            model.decode(features, coordinates, labels)
        model.close()
    files = list(kept.iterdir())
    assert len(files) == 1
    assert stat.S_IMODE(files[0].stat().st_mode) == 0o600
    for one, other in zip(*answers, strict=True):
        np.testing.assert_array_equal(one, other)
    # That the second was indeed read: other features of that name give another answer.
    store = FeatureStore(kept, 64 << 20)
    held = store.read(files[0].name)
    assert held is not None
    store.write(files[0].name, tuple(np.flip(array) for array in held))
    model = Apart(path, "cpu", 64 << 20)
    changed = model.decode(model.encode(frame), coordinates, labels)
    model.close()
    assert not np.array_equal(changed[0], answers[0][0])


@pytest.mark.parametrize(("limit", "left"), [(0, 0), (1 << 20, 3)])
def test_a_lower_limit_holds_for_what_is_there_already(tmp_path: Path, limit: int, left: int) -> None:
    for name in "abc":
        FeatureStore(tmp_path, 1 << 20).write(name, FEATURES)
    FeatureStore(tmp_path, limit).make_room()
    assert len(list(tmp_path.iterdir())) == left


def test_room_is_made_before_it_is_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    FeatureStore(tmp_path, 1 << 20).write("a", FEATURES)
    size = (tmp_path / "a").stat().st_size
    seen: list[int] = []

    def watched(path: Path, data: bytes) -> None:
        seen.append(sum(file.stat().st_size for file in tmp_path.iterdir()))
        path.write_bytes(data)

    monkeypatch.setattr("engine.network.feature_store.write_atomically", watched)
    FeatureStore(tmp_path, size + size // 2).write("b", FEATURES)
    assert seen == [0]
    assert [path.name for path in tmp_path.iterdir()] == ["b"]


def test_a_folder_that_is_not_there_needs_no_room(tmp_path: Path) -> None:
    FeatureStore(tmp_path / "none", 0).make_room()
