"""Who and what is on the film: view, orientation, side, patient, and what the reader should know."""

from typing import Any

import pytest
from pydicom.dataset import Dataset
from pydicom.sr._snomed_dict import mapping

from engine.film.facts import VIEW_CODES
from engine.film.radiograph import NoteCode, Orientation, ViewPosition
from tests.phantom import (
    CR,
    DX_FOR_PROCESSING,
    ENCAPSULATED_NATIVE,
    NATIVE_SYNTAXES,
    RF,
    RLE,
    SECONDARY_CAPTURE,
    SENTINEL,
    XA,
    dicom_bytes,
    dicom_film,
    read_film,
)

PA, AP, LATERAL = ViewPosition.PA, ViewPosition.AP, ViewPosition.LATERAL
OTHER, UNKNOWN = ViewPosition.OTHER, ViewPosition.UNKNOWN


def view_code(value: str, scheme: str = "SCT") -> list[Dataset]:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator = value, scheme
    return [item]


@pytest.mark.parametrize(
    ("elements", "view", "note"),
    [
        ({"ViewPosition": "PA"}, PA, None),
        ({"ViewPosition": "pa "}, PA, None),
        ({"ViewPosition": "AP"}, AP, NoteCode.VIEW_AP),
        ({"ViewPosition": "LL"}, LATERAL, NoteCode.NOT_FRONTAL),
        ({"ViewPosition": "RL"}, LATERAL, NoteCode.NOT_FRONTAL),
        ({"ViewPosition": "LLO"}, OTHER, NoteCode.NOT_FRONTAL),
        ({"ViewPosition": ""}, UNKNOWN, NoteCode.VIEW_UNKNOWN),
        ({"ViewPosition": None}, UNKNOWN, NoteCode.VIEW_UNKNOWN),
        ({"ViewPosition": None, "ViewCodeSequence": view_code("399348003")}, AP, NoteCode.VIEW_AP),
        ({"ViewPosition": None, "ViewCodeSequence": view_code("R-10214", "SRT")}, PA, None),
        ({"ViewPosition": None, "ViewCodeSequence": view_code("R-40888", "SRT")}, PA, None),
        ({"ViewPosition": None, "ViewCodeSequence": view_code("R-102CD", "SRT")}, LATERAL, NoteCode.NOT_FRONTAL),
        ({"ViewPosition": None, "ViewCodeSequence": view_code("R-10226", "SRT")}, OTHER, NoteCode.NOT_FRONTAL),
        ({"ViewPosition": None, "ViewCodeSequence": view_code("399173006")}, LATERAL, NoteCode.NOT_FRONTAL),
        ({"ViewPosition": "PA", "ViewCodeSequence": view_code("272479007")}, PA, None),
        ({"ViewPosition": "PA", "ViewCodeSequence": view_code("399348003")}, UNKNOWN, NoteCode.VIEW_UNKNOWN),
        ({"ViewPosition": "PA", "ViewCodeSequence": view_code("12345")}, PA, None),
        ({"ViewPosition": "PA", "PatientOrientation": ["A", "F"]}, PA, NoteCode.NOT_FRONTAL),
    ],
)
def test_the_view_is_what_the_file_states(elements: dict[str, Any], view: ViewPosition, note: NoteCode | None) -> None:
    film = read_film(**elements)
    assert film.view_position is view
    views = {NoteCode.VIEW_AP, NoteCode.VIEW_UNKNOWN, NoteCode.NOT_FRONTAL}
    assert {found.code for found in film.notes if found.code in views} == ({note} if note else set())


@pytest.mark.parametrize(
    ("stated", "orientation", "upright"),
    [
        (["L", "F"], Orientation("L", "F"), True),
        (["R", "F"], Orientation("R", "F"), False),
        (["F", "L"], Orientation("F", "L"), False),
        (["LH", "FL"], Orientation("LH", "FL"), True),
        ([" l", "f "], Orientation("L", "F"), True),
        (["A", "F"], Orientation("A", "F"), False),
    ],
)
def test_orientation_is_where_rows_and_columns_point(
    stated: list[str], orientation: Orientation, upright: bool
) -> None:
    film = read_film(PatientOrientation=stated)
    assert film.orientation == orientation
    assert orientation.is_upright_unmirrored is upright
    assert not film.has_note(NoteCode.ORIENTATION_UNKNOWN)


@pytest.mark.parametrize(
    "stated", [None, b"", b"L ", b"L\\", b"L\\R ", b"F\\H ", b"left\\down ", b"X\\Y ", b"L\\F\\A ", b"LRAPH\\F "]
)
def test_an_orientation_that_is_none_is_unknown(stated: bytes | None) -> None:
    film = read_film(PatientOrientation=stated)
    assert film.orientation is None
    assert film.has_note(NoteCode.ORIENTATION_UNKNOWN)


@pytest.mark.parametrize(
    ("elements", "side"),
    [
        ({"ImageLaterality": "R"}, "R"),
        ({"Laterality": "L"}, "L"),
        ({"ImageLaterality": "R", "Laterality": "L"}, "R"),
        ({"ImageLaterality": "", "Laterality": "L"}, "L"),
        ({"ImageLaterality": "sideways"}, ""),
        ({}, ""),
    ],
)
def test_the_images_own_side_goes_before_its_series(elements: dict[str, Any], side: str) -> None:
    assert read_film(**elements).laterality == side


@pytest.mark.parametrize(
    ("elements", "code"),
    [
        ({"BodyPartExamined": "HIP"}, NoteCode.NOT_CHEST),
        ({"BodyPartExamined": "", "Modality": "US"}, NoteCode.NOT_CHEST),
        ({"SeriesDescription": "CANINE THORAX"}, NoteCode.NOT_CHEST),
        ({"AnatomicalOrientationType": "QUADRUPED"}, NoteCode.NOT_CHEST),
        ({"LossyImageCompression": "01"}, NoteCode.LOSSY),
        ({"PresentationIntentType": "FOR PROCESSING"}, NoteCode.FOR_PROCESSING),
        ({"sop_class": DX_FOR_PROCESSING}, NoteCode.FOR_PROCESSING),
        ({"BurnedInAnnotation": "YES"}, NoteCode.BURNED_IN),
    ],
)
def test_what_the_reader_should_know_is_said_once(elements: dict[str, Any], code: NoteCode) -> None:
    film = read_film(**elements)
    assert [note.code for note in film.notes].count(code) == 1
    assert not read_film().has_note(code)


@pytest.mark.parametrize("part", ["CHEST", "THORAX", "LUNG", "RIBS", "CHEST ABDOMEN", "Chest", ""])
def test_a_chest_goes_by_several_names(part: str) -> None:
    assert not read_film(BodyPartExamined=part).has_note(NoteCode.NOT_CHEST)


@pytest.mark.parametrize("sop_class", [CR, XA, RF, SECONDARY_CAPTURE, DX_FOR_PROCESSING])
def test_all_projection_films_are_read(sop_class: str) -> None:
    assert read_film(sop_class=sop_class).source.modality in {"CR", "DX", "XA", "RF", "OT"}


@pytest.mark.parametrize(
    "begin",
    [
        b"MZ\x90\0",
        b"\x7fELF",
        b"#!/bin/sh\n",
        b"\xcf\xfa\xed\xfe",
        b"\xce\xfa\xed\xfe",
        b"\xfe\xed\xfa\xcf",
        b"\xca\xfe\xba\xbe",
    ],
)
def test_a_film_that_is_also_a_program_is_said_to_be(begin: bytes) -> None:
    film = read_film(dicom_bytes(dicom_film(), preamble=begin.ljust(128, b"\0")))
    assert film.has_note(NoteCode.PREAMBLE_EXECUTABLE)


@pytest.mark.parametrize("syntax", [*NATIVE_SYNTAXES, ENCAPSULATED_NATIVE, RLE])
def test_a_program_is_told_in_any_transfer_syntax(syntax: str) -> None:
    film = read_film(dicom_bytes(dicom_film(), syntax, preamble=b"MZ".ljust(128, b"\0")))
    assert film.has_note(NoteCode.PREAMBLE_EXECUTABLE)


def test_codes_of_both_schemes_mean_the_same_view() -> None:
    for srt, sct in mapping["SRT"].items():
        if srt in VIEW_CODES or sct in VIEW_CODES:
            assert VIEW_CODES.get(srt) is VIEW_CODES.get(sct), (srt, sct)


@pytest.mark.parametrize("begin", [b"", b"II*\0", b"MM\0*"])
def test_an_innocent_preamble_is_not(begin: bytes) -> None:
    film = read_film(dicom_bytes(dicom_film(), preamble=begin.ljust(128, b"\0")))
    assert not film.has_note(NoteCode.PREAMBLE_EXECUTABLE)


@pytest.mark.parametrize(
    ("charset", "raw", "name"),
    [
        (None, b"Doe^Jane^Q", "Doe, Jane Q"),
        ("ISO_IR 100", b"M\xfcller^J\xf6rg", "Müller, Jörg"),
        ("ISO_IR 192", "Þór^Æsa".encode(), "Þór, Æsa"),
        ("\\ISO 2022 IR 87", b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B", "Yamada, Tarou / 山田, 太郎"),
        ("\\ISO 2022 IR 58", b"Wang^Xiao=\x1b$)A\xcd\xf5^\x1b$)A\xd0\xa1\xb6\xab", "Wang, Xiao / 王, 小东"),
        ("NONSENSE", b"Doe^Jane", "Doe, Jane"),
        ("ISO_IR 192", b"D\xffoe^Jane", "D\N{REPLACEMENT CHARACTER}oe, Jane"),
        ("\xff\xfe", b"Doe^Jane", "Doe, Jane"),
        (None, b"", ""),
        (None, b"^^^", ""),
    ],
)
def test_names_are_read_in_their_own_script(charset: str | None, raw: bytes, name: str) -> None:
    coded = None if charset is None else charset.encode("latin-1")
    film = dicom_film(SpecificCharacterSet=coded, PatientName=raw)
    for syntax in NATIVE_SYNTAXES:
        assert read_film(film, syntax).identity.patient_name == name


@pytest.mark.parametrize(
    "raw",
    [
        b"nul\0in the middle",
        b"\x1b]0;title\x07\x1b[31mred",
        "right\N{RIGHT-TO-LEFT OVERRIDE}tfel".encode(),
        b"line\r\nbreak\ttab",
        b"x" * 60000,
        b"=HYPERLINK()",
        b"<b>bold</b>",
    ],
)
def test_a_hostile_name_cannot_act_on_what_shows_it(raw: bytes) -> None:
    film = read_film(SpecificCharacterSet="ISO_IR 192", PatientName=raw, PatientID=raw, InstitutionName=raw)
    for text in (film.identity.patient_name, film.identity.patient_id, film.identity.institution):
        assert text.isprintable()
        assert len(text) <= 1025
    kept = [character for character in raw.decode("utf-8")[:20] if character.isprintable()]
    assert [character for character in film.identity.patient_id if character in kept][: len(kept)] == kept


@pytest.mark.parametrize(
    "raw",
    [b"../../etc/passwd", b"/abs", b"C:\\x", b"1.2.3\0.4", b"1." * 150, b"", b"1..2", b"1.2.", b"CON", b"\xff\xff"],
)
def test_a_uid_that_is_none_names_nothing(raw: bytes) -> None:
    film = read_film(SOPInstanceUID=raw, StudyInstanceUID=raw, SeriesInstanceUID=raw)
    assert film.source.sop_instance_uid == ""
    assert film.source.study_instance_uid == ""
    assert film.source.series_instance_uid == ""
    assert film.has_note(NoteCode.HEADER_ODD)


def test_a_patient_is_in_the_identity_and_nowhere_else() -> None:
    words = (
        "Modality",
        "BodyPartExamined",
        "ViewPosition",
        "ImageLaterality",
        "PresentationLUTShape",
        "VOILUTFunction",
    )
    texts = ("StudyDescription", "SeriesDescription", "InstitutionName", "ProtocolName")
    numbers = (
        "PixelSpacing",
        "WindowCenter",
        "WindowWidth",
        "RescaleSlope",
        "EstimatedRadiographicMagnificationFactor",
    )
    film = read_film(**dict.fromkeys(words + texts, "SENTINEL"), **dict.fromkeys(numbers, b"SENTINEL"))
    assert film.identity.patient_name == SENTINEL.replace("^", ", ")
    for note in film.notes:
        # A coded word of sixteen capitals may be quoted; it is what tells a hip from a chest.
        assert "SENTINEL" not in note.text or note.code is NoteCode.NOT_CHEST
    assert "SENTINEL" not in repr(film.identity)
    assert "SENTINEL" not in repr(film.source).replace("modality='SENTINEL'", "")
