"""The program proves itself once for each model, engine and driver, quietly; a failure is said and stays."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from app.about import AboutDialog, licences_text, program_text
from app.encoding import EncoderState
from app.proving import Proof
from engine import selftest
from engine.network.checkpoint import bundled_checkpoint, read_checkpoint
from engine.origin import commit
from engine.segmenter import Segmenter
from engine.version import VERSION
from tests.app.room import Room

pytestmark = pytest.mark.qt_log_ignore("propagateSizeHints")  # what the offscreen platform says of any dialog it shows

MakeRoom = Callable[..., Room]


def proof_in(room: Room, record: Path) -> Proof:
    return Proof(room.session.encoder, record, room.assembly, after_ms=0)


def runs(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list that grows with every self-test that is really run."""
    seen: list[str] = []
    real = selftest.run_self_test

    def counted(segmenter: Segmenter) -> selftest.SelfTest:
        seen.append("run")
        return real(segmenter)

    monkeypatch.setattr(selftest, "run_self_test", counted)
    return seen


def test_the_shipped_model_is_proved_once_and_known_at_the_next_start(
    make_room: MakeRoom, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    room, record, ran = make_room(checkpoint=""), tmp_path / "self-test.json", runs(monkeypatch)
    with room.qtbot.waitSignal(proof_in(room, record).done, timeout=60_000):
        pass
    status = room.session.encoder.status
    assert status.proof.startswith("the demo film's lungs were found")
    assert not status.distrusted
    assert room.window.toast.text == ""
    assert status.proof in program_text(status)
    with room.qtbot.waitSignal(proof_in(room, record).done, timeout=60_000):
        pass
    assert ran == ["run"]
    monkeypatch.setattr("engine.selftest.nvidia_driver", lambda: "another driver")
    with room.qtbot.waitSignal(proof_in(room, record).done, timeout=60_000):
        pass
    assert ran == ["run", "run"]


def test_a_model_that_has_learned_nothing_is_said_to_fail_at_every_start(make_room: MakeRoom, tmp_path: Path) -> None:
    room, record = make_room(), tmp_path / "self-test.json"
    for _ in range(2):
        proof = proof_in(room, record)
        proof.failed.connect(room.assembly.parts.faults.error)
        with room.qtbot.waitSignal(proof.done, timeout=60_000):
            pass
        assert "self-test failed" in room.window.toast.text.lower()
        assert "do not trust" in room.window.status.text
        assert not record.exists()
        room.window.toast.hide()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"fingerprint": 3}', "null"])
def test_a_record_that_says_nothing_is_no_proof(
    make_room: MakeRoom, tmp_path: Path, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    room, record, ran = make_room(checkpoint=""), tmp_path / "self-test.json", runs(monkeypatch)
    record.write_text(text)
    with room.qtbot.waitSignal(proof_in(room, record).done, timeout=60_000):
        pass
    assert ran == ["run"]
    assert json.loads(record.read_text())["lungbox"] == VERSION


def test_about_says_which_program_this_is_and_shows_the_models_card(make_room: MakeRoom) -> None:
    room = make_room(checkpoint="")
    room.wait(lambda: room.session.encoder.status.state is not EncoderState.STARTING)
    room.window.command.emit("about")
    dialog = next(found for found in room.window.findChildren(AboutDialog) if found.isVisible())
    checkpoint = read_checkpoint(bundled_checkpoint())
    program, card, licences = dialog.texts
    for fact in (VERSION, commit() or "-", checkpoint.sha256, "OpenVINO", "CPU"):
        assert fact in program
    assert str(checkpoint.card["intended_use"]) in card
    assert licences == licences_text()
    dialog.close()


def test_the_notices_beside_a_frozen_program_are_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "NOTICES.txt").write_text("numpy 2.4.6")
    monkeypatch.setattr("sys.executable", str(tmp_path / "lungbox"))
    assert "numpy" not in licences_text()
    monkeypatch.setattr("sys.frozen", True, raising=False)
    assert "numpy 2.4.6" in licences_text()
