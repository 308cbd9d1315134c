"""Solids with closed-form chords: ellipsoids, and tubes of elliptical section bent along a path.

Each function adds density times chord length, along the rays of a beam, to a map of thickness in millimetres.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from training.phantom.beam import Beam, Plane

Points = NDArray[np.float64]
Lengths = Sequence[float] | NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Rays:
    """The rays of a beam, kept so that a thousand small solids need not recompute them."""

    beam: Beam
    u: Plane  # (1, columns), on the detector, from the central ray
    v: Plane  # (rows, 1)

    @staticmethod
    def of(beam: Beam) -> "Rays":
        """Return the rays through every pixel centre."""
        return Rays(beam, *beam.offsets())

    def window(self, points: Points, reach_mm: float) -> tuple[slice, slice] | None:
        """Return the block of pixels that solids within `reach_mm` of the points can darken, None when off the film."""
        beam = self.beam
        pixels = beam.project(points)
        margin = reach_mm * beam.magnification(float(points[:, 2].max()) + reach_mm) / beam.spacing_mm + 1.5
        x0, y0 = np.floor(pixels.min(axis=0) - margin).astype(int)
        x1, y1 = np.ceil(pixels.max(axis=0) + margin).astype(int)
        x0, y0, x1, y1 = max(x0, 0), max(y0, 0), min(x1, beam.columns), min(y1, beam.rows)
        return (slice(y0, y1), slice(x0, x1)) if x0 < x1 and y0 < y1 else None

    def in_window(self, block: tuple[slice, slice], z_mm: float) -> tuple[Plane, Plane, Plane, Plane]:
        """Return x (1, n), y (m, 1) where the block's rays cross a depth, and their slopes dx/dz and dy/dz."""
        beam = self.beam
        slope_x = self.u[:, block[1]] / np.float32(beam.source_detector_mm)
        slope_y = self.v[block[0]] / np.float32(beam.source_detector_mm)
        depth = np.float32(z_mm - beam.source_z_mm)
        x = np.float32(beam.centre_x_mm) + slope_x * depth
        y = np.float32(beam.centre_y_mm) + slope_y * depth
        return x, y, slope_x, slope_y


def ellipsoid_chord(
    rays: Rays, centre: tuple[float, float, float], axes: NDArray[np.float64]
) -> tuple[tuple[slice, slice], Plane] | None:
    """Return a block of pixels and the length of each of its rays inside an ellipsoid.

    `axes` has the semi-axes as rows, (3, 3), at right angles to each other.
    """
    here = np.array([centre], dtype=np.float64)
    block = rays.window(here, float(np.linalg.norm(axes, axis=1).max()))
    if block is None:
        return None
    x, y, slope_x, slope_y = rays.in_window(block, centre[2])
    dx, dy = x - np.float32(centre[0]), y - np.float32(centre[1])
    squared, mixed, constant = np.float32(0), np.float32(0), np.float32(-1)
    for axis in axes:
        # Position and direction in units of this semi-axis.
        e = (axis / float(axis @ axis)).astype(np.float32)
        start = dx * e[0] + dy * e[1]
        step = slope_x * e[0] + slope_y * e[1] + e[2]
        squared, mixed, constant = squared + step * step, mixed + start * step, constant + start * start
    inside = np.maximum(mixed * mixed - squared * constant, 0)
    chord = 2 * np.sqrt(inside) / squared * np.sqrt(1 + slope_x * slope_x + slope_y * slope_y)
    return block, np.asarray(chord, dtype=np.float32)


def add_ellipsoid(
    target: Plane, rays: Rays, centre: tuple[float, float, float], axes: NDArray[np.float64], density: float = 1.0
) -> None:
    """Add the chord through an ellipsoid to a thickness map."""
    found = ellipsoid_chord(rays, centre, axes)
    if found is not None:
        block, chord = found
        target[block] += np.float32(density) * chord


def upright(semi_x: float, semi_y: float, semi_z: float, tilt_degrees: float = 0.0) -> NDArray[np.float64]:
    """Return ellipsoid axes along x, y and z, turned about z (positive: clockwise on the film)."""
    turn = math.radians(tilt_degrees)
    cos, sin = math.cos(turn), math.sin(turn)
    return np.array([[semi_x * cos, semi_x * sin, 0], [-semi_y * sin, semi_y * cos, 0], [0, 0, semi_z]])


@dataclass(frozen=True, slots=True, eq=False)
class Tube:
    """A path with an elliptical section at every node: a rib, a clavicle, a vessel."""

    nodes: Points  # (N, 3)
    flat: Points  # (N, 3) direction of the first semi-axis, made square to the path here
    semi_flat: NDArray[np.float64]  # (N,) semi-axis along `flat`
    semi_thin: NDArray[np.float64]  # (N,) semi-axis square to both

    @staticmethod
    def of(nodes: Points, flat: tuple[float, float, float], semi_flat: Lengths, semi_thin: Lengths) -> "Tube":
        """Return a tube whose semi-axes take the given values in turn, evenly spaced from its start to its end."""
        share = np.linspace(0, 1, len(nodes))
        wide, thin = (np.interp(share, np.linspace(0, 1, len(semi)), semi) for semi in (semi_flat, semi_thin))
        return Tube(np.asarray(nodes, dtype=np.float64), np.tile(flat, (len(nodes), 1)), wide, thin)

    @staticmethod
    def round(nodes: Points, radii: Lengths) -> "Tube":
        """Return a tube of circular section."""
        # Any direction not along the path will do.
        return Tube.of(nodes, (0.31, 0.53, 0.79), radii, radii)

    def rounded(self) -> "Tube":
        """Return the tube with its ends closed like fingertips rather than cut."""
        along = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(self.nodes, axis=0), axis=1))])
        to_end = np.minimum(along, along[-1] - along)
        share = np.clip(to_end / np.maximum(self.semi_flat, 1e-6), 0, 1)
        close = np.maximum(np.sqrt(1 - (1 - share) ** 2), 0.15)
        return Tube(self.nodes, self.flat, self.semi_flat * close, self.semi_thin * close)

    def shrunk(self, wall_mm: NDArray[np.float64] | float) -> "Tube":
        """Return the hollow of a tube with walls this thick, the same all along or one for each node."""
        return Tube(
            self.nodes,
            self.flat,
            np.maximum(self.semi_flat - wall_mm, 0.05),
            np.maximum(self.semi_thin - wall_mm, 0.05),
        )


@dataclass(frozen=True, slots=True, eq=False)
class _Cylinders:
    """The short elliptical cylinders that tubes are drawn as, each cut by the planes where it meets its neighbours."""

    start: Points  # (N, 3)
    end: Points
    start_plane: Points  # normals, along the path
    end_plane: Points
    first: Points  # directions across, each divided by its semi-axis
    second: Points
    reach_mm: NDArray[np.float64]  # (N,)

    @staticmethod
    def of(tube: Tube) -> "_Cylinders":
        nodes = tube.nodes
        steps = np.diff(nodes, axis=0)
        along = steps / np.linalg.norm(steps, axis=1, keepdims=True)
        # The plane between two cylinders halves the angle between them; the first and last end are cut square.
        joints = np.vstack([along[:1], along[:-1] + along[1:], along[-1:]])
        joints /= np.linalg.norm(joints, axis=1, keepdims=True)
        first = tube.flat[:-1] + tube.flat[1:]
        first = first - along * np.sum(first * along, axis=1, keepdims=True)
        first /= np.linalg.norm(first, axis=1, keepdims=True)
        semi = [(lengths[:-1] + lengths[1:])[:, None] / 2 for lengths in (tube.semi_flat, tube.semi_thin)]
        second = np.cross(along, first) / semi[1]
        reach = np.maximum(semi[0], semi[1])[:, 0]
        return _Cylinders(nodes[:-1], nodes[1:], joints[:-1], joints[1:], first / semi[0], second, reach)

    def at(self, which: NDArray[np.intp]) -> "_Cylinders":
        """Return some of them."""
        return _Cylinders(*(getattr(self, field.name)[which] for field in fields(self)))

    def windows(self, beam: Beam) -> NDArray[np.intp]:
        """Return the pixels that each can darken, (N, 4) as x0, y0, x1, y1, half-open and on the film."""
        ends = np.stack([beam.project(self.start), beam.project(self.end)])
        nearest = np.maximum(self.start[:, 2], self.end[:, 2]) + self.reach_mm
        scale = beam.source_detector_mm / (nearest - beam.source_z_mm) / beam.spacing_mm
        margin = (self.reach_mm * scale + 1.5)[:, None]
        limit = [beam.columns, beam.rows]
        low = np.clip(np.floor(ends.min(axis=0) - margin), 0, limit)
        high = np.clip(np.ceil(ends.max(axis=0) + margin), 0, limit)
        return np.hstack([low, high]).astype(np.intp)

    def chords(self, beam: Beam, u: Plane, v: Plane) -> Plane:
        """Return the length of rays at (N, 1, columns) and (N, rows, 1) inside each: (N, rows, columns)."""

        def across(vectors: Points) -> list[Plane]:
            return [component.astype(np.float32)[:, None, None] for component in vectors.T]

        slope_x, slope_y = u / np.float32(beam.source_detector_mm), v / np.float32(beam.source_detector_mm)
        x, y, z = across(self.start)
        depth = z - np.float32(beam.source_z_mm)
        dx = np.float32(beam.centre_x_mm) + slope_x * depth - x
        dy = np.float32(beam.centre_y_mm) + slope_y * depth - y

        nothing = np.zeros_like(dx + dy)
        squared, mixed, constant = nothing + np.float32(1e-7), nothing, nothing - np.float32(1)
        for ex, ey, ez in (across(self.first), across(self.second)):
            begin, step = dx * ex + dy * ey, slope_x * ex + (slope_y * ey + ez)
            squared, mixed, constant = squared + step * step, mixed + begin * step, constant + begin * begin
        inside = mixed * mixed - squared * constant
        half = np.sqrt(np.maximum(inside, 0))
        enter, leave = (-mixed - half) / squared, (half - mixed) / squared

        shift = across(self.end - self.start)
        zero = [np.float32(0)] * 3
        for plane, (sx, sy, sz) in ((across(self.start_plane), zero), (across(-self.end_plane), shift)):
            height = (dx - sx) * plane[0] + (dy - sy) * plane[1] - sz * plane[2]
            rate = slope_x * plane[0] + (slope_y * plane[1] + plane[2])
            rate = np.where(np.abs(rate) < 1e-6, np.float32(1e-6), rate)
            crossing = -height / rate
            enter = np.where(rate > 0, np.maximum(enter, crossing), enter)
            leave = np.where(rate < 0, np.minimum(leave, crossing), leave)
        chord = np.maximum(leave - enter, 0) * (inside > 0) * np.sqrt(1 + slope_x * slope_x + slope_y * slope_y)
        return np.asarray(chord, dtype=np.float32)


# Pixels computed at once: enough to make numpy's overhead small, few enough to stay in cache.
_BATCH_PIXELS = 400_000


def add_tubes(target: Plane, rays: Rays, tubes: Sequence[Tube], density: float = 1.0) -> None:
    """Add the chords through tubes to a thickness map; where two tubes overlap, both count."""
    parts = [_Cylinders.of(tube) for tube in tubes]
    if not parts:
        return
    every = _Cylinders(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(_Cylinders)))
    beam = rays.beam
    windows = every.windows(beam)
    sizes = windows[:, 2:] - windows[:, :2]
    seen = np.flatnonzero((sizes > 0).all(axis=1))
    # Windows of like size are computed together: most cylinders are small, and there are thousands.
    sizes = np.minimum(2 ** np.ceil(np.log2(np.maximum(sizes, 8))).astype(np.intp), [beam.columns, beam.rows])
    for width, height in np.unique(sizes[seen], axis=0):
        alike = seen[(sizes[seen] == (width, height)).all(axis=1)]
        batch = max(1, _BATCH_PIXELS // int(width * height))
        for which in (alike[i : i + batch] for i in range(0, len(alike), batch)):
            x0 = np.minimum(windows[which, 0], beam.columns - width)
            y0 = np.minimum(windows[which, 1], beam.rows - height)
            u = rays.u[0, x0[:, None] + np.arange(width)][:, None, :]
            v = rays.v[y0[:, None] + np.arange(height), 0][:, :, None]
            chords = np.float32(density) * every.at(which).chords(beam, u, v)
            for x, y, chord in zip(x0, y0, chords, strict=True):
                target[y : y + height, x : x + width] += chord


def add_tube(target: Plane, rays: Rays, tube: Tube, density: float = 1.0) -> None:
    """Add the chord through one tube to a thickness map."""
    add_tubes(target, rays, [tube], density)


def add_shell(bone: Plane, rays: Rays, tube: Tube, wall_mm: NDArray[np.float64] | float, spongy: float = 0.11) -> None:
    """Add a bone with a cortical wall and a spongy core, whose mineral is given as a share of the wall's."""
    rounded = tube.rounded()
    add_tube(bone, rays, rounded)
    add_tube(bone, rays, rounded.shrunk(wall_mm), spongy - 1.0)


def smooth_path(control: Points, step_mm: float) -> Points:
    """Return a curve through the control points (Catmull-Rom), sampled about every `step_mm`."""
    control = np.asarray(control, dtype=np.float64)
    padded = np.vstack([2 * control[0] - control[1], control, 2 * control[-1] - control[-2]])
    pieces = []
    for p0, p1, p2, p3 in zip(padded[:-3], padded[1:-2], padded[2:-1], padded[3:], strict=True):
        count = max(1, round(float(np.linalg.norm(p2 - p1)) / step_mm))
        t = (np.arange(count) / count)[:, None]
        pieces.append(
            0.5 * (2 * p1 + (p2 - p0) * t + (2 * p0 - 5 * p1 + 4 * p2 - p3) * t**2 + (3 * p1 - p0 - 3 * p2 + p3) * t**3)
        )
    return np.vstack([*pieces, control[-1:]])


def profile(*points: tuple[float, float]) -> "Profile":
    """Return the smooth curve through (position, value) points that never overshoots them."""
    position, value = np.array(points, dtype=np.float64).T
    return Profile(position, value, _slopes(position, value))


def _slopes(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return Fritsch-Carlson slopes, zero at every extreme, so that the curve is monotone between points."""
    h, delta = np.diff(x), np.diff(y) / np.diff(x)
    slopes = np.zeros_like(y)
    same_sign = delta[:-1] * delta[1:] > 0
    w1, w2 = 2 * h[1:] + h[:-1], h[1:] + 2 * h[:-1]
    safe = np.where(same_sign, delta[:-1], 1.0), np.where(same_sign, delta[1:], 1.0)
    slopes[1:-1] = np.where(same_sign, (w1 + w2) / (w1 / safe[0] + w2 / safe[1]), 0.0)
    slopes[0], slopes[-1] = delta[0], delta[-1]
    return slopes


@dataclass(frozen=True, slots=True, eq=False)
class Profile:
    """A piecewise cubic Hermite curve, constant beyond its ends."""

    position: NDArray[np.float64]
    value: NDArray[np.float64]
    slope: NDArray[np.float64]

    def __call__(self, at: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return the curve's values."""
        at = np.clip(np.asarray(at, dtype=np.float64), self.position[0], self.position[-1])
        i = np.clip(np.searchsorted(self.position, at) - 1, 0, len(self.position) - 2)
        h = self.position[i + 1] - self.position[i]
        t = (at - self.position[i]) / h
        return np.asarray(
            (1 + 2 * t) * (1 - t) ** 2 * self.value[i]
            + t * (1 - t) ** 2 * h * self.slope[i]
            + t * t * (3 - 2 * t) * self.value[i + 1]
            + t * t * (t - 1) * h * self.slope[i + 1]
        )
