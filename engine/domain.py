"""Is this a frontal chest film at all? Asked of the pixels: a header that says CHEST may lie, and most PNGs have none.

The model is asked for both lungs over the whole film, as no reader would box a hand. On a frontal chest film it finds
some, trusts them, and leaves few pixels undecided beside them; on anything else at least one of the three fails. One
lung alone is no ground for doubt: the other may be white.
"""

import numpy as np

from engine.film.radiograph import Radiograph
from engine.geometry import BoxPrompt, Prompts
from engine.likeness import ChestLikeness
from engine.lungs import name_lungs
from engine.segmenter import Embedding, Segmenter

_UNDECIDED_LOGIT = float(np.log(9.0))  # a probability between 0.1 and 0.9


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
