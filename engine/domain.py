"""Is this a frontal chest film at all? Asked of the pixels: a header that says CHEST may lie, and most PNGs have none.

The model is asked for both lungs over the whole film, as no reader would box a hand. On a frontal chest film it finds
some, trusts them, and leaves few pixels undecided beside them; on anything else at least one of the three fails. One
lung alone is no ground for doubt: the other may be white.
"""

from dataclasses import dataclass

import numpy as np

from engine.film.radiograph import Radiograph
from engine.geometry import BoxPrompt, Prompts
from engine.lungs import name_lungs
from engine.segmenter import Embedding, Segmenter

# How often that warns on chest films, and on what else: docs/out-of-domain.md.
LEAST_QUALITY = 0.65
MOST_UNDECIDED = 1.0

_UNDECIDED_LOGIT = float(np.log(9.0))  # a probability between 0.1 and 0.9


@dataclass(frozen=True, slots=True)
class ChestLikeness:
    """What the model makes of the whole film."""

    lungs: int
    quality: float  # its own estimate of the IoU, 0 to 1
    undecided: float  # area left open between lung and not lung, as a share of the lungs' area

    @property
    def doubtful(self) -> bool:
        """Return whether outlines on this film need a warning."""
        return self.lungs == 0 or self.quality < LEAST_QUALITY or self.undecided > MOST_UNDECIDED


def chest_likeness(segmenter: Segmenter, embedding: Embedding, radiograph: Radiograph) -> ChestLikeness:
    """Return how much the film looks like a frontal chest film to the model: one run of the decoder."""
    prompts = Prompts(BoxPrompt.whole(radiograph.rows, radiograph.columns))
    answer = segmenter.segment(embedding, prompts)
    undecided = int((np.abs(answer.logits) < _UNDECIDED_LOGIT).sum())
    inside = int((answer.logits > 0).sum())
    return ChestLikeness(
        lungs=len(name_lungs(answer, prompts, radiograph)),
        quality=answer.quality,
        undecided=undecided / max(inside, 1),
    )
