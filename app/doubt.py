"""Doubt: whether the film on screen looks like a frontal chest film to the model, asked once a film."""

from collections.abc import Callable, Hashable
from dataclasses import replace
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from app.jobs import Priority
from engine.case import Case
from engine.domain import chest_likeness
from engine.errors import LungboxError
from engine.film.radiograph import Radiograph
from engine.likeness import ChestLikeness

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
        """The verdict on the open film; None until the model has given it, or a file that was opened."""
        case = self._session.case
        return case.likeness if case is not None else None

    @property
    def doubtful(self) -> bool:
        """True when the open film needs the warning."""
        case = self._session.case
        return case is not None and case.doubtful

    def on(self, case: Case) -> Case:
        """Return a case with what is known of its film; one from undo, a file or a journal may not have it."""
        verdict = self._verdicts.get(case.radiograph.source.pixel_sha256)
        return case if verdict is None or verdict == case.likeness else replace(case, likeness=verdict)

    def settled(self, case: Case, then: Callable[[Case], None]) -> None:
        """Hand on a case with the verdict on its film: results of a film that was accepted at once need it too."""
        case = self.on(case)
        if case.likeness is not None or not self._session.encoder.usable:
            then(case)
            return

        self.judge(
            case.radiograph,
            lambda likeness: then(replace(case, likeness=likeness)),
            lambda error: then(case),
            owner="results",
        )

    def judge(
        self,
        radiograph: Radiograph,
        then: Callable[[ChestLikeness], None],
        failed: Callable[[LungboxError], None] = lambda error: None,
        *,
        owner: str,
        key: Hashable | None = None,
        priority: Priority = Priority.NOW,
    ) -> None:
        """Have the model look at a film."""
        self._session.encoder.ask(
            radiograph,
            lambda segmenter, embedding: chest_likeness(segmenter, embedding, radiograph),
            then,
            failed,
            owner=owner,
            key=key,
            priority=priority,
        )

    def forget(self) -> None:
        """Another model is to judge."""
        self._verdicts.clear()

    def ask(self) -> None:
        """Ask about the open film, unless that has been answered. With no model there is nobody to doubt."""
        reading = self._session.reading
        if reading is None or reading.film.radiograph.source.pixel_sha256 in self._verdicts:
            return
        radiograph = reading.film.radiograph

        def judged(likeness: ChestLikeness) -> None:
            while len(self._verdicts) >= _KEPT:
                self._verdicts.pop(next(iter(self._verdicts)))
            self._verdicts[radiograph.source.pixel_sha256] = likeness
            self._session.judged()
            self.changed.emit()

        self.judge(radiograph, judged, owner="film", key="doubt", priority=Priority.SOON)
