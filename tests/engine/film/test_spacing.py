"""Millimetres: the decision table of PS3.3 10.7, row by row, and everything that cannot be true."""

from typing import Any

import pytest

from engine.film.radiograph import NoteCode
from engine.geometry import SpacingOrigin
from tests.phantom import read_film

DETECTOR, FIDUCIAL, GEOMETRY = SpacingOrigin.DETECTOR, SpacingOrigin.FIDUCIAL, SpacingOrigin.GEOMETRY
CORRECTED, UNKNOWN, SCANNER = SpacingOrigin.CORRECTED, SpacingOrigin.UNKNOWN, SpacingOrigin.SCANNER
MISSING, UNUSABLE = NoteCode.SPACING_MISSING, NoteCode.SPACING_UNUSABLE
CONTRADICTORY, MAGNIFIED = NoteCode.SPACING_CONTRADICTORY, NoteCode.SPACING_MAGNIFIED
SPACING_NOTES = {MISSING, UNUSABLE, CONTRADICTORY, MAGNIFIED}

PIXEL, IMAGER, SCANNED = "PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing"
ERMF = "EstimatedRadiographicMagnificationFactor"
SID, SOD = "DistanceSourceToDetector", "DistanceSourceToPatient"


@pytest.mark.parametrize(
    ("elements", "row_mm", "column_mm", "origin"),
    [
        # 1. Both present and different: Pixel Spacing has been corrected.
        ({PIXEL: [0.18, 0.18], IMAGER: [0.2, 0.2], "PixelSpacingCalibrationType": "FIDUCIAL"}, 0.18, 0.18, FIDUCIAL),
        ({PIXEL: [0.18, 0.18], IMAGER: [0.2, 0.2], "PixelSpacingCalibrationType": "GEOMETRY"}, 0.18, 0.18, GEOMETRY),
        ({PIXEL: [0.18, 0.18], IMAGER: [0.2, 0.2]}, 0.18, 0.18, CORRECTED),
        ({PIXEL: [0.18, 0.18], IMAGER: [0.2, 0.2], "PixelSpacingCalibrationType": "SORCERY"}, 0.18, 0.18, CORRECTED),
        (
            {PIXEL: [0.18, 0.18], IMAGER: [0.2, 0.2], "PixelSpacingCalibrationType": "GEOMETRY", ERMF: "1.11"},
            0.18,
            0.18,
            GEOMETRY,
        ),
        # A fiducial lies where it was put, not where the factor was estimated.
        (
            {PIXEL: [0.18, 0.18], IMAGER: [0.2, 0.2], "PixelSpacingCalibrationType": "FIDUCIAL", ERMF: "1.3"},
            0.18,
            0.18,
            FIDUCIAL,
        ),
        # 2. Both present and equal, if need be after rounding: the detector's.
        ({PIXEL: [0.16, 0.16], IMAGER: [0.16, 0.16]}, 0.16, 0.16, DETECTOR),
        ({PIXEL: ["0.1600", "0.1600"], IMAGER: ["1.6e-1", "+.16"]}, 0.16, 0.16, DETECTOR),
        ({PIXEL: [0.139, 0.139], IMAGER: [0.1389, 0.1389]}, 0.139, 0.139, DETECTOR),
        ({PIXEL: [0.16, 0.16], IMAGER: [0.16, 0.16], "PixelSpacingCalibrationType": "FIDUCIAL"}, 0.16, 0.16, DETECTOR),
        # 3. Only the detector's.
        ({IMAGER: [0.143, 0.143]}, 0.143, 0.143, DETECTOR),
        # 4. Only Pixel Spacing: nobody says at which plane.
        ({PIXEL: [0.168, 0.168]}, 0.168, 0.168, UNKNOWN),
        ({PIXEL: [0.168, 0.168], SCANNED: [0.1, 0.1]}, 0.168, 0.168, UNKNOWN),
        # 5. A digitised film.
        ({SCANNED: [0.1, 0.1]}, 0.1, 0.1, SCANNER),
        ({SCANNED: [0.1, 0.1], IMAGER: [0.2, 0.2]}, 0.2, 0.2, DETECTOR),
        # Rows first, never swapped.
        ({PIXEL: [0.3, 0.2]}, 0.3, 0.2, UNKNOWN),
        ({IMAGER: [0.2, 0.3]}, 0.2, 0.3, DETECTOR),
        ({PIXEL: [0.27, 0.18], IMAGER: [0.3, 0.2]}, 0.27, 0.18, CORRECTED),
        # Empty is absent.
        ({PIXEL: "", IMAGER: [0.2, 0.2]}, 0.2, 0.2, DETECTOR),
    ],
)
def test_spacing_comes_from_the_first_rule_that_applies(
    elements: dict[str, Any], row_mm: float, column_mm: float, origin: SpacingOrigin
) -> None:
    film = read_film(**elements)
    assert film.spacing is not None
    assert (film.spacing.row_mm, film.spacing.column_mm, film.spacing.origin) == (row_mm, column_mm, origin)
    assert film.pixel_aspect == pytest.approx(row_mm / column_mm)
    assert film.magnification is None
    assert not any(note.code in SPACING_NOTES for note in film.notes)


def test_no_spacing_means_pixels_and_is_said() -> None:
    film = read_film()
    assert film.spacing is None
    assert film.has_note(MISSING)


def test_a_calibration_is_described_in_the_files_own_words() -> None:
    film = read_film(
        PixelSpacing=[0.1, 0.1],
        ImagerPixelSpacing=[0.11, 0.11],
        PixelSpacingCalibrationType="FIDUCIAL",
        PixelSpacingCalibrationDescription="25 mm ball on the skin",
    )
    assert film.spacing is not None
    assert film.spacing.detail == "25 mm ball on the skin"


@pytest.mark.parametrize("keyword", [PIXEL, IMAGER, SCANNED])
@pytest.mark.parametrize(
    "raw",
    [
        b"0\\0",
        b"0.000\\0.000",
        b"-0.2\\-0.2",
        b"0.2\\-0.2",
        b"0.2\\0",
        b"1e-30\\1e-30",
        b"1e30\\1e30",
        b"1e999\\1e999",
        b"nan\\nan",
        b"inf\\inf",
        b"abc\\def",
        b"0,2\\0,2",
        b"0.2",
        b"0.2\\",
        b"0.2\\0.2\\0.2",
        b"200\\200",
        b"0.2\\2.0",
        b"1_0.2\\1_0.2",
        b"\xff\xfe\\\x00\x01",
    ],
)
def test_spacing_that_cannot_be_true_gives_pixels_and_the_reason(keyword: str, raw: bytes) -> None:
    film = read_film(**{keyword: raw})
    assert film.spacing is None
    assert film.pixel_aspect == 1.0
    assert film.has_note(UNUSABLE)


def test_one_unusable_spacing_is_not_replaced_by_another() -> None:
    assert read_film(PixelSpacing=b"0\\0", ImagerPixelSpacing=[0.2, 0.2]).spacing is None
    assert read_film(PixelSpacing=[0.2, 0.2], ImagerPixelSpacing=b"0\\0").spacing is None


@pytest.mark.parametrize(
    "elements",
    [
        {PIXEL: [0.25, 0.25]},  # larger in the patient than its shadow
        {PIXEL: [0.18, 0.25]},
        {PIXEL: [0.03, 0.03]},  # a tube almost touching the skin
        {PIXEL: [0.18, 0.18], "PixelSpacingCalibrationType": "GEOMETRY", ERMF: "1.3"},  # 1.11 by its own numbers
        {PIXEL: [0.18, 0.18], "PixelSpacingCalibrationType": "GEOMETRY", SID: "1800", SOD: "1200"},
    ],
)
def test_a_correction_that_contradicts_the_rays_gives_pixels(elements: dict[str, Any]) -> None:
    film = read_film(ImagerPixelSpacing=[0.2, 0.2], **elements)
    assert film.spacing is None
    assert film.has_note(CONTRADICTORY)


@pytest.mark.parametrize("pixel", [None, [0.2, 0.2]])
@pytest.mark.parametrize(
    ("elements", "magnification"),
    [
        ({ERMF: "1.1"}, 1.1),
        ({SID: "1800", SOD: "1600"}, 1.125),
        ({ERMF: "1.12", SID: "1800", SOD: "1600"}, 1.12),  # within 2 %: what the file states goes before what we derive
        ({ERMF: "1"}, 1.0),
        ({SID: "1800"}, None),
        ({SOD: "1600"}, None),
        ({SID: "1800", SOD: "0"}, None),
        ({SID: "0", SOD: "0"}, None),
    ],
)
def test_magnification_is_offered_and_not_applied(
    pixel: list[float] | None, elements: dict[str, str], magnification: float | None
) -> None:
    film = read_film(ImagerPixelSpacing=[0.2, 0.2], PixelSpacing=pixel, **elements)
    assert film.spacing is not None
    assert (film.spacing.row_mm, film.spacing.origin) == (0.2, DETECTOR)
    assert film.magnification == magnification
    assert film.has_note(MAGNIFIED) == (magnification is not None)


def test_magnifications_that_contradict_each_other_give_pixels() -> None:
    film = read_film(ImagerPixelSpacing=[0.2, 0.2], **{ERMF: "1.2", SID: "1800", SOD: "1600"})
    assert film.spacing is None
    assert film.magnification is None
    assert film.has_note(CONTRADICTORY)


@pytest.mark.parametrize(
    "elements", [{ERMF: "0"}, {ERMF: "-1"}, {ERMF: b"nan "}, {ERMF: "0.8"}, {ERMF: "50"}, {SID: "1000", SOD: "1500"}]
)
def test_a_magnification_that_cannot_be_true_is_ignored_and_said(elements: dict[str, Any]) -> None:
    film = read_film(ImagerPixelSpacing=[0.2, 0.2], **elements)
    assert film.spacing is not None
    assert film.magnification is None
    assert film.has_note(NoteCode.HEADER_ODD)


@pytest.mark.parametrize("elements", [{PIXEL: [0.2, 0.2]}, {PIXEL: [0.18, 0.18], IMAGER: [0.2, 0.2]}, {}])
def test_magnification_is_offered_at_the_detector_only(elements: dict[str, Any]) -> None:
    assert read_film(**elements, **{ERMF: "1.1"}).magnification is None


@pytest.mark.parametrize(
    ("elements", "aspect"),
    [
        ({"PixelAspectRatio": ["2", "1"]}, 2.0),  # vertical over horizontal
        ({"PixelAspectRatio": ["1", "2"]}, 0.5),
        ({"PixelAspectRatio": ["2", "1"], PIXEL: [0.2, 0.2]}, 1.0),  # spacing knows better
        ({"PixelAspectRatio": ["0", "1"]}, 1.0),
        ({"PixelAspectRatio": b"x\\1 "}, 1.0),
        ({"PixelAspectRatio": ["9", "1"]}, 1.0),
    ],
)
def test_the_aspect_ratio_counts_where_spacing_is_absent(elements: dict[str, Any], aspect: float) -> None:
    assert read_film(**elements).pixel_aspect == aspect
