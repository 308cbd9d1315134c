"""Viewport: which part of the film is on screen, how large, and which way up. Qt-free, to be tested as maths.

Image coordinates are the engine's: pixels of the stored image. Screen coordinates are logical pixels of the canvas.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

MINIMUM_ZOOM = 0.01
MAXIMUM_ZOOM = 40.0
_SAME_PIXEL = 0.01  # of a pixel: no eye tells them apart, and sums of many steps of a pan stay below it


@dataclass(frozen=True, slots=True)
class Viewport:
    """Zoom and place of one film in a canvas of width x height logical pixels."""

    width: float = 1.0
    height: float = 1.0
    zoom: float = 1.0  # logical pixels per image column
    centre: tuple[float, float] = (0.0, 0.0)  # the image point in the middle of the canvas
    turns: int = 0  # quarter turns clockwise
    mirrored: bool = False  # left and right exchanged, after turning
    pixel_aspect: float = 1.0  # height of a pixel over its width

    def _linear(self) -> tuple[float, float, float, float]:
        """Return a, b, c, d of the 2 x 2 part: screen = (a x + b y, c x + d y)."""
        sx, sy = self.zoom, self.zoom * self.pixel_aspect
        cos, sin = ((1, 0), (0, 1), (-1, 0), (0, -1))[self.turns % 4]
        flip = -1.0 if self.mirrored else 1.0
        return (flip * cos * sx, flip * -sin * sy, sin * sx, cos * sy)

    def matrix(self, scale: float = 1.0) -> NDArray[np.float64]:
        """Return the 2 x 3 matrix from image to screen; `scale` is device pixels per logical pixel."""
        a, b, c, d = self._linear()
        x, y = self.centre
        return scale * np.array(
            [[a, b, self.width / 2 - a * x - b * y], [c, d, self.height / 2 - c * x - d * y]], dtype=np.float64
        )

    def to_screen(self, x: float, y: float) -> tuple[float, float]:
        """Return where an image point lies on the canvas."""
        a, b, c, d = self._linear()
        dx, dy = x - self.centre[0], y - self.centre[1]
        return (self.width / 2 + a * dx + b * dy, self.height / 2 + c * dx + d * dy)

    def to_image(self, x: float, y: float) -> tuple[float, float]:
        """Return the image point under a point of the canvas."""
        dx, dy = self.vector_to_image(x - self.width / 2, y - self.height / 2)
        return (self.centre[0] + dx, self.centre[1] + dy)

    def vector_to_image(self, dx: float, dy: float) -> tuple[float, float]:
        """Return a screen displacement in image pixels."""
        a, b, c, d = self._linear()
        determinant = a * d - b * c
        return ((d * dx - b * dy) / determinant, (a * dy - c * dx) / determinant)

    def film_rectangle(self, rows: int, columns: int) -> tuple[float, float, float, float]:
        """Return left, top, right, bottom of the whole film on the canvas: quarter turns keep it upright."""
        (x0, y0), (x1, y1) = self.to_screen(0, 0), self.to_screen(columns, rows)
        return (min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1))

    def resized(self, width: float, height: float) -> "Viewport":
        """Return the same place and zoom in a canvas of another size."""
        return replace(self, width=max(width, 1.0), height=max(height, 1.0))

    def panned(self, dx: float, dy: float) -> "Viewport":
        """Return the view after the film was dragged by dx, dy screen pixels."""
        ix, iy = self.vector_to_image(dx, dy)
        return replace(self, centre=(self.centre[0] - ix, self.centre[1] - iy))

    def zoomed(self, factor: float, x: float, y: float) -> "Viewport":
        """Return the view zoomed so that the image point under screen point x, y stays there."""
        zoom = min(max(self.zoom * factor, MINIMUM_ZOOM), MAXIMUM_ZOOM)
        held = self.to_image(x, y)
        moved = replace(self, zoom=zoom)
        now = moved.to_screen(*held)
        return moved.panned(x - now[0], y - now[1])

    def whole_shift(self, other: "Viewport", scale: float) -> tuple[int, int] | None:
        """Return by how many device pixels a pan moved the film from the other view to this one.

        None where more than the place differs, or where it lies between pixels: then what was drawn cannot be moved.
        """
        if replace(other, centre=self.centre) != self:
            return None
        a, b, c, d = self._linear()
        dx, dy = other.centre[0] - self.centre[0], other.centre[1] - self.centre[1]
        x, y = (a * dx + b * dy) * scale, (c * dx + d * dy) * scale
        whole = (round(x), round(y))
        return whole if abs(x - whole[0]) < _SAME_PIXEL and abs(y - whole[1]) < _SAME_PIXEL else None

    def fitted(self, rows: int, columns: int, margin: float = 0.0) -> "Viewport":
        """Return the view that shows the whole film, as large as the canvas allows."""
        wide, high = float(columns), rows * self.pixel_aspect
        if self.turns % 2:
            wide, high = high, wide
        zoom = min(max(self.width - 2 * margin, 1.0) / wide, max(self.height - 2 * margin, 1.0) / high)
        return replace(self, zoom=min(max(zoom, MINIMUM_ZOOM), MAXIMUM_ZOOM), centre=(columns / 2.0, rows / 2.0))

    def turned(self, quarter_turns: int) -> "Viewport":
        """Return the view turned clockwise on screen, about the middle of the canvas."""
        # A mirrored film turns the other way in its own frame.
        step = -quarter_turns if self.mirrored else quarter_turns
        return replace(self, turns=(self.turns + step) % 4)

    def flipped(self) -> "Viewport":
        """Return the view with screen left and right exchanged."""
        return replace(self, mirrored=not self.mirrored)


_OPPOSITE = {"L": "R", "R": "L", "A": "P", "P": "A", "H": "F", "F": "H"}


def opposite(direction: str) -> str:
    """Return the other way of a Patient Orientation value, letter by letter (PS3.3 C.7.6.1.1.1)."""
    return "".join(_OPPOSITE.get(letter, letter) for letter in direction)


def edge_letters(viewport: Viewport, rightwards: str, downwards: str) -> tuple[str, str, str, str]:
    """Return what lies at the left, top, right and bottom edge of the screen, given the image's own directions."""
    a, b, c, d = viewport._linear()
    # The image direction that points most nearly to screen right, and to screen bottom.
    right = (
        (rightwards if a > 0 else opposite(rightwards))
        if abs(a) > abs(b)
        else (downwards if b > 0 else opposite(downwards))
    )
    down = (
        (downwards if d > 0 else opposite(downwards))
        if abs(d) > abs(c)
        else (rightwards if c > 0 else opposite(rightwards))
    )
    return (opposite(right), opposite(down), right, down)
