"""Soft tissue: the body cut into slabs, each slab's organs found from the anatomy's surfaces.

A slab is a plane of constant depth; the rays of the beam cross it on a grid that is separable in rows and columns, so
every organ costs a handful of operations per pixel. Also the silhouettes, from the same surfaces: the truth.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from training.phantom.anatomy import Anatomy
from training.phantom.beam import Beam, Plane
from training.phantom.solids import Rays, add_ellipsoid, profile, upright

Bits = NDArray[np.bool_]

RIGHT, LEFT = -1, 1

# Half widths of trunk, neck and shoulder girdle against height, and their half depths; all outside the skin.
_TRUNK_WIDTH = profile((-140, 64), (-70, 58), (-48, 60), (-30, 84), (-12, 118), (10, 150), (60, 166), (110, 170),
                       (160, 170), (220, 166), (290, 158), (360, 160))  # fmt: skip
_TRUNK_DEPTH = profile(
    (-140, 58), (-60, 56), (-30, 62), (0, 78), (40, 98), (90, 110), (150, 115), (220, 114), (360, 106)
)
_GIRDLE_TOP = profile((60, -48), (75, -34), (95, -22), (120, -10), (150, 2), (175, 12), (195, 30), (230, 90))


@dataclass(frozen=True, slots=True, eq=False)
class Tissue:
    """Millimetres of each tissue along every ray."""

    soft: Plane
    fat: Plane
    lung: Plane  # inflated lung, both; its own density is applied later, so that texture can vary it
    right_lung: Plane
    bone: Plane  # as if it were all cortical


@dataclass(frozen=True, slots=True, eq=False)
class Silhouettes:
    """What each organ covers on the detector."""

    right_lung: Bits  # all of it: behind the heart and below the dome too
    left_lung: Bits
    heart: Bits
    mediastinum: Bits
    abdomen: Bits

    @property
    def right_clear(self) -> Bits:
        """The right lung as readers outline it: clear of heart, mediastinum and diaphragm."""
        return self.right_lung & ~(self.heart | self.mediastinum | self.abdomen)

    @property
    def left_clear(self) -> Bits:
        """The left lung as readers outline it."""
        return self.left_lung & ~(self.heart | self.mediastinum | self.abdomen)


def depths(anatomy: Anatomy, step_mm: float) -> NDArray[np.float64]:
    """Return the slabs' depths, from the skin of the back to that of the front."""
    reach = 118.0 * anatomy.depth_scale + anatomy.fat_mm
    count = max(8, round(2 * reach / step_mm))
    return (np.arange(count) + 0.5) / count * 2 * reach - reach


def tissue(anatomy: Anatomy, beam: Beam, step_mm: float = 1.5) -> Tissue:
    """Return the thickness of soft tissue, fat and lung along every ray. Bones and vessels are added elsewhere."""
    shape = (beam.rows, beam.columns)
    soft, fat, right, left = (np.zeros(shape, np.float32) for _ in range(4))
    slabs = depths(anatomy, step_mm)
    thickness = float(slabs[1] - slabs[0])
    for z in slabs:
        x, y = beam.at_depth(float(z))
        blur = beam.spacing_mm / beam.magnification(float(z))  # an edge is as wide as a pixel
        body, inner = _trunk(anatomy, x, y, float(z), blur)
        x, y = (np.asarray(v, dtype=np.float32) for v in anatomy.unposed(x, y, float(z)))
        organs = _organs(anatomy, x, y, float(z), blur)
        lungs = [_lung(anatomy, x, y, float(z), side, blur) * (1 - organs) for side in (RIGHT, LEFT)]
        right += lungs[0]
        left += lungs[1]
        fat += body - np.minimum(inner, body)
        soft += np.minimum(inner, body) - lungs[0] - lungs[1]
    for plane in (soft, fat, right, left):
        plane *= np.float32(thickness) * beam.obliquity()
    _add_surface_shapes(anatomy, beam, soft, fat)
    return Tissue(soft, fat, right + left, right, np.zeros(shape, np.float32))


def silhouettes(anatomy: Anatomy, beam: Beam, step_mm: float = 1.0) -> Silhouettes:
    """Return what every organ covers: a pixel counts when the ray through its centre meets the organ."""
    shape = (beam.rows, beam.columns)
    right, left, heart, mediastinum, abdomen = (np.zeros(shape, np.bool_) for _ in range(5))
    for z in depths(anatomy, step_mm):
        x, y = anatomy.unposed(*beam.at_depth(float(z)), float(z))
        here_heart = _between(x, anatomy.heart_edges(y, z))
        here_mediastinum = _between(x, anatomy.mediastinum_edges(y, z)) | _between(x, anatomy.aorta_edges(y, z))
        here_mediastinum |= _between(x, anatomy.spine_edges(y, z))
        for side, lung in ((RIGHT, right), (LEFT, left)):
            distance = x * side
            inner, outer = anatomy.lung_edges(y, z)
            cage = (distance > inner) & (distance < outer)
            above = y < anatomy.diaphragm(x, z, side)
            lung |= cage & above & ~(here_heart | here_mediastinum)
            abdomen |= cage & ~above
        heart |= here_heart
        mediastinum |= here_mediastinum
    return Silhouettes(right, left, heart, mediastinum, abdomen)


def _between(x: NDArray[np.floating], edges: tuple[NDArray[np.float64], NDArray[np.float64]]) -> Bits:
    return np.asarray((x > edges[0]) & (x < edges[1]))


def _ramp(distance: NDArray[np.floating], blur: float) -> Plane:
    """Return 1 inside, 0 outside, and a slope one pixel wide on the edge, so that edges have no stairs."""
    return np.clip(np.asarray(distance, dtype=np.float32) / np.float32(blur) + np.float32(0.5), 0, 1)


def _filled(x: Plane, edges: tuple[NDArray[np.float64], NDArray[np.float64]], blur: float) -> Plane:
    right, left = (edge.astype(np.float32) for edge in edges)
    return np.minimum(_ramp(x - right, blur), _ramp(left - x, blur))


def _organs(anatomy: Anatomy, x: Plane, y: Plane, z: float, blur: float) -> Plane:
    """Return how much of each pixel heart, mediastinum and spine fill: where lung cannot be."""
    filled = np.maximum(
        _filled(x, anatomy.heart_edges(y, np.float64(z)), blur),
        _filled(x, anatomy.mediastinum_edges(y, np.float64(z)), blur),
    )
    filled = np.maximum(filled, _filled(x, anatomy.aorta_edges(y, np.float64(z)), blur))
    return np.maximum(filled, _filled(x, anatomy.spine_edges(y, np.float64(z)), blur))


def _lung(anatomy: Anatomy, x: Plane, y: Plane, z: float, side: int, blur: float) -> Plane:
    inner, outer = (edge.astype(np.float32) for edge in anatomy.lung_edges(y, np.float64(z)))
    distance = x * np.float32(side)
    cage = np.minimum(_ramp(distance - inner, blur), _ramp(outer - distance, blur)) * (outer > inner)
    above = _ramp(anatomy.diaphragm(x, np.float64(z), side).astype(np.float32) - y, blur)
    return np.asarray(cage * above, dtype=np.float32)


def _trunk(anatomy: Anatomy, x: Plane, y: Plane, z: float, blur: float) -> tuple[Plane, Plane]:
    """Return how much of each pixel lies inside the skin, and inside the fat under it."""
    width, height, depth = anatomy.width_scale, anatomy.height_scale, anatomy.depth_scale
    standard_y = y / np.float32(height)
    extra = anatomy.fat_mm - 11.0
    away = np.abs(x)
    inside = []
    for peel in (0.0, anatomy.fat_mm):
        half_depth = _TRUNK_DEPTH(standard_y) * depth + extra - peel
        section = np.maximum(1 - np.abs(z / half_depth) ** 2.6, 0) ** (1 / 2.6)
        half_width = ((_TRUNK_WIDTH(standard_y) * width + extra - peel) * section).astype(np.float32)
        filled = _ramp(half_width - away, blur)
        # Shoulder girdle: a slope from the neck to the arm, thick from front to back in the middle of its height.
        top = _GIRDLE_TOP(away / np.float32(width)).astype(np.float32) * np.float32(height) + anatomy.shoulder_drop_mm
        below = y - top - np.float32(peel)
        thick = np.sqrt(np.clip(below / 30, 0, 1) * np.clip((105 - standard_y) / 60, 0, 1))
        thick = thick * np.float32(60 * depth + extra - peel)
        girdle = _ramp(below, 2 * blur) * _ramp(thick - abs(z + 12), 2.0)
        filled = np.maximum(filled, girdle.astype(np.float32))
        inside.append(np.maximum(filled, _arm(anatomy, away, y, z, peel, extra)))
    return inside[0], inside[1]


def _arm(anatomy: Anatomy, away: Plane, y: Plane, z: float, peel: float, extra: float) -> Plane:
    """Return how much of each pixel an arm fills, hands on hips: a capsule from the shoulder outwards."""
    start = np.array([172.0, 48.0, -15.0]) * [anatomy.width_scale, anatomy.height_scale, 1]
    end = np.array([262.0, 250.0, 0.0]) * [anatomy.width_scale, anatomy.height_scale, 1]
    axis = end - start
    dx, dy, dz = away - np.float32(start[0]), y - np.float32(start[1]), np.float32(z - start[2])
    t = np.clip((dx * axis[0] + dy * axis[1] + dz * axis[2]) / float(axis @ axis), 0, 1).astype(np.float32)
    distance = np.sqrt(
        (dx - t * np.float32(axis[0])) ** 2 + (dy - t * np.float32(axis[1])) ** 2 + (dz - t * np.float32(axis[2])) ** 2
    )
    return _ramp(np.float32(47 + extra - peel) - 6 * t - distance, 1.0)


def _add_surface_shapes(anatomy: Anatomy, beam: Beam, soft: Plane, fat: Plane) -> None:
    """Add what lies on the chest wall or below the diaphragm: pectoral muscles, breasts, gas in stomach and colon."""
    rays = Rays.of(beam)
    for side in (RIGHT, LEFT):
        pectoral = np.zeros_like(soft)
        centre = anatomy.posed(anatomy.standard(np.array([[side * 92.0, 62.0, 88.0]])))[0]
        add_ellipsoid(pectoral, rays, _triple(centre), upright(72, 40, 9, tilt_degrees=-side * 28))
        soft += pectoral
        fat -= np.minimum(pectoral, np.maximum(fat, 0))
        if anatomy.breast_mm > 0:
            breast = np.zeros_like(soft)
            centre = anatomy.posed(anatomy.standard(np.array([[side * 82.0, 172.0, 108.0]])))[0]
            add_ellipsoid(breast, rays, _triple(centre), upright(62, 58, anatomy.breast_mm))
            # Half of the ellipsoid stands out of the chest; half of that is gland.
            soft += 0.25 * breast
            fat += 0.25 * breast
    rng = np.random.default_rng([anatomy.seed, 3])
    gas = np.zeros_like(soft)
    bubbles = [((62.0, 268.0, -10.0), (30.0, 16.0, 26.0))]
    bubbles += [
        ((rng.uniform(70, 112), rng.uniform(285, 340), rng.uniform(0, 40)), tuple(rng.uniform(7, 16, 3)))
        for _ in range(5)
    ]
    for place, semi in bubbles:
        centre = anatomy.posed(anatomy.standard(np.array([place])))[0] + [0, anatomy.left_dome_drop_mm - 13, 0]
        add_ellipsoid(gas, rays, _triple(centre), upright(*semi, tilt_degrees=float(rng.uniform(-25, 25))))
    gas = cv2.GaussianBlur(gas, (0, 0), max(0.5, 1.5 / beam.spacing_mm))
    soft -= np.minimum(gas, 0.8 * np.maximum(soft, 0))


def _triple(point: NDArray[np.float64]) -> tuple[float, float, float]:
    return float(point[0]), float(point[1]), float(point[2])
