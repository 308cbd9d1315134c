"""The self-test: the demo film, whose lungs are known, through the whole engine."""

import time
from dataclasses import dataclass

import cv2
import numpy as np

from engine.errors import LungboxError
from engine.film.reading import read_radiograph
from engine.geometry import BoxPrompt, Prompts
from engine.lungs import tidied
from engine.mask import Mask
from engine.segmenter import Segmenter
from resources import path as resource

# The film is simulated and the model was trained on real ones, so this is a test of the installation, not of accuracy:
# a broken runtime or a wrong checkpoint gives masks far below it.
LOWEST_DICE = 0.90


@dataclass(frozen=True, slots=True)
class SelfTest:
    """What the self-test found."""

    passed: bool
    message: str
    dice: dict[str, float]  # by structure, against the simulated film's truth
    encode_ms: float
    decode_ms: float


def run_self_test(segmenter: Segmenter) -> SelfTest:
    """Segment each lung of the demo film from its box and compare with the known truth."""
    try:
        radiograph = read_radiograph(resource("demo/demo.dcm"))
        truth = {name: _read_mask(name) for name in ("right_lung", "left_lung")}
        begin = time.perf_counter()
        embedding = segmenter.embed(radiograph)
        encoded = time.perf_counter()
        boxes = [Prompts(_drawn(mask)) for mask in truth.values()]
        answers = segmenter.segment_many(embedding, boxes)
        decoded = time.perf_counter()
    except LungboxError as error:
        return SelfTest(passed=False, message=str(error), dice={}, encode_ms=0.0, decode_ms=0.0)
    dice = {name: tidied(answer.mask).dice(mask) for (name, mask), answer in zip(truth.items(), answers, strict=True)}
    worst = min(dice.values())
    passed = worst >= LOWEST_DICE
    message = (
        f"the demo film's lungs were found (Dice {worst:.3f} or better)"
        if passed
        else f"the demo film's lungs were not found (Dice {worst:.3f}, not {LOWEST_DICE}): do not trust this copy"
    )
    return SelfTest(passed, message, dice, 1000 * (encoded - begin), 1000 * (decoded - encoded))


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
