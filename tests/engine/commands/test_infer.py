import os
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


@pytest.mark.parametrize("wrong", ["--output_mask_path", "--save_overlay"])
@pytest.mark.parametrize("name", ["M.jpg", "no/such/folder/M.png"])
def test_a_name_that_cannot_be_written_is_refused_before_the_model_runs(
    wrong: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.commands.infer.load_segmenter", lambda *_: pytest.fail("the model was loaded"))
    names = {"--output_mask_path": "M.png", "--save_overlay": "O.png"} | {wrong: name}
    given = [word for option, name in names.items() for word in (option, str(tmp_path / name))]
    assert main(["infer", "--image_path", DEMO, "--bbox", "0", "0", "511", "511", *given]) == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name != "posix", reason="umask is POSIX")
def test_the_umask_says_who_may_read_the_mask(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        call = ["infer", "--image_path", DEMO, "--bbox", "0", "0", "511", "511"]
        assert main([*call, "--output_mask_path", str(tmp_path / "M"), "--save_overlay", str(tmp_path / "O.png")]) == 0
    finally:
        os.umask(before)
    assert {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {"M.png": 0o644, "O.png": 0o644}


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
