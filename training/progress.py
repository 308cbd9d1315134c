"""What a run says of itself while it trains: a line that people read, log.csv, and curves for TensorBoard."""

import csv
import io
import json
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TextIO, TypeVar

from engine.files import write_atomically
from training.recipe import Phase

COLUMNS = ("step", "seen", "size", "loss", "dice", "films_per_s", "validation")  # of log.csv
_BAR = 20  # characters
Item = TypeVar("Item")


# ------------------------------------------------------------------------------------------------------ time left


def seconds_left(phases: tuple[Phase, ...], phase: int, phase_seen: int, measured: Mapping[int, float]) -> float | None:
    """Return how long the rest of all phases will take, from the seconds that a film took at each size so far.

    A size that was not reached yet is taken from the nearest one that was, by its area: convolutions cost as much a
    pixel at any size. None before anything was measured.
    """
    if not measured:
        return None
    total = 0.0
    for number, one in enumerate(phases[phase:], start=phase):
        nearest = min(measured, key=lambda size: abs(size - one.size))
        films = one.films - (phase_seen if number == phase else 0)
        total += max(0, films) * measured[nearest] * (one.size / nearest) ** 2
    return total


def duration(seconds: float) -> str:
    """Return a time as people say it: 40 s, 12 min, 3 h 05 min."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def watched(films: Sequence[Item]) -> Iterator[Item]:
    """Yield the films one by one, and tell on the terminal how many are done and how long the rest will take."""
    begun = time.monotonic()
    for done, film in enumerate(films, start=1):
        yield film
        left_s = (time.monotonic() - begun) / done * (len(films) - done)
        print(f"\r{done} of {len(films)} films, {duration(left_s)} left ", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)


# ---------------------------------------------------------------------------------------------------------- lines


@dataclass(slots=True)
class Speaker:
    """Says how far a run is: one line that renews itself in a terminal, a line each time in a file."""

    stream: TextIO
    pending: bool = False  # whether the terminal's line is unfinished

    def progress(self, seen: int, total: int, text: str) -> None:
        """Show the share that is done, and a text."""
        share = min(1.0, seen / max(1, total))
        line = f"{100 * share:3.0f} %  {seen}/{total} films  {text}"
        if not self.stream.isatty():
            self.stream.write(line + "\n")
        else:
            full = round(_BAR * share)
            self.stream.write(f"\r\x1b[K[{'#' * full}{'.' * (_BAR - full)}] {line}")  # ECMA-48: erase to the line's end
            self.pending = True
        self.stream.flush()

    def line(self, text: str) -> None:
        """Say something that stays."""
        self.stream.write(("\n" if self.pending else "") + text + "\n")
        self.pending = False
        self.stream.flush()


class Silent:
    """Says nothing: every process of a team but the first."""

    def progress(self, seen: int, total: int, text: str) -> None:
        """Show nothing."""

    def line(self, text: str) -> None:
        """Say nothing."""


# ---------------------------------------------------------------------------------------------------------- journal


class Journal(Protocol):
    """Where a run's numbers go."""

    def step(self, step: int, seen: int, size: int, loss: float, dice: float | None, films_per_s: float) -> None:
        """Keep what one step had."""

    def validation(self, step: int, seen: int, size: int, scores: Mapping[str, float]) -> None:
        """Keep what a look at the validation films gave."""


class NoJournal:
    """Keeps nothing: every process of a team but the first."""

    def step(self, step: int, seen: int, size: int, loss: float, dice: float | None, films_per_s: float) -> None:
        """Keep nothing."""

    def validation(self, step: int, seen: int, size: int, scores: Mapping[str, float]) -> None:
        """Keep nothing."""


class FileJournal:
    """Keeps the numbers in log.csv, and for TensorBoard where that is installed."""

    def __init__(self, file: TextIO, board: Any | None) -> None:
        self._write = csv.writer(file, lineterminator="\n").writerow
        self._board = board

    def step(self, step: int, seen: int, size: int, loss: float, dice: float | None, films_per_s: float) -> None:
        """Keep what one step had."""
        found = "" if dice is None else f"{dice:.4f}"
        self._write([step, seen, size, f"{loss:.4f}", found, f"{films_per_s:.2f}", ""])
        curves = {"train/loss": loss, "train/films_per_s": films_per_s}
        self._curves(seen, curves if dice is None else curves | {"train/dice": dice})

    def validation(self, step: int, seen: int, size: int, scores: Mapping[str, float]) -> None:
        """Keep what a look at the validation films gave."""
        self._write([step, seen, size, "", "", "", json.dumps(scores)])
        self._curves(seen, {f"validation/{kind}": score for kind, score in scores.items()})

    def _curves(self, seen: int, values: Mapping[str, float]) -> None:
        if self._board is not None:
            for name, value in values.items():
                self._board.add_scalar(name, value, seen)


@contextmanager
def journal(out: Path, step: int, seen: int) -> Iterator[FileJournal]:
    """Yield a journal in a run's folder that goes on after `step`; what a killed run wrote of later ones is dropped."""
    path = out / "log.csv"
    mend(path, step)
    board = _board(out / "tensorboard", seen)
    # One line at a time: a kill may cost the last line, never the lines before it.
    with path.open("a", newline="", encoding="utf-8", buffering=1) as file:
        try:
            yield FileJournal(file, board)
        finally:
            if board is not None:
                board.close()


def mend(path: Path, step: int) -> None:
    """Cut what a kill left half written at the end of a log, and the steps after `step`: they are taken again."""
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    whole = text[: text.rfind("\n") + 1]
    rows = list(csv.reader(io.StringIO(whole)))
    kept = [row for row in rows if row and row[0].isdigit() and int(row[0]) <= step]
    mended = io.StringIO(newline="")
    csv.writer(mended, lineterminator="\n").writerows([list(COLUMNS), *kept])
    write_atomically(path, mended.getvalue().encode())


def _board(folder: Path, seen: int) -> Any | None:
    """Return TensorBoard's writer, None where it is not installed."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        print(
            "TensorBoard is not installed: the numbers go to log.csv alone. pip install 'lungbox[train]' for curves.",
            file=sys.stderr,
        )
        return None
    return SummaryWriter(str(folder), purge_step=seen + 1)
