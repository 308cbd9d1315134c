"""Every command of the table does something: what the window does not do itself, somebody answers."""

from collections.abc import Callable

import pytest

from app.shortcuts import COMMANDS, PROFILES, bindings
from tests.app.room import LEFT_BOX, RIGHT_BOX, Room
from tests.app.test_window import key

_ENDS_THE_TEST = {"quit", "close", "full-screen"}  # the window's own, and tested by main()


def test_what_the_window_passes_on_is_answered_and_nothing_else_is(room: Room) -> None:
    room.window.command.disconnect()
    passed: list[str] = []
    room.window.command.connect(passed.append)
    for command in COMMANDS:
        if command.name not in _ENDS_THE_TEST:
            action = room.window.actions_by_name[command.name]
            action.setEnabled(True)
            action.trigger()
    room.settle()
    assert sorted(passed) == sorted(room.assembly._commands())


def test_every_action_has_a_handler_and_a_place_in_the_table(room: Room) -> None:
    assert set(room.window.actions_by_name) == {command.name for command in COMMANDS}


@pytest.mark.parametrize("profile", PROFILES)
def test_tab_goes_through_the_structures_both_ways(room: Room, profile: str) -> None:
    room.window.bind(profile, ())
    room.box(RIGHT_BOX)
    room.box(LEFT_BOX)
    room.session.edit.fill_polygon(((2, 2), (12, 2), (12, 12)), erase=False)
    room.session.name_next(None)
    uids = [finding.tracking_uid for finding in room.case.findings]
    if len(uids) < 2:
        pytest.fail("one structure is nothing to go through")
    room.session.select(uids[0])
    key(room, "next-structure")
    assert room.session.selected == uids[1]
    key(room, "previous-structure")
    assert room.session.selected == uids[0]


_CHANGES: tuple[tuple[str, Callable[[Room], object]], ...] = (
    ("invert", lambda room: room.session.lightbox.display.inverted),
    ("rotate-right", lambda room: room.session.lightbox.viewport.turns),
    ("rotate-left", lambda room: room.session.lightbox.viewport.turns),
    ("flip", lambda room: room.session.lightbox.viewport.mirrored),
    ("zoom-in", lambda room: room.session.lightbox.viewport.zoom),
    ("zoom-out", lambda room: room.session.lightbox.viewport.zoom),
    ("fainter", lambda room: room.session.lightbox.display.opacity),
    ("stronger", lambda room: room.session.lightbox.display.opacity),
    ("corners", lambda room: room.session.lightbox.display.corners),
    ("magnifier", lambda room: room.session.lightbox.magnifying),
    ("hide-identity", lambda room: room.session.lightbox.display.identity_hidden),
    ("brush-smaller", lambda room: room.session.brush_radius),
    ("brush-larger", lambda room: room.session.brush_radius),
    ("worklist", lambda room: room.window.worklist_panel.isHidden()),
    ("panel", lambda room: room.window.findings_panel.isHidden()),
    ("flag", lambda room: room.case.state),
    ("keyboard-box", lambda room: len(room.session.pending)),
    ("point", lambda room: room.session.tool),
    ("brush", lambda room: room.session.tool),
    ("eraser", lambda room: room.session.tool),
    ("polygon", lambda room: room.session.tool),
    ("callipers", lambda room: room.session.tool),
    ("distance", lambda room: room.session.tool),
    ("windowing", lambda room: room.session.tool),
    ("hand", lambda room: room.session.tool),
)


@pytest.mark.parametrize("profile", PROFILES)
def test_each_key_changes_what_it_says(room: Room, profile: str) -> None:
    room.window.bind(profile, ())
    idle = []
    for name, shown in _CHANGES:
        assert bindings(profile, ())[name]
        before = shown(room)
        key(room, name)
        if shown(room) == before:
            idle.append(name)
        room.settle()
    assert idle == []
