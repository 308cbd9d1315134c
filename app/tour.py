"""The tour: four steps on the demo film, each done by the reader and not only read."""

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtWidgets import QBoxLayout, QFrame, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from app.session import Session
from engine.case import CaseState

_MARGIN = 20
_LETTERS = 48  # of a line of the card


class Tour(QFrame):
    """A small card over the film's lower left; a step goes on by itself when it has been done."""

    ended = Signal()

    def __init__(self, session: Session, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("tour")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._session = session
        self._step = 0
        self._view = session.lightbox.display.view
        self._steps = 0
        self._title, self._text = QLabel(self), QLabel(self)
        for label in (self._title, self._text):
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setWordWrap(True)
        self._title.setStyleSheet("font-weight: 600;")
        self._next = QPushButton(self)
        end = QPushButton(self.tr("End tour"), self)
        for button in (self._next, end):
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._next.clicked.connect(self._go_on)
        end.clicked.connect(self.end)
        self._buttons = QHBoxLayout()
        self._buttons.addStretch(1)
        self._buttons.addWidget(end)
        self._buttons.addWidget(self._next)
        layout = self._layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 12, 16, 12)
        layout.setSpacing(8)
        layout.addWidget(self._title)
        layout.addWidget(self._text)
        layout.addLayout(self._buttons)
        session.case_changed.connect(self._look)
        session.lightbox.display_changed.connect(self._look)
        parent.installEventFilter(self)
        self._show()

    @property
    def step(self) -> int:
        """The step shown, from 0 to 3."""
        return self._step

    def _texts(self) -> list[tuple[str, str]]:
        return [
            (self.tr("1 of 4: Outline"), self.tr("Drag a box round a lung on the film. Or press L for both lungs.")),
            (
                self.tr("2 of 4: Look"),
                self.tr("Drag with the right button: sideways for contrast, down for brightness."),
            ),
            (
                self.tr("3 of 4: Correct"),
                self.tr("Drag an edge of the box, or press E and paint. Ctrl+Z takes it back."),
            ),
            (self.tr("4 of 4: Accept"), self.tr("Press K to flag a film, or Enter to accept it. F1 shows every key.")),
        ]

    def _show(self) -> None:
        title, text = self._texts()[self._step]
        self._title.setText(title)
        self._text.setText(text)
        self._next.setText(self.tr("Done") if self._step == 3 else self.tr("Next"))
        reading = self._session.reading
        self._steps = len(reading.history.done) if reading else 0
        self._view = self._session.lightbox.display.view
        self.show()
        self._place()  # what is on show knows the size of its text
        self.raise_()

    def _look(self) -> None:
        """Go on when the step has been done."""
        case, reading = self._session.case, self._session.reading
        if case is None or reading is None or self.isHidden():
            return
        done = (
            bool(case.findings),
            self._session.lightbox.display.view is not self._view,
            len(reading.history.done) > self._steps,
            case.state in (CaseState.ACCEPTED, CaseState.FLAGGED),
        )
        if done[self._step]:
            self._go_on()

    def _go_on(self) -> None:
        if self._step == 3:
            self.end()
        else:
            self._step += 1
            self._show()

    def end(self) -> None:
        """Close the card."""
        self.hide()
        self.ended.emit()
        self.deleteLater()

    def _place(self) -> None:
        parent = self.parentWidget()
        assert parent is not None
        room, layout = parent.width() - 2 * _MARGIN, self._layout
        for direction in (QBoxLayout.Direction.LeftToRight, QBoxLayout.Direction.TopToBottom):
            self._buttons.setDirection(direction)
            self._buttons.invalidate()
            layout.invalidate()
            least = layout.totalMinimumSize().width()
            if least <= room:
                break
        width = max(min(self.fontMetrics().averageCharWidth() * _LETTERS, room), least)
        self.resize(width, layout.totalHeightForWidth(width))
        self.move(_MARGIN, max(parent.height() - self.height() - 56, 0))

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Stay in place."""
        if event.type() == QEvent.Type.Resize and not self.isHidden():
            self._place()
        return False
