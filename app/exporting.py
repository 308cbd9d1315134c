"""Exports: asked for, written in the background, and where they went."""

from collections.abc import Callable
from pathlib import Path

import platformdirs
from PySide6.QtCore import QObject, QUrl, Signal
from PySide6.QtGui import QDesktopServices

from app.dialogs import DeidentifyDialog, agreed, ask_folder
from app.faults import Faults
from app.jobs import Lane
from app.reading import Reading
from app.results import export_case, export_deidentified, says_burned_in
from app.session import Session
from app.window import Window
from app.wording import language_of, path_text, say
from engine.case import Case
from engine.errors import LungboxError
from engine.measure import Measurements

Write = Callable[[Case, Measurements | None], Path]


class Exports(QObject):
    """Every way in which results leave the program."""

    finished = Signal()  # nothing is being written any more

    def __init__(self, session: Session, window: Window, faults: Faults, parent: QObject) -> None:
        super().__init__(parent)
        self._session, self._window, self._faults = session, window, faults
        self._last: Path | None = None
        self.unfinished = self.failures = 0
        session.accepted.connect(self.accepted)

    def accepted(self, case: Case) -> None:
        """Write what the reader has accepted, where the settings say so."""
        settings = self._session.settings
        if settings.export_on_accept:
            chosen = Path(settings.export_folder) if settings.export_folder else None
            self.to(case, chosen or platformdirs.user_documents_path() / "Lungbox")

    def ask(self) -> None:
        """Write the case on screen to a folder that the reader chooses."""
        reading = self._session.reading
        if reading is None or (place := ask_folder(self._window, say("Export to"))) is None:
            return
        if self._whole(reading):
            self.to(reading.case, place)

    def ask_deidentified(self) -> None:
        """Write the case so that it names nobody, having asked what only a reader can see."""
        reading = self._session.reading
        if reading is None:
            return
        dialog = DeidentifyDialog(burned_in=says_burned_in(reading.film.radiograph), parent=self._window)
        if not agreed(dialog):
            return
        absent, keep = dialog.answer
        language = language_of(self._session.settings.language)
        if (place := ask_folder(self._window, say("Export to"))) is not None and self._whole(reading):
            self._write(
                reading.case,
                lambda settled, shown: export_deidentified(
                    settled, shown, place, no_name_on_film=absent, keep_sex_and_age=keep, language=language
                ),
                say("Exported, de-identified: {folder}"),
            )

    def _whole(self, reading: Reading) -> bool:
        """Return whether all that was drawn on a film is outlined; says so where something is still to come."""
        if reading is self._session.reading and self._session.pending:
            self._session.noticed.emit("still-outlining")
            return False
        return True

    def to(self, case: Case, place: Path) -> None:
        """Write a case below a folder."""
        prior, language = self._window.comparing.of(case), language_of(self._session.settings.language)
        self._write(
            case,
            lambda settled, shown: export_case(settled, shown, place, prior=prior, language=language),
            say("Exported: {folder}"),
        )

    def show_last(self) -> None:
        """Open the folder that was written last in the system's own file manager."""
        if self._last is None:
            self._session.noticed.emit("nothing-exported")
        else:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._last)))

    def _write(self, case: Case, write: Write, done: str) -> None:
        measurements = self._session.measuring.of(case)
        self.unfinished += 1
        self._session.noticed.emit("exporting")

        def written(folder: Path) -> None:
            self._last = folder
            self._window.status.say(done.format(folder=path_text(folder)))
            self._one_less()

        def failed(error: LungboxError) -> None:
            self.failures += 1
            self._faults.error(error)
            self._one_less()

        def begin(settled: Case) -> None:
            # A warning that came meanwhile belongs on every number.
            shown = measurements if settled.doubtful is case.doubtful else None
            self._session.jobs.run(Lane.RESULT, lambda: write(settled, shown), written, failed)

        self._session.doubt.settled(case, begin)

    def _one_less(self) -> None:
        self.unfinished -= 1
        if not self.unfinished:
            self.finished.emit()
