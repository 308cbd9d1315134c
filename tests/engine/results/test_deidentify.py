"""A sentinel in every text, private and nested element is found nowhere in what leaves."""

import base64
import io
import re
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pydicom
import pytest
from pydicom._dicom_dict import DicomDictionary
from pydicom.config import IGNORE
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset

from benchmarks.validity import least_film, missing_tools, new_faults
from engine.case import Case
from engine.errors import OutputError
from engine.film.header import data_set
from engine.film.radiograph import NoteCode
from engine.film.reading import read_radiograph
from engine.measure import Measurements, measure
from engine.results.bundle import KINDS, OPTIONAL_KINDS, export
from engine.results.deidentify import Deidentification, deidentified
from engine.results.reopen import reopen
from tests.engine.results.exports import MADE_AT, marked
from tests.phantom import CR, DX, SECONDARY_CAPTURE, add_overlay, dicom_bytes, dicom_film, read_film, thorax

TEXT_VRS = ("AE", "AS", "CS", "DA", "DT", "LO", "LT", "PN", "SH", "ST", "TM", "UC", "UR", "UT")
SENTINEL = "SNTNL7Q"
UID_SENTINEL = "1.2.3.777.888.999"
KEPT_FOR_READING = {
    "SpecificCharacterSet", "PhotometricInterpretation", "PresentationLUTShape", "PixelSpacingCalibrationType",
    "PatientOrientation", "Modality", "ViewPosition",
}  # fmt: skip


def planted() -> Dataset:
    """Return a film with the sentinel in every text element of the dictionary, in private tags and sequences."""
    film = dicom_film(thorax(120, 101), photometric="MONOCHROME1", window=(2000.0, 900.0))
    film.ImagerPixelSpacing = ["0.2", "0.2"]
    for tag, (vr, _, _, retired, keyword) in DicomDictionary.items():
        if tag >> 16 in (0x0000, 0x0002, 0x0004, 0x7FE0) or not keyword or retired or keyword in KEPT_FOR_READING:
            continue
        if vr in TEXT_VRS:
            film.add(DataElement(tag, vr, SENTINEL, validation_mode=IGNORE))
        elif vr == "UI" and keyword not in ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID"):
            film.add_new(tag, "UI", UID_SENTINEL)
    film.SOPInstanceUID, film.StudyInstanceUID, film.SeriesInstanceUID = (f"{UID_SENTINEL}.{n}" for n in (1, 2, 3))
    block = film.private_block(0x0029, f"{SENTINEL} creator", create=True)
    block.add_new(0x01, "LO", SENTINEL)
    block.add_new(0x02, "OB", SENTINEL.encode())
    nested = Dataset()
    nested.PatientName = f"{SENTINEL}^NESTED"
    nested.CodeMeaning = SENTINEL
    inner = Dataset()
    inner.TextValue = SENTINEL
    nested.ContentSequence = [inner]
    film.ViewCodeSequence = [nested]
    film.RequestAttributesSequence = [nested]
    film.AnatomicRegionSequence = [nested]
    add_overlay(film, np.ones((120, 101), dtype=np.bool_), label=SENTINEL)
    return film


def anonymous_export(folder: Path, options: Deidentification, kinds: tuple[str, ...] = KINDS) -> tuple[Case, Path]:
    case = marked(read_film(dicom_bytes(planted())))
    case = case.with_finding(replace(case.findings[2], name=f"{SENTINEL} node"))
    made = export(case, measure(case), folder, kinds, made_at=MADE_AT, reader=f"{SENTINEL} reader", deidentify=options)
    return case, made.folder


def readable(path: Path) -> bytes:
    """Return a file's bytes and, where it holds compressed streams, what they hold."""
    data = path.read_bytes()
    found = data
    if path.suffix == ".gz":
        found += zlib.decompress(data, 31)
    if path.suffix == ".pdf":
        for stream in re.findall(rb"stream\r?\n(.*?)~>\s*endstream", data, re.DOTALL):
            raw = base64.a85decode(stream)
            try:
                found += zlib.decompress(raw)
            except zlib.error:
                found += raw  # a picture, JPEG inside
    return found


def chunks(png: bytes) -> set[bytes]:
    found, at = set(), 8
    while at < len(png):
        found.add(png[at + 4 : at + 8])
        at += 12 + int.from_bytes(png[at : at + 4], "big")
    return found


def test_no_sentinel_leaves(tmp_path: Path) -> None:
    options = Deidentification(burned_in_text_absent=True)
    case, _ = anonymous_export(tmp_path, options, (*KINDS, *OPTIONAL_KINDS))
    assert case.radiograph.source.header.count(SENTINEL.encode()) > 300  # it was planted where it should be
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) == 14
    for path in files:
        held = readable(path)
        assert SENTINEL.encode() not in held, path.name
        assert SENTINEL.encode("utf-16-le") not in held, path.name
        assert UID_SENTINEL.encode() not in held, path.name
        assert SENTINEL not in path.name
        if path.suffix == ".pdf":
            assert b"de-identified" in held  # the page's own words were read
        if path.suffix == ".png":
            assert chunks(path.read_bytes()) <= {b"IHDR", b"IDAT", b"IEND"}  # a picture, and no text of any kind


def test_new_uids_agree_across_the_bundle(tmp_path: Path) -> None:
    options = Deidentification(burned_in_text_absent=True)
    case, folder = anonymous_export(tmp_path, options)
    objects = {path.name: pydicom.dcmread(path) for path in folder.glob("*.dcm")}
    source = case.radiograph.source
    film = objects["film.dcm"]
    assert film.SOPInstanceUID == options.uid(source.sop_instance_uid)
    assert {dataset.StudyInstanceUID for dataset in objects.values()} == {options.uid(source.study_instance_uid)}
    assert {str(dataset.PatientID) for dataset in objects.values()} == {str(film.PatientID)}
    seg = objects["segmentation.dcm"]
    assert seg.ReferencedSeriesSequence[0].SeriesInstanceUID == film.SeriesInstanceUID
    assert {item.TrackingUID for item in seg.SegmentSequence} == {options.uid(f"2.25.10{n}") for n in (1, 2, 3)}
    for dataset in objects.values():
        assert dataset.PatientIdentityRemoved == "YES"
        assert dataset.DeidentificationMethodCodeSequence[0].CodeValue == "113100"


def test_the_film_keeps_its_pixels_polarity_and_scale(tmp_path: Path) -> None:
    case, folder = anonymous_export(tmp_path, Deidentification(burned_in_text_absent=True))
    film = read_radiograph(folder / "film.dcm")
    assert np.array_equal(film.stored, case.radiograph.stored)
    assert film.inverse is case.radiograph.inverse is True
    assert film.spacing is not None
    assert case.radiograph.spacing is not None
    assert film.spacing.column_mm == case.radiograph.spacing.column_mm
    assert film.orientation == case.radiograph.orientation
    assert len(reopen(folder, film).findings) == 3


def anonymous(case: Case, options: Deidentification | None = None) -> tuple[Case, Measurements]:
    """Return the case as it leaves, and its numbers taken anew on the film that leaves."""
    new, _, _ = deidentified(case, measure(case), options or Deidentification(burned_in_text_absent=True), ())
    return new, measure(new)


def view_code(value: str) -> list[Dataset]:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, "SCT", SENTINEL
    return [item]


def supine() -> list[Dataset]:
    (lying,) = view_code("102538003")
    lying.PatientOrientationModifierCodeSequence = view_code("40199007")
    return [lying]


@pytest.mark.parametrize(
    "elements",
    [
        {"ViewPosition": "LATERAL"},
        {"ViewPosition": "LAT"},
        {"ViewPosition": "lat"},
        {"ViewPosition": "LL"},
        {"ViewPosition": "RLO"},
        {"ViewPosition": "SWIMMERS"},
        {"ViewPosition": "PA", "ViewCodeSequence": view_code("399348003")},  # it contradicts itself
        {"ViewPosition": None, "ViewCodeSequence": view_code("399348003")},
        {"ViewPosition": None, "ViewCodeSequence": view_code("399067008")},
        {"ViewPosition": None, "ViewCodeSequence": view_code("272479007")},
        {"ViewPosition": None, "ViewCodeSequence": view_code("12345")},
        {"BodyPartExamined": "KNEE"},
        {"BodyPartExamined": "hip"},
        {"BodyPartExamined": SENTINEL},
        {"BodyPartExamined": "Chest"},
        {"BodyPartExamined": "", "Modality": "US"},
        {"SeriesDescription": "CANINE THORAX"},
        {"PatientOrientation": ["r", "f"]},
        {"PatientOrientation": ["A", "F"]},
        {"LossyImageCompression": "01"},
        {"PresentationIntentType": "FOR PROCESSING"},
        {"PatientOrientationCodeSequence": supine()},
    ],
)
def test_what_makes_a_number_untrustworthy_leaves_with_it(elements: dict[str, Any]) -> None:
    case = marked(read_film(dicom_film(thorax(120, 101), ImagerPixelSpacing=["0.2", "0.2"], **elements)))
    new, numbers = anonymous(case)
    old, film = case.radiograph, new.radiograph
    assert (film.view_position, film.orientation) == (old.view_position, old.orientation)
    assert {note.code for note in film.notes} == {note.code for note in old.notes}
    uids = {
        finding.tracking_uid: other.tracking_uid for finding, other in zip(case.findings, new.findings, strict=True)
    }
    for row in measure(case):
        same = numbers.of(uids.get(row.structure, row.structure), row.id)
        assert same is not None
        assert (same.value, same.reason, same.caveats) == (row.value, row.reason, row.caveats)
    assert SENTINEL.encode() not in film.source.header


def test_loss_is_said_where_only_the_codestream_told_of_it() -> None:
    grey = thorax(120, 101, bits=8).astype(np.uint8)
    film = dicom_film(grey, bits_stored=8)
    data = dicom_bytes(film, "1.2.840.10008.1.2.4.50", codestream=bytes(imagecodecs.jpeg8_encode(grey, level=90)))
    case = marked(read_film(data))
    assert case.radiograph.has_note(NoteCode.LOSSY)
    new, _ = anonymous(case)
    assert new.radiograph.has_note(NoteCode.LOSSY)
    assert data_set(new.radiograph.source.header).LossyImageCompression == "01"


def test_films_without_uids_get_their_own() -> None:
    options = Deidentification(burned_in_text_absent=True)
    absent: dict[str, Any] = {
        "SOPInstanceUID": None,
        "StudyInstanceUID": b"0..1",
        "SeriesInstanceUID": None,
        "PatientID": None,
    }
    films = [
        anonymous(marked(read_film(dicom_film(pixels, **absent))), options)[0].radiograph
        for pixels in (thorax(120, 101), thorax(121, 101), thorax(120, 101))
    ]
    sources = [film.source for film in films]
    uids = [(s.sop_instance_uid, s.study_instance_uid, s.series_instance_uid) for s in sources]
    assert len({*uids[0], *uids[1]}) == 6
    assert uids[0] == uids[2]  # the same film under the same key
    assert films[0].identity.patient_id != films[1].identity.patient_id


def test_a_film_of_no_stated_kind_leaves_as_a_secondary_capture() -> None:
    new, _ = anonymous(marked(read_film(dicom_film(thorax(120, 101), SOPClassUID=None))))
    assert data_set(new.radiograph.source.header).SOPClassUID == SECONDARY_CAPTURE


def test_burned_in_text_is_asked_about(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="burned"):
        anonymous_export(tmp_path, Deidentification())
    assert list(tmp_path.iterdir()) == []
    _, folder = anonymous_export(tmp_path, Deidentification(), ("seg", "sr", "csv", "nifti"))
    assert not (folder / "film.dcm").exists()


def test_a_film_that_says_it_is_burned_in_keeps_its_pixels(tmp_path: Path) -> None:
    case = marked(read_film(dicom_bytes(dicom_film(thorax(120, 101), BurnedInAnnotation="YES"))))
    for kinds in (("png",), ("seg",)):  # with seg goes the film itself, once somebody has vouched for its pixels
        with pytest.raises(OutputError, match="burned in"):
            export(case, measure(case), tmp_path, kinds, deidentify=Deidentification(burned_in_text_absent=True))
    assert list(tmp_path.iterdir()) == []


def test_sex_and_age_stay_only_when_asked_for(tmp_path: Path) -> None:
    case = marked(read_film(dicom_bytes(dicom_film(thorax(120, 101), PatientSex="F", PatientAge="061Y"))))
    films = []
    for retain in (False, True):
        options = Deidentification(burned_in_text_absent=True, retain_characteristics=retain)
        made = export(case, measure(case), tmp_path, ("seg",), deidentify=options)
        films.append(pydicom.dcmread(io.BytesIO((made.folder / "film.dcm").read_bytes())))
    assert (films[0].PatientSex, films[0].get("PatientAge")) in ((None, None), ("", None))
    assert (films[1].PatientSex, films[1].PatientAge) == ("F", "061Y")
    codes = [item.CodeValue for item in films[1].DeidentificationMethodCodeSequence]
    assert codes == ["113100", "113108"]


def test_one_key_agrees_with_itself_and_another_does_not() -> None:
    first, second = Deidentification(), Deidentification()
    assert first.uid("1.2.3") == first.uid("1.2.3")
    assert first.uid("1.2.3") != second.uid("1.2.3")
    assert "key" not in repr(first)


def test_numbers_of_every_kind_are_written_anew(tmp_path: Path) -> None:
    film = dicom_film(
        thorax(120, 101),
        PixelIntensityRelationship="LOG",
        PixelIntensityRelationshipSign=-1,
        KVP="117.5",
        WindowCenter=["2000", "1000.5"],
        WindowWidth=["100", "50"],
        ImageLaterality="U",
        DetectorType="SCINTILLATOR",
    )
    case = marked(read_film(dicom_bytes(film)))
    options = Deidentification(burned_in_text_absent=True)
    made = export(case, measure(case), tmp_path, ("csv",), deidentify=options)
    new = pydicom.dcmread(made.folder / "film.dcm")
    assert (new.PixelIntensityRelationship, new.PixelIntensityRelationshipSign) == ("LOG", -1)
    assert float(new.KVP) == 117.5
    assert [float(value) for value in new.WindowCenter] == [2000, 1000.5]
    assert new.DetectorType == "SCINTILLATOR"
    assert "Laterality" not in new


@pytest.mark.skipif(bool(missing_tools()), reason="dicom3tools and dcmtk are not installed")
@pytest.mark.parametrize("least", [False, True])
@pytest.mark.parametrize("sop_class", [CR, DX, SECONDARY_CAPTURE])
def test_the_film_has_no_error_that_it_did_not_have(sop_class: str, least: bool, tmp_path: Path) -> None:
    pixels = thorax(120, 101)
    film = least_film(sop_class, pixels) if least else dicom_film(pixels, sop_class=sop_class)
    source = tmp_path / "source.dcm"
    source.write_bytes(dicom_bytes(film))
    case = marked(read_radiograph(source))
    made = export(case, measure(case), tmp_path, KINDS, deidentify=Deidentification(burned_in_text_absent=True))
    assert new_faults(source, sorted(made.folder.glob("*.dcm"))) == []
