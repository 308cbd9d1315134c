"""JSRT with the SCR masks: `All247images/*.IMG` and, from SCR's archive, `left lung/*.gif` and `right lung/*.gif`.

Shiraishi et al. 2000 (films), van Ginneken et al. 2006 (masks). 247 films of 247 patients, digitised at 0.175 mm.
"""

import hashlib
from pathlib import Path

import numpy as np

from engine.errors import DamagedFilmError
from engine.files import read_file
from engine.film.radiograph import Radiograph, Source
from engine.geometry import Spacing, SpacingOrigin
from training.manifest import Convention, FilmRecord, Label, MaskFile, Part, Split

SOURCE = "jsrt"
SIDE_PX = 2048
SPACING_MM = 0.175
_BYTES = SIDE_PX * SIDE_PX * 2
_LICENCE = "JSRT and SCR: research use with citation"


def read_img(path: Path) -> Radiograph:
    """Return a raw JSRT film: 2048 x 2048, big-endian, 12 bits, no header.

    The values follow the film's density backwards: lungs are high and bone is low, so the film is shown inverted.
    """
    data = read_file(path, limit_bytes=_BYTES + 1)
    if len(data) != _BYTES:
        raise DamagedFilmError(f"{path.name}: {len(data)} bytes, expected {_BYTES}.")
    stored = np.frombuffer(data, dtype=">u2").reshape(SIDE_PX, SIDE_PX).astype(np.uint16)
    if int(stored.max()) > 4095:
        raise DamagedFilmError(f"{path.name}: values up to {int(stored.max())}, expected 12 bits.")
    return Radiograph(
        stored=stored,
        source=Source(
            path=path,
            file_sha256=hashlib.sha256(data).hexdigest(),
            pixel_sha256=hashlib.sha256(stored.tobytes()).hexdigest(),
            kind="JSRT",
        ),
        bits_stored=12,
        inverse=True,
        spacing=Spacing(SPACING_MM, SPACING_MM, SpacingOrigin.SCANNER, "JSRT, digitised film"),
    )


def _masks(folder: Path, lung: str) -> dict[str, Path]:
    """Return a lung's mask files by film; SCR keeps the two halves of its data in fold1 and fold2."""
    return {path.stem: path for path in sorted(folder.glob(f"**/{lung} lung/*.gif"))}


def recognises(folder: Path) -> bool:
    """Return whether the raw films are here."""
    return any((folder / "All247images").glob("*.IMG"))


def records(folder: Path) -> list[FilmRecord]:
    """Return the films; one without both lungs' masks has no label."""
    right, left = _masks(folder, "right"), _masks(folder, "left")
    found = []
    for image in sorted((folder / "All247images").glob("*.IMG")):
        labelled = image.stem in right and image.stem in left
        found.append(
            FilmRecord(
                id=image.stem,
                patient=image.stem,
                source=SOURCE,
                image=image,
                mask=(
                    (MaskFile(right[image.stem], Part.RIGHT), MaskFile(left[image.stem], Part.LEFT)) if labelled else ()
                ),
                label=Label.LUNGS if labelled else Label.NONE,
                convention=Convention.HEART_EXCLUDED if labelled else Convention.NONE,
                split=Split.UNASSIGNED if labelled else Split.UNLABELLED,
                licence=_LICENCE,
                spacing_mm=SPACING_MM,
            )
        )
    return found
