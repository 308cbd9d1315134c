"""Whether the coded data of a JPEG Lossless are just what its picture takes.

Decoders of it make up what is missing, row after row of the last value, and say nothing. But its coding can be
reckoned back: from the picture follow the differences, from these and the Huffman tables the number of bits. Where
coded data are missing, the made-up part would have needed bits that are not there; where they are damaged, bits remain.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from engine.film.codestream import Codestream

_PADDING_BITS = 7  # ISO/IEC 10918-1 F.1.2.3: ones, up to the next whole byte
_SPARE_BITS = 16  # a byte or two that some writers add to make the length even
_BAND_ROWS = 64
_TYPE = np.uint16  # H.1.2.1: differences are modulo 65536


def _categories() -> NDArray[np.uint8]:
    """Return the category (SSSS, table H.2) of each difference: how many bits its size takes."""
    difference = np.arange(1 << 16, dtype=np.int64)
    size = np.minimum(difference, (1 << 16) - difference)
    category: NDArray[np.uint8] = np.ceil(np.log2(size + 1)).astype(np.uint8)  # 0: 0, 1: 1, 2 and 3: 2, ..., 32768: 16
    return category


def fills_its_picture(announced: Codestream, decoded: NDArray[np.generic]) -> bool:
    """Return whether the scan holds the bits that the decoded picture takes, no fewer and hardly more."""
    if announced.restarts or announced.scans != 1:
        return True  # prediction starts again in the middle: not reckoned here
    planes = decoded.reshape(announced.rows, announced.columns, announced.samples)
    needed = 0
    for index, table in enumerate(announced.tables[: announced.samples]):
        lengths = announced.huffman.get(table)
        if lengths is None:
            return False
        needed += _bits(planes[:, :, index], announced, _costs(lengths))
    return needed <= announced.coded_bits <= needed + _PADDING_BITS + _SPARE_BITS


def _costs(lengths: Mapping[int, int]) -> NDArray[np.uint8]:
    """Return the bits that each difference takes: the code of its category, then its size (H.1.2.2)."""
    of_category = np.array([lengths.get(category, 255) + category % 16 for category in range(17)])
    costs: NDArray[np.uint8] = np.minimum(of_category, 255).astype(np.uint8)[_categories()]
    return costs


def _bits(plane: NDArray[np.generic], announced: Codestream, costs: NDArray[np.uint8]) -> int:
    """Return the bits of one component, a band of rows at a time."""
    shift = announced.point_transform
    total = 0
    above: NDArray[np.uint16] | None = None
    for top in range(0, announced.rows, _BAND_ROWS):
        band = plane[top : top + _BAND_ROWS].astype(_TYPE) >> _TYPE(shift)
        if above is None:
            # H.1.2.1: the first sample is predicted as half the range, the rest of the first row from the left.
            first = band[0].copy()
            first[1:] -= band[0, :-1]
            first[:1] -= _TYPE((1 << (announced.bits - shift - 1)) & 0xFFFF)
            total += int(costs[first].sum(dtype=np.int64))
            rest = band
        else:
            rest = np.concatenate([above[None], band])
        if rest.shape[0] > 1:
            left_edge = rest[1:, 0] - rest[:-1, 0]  # the first of every other row from the one above
            total += int(costs[left_edge].sum(dtype=np.int64))
            inner = rest[1:, 1:] - _predicted(rest, announced.predictor)
            total += int(costs[inner].sum(dtype=np.int64))
        above = band[-1]
    return total


def _predicted(rows: NDArray[np.uint16], predictor: int) -> NDArray[np.uint16]:
    """Return the prediction of all samples but the first row and column (table H.1)."""
    left, above, corner = rows[1:, :-1], rows[:-1, 1:], rows[:-1, :-1]
    match predictor:
        case 1:
            return left
        case 2:
            return above
        case 3:
            return corner
        case 4:
            return left + above - corner
    a, b, c = (part.astype(np.int32) for part in (left, above, corner))
    match predictor:
        case 5:
            predicted = a + ((b - c) >> 1)
        case 6:
            predicted = b + ((a - c) >> 1)
        case _:
            predicted = (a + b) >> 1
    return predicted.astype(_TYPE)
