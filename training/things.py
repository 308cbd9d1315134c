"""Things to outline that nobody has to draw: shapes laid on films, and the lungs of computed chests.

By them stage 0 (`training.pretrain`) teaches what no hidden square does: that a box or a point means what lies in it,
and that an outline follows an edge.
"""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.files import replacing
from engine.geometry import Letterbox
from engine.model_input import to_unit
from engine.network.config import Preprocessing
from training.films import Film, Frame, Lungs, augmented, exposed, framed, painted, warp
from training.phantom.film import random_radiograph
from training.progress import watched
from training.truth import Lungs as Truth

_ROUND = 72  # corners of what has none


def varied(film: Film, preprocessing: Preprocessing, rng: np.random.Generator) -> tuple[Frame, Lungs]:
    """Return a variation of a film with two things on it and their masks; of a film with lungs, and with these."""
    if film.lungs.any():
        return augmented(film, preprocessing, rng)
    unit, things = with_things(warp(film, rng)[0], rng)
    return to_unit(exposed(unit, rng), None, preprocessing), things


def with_things(unit: Frame, rng: np.random.Generator) -> tuple[Frame, NDArray[np.uint8]]:
    """Return the film with two things on it, and what is seen of each: the second may lie before the first."""
    size = unit.shape[0]
    things = np.zeros((2, size, size), np.uint8)
    for number in range(2):
        shape = any_shape(size, rng)
        soft = cv2.GaussianBlur(shape.astype(np.float32), (0, 0), rng.uniform(0.002, 0.008) * size)
        cover = soft * rng.uniform(0.4, 1.0)  # from a shadow to a lid
        if rng.random() < 0.5:
            unit = painted(unit, cover, rng.uniform(0.0, 1.0), rng)
        else:
            unit = unit * (1.0 - cover) + elsewhere(unit, rng) * cover
        things *= 1 - shape
        things[number] = shape
    return unit, things


def any_shape(size: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return (size, size): 1 in a shape with some corners, or with none, slim or full, smooth or with bays."""
    corners = int(rng.integers(3, 9)) if rng.random() < 0.3 else _ROUND
    angles = np.linspace(0.0, 2.0 * np.pi, corners, endpoint=False)
    radius = np.ones(corners)
    for waves in range(2, 6):
        radius += rng.normal(0.0, 0.35 / waves) * np.cos(waves * angles + rng.uniform(0.0, 2.0 * np.pi))
    slim = np.exp(rng.normal(0.0, 0.35) * np.array([1.0, -1.0]))
    turn = rng.uniform(0.0, np.pi)
    across = np.stack([np.cos(angles), np.sin(angles)], axis=1) * np.maximum(radius, 0.2)[:, None] * slim
    turned = across @ np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    outline = turned * rng.uniform(0.05, 0.25) * size + rng.uniform(0.1, 0.9, 2) * size
    return np.asarray(cv2.fillPoly(np.zeros((size, size), np.uint8), [outline.round().astype(np.int32)], 1))


def elsewhere(unit: Frame, rng: np.random.Generator) -> Frame:
    """Return the film moved, turned, and lighter or darker, so that a part of it can be told from what it lies on."""
    moved = np.roll(unit, tuple(int(by) for by in rng.integers(unit.shape[0], size=2)), axis=(0, 1))
    by = rng.uniform(0.15, 0.5) * (1 if rng.random() < 0.5 else -1)
    return np.asarray(np.rot90(moved, int(rng.integers(4))) + np.float32(by))


def phantom_films(count: int, size: int, preprocessing: Preprocessing, folder: Path) -> list[Film]:
    """Return computed chests with their lungs, which take some seconds each: once made, they are kept in a folder."""
    kept = folder / f"phantoms-{count}-{size}.npz"
    if not kept.exists():
        made = [_phantom(seed, size, preprocessing) for seed in watched(range(count))]
        units, lungs = np.stack([unit for unit, _ in made]), np.stack([lungs for _, lungs in made])
        with replacing(kept) as file:
            np.savez_compressed(file, units=units, lungs=lungs)
    with np.load(kept) as found:
        return [
            Film(str(seed), "phantom", unit, lungs)
            for seed, (unit, lungs) in enumerate(zip(found["units"], found["lungs"], strict=True))
        ]


def _phantom(seed: int, size: int, preprocessing: Preprocessing) -> tuple[Frame, Lungs]:
    film = random_radiograph(np.random.default_rng(seed), columns=size)
    letterbox = Letterbox.fit(film.beam.rows, film.beam.columns, size)
    right, left = film.truth.right_clear, film.truth.left_clear
    unit = letterbox.to_frame(to_unit(film.grey, None, preprocessing), blank=0.0)
    return unit, framed(Truth(right | left, right, left), letterbox)
