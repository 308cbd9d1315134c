"""Films spoilt the way films are spoilt, for a test that training's own augmentation code had no hand in.

Each returns a film and its truth; the film's name decides every draw, so all models meet the same spoilt films.
"""

import hashlib
from dataclasses import replace
from enum import Enum

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.film.radiograph import Radiograph
from training.boxes import fixed_rng
from training.truth import Lungs, Pixels

Values = NDArray[np.float32]


class Alteration(Enum):
    """What happened to the film."""

    ROTATED = "rotated"  # by up to 20 degrees
    INVERTED = "inverted"  # bright where it should be dark, and no header to say so
    UNDEREXPOSED = "underexposed"  # a tenth of the dose: grain, and little contrast
    COLLIMATED = "collimated"  # shutters cover up to a tenth of the film from each side
    DEVICES = "tubes and letters"


def altered(radiograph: Radiograph, lungs: Lungs, how: Alteration, film: str) -> tuple[Radiograph, Lungs]:
    """Return the spoilt film and the truth that goes with it."""
    rng = fixed_rng(film, how.value)
    match how:
        case Alteration.ROTATED:
            return _rotated(radiograph, lungs, float(rng.uniform(5.0, 20.0) * rng.choice([-1.0, 1.0])))
        case Alteration.INVERTED:
            low, high = int(radiograph.stored.min()), int(radiograph.stored.max())
            return _with_stored(radiograph, low + high - radiograph.stored.astype(np.int64)), lungs
        case Alteration.UNDEREXPOSED:
            return _from_unit(radiograph, _underexposed(_to_unit(radiograph), radiograph.inverse, rng)), lungs
        case Alteration.COLLIMATED:
            return _collimated(radiograph, lungs, rng)
        case Alteration.DEVICES:
            return _from_unit(radiograph, _with_devices(_to_unit(radiograph), radiograph.inverse, rng)), lungs


def _with_stored(radiograph: Radiograph, stored: NDArray[np.generic]) -> Radiograph:
    kept = stored.astype(radiograph.stored.dtype)
    source = replace(radiograph.source, pixel_sha256=hashlib.sha256(kept.tobytes()).hexdigest())
    return replace(radiograph, stored=kept, source=source)


def _to_unit(radiograph: Radiograph) -> Values:
    """Return the stored values from 0 to 1, as they are stored."""
    stored = radiograph.stored.astype(np.float32)
    low, high = float(stored.min()), float(stored.max())
    return (stored - low) / max(high - low, 1.0)


def _from_unit(radiograph: Radiograph, unit: Values) -> Radiograph:
    low, high = int(radiograph.stored.min()), int(radiograph.stored.max())
    return _with_stored(radiograph, np.rint(low + np.clip(unit, 0.0, 1.0) * (high - low)))


def _rotated(radiograph: Radiograph, lungs: Lungs, degrees: float) -> tuple[Radiograph, Lungs]:
    """Return film and truth turned about the film's middle; what comes in from outside is unexposed."""
    turn = cv2.getRotationMatrix2D((radiograph.columns / 2 - 0.5, radiograph.rows / 2 - 0.5), degrees, 1.0)
    size = (radiograph.columns, radiograph.rows)
    stored = radiograph.stored.astype(np.float32)
    blank = float(stored.max() if radiograph.inverse else stored.min())
    film = cv2.warpAffine(stored, turn, size, flags=cv2.INTER_LINEAR, borderValue=blank)

    def turned(mask: Pixels | None) -> Pixels | None:
        if mask is None:
            return None
        return np.asarray(cv2.warpAffine(mask.astype(np.float32), turn, size, flags=cv2.INTER_LINEAR) >= 0.5)

    both = turned(lungs.both)
    assert both is not None
    return _with_stored(radiograph, np.rint(film)), Lungs(both, turned(lungs.right), turned(lungs.left))


def _underexposed(unit: Values, inverse: bool, rng: np.random.Generator) -> Values:
    """Return the film at a tenth of the dose: bright, flat and grainy, most of all where little came through."""
    bright = 1.0 - unit if inverse else unit
    photons = 400.0 * 0.1 * np.exp(-2.5 * bright)  # behind bone a twelfth of what the open field gets
    counted = rng.poisson(photons).astype(np.float32)
    grain = cv2.GaussianBlur(counted, (0, 0), 0.7)  # the detector spreads each count over its neighbours
    film = np.clip(-np.log(np.maximum(grain, 0.5) / 40.0) / 2.5, 0.0, 1.0)
    flat = np.asarray(0.45 + 0.5 * film, dtype=np.float32)
    return 1.0 - flat if inverse else flat


def _collimated(radiograph: Radiograph, lungs: Lungs, rng: np.random.Generator) -> tuple[Radiograph, Lungs]:
    """Return the film between shutters; lung behind them cannot be seen, so it is no longer truth."""
    rows, columns = radiograph.rows, radiograph.columns
    left, top, right, bottom = rng.uniform(0.02, 0.10, 4)
    field = np.zeros((rows, columns), dtype=np.bool_)
    field[round(top * rows) : round((1 - bottom) * rows), round(left * columns) : round((1 - right) * columns)] = True
    stored = radiograph.stored.astype(np.int64)
    # Nothing exposes what a shutter covers, so it is as bright as bone; half the vendors then blacken it.
    shut = stored.min() if radiograph.inverse is (rng.random() < 0.5) else stored.max()
    film = _with_stored(radiograph, np.where(field, stored, shut))
    return film, Lungs(
        lungs.both & field,
        None if lungs.right is None else lungs.right & field,
        None if lungs.left is None else lungs.left & field,
    )


def _with_devices(unit: Values, inverse: bool, rng: np.random.Generator) -> Values:
    """Return the film with side letters, an endotracheal and a gastric tube, a catheter and electrodes."""
    rows, columns = unit.shape
    scale = max(rows, columns) / 512
    ink = np.zeros(unit.shape, dtype=np.uint8)

    def tube(points: list[tuple[float, float]], width: float) -> None:
        knots = np.array(points) + rng.normal(0, 0.015, (len(points), 2))
        steps = np.linspace(0, len(points) - 1, 80)
        x, y = (np.interp(steps, np.arange(len(points)), knots[:, i]) for i in range(2))
        path = np.stack([x * columns, y * rows], axis=1).round().astype(np.int32)
        cv2.polylines(ink, [path], isClosed=False, color=255, thickness=max(1, round(width * scale)))

    tube([(0.5, 0.0), (0.5, 0.15), (0.51, 0.3)], 4)
    tube([(0.49, 0.0), (0.5, 0.3), (0.52, 0.6), (0.58, 0.8), (0.65, 0.85)], 3)
    tube([(0.9, 0.15), (0.75, 0.13), (0.6, 0.2), (0.56, 0.45)], 2)
    for x, y in ((0.2, 0.25), (0.8, 0.3), (0.75, 0.75)):
        centre = (round((x + rng.normal(0, 0.03)) * columns), round((y + rng.normal(0, 0.03)) * rows))
        cv2.circle(ink, centre, max(2, round(9 * scale)), 255, thickness=max(1, round(3 * scale)))
    letters = [("L", (0.88, 0.1)), (str(rng.choice(["AP SUPINE", "PORTABLE", "07:45"])), (0.05, 0.08))]
    for text, (x, y) in letters:
        where = (round(x * columns), round(y * rows))
        cv2.putText(ink, text, where, cv2.FONT_HERSHEY_SIMPLEX, 1.2 * scale, 255, max(1, round(3 * scale)))
    cover = cv2.GaussianBlur(ink.astype(np.float32) / 255.0, (0, 0), 0.6 * scale) * 0.85
    metal = 0.0 if inverse else 1.0
    return np.asarray(unit * (1.0 - cover) + metal * cover, dtype=np.float32)
