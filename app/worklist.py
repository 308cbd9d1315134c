"""Worklist: the films to be read, which of them is open, and the few that are kept in memory."""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QImage

from app.films import Entry, Film, film_of, films_in, load_film, thumbnail_of
from app.jobs import Jobs, Lane, Priority
from engine.case import CaseState
from engine.errors import LungboxError
from engine.film.radiograph import ViewPosition
from engine.film.reading import read_radiograph

_KEPT_BYTES = 512 << 20
_KEPT_FILMS = 12


class Worklist(QObject):
    """The list, and the loading of films off the UI thread. A film that cannot be read leaves the open one as it is."""

    reset = Signal()
    entry_changed = Signal(int)
    current_changed = Signal()
    loading_changed = Signal()
    opened = Signal(object)  # Film
    failed = Signal(object)  # LungboxError

    def __init__(self, jobs: Jobs, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._jobs = jobs
        self.entries: list[Entry] = []
        self.index = -1
        self.loading: Path | None = None
        self._refused: Path | None = None  # asked for after the open film, and not readable: keys go on from here
        self._films: OrderedDict[Path, Film] = OrderedDict()
        self._places: dict[Path, int] = {}
        self._states: dict[Path, CaseState] = {}  # of every film worked on, in this list or an earlier one

    # Filling

    def open(self, places: Sequence[Path], *, then: Callable[[Film], None] | None = None, add: bool = False) -> None:
        """Fill the list with the films at some files and folders, and open the first that can be read."""

        def done(paths: list[Path]) -> None:
            if not paths:
                self.failed.emit(LungboxError("No films were found there.", advice="Open DICOM, PNG, TIFF or JPEG."))
                return
            known = {entry.path: entry for entry in self.entries}
            fresh = [known.get(path) or Entry(path, self._states.get(path, CaseState.NEW)) for path in paths]
            if add or len(paths) == 1:
                # One film more never closes a list that is being worked through.
                fresh = [*self.entries, *(entry for entry in fresh if entry.path not in known)]
            shown = self.entries[self.index].path if self.index >= 0 else None
            self.entries = fresh
            self._places = {entry.path: number for number, entry in enumerate(fresh)}
            self.index = self._places.get(shown, -1) if shown is not None else -1
            self.reset.emit()
            self._show_first(paths, then)

        chosen = [place.absolute() for place in places]
        self._jobs.run(Lane.FILM, lambda: films_in(chosen), done, self.failed.emit)

    def _show_first(self, paths: Sequence[Path], then: Callable[[Film], None] | None) -> None:
        """Open the first of some films that can be read; of the others, only the first is a message."""

        def next_one(number: int, error: LungboxError) -> None:
            if number == 1:
                self.failed.emit(error)
            if number < len(paths):
                one_more = partial(next_one, number + 1)
                self.show(self._places.get(paths[number], -1), then=then, refused=one_more)

        self.show(self._places[paths[0]], then=then, refused=partial(next_one, 1))

    def show(
        self,
        index: int,
        *,
        then: Callable[[Film], None] | None = None,
        refused: Callable[[LungboxError], None] | None = None,
    ) -> None:
        """Open a film of the list; the last one asked for wins. `refused` is told of it, not everybody, if it fails."""
        if not 0 <= index < len(self.entries):
            return
        path = self.entries[index].path
        self._jobs.forget("open")
        self.loading = path
        self.loading_changed.emit()

        def done(film: Film) -> None:
            self.loading = self._refused = None
            self._keep(film)
            self._change(path, problem="")  # what could not be read before may have been mended
            self.index = self._places.get(path, -1)
            self.current_changed.emit()
            self.loading_changed.emit()
            self.opened.emit(film)
            if then is not None:
                then(film)

        def failed(error: LungboxError) -> None:
            self.loading, self._refused = None, path
            self._change(path, problem=str(error), read=True)
            self.loading_changed.emit()
            (refused or self.failed.emit)(error)

        kept = self._films.get(path)
        if kept is not None:
            done(kept)
        else:
            self._jobs.run(Lane.FILM, lambda: load_film(path), done, failed, owner="open")

    def step(self, by: int) -> bool:
        """Open the next or previous film; False at the end of the list."""
        asked = self.loading or self._refused
        place = self.index if asked is None else self._places.get(asked, self.index)
        if not 0 <= place + by < len(self.entries):
            return False
        self.show(place + by)
        return True

    def neighbours(self) -> list[Path]:
        """Return the next film and the one before, where there are any."""
        places = (self.index + 1, self.index - 1)
        return [self.entries[i].path for i in places if 0 <= i < len(self.entries) and not self.entries[i].problem]

    def load_ahead(self, path: Path, then: Callable[[Film], None]) -> None:
        """Read a film that will probably be next."""

        def done(film: Film) -> None:
            self._keep(film)
            then(film)

        kept = self._films.get(path)
        if kept is not None:
            then(kept)
            return
        self._jobs.run(
            Lane.FILM,
            lambda: load_film(path),
            done,
            lambda error: self._change(path, problem=str(error), read=True),
            owner="ahead",
            key=("ahead", path),
            priority=Priority.SOON,
        )

    def want(self, index: int) -> None:
        """Read what the list shows of a film: called for lines in view only."""
        entry = self.entries[index]
        if entry.read or self.loading == entry.path:
            return  # a film that is being opened is not read twice: it is asked for again once it is there
        path = entry.path
        self.entries[index] = replace(entry, read=True)

        def picture() -> tuple[Entry, QImage]:
            film = self._films.get(path) or film_of(read_radiograph(path))
            return _described(Entry(path), film), thumbnail_of(film)

        def done(found: tuple[Entry, QImage]) -> None:
            described, thumbnail = found
            self._change(
                path,
                problem="",
                view=described.view,
                taken=described.taken,
                patient=described.patient,
                description=described.description,
                study=described.study,
                thumbnail=thumbnail,
            )

        self._jobs.run(
            Lane.FILM,
            picture,
            done,
            lambda error: self._change(path, problem=str(error)),
            key=("thumbnail", path),
            priority=Priority.AHEAD,
        )

    def mark(self, path: Path, state: CaseState) -> None:
        """Show how far the reader is with a film."""
        self._states[path] = state
        index = self._places.get(path)
        if index is not None and self.entries[index].state is not state:
            self._change(path, state=state)

    @property
    def film(self) -> Film | None:
        """The film that is open."""
        return self._films.get(self.entries[self.index].path) if 0 <= self.index < len(self.entries) else None

    def keeps(self, film: Film) -> bool:
        """Return whether a film is among the few kept in memory."""
        return self._films.get(film.path) is film

    @property
    def done(self) -> int:
        """How many films are accepted or flagged."""
        return sum(entry.state in (CaseState.ACCEPTED, CaseState.FLAGGED) for entry in self.entries)

    def _keep(self, film: Film) -> None:
        self._films[film.path] = film
        self._films.move_to_end(film.path)
        while len(self._films) > 1 and (
            len(self._films) > _KEPT_FILMS or sum(kept.nbytes for kept in self._films.values()) > _KEPT_BYTES
        ):
            self._films.popitem(last=False)

    def _change(self, path: Path, **changes: object) -> None:
        index = self._places.get(path)
        if index is not None:
            self.entries[index] = replace(self.entries[index], **changes)  # type: ignore[arg-type]
            self.entry_changed.emit(index)


def _described(entry: Entry, film: Film) -> Entry:
    radiograph = film.radiograph
    view = radiograph.view_position
    day, clock = radiograph.identity.study_date, radiograph.identity.study_time
    date = f"{day[:4]}-{day[4:6]}-{day[6:8]}" if len(day) == 8 and day.isdigit() else ""
    hour = f"{clock[:2]}:{clock[2:4]}" if len(clock) >= 4 and clock[:4].isdigit() else ""
    return replace(
        entry,
        view=view.value if view is not ViewPosition.UNKNOWN else "",
        taken=f"{date} {hour}".strip(),
        patient=radiograph.identity.patient_name,
        description=radiograph.identity.study_description,
        study=radiograph.source.study_instance_uid,
    )
