"""Segmenter: a film to an embedding once, then prompts to masks as often as the reader likes.

Holds the model and never a film: an Embedding carries all that belongs to its film.
"""

import contextlib
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.case import Provenance
from engine.errors import NoResultError, PromptError
from engine.film.radiograph import Radiograph
from engine.geometry import Letterbox, Prompts
from engine.mask import Mask
from engine.model_input import to_model_input
from engine.network.apart import Apart
from engine.network.backends import Backend, choose_backend
from engine.network.checkpoint import Checkpoint, bundled_checkpoint, read_checkpoint
from engine.version import VERSION


@dataclass(frozen=True, slots=True, eq=False)
class Embedding:
    """What the encoder made of one film, and where its pixels lie in the model's frame."""

    features: Any  # the backend's own arrays, on its own device
    letterbox: Letterbox
    pixel_sha256: str
    checkpoint_sha256: str
    input_sha256: str  # of the frame the model saw: equal frames give equal masks


@dataclass(frozen=True, slots=True, eq=False)
class Segmentation:
    """The model's answer to one prompt."""

    mask: Mask
    quality: float  # its own estimate of the IoU with the truth, 0 to 1
    logits: NDArray[np.float32]  # square map over the model's frame; above 0 is structure
    provenance: Provenance


class Segmenter:
    """One model on one device."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend

    @property
    def checkpoint(self) -> Checkpoint:
        """The weights in use."""
        return self.backend.checkpoint

    @property
    def provenance(self) -> Provenance:
        """What results say drew them."""
        checkpoint = self.checkpoint
        return Provenance(
            checkpoint_name=f"{checkpoint.name} {checkpoint.version}",
            checkpoint_sha256=checkpoint.sha256,
            backend=self.backend.description,
            lungbox_version=VERSION,
        )

    @property
    def restarts(self) -> int:
        """How often what runs outside this process died and was started again."""
        return self.backend.restarts if isinstance(self.backend, Apart) else 0

    def close(self) -> None:
        """End what runs outside this process, if anything does."""
        if isinstance(self.backend, Apart):
            self.backend.close()

    def embed(self, radiograph: Radiograph) -> Embedding:
        """Return the film's embedding; the costly part, done once."""
        checkpoint = self.checkpoint
        letterbox = Letterbox.fit(
            radiograph.rows, radiograph.columns, checkpoint.config.image_size, radiograph.pixel_aspect
        )
        frame = to_model_input(radiograph, letterbox, checkpoint.preprocessing)
        return Embedding(
            features=self.backend.encode(frame),
            letterbox=letterbox,
            pixel_sha256=radiograph.source.pixel_sha256,
            checkpoint_sha256=checkpoint.sha256,
            input_sha256=hashlib.sha256(frame.tobytes()).hexdigest(),
        )

    def warm_up(self) -> None:
        """Run everything once on a blank frame: compiling belongs to the start, not to the reader's first box."""
        config = self.checkpoint.config
        features = self.backend.encode(np.zeros((config.in_channels, *[config.image_size] * 2), dtype=np.float32))
        corners = np.array([[[0, 0], [config.image_size - 1] * 2]], dtype=np.float32)
        with contextlib.suppress(NoResultError):  # a blank frame may well have a blank answer
            self.backend.decode(features, corners, np.array([[2, 3]], dtype=np.float32))

    def segment(self, embedding: Embedding, prompts: Prompts) -> Segmentation:
        """Return the mask for one prompt."""
        return self.segment_many(embedding, [prompts])[0]

    def segment_many(self, embedding: Embedding, prompts: Sequence[Prompts]) -> list[Segmentation]:
        """Return one mask a prompt. Prompts with as many points share a run of the decoder."""
        if embedding.checkpoint_sha256 != self.checkpoint.sha256:
            raise PromptError("The film was encoded by another model.", advice="Open it again.")
        tokens = [embedding.letterbox.tokens(prompt) for prompt in prompts]
        answers: list[Segmentation | None] = [None] * len(prompts)
        for length in {len(labels) for _, labels in tokens}:
            group = [i for i, (_, labels) in enumerate(tokens) if len(labels) == length]
            logits, quality = self.backend.decode(
                embedding.features, np.stack([tokens[i][0] for i in group]), np.stack([tokens[i][1] for i in group])
            )
            for i, one, score in zip(group, logits, quality, strict=True):
                answers[i] = self._answer(embedding, one, float(score))
        return [answer for answer in answers if answer is not None]

    def _answer(self, embedding: Embedding, logits: NDArray[np.float32], quality: float) -> Segmentation:
        # NaN > 0 is False, so a broken run would read as "no lung": refuse it instead.
        if not (np.isfinite(logits).all() and np.isfinite(quality)):
            raise NoResultError("The model returned no usable numbers.", advice="Run `lungbox doctor`.")
        letterbox = embedding.letterbox
        mask = Mask.of_crop(*letterbox.positive(logits), letterbox.rows, letterbox.columns)
        return Segmentation(mask, min(max(quality, 0.0), 1.0), logits, self.provenance)


def load_segmenter(checkpoint: Path | None = None, device: str = "auto") -> Segmenter:
    """Return a segmenter for a checkpoint file (the bundled one by default) on "auto", "cpu" or "cuda"."""
    return Segmenter(choose_backend(read_checkpoint(checkpoint or bundled_checkpoint()), device))


def load_segmenter_apart(checkpoint: Path | None = None, device: str = "auto", disk_bytes: int = 0) -> Segmenter:
    """Return the same, with its runtime in a child process: for the window, which must outlive a native crash.

    `disk_bytes` of encoded films are kept in the user's cache folder.
    """
    return Segmenter(Apart(checkpoint or bundled_checkpoint(), device, disk_bytes))
