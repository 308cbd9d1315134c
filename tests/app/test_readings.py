"""Films that were left long ago cost no memory, and their work is there when they are opened again."""

import gc
import weakref
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from app.casefile import marks_of, masks_of, open_case
from app.history import Change
from app.journal import Journal, JournalFolder, read_journal
from app.reading import Reading
from benchmarks.watching import journalled
from engine.case import Case, Line
from engine.film.reading import read_radiograph
from tests.app.room import LEFT_BOX, RIGHT_BOX, Room, film

MakeRoom = Callable[..., Room]


@pytest.fixture
def paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Return films that are more than the worklist keeps."""
    monkeypatch.setattr("app.worklist._KEPT_FILMS", 2)
    return [film(tmp_path / f"{number}.dcm", number=number) for number in range(4)]


def worked_on(room: Room) -> Reading:
    """Do three things and take one back."""
    room.box(RIGHT_BOX)
    room.box(LEFT_BOX)
    room.session.edit.set_distances((Line(1, 1, 20, 20),))
    room.session.undo()
    room.settle()
    reading = room.session.reading
    assert reading is not None
    assert len(reading.history.done) == 2
    return reading


def saved(room: Room, path: Path) -> None:
    """Do the same, and save it."""
    worked_on(room)
    room.session.files.save(path)
    room.settle()


def dirty(room: Room) -> bool:
    return room.session.dirty


def leave(room: Room, paths: list[Path]) -> None:
    """Open other films until the first is let go."""
    for path in paths[1:]:
        room.open(path)
    assert len(room.session.readings.live) == 1


def test_a_film_with_unsaved_work_is_let_go_and_its_work_comes_back(make_room: MakeRoom, paths: list[Path]) -> None:
    room = make_room(paths[0])
    reading = worked_on(room)
    findings, pixels = reading.case.findings, weakref.ref(reading.film.radiograph.stored)
    del reading
    leave(room, paths)
    gc.collect()
    assert pixels() is None
    assert [item.film.path for item in room.session.readings.unsaved()] == [paths[0]]

    room.open(paths[0])
    assert room.case.findings == findings
    assert dirty(room)
    assert len(room.session.readings.unsaved()) == 1
    room.session.redo()
    assert room.case.distances == (Line(1, 1, 20, 20),)
    room.box(RIGHT_BOX)
    again = room.session.reading
    assert again is not None
    assert journalled(again)
    for _ in tuple(again.history.done):
        room.session.undo()
    assert room.case.marked_as(Case(room.case.radiograph))
    assert not dirty(room)


def test_what_was_saved_is_known_as_saved_when_it_comes_back(
    make_room: MakeRoom, paths: list[Path], tmp_path: Path
) -> None:
    room = make_room(paths[0])
    saved(room, tmp_path / "case.lungbox")
    leave(room, paths)
    assert not room.session.readings.unsaved()

    room.open(paths[0])
    assert room.session.reading is not None
    assert room.session.reading.path == tmp_path / "case.lungbox"
    assert not dirty(room)
    room.session.undo()
    assert dirty(room)
    room.session.redo()
    assert not dirty(room)


def test_work_that_its_journal_does_not_hold_stays_in_memory(
    make_room: MakeRoom, paths: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    room = make_room(paths[0])

    def full(self: Journal, entry: dict[str, object]) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(Journal, "_line", full)
        room.box(RIGHT_BOX)
    room.box(LEFT_BOX)  # the disk has room again: the journal begins with the second step
    case = room.case
    for path in [*paths[1:], *paths[1:]]:
        room.open(path)
    assert paths[0] in [reading.film.path for reading in room.session.readings.live.values()]
    room.open(paths[0])
    assert room.case is case


def test_work_on_a_film_that_is_gone_can_be_saved_before_the_program_ends(
    make_room: MakeRoom, paths: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = make_room(paths[0])
    case = worked_on(room).case
    leave(room, paths)
    content = paths[0].read_bytes()
    paths[0].unlink()
    monkeypatch.setattr("app.assembly.ask", lambda *_, **__: 0)
    monkeypatch.setattr("app.assembly.ask_where_to_save", lambda _, path: path)
    assert room.assembly.may_close()
    assert not room.session.readings.unsaved()
    paths[0].write_bytes(content)
    found = open_case(paths[0].with_suffix(".lungbox"))
    assert found.on(case.radiograph).marked_as(case)
    assert not JournalFolder(tmp_path / "home" / "data" / "journal").left_behind()


def test_a_save_before_the_end_is_known_though_the_program_goes_on(
    make_room: MakeRoom, paths: list[Path], tmp_path: Path
) -> None:
    room = make_room(paths[0])
    journal = worked_on(room).journal.path
    leave(room, paths)
    readings = room.session.readings
    readings.save_now(readings.unsaved()[0], tmp_path / "case.lungbox")
    room.settle()
    assert not readings.unsaved()
    found = read_journal(journal)
    assert found is not None
    assert not found.unsaved
    room.open(paths[0])
    assert not dirty(room)
    assert readings.current is not None
    assert readings.current.path == tmp_path / "case.lungbox"


def test_a_journal_that_is_gone_is_said_and_the_window_stays(
    make_room: MakeRoom, paths: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    room = make_room(paths[0])
    path = worked_on(room).journal.path
    leave(room, paths)
    path.unlink()
    monkeypatch.setattr("app.assembly.ask", lambda *_, **__: 0)
    monkeypatch.setattr("app.assembly.ask_where_to_save", lambda _, path: path)
    assert not room.assembly.may_close()
    assert room.window.toast.isVisible()


def test_a_prior_that_was_laid_aside_shows_its_outlines(
    make_room: MakeRoom, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.worklist._KEPT_FILMS", 2)
    older = {"SOPInstanceUID": "1.2.3.4", "StudyDate": "20230101"}
    paths = [film(tmp_path / f"{n}.dcm", number=n, **(older if n == 0 else {})) for n in range(4)]
    room = make_room(paths[0])
    findings = worked_on(room).case.findings
    leave(room, paths)
    monkeypatch.setattr("app.assembly.ask_films", lambda parent: [paths[0]])
    room.window.actions_by_name["compare"].trigger()
    room.settle()
    assert room.window.comparing.source == "session"
    assert room.window.comparing.case is not None
    assert room.window.comparing.case.findings == findings


def test_work_done_while_a_case_file_was_written_is_unsaved(tmp_path: Path) -> None:
    start = Case(read_radiograph(film(tmp_path / "film.dcm")))
    one, two = (replace(start, distances=(Line(0, 0, number, 1),)) for number in (1.0, 2.0))
    journal = Journal(tmp_path / "a.journal", start)
    journal.add(Change(start, one, "distance"))
    journal.add(Change(one, two, "distance"))
    journal.saved(marks_of(one), masks_of(one), tmp_path / "case.lungbox")  # the writer ends after the second step
    found = read_journal(journal.path)
    assert found is not None
    assert found.unsaved
    work = found.on(start.radiograph)
    assert work.case.marked_as(two)
    assert work.saved.marked_as(one)
    journal.saved(marks_of(two), masks_of(two), tmp_path / "case.lungbox")
    found = read_journal(journal.path)
    assert found is not None
    assert not found.unsaved


def test_a_case_that_was_opened_and_left_alone_is_not_offered_after_a_crash(
    make_room: MakeRoom, paths: list[Path], tmp_path: Path
) -> None:
    room = make_room(paths[0])
    saved(room, tmp_path / "case.lungbox")
    room.session.delete_selected()
    room.session.files.open(tmp_path / "case.lungbox")
    room.settle()
    assert not dirty(room)
    reading = room.session.reading
    assert reading is not None
    found = read_journal(reading.journal.path)
    assert found is not None
    assert not found.unsaved
