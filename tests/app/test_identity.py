"""What a file says of a person stays in the file and on the screen: through work, failures and crashes."""

import logging
import os
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from PySide6.QtWidgets import QWidget

from app.__main__ import start_log
from app.corners import corner_texts
from tests.app.room import LEFT_BOX, RIGHT_BOX, Room, film
from tests.phantom import SENTINEL, thorax

MakeRoom = Callable[..., Room]
_PLANTED = (
    "PatientName", "PatientID", "OtherPatientNames", "PatientComments", "PatientAddress", "MilitaryRank", "Occupation",
    "AccessionNumber", "StudyID", "StudyDescription", "SeriesDescription", "ProtocolName", "RequestingPhysician",
    "ReferringPhysicianName", "PerformingPhysicianName", "OperatorsName", "InstitutionName", "InstitutionAddress",
    "StationName", "ImageComments", "AdditionalPatientHistory", "RequestedProcedureDescription", "DeviceSerialNumber",
)  # fmt: skip
_LOG = logging.getLogger("lungbox")
_SECRET = SENTINEL.split("^")[0]


@pytest.mark.skipif(sys.platform == "win32", reason="kills the model by a signal")
def test_nobody_is_named_in_logs_settings_journals_temporary_files_or_titles(
    make_room: MakeRoom, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    monkeypatch.setattr(_LOG, "handlers", [])
    monkeypatch.setattr(_LOG, "propagate", _LOG.propagate)
    start_log()  # as main() does
    room = make_room(film(tmp_path / "a.dcm", **dict.fromkeys(_PLANTED, SENTINEL)))
    room.box(RIGHT_BOX)
    segmenter = room.assembly.parts.encoder._segmenter
    assert segmenter is not None
    os.kill(segmenter.backend.pid, signal.SIGKILL)  # type: ignore[attr-defined]
    room.box(LEFT_BOX)
    blocked = tmp_path / "blocked"
    blocked.write_bytes(b"a file where a folder should be")
    room.assembly.exports.to(room.case, blocked)  # fails
    room.wait(lambda: bool(room.window.toast.text))
    failure = room.window.toast.text
    room.session.jobs.idle.connect(_bug)
    room.session.edit.grow()
    room.settle()
    room.session.jobs.idle.disconnect(_bug)
    assert room.assembly.parts.faults.unhandled
    room.session.files.save(tmp_path / "saved.lungbox")
    room.settle()
    assert _SECRET not in failure
    titles = [widget.windowTitle() for widget in room.window.findChildren(QWidget)] + [room.window.windowTitle()]
    assert not [title for title in titles if _SECRET in title]
    files = [path for root in (home, temporary) for path in root.rglob("*")]
    assert any(path.suffix == ".log" and b"unhandled ValueError" in path.read_bytes() for path in files)
    assert any(path.suffix == ".journal" for path in files)
    assert [path for path in files if _SECRET in str(path)] == []
    assert [path.name for path in files if path.is_file() and _SECRET.encode() in path.read_bytes()] == []
    for handler in _LOG.handlers:
        handler.close()


def test_a_picture_goes_by_the_name_of_its_file_until_names_are_hidden(make_room: MakeRoom, tmp_path: Path) -> None:
    path = tmp_path / "Doe, Jane 2026.png"
    Image.fromarray((thorax() / thorax().max() * 255).astype("uint8")).save(path)
    room = make_room(path)
    model = room.window.worklist_panel.model

    def shown() -> tuple[str, str]:
        corners = " ".join(line for corner in corner_texts(room.session, None) for line in corner.lines)
        return str(model.index(0).data()), corners

    assert all(path.name in text for text in shown())
    room.session.lightbox.hide_identity(hidden=True)
    assert not any("Doe" in text for text in shown())
    assert shown()[0].startswith("# 1")


def _bug() -> None:
    raise ValueError(f"a library that quotes what it read: {SENTINEL}")
