"""Outlines by a trained model: the bundled one on the demo film, whole, upside down, and with a whitened base."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import resources
from engine.film.radiograph import Radiograph
from engine.film.reading import read_radiograph
from engine.mask import Mask
from engine.segmenter import Segmenter, load_segmenter
from tests.tiny import tiny_checkpoint
from tests.training.made_films import write_films
from training.films import Draws, Film, chances
from training.manifest import (
    CONVENTION_TEXTS,
    MANIFEST,
    Convention,
    DataError,
    FilmRecord,
    Label,
    Split,
    convention_of,
    read_manifest,
)
from training.recipe import Recipe
from training.sources import records_in
from training.teach import main, taught, teach, without_masks
from training.train import load_taught
from training.truth import read_lungs


@pytest.fixture(scope="module")
def segmenter() -> Segmenter:
    return load_segmenter(None, "cpu")


@pytest.fixture(scope="module")
def film() -> Radiograph:
    return read_radiograph(resources.path("demo/demo.dcm"))


def truth() -> Mask:
    names = ("right_lung.png", "left_lung.png")
    return Mask.of(np.any([np.asarray(Image.open(resources.path(f"demo/{name}"))) > 0 for name in names], axis=0))


def test_a_clear_film_is_outlined(segmenter: Segmenter, film: Radiograph) -> None:
    mask = taught(segmenter, film, "demo").mask
    assert mask is not None
    assert mask.dice(truth()) > 0.98
    assert mask.part_count == 2


def test_a_film_upside_down_is_left_out(segmenter: Segmenter, film: Radiograph) -> None:
    assert taught(segmenter, replace(film, stored=np.ascontiguousarray(film.stored[::-1])), "demo").mask is None


def test_a_lung_that_fluid_cuts_short_is_left_out(segmenter: Segmenter, film: Radiograph) -> None:
    # The lower half of one side as white as the heart: the air above it is all that anybody can outline.
    stored = film.stored.astype(np.int64)
    rows, columns = stored.shape
    bright = np.percentile(stored, 15 if film.inverse else 85)
    stored[rows * 45 // 100 :, : columns // 2] = bright
    outcome = taught(segmenter, replace(film, stored=stored.astype(film.stored.dtype)), "demo")
    assert outcome.mask is None
    assert outcome.why_not


def test_masks_come_with_a_manifest_that_training_reads(segmenter: Segmenter, film: Radiograph, tmp_path: Path) -> None:
    record = FilmRecord(
        id="demo",
        patient="nobody",
        source="elsewhere",
        image=resources.path("demo/demo.dcm"),
        mask=(),
        label=Label.NONE,
        convention=Convention.NONE,
        split=Split.UNLABELLED,
        licence="free",
    )
    assert teach(segmenter, [record], tmp_path)["kept"] == 1
    (kept,) = read_manifest(tmp_path / MANIFEST)
    assert (kept.label, kept.convention, kept.split) == (Label.LUNGS, Convention.HEART_EXCLUDED, Split.TRAIN)
    assert kept.licence == (
        f"free; mask by {segmenter.checkpoint.name} {segmenter.checkpoint.version} {segmenter.checkpoint.sha256[:12]}"
    )
    (tmp_path / "made").mkdir()
    (read,) = load_taught(tmp_path, write_films(tmp_path / "made"), Recipe())
    assert (read.lungs.sum(axis=(1, 2)) > 5000).all()
    assert (tmp_path / "sheet.png").stat().st_size > 1000


def test_a_film_in_a_folder_below_images_is_outlined_too(
    segmenter: Segmenter, film: Radiograph, tmp_path: Path
) -> None:
    image = tmp_path / "ours" / "images" / "ward" / "demo.dcm"
    image.parent.mkdir(parents=True)
    shutil.copy(resources.path("demo/demo.dcm"), image)
    assert teach(segmenter, without_masks(records_in(tmp_path / "ours")), tmp_path / "out")["kept"] == 1
    (kept,) = read_manifest(tmp_path / "out" / MANIFEST)
    assert kept.id == "ward/demo"
    assert read_lungs(kept, film.rows, film.columns).left is not None


def test_a_teacher_whose_card_does_not_say_how_it_outlines_is_refused(tmp_path: Path) -> None:
    assert convention_of({"convention": CONVENTION_TEXTS[Convention.HEART_INCLUDED]}) is Convention.HEART_INCLUDED
    assert convention_of({"convention": "as usual"}) is Convention.NONE
    teacher = load_segmenter(tiny_checkpoint(tmp_path / "tiny.safetensors"), "cpu")
    with pytest.raises(DataError, match="does not say how it outlines"):
        teach(teacher, [], tmp_path)


def test_films_outlined_by_another_convention_are_refused(tmp_path: Path) -> None:
    (tmp_path / "taught").mkdir()
    taught = write_films(tmp_path / "taught")
    manifest = taught / "manifest.csv"
    manifest.write_text(manifest.read_text().replace("heart-excluded", "heart-included").replace("shenzhen", "nih"))
    (tmp_path / "films").mkdir()
    with pytest.raises(DataError, match=r"shenzhen/0 is heart-excluded, nih/0 is heart-included"):
        load_taught(taught, write_films(tmp_path / "films"), Recipe())


def test_films_with_masks_are_never_outlined_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = write_films(tmp_path)
    assert main(["--data", str(data), "--sources", "shenzhen", "--out", str(tmp_path / "out")]) == 1
    assert "no films without masks" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_taught_films_are_drawn_as_often_as_the_recipe_says() -> None:
    assert chances(10, 0, 0.5) is None
    found = chances(4, 12, 0.25)
    assert found is not None
    assert found.sum() == pytest.approx(1.0)
    assert found[4:].sum() == pytest.approx(0.25)


@pytest.mark.parametrize(("share", "drawn"), [(0.0, False), (1.0, True)])
def test_a_batch_is_drawn_by_those_chances(share: float, drawn: bool) -> None:
    lungs = np.zeros((2, 64, 64), np.uint8)
    lungs[0, 10:50, 8:28] = lungs[1, 10:50, 36:56] = 1
    unit = np.full((64, 64), 0.5, np.float32)
    own = [Film(str(i), "own", unit, np.zeros_like(lungs)) for i in range(2)]
    seen = [Film(str(i), "taught", unit, lungs) for i in range(2)]
    found = Draws([*own, *seen], 8, 64, 2, 3, Recipe().preprocessing, seed=3, chances=chances(2, 2, share))
    assert any(batch.targets.any() for batch in found) is drawn
