"""Scores of masks that are known beforehand, through the engine's own Segmenter."""

import csv
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.film.radiograph import Radiograph, Source
from engine.geometry import BoxPrompt, Spacing, SpacingOrigin
from tests.training.box_filler import SIDE, box_filler
from training import metrics
from training.boxes import BoxKind
from training.manifest import Convention, FilmRecord, Label, Split
from training.scoring import Score, Target, answers, asks, score, with_known_spacing, write_scores
from training.truth import Lungs, split_lungs

RECORD = FilmRecord(
    "film", "someone", "somewhere", Path("f.png"), (), Label.LUNGS, Convention.HEART_EXCLUDED, Split.VAL, ""
)


def film(values: NDArray[np.generic] | None = None, spacing: Spacing | None = None) -> Radiograph:
    grey = np.arange(SIDE * SIDE, dtype=np.uint16).reshape(SIDE, SIDE) if values is None else values
    return Radiograph(grey.astype(np.uint16), Source(Path("f.png"), "", "", "PNG"), 12, spacing=spacing)


def square_lungs() -> Lungs:
    both = np.zeros((SIDE, SIDE), np.bool_)
    both[12:52, 8:24] = True
    both[12:52, 40:56] = True
    return split_lungs(both)


def scores(margin: int = 0, kinds: tuple[BoxKind, ...] = (BoxKind.ORACLE,)) -> list[Score]:
    lungs = square_lungs()
    size = metrics.pixel_size(SIDE, SIDE, None)
    found = answers(box_filler(margin), film(), asks("film", lungs, kinds))
    return [score(RECORD, lungs, one, size) for one in found]


def test_every_target_is_asked_for_in_every_way_and_the_whole_film_once() -> None:
    found = asks("film", square_lungs())
    assert len(found) == 3 * 5 + 1
    assert [ask.target for ask in found if ask.kind is BoxKind.WHOLE] == [Target.BOTH]
    assert next(ask.box for ask in found if ask.kind is BoxKind.WHOLE) == BoxPrompt(0, 0, SIDE, SIDE)
    right = next(ask for ask in found if ask.target is Target.RIGHT and ask.kind is BoxKind.ORACLE)
    assert right.box == BoxPrompt(8, 12, 24, 52)  # the patient's right lung is on the image's left
    assert right.truth[30, 10]
    assert not right.truth[30, 50]


def test_every_model_meets_the_same_boxes_and_every_film_its_own() -> None:
    def corners(name: str) -> list[tuple[float, ...]]:
        return [ask.box.corners for ask in asks(name, square_lungs(), (BoxKind.SLOPPY,))]

    assert corners("film") == corners("film")
    assert corners("film") != corners("other")


def test_lungs_that_cannot_be_told_apart_are_asked_for_together() -> None:
    lungs = square_lungs()
    together = Lungs(lungs.both, None, None)
    assert {ask.target for ask in asks("film", together)} == {Target.BOTH}


def test_a_perfect_mask_scores_perfectly() -> None:
    right = scores()[0]
    assert (right.target, right.box, right.dice, right.iou, right.nsd) == ("right lung", "oracle", 1.0, 1.0, 1.0)
    assert right.ssim == pytest.approx(1.0)
    assert (right.hd95, right.average_distance, right.angle_error, right.apex_error, right.wall_error) == (0,) * 5
    assert (right.pieces, right.expected_pieces, right.holes, right.roughness, right.quality) == (1, 1, 0, 1.0, 0.75)
    assert right.whole
    assert (right.film, right.patient, right.split, right.unit) == (
        "somewhere/film",
        "somewhere/someone",
        "val",
        "px of 512",
    )


def test_a_mask_two_pixels_too_small_all_round_has_known_scores() -> None:
    right = scores(margin=2)[0]
    truth, mask = 40 * 16, 36 * 12
    assert right.dice == pytest.approx(2 * mask / (truth + mask))
    assert right.iou == pytest.approx(mask / truth)
    assert (right.precision, right.recall) == (1.0, mask / truth)
    assert right.wall_error == pytest.approx(2 * 512 / SIDE)  # 2 px of 64 are 16 of 512
    assert right.average_distance == pytest.approx(16.0, abs=1.0)
    assert right.nsd == 0.0


def test_one_box_round_both_lungs_filled_up_is_one_piece_where_two_are_expected() -> None:
    both = scores()[2]
    assert (both.target, both.pieces, both.expected_pieces) == ("both lungs", 1, 2)
    assert not both.whole
    assert both.recall == 1.0


def test_masks_are_judged_as_the_program_shows_them_and_the_networks_own_are_counted_beside_them() -> None:
    lungs = square_lungs()
    size = metrics.pixel_size(SIDE, SIDE, None)
    asked = asks("film", lungs, (BoxKind.ORACLE,))[:1]
    right = score(RECORD, lungs, answers(box_filler(speck=True), film(), asked)[0], size)
    assert (right.pieces, right.holes, right.raw_pieces, right.raw_holes) == (1, 0, 2, 1)
    assert right.whole
    assert not right.raw_whole
    assert right.dice == 1.0


def test_spacing_of_the_file_comes_first_then_the_sources_then_none() -> None:
    given = Spacing(0.2, 0.2, SpacingOrigin.DETECTOR)
    told = FilmRecord(**{**{name: getattr(RECORD, name) for name in RECORD.__slots__}, "spacing_mm": 0.0875})
    assert with_known_spacing(film(spacing=given), told) is given
    from_papers = with_known_spacing(film(), told)
    assert from_papers is not None
    assert from_papers.row_mm == 0.0875
    assert with_known_spacing(film(), RECORD) is None


def test_the_table_on_disk_has_a_row_a_mask_and_blanks_for_what_is_not_known(tmp_path: Path) -> None:
    lungs = Lungs(square_lungs().both, None, None)
    size = metrics.pixel_size(SIDE, SIDE, None)
    found = [score(RECORD, lungs, one, size) for one in answers(box_filler(), film(), asks("film", lungs))]
    write_scores(tmp_path / "scores.csv", found)
    with (tmp_path / "scores.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 6
    assert rows[0]["angle_error"] == ""
    assert float(rows[0]["dice"]) == pytest.approx(found[0].dice, rel=1e-5)
    assert rows[0]["expected_pieces"] == "2"
