"""Polarity, VOI LUTs, windows and padding as headers state them, checked against highdicom over a table of films."""

import io
from typing import Any

import highdicom
import numpy as np
import pytest
from numpy.typing import NDArray

from engine.film.grey import ModalityLut, Rescale, VoiLut, Window, WindowFunction, displayed, full_range, lookup
from engine.film.radiograph import NoteCode, Radiograph
from tests.phantom import (
    EXPLICIT_BIG,
    IMPLICIT_LITTLE,
    dicom_bytes,
    dicom_film,
    lut_item,
    read_film,
    set_pixels,
    set_raw,
    thorax,
)

POLARITIES = [
    # photometric, shape, low values are bright
    ("MONOCHROME1", None, True),
    ("MONOCHROME1", "INVERSE", True),  # one inversion, not two
    ("MONOCHROME1", "IDENTITY", False),
    ("MONOCHROME2", None, False),
    ("MONOCHROME2", "INVERSE", True),
    ("MONOCHROME2", "IDENTITY", False),
]
STORAGE = [(8, False), (10, False), (12, False), (14, False), (16, False), (12, True), (16, True)]
VOIS = ["LINEAR", "LINEAR_EXACT", "SIGMOID", "LUT"]
# highdicom 0.28 cannot read a signed VOI LUT.
ORACLE_TABLE = [(voi, bits, signed) for voi in VOIS for bits, signed in STORAGE if not (signed and voi == "LUT")]


def film_arguments(voi: str, bits: int, signed: bool) -> dict[str, Any]:
    span = 1 << bits
    middle = 0 if signed else span // 2
    if voi == "LUT":
        # highdicom stretches a table's own range, and knows 8 and 16 bits: this one fills its 16.
        entries = np.rint(np.linspace(0, 1, span // 2) ** 1.7 * 65535).astype(np.uint16)
        return {"VOILUTSequence": [lut_item(middle - span // 4, entries, 16)]}
    return {"window": (middle + span // 16, span // 3), "VOILUTFunction": voi}


def as_highdicom_shows(data: bytes, levels: int) -> NDArray[np.float64]:
    image = highdicom.imread(io.BytesIO(data))
    frame: NDArray[np.float64] = image.get_frame(
        1,
        dtype=np.float64,
        apply_voi_transform=True,
        apply_presentation_lut=True,
        voi_output_range=(0.0, levels - 1.0),
    )
    return frame


@pytest.mark.parametrize(("photometric", "shape", "inverse"), POLARITIES)
@pytest.mark.parametrize(("voi", "bits", "signed"), ORACLE_TABLE)
def test_films_look_as_highdicom_shows_them(
    photometric: str, shape: str | None, inverse: bool, voi: str, bits: int, signed: bool
) -> None:
    stored = thorax(24, 20, bits, signed=signed)
    dataset = dicom_film(
        stored,
        photometric=photometric,
        lut_shape=shape,
        bits_stored=bits,
        signed=signed,
        **film_arguments(voi, bits, signed),
    )
    if signed:
        set_pixels(dataset, stored.view(np.uint16))  # highdicom takes the sign from the whole word
    data = dicom_bytes(dataset)
    film = read_film(data)
    assert film.inverse is inverse
    for levels in (256, 65536):
        ours = displayed(film, film.views[0], levels).astype(np.float64)
        assert np.abs(ours - as_highdicom_shows(data, levels)).max() <= 0.51


@pytest.mark.parametrize("function", ["LINEAR_EXACT", "SIGMOID"])
@pytest.mark.parametrize(("slope", "intercept"), [("2", "-1024"), ("0.5", "100.25"), ("1", "-1024")])
def test_rescaled_films_look_as_highdicom_shows_them(function: str, slope: str, intercept: str) -> None:
    data = dicom_bytes(
        dicom_film(RescaleSlope=slope, RescaleIntercept=intercept, window=(900, 1500), VOILUTFunction=function)
    )
    film = read_film(data)
    assert film.modality == Rescale(float(slope), float(intercept))
    ours = displayed(film, film.views[0]).astype(np.float64)
    assert np.abs(ours - as_highdicom_shows(data, 256)).max() <= 0.51


def test_a_modality_lut_comes_before_the_window() -> None:
    entries = np.rint(np.sqrt(np.linspace(0, 1, 4096)) * 65535).astype(np.uint16)
    data = dicom_bytes(dicom_film(ModalityLUTSequence=[lut_item(0, entries, 16)], window=(30000, 50000)))
    film = read_film(data)
    assert isinstance(film.modality, ModalityLut)
    ours = displayed(film, film.views[0]).astype(np.float64)
    assert np.abs(ours - as_highdicom_shows(data, 256)).max() <= 0.51


@pytest.mark.parametrize(("photometric", "shape", "inverse"), POLARITIES)
def test_polarity_is_applied_once_to_every_view(photometric: str, shape: str | None, inverse: bool) -> None:
    """The trap: inverting by the image's own maximum. No pixel here comes near the top of the range."""
    stored = (thorax(bits=8) // 2).astype(np.uint16)
    film = read_film(
        values=stored,
        photometric=photometric,
        lut_shape=shape,
        bits_stored=8,
        window=(128, 256),
        VOILUTSequence=[lut_item(0, np.arange(256, dtype=np.uint16), 8)],
    )
    assert len(film.views) == 2
    for view in film.views:
        shown = displayed(film, view)
        expected = 255 - stored if inverse else stored
        assert np.array_equal(shown, expected.astype(np.uint8))


@pytest.mark.parametrize(("photometric", "shape", "inverse"), POLARITIES)
def test_polarities_that_contradict_each_other_are_said(photometric: str, shape: str | None, inverse: bool) -> None:
    agree = shape is None or (shape == "INVERSE") == (photometric == "MONOCHROME1")
    assert read_film(photometric=photometric, lut_shape=shape).has_note(NoteCode.POLARITY) is not agree


def test_an_unknown_shape_leaves_polarity_to_the_photometric_interpretation() -> None:
    film = read_film(photometric="MONOCHROME1", lut_shape="LIN OD")
    assert film.inverse
    assert film.has_note(NoteCode.POLARITY)


def test_a_presentation_lut_table_is_left_out_and_said() -> None:
    film = read_film(PresentationLUTSequence=[lut_item(0, np.arange(4096, dtype=np.uint16), 12)])
    assert film.has_note(NoteCode.LUT_UNUSABLE)


def test_all_windows_can_be_chosen_luts_first() -> None:
    film = read_film(
        WindowCenter=["1000", "2000"],
        WindowWidth=["500", "4000"],
        WindowCenterWidthExplanation=["Lung", "Bone"],
        VOILUTSequence=[lut_item(0, np.arange(4096, dtype=np.uint16), 12, "Standard")],
    )
    assert [view.explanation for view in film.views] == ["Standard", "Lung", "Bone"]
    assert film.views[1:] == (
        Window(1000, 500, WindowFunction.LINEAR, "Lung"),
        Window(2000, 4000, WindowFunction.LINEAR, "Bone"),
    )


@pytest.mark.parametrize("stated", [b"sigmoid ", b"SIGMOID", b" SIGMOID\0", b"SIGMOID\\LINEAR"])
def test_a_voi_lut_function_may_be_padded_small_or_a_list(stated: bytes) -> None:
    view = read_film(window=(100, 200), VOILUTFunction=stated).views[0]
    assert isinstance(view, Window)
    assert view.function is WindowFunction.SIGMOID


@pytest.mark.parametrize(
    ("center", "width"),
    [
        (b"100", b"0"),
        (b"100", b"-5"),
        (b"100", b"nan"),
        (b"nan", b"100"),
        (b"100", b"1e400"),
        (b"abc", b"def"),
        (b"100", b""),
        (b"1e300", b"1"),
    ],
)
def test_a_window_that_cannot_be_is_left_out_and_said(center: bytes, width: bytes) -> None:
    film = read_film(WindowCenter=center, WindowWidth=width)
    assert film.views == ()
    assert film.has_note(NoteCode.WINDOW_UNUSABLE)
    assert displayed(film, full_range(film)).max() == 255


def test_a_window_beside_an_unusable_one_is_kept() -> None:
    film = read_film(WindowCenter=["1", "2"], WindowWidth=["0", "10"])
    assert film.views == (Window(2, 10, WindowFunction.LINEAR, "Window 2"),)
    assert film.has_note(NoteCode.WINDOW_UNUSABLE)


def test_an_unknown_function_is_read_as_linear_and_said() -> None:
    film = read_film(window=(100, 200), VOILUTFunction="CUBIC")
    assert film.views == (Window(100, 200, WindowFunction.LINEAR, "Window 1"),)
    assert film.has_note(NoteCode.WINDOW_UNUSABLE)


def test_a_linear_window_narrower_than_one_is_exact() -> None:
    film = read_film(RescaleSlope="0.000244", RescaleIntercept="0", window=(0.5, 0.9))
    assert film.views == (Window(0.5, 0.9, WindowFunction.LINEAR_EXACT, "Window 1"),)
    assert len(np.unique(lookup(film, film.views[0]))) == 256


@pytest.mark.parametrize(
    ("slope", "intercept"),
    [
        (b"0 ", b"0 "),
        (b"nan ", b"0 "),
        (b"1 ", b"nan "),
        (b"inf ", b"0 "),
        (b"1e300 ", b"0 "),
        (b"1e-60 ", b"0 "),
        (b"1 ", b"1e30"),
        (b"x ", b"0 "),
    ],
)
def test_a_rescale_that_destroys_the_film_is_ignored_and_said(slope: bytes, intercept: bytes) -> None:
    film = read_film(RescaleSlope=slope, RescaleIntercept=intercept)
    assert film.modality == Rescale(1.0, 0.0)
    assert film.has_note(NoteCode.RESCALE_UNUSABLE)
    assert np.isfinite(film.modality_values()).all()


def bad_luts() -> list[Any]:
    ramp = np.arange(4096, dtype=np.uint16)
    short = lut_item(0, ramp, 12)
    short.LUTData = short.LUTData[:100]
    long = lut_item(0, ramp[:10], 12)
    long.LUTData = ramp.tobytes()
    empty = lut_item(0, ramp, 12)
    del empty.LUTData
    nameless = lut_item(0, ramp, 12)
    del nameless.LUTDescriptor
    odd = lut_item(0, ramp, 12)
    set_raw(odd, "LUTDescriptor", b"\x00\x10\x00\x00", "US")
    return [
        lut_item(0, ramp, 0),
        lut_item(0, ramp, 7),
        lut_item(0, ramp, 17),
        lut_item(0, ramp, 8),  # entries above 8 bits
        lut_item(60000, ramp, 12),  # begins beyond every value of the film
        short,
        long,
        empty,
        nameless,
        odd,
    ]


@pytest.mark.parametrize("item", bad_luts())
def test_a_voi_lut_that_contradicts_itself_gives_way_to_the_window(item: Any) -> None:
    film = read_film(VOILUTSequence=[item], window=(2048, 4096))
    assert film.views == (Window(2048, 4096, WindowFunction.LINEAR, "Window 1"),)
    assert film.has_note(NoteCode.LUT_UNUSABLE)


def test_a_voi_lut_of_signed_pixels_lifted_above_zero_begins_where_it_says() -> None:
    table = lut_item(40_000, np.arange(256, dtype=np.uint16), 8)
    film = read_film(dicom_film(signed=True, bits_stored=16, RescaleIntercept="32768", VOILUTSequence=[table]))
    assert not film.has_note(NoteCode.LUT_UNUSABLE)
    assert only_lut(film).first == 40_000


def test_a_modality_lut_that_contradicts_itself_gives_way_to_rescale() -> None:
    film = read_film(ModalityLUTSequence=[lut_item(0, np.arange(10, dtype=np.uint16), 3)], RescaleSlope="2")
    assert film.modality == Rescale(2.0, 0.0)
    assert film.has_note(NoteCode.LUT_UNUSABLE)


def only_lut(film: Radiograph) -> VoiLut:
    (view,) = film.views
    assert isinstance(view, VoiLut)
    return view


def test_a_lut_of_65536_entries_is_written_as_none() -> None:
    entries = np.arange(65536, dtype=np.uint16)[::-1].copy()
    film = read_film(bits_stored=16, VOILUTSequence=[lut_item(0, entries, 16)])
    assert np.array_equal(only_lut(film).entries, entries)


def test_a_signed_film_has_a_signed_first_value() -> None:
    film = read_film(signed=True, VOILUTSequence=[lut_item(-2048, np.arange(4096, dtype=np.uint16), 12, signed=True)])
    assert only_lut(film).first == -2048


def test_a_signed_lut_is_looked_up_by_signed_values() -> None:
    entries = np.arange(4096, dtype=np.uint16)[::-1].copy()
    film = read_film(signed=True, VOILUTSequence=[lut_item(-2048, entries, 12, signed=True)])
    shown = displayed(film, only_lut(film), 4096)
    assert np.array_equal(shown, 2047 - film.stored.astype(int))


def test_a_first_value_written_as_unsigned_in_a_signed_film_is_signed() -> None:
    item = lut_item(0xF800, np.arange(4096, dtype=np.uint16), 12)
    assert only_lut(read_film(signed=True, VOILUTSequence=[item])).first == -2048
    rescaled = read_film(RescaleSlope="1", RescaleIntercept="-2048", VOILUTSequence=[item])
    assert only_lut(rescaled).first == -2048


@pytest.mark.parametrize("transfer_syntax", [IMPLICIT_LITTLE, EXPLICIT_BIG])
def test_luts_are_read_in_the_files_byte_order(transfer_syntax: str) -> None:
    entries = np.arange(4096, dtype=np.uint16)[::-1].copy()
    item = lut_item(0, entries, 12)
    if transfer_syntax == EXPLICIT_BIG:
        item.LUTData = entries.astype(">u2").tobytes()
    film = read_film(dicom_film(VOILUTSequence=[item]), transfer_syntax)
    assert np.array_equal(only_lut(film).entries, entries)


def test_8_bit_lut_entries_may_share_a_word() -> None:
    item = lut_item(0, np.arange(256, dtype=np.uint16), 8)
    item.LUTData = np.arange(256, dtype=np.uint8)[::-1].tobytes()
    film = read_film(bits_stored=8, VOILUTSequence=[item])
    assert only_lut(film).entries.tolist() == list(range(255, -1, -1))


@pytest.mark.parametrize(
    ("elements", "signed", "padding"),
    [
        ({"PixelPaddingValue": 0}, False, (0, 0)),
        ({"PixelPaddingValue": 4095, "PixelPaddingRangeLimit": 4090}, False, (4090, 4095)),
        ({"PixelPaddingValue": 0, "PixelPaddingRangeLimit": 5}, False, (0, 5)),
        ({"PixelPaddingValue": -2000}, True, (-2000, -2000)),
        ({"PixelPaddingValue": -2000, "PixelPaddingRangeLimit": -2048}, True, (-2048, -2000)),
        ({"PixelPaddingValue": 4000, "PixelPaddingRangeLimit": 65535}, False, (4000, 4095)),
        ({"PixelPaddingRangeLimit": 5}, False, None),
        ({}, False, None),
    ],
)
def test_padding_is_in_stored_values(elements: dict[str, int], signed: bool, padding: tuple[int, int] | None) -> None:
    film = read_film(signed=signed, RescaleSlope="2", RescaleIntercept="7", **elements)
    assert film.padding == padding
    if padding:
        low, high = padding
        assert np.array_equal(film.valid(), (film.stored < low) | (film.stored > high))


@pytest.mark.parametrize(
    "elements",
    [{"PixelPaddingValue": 5000}, {"PixelPaddingValue": 0, "PixelPaddingRangeLimit": 65535}],
)
def test_padding_that_cannot_be_is_ignored_and_said(elements: dict[str, int]) -> None:
    film = read_film(**elements)
    assert film.padding is None
    assert film.has_note(NoteCode.HEADER_ODD)
