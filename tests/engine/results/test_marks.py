"""What stands beside the outlines in results: the verdict on the film, callipers, distances and calibration."""

import csv
import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import highdicom as hd
import jsonschema
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ImageDraw
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes

import resources
from benchmarks.validity import missing_tools, new_faults
from engine.case import Case, HeartCallipers, Line
from engine.errors import DamagedFilmError, LungboxError
from engine.likeness import ChestLikeness
from engine.measure import Caveat, measure
from engine.results.beside import film_wanted
from engine.results.bundle import KINDS, export
from engine.results.context import Export
from engine.results.dicom import encoded, only_our_warnings
from engine.results.document import document
from engine.results.gsps import presentation_state
from engine.results.marks import NO_MARKS, Marks, marks_of, marks_values
from engine.results.reopen import reopen
from engine.results.report import pdf
from engine.results.sc import picture
from engine.results.seg import segmentation
from engine.results.sop import is_result
from engine.results.sr import report
from engine.results.table import table
from tests.engine.results.exports import MADE_AT, dicom_case, job, marked
from tests.phantom import dicom_bytes, dicom_film, read_film, thorax

HAND = ChestLikeness(lungs=1, quality=0.3125, undecided=1.4600000000000002)
CHEST = ChestLikeness(lungs=2, quality=0.9417, undecided=0.15)
VERDICTS = {"doubted": HAND, "chest": CHEST, "not asked": None}


def judged(verdict: ChestLikeness | None) -> Export:
    return job(replace(dicom_case(), likeness=verdict))


def sr_of(export: Export) -> Dataset:
    with only_our_warnings():
        return report(export, segmentation(export))


def schema() -> jsonschema.Draft202012Validator:
    path = resources.path("schema") / "results-1.json"
    return jsonschema.Draft202012Validator(json.loads(path.read_text(encoding="utf-8")))


def coded(item: Dataset) -> set[tuple[str, str]]:
    """Return every (concept, value) pair of codes below an item."""
    found = set()
    for child in item.get("ContentSequence") or ():
        if child.ValueType == "CODE":
            found.add((child.ConceptNameCodeSequence[0].CodeValue, child.ConceptCodeSequence[0].CodeValue))
        found |= coded(child)
    return found


@pytest.mark.parametrize("verdict", sorted(VERDICTS))
def test_the_verdict_on_the_film_is_in_document_table_and_report(verdict: str) -> None:
    likeness = VERDICTS[verdict]
    made = judged(likeness)
    values = json.loads(document(made, []))
    schema().validate(values)
    stated = values["chest_likeness"]
    assert (stated and stated["frontal_chest"]) == {"doubted": False, "chest": True, "not asked": None}[verdict]
    rows = list(csv.DictReader(io.StringIO(table(made).decode(), newline="")))
    cell = {"doubted": "no", "chest": "yes", "not asked": ""}[verdict]
    assert {row["looks_like_frontal_chest"] for row in rows} == {cell}
    assert all(("doubted" in row["caveats"].split()) is (verdict == "doubted") for row in rows)
    root = sr_of(made)
    answers = {value for concept, value in coded(root) if concept == "FRONTAL-CHEST"}
    assert answers == {"doubted": {"373067005"}, "chest": {"373066001"}, "not asked": set()}[verdict]
    assert (("CAVEAT", "DOUBTED") in coded(root)) is (verdict == "doubted")
    # Every number says it too, and not only the head of the file.
    assert all((Caveat.DOUBTED in row.caveats) is (verdict == "doubted") for row in made.measurements)


def test_the_warning_is_seen_in_capture_presentation_and_page(monkeypatch: pytest.MonkeyPatch) -> None:
    def warned(verdict: ChestLikeness) -> tuple[int, bool, bool]:
        made = judged(verdict)
        drawn = picture(made)
        orange = int((np.abs(drawn.astype(int) - (255, 176, 64)).max(axis=-1) <= 2).sum())
        with only_our_warnings():
            state = presentation_state(made)
        texts = [
            item.UnformattedTextValue
            for annotation in state.GraphicAnnotationSequence
            for item in annotation.get("TextObjectSequence") or ()
        ]
        words: list[str] = []
        from reportlab.pdfgen.canvas import Canvas

        with monkeypatch.context() as patch:
            patch.setattr(Canvas, "drawString", lambda canvas, x, y, text, *rest: words.append(text))
            pdf(made)
        return orange, Caveat.DOUBTED.text in texts, words.count(Caveat.DOUBTED.text) > 0

    area, in_state, on_page = warned(HAND)
    assert area > 20_000  # a badge that nobody misses
    assert in_state
    assert on_page
    assert warned(CHEST) == (0, False, False)


@pytest.mark.skipif(bool(missing_tools()), reason="dicom3tools and dcmtk are not installed")
def test_results_of_a_doubted_film_are_legal(tmp_path: Path) -> None:
    source = tmp_path / "film.dcm"
    source.write_bytes(dicom_bytes(dicom_film(thorax(120, 101))))
    from engine.film.reading import read_radiograph

    case = replace(marked(read_radiograph(source)), likeness=HAND)
    made = export(case, measure(case), tmp_path, KINDS, made_at=MADE_AT)
    paths = [made.folder / file.name for file in made.files if file.name.endswith(".dcm")]
    assert len(paths) == 4
    assert new_faults(source, paths) == []


@pytest.mark.parametrize("name", ["", "results.json", "report.dcm"])
def test_verdict_and_marks_come_back_in_full_precision(name: str, tmp_path: Path) -> None:
    case = dicom_case(ImagerPixelSpacing=["0.2", "0.15"])
    third = 1 / 3
    case = replace(
        case,
        callipers=HeartCallipers(Line(50 + third, 10, 50, 90 - third), (40.1, 60.2), (65.3, 70 * third * 3)),
        distances=(Line(third, 4.0, 50.7, 60.1), Line(3.3, 2 * third, 80, 90)),
        known_length_mm=(Line(10 * third, 20, 90.1, 21.7), 150 * third),
        magnification_applied=True,
        likeness=HAND,
    )
    made = export(case, measure(case), tmp_path, ("sr", "json"), made_at=MADE_AT)
    fresh = Case(read_film(dicom_film(thorax(120, 101), ImagerPixelSpacing=["0.2", "0.15"])))
    found = reopen(made.folder / name if name else made.folder, fresh.radiograph)
    back = found.marks.on(replace(fresh, findings=found.findings))
    assert (back.callipers, back.distances, back.known_length_mm) == (
        case.callipers,
        case.distances,
        case.known_length_mm,
    )
    assert back.magnification_applied
    assert back.likeness == HAND
    if name != "report.dcm":  # a report's own outlines are found beside it, as imported ones
        assert [row.value for row in measure(back)] == [row.value for row in measure(case)]


number = st.floats(-1e6, 1e6, allow_nan=False)
line = st.builds(Line, number, number, number, number)


@given(
    st.none() | st.builds(HeartCallipers, line, st.tuples(number, number), st.tuples(number, number)),
    st.lists(line, max_size=3),
    st.none() | st.tuples(line, st.floats(1e-3, 1e4)),
    st.booleans(),
    st.none() | st.builds(ChestLikeness, st.integers(0, 2), st.floats(0, 1), st.floats(0, 1e6)),
)
@settings(max_examples=60, deadline=None)
def test_any_marks_come_back_as_they_were(
    callipers: HeartCallipers | None,
    distances: list[Line],
    known: tuple[Line, float] | None,
    magnified: bool,
    likeness: ChestLikeness | None,
) -> None:
    marks = Marks(callipers, tuple(distances), known, magnified, likeness)
    case = Case(
        CASE.radiograph,
        callipers=callipers,
        distances=tuple(distances),
        known_length_mm=known,
        magnification_applied=magnified,
        likeness=likeness,
    )
    assert marks_of(json.loads(json.dumps(marks_values(case)))) == marks


CASE = dicom_case()


def test_marks_are_added_to_what_is_there_and_take_nothing_away() -> None:
    own = replace(CASE, distances=(Line(1, 1, 2, 2),), likeness=CHEST)
    both = Marks(distances=(Line(1, 1, 2, 2), Line(3, 3, 4, 4)), likeness=HAND).on(own)
    assert both.distances == (Line(1, 1, 2, 2), Line(3, 3, 4, 4))
    assert both.callipers == CASE.callipers
    assert both.likeness == CHEST  # what this program's model said of this film goes before
    assert NO_MARKS.on(own).marked_as(own)
    assert not both.marked_as(own)


@pytest.mark.parametrize(
    "broken",
    [
        {"distances": [[1, 2, 3]]},
        {"distances": [[1, 2, 3, float("nan")]]},
        {"known_length": {"line": [1, 2, 1.5, 2], "mm": 10}},  # too short to calibrate by
        {"known_length": {"line": [1, 2, 90, 2], "mm": -10}},
        {"callipers": {"midline": [1, 2, 3, 4], "right": [1], "left": [1, 2]}},
        {"chest_likeness": {"frontal_chest": True, "lungs": 2, "quality": float("inf"), "undecided": 0}},
    ],
    ids=str,
)
def test_marks_that_cannot_be_are_refused(broken: dict[str, object], tmp_path: Path) -> None:
    made = export(CASE, measure(CASE), tmp_path, ("png",), made_at=MADE_AT)
    values = json.loads((made.folder / "results.json").read_text())
    (made.folder / "results.json").write_text(json.dumps({**values, **broken}))
    with pytest.raises(DamagedFilmError):
        reopen(made.folder, CASE.radiograph)


def test_results_from_before_the_verdict_was_kept_still_open(tmp_path: Path) -> None:
    made = export(CASE, measure(CASE), tmp_path, ("png",), made_at=MADE_AT)
    values = json.loads((made.folder / "results.json").read_text())
    del values["chest_likeness"]
    schema().validate(values)
    (made.folder / "results.json").write_text(json.dumps(values))
    found = reopen(made.folder, CASE.radiograph)
    assert found.marks.likeness is None
    assert found.marks.distances == CASE.distances


def test_a_length_in_a_foreign_report_comes_back_as_a_distance(tmp_path: Path) -> None:
    source = job(CASE).source()
    image = hd.sr.SourceImageForRegion(source.SOPClassUID, source.SOPInstanceUID)

    def measured(name: hd.sr.CodedConcept, points: list[list[float]]) -> hd.sr.Measurement:
        coordinates = hd.sr.CoordinatesForMeasurement("POLYLINE", np.array(points), source_image=image)
        return hd.sr.Measurement(name, 12.5, codes.UCUM.Millimeter, referenced_coordinates=[coordinates])

    with only_our_warnings():
        group = hd.sr.MeasurementsAndQualitativeEvaluations(
            tracking_identifier=hd.sr.TrackingIdentifier(uid="1.2.3.77", identifier="length"),
            measurements=[
                measured(codes.SCT.Length, [[10.5, 20.25], [40.0, 60.5]]),
                measured(codes.SCT.Length, [[1.0, 2.0], [3.0, 4.0], [5.0, 5.0]]),  # no straight line
                measured(codes.SCT.Perimeter, [[7.0, 7.0], [9.0, 9.0]]),
            ],
        )
        device = hd.sr.ObserverContext(
            codes.DCM.Device, hd.sr.DeviceObserverIdentifyingAttributes(uid="1.2.3.78", name="other")
        )
        content = hd.sr.MeasurementReport(
            hd.sr.ObservationContext(observer_device_context=device), codes.LN.CTUnspecifiedBodyRegion, [group]
        )
        path = tmp_path / "sr.dcm"
        path.write_bytes(encoded(hd.sr.ComprehensiveSR([source], content[0], "1.2.3.79", 3, "1.2.3.80", 1, "Another")))
    assert dcmread(path).Modality == "SR"
    found = reopen(path, CASE.radiograph)
    assert found.findings == ()
    assert found.marks == Marks(distances=(Line(10.5, 20.25, 40.0, 60.5),))


def test_a_presentation_state_brings_distances_and_outlines_back(tmp_path: Path) -> None:
    case = replace(CASE, distances=(Line(1 / 3, 4.0, 50.7, 60.1),))
    made = export(case, measure(case), tmp_path, ("gsps",), made_at=MADE_AT)
    found = reopen(made.folder / "presentation.dcm", case.radiograph)
    (back,) = found.marks.distances
    for name in ("x0", "y0", "x1", "y1"):  # single precision (FL)
        assert getattr(back, name) == pytest.approx(getattr(case.distances[0], name), rel=1e-6)
    assert [finding.tracking_uid for finding in found.findings] == [finding.tracking_uid for finding in case.findings]
    assert [finding.structure for finding in found.findings] == [finding.structure for finding in case.findings]
    alike = [a.mask.dice(b.mask) for a, b in zip(found.findings, case.findings, strict=True)]
    assert min(alike[:2]) > 0.97, alike
    assert alike[2] > 0.8, alike  # a dozen pixels across: its smooth outline has no corners
    assert found.remarks == ()
    assert film_wanted(made.folder / "presentation.dcm").is_of(case.radiograph)
    assert is_result(made.folder / "presentation.dcm")


def test_a_presentation_state_of_another_film_or_in_other_units_is_refused(tmp_path: Path) -> None:
    with only_our_warnings():
        state = presentation_state(job(CASE))
    other = dicom_case(SOPInstanceUID="1.2.3")
    path = tmp_path / "state.dcm"
    path.write_bytes(encoded(state))
    with pytest.raises(LungboxError, match="another film"):
        reopen(path, other.radiograph)
    for annotation in state.GraphicAnnotationSequence:
        for graphic in annotation.get("GraphicObjectSequence") or ():
            graphic.GraphicAnnotationUnits = "DISPLAY"  # of a screen that nobody knows
    path.write_bytes(encoded(state))
    with pytest.raises(LungboxError, match="draws no outline"):
        reopen(path, CASE.radiograph)


def test_no_caveat_is_cut_in_the_capture(monkeypatch: pytest.MonkeyPatch) -> None:
    case = replace(dicom_case(400, 300, PatientOrientation=None, ViewPosition="AP"), likeness=HAND)
    made = job(case)
    written: list[tuple[float, float, str]] = []
    real = ImageDraw.ImageDraw.text

    def noted(self: ImageDraw.ImageDraw, xy: tuple[float, float], text: str, *rest: Any, **options: Any) -> None:
        if "anchor" not in options:
            written.append((xy[0] + self.textlength(text, font=options["font"]), xy[1], text))
        real(self, xy, text, *rest, **options)

    monkeypatch.setattr(ImageDraw.ImageDraw, "text", noted)
    rows, columns, _ = picture(made).shape
    assert all(right <= columns and y < rows for right, y, _ in written)
    said = " ".join(text for *_, text in written)
    carried = {caveat for row in made.measurements for caveat in row.caveats} - {Caveat.DOUBTED}
    assert Caveat.ORIENTATION_ASSUMED in carried  # the longest of them
    assert all(caveat.text in said for caveat in carried)
