"""One action, one folder, whole or not at all."""

import errno
import json
import math
import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset

from engine.case import Case, Finding, Line, Making, Structure
from engine.errors import OutputError
from engine.files import sha256
from engine.geometry import PointPrompt, Prompts
from engine.mask import Mask
from engine.measure import measure
from engine.results import bundle, gsps
from engine.results.bundle import KINDS, PICTURE_KINDS, export, folder_name, kinds_for, sweep_stale
from engine.results.check import check_bundle
from engine.results.context import Export
from engine.results.reopen import reopen
from tests.engine.lung_cases import Grid, film_of, lung_case
from tests.engine.results.exports import MADE_AT, dicom_case, job
from tests.phantom import RF, SECONDARY_CAPTURE, XA, dicom_film, read_film, thorax


def written(case: Case, folder: Path, kinds: tuple[str, ...] = KINDS, **options: Any) -> bundle.Bundle:
    return export(case, measure(case), folder, kinds, made_at=MADE_AT, **options)


def listing(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_everything_is_written_and_comes_back(tmp_path: Path) -> None:
    case = dicom_case()
    made = written(case, tmp_path)
    assert made.folder == tmp_path / "lungbox-20260304-050607"
    assert sorted(path.name for path in made.folder.iterdir()) == sorted(file.name for file in made.files)
    for file in made.files:
        assert sha256((made.folder / file.name).read_bytes()) == file.sha256
    back = reopen(made.folder, case.radiograph)
    assert back.findings == case.findings
    assert back.marks.callipers == case.callipers
    assert back.remarks == ()
    checks = check_bundle(made.folder, case.radiograph, "ab" * 32)
    assert [check.passed for check in checks] == [True] * 4


@pytest.mark.skipif(os.name != "posix", reason="umask is POSIX")
@pytest.mark.parametrize(
    ("umask", "files", "folders"), [(0o022, 0o644, 0o755), (0o027, 0o640, 0o750), (0o077, 0o600, 0o700)]
)
def test_the_umask_says_who_may_read_results(tmp_path: Path, umask: int, files: int, folders: int) -> None:
    before = os.umask(umask)
    try:
        made = written(dicom_case(), tmp_path, ("csv", "png"))
    finally:
        os.umask(before)
    assert made.folder.stat().st_mode & 0o777 == folders
    assert {path.stat().st_mode & 0o777 for path in made.folder.iterdir()} == {files}


def test_a_report_brings_its_segmentation(tmp_path: Path) -> None:
    names = {file.name for file in written(dicom_case(), tmp_path, ("sr",)).files}
    assert names == {"segmentation.dcm", "report.dcm", "results.json"}


def test_a_picture_gets_everything_but_dicom(tmp_path: Path) -> None:
    case = lung_case(Grid(1.0, 1.0))
    assert kinds_for(case) == PICTURE_KINDS
    made = written(case, tmp_path, PICTURE_KINDS)
    assert reopen(made.folder, case.radiograph).findings == case.findings
    with pytest.raises(OutputError, match="PNG"):
        written(case, tmp_path / "", ("seg",))


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    case = dicom_case()
    folders = [written(case, tmp_path, ("csv",)).folder for _ in range(3)]
    assert [folder.name[-2:] for folder in folders] == ["07", "-2", "-3"]
    (tmp_path / "taken").write_text("mine")
    assert written(case, tmp_path, ("csv",), pattern="taken").folder.name == "taken-2"
    assert (tmp_path / "taken").read_text() == "mine"


def test_one_object_that_fails_leaves_none_and_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_export: object) -> None:
        raise ValueError("the header says SENTINEL")

    monkeypatch.setattr(gsps, "presentation_state", broken)
    with pytest.raises(OutputError, match="gsps") as raised:
        written(dicom_case(), tmp_path)
    assert "SENTINEL" not in str(raised.value)
    assert listing(tmp_path) == []


@pytest.mark.parametrize("sop_class", [XA, RF, "1.2.840.10008.5.1.4.1.1.7.2"])
def test_what_a_film_of_frames_is_offered_can_be_written(sop_class: str, tmp_path: Path) -> None:
    case = dicom_case(sop_class=sop_class)
    made = written(case, tmp_path, kinds_for(case))
    assert {"seg", "sr", "gsps", "sc"} <= {file.kind for file in made.files}
    assert [check.passed for check in check_bundle(made.folder, case.radiograph, "ab" * 32)] == [True] * 4


def test_a_film_in_colour_is_offered_no_grey_presentation(tmp_path: Path) -> None:
    grey = thorax(120, 101, 8)
    film = dicom_film(np.dstack([grey, grey, grey]), sop_class=SECONDARY_CAPTURE, photometric="RGB", bits_stored=8)
    case = dicom_case(film=film)
    assert kinds_for(case) == tuple(kind for kind in KINDS if kind != "gsps")
    assert written(case, tmp_path, kinds_for(case)).files
    with pytest.raises(OutputError, match="colour"):
        written(case, tmp_path, ("gsps",))


def test_a_film_too_wide_for_nifti_is_offered_the_rest(tmp_path: Path) -> None:
    film = read_film(dicom_film(np.zeros((40, 40000), dtype=np.uint16)))
    mask = np.zeros((40, 40000), dtype=np.bool_)
    mask[5:20, 100:30000] = True
    case = Case(film, (Finding(Structure.RIGHT_LUNG, Mask.of(mask), Making.DRAWN),))
    assert kinds_for(case) == tuple(kind for kind in KINDS if kind != "nifti")
    with pytest.raises(OutputError, match="32767") as raised:
        written(case, tmp_path, ("csv", "nifti"))
    assert "nifti" in raised.value.advice
    assert listing(tmp_path) == []
    assert written(case, tmp_path, ("csv", "png")).files


@pytest.mark.parametrize(("keyword", "name"), [("InstitutionName", "Institution Name"), ("PatientID", "Patient ID")])
def test_the_attribute_that_keeps_a_result_from_being_made_is_named(
    keyword: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = gsps.presentation_state

    def fussy(export: Export) -> Dataset:
        if export.source().get(keyword):
            raise ValueError("the header says SENTINEL")
        return real(export)

    monkeypatch.setattr(gsps, "presentation_state", fussy)
    elements: dict[str, Any] = {keyword: "SENTINEL"}
    with pytest.raises(OutputError, match=rf"gsps .*{name} \([0-9A-F]{{4}},[0-9A-F]{{4}}\)") as raised:
        written(dicom_case(**elements), tmp_path)
    assert "SENTINEL" not in str(raised.value)
    assert "gsps" in raised.value.advice
    assert listing(tmp_path) == []


@pytest.mark.parametrize("kinds", [("csv",), KINDS])
@pytest.mark.parametrize("broken", ["quality", "prompt", "distance"])
def test_a_number_that_is_none_is_an_error_of_ours(broken: str, kinds: tuple[str, ...], tmp_path: Path) -> None:
    case = dicom_case()
    lung = case.findings[0]
    if broken == "quality":
        case = case.with_finding(replace(lung, quality=math.nan))
    elif broken == "prompt":
        case = case.with_finding(replace(lung, prompts=Prompts(None, (PointPrompt(math.inf, 1.0, positive=True),))))
    else:
        case = replace(case, distances=(Line(math.inf, 0.0, 1.0, 1.0),))
    with pytest.raises(OutputError, match="nothing was written"):
        export(case, measure(dicom_case()), tmp_path, kinds, made_at=MADE_AT)
    assert listing(tmp_path) == []


def test_nothing_outlined_and_unknown_kinds_are_refused(tmp_path: Path) -> None:
    case = dicom_case()
    with pytest.raises(OutputError, match="outlined"):
        written(Case(case.radiograph), tmp_path)
    with pytest.raises(OutputError, match="docx"):
        written(case, tmp_path, ("docx",))
    assert listing(tmp_path) == []


@given(st.text(max_size=120))
def test_a_folder_name_is_one_plain_name(pattern: str) -> None:
    name = folder_name(pattern, _JOB)
    assert name
    assert len(name) <= 88
    assert Path(name).name == name
    assert name not in (".", "..")
    assert all(letter.isascii() and (letter.isalnum() or letter in "._-") for letter in name)
    assert name[0] not in ".-"


_JOB = job(dicom_case())


@pytest.mark.parametrize(
    "pattern", ["../../up", "/etc/passwd", "C:\\x", "CON", "nul.txt", "", "\0", "x" * 300, "~root"]
)
def test_no_pattern_leaves_the_folder(pattern: str, tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    made = written(dicom_case(), inside, ("csv",), pattern=pattern)
    assert made.folder.parent == inside
    assert [entry for entry in listing(tmp_path) if not entry.startswith("inside")] == []


@pytest.mark.parametrize("value", ["../../evil", "/abs", "a\0b", "C:\\CON", "x" * 64])
def test_file_names_never_come_from_the_patient(value: str, tmp_path: Path) -> None:
    made = written(dicom_case(PatientName=value, PatientID=value), tmp_path, ("seg", "sr", "png", "csv"))
    assert all(value not in name for name in listing(tmp_path))
    assert {file.name for file in made.files} >= {"segmentation.dcm", "mask-1-right-lung.png", "measurements.csv"}


def test_stale_staging_is_swept_and_fresh_is_left(tmp_path: Path) -> None:
    for name, age in ((".lungbox-old.part", 7200), (".lungbox-new.part", 60)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x").write_text("half")
        os.utime(tmp_path / name, (time.time() - age,) * 2)
    assert sweep_stale(tmp_path) == 1
    assert listing(tmp_path) == [".lungbox-new.part", ".lungbox-new.part/x"]


class Faults:
    """Fails the n-th call of write, fsync and rename together."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, fail_at: int, number: int) -> None:
        self.calls = 0
        for name in ("write", "fsync", "rename"):
            monkeypatch.setattr(os, name, self._counted(getattr(os, name), fail_at, number))

    def _counted(self, real: Any, fail_at: int, number: int) -> Any:
        def call(*arguments: Any, **options: Any) -> Any:
            self.calls += 1
            if self.calls == fail_at:
                raise OSError(number, os.strerror(number))
            return real(*arguments, **options)

        return call


def test_whichever_write_sync_or_rename_fails_the_results_are_whole_or_absent(tmp_path: Path) -> None:
    case = dicom_case()
    measurements = measure(case)
    kinds = ("csv", "png", "nifti")
    with pytest.MonkeyPatch.context() as patch:
        counter = Faults(patch, 0, 0)
        export(case, measurements, tmp_path, kinds, made_at=MADE_AT, pattern="first")
        total = counter.calls
    assert total > 15
    before = listing(tmp_path)
    for fail_at in range(1, total + 1):
        name = f"try-{fail_at}"
        with pytest.MonkeyPatch.context() as patch:
            Faults(patch, fail_at, (errno.ENOSPC, errno.EIO)[fail_at % 2])
            with pytest.raises(OutputError):
                export(case, measurements, tmp_path, kinds, made_at=MADE_AT, pattern=name)
        left = [entry for entry in listing(tmp_path) if entry not in before]
        if (tmp_path / name).exists():  # only the very last sync can fail with the results in place
            assert fail_at == total
            checks = check_bundle(tmp_path / name, case.radiograph, None)
            assert all(check.passed is not False for check in checks)
        else:
            assert left == []


def test_a_bundle_that_was_touched_is_not_whole(tmp_path: Path) -> None:
    case = dicom_case()
    made = written(case, tmp_path)
    seg = made.folder / "segmentation.dcm"
    data = bytearray(seg.read_bytes())
    data[-9] ^= 1
    seg.write_bytes(bytes(data))
    (made.folder / "overlay.png").unlink()
    whole, film, masks, checkpoint = check_bundle(made.folder, case.radiograph, "cd" * 32)
    assert whole.passed is False
    assert "segmentation.dcm has changed" in whole.message
    assert "overlay.png is missing" in whole.message
    assert film.passed is True
    assert masks.passed in (True, False)
    assert checkpoint.passed is False


def test_a_bundle_of_another_film_is_told(tmp_path: Path) -> None:
    made = written(dicom_case(), tmp_path)
    other = replace(film_of(np.ones((120, 101), dtype=np.uint8), None))
    checks = check_bundle(made.folder, other, None)
    assert checks[1].passed is False


def test_the_manifest_lists_every_file_by_hash(tmp_path: Path) -> None:
    made = written(dicom_case(), tmp_path)
    values = json.loads((made.folder / "results.json").read_bytes())
    assert {row["name"] for row in values["files"]} | {"results.json"} == {path.name for path in made.folder.iterdir()}
