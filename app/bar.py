"""Bar: the row of menus and buttons at the top. In a narrow window its labels give way, so that no menu is cut.

ActionButton: a button of an action, here and wherever else in the window.
"""

from PySide6.QtCore import QEvent, QSize, Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QHBoxLayout, QLabel, QToolButton, QWidget

_GAP = 6  # logical pixels between a button's icon and its label
_BARE = Qt.ToolButtonStyle.ToolButtonIconOnly
_LABELLED = Qt.ToolButtonStyle.ToolButtonTextBesideIcon


class ActionButton(QToolButton):
    """Looks as its action does, and triggers it.

    Not by `setDefaultAction`: Qt 6.11 connects such a button once more with every change of its action, so that each
    change costs more memory and more time than the one before.
    """

    def __init__(self, action: QAction, parent: QWidget) -> None:
        super().__init__(parent)
        self._action = action
        self.setIconSize(QSize(20, 20))
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        action.changed.connect(self._follow)
        self._follow()

    def nextCheckState(self) -> None:
        """Leave to the action what a click does, its own check mark included."""
        self._action.trigger()

    def _follow(self) -> None:
        action = self._action
        self.setText(action.iconText())
        self.setIcon(action.icon())
        self.setToolTip(action.toolTip())
        self.setStatusTip(action.statusTip())
        self.setAccessibleName(action.text())
        self.setCheckable(action.isCheckable())
        self.setChecked(action.isChecked())
        self.setEnabled(action.isEnabled())


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

    def minimumSizeHint(self) -> QSize:
        """Return what is needed when every label has given way."""
        return QSize(self._barest(self._labels()), super().minimumSizeHint().height())

    def _labels(self) -> dict[QToolButton, int]:
        """Return how wide each label is."""
        return {button: _GAP + button.fontMetrics().horizontalAdvance(button.text()) for button in self._labelled}

    def _barest(self, labels: dict[QToolButton, int]) -> int:
        shown = sum(width for button, width in labels.items() if button.toolButtonStyle() is _LABELLED)
        name = 0 if self._name.isHidden() else self._name.sizeHint().width() + self.row.spacing()
        return self.row.minimumSize().width() - shown - name

    def _fit(self) -> None:
        # Computed rather than tried: every change asks for another layout, and so without end.
        labels = self._labels()
        barest, name = self._barest(labels), self._name.sizeHint().width() + self.row.spacing()
        self._name.setVisible(barest + name <= self.width())
        style = _LABELLED if barest + name + sum(labels.values()) <= self.width() else _BARE
        for button in self._labelled:
            if button.toolButtonStyle() is not style:
                button.setToolButtonStyle(style)
