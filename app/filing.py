"""Filing: cases to and from case files, and results read back."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from app.casefile import CaseFile, CaseFileError, open_case, save_case
from app.films import Film
from app.jobs import Lane
from app.prompting import brought_in
from app.reading import Reading
from app.results import PartlyOpenedError, read_results
from engine.case import Case
from engine.errors import LungboxError

if TYPE_CHECKING:
    from app.session import Session
    from engine.results.reopen import Reopened


class Filing(QObject):
    """Saves the open case, and opens saved ones."""

    def __init__(self, session: "Session") -> None:
        super().__init__(session)
        self._session = session

    def save(self, path: Path) -> None:
        """Write the case file."""
        reading = self._session.reading
        if reading is None:
            return
        case = reading.case

        def done(_: None) -> None:
            reading.saved, reading.path = case, path
            self._session.journal(reading, lambda journal: journal.step("saved"))
            self._session.saved_changed.emit()
            self._session.noticed.emit("saved")

        self._session.jobs.run(
            Lane.RESULT, lambda: save_case(path, case), done, self._session.failed.emit, key=("save", str(path))
        )

    def save_now(self, reading: Reading, path: Path) -> bool:
        """Write a case file before the program ends; False, and said, when it cannot be written."""
        try:
            save_case(path, reading.case)
        except LungboxError as error:
            self._session.failed.emit(error)
            return False
        reading.saved, reading.path = reading.case, path
        return True

    def open(self, path: Path) -> None:
        """Open a case file with its film."""

        def done(found: CaseFile) -> None:
            if found.film_path.exists():
                self._session.worklist.open([found.film_path], then=lambda film: self._with_case(film, path, found.on))
                return
            advice = "Put it beside the case file."
            self._session.failed.emit(CaseFileError(f"The film of {path.name} is not where it was.", advice=advice))

        self._session.jobs.run(Lane.RESULT, lambda: open_case(path), done, self._session.failed.emit)

    def open_results(self, path: Path) -> None:
        """Bring the structures of results into the open case, as one step."""
        case = self._session.case
        if case is None:
            self._session.noticed.emit("results-need-film")
            return
        film = case.radiograph
        self._session.jobs.run(
            Lane.RESULT,
            lambda: read_results(path, film),
            self._with_results,
            self._session.failed.emit,
            owner="film",
        )

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
        try:
            case = on(film.radiograph)
        except LungboxError as error:
            self._session.failed.emit(error)
            return
        reading = self._session.reading
        if reading is not None and reading.film.path == film.path:
            reading.path = path
            self._session.do(case, "open")
            reading.saved = reading.case
            self._session.select(case.findings[0].tracking_uid if case.findings else None)
            self._session.saved_changed.emit()
