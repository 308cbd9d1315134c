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
