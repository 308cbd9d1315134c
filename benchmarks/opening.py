"""How long a large film takes to open, against what the bare decoder and numpy need for the same file.

    python -m benchmarks.opening [--rows 4280 --columns 3520] [--repeats 7]

Prints one JSON line a syntax: the best of the repeats, in milliseconds, ours and bare taken in turn so that a busy
machine slows both alike. Bare is pydicom's pixel_array for uncompressed films, and for compressed ones pydicom's
header and fragments, imagecodecs' decoder in this process, and nothing checked.
"""

import argparse
import io
import json
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import imagecodecs
import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.encaps import generate_frames

from engine.film.reading import read_radiograph
from tests.codestreams import JPEG_2000_LOSSLESS, JPEG_LOSSLESS_SV1, SYNTAXES
from tests.phantom import EXPLICIT_LITTLE, dicom_bytes, dicom_film, thorax

BITS = 12
ALLOWED = 1.5


def film(rows: int, columns: int) -> NDArray[np.uint16]:
    """Return a chest with the noise of a detector: without it a codec has an easy day."""
    noise = np.random.default_rng(1).normal(0, 8, (rows, columns))
    top = (1 << BITS) - 1
    return np.clip(thorax(rows, columns, BITS) + noise, 0, top).astype(np.uint16)


def native(path: Path) -> NDArray[np.integer]:
    """Return the pixels of an uncompressed film as pydicom gives them."""
    return np.array(pydicom.dcmread(io.BytesIO(path.read_bytes())).pixel_array)


def compressed(decode: Callable[[bytes], NDArray[np.integer]]) -> Callable[[Path], NDArray[np.integer]]:
    """Return a reader that decodes the first frame and checks nothing."""

    def read(path: Path) -> NDArray[np.integer]:
        data_set = pydicom.dcmread(io.BytesIO(path.read_bytes()))
        return decode(next(generate_frames(data_set.PixelData, number_of_frames=1)))

    return read


def best_ms(readers: Sequence[Callable[[], object]], repeats: int) -> list[float]:
    """Return the best time of each, all of them run in turn."""
    best = [float("inf")] * len(readers)
    for _ in range(repeats):
        for index, read in enumerate(readers):
            begin = time.perf_counter()
            read()
            best[index] = min(best[index], 1e3 * (time.perf_counter() - begin))
    return best


def main() -> int:
    """Print the figures; return 1 where opening takes longer than we allow."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=4280)
    parser.add_argument("--columns", type=int, default=3520)
    parser.add_argument("--repeats", type=int, default=7)
    arguments = parser.parse_args()
    values = film(arguments.rows, arguments.columns)
    encoders = {syntax.uid: syntax.encode for syntax in SYNTAXES}
    cases: list[tuple[str, str, Callable[[Path], NDArray[np.integer]]]] = [
        ("uncompressed", EXPLICIT_LITTLE, native),
        ("JPEG Lossless", JPEG_LOSSLESS_SV1, compressed(imagecodecs.ljpeg_decode)),
        ("JPEG 2000", JPEG_2000_LOSSLESS, compressed(imagecodecs.jpeg2k_decode)),
    ]
    worst = 0.0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "film.dcm"
        for name, syntax, bare in cases:
            codestream = encoders[syntax](values, BITS) if syntax in encoders else None
            path.write_bytes(dicom_bytes(dicom_film(values, bits_stored=BITS), syntax, codestream=codestream))
            assert np.array_equal(read_radiograph(path).stored, values)  # and the decoder's child is up
            ours, theirs = best_ms(
                [lambda: read_radiograph(path), lambda bare=bare: bare(path)],  # type: ignore[misc]
                arguments.repeats,
            )
            worst = max(worst, ours / theirs)
            figures = {
                "syntax": name,
                "ours_ms": round(ours, 1),
                "bare_ms": round(theirs, 1),
                "ratio": round(ours / theirs, 2),
            }
            print(json.dumps(figures), flush=True)
    return 0 if worst <= ALLOWED else 1


if __name__ == "__main__":
    raise SystemExit(main())
