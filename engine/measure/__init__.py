"""From an accepted mask to numbers with their meaning: pure functions of a Case.

Knows nothing of files, windows or networks. `measure(case)` is the whole of it; the rest says how.
"""

from engine.measure.calibration import (
    Scale,
    calibrated_by,
    can_apply_magnification,
    scale_of,
    spacing_of,
    with_known_length,
)
from engine.measure.case import measure, propose_callipers
from engine.measure.compare import Change, Obstacle, Prior, check_prior, compare, is_later, same_patient
from engine.measure.uncertainty import jittered, with_intervals
from engine.measure.values import (
    UNIT_SYMBOLS,
    Caveat,
    Evidence,
    Measurement,
    Measurements,
    Reason,
    calibration_text,
    displayed,
    rounded,
    value_text,
    with_unit,
)

__all__ = [
    "UNIT_SYMBOLS",
    "Caveat",
    "Change",
    "Evidence",
    "Measurement",
    "Measurements",
    "Obstacle",
    "Prior",
    "Reason",
    "Scale",
    "calibrated_by",
    "calibration_text",
    "can_apply_magnification",
    "check_prior",
    "compare",
    "displayed",
    "is_later",
    "jittered",
    "measure",
    "propose_callipers",
    "rounded",
    "same_patient",
    "scale_of",
    "spacing_of",
    "value_text",
    "with_intervals",
    "with_known_length",
    "with_unit",
]
