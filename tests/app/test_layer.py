"""What a frame keeps from the one before: moved, it shows what drawing it again would show."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QImage, QPainter
from PySide6.QtWidgets import QApplication

from app import painting
from app.display import grey_range, presets_for
from app.films import Film
from app.layer import Layer
from app.lightbox import Lightbox
from app.outlines import OutlinePaths
from app.painting import Pencil
from app.rendering import Interpolation, Pyramid, build_pyramid, drawn_outlines, resample
from app.viewport import Viewport
from engine.film.grey import Window
from engine.film.radiograph import Radiograph, Source
from engine.mask import Mask

_ACROSS, _DOWN = 150, 90  # of the film's slope, so that a place can be told from a value
VIEW = Viewport(120, 90, 0.7, (128, 100))


def a_pyramid() -> Pyramid:
    y, x = np.mgrid[0:200, 0:256]
    stored = (_ACROSS * x + _DOWN * y).astype(np.uint16)
    return build_pyramid(Radiograph(stored, Source(Path("f"), "", "", "PNG"), 12))


def moved(viewport: Viewport, x: int, y: int, scale: float) -> Viewport:
    return viewport.panned(x / scale, y / scale)


@pytest.mark.parametrize("scale", [1.0, 1.5, 2.0])
def test_a_shift_is_what_the_film_moved_by(scale: float) -> None:
    view = replace(VIEW, turns=1, mirrored=True)
    assert moved(view, 7, -3, scale).whole_shift(view, scale) == (7, -3)
    assert view.panned(0.4 / scale, 0).whole_shift(view, scale) is None
    assert view.zoomed(1.01, 60, 45).whole_shift(view, scale) is None
    assert view.turned(1).whole_shift(view, scale) is None
    assert view.resized(121, 90).whole_shift(view, scale) is None


@pytest.mark.parametrize("interpolation", ["nearest", "linear", "cubic"])
@pytest.mark.parametrize("view", [VIEW, replace(VIEW, zoom=3.0, turns=3), replace(VIEW, zoom=0.3, mirrored=True)])
def test_a_panned_film_is_the_film_resampled(view: Viewport, interpolation: Interpolation) -> None:
    pyramid, rng = a_pyramid(), np.random.default_rng(5)
    scale = 1.0
    patch = resample(pyramid, view, scale, interpolation)
    for step in range(30):
        reach = 12 if step % 3 else 140  # some go where nothing can be kept, or out of the film and back
        now = moved(view, int(rng.integers(-reach, reach)), int(rng.integers(-reach, reach)), scale)
        fresh = resample(pyramid, now, scale, interpolation)
        kept = resample(pyramid, now, scale, interpolation, (view, patch)) if patch is not None else fresh
        assert (kept is None) == (fresh is None)
        if kept is None or fresh is None:
            continue
        assert (kept.left, kept.top, kept.indices.shape) == (fresh.left, fresh.top, fresh.indices.shape)
        # OpenCV places samples to 1/32 of a pixel, and of sums of a shift a few round to the other side.
        off = np.abs(kept.indices.astype(np.int64) - fresh.indices.astype(np.int64)) / (
            _DOWN / view.zoom
        )  # in pixels of the screen
        assert off.mean() < 0.1
        view, patch = now, kept


def frame(layer: Layer, view: Viewport, scale: float, mask: Mask) -> np.ndarray:
    picture = QImage(round(view.width * scale), round(view.height * scale), QImage.Format.Format_RGB32)
    picture.setDevicePixelRatio(scale)
    picture.fill(Qt.GlobalColor.black)
    paths = OutlinePaths()

    def ink(pencil: Pencil) -> None:
        edge = paths.of(mask, pencil.viewport.zoom)
        painting.outline(pencil, edge, QColor("orange"), fill=0.3, width=1.8)

    painter = QPainter(picture)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    layer.draw(painter, (id(mask),), view, scale, ink)
    painter.end()
    rows = np.frombuffer(picture.constBits(), np.uint8).reshape(picture.height(), picture.bytesPerLine())
    return rows[:, : picture.width() * 4].astype(np.int16)


@pytest.mark.parametrize("scale", [1.0, 1.5, 2.0])
def test_a_panned_mask_is_the_mask_drawn_again(qapp: QApplication, scale: float) -> None:
    y, x = np.mgrid[0:200, 0:256]
    mask = Mask.of(((x - 120) / 60) ** 2 + ((y - 100) / 80) ** 2 < 1 + 0.1 * np.sin(y / 5))
    layer, view, rng = Layer(), VIEW, np.random.default_rng(3)
    frame(layer, view, scale, mask)
    for _ in range(25):
        view = moved(view, int(rng.integers(-40, 41)), int(rng.integers(-40, 41)), scale)
        kept, fresh = frame(layer, view, scale, mask), frame(Layer(), view, scale, mask)
        assert np.abs(kept - fresh).max() <= 24  # rounding of two blends, at an edge
        assert np.abs(kept - fresh).mean() < 0.2


def test_the_masks_are_drawn_again_only_where_they_must_be() -> None:
    drawn: list[float] = []
    layer = Layer()
    canvas = QImage(120, 90, QImage.Format.Format_RGB32)

    def draw(view: Viewport, key: int = 1) -> int:
        before = len(drawn)
        painter = QPainter(canvas)
        layer.draw(painter, (key,), view, 1.0, lambda pencil: drawn.append(pencil.viewport.zoom))
        painter.end()
        return len(drawn) - before

    assert draw(VIEW) == 1
    assert draw(VIEW) == 0  # the window may change under it
    assert [draw(VIEW.panned(x, -x)) for x in range(0, 121, 8)] == [0] * 16
    assert draw(VIEW.panned(200, 0)) == 1  # beyond the margin
    assert draw(VIEW.panned(200, 0), key=2) == 1
    zoomed = VIEW.zoomed(1.5, 10, 10)
    assert [draw(zoomed, 2), draw(zoomed, 2), draw(zoomed, 2)] == [1, 1, 0]  # at once, then to keep
    layer.forget()
    assert draw(zoomed, 2) == 1


def test_words_with_a_shadow_lie_where_they_are_asked_to(qapp: QApplication) -> None:
    canvas = QImage(200, 100, QImage.Format.Format_RGB32)
    flag = Qt.AlignmentFlag
    corners = {
        flag.AlignLeft | flag.AlignTop: (slice(0, 30), slice(0, 60)),
        flag.AlignRight | flag.AlignBottom: (slice(70, 100), slice(140, 200)),
        flag.AlignHCenter | flag.AlignVCenter: (slice(30, 70), slice(60, 140)),
    }
    for flags, place in corners.items():
        canvas.fill(Qt.GlobalColor.gray)
        painter = QPainter(canvas)
        painting.shadowed(painter, canvas.rect().toRectF(), flags, "Ay", QColor("white"))
        painter.end()
        changed = np.frombuffer(canvas.constBits(), np.uint32).reshape(100, 200) != canvas.pixel(100, 5)
        assert changed[place].any()
        changed = changed.copy()
        changed[place] = False
        assert not changed.any()


def test_tracing_is_done_once_for_all_zooms_until_pixels_can_be_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    traced: list[bool] = []

    def watched(mask: Mask, *, near: bool) -> Sequence[NDArray[np.float64]]:
        traced.append(near)
        return drawn_outlines(mask, near=near)

    monkeypatch.setattr("app.outlines.drawn_outlines", watched)
    mask, paths = Mask.of(np.ones((400, 400), np.bool_)), OutlinePaths()
    sizes = [paths.of(mask, zoom).path.boundingRect().width() for zoom in (0.2, 0.5, 1.0, 1.4, 0.2)]
    assert traced == [False]
    assert sizes == pytest.approx([400] * 5, abs=4)
    paths.of(mask, 3.0)
    assert traced == [False, True]


def test_windows_are_remembered_for_the_films_seen_last_and_not_for_ever(qapp: QApplication) -> None:
    def seen(number: int) -> Film:
        source = Source(Path(f"{number}.dcm"), "", "", "PNG")
        radiograph = Radiograph(np.arange(64, dtype=np.uint16).reshape(8, 8), source, 12)
        return Film(radiograph, build_pyramid(radiograph), presets_for(radiograph), grey_range(radiograph))

    lightbox = Lightbox(qapp)
    for number in range(500):
        lightbox.show(seen(number))
        lightbox.set_window(number, 7.0)
    assert len(lightbox._kept) == 200
    lightbox.show(seen(480))
    assert lightbox.display.view == Window(480, 7.0)
    lightbox.show(seen(3))
    assert lightbox.display.view != Window(3, 7.0)
    lightbox.deleteLater()
