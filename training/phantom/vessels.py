"""Lung vessels and airways: trees that share a lung out among their branches, as growing ones do."""

import numpy as np

from training.phantom.anatomy import Anatomy
from training.phantom.beam import Plane
from training.phantom.solids import Points, Rays, Tube, add_tube, add_tubes, smooth_path

# Radius of a vessel that feeds one terminal region, and the exponent of Murray's law as measured in lungs (2.3 to 2.9).
_TWIG_RADIUS_MM = 0.5
_MURRAY = 2.75
_ANY_DIRECTION = (0.31, 0.53, 0.79)  # of a round section: only not along the path


def add_vessels(vessels: Plane, rays: Rays, anatomy: Anatomy, twigs: int = 560) -> None:
    """Add the chords through arteries and veins of both lungs."""
    rng = np.random.default_rng([anatomy.seed, 2])
    for side in (-1, 1):
        hilum_y = 106.0 if side < 0 else 97.0
        roots = (
            # The artery crosses in front of the bronchus and turns down; the veins come in lower.
            np.array([[side * 16.0, hilum_y - 3, -2.0], [side * 38.0, hilum_y + 6, -10.0]]),
            np.array([[side * 18.0, hilum_y + 27, -10.0], [side * 37.0, hilum_y + 24, -14.0]]),
        )
        for root in roots:
            targets = _targets(anatomy, side, twigs, rng)
            start = anatomy.standard(root)
            branches: list[Tube] = []
            branches.append(_branch(start[0], start[1], start[1] - start[0], feeds=(twigs, twigs), rng=rng))
            _grow(start[1], start[1] - start[0], targets, branches=branches, rng=rng)
            posed = (Tube(anatomy.posed(b.nodes), b.flat, b.semi_flat, b.semi_thin) for b in branches)
            add_tubes(vessels, rays, list(posed))
        _add_hilum(vessels, rays, anatomy, side, hilum_y)


def _add_hilum(vessels: Plane, rays: Rays, anatomy: Anatomy, side: int, hilum_y: float) -> None:
    """Add the main artery of a lung: on the right the interlobar artery, on the left the arch over the bronchus."""
    if side < 0:
        control = [[-24, hilum_y - 4, 0], [-36, hilum_y, -6], [-44, hilum_y + 14, -14], [-49, hilum_y + 34, -20],
                   [-54, hilum_y + 52, -26]]  # fmt: skip
        radii = [9.0, 8.5, 7.5, 6.0, 3.5]
    else:
        control = [[26, hilum_y + 6, 6], [36, hilum_y - 2, -6], [44, hilum_y + 5, -22], [47, hilum_y + 24, -30],
                   [51, hilum_y + 42, -34]]  # fmt: skip
        radii = [9.5, 9.5, 8.0, 6.0, 3.5]
    path = smooth_path(np.array(control, dtype=np.float64), 4.0)
    radius = np.interp(np.linspace(0, 1, len(path)), np.linspace(0, 1, 5), radii)
    add_tube(vessels, rays, Tube.round(anatomy.posed(anatomy.standard(path)), radius), 0.65)


def _targets(anatomy: Anatomy, side: int, count: int, rng: np.random.Generator) -> Points:
    """Return points spread through one lung, denser below, as blood flow is in someone upright."""
    found: list[Points] = []
    total = 0
    low = anatomy.standard(np.array([[0.0, 0.0, -95.0]]))[0]
    high = anatomy.standard(np.array([[150.0, 290.0, 95.0]]))[0]
    while total < count:
        points = rng.uniform(low, high, (4 * count, 3)) * [side, 1, 1]
        keep = anatomy.inside_lung(points, side, margin_mm=7.0)
        keep &= rng.random(len(points)) < 0.45 + 0.55 * points[:, 1] / high[1]
        found.append(points[keep])
        total += int(keep.sum())
    return np.vstack(found)[:count]


def _grow(
    start: Points, heading: Points, targets: Points, *, branches: list[Tube], rng: np.random.Generator, depth: int = 0
) -> None:
    """Grow a branch towards what it must feed, split that in two across its longest extent, and go on."""
    here = start
    centre = targets.mean(axis=0)
    reach = centre - here
    distance = float(np.linalg.norm(reach))
    if len(targets) == 1 or distance < 1.0 or depth > 40:
        if distance >= 1.0:
            branches.append(_branch(here, centre, heading, feeds=(1, 1), rng=rng))
        return
    spread = targets - centre
    # Split square to the direction of greatest extent, whose sign LAPACK leaves open and we do not.
    axis = np.linalg.eigh(spread.T @ spread)[1][:, -1]
    along = spread @ (axis * np.sign(axis[np.argmax(np.abs(axis))]))
    order = np.argsort(along + rng.normal(0, 0.15 * along.std(), len(along)), kind="stable")
    cut = int(np.clip(round(len(targets) * rng.uniform(0.3, 0.7)), 1, len(targets) - 1))
    parts = targets[order[:cut]], targets[order[cut:]]
    # The first forks lie close together at the hilum, so that vessels fan out from it; later ones halve the way.
    fork = here + reach * min(0.42, 0.1 + 0.09 * depth)
    if float(np.linalg.norm(fork - here)) > 0.3:
        feeds = len(targets), max(len(parts[0]), len(parts[1]))
        branches.append(_branch(here, fork, heading, feeds=feeds, rng=rng))
    onward = fork - here
    for part in parts:
        _grow(fork, onward, part, branches=branches, rng=rng, depth=depth + 1)


def _branch(start: Points, end: Points, heading: Points, *, feeds: tuple[int, int], rng: np.random.Generator) -> Tube:
    """Return a vessel that feeds so many regions where it begins, and so many where it ends."""
    length = float(np.linalg.norm(end - start))
    # Leave in the parent's direction and bend: a vessel has no corners.
    lead = heading / max(float(np.linalg.norm(heading)), 1e-6)
    middle = (start + end) / 2 + lead * 0.1 * length + rng.normal(0, 0.03, 3) * length
    pieces = int(np.clip(round(length / 5), 2, 5))
    t = np.arange(pieces + 1)[:, None] / pieces
    nodes = (1 - t) ** 2 * start + 2 * t * (1 - t) * middle + t**2 * end
    first, last = (_TWIG_RADIUS_MM * count ** (1 / _MURRAY) for count in feeds)
    radius = first + (last - first) * t[:, 0]
    return Tube(nodes, np.full(nodes.shape, _ANY_DIRECTION), radius, radius)


def add_airways(air: Plane, rays: Rays, anatomy: Anatomy) -> None:
    """Add the chords through the air of trachea and main bronchi."""
    trachea = [[0, -110, 0], [0, -40, -6], [-1, 20, -16], [-3, 60, -22], [-2, 84, -24]]
    right = [[-3, 78, -24], [-14, 96, -24], [-26, 108, -24], [-36, 120, -26]]
    left = [[0, 78, -24], [14, 94, -24], [30, 106, -26], [43, 114, -30]]
    for control, semi in ((trachea, (9.3, 8.6)), (right, (7.0, 5.2)), (left, (6.5, 4.6))):
        path = smooth_path(np.array(control, dtype=np.float64), 5.0)
        radius = np.linspace(semi[0], semi[1], len(path))
        one = np.zeros_like(air)
        add_tube(one, rays, Tube.round(anatomy.posed(anatomy.standard(path)), radius))
        # They run into each other at the carina, where the air must not count twice.
        np.maximum(air, one, out=air)
