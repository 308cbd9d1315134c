"""Small pieces that panels are made of: headings, notes, and tables of numbers."""

from collections.abc import Sequence

from PySide6.QtCore import QAbstractTableModel, QEvent, QModelIndex, QPersistentModelIndex, QRect, QSize, Qt
from PySide6.QtGui import QColor, QFontMetrics, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QScrollArea,
    QSizePolicy,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from app.theme import colour
from app.wording import tool_tip

AnyIndex = QModelIndex | QPersistentModelIndex
Note = tuple[str, bool]  # a sentence, and whether it is serious
_NOWHERE = QModelIndex()
_SAMPLES = ("000.0", "000.0", "000.0", "cm²")
_CELL_PAD = 7  # logical pixels at either side of a cell's text: style.qss's, and the style's own


class Badge(QWidget):
    """A quiet note: a dot and a sentence."""

    def __init__(self, text: str, tint: QColor, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(2, 1, 2, 1)
        layout.setSpacing(8)
        sentence = QLabel(text, self)
        sentence.setTextFormat(Qt.TextFormat.PlainText)
        sentence.setWordWrap(True)
        sentence.setObjectName("note")
        dot = QLabel("•", self)
        dot.setTextFormat(Qt.TextFormat.PlainText)
        dot.setStyleSheet(f"color: {tint.name()}; font-weight: 900;")
        layout.addWidget(dot, 0, Qt.AlignmentFlag.AlignTop)
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


class Elided(QLabel):
    """A line that gives way: where it does not fit it ends in dots, and its tool tip says the whole."""

    def __init__(self, text: str, kind: str, parent: QWidget) -> None:
        super().__init__(text, parent)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setObjectName(kind)
        self._about = ""

    def setText(self, text: str) -> None:
        """Show a line."""
        super().setText(text)
        self._tell()

    def say_about(self, text: str) -> None:
        """Say something in the tool tip that the line itself never says."""
        self._about = text
        self._tell()

    def minimumSizeHint(self) -> QSize:
        """Return no width: it may go altogether."""
        return QSize(0, super().minimumSizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Look whether the line fits."""
        super().resizeEvent(event)
        self._tell()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw what fits."""
        place = self.contentsRect()
        shown = self.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideRight, place.width())
        with QPainter(self) as painter:
            self.style().drawItemText(
                painter, place, self.alignment(), self.palette(), self.isEnabled(), shown, self.foregroundRole()
            )

    def _tell(self) -> None:
        cut = self.width() < self.sizeHint().width()
        self.setToolTip(tool_tip("\n".join(part for part in (self.text() if cut else "", self._about) if part)))


class Page(QScrollArea):
    """A page of a panel, as wide as the panel; it scrolls where the panel is not high enough."""

    def __init__(self, page: QWidget, parent: QWidget) -> None:
        super().__init__(parent)
        self.setFrameShape(QScrollArea.Shape.NoFrame)
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # what has the focus is scrolled into view
        self._page = page
        self.setWidget(page)

    def minimumSizeHint(self) -> QSize:
        """Return the page's width, the bar included."""
        bar = self.verticalScrollBar().sizeHint().width()
        return QSize(self._page.minimumSizeHint().width() + bar, super().minimumSizeHint().height())

    def event(self, event: QEvent) -> bool:
        """Ask for more width when the page does."""
        if event.type() == QEvent.Type.LayoutRequest:
            self.updateGeometry()
        return super().event(event)


class NumbersTable(QTableView):
    """A table of numbers: names wrap and take the room that the numbers leave, rows are as high as their text."""

    def __init__(self, model: NumbersModel, name: str, parent: QWidget) -> None:
        super().__init__(parent)
        self._least = QSize()
        self.setObjectName("measurements")
        self.setModel(model)
        self.setAccessibleName(name)
        self.setFrameShape(QTableView.Shape.NoFrame)
        self.setShowGrid(False)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.verticalHeader().hide()
        self.verticalHeader().setMinimumSectionSize(10)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        header = self.horizontalHeader()
        header.setSectionsClickable(False)
        header.setHighlightSections(False)
        header.setMinimumSectionSize(10)
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)
        header.sectionResized.connect(self._fit)
        model.modelReset.connect(self._fit)
        model.dataChanged.connect(self._fit)
        self._fit()

    def minimumSizeHint(self) -> QSize:
        """Return room for every number whole, the longest word of a name beside them, and some rows."""
        return self._least

    def sizeHint(self) -> QSize:
        """Return the same: there is room for more where a panel is higher."""
        return self._least

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Wrap the names again."""
        super().resizeEvent(event)
        self._fit()

    def changeEvent(self, event: QEvent) -> None:
        """Follow the size of text."""
        super().changeEvent(event)
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange):
            self._fit()

    def setSpan(self, row: int, column: int, rows: int, columns: int) -> None:
        """Let a name reach over columns that are empty."""
        super().setSpan(row, column, rows, columns)
        self._fit()

    def _fit(self) -> None:
        """Make each row as high as its name, which wraps, and tell the panel how wide the table must be."""
        metrics, model = QFontMetrics(self.font()), self.model()
        line, pad = metrics.height() + 8, 2 * _CELL_PAD
        self.verticalHeader().setDefaultSectionSize(line)
        words = [metrics.averageCharWidth() * 12]
        for row in range(model.rowCount()):
            name, columns = str(model.index(row, 0).data()), self.columnSpan(row, 0)
            width = sum(self.columnWidth(column) for column in range(columns)) - pad
            wrapped = metrics.boundingRect(QRect(0, 0, max(width, 1), 1 << 16), Qt.TextFlag.TextWordWrap, name)
            more = round(wrapped.height() / metrics.lineSpacing()) - 1
            self.setRowHeight(row, line + max(more, 0) * metrics.lineSpacing())
            words += [metrics.horizontalAdvance(word) for word in name.split() if columns == 1]
        header = self.horizontalHeader()
        numbers = sum(
            max(self.columnWidth(column), header.sectionSizeHint(column), metrics.horizontalAdvance(sample) + pad)
            for column, sample in enumerate(_SAMPLES, start=1)
        )
        bar = self.verticalScrollBar().sizeHint().width()
        least = QSize(max(words) + pad + numbers + bar, header.sizeHint().height() + 4 * line)
        if least != self._least:
            self._least = least
            self.updateGeometry()
