"""The status bar: is the model ready, how fast was it, on what does it run, is the work safe."""

import time

from PySide6.QtCore import QEvent, Qt, QTimer
from PySide6.QtWidgets import QLabel, QStatusBar, QWidget

from app.badges import Elided
from app.encoding import EncoderState, EncoderStatus
from app.session import Session
from app.theme import COLOURS

_SAID_MS = 6000
_FEWEST = 8  # letters of a line that are better than none


class StatusLine(QStatusBar):
    """Quiet facts; passing remarks in their place for some seconds."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.setSizeGripEnabled(False)
        self._dot, self._notice = QLabel(self), QLabel(self)
        for label in (self._dot, self._notice):
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setObjectName("status")
        self._state, self._model, self._work = (Elided("", "status", self) for _ in range(3))
        self._dot.setText("●")
        self._notice.setText(self.tr("research use, not a medical device"))
        self.addWidget(self._dot)
        self.addWidget(self._state, 1)
        self.addPermanentWidget(self._gap())
        self.addPermanentWidget(self._model)
        self.addPermanentWidget(self._gap())
        self.addPermanentWidget(self._work)
        self.addPermanentWidget(self._gap())
        self._notice.setContentsMargins(0, 0, 8, 0)
        self.addPermanentWidget(self._notice)
        self._said = ""
        self._until = QTimer(self)
        self._until.setSingleShot(True)
        self._until.timeout.connect(self._quiet)
        self._journalled = 0.0
        self._clock = QTimer(self)
        self._clock.setInterval(5000)
        self._clock.timeout.connect(self._refresh_work)
        self._clock.start()
        session.encoder.status_changed.connect(self._refresh)
        session.case_changed.connect(self._refresh_work)
        session.saved_changed.connect(self._touched)
        self._refresh()
        self._refresh_work()

    def say(self, text: str) -> None:
        """Show a passing remark."""
        self._said = text
        self._until.start(_SAID_MS)
        self._refresh()

    @property
    def text(self) -> str:
        """What the left side says."""
        return self._state.text()

    def event(self, event: QEvent) -> bool:
        """Share the room out again whenever the bar, or something in it, has another size."""
        done = super().event(event)
        if event.type() in (QEvent.Type.Resize, QEvent.Type.LayoutRequest):
            self._fit()
        return done

    def _fit(self) -> None:
        """Give the room that the notice leaves to one after the other, as they matter."""
        status = self._session.encoder.status
        alarming = bool(self._said) or status.distrusted or status.state is EncoderState.FAILED
        first, second = (self._state, self._work) if alarming else (self._work, self._state)
        row = self.layout()
        assert row is not None
        room = self.width() - row.minimumSize().width()
        for label in (first, second, self._model):
            wanted = label.sizeHint().width()
            given = min(wanted, max(room, 0))
            if given < wanted and given < label.fontMetrics().averageCharWidth() * _FEWEST:
                given = 0
            label.setMaximumWidth(given)
            room -= given

    def _gap(self) -> QLabel:
        gap = QLabel("  ", self)
        gap.setTextFormat(Qt.TextFormat.PlainText)
        return gap

    def _quiet(self) -> None:
        self._said = ""
        self._refresh()

    def _touched(self) -> None:
        self._journalled = time.monotonic()
        self._refresh_work()

    def _refresh(self) -> None:
        status = self._session.encoder.status
        tints = {
            EncoderState.STARTING: "info",
            EncoderState.IDLE: "faint",
            EncoderState.ENCODING: "info",
            EncoderState.READY: "good",
            EncoderState.FAILED: "bad",
        }
        tint = COLOURS["bad" if status.distrusted else tints[status.state]]
        self._dot.setStyleSheet(f"color: {tint}; font-size: 8pt; padding-left: 6px;")
        self._state.setText(self._said or self._state_text(status))
        runtime = ", ".join(status.backend.split(", ")[:3])  # the threads are for the tool tip
        self._model.setText("   ".join(part for part in (runtime, status.checkpoint) if part))
        proof = self.tr("Self-test: {result}").format(result=status.proof) if status.proof else ""
        told = (status.fallback, status.backend, status.checkpoint_sha256, proof)
        self._model.say_about("\n".join(part for part in told if part))

    def _state_text(self, status: EncoderStatus) -> str:
        if status.distrusted:
            return self.tr("self-test failed: do not trust the outlines")
        texts = {
            EncoderState.STARTING: self.tr("loading the model"),
            EncoderState.IDLE: self.tr("ready, no film"),
            EncoderState.ENCODING: self.tr("encoding the film"),
            EncoderState.READY: self.tr("ready"),
            EncoderState.FAILED: self.tr("no model: draw by hand with brush and polygon"),
        }
        parts = [texts[status.state]]
        if status.state is EncoderState.READY:
            if status.encode_ms is not None:
                parts.append(self.tr("film encoded in {ms} ms").format(ms=f"{status.encode_ms:.0f}"))
            if status.answer_ms is not None:
                parts.append(self.tr("box to outline {ms} ms").format(ms=f"{status.answer_ms:.0f}"))
        return "   ".join(parts)

    def _refresh_work(self) -> None:
        session = self._session
        reading = session.reading
        if reading is None:
            self._work.setText("")
        elif reading.journal.failed:
            self._work.setText(self.tr("journal cannot be written"))
        elif session.dirty:
            ago = max(0, round(time.monotonic() - self._journalled))
            self._work.setText(self.tr("journalled {seconds} s ago").format(seconds=ago))
        else:
            self._work.setText(self.tr("saved") if reading.path is not None else "")
