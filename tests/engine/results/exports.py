"""Cases on DICOM films, ready to be exported."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from engine.case import Case, Finding, HeartCallipers, Line, Making, Structure
from engine.film.radiograph import Radiograph
from engine.mask import Mask
from engine.measure import measure
from engine.results.context import Export
from tests.engine.lung_cases import lung
from tests.phantom import dicom_film, read_film, thorax

MADE_AT = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
# What highdicom asks of whoever writes an object: another program than ours.
ANOTHER: dict[str, Any] = {
    "series_instance_uid": "1.2.3.4",
    "series_number": 7,
    "sop_instance_uid": "1.2.3.5",
    "instance_number": 1,
    "manufacturer": "Another",
    "manufacturer_model_name": "Other",
    "software_versions": "1",
    "device_serial_number": "1",
}


def dicom_case(rows: int = 120, columns: int = 101, film: Dataset | bytes | None = None, **elements: Any) -> Case:
    """Return a case of two lungs, one edited, a structure of the reader's, callipers and a distance."""
    if film is None:
        film = dicom_film(thorax(rows, columns), **elements)
    return marked(read_film(film))


def marked(radiograph: Radiograph) -> Case:
    rows, columns = radiograph.rows, radiograph.columns
    y, x = np.mgrid[:rows, :columns]
    y, x = (y + 0.5) / rows, (x + 0.5) / columns

    def above(level: float, start: float) -> NDArray[np.bool_]:
        return np.asarray(y < level - 0.1 * np.sin(np.pi * np.clip((x - start) / 0.3, 0, 1)))

    right = Mask.of((x > 0.1) & (x < 0.4) & (y > 0.1) & above(0.8, 0.1))
    left = Mask.of((x > 0.6) & (x < 0.9) & (y > 0.12) & above(0.82, 0.6))
    small = Mask.of((x > 0.45) & (x < 0.55) & (y > 0.3) & (y < 0.4))
    findings = (
        lung(Structure.RIGHT_LUNG, right, "2.25.101"),
        lung(Structure.LEFT_LUNG, left, "2.25.102").edited(left.grown(2.0).minus(right)),
        Finding(Structure.OTHER, small, Making.DRAWN, "Node", tracking_uid="2.25.103"),
    )
    midline = Line(columns * 0.5, rows * 0.1, columns * 0.5, rows * 0.9)
    callipers = HeartCallipers(midline, (columns * 0.4, rows * 0.6), (columns * 0.65, rows * 0.7))
    return Case(radiograph, findings, callipers, (Line(3.0, 4.0, columns / 2, rows / 2),))


def job(case: Case, **changes: Any) -> Export:
    return replace(Export(case, measure(case), MADE_AT, reader="Reader One"), **changes)
