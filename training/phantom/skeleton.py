"""Bones: ribs, clavicles, spine, scapulae and humeri as tubes and ellipsoids with a cortical shell."""

import math

import cv2
import numpy as np

from training.phantom.anatomy import Anatomy
from training.phantom.beam import Plane
from training.phantom.solids import Points, Rays, Tube, add_ellipsoid, add_tube, smooth_path, upright

# Of cortical bone's mineral: spongy bone inside a rib, a vertebra, the head of the humerus.
SPONGY = 0.11

# Heights of the vertebral bodies' centres in the standard chest, T1 to T12, and on into neck and loin.
_THORACIC = np.cumsum([-4.0, 20, 20.5, 21, 21.5, 22, 22.5, 23, 24, 25, 26, 27])
_CERVICAL = _THORACIC[0] - np.cumsum([18.5, 17.5, 17, 17, 17, 17])
_LUMBAR = _THORACIC[-1] + np.cumsum([29.0, 31, 33, 34])

# How far along its drop a rib has come, against the angle from the back (0) round to the front (180 degrees).
_DROP_ANGLE = np.radians([0, 12, 25, 45, 70, 90, 120, 150, 180])
_DROP_SHARE = np.array([-0.02, -0.02, 0.04, 0.17, 0.36, 0.5, 0.74, 0.95, 1.1])

# For ribs 2 to 12: height lost from back to front, and the angle at which bone ends and cartilage begins.
_RIB_DROP = [50, 64, 76, 86, 94, 100, 102, 102, 98, 76, 46]
_RIB_END_DEGREES = [152, 152, 150, 148, 145, 139, 131, 121, 110, 84, 52]


def add_bones(bone: Plane, rays: Rays, anatomy: Anatomy) -> None:
    """Add every bone's mineral, as millimetres of cortical bone, to a map."""
    rng = np.random.default_rng([anatomy.seed, 1])
    for side in (-1, 1):
        for tube in _ribs(anatomy, side, rng):
            add_shell(bone, rays, tube, wall_mm=0.75)
        _add_shoulder(bone, rays, anatomy, side)
    _add_spine(bone, rays, anatomy)
    bone *= np.float32(anatomy.bone_density)


def add_shell(bone: Plane, rays: Rays, tube: Tube, wall_mm: float, spongy: float = SPONGY) -> None:
    """Add a bone with a cortical wall and a spongy core."""
    add_tube(bone, rays, tube)
    add_tube(bone, rays, tube.shrunk(wall_mm), spongy - 1.0)


def _posed(anatomy: Anatomy, points: Points) -> Points:
    return anatomy.posed(anatomy.standard(np.asarray(points, dtype=np.float64)))


def _ribs(anatomy: Anatomy, side: int, rng: np.random.Generator) -> list[Tube]:
    tubes = [_first_rib(anatomy, side)]
    for index, (drop, end_degrees) in enumerate(zip(_RIB_DROP, _RIB_END_DEGREES, strict=True), start=1):
        top = float(_THORACIC[index]) - 8.0
        drop_mm = drop * rng.normal(1.0, 0.02)
        half_width, half_depth, centre_z = anatomy.cage((top + 0.5 * drop_mm) * anatomy.height_scale)
        wide, deep = half_width / anatomy.width_scale + 4.5, half_depth / anatomy.depth_scale + 4.0
        middle_z = centre_z / anatomy.depth_scale
        angles = np.radians(np.arange(4, end_degrees + 1, 7.0))
        bow = 2 / 2.4
        x = 46 + (wide - 46) * np.sin(angles) ** bow
        z = middle_z - deep * np.sign(np.cos(angles)) * np.abs(np.cos(angles)) ** bow
        y = top + drop_mm * np.interp(angles, _DROP_ANGLE, _DROP_SHARE)
        head_z = float(anatomy.spine_z(np.array(top * anatomy.height_scale))) / anatomy.depth_scale
        neck = [[17.0, top + 1.5, head_z - 6], [31.0, top - 1.0, head_z - 18]]
        path = smooth_path(np.vstack([neck, np.stack([x, y, z], axis=1)]) * [side, 1, 1], step_mm=5.0)
        nodes = _posed(anatomy, path)
        share = np.linspace(0, 1, len(nodes))
        height = np.interp(share, [0, 0.12, 0.3, 0.75, 1], [4.2, 5.2, 6.0, 6.4, 7.2]) * (0.85 if index > 9 else 1.0)
        thick = np.interp(share, [0, 0.2, 1], [3.6, 3.6, 2.9])
        tubes.append(Tube(nodes, np.tile([0.0, 1.0, 0.0], (len(nodes), 1)), height, thick))
    return tubes


def _first_rib(anatomy: Anatomy, side: int) -> Tube:
    """Return the first rib: short, flat, and lying almost in the plane of the inlet."""
    path = smooth_path(
        np.array(
            [[17, -9, -42], [32, -11, -54], [50, -6, -50], [63, 5, -30], [65, 17, 0], [55, 28, 28], [38, 34, 46]],
            dtype=np.float64,
        )
        * [side, 1, 1],
        step_mm=5.0,
    )
    nodes = _posed(anatomy, path)
    count = len(nodes)
    return Tube(nodes, np.tile([0.6 * side, -0.7, 0.4], (count, 1)), np.full(count, 7.0), np.full(count, 2.8))


def _add_shoulder(bone: Plane, rays: Rays, anatomy: Anatomy, side: int) -> None:
    tilt, drop = anatomy.clavicle_tilt_mm, anatomy.shoulder_drop_mm

    def placed(points: list[list[float]], step_mm: float = 5.0) -> Points:
        moved = np.array(points, dtype=np.float64) * [side, 1, 1]
        # The girdle hangs on the sternum: what is farther out drops more.
        moved[:, 1] += drop * np.clip(np.abs(moved[:, 0]) / 150, 0, 1)
        return _posed(anatomy, smooth_path(moved, step_mm))

    clavicle = placed(
        [[13, 40, 66], [30, 34, 72], [58, 24, 70], [90, 13 - tilt * 0.4, 50], [122, 4 - tilt * 0.8, 18],
         [150, 0 - tilt, 0], [172, 3 - tilt, -8]]
    )  # fmt: skip
    share = np.linspace(0, 1, len(clavicle))
    semi_y = np.interp(share, [0, 0.08, 0.25, 0.7, 1], [9.5, 8.8, 6.2, 5.8, 7.5])
    semi_z = np.interp(share, [0, 0.25, 0.7, 1], [8.5, 6.0, 5.5, 4.0])
    add_shell(bone, rays, Tube(clavicle, np.tile([0.0, 1.0, 0.0], (len(clavicle), 1)), semi_y, semi_z), 1.3)

    # Scapula: a thin blade between thick borders, turned out of the lung fields as hands on hips turn it.
    blade = np.array([[122, 22, -88], [132, 70, -92], [142, 120, -94], [149, 158, -92], [155, 138, -86], [160, 92, -66],
                      [163, 66, -48], [158, 36, -52], [140, 24, -76]], dtype=np.float64)  # fmt: skip
    _add_plate(bone, rays, placed(blade.tolist(), 6.0), thickness_mm=1.5)
    medial = placed([[122, 22, -88], [132, 70, -92], [142, 120, -94], [149, 158, -92]])
    lateral = placed([[149, 158, -92], [155, 138, -86], [160, 92, -66], [163, 66, -48]])
    add_shell(bone, rays, Tube.round(medial, 1.9), 0.7)
    add_shell(bone, rays, Tube.round(lateral, np.linspace(3.0, 5.5, len(lateral))), 1.1)
    spine = placed([[128, 44, -96], [145, 30, -98], [163, 14, -82], [182, 4, -55]])
    add_shell(bone, rays, Tube(spine, np.tile([0.0, 0.8, 0.6], (len(spine), 1)), np.linspace(4, 9.5, len(spine)),
                               np.linspace(2.5, 4.5, len(spine))), 1.0)  # fmt: skip
    coracoid = placed([[160, 44, -42], [157, 30, -25], [150, 30, -5], [146, 35, 8]])
    add_shell(bone, rays, Tube.round(coracoid, np.linspace(7.5, 5.0, len(coracoid))), 0.9)
    glenoid = placed([[165, 36, -42], [167, 52, -42], [166, 70, -44]])
    add_shell(bone, rays, Tube(glenoid, np.tile([1.0, 0.0, 0.4], (len(glenoid), 1)), np.full(len(glenoid), 5.0),
                               np.full(len(glenoid), 12.0)), 1.0)  # fmt: skip
    head = placed([[188, 44, -34], [189, 46, -34]])[0]
    centre = (float(head[0]), float(head[1]), float(head[2]))
    for radius, density in ((24.0, 1.0), (22.9, SPONGY * 0.8 - 1.0)):
        add_ellipsoid(bone, rays, centre, upright(radius, radius, radius), density)
    shaft = placed([[192, 52, -33], [200, 84, -30], [216, 136, -24], [246, 224, -10]])
    add_shell(bone, rays, Tube.round(shaft, np.interp(np.arange(len(shaft)), [0, 6, 14], [17, 12.5, 11.5])), 3.2, 0.05)


def _add_plate(bone: Plane, rays: Rays, outline: Points, thickness_mm: float) -> None:
    """Add a thin plate seen face on: the inside of its projected outline."""
    pixels = rays.beam.project(outline)
    filled = np.zeros(bone.shape, np.uint8)
    shift = 5
    cv2.fillPoly(filled, [np.round((pixels - 0.5) * 2**shift).astype(np.int32)], 255, cv2.LINE_AA, shift)
    blurred = cv2.GaussianBlur(filled.astype(np.float32) / 255, (0, 0), max(0.3, 0.8 / rays.beam.spacing_mm))
    bone += np.float32(thickness_mm) * blurred


def _add_spine(bone: Plane, rays: Rays, anatomy: Anatomy) -> None:
    heights = np.concatenate([_CERVICAL[::-1], _THORACIC, _LUMBAR])
    edges = (heights[:-1] + heights[1:]) / 2
    tops = np.concatenate([[heights[0] - 8.5], edges])
    bottoms = np.concatenate([edges, [heights[-1] + 17]])
    for middle, top, bottom in zip(heights, tops, bottoms, strict=True):
        _add_vertebra(bone, rays, anatomy, float(middle), float(top) + 1.6, float(bottom) - 1.6)


def _add_vertebra(bone: Plane, rays: Rays, anatomy: Anatomy, middle: float, top: float, bottom: float) -> None:
    """Add a body with end plates, pedicles seen end on, transverse processes, laminae and a spinous process."""
    half_width = float(np.interp(middle, [-110, -40, -20, 30, 120, 260, 380], [11, 12, 14.5, 13, 14.5, 19, 22.5]))
    half_depth = 1.02 * half_width
    z = float(anatomy.spine_z(np.array(middle * anatomy.height_scale))) / anatomy.depth_scale
    ends = np.array([0, 0.07, 0.5, 0.93, 1.0])
    waist = np.interp(np.linspace(0, 1, 9), ends, [0.99, 1.02, 0.9, 1.02, 0.99])
    path = np.stack([np.zeros(9), np.linspace(top, bottom, 9), np.full(9, z)], axis=1)
    flat = np.tile([1.0, 0.0, 0.0], (9, 1))
    body = Tube(_posed(anatomy, path), flat, half_width * waist, half_depth * waist)
    add_tube(bone, rays, body)
    core_path = path.copy()
    core_path[:, 1] = np.linspace(top + 0.7, bottom - 0.7, 9)
    core = Tube(_posed(anatomy, core_path), flat, half_width * waist - 0.7, half_depth * waist - 0.7)
    add_tube(bone, rays, core, SPONGY - 1.0)
    height = bottom - top
    for side in (-1, 1):
        pedicle = [[side * half_width * 0.72, middle - 0.2 * height, z - half_depth],
                   [side * half_width * 0.72, middle - 0.22 * height, z - half_depth - 11]]  # fmt: skip
        add_shell(bone, rays, Tube(_posed(anatomy, np.array(pedicle)), np.tile([0.0, 1.0, 0.0], (2, 1)),
                                   np.full(2, 0.24 * height + 1), np.full(2, 0.2 * half_width)), 0.5)  # fmt: skip
        reach = 27.0 if -12 < middle < 240 else 20.0
        transverse = smooth_path(
            np.array([[side * half_width * 0.6, middle - 0.1 * height, z - half_depth - 11],
                      [side * (reach - 8), middle - 0.22 * height, z - half_depth - 17],
                      [side * reach, middle - 0.26 * height, z - half_depth - 22]]), 5.0)  # fmt: skip
        add_shell(bone, rays, Tube.round(_posed(anatomy, transverse), 4.2), 0.5)
        lamina = np.array([[side * half_width * 0.75, middle + 0.05 * height, z - half_depth - 12],
                           [side * 1.0, middle + 0.25 * height, z - half_depth - 20]])  # fmt: skip
        add_shell(bone, rays, Tube(_posed(anatomy, lamina), np.tile([0.0, 1.0, 0.2], (2, 1)), np.full(2, 0.32 * height),
                                   np.full(2, 2.6)), 0.3)  # fmt: skip
    slope = math.radians(58 if 20 < middle < 200 else 35)
    tip = [0.0, middle + 0.3 * height + 26 * math.sin(slope), z - half_depth - 20 - 26 * math.cos(slope)]
    spinous = np.array([[0.0, middle + 0.22 * height, z - half_depth - 20], tip])
    add_shell(bone, rays, Tube(_posed(anatomy, spinous), np.tile([1.0, 0.0, 0.0], (2, 1)), np.array([2.6, 3.2]),
                               np.array([7.0, 5.0])), 0.4)  # fmt: skip
