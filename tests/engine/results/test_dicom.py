"""SEG, SR, GSPS and SC: legal, of the right film, and telling the same story."""

import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import highdicom as hd
import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.pixels.processing import apply_modality_lut, apply_voi

import resources
from benchmarks.validity import CHESTS, errors, least_film, missing_tools, new_faults, write
from engine.case import Making
from engine.errors import OutputError
from engine.film.grey import Window, WindowFunction
from engine.film.reading import read_radiograph
from engine.results.context import Export
from engine.results.dicom import encoded, only_our_warnings
from engine.results.gsps import presentation_state
from engine.results.pictures import shown_film
from engine.results.sc import capture
from engine.results.seg import segmentation
from engine.results.sr import REPLAY_PREFIX, report
from tests.engine.lung_cases import film_of
from tests.engine.results.exports import dicom_case, job, marked
from tests.phantom import (
    CR,
    DX,
    DX_FOR_PROCESSING,
    EXPLICIT_BIG,
    EXPLICIT_LITTLE,
    IMPLICIT_LITTLE,
    RF,
    SECONDARY_CAPTURE,
    XA,
    dicom_bytes,
    dicom_film,
    lut_item,
    read_film,
    set_raw,
    thorax,
)

ONE_FRAME = tuple(f"1.2.840.10008.5.1.4.1.1.7.{kind}" for kind in (2, 3, 4))  # "multi-frame" Secondary Captures
validated = pytest.mark.skipif(bool(missing_tools()), reason="dicom3tools and dcmtk are not installed")


def objects(export: Export) -> dict[str, Dataset]:
    with only_our_warnings():
        seg = segmentation(export)
        return {
            "seg": seg,
            "labelmap": segmentation(export, label_map=True),
            "sr": report(export, seg),
            "gsps": presentation_state(export),
            "sc": capture(export),
        }


def assert_legal(source: Path, export: Export, folder: Path) -> int:
    """No object has an error that the film does not have; return how many objects were looked at."""
    paths = []
    for kind, dataset in objects(export).items():
        paths.append(folder / f"{kind}.dcm")
        paths[-1].write_bytes(encoded(dataset))
        assert paths[-1].read_bytes()[:128] == bytes(128)
    assert new_faults(source, paths) == []
    return len(paths)


def _table_from(first: int, count: int) -> Dataset:
    item = lut_item(0, np.arange(count), 16)
    item.add_new("LUTDescriptor", "SS", [count & 0xFFFF, first, 16])
    return item


LEAST: dict[str, Any] = {
    "PatientName": "",
    "PatientID": "",
    "PatientBirthDate": None,
    "PatientSex": None,
    "StudyDate": None,
    "StudyTime": None,
    "AccessionNumber": None,
    "StudyID": None,
    "BodyPartExamined": None,
    "ViewPosition": None,
    "PatientOrientation": None,
}
FROM_BELOW_ZERO: dict[str, Any] = {
    "VOILUTSequence": [lut_item(-1024, np.arange(4096), 12, signed=True)],
    "RescaleSlope": "1",
    "RescaleIntercept": "-1024",
}
HEADERS: dict[str, dict[str, Any]] = {
    "plain": {},
    "least": LEAST,
    "least capture": {**LEAST, "sop_class": SECONDARY_CAPTURE},
    "inverse CR": {"sop_class": CR, "photometric": "MONOCHROME1"},
    "inverse DX": {"sop_class": DX, "photometric": "MONOCHROME1", "lut_shape": "INVERSE"},
    "spacing": {"ImagerPixelSpacing": ["0.2", "0.15"], "PixelSpacing": ["0.2", "0.15"]},
    "useless spacing": {"PixelSpacing": ["0", "0"]},
    "frame of reference": {"FrameOfReferenceUID": "1.2.3.4"},
    "odd values": {"PatientBirthDate": "SOMETIME", "PatientSex": "X", "StudyTime": "99"},
    "mirrored": {"PatientOrientation": ["R", "F"]},
    "no birth date, in zeros": {"PatientBirthDate": "00000000"},
    "one number for a spacing": {"PixelSpacing": "0.1"},
    "a plane in space": {
        "FrameOfReferenceUID": "1.2.3.4",
        "ImagePositionPatient": [0, 0, 0],
        "ImageOrientationPatient": [1, 0, 0, 0, 1, 0],
    },
    "Japanese": {"SpecificCharacterSet": "\\ISO 2022 IR 87"},
    "angiographic": {"sop_class": XA},
    "fluoroscopic": {"sop_class": RF},
    "one frame of bytes": {"sop_class": ONE_FRAME[0], "bits_stored": 8},
    "one frame of words": {"sop_class": ONE_FRAME[1], "NumberOfFrames": 1},
    "VOI LUT": {"VOILUTSequence": [lut_item(0, np.arange(4096), 12, "NORMAL")]},
    "VOI LUT of bytes": {"VOILUTSequence": [lut_item(0, np.arange(4096) // 16, 8)]},
    "Modality LUT": {"ModalityLUTSequence": [lut_item(0, np.arange(4096) * 16, 16)], "window": (32768, 65536)},
    "VOI LUT from below zero": FROM_BELOW_ZERO,
    "signed VOI LUT of all values": {
        "VOILUTSequence": [_table_from(-32768, 65536)],
        "signed": True,
        "bits_stored": 16,
    },
    "half a rescale": {"RescaleSlope": "2"},
    "tall pixels": {"PixelAspectRatio": ["2", "1"]},
    "window": {"window": (2000.0, 3000.0), "RescaleSlope": "2", "RescaleIntercept": "-10", "RescaleType": "US"},
}


def _values(elements: dict[str, Any]) -> NDArray[np.integer]:
    return thorax(120, 101, elements.get("bits_stored", 12), signed=elements.get("signed", False))


@validated
@pytest.mark.parametrize("header", sorted(HEADERS))
def test_no_object_adds_an_error_to_its_films(header: str, tmp_path: Path) -> None:
    film = dicom_film(_values(HEADERS[header]), **HEADERS[header])
    source = tmp_path / "film.dcm"
    source.write_bytes(dicom_bytes(film))
    assert assert_legal(source, job(marked(read_radiograph(source))), tmp_path) == 5


@validated
@pytest.mark.parametrize("sop_class", [CR, DX, SECONDARY_CAPTURE])
def test_films_with_the_least_legal_header_get_legal_results(sop_class: str, tmp_path: Path) -> None:
    source = write(least_film(sop_class, thorax(120, 101)), tmp_path / "film.dcm")
    assert errors(source) == set()  # it is legal
    assert assert_legal(source, job(marked(read_radiograph(source))), tmp_path) == 5


@validated
def test_the_demo_film_gets_legal_results(tmp_path: Path) -> None:
    source = resources.path("demo") / "demo.dcm"
    assert assert_legal(source, job(marked(read_radiograph(source))), tmp_path) == 5


@validated
@pytest.mark.shared
@pytest.mark.parametrize("name", CHESTS)
def test_every_real_chest_gets_legal_results(name: str, shared_dir: Path, tmp_path: Path) -> None:
    source = shared_dir / "data" / "dicom" / f"{name}.dcm"
    assert assert_legal(source, job(marked(read_radiograph(source))), tmp_path) == 5


@pytest.mark.parametrize("columns", range(96, 105))
@pytest.mark.parametrize("label_map", [False, True])
def test_masks_read_back_from_a_segmentation_are_the_same_for_any_width(
    columns: int, label_map: bool, tmp_path: Path
) -> None:
    export = job(dicom_case(87, columns))
    path = tmp_path / "seg.dcm"
    path.write_bytes(encoded(segmentation(export, label_map=label_map)))
    frames = pydicom.dcmread(path).pixel_array
    read = hd.seg.segread(path)
    for number, finding in enumerate(export.outlined, start=1):
        expected = finding.mask.pixels()
        found = frames == number if label_map else np.atleast_3d(frames)[number - 1]
        assert np.array_equal(found, expected)
        if not label_map:
            assert np.array_equal(read.pixel_array[number - 1], expected)
    assert set(read.segment_numbers) - {0} == {1, 2, 3}


def test_segments_say_what_they_are_and_who_drew_them() -> None:
    export = job(dicom_case())
    seg = segmentation(export)
    right, left, node = seg.SegmentSequence
    assert right.SegmentedPropertyTypeCodeSequence[0].CodeValue == "39607008"
    sides = [
        item.SegmentedPropertyTypeCodeSequence[0].SegmentedPropertyTypeModifierCodeSequence[0].CodeValue
        for item in (right, left)
    ]
    assert sides == ["24028007", "7771000"]
    assert right.SegmentedPropertyCategoryCodeSequence[0].CodeValue == "91723000"
    assert right.SegmentAlgorithmType == "SEMIAUTOMATIC"
    assert "ab" * 32 in str(right.SegmentationAlgorithmIdentificationSequence[0].AlgorithmParameters)
    assert node.SegmentAlgorithmType == "MANUAL"
    assert node.SegmentLabel == "Node"
    reference = seg.ReferencedSeriesSequence[0].ReferencedInstanceSequence[0]
    assert reference.ReferencedSOPInstanceUID == export.case.radiograph.source.sop_instance_uid


def test_all_objects_share_tracking_uids_patient_and_study() -> None:
    export = job(dicom_case())
    made = objects(export)
    expected = {finding.tracking_uid for finding in export.outlined}
    assert {item.TrackingUID for item in made["seg"].SegmentSequence} == expected
    labelled = [item for item in made["labelmap"].SegmentSequence if item.SegmentNumber != 0]
    assert {item.TrackingUID for item in labelled} == expected
    groups = hd.sr.srread(_file(made["sr"])).content.get_planar_roi_measurement_groups()
    assert {group.tracking_uid for group in groups} == expected
    graphics = [
        graphic.get("TrackingUID")
        for annotation in made["gsps"].GraphicAnnotationSequence
        for graphic in annotation.GraphicObjectSequence
    ]
    assert expected == {uid for uid in graphics if uid}
    source = export.source()
    for dataset in made.values():
        assert dataset.StudyInstanceUID == source.StudyInstanceUID
        assert str(dataset.PatientName) == str(source.PatientName)
    assert len({dataset.SOPInstanceUID for dataset in made.values()}) == 5


def _file(dataset: Dataset) -> Any:
    import io

    return io.BytesIO(encoded(dataset))


def _items(item: Dataset) -> list[Dataset]:
    found = [item]
    for child in item.get("ContentSequence") or ():
        found += _items(child)
    return found


def test_the_report_holds_every_value_in_full() -> None:
    export = job(dicom_case(ImagerPixelSpacing=["0.2", "0.15"]))
    items = _items(objects(export)["sr"])
    values = [
        float(item.MeasuredValueSequence[0].get("FloatingPointValue", item.MeasuredValueSequence[0].NumericValue))
        for item in items
        if item.get("ValueType") == "NUM"
    ]
    for row in export.measurements:
        if row.value is not None:
            assert any(value == pytest.approx(row.value, rel=1e-12) for value in values), row.id
    concepts = [item.ConceptNameCodeSequence[0] for item in items if "ConceptNameCodeSequence" in item]
    names = {(concept.CodeValue, concept.CodingSchemeDesignator) for concept in concepts}
    assert ("CTR", "99LUNGBOX") in names
    methods = {item.ConceptCodeSequence[0].CodeValue for item in items if "ConceptCodeSequence" in item}
    assert "MM-DETECTOR" in methods


def test_private_codes_say_whose_they_are() -> None:
    schemes = objects(job(dicom_case()))["sr"].CodingSchemeIdentificationSequence
    assert [item.CodingSchemeDesignator for item in schemes] == ["99LUNGBOX"]
    assert schemes[0].CodingSchemeResponsibleOrganization


def test_the_report_carries_what_replay_needs() -> None:
    texts = [str(item.TextValue) for item in _items(objects(job(dicom_case()))["sr"]) if "TextValue" in item]
    assert sum(text.startswith(REPLAY_PREFIX) for text in texts) == 3
    assert any("ab" * 32 in text for text in texts)


@pytest.mark.parametrize(("photometric", "shape"), [("MONOCHROME1", "INVERSE"), ("MONOCHROME2", "IDENTITY")])
def test_a_presentation_state_keeps_the_films_polarity(photometric: str, shape: str) -> None:
    state = presentation_state(job(dicom_case(photometric=photometric)))
    assert state.PresentationLUTShape == shape


def test_a_presentation_state_shows_the_films_own_window() -> None:
    state = presentation_state(job(dicom_case(window=(1000.0, 700.0))))
    item = state.SoftcopyVOILUTSequence[0]
    assert (float(item.WindowCenter), float(item.WindowWidth)) == (1000.0, 700.0)


def test_outlines_of_a_presentation_state_enclose_the_masks() -> None:
    from engine.mask import Mask

    export = job(dicom_case())
    state = presentation_state(export)
    rows, columns = export.case.radiograph.rows, export.case.radiograph.columns
    for annotation, finding in zip(state.GraphicAnnotationSequence, export.outlined[:2], strict=False):
        drawn = [np.array(graphic.GraphicData).reshape(-1, 2) for graphic in annotation.GraphicObjectSequence]
        assert Mask.of_polygons(rows, columns, drawn).dice(finding.mask) > 0.98


def test_a_capture_says_that_it_is_burned_in_and_has_no_spacing() -> None:
    image = capture(job(dicom_case(ImagerPixelSpacing=["0.2", "0.2"])))
    assert image.BurnedInAnnotation == "YES"
    assert image.PhotometricInterpretation == "RGB"
    assert "PixelSpacing" not in image
    assert image.DerivationDescription


def test_names_in_any_script_survive() -> None:
    export = job(dicom_case(SpecificCharacterSet="ISO_IR 192", PatientName="Ямада^太郎=山田^太郎"))
    for dataset in objects(export).values():
        read = pydicom.dcmread(_file(dataset))
        assert str(read.PatientName) == "Ямада^太郎=山田^太郎"


@pytest.mark.parametrize(
    ("character_set", "stored", "name"),
    [
        (r"\ISO 2022 IR 87", b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B", "Yamada^Tarou=山田^太郎"),
        (r"\ISO 2022 IR 149", b"Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7", "Hong^Gildong=洪^吉洞"),
        (r"\ISO 2022 IR 58", b"Wang^Xiao=\x1b$)A\xcd\xf5^\x1b$)A\xd0\xa1\xb6\xab", "Wang^Xiao=王^小东"),
        ("ISO_IR 13", b"\xd4\xcf\xc0\xde^\xc0\xdb\xb3", "ﾔﾏﾀﾞ^ﾀﾛｳ"),
        ("", "Müller^Jörg".encode("latin-1"), "Müller^Jörg"),
        ("ISO_IR 6", b"Miller", "Miller"),
        ("ISO 2022 IR 100", "Müller".encode("latin-1"), "Müller"),
        ("ISO-IR 100", "Müller".encode("latin-1"), "Müller"),
        (r"ISO_IR 100\ISO_IR 144", "Müller".encode("latin-1"), "Müller"),
        ("ISO_IR 999", "Müller".encode("latin-1"), "Müller"),
        ("GB18030", "王^小东".encode("gb18030"), "王^小东"),
    ],
)
def test_a_name_comes_through_from_every_character_set(character_set: str, stored: bytes, name: str) -> None:
    film = dicom_film(thorax(120, 101))
    set_raw(film, "SpecificCharacterSet", character_set.encode())
    for keyword in ("PatientName", "PatientComments"):  # one that we put back, one that highdicom copies
        set_raw(film, keyword, stored)
    with only_our_warnings():
        export = job(marked(read_film(film)))
    for dataset in objects(export).values():
        read = pydicom.dcmread(_file(dataset))
        assert read.SpecificCharacterSet == "ISO_IR 192"
        assert (str(read.PatientName), str(read.get("PatientComments", name))) == (name, name)


@pytest.mark.parametrize("syntax", [EXPLICIT_LITTLE, IMPLICIT_LITTLE, EXPLICIT_BIG])
def test_chinese_within_a_sequence_comes_through_without_its_escape(syntax: str) -> None:
    code = Dataset()
    code.CodeMeaning = "the ches"
    request = Dataset()
    request.RequestedProcedureDescription = "the ches CR"
    request.RequestedProcedureCodeSequence = [code]
    film = dicom_film(thorax(120, 101), RequestAttributesSequence=[request])
    set_raw(film, "SpecificCharacterSet", rb"\ISO 2022 IR 58")
    # pydicom writes no escape: put where as many other bytes stood.
    data = dicom_bytes(film, syntax).replace(b"the ches", b"\x1b$)A\xd0\xd8\xb2\xbf")
    with only_our_warnings():
        export = job(marked(read_film(data)))
    (found,) = export.source().RequestAttributesSequence
    assert found.RequestedProcedureDescription == "胸部 CR"
    assert found.RequestedProcedureCodeSequence[0].CodeMeaning == "胸部"
    for dataset in objects(export).values():
        assert not [one for one in pydicom.dcmread(_file(dataset)).iterall() if "\x1b" in str(one.value)]


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("PatientBirthDate", "00000000"),
        ("PatientBirthDate", "19500231"),
        ("StudyDate", "20261301"),
        ("StudyTime", "246060"),
    ],
)
def test_a_day_that_there_is_not_is_quoted_as_the_film_has_it(keyword: str, value: str) -> None:
    elements: dict[str, Any] = {keyword: value}
    for dataset in objects(job(dicom_case(**elements))).values():
        assert str(pydicom.dcmread(_file(dataset)).get(keyword)) == value


@pytest.mark.parametrize(
    "spacing",
    [
        {"PixelSpacing": ["0.000", "0.000"]},
        {"PixelSpacing": ["0.3", "0.3"], "ImagerPixelSpacing": ["0.1", "0.1"]},
        {"PixelSpacing": ["50", "50"]},
        {"PixelSpacing": "0.1"},
    ],
)
def test_no_millimetre_that_we_refused_reaches_a_result(spacing: dict[str, Any]) -> None:
    export = job(dicom_case(**spacing))
    assert export.case.radiograph.spacing is None
    for dataset in objects(export).values():
        assert not [element for element in dataset.iterall() if "PixelSpacing" in element.keyword]


@pytest.mark.parametrize("frames", [None, 1])
@pytest.mark.parametrize("sop_class", [CR, DX, DX_FOR_PROCESSING, SECONDARY_CAPTURE, XA, RF, *ONE_FRAME])
def test_films_of_every_class_get_results_that_refer_to_them(sop_class: str, frames: int | None) -> None:
    case = dicom_case(sop_class=sop_class, NumberOfFrames=frames)
    for kind, dataset in objects(job(case)).items():
        referred: list[str] = []

        def note(item: Dataset, element: Any, found: list[str] = referred) -> None:
            film = case.radiograph.source.sop_instance_uid
            if element.keyword == "ReferencedSOPInstanceUID" and element.value == film:
                found.append(item.ReferencedSOPClassUID)

        dataset.walk(note)
        assert set(referred) == ({sop_class} if kind != "sc" else set())


def test_a_report_says_that_an_angiographic_system_took_the_film() -> None:
    modality = next(
        item
        for item in _items(objects(job(dicom_case(sop_class=XA)))["sr"])
        if "ConceptNameCodeSequence" in item and item.ConceptNameCodeSequence[0].CodeValue == "121139"
    )
    assert modality.ConceptCodeSequence[0].CodeValue == "XA"


def in_colour() -> Dataset:
    grey = thorax(120, 101, 8)
    return dicom_film(np.dstack([grey, grey, grey]), sop_class=SECONDARY_CAPTURE, photometric="RGB", bits_stored=8)


def test_a_film_in_colour_has_no_grey_presentation() -> None:
    with pytest.raises(OutputError, match="colour"):
        presentation_state(job(dicom_case(film=in_colour())))


@pytest.mark.parametrize("name", ["a\\b", "line\nbreak", "\x00nul", "\\", "\ud800", "x" * 70, "肺结节" * 30])
def test_a_structure_of_any_name_is_labelled_by_one_legal_value(name: str) -> None:
    case = dicom_case()
    made = objects(job(case.with_finding(replace(case.findings[2], name=name))))
    seg, state = (pydicom.dcmread(_file(made[kind])) for kind in ("seg", "gsps"))
    label = seg.SegmentSequence[2].SegmentLabel
    assert isinstance(label, str)
    assert 1 <= len(label) <= 64
    assert not re.search(r"[\\\x00-\x1f]", label)
    assert seg.SegmentSequence[2].TrackingID == label
    assert state.GraphicAnnotationSequence[2].GraphicObjectSequence[0].TrackingID == label
    assert any(item.get("TextValue") == label for item in _items(pydicom.dcmread(_file(made["sr"]))))


GREYS: dict[str, dict[str, Any]] = {
    "window": {"window": (2048, 4096)},
    "VOI LUT of 12 bits": {"VOILUTSequence": [lut_item(0, np.arange(4096), 12)]},
    "VOI LUT of 16 bits": {"VOILUTSequence": [lut_item(0, np.arange(4096) * 16, 16)]},
    "VOI LUT of 8 bits": {"VOILUTSequence": [lut_item(0, np.arange(4096) // 16, 8)]},
    "VOI LUT of 8 bits, odd": {"VOILUTSequence": [lut_item(100, np.arange(255), 8)]},
    "VOI LUT of all values": {"VOILUTSequence": [lut_item(0, np.arange(65536), 16)], "bits_stored": 16},
    "VOI LUT from below zero": FROM_BELOW_ZERO,
    "signed VOI LUT of many values": {
        "VOILUTSequence": [_table_from(-20000, 40000)],
        "signed": True,
        "bits_stored": 16,
    },
    "VOI LUT far up": {
        "VOILUTSequence": [lut_item(40000, np.arange(4096), 12)],
        "RescaleSlope": "1",
        "RescaleIntercept": "40000",
    },
    "Modality LUT": {"ModalityLUTSequence": [lut_item(0, np.arange(4096) * 16, 16)], "window": (32768, 65536)},
    "Modality LUT of 12 bits": {
        "ModalityLUTSequence": [lut_item(0, np.arange(4096)[::-1], 12)],
        "window": (2000, 3000),
    },
    "Modality LUT and rescale": {
        "ModalityLUTSequence": [lut_item(0, np.arange(4096) // 2, 16)],
        "RescaleSlope": "1",
        "RescaleIntercept": "0",
        "window": (1000, 2048),
    },
    "slope alone": {"RescaleSlope": "2", "window": (4096, 8192)},
    "intercept alone": {"RescaleIntercept": "-1024", "window": (1024, 4096)},
    "useless slope": {"RescaleSlope": "0", "RescaleIntercept": "0", "window": (2048, 4096)},
    "inverse": {"photometric": "MONOCHROME1", "window": (2048, 4096)},
    "signed": {"signed": True, "window": (0, 4096)},
    "tall pixels": {"PixelAspectRatio": ["2", "1"], "window": (2048, 4096)},
    "no window": {},
}


def _grey_case(grey: str) -> tuple[Dataset, Export]:
    film = dicom_film(_values(GREYS[grey]), **GREYS[grey])
    return film, job(marked(read_film(film)))


@pytest.mark.parametrize("grey", sorted(GREYS))
def test_a_presentation_state_shows_the_greys_that_we_show(grey: str) -> None:
    _, export = _grey_case(grey)
    state = pydicom.dcmread(_file(presentation_state(export)))
    stored = export.case.radiograph.stored
    # pydicom's own rendering, which takes a table's sign and bits from the data set alone
    values = apply_modality_lut(stored.astype(np.int32), state)
    item = state.SoftcopyVOILUTSequence[0]
    if "VOILUTSequence" in item:
        shown = apply_voi(np.rint(values).astype(np.int32), item) / (2.0 ** item.VOILUTSequence[0].LUTDescriptor[2] - 1)
    else:
        item.PhotometricInterpretation, item.BitsStored, item.PixelRepresentation = "MONOCHROME2", 8, 0
        window = Window(
            float(item.WindowCenter), float(item.WindowWidth), WindowFunction(item.get("VOILUTFunction", "LINEAR"))
        )
        shown = window.apply(values.astype(np.float32))
    if state.PresentationLUTShape == "INVERSE":
        shown = 1 - shown
    assert np.abs(shown * 255 - shown_film(export.case)).max() <= 0.51


@pytest.mark.skipif(shutil.which("dcmp2pgm") is None, reason="dcmtk is not installed")
@pytest.mark.parametrize("grey", sorted(GREYS))
def test_dcmtk_shows_the_film_as_we_do(grey: str, tmp_path: Path) -> None:
    film, export = _grey_case(grey)
    (tmp_path / "film.dcm").write_bytes(dicom_bytes(film))
    (tmp_path / "state.dcm").write_bytes(encoded(presentation_state(export)))
    command = ["dcmp2pgm", "-p", "state.dcm", "film.dcm", "shown.pgm"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    shown = cv2.imread(str(tmp_path / "shown.pgm"), cv2.IMREAD_GRAYSCALE)
    assert shown is not None
    assert np.abs(shown.astype(int) - shown_film(export.case)).max() <= 1


@pytest.mark.parametrize(
    ("elements", "aspect"),
    [
        ({"ImagerPixelSpacing": ["0.1", "0.2"]}, [1, 2]),
        ({"PixelSpacing": ["0.2", "0.15"]}, [4, 3]),
        ({"PixelAspectRatio": ["2", "1"]}, [2, 1]),
        ({"PixelSpacing": ["0", "0"]}, [1, 1]),
        ({}, [1, 1]),
    ],
)
def test_a_presentation_state_keeps_the_shape_of_pixels(elements: dict[str, Any], aspect: list[int]) -> None:
    area = presentation_state(job(dicom_case(**elements))).DisplayedAreaSelectionSequence[0]
    assert list(area.PresentationPixelAspectRatio) == aspect


def test_manual_masks_claim_no_algorithm() -> None:
    case = dicom_case()
    drawn = tuple(finding for finding in case.findings if finding.making is Making.DRAWN)
    seg = segmentation(job(type(case)(case.radiograph, drawn)))
    assert "SegmentationAlgorithmIdentificationSequence" not in seg.SegmentSequence[0]


def test_a_picture_has_no_dicom_results() -> None:
    with pytest.raises(OutputError, match="PNG"):
        segmentation(job(marked(film_of(np.zeros((50, 60), dtype=np.uint8), None))))


def test_a_film_that_cannot_be_referred_to_is_refused() -> None:
    with pytest.raises(OutputError, match="StudyInstanceUID"):
        segmentation(job(dicom_case(StudyInstanceUID=None)))


def test_codes_fit_their_elements() -> None:
    from engine.results import codes, sr

    tables = (codes.CONCEPTS, codes.UNITS, sr._METHODS, sr._CAVEATS)
    for code in (code for table in tables for code in table.values()):
        assert len(code.value) <= 16  # SH: a longer one needs Long Code Value, which few systems read
        assert len(code.meaning) <= 64  # LO


def test_a_picture_of_a_film_that_was_lossy_says_so() -> None:
    lossy: dict[str, Any] = {
        "LossyImageCompression": "01",
        "LossyImageCompressionRatio": 9.5,
        "LossyImageCompressionMethod": "ISO_10918_1",
    }
    with only_our_warnings():
        drawn = capture(job(dicom_case(**lossy)))
        whole = capture(job(dicom_case()))
    assert {keyword: drawn.get(keyword) for keyword in lossy} == lossy  # PS3.3 C.7.6.1.1.5
    assert "LossyImageCompression" not in whole or whole.LossyImageCompression == "00"
