"""The spine: bodies with end plates between discs, pedicles seen end on, and the arches behind them."""

import numpy as np

from training.phantom.anatomy import Anatomy
from training.phantom.beam import Plane
from training.phantom.solids import Points, Rays, Tube, add_shell, add_tube, smooth_path

# Heights of the vertebral bodies' centres in the standard chest, T1 to T12, and on into neck and loin.
THORACIC_MM = np.cumsum([-4.0, 20, 20.5, 21, 21.5, 22, 22.5, 23, 24, 25, 26, 27])
_CERVICAL_MM = THORACIC_MM[0] - np.cumsum([18.5, 17.5, 17, 17, 17, 17])
_LUMBAR_MM = THORACIC_MM[-1] + np.cumsum([29.0, 31, 33, 34])

_SPONGY = 0.09  # of cortical mineral, inside a body
_PLATE_MM = 0.55

_UP, _ACROSS = (0.0, 1.0, 0.0), (1.0, 0.0, 0.0)


def add_spine(bone: Plane, rays: Rays, anatomy: Anatomy) -> None:
    """Add neck, chest and upper loin to a map of cortical bone."""
    heights = np.concatenate([_CERVICAL_MM[::-1], THORACIC_MM, _LUMBAR_MM])
    edges = (heights[:-1] + heights[1:]) / 2
    tops = np.concatenate([[heights[0] - 8.5], edges])
    bottoms = np.concatenate([edges, [heights[-1] + 17]])
    for middle, top, bottom in zip(heights, tops, bottoms, strict=True):
        _add_vertebra(bone, rays, anatomy, middle=float(middle), top=float(top) + 1.6, bottom=float(bottom) - 1.6)


def _add_vertebra(bone: Plane, rays: Rays, anatomy: Anatomy, *, middle: float, top: float, bottom: float) -> None:
    half_width = float(np.interp(middle, [-110, -40, -20, 30, 120, 260, 380], [11, 12, 14.5, 13, 14.5, 19, 22.5]))
    half_depth, height = 1.02 * half_width, bottom - top
    z = float(anatomy.spine_z(np.array(middle * anatomy.height_scale))) / anatomy.depth_scale
    back = z - half_depth

    def path(*points: tuple[float, float, float]) -> Points:
        return anatomy.posed(anatomy.standard(smooth_path(np.array(points), step_mm=2.0)))

    waist = np.interp(np.linspace(0, 1, 9), [0, 0.07, 0.5, 0.93, 1.0], [0.97, 1.02, 0.9, 1.02, 0.97])
    for inset, density in ((0.0, 1.0), (_PLATE_MM, _SPONGY - 1.0)):
        column = np.stack([np.zeros(9), np.linspace(top + inset, bottom - inset, 9), np.full(9, z)], axis=1)
        wide, deep = half_width * waist - inset, half_depth * waist - inset
        add_tube(bone, rays, Tube.of(anatomy.posed(anatomy.standard(column)), _ACROSS, wide, deep), density)

    for side in (-1, 1):
        beside = side * half_width * 0.72
        pedicle = path((beside, middle - 0.2 * height, z), (beside, middle - 0.22 * height, back - 11))
        add_shell(bone, rays, Tube.of(pedicle, _UP, [0.22 * height + 1], [0.19 * half_width]), 0.4)
        reach = 27.0 if -12 < middle < 240 else 20.0
        transverse = path(
            (side * half_width * 0.6, middle - 0.1 * height, back - 11),
            (side * (reach - 8), middle - 0.22 * height, back - 17),
            (side * reach, middle - 0.26 * height, back - 22),
        )
        add_shell(bone, rays, Tube.of(transverse, _UP, [4.2], [4.2]), 0.4)
        lamina = path(
            (side * half_width * 0.75, middle + 0.05 * height, back - 12), (0, middle + 0.25 * height, back - 20)
        )
        add_shell(bone, rays, Tube.of(lamina, _UP, [0.3 * height], [2.6]), 0.2)
    steep = 0.85 if 20 < middle < 200 else 0.57  # the spinous processes of the middle chest lie like roof tiles
    root = (0.0, middle + 0.22 * height, back - 20)
    tip = (0.0, root[1] + 26 * steep, back - 20 - 26 * (1 - steep))
    add_shell(bone, rays, Tube.of(path(root, tip), _ACROSS, [2.4, 3.2], [6.0, 4.5]), 0.35)
