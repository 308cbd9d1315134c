"""Measuring: the open case's numbers, taken off the UI thread, and how far they move with the box."""

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from app.jobs import Lane, Priority
from app.prompting import alternatives, band_of
from engine.case import Case
from engine.mask import Mask
from engine.measure import Measurements, measure, with_intervals

if TYPE_CHECKING:
    from app.session import Session


class Measuring(QObject):
    """Keeps the numbers on show, and of which case they are."""

    def __init__(self, session: "Session") -> None:
        super().__init__(session)
        self._session = session
        self._measured: Case | None = None
        self.measurements: Measurements | None = None
        self.bands: dict[str, Mask] = {}  # where outlines are uncertain, by tracking UID

    def of(self, case: Case) -> Measurements | None:
        """Return the numbers on show, where they are of this case: results hold what the reader saw."""
        return self.measurements if self._measured is not None and _alike(self._measured, case) else None

    def forget(self) -> None:
        """Another film is opened."""
        self.measurements, self._measured, self.bands = None, None, {}

    def follow(self, case: Case) -> None:
        """Measure the case, unless only its state has changed: accepting it takes no interval away."""
        if self.of(case) is not None:
            return
        self._measured, self.bands = None, {}

        def done(measurements: Measurements) -> None:
            self._show(case, measurements)

        self._session.jobs.run(Lane.RESULT, lambda: measure(case), done, owner="film", key="measure")
        if self._session.lightbox.display.uncertainty:
            self.estimate_uncertainty()

    def estimate_uncertainty(self) -> None:
        """Ask again with boxes drawn a little differently; where they disagree is shown, and in the numbers."""
        case = self._session.case
        if case is None or not case.findings:
            return
        radiograph, findings = case.radiograph, case.findings

        def bands(masks: dict[str, list[Mask]]) -> tuple[dict[str, Mask], Measurements]:
            uncertain = {
                uid: band_of(finding.mask, masks[uid]) for uid in masks if (finding := case.finding(uid)) is not None
            }
            return uncertain, with_intervals(case, measure(case), masks)

        def show(found: tuple[dict[str, Mask], Measurements]) -> None:
            self._show(case, found[1], found[0])

        def measured(masks: dict[str, list[Mask]]) -> None:
            self._session.jobs.run(Lane.RESULT, lambda: bands(masks), show, owner="film", key="uncertainty")

        self._session.encoder.ask(
            radiograph,
            lambda segmenter, embedding: alternatives(segmenter, embedding, radiograph, findings),
            measured,
            lambda error: None,
            owner="film",
            key="uncertainty",
            priority=Priority.SOON,
        )

    def _show(self, case: Case, measurements: Measurements, bands: dict[str, Mask] | None = None) -> None:
        now = self._session.case
        if now is None or not _alike(now, case):
            return
        self._measured, self.measurements = case, measurements
        if bands is not None:
            self.bands = bands
        self._session.measured.emit()


def _alike(one: Case, other: Case) -> bool:
    """Return whether two cases differ in nothing that is measured."""
    return (
        one.radiograph is other.radiograph
        and one.findings is other.findings
        and one.callipers == other.callipers
        and one.distances == other.distances
        and one.known_length_mm == other.known_length_mm
        and one.magnification_applied == other.magnification_applied
        and one.doubtful is other.doubtful  # every number carries the warning
    )
