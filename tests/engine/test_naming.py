"""Which lung is which: the side is named by what was boxed, never by what else the model saw."""

import numpy as np
import pytest

from engine.case import Provenance, Structure
from engine.film.radiograph import Radiograph
from engine.geometry import BoxPrompt, Prompts
from engine.lungs import name_lungs
from engine.mask import Mask
from engine.segmenter import Segmentation
from tests.phantom import read_film

ROWS, COLUMNS = 96, 80
RIGHT, LEFT = (slice(15, 80), slice(10, 35)), (slice(15, 80), slice(45, 70))  # on the image's left and right
LEFT_BOX, BOTH_BOX = BoxPrompt(42, 10, 73, 85), BoxPrompt(5, 10, 75, 85)


def named(*regions: tuple[slice, slice], box: BoxPrompt | None, film: Radiograph | None = None) -> dict[Structure, int]:
    pixels = np.zeros((ROWS, COLUMNS), dtype=np.bool_)
    for region in regions:
        pixels[region] = True
    prompts = Prompts(box or BoxPrompt.whole(ROWS, COLUMNS))
    segmentation = Segmentation(
        Mask.of(pixels), 0.9, np.zeros((4, 4), dtype=np.float32), Provenance("m", "0", "b", "v")
    )
    return {f.structure: f.mask.area_px for f in name_lungs(segmentation, prompts, film or read_film())}


def test_one_box_round_both_lungs_gives_two_structures() -> None:
    assert named(RIGHT, LEFT, box=BOTH_BOX) == {Structure.RIGHT_LUNG: 65 * 25, Structure.LEFT_LUNG: 65 * 25}


def test_a_box_with_every_edge_a_seventh_of_its_side_too_far_in_still_has_both_lungs() -> None:
    """Less than half of a lung lies in it, and it was meant."""
    assert named(RIGHT, LEFT, box=BoxPrompt(10, 25, 61, 70)) == {
        Structure.RIGHT_LUNG: 65 * 25,
        Structure.LEFT_LUNG: 65 * 25,
    }


def test_a_fifth_of_the_other_lung_in_a_box_is_not_meant() -> None:
    assert named(RIGHT, LEFT, box=BoxPrompt(40, 10, 75, 85)) == {Structure.LEFT_LUNG: 65 * 25}


def test_air_outside_the_box_does_not_move_the_lung_to_the_other_side() -> None:
    arm = (slice(20, 60), slice(74, 80))
    assert named(LEFT, arm, box=LEFT_BOX) == {Structure.LEFT_LUNG: 65 * 25}


def test_a_lung_in_two_pieces_in_a_narrow_box_stays_one_lung() -> None:
    upper, lower = (slice(15, 40), slice(45, 70)), (slice(50, 85), slice(52, 70))
    assert list(named(upper, lower, box=LEFT_BOX)) == [Structure.LEFT_LUNG]


def test_a_narrow_box_round_both_lungs_gives_two_structures() -> None:
    right, left = (slice(10, 90), slice(12, 33)), (slice(12, 88), slice(40, 60))
    found = named(right, left, box=BoxPrompt(10, 4, 62, 94))
    assert found == {Structure.RIGHT_LUNG: 80 * 21, Structure.LEFT_LUNG: 76 * 20}


def test_a_sliver_of_the_other_lung_in_a_narrow_box_is_left_out() -> None:
    sliver = (slice(30, 60), slice(36, 41))
    assert named(LEFT, sliver, box=BoxPrompt(36, 10, 73, 85)) == {Structure.LEFT_LUNG: 65 * 25}


def test_a_mask_that_reaches_a_little_past_its_box_is_kept_whole() -> None:
    assert named(LEFT, box=BoxPrompt(47, 18, 68, 78)) == {Structure.LEFT_LUNG: 65 * 25}


@pytest.mark.parametrize("orientation", [["R", "F"], ["L", "F"]])
def test_a_mirrored_film_has_its_sides_mirrored(orientation: list[str]) -> None:
    expected = Structure.LEFT_LUNG if orientation[0] == "L" else Structure.RIGHT_LUNG
    assert list(named(LEFT, box=LEFT_BOX, film=read_film(PatientOrientation=orientation))) == [expected]


def test_nothing_in_the_box_is_nothing() -> None:
    assert named(RIGHT, box=LEFT_BOX) == {}


def test_a_mask_that_spills_far_over_its_box_is_cut_to_it() -> None:
    everything = (slice(0, ROWS), slice(0, COLUMNS))
    assert named(everything, box=LEFT_BOX) == {Structure.LEFT_LUNG: 75 * 31}
