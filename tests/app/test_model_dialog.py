"""Which model outlines: listed with its card, added from a file, used at once."""

from pathlib import Path

import platformdirs
import pytest
from PySide6.QtWidgets import QListWidget, QPlainTextEdit

from app.model_dialog import ModelDialog, card_text
from engine.models import add_model, installed_models
from tests.app.room import Room
from tests.tiny import tiny_checkpoint

pytestmark = pytest.mark.qt_log_ignore("propagateSizeHints")  # what the offscreen platform says of any dialog it shows


@pytest.fixture
def added(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(platformdirs, "user_data_path", lambda *given, **more: tmp_path / "data")
    return tiny_checkpoint(tmp_path / "other.safetensors", seed=8)


def dialog_of(room: Room) -> ModelDialog:
    room.assembly.command("model")
    room.settle()
    (dialog,) = room.window.findChildren(ModelDialog)
    return dialog


def test_the_card_of_every_model_can_be_read(room: Room, added: Path) -> None:
    dialog = dialog_of(room)
    (listed,) = dialog.findChildren(QListWidget)
    (card,) = dialog.findChildren(QPlainTextEdit)
    listed.setCurrentRow(0)
    shipped = installed_models()[0]
    assert card.toPlainText() == card_text(shipped)
    assert shipped.sha256 in card.toPlainText()
    assert shipped.licence in card.toPlainText()
    dialog.reject()


def test_a_model_file_is_added_and_takes_over(room: Room, added: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dialog = dialog_of(room)
    monkeypatch.setattr("app.assembly.ask_model", lambda parent: added)
    dialog.add_asked.emit()
    room.settle()
    chosen = dialog.answer
    assert chosen is not None
    assert chosen.path.parent.name == "models"
    dialog.accept()
    room.settle()
    assert room.session.settings.checkpoint == str(chosen.path)
    assert room.assembly.parts.encoder.status.checkpoint_sha256 == chosen.sha256


def test_a_file_that_is_no_model_is_said_and_the_list_stays(
    room: Room, added: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    added.write_bytes(added.read_bytes()[:1000])
    dialog = dialog_of(room)
    (listed,) = dialog.findChildren(QListWidget)
    before = listed.count()
    monkeypatch.setattr("app.assembly.ask_model", lambda parent: added)
    with room.qtbot.waitSignal(room.assembly.parts.faults.shown, timeout=60_000) as said:
        dialog.add_asked.emit()
    assert listed.count() == before
    assert said.args
    assert "damaged" in said.args[1]
    dialog.reject()


def test_a_damaged_model_is_listed_with_the_reason_and_cannot_be_chosen(room: Room, added: Path) -> None:
    kept = add_model(added).path
    kept.write_bytes(kept.read_bytes()[:-1])
    dialog = dialog_of(room)
    (listed,) = dialog.findChildren(QListWidget)
    listed.setCurrentRow(listed.count() - 1)
    assert dialog.answer is not None
    assert dialog.answer.fault
    assert dialog.answer.fault in dialog.findChildren(QPlainTextEdit)[0].toPlainText()
    dialog.reject()
