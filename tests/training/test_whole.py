"""From a folder to a checkpoint with made films and a tiny network: every stage, once, and on again after a stop."""

import csv
import json
import sys
from collections import Counter
from dataclasses import replace
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from engine.network.checkpoint import read_checkpoint
from engine.network.openvino_backend import OpenVinoBackend
from engine.segmenter import load_segmenter
from tests.tiny import TINY
from tests.training.made_films import COLUMNS, write_films
from training import whole as module
from training.manifest import CONVENTION_TEXTS, MANIFEST, Convention, DataError, Split, read_manifest, write_manifest
from training.progress import Speaker
from training.recipe import Phase, Recipe
from training.release import Wanted, release, torch_in_float32
from training.release import main as release_main
from training.sources import records_in
from training.together import Team
from training.train import train
from training.whole import Plan, main, whole

FIRST = Recipe(
    name="first",
    model=TINY,
    phases=(Phase(64, 16, 4),),
    pretraining=Phase(64, 8, 4),
    hidden_side=16,
    phantoms=0,
    learning_rate=3e-3,
    warmup_steps=2,
    evaluate_films=1000,
    report_steps=2,
)
LAST = replace(FIRST, name="last", phases=(Phase(64, 8, 4),), taught_share=0.5)
PLAN = Plan(FIRST, LAST, Wanted(scheme="float32", name="made", calibration_films=2, proof_films=2))
CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def _proved_in_float32(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """So little training leaves outlines that bfloat16 moves, where the CPU has it."""
    exact = partial(OpenVinoBackend, exact=True, cache=tmp_path / "compiled")
    assert release.__kwdefaults__ is not None
    monkeypatch.setitem(release.__kwdefaults__, "engines", (torch_in_float32, exact))


def folder_of(root: Path, *, unlabelled: bool) -> Path:
    root.mkdir()
    write_films(root)
    if unlabelled:
        with (root / MANIFEST).open("a", newline="", encoding="utf-8") as file:
            film = {"id": "more", "image": "0.png", "mask": "", "source": "nih", "split": "unlabelled"}
            csv.DictWriter(file, COLUMNS).writerow(
                film | {"width": 96, "height": 96, "convention": "", "licence": "none"}
            )
    return root


def test_a_folder_becomes_a_checkpoint_and_nothing_is_done_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data, out = folder_of(tmp_path / "films", unlabelled=True), tmp_path / "run"
    released = whole(PLAN, data, out, CPU, Speaker(sys.stdout))
    assert load_segmenter(released.path, "cpu").checkpoint.name == "made"
    card = read_checkpoint(released.path).card
    assert card["training"]["recipe"]["name"] == "last"
    told = capsys.readouterr().out
    for stage in ("pretraining/pretrained.pt", "first/average.pt", "first.safetensors", "taught/manifest.csv"):
        assert (out / stage).exists(), stage
    assert "beyond doubt" in told  # so small a network knows no lungs

    def never(*_: object, **__: object) -> None:
        raise AssertionError("done twice")

    monkeypatch.setattr(module, "teach", never)
    monkeypatch.setattr("training.train.run_phase", never)
    monkeypatch.setattr("training.pretrain.run_stage", never)
    again = whole(PLAN, data, out, CPU, Speaker(sys.stdout))
    assert again.sha256 == released.sha256


def test_a_runs_weights_are_released_by_hand_into_a_folder_that_is_not_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, out = folder_of(tmp_path / "films", unlabelled=False), tmp_path / "new" / "model.safetensors"
    weights = train(FIRST, data, tmp_path / "run", Team(CPU))
    words = ["--data", str(data), "--scheme", "float32", "--name", "by hand", "--proof", "2", "--out", str(out)]
    assert release_main([str(weights), *words]) == 0
    assert "wrote" in capsys.readouterr().out
    assert read_checkpoint(out).card["data"] == "Learned from 7 films of shenzhen; validated on 3 films of shenzhen."
    assert release_main([str(tmp_path / "nothing.pt"), *words]) == 1
    assert "nothing.pt is not a torch file" in capsys.readouterr().err


def test_films_that_were_outlined_are_learned_from(tmp_path: Path) -> None:
    data, out = folder_of(tmp_path / "films", unlabelled=True), tmp_path / "run"
    (out / "taught").mkdir(parents=True)
    seen = [replace(record, source="nih", id=f"seen {record.id}") for record in records_in(data)[:2]]
    write_manifest(out / "taught" / MANIFEST, [replace(record, split=Split.TRAIN) for record in seen])
    released = whole(PLAN, data, out, CPU, Speaker(sys.stdout))
    assert json.loads((out / "last" / "run.json").read_text())["taught"] == [record.key for record in seen]
    assert read_checkpoint(released.path).card["training"]["films_outlined_by_a_model"] == {"nih": 2}


def test_a_folder_in_which_every_film_has_a_mask_needs_no_teacher(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, out = folder_of(tmp_path / "films", unlabelled=False), tmp_path / "run"
    whole(PLAN, data, out, CPU, Speaker(sys.stdout))
    assert "nothing to outline" in capsys.readouterr().out
    assert not (out / "first.safetensors").exists()


def test_a_folder_that_is_none_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert module.main(["--data", str(tmp_path / "none"), "--out", str(tmp_path / "run")]) == 1
    assert "is not a folder" in capsys.readouterr().err


def test_a_source_that_is_not_there_is_said_before_anything_is_trained(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, out = folder_of(tmp_path / "films", unlabelled=False), tmp_path / "run"
    assert main(["--data", str(data), "--out", str(out), "--sources", "ours", "--device", "cpu"]) == 1
    assert "No source is called ours" in capsys.readouterr().err
    assert not out.exists()


def test_a_folder_without_films_to_validate_on_is_refused_before_anything_is_trained(tmp_path: Path) -> None:
    data, out = folder_of(tmp_path / "films", unlabelled=False), tmp_path / "run"
    manifest = data / MANIFEST
    manifest.write_text(manifest.read_text(encoding="utf-8").replace(",val,", ",test,"), encoding="utf-8")
    with pytest.raises(DataError, match="lies in val"):
        whole(PLAN, data, out, CPU, Speaker(sys.stdout))
    assert not out.exists()


def test_an_empty_mask_is_said_before_anything_is_trained(tmp_path: Path) -> None:
    data, out = folder_of(tmp_path / "films", unlabelled=False), tmp_path / "run"
    cv2.imwrite(str(data / "9.mask.png"), np.zeros((96, 96), np.uint8))
    with pytest.raises(DataError, match="The mask of shenzhen/9 is empty"):
        whole(PLAN, data, out, CPU, Speaker(sys.stdout))
    assert not out.exists()


def pictures_of(root: Path) -> Path:
    """Films and masks in two folders, and nothing that says more."""
    for folder in ("images", "masks"):
        (root / folder).mkdir(parents=True)
    made = write_films(root, count=24)
    for number in range(24):
        (made / f"{number}.png").rename(root / "images" / f"{number}.png")
        (made / f"{number}.mask.png").rename(root / "masks" / f"{number}.png")
    (root / MANIFEST).unlink()
    return root


def test_a_plain_folder_of_films_and_masks_is_split_and_becomes_a_checkpoint(tmp_path: Path) -> None:
    data, out = pictures_of(tmp_path / "our films"), tmp_path / "run"
    plan = replace(PLAN, convention=Convention.HEART_INCLUDED)
    card = read_checkpoint(whole(plan, data, out, CPU, Speaker(sys.stdout)).path).card
    splits = Counter(record.split for record in read_manifest(out / "films" / MANIFEST))
    assert splits.keys() == {Split.TRAIN, Split.VAL, Split.TEST}
    assert card["films"] == {
        "train": {"our films": splits[Split.TRAIN]},
        "validation": {"our films": splits[Split.VAL]},
    }
    assert card["convention"] == CONVENTION_TEXTS[Convention.HEART_INCLUDED]


def test_a_plain_folder_whose_convention_nobody_says_is_refused_and_can_be_asked_again(tmp_path: Path) -> None:
    data, out = pictures_of(tmp_path / "films"), tmp_path / "run"
    with pytest.raises(DataError, match="takes in lung behind the heart"):
        whole(PLAN, data, out, CPU, Speaker(sys.stdout))
    assert not out.exists()
