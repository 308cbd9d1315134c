"""The journal: every action on a film, written as it happens, so that a killed process loses nothing.

One file per film and session, append-only: a line is `crc32 json`. A torn last line is what a crash leaves, and is
dropped. `write` reaches the kernel before the next event is handled, which outlives the process; `fsync`, for power
cuts, runs on a worker thread. File names are random: no name or number of a patient is in them.
"""

import contextlib
import hashlib
import json
import os
import sys
import time
import uuid
import weakref
import zlib
from collections.abc import Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from PySide6.QtCore import QLockFile

from app.casefile import case_of, marks_of, mask_of, mask_text, masks_named, masks_of, same_marks
from app.history import Change, History, same_history
from engine.case import Case
from engine.errors import LungboxError, OutputError
from engine.film.radiograph import Radiograph
from engine.mask import Mask

VERSION = 1
_Marks = dict[str, Any]  # of a case, as `marks_of` gives them
_SUFFIX = ".journal"
_LOCK = "session.lock"
_HELD = "session.held"  # locked by the kernel for as long as its process lives


class Journal:
    """Writes one film's actions."""

    def __init__(self, path: Path, case: Case) -> None:
        self.path = path
        self._masks: set[str] = set()
        self._file: IO[bytes] | None = None
        # What the head says, not the case: a journal outlives its film, whose pixels must not be kept for it.
        source = case.radiograph.source
        self._film = {"path": str(source.path), "pixel_sha256": source.pixel_sha256}
        self._size = {"rows": case.radiograph.rows, "columns": case.radiograph.columns}
        self._start, self._start_masks = marks_of(case), masks_of(case)
        self.failed = False

    def adopt(self, found: "Recovered") -> None:
        """Go on with a journal: our own, or that of a session that died.

        That one by a rename: there is no moment at which its work is lost. OSError if it cannot be had, for example
        because another instance has taken it.
        """
        if found.path != self.path:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            found.path.replace(self.path)
        self._masks = set(found.masks)

    def add(self, change: Change[Case]) -> None:
        """Write an action."""
        masks = self._new_masks(masks_of(change.after))
        self._write({"do": change.name, "case": marks_of(change.after), "masks": masks})

    def step(self, kind: str) -> None:
        """Write an undo or a redo."""
        self._write({kind: 1})

    def saved(self, marks: dict[str, Any], masks: dict[str, Mask], path: Path) -> None:
        """Write that a case is in a case file: not always the latest, as a file is written while work goes on."""
        self._write({"saved": marks, "path": str(path), "masks": self._new_masks(masks)})

    def sync(self) -> None:
        """Force what was written to the disk (on a worker thread)."""
        handle = self._file
        if handle is not None:
            with contextlib.suppress(ValueError):  # closed meanwhile
                os.fsync(handle.fileno())

    def close(self) -> None:
        """Stop writing; the file stays."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def __del__(self) -> None:
        self.close()

    def discard(self) -> None:
        """Remove the file: its work is saved elsewhere, or not wanted."""
        self.close()
        self.path.unlink(missing_ok=True)
        self._masks.clear()

    def _new_masks(self, masks: dict[str, Mask]) -> dict[str, str]:
        fresh = {sha: mask for sha, mask in masks.items() if sha not in self._masks}
        self._masks.update(fresh)
        return {sha: mask_text(mask) for sha, mask in fresh.items()}

    def _write(self, entry: dict[str, Any]) -> None:
        try:
            if self._file is None:
                fresh = not self.path.exists()
                self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
                self._file = os.fdopen(descriptor, "ab", buffering=0)
                if fresh:
                    self._line(self._head())
            self._line(entry)
        except OSError as error:
            self.failed = True
            self._masks.clear()  # this line's may not be there: the next one brings all of its own
            raise OutputError("The journal could not be written.", advice=error.strerror or "") from error
        self.failed = False

    def _head(self) -> dict[str, Any]:
        return {
            "journal": VERSION,
            "film": self._film,
            **self._size,
            "begun": time.time(),
            "case": self._start,
            "masks": self._new_masks(self._start_masks),
        }

    def _line(self, entry: dict[str, Any]) -> None:
        assert self._file is not None
        text = json.dumps(entry, separators=(",", ":")).encode()
        # The newline in front closes a line that an earlier fault may have left torn.
        self._file.write(b"\n%08x %s\n" % (zlib.crc32(text), text))


@dataclass(frozen=True, slots=True, eq=False)
class Recovered:
    """A journal read back, before its film is at hand."""

    path: Path
    film_path: Path
    pixel_sha256: str
    begun: float
    entries: tuple[dict[str, Any], ...]
    masks: dict[str, Mask] = field(repr=False)

    @property
    def unsaved(self) -> int:
        """Number of actions since the last save."""
        return self.replayed().unsaved

    def replayed(self) -> "Replay":
        """Return where the journal ends."""
        replay = Replay(self.entries[0]["case"])
        for entry in self.entries[1:]:
            replay.take(entry, self.masks.keys())
        return replay

    def on(self, radiograph: Radiograph) -> "Work":
        """Return the case, its history and what is saved as they were; LungboxError on another film."""
        if radiograph.source.pixel_sha256 != self.pixel_sha256:
            raise LungboxError("The film has changed since this work was done.", advice="Its marks were kept aside.")
        replay = self.replayed()
        built: dict[int, Case] = {}  # a step's end is the next one's beginning

        def case(marks: _Marks) -> Case:
            if id(marks) not in built:
                built[id(marks)] = case_of(marks, self.masks, radiograph)
            return built[id(marks)]

        def changes(steps: list[Change[_Marks]]) -> list[Change[Case]]:
            return [Change(case(step.before), case(step.after), step.name) for step in steps]

        saved = case(replay.saved) if masks_named(replay.saved) <= self.masks.keys() else Case(radiograph)
        history = History(changes(replay.history.done), changes(replay.history.undone))
        return Work(case(replay.case), history, saved, replay.path)


@dataclass(frozen=True, slots=True, eq=False)
class Work:
    """What was done on a film, as its journal gives it back."""

    case: Case
    history: History[Case]
    saved: Case  # the last that went into a case file; else as it was opened
    path: Path | None  # that file

    def same_as(self, other: "Work") -> bool:
        """Return whether another is the same work."""
        marks = self.case.marked_as(other.case) and self.saved.marked_as(other.saved)
        return marks and self.path == other.path and same_history(self.history, other.history)


@dataclass(slots=True, eq=False)
class Replay:
    """A journal's lines done again, as plain values."""

    case: _Marks
    history: History[_Marks] = field(default_factory=History)
    saved: _Marks = field(init=False)
    path: Path | None = None
    unsaved: int = 0

    def __post_init__(self) -> None:
        self.saved = self.case

    def take(self, entry: dict[str, Any], masks: Set[str]) -> None:
        """Do one line again."""
        if "saved" in entry:
            self._save(entry)
            return
        self.unsaved += 1
        if "do" in entry:
            if not masks_named(entry["case"]) <= masks:
                return  # its masks were on a line that is torn; what was done later has its own
            self.history.add(Change(self.case, entry["case"], str(entry["do"])))
            self.case = entry["case"]
        elif "undo" in entry:
            change = self.history.undo()
            self.case = change.before if change else self.case
        elif "redo" in entry:
            change = self.history.redo()
            self.case = change.after if change else self.case

    def _save(self, entry: dict[str, Any]) -> None:
        if not isinstance(entry["saved"], dict):  # an older journal: it did not say what was saved
            self.saved, self.unsaved = self.case, 0
            return
        self.saved, self.path = entry["saved"], Path(entry["path"])
        self.unsaved = 0 if same_marks(self.saved, self.case) else max(self.unsaved, 1)


def read_journal(path: Path) -> Recovered | None:
    """Return what a journal holds, without its torn lines; None when not even its head is whole."""
    entries: list[dict[str, Any]] = []
    masks: dict[str, Mask] = {}
    try:
        lines = path.read_bytes().split(b"\n")
        for line in lines:
            if not line:
                continue
            crc, _, text = line.partition(b" ")
            if crc != b"%08x" % zlib.crc32(text):
                continue
            entry = json.loads(text)
            rows, columns = (entries[0] if entries else entry)["rows"], (entries[0] if entries else entry)["columns"]
            for sha, packed in entry.get("masks", {}).items():
                masks[sha] = mask_of(packed, rows, columns)
            entries.append(entry)
        head = entries[0]
        film = head["film"]
        return Recovered(
            path, Path(film["path"]), str(film["pixel_sha256"]), float(head["begun"]), tuple(entries), masks
        )
    except (OSError, IndexError, KeyError, ValueError, TypeError, zlib.error):
        return None


class JournalFolder:
    """A session's journals, and those that sessions which died have left."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._own = root / uuid.uuid4().hex
        self._lock: QLockFile | None = None
        self._held: int | None = None
        self._journals: weakref.WeakSet[Journal] = weakref.WeakSet()  # a film that is let go takes its own along

    def begin(self) -> None:
        """Claim a folder for this session; two instances never share one."""
        try:
            self._own.mkdir(parents=True, mode=0o700)
        except OSError as error:
            raise OutputError("The journal folder cannot be used.", advice=error.strerror or "") from error
        self._lock = QLockFile(str(self._own / _LOCK))
        self._lock.setStaleLockTime(0)
        self._lock.tryLock(0)
        self._held = _hold(self._own / _HELD)

    def path_for(self, radiograph: Radiograph) -> Path:
        """Return where a film's journal is, or will be, in this session."""
        source = radiograph.source
        name = hashlib.sha256(f"{source.path}:{source.pixel_sha256}".encode()).hexdigest()[:32]
        return self._own / (name + _SUFFIX)

    def journal_for(self, case: Case) -> Journal:
        """Return the journal of a film in this session."""
        journal = Journal(self.path_for(case.radiograph), case)
        self._journals.add(journal)
        return journal

    def left_behind(self) -> list[Recovered]:
        """Return the unsaved work of sessions that are no longer alive, newest first."""
        found: list[Recovered] = []
        for session in self._dead():
            for path in sorted(session.glob(f"*{_SUFFIX}")):
                recovered = read_journal(path)
                if recovered is not None and recovered.unsaved:
                    found.append(recovered)
        return sorted(found, key=lambda item: -item.begun)

    def sweep(self) -> None:
        """Remove folders of dead sessions that hold nothing unsaved."""
        for session in self._dead():
            recovered = [read_journal(path) for path in session.glob(f"*{_SUFFIX}")]
            if not any(item is not None and item.unsaved for item in recovered):
                _remove(session)

    def end(self, *, keep: bool) -> None:
        """Let go of this session's folder; keep its journals only when work in them is unsaved."""
        for journal in self._journals:
            journal.close()
        if self._lock is not None:
            self._lock.unlock()
            self._lock = None
        if self._held is not None:
            os.close(self._held)
            self._held = None
        if not keep:
            _remove(self._own)

    def _dead(self) -> list[Path]:
        if not self._root.is_dir():
            return []
        sessions = [path for path in self._root.iterdir() if path.is_dir() and path != self._own]
        return [path for path in sessions if not _alive(path)]


def _alive(session: Path) -> bool:
    """Return whether the process that owns a session's folder still runs.

    The kernel's lock says so for certain. A process number does not: in a sandbox every start may have the same one.
    """
    if sys.platform != "win32" and (session / _HELD).exists():
        held = _hold(session / _HELD)
        if held is not None:
            os.close(held)
        return held is None
    lock = QLockFile(str(session / _LOCK))
    lock.setStaleLockTime(0)
    if not (session / _LOCK).exists():
        return False
    if lock.tryLock(0):
        lock.unlock()
        return False
    return True


def _hold(path: Path) -> int | None:
    """Return an open, locked file; None where another process has it, or the system has no such lock."""
    if sys.platform == "win32":
        return None
    import fcntl

    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


def _remove(session: Path) -> None:
    for path in [*session.glob(f"*{_SUFFIX}"), session / _LOCK, session / _HELD]:
        path.unlink(missing_ok=True)
    try:
        session.rmdir()
    except OSError:
        return  # something else was put there: not ours to remove
