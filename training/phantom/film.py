"""Film: an anatomy before a beam, from thicknesses to grey values, with its marker and its collimated edges."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from training.phantom.anatomy import Anatomy, random_anatomy
from training.phantom.beam import Beam, Plane
from training.phantom.body import Silhouettes, Tissue, silhouettes, tissue
from training.phantom.exposure import Detector, expose, processed, transmission
from training.phantom.skeleton import add_bones
from training.phantom.solids import Rays, add_ellipsoid, upright
from training.phantom.vessels import add_airways, add_vessels

# Sizes in millimetres and strengths of what is too small to draw: septa and twigs in the lung, fat between muscles.
_LUNG_GRAIN = ((1.3, 0.025), (2.6, 0.035), (6.0, 0.035), (22.0, 0.035))
_MUSCLE_GRAIN = ((3.0, 0.004), (9.0, 0.008), (30.0, 0.012))

# A detector of 40 x 42 cm at 0.2 mm, the source at 1.8 m.
DEMO_BEAM = Beam(rows=2100, columns=2000, spacing_mm=0.2, centre_y_mm=128.0)
# Width of the collimated edge, in millimetres at the detector: left, top, right, bottom.
DEMO_COLLIMATION_MM = (5.0, 6.0, 4.0, 7.0)


@dataclass(frozen=True, slots=True, eq=False)
class Film:
    """A simulated radiograph and what is true of it."""

    grey: Plane  # (rows, columns) from 0, black, to 1, white
    beam: Beam
    anatomy: Anatomy
    truth: Silhouettes


def radiograph(
    anatomy: Anatomy,
    beam: Beam,
    *,
    collimation_mm: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0),
    marker: str = "",
    detector: Detector | None = None,
) -> Film:
    """Return the film of one chest. The same arguments give the same pixels."""
    detector = detector or Detector()
    rng = np.random.default_rng([anatomy.seed, 4])
    thickness = thicknesses(anatomy, beam)
    field = open_field(beam, collimation_mm)
    primary = transmission(thickness) * _blades(field, beam)
    if marker:
        # Lead letters let almost nothing through.
        primary *= 1 - 0.97 * _marker(beam, collimation_mm, marker)
    grey = processed(expose(primary, detector, beam.spacing_mm, rng), field, beam.spacing_mm)
    # The shutter blackens what the blades covered.
    grey = np.where(field, grey, np.float32(0))
    return Film(grey, beam, anatomy, silhouettes(anatomy, beam))


def random_radiograph(rng: np.random.Generator, columns: int = 512) -> Film:
    """Return the film of a random chest as another hospital would have taken it: framing, distance, dose, marker."""
    width_mm = rng.uniform(340, 440)
    beam = Beam(
        rows=round(columns * rng.uniform(0.95, 1.25)),
        columns=columns,
        spacing_mm=width_mm / columns,
        source_detector_mm=float(rng.uniform(1400, 2000)),
        detector_z_mm=float(rng.uniform(140, 180)),
        centre_x_mm=float(rng.normal(0, 8)),
        centre_y_mm=float(rng.normal(128, 12)),
    )
    detector = Detector(
        photons_per_mm2=float(10 ** rng.uniform(5.3, 6.3)),
        scatter=float(rng.uniform(0.02, 0.09)),
        blur_mm=float(rng.uniform(0.12, 0.35)),
    )
    left, top, right, bottom = (float(edge) for edge in rng.uniform(0, 12, 4) * (rng.random(4) < 0.5))
    marker = str(rng.choice(["", "R"]))
    return radiograph(
        random_anatomy(rng), beam, collimation_mm=(left, top, right, bottom), marker=marker, detector=detector
    )


def thicknesses(anatomy: Anatomy, beam: Beam) -> Tissue:
    """Return every tissue's millimetres along each ray, lungs, vessels, bones and opacities included."""
    rays = Rays.of(beam)
    body = tissue(anatomy, beam)
    vessels, air, bone = (np.zeros_like(body.soft) for _ in range(3))
    add_vessels(vessels, rays, anatomy)
    add_airways(air, rays, anatomy)
    add_bones(bone, rays, anatomy)
    # Lung is a little water and much air; texture varies it, vessels and consolidation replace it.
    left_lung = body.lung - body.right_lung
    grain, layers = _texture(anatomy, beam, _LUNG_GRAIN), _texture(anatomy, beam, _MUSCLE_GRAIN)
    right_density, left_density = anatomy.lung_density
    water = (right_density * body.right_lung + left_density * left_lung) * grain
    solid = np.minimum(vessels + _consolidation(anatomy, rays, body.lung), 0.95 * body.lung)
    soft = body.soft * layers + water + solid * (1 - 0.24)
    soft -= np.minimum(air, np.maximum(soft, 0))
    # Bone takes the place of the tissue round it.
    soft -= np.minimum(0.5 * bone, np.maximum(soft, 0))
    return Tissue(np.maximum(soft, 0), np.maximum(body.fat, 0), body.lung, body.right_lung, np.maximum(bone, 0))


def open_field(beam: Beam, collimation_mm: tuple[float, float, float, float]) -> NDArray[np.bool_]:
    """Return True where the collimator lets the beam through."""
    left, top, right, bottom = (round(edge / beam.spacing_mm) for edge in collimation_mm)
    field = np.zeros((beam.rows, beam.columns), np.bool_)
    field[top : beam.rows - bottom, left : beam.columns - right] = True
    return field


def _blades(field: NDArray[np.bool_], beam: Beam) -> Plane:
    """Return the collimator's transmission: its edges have the penumbra of the focal spot."""
    if field.all():
        return np.ones(field.shape, np.float32)
    soft = cv2.GaussianBlur(field.astype(np.float32), (0, 0), max(0.3, 0.9 / beam.spacing_mm))
    return np.asarray(0.02 + 0.98 * soft, dtype=np.float32)


def _marker(beam: Beam, collimation_mm: tuple[float, float, float, float], text: str) -> Plane:
    """Return the coverage of lead side letters, on the cassette near the top of the patient's right side."""
    canvas = np.zeros((beam.rows, beam.columns), np.uint8)
    px = 1 / beam.spacing_mm
    origin = (round((collimation_mm[0] + 14) * px), round((collimation_mm[1] + 26) * px))
    scale = 15.0 * px / 22  # Hershey capitals are 22 units high
    cv2.putText(canvas, text, origin, cv2.FONT_HERSHEY_DUPLEX, scale, 255, max(1, round(2.2 * px)), cv2.LINE_AA)
    return np.asarray(cv2.GaussianBlur(canvas, (0, 0), max(0.3, 0.12 * px)).astype(np.float32) / 255)


def _texture(anatomy: Anatomy, beam: Beam, grains: tuple[tuple[float, float], ...]) -> Plane:
    """Return random variation about 1, made of grains of several sizes."""
    rng = np.random.default_rng([anatomy.seed, 5, len(grains)])
    total = np.zeros((beam.rows, beam.columns), np.float32)
    for grain_mm, strength in grains:
        rows = max(2, round(beam.rows * beam.spacing_mm / grain_mm))
        columns = max(2, round(beam.columns * beam.spacing_mm / grain_mm))
        coarse = rng.standard_normal((rows, columns), dtype=np.float32)
        total += np.float32(strength) * cv2.resize(coarse, (beam.columns, beam.rows), interpolation=cv2.INTER_CUBIC)
    return 1 + total


def _consolidation(anatomy: Anatomy, rays: Rays, lung: Plane) -> Plane:
    """Return the millimetres of air space that opacities fill, soft-edged and patchy, never outside the lung."""
    filled = np.zeros_like(lung)
    rng = np.random.default_rng([anatomy.seed, 6])
    for opacity in anatomy.opacities:
        one = np.zeros_like(lung)
        centre = anatomy.posed(np.array([opacity.centre_mm]))[0]
        axes = upright(*opacity.semi_axes_mm, tilt_degrees=float(rng.uniform(-40, 40)))
        add_ellipsoid(one, rays, (float(centre[0]), float(centre[1]), float(centre[2])), axes, opacity.density)
        size = max(2, round(rays.beam.columns * rays.beam.spacing_mm / 9))
        patches = rng.uniform(0.5, 1.2, (size, size)).astype(np.float32)
        patches = cv2.resize(patches, (lung.shape[1], lung.shape[0]), interpolation=cv2.INTER_CUBIC)
        filled += cv2.GaussianBlur(one * patches, (0, 0), max(0.5, 3.0 / rays.beam.spacing_mm))
    return np.asarray(np.minimum(filled, 0.9 * lung))
