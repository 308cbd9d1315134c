"""Lightbox: the film on screen and how it is shown. Nothing here reaches the model, a result, or undo."""

from collections import OrderedDict
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal

from app.display import Corners, Display, Marks, PresetKind, dragged
from app.films import Film
from app.rendering import Interpolation, grey_table
from app.viewport import Viewport
from engine.film.grey import Window

_MARGIN = 12.0
_BLANK = Display(Window(0.5, 1.0))
_FILMS_KEPT = 200  # whose windows and places are remembered, the last ones


@dataclass(frozen=True, slots=True, eq=False)
class _Kept:
    viewport: Viewport
    display: Display
    fitted: bool


class Lightbox(QObject):
    """Window, zoom, place, rotation and layers of the film on screen."""

    viewport_changed = Signal()
    display_changed = Signal()
    film_changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.film: Film | None = None
        self.viewport = Viewport()
        self.display = _BLANK
        self.gain = 1.0
        self.down_is_brighter = True
        self.peeking = False
        self.magnifying = False
        self._fitted = True
        self._table: NDArray[np.uint8] | None = None
        self._kept: OrderedDict[Path, _Kept] = OrderedDict()

    # Films

    def show(self, film: Film | None) -> None:
        """Put a film on the lightbox as it was last seen; layers stay as the reader has set them."""
        if self.film is not None:
            self._kept[self.film.path] = _Kept(self.viewport, self.display, self._fitted)
            self._kept.move_to_end(self.film.path)
            while len(self._kept) > _FILMS_KEPT:
                self._kept.popitem(last=False)
        self.film = film
        if film is not None:
            kept = self._kept.get(film.path)
            view = kept.display.view if kept else film.presets[0].view
            inverted = kept.display.inverted if kept else False
            self.display = replace(self.display, view=view, inverted=inverted)
            size = (self.viewport.width, self.viewport.height)
            if kept is not None and not kept.fitted:
                self.viewport, self._fitted = kept.viewport.resized(*size), False
            else:
                turns, mirrored = (kept.viewport.turns, kept.viewport.mirrored) if kept else (0, False)
                self.viewport = Viewport(
                    *size, turns=turns, mirrored=mirrored, pixel_aspect=film.radiograph.pixel_aspect
                ).fitted(film.radiograph.rows, film.radiograph.columns, _MARGIN)
                self._fitted = True
        self._table = None
        self.film_changed.emit()
        self.viewport_changed.emit()
        self.display_changed.emit()

    def table(self) -> NDArray[np.uint8]:
        """Return the grey table of the film as shown."""
        assert self.film is not None
        if self._table is None:
            self._table = grey_table(self.film.radiograph, self.display.view, inverted=self.display.inverted)
        return self._table

    # Greys

    def drag_window(self, dx: float, dy: float, speed: float = 1.0) -> None:
        """Change width and level by a drag."""
        if self.film is None:
            return
        inverted = self.film.radiograph.inverse != self.display.inverted
        sign = 1.0 if self.down_is_brighter else -1.0
        view = dragged(self.display.view, self.film.greys, dx, dy * sign, gain=self.gain * speed, inverted=inverted)
        self._show(view=view)

    def preset(self, number: int) -> None:
        """Show the preset of a digit."""
        if self.film is not None and 0 <= number < len(self.film.presets):
            self._show(view=self.film.presets[number].view)

    def preset_named(self, kind: PresetKind) -> None:
        """Show the first preset of a kind."""
        for number, preset in enumerate(self.film.presets if self.film else ()):
            if preset.kind is kind:
                self.preset(number)
                return

    def set_window(self, center: float, width: float) -> None:
        """Show a window typed in."""
        self._show(view=Window(center, width))

    def invert(self) -> None:
        """Exchange black and white, on top of the film's own polarity."""
        self._show(inverted=not self.display.inverted)

    def reset(self) -> None:
        """Show the whole film upright with its first preset."""
        if self.film is None:
            return
        self.viewport = replace(self.viewport, turns=0, mirrored=False)
        self._show(view=self.film.presets[0].view, inverted=False)
        self.fit()

    # Place

    def resize(self, width: float, height: float) -> None:
        """Follow the canvas; a fitted film stays fitted."""
        self._look(self.viewport.resized(width, height))
        if self._fitted:
            self.fit()

    def fit(self) -> None:
        """Show the whole film."""
        if self.film is not None:
            film = self.film.radiograph
            self._look(self.viewport.fitted(film.rows, film.columns, _MARGIN), fitted=True)

    def actual_size(self, x: float, y: float, device_scale: float = 1.0) -> None:
        """Show one film pixel on one screen pixel, holding the point under x, y."""
        self._look(self.viewport.zoomed(1.0 / device_scale / self.viewport.zoom, x, y), fitted=False)

    def toggle_fit(self, x: float, y: float, device_scale: float = 1.0) -> None:
        """Go between the whole film and 1:1 at a point."""
        if self._fitted:
            self.actual_size(x, y, device_scale)
        else:
            self.fit()

    def zoom(self, factor: float, x: float | None = None, y: float | None = None) -> None:
        """Zoom about a point of the canvas, by default its middle."""
        middle = (self.viewport.width / 2, self.viewport.height / 2)
        self._look(
            self.viewport.zoomed(factor, middle[0] if x is None else x, middle[1] if y is None else y), fitted=False
        )

    def pan(self, dx: float, dy: float) -> None:
        """Drag the film; some of it always stays in view."""
        if self.film is None:
            return
        moved = self.viewport.panned(dx, dy)
        film = self.film.radiograph
        x0, y0, x1, y1 = moved.film_rectangle(film.rows, film.columns)
        keep = 40.0
        if x1 < keep or y1 < keep or x0 > moved.width - keep or y0 > moved.height - keep:
            return
        self._look(moved, fitted=False)

    def turn(self, quarter_turns: int) -> None:
        """Turn the film clockwise on screen."""
        self._look(self.viewport.turned(quarter_turns))
        if self._fitted:
            self.fit()

    def flip(self) -> None:
        """Exchange left and right on screen; the markers follow."""
        self._look(self.viewport.flipped())

    @property
    def is_fitted(self) -> bool:
        """True while the whole film is shown as large as it can be."""
        return self._fitted

    # Layers

    def cycle_marks(self) -> None:
        """Fill, contour, off."""
        order = list(Marks)
        self._show(marks=order[(order.index(self.display.marks) + 1) % len(order)])

    def cycle_corners(self) -> None:
        """All corner text, little, none."""
        order = list(Corners)
        self._show(corners=order[(order.index(self.display.corners) + 1) % len(order)])

    def peek(self, *, on: bool) -> None:
        """Lift the marks off the film while a key is held."""
        if self.peeking is not on:
            self.peeking = on
            self.display_changed.emit()

    def magnify(self, *, on: bool) -> None:
        """Show the lens under the pointer."""
        if self.magnifying is not on:
            self.magnifying = on
            self.display_changed.emit()

    def hide_identity(self, *, hidden: bool) -> None:
        """Keep the patient's identity off the screen, for teaching and screenshots."""
        self._show(identity_hidden=hidden)

    def set_opacity(self, opacity: float) -> None:
        """Set how strongly masks are filled."""
        self._show(opacity=min(max(opacity, 0.05), 0.8))

    def set_interpolation(self, interpolation: Interpolation) -> None:
        """Set how pixels are resampled."""
        self._show(interpolation=interpolation)

    def show_overlays(self, *, on: bool) -> None:
        """Show the film's own overlay planes."""
        self._show(overlays=on)

    def show_uncertainty(self, *, on: bool) -> None:
        """Show where jittered boxes disagree."""
        self._show(uncertainty=on)

    def _show(self, **changes: object) -> None:
        self.display = replace(self.display, **changes)  # type: ignore[arg-type]
        self._table = None
        self.display_changed.emit()

    def _look(self, viewport: Viewport, *, fitted: bool | None = None) -> None:
        self.viewport = viewport
        if fitted is not None:
            self._fitted = fitted
        self.viewport_changed.emit()
