"""Measurements against phantoms of known truth, however they are sampled and stored."""

import json
import math
from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import resources
from engine.case import Case, HeartCallipers, Line, Making, Structure
from engine.errors import MeasurementError
from engine.film.grey import Window
from engine.film.radiograph import Note, NoteCode, ViewPosition
from engine.film.reading import read_radiograph
from engine.geometry import BoxPrompt, PointPrompt, Prompts, SpacingOrigin
from engine.mask import Mask
from engine.measure import (
    Caveat,
    Measurement,
    Measurements,
    Reason,
    can_apply_magnification,
    compare,
    displayed,
    jittered,
    measure,
    propose_callipers,
    rounded,
    with_intervals,
    with_known_length,
)
from engine.outline import enclosed_area
from tests.engine.lung_cases import LEFT, RIGHT, SHARP_RIGHT, STORED_WAYS, Grid, callipers, film_of, lung, lung_case

RIGHT_CM2, LEFT_CM2 = enclosed_area(RIGHT) / 100, enclosed_area(LEFT) / 100
sizes = st.floats(0.35, 1.2)
offsets = st.tuples(st.floats(0, 2), st.floats(0, 2))


def value(found: Measurements, structure: str, key: str) -> float:
    row = found.of(structure, key)
    assert row is not None
    assert row.value is not None, row.reason
    return row.value


@given(sizes, sizes, offsets, st.sampled_from(sorted(STORED_WAYS)))
@settings(max_examples=40, deadline=None)
def test_phantoms_measure_as_they_were_made(
    row_mm: float, column_mm: float, offset: tuple[float, float], way: tuple[str, str]
) -> None:
    found = measure(lung_case(Grid(row_mm, column_mm, offset), way=way))
    pixel = max(row_mm, column_mm)
    for structure, area in (("right_lung", RIGHT_CM2), ("left_lung", LEFT_CM2), ("both_lungs", RIGHT_CM2 + LEFT_CM2)):
        assert value(found, structure, "area") == pytest.approx(area, rel=0.01)
    # Apex to dome and angle, width: straight from the corners of the outline.
    assert value(found, "right_lung", "height-dome") == pytest.approx(220 - 20, abs=pixel)
    assert value(found, "right_lung", "height-angle") == pytest.approx(250 - 20, abs=pixel)
    assert value(found, "right_lung", "width") == pytest.approx(100, abs=pixel)
    assert value(found, "left_lung", "height-dome") == pytest.approx(235 - 20, abs=pixel)
    assert value(found, "left_lung", "height-angle") == pytest.approx(262 - 20, abs=pixel)
    assert value(found, "both_lungs", "diaphragm-difference") == pytest.approx(235 - 220, abs=pixel)
    assert value(found, "thorax", "thoracic-diameter") == pytest.approx(262 - 20, abs=pixel)
    assert value(found, "both_lungs", "asymmetry") == pytest.approx(
        (RIGHT_CM2 - LEFT_CM2) / (RIGHT_CM2 + LEFT_CM2), abs=0.01
    )
    perimeter = float(np.hypot(*(np.roll(RIGHT, -1, axis=0) - RIGHT).T).sum())
    assert value(found, "right_lung", "perimeter") == pytest.approx(perimeter, rel=0.02)
    shares = [value(found, "right_lung", f"share-{zone}") for zone in ("upper", "middle", "lower")]
    assert sum(shares) == pytest.approx(1)
    areas = [value(found, "right_lung", f"area-{zone}") for zone in ("upper", "middle", "lower")]
    assert sum(areas) == pytest.approx(value(found, "right_lung", "area"))


@given(st.floats(0.2, 0.6), st.floats(0.2, 0.6), offsets)
@settings(max_examples=15, deadline=None)
def test_the_costophrenic_angle_and_the_dome(row_mm: float, column_mm: float, offset: tuple[float, float]) -> None:
    found = measure(lung_case(Grid(row_mm, column_mm, offset), right_outline=SHARP_RIGHT))
    assert value(found, "right_lung", "costophrenic-angle") == pytest.approx(
        math.degrees(math.atan2(63 - 20, 250 - 220)), abs=2.5
    )
    # Height of the dome's flat top, from (63, 220) to (67, 220), above the chord from (20, 250) to (105, 245).
    chord = np.array([85.0, -5.0])
    rise = max(abs(chord[0] * (220 - 250) - chord[1] * (x - 20)) / np.hypot(*chord) for x in (63, 67))
    assert value(found, "right_lung", "dome-height") == pytest.approx(rise, abs=1.5 * max(row_mm, column_mm))


@pytest.mark.parametrize("way", sorted(STORED_WAYS))
def test_the_way_a_film_is_stored_changes_no_number(way: tuple[str, str]) -> None:
    grid = Grid(0.5, 0.4)
    upright, turned = measure(lung_case(grid)), measure(lung_case(grid, way=way))
    for before, now in zip(upright, turned, strict=True):
        assert (before.id, before.structure, before.unit) == (now.id, now.structure, now.unit)
        if before.id.startswith(("centroid", "grey")):
            continue  # a place in the stored image is not the same place
        assert now.value == (None if before.value is None else pytest.approx(before.value, rel=1e-9)), before.id


@pytest.mark.parametrize("way", sorted(STORED_WAYS))
def test_lines_lie_in_the_stored_image_and_are_as_long_as_the_value(way: tuple[str, str]) -> None:
    case = lung_case(Grid(0.5, 0.4), way=way)
    spacing = case.radiograph.spacing
    assert spacing is not None
    seen: set[str] = set()
    for row in measure(case):
        for line in row.evidence.lines:
            assert min(line.x0, line.x1) >= 0
            assert max(line.x0, line.x1) <= case.radiograph.columns
            assert min(line.y0, line.y1) >= 0
            assert max(line.y0, line.y1) <= case.radiograph.rows
        if row.evidence.lines and row.unit == "mm":
            line = row.evidence.lines[0]
            length = math.hypot((line.x1 - line.x0) * spacing.column_mm, (line.y1 - line.y0) * spacing.row_mm)
            assert row.value is not None
            assert abs(row.value) == pytest.approx(length, rel=1e-6), row.id
            seen.add(row.id)
    assert seen == {"height-dome", "height-angle", "width", "thoracic-diameter", "dome-height", "diaphragm-difference"}


def test_the_hearts_own_line_comes_first_and_its_midline_explains_it() -> None:
    case = lung_case(Grid(0.5, 0.4))
    case = replace(case, callipers=callipers(case))
    found = measure(case)
    assert case.callipers is not None
    for key in ("heart-right", "heart-left"):
        row = found.of("heart", key)
        assert row is not None
        line, midline = row.evidence.lines
        assert midline == case.callipers.midline
        assert row.value == pytest.approx(math.hypot((line.x1 - line.x0) * 0.4, (line.y1 - line.y0) * 0.5))


def test_window_and_polarity_change_no_number() -> None:
    case = lung_case(Grid(1.0, 1.0))
    other = replace(case, radiograph=replace(case.radiograph, inverse=True, views=(Window(100.0, 20.0),)))
    assert measure(case) == measure(other)


def test_no_spacing_means_no_millimetres() -> None:
    found = measure(lung_case(Grid(1.0, 1.0), origin=None))
    assert {row.unit for row in found} <= {"px", "1", "deg", "grey"}
    assert all(row.origin is None for row in found)
    assert value(found, "right_lung", "area") == lung_case(Grid(1.0, 1.0)).findings[0].mask.area_px
    assert value(found, "right_lung", "width") == pytest.approx(100, abs=1)


def test_every_millimetre_says_where_it_comes_from() -> None:
    for origin in SpacingOrigin:
        for row in measure(lung_case(Grid(1.0, 1.0), origin=origin)):
            assert (row.origin is origin) is (row.unit in ("mm", "cm2") and row.value is not None)


def test_magnification_is_applied_only_when_switched_on() -> None:
    case = lung_case(Grid(1.0, 1.0), magnification=1.1)
    off, on = measure(case), measure(replace(case, magnification_applied=True))
    assert value(on, "right_lung", "area") == pytest.approx(value(off, "right_lung", "area") / 1.21)
    assert value(on, "right_lung", "width") == pytest.approx(value(off, "right_lung", "width") / 1.1)
    assert on.spacing is not None
    assert on.spacing.origin is SpacingOrigin.GEOMETRY
    width = off.of("right_lung", "width")
    assert width is not None
    assert Caveat.MAGNIFIED in width.caveats
    assert not any(Caveat.MAGNIFIED in row.caveats for row in on)


def test_magnification_means_nothing_for_corrected_spacing() -> None:
    case = lung_case(Grid(1.0, 1.0), origin=SpacingOrigin.FIDUCIAL, magnification=1.1)
    assert not can_apply_magnification(case.radiograph)
    assert measure(replace(case, magnification_applied=True)) == measure(case)


@given(sizes, sizes, st.floats(0, math.tau))
@settings(max_examples=20, deadline=None)
def test_a_known_length_calibrates_in_any_direction(row_mm: float, column_mm: float, angle: float) -> None:
    case = lung_case(Grid(row_mm, column_mm), origin=None)
    case = replace(case, radiograph=replace(case.radiograph, pixel_aspect=row_mm / column_mm))
    ends = [(140 + 50 * sign * math.cos(angle), 150 + 50 * sign * math.sin(angle)) for sign in (-1, 1)]
    (x0, y0), (x1, y1) = ((x / column_mm, y / row_mm) for x, y in ends)
    calibrated = with_known_length(case, Line(x0, y0, x1, y1), 100.0)
    found = measure(calibrated)
    assert found.spacing is not None
    assert found.spacing.origin is SpacingOrigin.USER
    assert found.spacing.column_mm == pytest.approx(column_mm)
    assert found.spacing.row_mm == pytest.approx(row_mm)


@pytest.mark.parametrize(
    ("line", "length"), [(Line(0, 0, 5, 5), 50.0), (Line(0, 0, 100, 0), 0.0), (Line(0, 0, 100, 0), math.nan)]
)
def test_a_length_that_cannot_calibrate_is_refused(line: Line, length: float) -> None:
    with pytest.raises(MeasurementError):
        with_known_length(lung_case(Grid(1.0, 1.0)), line, length)


def test_the_ratio_is_heart_over_thorax() -> None:
    case = lung_case(Grid(0.5, 0.4))
    found = measure(replace(case, callipers=callipers(case)))
    assert value(found, "heart", "heart-right") == pytest.approx(142.5 - 115)
    assert value(found, "heart", "heart-left") == pytest.approx(190 - 142.5)
    assert value(found, "heart", "ctr") == pytest.approx(75 / value(found, "thorax", "thoracic-diameter"))


@given(st.floats(-10, 10), sizes, sizes)
@settings(max_examples=25, deadline=None)
def test_a_tilted_midline_measures_across_itself(degrees: float, row_mm: float, column_mm: float) -> None:
    case = lung_case(Grid(row_mm, column_mm))
    along = np.array([math.sin(math.radians(degrees)), math.cos(math.radians(degrees))])
    across = np.array([-along[1], along[0]])
    start, size = np.array([140.0, 40.0]), np.array([column_mm, row_mm])
    end = start + 180 * along
    right, left = start + 120 * along + 30 * across, start + 130 * along - 50 * across
    for head, foot in ((start, end), (end, start)):
        marks = HeartCallipers(Line(*(head / size), *(foot / size)), tuple(right / size), tuple(left / size))
        found = measure(replace(case, callipers=marks))
        assert value(found, "heart", "heart-right") == pytest.approx(30)
        assert value(found, "heart", "heart-left") == pytest.approx(50)


def test_exchanged_or_level_callipers_give_no_ratio() -> None:
    case = lung_case(Grid(1.0, 1.0))
    good = callipers(case)
    for bad in (
        replace(good, right=good.left, left=good.right),
        replace(good, midline=Line(10, 50, 200, 50)),
        replace(good, midline=Line(10, 50, 10, 50)),
    ):
        row = measure(replace(case, callipers=bad)).of("heart", "ctr")
        assert row is not None
        assert row.reason is Reason.CALLIPERS_UNUSABLE


def ratio(case: Case) -> Measurement:
    row = measure(replace(case, callipers=callipers(case))).of("heart", "ctr")
    assert row is not None
    return row


def test_the_ratio_carries_its_view() -> None:
    grid = Grid(1.0, 1.0)
    assert ratio(lung_case(grid)).caveats == ()
    assert Caveat.AP in ratio(lung_case(grid, view=ViewPosition.AP)).caveats
    assert Caveat.VIEW_UNKNOWN in ratio(lung_case(grid, view=ViewPosition.UNKNOWN)).caveats
    assert ratio(lung_case(grid, view=ViewPosition.LATERAL)).reason is Reason.NOT_FRONTAL
    assert Caveat.ORIENTATION_ASSUMED in ratio(lung_case(grid, way=None)).caveats


def test_a_lateral_film_has_areas_and_nothing_frontal() -> None:
    found = measure(lung_case(Grid(1.0, 1.0), view=ViewPosition.LATERAL))
    assert value(found, "right_lung", "area") > 0
    assert value(found, "right_lung", "perimeter") > 0
    for row in found:
        if row.id in ("width", "height-dome", "costophrenic-angle", "asymmetry", "thoracic-diameter", "ctr"):
            assert row.reason is Reason.NOT_FRONTAL


def test_a_film_lying_on_its_side_is_not_frontal() -> None:
    case = lung_case(Grid(1.0, 1.0))
    turned = replace(case, radiograph=film_of(case.radiograph.stored.copy(), case.radiograph.spacing, way=("A", "F")))
    row = measure(turned).of("right_lung", "width")
    assert row is not None
    assert row.reason is Reason.NOT_FRONTAL


def demo_case(right: str, left: str) -> tuple[Case, dict[str, object]]:
    folder = resources.path("demo")
    truth = json.loads((folder / "truth.json").read_text())
    film = read_radiograph(folder / "demo.dcm")
    masks = [
        Mask.of(np.asarray(cv2.imread(str(folder / f"{name}.png"), cv2.IMREAD_GRAYSCALE))) for name in (right, left)
    ]
    sides = (Structure.RIGHT_LUNG, Structure.LEFT_LUNG)
    findings = tuple(lung(side, mask, f"2.25.{n}") for n, (side, mask) in enumerate(zip(sides, masks, strict=True), 1))
    return Case(film, findings), truth


def test_the_demo_film_measures_as_it_was_simulated() -> None:
    case, truth = demo_case("right_lung", "left_lung")
    found = measure(case)
    pixel = float(truth["pixel_spacing_mm"])  # type: ignore[arg-type]
    for structure, stated in truth["lungs"].items():  # type: ignore[attr-defined]
        if structure.endswith("_full"):
            continue
        assert value(found, structure, "area") == pytest.approx(stated["area_mm2"] / 100, rel=1e-3)
        assert value(found, structure, "width") == pytest.approx(stated["width_mm"], abs=pixel)
        assert value(found, structure, "height-dome") == pytest.approx(stated["height_to_dome_mm"], abs=pixel)
        assert value(found, structure, "height-angle") == pytest.approx(
            stated["height_to_costophrenic_angle_mm"], abs=pixel
        )
    assert value(found, "thorax", "thoracic-diameter") == pytest.approx(truth["thoracic_diameter_mm"], abs=2 * pixel)


def test_callipers_are_proposed_at_the_hearts_borders() -> None:
    case, truth = demo_case("right_lung", "left_lung")
    proposed = propose_callipers(case)
    assert proposed is not None
    found = measure(replace(case, callipers=proposed))
    assert value(found, "heart", "heart-diameter") == pytest.approx(truth["heart_diameter_mm"], abs=2.0)


def test_no_callipers_where_the_masks_hide_the_heart() -> None:
    case, _ = demo_case("right_lung_full", "left_lung_full")
    assert propose_callipers(case) is None


def test_one_mask_of_both_lungs_measures_as_two() -> None:
    case = lung_case(Grid(0.5, 0.4))
    right, left = (finding.mask for finding in case.findings)
    both = Case(case.radiograph, (lung(Structure.BOTH_LUNGS, right.union(left), "2.25.3"),))
    apart, together = measure(case), measure(both)
    for key in ("area", "width", "height-dome"):
        assert value(together, "right_lung", key) == value(apart, "right_lung", key)
        assert value(together, "left_lung", key) == value(apart, "left_lung", key)
    row = together.of("right_lung", "area")
    assert row is not None
    assert Caveat.SPLIT in row.caveats


@pytest.mark.parametrize("way", sorted(STORED_WAYS))
def test_sides_are_the_patients_however_the_film_is_stored(way: tuple[str, str]) -> None:
    case = lung_case(Grid(1.0, 1.0), way=way)
    right, left = (finding.mask for finding in case.findings)
    both = Case(case.radiograph, (lung(Structure.BOTH_LUNGS, right.union(left), "2.25.3"),))
    found = measure(both)
    assert value(found, "right_lung", "area") == pytest.approx(right.area_px / 100)
    assert value(found, "left_lung", "area") == pytest.approx(left.area_px / 100)


def test_fragments_overlap_and_cut_edges_are_marked() -> None:
    case = lung_case(Grid(1.0, 1.0))
    right, left = case.findings
    speck = np.zeros((300, 285), dtype=np.bool_)
    speck[295:, 280:] = True
    broken = case.with_finding(replace(right, mask=right.mask.union(Mask.of(speck))))
    row = measure(broken).of("right_lung", "height-angle")
    assert row is not None
    assert {Caveat.FRAGMENTS, Caveat.CUT_OFF} <= set(row.caveats)
    assert row.value == pytest.approx(230, abs=1)
    crossed = case.with_finding(replace(left, mask=left.mask.union(right.mask.clipped(BoxPrompt(0, 0, 300, 60)))))
    total = measure(crossed).of("both_lungs", "area")
    assert total is not None
    assert Caveat.OVERLAP in total.caveats


def test_an_empty_mask_has_reasons_and_no_zeros() -> None:
    case = lung_case(Grid(1.0, 1.0))
    empty = case.with_finding(replace(case.findings[0], mask=Mask.empty(300, 285)))
    for row in measure(empty):
        if row.structure == "right_lung" and row.id not in ("area", "perimeter"):
            assert row.value is None
            assert row.reason is not None


def test_grey_is_measured_only_where_it_means_something() -> None:
    row = measure(lung_case(Grid(1.0, 1.0))).of("right_lung", "grey-mean")
    assert row is not None
    assert row.reason is Reason.GREY_WITHOUT_MEANING
    case, _ = demo_case("right_lung", "left_lung")
    film = case.radiograph
    inside = film.modality_values()[case.findings[0].mask.pixels()].astype(np.float64)
    found = measure(case)
    assert value(found, "right_lung", "grey-mean") == pytest.approx(inside.mean(), rel=1e-6)
    assert value(found, "right_lung", "grey-spread") == pytest.approx(inside.std(), rel=1e-6)


def test_what_the_reader_drew_is_measured() -> None:
    case = lung_case(Grid(0.5, 0.4))
    case = replace(case, distances=(Line(0, 0, 30, 40),))
    assert value(measure(case), "thorax", "distance-1") == pytest.approx(math.hypot(30 * 0.4, 40 * 0.5))
    other = replace(lung(Structure.OTHER, case.findings[0].mask, "2.25.9"), name="Nodule", making=Making.DRAWN)
    assert value(measure(case.with_finding(other)), "2.25.9", "area") == value(measure(case), "right_lung", "area")


def test_millimetres_of_two_kinds_do_not_compare() -> None:
    grid = Grid(1.0, 1.0)
    prior, current = measure(lung_case(grid)), measure(lung_case(grid, origin=SpacingOrigin.FIDUCIAL))
    for change in compare(prior, current):
        assert (change.difference is None) is (change.current.unit in ("mm", "cm2", "px"))
        assert (change.obstacle is not None) is (change.difference is None)
    same = {(change.current.structure, change.current.id): change for change in compare(prior, prior)}
    assert same["right_lung", "area"].difference == 0
    assert same["right_lung", "area"].relative == 1
    pixels = measure(lung_case(grid, origin=None))
    assert all(
        change.current.unit in ("1", "deg") for change in compare(pixels, pixels) if change.difference is not None
    )


def test_intervals_span_what_other_boxes_give() -> None:
    case = lung_case(Grid(1.0, 1.0))
    found = measure(case)
    masks = {finding.tracking_uid: [finding.mask.grown(2), finding.mask.shrunk(2)] for finding in case.findings}
    row = with_intervals(case, found, masks).of("right_lung", "area")
    assert row is not None
    assert row.value is not None
    assert row.interval is not None
    assert row.interval[0] < row.value < row.interval[1]
    assert with_intervals(case, found, {}) == found


def test_boxes_are_jittered_the_same_way_every_time() -> None:
    prompts = Prompts(BoxPrompt(0, 10, 200, 260), (PointPrompt(5, 5),))
    draws = jittered(prompts, 300, 285)
    assert draws == jittered(prompts, 300, 285)
    assert len(draws) == 8
    for draw in draws:
        assert draw.box is not None
        assert draw.points == prompts.points
        assert max(abs(a - b) for a, b in zip(draw.box.corners, (0, 10, 200, 260), strict=True)) <= 0.03 * 250
    assert jittered(Prompts(None, (PointPrompt(5, 5),)), 300, 285) == []


@pytest.mark.parametrize(
    ("number", "unit", "text"),
    [(123.6, "mm", "124"), (12.34, "cm2", "12.3"), (0.4567, "1", "0.46"), (-0.001, "1", "0.00"), (44.6, "deg", "45")],
)
def test_numbers_are_shown_rounded(number: float, unit: str, text: str) -> None:
    assert rounded(number, unit) == text


def test_a_missing_number_is_a_dash() -> None:
    row = measure(lung_case(Grid(1.0, 1.0))).of("heart", "ctr")
    assert row is not None
    assert displayed(row) == "–"


def test_a_value_and_a_reason_exclude_each_other() -> None:
    with pytest.raises(ValueError, match="reason"):
        Measurement("area", "right_lung", "Area", None, "mm", "")


def test_lossy_films_say_so_beside_grey() -> None:
    case, _ = demo_case("right_lung", "left_lung")
    film = replace(case.radiograph, notes=(Note(NoteCode.LOSSY, "lossy"),))
    row = measure(replace(case, radiograph=film)).of("left_lung", "grey-mean")
    assert row is not None
    assert row.caveats == (Caveat.LOSSY,)
