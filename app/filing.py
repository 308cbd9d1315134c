"""Filing: cases to and from case files, and results read back."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from app.casefile import CaseFile, CaseFileError, open_case, save_case
from app.films import Film
from app.jobs import Lane, Priority
from app.prompting import brought_in
from app.reading import Reading
from app.results import PartlyOpenedError, bundles_beside, is_dicom_result, read_results, results_or_film
from engine.case import Case
from engine.errors import LungboxError
from engine.film.radiograph import Radiograph

if TYPE_CHECKING:
    from app.session import Session
    from engine.results.beside import FoundResults
    from engine.results.reopen import Reopened

_FEW = 20  # more than these are a series, and a series is films


class Filing(QObject):
    """Saves the open case, and opens saved ones."""

    offered = Signal()

    def __init__(self, session: "Session") -> None:
        super().__init__(session)
        self._session = session
        self.offer: FoundResults | None = None  # results beside the open film that nobody has opened yet
        self._answered: set[Path] = set()
        session.film_changed.connect(self._look_beside)
        session.case_changed.connect(self._follow)

    def save(self, path: Path, reading: Reading | None = None) -> None:
        """Write a case file: of the open film, where no other is named."""
        saved = reading or self._session.reading
        if saved is None:
            return
        case = saved.case

        def done(_: None) -> None:
            self._session.readings.saved(saved, case, path)
            self._session.saved_changed.emit()
            self._session.noticed.emit("saved")

        self._session.jobs.run(
            Lane.RESULT, lambda: save_case(path, case), done, self._session.failed.emit, key=("save", str(path))
        )

    def open(self, path: Path) -> None:
        """Open a case file with its film."""

        def done(found: CaseFile) -> None:
            if found.film_path.exists():
                self._session.worklist.open([found.film_path], then=lambda film: self._with_case(film, path, found.on))
                return
            advice = "Put it beside the case file."
            self._session.failed.emit(CaseFileError(f"The film of {path.name} is not where it was.", advice=advice))

        self._session.jobs.run(Lane.RESULT, lambda: open_case(path), done, self._session.failed.emit)

    def open_films(self, paths: list[Path], *, add: bool = False) -> None:
        """Open films; segmentations and reports among a few of them are brought in where they belong."""
        if len(paths) > _FEW:
            self._session.worklist.open(paths, add=add)
            return

        def sorted_out() -> tuple[list[Path], list[Path]]:
            results = [path for path in paths if is_dicom_result(path)]
            return [path for path in paths if path not in results], results

        def done(found: tuple[list[Path], list[Path]]) -> None:
            films, results = found
            if not films:
                self.open_results(results[0])
            elif results:
                self._session.worklist.open(films, then=lambda _: self.open_results(results[0]), add=add)
            else:
                self._session.worklist.open(films, add=add)

        self._session.jobs.run(Lane.FILM, sorted_out, done, self._session.failed.emit)

    def open_results(self, path: Path) -> None:
        """Bring the structures of results into the case of their film, as one step; the film is found and opened."""
        case = self._session.case
        film = case.radiograph if case is not None else None
        listed = [entry.path for entry in self._session.worklist.entries]

        def done(found: "Reopened | Path") -> None:
            if isinstance(found, Path):
                self._session.worklist.open([found], then=lambda film: self._open_on(path, film.radiograph))
            else:
                self._with_results(found)

        self._session.jobs.run(
            Lane.RESULT,
            lambda: results_or_film(path, film, listed),
            done,
            self._session.failed.emit,
            owner="film",
        )

    def _open_on(self, path: Path, film: Radiograph) -> None:
        self._session.noticed.emit("results-film-found")
        self._session.jobs.run(
            Lane.RESULT, lambda: read_results(path, film), self._with_results, self._session.failed.emit, owner="film"
        )

    # Results that lie beside a film are offered, never opened unasked

    def open_offer(self) -> None:
        """Open what was offered."""
        if self.offer is not None:
            self.open_results(self.offer.folder)
            self.decline_offer()

    def decline_offer(self) -> None:
        """Offer it no more while the program runs."""
        if self.offer is not None:
            self._answered.add(self.offer.folder)
            self._set_offer(None)

    def _look_beside(self) -> None:
        self._set_offer(None)
        case = self._session.case
        if case is None or case.findings:
            return
        film = case.radiograph

        def found(results: tuple["FoundResults", ...]) -> None:
            now = self._session.case
            fresh = [one for one in results if one.folder not in self._answered]
            if fresh and now is not None and now.radiograph is film and not now.findings:
                self._set_offer(fresh[0])

        self._session.jobs.run(
            Lane.RESULT,
            lambda: bundles_beside(film),
            found,
            lambda error: None,
            owner="film",
            key="beside",
            priority=Priority.SOON,
        )

    def _follow(self) -> None:
        """An offer is for a film that has nothing yet."""
        if self.offer is not None and self._session.case is not None and self._session.case.findings:
            self._set_offer(None)

    def _set_offer(self, offer: "FoundResults | None") -> None:
        if offer is not self.offer:
            self.offer = offer
            self.offered.emit()

    def _with_results(self, found: "Reopened") -> None:
        self._session.drop_prompts()
        case = self._session.case
        if case is None:
            return
        self._session.do(brought_in(case, found), "results")
        self._session.select(found.findings[0].tracking_uid if found.findings else None)
        if found.remarks:
            self._session.failed.emit(PartlyOpenedError("; ".join(found.remarks)))
        else:
            self._session.noticed.emit("results-opened")

    def _with_case(self, film: Film, path: Path, on: Callable[..., Case]) -> None:
        reading = self._session.reading
        if reading is None or reading.film.path != film.path:
            return
        try:
            case = on(reading.film.radiograph)  # as it was first read: its history is on that one
        except LungboxError as error:
            self._session.failed.emit(error)
        else:
            self._session.do(case, "open")
            self._session.readings.saved(reading, reading.case, path)
            self._session.select(case.findings[0].tracking_uid if case.findings else None)
            self._session.saved_changed.emit()
