"""The table of changes: then, now and the difference, for what compares; and what to know before believing it."""

from PySide6.QtCore import QModelIndex, QObject, Qt, Signal
from PySide6.QtWidgets import QPushButton, QSizePolicy, QSpacerItem, QVBoxLayout, QWidget

from app.badges import AnyIndex, Note, Notes, NumbersModel, NumbersTable, quiet
from app.comparing import Comparing
from app.lightbox import Lightbox
from app.measurements import COMPARED_KEYS
from app.session import Session
from app.theme import colour
from app.wording import (
    caveat_text,
    changed_text,
    date,
    measured_name,
    obstacle_text,
    prior_source_text,
    sided_name,
    tool_tip,
    typeset,
)
from engine.measure import UNIT_SYMBOLS, Caveat, Change, displayed, is_later, same_patient

CHANGE_ROLE = Qt.ItemDataRole.UserRole + 2


class ChangesModel(NumbersModel):
    """What changed: name, then, now, change, unit. Numbers that do not compare are left out; the panel says why."""

    def __init__(self, comparing: Comparing, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._comparing, self._session = comparing, session
        self.rows: tuple[Change, ...] = ()
        self.left_out: tuple[Change, ...] = ()
        comparing.changed.connect(self._follow)

    @property
    def lines(self) -> tuple[Change, ...]:
        """The changes on show."""
        return self.rows

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """Return the columns' names."""
        if orientation is not Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return ["", self.tr("then"), self.tr("now"), self.tr("change"), ""][section]
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return self.alignment(section)
        return None

    def data(self, index: AnyIndex, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """Return a cell."""
        if not index.isValid() or index.row() >= len(self.rows):
            return None
        change, column = self.rows[index.row()], index.column()
        full = measured_name(change.current, self._session.case)
        shown = self._cell(change, column)
        answers = {
            CHANGE_ROLE: change,
            Qt.ItemDataRole.DisplayRole: shown,
            Qt.ItemDataRole.AccessibleTextRole: full if column == 0 else shown,
            Qt.ItemDataRole.TextAlignmentRole: self.alignment(column),
            Qt.ItemDataRole.ForegroundRole: colour("muted") if column in (1, 4) else colour("text"),
            Qt.ItemDataRole.ToolTipRole: tool_tip(f"{full}\n{change.current.method}"),
        }
        return answers.get(role)

    def _cell(self, change: Change, column: int) -> str:
        return (
            sided_name(change.current, self._session.case),
            typeset(displayed(change.prior)),
            typeset(displayed(change.current)),
            changed_text(change),
            UNIT_SYMBOLS[change.current.unit],
        )[column]

    def _follow(self) -> None:
        found = [change for change in self._comparing.changes if change.current.id in COMPARED_KEYS]
        found.sort(key=lambda change: COMPARED_KEYS.index(change.current.id))  # right and left one below the other
        self.beginResetModel()
        self.rows = tuple(change for change in found if change.obstacle is None)
        self.left_out = tuple(change for change in found if change.obstacle is not None)
        self.endResetModel()


class ChangesPanel(QWidget):
    """The prior's outlines, asked for where there are none, and the changes since."""

    chosen = Signal(object)  # Change or None
    outline_wanted = Signal()

    def __init__(self, comparing: Comparing, session: Session, lightbox: Lightbox, parent: QWidget) -> None:
        super().__init__(parent)
        self._comparing, self._session, self._lightbox = comparing, session, lightbox
        self.model = ChangesModel(comparing, session, self)
        self.table = NumbersTable(self.model, self.tr("Changes since the prior"), self)
        self.table.selectionModel().currentRowChanged.connect(self._row_chosen)
        self.model.modelReset.connect(lambda: self.chosen.emit(None))
        self._about = quiet("", "note", self)
        self.outline = QPushButton(self.tr("Outline the prior's lungs"), self)
        self.outline.clicked.connect(self.outline_wanted)
        self._notes = Notes(self)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        for widget, stretch in ((self._about, 0), (self.outline, 0), (self.table, 1), (self._notes, 0)):
            layout.addWidget(widget, stretch)
        layout.addSpacerItem(QSpacerItem(0, 0, QSizePolicy.Policy.Minimum, QSizePolicy.Policy.Expanding))
        comparing.changed.connect(self._refresh)
        session.case_changed.connect(self._refresh)
        lightbox.display_changed.connect(self._refresh)
        self._refresh()

    def _row_chosen(self, current: QModelIndex, _: QModelIndex) -> None:
        self.chosen.emit(current.data(CHANGE_ROLE) if current.isValid() else None)

    def _refresh(self) -> None:
        comparing = self._comparing
        self.outline.setVisible(comparing.film is not None and comparing.case is None)
        self.outline.setEnabled(not comparing.outlining)
        self.table.setVisible(bool(self.model.rows))
        self._about.setText(self._sentence())
        self._notes.show_notes(self._wanted_notes())

    def _sentence(self) -> str:
        """Return where the comparison stands."""
        comparing, case = self._comparing, self._session.case
        if comparing.film is None:
            return ""
        if comparing.outlining:
            return self.tr("Outlining the prior …")
        if comparing.case is None:
            return self.tr("The prior has no outlines yet.")
        about = prior_source_text(comparing.source)
        taken = comparing.film.radiograph.identity.study_date
        if taken and not self._lightbox.display.identity_hidden:
            about = self.tr("Prior of {date}. {about}").format(date=date(taken), about=about)
        if case is None or not case.findings:
            return f"{about} {self.tr('Outline this film too, and the changes are shown.')}"
        return about

    def _wanted_notes(self) -> list[Note]:
        comparing, case = self._comparing, self._session.case
        if comparing.film is None or case is None:
            return []
        prior, film = comparing.film.radiograph, case.radiograph
        notes: list[Note] = []
        if same_patient(prior, film) is False:
            notes.append((self.tr("Another patient ID: is this the same patient?"), True))
        if is_later(prior, film):
            notes.append((self.tr("By its date, the prior is the later film."), True))
        if comparing.case is not None and comparing.case.doubtful:
            notes.append((self.tr("The prior: {what}").format(what=caveat_text(Caveat.DOUBTED)), True))
        if prior.view_position is not film.view_position:
            notes.append((self.tr("The two films are of different views."), True))
        obstacles = dict.fromkeys(change.obstacle for change in self.model.left_out if change.obstacle is not None)
        notes += [(obstacle_text(obstacle), False) for obstacle in obstacles]
        return notes
