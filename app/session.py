"""Session: the open case, its history, and every user action as one method. Widgets show it and ask it; it knows none.

Actions on how the film is shown are the `Lightbox`'s, those on the list of films the `Worklist`'s.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from PySide6.QtCore import QObject, QTimer, Signal

from app.doubt import Doubt
from app.editing import Editing
from app.encoding import Encoder
from app.filing import Filing
from app.films import Film
from app.history import Change
from app.jobs import Jobs
from app.journal import JournalFolder, Recovered
from app.lightbox import Lightbox
from app.measuring import Measuring
from app.prompting import answered, group_of, merged, overtaken
from app.reading import Pending, Reading
from app.readings import Readings
from app.settings import Settings
from app.worklist import Worklist
from engine.case import Case, CaseState, Finding, Structure
from engine.errors import LungboxError, PromptError
from engine.geometry import BoxPrompt, PointPrompt, Prompts
from engine.lungs import usual_box
from engine.measure import Measurements

_NUDGE_SETTLES_MS = 350  # arrow presses closer than this are one step of undo


class Hand(Protocol):
    """The tool in hand, as far as undo and the other steps must know of it."""

    @property
    def begun(self) -> bool:
        """True in the middle of something."""

    def back(self) -> bool:
        """Take back the last of what was begun."""

    def interrupt(self) -> None:
        """Give up what was begun on a case that is no more."""


class Session(QObject):
    """The reader's work."""

    film_changed = Signal()
    case_changed = Signal()
    selection_changed = Signal()
    tool_changed = Signal()
    measured = Signal()
    saved_changed = Signal()
    failed = Signal(object)  # LungboxError, for the one place that shows them
    noticed = Signal(str)  # a code for app.wording
    accepted = Signal(object)  # the Case, to be exported

    def __init__(
        self,
        jobs: Jobs,
        encoder: Encoder,
        worklist: Worklist,
        lightbox: Lightbox,
        journals: JournalFolder,
        settings: Settings,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self.edit = Editing(self)
        self.files = Filing(self)
        self.jobs, self.encoder, self.worklist, self.lightbox = jobs, encoder, worklist, lightbox
        self.settings = settings
        self.readings = Readings(jobs, worklist, journals, self)
        self.draft: Case | None = None  # while a box is dragged: shown, not yet done
        self.draft_prompts: Prompts | None = None
        self._draft_group: tuple[Finding, ...] = ()
        self.pending: tuple[Pending, ...] = ()  # the newest last
        self.hand: Hand | None = None
        self.selected: str | None = None  # tracking UID
        self.structure: Structure | None = None  # of the next box; None: by its side
        self.structure_name = ""
        self.measuring = Measuring(self)
        self.doubt = Doubt(self)
        self.tool = "box"
        self.brush_radius = float(settings.brush_radius)
        self._settle = QTimer(self)
        self._settle.setSingleShot(True)
        self._settle.setInterval(_NUDGE_SETTLES_MS)
        self._settle.timeout.connect(self.drop_prompts)
        jobs.failed.connect(self.failed)
        encoder.noticed.connect(self.noticed)
        self.readings.failed.connect(self.failed)
        worklist.opened.connect(self._opened)
        worklist.failed.connect(self.failed)

    # What is open

    @property
    def reading(self) -> Reading | None:
        """The open film with its work."""
        return self.readings.current

    @property
    def case(self) -> Case | None:
        """The case as done."""
        return self.reading.case if self.reading else None

    @property
    def shown(self) -> Case | None:
        """The case as on screen: with the mask that follows a dragged box."""
        return self.draft or self.case

    @property
    def finding(self) -> Finding | None:
        """The selected finding."""
        shown = self.shown
        return shown.finding(self.selected) if shown and self.selected else None

    @property
    def prompts(self) -> Prompts | None:
        """What a point refines, answered or not: of the selected finding, or of what is to be new."""
        if self.draft_prompts is not None:
            return self.draft_prompts
        finding = self._prompted
        asked = [pending.prompts for pending in self.pending if pending.prompts and pending.is_about(finding)]
        return asked[-1] if asked else finding.prompts if finding is not None else None

    @property
    def _prompted(self) -> Finding | None:
        finding = self.finding
        return finding if finding is not None and finding.prompts is not None else None

    @property
    def measurements(self) -> Measurements | None:
        """The numbers on show."""
        return self.measuring.measurements

    @property
    def dirty(self) -> bool:
        """True while the open film has work that is in no case file."""
        return self.reading is not None and self.reading.dirty

    def _opened(self, film: Film) -> None:
        """Put a film on the lightbox with the work already done on it."""
        self.drop_prompts()
        self._forget()
        reading = self.readings.take_up(film)
        reading.case = self.doubt.on(reading.case)
        film = reading.film  # the one its case was drawn on, where it was read again meanwhile
        self.selected = reading.case.findings[0].tracking_uid if reading.case.findings else None
        self.structure, self.structure_name = None, ""
        self.measuring.forget()
        self.lightbox.show(film)
        self.encoder.encode(film.radiograph)
        self.film_changed.emit()
        self._show_case()
        for neighbour in self.worklist.neighbours():
            self.worklist.load_ahead(neighbour, lambda ahead: self.encoder.encode(ahead.radiograph, ahead=True))

    def recover(self, found: list[Recovered]) -> None:
        """Open the films of sessions that died, with their work."""
        self.readings.recover(found)
        self.worklist.open([item.film_path for item in found])

    def _forget(self) -> None:
        self.jobs.forget("film")
        if self.pending:
            self.noticed.emit("left-unanswered")
        self.pending = ()
        self.cancel_drag()

    # Prompts

    def draw_box(self, box: BoxPrompt) -> None:
        """Outline what is in a box."""
        self.prompt(Prompts(box))

    def both_lungs(self) -> None:
        """Outline both lungs with no box drawn."""
        if self.case is not None:
            film = self.case.radiograph
            self.prompt(Prompts(BoxPrompt.whole(film.rows, film.columns)), by_side=True)

    def keyboard_box(self) -> None:
        """Draw a box without a pointer: where the missing lung usually lies; arrows then move its edges."""
        case = self.case
        if case is None:
            return
        wanted = self.structure or (Structure.LEFT_LUNG if case.of(Structure.RIGHT_LUNG) else Structure.RIGHT_LUNG)
        self.draw_box(usual_box(case.radiograph, wanted))

    def add_point(self, x: float, y: float, *, positive: bool) -> None:
        """Refine the selected finding with a point, or begin one."""
        self.settled()
        prompts, point = self.prompts, PointPrompt(x, y, positive)
        if prompts is not None:
            self._ask_again(replace(prompts, points=(*prompts.points, point)), "point")
        elif positive:
            self.prompt(Prompts(None, (point,)), name="point")
        else:
            self.failed.emit(PromptError("A negative point refines an outline.", advice="Draw a box first."))

    def remove_point(self, index: int) -> None:
        """Take one point of the selected finding back."""
        self.settled()
        prompts = self.prompts
        if prompts is None:
            return
        points = tuple(point for i, point in enumerate(prompts.points) if i != index)
        if prompts.box is not None or any(point.positive for point in points):
            self._ask_again(replace(prompts, points=points), "point")

    def prompt(self, prompts: Prompts, *, by_side: bool = False, name: str = "box") -> None:
        """Ask the model for what the prompts hold; the answer becomes one step."""
        self._ask(prompts, (), name, by_side=by_side)

    def rerun(self) -> None:
        """Ask again with the selected finding's own prompts, undoing edits by hand."""
        self.settled()
        prompts = self.prompts
        if self._prompted is not None and prompts is not None:
            self._ask_again(prompts, "rerun")

    def _ask_again(self, prompts: Prompts, name: str) -> None:
        case, finding = self.case, self._prompted
        self._ask(prompts, group_of(case, finding) if case is not None and finding is not None else (), name)

    def _ask(self, prompts: Prompts, group: tuple[Finding, ...], name: str, *, by_side: bool = False) -> None:
        case = self.case
        if case is None:
            return
        pending, named = Pending(prompts, group), (self.structure, self.structure_name)
        self.wait_for(pending)

        def done(answers: tuple[Finding, ...]) -> None:
            if self.landed(pending):
                if answers and named == (self.structure, self.structure_name):  # not what was named since
                    self.structure, self.structure_name = None, ""
                self._answered(prompts, group, answers, name)

        def refused(error: LungboxError) -> None:
            if self.landed(pending):
                self.failed.emit(error)

        self._question(case, prompts, group, done, refused, by_side=by_side)

    def _question(
        self,
        case: Case,
        prompts: Prompts,
        group: tuple[Finding, ...],
        done: Callable[[tuple[Finding, ...]], None],
        refused: Callable[[LungboxError], None],
        *,
        by_side: bool = False,
        key: str | None = None,
    ) -> None:
        structure, label = (None, "") if by_side else (self.structure, self.structure_name)
        if len(group) == 1:
            structure, label = group[0].structure, group[0].name
        elif group:
            structure, label = None, ""
        radiograph = case.radiograph
        self.encoder.ask(
            radiograph,
            lambda segmenter, embedding: answered(segmenter, embedding, radiograph, prompts, structure, label),
            done,
            refused,
            owner="film",
            key=key,
        )

    def _answered(self, prompts: Prompts, group: tuple[Finding, ...], answers: tuple[Finding, ...], name: str) -> None:
        case = self.case
        assert case is not None
        if not answers:
            self.noticed.emit("nothing-found")
        elif overtaken(case, group):
            self.noticed.emit("overtaken")
        elif (after := merged(case, group, answers)) is not case:
            if self.draft_prompts is None and not (self.hand is not None and self.hand.begun):
                self._select(next((f.tracking_uid for f in after.findings if f.prompts == prompts), self.selected))
            self.record(after, name)

    def wait_for(self, pending: Pending) -> None:
        """Remember what a worker was asked for: undo takes it back, and nothing is accepted before it has come."""
        self.pending = (*self.pending, pending)
        self.case_changed.emit()

    def landed(self, pending: Pending) -> bool:
        """Wait no longer; False when it was taken back meanwhile, or what it was about is gone."""
        if pending not in self.pending:
            return False
        self.pending = tuple(other for other in self.pending if other is not pending)
        self.case_changed.emit()
        return True

    # A box that is dragged: the mask follows, and the step is done when it is let go

    def drag_prompts(self, prompts: Prompts) -> None:
        """Move the selected finding's box; the mask follows as fast as the model answers."""
        case = self.case
        finding = self.finding
        if case is None or finding is None:
            return
        if not self._draft_group:
            current = case.finding(finding.tracking_uid)
            self._draft_group = group_of(case, current) if current is not None else ()
        group = self._draft_group
        self._settle.stop()
        self.draft_prompts = prompts
        self.case_changed.emit()
        if not self.settings.live_update:
            return

        def done(answers: tuple[Finding, ...]) -> None:
            if self._draft_group is group and answers and self.case is not None:
                self.draft = merged(self.case, group, answers)
                self.case_changed.emit()

        self._question(case, prompts, group, done, lambda error: None, key="live")

    def drop_prompts(self) -> None:
        """Let go of a dragged box: what it holds becomes one step."""
        prompts, group, draft = self.draft_prompts, self._draft_group, self.draft
        self._settle.stop()
        if prompts is None:
            return
        self.draft, self.draft_prompts, self._draft_group = None, None, ()
        if draft is not None and any(finding.prompts == prompts for finding in draft.findings):
            self.record(draft, "move")  # the last live answer was for these very prompts
        else:
            self._ask(prompts, group, "move")

    def cancel_drag(self) -> None:
        """Put a dragged box back where it was."""
        if self.draft_prompts is not None or self.draft is not None:
            self.draft, self.draft_prompts, self._draft_group = None, None, ()
            self._settle.stop()
            self.case_changed.emit()

    def nudge(self, prompts: Prompts) -> None:
        """Move the box by keys; a run of presses is one step."""
        self.drag_prompts(prompts)
        self._settle.start()

    def settled(self) -> tuple[Case | None, Finding | None]:
        """Let go of a dragged box, and return the case with its selected finding: what every other step builds on."""
        self.drop_prompts()
        return self.case, self.finding

    # Tools

    def take(self, tool: str) -> None:
        """Take a tool in hand; it stays until another is taken."""
        if tool != self.tool:
            self.drop_prompts()
            self.tool = tool
            self.tool_changed.emit()

    def set_brush_radius(self, radius: float) -> None:
        """Set the brush's size, in image pixels."""
        self.brush_radius = min(max(radius, 1.0), 400.0)
        self.tool_changed.emit()

    # Structures

    def select(self, tracking_uid: str | None) -> None:
        """Select a finding, or none."""
        if tracking_uid != self.selected:
            self.drop_prompts()
            self._select(tracking_uid)
            self.case_changed.emit()

    def select_next(self, step: int = 1) -> None:
        """Select the next finding, in the panel's order."""
        findings = self.shown.findings if self.shown else ()
        if findings:
            uids = [finding.tracking_uid for finding in findings]
            place = uids.index(self.selected) + step if self.selected in uids else 0
            self.select(uids[place % len(uids)])

    def name_next(self, structure: Structure | None, name: str = "") -> None:
        """Say what the next box or stroke is of; None: a lung, by its side."""
        self.structure, self.structure_name = structure, name
        if structure is not None:
            self.select(None)
        self.selection_changed.emit()

    def relabel(self, structure: Structure, name: str = "") -> None:
        """Rename the selected finding; a lung that takes the other's name gives its own in return."""
        case, finding = self.settled()
        if case is None or finding is None or (finding.structure is structure and finding.name == name):
            return
        other = case.of(structure) if structure is not Structure.OTHER else None
        if other is not None:
            case = case.with_finding(replace(other, structure=finding.structure, name=finding.name))
        self.do(case.with_finding(replace(finding, structure=structure, name=name)), "rename")

    def swap_sides(self) -> None:
        """Exchange right and left."""
        finding = self.finding
        if finding is not None and finding.structure in (Structure.RIGHT_LUNG, Structure.LEFT_LUNG):
            right = finding.structure is Structure.RIGHT_LUNG
            self.relabel(Structure.LEFT_LUNG if right else Structure.RIGHT_LUNG)

    def delete_selected(self) -> None:
        """Remove the selected finding."""
        case, finding = self.settled()
        if case is None or finding is None:
            return
        after = case.without(finding.tracking_uid)
        self._select(after.findings[-1].tracking_uid if after.findings else None)
        if not after.findings and after.state is CaseState.BOXED:
            after = replace(after, state=CaseState.NEW)
        self.do(after, "delete")

    # State, history, files

    def accept(self) -> None:
        """Accept the case: it is handed on to be exported, and the next film may come."""
        case, _ = self.settled()
        if self.pending:
            self.noticed.emit("still-outlining")  # nobody has seen what would be accepted
            return
        if case is None or not case.findings:
            self.noticed.emit("nothing-to-accept")
            return
        self.do(replace(case, state=CaseState.ACCEPTED), "accept")
        self.accepted.emit(self.case)
        if self.settings.next_after_accept:
            self.worklist.step(1)

    def flag(self) -> None:
        """Flag the film for another look, or take the flag off."""
        case, _ = self.settled()
        if case is None:
            return
        if case.state is CaseState.FLAGGED:
            state = CaseState.BOXED if case.findings else CaseState.NEW
        else:
            state = CaseState.FLAGGED
        self.do(replace(case, state=state), "flag")

    @property
    def can_undo(self) -> bool:
        """True when undo has something to take back."""
        return self._in_flight or (self.reading is not None and bool(self.reading.history.done))

    @property
    def _in_flight(self) -> bool:
        begun = self.hand is not None and self.hand.begun
        return begun or self.draft_prompts is not None or bool(self.pending)

    def undo(self) -> None:
        """Take back the newest of what is not done yet, or else the last step."""
        if self._in_flight:
            self._take_back()
            return
        reading = self.reading
        if reading is not None and (change := reading.history.undo()) is not None:
            reading.case = self.doubt.on(change.before)
            self.readings.write(reading, lambda journal: journal.step("undo"))
            self._show_case()

    def redo(self) -> None:
        """Do the last undone step again."""
        self._interrupt()
        reading = self.reading
        if reading is not None and (change := reading.history.redo()) is not None:
            reading.case = self.doubt.on(change.after)
            self.readings.write(reading, lambda journal: journal.step("redo"))
            self._show_case()

    def judged(self) -> None:
        """Take the model's verdict on the film into the case: no step, and nothing to be saved."""
        reading = self.reading
        if reading is None or (case := self.doubt.on(reading.case)) is reading.case:
            return
        reading.case = case
        if self.draft is not None:
            self.draft = self.doubt.on(self.draft)
        self.case_changed.emit()
        self.measuring.follow(case)

    # Inside

    def do(self, after: Case, name: str) -> None:
        """Make a step: the case as it is after one user action. What was begun on the case before it is given up."""
        self._interrupt()
        self.record(after, name)

    def record(self, after: Case, name: str) -> None:
        """Make a step of what was asked for earlier; what the reader has begun since goes on."""
        reading = self.reading
        assert reading is not None
        after = self.doubt.on(after)
        change = Change(reading.case, after, name)
        reading.case = after
        reading.history.add(change)
        self.draft = None
        self.readings.write(reading, lambda journal: journal.add(change))
        self._show_case()

    def _interrupt(self) -> None:
        if self.hand is not None:
            self.hand.interrupt()
        self.cancel_drag()

    def _take_back(self) -> None:
        if self.hand is not None and self.hand.begun:
            self.hand.back()
        elif self.draft_prompts is not None:
            self.cancel_drag()
        else:
            self.pending = self.pending[:-1]
        self.case_changed.emit()

    def _select(self, tracking_uid: str | None) -> None:
        self.selected = tracking_uid
        self.selection_changed.emit()

    def _show_case(self) -> None:
        case = self.case
        assert case is not None
        if self.selected is not None and case.finding(self.selected) is None:
            self._select(case.findings[-1].tracking_uid if case.findings else None)
        self.pending = tuple(
            pending for pending in self.pending
            if not pending.group or any(pending.is_about(finding) for finding in case.findings)
        )  # fmt: skip
        self.worklist.mark(case.radiograph.source.path, case.state)
        self.case_changed.emit()
        self.saved_changed.emit()
        self.measuring.follow(case)
