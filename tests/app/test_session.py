"""What the reader does, through Session: prompts, corrections, undo, saving."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from app.casefile import CaseFileError, open_case
from app.films import load_film
from engine.case import CaseState, Line, Making, Structure
from engine.errors import LungboxError
from engine.film.reading import read_radiograph
from engine.geometry import BoxPrompt, Prompts
from engine.mask import Mask, Stroke
from tests.app.room import LEFT_BOX, RIGHT_BOX, Room, film

MakeRoom = Callable[..., Room]


def drawn(room: Room, box: BoxPrompt = RIGHT_BOX) -> str:
    """Draw a structure by hand, so that a test does not hang on what random weights see."""
    room.session.select(None)
    corners = ((box.x0, box.y0), (box.x1, box.y0), (box.x1, box.y1), (box.x0, box.y1))
    room.session.edit.fill_polygon(corners, erase=False)
    room.settle()
    assert room.session.selected is not None
    return room.session.selected


def test_a_box_becomes_an_outline_with_its_prompts_and_provenance(room: Room) -> None:
    room.box(RIGHT_BOX)
    finding = room.case.findings[0]
    assert finding.prompts == Prompts(RIGHT_BOX)
    assert finding.making is Making.MODEL
    assert finding.provenance is not None
    assert finding.provenance.checkpoint_name == "tiny 0"
    assert room.case.state is CaseState.BOXED


def test_a_box_drawn_while_the_film_is_encoded_is_answered(make_room: MakeRoom, tmp_path: Path) -> None:
    room = make_room()
    path = film(tmp_path / "a.dcm")
    room.window.open_paths([path])
    room.wait(lambda: room.session.reading is not None)
    room.session.draw_box(RIGHT_BOX)  # at once: the encoder has not answered yet
    assert room.session.pending
    room.settle()
    assert room.case.findings


def test_an_answer_for_a_film_no_longer_open_is_dropped(make_room: MakeRoom, tmp_path: Path) -> None:
    first, second = film(tmp_path / "a.dcm"), film(tmp_path / "b.dcm", number=1)
    room = make_room(first)
    room.open(second)
    room.session.worklist.show(0)
    room.wait(lambda: room.session.reading is not None and room.session.reading.film.path == first)
    room.session.draw_box(RIGHT_BOX)
    room.session.worklist.show(1)
    room.wait(lambda: room.session.reading is not None and room.session.reading.film.path == second)
    room.settle()
    assert room.case.findings == ()
    room.session.worklist.show(0)
    room.wait(lambda: room.session.reading is not None and room.session.reading.film.path == first)
    assert room.case.findings == ()


def test_a_second_box_on_the_same_side_keeps_the_tracking_uid(room: Room) -> None:
    uid = drawn(room)
    structure = room.case.findings[0].structure
    room.session.name_next(structure)
    room.box(replace(RIGHT_BOX, x0=12))
    assert room.case.of(structure) is not None
    assert room.case.of(structure).tracking_uid == uid  # type: ignore[union-attr]


def test_a_dragged_box_is_one_step(room: Room) -> None:
    room.session.name_next(Structure.RIGHT_LUNG)
    room.box(RIGHT_BOX)
    assert room.session.reading is not None
    steps = len(room.session.reading.history.done)
    for x0 in (9, 10, 11, 12):
        room.session.drag_prompts(Prompts(replace(RIGHT_BOX, x0=x0)))
    room.session.drop_prompts()
    room.settle()
    assert len(room.session.reading.history.done) == steps + 1
    assert room.case.findings[0].prompts == Prompts(replace(RIGHT_BOX, x0=12))
    room.session.undo()
    assert room.case.findings[0].prompts == Prompts(RIGHT_BOX)


def test_a_drag_given_up_changes_nothing(room: Room) -> None:
    room.session.name_next(Structure.RIGHT_LUNG)
    room.box(RIGHT_BOX)
    before = room.case
    room.session.drag_prompts(Prompts(LEFT_BOX))
    room.session.cancel_drag()
    room.settle()
    assert room.case is before
    assert room.session.shown is before


def test_points_refine_the_box_and_go_again(room: Room) -> None:
    room.session.name_next(Structure.RIGHT_LUNG)
    room.box(RIGHT_BOX)
    room.session.add_point(20, 40, positive=True)
    room.settle()
    room.session.add_point(60, 40, positive=False)
    room.settle()
    prompts = room.case.findings[0].prompts
    assert prompts is not None
    assert [point.positive for point in prompts.points] == [True, False]
    room.session.remove_point(0)
    room.settle()
    prompts = room.case.findings[0].prompts
    assert prompts is not None
    assert [point.positive for point in prompts.points] == [False]


def test_a_negative_point_with_nothing_to_refine_is_refused(room: Room) -> None:
    with room.qtbot.waitSignal(room.session.failed):
        room.session.add_point(20, 40, positive=False)
    assert room.case.findings == ()


def test_a_stroke_is_one_step_and_marks_the_mask_as_edited(room: Room) -> None:
    room.session.name_next(Structure.RIGHT_LUNG)
    room.box(RIGHT_BOX)
    assert room.session.reading is not None
    steps, before = len(room.session.reading.history.done), room.case.findings[0].mask
    stroke = Stroke(((15.0, 40.0), (25.0, 44.0)), 2.0)
    room.session.edit.paint(stroke, erase=True)
    finding = room.case.findings[0]
    assert finding.making is Making.EDITED
    assert finding.quality is None
    assert finding.mask.packed == before.erased(stroke).packed
    room.session.edit.paint(stroke, erase=False)
    assert room.case.findings[0].mask.packed == finding.mask.painted(stroke).packed
    assert len(room.session.reading.history.done) == steps + 2


def test_a_stroke_with_nothing_selected_begins_the_lung_of_its_side(room: Room) -> None:
    room.session.edit.paint(Stroke(((60.0, 40.0),), 5.0), erase=False)
    assert room.case.findings[0].structure is Structure.LEFT_LUNG
    assert room.case.findings[0].making is Making.DRAWN


@pytest.mark.parametrize(
    ("action", "check"),
    [
        ("fill_holes", lambda a, b: b.area_px > a.area_px),
        ("keep_largest", lambda a, b: b.part_count == 1 and b.area_px < a.area_px),
        ("grow", lambda a, b: b.area_px > a.area_px and a.minus(b).is_empty),
        ("shrink", lambda a, b: b.area_px < a.area_px and b.minus(a).is_empty),
        ("smooth", lambda a, b: b.packed != a.packed),
    ],
)
def test_each_operation_on_a_mask_does_what_it_says(
    room: Room, action: str, check: Callable[[Mask, Mask], bool]
) -> None:
    drawn(room)
    finding = room.case.findings[0]
    pixels = finding.mask.pixels()
    pixels[30:40, 15:25] = False  # a hole
    pixels[85:92, 60:66] = True  # a second part
    before = Mask.of(pixels)
    room.session.do(room.case.with_finding(replace(finding, mask=before)), "test")
    getattr(room.session.edit, action)()
    room.settle()
    assert check(before, room.case.findings[0].mask)


def test_clip_to_box_leaves_nothing_outside(room: Room) -> None:
    room.session.name_next(Structure.RIGHT_LUNG)
    room.box(RIGHT_BOX)
    finding = room.case.findings[0]
    whole = Mask.of(np.ones((96, 80), dtype=np.bool_))
    room.session.do(room.case.with_finding(replace(finding, mask=whole)), "test")
    room.session.edit.clip_to_box()
    room.settle()
    mask = room.case.findings[0].mask
    assert mask.packed == mask.clipped(RIGHT_BOX).packed
    assert not mask.is_empty


def test_everything_can_be_undone_and_done_again(room: Room) -> None:
    start = room.case
    session = room.session
    room.box(RIGHT_BOX)
    room.box(LEFT_BOX)
    drawn(room)
    session.edit.paint(Stroke(((50.0, 50.0),), 6.0), erase=False)
    session.edit.grow()
    room.settle()
    session.relabel(Structure.OTHER, "heart")
    session.edit.place_callipers()
    session.edit.set_distances((Line(0, 0, 30, 40),))
    session.edit.calibrate(Line(0, 0, 30, 40), 50.0)
    session.delete_selected()
    session.flag()
    end = room.case
    assert session.reading is not None
    steps = len(session.reading.history.done)
    assert steps >= 10
    for _ in range(steps + 3):
        session.undo()
    assert room.case is start
    for _ in range(steps + 3):
        session.redo()
    assert room.case is end


def test_window_and_level_are_no_step_and_change_no_mask(room: Room) -> None:
    room.box(RIGHT_BOX)
    assert room.session.reading is not None
    steps, packed = len(room.session.reading.history.done), [f.mask.packed for f in room.case.findings]
    room.session.lightbox.drag_window(40, -30)
    room.session.lightbox.invert()
    room.session.lightbox.turn(1)
    room.session.rerun()
    room.settle()
    assert [f.mask.packed for f in room.case.findings] == packed
    assert len(room.session.reading.history.done) <= steps + 1


def test_the_panel_and_the_canvas_show_the_same_case_through_undo(room: Room) -> None:
    drawn(room)
    drawn(room, LEFT_BOX)
    room.session.undo()
    assert room.window.findings_panel.findings_model.rowCount() == len(room.case.findings)
    assert room.session.shown is room.case
    assert room.session.selected in {finding.tracking_uid for finding in room.case.findings}


def test_measurements_are_of_the_case_on_show(room: Room) -> None:
    drawn(room)
    measured = room.session.measurements
    assert measured is not None
    area = measured.of("right_lung", "area")
    assert area is not None
    assert area.unit == "px"  # the phantom states no spacing, so no millimetres
    assert area.value == room.case.findings[0].mask.area_px


def test_sides_are_exchanged_together(room: Room) -> None:
    right, left = drawn(room), drawn(room, LEFT_BOX)
    room.session.select(right)
    room.session.swap_sides()
    assert room.case.finding(right).structure is Structure.LEFT_LUNG  # type: ignore[union-attr]
    assert room.case.finding(left).structure is Structure.RIGHT_LUNG  # type: ignore[union-attr]


def test_accept_needs_something_to_accept(room: Room) -> None:
    with room.qtbot.waitSignal(room.session.noticed) as said:
        room.session.accept()
    assert said.args == ["nothing-to-accept"]
    drawn(room)
    with room.qtbot.waitSignal(room.session.accepted):
        room.session.accept()
    assert room.case.state is CaseState.ACCEPTED


def test_next_keeps_the_tool_and_the_layers(make_room: MakeRoom, tmp_path: Path) -> None:
    folder = tmp_path / "films"
    folder.mkdir()
    for number in range(3):
        film(folder / f"{number}.dcm", number=number)
    room = make_room()
    room.window.open_paths([folder])
    room.wait(lambda: room.session.reading is not None)
    room.settle()
    room.session.take("brush")
    room.session.lightbox.cycle_marks()
    marks = room.session.lightbox.display.marks
    assert room.session.worklist.step(1)
    room.wait(lambda: room.session.worklist.index == 1)
    assert room.session.tool == "brush"
    assert room.session.lightbox.display.marks is marks
    room.settle()
    assert not room.session.worklist.step(5)


def test_saved_and_reopened_the_case_is_the_same(make_room: MakeRoom, tmp_path: Path) -> None:
    path = film(tmp_path / "film.dcm")
    room = make_room(path)
    drawn(room)
    room.session.edit.set_distances((Line(1, 2, 30, 40),))
    room.session.edit.place_callipers()
    case_path = tmp_path / "case.lungbox"
    with room.qtbot.waitSignal(room.session.saved_changed):
        room.session.files.save(case_path)
        room.settle()
    assert not room.session.dirty
    saved = room.case
    while room.case.findings or room.case.distances:
        room.session.undo()
    room.session.files.open(case_path)
    room.wait(lambda: bool(room.case.distances))
    assert [f.mask.packed for f in room.case.findings] == [f.mask.packed for f in saved.findings]
    assert room.case.distances == saved.distances
    assert room.case.callipers == saved.callipers
    assert room.case.findings[0].tracking_uid == saved.findings[0].tracking_uid


def test_a_case_file_refuses_another_film(make_room: MakeRoom, tmp_path: Path) -> None:
    room = make_room(film(tmp_path / "a.dcm"))
    drawn(room)
    case_path = tmp_path / "case.lungbox"
    room.session.files.save(case_path)
    room.settle()
    other = make_room(film(tmp_path / "b.dcm", number=3))
    with pytest.raises(CaseFileError, match="not the film"):
        open_case(case_path).on(other.case.radiograph)


def test_a_film_that_cannot_be_read_leaves_the_open_case(room: Room, tmp_path: Path) -> None:
    drawn(room)
    before = room.case
    bad = tmp_path / "bad.dcm"
    bad.write_bytes(b"not a film")
    errors: list[LungboxError] = []
    room.session.failed.connect(errors.append)
    room.window.open_paths([bad])
    room.wait(lambda: bool(errors))
    room.settle()
    assert room.case is before
    assert room.session.worklist.entries[-1].problem
    assert room.window.toast.text


def test_a_save_that_fails_keeps_the_work_and_says_so(room: Room, tmp_path: Path) -> None:
    drawn(room)
    with room.qtbot.waitSignal(room.session.failed):
        room.session.files.save(tmp_path / "no such folder" / "case.lungbox")
    assert room.session.dirty
    assert room.case.findings


def test_keyboard_box_goes_to_the_lung_that_is_missing(room: Room) -> None:
    drawn(room)
    room.session.keyboard_box()
    (pending,) = room.session.pending
    assert pending.prompts is not None
    assert pending.prompts.box is not None
    assert pending.prompts.box.x0 > room.case.radiograph.columns / 2
    room.settle()


def test_masks_keep_the_film_s_own_grid(room: Room) -> None:
    room.session.both_lungs()
    room.settle()
    for finding in room.case.findings:
        assert (finding.mask.rows, finding.mask.columns) == room.case.radiograph.stored.shape
        assert np.asarray(finding.mask.pixels()).any()


def test_a_film_read_again_is_shown_with_the_case_that_was_drawn_on_it(make_room: MakeRoom, tmp_path: Path) -> None:
    first, second = film(tmp_path / "a.dcm"), film(tmp_path / "b.dcm", number=1)
    room = make_room(first)
    drawn(room)
    done = room.case
    room.open(second)
    room.session.worklist._films.clear()  # as when many films have been looked at since
    room.open(first)
    assert room.case is done
    assert room.session.reading is not None
    assert room.session.lightbox.film is room.session.reading.film


def test_films_on_which_nothing_was_done_are_let_go(make_room: MakeRoom, tmp_path: Path) -> None:
    paths = [film(tmp_path / f"{number}.dcm", number=number) for number in range(4)]
    room = make_room(paths[0])
    for path in paths[1:]:
        room.open(path)
    assert len(room.session.readings.live) == 1


def test_a_film_is_hashed_before_the_window_has_it(tmp_path: Path) -> None:
    """30 MB take the UI thread several frames."""
    source = load_film(film(tmp_path / "a.dcm")).radiograph.source
    assert vars(source)["pixel_sha256"] == read_radiograph(tmp_path / "a.dcm").source.pixel_sha256
