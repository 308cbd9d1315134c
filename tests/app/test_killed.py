"""The real program, killed while somebody works in it; `benchmarks/kills.py` does so by the hundred."""

import signal
from pathlib import Path

import pytest

from benchmarks.kills import kill_often
from tests.app.room import film


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="the system has no such signal")
def test_after_a_kill_the_next_start_shows_every_step_that_was_done(tmp_path: Path) -> None:
    found = kill_often(film(tmp_path / "film.dcm"), kills=2, seed=7, starts=2)
    assert found["steps_said"] > 0
    assert found["starts"] == 1
    assert (found["lost"], found["not_offered"], found["not_shown"]) == (0, 0, 0)
