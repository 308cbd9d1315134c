"""Readings: the films of this session with the work on them; those long left are laid aside, in their journals alone.

The worklist keeps the pixels of a few films. A reading whose film it has let go is let go too, saved or not, once its
journal has been read back and found to hold all of it: its history, and what of it is saved. Opening the film again
takes it up from there, as after a crash.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from app.casefile import FilmHash, marks_of, masks_named, masks_of, save_case, save_marks
from app.films import Film
from app.history import Change, History
from app.jobs import Jobs, Lane, Priority
from app.journal import Journal, JournalFolder, Recovered, Work, read_journal
from app.reading import Key, Reading, key_of
from app.worklist import Worklist
from engine.case import Case
from engine.errors import LungboxError, OutputError
from engine.film.radiograph import Radiograph


@dataclass(frozen=True, slots=True, eq=False)
class LaidAside:
    """A film that was left with work in no case file; what it is about is in its journal."""

    film: FilmHash
    journal: Journal
    path: Path | None  # its case file


class Readings(QObject):
    """Every film that was worked on in this session."""

    failed = Signal(object)  # LungboxError

    def __init__(self, jobs: Jobs, worklist: Worklist, journals: JournalFolder, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._jobs, self._worklist, self._journals = jobs, worklist, journals
        self.current: Reading | None = None
        self.live: dict[Key, Reading] = {}
        self._aside: dict[Key, LaidAside] = {}  # those with nothing unsaved are in their journals alone
        self._recovered: dict[Path, Recovered] = {}

    def take_up(self, film: Film) -> Reading:
        """Make a film the current one, with the work already done on it."""
        reading = self.live.get(key_of(film)) or self._begin(film)
        left = self.current
        if left is not None and not left.history.done and not left.history.undone:
            self.live.pop(left.key, None)  # nothing was done on it
        self.live[reading.key] = self.current = reading
        self._tidy()
        return reading

    def case_on(self, film: Film) -> Case | None:
        """Return the case on a film that was worked on, taking up nothing."""
        live = self.live.get(key_of(film))
        if live is not None:
            return live.case
        found = read_journal(self._journals.path_for(film.radiograph))
        return found.on(film.radiograph).case if found is not None else None

    def recover(self, found: list[Recovered]) -> None:
        """Take over the work of sessions that died; it is there when its film is opened."""
        # Newest first: where two sessions died over one film, the later work is taken up and the other kept.
        self._recovered.update({item.film_path: item for item in reversed(found)})

    def write(self, item: Reading | LaidAside, write: Callable[[Journal], None]) -> None:
        """Write to a journal, and say so when that fails."""
        journal = item.journal
        try:
            write(journal)
        except OutputError as error:
            self.failed.emit(error)  # the work itself is safe in memory
            return
        self._jobs.run(Lane.RESULT, journal.sync, lambda _: None, key=("sync", journal.path))

    # What is in no case file

    def unsaved(self) -> list[Reading | LaidAside]:
        """Return every film of this session with work that is in no case file."""
        return [*self._aside.values(), *(reading for reading in self.live.values() if reading.dirty)]

    def saved(self, reading: Reading, case: Case, path: Path) -> None:
        """Remember that a case is in a case file now."""
        reading.saved, reading.path = case, path
        self.write(reading, lambda journal: journal.saved(marks_of(case), masks_of(case), path))

    def save_now(self, item: Reading | LaidAside, path: Path) -> None:
        """Write a case file before the program ends; OutputError when it cannot be written."""
        if isinstance(item, Reading):
            save_case(path, item.case)
            self.saved(item, item.case, path)
            return
        found = read_journal(item.journal.path)
        if found is None:
            raise OutputError(f"The work on {item.film.path.name} cannot be read back.", advice="Its journal is gone.")
        marks = found.replayed().case
        masks = {sha: found.masks[sha] for sha in masks_named(marks)}
        save_marks(path, item.film, marks, masks)
        self.write(item, lambda journal: journal.saved(marks, masks, path))
        self._aside = {key: other for key, other in self._aside.items() if other is not item}

    def discard_unsaved(self) -> None:
        """Give up every unsaved change; the reader has been asked."""
        self._aside.clear()
        for reading in self.live.values():
            reading.saved = reading.case

    def end(self) -> None:
        """End the session; journals of unsaved work stay for the next start."""
        self._journals.end(keep=bool(self.unsaved()))

    # Inside

    def _begin(self, film: Film) -> Reading:
        """Return a film's reading: as it was laid aside, as a session that died has left it, or fresh."""
        radiograph = film.radiograph
        fresh = Case(radiograph)
        self._aside.pop(key_of(film), None)
        reading = Reading(film, fresh, History(), self._journals.journal_for(fresh), fresh)
        found = read_journal(reading.journal.path) or self._recovered.pop(film.path, None)
        if found is None:
            return reading
        try:
            work = found.on(radiograph)
        except LungboxError as error:
            self.failed.emit(error)
            return reading
        reading.case, reading.history, reading.saved, reading.path = work.case, work.history, work.saved, work.path
        try:
            reading.journal.adopt(found)
        except OSError:
            for change in work.history.done:
                self.write(reading, partial(_add, change))
        return reading

    def _tidy(self) -> None:
        """Lay aside what was left long ago."""
        for reading in self.live.values():
            if reading is self.current or reading.stays or self._worklist.keeps(reading.film):
                continue
            asked = _work_on(reading)
            self._jobs.run(
                Lane.RESULT,
                partial(_proved, asked, reading.journal, reading.film.radiograph),
                partial(self._proved, reading, asked),
                key=("aside", reading.journal.path),
                priority=Priority.AHEAD,
            )

    def _proved(self, reading: Reading, asked: Work, film: FilmHash | None) -> None:
        if film is None:
            reading.stays = True
            return
        if reading is self.current or not _work_on(reading).same_as(asked) or self.live.pop(reading.key, None) is None:
            return
        reading.journal.close()
        if reading.dirty:
            self._aside[reading.key] = LaidAside(film, reading.journal, reading.path)


def _work_on(reading: Reading) -> Work:
    return Work(reading.case, reading.history.copy(), reading.saved, reading.path)


def _add(change: Change[Case], journal: Journal) -> None:
    journal.add(change)


def _proved(work: Work, journal: Journal, radiograph: Radiograph) -> FilmHash | None:
    """Return which film it is when its journal gives all of its work back, else None; on a worker thread."""
    journal.sync()
    found = read_journal(journal.path)
    if found is None:
        return None
    try:
        there = found.on(radiograph)
    except (LungboxError, KeyError, ValueError, TypeError):
        return None
    return FilmHash.of(radiograph) if there.same_as(work) else None
