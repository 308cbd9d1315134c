"""Doubt: whether the film on screen looks like a frontal chest film to the model, asked once a film."""

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from app.jobs import Priority
from engine.domain import ChestLikeness, chest_likeness

if TYPE_CHECKING:
    from app.session import Session

_KEPT = 4096  # verdicts, a few numbers each


class Doubt(QObject):
    """Keeps the verdict on each film, so that outlines on a hand are never shown without a warning."""

    changed = Signal()

    def __init__(self, session: "Session") -> None:
        super().__init__(session)
        self._session = session
        self._verdicts: dict[str, ChestLikeness] = {}  # by the pixels' hash
        session.film_changed.connect(self.ask)

    @property
    def likeness(self) -> ChestLikeness | None:
        """The verdict on the open film; None until the model has given it."""
        reading = self._session.reading
        return self._verdicts.get(reading.film.radiograph.source.pixel_sha256) if reading else None

    @property
    def doubtful(self) -> bool:
        """True when the open film needs the warning."""
        likeness = self.likeness
        return likeness is not None and likeness.doubtful

    def forget(self) -> None:
        """Another model is to judge."""
        self._verdicts.clear()

    def ask(self) -> None:
        """Ask about the open film, unless that has been answered. With no model there is nobody to doubt."""
        reading = self._session.reading
        if reading is None or self.likeness is not None:
            return
        radiograph = reading.film.radiograph

        def judged(likeness: ChestLikeness) -> None:
            while len(self._verdicts) >= _KEPT:
                self._verdicts.pop(next(iter(self._verdicts)))
            self._verdicts[radiograph.source.pixel_sha256] = likeness
            self.changed.emit()

        self._session.encoder.ask(
            radiograph,
            lambda segmenter, embedding: chest_likeness(segmenter, embedding, radiograph),
            judged,
            lambda error: None,
            owner="film",
            key="doubt",
            priority=Priority.SOON,
        )
