"""Films with outlines on them, side by side on one sheet, as PNG."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.errors import OutputError
from engine.files import write_atomically
from engine.film.radiograph import Radiograph
from engine.geometry import BoxPrompt
from engine.model_input import to_unit
from engine.network.config import Preprocessing
from training.metrics import Pixels

Colour = tuple[int, int, int]  # blue, green, red: OpenCV's order
Tile = NDArray[np.uint8]  # (rows, columns, 3)

TRUTH: Colour = (80, 220, 80)
MODEL: Colour = (60, 60, 255)
SECOND: Colour = (255, 170, 40)
BOX: Colour = (0, 220, 255)
_CAPTION_PX = 16


def film_tile(
    radiograph: Radiograph,
    outlines: Sequence[tuple[Pixels, Colour]] = (),
    box: BoxPrompt | None = None,
    side: int = 360,
) -> Tile:
    """Return the film as the model sees it, fitted into a square, with outlines and a box."""
    values = radiograph.modality_values()
    unit = to_unit(-values if radiograph.inverse else values, None, Preprocessing())
    return unit_tile(unit, outlines, box, side)


def unit_tile(
    unit: NDArray[np.float32],
    outlines: Sequence[tuple[Pixels, Colour]] = (),
    box: BoxPrompt | None = None,
    side: int = 360,
) -> Tile:
    """Return grey from 0 to 1, fitted into a square, with outlines and a box."""
    rows, columns = unit.shape
    scale = side / max(rows, columns)
    size = (max(1, round(columns * scale)), max(1, round(rows * scale)))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    small = cv2.resize(unit, size, interpolation=how)
    tile = np.zeros((side, side, 3), dtype=np.uint8)
    tile[: size[1], : size[0]] = (small * 255).astype(np.uint8)[:, :, None]
    for mask, colour in outlines:
        fitted = cv2.resize(mask.astype(np.float32), size, interpolation=how)
        found, _ = cv2.findContours((fitted >= 0.5).astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(tile, found, -1, colour, 1)
    if box is not None:
        corners = [round(value * scale) for value in box.corners]
        cv2.rectangle(tile, (corners[0], corners[1]), (corners[2] - 1, corners[3] - 1), BOX, 1)
    return tile


def heat_tile(values: NDArray[np.float64], low: float, high: float, side: int = 360) -> Tile:
    """Return a map as colours, `low` dark and `high` bright."""
    scaled = np.clip((values - low) / (high - low), 0.0, 1.0)
    coloured = cv2.applyColorMap((scaled * 255).astype(np.uint8), cv2.COLORMAP_VIRIDIS)
    return np.asarray(cv2.resize(coloured, (side, side), interpolation=cv2.INTER_NEAREST), dtype=np.uint8)


def captioned(tile: Tile, text: str) -> Tile:
    """Return the tile with a line of text under it, cut to its width."""
    strip = np.zeros((_CAPTION_PX, tile.shape[1], 3), dtype=np.uint8)
    cv2.putText(
        strip, text[: tile.shape[1] // 6], (3, 12), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (230, 230, 230), 1, cv2.LINE_AA
    )
    return np.vstack([tile, strip])


def sheet(tiles: Sequence[Tile], columns: int) -> Tile:
    """Return tiles of one size in rows, the last row filled up with black."""
    if not tiles:
        return np.zeros((_CAPTION_PX, _CAPTION_PX, 3), dtype=np.uint8)
    blank = np.zeros_like(tiles[0])
    padded = [*tiles, *[blank] * (-len(tiles) % columns)]
    return np.vstack([np.hstack(padded[i : i + columns]) for i in range(0, len(padded), columns)])


def write_png(path: Path, picture: Tile) -> None:
    """Write a picture, whole or not at all."""
    encoded, data = cv2.imencode(".png", picture)
    if not encoded:
        raise OutputError(f"{path.name} could not be made into a PNG.")
    write_atomically(path, data.tobytes())
