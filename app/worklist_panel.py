"""The left-hand panel: the films to be read, with picture, date and state."""

from PySide6.QtCore import (
    QAbstractListModel,
    QEvent,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QRect,
    QRectF,
    QSize,
    QSortFilterProxyModel,
    Qt,
)
from PySide6.QtGui import QColor, QFont, QFontMetrics, QKeyEvent, QPainter, QPen
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from app import painting
from app.badges import Elided
from app.films import Entry
from app.lightbox import Lightbox
from app.theme import STATES, colour
from app.wording import person, place_text, plain, state_text, tool_tip
from app.worklist import Worklist

AnyIndex = QModelIndex | QPersistentModelIndex
ENTRY_ROLE = Qt.ItemDataRole.UserRole
CURRENT_ROLE = Qt.ItemDataRole.UserRole + 1
HIDDEN_ROLE = Qt.ItemDataRole.UserRole + 2
_NOWHERE = QModelIndex()
_PICTURE = 62
_LEADING = 2


class WorklistModel(QAbstractListModel):
    """The worklist's entries."""

    def __init__(self, worklist: Worklist, lightbox: Lightbox, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._worklist, self._lightbox = worklist, lightbox
        self._hidden = lightbox.display.identity_hidden
        self._count = len(worklist.entries)
        worklist.reset.connect(self._reset)
        worklist.entry_changed.connect(self._changed)
        worklist.current_changed.connect(self._all_changed)
        lightbox.display_changed.connect(self._display_changed)

    def rowCount(self, parent: AnyIndex = _NOWHERE) -> int:
        """Return how many films there are."""
        return 0 if parent.isValid() else self._count

    def data(self, index: AnyIndex, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """Return what a line shows; asking for it has its picture read."""
        if not index.isValid() or index.row() >= len(self._worklist.entries):
            return None
        entry = self._worklist.entries[index.row()]
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            words = (name_of(entry, hidden=self._hidden), caption(entry, index.row()), state_text(entry.state))
            return " ".join(part for part in words if part)
        if role == Qt.ItemDataRole.ToolTipRole:
            return tool_tip(entry.problem or plain(entry.path.name)) if not self._hidden else ""
        if role == ENTRY_ROLE:
            return entry
        if role == CURRENT_ROLE:
            return index.row() == self._worklist.index
        return self._hidden if role == HIDDEN_ROLE else None

    def want(self, row: int) -> None:
        """Have a line's picture read."""
        self._worklist.want(row)

    def _reset(self) -> None:
        self.beginResetModel()
        self._count = len(self._worklist.entries)
        self.endResetModel()

    def _changed(self, row: int) -> None:
        last = self._count - 1
        self.dataChanged.emit(self.index(max(row - 1, 0)), self.index(min(row + 1, last)))  # whose bars may meet it

    def _all_changed(self) -> None:
        if self._count:
            self.dataChanged.emit(self.index(0), self.index(self._count - 1))

    def _display_changed(self) -> None:
        if self._hidden is not self._lightbox.display.identity_hidden:
            self._hidden = self._lightbox.display.identity_hidden
            self._all_changed()


def name_of(entry: Entry, *, hidden: bool) -> str:
    """Return whose film it is, or the name of a file that does not say; that may be a patient's, and is hidden too."""
    return "" if hidden else person(entry.patient) or plain(entry.path.name)


def caption(entry: Entry, number: int, *, hour: bool = True) -> str:
    """Return view and date; the place in the list where the file says neither."""
    taken = entry.taken if hour else entry.taken.partition(" ")[0]
    return "  ".join(part for part in (entry.view, taken) if part) or place_text(number)


def same_study(index: AnyIndex, step: int) -> bool:
    """Return whether the film `step` lines below is of the same study."""
    here, there = index.data(ENTRY_ROLE), index.sibling(index.row() + step, 0).data(ENTRY_ROLE)
    return isinstance(here, Entry) and isinstance(there, Entry) and here.study == there.study != ""


class Filter(QSortFilterProxyModel):
    """The entries that hold every word searched for."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._words: list[str] = []

    def search(self, text: str) -> None:
        """Show only what holds all the words."""
        self.beginFilterChange()
        self._words = text.casefold().split()
        self.endFilterChange(QSortFilterProxyModel.Direction.Rows)

    def filterAcceptsRow(self, source_row: int, source_parent: AnyIndex) -> bool:
        """Return whether an entry holds the words; a hidden name is not searched."""
        index = self.sourceModel().index(source_row, 0, source_parent)
        entry = index.data(ENTRY_ROLE)
        if not isinstance(entry, Entry):
            return False
        parts = [caption(entry, source_row), entry.description, state_text(entry.state)]
        if not index.data(HIDDEN_ROLE):
            parts += [entry.patient, entry.path.name]
        text = " ".join(parts).casefold()
        return all(word in text for word in self._words)


class EntryDelegate(QStyledItemDelegate):
    """One film: picture, view and date, state."""

    def sizeHint(self, option: QStyleOptionViewItem, index: AnyIndex) -> QSize:
        """Return the size of a line: as high as its picture or its words, as wide as a date without its hour."""
        strong, small = (QFontMetrics(font) for font in _fonts(option.font, current=True))
        words = strong.height() + 2 * (small.height() + _LEADING)
        margins = self.inside(QRect(0, 0, 0, 0))
        width = small.horizontalAdvance("PA  0000-00-00") - margins.width()
        return QSize(width, max(_PICTURE, words) - margins.height())

    @staticmethod
    def inside(line: QRect) -> QRect:
        """Return where in a line its words are."""
        return line.adjusted(_PICTURE + 16, 8, -12, -8)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: AnyIndex) -> None:
        """Draw a line."""
        entry = index.data(ENTRY_ROLE)
        if not isinstance(entry, Entry):
            return
        proxy = index.model()
        if not entry.read and isinstance(proxy, QSortFilterProxyModel):
            source = proxy.sourceModel()
            if isinstance(source, WorklistModel):
                source.want(proxy.mapToSource(index).row())
        state, font = option.state, option.font
        rectangle: QRect = option.rect.adjusted(0, 2, -4, -2)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        current = bool(index.data(CURRENT_ROLE))
        hovered = bool(state & QStyle.StateFlag.State_MouseOver)
        focused = bool(state & QStyle.StateFlag.State_HasFocus)
        if current or hovered or focused:
            painter.setPen(QPen(colour("accent") if current or focused else colour("line"), 1.0))
            painter.setBrush(colour("accent_soft") if current else colour("hover"))
            painter.drawRoundedRect(rectangle.toRectF().adjusted(0.5, 0.5, -0.5, -0.5), 6, 6)
        frame = QRectF(rectangle.left() + 6, rectangle.center().y() - _PICTURE / 2 + 0.5, _PICTURE, _PICTURE)
        painter.fillRect(frame, colour("canvas"))
        if entry.thumbnail is not None:
            size = entry.thumbnail.size().scaled(frame.size().toSize(), Qt.AspectRatioMode.KeepAspectRatio)
            place = QRectF(frame.center().x() - size.width() / 2, frame.center().y() - size.height() / 2,
                           size.width(), size.height())  # fmt: skip
            painter.drawImage(place, entry.thumbnail)
        self._draw_study(painter, option.rect, index)
        self._draw_words(painter, self.inside(option.rect), font, entry, index, current=current)
        painter.restore()

    def _draw_study(self, painter: QPainter, line: QRect, index: AnyIndex) -> None:
        """Join the films of one study by a bar at their left."""
        above, below = same_study(index, -1), same_study(index, 1)
        if above or below:
            top = line.top() - 1 if above else line.top() + 10
            bottom = line.bottom() + 1 if below else line.bottom() - 10
            painter.fillRect(QRectF(line.left() + 1, top, 2, bottom - top), colour("muted"))

    def _draw_words(
        self, painter: QPainter, inside: QRect, font: QFont, entry: Entry, index: AnyIndex, *, current: bool
    ) -> None:
        strong, small = _fonts(font, current=current)
        height, small_height = QFontMetrics(strong).height(), QFontMetrics(small).height()
        # Of one study's films only the first says whose they are.
        who = "" if same_study(index, -1) else name_of(entry, hidden=bool(index.data(HIDDEN_ROLE)))
        first, _, rest = (whole := caption(entry, index.row())).partition("  ")
        # A date without its hour says more than one whose hour is cut.
        if QFontMetrics(small).horizontalAdvance(whole if who else rest) > inside.width():
            first, _, rest = caption(entry, index.row(), hour=False).partition("  ")
        # The end of a file's name tells it from its neighbours'; of a person's name the beginning does.
        elided = Qt.TextElideMode.ElideRight if entry.patient else Qt.TextElideMode.ElideMiddle
        lines = [(who or first, strong, "text")]
        second = f"{first}  {rest}".strip() if who else rest
        if second:
            lines.append((second, small, "muted"))
        top = inside.top()
        for text, style, tint in lines:
            painter.setFont(style)
            painter.setPen(colour(tint))
            shown = QFontMetrics(style).elidedText(text, elided, inside.width())
            painter.drawText(QRect(inside.left(), top, inside.width(), height), Qt.AlignmentFlag.AlignLeft, shown)
            top += QFontMetrics(style).height() + _LEADING
        painter.setFont(small)
        dot = colour("bad") if entry.problem else QColor(STATES[entry.state])
        base = QRect(inside.left(), inside.bottom() - small_height, inside.width(), small_height + 1)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(dot)
        painter.drawEllipse(QRectF(base.left(), base.center().y() - 3, 7, 7))
        painter.setPen(colour("muted"))
        words = self.tr("not readable") if entry.problem else state_text(entry.state)
        place = base.adjusted(13, 0, 0, 0)
        words = QFontMetrics(small).elidedText(words, Qt.TextElideMode.ElideRight, place.width())
        painter.drawText(place, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, words)


def _fonts(font: QFont, *, current: bool) -> tuple[QFont, QFont]:
    """Return what a line's first words are written in, and the others."""
    return painting.sized(font, 1.0, bold=current), painting.sized(font, 0.88)


class WorklistPanel(QWidget):
    """Search, count, and the list."""

    def __init__(self, worklist: Worklist, lightbox: Lightbox, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("panel")
        self._worklist = worklist
        self.model = WorklistModel(worklist, lightbox, self)
        self.filter = Filter(self)
        self.filter.setSourceModel(self.model)
        self.list = QListView(self)
        self.list.setObjectName("worklist")
        self.list.setModel(self.filter)
        self.list.setItemDelegate(EntryDelegate(self.list))
        self.list.setMouseTracking(True)
        self.list.setUniformItemSizes(True)
        self.list.setFrameShape(QListView.Shape.NoFrame)
        self.list.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.list.setAccessibleName(self.tr("Worklist"))
        self.list.clicked.connect(self._open)
        self.list.activated.connect(self._open)
        self.search = QLineEdit(self)
        self.search.setPlaceholderText(self.tr("Search"))
        self.search.setAccessibleName(self.tr("Search the worklist"))
        self.search.setClearButtonEnabled(True)
        self.search.setAcceptDrops(False)  # a film dropped here is opened, not searched for
        self.search.textChanged.connect(self.filter.search)
        self.search.returnPressed.connect(self._open_first)
        for widget in (self.list, self.search):
            widget.installEventFilter(self)
        self._count = QLabel(self)
        self._count.setTextFormat(Qt.TextFormat.PlainText)
        self._count.setObjectName("hint")
        top = QHBoxLayout()
        top.addWidget(Elided(self.tr("WORKLIST"), "heading", self), 1)
        top.addWidget(self._count)
        layout = self._layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 12, 8, 8)
        layout.setSpacing(8)
        layout.addLayout(top)
        layout.addWidget(self.search)
        layout.addWidget(self.list, 1)
        worklist.reset.connect(self._refresh)
        worklist.current_changed.connect(self._refresh)
        worklist.entry_changed.connect(self._refresh_count)
        self._refresh()

    def minimumSizeHint(self) -> QSize:
        """Return room for a line of the list."""
        option = QStyleOptionViewItem()
        option.font = self.list.font()
        line = self.list.itemDelegate().sizeHint(option, QModelIndex()).width()
        margins = self._layout.contentsMargins()
        bar = self.list.verticalScrollBar().sizeHint().width()
        least = super().minimumSizeHint()
        return QSize(max(line + bar + margins.left() + margins.right(), least.width()), least.height())

    def _open(self, index: QModelIndex) -> None:
        self._worklist.show(self.filter.mapToSource(index).row())

    def _open_first(self) -> None:
        if self.filter.rowCount():
            self._open(self.filter.index(0, 0))
        self.search.selectAll()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Return opens a film in search and list; on the open film's line it accepts, as everywhere."""
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent):
            returned = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
            if returned and (watched is self.search or not self.list.currentIndex().data(CURRENT_ROLE)):
                event.accept()
        return super().eventFilter(watched, event)

    def _refresh(self) -> None:
        index = self.filter.mapFromSource(self.model.index(self._worklist.index)) if self._worklist.index >= 0 else None
        if index is not None and index.isValid():
            self.list.setCurrentIndex(index)
            self.list.scrollTo(index)
        self._refresh_count()

    def _refresh_count(self) -> None:
        total = len(self._worklist.entries)
        text = self.tr("{place} of {total}").format(place=self._worklist.index + 1, total=total) if total else ""
        self._count.setText(text)
        self.search.setVisible(total > 1)
