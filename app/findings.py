"""The right-hand panel: structures, measurements with unit and origin, and what to look at twice."""

from PySide6.QtCore import (
    QAbstractListModel,
    QEvent,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QPoint,
    QRect,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import QColor, QFontMetrics, QPainter, QPen
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QListView,
    QPushButton,
    QSizePolicy,
    QStackedWidget,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTabBar,
    QVBoxLayout,
    QWidget,
)

from app import painting
from app.badges import Elided, Note, Notes, NumbersTable, Page, heading, quiet
from app.changes import ChangesPanel
from app.comparing import Comparing
from app.measurements import MEASUREMENT_ROLE, MeasurementsModel
from app.offer import Offer
from app.session import Session
from app.theme import colour, structure_colour
from app.wording import (
    caveat_text,
    doubt_text,
    making_text,
    note_text,
    structure_name,
)
from engine.case import Finding, Structure
from engine.film.radiograph import NoteCode
from engine.measure import Caveat, value_text

AnyIndex = QModelIndex | QPersistentModelIndex
FINDING_ROLE = Qt.ItemDataRole.UserRole
_NOWHERE = QModelIndex()


class FindingsModel(QAbstractListModel):
    """The case's findings, in drawing order."""

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._findings: tuple[Finding, ...] = ()
        session.case_changed.connect(self._follow)
        session.measured.connect(self._repaint)
        session.film_changed.connect(self._follow)

    def rowCount(self, parent: AnyIndex = _NOWHERE) -> int:
        """Return how many findings there are."""
        return 0 if parent.isValid() else len(self._findings)

    def data(self, index: AnyIndex, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """Return what a line shows."""
        if not index.isValid() or index.row() >= len(self._findings):
            return None
        finding = self._findings[index.row()]
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            return structure_name(finding)
        return finding if role == FINDING_ROLE else None

    def row_of(self, tracking_uid: str | None) -> int:
        """Return a finding's line, -1 when there is none."""
        return next((row for row, f in enumerate(self._findings) if f.tracking_uid == tracking_uid), -1)

    def area(self, finding: Finding) -> str:
        """Return a finding's area as measured."""
        measured = self._session.measurements
        if measured is None:
            return ""
        key = finding.tracking_uid if finding.structure is Structure.OTHER else finding.structure.value
        found = measured.of(key, "area")
        return value_text(found) if found is not None else ""

    def _follow(self) -> None:
        shown = self._session.shown
        findings = shown.findings if shown else ()
        if [f.tracking_uid for f in findings] != [f.tracking_uid for f in self._findings]:
            self.beginResetModel()
            self._findings = findings
            self.endResetModel()
        else:
            self._findings = findings
            self._repaint()

    def _repaint(self) -> None:
        if self._findings:
            self.dataChanged.emit(self.index(0), self.index(len(self._findings) - 1))


class FindingDelegate(QStyledItemDelegate):
    """One finding: colour, name, area, and how its mask came about."""

    def sizeHint(self, option: QStyleOptionViewItem, index: AnyIndex) -> QSize:
        """Return the size of a line."""
        metrics: QFontMetrics = option.fontMetrics
        return QSize(120, metrics.height() * 2 + 16)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: AnyIndex) -> None:
        """Draw a line."""
        finding, model = index.data(FINDING_ROLE), index.model()
        if not isinstance(finding, Finding) or not isinstance(model, FindingsModel):
            return
        state, font = option.state, option.font
        rectangle: QRect = option.rect.adjusted(0, 2, 0, -2)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        chosen = bool(state & QStyle.StateFlag.State_Selected)
        hovered = bool(state & QStyle.StateFlag.State_MouseOver)
        tint = structure_colour(finding)
        painter.setPen(QPen(tint if chosen else QColor(0, 0, 0, 0), 1.0))
        painter.setBrush(colour("raised") if chosen else colour("hover") if hovered else colour("raised").darker(108))
        painter.drawRoundedRect(rectangle.toRectF().adjusted(0.5, 0.5, -0.5, -0.5), 6, 6)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(tint)
        painter.drawRoundedRect(QRect(rectangle.left() + 10, rectangle.center().y() - 7, 14, 14), 4, 4)
        inside = rectangle.adjusted(34, 6, -12, -6)
        left, right = Qt.AlignmentFlag.AlignLeft, Qt.AlignmentFlag.AlignRight
        top, bottom = Qt.AlignmentFlag.AlignTop, Qt.AlignmentFlag.AlignBottom
        area = model.area(finding)
        strong = painting.sized(font, 1.06, bold=True)
        painter.setFont(strong)
        painter.setPen(colour("text"))
        width = QFontMetrics(strong).horizontalAdvance(area) + 12
        name = QFontMetrics(strong).elidedText(
            structure_name(finding), Qt.TextElideMode.ElideRight, max(inside.width() - width, 20)
        )
        painter.drawText(inside, left | top, name)
        painter.drawText(inside, right | top, area)
        painter.setFont(painting.sized(font, 0.9))
        painter.setPen(colour("muted"))
        made = making_text(finding)
        if finding.quality is not None:
            made += "  ·  " + self.tr("quality") + f" {finding.quality:.2f}"
        made = painter.fontMetrics().elidedText(made, Qt.TextElideMode.ElideRight, inside.width())
        painter.drawText(inside, left | bottom, made)
        painter.restore()


_SERIOUS = {
    NoteCode.NOT_FRONTAL, NoteCode.NOT_CHEST, NoteCode.POLARITY, NoteCode.SPACING_CONTRADICTORY, NoteCode.VIEW_AP,
    NoteCode.FOR_PROCESSING, NoteCode.LOSSY, NoteCode.SPACING_UNUSABLE, NoteCode.BURNED_IN,
    NoteCode.PREAMBLE_EXECUTABLE,
}  # fmt: skip


class FindingsList(QListView):
    """The findings, as high as its lines; of more than four, four are on show."""

    def __init__(self, model: FindingsModel, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("findings")
        self.setModel(model)
        self.setItemDelegate(FindingDelegate(self))
        self.setMouseTracking(True)
        self.setFrameShape(QListView.Shape.NoFrame)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        model.modelReset.connect(self.updateGeometry)

    def sizeHint(self) -> QSize:
        """Return the height of the lines."""
        return QSize(super().sizeHint().width(), min(self.model().rowCount(), 4) * self.sizeHintForRow(0) + 2)

    def minimumSizeHint(self) -> QSize:
        """Return the same height."""
        return QSize(super().minimumSizeHint().width(), self.sizeHint().height())

    def changeEvent(self, event: QEvent) -> None:
        """Follow the size of text."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange:
            self.updateGeometry()


class FindingsPanel(QWidget):
    """Structures, measurements, notes, and the two ways out: accept or flag."""

    measurement_chosen = Signal(tuple)  # the measurements to draw
    structure_wanted = Signal()
    menu_wanted = Signal(QPoint)

    def __init__(self, session: Session, comparing: Comparing, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session, self._comparing = session, comparing
        self.setObjectName("panel")
        self.findings_model = FindingsModel(session, self)
        self.findings = FindingsList(self.findings_model, self)
        self._dress_list()
        self._empty = quiet(self.tr("Drag a box round a lung, or press L for both."), "empty", self)
        self.offer = Offer(session.files, self)
        self._another = QPushButton(self.tr("+ Name another structure"), self)
        self._another.setObjectName("link")
        self._another.setCursor(Qt.CursorShape.PointingHandCursor)
        self._another.clicked.connect(self.structure_wanted)
        self.table_model = MeasurementsModel(session, self)
        self.table = NumbersTable(self.table_model, self.tr("Measurements"), self)
        # Of the cell, not the row: right and left are two numbers, taken at two places.
        self.table.selectionModel().currentChanged.connect(self._cell_chosen)
        self.table_model.modelReset.connect(self._cell_chosen)
        self._how = quiet("", "note", self)
        self._hint = Elided("", "hint", self)
        self._hint.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self._numbers = heading(self.tr("MEASUREMENTS"), self)
        self.changes = ChangesPanel(comparing, session, session.lightbox, self)
        self.tabs = QTabBar(self)
        self.tabs.setObjectName("tabs")
        self.tabs.setDrawBase(False)
        self.tabs.setExpanding(False)
        self.tabs.setUsesScrollButtons(False)
        self.tabs.setAccessibleName(self.tr("Measurements or changes"))
        for title in (self.tr("Measurements"), self.tr("Change")):
            self.tabs.addTab(title)
        self._pages = QStackedWidget(self)
        self.tabs.currentChanged.connect(self._turn_to)
        self._notes = Notes(self)
        self.accept = QPushButton(self.tr("Accept and export"), self)
        self.accept.setObjectName("primary")
        self.flag = QPushButton(self.tr("Flag"), self)
        self.flag.setCheckable(True)
        self._arrange()
        session.case_changed.connect(self._refresh)
        session.film_changed.connect(self._refresh)
        session.selection_changed.connect(self._follow_selection)
        session.measured.connect(self._measured)
        session.doubt.changed.connect(self._refresh)
        comparing.changed.connect(self._follow_prior)
        self._follow_prior()
        self._refresh()

    def _arrange(self) -> None:
        page = QWidget(self)
        layout = QVBoxLayout(page)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        titles = QHBoxLayout()
        titles.addWidget(self._numbers)
        titles.addWidget(self.tabs)
        titles.addWidget(self._hint, 1)
        measured = QWidget(self)
        numbers = QVBoxLayout(measured)
        numbers.setContentsMargins(0, 0, 0, 0)
        numbers.setSpacing(6)
        numbers.addWidget(self.table, 1)
        numbers.addWidget(self._how)
        self._pages.addWidget(measured)
        self._pages.addWidget(self.changes)
        buttons = QHBoxLayout()
        buttons.setSpacing(8)
        buttons.addWidget(self.accept, 3)
        buttons.addWidget(self.flag, 1)
        layout.addWidget(heading(self.tr("STRUCTURES"), self))
        layout.addWidget(self.offer)
        layout.addWidget(self._empty)
        layout.addWidget(self.findings)
        layout.addWidget(self._another)
        layout.addSpacing(6)
        layout.addLayout(titles)
        layout.addWidget(self._pages, 1)
        layout.addSpacing(4)
        layout.addWidget(self._notes)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(14, 12, 14, 12)
        whole.setSpacing(10)
        whole.addWidget(Page(page, self), 1)
        whole.addLayout(buttons)

    def _dress_list(self) -> None:
        findings = self.findings
        findings.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        findings.setAccessibleName(self.tr("Structures"))
        findings.customContextMenuRequested.connect(
            lambda at: self.menu_wanted.emit(self.findings.viewport().mapToGlobal(at))
        )
        findings.selectionModel().currentChanged.connect(self._chosen)

    def _chosen(self, current: QModelIndex, _: QModelIndex) -> None:
        finding = current.data(FINDING_ROLE)
        if isinstance(finding, Finding):
            self._session.select(finding.tracking_uid)

    def _cell_chosen(self) -> None:
        current = self.table.currentIndex()
        self.measurement_chosen.emit(current.data(MEASUREMENT_ROLE) if current.isValid() else ())
        self._explain()

    def _measured(self) -> None:
        """Draw the chosen row's new number: lines of the outline before must not stay."""
        if self.table.currentIndex().isValid():
            self._cell_chosen()
        self._refresh_notes()

    def _follow_prior(self) -> None:
        """Offer the changes while there is a prior, and turn to them when one comes."""
        compared = self._comparing.film is not None
        if compared is self.tabs.isHidden():
            self.tabs.setVisible(compared)
            self.tabs.setCurrentIndex(int(compared))
        self._explain()

    def _turn_to(self, page: int) -> None:
        self._pages.setCurrentIndex(page)
        self.table.setCurrentIndex(QModelIndex())
        self.changes.table.setCurrentIndex(QModelIndex())

    def _explain(self) -> None:
        """Say how the chosen number was measured, and span names over columns that are empty."""
        rows = self.table_model.rowCount()
        for widget in (self._how, self._hint, self.table.horizontalHeader()):
            widget.setVisible(rows > 0)
        self._numbers.setVisible(rows > 0 and self.tabs.isHidden())
        index = self.table.currentIndex()
        told = index.data(Qt.ItemDataRole.ToolTipRole) if index.isValid() else ""
        self._how.setText(str(told) or self.tr("Choose a row to see how it was measured."))
        for row in range(rows):
            span = 3 if self.table_model.is_single(row) else 1
            if self.table.columnSpan(row, 0) != span:
                self.table.setSpan(row, 0, 1, span)

    def _follow_selection(self) -> None:
        row = self.findings_model.row_of(self._session.selected)
        selection = self.findings.selectionModel()
        selection.blockSignals(True)
        if row >= 0:
            self.findings.setCurrentIndex(self.findings_model.index(row))
        else:
            selection.clear()
        selection.blockSignals(False)
        self.findings.viewport().update()

    def _refresh(self) -> None:
        shown = self._session.shown
        count = len(shown.findings) if shown else 0
        self.findings.setVisible(count > 0)
        self._empty.setVisible(shown is not None and count == 0)
        self._another.setVisible(shown is not None)
        self.accept.setEnabled(count > 0)
        self.flag.setEnabled(shown is not None)
        self.flag.setChecked(shown is not None and shown.state.value == "flagged")
        self._follow_selection()
        self._refresh_notes()

    def _refresh_notes(self) -> None:
        """Show what to look at twice: the film's notes, then the outlines'."""
        self._hint.setText(self.table_model.origin())
        self._explain()
        self._notes.show_notes(self._wanted_notes())

    def _wanted_notes(self) -> list[Note]:
        shown = self._session.shown
        if shown is None:
            return []
        notes = [(note_text(note.code), note.code in _SERIOUS) for note in shown.radiograph.notes]
        if self._session.doubt.doubtful:
            notes.insert(0, (doubt_text(), True))
        below = self._session.settings.check_below
        for finding in shown.findings:
            if finding.quality is not None and finding.quality < below:
                text = self.tr("{structure}: the model is unsure of this outline. Check it.")
                notes.append((text.format(structure=structure_name(finding)), True))
        carried = {caveat for value in self._session.measurements or () for caveat in value.caveats}
        told = (Caveat.OVERLAP, Caveat.CUT_OFF, Caveat.FRAGMENTS, Caveat.SUPINE)
        notes += [(caveat_text(caveat), True) for caveat in told if caveat in carried]
        return list(dict.fromkeys(sorted(notes, key=lambda note: not note[1])))[:6]
