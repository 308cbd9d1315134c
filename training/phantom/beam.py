"""Beam: the point source and the detector, the only place where the patient's frame meets pixels."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Beam:
    """A flat detector square to the central ray. Pixel (0, 0) is top left; its centre lies at (0.5, 0.5)."""

    rows: int
    columns: int
    spacing_mm: float  # pixel pitch in the plane of the detector
    source_detector_mm: float = 1800.0
    detector_z_mm: float = 150.0
    centre_x_mm: float = 0.0  # where the central ray, and the detector's centre, lie in the patient's frame
    centre_y_mm: float = 135.0

    def __post_init__(self) -> None:
        if min(self.rows, self.columns) < 1 or min(self.spacing_mm, self.source_detector_mm) <= 0:
            raise ValueError(f"a beam needs pixels, a pitch and a distance, got {self}")

    @property
    def source_z_mm(self) -> float:
        """Depth of the focal spot, behind the patient."""
        return self.detector_z_mm - self.source_detector_mm

    def magnification(self, z_mm: float) -> float:
        """How much larger than life something at this depth is on the detector."""
        return self.source_detector_mm / (z_mm - self.source_z_mm)

    def offsets(self) -> tuple[Plane, Plane]:
        """Return the pixel centres' distances from the central ray on the detector: (1, columns) and (rows, 1)."""
        u = (np.arange(self.columns) + 0.5 - self.columns / 2) * self.spacing_mm
        v = (np.arange(self.rows) + 0.5 - self.rows / 2) * self.spacing_mm
        return u.astype(np.float32)[None, :], v.astype(np.float32)[:, None]

    def at_depth(self, z_mm: float) -> tuple[Plane, Plane]:
        """Return where the rays cross the plane at this depth: x as (1, columns) and y as (rows, 1)."""
        u, v = self.offsets()
        scale = 1.0 / self.magnification(z_mm)
        return (
            np.asarray(self.centre_x_mm + u * scale, dtype=np.float32),
            np.asarray(self.centre_y_mm + v * scale, dtype=np.float32),
        )

    def obliquity(self) -> Plane:
        """Return each ray's length per unit of depth, 1 on the central ray: (rows, columns)."""
        u, v = self.offsets()
        return np.asarray(np.sqrt(1.0 + (u * u + v * v) / self.source_detector_mm**2), dtype=np.float32)

    def project(self, points: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return the image coordinates (x, y) in pixels of (N, 3) points, as (N, 2)."""
        points = np.asarray(points, dtype=np.float64)
        scale = self.source_detector_mm / (points[:, 2] - self.source_z_mm) / self.spacing_mm
        return np.stack(
            [
                (points[:, 0] - self.centre_x_mm) * scale + self.columns / 2,
                (points[:, 1] - self.centre_y_mm) * scale + self.rows / 2,
            ],
            axis=1,
        )

    def resampled(self, factor: float) -> "Beam":
        """Return the same field with pixels `factor` times as large."""
        rows, columns = max(1, round(self.rows / factor)), max(1, round(self.columns / factor))
        return replace(self, rows=rows, columns=columns, spacing_mm=self.spacing_mm * self.rows / rows)

    def parallel(self) -> "Beam":
        """Return the beam of a source so far away that nothing is magnified: life size, whatever the depth."""
        return replace(self, source_detector_mm=1e8)
