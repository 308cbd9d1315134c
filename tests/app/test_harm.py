"""Settings that are broken or cannot be written, two programs at once, films that go while they are read."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from app.settings import Settings, load_settings, save_settings
from benchmarks.watching import journalled
from engine.errors import LungboxError
from tests.app.room import LEFT_BOX, RIGHT_BOX, Room, film

MakeRoom = Callable[..., Room]

_BROKEN = {
    "empty": b"",
    "cut": b'{"text_scale": ',
    "binary": bytes(range(256)),
    "nothing": b"null",
    "number": b"7",
    "nested": b"[" * 100_000,
    "wrong type": b'{"text_scale": "big"}',
    "wrong choice": b'{"device": "abacus"}',
    "not finite": b'{"brush_radius": Infinity}',
    "wrong list": b'{"shortcuts": [["box"]]}',
}


@pytest.mark.parametrize("content", _BROKEN.values(), ids=_BROKEN.keys())
def test_what_cannot_be_used_of_settings_is_a_default_and_is_said(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "settings.json"
    path.write_bytes(content)
    assert load_settings(path) == (Settings(), True)


def test_a_newer_version_s_settings_are_used_as_far_as_they_are_known(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    path.write_bytes(b'{"text_scale": 1.2, "hologram": {"depth": 3}}')
    assert load_settings(path) == (Settings(text_scale=1.2), False)


def test_settings_that_cannot_be_written_stop_nothing(room: Room, home: Path, tmp_path: Path) -> None:
    config = home / "config"
    for path in config.iterdir():
        path.unlink()
    config.rmdir()
    config.write_bytes(b"a file where the folder was")
    room.open(film(tmp_path / "next.dcm", number=3))
    room.box(RIGHT_BOX)
    assert room.case.findings
    room.session.readings.discard_unsaved()
    room.assembly.close()
    assert room.assembly.parts.faults.unhandled == 0


_SAVES = """
import sys
from pathlib import Path
from app.settings import Settings, save_settings
for number in range(100):
    save_settings(Path(sys.argv[1]), Settings(recent=(sys.argv[2] * 2000, str(number))))
"""


def test_two_programs_that_write_settings_at_once_leave_whole_ones(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    save_settings(path, Settings())
    writers = [subprocess.Popen([sys.executable, "-c", _SAVES, str(path), name]) for name in "ab"]
    broken = 0
    while any(writer.poll() is None for writer in writers):
        broken += load_settings(path)[1]
    assert [writer.wait() for writer in writers] == [0, 0]
    assert broken == 0
    assert load_settings(path)[0].recent[0] in ("a" * 2000, "b" * 2000)
    assert [other.name for other in tmp_path.iterdir()] == ["settings.json"]


@pytest.mark.parametrize("harm", [lambda path: path.unlink(), lambda path: path.write_bytes(b"cut")])
def test_a_film_that_goes_while_it_is_read_takes_no_work_with_it(
    make_room: MakeRoom, tmp_path: Path, harm: Callable[[Path], object]
) -> None:
    path = film(tmp_path / f"{'ä' * 60} \U0001fac1.dcm")
    other = film(tmp_path / "other.dcm", number=2)
    room = make_room(path, other)
    harm(path)
    room.box(RIGHT_BOX)
    room.box(LEFT_BOX)
    done = room.case.findings
    room.session.worklist.step(1)
    room.wait(lambda: room.session.reading is not None and room.session.reading.film.path == other)
    room.settle()
    room.session.worklist.step(-1)
    room.wait(lambda: room.session.reading is not None and room.session.reading.film.path == path)
    room.settle()
    assert room.case.findings == done
    room.session.files.save(tmp_path / "saved.lungbox")
    room.settle()
    assert not room.session.dirty
    assert room.assembly.parts.faults.unhandled == 0


def test_films_that_cannot_be_read_are_stepped_over(make_room: MakeRoom, tmp_path: Path) -> None:
    """The first readable film of a folder opens by itself, and a broken one in the middle is no wall for the keys."""
    folder = tmp_path / "films"
    folder.mkdir()
    for number in (0, 1, 3):
        (folder / f"{number}.dcm").write_bytes(b"not a film")
    for number in (2, 4):
        film(folder / f"{number}.dcm", number=number)
    room = make_room()
    worklist = room.session.worklist
    said: list[LungboxError] = []
    worklist.failed.connect(said.append)
    room.window.open_paths([folder])
    room.wait(lambda: worklist.index == 2)
    room.settle()
    assert len(said) == 1  # a folder of broken films is one message, and a mark at each
    assert [bool(entry.problem) for entry in worklist.entries[:3]] == [True, True, False]
    assert worklist.step(1)
    room.wait(lambda: worklist.loading is None)
    assert worklist.index == 2  # the open film stays
    assert worklist.step(1)
    room.wait(lambda: worklist.index == 4)
    assert worklist.step(-1)
    room.wait(lambda: worklist.loading is None)
    assert worklist.step(-1)
    room.wait(lambda: worklist.index == 2)


def test_a_film_written_over_and_put_back_has_its_work_again(make_room: MakeRoom, tmp_path: Path) -> None:
    path = film(tmp_path / "film.dcm")
    pixels, others = path.read_bytes(), film(tmp_path / "other.dcm", number=2).read_bytes()
    room = make_room(path)
    room.box(RIGHT_BOX)
    done = room.case.findings
    for content, wanted in ((others, ()), (pixels, done)):
        path.write_bytes(content)
        room.session.worklist._films.clear()
        before = room.session.reading
        room.window.open_paths([path])
        room.wait(lambda before=before: room.session.reading is not before)  # type: ignore[misc]
        room.settle()
        assert room.case.findings == wanted
        assert [item.film.path for item in room.session.readings.unsaved()] == [path]
    assert room.session.reading is not None
    assert journalled(room.session.reading)


def test_a_case_is_opened_on_the_film_as_it_was_first_read(make_room: MakeRoom, tmp_path: Path) -> None:
    path = film(tmp_path / "film.dcm")
    room = make_room(path)
    room.box(RIGHT_BOX)
    room.session.files.save(tmp_path / "saved.lungbox")
    room.settle()
    room.session.worklist._films.clear()  # it is read again
    room.session.files.open(tmp_path / "saved.lungbox")
    reading = room.session.reading
    assert reading is not None
    room.wait(lambda: reading.history.done[-1].name == "open")
    assert reading.case.radiograph is reading.film.radiograph
    assert journalled(reading)
