"""Results out of the window and back into it."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from engine.case import CaseState
from tests.app.room import RIGHT_BOX, Room

MakeRoom = Callable[..., Room]


def exported(folder: Path) -> Path:
    """Return the one bundle in a folder."""
    found = list(folder.glob("*/results.json"))
    assert len(found) == 1
    return found[0].parent


def test_accepted_results_hold_the_intervals_on_show(room: Room, tmp_path: Path) -> None:
    room.session.settings = replace(room.session.settings, export_on_accept=True, export_folder=str(tmp_path / "out"))
    room.box(RIGHT_BOX)
    room.window.actions_by_name["uncertainty"].trigger()
    room.settle()
    assert room.session.measurements is not None
    shown = {(row.structure, row.id): row.interval for row in room.session.measurements if row.interval is not None}
    assert shown
    assert room.session.measuring.bands
    room.session.accept()
    room.settle()
    assert room.case.state is CaseState.ACCEPTED
    assert room.session.measuring.bands  # accepting takes nothing off the screen
    written = json.loads((exported(tmp_path / "out") / "results.json").read_text())
    found = {
        (row["structure"], row["id"]): tuple(row["interval"]) for row in written["measurements"] if row["interval"]
    }
    assert found == shown


def test_what_changed_since_it_was_measured_is_measured_for_the_results(room: Room) -> None:
    room.box(RIGHT_BOX)
    before = room.case
    assert room.session.measuring.of(before) is not None
    room.session.swap_sides()
    assert room.session.measuring.of(room.case) is None  # not yet: never the numbers of another outline
    room.settle()
    assert room.session.measuring.of(room.case) is not None
    room.session.undo()
    assert room.session.measuring.of(before) is None
    room.settle()
    assert room.session.measuring.of(before) is not None
