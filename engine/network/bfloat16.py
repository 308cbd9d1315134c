"""Two bfloat16 numbers hold 16 bits of a float32: the first convolution needs them.

It subtracts neighbours of almost the same grey, so that rounding its inputs and weights to 8 bits is felt in every mask
(an error of 0.5 % in the embedding, nine tenths of all that bfloat16 brings). With high and low halves of both it costs
three input channels instead of one, and the error is gone.
"""

import numpy as np
from numpy.typing import NDArray


def high_half(values: NDArray[np.float32], out: NDArray[np.float32] | None = None) -> NDArray[np.float32]:
    """Return the values rounded to bfloat16, half to even."""
    bits = np.ascontiguousarray(values, dtype=np.float32).view(np.uint32)
    rounded = np.right_shift(bits, 16, out=None if out is None else out.view(np.uint32))
    rounded &= 1
    rounded += np.uint32(0x7FFF)
    rounded += bits
    rounded &= np.uint32(0xFFFF0000)
    return rounded.view(np.float32)


def split_inputs(values: NDArray[np.float32], halves: NDArray[np.float32]) -> NDArray[np.float32]:
    """Write high, low, and high halves of (1, channels, rows, columns) into `halves`, and return it.

    New memory for every film would cost more than the arithmetic.
    """
    high, low, again = np.split(halves, 3, axis=1)
    high_half(values, high)
    np.subtract(values, high, out=low)
    again[...] = high
    return halves


def split_weights(values: NDArray[np.float32], axis: int) -> NDArray[np.float32]:
    """Return high, high, and low halves: with `split_inputs`, all products but that of the two low halves."""
    high = high_half(values)
    return np.concatenate([high, high, values - high], axis=axis)
