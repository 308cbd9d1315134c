"""Comparing: an earlier film beside the open one, its outlines, and what has changed since."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from app.beside import Found, marks_beside
from app.films import Film, load_film
from app.jobs import Lane, Priority
from app.prompting import answered
from engine.case import Case, Finding
from engine.domain import chest_likeness
from engine.errors import LungboxError
from engine.film.radiograph import Radiograph
from engine.geometry import BoxPrompt, Prompts
from engine.likeness import ChestLikeness
from engine.measure import Change, Measurement, Measurements, Prior, check_prior, measure
from engine.segmenter import Embedding, Segmenter

if TYPE_CHECKING:
    from app.session import Session


class Comparing(QObject):
    """Keeps the prior of the open film. Its outlines are those already made, or the model's where the reader asks."""

    changed = Signal()
    chosen = Signal()

    def __init__(self, session: "Session", parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._beside: Case | None = None  # the case that was open when the prior was
        self.film: Film | None = None
        self.case: Case | None = None
        self.source = ""  # where its outlines come from: "session", "case", "results" or "model"
        self.outlining = False
        self.prior: Prior | None = None
        self.evidence: Measurement | None = None  # of the prior, drawn while its row is selected
        session.film_changed.connect(self._film_changed)
        session.measured.connect(self.changed)

    @property
    def changes(self) -> tuple[Change, ...]:
        """What changed between the two films, as far as both are measured."""
        now = self._session.measurements
        return self.prior.changes_to(now) if self.prior is not None and now is not None else ()

    def open(self, path: Path) -> None:
        """Read a prior and put it beside the open film, if that is still open by then."""
        self._session.jobs.run(
            Lane.FILM, lambda: load_film(path), self.show, self._session.failed.emit, owner="film", key="prior"
        )

    def of(self, case: Case) -> Prior | None:
        """Return the prior of a case, where it is the one beside which it was put."""
        beside = self._beside
        return self.prior if beside is not None and _same_pixels(case.radiograph, beside.radiograph) else None

    def show(self, film: Film) -> None:
        """Put a prior beside the open film, with the outlines that it already has."""
        case = self._session.case
        if case is None:
            return
        try:
            check_prior(film.radiograph, case.radiograph)
        except LungboxError as error:
            self._session.failed.emit(error)
            return
        self.clear()
        self.film, self._beside = film, case
        self.changed.emit()
        radiograph = film.radiograph
        worked_on = self._session.readings.case_on(film)
        if worked_on is not None and worked_on.findings:
            self._take(worked_on, "session")
            return
        self._session.encoder.encode(radiograph, ahead=True)  # the model is probably asked next

        def found(beside: Found | None) -> None:
            if beside is not None:
                self._take(beside.case, beside.source)

        self._session.jobs.run(
            Lane.RESULT, lambda: marks_beside(radiograph), found, lambda error: None, owner="prior", key="prior-marks"
        )

    def clear(self) -> None:
        """Put the prior away."""
        self._session.jobs.forget("prior")
        self.film, self.case, self.prior, self._beside, self.evidence = None, None, None, None, None
        self.source, self.outlining = "", False
        self.changed.emit()

    def outline(self) -> None:
        """Ask the model for both lungs of the prior: the same action as on the open film."""
        film = self.film
        if film is None or self.outlining:
            return
        radiograph = film.radiograph
        prompts = Prompts(BoxPrompt.whole(radiograph.rows, radiograph.columns))
        self.outlining = True
        self.changed.emit()

        def work(segmenter: Segmenter, embedding: Embedding) -> tuple[tuple[Finding, ...], ChestLikeness]:
            findings = answered(segmenter, embedding, radiograph, prompts, None, "")
            return findings, chest_likeness(segmenter, embedding, radiograph)

        def done(answer: tuple[tuple[Finding, ...], ChestLikeness]) -> None:
            self.outlining = False
            findings, likeness = answer
            if findings:
                self._take(Case(radiograph, findings, likeness=likeness), "model")
            else:
                self._session.noticed.emit("nothing-found")
                self.changed.emit()

        def refused(error: LungboxError) -> None:
            self.outlining = False
            self.changed.emit()
            self._session.failed.emit(error)

        self._session.encoder.ask(radiograph, work, done, refused, owner="prior")

    def choose(self, change: Change | None) -> None:
        """Have the prior's side of a change drawn on it."""
        self.evidence = change.prior if change is not None else None
        self.chosen.emit()

    def _take(self, case: Case, source: str) -> None:
        case = self._session.doubt.on(case)
        self.case, self.source = case, source
        if case.likeness is None:
            self._judge(case)

        def done(measurements: Measurements) -> None:
            self.prior = Prior(case, measurements)
            self.changed.emit()

        self._session.jobs.run(Lane.RESULT, lambda: measure(case), done, owner="prior", key="prior-measure")
        self.changed.emit()

    def _judge(self, case: Case) -> None:
        """Ask whether the prior is a frontal chest at all: outlines from a file say nothing of it."""

        def judged(likeness: ChestLikeness) -> None:
            if self.case is case:
                self._take(replace(case, likeness=likeness), self.source)

        self._session.doubt.judge(case.radiograph, judged, owner="prior", priority=Priority.SOON)

    def _film_changed(self) -> None:
        """A prior is of one film: the next one may be of somebody else."""
        case = self._session.case
        if self._beside is not None and (case is None or not _same_pixels(case.radiograph, self._beside.radiograph)):
            self.clear()


def _same_pixels(one: Radiograph, other: Radiograph) -> bool:
    return one.source.pixel_sha256 == other.source.pixel_sha256
