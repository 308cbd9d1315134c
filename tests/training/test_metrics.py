"""Metrics on shapes whose answer is known, and against slow plain arithmetic."""

import math

import numpy as np
import pytest

from engine.geometry import Spacing, SpacingOrigin
from training import metrics
from training.metrics import Pixels, PixelSize

SQUARE_PX = PixelSize(1.0, 1.0, "px")


def rectangle(rows: tuple[int, int], columns: tuple[int, int], shape: tuple[int, int] = (40, 50)) -> Pixels:
    mask = np.zeros(shape, dtype=np.bool_)
    mask[slice(*rows), slice(*columns)] = True
    return mask


def disc(radius: float, centre: tuple[float, float], shape: tuple[int, int]) -> Pixels:
    ys, xs = np.mgrid[: shape[0], : shape[1]]
    return np.asarray((ys - centre[0]) ** 2 + (xs - centre[1]) ** 2 <= radius**2)


def blobs(seed: int, shape: tuple[int, int] = (30, 36)) -> Pixels:
    rng = np.random.default_rng(seed)
    mask = np.zeros(shape, dtype=np.bool_)
    for _ in range(4):
        y, x, r = rng.uniform(4, 26), rng.uniform(4, 32), rng.uniform(2, 7)
        mask |= disc(r, (y, x), shape)
    return mask


def slow_boundary(mask: Pixels) -> list[tuple[int, int]]:
    def outside(y: int, x: int) -> bool:
        return not (0 <= y < mask.shape[0] and 0 <= x < mask.shape[1]) or not mask[y, x]

    return [
        (y, x)
        for y in range(mask.shape[0])
        for x in range(mask.shape[1])
        if mask[y, x] and any(outside(y + dy, x + dx) for dy, dx in ((1, 0), (-1, 0), (0, 1), (0, -1)))
    ]


def slow_distances(points: list[tuple[int, int]], goals: list[tuple[int, int]], size: PixelSize) -> list[float]:
    return [min(math.hypot((y - v) * size.row, (x - u) * size.column) for v, u in goals) for y, x in points]


def test_half_overlapping_squares_have_dice_one_half() -> None:
    one, other = rectangle((0, 10), (0, 10)), rectangle((0, 10), (5, 15))
    assert metrics.dice(one, other) == 0.5
    assert metrics.iou(one, other) == pytest.approx(1 / 3)


def test_empty_masks_agree_with_each_other_and_with_nothing_else() -> None:
    nothing, something = np.zeros((30, 40), np.bool_), rectangle((3, 9), (4, 8), (30, 40))
    both = metrics.surfaces(nothing, nothing, SQUARE_PX)
    assert (metrics.dice(nothing, nothing), metrics.iou(nothing, nothing), metrics.nsd(both, 2.0)) == (1.0, 1.0, 1.0)
    assert (metrics.hd95(both), metrics.average_distance(both)) == (0.0, 0.0)
    missed = metrics.surfaces(nothing, something, SQUARE_PX)
    assert (metrics.dice(nothing, something), metrics.nsd(missed, 2.0)) == (0.0, 0.0)
    assert metrics.hd95(missed) == metrics.average_distance(missed) == 50.0  # the film's diagonal


def test_a_square_moved_by_three_pixels_has_known_distances() -> None:
    found = metrics.surfaces(rectangle((5, 25), (5, 25)), rectangle((5, 25), (8, 28)), SQUARE_PX)
    assert metrics.hd95(found) == 3.0
    # Of 76 edge pixels: 19 columns lie at most 2 beside the other's top and bottom edge; of the side within the other
    # square, 2 more rows at each end lie that near to them.
    assert metrics.nsd(found, 2.0) == (2 * 19 + 2 * 2) / 76
    assert metrics.nsd(found, 3.0) == 1.0


def test_a_disc_inside_a_disc_is_off_by_the_difference_of_the_radii() -> None:
    inner, outer = disc(40, (60, 60), (121, 121)), disc(50, (60, 60), (121, 121))
    found = metrics.surfaces(inner, outer, SQUARE_PX)
    assert metrics.average_distance(found) == pytest.approx(10.0, abs=0.3)
    assert metrics.hd95(found) == pytest.approx(10.0, abs=0.8)


@pytest.mark.parametrize("size", [SQUARE_PX, PixelSize(0.5, 0.5, "mm"), PixelSize(0.7, 0.4, "mm")])
@pytest.mark.parametrize("seed", range(5))
def test_boundary_distances_equal_slow_arithmetic(seed: int, size: PixelSize) -> None:
    predicted, truth = blobs(seed), blobs(seed + 100)
    found = metrics.surfaces(predicted, truth, size)
    edge_predicted, edge_truth = slow_boundary(predicted), slow_boundary(truth)
    forth = slow_distances(edge_predicted, edge_truth, size)
    back = slow_distances(edge_truth, edge_predicted, size)
    assert found.predicted.tolist() == [list(point) for point in edge_predicted]
    np.testing.assert_allclose(found.from_predicted, forth, rtol=1e-6)
    np.testing.assert_allclose(found.from_truth, back, rtol=1e-6)
    assert metrics.hd95(found) == pytest.approx(max(np.percentile(forth, 95), np.percentile(back, 95)), rel=1e-6)
    assert metrics.average_distance(found) == pytest.approx(np.mean(forth + back), rel=1e-6)
    assert metrics.nsd(found, 1.3) == np.mean(np.array(forth + back) <= 1.3)


def test_lengths_are_in_millimetres_where_the_spacing_is_known() -> None:
    known = metrics.pixel_size(3000, 2400, Spacing(0.14, 0.14, SpacingOrigin.DETECTOR))
    assert (known.row, known.unit, known.tolerance) == (0.14, "mm", 1.5)
    unknown = metrics.pixel_size(1024, 512, None)
    assert (unknown.row, unknown.column, unknown.unit, unknown.tolerance) == (0.5, 0.5, "px of 512", 2.0)


def test_the_same_film_at_twice_the_resolution_scores_the_same_distance() -> None:
    one = metrics.surfaces(rectangle((5, 25), (5, 25)), rectangle((5, 25), (8, 28)), metrics.pixel_size(40, 50, None))
    predicted, truth = rectangle((10, 50), (10, 50), (80, 100)), rectangle((10, 50), (16, 56), (80, 100))
    two = metrics.surfaces(predicted, truth, metrics.pixel_size(80, 100, None))
    assert metrics.hd95(one) == pytest.approx(metrics.hd95(two))


def triangle_lung() -> Pixels:
    """A lung on the image's left: apex at row 2, lateral corner at row 31, column 4."""
    mask = np.zeros((40, 40), np.bool_)
    for row in range(2, 32):
        mask[row, 18 - (row - 2) * 14 // 29 : 20] = True
    return mask


def test_apex_and_angle_are_where_a_reader_points() -> None:
    lung = triangle_lung()
    assert metrics.apex(lung) == (2.0, 18.5)
    assert metrics.costophrenic_angle(lung, on_image_left=True) == (31.0, 4.0)
    assert metrics.costophrenic_angle(lung[:, ::-1], on_image_left=False) == (31.0, 35.0)


def test_a_cut_angle_is_an_error_at_the_angle_and_none_at_the_apex() -> None:
    truth = triangle_lung()
    predicted = truth.copy()
    predicted[26:] = False
    found = metrics.surfaces(predicted, truth, SQUARE_PX)
    angle = metrics.costophrenic_angle(truth, on_image_left=True)
    assert metrics.error_near(found, angle, truth, SQUARE_PX) > 4.0
    assert metrics.error_near(found, metrics.apex(truth), truth, SQUARE_PX) == 0.0
    assert metrics.error_near(metrics.surfaces(truth, truth, SQUARE_PX), angle, truth, SQUARE_PX) == 0.0


def test_a_spur_beyond_the_angle_counts_although_the_truth_has_nothing_there() -> None:
    truth = triangle_lung()
    predicted = truth.copy()
    predicted[31, 1:4] = True
    found = metrics.surfaces(predicted, truth, SQUARE_PX)
    angle = metrics.costophrenic_angle(truth, on_image_left=True)
    assert metrics.error_near(found, angle, truth, SQUARE_PX) > metrics.error_near(
        metrics.surfaces(truth, truth, SQUARE_PX), angle, truth, SQUARE_PX
    )


def test_the_chest_wall_is_the_outer_edge_between_apex_and_angle() -> None:
    lung = triangle_lung()  # 30 rows from 2 on, so the wall is rows 7 to 24
    wall = metrics.chest_wall(lung, on_image_left=True)
    assert wall[:, 0].tolist() == list(range(7, 25))
    assert all(lung[row, column] and not lung[row, column - 1] for row, column in wall)
    turned = metrics.chest_wall(lung[:, ::-1], on_image_left=False)
    np.testing.assert_array_equal(turned[:, 1], 39 - wall[:, 1])


def test_an_error_at_the_heart_is_none_at_the_chest_wall() -> None:
    truth = triangle_lung()
    wall = metrics.chest_wall(truth, on_image_left=True)
    medial, lateral = truth.copy(), truth.copy()
    medial[:, 17:20] = False
    lateral[:, :15] = False
    assert metrics.error_along(metrics.surfaces(medial, truth, SQUARE_PX), wall) == pytest.approx(0.0, abs=0.5)
    assert metrics.error_along(metrics.surfaces(lateral, truth, SQUARE_PX), wall) > 2.0
    nothing = np.zeros_like(truth)
    far = SQUARE_PX.diagonal(truth.shape)
    assert metrics.error_along(metrics.surfaces(nothing, truth, SQUARE_PX), wall) == far


def test_pieces_and_holes_are_counted() -> None:
    mask = rectangle((2, 20), (2, 20)) | rectangle((20, 22), (20, 22)) | rectangle((30, 31), (30, 31))
    assert metrics.pieces(mask) == 2  # the second rectangle touches the first at a corner
    mask[5, 5] = mask[10:12, 10:12] = False
    assert metrics.holes(mask) == 2
    assert metrics.holes(np.ones((4, 4), np.bool_)) == 0
    mask[0:20, 2] = False
    assert metrics.holes(mask) == 2  # a bay open to the outside is no hole
    assert (metrics.pieces(np.zeros((4, 4), np.bool_)), metrics.holes(np.zeros((4, 4), np.bool_))) == (0, 0)


def test_a_square_has_compactness_sixteen_less_its_half_pixels() -> None:
    assert metrics.compactness(rectangle((3, 33), (4, 34))) == pytest.approx((4 * 29) ** 2 / 900)
    assert metrics.compactness(np.zeros((4, 4), np.bool_)) is None


def test_teeth_along_an_edge_are_rough_and_scale_is_not() -> None:
    smooth = rectangle((10, 30), (10, 40))
    teeth = smooth.copy()
    teeth[9, 10:40:2] = True
    assert metrics.roughness(smooth, smooth) == 1.0
    jagged = metrics.roughness(teeth, smooth)
    assert jagged is not None
    assert jagged > 1.1
    small, large = disc(30, (50, 50), (101, 101)), disc(120, (200, 200), (401, 401))
    assert metrics.roughness(small, large) == pytest.approx(1.0, abs=0.06)
    assert metrics.roughness(np.zeros_like(smooth), smooth) is None


def slow_ssim_at(first: np.ndarray, second: np.ndarray, y: int, x: int) -> float:
    """Wang's formula at one pixel away from the edge, written out."""
    offsets = np.arange(-5, 6)
    weights = np.exp(-(offsets**2) / (2 * 1.5**2))
    window = np.outer(weights, weights) / np.outer(weights, weights).sum()
    a, b = first[y - 5 : y + 6, x - 5 : x + 6], second[y - 5 : y + 6, x - 5 : x + 6]
    mean_a, mean_b = (window * a).sum(), (window * b).sum()
    variance_a, variance_b = (window * (a - mean_a) ** 2).sum(), (window * (b - mean_b) ** 2).sum()
    covariance = (window * (a - mean_a) * (b - mean_b)).sum()
    luminance = (2 * mean_a * mean_b + 1e-4) / (mean_a**2 + mean_b**2 + 1e-4)
    return float(luminance * (2 * covariance + 9e-4) / (variance_a + variance_b + 9e-4))


def test_ssim_equals_wangs_formula_pixel_by_pixel() -> None:
    rng = np.random.default_rng(3)
    first, second = rng.random((24, 26)), rng.random((24, 26))
    found = metrics.ssim_map(first, second)
    for y, x in ((5, 5), (10, 20), (18, 7)):
        assert found[y, x] == pytest.approx(slow_ssim_at(first, second, y, x), rel=1e-9)


def test_ssim_is_one_for_the_same_mask_and_falls_where_masks_differ() -> None:
    one, other = rectangle((5, 25), (5, 25)), rectangle((5, 25), (5, 30))
    assert metrics.ssim(one, one) == pytest.approx(1.0)
    assert metrics.ssim(one, other) < 0.99
