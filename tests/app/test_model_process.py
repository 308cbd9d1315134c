"""The model runs in a process of its own: when that dies the window does not, and no box is lost."""

import os
import signal
import sys

import pytest

from engine.network.apart import Apart
from tests.app.room import LEFT_BOX, RIGHT_BOX, Room


def backend(room: Room) -> Apart:
    segmenter = room.assembly.parts.encoder._segmenter
    assert segmenter is not None
    assert isinstance(segmenter.backend, Apart)
    return segmenter.backend


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signal")
def test_a_native_crash_costs_a_restart_and_the_box_is_answered(room: Room) -> None:
    room.box(RIGHT_BOX)
    before = room.case.findings
    pid = backend(room).pid
    assert pid is not None
    assert pid != os.getpid()
    os.kill(pid, signal.SIGSEGV)
    room.box(LEFT_BOX)
    assert room.case.findings != before
    assert backend(room).restarts == 1
    room.session.undo()
    assert room.case.findings == before


def test_closing_the_window_ends_the_process(room: Room) -> None:
    model = backend(room)
    assert model.pid is not None
    room.session.discard_unsaved()
    room.assembly.close()
    assert model.pid is None
