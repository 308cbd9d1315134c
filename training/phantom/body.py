"""Soft tissue: the body cut into slabs, each slab's organs found from the anatomy's surfaces.

A slab is a plane of constant depth; the rays of the beam cross it on a grid that is separable in rows and columns, so
every organ costs a handful of operations per pixel. Also the silhouettes, from the same surfaces: the truth.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from training.phantom.anatomy import Anatomy, Edges
from training.phantom.beam import Beam, Plane
from training.phantom.solids import Rays, add_ellipsoid, profile, upright

Bits = NDArray[np.bool_]

RIGHT, LEFT = -1, 1
# Breathing and heartbeat leave no border of the lungs sharper than this, and nothing of the skin's as sharp.
_LUNG_SPACING_MM, _FLESH_SPACING_MM = 0.4, 0.8

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


def tissue(anatomy: Anatomy, beam: Beam) -> Tissue:
    """Return the thickness of soft tissue, fat and lung along every ray. Bones and vessels are added elsewhere."""
    soft, fat = _on_grid(_flesh, anatomy, beam, _FLESH_SPACING_MM)
    right, left = _on_grid(_lungs, anatomy, beam, _LUNG_SPACING_MM)
    soft -= right + left
    _add_surface_shapes(anatomy, beam, soft, fat)
    return Tissue(soft, fat, right + left, right, np.zeros_like(soft))


def _on_grid(
    integrate: Callable[[Anatomy, Beam, float], tuple[Plane, Plane]], anatomy: Anatomy, beam: Beam, spacing_mm: float
) -> tuple[Plane, Plane]:
    """Return two maps on the beam's own pixels, integrated on a grid no finer than `spacing_mm`."""
    if beam.spacing_mm >= spacing_mm:
        return integrate(anatomy, beam, 2 * spacing_mm)
    coarse = integrate(anatomy, beam.resampled(spacing_mm / beam.spacing_mm), 2 * spacing_mm)
    first, second = (cv2.resize(m, (beam.columns, beam.rows), interpolation=cv2.INTER_LINEAR) for m in coarse)
    return np.asarray(first, np.float32), np.asarray(second, np.float32)


def _flesh(anatomy: Anatomy, beam: Beam, step_mm: float) -> tuple[Plane, Plane]:
    """Return the body's thickness without its fat, lungs not yet taken out, and the fat's."""
    inner, fat = (np.zeros((beam.rows, beam.columns), np.float32) for _ in range(2))
    slabs = depths(anatomy, step_mm)
    for z in slabs:
        body, without_fat = _trunk(anatomy, Slab.of(beam, float(z)))
        without_fat = np.minimum(without_fat, body)
        inner += without_fat
        fat += body - without_fat
    path = np.float32(slabs[1] - slabs[0]) * beam.obliquity()
    return inner * path, fat * path


def _lungs(anatomy: Anatomy, beam: Beam, step_mm: float) -> tuple[Plane, Plane]:
    """Return the thickness of the right and of the left lung."""
    right, left = (np.zeros((beam.rows, beam.columns), np.float32) for _ in range(2))
    slabs = depths(anatomy, step_mm)
    lowest = anatomy.lung_height_mm + max(anatomy.left_dome_drop_mm, 0) + anatomy.dome_height_mm
    for z in slabs:
        slab = Slab.of(beam, float(z)).unposed(anatomy)
        rows = _span(slab.y[:, 0], 0, lowest)
        for side, lung in ((RIGHT, right), (LEFT, left)):
            columns = _span(slab.x[0] * side, 0, 1.05 * anatomy.half_width_mm)
            part = replace(slab, x=slab.x[:, columns], y=slab.y[rows])
            lung[rows, columns] += _lung(anatomy, part, side) * (1 - _organs(anatomy, part))
    path = np.float32(slabs[1] - slabs[0]) * beam.obliquity()
    return right * path, left * path


def silhouettes(anatomy: Anatomy, beam: Beam, step_mm: float = 1.0) -> Silhouettes:
    """Return what every organ covers: a pixel counts when the ray through its centre meets the organ."""
    shape = (beam.rows, beam.columns)
    right, left, heart, mediastinum, abdomen = (np.zeros(shape, np.bool_) for _ in range(5))
    for depth in depths(anatomy, step_mm):
        z = float(depth)
        x, y = anatomy.unposed(*beam.at_depth(z), z)
        here_heart = _between(x, anatomy.heart_edges(y, z))
        here_mediastinum = _between(x, anatomy.mediastinum_edges(y, z))
        here_mediastinum |= _between(x, anatomy.aorta_edges(y, z)) | _between(x, anatomy.spine_edges(y, z))
        for side, all_of_lung in ((RIGHT, right), (LEFT, left)):
            distance = x * side
            inner, outer = anatomy.lung_edges(y, z)
            cage = (distance > inner) & (distance < outer)
            above = y < anatomy.diaphragm(x, z, side)
            np.logical_or(all_of_lung, cage & above & ~(here_heart | here_mediastinum), out=all_of_lung)
            abdomen |= cage & ~above
        heart |= here_heart
        mediastinum |= here_mediastinum
    return Silhouettes(right, left, heart, mediastinum, abdomen)


@dataclass(frozen=True, slots=True, eq=False)
class Slab:
    """Where the rays cross one depth, and how wide a pixel is there: edges are drawn that wide, so have no stairs."""

    x: Plane  # (1, columns)
    y: Plane  # (rows, 1)
    z: float
    pixel_mm: float

    @staticmethod
    def of(beam: Beam, z: float) -> "Slab":
        """Return the beam's slab at one depth."""
        return Slab(*beam.at_depth(z), z, beam.spacing_mm / beam.magnification(z))

    def unposed(self, anatomy: Anatomy) -> "Slab":
        """Return the slab in the straight body's coordinates."""
        x, y = anatomy.unposed(self.x, self.y, self.z)
        return replace(self, x=x, y=y)

    def inside(self, distance: NDArray[np.floating]) -> Plane:
        """Return 1 where a distance to an edge is positive, 0 where negative, and a slope one pixel wide between."""
        return _ramp(distance, self.pixel_mm)

    def filled(self, edges: Edges) -> Plane:
        """Return how much of each pixel lies between a right and a left edge."""
        right, left = (edge.astype(np.float32) for edge in edges)
        return np.asarray(np.minimum(self.inside(self.x - right), self.inside(left - self.x)) * (left > right))


def _between(x: Plane, edges: Edges) -> Bits:
    return np.asarray((x > edges[0]) & (x < edges[1]))


def _span(places: NDArray[np.floating], low: float, high: float) -> slice:
    """Return the stretch of a rising or falling row of places that lies between two values."""
    found = np.flatnonzero((places > low) & (places < high))
    return slice(int(found[0]), int(found[-1]) + 1) if found.size else slice(0, 0)


def _ramp(distance: NDArray[np.floating], width_mm: float) -> Plane:
    slope = np.asarray(distance, dtype=np.float32) / np.float32(width_mm)
    slope += np.float32(0.5)
    np.clip(slope, 0, 1, out=slope)
    return slope


def _organs(anatomy: Anatomy, slab: Slab) -> Plane:
    """Return how much of each pixel heart, mediastinum and spine fill: where lung cannot be."""
    filled = slab.filled(anatomy.heart_edges(slab.y, slab.z))
    for organ in (anatomy.mediastinum_edges, anatomy.aorta_edges, anatomy.spine_edges):
        np.maximum(filled, slab.filled(organ(slab.y, slab.z)), out=filled)
    return filled


def _lung(anatomy: Anatomy, slab: Slab, side: int) -> Plane:
    inner, outer = (edge.astype(np.float32) for edge in anatomy.lung_edges(slab.y, slab.z))
    distance = slab.x * np.float32(side)
    cage = np.minimum(slab.inside(distance - inner), slab.inside(outer - distance)) * (outer > inner)
    above = slab.inside(anatomy.diaphragm(slab.x, slab.z, side).astype(np.float32) - slab.y)
    return np.asarray(cage * above, dtype=np.float32)


def _trunk(anatomy: Anatomy, slab: Slab) -> tuple[Plane, Plane]:
    """Return how much of each pixel lies inside the skin, and inside the fat under it."""
    width, height, depth = anatomy.width_scale, anatomy.height_scale, anatomy.depth_scale
    standard_y = slab.y / np.float32(height)
    extra = anatomy.fat_mm - 11.0
    away = np.abs(slab.x)
    inside = []
    for peel in (0.0, anatomy.fat_mm):
        half_depth = _TRUNK_DEPTH(standard_y) * depth + extra - peel
        section = np.maximum(1 - np.abs(slab.z / half_depth) ** 2.6, 0) ** (1 / 2.6)
        half_width = ((_TRUNK_WIDTH(standard_y) * width + extra - peel) * section).astype(np.float32)
        filled = slab.inside(half_width - away) * (half_width > 0)
        # Shoulder girdle: a slope from the neck to the arm, thick from front to back in the middle of its height.
        top = _GIRDLE_TOP(away / np.float32(width)).astype(np.float32) * np.float32(height) + anatomy.shoulder_drop_mm
        below = slab.y - top - np.float32(peel)
        thick = np.sqrt(np.clip(below / 30, 0, 1) * np.clip((105 - standard_y) / 60, 0, 1))
        thick = thick * np.float32(60 * depth + extra - peel)
        girdle = _ramp(below, 2 * slab.pixel_mm) * _ramp(thick - abs(slab.z + 12), 2.0)
        filled = np.maximum(filled, girdle.astype(np.float32))
        inside.append(np.maximum(filled, _arm(anatomy, slab, radius_mm=47 + extra - peel)))
    return inside[0], inside[1]


def _arm(anatomy: Anatomy, slab: Slab, radius_mm: float) -> Plane:
    """Return how much of each pixel an arm fills, hands on hips: a capsule from the shoulder outwards."""
    start = anatomy.standard(np.array([[172.0, 48.0, -15.0]]))[0]
    axis = anatomy.standard(np.array([[262.0, 250.0, 0.0]]))[0] - start
    dx, dy, dz = np.abs(slab.x) - np.float32(start[0]), slab.y - np.float32(start[1]), np.float32(slab.z - start[2])
    ax, ay, az = (np.float32(a) for a in axis)
    t = np.clip((dx * ax + dy * ay + dz * az) / (ax * ax + ay * ay + az * az), 0, 1)
    distance = np.sqrt((dx - t * ax) ** 2 + (dy - t * ay) ** 2 + (dz - t * az) ** 2)
    return _ramp(np.float32(radius_mm) - 6 * t - distance, 1.0)


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
