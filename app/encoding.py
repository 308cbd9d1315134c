"""Encoder: the model on its worker thread, and the embeddings it has made.

Encoding starts when a film is opened, not when a box is drawn; a box drawn meanwhile waits its turn in the same lane.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from typing import TypeVar

from PySide6.QtCore import QObject, Signal

import resources
from app.jobs import Jobs, Lane, Priority
from engine.errors import LungboxError
from engine.film.radiograph import Radiograph
from engine.models import Model, model_of
from engine.network.checkpoint import Checkpoint
from engine.segmenter import Embedding, Segmenter, load_segmenter_apart

Result = TypeVar("Result")


class EncoderState(Enum):
    """What the status bar's dot says."""

    STARTING = "starting"
    IDLE = "idle"
    ENCODING = "encoding"
    READY = "ready"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class EncoderStatus:
    """All the status bar shows of the model."""

    state: EncoderState = EncoderState.STARTING
    backend: str = ""
    device: str = ""
    checkpoint: str = ""
    checkpoint_sha256: str = ""
    encode_ms: float | None = None
    answer_ms: float | None = None
    fallback: str = ""  # what failed and what runs instead
    restarts: int = 0  # of the model's process
    model: Model | None = None  # its name and card
    proof: str = ""  # what the self-test said, once it has
    distrusted: bool = False  # the self-test failed
    problem: str = ""


class Encoder(QObject):
    """Owns the segmenter. Everything that touches it runs in the model's lane, one thing at a time."""

    status_changed = Signal()
    noticed = Signal(str)  # a code for app.wording: what the reader is told once

    def __init__(self, jobs: Jobs, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._jobs = jobs
        self._segmenter: Segmenter | None = None  # touched by the model's lane only
        self._embeddings: OrderedDict[str, Embedding] = OrderedDict()  # likewise
        self.kept = 8  # embeddings in memory
        self.status = EncoderStatus()
        self._current = ""

    def start(self, checkpoint: Path | None, device: str, embeddings_kept: int = 8, disk_mb: int = 0) -> None:
        """Load the model; films already waiting are encoded after it."""
        self.kept = embeddings_kept
        self._set(state=EncoderState.STARTING, problem="")

        def load() -> Segmenter:
            self._embeddings.clear()
            self.close()
            self._segmenter = load_segmenter_apart(checkpoint, device, disk_mb << 20)
            return self._segmenter

        self._jobs.run(Lane.MODEL, load, self._loaded, self._failed, key="load")
        # After the film on screen, before its neighbours. What fails here fails again, and is said, when it is needed.
        self._jobs.run(
            Lane.MODEL, self._warm_up, lambda _: None, lambda error: None, key="warm", priority=Priority.SOON
        )

    def close(self) -> None:
        """End the model's process; called in the model's lane, or when that has ended."""
        segmenter, self._segmenter = self._segmenter, None
        if segmenter is not None:
            segmenter.close()

    @property
    def usable(self) -> bool:
        """False when no model could be loaded."""
        return self.status.state is not EncoderState.FAILED

    def encode(self, radiograph: Radiograph, *, ahead: bool = False) -> None:
        """Encode a film: now when it is on screen, later when it is its neighbour."""
        sha = radiograph.source.pixel_sha256
        if not ahead:
            self._current = sha
            if self.status.state in (EncoderState.IDLE, EncoderState.READY):
                self._set(state=EncoderState.ENCODING)
        began = time.perf_counter()
        self._jobs.run(
            Lane.MODEL,
            lambda: self._timed(radiograph),
            lambda seconds: self._encoded(sha, seconds, began),
            self._failed_film if not ahead else lambda error: None,
            owner=("encode", sha),
            key=("encode", sha),
            priority=Priority.AHEAD if ahead else Priority.NOW,
        )

    def ask(
        self,
        radiograph: Radiograph,
        question: Callable[[Segmenter, Embedding], Result],
        then: Callable[[Result], None],
        failed: Callable[[LungboxError], None],
        *,
        owner: Hashable,
        key: Hashable = None,
        priority: Priority = Priority.NOW,
    ) -> None:
        """Put a question about a film to the model; only what the reader waits for is timed."""
        began = time.perf_counter()

        def work() -> Result:
            return question(self._ready_segmenter(), self._embedding(radiograph)[0])

        def done(result: Result) -> None:
            if priority is Priority.NOW:
                self._set(answer_ms=(time.perf_counter() - began) * 1e3)
            self._look()
            then(result)

        self._jobs.run(Lane.MODEL, work, done, failed, owner=owner, key=key, priority=priority)

    def aside(
        self,
        work: Callable[[Segmenter], Result],
        then: Callable[[Result], None],
        failed: Callable[[LungboxError], None],
        *,
        key: Hashable,
    ) -> None:
        """Let something use the model that no reader waits for."""
        self._jobs.run(
            Lane.MODEL, lambda: work(self._ready_segmenter()), then, failed, key=key, priority=Priority.AHEAD
        )

    def tell_proof(self, text: str, *, passed: bool) -> None:
        """Take over what the self-test said of this model."""
        self._set(proof=text, distrusted=not passed)

    # In the model's lane

    def _ready_segmenter(self) -> Segmenter:
        if self._segmenter is None:
            raise LungboxError("No model is loaded.", advice="Choose one in Settings.")
        return self._segmenter

    def _warm_up(self) -> None:
        if self._segmenter is not None:
            self._segmenter.warm_up()

    def _embedding(self, radiograph: Radiograph) -> tuple[Embedding, float]:
        sha = radiograph.source.pixel_sha256
        began = time.perf_counter()
        if sha not in self._embeddings:
            self._embeddings[sha] = self._ready_segmenter().embed(radiograph)
        self._embeddings.move_to_end(sha)
        while len(self._embeddings) > self.kept:
            self._embeddings.popitem(last=False)
        return self._embeddings[sha], time.perf_counter() - began

    def _timed(self, radiograph: Radiograph) -> float:
        return self._embedding(radiograph)[1]

    # On the UI thread

    def _loaded(self, segmenter: Segmenter) -> None:
        checkpoint = segmenter.checkpoint
        self._set(
            state=EncoderState.ENCODING if self._current else EncoderState.IDLE,
            backend=segmenter.backend.description,
            device=segmenter.backend.device,
            checkpoint=f"{checkpoint.name} {checkpoint.version}",
            checkpoint_sha256=checkpoint.sha256,
            fallback="",
            restarts=0,
            model=_model(checkpoint),
            proof="",
            distrusted=False,
        )
        self._look()

    def _look(self) -> None:
        """Say once that the model's engine has changed or its process died: neither may pass unseen."""
        segmenter = self._segmenter  # in use by the model's lane meanwhile; only words and a number are read
        if segmenter is None:
            return
        backend, before = segmenter.backend, self.status
        now = replace(
            before,
            backend=backend.description,
            device=backend.device,
            fallback=backend.fallback,
            restarts=segmenter.restarts,
        )
        if now == before:
            return
        self.status = now
        self.status_changed.emit()
        if now.fallback and now.fallback != before.fallback:
            self.noticed.emit("fell-back")
        elif now.restarts > before.restarts:
            self.noticed.emit("model-restarted")

    def _encoded(self, sha: str, seconds: float, began: float) -> None:
        self._look()
        if sha == self._current and self.status.state is not EncoderState.FAILED:
            self._set(state=EncoderState.READY, encode_ms=seconds * 1e3)

    def _failed(self, error: LungboxError) -> None:
        self._set(state=EncoderState.FAILED, problem=str(error))
        self._jobs.failed.emit(error)

    def _failed_film(self, error: LungboxError) -> None:
        # With no model at all the reader has been told already.
        if self.usable:
            self._set(state=EncoderState.IDLE)
            self._jobs.failed.emit(error)

    def _set(self, **changes: object) -> None:
        self.status = replace(self.status, **changes)  # type: ignore[arg-type]
        self.status_changed.emit()


def _model(checkpoint: Checkpoint) -> Model:
    path = checkpoint.path or Path()
    return model_of(checkpoint, path, bundled=path.parent == resources.path("models"))
