"""Bones: ribs, clavicles, scapulae and humeri as tubes and ellipsoids with a cortical shell; the spine is next door."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from training.phantom.anatomy import Anatomy
from training.phantom.beam import Plane
from training.phantom.solids import Points, Rays, Tube, add_ellipsoid, add_shell, smooth_path, upright
from training.phantom.spine import THORACIC_MM, add_spine

# For ribs 2 to 12: height lost from back to front, and the angle at which bone ends and cartilage begins.
_RIB_DROP_MM = [50, 64, 76, 86, 94, 101, 106, 110, 112, 96, 56]
_RIB_END_DEGREES = [158, 160, 160, 159, 155, 148, 139, 128, 116, 94, 58]
# How far along its drop a rib has come, against the angle from the back (0) round to the front (180 degrees).
_DROP_ANGLE = np.radians([0, 12, 25, 45, 68, 90, 112, 130, 150, 180])
_DROP_SHARE = np.array([-0.03, -0.03, 0.02, 0.11, 0.27, 0.5, 0.71, 0.84, 0.96, 1.1])

_UP = (0.0, 1.0, 0.0)

# Control points for the patient's left, in the standard chest; mirrored for the right.
_FIRST_RIB = [(17, -8, -42), (30, -10, -54), (44, -5, -50), (55, 6, -30), (57, 17, 0), (49, 28, 28), (34, 36, 48)]
_CLAVICLE = [(13, 40, 66), (29, 34, 72), (56, 24, 70), (86, 13, 50), (117, 4, 18), (144, 0, 0), (165, 3, -8)]
_SCAPULA_MEDIAL = [(121, 20, -88), (122, 52, -94), (129, 100, -95), (137, 148, -92), (145, 156, -90)]
_SCAPULA_LATERAL = [(145, 156, -90), (151, 132, -84), (154, 96, -68), (157, 70, -50), (158, 60, -46)]
_SCAPULA_NECK = [(157, 48, -48), (154, 36, -52), (137, 22, -76)]
_SCAPULA_SPINE = [(123, 44, -96), (139, 30, -98), (156, 14, -82), (175, 4, -55)]
_CORACOID = [(154, 48, -42), (152, 36, -30), (146, 33, -10), (141, 38, 2)]
_GLENOID, _GLENOID_SEMI = (158, 51, -42), (4.0, 16.0, 12.0)
_HUMERAL_HEAD, _HUMERAL_SEMI = (180, 44, -34), (23.5, 23.5, 23.5)
_HUMERUS = [(184, 56, -33), (192, 84, -30), (208, 136, -24), (236, 224, -10)]


def add_bones(bone: Plane, rays: Rays, anatomy: Anatomy) -> None:
    """Add every bone's mineral, as millimetres of cortical bone, to a map."""
    rng = np.random.default_rng([anatomy.seed, 1])
    for side in (-1, 1):
        for rib in _ribs(anatomy, side, rng):
            # Bone thins out towards the cartilage.
            wall = np.interp(np.linspace(0, 1, len(rib.nodes)), [0, 0.5, 0.8, 1], [0.85, 0.7, 0.5, 0.1])
            add_shell(bone, rays, rib, wall)
        _add_shoulder(bone, rays, anatomy, side, uneven_mm=rng.normal(0, 2.0, 3))
    spine = np.zeros_like(bone)
    add_spine(spine, rays, anatomy)
    # Real vertebrae are rough where these are smooth.
    bone += 0.42 * cv2.GaussianBlur(spine, (0, 0), max(0.3, 0.45 / rays.beam.spacing_mm))
    bone *= np.float32(anatomy.bone_density)


def _ribs(anatomy: Anatomy, side: int, rng: np.random.Generator) -> list[Tube]:
    first = _first_rib(anatomy, side)
    return [first] + [_rib(anatomy, side, number, rng) for number in range(2, 13)]


def _rib(anatomy: Anatomy, side: int, number: int, rng: np.random.Generator) -> Tube:
    """Return a rib that leaves its vertebra, runs round the cage at the lungs' surface and falls as it goes."""
    top = float(THORACIC_MM[number - 1]) - 8.0 + rng.normal(0, 0.9)
    drop = _RIB_DROP_MM[number - 2] * rng.normal(1.0, 0.025)
    half_width, half_depth, centre_z = anatomy.cage((top + 0.5 * drop) * anatomy.height_scale)
    wide, deep = half_width / anatomy.width_scale + 3.6, half_depth / anatomy.depth_scale + 4.0
    angles = np.radians(np.arange(4, _RIB_END_DEGREES[number - 2] + 1, 7.0))
    bow = 2 / 2.4  # the superellipse of the lungs' own section
    x = 46 + (wide - 46) * np.sin(angles) ** bow
    z = centre_z / anatomy.depth_scale - deep * np.sign(np.cos(angles)) * np.abs(np.cos(angles)) ** bow
    y = top + drop * np.interp(angles, _DROP_ANGLE, _DROP_SHARE)
    head_z = float(anatomy.spine_z(np.array(top * anatomy.height_scale))) / anatomy.depth_scale
    neck = [[17.0, top + 1.5, head_z - 6], [31.0, top - 1.0, head_z - 18]]
    path = smooth_path(np.vstack([neck, np.stack([x, y, z], axis=1)]) * [side, 1, 1], step_mm=5.0)
    share = np.linspace(0, 1, len(path))
    height = np.interp(share, [0, 0.12, 0.3, 0.75, 1], [4.2, 5.2, 6.0, 6.2, 7.0]) * (0.85 if number > 10 else 1.0)
    thick = np.interp(share, [0, 0.2, 0.6, 1], [3.6, 3.6, 2.9, 2.3])
    return Tube(anatomy.posed(anatomy.standard(path)), np.tile(_UP, (len(path), 1)), height, thick)


def _first_rib(anatomy: Anatomy, side: int) -> Tube:
    """Return the first rib: short, flat, and lying almost in the plane of the inlet."""
    path = smooth_path(np.array(_FIRST_RIB, dtype=np.float64) * [side, 1, 1], step_mm=5.0)
    return Tube.of(anatomy.posed(anatomy.standard(path)), (0.6 * side, -0.7, 0.4), [6.0], [2.8])


def _add_shoulder(bone: Plane, rays: Rays, anatomy: Anatomy, side: int, *, uneven_mm: Points) -> None:
    def placed(points: Sequence[tuple[float, float, float]]) -> Points:
        moved = np.array(points, dtype=np.float64) * [side, 1, 1]
        # The girdle hangs on the sternum: what is farther out drops more.
        # And nobody's two shoulders are alike.
        outer = np.clip(np.abs(moved[:, :1]) / 150, 0, 1)
        moved += outer * (uneven_mm + np.array([0, anatomy.shoulder_drop_mm, 0]))
        return anatomy.posed(anatomy.standard(moved))

    def path(points: Sequence[tuple[float, float, float]]) -> Points:
        return smooth_path(placed(points), step_mm=4.0)

    tilt = anatomy.clavicle_tilt_mm
    raised = [(x, y - tilt * min(1.0, max(0.0, (x - 40) / 100)), z) for x, y, z in _CLAVICLE]
    clavicle = Tube.of(path(raised), _UP, [9.5, 7.6, 6.2, 6.0, 5.8, 6.5, 7.5], [8.5, 6.5, 6.0, 5.7, 5.5, 4.5, 4.0])
    add_shell(bone, rays, clavicle, 1.3)

    # Scapula: a thin blade between thicker borders, turned out of the lung fields as hands on hips turn it.
    _add_plate(bone, rays, path([*_SCAPULA_MEDIAL, *_SCAPULA_LATERAL[1:], *_SCAPULA_NECK]), thickness_mm=2.2)
    add_shell(bone, rays, Tube.of(path(_SCAPULA_MEDIAL), _UP, [1.6], [1.6]), 0.5)
    add_shell(bone, rays, Tube.of(path(_SCAPULA_LATERAL), _UP, [1.6, 3.0, 4.0], [1.6, 3.0, 4.0]), 0.8)
    add_shell(bone, rays, Tube.of(path(_SCAPULA_SPINE), (0.0, 0.8, 0.6), [4.0, 6.0, 9.5], [2.5, 3.5, 4.5]), 1.0)
    add_shell(bone, rays, Tube.of(path(_CORACOID), _UP, [6.0, 5.5, 4.5], [6.0, 5.5, 4.5]), 0.7)
    for place, semi in ((_GLENOID, _GLENOID_SEMI), (_HUMERAL_HEAD, _HUMERAL_SEMI)):
        x, y, z = (float(value) for value in placed([place])[0])
        tilt_degrees = side * 8.0
        add_ellipsoid(bone, rays, (x, y, z), upright(*semi, tilt_degrees=tilt_degrees))
        hollow = upright(semi[0] - 0.9, semi[1] - 0.9, semi[2] - 0.9, tilt_degrees=tilt_degrees)
        add_ellipsoid(bone, rays, (x, y, z), hollow, 0.11 - 1.0)
    humerus = Tube.of(path(_HUMERUS), _UP, [17, 13, 12, 11.5, 11.5], [17, 13, 12, 11.5, 11.5])
    add_shell(bone, rays, humerus, 3.2, spongy=0.05)


def _add_plate(bone: Plane, rays: Rays, outline: NDArray[np.float64], thickness_mm: float) -> None:
    """Add a thin plate seen face on: the inside of its projected outline."""
    pixels = rays.beam.project(outline)
    filled = np.zeros(bone.shape, np.uint8)
    shift = 5
    cv2.fillPoly(filled, [np.round((pixels - 0.5) * 2**shift).astype(np.int32)], 255, cv2.LINE_AA, shift)
    blurred = cv2.GaussianBlur(filled.astype(np.float32) / 255, (0, 0), max(0.3, 0.8 / rays.beam.spacing_mm))
    bone += np.float32(thickness_mm) * blurred
