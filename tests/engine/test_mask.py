"""Masks are immutable sets of pixels: every operation against a slow, plain version or a known truth."""

import math
from functools import reduce

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from engine.errors import MeasurementError
from engine.geometry import BoxPrompt
from engine.mask import Mask, Stroke
from engine.outline import enclosed_area

noise = st.tuples(st.integers(1, 24), st.integers(1, 24)).flatmap(lambda shape: arrays(np.bool_, shape))


def disc(size: int, radius: float, row_size: float = 1.0, column_size: float = 1.0) -> NDArray[np.bool_]:
    y, x = np.ogrid[:size, :size]
    y, x = (y + 0.5 - size / 2) * row_size, (x + 0.5 - size / 2) * column_size
    return np.asarray(y * y + x * x <= radius * radius)


@given(noise)
def test_pixels_come_back_as_they_were(pixels: NDArray[np.bool_]) -> None:
    mask = Mask.of(pixels)
    assert np.array_equal(mask.pixels(), pixels)
    assert mask.area_px == pixels.sum()


def test_padding_bits_must_be_clear() -> None:
    with pytest.raises(ValueError, match="pad"):
        Mask(1, 3, b"\xff")


@given(noise)
def test_bounds_are_tight(pixels: NDArray[np.bool_]) -> None:
    box = Mask.of(pixels).bounds()
    if box is None:
        assert not pixels.any()
        return
    x0, y0, x1, y1 = (int(value) for value in box.corners)
    inside = pixels[y0:y1, x0:x1]
    assert inside.sum() == pixels.sum()
    assert inside[0].any()
    assert inside[-1].any()
    assert inside[:, 0].any()
    assert inside[:, -1].any()


@given(noise, st.data())
def test_sets_agree_with_booleans(a: NDArray[np.bool_], data: st.DataObject) -> None:
    b = data.draw(arrays(np.bool_, a.shape))
    first, second = Mask.of(a), Mask.of(b)
    assert np.array_equal(first.union(second).pixels(), a | b)
    assert np.array_equal(first.intersect(second).pixels(), a & b)
    assert np.array_equal(first.minus(second).pixels(), a & ~b)


def test_masks_of_different_films_do_not_combine() -> None:
    with pytest.raises(ValueError, match="combine"):
        Mask.empty(4, 4).union(Mask.empty(4, 5))


@given(noise, st.tuples(*[st.floats(-3, 27) for _ in range(2)]), st.tuples(*[st.floats(0.1, 20) for _ in range(2)]))
def test_a_clip_keeps_pixel_centres_in_the_box(
    pixels: NDArray[np.bool_], corner: tuple[float, float], size: tuple[float, float]
) -> None:
    box = BoxPrompt(*corner, corner[0] + size[0], corner[1] + size[1])
    y, x = np.ogrid[: pixels.shape[0], : pixels.shape[1]]
    inside = (x + 0.5 >= box.x0) & (x + 0.5 < box.x1) & (y + 0.5 >= box.y0) & (y + 0.5 < box.y1)
    assert np.array_equal(Mask.of(pixels).clipped(box).pixels(), pixels & inside)


@given(noise)
def test_an_outline_filled_is_the_mask(pixels: NDArray[np.bool_]) -> None:
    mask = Mask.of(pixels)
    outlines = mask.outlines()
    assert Mask.of_polygons(mask.rows, mask.columns, outlines) == mask
    assert sum(enclosed_area(polygon) for polygon in outlines) == pytest.approx(mask.area_px)


def test_a_polygon_takes_the_pixels_whose_centres_it_holds() -> None:
    triangle = np.array([[1.0, 1.0], [9.0, 1.0], [1.0, 9.0]])
    y, x = np.ogrid[:12, :12]
    expected = (x + 0.5 > 1) & (y + 0.5 > 1) & ((x + 0.5) + (y + 0.5) < 10)
    drawn = Mask.empty(12, 12).with_polygon(triangle)
    on_the_edge = (x + 0.5) + (y + 0.5) == 10
    assert np.array_equal(drawn.pixels() & ~on_the_edge, expected)
    assert drawn.without_polygon(triangle).is_empty


points = st.tuples(st.floats(-5, 45), st.floats(-5, 45))


@given(st.lists(points, min_size=1, max_size=4), st.floats(0, 12))
@settings(max_examples=60)
def test_a_stroke_is_every_centre_within_its_radius(line: list[tuple[float, float]], radius: float) -> None:
    y, x = np.mgrid[:40, :40] + 0.5
    near = np.full((40, 40), np.inf)
    for (ax, ay), (bx, by) in zip(line, line[1:] or line, strict=False):
        length2 = (bx - ax) ** 2 + (by - ay) ** 2
        along = np.clip(((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / length2, 0, 1) if length2 else 0.0
        near = np.minimum(near, np.hypot(x - ax - along * (bx - ax), y - ay - along * (by - ay)))
    drawn = Mask.empty(40, 40).painted(Stroke(tuple(line), radius)).pixels()
    held = np.zeros((40, 40), dtype=np.bool_)
    for px, py in line:
        if 0 <= px < 40 and 0 <= py < 40:
            held[int(py), int(px)] = True
    assert not (drawn & (near > radius + 1e-9) & ~held).any()
    assert drawn[near < radius - 1e-9].all()


def test_erasing_what_was_painted_gives_the_old_mask() -> None:
    old = Mask.empty(50, 61)
    stroke = Stroke(((3.0, 4.0), (55.0, 44.0)), 5.0)
    assert old.painted(stroke).area_px > 500
    assert old.painted(stroke).erased(stroke) == old


def test_a_stroke_off_the_film_changes_nothing() -> None:
    assert Mask.empty(10, 10).painted(Stroke(((90.0, 90.0),), 5.0)).is_empty


@given(noise)
@settings(max_examples=50)
def test_holes_filled_keeps_all_and_leaves_no_pocket(pixels: NDArray[np.bool_]) -> None:
    filled = Mask.of(pixels).holes_filled().pixels()
    assert filled[pixels].all()
    outside = np.pad(~filled, 1, constant_values=True).astype(np.uint8)
    count, _ = cv2.connectedComponents(outside, connectivity=4)
    assert count == 2  # label 0 is the structure, label 1 the one outside


def test_the_largest_parts_are_kept() -> None:
    pixels = np.zeros((20, 30), dtype=np.bool_)
    pixels[1:4, 1:4], pixels[6:16, 6:16], pixels[6:12, 20:28] = True, True, True
    mask = Mask.of(pixels)
    assert [part.area_px for part in mask.parts()] == [100, 48, 9]
    assert mask.part_count == 3
    assert mask.largest_parts(2).area_px == 148
    assert Mask.empty(5, 5).parts() == ()


@given(noise, st.integers(1, 4))
@settings(max_examples=150)
def test_parts_are_what_labelling_every_pixel_finds(pixels: NDArray[np.bool_], count: int) -> None:
    labelled, labels = cv2.connectedComponents(pixels.view(np.uint8), connectivity=8)
    mask = Mask.of(pixels)
    assert mask.part_count == labelled - 1
    parts = mask.parts()
    assert {part.packed for part in parts} == {Mask.of(labels == label).packed for label in range(1, labelled)}
    areas = [part.area_px for part in parts]
    assert areas == sorted(areas, reverse=True)
    assert mask.largest_parts(count) == reduce(Mask.union, parts[:count], Mask.empty(*pixels.shape))


@given(noise, st.integers(0, 9), st.integers(0, 9))
def test_a_crop_lies_where_it_is_put(pixels: NDArray[np.bool_], x0: int, y0: int) -> None:
    height, width = pixels.shape
    film = np.zeros((height + y0 + 3, width + x0 + 5), dtype=np.bool_)
    film[y0 : y0 + height, x0 : x0 + width] = pixels
    assert Mask.of_crop(pixels, x0, y0, *film.shape) == Mask.of(film)


@pytest.mark.parametrize("radius", [1.0, 2.5, 6.0])
@pytest.mark.parametrize("spacing", [(1.0, 1.0), (0.7, 0.4)])
def test_growing_reaches_every_centre_within_the_radius(radius: float, spacing: tuple[float, float]) -> None:
    pixels = np.zeros((60, 60), dtype=np.bool_)
    pixels[25:33, 20:41] = True
    y, x = np.mgrid[:60, :60]
    inside = np.argwhere(pixels)
    distance = np.min(
        np.hypot((y[..., None] - inside[:, 0]) * spacing[0], (x[..., None] - inside[:, 1]) * spacing[1]), axis=-1
    )
    grown = Mask.of(pixels).grown(radius, spacing)
    assert np.array_equal(grown.pixels(), distance <= radius + 1e-9)
    assert grown.shrunk(radius, spacing).minus(Mask.of(pixels)).area_px <= 0.02 * pixels.sum()


def test_the_films_border_takes_nothing_from_a_shrinking_mask() -> None:
    shrunk = Mask.of(np.ones((20, 20))).shrunk(3.0)
    assert shrunk.area_px == 400


def test_smoothing_rounds_corners_and_keeps_the_area() -> None:
    rough = disc(200, 70)
    rough[::3, 95:105] = True
    smooth = Mask.of(rough).smoothed(8.0)
    assert smooth.area_px == pytest.approx(disc(200, 70).sum(), rel=0.01)
    assert smooth.perimeter() < Mask.of(rough).perimeter()


@pytest.mark.parametrize("radius", [20.0, 55.3, 300.0])
@pytest.mark.parametrize("spacing", [(1.0, 1.0), (0.2, 0.14), (0.1, 0.3)])
def test_a_discs_perimeter_is_two_pi_r(radius: float, spacing: tuple[float, float]) -> None:
    size = math.ceil(2 * radius / min(spacing)) + 6 if spacing != (1.0, 1.0) else math.ceil(2 * radius) + 6
    if size > 2500:
        size = 2500
        radius = 1240 * min(spacing)
    mask = Mask.of(disc(size, radius, *spacing))
    assert mask.perimeter(spacing) == pytest.approx(2 * math.pi * radius, rel=0.005)


@pytest.mark.parametrize("degrees", [0, 7, 22.5, 45, 63])
def test_a_squares_perimeter_does_not_depend_on_its_turn(degrees: float) -> None:
    corners = cv2.boxPoints(((200.0, 200.0), (200.0, 200.0), degrees)).astype(np.float64)
    assert Mask.of_polygons(400, 400, [corners]).perimeter() == pytest.approx(800, rel=0.015)


def two_lungs() -> NDArray[np.bool_]:
    y, x = np.ogrid[:300, :320]
    right = ((y - 150) / 120) ** 2 + ((x - 85) / 60) ** 2 <= 1
    left = ((y - 150) / 110) ** 2 + ((x - 235) / 55) ** 2 <= 1
    return np.asarray(right | left)


def test_image_left_is_the_patients_right() -> None:
    mask = Mask.of(two_lungs())
    right, left = mask.split_lungs()
    assert right.bounds().x1 < left.bounds().x0  # type: ignore[union-attr]
    assert right.union(left) == mask
    assert right.intersect(left).is_empty


def test_fused_lungs_are_cut_at_the_bridge_even_when_tilted() -> None:
    pixels = two_lungs().astype(np.uint8)
    pixels[120:150, 80:240] = 1
    tilt = cv2.getRotationMatrix2D((160, 150), 10, 1.0)
    fused = Mask.of(cv2.warpAffine(pixels, tilt, (320, 300), flags=cv2.INTER_NEAREST))
    apart = [
        Mask.of(cv2.warpAffine(part.pixels().view(np.uint8), tilt, (320, 300), flags=cv2.INTER_NEAREST))
        for part in Mask.of(two_lungs()).split_lungs()
    ]
    right, left = fused.split_lungs()
    assert right.union(left) == fused
    assert right.intersect(left).is_empty
    assert right.dice(apart[0]) > 0.97
    assert left.dice(apart[1]) > 0.97


def bridged_lungs() -> NDArray[np.bool_]:
    """A wide lung and a narrow one, so the gap is off the middle, joined by a bridge 20 rows high."""
    y, x = np.ogrid[:600, :800]
    wide = ((y - 300) / 250) ** 2 + ((x - 250) / 170) ** 2 <= 1
    narrow = ((y - 300) / 250) ** 2 + ((x - 590) / 110) ** 2 <= 1
    pixels = np.asarray(wide | narrow)
    pixels[290:310, 250:590] = True
    return pixels


def test_fused_lungs_of_a_mirrored_film_are_cut_at_the_same_bridge() -> None:
    pixels = bridged_lungs()
    areas = [side.area_px for side in Mask.of(pixels).split_lungs()]
    mirrored = [side.area_px for side in Mask.of(pixels[:, ::-1]).split_lungs()]
    assert areas[0] == pytest.approx(np.pi * 250 * 170, rel=0.01)
    # The bridge's pixels on the cut itself go to the image's left, whichever lung that is.
    assert mirrored[::-1] == pytest.approx(areas, abs=20)


def test_fused_lungs_a_pixel_apart_are_cut_in_the_gap() -> None:
    pixels = np.ones((300, 211), dtype=np.bool_)
    pixels[:, 105] = False
    pixels[150, 105] = True
    low, high = Mask.of(pixels).split_lungs()
    assert sorted((low.area_px, high.area_px)) == [300 * 105, 300 * 105 + 1]


def test_fragments_stay_with_the_nearer_lung() -> None:
    pixels = two_lungs()
    pixels[5:9, 40:44] = True
    right, left = Mask.of(pixels).split_lungs()
    assert right.area_px + left.area_px == pixels.sum()
    assert right.pixels()[6, 41]


def test_one_lung_cannot_be_split() -> None:
    pixels = two_lungs()
    pixels[:, 160:] = False
    with pytest.raises(MeasurementError, match="one lung"):
        Mask.of(np.pad(pixels[:, 20:150], 1)).split_lungs()
    with pytest.raises(MeasurementError, match="empty"):
        Mask.empty(9, 9).split_lungs()


@given(noise)
def test_png_holds_the_mask(pixels: NDArray[np.bool_]) -> None:
    decoded = cv2.imdecode(np.frombuffer(Mask.of(pixels).png(), dtype=np.uint8), cv2.IMREAD_UNCHANGED)
    assert decoded is not None
    assert np.array_equal(decoded, pixels * np.uint8(255))
