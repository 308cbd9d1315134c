"""SEGs and SRs that others wrote come back as structures, or are refused with the reason."""

import io
from pathlib import Path
from typing import Any

import highdicom as hd
import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes

from engine.case import Case, Making, Structure
from engine.errors import DamagedFilmError, LungboxError, NotAFilmError, UnsupportedFilmError
from engine.results.dicom import encoded, only_our_warnings
from engine.results.reopen import reopen, structure_of_codes
from engine.results.seg import segmentation
from engine.results.sr import report
from tests.engine.results.exports import dicom_case, job

RIGHT_LUNG, LEFT_LUNG, LUNG = ("3341006", "Right lung"), ("44029006", "Left lung"), ("39607008", "Lung")


def foreign_seg(
    case: Case, pixels: NDArray[np.generic], types: list[tuple[str, str]], labels: list[str], **options: Any
) -> Dataset:
    """Return a SEG as another program would write it."""
    descriptions = [
        hd.seg.SegmentDescription(
            number,
            label,
            codes.SCT.Organ,
            hd.sr.CodedConcept(code, "SCT", meaning),
            "AUTOMATIC",
            hd.AlgorithmIdentificationSequence("other", codes.DCM.ArtificialIntelligence, "1"),
        )
        for number, ((code, meaning), label) in enumerate(zip(types, labels, strict=True), start=1)
    ]
    options = {"segmentation_type": "BINARY", "omit_empty_frames": False, **options}
    with only_our_warnings():
        seg: Dataset = hd.seg.Segmentation(
            [job(case).source()],
            pixels,
            segment_descriptions=descriptions,
            series_instance_uid="1.2.3.4",
            series_number=7,
            sop_instance_uid="1.2.3.5",
            instance_number=1,
            manufacturer="Another",
            manufacturer_model_name="Other",
            software_versions="1",
            device_serial_number="1",
            **options,
        )
    return seg


def lungs(case: Case) -> NDArray[np.uint8]:
    return np.stack([finding.mask.pixels() for finding in case.findings[:2]], axis=-1)[None].astype(np.uint8)


def saved(dataset: Dataset, folder: Path, name: str = "seg.dcm") -> Path:
    path = folder / name
    path.write_bytes(encoded(dataset))
    return path


def test_precoordinated_lungs_come_back(tmp_path: Path) -> None:
    case = dicom_case()
    path = saved(foreign_seg(case, lungs(case), [RIGHT_LUNG, LEFT_LUNG], ["a", "b"]), tmp_path)
    found = reopen(path, case.radiograph).findings
    assert [finding.structure for finding in found] == [Structure.RIGHT_LUNG, Structure.LEFT_LUNG]
    assert [finding.mask for finding in found] == [finding.mask for finding in case.findings[:2]]
    assert {finding.making for finding in found} == {Making.IMPORTED}


def test_a_side_may_stand_in_the_label(tmp_path: Path) -> None:
    case = dicom_case()
    path = saved(foreign_seg(case, lungs(case), [LUNG, LUNG], ["Lung_Left", "right-lung"]), tmp_path)
    assert [f.structure for f in reopen(path, case.radiograph).findings] == [Structure.LEFT_LUNG, Structure.RIGHT_LUNG]


def test_a_lung_without_a_side_is_both() -> None:
    assert structure_of_codes(("39607008", "SCT"), set(), "Lungs") is Structure.BOTH_LUNGS


def test_modifiers_of_every_scheme_are_read() -> None:
    assert structure_of_codes(("39607008", "SCT"), {("24028007", "SCT")}, "") is Structure.RIGHT_LUNG
    assert structure_of_codes(("T-28000", "SRT"), {("G-A101", "SRT")}, "") is Structure.LEFT_LUNG
    assert structure_of_codes(("39607008", "SCT"), {("51440002", "SCT")}, "") is Structure.BOTH_LUNGS
    assert structure_of_codes(("80891009", "SCT"), {("24028007", "SCT")}, "right heart") is Structure.OTHER


def test_other_structures_keep_their_name(tmp_path: Path) -> None:
    case = dicom_case()
    path = saved(foreign_seg(case, lungs(case)[..., :1], [("80891009", "Heart")], ["My heart"]), tmp_path)
    (found,) = reopen(path, case.radiograph).findings
    assert (found.structure, found.name) == (Structure.OTHER, "My heart")


def test_label_maps_come_back(tmp_path: Path) -> None:
    case = dicom_case()
    path = saved(segmentation(job(case), label_map=True), tmp_path)
    found = reopen(path, case.radiograph).findings
    assert [finding.mask for finding in found] == [finding.mask for finding in case.findings]
    assert [finding.tracking_uid for finding in found] == [finding.tracking_uid for finding in case.findings]


def test_fractional_segments_are_cut_at_one_half(tmp_path: Path) -> None:
    case = dicom_case()
    seg = foreign_seg(
        case,
        lungs(case) * 0.7,
        [RIGHT_LUNG, LEFT_LUNG],
        ["a", "b"],
        segmentation_type="FRACTIONAL",
        max_fractional_value=200,
    )
    found = reopen(saved(seg, tmp_path), case.radiograph).findings
    assert [finding.mask for finding in found] == [finding.mask for finding in case.findings[:2]]
    low = foreign_seg(case, lungs(case) * 0.3, [RIGHT_LUNG, LEFT_LUNG], ["a", "b"], segmentation_type="FRACTIONAL")
    assert all(finding.mask.is_empty for finding in reopen(saved(low, tmp_path), case.radiograph).findings)


def test_run_length_compressed_segments_come_back(tmp_path: Path) -> None:
    case = dicom_case()
    seg = foreign_seg(
        case,
        lungs(case).astype(np.float32),
        [RIGHT_LUNG, LEFT_LUNG],
        ["a", "b"],
        segmentation_type="FRACTIONAL",
        transfer_syntax_uid="1.2.840.10008.1.2.5",
    )
    found = reopen(saved(seg, tmp_path), case.radiograph).findings
    assert [finding.mask for finding in found] == [finding.mask for finding in case.findings[:2]]


def test_an_omitted_empty_frame_is_an_empty_mask(tmp_path: Path) -> None:
    case = dicom_case()
    pixels = lungs(case)
    pixels[..., 1] = 0
    seg = foreign_seg(case, pixels, [RIGHT_LUNG, LEFT_LUNG], ["a", "b"], omit_empty_frames=True)
    right, left = reopen(saved(seg, tmp_path), case.radiograph).findings
    assert right.mask == case.findings[0].mask
    assert left.mask.is_empty


def test_a_segmentation_of_another_film_is_refused(tmp_path: Path) -> None:
    case = dicom_case()
    other = dicom_case(SOPInstanceUID="1.2.3.99")
    path = saved(segmentation(job(case)), tmp_path)
    with pytest.raises(LungboxError, match="another film"):
        reopen(path, other.radiograph)


def test_a_segmentation_that_names_no_film_is_refused(tmp_path: Path) -> None:
    case = dicom_case()
    seg = segmentation(job(case))
    del seg.ReferencedSeriesSequence
    for group in (*seg.PerFrameFunctionalGroupsSequence, *seg.SharedFunctionalGroupsSequence):
        if "DerivationImageSequence" in group:
            del group.DerivationImageSequence
    if "SourceImageSequence" in seg:
        del seg.SourceImageSequence
    with pytest.raises(UnsupportedFilmError, match="which film"):
        reopen(saved(seg, tmp_path), case.radiograph)


def test_another_grid_is_refused(tmp_path: Path) -> None:
    case = dicom_case()
    seg = segmentation(job(case))
    seg.Columns = 50
    with pytest.raises(UnsupportedFilmError, match="grid"):
        reopen(saved(seg, tmp_path), case.radiograph)


@pytest.mark.parametrize("keyword", ["PixelData", "SegmentSequence", "PerFrameFunctionalGroupsSequence"])
def test_a_segmentation_with_a_part_missing_is_refused(keyword: str, tmp_path: Path) -> None:
    case = dicom_case()
    seg = segmentation(job(case))
    delattr(seg, keyword)
    with pytest.raises(LungboxError):
        reopen(saved(seg, tmp_path), case.radiograph)


def test_truncated_segmentations_never_give_half_a_mask(tmp_path: Path) -> None:
    case = dicom_case()
    data = encoded(segmentation(job(case)))
    path = tmp_path / "seg.dcm"
    for part in range(1, 32):
        path.write_bytes(data[: len(data) * part // 32])
        with pytest.raises(LungboxError):
            reopen(path, case.radiograph)


def test_our_report_finds_the_segmentation_beside_it(tmp_path: Path) -> None:
    case = dicom_case()
    with only_our_warnings():
        seg = segmentation(job(case))
        path = saved(report(job(case), seg), tmp_path, "sr.dcm")
    alone = reopen(path, case.radiograph)
    assert alone.findings == ()
    assert len(alone.remarks) == 3
    saved(seg, tmp_path, "other-name.dcm")
    found = reopen(path, case.radiograph).findings
    assert [finding.mask for finding in found] == [finding.mask for finding in case.findings]


def foreign_sr(case: Case, *, closed: bool = True) -> Dataset:
    """Return a TID 1500 report with a polygon, as another program would write it."""
    source = job(case).source()
    outline = case.findings[0].mask.outlines()[0]
    points = np.concatenate([outline, outline[:1]]) if closed else outline
    group = hd.sr.PlanarROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=hd.sr.TrackingIdentifier(uid="1.2.3.77", identifier="region"),
        referenced_region=hd.sr.ImageRegion(
            "POLYLINE", points, hd.sr.SourceImageForRegion(source.SOPClassUID, source.SOPInstanceUID)
        ),
        finding_type=hd.sr.CodedConcept("39607008", "SCT", "Lung"),
        finding_sites=[
            hd.sr.FindingSite(
                hd.sr.CodedConcept("39607008", "SCT", "Lung"), laterality=hd.sr.CodedConcept("24028007", "SCT", "Right")
            )
        ],
    )
    device = hd.sr.ObserverContext(
        codes.DCM.Device, hd.sr.DeviceObserverIdentifyingAttributes(uid="1.2.3.78", name="other")
    )
    content = hd.sr.MeasurementReport(
        hd.sr.ObservationContext(observer_device_context=device), codes.LN.CTUnspecifiedBodyRegion, [group]
    )
    sr: Dataset = hd.sr.ComprehensiveSR([source], content[0], "1.2.3.79", 3, "1.2.3.80", 1, "Another")
    return sr


def test_a_polygon_in_a_foreign_report_comes_back_to_the_pixel(tmp_path: Path) -> None:
    case = dicom_case()
    with only_our_warnings():
        path = saved(foreign_sr(case), tmp_path)
    (found,) = reopen(path, case.radiograph).findings
    assert (found.structure, found.tracking_uid) == (Structure.RIGHT_LUNG, "1.2.3.77")
    assert found.mask == case.findings[0].mask


def test_an_open_line_is_no_structure(tmp_path: Path) -> None:
    case = dicom_case()
    with only_our_warnings():
        dataset = dcmread(io.BytesIO(encoded(foreign_sr(case))))
    region = next(item for item in _all(dataset) if item.get("GraphicData"))
    region.GraphicData = list(region.GraphicData)[:-2]
    path = tmp_path / "sr.dcm"
    dataset.save_as(path)
    found = reopen(path, case.radiograph)
    assert found.findings == ()
    assert "no closed outline" in found.remarks[0]


def _all(item: Dataset) -> list[Dataset]:
    return [item, *(deeper for child in item.get("ContentSequence") or () for deeper in _all(child))]


def test_a_report_on_another_film_is_refused(tmp_path: Path) -> None:
    with only_our_warnings():
        path = saved(foreign_sr(dicom_case()), tmp_path)
    with pytest.raises(UnsupportedFilmError, match="nothing on this film"):
        reopen(path, dicom_case(SOPInstanceUID="1.2.3.99").radiograph)


def test_what_is_no_result_is_refused(tmp_path: Path) -> None:
    film = dicom_case().radiograph
    path = tmp_path / "results.json"
    for text, error in (
        ("{", DamagedFilmError),
        ("[]", NotAFilmError),
        ('{"format": "lungbox-results", "version": 99}', UnsupportedFilmError),
        ("[" * 100_000, DamagedFilmError),
    ):
        path.write_text(text)
        with pytest.raises(error):
            reopen(path, film)
    path = tmp_path / "junk.dcm"
    path.write_bytes(b"junk")
    with pytest.raises(DamagedFilmError):
        reopen(path, film)
