"""Anatomy: one person's chest as numbers, and the surfaces that follow from them.

The surfaces answer "between which x does this organ lie, at this height and depth?", so that a whole slab of the body
costs a few operations per pixel, and the same functions tell whether a point is inside a lung.
"""

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from training.phantom.beam import Plane
from training.phantom.solids import Points, profile

Numbers = NDArray[np.floating] | float
Edges = tuple[NDArray[np.float64], NDArray[np.float64]]

# The standard chest that every anatomy scales: an adult in full inspiration, after common norms (a dome at the tenth
# posterior rib, a thoracic diameter of 28 cm, a heart of 13 cm).
STANDARD_HEIGHT_MM = 222.0
STANDARD_HALF_WIDTH_MM = 140.0
STANDARD_HALF_DEPTH_MM = 88.0

# Where each lung's section is deepest, beside the spine.
_KEEL_MM = 46.0
_ROUNDNESS = 2.4  # exponent of the superellipse: 2 is an ellipse, more is boxier

# Against the square root of the distance from the apex, so that the apex is a dome and not a spike.
_LUNG_OUTER = profile(
    (0, _KEEL_MM), (2, 62), (3.46, 75), (5, 89), (6.7, 102), (8.37, 113), (10, 122), (11.8, 130.5), (13.4, 136.5),
    (14.8, 140), (16.1, 140.5), (17.3, 138), (18.5, 134),
)  # fmt: skip
_LUNG_INNER = profile((0, _KEEL_MM), (2, 33), (3.2, 24), (5, 14), (7, 7), (17, 4))
_LUNG_HALF_DEPTH = profile((0, 14), (10, 30), (30, 48), (60, 64), (100, 78), (150, 86), (220, 88), (320, 86))
_LUNG_CENTRE_Z = profile((0, -38), (30, -28), (60, -16), (100, -6), (150, 0), (320, 4))

# The mediastinum's and the heart's borders as a film shows them, right and left of the midline.
_MEDIASTINUM_RIGHT = profile((-60, 22), (0, 20), (22, 22), (50, 26), (74, 27.5), (86, 29.5), (96, 27), (118, 26.5),
                             (150, 17), (200, 12), (270, 9))  # fmt: skip
_MEDIASTINUM_LEFT = profile(
    (-60, 20), (0, 18), (20, 20), (38, 24), (52, 29), (60, 34.5), (69, 38), (78, 36), (87, 31.5), (97, 29.5), (118, 29),
    (150, 19), (200, 14), (270, 10),
)  # fmt: skip
_HEART_RIGHT = profile(
    (96, 8), (112, 24), (130, 32), (150, 38.5), (172, 42.5), (190, 43), (208, 40), (225, 33), (250, 27)
)
_HEART_LEFT = profile(
    (92, 12), (100, 27), (108, 34), (116, 37), (126, 40), (140, 47), (158, 60), (178, 75), (196, 84.5), (212, 88),
    (226, 85), (240, 74), (252, 56), (270, 30),
)  # fmt: skip
_SPINE_Z = profile((-130, -34), (-60, -34), (0, -42), (60, -58), (130, -68), (200, -64), (260, -54), (340, -42))


@dataclass(frozen=True, slots=True)
class Opacity:
    """A rounded consolidation inside a lung: it whitens the lung and moves no border."""

    centre_mm: tuple[float, float, float]
    semi_axes_mm: tuple[float, float, float]
    density: float  # 1 fills the air spaces wholly


@dataclass(frozen=True, slots=True)
class Anatomy:
    """One chest. Lengths in millimetres; the defaults are a healthy adult, slim, upright, in full inspiration."""

    seed: int = 1  # of vessels and lung texture, which no number here describes
    lung_height_mm: float = STANDARD_HEIGHT_MM  # apex to right dome
    half_width_mm: float = STANDARD_HALF_WIDTH_MM  # midline to the inner rib margin at its widest
    half_depth_mm: float = STANDARD_HALF_DEPTH_MM
    left_dome_drop_mm: float = 13.0  # how much lower the left dome is
    dome_height_mm: float = 85.0  # curvature of the domes; less is flatter
    heart_width: float = 1.0  # of the standard heart's 131 mm
    heart_shift_mm: float = 0.0
    knob_mm: float = 0.0  # unfolding of the aortic arch beyond the standard
    fat_mm: float = 11.0
    shoulder_drop_mm: float = 0.0
    clavicle_tilt_mm: float = 0.0
    breast_mm: float = 0.0  # thickness of each breast, 0 for none
    lung_density: tuple[float, float] = (0.235, 0.235)  # right, left; water is 1
    bone_density: float = 1.0
    rotation_degrees: float = 0.0  # about the body's long axis, positive turns the sternum to the patient's left
    lordosis_degrees: float = 0.0  # leaning back: the front of the chest rises on the film
    effusion_mm: tuple[float, float] = (0.0, 0.0)  # fluid above the lowest point of the recess, right, left
    opacities: tuple[Opacity, ...] = ()

    @property
    def width_scale(self) -> float:
        """Of the standard chest."""
        return self.half_width_mm / STANDARD_HALF_WIDTH_MM

    @property
    def height_scale(self) -> float:
        """Of the standard chest."""
        return self.lung_height_mm / STANDARD_HEIGHT_MM

    @property
    def depth_scale(self) -> float:
        """Of the standard chest."""
        return self.half_depth_mm / STANDARD_HALF_DEPTH_MM

    @property
    def heart_diameter_mm(self) -> float:
        """Greatest distance of the right border from the midline plus that of the left, in life size."""
        y = np.linspace(90, 280, 3801)
        return float((_HEART_RIGHT(y).max() + _HEART_LEFT(y).max()) * self.heart_width * self.width_scale)

    def posed(self, points: Points) -> Points:
        """Return points of the straight body where rotation and lordosis take them."""
        # A shear, not a turn: what a turn of a few degrees does to a projection, and surfaces stay functions of (y, z).
        x_per_z, y_per_z = self._lean
        return np.asarray(points + points[:, 2:] * np.array([x_per_z, y_per_z, 0.0]))

    def unposed(self, x: Plane, y: Plane, z_mm: float) -> tuple[Plane, Plane]:
        """Return the straight body's coordinates of places in the patient's frame, at one depth."""
        x_per_z, y_per_z = self._lean
        return np.asarray(x - np.float32(x_per_z * z_mm)), np.asarray(y - np.float32(y_per_z * z_mm))

    @property
    def _lean(self) -> tuple[float, float]:
        return math.tan(math.radians(self.rotation_degrees)), -math.tan(math.radians(self.lordosis_degrees))

    def standard(self, points: Points) -> Points:
        """Return points given for the standard chest, in this chest."""
        return np.asarray(points * np.array([self.width_scale, self.height_scale, self.depth_scale]))

    def lung_edges(self, y: Numbers, z: Numbers) -> Edges:
        """Return the distances from the midline of a lung's inner and outer surface; inner > outer where there is none.

        Heart, mediastinum, spine and diaphragm are still to be taken away.
        """
        height, depth = np.asarray(y) / self.height_scale, np.asarray(z) / self.depth_scale
        from_apex = np.sqrt(np.maximum(height, 0))
        reach = (depth - _LUNG_CENTRE_Z(height)) / _LUNG_HALF_DEPTH(height)
        section = np.maximum(1 - np.abs(reach) ** _ROUNDNESS, 0) ** (1 / _ROUNDNESS)
        outer = _KEEL_MM + (_LUNG_OUTER(from_apex) - _KEEL_MM) * section
        inner = _KEEL_MM - (_KEEL_MM - _LUNG_INNER(from_apex)) * section
        none = (height <= 0) | (section <= 0)
        return np.where(none, 1.0, inner * self.width_scale), np.where(none, 0.0, outer * self.width_scale)

    def cage(self, y: float) -> tuple[float, float, float]:
        """Return the lungs' greatest half width, half depth and centre depth at one height: the ribs run round it."""
        height = np.array(y / self.height_scale)
        return (
            float(_LUNG_OUTER(np.sqrt(np.maximum(height, 0)))) * self.width_scale,
            float(_LUNG_HALF_DEPTH(height)) * self.depth_scale,
            float(_LUNG_CENTRE_Z(height)) * self.depth_scale,
        )

    def mediastinum_edges(self, y: Numbers, z: Numbers) -> Edges:
        """Return the x of the right and left border of great vessels and oesophagus."""
        height = np.asarray(y) / self.height_scale
        half_depth = np.interp(height, [-40, 90], [32.0, 52.0]) * self.depth_scale
        section = _section(z, -6.0 * self.depth_scale, half_depth, 2.2)
        knob = self.knob_mm * np.exp(-(((height - 68) / 13) ** 2))
        return (
            np.where(section > 0, -_MEDIASTINUM_RIGHT(height) * section * self.width_scale, 1.0),
            np.where(section > 0, (_MEDIASTINUM_LEFT(height) + knob) * section * self.width_scale, 0.0),
        )

    def heart_edges(self, y: Numbers, z: Numbers) -> Edges:
        """Return the x of the right and left border of the heart; right > left where there is none."""
        height = np.asarray(y) / self.height_scale
        section = _section(z, 20.0 * self.depth_scale, 55.0 * self.depth_scale, 2.0)
        size = self.heart_width * self.width_scale
        right = -_HEART_RIGHT(height) * size * section + self.heart_shift_mm
        left = _HEART_LEFT(height) * size * section + self.heart_shift_mm
        none = (height < 92) | (height > 270) | (section <= 0)
        return np.where(none, 1.0, right), np.where(none, 0.0, left)

    def aorta_edges(self, y: Numbers, z: Numbers) -> Edges:
        """Return the x of the right and left border of the descending aorta."""
        height = np.asarray(y) / self.height_scale
        centre = np.interp(height, [60, 68, 88, 120, 200, 300], [10, 15, 17, 18, 17, 8]) * self.width_scale
        half = np.sqrt(np.maximum(12.0**2 - (np.asarray(z) + 50 * self.depth_scale) ** 2, 0)) * (height > 64)
        return np.where(half > 0, centre - half, 1.0), np.where(half > 0, centre + half, 0.0)

    def spine_z(self, y: Numbers) -> NDArray[np.float64]:
        """Return the depth of the vertebral bodies' centres."""
        return np.asarray(_SPINE_Z(np.asarray(y) / self.height_scale) * self.depth_scale)

    def spine_edges(self, y: Numbers, z: Numbers) -> Edges:
        """Return the x of the right and left border of the vertebral column and the muscle beside it."""
        reach = np.abs((np.asarray(z) - self.spine_z(y) + 12 * self.depth_scale) / (38 * self.depth_scale))
        widest = np.interp(np.asarray(y) / self.height_scale, [60, 150], [16.5, 25.0])
        half = widest * self.width_scale * np.maximum(1 - reach**1.7, 0)
        return np.where(half > 0, -half, 1.0), np.where(half > 0, half, 0.0)

    def diaphragm(self, x: Numbers, z: Numbers, side: int) -> NDArray[np.float64]:
        """Return the height of the right (-1) or left (+1) hemidiaphragm, or of the effusion on it."""
        lateral = (np.asarray(x) * side / self.width_scale) - (72 if side < 0 else 75)
        depth = np.asarray(z) / self.depth_scale - 12
        # Steep down to the costophrenic angle, nearly level towards the heart.
        span = np.where(lateral > 0, 77.0, 135.0)
        fall = np.minimum((lateral / span) ** 2 + (depth / 112) ** 2, 0.995)
        top = self.lung_height_mm + (self.left_dome_drop_mm if side > 0 else 0.0)
        height = top + self.dome_height_mm * (1 - np.sqrt(1 - fall))
        fluid = self.effusion_mm[0 if side < 0 else 1]
        if fluid <= 0:
            return np.asarray(height)
        # Fluid climbs the chest wall: the meniscus that readers look for.
        recess = top + 0.52 * self.dome_height_mm
        meniscus = 26 * np.exp(-np.maximum(66 - lateral, 0) / 9)
        return np.asarray(np.minimum(height, recess - fluid - meniscus))

    def inside_lung(self, points: Points, side: int, margin_mm: float = 0.0) -> NDArray[np.bool_]:
        """Return which (N, 3) points of the straight body lie in one lung, at least about `margin_mm` deep."""
        x, y, z = points.T
        inner, outer = self.lung_edges(y, z)
        distance = x * side
        inside = (distance > inner) & (distance < outer - margin_mm) & (y > margin_mm)
        inside &= y < self.diaphragm(x, z, side) - margin_mm
        for organ in (self.mediastinum_edges, self.heart_edges, self.aorta_edges, self.spine_edges):
            right, left = organ(y, z)
            inside &= ~((x > right - margin_mm / 2) & (x < left + margin_mm / 2))
        return np.asarray(inside)


DEMO = Anatomy(seed=1, rotation_degrees=1.0, shoulder_drop_mm=2.0)


def _section(z: Numbers, centre: float, half_depth: Numbers | float, roundness: float) -> NDArray[np.float64]:
    """Return how much of its full width an organ keeps at this depth, 0 in front of it and behind it."""
    reach = np.abs((np.asarray(z, dtype=np.float64) - centre) / half_depth)
    return np.asarray(np.maximum(1 - reach**roundness, 0) ** (1 / roundness))


def random_anatomy(rng: np.random.Generator, *, sick: float = 0.4) -> Anatomy:
    """Return a chest no two of which are alike; `sick` is the share with opacities, and half that with effusions."""
    size = rng.normal(1.0, 0.07)
    height = 222 * np.clip(size * rng.normal(1.0, 0.07), 0.72, 1.25)
    half_width = 140 * np.clip(size * rng.normal(1.0, 0.05), 0.8, 1.2)
    anatomy = Anatomy(
        seed=int(rng.integers(1, 2**31)),
        lung_height_mm=float(height),
        half_width_mm=float(half_width),
        half_depth_mm=float(88 * np.clip(size * rng.normal(1.0, 0.08), 0.75, 1.25)),
        left_dome_drop_mm=float(rng.normal(11, 7)),
        dome_height_mm=float(np.clip(rng.normal(85, 12), 45, 115)),
        heart_width=float(np.clip(rng.normal(1.02, 0.12), 0.75, 1.45)),
        heart_shift_mm=float(rng.normal(0, 4)),
        knob_mm=float(np.clip(rng.normal(0, 4), -5, 14)),
        fat_mm=float(np.clip(rng.gamma(4, 3.5), 4, 40)),
        shoulder_drop_mm=float(rng.normal(0, 8)),
        clavicle_tilt_mm=float(rng.normal(0, 8)),
        breast_mm=float(rng.uniform(15, 50)) if rng.random() < 0.4 else 0.0,
        lung_density=tuple(float(v) for v in np.clip(rng.normal(0.24, 0.035, 2), 0.14, 0.36)),  # type: ignore[arg-type]
        bone_density=float(np.clip(rng.normal(1.0, 0.12), 0.6, 1.3)),
        rotation_degrees=float(rng.normal(0, 3)),
        lordosis_degrees=float(rng.normal(0, 5)),
    )
    if rng.random() < sick:
        anatomy = replace(anatomy, opacities=tuple(_random_opacity(rng, anatomy) for _ in range(rng.integers(1, 6))))
    if rng.random() < sick / 2:
        fluid = float(rng.uniform(15, 90))
        anatomy = replace(anatomy, effusion_mm=(fluid, 0.0) if rng.random() < 0.5 else (0.0, fluid))
    return anatomy


def _random_opacity(rng: np.random.Generator, anatomy: Anatomy) -> Opacity:
    side = 1 if rng.random() < 0.5 else -1
    centre = anatomy.standard(np.array([[side * rng.uniform(45, 115), rng.uniform(25, 215), rng.uniform(-60, 60)]]))[0]
    semi = rng.uniform(8, 45) * rng.uniform(0.6, 1.4, 3)
    return Opacity(
        (float(centre[0]), float(centre[1]), float(centre[2])),
        (float(semi[0]), float(semi[1]), float(semi[2])),
        float(rng.uniform(0.15, 0.95)),
    )
