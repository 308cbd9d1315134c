"""What the mouse does besides the tools, in the same profiles as the keys; the same over the film and over a prior."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QWheelEvent

from app.lightbox import Lightbox
from app.session import Session
from app.tools import window_speed

_ZOOM_STEP = 1.18  # a notch of the wheel
_ZOOM_DRAG = 1.7 ** (1 / 100)  # a pixel of a drag down, as OHIF has it


@dataclass(frozen=True, slots=True)
class Gestures:
    """What differs between the profiles; left is the tool's and middle the hand's in all of them."""

    right: Literal["window", "zoom"] = "window"  # dragged; a click is the menu
    wheel: Literal["zoom", "films"] = "zoom"  # with Ctrl the other one


GESTURES: Mapping[str, Gestures] = {
    "chest": Gestures(),
    "weasis": Gestures(wheel="films"),
    "ohif": Gestures(right="zoom", wheel="films"),
}


class Mouse:
    """Does what the wheel and the right button mean, but for the zoom: whoever was pointed at knows where."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.gestures = Gestures()
        self._notches = 0.0  # since the wheel last changed the film: fine ones turn by parts of one

    def wheel(self, event: QWheelEvent) -> float | None:
        """Take a turn of the wheel; return how much larger the film is to be, None if it meant something else."""
        # Shift turns the wheel sideways on some systems.
        notches = (event.angleDelta().y() or event.angleDelta().x()) / 120.0
        modifiers = event.modifiers()
        if modifiers & Qt.KeyboardModifier.ShiftModifier:
            self._session.set_brush_radius(self._session.brush_radius * 1.12**notches)
            return None
        if bool(modifiers & Qt.KeyboardModifier.ControlModifier) == (self.gestures.wheel == "films"):
            return float(_ZOOM_STEP**notches)
        self._notches += notches
        if abs(self._notches) >= 1:
            self._session.worklist.step(-1 if self._notches > 0 else 1)
            self._notches = 0.0
        return None

    def right_drag(self, step: QPointF, modifiers: Qt.KeyboardModifier, greys: Lightbox) -> float | None:
        """Take a part of a drag; return how much larger the film is to be, None when it was windowed."""
        if self.gestures.right == "zoom":
            return float(_ZOOM_DRAG ** step.y())
        control, alt = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.AltModifier
        speed = window_speed(control=bool(modifiers & control), alt=bool(modifiers & alt))
        greys.drag_window(step.x(), step.y(), speed)
        return None
