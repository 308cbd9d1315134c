"""PNG, TIFF and JPEG pictures to grey samples. Runs in the child process of `engine.film.decoder`, never in ours."""

import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.errors import DamagedFilmError, FilmTooLargeError, NotAFilmError, UnsupportedFilmError
from engine.film.codecs import decode_jpeg
from engine.film.codestream import read_jpeg
from engine.film.png import decode_png, exif_of
from engine.film.radiograph import MAX_PIXELS
from engine.film.tiff import decode_tiff

_EXPORT_AGAIN = "Export the film again, as DICOM if you can."
_BAND = 1 << 20  # pixels reduced to grey at a time: the sums are four times as large as the samples
# ITU-R BT.601 luma, the weights of YBR_FULL (PS3.3 C.7.6.3.1.2), in 1/65536; their sum times 65535 fits into 32 bits.
_RED, _GREEN, _BLUE = 19595, 38470, 7471


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A decoded picture, and what was done to it."""

    grey: NDArray[np.integer]  # (rows, columns)
    inverse: bool = False  # 0 is shown white
    colour: str = ""  # "" for grey, "equal" where red, green and blue agree everywhere, "mixed" where they do not
    transparent: bool = False  # an alpha channel was left out that was not opaque everywhere
    orientation: int = 1  # how it asks to be turned, as TIFF and EXIF number it; 1 is as stored

    def facts(self) -> dict[str, Any]:
        """Return all but the pixels, to cross the pipe."""
        return {
            "inverse": self.inverse,
            "colour": self.colour,
            "transparent": self.transparent,
            "orientation": self.orientation,
        }


def decode(data: bytes, kind: str) -> Picture:
    """Return the picture in a file of the given kind ("PNG", "TIFF" or "JPEG")."""
    if kind == "PNG":
        return _reduced(decode_png(data), orientation=_exif_orientation(exif_of(data)))
    if kind == "TIFF":
        tiff = decode_tiff(data)
        return _reduced(tiff.samples, inverse=tiff.inverse, orientation=tiff.orientation)
    return _jpeg(data)


def _jpeg(data: bytes) -> Picture:
    announced = read_jpeg(data)
    if not announced.rows or not announced.columns:
        raise DamagedFilmError("it has no rows or no columns.", advice=_EXPORT_AGAIN)
    if announced.rows * announced.columns > MAX_PIXELS:
        raise FilmTooLargeError(
            f"{announced.columns} x {announced.rows} pixels are over our limit of {MAX_PIXELS / 1e6:.0f} megapixels.",
            advice=_EXPORT_AGAIN,
        )
    if announced.samples not in {1, 3}:
        raise UnsupportedFilmError(f"a JPEG of {announced.samples} colours.", advice=_EXPORT_AGAIN)
    samples = decode_jpeg(announced, data)
    if samples.shape[:2] != (announced.rows, announced.columns) or samples.dtype.kind != "u":
        raise DamagedFilmError("its pixels are not what its header says.", advice=_EXPORT_AGAIN)
    return _reduced(samples, orientation=_exif_orientation(announced.exif))


def _reduced(samples: NDArray[Any], *, inverse: bool = False, orientation: int = 1) -> Picture:
    """Return samples of any channels as grey."""
    if samples.ndim == 2:
        return Picture(samples, inverse, orientation=orientation)
    channels = samples.shape[2]
    if samples.ndim != 3 or not 1 <= channels <= 4:
        raise NotAFilmError("it is no single picture.", advice=_EXPORT_AGAIN)
    transparent = False
    if channels in {2, 4}:
        transparent = bool((samples[..., -1] != np.iinfo(samples.dtype).max).any())
    if channels <= 2:
        return Picture(np.ascontiguousarray(samples[..., 0]), inverse, "", transparent, orientation)
    grey, equal = _luma(samples)
    return Picture(grey, inverse, "equal" if equal else "mixed", transparent, orientation)


def _luma(samples: NDArray[Any]) -> tuple[NDArray[np.integer], bool]:
    """Return the luma of red, green and blue, and whether they agree everywhere, as in a grey film saved as colour."""
    rows, columns = samples.shape[:2]
    grey = np.empty((rows, columns), dtype=samples.dtype)
    equal = True
    step = max(1, _BAND // columns)
    for top in range(0, rows, step):
        red, green, blue = (samples[top : top + step, :, channel].astype(np.uint32) for channel in range(3))
        equal = equal and bool((red == green).all() and (green == blue).all())
        grey[top : top + step] = (_RED * red + _GREEN * green + _BLUE * blue + 32768) >> 16
    return grey, equal


def _exif_orientation(exif: bytes) -> int:
    """Return the Orientation field (CIPA DC-008 4.6.4, tag 274), 1 where there is none that makes sense."""
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(exif[:4])
    if order is None or len(exif) < 8:
        return 1
    (start,) = struct.unpack_from(f"{order}L", exif, 4)
    if start + 2 > len(exif):
        return 1
    (count,) = struct.unpack_from(f"{order}H", exif, start)
    for position in range(start + 2, min(start + 2 + 12 * count, len(exif) - 11), 12):
        tag, kind, number, value = struct.unpack_from(f"{order}HHLH", exif, position)
        if (tag, kind, number) == (274, 3, 1):
            return value if 1 <= value <= 8 else 1
    return 1
