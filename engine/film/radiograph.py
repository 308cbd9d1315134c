"""Radiograph: pixels, geometry and provenance of one film in one value that never changes.

Knows nothing of files; `engine.film.reading` makes radiographs from them.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.film.grey import Modality, Rescale, View
from engine.geometry import Spacing

# 67 megapixels: four times the largest detector, and a bound on what a lying header can make us allocate.
MAX_PIXELS = 1 << 26
_AS_STORED = Rescale(1.0, 0.0)


class NoteCode(Enum):
    """Why the reader should look twice. `app.wording` turns the code into the sentence on the badge."""

    LOSSY = "lossy"
    POLARITY = "polarity"
    SPACING_MISSING = "spacing-missing"
    SPACING_UNUSABLE = "spacing-unusable"
    SPACING_CONTRADICTORY = "spacing-contradictory"
    SPACING_MAGNIFIED = "spacing-magnified"
    VIEW_AP = "view-ap"
    VIEW_UNKNOWN = "view-unknown"
    NOT_FRONTAL = "not-frontal"
    NOT_CHEST = "not-chest"
    FOR_PROCESSING = "for-processing"
    COLOUR_REDUCED = "colour-reduced"
    WINDOW_UNUSABLE = "window-unusable"
    LUT_UNUSABLE = "lut-unusable"
    RESCALE_UNUSABLE = "rescale-unusable"
    BURNED_IN = "burned-in"
    ORIENTATION_UNKNOWN = "orientation-unknown"
    HEADER_ODD = "header-odd"
    PREAMBLE_EXECUTABLE = "preamble-executable"


@dataclass(frozen=True, slots=True)
class Note:
    """One thing we noticed while reading. The text names values, never a patient's data."""

    code: NoteCode
    text: str


class ViewPosition(Enum):
    """View Position (0018,5101) or its code (0054,0220), as far as measurements care."""

    PA = "PA"
    AP = "AP"
    LATERAL = "lateral"
    OTHER = "other"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Orientation:
    """Patient Orientation (0020,0020): where the row direction (rightwards) and column direction (downwards) point."""

    rightwards: str  # e.g. "L": the patient's left is on the right of the image
    downwards: str  # e.g. "F": the feet are below

    @property
    def is_upright_unmirrored(self) -> bool:
        """True when the patient's left is on the image's right and the feet are below."""
        return self.rightwards[:1] == "L" and self.downwards[:1] == "F"


@dataclass(frozen=True, slots=True, eq=False)
class Overlay:
    """An overlay plane (60xx), already placed on the film's grid."""

    label: str
    bitmap: NDArray[np.bool_]  # (rows, columns)


def person_name(stored: str) -> str:
    """Return a Person Name as it is read (PS3.5 6.2.1.1): family, given, and so on between carets."""
    family, _, rest = stored.split("=", maxsplit=1)[0].partition("^")
    given = " ".join(part for part in rest.split("^") if part)
    return f"{family}, {given}" if given else family


# Between the scripts that a name is written in, each read aloud in turn.
SCRIPTS = " / "


@dataclass(frozen=True, slots=True, repr=False)
class Identity:
    """Whose film this is. For the screen and the results only: never logged, so it has no readable repr."""

    patient_name: str = ""
    patient_id: str = ""
    birth_date: str = ""
    sex: str = ""
    study_date: str = ""
    study_time: str = ""
    study_description: str = ""
    accession_number: str = ""
    institution: str = ""

    def __repr__(self) -> str:
        return "Identity(...)"


class _Found:
    """A text field that may be given as the work that finds it, which is then done when somebody first asks.

    Hashing a large film takes four times as long as opening it, and showing it needs no hash.
    """

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, instance: object | None, owner: type | None = None) -> str:
        if instance is None:
            raise AttributeError(self._name)  # tells dataclass that there is no default
        given = vars(instance)[self._name]
        if not isinstance(given, str):
            given = vars(instance)[self._name] = given()
        return str(given)

    def __set__(self, instance: object, value: str | Callable[[], str]) -> None:
        vars(instance)[self._name] = value


@dataclass(frozen=True)
class Source:
    """Where a film came from, and the hashes by which results and caches know it."""

    path: Path
    file_sha256: _Found = _Found()
    pixel_sha256: _Found = _Found()  # of the stored values, their type and shape, so the same in any transfer syntax
    kind: str  # type: ignore[misc]  # "DICOM", "PNG", "TIFF", "JPEG"; mypy takes the fields above to have defaults
    transfer_syntax: str = ""  # UID, DICOM only
    modality: str = ""  # CR, DX, ...
    sop_instance_uid: str = ""
    study_instance_uid: str = ""
    series_instance_uid: str = ""
    header: bytes = field(default=b"", repr=False)  # the DICOM data set without pixel data, explicit little endian


@dataclass(frozen=True, slots=True, eq=False)
class Radiograph:
    """One film. Arrays are owned, read-only, (rows, columns)."""

    stored: NDArray[np.integer]  # stored values after bit masking and sign; colour already reduced to grey
    source: Source
    bits_stored: int
    modality: Modality = _AS_STORED
    padding: tuple[int, int] | None = None  # inclusive range of stored values that are no image (PS3.3 C.7.5.1.1.2)
    views: tuple[View, ...] = ()  # the header's own VOI LUTs and windows, in the order they should be offered
    inverse: bool = False  # True when low values are shown bright; decided once, when the film is read
    spacing: Spacing | None = None  # as the file gives it; None means pixels only
    magnification: float | None = None  # ERMF, or SID / SOD: detector spacing divided by it is spacing in the patient
    pixel_aspect: float = 1.0  # height of a pixel over its width (from spacing, else PixelAspectRatio)
    overlays: tuple[Overlay, ...] = ()
    orientation: Orientation | None = None
    laterality: str = ""
    view_position: ViewPosition = ViewPosition.UNKNOWN
    body_part: str = ""
    identity: Identity = Identity()
    notes: tuple[Note, ...] = ()

    def __post_init__(self) -> None:
        owned = self.stored
        if owned.base is not None or owned.flags.writeable or not owned.flags.c_contiguous:
            # A reader that froze an array of its own has already handed it over.
            owned = np.array(owned, copy=True, order="C")
        if owned.ndim != 2 or owned.size == 0 or owned.dtype.kind not in "iu" or owned.itemsize > 2:
            raise ValueError(f"stored values must be 2-D integers of 8 or 16 bits, got {owned.dtype} {owned.shape}")
        owned.setflags(write=False)
        object.__setattr__(self, "stored", owned)

    @property
    def rows(self) -> int:
        """Height in pixels."""
        return int(self.stored.shape[0])

    @property
    def columns(self) -> int:
        """Width in pixels."""
        return int(self.stored.shape[1])

    def modality_values(self) -> NDArray[np.float32]:
        """Return the film after the Modality LUT or rescale (PS3.3 C.11.1): what the detector meant."""
        return self.modality.apply(self.stored)

    def valid(self) -> NDArray[np.bool_]:
        """Return True where the film holds image, False on padding."""
        if self.padding is None:
            return np.ones(self.stored.shape, dtype=np.bool_)
        low, high = self.padding
        return (self.stored < low) | (self.stored > high)

    def has_note(self, code: NoteCode) -> bool:
        """Return whether reading left a note of this kind."""
        return any(note.code is code for note in self.notes)


def pixel_sha256(stored: NDArray[np.integer]) -> str:
    """Return the hash of stored values with their type and shape: the same film in another syntax hashes the same."""
    digest = hashlib.sha256(f"{stored.dtype.name} {stored.shape[0]} {stored.shape[1]}:".encode())
    little = np.ascontiguousarray(stored, dtype=stored.dtype.newbyteorder("<"))
    digest.update(little.data)
    return digest.hexdigest()
