"""Work off the UI thread: results on it, errors as signals, bugs to the hook, stale results nowhere."""

import sys
import threading
from collections.abc import Iterator
from functools import partial

import pytest
from pytestqt.qtbot import QtBot

from app.jobs import Jobs, Lane, Priority
from engine.errors import FilmError, LungboxError


@pytest.fixture
def jobs(qtbot: QtBot) -> Iterator[Jobs]:
    made = Jobs()
    yield made
    made.close()


def test_work_runs_elsewhere_and_its_result_comes_back_here(jobs: Jobs, qtbot: QtBot) -> None:
    threads: list[str] = []

    def here() -> str:
        return threading.current_thread().name

    jobs.run(Lane.MODEL, here, lambda there: threads.extend([there, here()]))
    qtbot.waitUntil(lambda: bool(threads))
    assert threads[0] != here()
    assert threads[1] == here()


def test_an_engine_error_goes_to_whoever_asked(jobs: Jobs, qtbot: QtBot) -> None:
    errors: list[LungboxError] = []

    def fail() -> None:
        raise FilmError("bad")

    jobs.run(Lane.FILM, fail, lambda _: pytest.fail("no result expected"), errors.append)
    qtbot.waitUntil(lambda: bool(errors))
    assert isinstance(errors[0], FilmError)
    with qtbot.waitSignal(jobs.failed):
        jobs.run(Lane.FILM, fail, lambda _: None)


def test_a_bug_reaches_the_hook_and_the_worker_lives(jobs: Jobs, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[type[BaseException]] = []
    monkeypatch.setattr(sys, "excepthook", lambda kind, value, trace: seen.append(kind))

    class Panic(BaseException):
        """What some native libraries raise."""

    def panic() -> None:
        raise Panic

    with qtbot.capture_exceptions():
        jobs.run(Lane.FILM, panic, lambda _: None)
        jobs.run(Lane.FILM, lambda: 1 // 0, lambda _: None)
        done: list[int] = []
        jobs.run(Lane.FILM, lambda: 7, done.append)
        qtbot.waitUntil(lambda: done == [7])
    assert not jobs.busy


def test_of_waiting_jobs_with_one_key_only_the_last_runs(jobs: Jobs, qtbot: QtBot) -> None:
    gate = threading.Event()
    ran: list[int] = []
    results: list[int] = []

    def work(number: int) -> int:
        ran.append(number)
        return number

    jobs.run(Lane.MODEL, gate.wait, lambda _: None)
    for number in range(5):
        jobs.run(Lane.MODEL, partial(work, number), results.append, key="live")
    gate.set()
    qtbot.waitUntil(lambda: not jobs.busy)
    assert ran == [4]
    assert results == [4]


def test_what_is_forgotten_is_neither_run_nor_delivered(jobs: Jobs, qtbot: QtBot) -> None:
    gate, begun = threading.Event(), threading.Event()
    ran: list[int] = []
    results: list[object] = []

    def slow() -> int:
        begun.set()
        gate.wait()
        return 1

    jobs.run(Lane.MODEL, slow, results.append, owner="film")
    jobs.run(Lane.MODEL, lambda: ran.append(1), results.append, owner="film")
    jobs.run(Lane.MODEL, lambda: 3, results.append, owner="other")
    assert begun.wait(5)
    jobs.forget("film")
    gate.set()
    qtbot.waitUntil(lambda: not jobs.busy)
    assert ran == []
    assert results == [3]


def test_what_the_reader_waits_for_overtakes_reading_ahead(jobs: Jobs, qtbot: QtBot) -> None:
    gate = threading.Event()
    order: list[str] = []
    jobs.run(Lane.MODEL, gate.wait, lambda _: None)
    jobs.run(Lane.MODEL, lambda: "ahead", order.append, priority=Priority.AHEAD)
    jobs.run(Lane.MODEL, lambda: "now", order.append)
    gate.set()
    qtbot.waitUntil(lambda: len(order) == 2)
    assert order == ["now", "ahead"]


def test_lanes_do_not_wait_for_each_other(jobs: Jobs, qtbot: QtBot) -> None:
    gate = threading.Event()
    done: list[int] = []
    jobs.run(Lane.MODEL, gate.wait, lambda _: None)
    jobs.run(Lane.FILM, lambda: 1, done.append)
    qtbot.waitUntil(lambda: done == [1])
    gate.set()
