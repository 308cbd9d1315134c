"""History: undo and redo without limit, over whole Case values, with one kind of command."""

from dataclasses import dataclass, field

from engine.case import Case


@dataclass(frozen=True, slots=True, eq=False)
class Change:
    """One user action: the case before and after it."""

    before: Case
    after: Case
    name: str  # untranslated, e.g. "box"; app.wording has the sentence


@dataclass(slots=True)
class History:
    """What was done, and what was undone."""

    done: list[Change] = field(default_factory=list)
    undone: list[Change] = field(default_factory=list)

    def add(self, change: Change) -> None:
        """Remember an action; what had been undone is gone."""
        self.done.append(change)
        self.undone.clear()

    def copy(self) -> "History":
        """Return it as it is now."""
        return History(list(self.done), list(self.undone))

    def same_as(self, other: "History") -> bool:
        """Return whether the same things were done and undone."""
        return _alike(self.done, other.done) and _alike(self.undone, other.undone)

    def undo(self) -> Change | None:
        """Take the last action back."""
        if not self.done:
            return None
        change = self.done.pop()
        self.undone.append(change)
        return change

    def redo(self) -> Change | None:
        """Do the last undone action again."""
        if not self.undone:
            return None
        change = self.undone.pop()
        self.done.append(change)
        return change


def _alike(some: list[Change], others: list[Change]) -> bool:
    return len(some) == len(others) and all(
        one.name == two.name and one.before.marked_as(two.before) and one.after.marked_as(two.after)
        for one, two in zip(some, others, strict=True)
    )
