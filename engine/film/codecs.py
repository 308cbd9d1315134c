"""Compressed frames to samples. Runs in the child process of `engine.film.decoder`, never in ours.

imagecodecs wraps libjpeg-turbo, CharLS and OpenJPEG: none is GPL, and together they cover every transfer syntax that a
radiograph comes in.
"""

import os
import tempfile

import cv2
import imagecodecs
import numpy as np
from numpy.typing import NDArray

from engine.errors import DamagedFilmError, UnsupportedFilmError
from engine.film.codestream import Codestream, read_jpeg, read_jpeg_2000, without_application_data
from engine.film.lossless import fills_its_picture

_EXPORT_AGAIN = "Export the film again from its system."
_COPY_AGAIN = "Copy the file again from where it came from."

# PS3.5 A.4: JPEG Baseline, Extended 12 bit, Lossless P14 and SV1; JPEG-LS lossless and near; JPEG 2000; HTJ2K.
JPEG_DCT = frozenset({"1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51"})
JPEG_LOSSLESS = frozenset({"1.2.840.10008.1.2.4.57", "1.2.840.10008.1.2.4.70"})
JPEG_LS = frozenset({"1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.81"})
JPEG_2000 = frozenset({"1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.91"})
HTJ2K = frozenset({"1.2.840.10008.1.2.4.201", "1.2.840.10008.1.2.4.202", "1.2.840.10008.1.2.4.203"})
COMPRESSED = JPEG_DCT | JPEG_LOSSLESS | JPEG_LS | JPEG_2000 | HTJ2K

_THREADS = min(4, os.cpu_count() or 1)
_DCT = frozenset({0xC0, 0xC1, 0xC2})  # baseline, extended, progressive
_LOSSLESS = 0xC3
_LS = 0xF7


def decode_frame(
    codestream: bytes, transfer_syntax: str, rows: int, columns: int, bits_allocated: int, samples: int
) -> NDArray[np.unsignedinteger]:
    """Return the samples of one frame as unsigned cells of `bits_allocated` bits: (rows, columns[, samples]).

    Signed values come as two's complement, to be cut to Bits Stored and given their sign like those of native data.
    Colour: a JPEG with DCT (Baseline, Extended) comes back as RGB, whatever Photometric Interpretation says, because
    its own markers say how it was coded; JPEG 2000 and HTJ2K undo their colour transform, so YBR_RCT and YBR_ICT come
    back as RGB; every other colour comes as coded, so as Photometric Interpretation says.
    """
    if transfer_syntax in JPEG_2000 | HTJ2K:
        announced, bare = read_jpeg_2000(codestream)
        _check(announced, rows, columns, bits_allocated, samples)
        decoded = decode_jpeg_2000(bare)
    elif transfer_syntax in COMPRESSED:
        announced = read_jpeg(codestream)
        _check(announced, rows, columns, bits_allocated, samples)
        _check_process(announced, transfer_syntax)
        decoded = decode_jpeg(announced, codestream)
    else:
        raise UnsupportedFilmError("we do not read its transfer syntax.", advice=_EXPORT_AGAIN)
    return _cells(decoded, rows, columns, bits_allocated, samples)


def _check(announced: Codestream, rows: int, columns: int, bits_allocated: int, samples: int) -> None:
    """Refuse a codestream that is not the picture the header describes, before a decoder allocates for it."""
    if (announced.rows, announced.columns) != (rows, columns):
        raise DamagedFilmError(
            f"its header says {columns} x {rows} pixels and its picture {announced.columns} x {announced.rows}.",
            advice=_EXPORT_AGAIN,
        )
    if announced.samples != samples:
        raise DamagedFilmError(
            f"its header says {samples} samples a pixel and its picture {announced.samples}.", advice=_EXPORT_AGAIN
        )
    if not 2 <= announced.bits <= bits_allocated:
        raise DamagedFilmError(
            f"its header allocates {bits_allocated} bits and its picture has {announced.bits}.", advice=_EXPORT_AGAIN
        )


def _check_process(announced: Codestream, transfer_syntax: str) -> None:
    """Refuse a JPEG of another process than the transfer syntax names."""
    process = announced.process
    if transfer_syntax in JPEG_DCT:
        agrees = process in _DCT
    elif transfer_syntax in JPEG_LOSSLESS:
        agrees = process == _LOSSLESS
    else:
        agrees = process == _LS
    if not agrees:
        raise DamagedFilmError("its picture is compressed in another way than it says.", advice=_EXPORT_AGAIN)


def decode_jpeg(announced: Codestream, data: bytes) -> NDArray[np.generic]:
    """Return the samples of a JPEG of any process we read; colour as RGB where it was coded by DCT."""
    if announced.process in _DCT:
        if announced.bits not in {8, 12} or announced.samples not in {1, 3}:
            raise UnsupportedFilmError(
                f"a JPEG of {announced.samples} samples of {announced.bits} bits.", advice=_EXPORT_AGAIN
            )
        decoded = imagecodecs.jpeg8_decode(data, outcolorspace="RGB" if announced.samples == 3 else "GRAYSCALE")
        if _ran_out(announced, decoded, data):
            raise DamagedFilmError("its compressed picture is damaged.", advice=_COPY_AGAIN)
    elif announced.process == _LS:
        decoded = imagecodecs.jpegls_decode(data)
    elif announced.process == _LOSSLESS:
        decoded = imagecodecs.jpeg8_decode(data)
        if not fills_its_picture(announced, decoded):
            raise DamagedFilmError("its compressed picture is damaged.", advice=_COPY_AGAIN)
    else:
        raise UnsupportedFilmError("a JPEG of an uncommon process.", advice=_EXPORT_AGAIN)
    return np.asarray(decoded)


def _ran_out(announced: Codestream, decoded: NDArray[np.generic], data: bytes) -> bool:
    """Return whether libjpeg had too few coded data, or too many, and made up the rest of the picture.

    It then warns on standard error and goes on, with grey where the data ended. imagecodecs keeps that to itself,
    OpenCV lets it out, and is quick at an eighth of the size. libjpeg's first warning is its last: odd application
    data, which do no harm, must not use it up.
    """
    if announced.bits == 12:  # OpenCV does not read it: is the last block untouched, so exactly mid-grey?
        return bool((decoded[-1 - (announced.rows - 1) % 8 :, -1 - (announced.columns - 1) % 8 :] == 1 << 11).all())
    with tempfile.TemporaryFile() as complaints:
        kept = os.dup(2)
        os.dup2(complaints.fileno(), 2)
        try:
            bare = np.frombuffer(without_application_data(data), np.uint8)
            cv2.imdecode(bare, cv2.IMREAD_REDUCED_GRAYSCALE_8 | cv2.IMREAD_IGNORE_ORIENTATION)
        finally:
            os.dup2(kept, 2)
            os.close(kept)
        complaints.seek(0)
        text = complaints.read()
    return b"Corrupt JPEG data" in text or b"Premature end" in text


def decode_jpeg_2000(data: bytes) -> NDArray[np.generic]:
    """Return the samples of a JPEG 2000 or HTJ2K codestream, its colour transform undone."""
    # OpenJPEG for both: OpenJPH is faster, and shows what it has of a stream that is cut short.
    return np.asarray(imagecodecs.jpeg2k_decode(data, numthreads=_THREADS))


def _cells(
    decoded: NDArray[np.generic], rows: int, columns: int, bits_allocated: int, samples: int
) -> NDArray[np.unsignedinteger]:
    """Return what a decoder gave as cells, once it is what was announced."""
    expected = (rows, columns) if samples == 1 else (rows, columns, samples)
    if samples == 1 and decoded.shape == (rows, columns, 1):
        decoded = decoded[..., 0]
    if decoded.shape != expected or decoded.dtype.kind not in "iu" or decoded.dtype.itemsize * 8 > bits_allocated:
        raise DamagedFilmError("its compressed picture is not what it says it is.", advice=_EXPORT_AGAIN)
    return np.ascontiguousarray(decoded.astype(np.uint8 if bits_allocated == 8 else np.uint16, copy=False))
