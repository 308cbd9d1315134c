"""The model's process: the same answers as without it, and its death costs a restart."""

import gc
import logging
import os
import signal
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from engine.errors import BackendError, CheckpointError
from engine.network.apart import Apart
from engine.network.backends import choose_backend
from engine.network.checkpoint import read_checkpoint
from tests.engine.network.networks import COMPACT, SAM, boxes_for, frame_for, write_random

needs_signals = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("apart") / "model.safetensors"
    write_random(file, COMPACT)
    return file


@pytest.fixture
def apart(path: Path) -> Iterator[Apart]:
    backend = Apart(path, "cpu")
    yield backend
    backend.close()


def test_answers_are_those_of_the_same_backend_in_this_process(apart: Apart, path: Path) -> None:
    here = choose_backend(read_checkpoint(path), "cpu")
    frame, (coordinates, labels) = frame_for(COMPACT), boxes_for(COMPACT, 3)
    expected = here.decode(here.encode(frame), coordinates, labels)
    for value, wanted in zip(apart.decode(apart.encode(frame), coordinates, labels), expected, strict=True):
        np.testing.assert_array_equal(value, wanted)
    assert (apart.description, apart.device, apart.fallback) == (here.description, here.device, here.fallback)
    assert apart.checkpoint.sha256 == here.checkpoint.sha256


@needs_signals
@pytest.mark.parametrize("how", ["SIGSEGV", "SIGKILL"])
def test_a_crash_costs_a_restart_and_changes_no_answer(
    apart: Apart, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    frame, (coordinates, labels) = frame_for(COMPACT), boxes_for(COMPACT, 3)
    features = apart.encode(frame)
    expected = apart.decode(features, coordinates, labels)
    first = apart.pid
    assert first is not None
    with caplog.at_level(logging.WARNING):
        os.kill(first, getattr(signal, how))
        again = apart.decode(features, coordinates, labels)
    np.testing.assert_array_equal(again[0], expected[0])
    assert apart.restarts == 1
    assert apart.pid != first
    assert "started again" in caplog.text
    apart.decode(features, coordinates, labels)
    assert apart.restarts == 1  # the film was shown to the new child once


DIES_OVER_FILMS = """
import os
from engine.network import worker
real = worker._Model.answer
def answer(self, header, payload):
    if header["do"] == "encode":
        os._exit(139)
    return real(self, header, payload)
worker._Model.answer = answer
worker.serve()
"""


def test_what_kills_it_twice_is_said_and_the_next_film_gets_a_new_one(path: Path) -> None:
    apart = Apart(path, "cpu", command=[sys.executable, "-P", "-c", DIES_OVER_FILMS])
    try:
        for turn in (1, 2):
            with pytest.raises(BackendError, match="twice"):
                apart.encode(frame_for(COMPACT))
            assert apart.restarts >= turn
            assert apart.pid is None
    finally:
        apart.close()


HANGS_OVER_ITS_FIRST_FILM = """
import pathlib, sys, time
from engine.network import worker
real = worker._Model.answer
def answer(self, header, payload):
    mark = pathlib.Path(sys.argv[1])
    if header["do"] == "encode" and not mark.exists():
        mark.touch()
        time.sleep(600)
    return real(self, header, payload)
worker._Model.answer = answer
worker.serve()
"""


def test_a_child_that_hangs_is_replaced_and_asked_again(
    path: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    command = [sys.executable, "-P", "-c", HANGS_OVER_ITS_FIRST_FILM, str(tmp_path / "hung")]
    apart = Apart(path, "cpu", command=command, answer_s=10.0)
    first = apart.pid
    try:
        with caplog.at_level(logging.WARNING):
            begun = time.monotonic()
            features = apart.encode(frame_for(COMPACT))
        assert time.monotonic() - begun < 60
        assert np.isfinite(apart.decode(features, *boxes_for(COMPACT, 1))[0]).all()
        assert apart.restarts == 1
        assert apart.pid != first
        assert "gave no answer" in caplog.text
    finally:
        apart.close()


def test_a_child_that_cannot_start_is_one_error(path: Path) -> None:
    with pytest.raises(BackendError, match="could not be started"):
        Apart(path, "cpu", command=[sys.executable, "-c", "raise SystemExit(3)"])
    with pytest.raises(BackendError, match="could not be started"):
        Apart(path, "cpu", command=[str(path.with_name("no-such-program"))])


def test_its_own_errors_come_back_as_they_are(apart: Apart, path: Path, tmp_path: Path) -> None:
    with pytest.raises(BackendError, match="no device"):
        Apart(path, "abacus")
    changed = tmp_path / "model.safetensors"
    changed.write_bytes(path.read_bytes())
    backend = Apart(changed, "cpu")
    write_random(changed, SAM)
    backend._child[0].kill()  # so that the next one reads the file again
    with pytest.raises(CheckpointError, match="changed while Lungbox ran"):
        backend.encode(frame_for(COMPACT))
    backend.close()


def test_features_that_nobody_holds_are_let_go(apart: Apart) -> None:
    features = apart.encode(frame_for(COMPACT))
    number = features.number
    del features
    gc.collect()
    assert apart._dropped == [number]
    apart.encode(frame_for(COMPACT))
    assert number not in apart._dropped


def test_closing_ends_the_child(path: Path) -> None:
    apart = Apart(path, "cpu")
    pid = apart.pid
    assert pid is not None
    apart.close()
    if sys.platform != "win32":
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
    assert apart.pid is None


HANGS_OVER_EVERY_FILM = """
import pathlib, sys, time
from engine.network import worker
real = worker._Model.answer
def answer(self, header, payload):
    if header["do"] == "encode":
        pathlib.Path(sys.argv[1]).touch()
        time.sleep(600)
    return real(self, header, payload)
worker._Model.answer = answer
worker.serve()
"""


def test_closing_fails_the_request_under_way_and_starts_nothing(path: Path, tmp_path: Path) -> None:
    asked = tmp_path / "asked"
    apart = Apart(path, "cpu", command=[sys.executable, "-P", "-c", HANGS_OVER_EVERY_FILM, str(asked)])
    with ThreadPoolExecutor(1) as pool:
        request = pool.submit(apart.encode, frame_for(COMPACT))
        while not asked.exists():
            time.sleep(0.01)
        apart.close()
        assert isinstance(request.exception(timeout=30), BackendError)
    assert (apart.restarts, apart.pid) == (0, None)
    with pytest.raises(BackendError, match="closed"):
        apart.encode(frame_for(COMPACT))
    assert apart.pid is None
