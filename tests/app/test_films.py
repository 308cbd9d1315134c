"""Films are found by what they are, and the list survives what cannot be opened."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtWidgets import QFileDialog

from app import dialogs
from app.casefile import case_path
from app.films import films_in
from engine.case import CaseState
from tests.app.room import RIGHT_BOX, Room, film

MakeRoom = Callable[..., Room]


def test_dicom_is_found_by_its_content_whatever_it_is_called(tmp_path: Path) -> None:
    original = film(tmp_path / "a.dcm")
    for name in ("CR.1.2.840.113619.2.55.1", "IM0001", "odd.xyz"):
        shutil.copy(original, tmp_path / name)
    (tmp_path / "notes.txt").write_text("x" * 400)
    found = {path.name for path in films_in([tmp_path])}
    assert found == {"a.dcm", "CR.1.2.840.113619.2.55.1", "IM0001", "odd.xyz"}


def test_a_case_is_named_after_the_whole_name_of_its_film() -> None:
    for name, expected in (
        ("film.dcm", "film.lungbox"),
        ("film.TIFF", "film.lungbox"),
        ("1.2.840.113619.7", "1.2.840.113619.7.lungbox"),
        ("IM0001", "IM0001.lungbox"),
    ):
        assert case_path(Path("/films") / name) == Path("/films") / expected


def test_a_case_is_written_under_the_name_that_was_typed(
    room: Room, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    typed = tmp_path / "Mueller.2024"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *given: (str(typed), ""))
    written = tmp_path / "Mueller.2024.lungbox"
    assert dialogs.ask_where_to_save(room.window, tmp_path / "film.lungbox") == written
    written.write_text("somebody else's")
    answers = iter((1, 0))
    asked: list[str] = []

    def ask(parent: object, title: str, text: str, choices: tuple[str, ...], default: int = 0) -> int:
        asked.append(text)
        return next(answers)

    monkeypatch.setattr(dialogs, "ask", ask)
    assert dialogs.ask_where_to_save(room.window, tmp_path / "film.lungbox") is None
    assert dialogs.ask_where_to_save(room.window, tmp_path / "film.lungbox") == written
    assert all("Mueller.2024.lungbox" in text for text in asked)


def test_a_folder_of_broken_films_leaves_the_place_in_the_list_true(make_room: MakeRoom, tmp_path: Path) -> None:
    room = make_room(*(film(tmp_path / f"f{n}.dcm", number=n) for n in range(3)))
    assert room.session.worklist.step(1)
    room.wait(lambda: room.session.worklist.index == 1)
    room.settle()
    broken = [tmp_path / f"x{n}.dcm" for n in range(4)]
    for path in broken:
        path.write_bytes(b"nothing")
    room.window.open_paths(broken)
    room.settle()
    room.wait(lambda: len(room.session.worklist.entries) == 4)
    room.settle()
    assert room.session.reading is not None
    assert room.session.reading.film.path.name == "f1.dcm"
    assert room.session.worklist.index == -1


def test_a_film_keeps_its_state_through_another_list(make_room: MakeRoom, tmp_path: Path) -> None:
    first = [film(tmp_path / f"f{n}.dcm", number=n) for n in range(2)]
    room = make_room(*first)
    room.box(RIGHT_BOX)
    room.session.accept()
    room.settle()
    room.open(*(film(tmp_path / f"g{n}.dcm", number=n + 3) for n in range(2)))
    room.window.open_paths(first[::-1])
    room.wait(lambda: len(room.session.worklist.entries) == 2 and room.session.worklist.entries[0].path == first[1])
    room.settle()
    assert room.session.worklist.entries[1].state is CaseState.ACCEPTED


def test_a_message_names_no_film_while_names_are_hidden(make_room: MakeRoom, tmp_path: Path) -> None:
    room = make_room(film(tmp_path / "f.dcm"))
    secret = tmp_path / "MUELLER_ANNA_1950.dcm"
    secret.write_text("nothing to see here\n" * 40)
    room.session.lightbox.hide_identity(hidden=True)
    room.window.open_paths([secret])
    room.wait(lambda: room.window.toast.text != "")
    assert "MUELLER" not in room.window.toast.text
    assert "# 2" in room.window.toast.text


def test_several_cases_at_once_are_not_dropped_in_silence(room: Room, tmp_path: Path) -> None:
    room.box(RIGHT_BOX)
    room.session.files.save(tmp_path / "one.lungbox")
    room.settle()
    shutil.copy(tmp_path / "one.lungbox", tmp_path / "two.lungbox")
    room.window.open_paths([tmp_path / "one.lungbox", tmp_path / "two.lungbox"])
    assert "first case" in room.window.status.text
