import json
import math
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest
from PIL import Image

import resources
from engine.film.reading import read_radiograph
from engine.geometry import SpacingOrigin
from training.phantom.__main__ import main, write_film
from training.phantom.anatomy import DEMO, Anatomy, Opacity, random_anatomy
from training.phantom.beam import Beam
from training.phantom.body import Tissue, silhouettes, tissue
from training.phantom.dicom import dicom_bytes
from training.phantom.exposure import SPECTRUM, transmission
from training.phantom.film import DEMO_BEAM, DEMO_COLLIMATION_MM, Film, radiograph, random_radiograph, thicknesses
from training.phantom.solids import Rays, Tube, add_tube, ellipsoid_chord, upright
from training.phantom.truth import masks, truth_of

SMALL = DEMO_BEAM.resampled(8)


@pytest.fixture(scope="module")
def small_film() -> Film:
    return radiograph(DEMO, SMALL, collimation_mm=DEMO_COLLIMATION_MM, marker="R")


@pytest.fixture(scope="module")
def demo_truth() -> dict[str, object]:
    return dict(json.loads(resources.path("demo/truth.json").read_text()))


def stored_mask(name: str) -> np.ndarray:
    with Image.open(resources.path(f"demo/{name}")) as image:
        assert image.mode == "1"
        return np.asarray(image)


# Geometry


@pytest.mark.parametrize("z_mm", [-100.0, 0.0, 100.0])
def test_a_sphere_on_the_axis_throws_the_circle_of_its_tangent_cone(z_mm: float) -> None:
    beam = Beam(rows=400, columns=400, spacing_mm=0.25, centre_y_mm=0.0)
    radius = 20.0
    found = ellipsoid_chord(Rays.of(beam), (0.0, 0.0, z_mm), upright(radius, radius, radius))
    assert found is not None
    distance = z_mm - beam.source_z_mm
    shadow = beam.source_detector_mm * radius / math.sqrt(distance**2 - radius**2)
    area = float((found[1] > 0).sum()) * beam.spacing_mm**2
    assert math.sqrt(area / math.pi) == pytest.approx(shadow, rel=2e-3)
    assert shadow / radius == pytest.approx(beam.magnification(z_mm), rel=1e-3)
    assert found[1].max() == pytest.approx(2 * radius, rel=1e-3)


def test_a_sphere_off_the_axis_throws_an_ellipse() -> None:
    beam = Beam(rows=600, columns=1600, spacing_mm=0.25, centre_y_mm=0.0)
    radius, x = 20.0, 150.0
    found = ellipsoid_chord(Rays.of(beam), (x, 0.0, 0.0), upright(radius, radius, radius))
    assert found is not None
    # A cone of half angle a whose axis leans by t is cut by the detector in an ellipse.
    distance = math.hypot(x, -beam.source_z_mm)
    a, t = math.asin(radius / distance), math.atan2(x, -beam.source_z_mm)
    long = beam.source_detector_mm * (math.tan(t + a) - math.tan(t - a)) / 2
    short = beam.source_detector_mm * math.sin(a) / math.sqrt(math.cos(t) ** 2 - math.sin(a) ** 2)
    area = float((found[1] > 0).sum()) * beam.spacing_mm**2
    assert area == pytest.approx(math.pi * long * short, rel=3e-3)


def test_points_project_where_rays_cross_their_depth() -> None:
    beam = DEMO_BEAM.resampled(10)
    x, y = beam.at_depth(37.0)
    pixels = beam.project(np.array([[x[0, 17], y[90, 0], 37.0]]))
    assert pixels[0] == pytest.approx([17.5, 90.5], abs=1e-3)


@pytest.mark.parametrize("depth_change_mm", [0.0, 60.0])
def test_a_tube_keeps_its_volume(depth_change_mm: float) -> None:
    beam = Beam(rows=300, columns=300, spacing_mm=0.5, centre_y_mm=0.0).parallel()
    angle = np.linspace(0, math.pi / 2, 60)
    nodes = np.stack([50 * np.cos(angle) - 25, 50 * np.sin(angle) - 25, depth_change_mm * angle / angle[-1]], axis=1)
    thickness = np.zeros((300, 300), np.float32)
    add_tube(thickness, Rays.of(beam), Tube.of(nodes, (0.0, 0.0, 1.0), [6.0], [3.0]))
    length = math.hypot(50 * math.pi / 2, depth_change_mm)
    assert float(thickness.sum()) * 0.25 == pytest.approx(math.pi * 6 * 3 * length, rel=0.01)


def test_a_tube_along_the_beam_is_as_thick_as_it_is_long() -> None:
    beam = Beam(rows=64, columns=64, spacing_mm=0.5, centre_y_mm=0.0).parallel()
    thickness = np.zeros((64, 64), np.float32)
    add_tube(thickness, Rays.of(beam), Tube.round(np.array([[0.0, 0, -20], [0, 0, 0], [0, 0, 15]]), [8.0]))
    assert thickness[32, 32] == pytest.approx(35.0, rel=1e-3)
    assert thickness[32, 55] == 0


# Physics


def slab(soft_mm: float = 0.0, fat_mm: float = 0.0, bone_mm: float = 0.0) -> Tissue:
    soft, fat, bone, none = (np.full((1, 1), v, np.float32) for v in (soft_mm, fat_mm, bone_mm, 0.0))
    return Tissue(soft=soft, fat=fat, lung=none, right_lung=none, bone=bone)


def test_a_slab_lets_through_what_beer_and_lambert_say() -> None:
    expected = 0.45 * math.exp(-0.0237 * 100 - 0.0200 * 20) + 0.55 * math.exp(-0.0191 * 100 - 0.0171 * 20)
    assert float(transmission(slab(soft_mm=100, fat_mm=20))[0, 0]) == pytest.approx(expected, rel=1e-5)
    assert sum(line.share for line in SPECTRUM) == pytest.approx(1)
    assert float(transmission(slab())[0, 0]) == pytest.approx(1)


def test_bone_hardens_the_beam() -> None:
    first, second = (-math.log(float(transmission(slab(bone_mm=t))[0, 0])) for t in (10.0, 20.0))
    assert 1.5 * first < second < 2 * first


def test_heart_and_abdomen_are_denser_than_lung_on_the_film(small_film: Film) -> None:
    truth, grey = small_film.truth, small_film.grey
    lung = np.median(grey[truth.right_clear | truth.left_clear])
    assert lung + 0.15 < np.median(grey[truth.heart & ~truth.mediastinum])
    assert lung + 0.15 < np.median(grey[truth.abdomen & ~truth.heart & ~truth.mediastinum])
    assert grey[0, 0] == 0  # behind the collimator


def test_coarse_pixels_leave_no_seam_down_the_midline() -> None:
    beam = replace(DEMO_BEAM.resampled(12), centre_x_mm=0.7)
    soft = tissue(Anatomy(), beam).soft
    neck = soft[:4, beam.columns // 2 - 6 : beam.columns // 2 + 7]
    assert np.abs(np.diff(neck, axis=1)).max() < 4


def test_the_marker_is_white_on_the_patients_right(small_film: Film) -> None:
    plain = radiograph(DEMO, SMALL, collimation_mm=DEMO_COLLIMATION_MM)
    lead = small_film.grey - plain.grey > 0.3
    rows, columns = np.nonzero(lead)
    assert lead.sum() > 20
    assert columns.max() < SMALL.columns / 4
    assert rows.max() < SMALL.rows / 4


# Truth


@pytest.mark.parametrize("seed", [3, 4])
def test_a_mask_holds_the_pixels_whose_rays_meet_the_lung(seed: int) -> None:
    anatomy = random_anatomy(np.random.default_rng(seed))
    beam = DEMO_BEAM.resampled(8)
    truth = silhouettes(anatomy, beam)
    rng = np.random.default_rng(seed)
    rows, columns = rng.integers(0, beam.rows, 400), rng.integers(0, beam.columns, 400)
    depths_mm = np.arange(-120, 120, 0.5)
    met = {-1: np.zeros(400, bool), 1: np.zeros(400, bool)}
    for z in depths_mm:
        x, y = beam.at_depth(z)
        x_body, y_body = anatomy.unposed(x[0, columns], y[rows, 0], z)
        points = np.stack([x_body, y_body, np.full(400, z)], axis=1).astype(np.float64)
        for side in (-1, 1):
            met[side] |= anatomy.inside_lung(points, side)
    for side, mask in ((-1, truth.right_lung), (1, truth.left_lung)):
        assert met[side].any()
        assert (met[side] == mask[rows, columns]).mean() > 0.99


def test_areas_agree_with_the_masks_and_with_the_magnification(small_film: Film) -> None:
    known = truth_of(small_film)
    for name, lung in known["lungs"].items():
        mask = masks(small_film.truth)[name]
        assert mask.sum() * SMALL.spacing_mm**2 == pytest.approx(lung["area_mm2"], rel=0.01)
        # All lung lies between 100 mm in front of and 100 mm behind the middle of the chest.
        low, high = SMALL.magnification(100) ** 2, SMALL.magnification(-100) ** 2
        assert low < lung["area_mm2"] / lung["area_mm2_life_size"] < high


def test_a_finer_grid_changes_no_area() -> None:
    areas = [
        silhouettes(DEMO, beam, step_mm).right_clear.sum() * beam.spacing_mm**2
        for beam, step_mm in ((DEMO_BEAM.resampled(8), 2.0), (DEMO_BEAM.resampled(3), 1.0))
    ]
    assert areas[0] == pytest.approx(areas[1], rel=0.005)


def test_the_clear_field_is_the_lung_less_heart_mediastinum_and_abdomen(small_film: Film) -> None:
    truth = small_film.truth
    for clear, full in ((truth.right_clear, truth.right_lung), (truth.left_clear, truth.left_lung)):
        assert not (clear & ~full).any()
        assert not (clear & (truth.heart | truth.mediastinum | truth.abdomen)).any()
        assert 0.5 < clear.sum() / full.sum() < 0.9
    assert not (truth.right_clear & truth.left_clear).any()


def test_the_right_lung_is_on_the_images_left(small_film: Film) -> None:
    right, left = (np.nonzero(mask)[1].mean() for mask in (small_film.truth.right_clear, small_film.truth.left_clear))
    assert right < small_film.beam.columns / 2 < left


def test_the_heart_is_as_wide_as_the_anatomy_says(small_film: Film) -> None:
    known = truth_of(small_film)
    magnified = DEMO.heart_diameter_mm * SMALL.magnification(24.0)
    assert known["heart_diameter_mm"] == pytest.approx(magnified, rel=0.02)
    assert 0.40 < known["cardiothoracic_ratio"] < 0.52


def test_an_effusion_hides_lung_and_an_opacity_does_not() -> None:
    beam = DEMO_BEAM.resampled(16)
    healthy, wet = (silhouettes(a, beam) for a in (DEMO, replace(DEMO, effusion_mm=(60.0, 0.0))))
    assert wet.right_clear.sum() < 0.97 * healthy.right_clear.sum()
    assert np.array_equal(wet.left_clear, healthy.left_clear)
    solid = replace(DEMO, opacities=(Opacity((-80.0, 150.0, 0.0), (25.0, 25.0, 25.0), 0.9),))
    assert np.array_equal(silhouettes(solid, beam).right_clear, healthy.right_clear)
    more = thicknesses(solid, beam).soft - thicknesses(DEMO, beam).soft
    assert 15 < float(more.max()) < 45


def test_random_chests_are_whole_and_unlike() -> None:
    rng = np.random.default_rng(0)
    areas = []
    for _ in range(12):
        truth = silhouettes(random_anatomy(rng), DEMO_BEAM.resampled(16), step_mm=4.0)
        assert min(truth.right_clear.sum(), truth.left_clear.sum()) > 0.02 * truth.heart.size
        areas.append(int(truth.right_clear.sum()))
    assert len(set(areas)) > 10


def test_random_films_are_reproducible_and_show_both_lungs() -> None:
    first, second = (random_radiograph(np.random.default_rng(11), columns=96) for _ in range(2))
    assert np.array_equal(first.grey, second.grey)
    assert first.truth.right_clear.any()
    assert first.truth.left_clear.any()
    assert 0 <= first.grey.min() < first.grey.max() <= 1


# Files


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("first", "second"):
        assert main(["--out", str(tmp_path / name), "--shrink", "16"]) == 0
    assert main(["--out", str(tmp_path / "other"), "--shrink", "16", "--seed", "2", "--random"]) == 0
    first = {path.name: path.read_bytes() for path in (tmp_path / "first").iterdir()}
    assert first == {path.name: path.read_bytes() for path in (tmp_path / "second").iterdir()}
    assert first["demo.dcm"] != (tmp_path / "other" / "demo.dcm").read_bytes()


def test_the_stored_values_are_the_films(small_film: Film) -> None:
    dataset = pydicom.dcmread(pydicom.filebase.DicomBytesIO(dicom_bytes(small_film, DEMO_COLLIMATION_MM)))
    assert np.array_equal(dataset.pixel_array, np.round(small_film.grey * 4095).astype(np.uint16))


def test_a_beam_without_pixels_is_refused() -> None:
    with pytest.raises(ValueError, match="needs pixels"):
        Beam(rows=0, columns=10, spacing_mm=0.2)


# The film that ships


def test_the_demo_film_reads_as_a_pa_chest_at_the_detector() -> None:
    film = read_radiograph(resources.path("demo/demo.dcm"))
    assert (film.rows, film.columns) == (DEMO_BEAM.rows, DEMO_BEAM.columns)
    assert film.spacing is not None
    assert film.spacing.origin is SpacingOrigin.DETECTOR
    assert film.magnification == pytest.approx(DEMO_BEAM.magnification(0.0), rel=1e-4)
    assert film.view_position.value == "PA"
    assert not film.inverse


def test_the_demo_truth_agrees_with_its_masks(demo_truth: dict[str, object]) -> None:
    lungs = demo_truth["lungs"]
    assert isinstance(lungs, dict)
    spacing = DEMO_BEAM.spacing_mm
    assert demo_truth["pixel_spacing_mm"] == spacing
    for lung in lungs.values():
        mask = stored_mask(lung["mask"])
        assert mask.shape == (DEMO_BEAM.rows, DEMO_BEAM.columns)
        assert int(mask.sum()) == lung["area_px"]
        assert mask.sum() * spacing**2 == pytest.approx(lung["area_mm2"], rel=0.01)
        rows, columns = np.nonzero(mask)
        assert lung["box_px"] == [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
    both = stored_mask("right_lung.png") | stored_mask("left_lung.png")
    columns = np.nonzero(both.any(axis=0))[0]
    assert demo_truth["thoracic_diameter_mm"] == pytest.approx((columns[-1] + 1 - columns[0]) * spacing, abs=2.0)


def test_the_demo_masks_are_those_of_the_code() -> None:
    beam = DEMO_BEAM.resampled(4)
    for name, mask in masks(silhouettes(DEMO, beam)).items():
        area = mask.sum() * beam.spacing_mm**2
        assert stored_mask(f"{name}.png").sum() * DEMO_BEAM.spacing_mm**2 == pytest.approx(area, rel=0.005)


def test_the_demo_names_nobody() -> None:
    dataset = pydicom.dcmread(resources.path("demo/demo.dcm"), stop_before_pixels=True)
    assert str(dataset.PatientName) == "Demo^Simulated"
    assert dataset.PatientID.startswith("LUNGBOX-DEMO")
    assert dataset.PatientBirthDate == ""
    assert dataset.BurnedInAnnotation == "NO"


@pytest.mark.parametrize("validator", ["dciodvfy", "dcentvfy"])
def test_validators_find_no_error(validator: str, tmp_path: Path) -> None:
    program = shutil.which(validator)
    if program is None:
        pytest.skip(f"{validator} is not installed")
    write_film(Anatomy(seed=5), tmp_path, shrink=16)
    for path in (resources.path("demo/demo.dcm"), tmp_path / "demo.dcm"):
        report = subprocess.run([program, str(path)], capture_output=True, text=True, check=False)
        lines = (report.stdout + report.stderr).splitlines()
        assert not [line for line in lines if line.startswith(("Error", "Abort"))]
        assert validator != "dciodvfy" or "DXImageForPresentation" in lines
