"""Cases with known truth: lungs of straight lines, rasterised at any spacing and stored any way round."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.case import Case, Finding, HeartCallipers, Line, Making, Provenance, Structure
from engine.film.grey import Window
from engine.film.radiograph import Orientation, Radiograph, Source, ViewPosition
from engine.geometry import BoxPrompt, Prompts, Spacing, SpacingOrigin
from engine.mask import Mask

# Upright, in mm from the film's upper left corner, the patient's right on the left. Every number below follows.
# Tips are cut flat over a few mm: no grid samples the end of a needle.
RIGHT = np.array(
    [
        [70, 20],
        [90, 20],
        [120, 45],
        [120, 190],
        [105, 245],
        [67, 220],
        [63, 220],
        [24, 250],
        [20, 250],
        [20, 120],
        [40, 40],
    ],
    dtype=float,
)
LEFT = np.array(
    [
        [190, 20],
        [215, 20],
        [250, 45],
        [262, 120],
        [262, 262],
        [258, 262],
        [227, 235],
        [223, 235],
        [190, 252],
        [170, 190],
        [165, 45],
    ],
    dtype=float,
)
# The same right lung, its costophrenic angle left sharp: between a vertical wall and a straight diaphragm.
SHARP_RIGHT = np.delete(RIGHT, 7, axis=0)
WIDTH_MM, HEIGHT_MM = 285.0, 300.0

PROVENANCE = Provenance("lungbox-compact 1.0", "ab" * 32, "OpenVINO 2026.4.1 CPU int8", "0.1.0")

# Rightwards and downwards of the stored image, and how to store an upright film so.
STORED_WAYS: dict[tuple[str, str], tuple[bool, bool, bool]] = {
    ("L", "F"): (False, False, False),
    ("R", "F"): (False, True, False),
    ("L", "H"): (False, False, True),
    ("R", "H"): (False, True, True),
    ("F", "L"): (True, False, False),
    ("H", "L"): (True, False, True),
    ("F", "R"): (True, True, False),
    ("H", "R"): (True, True, True),
}


@dataclass(frozen=True)
class Grid:
    """How the phantom is sampled."""

    row_mm: float
    column_mm: float
    offset: tuple[float, float] = (0.0, 0.0)  # mm, shifts the lungs against the pixels

    @property
    def shape(self) -> tuple[int, int]:
        return round(HEIGHT_MM / self.row_mm), round(WIDTH_MM / self.column_mm)

    def mask(self, outline: NDArray[np.float64]) -> NDArray[np.bool_]:
        rows, columns = self.shape
        return Mask.of_polygons(rows, columns, [(outline + self.offset) / (self.column_mm, self.row_mm)]).pixels()


def stored(pixels: NDArray[np.generic], way: tuple[str, str]) -> NDArray[np.generic]:
    """Return upright pixels as a film stores them whose Patient Orientation is `way`."""
    transposed, flip_x, flip_y = STORED_WAYS[way]
    if flip_x:
        pixels = pixels[:, ::-1]
    if flip_y:
        pixels = pixels[::-1]
    return pixels.T if transposed else pixels


def film_of(
    pixels: NDArray[np.integer],
    spacing: Spacing | None,
    *,
    way: tuple[str, str] | None = ("L", "F"),
    view: ViewPosition = ViewPosition.PA,
    inverse: bool = False,
    window: Window | None = None,
    magnification: float | None = None,
    kind: str = "PNG",
) -> Radiograph:
    source = Source(Path("film.png"), "0" * 64, hashlib.sha256(pixels.tobytes()).hexdigest(), kind)
    return Radiograph(
        pixels,
        source,
        8 * pixels.dtype.itemsize,
        views=() if window is None else (window,),
        inverse=inverse,
        spacing=spacing,
        magnification=magnification,
        pixel_aspect=1.0 if spacing is None else spacing.row_mm / spacing.column_mm,
        orientation=None if way is None else Orientation(*way),
        view_position=view,
    )


def lung_case(
    grid: Grid,
    *,
    way: tuple[str, str] | None = ("L", "F"),
    origin: SpacingOrigin | None = SpacingOrigin.DETECTOR,
    view: ViewPosition = ViewPosition.PA,
    magnification: float | None = None,
    right_outline: NDArray[np.float64] = RIGHT,
) -> Case:
    """Return the phantom with both lungs outlined."""
    turn = way or ("L", "F")
    rows, columns = grid.shape[::-1] if STORED_WAYS[turn][0] else grid.shape
    transposed = STORED_WAYS[turn][0]
    row_mm, column_mm = (grid.column_mm, grid.row_mm) if transposed else (grid.row_mm, grid.column_mm)
    spacing = None if origin is None else Spacing(row_mm, column_mm, origin)
    ramp = (np.arange(rows * columns, dtype=np.int64) % 251).astype(np.uint8).reshape(rows, columns)
    film = film_of(ramp, spacing, way=way, view=view, magnification=magnification)
    right, left = (Mask.of(stored(grid.mask(outline), turn)) for outline in (right_outline, LEFT))
    return Case(film, (lung(Structure.RIGHT_LUNG, right, "2.25.1"), lung(Structure.LEFT_LUNG, left, "2.25.2")))


def lung(structure: Structure, mask: Mask, uid: str) -> Finding:
    return Finding(
        structure,
        mask,
        Making.MODEL,
        prompts=Prompts(mask.bounds() or BoxPrompt(0, 0, 1, 1)),
        quality=0.95,
        provenance=PROVENANCE,
        tracking_uid=uid,
    )


def callipers(case: Case, x: float = 142.5, right: float = 115.0, left: float = 190.0) -> HeartCallipers:
    """Return callipers at distances in mm on an upright, unmirrored film."""
    spacing = case.radiograph.spacing
    row, column = (spacing.row_mm, spacing.column_mm) if spacing else (1.0, 1.0)
    return HeartCallipers(
        Line(x / column, 30 / row, x / column, 240 / row), (right / column, 180 / row), (left / column, 200 / row)
    )
