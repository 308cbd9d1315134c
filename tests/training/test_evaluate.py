"""The whole evaluation on the command line, with a real network of random weights on a few small films."""

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from engine.segmenter import Segmenter
from tests.tiny import tiny_checkpoint
from tests.training.box_filler import BoxFiller, box_filler
from training import evaluate, summary
from training.alterations import Alteration
from training.evaluate import Model, chosen, main
from training.manifest import Convention, DataError, FilmRecord, Label, MaskFile, Split, write_manifest

SIDE = 96


def write_set(folder: Path) -> Path:
    """Three validation films, one test film, one of another convention elsewhere, one of infections."""
    folder.mkdir()
    records = []
    for i in range(6):
        rng = np.random.default_rng(i)
        mask = np.zeros((SIDE, SIDE), np.uint8)
        mask[20:75, 12 + i : 40] = 255
        mask[20:75, 55 : 80 + i] = 255
        film = np.where(mask > 0, 70, 180) + rng.normal(0, 6, mask.shape)
        cv2.imwrite(str(folder / f"{i}.png"), film.clip(0, 255).astype(np.uint8))
        cv2.imwrite(str(folder / f"{i}.mask.png"), mask)
        records.append(
            FilmRecord(
                id=str(i),
                patient=str(i),
                source="far" if i == 4 else "near",
                image=folder / f"{i}.png",
                mask=(MaskFile(folder / f"{i}.mask.png"),),
                label=Label.INFECTION if i == 5 else Label.LUNGS,
                convention=Convention.HEART_INCLUDED if i == 4 else Convention.HEART_EXCLUDED,
                split=(Split.VAL, Split.VAL, Split.VAL, Split.TEST, Split.EXTERNAL, Split.VAL)[i],
                licence="",
            )
        )
    write_manifest(folder / "manifest.csv", records)
    return folder


def test_lungs_of_the_wanted_splits_and_sources_are_chosen_and_nothing_else(tmp_path: Path) -> None:
    folder = write_set(tmp_path / "set")
    assert [record.id for record in chosen([folder], [Split.VAL], [])] == ["0", "1", "2"]
    assert [record.id for record in chosen([folder], [Split.VAL, Split.EXTERNAL], ["far"])] == ["4"]
    with pytest.raises(DataError, match="No source is called elsewhere"):
        chosen([folder], [Split.VAL], ["elsewhere"])
    with pytest.raises(DataError, match="No film has lungs and lies in train"):
        chosen([folder], [Split.TRAIN], [])


def test_films_without_splits_are_judged_once_their_convention_is_said(tmp_path: Path) -> None:
    made = write_set(tmp_path / "made")
    for folder, ending in (("images", "png"), ("masks", "mask.png")):
        (tmp_path / "ours" / folder).mkdir(parents=True)
        for i in range(3):
            (made / f"{i}.{ending}").rename(tmp_path / "ours" / folder / f"{i}.png")
    folders = [tmp_path / "ours"]
    with pytest.raises(DataError, match="lies in val") as refused:
        chosen(folders, [Split.VAL], [])
    assert "--split none" in str(refused.value)
    with pytest.raises(DataError, match="takes in lung behind the heart"):
        chosen(folders, [Split.UNASSIGNED], [])
    found = chosen(folders, [Split.UNASSIGNED], [], Convention.HEART_EXCLUDED)
    assert [(one.key, one.convention) for one in found] == [(f"ours/{i}", Convention.HEART_EXCLUDED) for i in range(3)]


def test_a_perfect_model_is_perfect_with_an_oracles_box_and_only_with_it(tmp_path: Path) -> None:
    records = chosen([write_set(tmp_path / "set")], [Split.VAL], [])
    for record in records:  # at the frame's own size the filled box is exact
        for path in (record.image, record.mask[0].path):
            cv2.imwrite(str(path), cv2.resize(cv2.imread(str(path), 0), (64, 64), interpolation=cv2.INTER_NEAREST))
    scores, _ = evaluate.evaluate([Model("filler", box_filler())], records, [])
    one_lung = [one for one in scores[0] if one.target != "both lungs"]
    assert {one.dice for one in one_lung if one.box == "oracle"} == {1.0}
    assert max(one.dice for one in one_lung if one.box == "sloppy") < 1.0


def test_two_checkpoints_are_named_by_their_arithmetic_where_it_differs() -> None:
    plain, other = box_filler(), box_filler(1)
    assert [model.name for model in evaluate.named([plain, other])] == ["this checkpoint", "the other"]
    backend = BoxFiller(1)
    backend.checkpoint = replace(backend.checkpoint, scheme="int8: mlp, projection")
    assert [model.name for model in evaluate.named([Segmenter(backend), plain])] == ["int8", "none"]


def test_an_evaluation_writes_tables_numbers_and_pictures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write_set(tmp_path / "set")
    new = tiny_checkpoint(tmp_path / "new.safetensors", seed=1)
    old = tiny_checkpoint(tmp_path / "old.safetensors", seed=2)
    words = ["--checkpoint", str(new), "--against", str(old), "--data", str(folder), "--device", "cpu", "--altered"]
    assert main([*words, "--split", "val", "external", "--out", str(tmp_path / "out")]) == 0
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {
        "scores.csv",
        "scores-other.csv",
        "table.md",
        "summary.json",
        "worst.png",
        "figure-2.png",
        "figure-3.png",
    }
    text = (tmp_path / "out" / "table.md").read_text()
    assert text.strip() in capsys.readouterr().out
    for wanted in ("# tiny 0 on 4 films of external and val", "near (heart-excluded): one lung", "Wilcoxon p"):
        assert wanted in text
    for how in Alteration:
        assert f"one lung, {how.value}," in text
    content = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert content["films"] == 4
    assert len(content["films_sha256"]) == len(content["checkpoint"]["sha256"]) == 64
    assert content["checkpoint"]["sha256"] != content["against"]["checkpoint"]["sha256"]
    assert {row["source"] for row in content["rows"]} == {"near", "far"}
    # 16 boxes on a film as it is, 12 on each spoilt one.
    lines = (tmp_path / "out" / "scores.csv").read_text().splitlines()
    assert len(lines) == 1 + 4 * (16 + 12 * len(Alteration))
    # Worst: 4 films in one row of five; figures 2 and 3: worst and median film, four pictures each and two.
    for name, shape in (("worst", (376, 1800)), ("figure-2", (2 * 376, 1440)), ("figure-3", (2 * 376, 720))):
        picture = cv2.imread(str(tmp_path / "out" / f"{name}.png"))
        assert picture is not None
        assert picture.shape[:2] == shape


def test_the_same_command_gives_the_same_numbers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write_set(tmp_path / "set")
    checkpoint = tiny_checkpoint(tmp_path / "one.safetensors")
    for name in ("a", "b"):
        words = ["--checkpoint", str(checkpoint), "--data", str(folder), "--device", "cpu"]
        assert main([*words, "--out", str(tmp_path / name)]) == 0
    capsys.readouterr()
    assert (tmp_path / "a" / "scores.csv").read_bytes() == (tmp_path / "b" / "scores.csv").read_bytes()


def test_the_test_split_needs_to_be_meant(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write_set(tmp_path / "set")
    words = ["--checkpoint", str(tiny_checkpoint(tmp_path / "one.safetensors")), "--data", str(folder)]
    words += ["--device", "cpu", "--split", "test", "--out", str(tmp_path / "out")]
    with pytest.raises(SystemExit):
        main(words)
    assert "looked at once" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    assert main([*words, "--final"]) == 0
    assert "looked at once" in capsys.readouterr().err


def test_a_missing_checkpoint_is_one_line_and_status_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write_set(tmp_path / "set")
    words = ["--checkpoint", str(tmp_path / "none.safetensors"), "--data", str(folder), "--out", str(tmp_path / "out")]
    assert main(words) == 1
    assert "none.safetensors" in capsys.readouterr().err


def test_three_films_give_worst_fifth_percentile_and_median_as_examples(tmp_path: Path) -> None:
    records = chosen([write_set(tmp_path / "set")], [Split.VAL], [])
    scores, _ = evaluate.evaluate([Model("filler", box_filler(margin=3))], records, [])
    films, _, dices = summary.by_film(scores[0])
    examples = evaluate._examples(scores[0], records)
    assert examples[0].key == films[int(np.argmin(dices))]
    assert len(examples) == 2  # of three films the 5th percentile is the worst one
