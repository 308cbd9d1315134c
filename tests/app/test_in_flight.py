"""What is not done yet while the reader goes on: dragged and nudged boxes, and questions that wait for their answer.

An answer comes through the event loop, so that nothing has been answered until a test waits.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from app.prompting import merged
from app.tools import Sketch
from engine.case import Case, CaseState, Finding, HeartCallipers, Line, Making, Structure
from engine.geometry import BoxPrompt, PointPrompt, Prompts
from engine.mask import Mask, Stroke
from tests.app.room import LEFT_BOX, RIGHT_BOX, Room, film
from tests.app.test_window import event_move, key, place

MakeRoom = Callable[..., Room]
LEFT = Qt.MouseButton.LeftButton
PLAIN = Qt.KeyboardModifier.NoModifier
MOVED = replace(RIGHT_BOX, x0=RIGHT_BOX.x0 + 1, x1=RIGHT_BOX.x1 + 1)
STROKE = Stroke(((20.0, 40.0),), 6.0)


def lung(room: Room, structure: Structure = Structure.RIGHT_LUNG, box: BoxPrompt = RIGHT_BOX) -> Finding:
    """Have a lung outlined and selected."""
    room.session.name_next(structure)
    room.box(box)
    finding = room.case.of(structure)
    assert finding is not None
    assert room.session.selected == finding.tracking_uid
    return finding


def steps(room: Room) -> list[str]:
    assert room.session.reading is not None
    return [change.name for change in room.session.reading.history.done]


def nudge(room: Room, *, answered: bool) -> None:
    """Nudge the selected box to the right by a key; its step is made only when a test says so."""
    room.session._settle.setInterval(3_600_000)
    room.session.settings = replace(room.session.settings, live_update=answered)
    room.canvas.setFocus()
    QTest.keyClick(room.canvas, Qt.Key.Key_Right)
    assert room.session.draft_prompts is not None
    if answered:
        room.wait(lambda: room.session.draft is not None)


def later(room: Room) -> None:
    """Let the time of a nudge run out, and every answer come."""
    room.session.drop_prompts()
    room.settle()


def notices(room: Room) -> list[str]:
    said: list[str] = []
    room.session.noticed.connect(said.append)
    return said


# A nudge, and another step before its time has run out


@pytest.mark.parametrize("answered", [True, False])
def test_a_lung_that_is_deleted_while_its_box_is_nudged_stays_deleted(room: Room, *, answered: bool) -> None:
    lung(room)
    nudge(room, answered=answered)
    key(room, "delete")
    later(room)
    assert room.case.findings == ()
    assert steps(room)[-1] == "delete"


@pytest.mark.parametrize("answered", [True, False])
def test_sides_exchanged_while_a_box_is_nudged_are_exchanged(room: Room, *, answered: bool) -> None:
    uid = lung(room).tracking_uid
    nudge(room, answered=answered)
    room.window.actions_by_name["swap-sides"].trigger()
    later(room)
    (finding,) = room.case.findings
    assert (finding.structure, finding.tracking_uid) == (Structure.LEFT_LUNG, uid)
    assert finding.prompts == Prompts(MOVED)


_STEPS: dict[str, Callable[[Room], None]] = {
    "flag": lambda room: room.session.flag(),
    "rename": lambda room: room.session.relabel(Structure.OTHER, "heart"),
    "eraser": lambda room: room.session.edit.paint(STROKE, erase=True),
    "polygon": lambda room: room.session.edit.fill_polygon(((10, 30), (30, 30), (20, 50)), erase=True),
    "callipers": lambda room: room.session.edit.set_callipers(HeartCallipers(Line(40, 10, 40, 80), (32, 60), (52, 64))),
    "distance": lambda room: room.session.edit.set_distances((Line(1, 2, 30, 40),)),
    "calibrate": lambda room: room.session.edit.calibrate(Line(0, 0, 30, 40), 50.0),
    "magnification": lambda room: room.session.edit.apply_magnification(on=True),
    "accept": lambda room: room.session.accept(),
}


@pytest.mark.parametrize("name", _STEPS)
def test_a_nudge_is_a_step_before_the_step_that_follows_it(room: Room, name: str) -> None:
    lung(room)
    nudge(room, answered=True)
    _STEPS[name](room)
    after = room.case
    later(room)
    assert steps(room) == ["box", "move", name]
    assert room.case is after
    assert room.case.findings[0].prompts == Prompts(MOVED)
    assert room.session.shown is after


def test_what_is_done_to_a_case_by_others_ends_a_nudge(room: Room) -> None:
    lung(room)
    nudge(room, answered=True)
    opened = replace(room.case, findings=())
    room.session.do(opened, "open")
    later(room)
    assert room.case is opened


@pytest.mark.parametrize("answered", [True, False])
def test_undo_takes_a_nudge_back_and_no_more(room: Room, *, answered: bool) -> None:
    lung(room)
    before = room.case
    nudge(room, answered=answered)
    key(room, "undo")
    assert room.case is before
    assert room.session.shown is before
    later(room)
    assert room.case is before
    key(room, "undo")
    assert room.case.findings == ()


# A question, and what is done before its answer comes


def test_undo_takes_a_question_back_and_its_answer_changes_nothing(room: Room) -> None:
    lung(room)
    before = room.case
    room.session.name_next(Structure.LEFT_LUNG)
    room.session.draw_box(LEFT_BOX)
    key(room, "undo")
    assert room.case is before
    assert room.session.pending == ()
    room.settle()
    assert room.case is before
    key(room, "undo")
    key(room, "redo")
    assert room.case is before


def test_undo_takes_back_the_newest_of_several_questions(room: Room) -> None:
    for structure, box in ((Structure.RIGHT_LUNG, RIGHT_BOX), (Structure.LEFT_LUNG, LEFT_BOX)):
        room.session.name_next(structure)
        room.session.draw_box(box)
    assert room.session.can_undo
    room.session.undo()
    room.settle()
    assert [finding.structure for finding in room.case.findings] == [Structure.RIGHT_LUNG]
    room.session.undo()
    assert not room.session.can_undo


def test_a_question_that_was_taken_back_fails_unsaid(make_room: MakeRoom, tmp_path: Path) -> None:
    room = make_room(film(tmp_path / "a.dcm"), checkpoint=str(tmp_path / "missing.safetensors"))
    failures: list[object] = []
    room.session.failed.connect(failures.append)
    room.session.draw_box(RIGHT_BOX)
    room.session.undo()
    room.settle()
    assert failures == []


def test_a_lung_that_is_deleted_before_the_answer_stays_deleted(room: Room) -> None:
    lung(room)
    room.session.rerun()
    room.session.delete_selected()
    assert room.session.pending == ()
    room.settle()
    assert room.case.findings == ()


def test_a_lung_that_is_renamed_before_the_answer_keeps_its_new_name(room: Room) -> None:
    uid = lung(room).tracking_uid
    room.session.add_point(20, 40, positive=True)
    room.session.swap_sides()
    room.settle()
    (finding,) = room.case.findings
    assert (finding.structure, finding.tracking_uid) == (Structure.LEFT_LUNG, uid)
    assert finding.prompts == Prompts(RIGHT_BOX, (PointPrompt(20, 40),))


def test_a_mask_that_is_corrected_by_hand_before_the_answer_is_kept(room: Room) -> None:
    lung(room)
    said = notices(room)
    room.session.rerun()
    room.session.edit.paint(STROKE, erase=True)
    painted = room.case
    room.settle()
    assert room.case is painted
    assert said == ["overtaken"]


def test_of_two_lungs_in_one_box_the_deleted_one_does_not_come_back(room: Room) -> None:
    whole = Prompts(BoxPrompt(8, 10, 74, 80))
    right, left = (
        Finding(structure, Mask.empty(96, 80).painted(Stroke(((x, 40.0),), 9.0)), Making.MODEL, prompts=whole)
        for structure, x in ((Structure.RIGHT_LUNG, 20.0), (Structure.LEFT_LUNG, 60.0))
    )
    case = Case(room.case.radiograph, (right, left))
    answers = tuple(replace(finding, tracking_uid=f"2.25.{n}") for n, finding in enumerate((right, left)))
    after = merged(case.without(left.tracking_uid), (right, left), answers)
    assert [finding.tracking_uid for finding in after.findings] == [right.tracking_uid]
    first = merged(case, (right, left), answers)
    (only,) = merged(first, (right, left), answers[:1]).findings  # a second point, drawn before the first was answered
    assert only.tracking_uid == right.tracking_uid


def test_undo_takes_back_a_mask_operation_that_is_still_at_work(room: Room) -> None:
    lung(room)
    before = room.case
    room.session.edit.grow()
    room.session.undo()
    room.settle()
    assert room.case is before


def test_a_key_that_is_held_asks_for_no_second_operation_before_the_first_is_done(room: Room) -> None:
    lung(room)
    said = notices(room)
    room.session.edit.grow()
    room.session.edit.grow()
    room.settle()
    assert steps(room) == ["box", "grow"]
    assert said == []


# Accepting


def test_what_nobody_has_seen_yet_is_not_accepted(make_room: MakeRoom, tmp_path: Path) -> None:
    room = make_room(film(tmp_path / "a.dcm"), film(tmp_path / "b.dcm", number=1), next_after_accept=True)
    lung(room)
    said = notices(room)
    accepted: list[Case] = []
    room.session.accepted.connect(accepted.append)
    room.session.name_next(Structure.LEFT_LUNG)
    room.session.draw_box(LEFT_BOX)
    key(room, "accept")
    assert said == ["still-outlining"]
    room.settle()
    assert accepted == []
    assert room.case.state is CaseState.BOXED
    assert len(room.case.findings) == 2
    key(room, "accept")
    assert [len(case.findings) for case in accepted] == [2]
    room.wait(lambda: room.session.worklist.index == 1)


def test_a_first_box_is_not_nothing_to_accept(room: Room) -> None:
    said = notices(room)
    room.session.draw_box(RIGHT_BOX)
    room.session.accept()
    assert said == ["still-outlining"]
    room.settle()


def test_a_nudge_that_is_not_answered_is_not_accepted(room: Room) -> None:
    lung(room)
    said = notices(room)
    nudge(room, answered=False)
    room.session.accept()
    room.settle()
    assert said == ["still-outlining"]
    assert room.case.state is CaseState.BOXED
    assert room.case.findings[0].prompts == Prompts(MOVED)


def test_a_mask_operation_at_work_is_not_accepted_over(room: Room) -> None:
    lung(room)
    said = notices(room)
    room.session.edit.grow()
    room.session.accept()
    room.settle()
    assert said == ["still-outlining"]
    assert steps(room) == ["box", "grow"]


def test_a_box_whose_film_is_left_before_the_answer_is_said_to_be_lost(make_room: MakeRoom, tmp_path: Path) -> None:
    room = make_room(film(tmp_path / "a.dcm"), film(tmp_path / "b.dcm", number=1))
    said = notices(room)
    room.session.draw_box(RIGHT_BOX)
    room.session.worklist.show(1)  # read ahead, so that it is there before the answer
    assert room.session.worklist.index == 1
    assert said == ["left-unanswered"]


# What builds on what is not answered yet


@pytest.mark.parametrize("selected", [True, False])
def test_a_point_builds_on_the_one_before_it(room: Room, *, selected: bool) -> None:
    if selected:
        lung(room)
    room.session.add_point(20, 40, positive=True)
    room.session.add_point(30, 60, positive=True)
    room.settle()
    prompts = room.session.prompts
    assert prompts is not None
    assert [(point.x, point.y) for point in prompts.points] == [(20, 40), (30, 60)]
    assert steps(room)[-2:] == ["point", "point"]
    room.session.undo()
    prompts = room.session.prompts
    assert prompts is not None
    assert [(point.x, point.y) for point in prompts.points] == [(20, 40)]


def test_a_point_is_taken_back_before_it_is_answered(room: Room) -> None:
    lung(room)
    room.session.take("point")
    room.session.add_point(20, 40, positive=True)
    room.session.add_point(30, 60, positive=True)
    QTest.mouseClick(room.canvas, LEFT, PLAIN, place(room, 20, 40))
    room.settle()
    assert room.case.findings[0].prompts == Prompts(RIGHT_BOX, (PointPrompt(30, 60),))


def test_a_nudge_goes_on_from_one_that_is_not_answered(room: Room) -> None:
    lung(room)
    for _ in range(2):
        nudge(room, answered=False)
        room.session.drop_prompts()
    room.settle()
    box = replace(RIGHT_BOX, x0=RIGHT_BOX.x0 + 2, x1=RIGHT_BOX.x1 + 2)
    assert room.case.findings[0].prompts == Prompts(box)


def test_a_dragged_edge_keeps_a_point_that_is_not_answered(room: Room) -> None:
    lung(room)
    room.session.add_point(20, 40, positive=True)
    hold(room, (38, 45), (44, 45))
    QTest.mouseRelease(room.canvas, LEFT, PLAIN, place(room, 44, 45))
    room.settle()
    prompts = room.case.findings[0].prompts
    assert prompts is not None
    assert prompts.box is not None
    assert prompts.box.x1 == pytest.approx(44, abs=1)
    assert prompts.points == (PointPrompt(20, 40),)


# While a tool is in the middle of something


def hold(room: Room, start: tuple[float, float], *through: tuple[float, float]) -> None:
    """Press the button and drag, and do not let go."""
    QTest.mousePress(room.canvas, LEFT, PLAIN, place(room, *start))
    for point in through:
        event_move(room.canvas, place(room, *point), LEFT, PLAIN)


def let_go(room: Room, *through: tuple[float, float]) -> None:
    """Drag on, and let go."""
    for point in through:
        event_move(room.canvas, place(room, *point), LEFT, PLAIN)
    QTest.mouseRelease(room.canvas, LEFT, PLAIN, place(room, *through[-1]))
    room.settle()


def test_undo_while_an_edge_is_dragged_puts_it_back_and_no_more(room: Room) -> None:
    lung(room)
    lung(room, Structure.LEFT_LUNG, LEFT_BOX)
    before = room.case
    hold(room, (74, 45), (68, 45))
    key(room, "undo")
    let_go(room, (66, 45), (64, 45))
    assert room.case is before
    assert room.session.shown is before


@pytest.mark.parametrize("command", ["redo", "delete", "next-structure", "flag", "swap-sides"])
def test_no_key_gives_a_dragged_box_to_another_lung(room: Room, command: str) -> None:
    right = lung(room)
    lung(room, Structure.LEFT_LUNG, LEFT_BOX)
    room.session.flag()
    room.session.undo()
    hold(room, (74, 45), (66, 45))
    key(room, command)
    room.settle()
    after = room.case
    let_go(room, (60, 45), (56, 45))
    assert room.case is after
    now = room.case.finding(right.tracking_uid)
    assert now is not None
    assert now.prompts == Prompts(RIGHT_BOX)


@pytest.mark.parametrize("command", ["undo", "redo"])
def test_undo_while_a_distance_s_end_is_dragged_drags_no_more(room: Room, command: str) -> None:
    room.session.edit.set_distances((Line(20, 30, 60, 30),))
    room.session.edit.set_distances((Line(20, 30, 60, 30), Line(20, 60, 60, 60)))
    if command == "redo":
        room.session.undo()
    room.session.take("distance")
    hold(room, (60, 30), (60, 40))
    key(room, command)
    after = room.case.distances
    let_go(room, (60, 45), (60, 50))
    assert room.case.distances == after == (Line(20, 30, 60, 30), Line(20, 60, 60, 60))


@pytest.mark.parametrize("tool", ["brush", "distance", "box"])
def test_undo_takes_back_what_a_tool_has_begun_and_no_more(room: Room, tool: str) -> None:
    lung(room)
    before = room.case
    room.session.take(tool)
    hold(room, (50, 20), (60, 40))
    sketch = room.canvas.tool.sketch
    key(room, "undo")
    assert room.canvas.tool.sketch == Sketch() != sketch
    let_go(room, (60, 60))
    assert room.case is before


def test_undo_takes_back_the_last_corner_of_a_polygon(room: Room) -> None:
    lung(room)
    before = room.case
    room.session.take("polygon")
    for corner in ((10, 20), (30, 20)):
        QTest.mouseClick(room.canvas, LEFT, PLAIN, place(room, *corner))
    key(room, "undo")
    assert len(room.canvas.tool.sketch.polygon) == 1
    key(room, "undo")
    assert not room.canvas.tool.begun
    assert room.case is before


def test_an_answer_takes_neither_the_selection_nor_a_dragged_edge_away(room: Room) -> None:
    right = lung(room)
    room.session.draw_box(LEFT_BOX)
    hold(room, (38, 45), (39, 45))
    room.settle()
    assert room.session.selected == right.tracking_uid
    let_go(room, (42, 45), (46, 45))
    boxes = {finding.structure: finding.prompts.box for finding in room.case.findings if finding.prompts is not None}
    assert boxes[Structure.LEFT_LUNG] == LEFT_BOX
    moved = boxes[Structure.RIGHT_LUNG]
    assert moved is not None
    assert moved.x1 == pytest.approx(46, abs=1)


def test_an_answer_does_not_take_a_stroke_to_another_lung(room: Room) -> None:
    right = lung(room)
    room.session.draw_box(LEFT_BOX)
    room.session.take("eraser")
    room.session.set_brush_radius(6)
    hold(room, (20, 40), (22, 42))
    room.settle()
    assert len(room.case.findings) == 2
    let_go(room, (24, 44))
    painted = [finding.tracking_uid for finding in room.case.findings if finding.making is Making.EDITED]
    assert painted == [right.tracking_uid]
