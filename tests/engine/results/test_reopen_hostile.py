"""Results that lie: numbers that are none, parts of the wrong kind; refused with an error of ours."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread
from pydicom.dataelem import DataElement

from engine.case import Making
from engine.errors import DamagedFilmError
from engine.measure import measure
from engine.results.beside import film_wanted, results_beside
from engine.results.bundle import export
from engine.results.reopen import reopen
from engine.results.replay import read_record
from engine.results.runs import edits_of
from tests.engine.results.exports import MADE_AT, dicom_case

CASE = dicom_case()
HUGE = 10**400  # JSON holds it, no float does
BROKEN: dict[str, Callable[[dict[str, Any]], Any]] = {
    "a quality without end": lambda values: values["structures"][0].update(quality=HUGE),
    "a quality that is no number": lambda values: values["structures"][0].update(quality=float("nan")),
    "a distance without end": lambda values: values["distances"].append([HUGE, 0, 0, 0]),
    "a point at infinity": lambda values: values["structures"][0]["prompts"]["points"].append([float("inf"), 0, True]),
    "a point without end": lambda values: values["structures"][0]["prompts"]["points"].append([HUGE, 0, True]),
    "a box that is no box": lambda values: values["structures"][0]["prompts"].update(box=[0, 0, float("nan"), 9]),
    "a provenance that is a list": lambda values: values["structures"][0].update(provenance=[1]),
    "no film": lambda values: values.pop("film"),
    "a film that is a number": lambda values: values.update(film=7),
    "a verdict without end": lambda values: values.update(
        chest_likeness={"frontal_chest": True, "lungs": float("inf"), "quality": 1, "undecided": 0}
    ),
}


@pytest.mark.parametrize("what", sorted(BROKEN))
def test_a_result_that_cannot_be_is_refused(what: str, tmp_path: Path) -> None:
    made = export(CASE, measure(CASE), tmp_path, ("png",), made_at=MADE_AT)
    values = json.loads((made.folder / "results.json").read_text())
    BROKEN[what](values)
    (made.folder / "results.json").write_text(json.dumps(values))
    with pytest.raises(DamagedFilmError, match=r"results\.json is damaged"):
        reopen(made.folder, CASE.radiograph)


@pytest.mark.parametrize(
    ("name", "keyword"),
    [
        ("segmentation.dcm", "SourceImageSequence"),
        ("report.dcm", "CurrentRequestedProcedureEvidenceSequence"),
        ("presentation.dcm", "ReferencedSeriesSequence"),
    ],
)
def test_a_sequence_that_is_a_text_is_refused(name: str, keyword: str, tmp_path: Path) -> None:
    made = export(CASE, measure(CASE), tmp_path, ("sr", "gsps"), made_at=MADE_AT)
    dataset = dcmread(made.folder / name)
    dataset.pop(keyword, None)
    dataset.add(DataElement(keyword, "LO", "text"))
    dataset.save_as(made.folder / name)
    with pytest.raises(DamagedFilmError, match="incomplete"):
        film_wanted(made.folder / name)
    with pytest.raises(DamagedFilmError, match="incomplete"):
        reopen(made.folder / name, CASE.radiograph)


def test_a_date_that_no_clock_shows_hides_no_other_result(tmp_path: Path) -> None:
    film = replace(CASE.radiograph, source=replace(CASE.radiograph.source, path=tmp_path / "film.dcm"))
    for year in ("0001", "2026"):
        made = export(CASE, measure(CASE), tmp_path, ("png",), made_at=MADE_AT)
        path = made.folder / "results.json"
        path.write_text(path.read_text().replace("2026-03-04T05:06:07+00:00", f"{year}-01-01T00:00:00+14:00"))
    assert len(results_beside(film)) == 1


@pytest.mark.parametrize("kinds", [("seg",), ("png",)])
def test_an_edit_back_to_the_models_mask_is_still_one_of_it(kinds: tuple[str, ...], tmp_path: Path) -> None:
    drawn = CASE.findings[0]
    edited = drawn.edited(drawn.mask.grown(3)).edited(drawn.mask)
    case = CASE.with_finding(edited)
    found = reopen(export(case, measure(case), tmp_path, kinds, made_at=MADE_AT).folder, case.radiograph).findings[0]
    assert (found.making, found.model_mask) == (Making.EDITED, drawn.mask)
    assert edits_of(found) == edits_of(edited) == {"base": "model", "added": [], "removed": []}


def test_a_report_to_replay_whose_evidence_is_a_text_is_refused(tmp_path: Path) -> None:
    made = export(CASE, measure(CASE), tmp_path, ("sr",), made_at=MADE_AT)
    dataset = dcmread(made.folder / "report.dcm")
    dataset["CurrentRequestedProcedureEvidenceSequence"] = DataElement(0x0040A375, "LO", "no sequence")
    dataset.save_as(tmp_path / "hostile.dcm")
    with pytest.raises(DamagedFilmError, match="damaged"):
        read_record(tmp_path / "hostile.dcm")
