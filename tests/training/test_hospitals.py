"""The whole comparison across hospitals with the smallest networks on made films: every row, once, and one table."""

import csv
from pathlib import Path

import pytest

from tests.tiny import TINY
from tests.training.made_films import write_films
from tests.training.test_baselines import Threshold
from training import baselines, hospitals
from training.hospitals import main
from training.recipe import Phase, Recipe

RECIPE = Recipe(model=TINY, phases=(Phase(32, 80, 2), Phase(64, 40, 2)), learning_rate=1e-2, warmup_steps=4)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Films of three hospitals; the third draws the heart into the lung, and is only judged."""
    write_films(tmp_path, count=12)
    with (tmp_path / "manifest.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for number, row in enumerate(rows):
        row["source"] = ("shenzhen", "montgomery")[number % 2]
    rows[0] |= {"source": "hannover_v7", "convention": "heart-included", "split": "external"}
    with (tmp_path / "manifest.csv").open("w", encoding="utf-8", newline="") as file:
        write = csv.DictWriter(file, list(rows[0]))
        write.writeheader()
        write.writerows(rows)
    return tmp_path


@pytest.mark.slow
def test_every_row_is_made_once_and_stands_in_one_table(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(hospitals, "Recipe", lambda: RECIPE)
    monkeypatch.setattr(baselines, "build", lambda _, channels: Threshold(channels))
    out = folder / "out"
    words = ["--data", str(folder), "--out", str(out), "--films", "6", "--seeds", "1", "--device", "cpu"]
    words += ["--networks", "lungbox", "unet"]
    assert main(words) == 0
    table = (out / "table.md").read_text(encoding="utf-8")
    assert len(list(out.glob("*.csv"))) == 3 * 3  # hospitals, networks with and without the box
    lines = [line for line in table.splitlines() if line.startswith("| ")][2:]
    assert len(lines) == 3 * 3 * 2 * 3  # trained on, judged on, asked, networks
    assert "| shenzhen | montgomery, never seen | one lung | Lungbox | " in table
    assert "| montgomery | hannover_v7 (heart-included), never seen | one lung | U-Net, ResNet-34, box | 1 |" in table
    assert "| shenzhen + montgomery | shenzhen | one lung |" in table

    def never(*_: object, **__: object) -> None:
        raise AssertionError("it was trained already")

    # A row that was stopped while it was scored is scored, not trained again.
    monkeypatch.setattr(baselines, "train", never)
    (out / "shenzhen-unet-nobox-1.csv").unlink()
    assert main(words) == 0
    assert (out / "table.md").read_text(encoding="utf-8") == table

    monkeypatch.setattr(hospitals, "trained", never)
    capsys.readouterr()
    assert main(words) == 0
    assert capsys.readouterr().out.strip() == table.strip()
    assert main([*words, "--split", "val"]) == 1
    assert "judged on others" in capsys.readouterr().err


@pytest.mark.slow
def test_a_hospital_that_was_not_learned_from_may_be_judged_by_all_its_films(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hospitals, "Recipe", lambda: RECIPE)
    monkeypatch.setattr(baselines, "build", lambda _, channels: Threshold(channels))
    out = folder / "out"
    words = ["--data", str(folder), "--out", str(out), "--films", "6", "--seeds", "1", "--device", "cpu"]
    assert main([*words, "--networks", "unet", "--trained-on", "shenzhen", "--split", "train", "val"]) == 0
    assert {path.name.split("-")[0] for path in out.glob("*.csv")} == {"shenzhen"}
    with next(out.glob("*.csv")).open(encoding="utf-8", newline="") as file:
        judged = {(row["source"], row["split"]) for row in csv.DictReader(file)}
    assert ("montgomery", "train") in judged
    assert ("shenzhen", "train") not in judged


def test_the_test_split_needs_a_word(folder: Path) -> None:
    with pytest.raises(SystemExit):
        main(["--data", str(folder), "--out", str(folder / "out"), "--split", "test"])


def test_films_that_a_network_has_all_learned_from_judge_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(hospitals, "Recipe", lambda: RECIPE)
    out = folder / "out"
    words = ["--data", str(folder), "--out", str(out), "--networks", "lungbox", "--split", "train"]
    assert main([*words, "--trained-on", "shenzhen+montgomery"]) == 1
    assert "trained on shenzhen and montgomery has learned from every film here" in capsys.readouterr().err
    assert not out.exists()
