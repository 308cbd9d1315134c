"""The patient's own frame: the stored image turned upright, and back.

Lengths, sides and zones are defined on a film that stands upright with the patient's right on the image's left. A file
may store it any of eight ways round and say so in Patient Orientation; how it is shown on screen never comes in here.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from engine.case import Line
from engine.film.radiograph import NoteCode, Orientation, Radiograph, ViewPosition
from engine.geometry import BoxPrompt
from engine.mask import Mask

_HORIZONTAL, _VERTICAL = {"L", "R"}, {"F", "H"}


@dataclass(frozen=True, slots=True)
class Frame:
    """A turn or mirror image of the stored grid: transposed first, then flipped."""

    rows: int  # of the stored image
    columns: int
    transposed: bool = False
    flip_x: bool = False
    flip_y: bool = False

    @staticmethod
    def upright(rows: int, columns: int, orientation: Orientation | None) -> "Frame | None":
        """Return the frame in which the patient stands and faces us; None where the film is not frontal.

        A film that does not state its orientation is taken as upright: so it is hung, and so the model learnt it.
        """
        if orientation is None:
            return Frame(rows, columns)
        across, down = orientation.rightwards[:1], orientation.downwards[:1]
        if across in _HORIZONTAL and down in _VERTICAL:
            return Frame(rows, columns, flip_x=across == "R", flip_y=down == "H")
        if across in _VERTICAL and down in _HORIZONTAL:
            return Frame(rows, columns, transposed=True, flip_x=down == "R", flip_y=across == "H")
        return None

    @property
    def width(self) -> int:
        """Columns in this frame."""
        return self.rows if self.transposed else self.columns

    @property
    def height(self) -> int:
        """Rows in this frame."""
        return self.columns if self.transposed else self.rows

    def mirrored(self) -> "Frame":
        """Return the frame seen from behind: the left lung's own, so that lateral is always towards x = 0."""
        return replace(self, flip_x=not self.flip_x)

    def pixels(self, stored: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return pixels of the stored image, whole or cropped, as they lie in this frame."""
        turned = stored.T if self.transposed else stored
        return turned[:: -1 if self.flip_y else 1, :: -1 if self.flip_x else 1]

    def stored(self, pixels: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return whole pixels of this frame as the stored image has them: `pixels` undone."""
        turned = pixels[:: -1 if self.flip_y else 1, :: -1 if self.flip_x else 1]
        return turned.T if self.transposed else turned

    def corner(self, x0: int, y0: int, rows: int, columns: int) -> tuple[int, int]:
        """Return left column and top row, in this frame, of a stored crop of `rows` x `columns` at (x0, y0)."""
        x, y, width, height = (y0, x0, rows, columns) if self.transposed else (x0, y0, columns, rows)
        return (self.width - x - width if self.flip_x else x, self.height - y - height if self.flip_y else y)

    def point(self, x: float, y: float) -> tuple[float, float]:
        """Return a point of this frame in image coordinates."""
        x, y = float(self.width - x if self.flip_x else x), float(self.height - y if self.flip_y else y)
        return (y, x) if self.transposed else (x, y)

    def from_image(self, x: float, y: float) -> tuple[float, float]:
        """Return an image point in this frame: `point` undone."""
        x, y = (y, x) if self.transposed else (x, y)
        return (self.width - x if self.flip_x else x, self.height - y if self.flip_y else y)

    def line(self, x0: float, y0: float, x1: float, y1: float) -> Line:
        """Return a line of this frame in image coordinates."""
        return Line(*self.point(x0, y0), *self.point(x1, y1))

    def box(self, x0: float, y0: float, x1: float, y1: float) -> BoxPrompt:
        """Return a box of this frame in image coordinates."""
        (ax, ay), (bx, by) = self.point(x0, y0), self.point(x1, y1)
        return BoxPrompt(min(ax, bx), min(ay, by), max(ax, bx), max(ay, by))


def frontal_frame(film: Radiograph) -> Frame | None:
    """Return the film turned upright, None where it is lateral or its orientation is of no frontal view."""
    if film.view_position is ViewPosition.LATERAL or film.has_note(NoteCode.NOT_FRONTAL):
        return None
    return Frame.upright(film.rows, film.columns, film.orientation)


def sides_of(mask: Mask, frame: Frame) -> tuple[Mask, Mask]:
    """Return the patient's right and left lung of a mask of both, however the film is stored."""
    if not frame.transposed:
        on_left, on_right = mask.split_lungs()
        return (on_right, on_left) if frame.flip_x else (on_left, on_right)
    right, left = Mask.of(frame.pixels(mask.pixels())).split_lungs()
    return Mask.of(frame.stored(right.pixels())), Mask.of(frame.stored(left.pixels()))
