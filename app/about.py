"""About: which program this is, what runs the model, the model's card, and everybody's licences."""

import platform
import sys
from pathlib import Path

from PySide6.QtWidgets import QDialog, QDialogButtonBox, QPlainTextEdit, QTabWidget, QVBoxLayout, QWidget

from app.encoding import EncoderStatus
from app.model_dialog import card_text
from app.settings import folder, settings_path
from app.wording import say
from engine.origin import commit
from engine.version import VERSION

_NOTICES = "NOTICES.txt"  # beside the frozen program (packaging/licences.py)


class AboutDialog(QDialog):
    """Three pages to read, and to copy from."""

    def __init__(self, status: EncoderStatus, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(say("About Lungbox"))
        self.resize(720, 460)
        tabs = QTabWidget(self)
        pages = (
            (say("Program"), program_text(status)),
            (say("Model"), card_text(status.model) if status.model else say("No model is loaded.")),
            (say("Licences"), licences_text()),
        )
        self.texts = tuple(text for _, text in pages)
        for title, text in pages:
            page = QPlainTextEdit(tabs)
            page.setReadOnly(True)
            page.setAccessibleName(title)
            page.setPlainText(text)
            tabs.addTab(page, title)
        kinds = QDialogButtonBox.StandardButton
        buttons = QDialogButtonBox(kinds.Close, self)
        buttons.button(kinds.Close).setText(say("Close"))
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.addWidget(tabs, 1)
        layout.addWidget(buttons)


def program_text(status: EncoderStatus) -> str:
    """Return what somebody who asks for help should send."""
    facts = [
        (say("Commit"), commit()),
        (say("Model"), status.checkpoint),
        ("SHA-256", status.checkpoint_sha256),
        (say("Runs on"), status.backend),
        (say("Device"), status.device),
        (say("Self-test"), status.proof),
        (say("System"), f"Python {platform.python_version()}, {platform.system()} {platform.machine()}"),
        (say("Settings"), str(settings_path())),
        (say("Log"), str(folder("log"))),
    ]
    if status.fallback:
        facts.insert(5, (say("Fallback"), status.fallback))
    lines = [
        f"Lungbox {VERSION}",
        "",
        say("Outlines and measures the lungs on a chest film, offline. Research use, not a medical device."),
        "",
        *(f"{title}: {value or '-'}" for title, value in facts),
    ]
    return "\n".join(lines)


def licences_text() -> str:
    """Return our licence, and the notices of what a frozen program is built with."""
    ours = f"Lungbox: Apache 2.0; {say('the model has its own, on its card')}"
    notices = Path(sys.executable).with_name(_NOTICES)
    if getattr(sys, "frozen", False) and notices.is_file():
        return f"{ours}\n\n{notices.read_text(encoding='utf-8', errors='replace')}"
    return f"{ours}\n\n{say('This copy runs from its source: its components are where Python keeps them.')}"
