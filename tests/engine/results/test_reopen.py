"""SEGs and SRs that others wrote come back as structures, or are refused with the reason."""

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import highdicom as hd
import imagecodecs
import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.sr.codedict import codes
from pydicom.uid import UID

from engine.case import Case, Finding, Line, Making, Structure
from engine.errors import DamagedFilmError, LungboxError, NotAFilmError, UnsupportedFilmError
from engine.film.radiograph import Radiograph
from engine.mask import Mask
from engine.measure import measure
from engine.results.beside import film_wanted
from engine.results.bundle import export
from engine.results.context import structure_key
from engine.results.dicom import encoded, only_our_warnings
from engine.results.read_seg import structure_of_codes
from engine.results.reopen import Reopened, reopen
from engine.results.replay import read_record
from engine.results.seg import segmentation
from engine.results.sr import report
from tests.engine.results.exports import ANOTHER, MADE_AT, dicom_case, job

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
            **ANOTHER,
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


def areas(findings: tuple[Finding, ...], film: Radiograph) -> dict[str, float | None]:
    """Return the measured area of each finding, by what it is called."""
    numbers = measure(Case(film, findings))
    rows = {finding.label: numbers.of(structure_key(finding), "area") for finding in findings}
    return {label: None if row is None else row.value for label, row in rows.items()}


@pytest.mark.parametrize(
    "labels",
    [("Lung_R", "Lung_L"), ("r lung", "l lung"), ("Rechte Lunge", "Linke Lunge"), ("Lung 1", "Lung 2")],
)
@pytest.mark.parametrize("orientation", [["L", "F"], ["R", "F"], ["F", "L"]])
def test_two_lungs_without_a_coded_side_are_a_right_and_a_left_one(
    labels: tuple[str, str], orientation: list[str], tmp_path: Path
) -> None:
    case = dicom_case(PatientOrientation=orientation)
    one, other = case.findings[0].mask.pixels(), case.findings[1].mask.pixels()
    if orientation == ["R", "F"]:  # stored mirrored: what lies on the image's left is the left lung
        one, other = other, one
    if orientation == ["F", "L"]:  # stored lying: the right lung is above
        one, other = (np.ascontiguousarray(side.T) for side in (one, other))
        case = dicom_case(101, 120, PatientOrientation=orientation)
    masks = np.stack([one, other], axis=-1)[None].astype(np.uint8)
    found = reopen(saved(foreign_seg(case, masks, [LUNG, LUNG], list(labels)), tmp_path), case.radiograph).findings
    assert [(f.structure, f.name) for f in found] == [(Structure.RIGHT_LUNG, ""), (Structure.LEFT_LUNG, "")]
    assert areas(found, case.radiograph) == {"Right lung": one.sum(), "Left lung": other.sum()}


def test_two_readers_masks_of_both_lungs_get_no_side(tmp_path: Path) -> None:
    case = dicom_case()
    both = lungs(case).max(axis=-1)
    masks = np.stack([both, np.roll(both, 4, axis=2)], axis=-1)
    found = reopen(
        saved(foreign_seg(case, masks, [LUNG, LUNG], ["Lungs A", "Lungs B"]), tmp_path), case.radiograph
    ).findings
    assert [(f.structure, f.name) for f in found] == [(Structure.BOTH_LUNGS, ""), (Structure.OTHER, "Lungs B")]


def test_a_second_finding_of_a_lung_keeps_its_label_and_its_own_numbers(tmp_path: Path) -> None:
    case = dicom_case()
    masks = lungs(case)
    masks[..., 1] = masks[..., 0] & (np.arange(case.radiograph.rows) < 60)[:, None]
    labels = ["Right lung reader A", "Right lung reader B"]
    found = reopen(saved(foreign_seg(case, masks, [LUNG, LUNG], labels), tmp_path), case.radiograph).findings
    assert [(f.structure, f.name) for f in found] == [(Structure.RIGHT_LUNG, ""), (Structure.OTHER, labels[1])]
    assert areas(found, case.radiograph) == {"Right lung": masks[..., 0].sum(), labels[1]: masks[..., 1].sum()}


def test_a_mask_of_both_lungs_beside_each_of_them_is_a_structure_of_its_own(tmp_path: Path) -> None:
    case = dicom_case()
    whole = np.ones_like(lungs(case)[..., :1])
    masks = np.concatenate([whole, lungs(case)], axis=-1)
    seg = foreign_seg(case, masks, [LUNG, RIGHT_LUNG, LEFT_LUNG], ["Field of view", "a", "b"])
    found = reopen(saved(seg, tmp_path), case.radiograph).findings
    assert [f.structure for f in found] == [Structure.OTHER, Structure.RIGHT_LUNG, Structure.LEFT_LUNG]
    assert areas(found, case.radiograph)["Field of view"] == whole.sum()


def test_two_findings_under_one_tracking_uid_are_both_kept(tmp_path: Path) -> None:
    case = dicom_case()
    seg = foreign_seg(case, lungs(case), [RIGHT_LUNG, LEFT_LUNG], ["a", "b"])
    for item in seg.SegmentSequence:
        item.TrackingUID, item.TrackingID = "1.2.3.6", "lung"
    right, left = reopen(saved(seg, tmp_path), case.radiograph).findings
    assert right.tracking_uid == "1.2.3.6" != left.tracking_uid


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


def foreign_sr(
    case: Case,
    *,
    finding: tuple[str, str] = LUNG,
    site: tuple[str, str] = LUNG,
    laterality: tuple[str, str] | None = ("24028007", "Right"),
    kind: str = "POLYLINE",
    points: NDArray[np.float64] | None = None,
    seg: Dataset | None = None,
    segment: int = 1,
    by: str = "segment",
) -> Dataset:
    """Return a TID 1500 report with an outline, or of a segment, as another program would write it."""
    source = job(case).source()
    outline = case.findings[0].mask.outlines()[0]
    points = np.concatenate([outline, outline[:1]]) if points is None else points
    region: dict[str, Any] = {
        "referenced_region": hd.sr.ImageRegion(
            kind, points, hd.sr.SourceImageForRegion(source.SOPClassUID, source.SOPInstanceUID)
        )
    }
    if seg is not None:
        frame = hd.sr.ReferencedSegmentationFrame(
            seg.SOPClassUID,
            seg.SOPInstanceUID,
            segment,
            segment,
            hd.sr.SourceImageForSegmentation(source.SOPClassUID, source.SOPInstanceUID),
        )
        reference = frame[0].ReferencedSOPSequence[0]
        delattr(reference, "ReferencedFrameNumber" if by == "segment" else "ReferencedSegmentNumber")
        region = {"referenced_segment": frame}
    group = hd.sr.PlanarROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=hd.sr.TrackingIdentifier(uid="1.2.3.77", identifier="region"),
        finding_type=concept(finding),
        finding_sites=[hd.sr.FindingSite(concept(site), laterality=concept(laterality) if laterality else None)],
        **region,
    )
    device = hd.sr.ObserverContext(
        codes.DCM.Device, hd.sr.DeviceObserverIdentifyingAttributes(uid="1.2.3.78", name="other")
    )
    content = hd.sr.MeasurementReport(
        hd.sr.ObservationContext(observer_device_context=device), codes.LN.CTUnspecifiedBodyRegion, [group]
    )
    evidence = [source] if seg is None else [source, seg]
    sr: Dataset = hd.sr.ComprehensiveSR(evidence, content[0], "1.2.3.79", 3, "1.2.3.80", 1, "Another")
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


def test_our_report_alone_is_refused_on_another_film(tmp_path: Path) -> None:
    case = dicom_case()
    case = replace(case, known_length_mm=(Line(0, 0, 60, 0), 30.0))
    with only_our_warnings():
        path = saved(report(job(case), segmentation(job(case))), tmp_path, "sr.dcm")
    assert reopen(path, case.radiograph).marks.known_length_mm is not None
    for other in (dicom_case(SOPInstanceUID="1.2.3.99"), dicom_case(SOPInstanceUID=None)):
        with pytest.raises(UnsupportedFilmError, match="nothing on this film"):
            reopen(path, other.radiograph)


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


def label_map_of(case: Case, **options: Any) -> Dataset:
    """Return a label map as another program would write it: no background segment, no tracking."""
    labels = np.zeros((1, case.radiograph.rows, case.radiograph.columns), dtype=np.uint8)
    for number, finding in enumerate(case.findings[:2], start=1):
        labels[0][finding.mask.pixels()] = number
    return foreign_seg(case, labels, [RIGHT_LUNG, LEFT_LUNG], ["a", "b"], segmentation_type="LABELMAP", **options)


def assert_both_lungs(found: Reopened, case: Case) -> None:
    assert [finding.structure for finding in found.findings] == [Structure.RIGHT_LUNG, Structure.LEFT_LUNG]
    assert [finding.mask for finding in found.findings] == [finding.mask for finding in case.findings[:2]]


@pytest.mark.parametrize("options", [{}, {"transfer_syntax_uid": "1.2.840.10008.1.2.5"}])
def test_label_maps_of_others_come_back(options: dict[str, str], tmp_path: Path) -> None:
    case = dicom_case()
    assert_both_lungs(reopen(saved(label_map_of(case, **options), tmp_path), case.radiograph), case)


def compressed(dataset: Dataset, codestreams: list[bytes], syntax: str) -> Dataset:
    dataset.PixelData = encapsulate(codestreams)
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = True
    dataset.file_meta.TransferSyntaxUID = UID(syntax)
    return dataset


@pytest.mark.parametrize(
    ("syntax", "encode"),
    [
        ("1.2.840.10008.1.2.4.80", imagecodecs.jpegls_encode),
        (
            "1.2.840.10008.1.2.4.90",
            lambda pixels: imagecodecs.jpeg2k_encode(pixels, codecformat="j2k", reversible=True),
        ),
    ],
)
def test_compressed_label_maps_of_others_come_back(syntax: str, encode: Any, tmp_path: Path) -> None:
    case = dicom_case()
    seg = label_map_of(case)
    codestream = encode(np.ascontiguousarray(seg.pixel_array))
    path = saved(compressed(seg, [codestream], syntax), tmp_path)
    assert_both_lungs(reopen(path, case.radiograph), case)
    path.write_bytes(path.read_bytes().replace(codestream[-40:-20], bytes(20)))
    seg = label_map_of(case)
    with pytest.raises(LungboxError, match=r"seg\.dcm"):
        reopen(saved(compressed(seg, [codestream[: len(codestream) // 3]], syntax), tmp_path), case.radiograph)


def test_a_syntax_that_nobody_reads_is_refused(tmp_path: Path) -> None:
    case = dicom_case()
    with pytest.raises(LungboxError, match="transfer syntax"):
        reopen(saved(compressed(label_map_of(case), [b"movie"], "1.2.840.10008.1.2.4.100"), tmp_path), case.radiograph)


@pytest.mark.parametrize("kinds", [("labelmap",), ("png",), ("seg", "labelmap", "png")])
def test_a_bundle_opens_by_whatever_holds_its_masks(kinds: tuple[str, ...], tmp_path: Path) -> None:
    case = dicom_case()
    folder = export(case, measure(case), tmp_path, kinds).folder
    assert reopen(folder, case.radiograph).findings == case.findings
    for name in ("segmentation.dcm", "labelmap.dcm"):
        if len(kinds) > 1:
            (folder / name).write_bytes(b"damaged")  # the next one has the masks too
    assert reopen(folder, case.radiograph).findings == case.findings


def test_rows_that_are_no_number_are_refused(tmp_path: Path) -> None:
    case = dicom_case()
    seg = segmentation(job(case))
    seg.Rows = [120, 120]
    with pytest.raises(DamagedFilmError):
        reopen(saved(seg, tmp_path), case.radiograph)


def concept(code: tuple[str, str]) -> Any:
    return hd.sr.CodedConcept(code[0], "SCT", code[1])


@pytest.mark.parametrize(
    ("finding", "site", "laterality", "structure"),
    [
        (RIGHT_LUNG, RIGHT_LUNG, None, Structure.RIGHT_LUNG),
        (LUNG, LEFT_LUNG, None, Structure.LEFT_LUNG),
        (LEFT_LUNG, LUNG, None, Structure.LEFT_LUNG),
        (("91723000", "Anatomical structure"), LUNG, ("24028007", "Right"), Structure.RIGHT_LUNG),
        (("52988006", "Lesion"), LUNG, ("24028007", "Right"), Structure.OTHER),
        (("27925004", "Nodule"), RIGHT_LUNG, None, Structure.OTHER),
        (LUNG, LUNG, ("7771000", "Left"), Structure.LEFT_LUNG),
        (LUNG, LUNG, None, Structure.BOTH_LUNGS),
        (("80891009", "Heart"), ("80891009", "Heart"), None, Structure.OTHER),
    ],
)
def test_sides_in_foreign_reports(
    finding: tuple[str, str],
    site: tuple[str, str],
    laterality: tuple[str, str] | None,
    structure: Structure,
    tmp_path: Path,
) -> None:
    case = dicom_case()
    with only_our_warnings():
        path = saved(foreign_sr(case, finding=finding, site=site, laterality=laterality), tmp_path)
    (found,) = reopen(path, case.radiograph).findings
    assert found.structure is structure
    assert found.name == ("region" if structure is Structure.OTHER else "")


def test_a_site_speaks_where_no_finding_is_stated(tmp_path: Path) -> None:
    case = dicom_case()
    with only_our_warnings():
        path = saved(without(foreign_sr(case), "121071"), tmp_path)
    (found,) = reopen(path, case.radiograph).findings
    assert found.structure is Structure.RIGHT_LUNG


def without(report: Dataset, concept_name: str) -> Dataset:
    """Return a report less the items of one concept name."""
    for item in _all(report):
        kept = [
            child
            for child in item.get("ContentSequence") or ()
            if child.ConceptNameCodeSequence[0].CodeValue != concept_name
        ]
        if kept:
            item.ContentSequence = kept
    return report


def test_circles_and_ellipses_in_foreign_reports(tmp_path: Path) -> None:
    case = dicom_case()
    y, x = np.mgrid[: case.radiograph.rows, : case.radiograph.columns] + 0.5
    for kind, points, inside in (
        ("CIRCLE", [[50, 60], [50, 80]], (x - 50) ** 2 + (y - 60) ** 2 < 400),
        ("ELLIPSE", [[30, 60], [70, 60], [50, 50], [50, 70]], ((x - 50) / 20) ** 2 + ((y - 60) / 10) ** 2 < 1),
    ):
        with only_our_warnings():
            path = saved(foreign_sr(case, kind=kind, points=np.array(points, dtype=np.float64)), tmp_path)
        (found,) = reopen(path, case.radiograph).findings
        assert found.mask.dice(Mask.of(inside)) > 0.99


@pytest.mark.parametrize("by", ["segment", "frame"])
def test_a_foreign_report_may_name_a_segment_or_a_frame_and_say_its_side(by: str, tmp_path: Path) -> None:
    case = dicom_case()
    with only_our_warnings():
        seg = foreign_seg(case, lungs(case), [LUNG, LUNG], ["Segment 1", "Segment 2"])
        saved(seg, tmp_path)
        path = saved(foreign_sr(case, seg=seg, segment=2, by=by, laterality=("7771000", "Left")), tmp_path, "sr.dcm")
    (found,) = reopen(path, case.radiograph).findings
    assert (found.structure, found.mask) == (Structure.LEFT_LUNG, case.findings[1].mask)


@pytest.mark.parametrize("value", [[1, 2], 9])
def test_a_report_of_segments_that_are_not_there(value: Any, tmp_path: Path) -> None:
    case = dicom_case()
    with only_our_warnings():
        seg = foreign_seg(case, lungs(case), [RIGHT_LUNG, LEFT_LUNG], ["a", "b"])
        saved(seg, tmp_path)
        report = foreign_sr(case, seg=seg, segment=1, by="segment")
        item = next(item for item in _all(report) if "ReferencedSOPSequence" in item and item.ValueType == "IMAGE")
        item.ReferencedSOPSequence[0].ReferencedSegmentNumber = value
        found = reopen(saved(report, tmp_path, "sr.dcm"), case.radiograph)
    assert len(found.findings) == (2 if value == [1, 2] else 0)
    assert len(found.remarks) == (0 if value == [1, 2] else 1)


def test_a_damaged_report_is_refused_by_an_error_of_ours(tmp_path: Path) -> None:
    case = dicom_case()
    with only_our_warnings():
        report = foreign_sr(case)
        region = next(item for item in _all(report) if item.get("GraphicData"))
        region.GraphicData = list(region.GraphicData)[:-1]
        path = saved(report, tmp_path)
    with pytest.raises(DamagedFilmError, match="incomplete"):
        reopen(path, case.radiograph)


def test_results_are_known_under_any_name(tmp_path: Path) -> None:
    case = dicom_case()
    made = export(case, measure(case), tmp_path, ("png",), made_at=MADE_AT)
    renamed = made.folder / "IM0001"
    (made.folder / "results.json").rename(renamed)
    assert film_wanted(renamed).pixel_sha256 == case.radiograph.source.pixel_sha256
    assert {row["tracking_uid"] for row in read_record(renamed).structures} == {"2.25.101", "2.25.102", "2.25.103"}
    assert reopen(renamed, case.radiograph).findings


def test_a_label_that_a_backslash_parted_is_one_label(tmp_path: Path) -> None:
    case = dicom_case()
    with only_our_warnings():
        dataset = segmentation(job(case))
    dataset.SegmentSequence[2].SegmentLabel = ["Node", "old"]
    found = reopen(saved(dataset, tmp_path, "seg.dcm"), case.radiograph).findings
    assert [finding.name for finding in found if finding.structure is Structure.OTHER] == ["Node old"]
