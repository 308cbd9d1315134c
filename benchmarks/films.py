"""The films that benchmarks/fuzz.py damages: small ones of every kind we read, and the real ones where they are."""

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engine.errors import LungboxError
from engine.film.radiograph import Source
from engine.film.reading import read_radiograph
from tests.codestreams import JPEG_BASELINE, JPEG_EXTENDED, SYNTAXES, chest, compressed_film
from tests.phantom import (
    ENCAPSULATED_NATIVE,
    NATIVE_SYNTAXES,
    RLE,
    add_overlay,
    dicom_bytes,
    dicom_film,
    lut_item,
    thorax,
)

_REAL_PER_FOLDER = 4
_LARGEST_REAL = 5_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Film:
    """A whole film: its bytes, and what they should be read as."""

    name: str
    kind: str
    coding: str  # "none", "dct" (JPEG with loss) or "other"
    data: bytes
    stored: NDArray[np.integer]


def films(shared: Path, folder: Path) -> list[Film]:
    """Return all films, in a fixed order; `folder` is for what lies in between."""
    made = {**_dicoms(), **_pictures()}
    for path in _real(shared):
        made[f"real/{path.parent.name}/{path.name}"] = path.read_bytes()
    whole = []
    path = folder / "film.bin"
    for name, data in made.items():
        path.write_bytes(data)
        try:
            radiograph = read_radiograph(path)
        except LungboxError:
            if not name.startswith("real/"):  # one of those is broken as found
                raise
            continue
        whole.append(Film(name, radiograph.source.kind, _coding(radiograph.source), data, radiograph.stored))
    return whole


def _coding(source: Source) -> str:
    if source.kind == "JPEG" or source.transfer_syntax in {JPEG_BASELINE, JPEG_EXTENDED}:
        return "dct"
    compressed = source.transfer_syntax.startswith(("1.2.840.10008.1.2.4.", RLE))
    return "other" if compressed or source.kind in {"PNG", "TIFF"} else "none"


def _real(shared: Path) -> list[Path]:
    """Return the real DICOM films, and a few of each folder of pictures."""
    real = sorted((shared / "dicom").glob("*.dcm"))
    for folder in sorted(path for path in (shared / "cxr").glob("*") if path.is_dir()):
        real += sorted(path for path in folder.iterdir() if path.suffix in {".png", ".jpg"})[:_REAL_PER_FOLDER]
    return [path for path in real if path.stat().st_size <= _LARGEST_REAL]


def _dicoms() -> dict[str, bytes]:
    made = {}
    for syntax in SYNTAXES:
        for bits in syntax.bits:
            made[f"{syntax.name} {bits}"] = compressed_film(chest(bits), syntax, bits)
    for syntax in SYNTAXES:
        if 8 in syntax.bits and "Extended" not in syntax.name:
            made[f"{syntax.name} colour"] = compressed_film(chest(8, channels=3), syntax, 8)
    for uid in (*NATIVE_SYNTAXES, ENCAPSULATED_NATIVE, RLE):
        for bits, signed in ((8, False), (12, True), (16, False)):
            made[f"{uid} {bits}"] = dicom_bytes(
                dicom_film(thorax(bits=bits, signed=signed), bits_stored=bits, signed=signed), uid
            )
    made["colour"] = dicom_bytes(dicom_film(chest(8, channels=3), bits_stored=8, photometric="RGB"))
    rich = dicom_film(
        photometric="MONOCHROME1", lut_shape="INVERSE", window=(2048, 4096), PixelSpacing=[0.16, 0.16],
        ImagerPixelSpacing=[0.16, 0.16], PixelPaddingValue=0, SpecificCharacterSet="ISO_IR 192",
    )  # fmt: skip
    rich.VOILUTSequence = [
        lut_item(0, np.arange(4096, dtype=np.uint16) * 16, 16, "hard"),
        lut_item(0, np.arange(4096), 12),
    ]
    rich.ModalityLUTSequence = [lut_item(0, np.arange(4096, dtype=np.uint16), 12)]
    add_overlay(rich, np.eye(96, 80, dtype=np.bool_), label="mark")
    for uid in NATIVE_SYNTAXES:
        made[f"rich {uid}"] = dicom_bytes(rich, uid)
    return made


def _pictures() -> dict[str, bytes]:
    grey8, grey16, colour8, colour16 = chest(8), chest(16), chest(8, channels=3), chest(16, channels=3)
    alpha = np.dstack([colour8, np.full(grey8.shape, 200, dtype=np.uint8)])
    made = {
        "png grey 8": _png(grey8),
        "png grey 16": _png(grey16),
        "png colour 8": _png(colour8),
        "png colour 16": _png(colour16),
        "png alpha": _png(alpha),
        "png palette": _pillow(Image.fromarray(colour8).quantize(32), "PNG"),
        "png 1 bit": _pillow(Image.fromarray(grey8).convert("1"), "PNG"),
        "jpeg grey": _pillow(Image.fromarray(grey8), "JPEG", quality=90),
        "jpeg colour": _pillow(Image.fromarray(colour8), "JPEG", quality=90, subsampling=2),
        "jpeg progressive": _pillow(Image.fromarray(grey8), "JPEG", quality=90, progressive=True),
    }
    for compression in ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits"):
        made[f"tiff {compression} 8"] = _pillow(Image.fromarray(grey8), "TIFF", compression=compression)
        made[f"tiff {compression} 16"] = _pillow(Image.fromarray(grey16), "TIFF", compression=compression)
        made[f"tiff {compression} colour"] = _pillow(Image.fromarray(colour8), "TIFF", compression=compression)
    made["tiff tiled"] = bytes(imagecodecs.tiff_encode(grey16, compression="lzw", predictor=True, tile=(32, 32)))
    return made


def _png(values: NDArray[Any]) -> bytes:
    return bytes(imagecodecs.png_encode(values))


def _pillow(image: Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()
