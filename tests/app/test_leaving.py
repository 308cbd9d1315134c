"""Leaving: what was accepted is written before the program ends, and two windows keep each other's settings."""

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication, QMessageBox

from app import exporting
from app.dialogs import SettingsDialog
from app.results import export_case
from app.settings import Settings, load_settings, save_settings
from engine.errors import OutputError
from tests.app.room import RIGHT_BOX, Room, film

MakeRoom = Callable[..., Room]


@pytest.fixture
def accepting(make_room: MakeRoom, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Room, threading.Event]:
    """Return a room with two films accepted and their results still unwritten until the event is set."""
    go = threading.Event()
    real = export_case

    def slowly(*given: object, **more: object) -> Path:
        assert go.wait(30)
        return real(*given, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(exporting, "export_case", slowly)
    films = [film(tmp_path / f"f{n}.dcm", number=n) for n in range(2)]
    room = make_room(*films, export_on_accept=True, export_folder=str(tmp_path / "out"), next_after_accept=True)
    room.box(RIGHT_BOX)
    room.session.accept()
    room.wait(lambda: room.session.reading is not None and room.session.reading.film.path == films[1])
    room.wait(lambda: room.session.encoder.status.state.value == "ready")
    room.session.draw_box(RIGHT_BOX)
    room.wait(lambda: not room.session.pending)
    room.session.accept()
    room.session.readings.discard_unsaved()
    return room, go


def box_on_screen() -> QMessageBox:
    found = QApplication.activeModalWidget()
    assert isinstance(found, QMessageBox)
    return found


def test_what_was_accepted_is_written_before_the_program_ends(
    accepting: tuple[Room, threading.Event], tmp_path: Path
) -> None:
    room, go = accepting
    asked: list[str] = []

    def look() -> None:
        asked.append(box_on_screen().text())
        go.set()

    QTimer.singleShot(200, look)
    assert room.assembly.may_close()
    assert "being written" in asked[0]
    assert len(list((tmp_path / "out").rglob("results.json"))) == 2


def test_the_reader_may_stay_while_results_are_written(accepting: tuple[Room, threading.Event]) -> None:
    room, go = accepting
    QTimer.singleShot(200, lambda: box_on_screen().reject())
    assert not room.assembly.may_close()
    go.set()
    room.settle()


def test_the_program_stays_when_results_cannot_be_written(
    accepting: tuple[Room, threading.Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    room, go = accepting

    def full(*given: object, **more: object) -> Path:
        assert go.wait(30)
        raise OutputError("The disk is full.", advice="Make room.")

    monkeypatch.setattr(exporting, "export_case", full)
    QTimer.singleShot(200, go.set)
    assert not room.assembly.may_close()
    assert "disk is full" in room.window.toast.text


def test_a_setting_made_in_another_window_stays(room: Room, home: Path, tmp_path: Path) -> None:
    path = home / "config" / "settings.json"
    theirs, _ = load_settings(path)
    save_settings(path, replace(theirs, hide_identity_at_start=True))
    room.open(film(tmp_path / "next.dcm", number=3))
    now, _ = load_settings(path)
    assert now.hide_identity_at_start
    assert now.recent[0].endswith("next.dcm")


def test_settings_hold_at_once(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    def choose(**changes: object) -> None:
        answer = replace(room.session.settings, **changes)  # type: ignore[arg-type]
        monkeypatch.setattr(SettingsDialog, "answer", answer)
        room.assembly.command("settings")
        room.settle()

    monkeypatch.setattr("app.assembly.agreed", lambda dialog: True)
    choose(mask_opacity=0.6, embeddings_kept=3, remember_recent=False)
    assert room.session.lightbox.display.opacity == pytest.approx(0.6)
    assert room.session.encoder.kept == 3
    assert room.session.settings.recent == ()
    assert room.window._recent_menu.isEmpty()
    restarts: list[Settings] = []
    monkeypatch.setattr(room.session.encoder, "start", lambda *given: restarts.append(room.session.settings))
    choose(embeddings_disk_mb=1024)
    assert len(restarts) == 1


def test_the_film_that_was_asked_for_opens_beside_restored_work(
    make_room: MakeRoom, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, asked = film(tmp_path / "first.dcm", number=1), film(tmp_path / "asked.dcm", number=2)
    room = make_room(first)
    room.box(RIGHT_BOX)
    left = room.session.readings.unsaved()
    assert left
    room.session.jobs.close()
    room.session.readings.end()
    room.assembly.close()
    monkeypatch.setattr("app.assembly.ask", lambda *given, **more: 0)
    again = make_room(asked)
    again.wait(lambda: len(again.session.worklist.entries) == 2)
    again.wait(lambda: again.session.reading is not None and again.session.reading.film.path == asked)
    assert [entry.path for entry in again.session.worklist.entries] == [first, asked]
