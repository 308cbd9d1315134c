"""What changed since a prior film: only between numbers of one kind, in full precision, and never classified."""

import csv
import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import resources
from engine.case import Case, Line
from engine.errors import MeasurementError
from engine.film.radiograph import Identity
from engine.likeness import ChestLikeness
from engine.measure import Obstacle, Prior, check_prior, compare, is_later, measure, same_patient
from engine.results.bundle import export
from engine.results.check import check_bundle
from engine.results.context import Export
from engine.results.deidentify import Deidentification
from engine.results.document import document
from engine.results.prior import COLUMNS, changes_table
from tests.engine.results.exports import MADE_AT, dicom_case, job

DETECTOR: dict[str, Any] = {"ImagerPixelSpacing": ["0.2", "0.15"]}
FIDUCIAL: dict[str, Any] = {"ImagerPixelSpacing": ["0.2", "0.15"], "PixelSpacing": ["0.18", "0.14"],
            "PixelSpacingCalibrationType": "FIDUCIAL"}  # fmt: skip
PLAIN: dict[str, Any] = {}


def earlier(**elements: Any) -> Case:
    """Return a prior: its lungs are a little smaller."""
    case = dicom_case(SOPInstanceUID="1.2.826.0.1.3680043.10.1466.1.77", StudyDate="20250102", **elements)
    return replace(case, findings=tuple(replace(f, mask=f.mask.shrunk(1.5)) for f in case.findings))


def compared(now: Case, then: Case) -> Export:
    return job(now, prior=Prior(then, measure(then)))


def test_areas_and_lengths_change_where_both_films_are_calibrated_alike() -> None:
    made = compared(dicom_case(**DETECTOR), earlier(**DETECTOR))
    found = {(change.current.structure, change.current.id): change for change in made.changes}
    area = found["right_lung", "area"]
    assert area.prior.value is not None
    assert area.current.value is not None
    assert area.difference == area.current.value - area.prior.value > 0
    assert area.relative == area.current.value / area.prior.value
    assert found["heart", "ctr"].relative is None  # a ratio of ratios says nothing
    assert all(change.obstacle is None for change in made.changes)


@pytest.mark.parametrize(
    ("now", "then", "obstacle"),
    [
        (DETECTOR, FIDUCIAL, Obstacle.OTHER_CALIBRATION),
        (PLAIN, DETECTOR, Obstacle.NO_MILLIMETRES),
        (PLAIN, PLAIN, Obstacle.NO_MILLIMETRES),
    ],
    ids=["two kinds", "one in pixels", "both in pixels"],
)
def test_otherwise_only_ratios_and_angles_compare_and_the_reason_is_said(
    now: dict[str, Any], then: dict[str, Any], obstacle: Obstacle
) -> None:
    made = compared(dicom_case(**now), earlier(**then))
    comparable = [change.current for change in made.changes if change.obstacle is None]
    assert {row.unit for row in comparable} <= {"1", "deg"}
    assert {"ctr", "asymmetry", "share-upper"} <= {row.id for row in comparable}
    assert {change.obstacle for change in made.changes if change.current.id == "area"} == {obstacle}
    assert all((change.difference is None) is (change.obstacle is not None) for change in made.changes)


def test_the_first_distance_of_one_film_is_not_that_of_another() -> None:
    case = replace(dicom_case(**DETECTOR), distances=(Line(1, 2, 30, 40),))
    other = replace(earlier(**DETECTOR), distances=(Line(1, 2, 80, 90),))
    assert not [c for c in compare(measure(other), measure(case)) if c.current.id.startswith(("distance", "centroid"))]


def test_a_film_is_no_prior_of_itself() -> None:
    case = dicom_case()
    with pytest.raises(MeasurementError, match="itself"):
        check_prior(case.radiograph, case.radiograph)


def test_whose_and_how_old_a_prior_is() -> None:
    film = dicom_case().radiograph
    assert same_patient(film, film) is True
    other = replace(film, identity=replace(film.identity, patient_id="ELSE", study_date="20300101"))
    assert same_patient(other, film) is False
    assert is_later(other, film)
    assert not is_later(film, other)
    nobody = replace(film, identity=Identity())
    assert same_patient(nobody, film) is None
    assert not is_later(nobody, film)


@pytest.mark.parametrize("then", [DETECTOR, FIDUCIAL], ids=["one kind", "two kinds"])
def test_document_and_table_carry_the_changes_in_full_precision(then: dict[str, Any]) -> None:
    prior = replace(earlier(**then), likeness=ChestLikeness(0, 0.1, 3.0))
    made = compared(dicom_case(**DETECTOR), prior)
    data = document(made, [])
    assert b"SENTINEL" not in data
    values = json.loads(data)
    schema = json.loads((resources.path("schema") / "results-1.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator(schema).validate(values)
    assert values["prior"]["chest_likeness"]["frontal_chest"] is False
    assert [row["difference"] for row in values["prior"]["changes"]] == [c.difference for c in made.changes]
    rows = list(csv.DictReader(io.StringIO(changes_table(made).decode(), newline="")))
    assert tuple(rows[0]) == COLUMNS
    for row, change in zip(rows, made.changes, strict=True):
        assert float(row["then"]) == change.prior.value
        assert float(row["now"]) == change.current.value
        assert (float(row["change"]) if row["change"] else None) == change.difference
        assert row["obstacle"] == (change.obstacle.value if change.obstacle else "")
        assert "doubted" in row["caveats"].split()
    assert json.loads(document(job(dicom_case()), []))["prior"] is None


def test_a_bundle_holds_the_table_of_changes_and_verifies(tmp_path: Path) -> None:
    case, then = dicom_case(**DETECTOR), earlier(**DETECTOR)
    prior = Prior(then, measure(then))
    made = export(case, measure(case), tmp_path, ("csv", "png"), made_at=MADE_AT, prior=prior)
    assert "changes.csv" in {file.name for file in made.files}
    assert all(check.passed is not False for check in check_bundle(made.folder, case.radiograph, None))
    private = Deidentification(burned_in_text_absent=True)
    named = export(case, measure(case), tmp_path, ("csv",), made_at=MADE_AT, prior=prior, deidentify=private)
    assert "changes.csv" not in {file.name for file in named.files}  # it would name another film by its own UID
    assert then.radiograph.source.sop_instance_uid.encode() not in (named.folder / "results.json").read_bytes()
