"""What the header says about grey: padding, Modality LUT or rescale, VOI LUTs and windows, polarity.

A table or number that cannot be right is left out with a note; the film is still shown.
"""

import math
import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.film.grey import Modality, ModalityLut, Rescale, View, VoiLut, Window, WindowFunction, stored_range
from engine.film.header import Header
from engine.film.radiograph import Note, NoteCode
from engine.film.stored import PixelLayout, StoredPixels

_UNIT = Rescale(1.0, 0.0)


@dataclass(frozen=True, slots=True, eq=False)
class GreyFacts:
    """The grey pipeline of one film."""

    modality: Modality
    padding: tuple[int, int] | None
    views: tuple[View, ...]
    inverse: bool
    notes: tuple[Note, ...]


@dataclass(frozen=True, slots=True, eq=False)
class _Table:
    first: int
    entries: NDArray[np.uint16]
    bits: int
    explanation: str


class _UnusableTableError(Exception):
    """A LUT that contradicts itself."""


def read_grey(header: Header, pixels: StoredPixels) -> GreyFacts:
    """Return how stored values become brightness."""
    notes: list[Note] = []
    pixel = pixels.layout
    if pixel.photometric not in {"MONOCHROME1", "MONOCHROME2"}:
        # A picture reduced to grey is display values already (PS3.3 C.7.6.3.1.2 allows none of these beside colour).
        top = float((1 << pixels.bits_stored) - 1)
        return GreyFacts(_UNIT, None, (Window(top / 2, top, WindowFunction.LINEAR_EXACT, "Full range"),), False, ())
    modality = _modality(header, pixel, notes)
    views: tuple[View, ...] = (*_voi_luts(header, pixel, modality, notes), *_windows(header, notes))
    inverse = _inverse(header, pixel, notes)
    return GreyFacts(modality, _padding(header, pixel, notes), views, inverse, tuple(notes))


def _signed(word: int) -> int:
    return word - 0x10000 if word & 0x8000 else word


def _padding(header: Header, pixel: PixelLayout, notes: list[Note]) -> tuple[int, int] | None:
    """Return the inclusive range of padding, before the Modality LUT (PS3.3 C.7.5.1.1.2)."""
    values = [header.words("PixelPaddingValue")[:1], header.words("PixelPaddingRangeLimit")[:1]]
    numbers = [_signed(word) if pixel.signed else word for words in values for word in words]
    if not values[0]:
        return None
    low, high = min(numbers), max(numbers)
    first, last = stored_range(pixel.bits_stored, signed=pixel.signed)
    if high < first or low > last:
        notes.append(Note(NoteCode.HEADER_ODD, f"padding of {low} lies outside what a pixel can store and is ignored"))
        return None
    if low <= first and high >= last:
        notes.append(Note(NoteCode.HEADER_ODD, "padding would cover every value and is ignored"))
        return None
    return max(low, first), min(high, last)


def _inverse(header: Header, pixel: PixelLayout, notes: list[Note]) -> bool:
    """Return whether low values are bright: one inversion, however many attributes ask for it.

    PS3.3 C.11.6.1.2: Presentation LUT Shape INVERSE goes with MONOCHROME1 and IDENTITY with MONOCHROME2; the shape is
    the later step and decides where they disagree.
    """
    by_photometric = pixel.photometric == "MONOCHROME1"
    if header.items("PresentationLUTSequence"):
        notes.append(Note(NoteCode.LUT_UNUSABLE, "a Presentation LUT, which belongs to no radiograph, is left out"))
    shape = header.text("PresentationLUTShape").upper()
    if not shape:
        return by_photometric
    if shape not in {"IDENTITY", "INVERSE"}:
        notes.append(Note(NoteCode.POLARITY, "an unknown Presentation LUT Shape is ignored"))
        return by_photometric
    if (shape == "INVERSE") != by_photometric:
        notes.append(
            Note(NoteCode.POLARITY, f"{pixel.photometric} with Presentation LUT Shape {shape}: bone should be bright")
        )
    return shape == "INVERSE"


def _modality(header: Header, pixel: PixelLayout, notes: list[Note]) -> Modality:
    """Return the Modality LUT, else rescale (PS3.3 C.11.1)."""
    for item in header.items("ModalityLUTSequence")[:1]:
        try:
            table = _table(item, "ModalityLUTType", signed=pixel.signed)
        except _UnusableTableError as fault:
            notes.append(Note(NoteCode.LUT_UNUSABLE, f"the Modality LUT is left out: {fault}"))
        else:
            return ModalityLut(table.first, table.entries)
    slopes, intercepts = header.numbers("RescaleSlope"), header.numbers("RescaleIntercept")
    if not slopes and not intercepts:
        return _UNIT
    rescale = Rescale(slopes[0] if slopes else 1.0, intercepts[0] if intercepts else 0.0)
    if not _keeps_values_apart(rescale, pixel):
        notes.append(Note(NoteCode.RESCALE_UNUSABLE, "rescale slope or intercept is unusable; stored values are shown"))
        return _UNIT
    return rescale


def _keeps_values_apart(rescale: Rescale, pixel: PixelLayout) -> bool:
    """Return whether neighbouring stored values stay different numbers: not for slope 0, NaN, 1e300 or 1e-50."""
    if not (math.isfinite(rescale.slope) and math.isfinite(rescale.intercept)):
        return False
    first, last = stored_range(pixel.bits_stored, signed=pixel.signed)
    with np.errstate(over="ignore", invalid="ignore"):
        ends = rescale.apply(np.array([first, first + 1, last - 1, last], dtype=np.int32))
    return bool(np.isfinite(ends).all() and ends[0] != ends[1] and ends[2] != ends[3])


def _table(item: Header, explanation: str, *, signed: bool) -> _Table:
    """Return a LUT of an item (PS3.3 C.11.1.1.1, C.11.2.1.1)."""
    descriptor = item.words("LUTDescriptor")
    if len(descriptor) != 3:
        raise _UnusableTableError("its descriptor is not three numbers")
    count, first, bits = descriptor[0] or 0x10000, descriptor[1], descriptor[2]
    if not 8 <= bits <= 16:
        raise _UnusableTableError(f"entries of {bits} bits")
    raw = item.raw("LUTData")
    if len(raw) >= 2 * count:
        entries = np.array(item.as_words(raw[: 2 * count]), dtype=np.uint16)
    elif bits == 8 and len(raw) in {count, count + 1}:
        entries = _packed_bytes(item, raw)[:count].astype(np.uint16)
    else:
        raise _UnusableTableError(f"{len(raw) // 2} of {count} entries are there")
    if len(raw) > 2 * count + 1:
        raise _UnusableTableError(f"{len(raw) // 2} entries where its descriptor says {count}")
    if int(entries.max()) >> bits:
        raise _UnusableTableError(f"entries above {bits} bits")
    entries.setflags(write=False)
    return _Table(_signed(first) if signed else first, entries, bits, item.text(explanation))


def _packed_bytes(item: Header, raw: bytes) -> NDArray[np.uint8]:
    """Return 8-bit entries, two of which share a word."""
    if item.little_endian:
        return np.frombuffer(raw, dtype=np.uint8)
    words = item.as_words(raw)
    return np.frombuffer(struct.pack(f"<{len(words)}H", *words), dtype=np.uint8)


def _voi_luts(header: Header, pixel: PixelLayout, modality: Modality, notes: list[Note]) -> tuple[VoiLut, ...]:
    """Return the VOI LUTs; where there are both, they come before windows."""
    items = header.items("VOILUTSequence")
    if not items:
        return ()
    first, last = stored_range(pixel.bits_stored, signed=pixel.signed)
    values = modality.apply(np.arange(first, last + 1, dtype=np.int32))
    luts = []
    for number, item in enumerate(items[:16], start=1):
        try:
            table = _table(item, "LUTExplanation", signed=bool(values.min() < 0))
            # C.11.2.1.1: the first input value has the sign of the modality values, whatever the element says.
            if table.first > values.max() or table.first + len(table.entries) <= values.min():
                raise _UnusableTableError("it begins beyond the film's values")  # noqa: TRY301 - one note for all faults
        except _UnusableTableError as fault:
            notes.append(Note(NoteCode.LUT_UNUSABLE, f"VOI LUT {number} is left out: {fault}"))
            continue
        luts.append(VoiLut(table.first, table.entries, table.bits, table.explanation or f"VOI LUT {number}"))
    return tuple(luts)


def _windows(header: Header, notes: list[Note]) -> tuple[Window, ...]:
    """Return the header's windows that can be used (PS3.3 C.11.2.1.2)."""
    centers, widths = header.numbers("WindowCenter"), header.numbers("WindowWidth")
    if len(centers) != len(widths):
        notes.append(Note(NoteCode.WINDOW_UNUSABLE, f"{len(centers)} window centers and {len(widths)} widths"))
    explanations = header.texts("WindowCenterWidthExplanation")
    function = _function(header, notes)
    windows = []
    for index, (center, width) in enumerate(zip(centers[:16], widths[:16], strict=False)):
        if not (math.isfinite(center) and math.isfinite(width) and width > 0 and abs(center) < 1e9 and width < 1e9):
            notes.append(Note(NoteCode.WINDOW_UNUSABLE, f"window {index + 1} has center {center:g}, width {width:g}"))
            continue
        own = function
        if width < 1 and function is WindowFunction.LINEAR:
            # LINEAR needs a width of 1; modality values within 0..1 make writers break that rule, and mean this.
            own = WindowFunction.LINEAR_EXACT
            notes.append(Note(NoteCode.HEADER_ODD, f"a linear window of width {width:g} is read as LINEAR_EXACT"))
        explanation = explanations[index] if index < len(explanations) else ""
        windows.append(Window(center, width, own, explanation or f"Window {index + 1}"))
    return tuple(windows)


def _function(header: Header, notes: list[Note]) -> WindowFunction:
    """Return VOI LUT Function, padded, in small letters or as a list as writers leave it; LINEAR by default."""
    stated = [text.upper() for text in header.texts("VOILUTFunction") if text]
    if not stated:
        return WindowFunction.LINEAR
    try:
        return WindowFunction(stated[0])
    except ValueError:
        notes.append(Note(NoteCode.WINDOW_UNUSABLE, "an unknown VOI LUT Function is read as LINEAR"))
        return WindowFunction.LINEAR
