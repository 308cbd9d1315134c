"""The program proves itself: a self-test in the background whenever something that it depends on has changed.

First start after an installation, another model, engine, device or driver: the demo film is outlined and measured. What
passed is kept, so that the next start only looks; a failure is shown, stays in the status bar, and is tested again.
"""

import logging
from pathlib import Path

from PySide6.QtCore import QObject, QTimer, Signal

from app.encoding import Encoder, EncoderState
from engine.errors import LungboxError, SelfTestError
from engine.selftest import SelfTest, proved

_log = logging.getLogger("lungbox.app")
_AFTER_MS = 3000  # the reader's first film and box come first


class Proof(QObject):
    """Watches which model runs on what, and has that tested once."""

    failed = Signal(object)  # LungboxError
    done = Signal()

    def __init__(
        self, encoder: Encoder, record: Path, parent: QObject | None = None, after_ms: int = _AFTER_MS
    ) -> None:
        super().__init__(parent)
        self._encoder, self._record = encoder, record
        self._seen = ("", "")
        self._wait = QTimer(self)
        self._wait.setSingleShot(True)
        self._wait.setInterval(after_ms)
        self._wait.timeout.connect(self._test)
        encoder.status_changed.connect(self._look)
        self._look()

    def _look(self) -> None:
        status = self._encoder.status
        running = (status.checkpoint_sha256, status.backend)
        if status.state in (EncoderState.STARTING, EncoderState.FAILED) or running == self._seen:
            return
        self._seen = running
        self._wait.start()

    def _test(self) -> None:
        record = self._record
        self._encoder.aside(lambda segmenter: proved(segmenter, record), self._told, self._not_run, key="proof")

    def _told(self, test: SelfTest | str) -> None:
        passed, message = (True, test) if isinstance(test, str) else (test.passed, test.message)
        _log.info("self-test %s", "passed" if passed else "failed")
        self._encoder.tell_proof(message, passed=passed)
        if not passed:
            advice = "Install Lungbox again, or choose another model; `lungbox doctor` says more."
            self.failed.emit(SelfTestError(f"{message[:1].upper()}{message[1:]}.", advice=advice))
        self.done.emit()

    def _not_run(self, error: LungboxError) -> None:
        # No model, or it ended: the reader is told by whoever needs it next.
        _log.info("self-test not run: %s", type(error).__name__)
