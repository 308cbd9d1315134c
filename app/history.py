"""History: undo and redo without limit, over whole values, with one kind of command.

The values are Cases in a session, and what a journal says of them while it is read back.
"""

from dataclasses import dataclass, field
from typing import Generic, TypeVar

from engine.case import Case

State = TypeVar("State")


@dataclass(frozen=True, slots=True, eq=False)
class Change(Generic[State]):
    """One user action: the case before and after it."""

    before: State
    after: State
    name: str  # untranslated, e.g. "box"; app.wording has the sentence


@dataclass(slots=True)
class History(Generic[State]):
    """What was done, and what was undone."""

    done: list[Change[State]] = field(default_factory=list)
    undone: list[Change[State]] = field(default_factory=list)

    def add(self, change: Change[State]) -> None:
        """Remember an action; what had been undone is gone."""
        self.done.append(change)
        self.undone.clear()

    def copy(self) -> "History[State]":
        """Return it as it is now."""
        return History(list(self.done), list(self.undone))

    def undo(self) -> Change[State] | None:
        """Take the last action back."""
        if not self.done:
            return None
        change = self.done.pop()
        self.undone.append(change)
        return change

    def redo(self) -> Change[State] | None:
        """Do the last undone action again."""
        if not self.undone:
            return None
        change = self.undone.pop()
        self.done.append(change)
        return change


def same_history(one: History[Case], other: History[Case]) -> bool:
    """Return whether the same things were done and undone."""
    return _alike(one.done, other.done) and _alike(one.undone, other.undone)


def _alike(some: list[Change[Case]], others: list[Change[Case]]) -> bool:
    return len(some) == len(others) and all(
        one.name == two.name and one.before.marked_as(two.before) and one.after.marked_as(two.after)
        for one, two in zip(some, others, strict=True)
    )
