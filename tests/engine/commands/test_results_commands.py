"""`lungbox measure`, `verify` and `replay`, through the command line's own front door."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

import resources
from engine.__main__ import main
from engine.case import Case, Finding, Making, Structure
from engine.film.reading import read_radiograph
from engine.geometry import BoxPrompt, Prompts
from engine.lungs import name_lungs
from engine.measure import measure, propose_callipers
from engine.network.checkpoint import bundled_checkpoint, read_checkpoint
from engine.network.torch_backend import TorchBackend
from engine.results.bundle import export
from engine.results.reopen import reopen
from engine.results.replay import LEAST_DICE, read_record, replay
from engine.segmenter import Segmenter, load_segmenter
from tests.phantom import SECONDARY_CAPTURE, dicom_film, thorax, write_film

DEMO = resources.path("demo")


@pytest.fixture(scope="module")
def segmenter() -> Segmenter:
    return load_segmenter(device="cpu")


@pytest.fixture(scope="module")
def bundle(segmenter: Segmenter, tmp_path_factory: pytest.TempPathFactory) -> Path:
    film = read_radiograph(DEMO / "demo.dcm")
    prompts = Prompts(BoxPrompt(150, 250, 1850, 1900))
    case = Case(film, name_lungs(segmenter.segment(segmenter.embed(film), prompts), prompts, film))
    first = case.findings[0]
    case = case.with_finding(first.edited(first.mask.grown(3).minus(first.mask.clipped(BoxPrompt(0, 0, 400, 600)))))
    # As the viewer does for a structure named before the box was drawn: the model's whole answer, holes filled.
    whole = segmenter.segment(segmenter.embed(film), prompts)
    node = Finding(
        Structure.OTHER,
        whole.mask.holes_filled(),
        Making.MODEL,
        "Lungs",
        prompts,
        quality=whole.quality,
        provenance=whole.provenance,
    )
    hand = Finding(Structure.OTHER, first.mask.clipped(BoxPrompt(500, 500, 700, 700)), Making.DRAWN, "Patch")
    case = case.with_finding(node).with_finding(hand)
    case = replace(case, callipers=propose_callipers(case))
    folder = tmp_path_factory.mktemp("results")
    return export(case, measure(case), folder, ("sr", "csv"), pattern="demo").folder


def test_a_picture_of_a_mask_is_measured(capsys: pytest.CaptureFixture[str]) -> None:
    mask = str(DEMO / "right_lung.png")
    assert main(["measure", mask, "--film", str(DEMO / "demo.dcm"), "--structure", "right-lung", "--json"]) == 0
    values = json.loads(capsys.readouterr().out)
    truth = json.loads((DEMO / "truth.json").read_text())["lungs"]["right_lung"]
    rows = {(row["structure"], row["id"]): row["value"] for row in values["measurements"]}
    assert rows["right_lung", "area"] == pytest.approx(truth["area_mm2"] / 100, rel=1e-3)
    assert rows["right_lung", "width"] == pytest.approx(truth["width_mm"], abs=0.2)
    assert values["spacing"]["origin"] == "detector"


def test_one_mask_of_both_lungs_is_told_apart(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    both = np.zeros((2100, 2000), dtype=np.uint8)
    for name in ("right_lung", "left_lung"):
        both |= np.asarray(cv2.imread(str(DEMO / f"{name}.png"), cv2.IMREAD_GRAYSCALE))
    path = tmp_path / "both.png"
    cv2.imwrite(str(path), both)
    assert main(["measure", str(path), "--film", str(DEMO / "demo.dcm")]) == 0
    out = capsys.readouterr().out
    assert "mm at the detector" in out
    assert "Cardiothoracic ratio" in out
    assert "note:" in out


@pytest.mark.parametrize("name", ["IM0001", "1.2.840.113619", "segmentation.dcm", "mask.png"])
def test_a_segmentation_is_known_by_its_content(
    name: str, bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(bundle / "segmentation.dcm", tmp_path / name)
    assert main(["measure", str(tmp_path / name), "--film", str(DEMO / "demo.dcm")]) == 0
    assert "right lung   Projected area" in capsys.readouterr().out


def test_a_mask_saved_as_a_secondary_capture_is_a_picture(tmp_path: Path) -> None:
    film = dicom_film(np.eye(64, 50, dtype=np.uint16), sop_class=SECONDARY_CAPTURE)
    write_film(tmp_path / "mask.dcm", film)
    write_film(tmp_path / "film.dcm", dicom_film(thorax(64, 50)))
    call = ["measure", str(tmp_path / "mask.dcm"), "--film", str(tmp_path / "film.dcm"), "--structure", "right-lung"]
    assert main(call) == 0


def test_a_mask_of_another_size_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "small.png"
    cv2.imwrite(str(path), np.ones((9, 9), dtype=np.uint8))
    assert main(["measure", str(path), "--film", str(DEMO / "demo.dcm")]) == 1
    assert "9 x 9" in capsys.readouterr().err


def test_a_good_bundle_verifies(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(bundle), "--film", str(DEMO / "demo.dcm"), "--json"]) == 0
    answers = json.loads(capsys.readouterr().out)
    assert {key: answer["passed"] for key, answer in answers.items()} == {
        "whole": True, "film": True, "masks": True, "checkpoint": True,
    }  # fmt: skip


def test_a_folder_without_results_does_not_verify(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(tmp_path)]) == 1
    assert "results.json" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["results.json", "report.dcm"])
def test_replay_draws_the_same_masks_bit_for_bit(name: str, bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["replay", str(bundle / name), "--film", str(DEMO / "demo.dcm"), "--device", "cpu", "--json"])
    rows = json.loads(capsys.readouterr().out)
    assert code == 0
    assert [(row["label"], row["drawn_by"]) for row in rows] == [
        ("Right lung", "model"), ("Left lung", "model"), ("Lungs", "model"), ("Patch", "reader"),
    ]  # fmt: skip
    assert all(row["identical"] and row["same_backend"] for row in rows)


def test_replay_on_another_backend_comes_as_near_as_it_promises_and_says_so(bundle: Path) -> None:
    film = read_radiograph(DEMO / "demo.dcm")
    record = read_record(bundle / "results.json")
    old = {finding.tracking_uid: finding.mask for finding in reopen(bundle, film).findings}
    rows = replay(record, film, Segmenter(TorchBackend(read_checkpoint(bundled_checkpoint()))), old)
    assert [row.same_backend for row in rows] == [False, False, False, True]  # the last is the reader's own
    assert all(row.dice is not None and row.dice >= LEAST_DICE for row in rows)
    assert all(row.passed for row in rows)
    assert all(row.backend.startswith("torch") for row in rows)


def test_replay_finds_the_film_beside_the_record(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    beside = bundle.parent / "the-film.dcm"
    beside.write_bytes((DEMO / "demo.dcm").read_bytes())
    try:
        assert main(["replay", str(bundle / "results.json"), "--device", "cpu"]) == 0
    finally:
        beside.unlink()
    assert "bit for bit the same" in capsys.readouterr().out
    assert main(["replay", str(bundle / "results.json"), "--device", "cpu"]) == 1
    assert "--film" in capsys.readouterr().err


def test_replay_on_another_film_or_checkpoint_is_refused(
    bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other.png"
    cv2.imwrite(str(other), np.zeros((2100, 2000), dtype=np.uint8))
    assert main(["replay", str(bundle / "results.json"), "--film", str(other)]) == 1
    assert "another film" in capsys.readouterr().err
    text = (bundle / "results.json").read_text()
    values = json.loads(text)
    for row in values["structures"]:
        if row["provenance"] is not None:
            row["provenance"]["checkpoint_sha256"] = "0" * 64
    changed = tmp_path / "results.json"
    changed.write_text(json.dumps(values))
    assert main(["replay", str(changed), "--film", str(DEMO / "demo.dcm"), "--device", "cpu"]) == 1
    assert "checkpoint" in capsys.readouterr().err


def test_a_mask_that_was_tampered_with_is_not_the_same(
    bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    values = json.loads((bundle / "results.json").read_text())
    values["structures"][0]["edits"]["added"] = []
    path = tmp_path / "results.json"
    path.write_text(json.dumps(values))
    assert main(["replay", str(path), "--film", str(DEMO / "demo.dcm"), "--device", "cpu"]) == 1
    assert "NOT the same" in capsys.readouterr().out
