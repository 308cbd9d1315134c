"""How well two outlines agree, and how an outline looks by itself: pure functions of boolean masks.

Lengths are in the unit of a `PixelSize`: millimetres where the film's spacing is known, else pixels of a frame whose
longer side is 512, so that films of any resolution compare. A mask's boundary is its pixels that have a neighbour
outside, above, below, left or right; the film's own edge counts as outside.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.geometry import Spacing

Pixels = NDArray[np.bool_]
Lengths = NDArray[np.float64]

FRAME_PX = 512
FRAME_UNIT = "px of 512"
PAPER_FRAME_PX = 256  # the released code scores logits of this size (arXiv 2604.01167)

TOLERANCE_MM = 1.5
TOLERANCE_FRAME_PX = 2.0  # about the same: a film of 35 to 43 cm has 0.7 to 0.8 mm a pixel at 512
PAPER_TOLERANCE_FRAME_PX = 4.0  # the paper's 2 px of 256

_CROSS = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
_NEAR = 0.10  # of the lung's height: the neighbourhood of an apex or an angle


@dataclass(frozen=True, slots=True)
class PixelSize:
    """Height and width of a pixel, in a unit."""

    row: float
    column: float
    unit: str

    @property
    def tolerance(self) -> float:
        """How far apart two boundaries may lie and still agree (NSD)."""
        return TOLERANCE_MM if self.unit == "mm" else TOLERANCE_FRAME_PX

    def diagonal(self, shape: tuple[int, ...]) -> float:
        """Return the film's diagonal: the distance that counts where there is nothing to measure to."""
        return math.hypot(shape[0] * self.row, shape[1] * self.column)


def pixel_size(rows: int, columns: int, spacing: Spacing | None) -> PixelSize:
    """Return millimetres where the spacing is known, else pixels of the stated frame."""
    if spacing is not None:
        return PixelSize(spacing.row_mm, spacing.column_mm, "mm")
    scale = FRAME_PX / max(rows, columns)
    return PixelSize(scale, scale, FRAME_UNIT)


# ---------------------------------------------------------------------------------------------- overlap


def dice(predicted: Pixels, truth: Pixels) -> float:
    """Return 2 |A and B| / (|A| + |B|); two empty masks agree."""
    total = np.count_nonzero(predicted) + np.count_nonzero(truth)
    return 1.0 if total == 0 else 2.0 * np.count_nonzero(predicted & truth) / total


def iou(predicted: Pixels, truth: Pixels) -> float:
    """Return |A and B| / |A or B|; two empty masks agree."""
    union = np.count_nonzero(predicted | truth)
    return 1.0 if union == 0 else np.count_nonzero(predicted & truth) / union


# ---------------------------------------------------------------------------------------------- boundaries


def boundary(mask: Pixels) -> Pixels:
    """Return the mask's pixels that touch the outside."""
    inner: NDArray[np.uint8] = cv2.erode(mask.astype(np.uint8), _CROSS, borderType=cv2.BORDER_CONSTANT, borderValue=0)
    return np.asarray(mask & (inner == 0))


def distances_to(points: NDArray[np.int64], target: Pixels, size: PixelSize) -> Lengths:
    """Return the distance of each (row, column) point to the nearest pixel of the target, which is not empty."""
    if size.row == size.column:
        away = (~target).astype(np.uint8)
        field: NDArray[np.float32] = cv2.distanceTransform(away, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
        return field[points[:, 0], points[:, 1]].astype(np.float64) * size.row
    unit = np.array([size.row, size.column])
    goals = np.argwhere(target) * unit
    found = np.empty(len(points))
    step = max(1, 4_000_000 // len(goals))  # 64 MB of differences at a time
    for start in range(0, len(points), step):
        part = points[start : start + step] * unit
        squared = ((part[:, None, :] - goals[None, :, :]) ** 2).sum(axis=2)
        found[start : start + step] = np.sqrt(squared.min(axis=1))
    return found


@dataclass(frozen=True, slots=True, eq=False)
class Surfaces:
    """Two boundaries, and how far every pixel of each is from the other."""

    predicted: NDArray[np.int64]  # (n, 2) rows and columns
    truth: NDArray[np.int64]
    from_predicted: Lengths  # to the truth
    from_truth: Lengths  # to the prediction


def surfaces(predicted: Pixels, truth: Pixels, size: PixelSize) -> Surfaces:
    """Return both boundaries with their distances; where one mask is empty, the other's are the film's diagonal."""
    edge_predicted, edge_truth = boundary(predicted), boundary(truth)
    at_predicted, at_truth = np.argwhere(edge_predicted), np.argwhere(edge_truth)
    far = size.diagonal(truth.shape)
    return Surfaces(
        at_predicted,
        at_truth,
        distances_to(at_predicted, edge_truth, size) if len(at_truth) else np.full(len(at_predicted), far),
        distances_to(at_truth, edge_predicted, size) if len(at_predicted) else np.full(len(at_truth), far),
    )


def nsd(found: Surfaces, tolerance: float) -> float:
    """Return the share of both boundaries' pixels that lie within the tolerance of the other boundary.

    Pixels are counted, not weighted by the length of edge they stand for; two empty masks agree.
    """
    total = len(found.from_predicted) + len(found.from_truth)
    if total == 0:
        return 1.0
    near = np.count_nonzero(found.from_predicted <= tolerance) + np.count_nonzero(found.from_truth <= tolerance)
    return near / total


def hd95(found: Surfaces) -> float:
    """Return the larger of the two 95th percentiles of distance; 0 for two empty masks."""
    both = [d for d in (found.from_predicted, found.from_truth) if len(d)]
    return max((float(np.percentile(d, 95)) for d in both), default=0.0)


def average_distance(found: Surfaces) -> float:
    """Return the mean distance over the pixels of both boundaries; 0 for two empty masks."""
    every = np.concatenate([found.from_predicted, found.from_truth])
    return float(every.mean()) if every.size else 0.0


# ---------------------------------------------------------------------------------------------- landmarks


def apex(lung: Pixels) -> tuple[float, float]:
    """Return the middle of the lung's topmost row, as (row, column)."""
    row = int(np.flatnonzero(lung.any(axis=1))[0])
    return float(row), float(np.flatnonzero(lung[row]).mean())


def costophrenic_angle(lung: Pixels, *, on_image_left: bool) -> tuple[float, float]:
    """Return the lateral lower corner of a lung, as (row, column).

    It is the pixel farthest down and outwards, both measured in parts of the lung's bounding box; the patient's right
    lung lies on the image's left and points to the left.
    """
    points = np.argwhere(lung)
    low, high = points.min(axis=0), points.max(axis=0)
    across = (points - low) / np.maximum(high - low, 1)
    outwards = 1.0 - across[:, 1] if on_image_left else across[:, 1]
    row, column = points[int(np.argmax(across[:, 0] + outwards))]
    return float(row), float(column)


def error_near(found: Surfaces, point: tuple[float, float], lung: Pixels, size: PixelSize) -> float:
    """Return the mean distance between the boundaries near a point of the truth.

    Near is within a tenth of the lung's height. The truth's boundary there is measured to the prediction's and the
    prediction's there, if it has any, to the truth's; the larger of the two means counts.
    """
    rows = np.flatnonzero(lung.any(axis=1))
    radius = _NEAR * (rows[-1] - rows[0] + 1) * size.row

    def mean_near(points: NDArray[np.int64], lengths: Lengths) -> float:
        offsets = (points - np.array(point)) * np.array([size.row, size.column])
        near = lengths[np.hypot(offsets[:, 0], offsets[:, 1]) <= radius]
        return float(near.mean()) if near.size else 0.0

    return max(mean_near(found.truth, found.from_truth), mean_near(found.predicted, found.from_predicted))


def chest_wall(lung: Pixels, *, on_image_left: bool) -> NDArray[np.int64]:
    """Return the truth's outermost pixel of every row between 15 % and 75 % of the lung's height.

    Here the conventions with and without the heart agree, so a model of one can be held to the truth of the other.
    """
    rows = np.flatnonzero(lung.any(axis=1))
    height = rows[-1] - rows[0] + 1
    chosen = rows[(rows >= rows[0] + 0.15 * height) & (rows < rows[0] + 0.75 * height)]
    from_outside = lung[chosen] if on_image_left else lung[chosen, ::-1]
    columns = from_outside.argmax(axis=1)
    return np.stack([chosen, columns if on_image_left else lung.shape[1] - 1 - columns], axis=1)


def error_along(found: Surfaces, points: NDArray[np.int64]) -> float:
    """Return the mean distance to the prediction's boundary of some pixels of the truth's boundary."""
    wide = 1 << 32  # one number a pixel
    chosen = np.isin(found.truth[:, 0] * wide + found.truth[:, 1], points[:, 0] * wide + points[:, 1])
    lengths = found.from_truth[chosen]
    return float(lengths.mean()) if lengths.size else 0.0


# ---------------------------------------------------------------------------------------------- looks


def pieces(mask: Pixels) -> int:
    """Return the number of separate pieces; pixels that touch at a corner hang together."""
    return int(cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)[0]) - 1


def holes(mask: Pixels) -> int:
    """Return the number of holes: background that does not reach the film's edge."""
    outside = np.pad(~mask, 1, constant_values=True).astype(np.uint8)
    return int(cv2.connectedComponents(outside, connectivity=4)[0]) - 2


def compactness(mask: Pixels) -> float | None:
    """Return perimeter squared over area, 4 pi for a disc; None for an empty mask.

    The perimeter runs through the centres of the outer boundary's pixels, so a straight edge of n pixels counts n - 1.
    """
    area = np.count_nonzero(mask)
    if area == 0:
        return None
    outlines, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return float(sum(cv2.arcLength(outline, closed=True) for outline in outlines) ** 2 / area)


def roughness(predicted: Pixels, truth: Pixels) -> float | None:
    """Return the prediction's perimeter squared over area against the truth's: 1 is as smooth, more is more jagged."""
    ours, theirs = compactness(predicted), compactness(truth)
    return ours / theirs if ours and theirs else None


# ---------------------------------------------------------------------------------------------- SSIM


def ssim_map(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the structural similarity of two images of range 0 to 1, pixel by pixel (Wang et al. 2004).

    Gaussian window of 11 pixels and sigma 1.5, K1 = 0.01, K2 = 0.03; the image is mirrored beyond its edge.
    """
    c1, c2 = 0.01**2, 0.03**2

    def smooth(image: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(cv2.GaussianBlur(image, (11, 11), 1.5, borderType=cv2.BORDER_REFLECT))

    mean_1, mean_2 = smooth(first), smooth(second)
    variance_1 = smooth(first * first) - mean_1 * mean_1
    variance_2 = smooth(second * second) - mean_2 * mean_2
    covariance = smooth(first * second) - mean_1 * mean_2
    return ((2 * mean_1 * mean_2 + c1) * (2 * covariance + c2)) / (
        (mean_1 * mean_1 + mean_2 * mean_2 + c1) * (variance_1 + variance_2 + c2)
    )


def paper_frame(mask: Pixels) -> NDArray[np.float64]:
    """Return a mask at the size the paper's code scores at, by nearest neighbour as there."""
    side = (PAPER_FRAME_PX, PAPER_FRAME_PX)
    small: NDArray[np.uint8] = cv2.resize(mask.astype(np.uint8), side, interpolation=cv2.INTER_NEAREST)
    return small.astype(np.float64)


def ssim(predicted: Pixels, truth: Pixels) -> float:
    """Return the mean structural similarity of two masks at the paper's size."""
    return float(ssim_map(paper_frame(predicted), paper_frame(truth)).mean())
