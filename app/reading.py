"""Reading: one film with its case, as far as a session has come with it."""

from dataclasses import dataclass
from pathlib import Path

from app.films import Film
from app.history import History
from app.journal import Journal
from engine.case import Case, Finding
from engine.geometry import Prompts

Key = tuple[Path, str]


def key_of(film: Film) -> Key:
    """Return what tells a film from others: a file may be written over with another's pixels while it is worked on."""
    return film.path, film.radiograph.source.pixel_sha256


@dataclass(slots=True, eq=False)
class Reading:
    """A film with its case, as far as this session has come with it."""

    film: Film
    case: Case
    history: History[Case]
    journal: Journal
    saved: Case
    path: Path | None = None  # its case file
    stays: bool = False  # in memory, as its journal does not hold all of it

    @property
    def key(self) -> Key:
        """What it is kept under."""
        return key_of(self.film)

    @property
    def dirty(self) -> bool:
        """True while marks are in no case file."""
        return not self.case.marked_as(self.saved)


@dataclass(frozen=True, slots=True, eq=False)
class Pending:
    """What the reader has asked for and a worker has not answered yet."""

    prompts: Prompts | None  # None: a change of a mask
    group: tuple[Finding, ...] = ()  # the findings it is about, as they were; none of what is to be new

    def is_about(self, finding: Finding | None) -> bool:
        """Return whether it is about a finding; about None: whether it is to be new."""
        if finding is None:
            return not self.group
        return any(other.tracking_uid == finding.tracking_uid for other in self.group)
