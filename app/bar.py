"""Bar: the row of menus and buttons at the top. In a narrow window its labels give way, so that no menu is cut."""

from PySide6.QtCore import QEvent, Qt
from PySide6.QtWidgets import QHBoxLayout, QLabel, QToolButton, QWidget

_GAP = 6  # logical pixels between a button's icon and its label
_BARE = Qt.ToolButtonStyle.ToolButtonIconOnly
_LABELLED = Qt.ToolButtonStyle.ToolButtonTextBesideIcon


class Bar(QWidget):
    """Lays out what it is given from left to right, behind the program's name."""

    def __init__(self, name: str, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("bar")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.row = QHBoxLayout(self)
        self.row.setContentsMargins(10, 4, 10, 4)
        self.row.setSpacing(4)
        self._labelled: list[QToolButton] = []
        self._name = QLabel(name, self)
        self._name.setTextFormat(Qt.TextFormat.PlainText)
        self._name.setObjectName("wordmark")
        self.row.addWidget(self._name)
        self.row.addSpacing(8)

    def add_labelled(self, button: QToolButton) -> None:
        """Add a button with a label, as long as there is room."""
        button.setToolButtonStyle(_LABELLED)
        self._labelled.append(button)
        self.row.addWidget(button)

    def event(self, event: QEvent) -> bool:
        """Look whether everything fits whenever the bar or something in it has another size."""
        done = super().event(event)
        if event.type() in (QEvent.Type.Resize, QEvent.Type.LayoutRequest):
            self._fit()
        return done

    def _fit(self) -> None:
        # Computed rather than tried: every change asks for another layout, and so without end.
        labels = {button: _GAP + button.fontMetrics().horizontalAdvance(button.text()) for button in self._labelled}
        name = self._name.sizeHint().width() + self.row.spacing()
        barest = self.row.minimumSize().width() - sum(
            width for button, width in labels.items() if button.toolButtonStyle() is _LABELLED
        )
        barest -= 0 if self._name.isHidden() else name
        self._name.setVisible(barest + name <= self.width())
        style = _LABELLED if barest + name + sum(labels.values()) <= self.width() else _BARE
        for button in self._labelled:
            if button.toolButtonStyle() is not style:
                button.setToolButtonStyle(style)
