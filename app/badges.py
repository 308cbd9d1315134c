"""Small pieces that panels are made of: headings, notes, and tables of numbers."""

from collections.abc import Sequence

from PySide6.QtCore import (
    QAbstractItemModel,
    QAbstractTableModel,
    QEvent,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    Qt,
)
from PySide6.QtGui import QColor, QFontMetrics
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QSizePolicy,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from app.theme import colour

AnyIndex = QModelIndex | QPersistentModelIndex
Note = tuple[str, bool]  # a sentence, and whether it is serious
_NOWHERE = QModelIndex()


class Badge(QWidget):
    """A quiet note: a dot and a sentence."""

    def __init__(self, text: str, tint: QColor, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(2, 1, 2, 1)
        layout.setSpacing(8)
        dot = QLabel("●", self)
        dot.setTextFormat(Qt.TextFormat.PlainText)
        dot.setStyleSheet(f"color: {tint.name()}; font-size: 7pt;")
        dot.setAlignment(Qt.AlignmentFlag.AlignTop)
        dot.setContentsMargins(0, 3, 0, 0)
        sentence = QLabel(text, self)
        sentence.setTextFormat(Qt.TextFormat.PlainText)
        sentence.setWordWrap(True)
        sentence.setObjectName("note")
        layout.addWidget(dot)
        layout.addWidget(sentence, 1)


class Notes(QWidget):
    """Quiet notes, one below the other."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._shown: list[Note] | None = None
        self._rows = QVBoxLayout(self)
        self._rows.setContentsMargins(0, 0, 0, 0)
        self._rows.setSpacing(2)

    def show_notes(self, notes: list[Note]) -> None:
        """Show these, and no others."""
        if notes == self._shown:
            return
        self._shown = notes
        while (item := self._rows.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.deleteLater()
        for text, serious in notes:
            self._rows.addWidget(Badge(text, colour("warn") if serious else colour("faint"), self))


class NumbersModel(QAbstractTableModel):
    """A table of a name, three numbers and their unit."""

    @property
    def lines(self) -> Sequence[object]:
        """What the table has a line for."""
        raise NotImplementedError

    def rowCount(self, parent: AnyIndex = _NOWHERE) -> int:
        """Return how many lines there are."""
        return 0 if parent.isValid() else len(self.lines)

    def columnCount(self, parent: AnyIndex = _NOWHERE) -> int:
        """Return five."""
        return 0 if parent.isValid() else 5

    @staticmethod
    def alignment(column: int) -> int:
        """Return how a column and its heading stand: numbers to the right."""
        side = Qt.AlignmentFlag.AlignRight if 1 <= column <= 3 else Qt.AlignmentFlag.AlignLeft
        return int(side | Qt.AlignmentFlag.AlignVCenter)


def heading(text: str, parent: QWidget) -> QLabel:
    """Return a section's heading."""
    label = QLabel(text, parent)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setObjectName("heading")
    return label


def quiet(text: str, kind: str, parent: QWidget) -> QLabel:
    """Return a line of explanation."""
    label = QLabel(text, parent)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setWordWrap(True)
    label.setObjectName(kind)
    return label


class _RowHeight(QObject):
    """Keeps a table's rows as high as its text."""

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Follow the size of text."""
        if event.type() == QEvent.Type.FontChange and isinstance(watched, QTableView):
            fit_rows(watched)
        return False


def fit_rows(table: QTableView) -> None:
    """Make rows as high as the text."""
    table.verticalHeader().setDefaultSectionSize(QFontMetrics(table.font()).height() + 8)


def dress_numbers(table: QTableView, model: QAbstractItemModel, name: str) -> None:
    """Dress a table of numbers: one row at a time, the first column takes the room."""
    table.setModel(model)
    table.setAccessibleName(name)
    table.setFrameShape(QTableView.Shape.NoFrame)
    table.setShowGrid(False)
    table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
    table.verticalHeader().hide()
    table.verticalHeader().setMinimumSectionSize(10)
    table.setWordWrap(False)
    table.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    header = table.horizontalHeader()
    header.setSectionsClickable(False)
    header.setHighlightSections(False)
    header.setMinimumSectionSize(10)
    header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
    header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
    table.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)
    fit_rows(table)
    table.installEventFilter(_RowHeight(table))
