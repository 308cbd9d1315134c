from dataclasses import replace
from functools import reduce
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.case import Provenance, Structure
from engine.film.radiograph import Orientation, Radiograph, Source
from engine.geometry import BoxPrompt, Prompts
from engine.lungs import name_lungs, tidied, usual_box
from engine.mask import Mask
from engine.segmenter import Segmentation
from tests.engine.lung_cases import STORED_WAYS
from tests.engine.lung_cases import stored as as_stored

FILM = Radiograph(np.zeros((200, 240), dtype=np.uint8), Source(Path("f.png"), "", "", "PNG"), bits_stored=8)
MIRRORED = replace(FILM, orientation=Orientation("R", "F"))
BOX = Prompts(BoxPrompt.whole(200, 240))


def drawn(*ellipses: tuple[int, int, int, int]) -> Mask:
    pixels = np.zeros((200, 240), dtype=np.uint8)
    for x, y, width, height in ellipses:
        cv2.ellipse(pixels, ((x, y), (width, height), 0), 1, -1)
    return Mask.of(pixels)


def answer(mask: Mask) -> Segmentation:
    return Segmentation(mask, 0.9, np.zeros((4, 4), dtype=np.float32), Provenance("m", "0", "b", "v"))


LEFT_OF_IMAGE, RIGHT_OF_IMAGE = (70, 100, 60, 140), (170, 100, 60, 130)


def test_the_lung_on_the_images_left_is_the_patients_right() -> None:
    (finding,) = name_lungs(answer(drawn(LEFT_OF_IMAGE)), BOX, FILM)
    assert finding.structure is Structure.RIGHT_LUNG


def test_a_mirrored_film_turns_the_names_round() -> None:
    (finding,) = name_lungs(answer(drawn(LEFT_OF_IMAGE)), BOX, MIRRORED)
    assert finding.structure is Structure.LEFT_LUNG


def test_one_box_round_both_gives_two_lungs() -> None:
    findings = name_lungs(answer(drawn(LEFT_OF_IMAGE, RIGHT_OF_IMAGE)), BOX, FILM)
    assert [finding.structure for finding in findings] == [Structure.RIGHT_LUNG, Structure.LEFT_LUNG]
    right, left = (finding.mask.bounds() for finding in findings)
    assert right is not None
    assert left is not None
    assert right.x1 < left.x0


@pytest.mark.parametrize("way", sorted(STORED_WAYS))
def test_sides_are_the_patients_whichever_way_a_film_is_stored(way: tuple[str, str]) -> None:
    upright = {Structure.RIGHT_LUNG: drawn(LEFT_OF_IMAGE), Structure.LEFT_LUNG: drawn(RIGHT_OF_IMAGE)}
    lungs = {side: Mask.of(as_stored(mask.pixels(), way)) for side, mask in upright.items()}
    both = lungs[Structure.RIGHT_LUNG].union(lungs[Structure.LEFT_LUNG])
    stored = np.zeros((both.rows, both.columns), dtype=np.uint8)
    film = replace(FILM, stored=stored, orientation=Orientation(*way))
    whole = Prompts(BoxPrompt.whole(film.rows, film.columns))
    assert {one.structure: one.mask for one in name_lungs(answer(both), whole, film)} == lungs
    for side, mask in lungs.items():
        (alone,) = name_lungs(answer(mask), Prompts(usual_box(film, side)), film)
        assert (alone.structure, alone.mask) == (side, mask)


def test_lungs_grown_together_are_parted() -> None:
    bridge = (120, 60, 80, 10)
    findings = name_lungs(answer(drawn(LEFT_OF_IMAGE, RIGHT_OF_IMAGE, bridge)), BOX, FILM)
    assert {finding.structure for finding in findings} == {Structure.RIGHT_LUNG, Structure.LEFT_LUNG}


def test_specks_and_pinholes_are_tidied_away() -> None:
    whole = drawn(LEFT_OF_IMAGE)
    pixels = whole.pixels()
    pixels[100, 70] = False
    pixels[5:8, 230:233] = True
    assert tidied(Mask.of(pixels)) == whole


def beside(mask: Mask) -> bool:
    """Two pieces, the smaller a quarter of the larger or more, that share at most a quarter of the narrower one."""
    parts = mask.parts()
    columns = [set(np.flatnonzero(part.pixels().any(axis=0)).tolist()) for part in parts]
    spans = [range(min(one), max(one) + 1) for one in columns]
    if len(parts) < 2 or parts[1].area_px < 0.25 * parts[0].area_px:
        return False
    return len(set(spans[0]) & set(spans[1])) <= 0.25 * min(len(spans[0]), len(spans[1]))


@given(st.integers(0, 10_000), st.sampled_from([(8, 10, 118, 190), (60, 20, 200, 180), (100, 90, 130, 120)]))
@settings(max_examples=40)
def test_naming_takes_the_parts_that_the_rule_says(seed: int, corners: tuple[int, int, int, int]) -> None:
    """The rule step by step on whole masks, with nothing left out because it cannot matter."""
    noise = np.random.default_rng(seed).normal(size=(200, 240)).astype(np.float32)
    mask = Mask.of(cv2.GaussianBlur(noise, (0, 0), 9) > 0.05)
    box = BoxPrompt(*corners)
    inside = [part for part in mask.parts() if part.clipped(box).area_px * 3 >= part.area_px]
    kept = reduce(Mask.union, inside, Mask.empty(200, 240)) if inside else mask.clipped(box)
    areas = [part.area_px for part in kept.parts()]
    two = len(areas) > 1 and areas[1] >= 0.12 * areas[0]
    expected = kept.largest_parts(2 if two else 1).holes_filled()
    if (box.x1 - box.x0) < 0.75 * (box.y1 - box.y0) and not beside(expected):
        expected = expected.largest_parts(1)
    findings = name_lungs(answer(mask), Prompts(box), FILM)
    assert reduce(Mask.union, [finding.mask for finding in findings], Mask.empty(200, 240)) == expected


def test_no_lung_is_no_finding() -> None:
    assert name_lungs(answer(Mask.empty(200, 240)), BOX, FILM) == ()
