"""A film that is no chest gets its warning in the window, with the model that ships."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from PySide6.QtWidgets import QLabel

from app.wording import doubt_text
from tests.app.room import Room
from tests.phantom import dicom_film, write_film

MakeRoom = Callable[..., Room]
DEMO = Path(__file__).resolve().parents[2] / "resources" / "demo" / "demo.dcm"


def warned(room: Room) -> bool:
    return any(label.text() == doubt_text() for label in room.window.findChildren(QLabel))


def test_no_chest_is_said_before_anything_is_drawn_and_a_chest_takes_it_away(
    make_room: MakeRoom, tmp_path: Path
) -> None:
    y, x = np.mgrid[0:300, 0:260]
    shaft = 3500 * np.exp(-(((x - 130) / 25.0) ** 2)) + 100 * np.sin(y / 9.0) + 100
    path = write_film(tmp_path / "bone.dcm", dicom_film(shaft.astype(np.uint16)))
    room = make_room(path, checkpoint="")
    room.settle()
    assert room.session.doubt.doubtful
    assert warned(room)
    before = room.canvas.grab().toImage()
    room.open(DEMO)
    verdict = room.session.doubt.likeness
    assert verdict is not None
    assert not verdict.doubtful
    assert not warned(room)
    room.session.worklist.show(0)
    room.wait(lambda: room.session.reading is not None and room.session.reading.film.path == path)
    verdict = room.session.doubt.likeness  # known from before: no moment without the warning
    assert verdict is not None
    assert verdict.doubtful
    room.settle()
    assert room.canvas.grab().toImage() == before
