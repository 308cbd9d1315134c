"""Films that are the same film: found by what they look like, because collections copy from each other.

Two looks at a film, because chest radiographs all look alike. A DCT hash ("pHash") of 256 bits finds the candidates
among any number of films: its low frequencies outlast what collections do to their copies, other sizes, squashing to a
square, JPEG, windows and gamma. It cannot decide, though. On 1,794 films of four hospitals a copy with its histogram
equalised is up to 82 bits away, while 9,242 pairs of strangers are within 84; the customary 64-bit hash is worse, and a
difference hash no better. So the candidates' detail decides: bones, vessels and letters, local contrast evened out,
128 pixels across. There a copy correlates at 0.72 or more (worst: letters stamped over it), strangers at 0.49 at most.

An inverted copy flips every bit of the hash, a mirrored one the waves that are odd across the film, so both are found
with the same hash. A copy cropped by more than a few per cent, or turned, is not found.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.film.radiograph import Radiograph
from engine.model_input import to_unit
from engine.network.config import Preprocessing
from training.manifest import FilmRecord

Bits = NDArray[np.bool_]
Detail = NDArray[np.int8]

BITS = 256
CANDIDATE_BITS = 84
SAME_FILM = 0.60  # correlation of detail; half way between copies and strangers

_SIDE = 16  # low frequencies kept in each direction
_HASH_PX, _DETAIL_PX = 64, 128
_MARGIN_PX = 8  # collections frame their copies


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """What a film looks like, in 16 kB."""

    bits: Bits  # (256,)
    detail: Detail  # (112, 112), local contrast, zero mean


def look_of(radiograph: Radiograph) -> Look:
    """Return the film's hash and detail, from the greys that the model would see."""
    values = radiograph.modality_values()
    unit = to_unit(-values if radiograph.inverse else values, None, Preprocessing())
    small = cv2.resize(unit, (_HASH_PX, _HASH_PX), interpolation=cv2.INTER_AREA)
    waves = cv2.dct(small)[:_SIDE, :_SIDE].ravel()
    # The first wave is the mean grey: it says how bright the copy is, not what it shows.
    return Look(np.asarray(waves > np.median(waves[1:])), _detail(unit))


def _detail(unit: NDArray[np.float32]) -> Detail:
    small = cv2.resize(unit, (_DETAIL_PX, _DETAIL_PX), interpolation=cv2.INTER_AREA)
    fine = small - cv2.GaussianBlur(small, (0, 0), 2.5)
    contrast = np.sqrt(cv2.GaussianBlur(fine * fine, (0, 0), 8.0)) + 0.01
    even: NDArray[np.float32] = (fine / contrast)[_MARGIN_PX:-_MARGIN_PX, _MARGIN_PX:-_MARGIN_PX]
    return np.asarray(np.clip(np.rint((even - even.mean()) * 32), -127, 127), dtype=np.int8)


def mirrored(bits: Bits) -> Bits:
    """Return the hash of the film seen in a mirror: waves odd across the film change sign."""
    grid = bits.reshape(_SIDE, _SIDE).copy()
    grid[:, 1::2] = ~grid[:, 1::2]
    return grid.ravel()


@dataclass(frozen=True, slots=True)
class Pair:
    """Two films by their places in the list, how many bits of the hash differ, and how their detail correlates."""

    first: int
    second: int
    bits: int
    detail: float
    how: str  # "as it is", "inverted", "mirrored", "mirrored and inverted"

    @property
    def same_film(self) -> bool:
        """True for a copy, False for strangers that look alike."""
        return self.detail >= SAME_FILM


_HOW = ("as it is", "inverted", "mirrored", "mirrored and inverted")


def similar_pairs(looks: Sequence[Look], at_most_bits: int = CANDIDATE_BITS) -> list[Pair]:
    """Return the pairs whose hashes are near, most alike in detail first."""
    if not looks:
        return []
    signs = np.where(np.stack([look.bits for look in looks]), np.float32(1), np.float32(-1))
    mirror = np.where(np.stack([mirrored(look.bits) for look in looks]), np.float32(1), np.float32(-1))
    found = []
    for start in range(0, len(signs), 2048):
        block = signs[start : start + 2048]
        plain, turned = (BITS - block @ signs[start:].T) / 2, (BITS - block @ mirror[start:].T) / 2
        ways = np.stack([plain, BITS - plain, turned, BITS - turned])
        nearest = ways.min(axis=0)
        for i, j in np.argwhere(np.triu(nearest <= at_most_bits, k=1)):
            # Which way round the two are alike is the detail's to say as well.
            likely = [way for way in range(4) if ways[way, i, j] <= at_most_bits]
            one, other = looks[start + i].detail, looks[start + j].detail
            detail, way = max((_correlation(one, other, way), way) for way in likely)
            found.append(Pair(start + int(i), start + int(j), int(ways[way, i, j]), detail, _HOW[way]))
    return sorted(found, key=lambda pair: (-pair.detail, pair.first, pair.second))


def _correlation(first: Detail, second: Detail, way: int) -> float:
    """Return how two films' detail correlates, the second inverted (1), mirrored (2) or both (3)."""
    a = first.astype(np.float32)
    b = second[:, ::-1].astype(np.float32) if way >= 2 else second.astype(np.float32)
    length = float(np.sqrt((a * a).sum() * (b * b).sum()))
    return 0.0 if length == 0.0 else float((a * b).sum()) / length * (-1.0 if way % 2 else 1.0)


def groups(records: Sequence[FilmRecord], pairs: Iterable[Pair]) -> dict[str, str]:
    """Return each film's group by its key: films that share a patient or are copies, directly or through others.

    A group is named by the first of its films' keys, so the name does not depend on the order of the list.
    """
    parent = list(range(len(records)))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    first_of: dict[str, int] = {}
    for i, record in enumerate(records):
        parent[root(i)] = root(first_of.setdefault(record.patient_key, i))
    for pair in pairs:
        if pair.same_film:
            parent[root(pair.first)] = root(pair.second)
    names: dict[int, str] = {}
    for i, record in enumerate(records):
        top = root(i)
        names[top] = min(names.get(top, record.key), record.key)
    return {record.key: names[root(i)] for i, record in enumerate(records)}
