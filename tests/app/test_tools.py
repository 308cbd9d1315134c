"""The tools' small print: what is a click and what a drag, what Enter and Space do meanwhile, where cursors point."""

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest

from app.canvas import Canvas
from app.handles import calliper_points
from app.tools import Pointer, Sketch
from engine.case import CaseState, HeartCallipers, Line, Making, Structure
from engine.mask import Stroke
from tests.app.room import RIGHT_BOX, Room
from tests.app.test_window import drag, event_move, key, place

LEFT = Qt.MouseButton.LeftButton
PLAIN = Qt.KeyboardModifier.NoModifier


def lung(room: Room) -> None:
    room.session.name_next(Structure.RIGHT_LUNG)
    room.box(RIGHT_BOX)


def click(room: Room, *corners: tuple[float, float]) -> None:
    for corner in corners:
        QTest.mouseClick(room.canvas, LEFT, PLAIN, place(room, *corner))


def state(room: Room) -> CaseState:
    return room.case.state


# Enter


def test_enter_in_a_polygon_of_two_corners_accepts_nothing(room: Room) -> None:
    lung(room)
    room.session.take("polygon")
    click(room, (10, 20), (30, 20))
    assert room.canvas.tool.begun
    key(room, "accept")
    assert room.case.state is CaseState.BOXED
    assert len(room.canvas.tool.sketch.polygon) == 2
    click(room, (60, 60))
    key(room, "accept")
    assert [finding.making for finding in room.case.findings] == [Making.EDITED]
    assert room.case.state is CaseState.BOXED
    key(room, "accept")
    assert state(room) is CaseState.ACCEPTED


@pytest.mark.parametrize("tool", ["box", "brush", "distance"])
def test_enter_in_the_middle_of_a_drag_accepts_nothing(room: Room, tool: str) -> None:
    lung(room)
    room.session.take(tool)
    QTest.mousePress(room.canvas, LEFT, PLAIN, place(room, 50, 20))
    event_move(room.canvas, place(room, 60, 60), LEFT, PLAIN)
    key(room, "accept")
    assert room.case.state is CaseState.BOXED
    assert room.canvas.tool.begun
    QTest.mouseRelease(room.canvas, LEFT, PLAIN, place(room, 60, 60))
    room.settle()


def test_a_polygon_whose_last_corner_was_taken_back_is_begun_no_more(room: Room) -> None:
    room.session.take("polygon")
    QTest.mouseClick(room.canvas, LEFT, Qt.KeyboardModifier.AltModifier, place(room, 10, 20))
    QTest.keyClick(room.canvas, Qt.Key.Key_Backspace)
    assert not room.canvas.tool.begun


def test_undo_takes_back_the_corners_of_a_films_first_polygon(room: Room) -> None:
    room.session.take("polygon")
    undo = room.window.actions_by_name["undo"]
    assert not undo.isEnabled()
    click(room, (10, 20), (30, 20))
    assert undo.isEnabled()
    key(room, "undo")
    assert len(room.canvas.tool.sketch.polygon) == 1
    key(room, "undo")
    assert not room.canvas.tool.begun
    assert not undo.isEnabled()
    click(room, (10, 20))
    assert undo.isEnabled()
    room.session.take("box")
    assert not undo.isEnabled()
    room.session.take("polygon")
    click(room, (10, 20))
    assert undo.isEnabled()
    room.canvas.cancel()
    assert not undo.isEnabled()


def test_a_double_click_on_a_polygons_first_corner_does_not_zoom(room: Room) -> None:
    room.session.take("polygon")
    before = room.session.lightbox.viewport
    at = place(room, 10, 20)
    QTest.mouseClick(room.canvas, LEFT, PLAIN, at)
    QTest.mouseDClick(room.canvas, LEFT, PLAIN, at)
    assert room.session.lightbox.viewport == before
    assert room.canvas.tool.sketch.polygon
    room.session.take("box")
    QTest.mouseDClick(room.canvas, LEFT, PLAIN, at)
    assert room.session.lightbox.viewport != before


# A click that trembles


def tremble(room: Room, x: float, y: float) -> None:
    at = place(room, x, y)
    drag(room, LEFT, at, at + QPoint(1, 0), at + QPoint(1, 1))
    room.settle()


def test_a_click_on_an_edge_leaves_a_corrected_mask_alone(room: Room) -> None:
    lung(room)
    room.session.edit.paint(Stroke(((20.0, 40.0),), 6.0), erase=True)
    before, selected = room.case, room.session.selected
    tremble(room, RIGHT_BOX.x0, 45)
    assert room.case is before
    assert room.session.selected == selected


def test_a_click_on_the_end_of_a_distance_or_calliper_leaves_it_alone(room: Room) -> None:
    room.session.edit.set_distances((Line(20, 30, 60, 30),))
    room.session.edit.set_callipers(HeartCallipers(Line(40, 10, 40, 80), (32, 60), (52, 64)))
    before = room.case
    room.session.take("distance")
    tremble(room, 60, 30)
    room.session.take("callipers")
    assert before.callipers is not None
    tremble(room, *calliper_points(before.callipers)["left"])
    assert room.case is before


def test_an_edge_that_is_dragged_away_can_be_put_back(room: Room) -> None:
    lung(room)
    edge = place(room, RIGHT_BOX.x1, 45)
    QTest.mousePress(room.canvas, LEFT, PLAIN, edge)
    for step in (12, 2, 0):
        event_move(room.canvas, edge + QPoint(step, 0), LEFT, PLAIN)
    prompts = room.session.draft_prompts
    assert prompts is not None
    assert prompts.box == RIGHT_BOX
    key(room, "cancel")
    QTest.mouseRelease(room.canvas, LEFT, PLAIN, edge)


# Space is the hand's only when the button goes down after it


def test_a_stroke_goes_on_when_space_is_pressed_in_it(room: Room) -> None:
    lung(room)
    room.session.take("brush")
    room.session.set_brush_radius(4)
    area, centre = room.case.findings[0].mask.area_px, room.session.lightbox.viewport.centre
    room.canvas.setFocus()
    QTest.mousePress(room.canvas, LEFT, PLAIN, place(room, 60, 20))
    event_move(room.canvas, place(room, 60, 30), LEFT, PLAIN)
    QTest.keyPress(room.canvas, Qt.Key.Key_Space)
    event_move(room.canvas, place(room, 60, 60), LEFT, PLAIN)
    QTest.mouseRelease(room.canvas, LEFT, PLAIN, place(room, 60, 60))
    QTest.keyRelease(room.canvas, Qt.Key.Key_Space)
    assert room.case.findings[0].mask.area_px > area + 200
    assert room.canvas.tool.sketch == Sketch()
    assert room.session.lightbox.viewport.centre == centre


def test_a_pan_goes_on_when_space_is_let_go_in_it(room: Room) -> None:
    room.canvas.setFocus()
    centre = room.session.lightbox.viewport.centre
    QTest.keyPress(room.canvas, Qt.Key.Key_Space)
    QTest.mousePress(room.canvas, LEFT, PLAIN, QPoint(200, 200))
    QTest.keyRelease(room.canvas, Qt.Key.Key_Space)
    event_move(room.canvas, QPoint(220, 200), LEFT, PLAIN)
    QTest.mouseRelease(room.canvas, LEFT, PLAIN, QPoint(220, 200))
    room.settle()
    assert room.session.lightbox.viewport.centre[0] < centre[0]
    assert room.case.findings == ()


# Cursors


def role(canvas: Canvas, x: float, y: float) -> str:
    viewport = canvas._session.lightbox.viewport
    return canvas.tool.cursor(Pointer(x, y, *viewport.to_screen(x, y), viewport.zoom))


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("turns", range(4))
def test_the_cursor_on_an_edge_points_where_the_edge_goes_on_screen(room: Room, turns: int, *, mirrored: bool) -> None:
    lung(room)
    lightbox = room.session.lightbox
    lightbox.turn(turns)
    if mirrored:
        lightbox.flip()
    box = RIGHT_BOX
    middle = lightbox.viewport.to_screen(*box.center)
    places = [(x, y) for x in (box.x0, box.center[0], box.x1) for y in (box.y0, box.center[1], box.y1)]
    places.remove(box.center)
    for x, y in places:
        sx, sy = lightbox.viewport.to_screen(x, y)
        across, down = round(sx - middle[0]), round(sy - middle[1])
        expected = (
            "vertical" if not across else "horizontal" if not down
            else "diagonal-down" if (across > 0) == (down > 0) else "diagonal-up"
        )  # fmt: skip
        assert role(room.canvas, x, y) == expected, (x, y)
    assert role(room.canvas, *box.center) == "cross"
