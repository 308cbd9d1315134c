from pathlib import Path

import cv2
import numpy as np
import pytest

from engine.__main__ import main
from engine.commands.infer import from_published_frame
from engine.film.reading import read_radiograph
from engine.geometry import BoxPrompt
from resources import path as resource

DEMO = str(resource("demo/demo.dcm"))


def test_the_model_cards_own_call_works(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mask, overlay = tmp_path / "M.png", tmp_path / "O"
    call = ["infer", "--image_path", DEMO, "--bbox", "0", "0", "511", "511", "--save_mask", "--visualize"]
    assert main([*call, "--output_mask_path", str(mask), "--save_overlay", str(overlay)]) == 0
    film = read_radiograph(DEMO)
    assert np.asarray(cv2.imread(str(mask), cv2.IMREAD_GRAYSCALE)).shape == (film.rows, film.columns)
    assert np.asarray(cv2.imread(str(overlay.with_suffix(".png")))).shape == (film.rows, film.columns, 3)
    assert f"wrote {overlay.with_suffix('.png')}" in capsys.readouterr().out


def test_the_published_box_0_0_511_511_is_the_whole_film() -> None:
    film = read_radiograph(DEMO)
    assert from_published_frame(BoxPrompt(0, 0, 511, 511), film).corners == (0, 0, film.columns, film.rows)


def test_a_box_in_the_films_own_pixels_gives_the_same_mask(tmp_path: Path) -> None:
    film = read_radiograph(DEMO)
    whole = ["0", "0", str(film.columns), str(film.rows)]
    published, own = tmp_path / "a.png", tmp_path / "b.png"
    common = ["infer", "--image_path", DEMO, "--save_mask", "--output_mask_path"]
    assert main([*common, str(published), "--bbox", "0", "0", "511", "511"]) == 0
    assert main([*common, str(own), "--bbox", *whole, "--bbox_frame", "film"]) == 0
    assert published.read_bytes() == own.read_bytes()


def test_without_asking_for_files_none_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["infer", "--image_path", DEMO, "--bbox", "0", "0", "511", "511"]) == 0
    assert list(tmp_path.iterdir()) == []


def test_a_checkpoint_that_is_none_is_refused_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "model.safetensors"
    page.write_text("<!DOCTYPE html><title>404</title>")
    call = ["infer", "--image_path", DEMO, "--checkpoint_path", str(page), "--bbox", "0", "0", "511", "511"]
    assert main(call) == 1
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
