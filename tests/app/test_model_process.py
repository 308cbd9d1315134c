"""The model runs in a process of its own: when that dies the window does not, and no box is lost."""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtWidgets import QLabel

from engine.network.apart import Apart
from tests.app.room import LEFT_BOX, RIGHT_BOX, Room, film

MakeRoom = Callable[..., Room]


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
    said: list[str] = []
    room.session.noticed.connect(said.append)
    os.kill(pid, signal.SIGSEGV)
    room.box(LEFT_BOX)
    assert said == ["model-restarted"]
    room.box(LEFT_BOX)
    assert said == ["model-restarted"]  # once
    room.session.undo()
    assert room.case.findings != before
    assert backend(room).restarts == 1
    room.session.undo()
    assert room.case.findings == before


def test_closing_the_window_ends_the_process(room: Room) -> None:
    model = backend(room)
    assert model.pid is not None
    room.session.readings.discard_unsaved()
    room.assembly.close()
    assert model.pid is None


def test_a_fallback_is_said_once_and_stays_in_the_tool_tip(make_room: MakeRoom, tmp_path: Path) -> None:
    room = make_room(film(tmp_path / "a.dcm"))
    said: list[str] = []
    room.session.noticed.connect(said.append)
    reason = "the GPU failed (out of memory); running on OpenVINO on the CPU."
    real = backend(room)._request

    def after_a_fallback(*arguments: object) -> object:
        answer = real(*arguments)  # type: ignore[arg-type]
        backend(room).fallback = reason  # as the child would report it
        return answer

    backend(room)._request = after_a_fallback  # type: ignore[assignment, method-assign]
    room.box(RIGHT_BOX)
    room.box(LEFT_BOX)
    assert said == ["fell-back"]
    assert any(reason in label.toolTip() for label in room.window.findChildren(QLabel))
