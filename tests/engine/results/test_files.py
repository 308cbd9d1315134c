"""CSV, JSON, NIfTI, PNG and PDF: what is read back is what was meant."""

import csv
import gzip
import io
import json
import struct
from dataclasses import replace
from typing import Any

import cv2
import jsonschema
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from reportlab.pdfgen.canvas import Canvas

import resources
from engine.case import Case, Making, Structure
from engine.film.radiograph import Identity, Orientation
from engine.geometry import Spacing, SpacingOrigin
from engine.likeness import ChestLikeness
from engine.mask import Mask
from engine.measure import Prior, measure, with_intervals
from engine.results.document import WrittenFile, document
from engine.results.nifti import affine_of, label_map
from engine.results.pictures import overlay_png
from engine.results.report import pdf
from engine.results.runs import edits_of, mask_of_runs, runs_of, with_edits
from engine.results.table import COLUMNS, original_text, safe_text, table
from engine.results.words import LANGUAGES
from tests.engine.lung_cases import Grid, callipers, film_of, lung_case
from tests.engine.results.exports import dicom_case, job

TRIGGERS = ("=", "+", "-", "@", "\t", "\r", "\n")
DELIMITERS = (",", ";", "\t")


def read_table(data: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(data.decode("utf-8"), newline="")))


def test_the_table_has_one_row_a_structure_and_numbers_in_full() -> None:
    export = job(dicom_case(ImagerPixelSpacing=["0.2", "0.15"]))
    rows = read_table(table(export))
    assert [row["structure"] for row in rows] == [
        "right_lung", "left_lung", "other", "both_lungs", "thorax", "heart", "distance",
    ]  # fmt: skip
    for row in rows[:2]:
        for key in ("area", "width", "perimeter", "share-upper"):
            measured = export.measurements.of(row["structure"], key)
            assert measured is not None
            assert measured.value is not None
            assert float(row[key.replace("-", "_")]) == measured.value
        assert (row["length_unit"], row["area_unit"], row["spacing_origin"]) == ("mm", "cm2", "detector")
    ratio = export.measurements.of("heart", "ctr")
    assert ratio is not None
    assert float(rows[5]["ctr"]) == ratio.value
    assert rows[1]["checkpoint_sha256"] == "ab" * 32


def test_columns_are_the_same_in_every_file() -> None:
    bare = dicom_case()
    headers = {table(job(case)).split(b"\r\n")[0] for case in (bare, Case(bare.radiograph, bare.findings[:1]))}
    assert headers == {",".join(COLUMNS).encode()}


@given(st.text(max_size=40) | st.text("=+-@\t\r\n;,' \"x", max_size=9))
@settings(max_examples=300, deadline=None)
@example("x;=cmd|'/C calc'!A0;y")
@example('x;"=cmd"')
@example("x\n=cmd")
@example("'=")
def test_no_name_can_run_as_a_formula(name: str) -> None:
    cell = safe_text(name)
    assert original_text(cell) == name
    out = io.StringIO(newline="")
    csv.writer(out).writerow(["uid", cell, "last"])
    for delimiter in DELIMITERS:  # a spreadsheet of another country takes another one
        for row in csv.reader(io.StringIO(out.getvalue(), newline=""), delimiter=delimiter):
            assert not [part for part in row if part.lstrip(" ").startswith(TRIGGERS)], delimiter


def test_a_hostile_name_is_text_in_the_table() -> None:
    case = dicom_case()
    hostile = '=HYPERLINK("http://x","y")'
    case = case.with_finding(replace(case.findings[2], name=hostile))
    row = read_table(table(job(case)))[2]
    assert row["name"] == f"'{hostile}"
    assert original_text(row["name"]) == hostile


def schema() -> Any:
    return json.loads((resources.path("schema") / "results-1.json").read_text(encoding="utf-8"))


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(schema())


@pytest.mark.parametrize("spacing", [True, False])
def test_the_document_follows_its_schema(spacing: bool) -> None:
    case = dicom_case(ImagerPixelSpacing=["0.2", "0.15"] if spacing else None)
    export = job(case)
    masks = {finding.tracking_uid: [finding.mask.grown(1)] for finding in case.findings}
    export = replace(export, measurements=with_intervals(case, export.measurements, masks))
    values = json.loads(document(export, [WrittenFile("segmentation.dcm", "seg", "0" * 64, 5, "1.2.3")]))
    jsonschema.Draft202012Validator(schema()).validate(values)
    assert (values["spacing"] is None) is not spacing
    assert [row["value"] for row in values["measurements"]] == [row.value for row in export.measurements]


def test_the_document_of_a_picture_follows_the_schema_too() -> None:
    case = lung_case(Grid(1.0, 1.0), origin=None, way=None)
    case = replace(case, callipers=callipers(case))
    jsonschema.Draft202012Validator(schema()).validate(json.loads(document(job(case), [])))


def test_the_document_names_no_patient() -> None:
    assert b"SENTINEL" not in document(job(dicom_case()), [])


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=25, deadline=None)
def test_edits_carry_a_mask_from_the_models_to_the_readers(seed: int) -> None:
    random = np.random.default_rng(seed)
    before, after = (Mask.of(random.random((23, 31)) < 0.4) for _ in range(2))
    assert mask_of_runs(23, 31, runs_of(before)) == before
    finding = replace(dicom_case().findings[0], mask=before).edited(after)
    assert finding.making is Making.EDITED
    assert with_edits(before, edits_of(finding)) == after
    twice = finding.edited(before)
    assert twice.model_mask == before
    assert edits_of(twice) == {"base": "model", "added": [], "removed": []}


def test_runs_outside_the_film_are_refused() -> None:
    with pytest.raises(ValueError, match="outside"):
        mask_of_runs(4, 4, [[10, 7]])


def read_nifti(data: bytes) -> tuple[NDArray[np.uint8], NDArray[np.float64], tuple[float, ...], int]:
    raw = gzip.decompress(data)
    assert struct.unpack_from("<i", raw, 0)[0] == 348
    assert raw[344:348] == b"n+1\0"
    dims = struct.unpack_from("<8h", raw, 40)
    assert struct.unpack_from("<h", raw, 70)[0] == 2  # uint8
    start = int(struct.unpack_from("<f", raw, 108)[0])
    affine = np.array(struct.unpack_from("<12f", raw, 280)).reshape(3, 4)
    labels = np.frombuffer(raw, dtype=np.uint8, offset=start).reshape(dims[2], dims[1])
    return labels, affine, struct.unpack_from("<8f", raw, 76), raw[123]


def test_nifti_labels_lie_where_the_masks_do() -> None:
    export = job(dicom_case(ImagerPixelSpacing=["0.2", "0.15"]))
    labels, affine, pixdim, units = read_nifti(label_map(export))
    for number, finding in enumerate(export.outlined, start=1):
        above = np.zeros_like(labels, dtype=np.bool_)
        for later in export.outlined[number:]:
            above |= later.mask.pixels()
        assert np.array_equal(labels == number, finding.mask.pixels() & ~above)
    assert pixdim[1:3] == pytest.approx((0.15, 0.2))
    assert units == 2
    assert affine[:, 0] == pytest.approx([-0.15, 0, 0])  # rightwards on the image is towards the patient's left
    assert affine[:, 1] == pytest.approx([0, 0, -0.2])


def test_nifti_without_spacing_claims_no_millimetres() -> None:
    *_, units = read_nifti(label_map(job(dicom_case())))
    assert units == 0


def test_nifti_axes_follow_the_patient() -> None:
    assert affine_of(1, 1, Orientation("R", "F"))[:, 0] == pytest.approx([1, 0, 0])
    assert affine_of(1, 1, Orientation("F", "L"))[:, 1] == pytest.approx([-1, 0, 0])


def test_the_overlay_is_the_film_with_the_outline_on_it() -> None:
    case = dicom_case(200, 160)
    picture = cv2.imdecode(np.frombuffer(overlay_png(case), dtype=np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    plain = cv2.imdecode(np.frombuffer(overlay_png(Case(case.radiograph)), dtype=np.uint8), cv2.IMREAD_COLOR)
    assert plain is not None
    assert picture.shape == (200, 160, 3)
    assert (plain[..., 0] == plain[..., 2]).all()
    changed = (picture != plain).any(axis=-1)
    inside = np.zeros((200, 160), dtype=np.bool_)
    for finding in case.findings:
        inside |= finding.mask.grown(3).pixels()
    assert not (changed & ~inside).any()
    assert (changed & case.findings[0].mask.pixels()).sum() > 0.5 * case.findings[0].mask.area_px


def test_the_report_is_one_page_with_its_notice() -> None:
    case = lung_case(Grid(1.0, 0.8))
    case = replace(case, callipers=callipers(case))
    data = pdf(job(case))
    assert data.startswith(b"%PDF-")
    assert data.count(b"/Type /Page\n") + data.count(b"/Type /Page ") == 1
    assert b"Research software, not a medical device" in data
    assert pdf(job(case)) == data


@pytest.mark.parametrize("language", LANGUAGES)
def test_nothing_on_the_report_lies_on_anything_else(language: str, monkeypatch: pytest.MonkeyPatch) -> None:
    case = dicom_case(
        SpecificCharacterSet="ISO_IR 192",
        PatientName="Müller-Lüdenscheidt^Maximiliane Friederike Wilhelmina^^Dr. med.",
        PatientID="X" * 64,
        AccessionNumber="ACC-2026-0000001",
        ImagerPixelSpacing=["0.2", "0.15"],
    )
    long = tuple(replace(case.findings[2], tracking_uid=f"2.25.{n}", name="Raumforderung " * 4) for n in (7, 8))
    case = case.with_finding(long[0]).with_finding(long[1])
    masks = {finding.tracking_uid: [finding.mask.grown(2)] for finding in case.findings}
    measured = with_intervals(case, measure(case), masks)
    placed: list[tuple[float, float, float, str]] = []

    def noted(name: str, real: Any) -> None:
        def drawn(self: Any, x: float, y: float, text: str) -> None:
            width = self.stringWidth(text, self._fontname, self._fontsize)
            left = x - width if name == "drawRightString" else x
            placed.append((y, left, left + width, text))
            real(self, x, y, text)

        monkeypatch.setattr(Canvas, name, drawn)

    noted("drawString", Canvas.drawString)
    noted("drawRightString", Canvas.drawRightString)
    before = replace(case, findings=tuple(replace(f, mask=f.mask.shrunk(1)) for f in case.findings))
    before = replace(before, radiograph=replace(case.radiograph, identity=Identity(patient_id="ELSE")))
    prior = Prior(before, measure(before))
    case = replace(case, likeness=ChestLikeness(0, 0.1, 3.0))
    made = replace(job(case), measurements=measured, reader="Prof. Dr. med. Ingeborg " * 6, prior=prior)
    pdf(replace(made, language=language))
    assert any(text.startswith("Müller-Lüdenscheidt, Maximiliane") for *_, text in placed)
    assert all(left > 0 and right < 210 / 25.4 * 72 for _, left, right, _ in placed)
    for number, (y, left, right, text) in enumerate(placed):
        for other_y, other_left, other_right, other in placed[number + 1 :]:
            if abs(y - other_y) < 2:
                assert right <= other_left or other_right <= left, (text, other)


def test_the_report_takes_names_in_any_script_and_structures_of_any_number() -> None:
    case = dicom_case(SpecificCharacterSet="ISO_IR 192", PatientName="山田^太郎")
    node = case.findings[2]
    many = tuple(replace(node, tracking_uid=f"2.25.{n}", name=f"Node {n} 山") for n in range(9))
    assert pdf(job(Case(case.radiograph, (*case.findings, *many)))).startswith(b"%PDF-")


def test_results_of_a_calibrated_picture() -> None:
    film = film_of(np.arange(12000, dtype=np.uint16).reshape(120, 100), Spacing(0.5, 0.5, SpacingOrigin.USER))
    mask = np.zeros((120, 100), dtype=np.bool_)
    mask[10:90, 5:40] = True
    from engine.case import Finding

    case = Case(film, (Finding(Structure.RIGHT_LUNG, Mask.of(mask), Making.DRAWN),))
    export = replace(job(case), measurements=measure(case))
    assert read_table(table(export))[0]["spacing_origin"] == "user"
    assert pdf(export).startswith(b"%PDF-")
