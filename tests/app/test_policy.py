"""What is decided for all users of a computer: locked or only preset, and on the safe side where it cannot be read."""

import json
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication, QCheckBox, QComboBox, QLabel, QSpinBox

from app.__main__ import start
from app.dialogs import SettingsDialog
from app.model_dialog import ModelDialog
from app.policy import SAFE, Policy, load_policy, policy_path
from app.settings import Settings, load_settings, save_settings
from engine.models import installed_models
from tests.app.room import Room, film

MakeRoom = Callable[..., Room]


def policy(path: Path, text: str) -> Policy:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return load_policy(path)


def test_no_file_is_no_policy(tmp_path: Path) -> None:
    assert load_policy(tmp_path / "policy.toml") == Policy()
    assert load_policy(tmp_path / "absent" / "policy.toml") == Policy()
    assert Policy().settings == Settings()


def test_what_is_locked_holds_and_what_is_preset_yields_to_the_user(tmp_path: Path) -> None:
    found = policy(
        tmp_path / "policy.toml",
        "[locked]\nhide_identity_at_start = true\nembeddings_disk_mb = 0\n"
        '[default]\nlanguage = "de"\ntext_scale = 1.5\n',
    )
    assert found.faults == ()
    user = tmp_path / "settings.json"
    settings, _ = load_settings(user, found.settings)
    assert (settings.hide_identity_at_start, settings.embeddings_disk_mb) == (True, 0)
    assert (settings.language, settings.text_scale) == ("de", 1.5)
    user.write_text(json.dumps({"language": "en", "hide_identity_at_start": False}))
    settings = found.applied(load_settings(user, found.settings)[0])
    assert (settings.language, settings.hide_identity_at_start) == ("en", True)


def test_a_users_own_choice_comes_back_when_it_is_unlocked(tmp_path: Path) -> None:
    user = tmp_path / "settings.json"
    save_settings(user, Settings(device="cpu", mask_opacity=0.5))
    locked = Policy({"device": "cuda"}, {})
    settings = locked.applied(load_settings(user, locked.settings)[0])
    assert settings.device == "cuda"
    save_settings(user, settings, locked.settings, locked.locked)
    assert load_settings(user)[0] == Settings(device="cpu", mask_opacity=0.5)


def test_a_preset_that_changes_reaches_whoever_never_chose(tmp_path: Path) -> None:
    user = tmp_path / "settings.json"
    first, second = Policy({}, {"text_scale": 1.2}), Policy({}, {"text_scale": 1.4})
    save_settings(user, load_settings(user, first.settings)[0], first.settings)
    assert load_settings(user, second.settings)[0].text_scale == 1.4


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("[locked", "policy.toml"),
        ('[locked]\nlanguage = "fr"\n', "locked.language"),
        ("[locked]\nhide_identity_at_start = 1\n", "locked.hide_identity_at_start"),
        ("[default]\nno_such_thing = true\n", "default.no_such_thing"),
        ("[default]\nwith_recent = true\n", "default.with_recent"),
        ('[default]\nwindow_geometry = "AAAA"\n', "default.window_geometry"),
        ("[always]\n", "[always]"),
        ("locked = 3\n", "locked"),
        ("\x00", "policy.toml"),
    ],
)
def test_a_file_that_cannot_be_used_names_what_is_wrong_and_falls_to_the_safe_side(
    tmp_path: Path, text: str, fault: str
) -> None:
    found = policy(tmp_path / "policy.toml", text)
    assert len(found.faults) == 1
    assert fault in found.faults[0]
    assert {name: found.locked[name] for name in SAFE} == dict(SAFE)


def test_what_a_half_wrong_file_says_well_holds(tmp_path: Path) -> None:
    found = policy(tmp_path / "policy.toml", '[locked]\ndevice = "cpu"\nlanguage = 3\nexport_on_accept = true\n')
    assert found.faults == ("locked.language",)
    assert found.locked == {**SAFE, "device": "cpu", "export_on_accept": True}


def test_a_file_that_is_there_and_cannot_be_read_is_not_taken_for_absent(tmp_path: Path) -> None:
    (tmp_path / "policy.toml").mkdir()
    assert load_policy(tmp_path / "policy.toml").locked == SAFE
    (tmp_path / "loop").symlink_to("loop")
    assert load_policy(tmp_path / "loop").locked == SAFE


def test_no_variable_of_a_user_moves_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    before = policy_path()
    for name in ("HOME", "XDG_CONFIG_HOME", "XDG_CONFIG_DIRS", "PROGRAMDATA", "ALLUSERSPROFILE"):
        monkeypatch.setenv(name, str(tmp_path))
    assert policy_path() == before


def test_locked_settings_are_shown_as_locked(make_room: MakeRoom) -> None:
    room = make_room()
    names = ["language", "hide_identity_at_start", "embeddings_kept", "export_folder"]
    dialog = SettingsDialog(Settings(language="de"), room.window, locked=names)
    notes = [label for label in dialog.findChildren(QLabel) if label.text() == "set by your IT department"]
    assert len(notes) == len(names)
    for kind, number in ((QComboBox, 1), (QCheckBox, 1), (QSpinBox, 1)):
        assert len([found for found in dialog.findChildren(kind) if not found.isEnabled()]) == number
    assert dialog.answer == Settings(language="de")


def test_a_locked_model_cannot_be_exchanged(make_room: MakeRoom) -> None:
    room = make_room()
    shipped = installed_models()[:1]
    for locked in (False, True):
        dialog = ModelDialog(shipped, "", room.window, locked=locked)
        assert dialog._use.isEnabled() is not locked


def test_the_window_obeys_it_and_no_dialog_or_argument_gets_round_it(
    make_room: MakeRoom, home: Path, tmp_path: Path
) -> None:
    policy(home / "policy.toml", '[locked]\nhide_identity_at_start = true\ndevice = "cpu"\nremember_recent = false\n')
    room = make_room(film(tmp_path / "film.dcm"), device="auto", hide_identity_at_start=False)
    assert room.session.lightbox.display.identity_hidden
    assert room.session.settings.device == "cpu"
    assert room.session.settings.recent == ()
    room.assembly._change(Settings(hide_identity_at_start=False))
    assert room.session.settings.hide_identity_at_start
    assert load_settings(home / "config" / "settings.json")[0].hide_identity_at_start is False


def test_a_locked_model_outlines_whatever_the_command_line_says(
    make_room: MakeRoom, home: Path, checkpoint: Path, tmp_path: Path
) -> None:
    policy(home / "policy.toml", f'[locked]\ncheckpoint = "{checkpoint}"\n')
    room = make_room()
    application = QApplication.instance()
    assert isinstance(application, QApplication)
    arguments = Namespace(checkpoint=str(tmp_path / "another.safetensors"), device="cpu", no_demo=True)
    other = Room(start(application, [], arguments), room.qtbot)
    other.settle()
    assert other.session.encoder.status.checkpoint == "tiny 0"
    other.assembly.close()
    other.window.close()


def test_a_broken_file_is_said_and_the_program_starts_safely(make_room: MakeRoom, home: Path, tmp_path: Path) -> None:
    policy(home / "policy.toml", "[locked\n")
    room = make_room(film(tmp_path / "film.dcm"))
    assert "policy file" in room.window.toast.text
    assert "policy.toml" in room.window.toast.text
    assert room.session.lightbox.display.identity_hidden
    assert not room.session.settings.export_on_accept
