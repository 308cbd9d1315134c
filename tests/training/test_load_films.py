"""What the recipe takes in: any data set that an adapter knows, and only lungs drawn by its own convention."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from engine.network.config import Preprocessing
from training import films
from training.films import load_films
from training.manifest import (
    Convention,
    DataError,
    FilmRecord,
    Label,
    MaskFile,
    Part,
    Split,
    manifest_rows,
    write_manifest,
)

SIDE = 48


def write_set(folder: Path) -> FilmRecord:
    """One training film of each of three sources: lungs, infections, and lungs with the heart."""
    mask = np.zeros((SIDE, SIDE), np.uint8)
    mask[10:40, 6:20] = mask[10:40, 28:44] = 255
    cv2.imwrite(str(folder / "film.png"), 200 - mask // 2)
    cv2.imwrite(str(folder / "mask.png"), mask)
    lungs = FilmRecord(
        id="film",
        patient="someone",
        source="lungs",
        image=folder / "film.png",
        mask=(MaskFile(folder / "mask.png"),),
        label=Label.LUNGS,
        convention=Convention.HEART_EXCLUDED,
        split=Split.TRAIN,
        licence="",
    )
    infections = replace(lungs, source="infections", label=Label.INFECTION, convention=Convention.NONE)
    with_heart = replace(lungs, source="hearts", convention=Convention.HEART_INCLUDED)
    write_manifest(folder / "manifest.csv", [lungs, infections, with_heart])
    return lungs


def test_a_film_is_framed_with_each_lung_apart_the_images_left_one_first(tmp_path: Path) -> None:
    write_set(tmp_path)
    film = load_films(tmp_path, "train", ("lungs",), 96, Preprocessing())[0]
    assert (film.name, film.source, film.unit.shape, film.lungs.shape) == ("film", "lungs", (96, 96), (2, 96, 96))
    assert film.lungs[0, 20:80, 12:40].all()
    assert film.lungs[1, 20:80, 56:88].all()
    assert film.lungs.sum() == 60 * (28 + 32)
    assert film.unit[film.lungs.max(axis=0) > 0].max() < film.unit[:10].min()


def drawn(folder: Path, mask: np.ndarray) -> FilmRecord:
    """A film alone, with this mask."""
    record = write_set(folder)
    cv2.imwrite(str(folder / "mask.png"), mask)
    write_manifest(folder / "manifest.csv", [record])
    return record


def test_a_lung_in_pieces_is_taught_whole_as_it_is_scored(tmp_path: Path) -> None:
    mask = np.zeros((SIDE, SIDE), np.uint8)
    mask[10:40, 6:20] = mask[10:40, 28:44] = 255
    mask[32:34, 6:20] = 0  # a wire cuts the base off
    drawn(tmp_path, mask)
    (film,) = load_films(tmp_path, "train", (), SIDE, Preprocessing())
    np.testing.assert_array_equal(film.lungs[0, :, :24] * 255, mask[:, :24])
    np.testing.assert_array_equal(film.lungs[1, :, 24:] * 255, mask[:, 24:])


def test_lungs_drawn_apart_stay_apart_where_they_touch(tmp_path: Path) -> None:
    record = write_set(tmp_path)
    sides = np.zeros((2, SIDE, SIDE), np.uint8)
    sides[0, 10:40, 6:24] = sides[1, 12:40, 24:44] = 255
    for part, side in zip((Part.RIGHT, Part.LEFT), sides, strict=True):
        cv2.imwrite(str(tmp_path / f"{part.value}.png"), side)
    masks = tuple(MaskFile(tmp_path / f"{part.value}.png", part) for part in (Part.RIGHT, Part.LEFT))
    write_manifest(tmp_path / "manifest.csv", [replace(record, mask=masks)])
    (film,) = load_films(tmp_path, "train", (), SIDE, Preprocessing())
    np.testing.assert_array_equal(film.lungs * 255, sides)


def test_lungs_that_cannot_be_told_apart_are_all_in_the_first(tmp_path: Path) -> None:
    mask = np.zeros((SIDE, SIDE), np.uint8)
    mask[10:40, 6:44] = 255
    drawn(tmp_path, mask)
    (film,) = load_films(tmp_path, "train", (), SIDE, Preprocessing())
    np.testing.assert_array_equal(film.lungs[0] * 255, mask)
    assert not film.lungs[1].any()


@pytest.mark.parametrize("split", [Split.TRAIN, Split.VAL])
def test_an_empty_mask_is_said_with_its_film(tmp_path: Path, split: Split) -> None:
    record = drawn(tmp_path, np.zeros((SIDE, SIDE), np.uint8))
    write_manifest(tmp_path / "manifest.csv", [replace(record, split=split)])
    with pytest.raises(DataError, match="The mask of lungs/film is empty"):
        load_films(tmp_path, split.value, (), SIDE, Preprocessing())


@pytest.mark.parametrize(
    ("source", "message"), [("infections", "mask of infection, not of lungs"), ("hearts", "Two conventions")]
)
def test_what_is_no_lung_or_another_convention_is_refused(tmp_path: Path, source: str, message: str) -> None:
    write_set(tmp_path)
    for named in ((source, "lungs"), ()):  # named or not: nothing is left out in silence
        with pytest.raises(DataError, match=message if named else "mask of infection|Two conventions"):
            load_films(tmp_path, "train", named, 96, Preprocessing())


def test_every_source_is_learned_from_where_none_is_named(tmp_path: Path) -> None:
    """Whatever it is called: our own two hospitals are nothing special."""
    record = write_set(tmp_path)
    write_manifest(tmp_path / "manifest.csv", [replace(record, source=name) for name in ("mine", "theirs")])
    assert [film.key for film in load_films(tmp_path, "train", (), 96, Preprocessing())] == ["mine/film", "theirs/film"]
    assert [film.key for film in load_films(tmp_path, "train", ("mine",), 96, Preprocessing())] == ["mine/film"]
    with pytest.raises(DataError, match="No source is called shenzhen"):
        load_films(tmp_path, "train", ("shenzhen",), 96, Preprocessing())


def test_lungs_drawn_with_the_heart_are_learned_from_by_themselves(tmp_path: Path) -> None:
    write_set(tmp_path)
    assert [film.key for film in load_films(tmp_path, "train", ("hearts",), 96, Preprocessing())] == ["hearts/film"]


def test_infections_of_a_source_that_has_lungs_are_passed_over(tmp_path: Path) -> None:
    record = write_set(tmp_path)
    infection = replace(record, id="infection", label=Label.INFECTION, convention=Convention.NONE)
    write_manifest(tmp_path / "manifest.csv", [infection, record])
    assert [film.key for film in load_films(tmp_path, "train", (), 96, Preprocessing())] == ["lungs/film"]


def test_a_split_without_films_is_refused_before_anything_is_trained(tmp_path: Path) -> None:
    write_set(tmp_path)
    with pytest.raises(DataError, match="No film with a mask of its lungs lies in val"):
        load_films(tmp_path, "val", ("lungs",), 96, Preprocessing())


def test_a_film_of_doubtful_truth_teaches_nothing_but_is_still_scored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = write_set(tmp_path)
    monkeypatch.setattr("training.films.doubtful", lambda: frozenset({record.key}))
    with pytest.raises(DataError, match="lies in train"):
        load_films(tmp_path, "train", ("lungs",), 96, Preprocessing())
    write_manifest(tmp_path / "manifest.csv", [replace(record, split=Split.VAL)])
    assert [film.name for film in load_films(tmp_path, "val", ("lungs",), 96, Preprocessing())] == [record.id]


def test_every_doubtful_film_is_named_once_with_a_reason() -> None:
    rows = manifest_rows(Path(films.__file__).with_name("doubtful.csv"), ("key", "reason"))
    assert len(rows) == len(films.doubtful()) > 0
    assert all(row["reason"] and row["key"].count("/") == 1 for row in rows)
