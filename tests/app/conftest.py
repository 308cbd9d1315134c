"""A reading room for tests: the real program over a tiny real network, in private folders."""

from argparse import Namespace
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app import settings as settings_module
from app.__main__ import start
from app.settings import Settings, save_settings
from tests.app.room import Room, film
from tests.tiny import tiny_checkpoint


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a tiny random network's file."""
    return tiny_checkpoint(tmp_path_factory.mktemp("model") / "tiny.safetensors")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give each test its own settings, journal and log."""
    monkeypatch.setattr(settings_module, "folder", lambda name: tmp_path / "home" / name)
    for module in ("app.assembly", "app.__main__"):
        monkeypatch.setattr(f"{module}.folder", lambda name: tmp_path / "home" / name)
    monkeypatch.setattr("app.__main__.settings_path", lambda: tmp_path / "home" / "config" / "settings.json")
    monkeypatch.setattr("app.__main__.policy_path", lambda: tmp_path / "home" / "policy.toml")
    return tmp_path / "home"


@pytest.fixture
def make_room(qtbot: QtBot, home: Path, checkpoint: Path) -> Iterator[Callable[..., Room]]:
    """Return a maker of rooms; each is closed at the end."""
    made: list[Room] = []

    def make(*films: Path, **changes: object) -> Room:
        defaults: dict[str, object] = {
            "checkpoint": str(checkpoint), "device": "cpu", "export_on_accept": False, "next_after_accept": False,
            "check_below": 0.0,
        }  # fmt: skip
        settings_file = home / "config" / "settings.json"
        if not settings_file.exists():
            save_settings(settings_file, Settings(**(defaults | changes)))  # type: ignore[arg-type]
        application = QApplication.instance()
        assert isinstance(application, QApplication)
        room = Room(start(application, list(films), _no_demo()), qtbot)
        room.window.close_guard = lambda: True
        qtbot.addWidget(room.window)
        made.append(room)
        if films:
            room.wait(lambda: room.session.reading is not None)
        room.settle()
        return room

    yield make
    for room in made:
        room.session.readings.discard_unsaved()
        room.assembly.close()
        room.window.close()


@pytest.fixture
def room(make_room: Callable[..., Room], tmp_path: Path) -> Room:
    """Return a room with one film open."""
    return make_room(film(tmp_path / "film.dcm"))


def _no_demo() -> Namespace:
    return Namespace(checkpoint=None, device=None, no_demo=True)
