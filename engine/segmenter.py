"""Segmenter: a film to an embedding once, then prompts to masks as often as the reader likes.

Holds the model and never a film: an Embedding carries all that belongs to its film.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.case import Provenance
from engine.errors import NoResultError, PromptError
from engine.film.radiograph import Radiograph
from engine.geometry import Letterbox, Prompts
from engine.mask import Mask
from engine.model_input import to_model_input
from engine.network.backends import Backend


@dataclass(frozen=True, slots=True, eq=False)
class Embedding:
    """What the encoder made of one film, and where its pixels lie in the model's frame."""

    features: Any  # the backend's own arrays, on its own device
    letterbox: Letterbox
    pixel_sha256: str
    checkpoint_sha256: str
    input_sha256: str


@dataclass(frozen=True, slots=True, eq=False)
class Segmentation:
    """The model's answer to one prompt."""

    mask: Mask
    quality: float  # its own estimate of the IoU with the truth, 0 to 1
    logits: NDArray[np.float32]  # square map over the model's frame; above 0 is structure
    provenance: Provenance
