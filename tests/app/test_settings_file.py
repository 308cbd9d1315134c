"""The settings' file: written where the reader does not wait for it, and last by whoever closes the window."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.settings import Settings, load_settings, save_settings
from tests.app.room import Room, film


def test_opening_a_film_writes_no_settings_on_the_event_loop(
    make_room: Callable[..., Room], tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = make_room()
    writers: list[int] = []

    def watched(path: Path, settings: Settings, *more: Any) -> None:
        writers.append(threading.get_ident())
        save_settings(path, settings, *more)

    monkeypatch.setattr("app.assembly.save_settings", watched)
    path = film(tmp_path / "a.dcm")
    room.open(path)
    assert writers
    assert threading.get_ident() not in writers
    room.session.readings.discard_unsaved()
    room.assembly.close()
    assert load_settings(home / "config" / "settings.json")[0].recent == (str(path),)
