"""The offer of results that lie beside a film: a question in the panel, which nobody has to answer."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from app.filing import Filing
from app.wording import plain


class Offer(QFrame):
    """Says whose results were found, and opens them on the reader's word alone."""

    def __init__(self, files: Filing, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._files = files
        self.setObjectName("offer")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.sentence = QLabel(self)
        self.sentence.setTextFormat(Qt.TextFormat.PlainText)
        self.sentence.setWordWrap(True)
        self.open = QPushButton(self.tr("Open them"), self)
        self.open.clicked.connect(files.open_offer)
        self.decline = QPushButton(self.tr("Not now"), self)
        self.decline.clicked.connect(files.decline_offer)
        buttons = QHBoxLayout()
        buttons.addWidget(self.open)
        buttons.addWidget(self.decline)
        buttons.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(10, 8, 10, 8)
        layout.addWidget(self.sentence)
        layout.addLayout(buttons)
        files.offered.connect(self._follow)
        self._follow()

    def _follow(self) -> None:
        offer = self._files.offer
        self.setVisible(offer is not None)
        if offer is None:
            return
        date, reader = f"{offer.made_at:%Y-%m-%d}", plain(offer.reader, 40)
        if reader:
            text = self.tr("Results of {date} by {reader} lie beside this film. Open them?")
        else:
            text = self.tr("Results of {date} lie beside this film. Open them?")
        self.sentence.setText(text.format(date=date, reader=reader))
