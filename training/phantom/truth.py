"""Truth: what is known of a simulated film because it was computed, for measurements to be proved against."""

from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.phantom.body import Bits, Silhouettes, silhouettes
from training.phantom.film import Film

CONVENTION = (
    "right_lung and left_lung are the clear lung fields as readers outline them: projected lung that neither heart, "
    "mediastinum nor diaphragm covers. right_lung_full and left_lung_full are all of the projected lung."
)


@dataclass(frozen=True, slots=True)
class LungTruth:
    """One lung field. Areas and lengths as they are at the detector, magnified, unless the name says otherwise."""

    mask: str
    area_px: int
    area_mm2: float  # of the surfaces, integrated on a grid that is not the film's
    area_mm2_midplane: float  # reduced to the plane half way through the chest
    area_mm2_life_size: float  # as rays from an infinitely distant source would throw it
    box_px: tuple[int, int, int, int]  # x0, y0, x1, y1, half-open
    width_mm: float
    height_to_dome_mm: float | None
    height_to_costophrenic_angle_mm: float


def masks(truth: Silhouettes) -> dict[str, Bits]:
    """Return the masks that are published with a film, by name."""
    return {
        "right_lung": truth.right_clear,
        "left_lung": truth.left_clear,
        "right_lung_full": truth.right_lung,
        "left_lung_full": truth.left_lung,
        "heart": truth.heart,
    }


def truth_of(film: Film) -> dict[str, Any]:
    """Return everything known about a film, ready for JSON."""
    beam, anatomy = film.beam, film.anatomy
    magnification = beam.magnification(0.0)
    # Grids that share no lines with the film's, so that the mask's own pixels are not their own proof.
    fine = masks(silhouettes(anatomy, replace(beam.resampled(1.237), centre_x_mm=0.03)))
    fine_mm2 = beam.resampled(1.237).spacing_mm ** 2
    far_beam = replace(beam.resampled(1.237), detector_z_mm=0.0).parallel()
    far = masks(silhouettes(anatomy, far_beam))
    lungs = {}
    for name, mask in masks(film.truth).items():
        if name == "heart":
            continue
        side = -1 if name.startswith("right") else 1
        area = float(fine[name].sum()) * fine_mm2
        lungs[name] = asdict(
            LungTruth(
                mask=f"{name}.png",
                area_px=int(mask.sum()),
                area_mm2=round(area, 1),
                area_mm2_midplane=round(area / magnification**2, 1),
                area_mm2_life_size=round(float(far[name].sum()) * far_beam.spacing_mm**2, 1),
                box_px=_box(mask),
                width_mm=round(_widest(mask) * beam.spacing_mm, 2),
                height_to_dome_mm=None if name.endswith("full") else _dome_height(film, mask, side),
                height_to_costophrenic_angle_mm=round((_box(mask)[3] - _box(mask)[1]) * beam.spacing_mm, 2),
            )
        )
    thorax = _widest(film.truth.right_clear | film.truth.left_clear) * beam.spacing_mm
    heart_box = _box(film.truth.heart)
    heart = (heart_box[2] - heart_box[0]) * beam.spacing_mm
    return {
        "convention": CONVENTION,
        "rows": beam.rows,
        "columns": beam.columns,
        "pixel_spacing_mm": beam.spacing_mm,
        "source_detector_mm": beam.source_detector_mm,
        "source_midplane_mm": -beam.source_z_mm,
        "magnification_midplane": round(magnification, 6),
        "lungs": lungs,
        "heart_mask": "heart.png",
        "thoracic_diameter_mm": round(thorax, 2),
        "heart_diameter_mm": round(heart, 2),
        "cardiothoracic_ratio": round(heart / thorax, 4),
        "anatomy": asdict(anatomy),
    }


def _box(mask: NDArray[np.bool_]) -> tuple[int, int, int, int]:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def _widest(mask: NDArray[np.bool_]) -> int:
    """Return the greatest distance in pixels, in any one row, from the mask's first pixel to the end of its last."""
    rows = mask[mask.any(axis=1)]
    return int((rows.shape[1] - np.argmax(rows[:, ::-1], axis=1) - np.argmax(rows, axis=1)).max())


def _dome_height(film: Film, mask: NDArray[np.bool_], side: int) -> float:
    """Return the millimetres from the apex down to the highest point of that side's dome."""
    own_side = np.zeros_like(mask)
    middle = film.beam.columns // 2
    own_side[:, :middle] = side < 0
    own_side[:, middle:] = side > 0
    # The dome seen in the lung's field: below it the heart hides the diaphragm.
    lung_columns = np.asarray(mask.any(axis=0))[None, :]
    dome = np.asarray(film.truth.abdomen & own_side & lung_columns & ~(film.truth.heart | film.truth.mediastinum))
    return round(float(_box(dome)[1] - _box(mask)[1]) * film.beam.spacing_mm, 2)
