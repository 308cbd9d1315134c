"""Compressed films for tests: every syntax that needs a codec, encoded from an array."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from tests.phantom import dicom_bytes, dicom_film

JPEG_BASELINE = "1.2.840.10008.1.2.4.50"
JPEG_EXTENDED = "1.2.840.10008.1.2.4.51"
JPEG_LOSSLESS_P14 = "1.2.840.10008.1.2.4.57"
JPEG_LOSSLESS_SV1 = "1.2.840.10008.1.2.4.70"
JPEG_LS_LOSSLESS = "1.2.840.10008.1.2.4.80"
JPEG_LS_NEAR = "1.2.840.10008.1.2.4.81"
JPEG_2000_LOSSLESS = "1.2.840.10008.1.2.4.90"
JPEG_2000 = "1.2.840.10008.1.2.4.91"
HTJ2K_LOSSLESS = "1.2.840.10008.1.2.4.201"
HTJ2K_RPCL = "1.2.840.10008.1.2.4.202"
HTJ2K = "1.2.840.10008.1.2.4.203"


@dataclass(frozen=True, slots=True)
class Syntax:
    """How to write one transfer syntax, for which depths, and how far a sample may come back from what it was."""

    name: str
    uid: str
    encode: Callable[[NDArray[Any], int], bytes]
    bits: tuple[int, ...] = (8, 12, 16)
    tolerance: float = 0.0  # of the full scale


def _jpeg(level: int | None = None, predictor: int | None = None) -> Callable[[NDArray[Any], int], bytes]:
    lossless = None if predictor is None else True
    return lambda values, bits: bytes(
        imagecodecs.jpeg8_encode(values, level=level, lossless=lossless, predictor=predictor, bitspersample=bits)
    )


SYNTAXES = (
    Syntax("JPEG Baseline", JPEG_BASELINE, _jpeg(level=98), bits=(8,), tolerance=0.02),
    Syntax("JPEG Extended", JPEG_EXTENDED, _jpeg(level=98), bits=(8, 12), tolerance=0.02),
    Syntax("JPEG Lossless P14", JPEG_LOSSLESS_P14, _jpeg(predictor=6)),
    Syntax("JPEG Lossless SV1", JPEG_LOSSLESS_SV1, _jpeg(predictor=1)),
    Syntax("JPEG-LS", JPEG_LS_LOSSLESS, lambda values, bits: bytes(imagecodecs.jpegls_encode(values))),
    Syntax(
        "JPEG-LS near", JPEG_LS_NEAR, lambda values, bits: bytes(imagecodecs.jpegls_encode(values, level=2)),
        tolerance=2 / 255,
    ),
    Syntax(
        "JPEG 2000 lossless", JPEG_2000_LOSSLESS,
        lambda values, bits: bytes(
            imagecodecs.jpeg2k_encode(values, level=0, codecformat="j2k", reversible=True, bitspersample=bits)
        ),
    ),
    Syntax(
        "JPEG 2000", JPEG_2000,
        lambda values, bits: bytes(
            imagecodecs.jpeg2k_encode(values, level=60 + 6 * (bits - 8), codecformat="j2k", reversible=False)
        ),
        tolerance=0.03,
    ),
    Syntax(
        "HTJ2K lossless", HTJ2K_LOSSLESS, lambda values, bits: bytes(imagecodecs.htj2k_encode(values, reversible=True))
    ),
    Syntax(
        "HTJ2K RPCL", HTJ2K_RPCL,
        lambda values, bits: bytes(imagecodecs.htj2k_encode(values, reversible=True, resolutions=5, tlm=True)),
    ),
    Syntax(
        "HTJ2K", HTJ2K,
        lambda values, bits: bytes(imagecodecs.htj2k_encode(values, level=1e-3 / (1 << (bits - 8)), reversible=False)),
        tolerance=0.03,
    ),
)  # fmt: skip


def chest(bits: int, rows: int = 70, columns: int = 58, channels: int = 1) -> NDArray[np.unsignedinteger]:
    """Return something with edges, slopes and noise that uses all of the bits; the same every time."""
    rng = np.random.default_rng(bits)
    y, x = np.mgrid[0:rows, 0:columns]
    planes = []
    for channel in range(channels):
        plane = 0.5 + 0.3 * np.sin((x + 7 * channel) / 9) * np.cos(y / (11 + channel)) + 0.2 * (x > columns // 2)
        planes.append(plane + rng.normal(0.0, 0.005, plane.shape))
    unit = np.stack(planes, axis=-1)
    unit = (unit - unit.min()) / (unit.max() - unit.min())
    values: NDArray[np.unsignedinteger] = np.rint(unit * ((1 << bits) - 1)).astype(np.uint8 if bits <= 8 else np.uint16)
    return values[..., 0] if channels == 1 else values


def compressed_film(values: NDArray[Any], syntax: Syntax, bits: int, codestream: bytes | None = None) -> bytes:
    """Return a DICOM file of the values in the given syntax, or with another codestream in their place."""
    film = dicom_film(values, bits_stored=bits, photometric="RGB" if values.ndim == 3 else "MONOCHROME2")
    return dicom_bytes(film, syntax.uid, codestream=codestream or syntax.encode(values, bits))
