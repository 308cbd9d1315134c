"""SEG, SR, GSPS and SC: legal, of the right film, and telling the same story."""

from pathlib import Path
from typing import Any

import highdicom as hd
import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset

import resources
from benchmarks.validity import CHESTS, errors, least_film, missing_tools, new_faults, write
from engine.case import Making
from engine.errors import OutputError
from engine.film.reading import read_radiograph
from engine.results.context import Export
from engine.results.dicom import encoded, only_our_warnings
from engine.results.gsps import presentation_state
from engine.results.sc import capture
from engine.results.seg import segmentation
from engine.results.sr import REPLAY_PREFIX, report
from tests.engine.lung_cases import film_of
from tests.engine.results.exports import dicom_case, job, marked
from tests.phantom import CR, DX, SECONDARY_CAPTURE, dicom_bytes, dicom_film, thorax

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
    "window": {"window": (2000.0, 3000.0), "RescaleSlope": "2", "RescaleIntercept": "-10", "RescaleType": "US"},
}


@validated
@pytest.mark.parametrize("header", sorted(HEADERS))
def test_no_object_adds_an_error_to_its_films(header: str, tmp_path: Path) -> None:
    film = dicom_film(thorax(120, 101), **HEADERS[header])
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
