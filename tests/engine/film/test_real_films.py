"""Real films beside the checkout, each with what a reader must find in it (see their own README)."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from engine.errors import DamagedFilmError
from engine.film.grey import Window, WindowFunction, default_view, displayed
from engine.film.radiograph import NoteCode, Orientation, Radiograph, ViewPosition
from engine.film.reading import read_radiograph
from engine.geometry import Spacing, SpacingOrigin

pytestmark = pytest.mark.shared


@dataclass(frozen=True)
class Expected:
    """What a film holds."""

    shape: tuple[int, int]
    bits: int
    values: tuple[int, int]
    inverse: bool
    spacing: tuple[float, SpacingOrigin] | None
    view: ViewPosition
    orientation: Orientation | None
    window: tuple[float, float] | None
    notes: frozenset[NoteCode]


def expected(
    shape: tuple[int, int],
    bits: int,
    values: tuple[int, int],
    *notes: NoteCode,
    inverse: bool = False,
    spacing: tuple[float, SpacingOrigin] | None = None,
    view: ViewPosition = ViewPosition.UNKNOWN,
    orientation: Orientation | None = None,
    window: tuple[float, float] | None = None,
) -> Expected:
    return Expected(shape, bits, values, inverse, spacing, view, orientation, window, frozenset(notes))


UPRIGHT = Orientation("L", "F")
HIP = expected(
    (2140, 1760),
    10,
    (0, 893),
    NoteCode.NOT_CHEST,
    NoteCode.ORIENTATION_UNKNOWN,
    NoteCode.VIEW_UNKNOWN,
    spacing=(0.2, SpacingOrigin.UNKNOWN),
    window=(511, 1024),
)
TIBIA = expected(
    (1760, 1760),
    10,
    (0, 1023),
    NoteCode.NOT_CHEST,
    NoteCode.SPACING_MISSING,
    NoteCode.VIEW_AP,
    inverse=True,
    view=ViewPosition.AP,
    orientation=Orientation("R", "F"),
    window=(550, 1024),
)
FILMS = {
    # MONOCHROME1 with INVERSE: one inversion; equal spacings: the detector's.
    "canon_dx_966_fixed_j2k_lossless_mono1": expected(
        (2128, 2000),
        12,
        (0, 4095),
        inverse=True,
        spacing=(0.16, SpacingOrigin.DETECTOR),
        view=ViewPosition.PA,
        orientation=UPRIGHT,
        window=(2048, 4096),
    ),
    # Pixel Spacing 0.000\0.000 is a lie.
    "wg04_rg1_cr_thorax_j2k_lossy_mono1": expected(
        (1955, 1841),
        15,
        (803, 26512),
        NoteCode.LOSSY,
        NoteCode.SPACING_UNUSABLE,
        inverse=True,
        view=ViewPosition.PA,
        orientation=UPRIGHT,
        window=(15000, 30000),
    ),
    "wg04_rg1_cr_thorax_jpegls_nearlossless_mono1": expected(
        (1955, 1841),
        15,
        (871, 26481),
        NoteCode.LOSSY,
        NoteCode.SPACING_UNUSABLE,
        inverse=True,
        view=ViewPosition.PA,
        orientation=UPRIGHT,
        window=(15000, 30000),
    ),
    "nih_dx_implicit_mono2_1024": expected(
        (1024, 1024),
        8,
        (0, 252),
        NoteCode.SPACING_MISSING,
        NoteCode.ORIENTATION_UNKNOWN,
        NoteCode.VIEW_UNKNOWN,
    ),
    "rsna_cr_ap_jpegbaseline_mono2_1024": expected(
        (1024, 1024),
        8,
        (0, 255),
        NoteCode.LOSSY,
        NoteCode.VIEW_AP,
        NoteCode.ORIENTATION_UNKNOWN,
        spacing=(0.168, SpacingOrigin.UNKNOWN),
        view=ViewPosition.AP,
    ),
    # A dog, whose header says so in its processing description alone.
    "highdicom_dx_thorax_169x211_mono1": expected(
        (169, 211),
        8,
        (5, 255),
        NoteCode.NOT_CHEST,
        NoteCode.VIEW_UNKNOWN,
        inverse=True,
        spacing=(1.2, SpacingOrigin.DETECTOR),
        orientation=UPRIGHT,
        window=(128, 256),
    ),
    "wg04_RG2_UNC": HIP,
    "wg04_RG2_RLE": HIP,
    "wg04_RG2_JPLL": HIP,
    "wg04_RG2_JLSL": HIP,
    "wg04_RG3_UNC": TIBIA,
    "wg04_RG3_J2KR": TIBIA,
}


def read(shared_dir: Path, name: str) -> Radiograph:
    return read_radiograph(shared_dir / "data/dicom" / f"{name}.dcm")


@pytest.mark.parametrize("name", FILMS)
def test_a_real_film_is_understood(name: str, shared_dir: Path) -> None:
    film, facts = read(shared_dir, name), FILMS[name]
    assert film.stored.shape == facts.shape
    assert film.bits_stored == facts.bits
    assert (int(film.stored.min()), int(film.stored.max())) == facts.values
    assert film.inverse is facts.inverse
    assert film.view_position is facts.view
    assert film.orientation == facts.orientation
    assert {note.code for note in film.notes} == facts.notes
    if facts.spacing is None:
        assert film.spacing is None
    else:
        assert isinstance(film.spacing, Spacing)
        assert (film.spacing.row_mm, film.spacing.origin) == facts.spacing
    if facts.window is None:
        assert film.views == ()
    else:
        assert film.views == (Window(*facts.window, WindowFunction.LINEAR, "Window 1"),)


def test_the_same_film_in_four_syntaxes_has_one_hash(shared_dir: Path) -> None:
    assert (
        len({read(shared_dir, f"wg04_RG2_{syntax}").source.pixel_sha256 for syntax in ("UNC", "RLE", "JPLL", "JLSL")})
        == 1
    )


def test_a_jpeg_2000_film_has_the_hash_of_its_original(shared_dir: Path) -> None:
    assert len({read(shared_dir, f"wg04_RG3_{syntax}").source.pixel_sha256 for syntax in ("UNC", "J2KR")}) == 1


def test_the_broken_film_is_refused(shared_dir: Path) -> None:
    with pytest.raises(DamagedFilmError, match=r"canon_dx_966_j2k_lossless_mono1_as_found\.dcm: "):
        read(shared_dir, "canon_dx_966_j2k_lossless_mono1_as_found")


@pytest.mark.parametrize(
    "name",
    [
        "canon_dx_966_fixed_j2k_lossless_mono1",
        "rsna_cr_ap_jpegbaseline_mono2_1024",
        "wg04_rg1_cr_thorax_j2k_lossy_mono1",
    ],
)
def test_the_lungs_of_a_real_chest_are_darker_than_its_middle(name: str, shared_dir: Path) -> None:
    """Polarity as a reader sees it: whatever the header says, air is dark and the mediastinum bright."""
    film = read(shared_dir, name)
    shown = displayed(film, default_view(film)).astype(np.float64)
    rows, columns = shown.shape
    band = shown[int(0.35 * rows) : int(0.5 * rows)]
    sides = (slice(int(0.22 * columns), int(0.32 * columns)), slice(int(0.7 * columns), int(0.8 * columns)))
    lungs = np.hstack([band[:, side] for side in sides])
    middle = band[:, int(0.46 * columns) : int(0.54 * columns)]
    assert np.median(middle) > np.median(lungs) + 30
