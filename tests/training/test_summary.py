"""Tables, bars and comparisons of scores that are known."""

from dataclasses import replace

import pytest

from training import comparison, summary
from training.manifest import Convention
from training.scoring import Score
from training.summary import DRAWN

GOOD = Score(
    film="a/1",
    patient="a/p1",
    source="a",
    split="val",
    convention="heart-excluded",
    altered="",
    target="right lung",
    box="tight",
    dice=0.98,
    iou=0.96,
    precision=0.98,
    recall=0.98,
    nsd=0.9,
    nsd_paper=0.95,
    hd95=3.0,
    average_distance=1.0,
    angle_error=2.0,
    apex_error=1.0,
    wall_error=0.5,
    ssim=0.99,
    pieces=1,
    expected_pieces=1,
    holes=0,
    raw_pieces=1,
    raw_holes=0,
    roughness=1.02,
    quality=0.95,
    unit="px of 512",
)


def many(count: int = 20, source: str = "a", **changes: object) -> list[Score]:
    """Scores of as many films, every drawn kind of box, one lung, both lungs and the whole film."""
    found = []
    for i in range(count):
        one = replace(GOOD, film=f"{source}/{i}", patient=f"{source}/p{i}", source=source)
        for target, expected in (("right lung", 1), ("left lung", 1), ("both lungs", 2)):
            whole = replace(one, target=target, pieces=expected, expected_pieces=expected)
            found += [replace(whole, box=box) for box in ("tight", "loose", "shifted", "sloppy")]
        found.append(replace(one, target="both lungs", box="whole", pieces=2, expected_pieces=2))
    return [replace(one, **changes) for one in found]  # type: ignore[arg-type]


def row(rows: list[summary.Row], source: str, asked: str, box: str) -> summary.Row:
    return next(one for one in rows if (one.source, one.asked, one.box) == (source, asked, box))


def test_each_source_has_its_lines_and_sources_of_one_convention_are_pooled() -> None:
    rows = summary.table([*many(source="a"), *many(source="b", dice=0.90)])
    assert {one.source for one in rows} == {"a", "b", "a + b"}
    pooled = row(rows, "a + b", "one lung", DRAWN)
    assert (pooled.masks, pooled.dice.films, pooled.dice.patients) == (320, 320, 40)
    assert pooled.dice.value == pytest.approx(0.94)
    assert row(rows, "b", "both lungs", "whole").dice.value == pytest.approx(0.90)


def test_sources_of_two_conventions_are_never_pooled_and_the_table_says_so() -> None:
    rows = summary.table([*many(source="a"), *many(source="v7", convention="heart-included", dice=0.8)])
    assert {one.source for one in rows} == {"a", "v7"}
    text = summary.as_markdown(rows)
    assert "### v7 (heart-included): one lung" in text
    assert text.count("drawn by another convention") == 2
    # The bars are held against the model's own convention alone.
    assert summary.bars(rows)[0].found == pytest.approx(0.98)


def test_a_good_model_clears_every_bar() -> None:
    scores = [*many(), *many(altered="rotated", dice=0.97)]
    found = summary.bars(summary.table(scores))
    assert len(found) == 12
    assert all(bar.cleared for bar in found)
    assert "NO" not in summary.bars_as_markdown(found)


@pytest.mark.parametrize(
    ("spoil", "bar"),
    [
        ({"dice": 0.969}, "one-lung boxes as drawn: mean Dice"),
        ({"roughness": 1.12}, "one lung: roughness against the truth's"),
        ({"holes": 1}, "one lung: masks in other than one piece a lung, or with holes, per cent"),
        ({"pieces": 3}, "both lungs: masks in other than one piece a lung, or with holes, per cent"),
    ],
)
def test_a_missed_bar_is_named(spoil: dict[str, object], bar: str) -> None:
    scores = [replace(one, **spoil) for one in many()]  # type: ignore[arg-type]
    found = summary.bars(summary.table(scores))
    assert bar in {one.name for one in found if not one.cleared}


def test_a_model_that_takes_in_the_heart_is_held_against_truth_that_does() -> None:
    rows = summary.table([replace(one, convention=Convention.HEART_INCLUDED.value) for one in many()])
    assert not summary.bars(rows)
    assert "another convention than the model's" in summary.as_markdown(rows)
    assert summary.bars(rows, Convention.HEART_INCLUDED)
    assert "another convention" not in summary.as_markdown(rows, Convention.HEART_INCLUDED)


def test_a_sloppy_box_may_cost_seven_tenths_of_a_point() -> None:
    for dice, cleared in ((0.9735, True), (0.9725, False)):
        scores = [replace(one, dice=dice) if one.box == "sloppy" else one for one in many()]
        found = {bar.name: bar for bar in summary.bars(summary.table(scores))}
        assert found["one lung: Dice points lost by a sloppy box against a tight one"].cleared is cleared


def test_a_bad_tail_shows_in_the_fifth_percentile_and_not_in_the_mean() -> None:
    scores = [replace(one, dice=0.90) if one.film in {"a/0", "a/1"} else one for one in many(20)]
    found = {bar.name: bar for bar in summary.bars(summary.table(scores))}
    assert found["one-lung boxes as drawn: mean Dice"].cleared
    assert not found["one-lung boxes as drawn: 5th percentile of Dice"].cleared


def test_alterations_are_lines_of_their_own_held_against_the_film_as_it_is() -> None:
    rows = summary.table([*many(), *many(altered="inverted", dice=0.95)])
    assert row(rows, "a", "one lung", DRAWN).dice.value == pytest.approx(0.98)
    lost = next(bar for bar in summary.bars(rows) if bar.name == "inverted, one lung: Dice points lost")
    assert lost.found == pytest.approx(3.0)
    assert not lost.cleared


def test_the_worst_are_of_different_films_and_of_drawn_boxes() -> None:
    scores = [replace(one, dice=0.1) if one.box == "whole" else one for one in many(5)]
    scores[0] = replace(scores[0], dice=0.5)
    scores[1] = replace(scores[1], dice=0.4)
    worst = summary.worst(scores, 3)
    assert [one.film for one in worst] == ["a/0", "a/1", "a/2"]
    assert worst[0].dice == 0.4


def test_what_is_not_known_is_blank() -> None:
    rows = summary.table(many(angle_error=None, roughness=None))
    assert row(rows, "a", "one lung", DRAWN).angle_error is None
    assert summary.bars(rows)
    assert "| 0.5000" not in summary.as_markdown(rows)


def test_both_tests_are_printed_and_a_film_counts_once() -> None:
    old = many(30)
    new = [replace(one, dice=one.dice - 0.0001 * (1 + int(one.film[2:]))) for one in old]
    found = comparison.compare(new, old)
    assert [one.films for one in found] == ["a"]
    assert found[0].non_inferiority.difference.films == 30
    assert found[0].non_inferiority.difference.value == pytest.approx(-0.155)
    assert found[0].non_inferiority.shown
    assert found[0].signed_rank.p_value < 0.001
    text = comparison.as_markdown(found, "INT8", "float")
    assert "| a | 30 | -0.155 (" in text
    assert "| yes |" in text
    assert comparison.as_json(found)[0]["non_inferior"] is True


def test_only_the_same_asks_are_compared() -> None:
    with pytest.raises(ValueError, match="not asked the same"):
        comparison.compare(many(3), many(4))
