"""The one place that shows what went wrong, and the hooks that bring every unhandled exception there.

Plain text only: a name in a DICOM file must never be read as rich text. Nothing of a patient goes to the log.
"""

import logging
import sys
import threading
from types import TracebackType

from PySide6.QtCore import QEvent, QObject, Qt, QTimer, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QToolButton, QVBoxLayout, QWidget

from app.wording import error_title, say
from engine.errors import LungboxError

_log = logging.getLogger("lungbox.app")
_SHOWN_MS = 12_000


class Faults(QObject):
    """Takes errors and bugs; remembers how many bugs there were."""

    shown = Signal(str, str)  # title, advice
    _arrived = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.unhandled = 0
        self._arrived.connect(self._show_bug, Qt.ConnectionType.QueuedConnection)

    def install(self) -> None:
        """Take every exception that nobody handles, on any thread."""
        sys.excepthook = self._unhandled
        threading.excepthook = lambda args: self._unhandled(
            args.exc_type, args.exc_value or args.exc_type(), args.exc_traceback
        )

    @staticmethod
    def uninstall() -> None:
        """Put the interpreter's own hooks back."""
        sys.excepthook = sys.__excepthook__
        threading.excepthook = threading.__excepthook__

    def error(self, error: LungboxError) -> None:
        """Show what went wrong and what to do."""
        # File names may hold a patient's name: the log gets the kind only.
        _log.warning("%s", type(error).__name__)
        details = " ".join(part for part in (error.message, error.advice) if part)
        self.shown.emit(error_title(error), details)

    def _unhandled(self, kind: type[BaseException], value: BaseException, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            sys.__excepthook__(kind, value, trace)
            return
        self.unhandled += 1
        # The place, not the message: a message may quote a file.
        places = []
        while trace is not None:
            code = trace.tb_frame.f_code
            places.append(f"{code.co_filename.rsplit('/', 1)[-1]}:{trace.tb_lineno} {code.co_name}")
            trace = trace.tb_next
        _log.error("unhandled %s at %s", kind.__name__, " > ".join(places[-8:]))
        self._arrived.emit(f"{kind.__name__}, {places[-1] if places else '?'}")

    def _show_bug(self, place: str) -> None:
        text = say("Something went wrong inside Lungbox. Your work is kept; save it, and report this: {place}")
        self.shown.emit(say("An internal error"), text.format(place=place))


class Toast(QFrame):
    """A message over the film's lower edge. It goes by itself, and never takes the keyboard."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("toast")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._title, self._details = QLabel(self), QLabel(self)
        for label in (self._title, self._details):
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setWordWrap(True)
        self._title.setStyleSheet("font-weight: 600;")
        self._details.setObjectName("note")
        close = QToolButton(self)
        close.setText("✕")
        close.setAccessibleName(self.tr("Close this message"))
        close.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        close.clicked.connect(self.hide)
        words = QVBoxLayout()
        words.addWidget(self._title)
        words.addWidget(self._details)
        layout = self._layout = QHBoxLayout(self)
        layout.setContentsMargins(14, 10, 8, 10)
        layout.addLayout(words, 1)
        layout.addWidget(close, 0, Qt.AlignmentFlag.AlignTop)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self.hide)
        parent.installEventFilter(self)
        self.hide()

    def show_message(self, title: str, details: str) -> None:
        """Show a message."""
        self._title.setText(title)
        self._details.setText(details)
        self._details.setVisible(bool(details))
        self.setAccessibleName(f"{title} {details}")
        self.show()
        self._place()  # what is on show knows the size of its text
        self.raise_()
        self._timer.start(_SHOWN_MS)

    @property
    def text(self) -> str:
        """What is shown."""
        return f"{self._title.text()} {self._details.text()}".strip() if not self.isHidden() else ""

    def _place(self) -> None:
        parent = self.parentWidget()
        assert parent is not None
        width = min(max(520, self.fontMetrics().averageCharWidth() * 60), max(parent.width() - 40, 120))
        self.resize(width, self._layout.totalHeightForWidth(width))
        self.move((parent.width() - width) // 2, max(parent.height() - self.height() - 40, 0))

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Stay in place when the canvas changes its size."""
        if event.type() == QEvent.Type.Resize and not self.isHidden():
            self._place()
        return False
