"""Millimetres of a pixel, and how the file knows them (PS3.3 10.7).

Whatever does not hold together gives pixels and a reason, never a guess.
"""

import math
from dataclasses import dataclass

from engine.film.header import Header
from engine.film.radiograph import Note, NoteCode
from engine.geometry import Spacing, SpacingOrigin

# Attributes that differ by less are one number, rounded differently by two authors (0.139 and 0.1389).
_SAME = 1e-3
# Stated magnification and the one that distances give may differ by this much before one of them must be wrong.
_AGREE = 0.02
_LOWEST_MM, _HIGHEST_MM = 0.01, 10.0  # finer than any detector, coarser than any thumbnail of a chest
_HIGHEST_ANISOTROPY = 2.0
_HIGHEST_MAGNIFICATION = 5.0

_Pair = tuple[float, float]


@dataclass(frozen=True, slots=True)
class SpacingFacts:
    """What the header says about size."""

    spacing: Spacing | None
    magnification: float | None
    pixel_aspect: float
    notes: tuple[Note, ...]


class _UnusableError(Exception):
    """A spacing that cannot be true."""

    def __init__(self, code: NoteCode, reason: str) -> None:
        super().__init__(reason)
        self.note = Note(code, f"{reason}; measurements are in pixels")


def read_spacing(header: Header) -> SpacingFacts:
    """Return spacing by the first rule that applies, or none and the reason."""
    notes: list[Note] = []
    magnification: float | None = None
    try:
        spacing = _spacing(header)
        if spacing is None:
            notes.append(Note(NoteCode.SPACING_MISSING, "the file states no pixel spacing; measurements are in pixels"))
        elif spacing.origin is SpacingOrigin.DETECTOR:
            magnification, found = _magnification(header)
            notes += found
    except _UnusableError as unusable:
        spacing = None
        notes.append(unusable.note)
    aspect = spacing.row_mm / spacing.column_mm if spacing else _aspect_ratio(header)
    return SpacingFacts(spacing, magnification, aspect, tuple(notes))


def _spacing(header: Header) -> Spacing | None:
    """Return what PS3.3 10.7.1.3 makes of the attributes present; all are row spacing first, then column spacing."""
    pixel = _pair(header, "PixelSpacing", "Pixel Spacing")
    imager = _pair(header, "ImagerPixelSpacing", "Imager Pixel Spacing")
    if pixel and imager:
        if _same(pixel, imager):
            return Spacing(*pixel, SpacingOrigin.DETECTOR)
        return _corrected(header, pixel, imager)
    if imager:
        return Spacing(*imager, SpacingOrigin.DETECTOR)
    if pixel:
        return Spacing(*pixel, SpacingOrigin.UNKNOWN)
    scanned = _pair(header, "NominalScannedPixelSpacing", "Nominal Scanned Pixel Spacing")
    return Spacing(*scanned, SpacingOrigin.SCANNER) if scanned else None


def _corrected(header: Header, pixel: _Pair, imager: _Pair) -> Spacing:
    """Return Pixel Spacing that someone has corrected, and how."""
    factors = [i / p for p, i in zip(pixel, imager, strict=True)]
    if not all(1 - _AGREE <= factor <= _HIGHEST_MAGNIFICATION for factor in factors):
        # Rays spread from the tube: nothing in the patient is larger than its shadow, nor many times smaller.
        raise _UnusableError(
            NoteCode.SPACING_CONTRADICTORY,
            f"Pixel Spacing {_shown(pixel)} cannot belong to the detector's {_shown(imager)}",
        )
    kind = header.term("PixelSpacingCalibrationType")
    if kind == "GEOMETRY":
        stated, _ = _stated_magnification(header)
        if stated and any(abs(factor / stated - 1) > _AGREE for factor in factors):
            raise _UnusableError(
                NoteCode.SPACING_CONTRADICTORY,
                f"Pixel Spacing is corrected by {factors[0]:.3g} and the file states a magnification of {stated:.3g}",
            )
    origin = {"FIDUCIAL": SpacingOrigin.FIDUCIAL, "GEOMETRY": SpacingOrigin.GEOMETRY}.get(kind, SpacingOrigin.CORRECTED)
    return Spacing(*pixel, origin, detail=header.text("PixelSpacingCalibrationDescription"))


def _magnification(header: Header) -> tuple[float | None, list[Note]]:
    """Return how much larger the detector shows the patient, where the file says so, and what to say of it."""
    magnification, notes = _stated_magnification(header)
    if magnification:
        notes.append(
            Note(
                NoteCode.SPACING_MAGNIFIED,
                f"at the detector the patient is {magnification:.3g} times larger; not corrected unless asked",
            )
        )
    return magnification, notes


def _stated_magnification(header: Header) -> tuple[float | None, list[Note]]:
    """Return the stated factor, else the distances'; notes on what cannot be true."""
    notes: list[Note] = []
    stated = _ratio(header, "EstimatedRadiographicMagnificationFactor", None, notes)
    measured = _ratio(header, "DistanceSourceToDetector", "DistanceSourceToPatient", notes)
    if stated and measured and abs(stated / measured - 1) > _AGREE:
        raise _UnusableError(
            NoteCode.SPACING_CONTRADICTORY,
            f"the stated magnification {stated:.3g} and the distances' {measured:.3g} contradict each other",
        )
    return stated or measured, notes


def _ratio(header: Header, above: str, below: str | None, notes: list[Note]) -> float | None:
    """Return a magnification that can be true; a note when the file states one that cannot."""
    top = header.numbers(above)
    bottom = header.numbers(below) if below else (1.0,)
    if not top or not bottom:
        return None
    # A distance of 0 is how many systems write "not known".
    if below and (top[0] == 0 or bottom[0] == 0):
        return None
    ratio = top[0] / bottom[0] if bottom[0] else math.nan
    if 1.0 <= ratio <= _HIGHEST_MAGNIFICATION:
        return ratio
    notes.append(Note(NoteCode.HEADER_ODD, f"a magnification of {ratio:.3g} cannot be true and is ignored"))
    return None


def _pair(header: Header, keyword: str, name: str) -> _Pair | None:
    """Return a spacing, None if absent; _UnusableError if it cannot be one."""
    numbers = header.numbers(keyword)
    if not numbers:
        return None
    pair = (numbers[0], numbers[-1])
    if len(numbers) > 2 or not all(math.isfinite(number) for number in numbers):
        raise _UnusableError(NoteCode.SPACING_UNUSABLE, f"{name} is not two numbers")
    if len(numbers) == 1:
        raise _UnusableError(NoteCode.SPACING_UNUSABLE, f"{name} is one number, not two")
    if not all(_LOWEST_MM <= number <= _HIGHEST_MM for number in pair):
        raise _UnusableError(NoteCode.SPACING_UNUSABLE, f"{name} of {_shown(pair)} cannot be true")
    if max(pair) / min(pair) > _HIGHEST_ANISOTROPY:
        raise _UnusableError(NoteCode.SPACING_UNUSABLE, f"{name} of {_shown(pair)} is not that of a radiograph")
    return pair


def _same(one: _Pair, other: _Pair) -> bool:
    return all(abs(a - b) <= _SAME * max(a, b) for a, b in zip(one, other, strict=True))


def _shown(pair: _Pair) -> str:
    return f"{pair[0]:.4g} x {pair[1]:.4g} mm"


def _aspect_ratio(header: Header) -> float:
    """Return a pixel's height over its width from Pixel Aspect Ratio, vertical first (PS3.3 C.7.6.3.1.7)."""
    numbers = header.numbers("PixelAspectRatio")
    if len(numbers) != 2 or not all(0 < number <= 65535 for number in numbers):
        return 1.0
    aspect = numbers[0] / numbers[1]
    return aspect if 1 / _HIGHEST_ANISOTROPY <= aspect <= _HIGHEST_ANISOTROPY else 1.0
