"""The self-test: the demo film, whose lungs are known, through the whole engine.

It is run by `lungbox doctor`, and by the viewer at the first start after anything that it depends on has changed.
"""

import hashlib
import json
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import platformdirs

from engine.case import Case, Finding, Making, Structure
from engine.errors import LungboxError
from engine.files import read_file, write_atomically
from engine.film.radiograph import Radiograph
from engine.film.reading import read_radiograph
from engine.geometry import BoxPrompt, Prompts
from engine.lungs import tidied
from engine.mask import Mask
from engine.measure import measure
from engine.network.backends import nvidia_driver
from engine.origin import commit
from engine.segmenter import Segmenter
from engine.version import VERSION
from resources import path as resource

_log = logging.getLogger(__name__)

# The film is simulated and the model was trained on real ones, so this is a test of the installation, not of accuracy:
# a broken runtime or a wrong checkpoint gives masks far below it.
LOWEST_DICE = 0.90
# Of the demo film's known areas: what measuring its known masks may differ by. Counting pixels differs by none.
AREA_TOLERANCE = 0.01

_LUNGS = (Structure.RIGHT_LUNG, Structure.LEFT_LUNG)
_RECORD_LIMIT_BYTES = 1 << 16
_DISTRUST = "do not trust this copy"


@dataclass(frozen=True, slots=True)
class SelfTest:
    """What the self-test found."""

    passed: bool
    message: str
    dice: dict[str, float]  # by structure, against the simulated film's truth
    area_error: float | None  # of the known masks' areas, the worse one, as a share; None: it did not come to that
    encode_ms: float
    decode_ms: float


def run_self_test(segmenter: Segmenter) -> SelfTest:
    """Measure the demo film's known lungs, segment each from its box, and compare with the known truth."""
    try:
        radiograph = read_radiograph(resource("demo/demo.dcm"))
        truth = {structure.value: _read_mask(structure.value) for structure in _LUNGS}
        error = _area_error(radiograph, truth)
        begin = time.perf_counter()
        embedding = segmenter.embed(radiograph)
        encoded = time.perf_counter()
        boxes = [Prompts(_drawn(mask)) for mask in truth.values()]
        answers = segmenter.segment_many(embedding, boxes)
        decoded = time.perf_counter()
    except LungboxError as fault:
        return SelfTest(passed=False, message=str(fault), dice={}, area_error=None, encode_ms=0.0, decode_ms=0.0)
    dice = {name: tidied(answer.mask).dice(mask) for (name, mask), answer in zip(truth.items(), answers, strict=True)}
    passed, message = _verdict(min(dice.values()), error)
    return SelfTest(passed, message, dice, error, 1000 * (encoded - begin), 1000 * (decoded - encoded))


def _verdict(worst: float, area_error: float) -> tuple[bool, str]:
    if worst < LOWEST_DICE:
        return False, f"the demo film's lungs were not found (Dice {worst:.3f}, not {LOWEST_DICE}): {_DISTRUST}"
    if area_error > AREA_TOLERANCE:
        return False, f"the demo film's areas were measured {100 * area_error:.1f} % wrong: {_DISTRUST}"
    areas = f"areas within {100 * area_error:.1f} %"
    return True, f"the demo film's lungs were found (Dice {worst:.3f} or better), {areas}"


def _area_error(radiograph: Radiograph, masks: Mapping[str, Mask]) -> float:
    """Return by how much of itself the worse area of the known masks is measured wrong."""
    findings = tuple(Finding(side, masks[side.value], Making.IMPORTED) for side in _LUNGS)
    measured = measure(Case(radiograph, findings))
    known = json.loads(resource("demo/truth.json").read_text(encoding="utf-8"))["lungs"]
    errors = []
    for side in _LUNGS:
        area = measured.of(side.value, "area")
        if area is None or area.value is None or area.unit != "cm2":
            return 1.0
        errors.append(abs(100.0 * area.value / float(known[side.value]["area_mm2"]) - 1.0))
    return max(errors)


def fingerprint(segmenter: Segmenter) -> str:
    """Return a name for all that a self-test's result depends on: this copy, its model, runtime, device, driver."""
    backend = segmenter.backend
    depends = (VERSION, commit(), segmenter.checkpoint.sha256, backend.description, backend.device, nvidia_driver())
    return hashlib.sha256(repr(depends).encode()).hexdigest()


def proved(segmenter: Segmenter, record: Path) -> SelfTest | str:
    """Return what was said when this copy passed before, or else what it does now."""
    known = last_passed(record, fingerprint(segmenter))
    if known is not None:
        return known
    test = run_self_test(segmenter)
    if test.passed:
        # Asked again: an engine that failed at its first use has fallen back to another by now.
        keep_passed(record, fingerprint(segmenter), test)
    return test


def record_path() -> Path:
    """Return where the last result that passed is kept."""
    return platformdirs.user_data_path("lungbox", appauthor=False) / "self-test.json"


def last_passed(path: Path, wanted: str) -> str | None:
    """Return what was said when exactly this passed before, None if it did not; a failure is never kept."""
    try:
        kept = json.loads(read_file(path, _RECORD_LIMIT_BYTES))
        return str(kept["message"]) if kept["fingerprint"] == wanted else None
    except (LungboxError, ValueError, KeyError, TypeError, RecursionError):
        return None


def keep_passed(path: Path, wanted: str, test: SelfTest) -> None:
    """Keep a result that passed. Where that cannot be, the next start tests again."""
    record = {"fingerprint": wanted, "lungbox": VERSION, "message": test.message}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, json.dumps(record, indent=1).encode())
    except (OSError, LungboxError) as error:
        _log.info("self-test not kept: %s", type(error).__name__)


def _read_mask(name: str) -> Mask:
    data = np.fromfile(resource(f"demo/{name}.png"), dtype=np.uint8)
    return Mask.of(np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE)))


def _drawn(mask: Mask) -> BoxPrompt:
    """Return the box a reader would draw: a little outside the lung."""
    bounds = mask.bounds()
    if bounds is None:
        raise LungboxError("The demo film's truth is empty.", advice="Install Lungbox again.")
    margin = 0.03 * (bounds.y1 - bounds.y0)
    drawn = BoxPrompt(bounds.x0 - margin, bounds.y0 - margin, bounds.x1 + margin, bounds.y1 + margin)
    return drawn.clipped(mask.rows, mask.columns)
