"""Dialogs: files, settings, shortcuts, window, names, about. Each returns a value and changes nothing itself."""

from collections.abc import Collection
from dataclasses import fields, replace
from pathlib import Path
from typing import TypeVar

from PySide6.QtCore import Qt, SignalInstance
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QDoubleSpinBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QMessageBox,
    QPlainTextEdit,
    QPushButton,
    QSpinBox,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from app.casefile import FILM_SUFFIXES, SUFFIX
from app.settings import Kind, Settings, kind_of
from app.wording import LANGUAGES, say

Spin = TypeVar("Spin", QSpinBox, QDoubleSpinBox)

_TEXT_MARGIN = 5  # logical pixels
_FILMS = " ".join(f"*{suffix}" for suffix in FILM_SUFFIXES)


def label_of(text: str, parent: QWidget, *, wrap: bool = False) -> QLabel:
    """Return a label that shows text as it is."""
    label = QLabel(text, parent)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setWordWrap(wrap)
    return label


def ask_films(parent: QWidget) -> list[Path]:
    """Ask for films."""
    pattern = f"{say('Films')} ({_FILMS});;{say('All files')} (*)"
    chosen, _ = QFileDialog.getOpenFileNames(parent, say("Open film"), "", pattern)
    return [Path(name) for name in chosen]


def ask_folder(parent: QWidget, title: str) -> Path | None:
    """Ask for a folder."""
    chosen = QFileDialog.getExistingDirectory(parent, title)
    return Path(chosen) if chosen else None


def agreed(dialog: QDialog) -> bool:
    """Show a dialog and return whether the reader agreed; what was entered stays readable until Qt comes round."""
    done = dialog.exec() == QDialog.DialogCode.Accepted
    dialog.deleteLater()
    return done


def ask_case(parent: QWidget) -> Path | None:
    """Ask for a case file to open."""
    chosen, _ = QFileDialog.getOpenFileName(parent, say("Open case"), "", f"{say('Lungbox cases')} (*.lungbox)")
    return Path(chosen) if chosen else None


def ask_results(parent: QWidget) -> Path | None:
    """Ask for results of the open film: a results.json, a segmentation or a report."""
    pattern = f"{say('Results')} (*.json *.dcm);;{say('All files')} (*)"
    chosen, _ = QFileDialog.getOpenFileName(parent, say("Open results"), "", pattern)
    return Path(chosen) if chosen else None


def ask_model(parent: QWidget) -> Path | None:
    """Ask for a model file."""
    pattern = f"{say('Models')} (*.safetensors *.pth);;{say('All files')} (*)"
    chosen, _ = QFileDialog.getOpenFileName(parent, say("Add a model"), "", pattern)
    return Path(chosen) if chosen else None


def ask_where_to_save(parent: QWidget, suggested: Path) -> Path | None:
    """Ask where to write a case file."""
    pattern = f"{say('Lungbox cases')} (*.lungbox)"
    chosen, _ = QFileDialog.getSaveFileName(parent, say("Save case"), str(suggested), pattern)
    if not chosen:
        return None
    path = Path(chosen)
    if path.suffix.lower() == SUFFIX:
        return path
    path = path.with_name(path.name + SUFFIX)
    if path.exists():  # the system's dialog asked about another name
        question = say("{name} is there already.").format(name=path.name)
        if ask(parent, say("Save case"), question, (say("Replace it"), say("Cancel")), default=1) != 0:
            return None
    return path


def ask(parent: QWidget | None, title: str, text: str, choices: tuple[str, ...], default: int = 0) -> int:
    """Ask a question in plain text; returns the number of the choice, the last one when it is closed."""
    box = _message(parent, title, text)
    roles = QMessageBox.ButtonRole
    buttons = [
        box.addButton(choice, roles.RejectRole if n == len(choices) - 1 else roles.ActionRole)
        for n, choice in enumerate(choices)
    ]
    box.setDefaultButton(buttons[default])
    box.setEscapeButton(buttons[-1])
    box.exec()
    clicked = box.clickedButton()
    return next((n for n, button in enumerate(buttons) if button is clicked), len(choices) - 1)


def wait(parent: QWidget, title: str, text: str, until: SignalInstance, give_up: str, cancel: str) -> bool:
    """Say what is waited for; True when that came or the reader gave it up, False when they would rather go back."""
    box = _message(parent, title, text)
    without = box.addButton(give_up, QMessageBox.ButtonRole.DestructiveRole)
    back = box.addButton(cancel, QMessageBox.ButtonRole.RejectRole)
    box.setDefaultButton(back)
    box.setEscapeButton(back)
    came = False

    def end() -> None:
        nonlocal came
        came = True
        box.accept()

    until.connect(end)
    box.exec()
    until.disconnect(end)
    return came or box.clickedButton() is without


def _message(parent: QWidget | None, title: str, text: str) -> QMessageBox:
    box = QMessageBox(parent)
    box.setWindowTitle(title)
    box.setTextFormat(Qt.TextFormat.PlainText)
    box.setText(text)
    return box


class TextDialog(QDialog):
    """Some text to read: the log, about."""

    def __init__(self, title: str, text: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(title)
        self.resize(640, 420)
        area = QPlainTextEdit(self)
        area.setReadOnly(True)
        area.setPlainText(text)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close, self)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.addWidget(area, 1)
        layout.addWidget(buttons)


class NameDialog(QDialog):
    """What the next box, or the selected outline, is of."""

    def __init__(self, choices: tuple[str, ...], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Name a structure"))
        self._choice = QComboBox(self)
        self._choice.addItems(list(choices))
        self._choice.addItem(self.tr("Another …"))
        self._name = QLineEdit(self)
        self._name.setMaxLength(48)
        self._name.setPlaceholderText(self.tr("for example heart"))
        self._name.textEdited.connect(lambda: self._choice.setCurrentIndex(self._choice.count() - 1))
        self._count = len(choices)
        form = QFormLayout()
        form.addRow(self.tr("Structure"), self._choice)
        form.addRow(self.tr("Name"), self._name)
        buttons = ok_cancel(self)
        layout = QVBoxLayout(self)
        layout.addLayout(form)
        layout.addWidget(buttons)
        plain_labels(self)

    @property
    def answer(self) -> tuple[int | None, str]:
        """The number of a known structure, or None and a name."""
        chosen = self._choice.currentIndex()
        return (chosen, "") if chosen < self._count else (None, self._name.text().strip())


def indented(spin: Spin) -> Spin:
    """Return a spin box whose text begins where other fields' does: style sheets move all but that."""
    spin.lineEdit().setTextMargins(_TEXT_MARGIN, 0, 0, 0)
    return spin


class WindowDialog(QDialog):
    """Width and level, or lowest and highest value, by number."""

    def __init__(self, center: float, width: float, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Set window"))
        self._width, self._level, self._low, self._high = (indented(QDoubleSpinBox(self)) for _ in range(4))
        for field in (self._width, self._level, self._low, self._high):
            field.setRange(-1e6, 1e6)
            field.setDecimals(1)
        self._width.setMinimum(0.1)
        self._width.setValue(width)
        self._level.setValue(center)
        self._follow_level()
        form = QFormLayout()
        form.addRow(self.tr("Width"), self._width)
        form.addRow(self.tr("Level"), self._level)
        form.addRow(self.tr("Black at"), self._low)
        form.addRow(self.tr("White at"), self._high)
        for field in (self._width, self._level):
            field.valueChanged.connect(self._follow_level)
        for field in (self._low, self._high):
            field.valueChanged.connect(self._follow_ends)
        layout = QVBoxLayout(self)
        layout.addLayout(form)
        layout.addWidget(ok_cancel(self))
        plain_labels(self)

    @property
    def answer(self) -> tuple[float, float]:
        """Level and width."""
        return (self._level.value(), self._width.value())

    def _follow_level(self) -> None:
        self._set(self._low, self._level.value() - self._width.value() / 2)
        self._set(self._high, self._level.value() + self._width.value() / 2)

    def _follow_ends(self) -> None:
        self._set(self._width, max(self._high.value() - self._low.value(), 0.1))
        self._set(self._level, (self._high.value() + self._low.value()) / 2)

    @staticmethod
    def _set(field: QDoubleSpinBox, value: float) -> None:
        field.blockSignals(True)
        field.setValue(value)
        field.blockSignals(False)


class LengthDialog(QDialog):
    """How long the last distance is in the patient."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Calibrate"))
        self._length = indented(QDoubleSpinBox(self))
        self._length.setRange(0.1, 2000.0)
        self._length.setDecimals(1)
        self._length.setValue(100.0)
        self._length.setSuffix(" mm")
        text = self.tr("True length of the last distance. Every millimetre on this film will follow it.")
        layout = QVBoxLayout(self)
        layout.addWidget(label_of(text, self, wrap=True))
        layout.addWidget(self._length)
        layout.addWidget(ok_cancel(self))

    @property
    def answer(self) -> float:
        """Millimetres."""
        return self._length.value()


class DeidentifyDialog(QDialog):
    """What only the reader can say before results leave without names."""

    def __init__(self, *, burned_in: bool, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Export de-identified"))
        self.setMinimumWidth(self.fontMetrics().averageCharWidth() * 78)
        header = self.tr("Names, dates, numbers and comments of the file are left out, and every UID is a new one.")
        pixels = self.tr("No program can promise that no name is written on the film itself. Please look at it.")
        self._absent = QCheckBox(self.tr("I have looked: the film shows no name or number"), self)
        self._absent.setEnabled(not burned_in)
        self._told = label_of("", self, wrap=True)
        self._told.setObjectName("note")
        self._burned_in = burned_in
        self._keep = QCheckBox(self.tr("Keep the patient's sex and age"), self)
        self._absent.toggled.connect(self._tell)
        layout = QVBoxLayout(self)
        layout.setSpacing(10)
        layout.addWidget(label_of(header, self, wrap=True))
        layout.addWidget(label_of(pixels, self, wrap=True))
        layout.addWidget(self._absent)
        layout.addWidget(self._told)
        layout.addWidget(self._keep)
        layout.addStretch(1)
        layout.addWidget(ok_cancel(self))
        self._tell()

    @property
    def answer(self) -> tuple[bool, bool]:
        """Whether the film shows no name, and whether sex and age are kept."""
        return self._absent.isChecked(), self._keep.isChecked()

    def _tell(self) -> None:
        if self._burned_in:
            text = self.tr("The file says that text is burned into the film: results that show it are left out.")
        elif self._absent.isChecked():
            text = self.tr("The film itself and every result that shows it are written too.")
        else:
            text = self.tr("Without this, results that show the film are left out; outlines and numbers are written.")
        self._told.setText(text)


class SettingsDialog(QDialog):
    """Every declared setting, on the page that its declaration names."""

    def __init__(self, settings: Settings, parent: QWidget | None = None, *, locked: Collection[str] = ()) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Settings"))
        self._settings = settings
        self._fields: dict[str, QWidget] = {}
        pages = {
            "general": self.tr("General"),
            "display": self.tr("Display"),
            "model": self.tr("Model"),
            "export": self.tr("Export"),
        }
        tabs = QTabWidget(self)
        for page, title in pages.items():
            sheet = QWidget(self)
            form = QFormLayout(sheet)
            form.setContentsMargins(18, 16, 18, 16)
            form.setVerticalSpacing(10)
            for item in fields(Settings):
                kind = kind_of(item.name)
                if kind.page == page:
                    field = self._field(item.name, kind, sheet)
                    form.addRow(_setting_title(item.name), _locked(field, sheet) if item.name in locked else field)
            tabs.addTab(sheet, title)
        layout = QVBoxLayout(self)
        layout.addWidget(tabs)
        layout.addWidget(ok_cancel(self))
        self.resize(560, 380)
        plain_labels(self)

    def _field(self, name: str, kind: Kind, parent: QWidget) -> QWidget:
        value = getattr(self._settings, name)
        field: QWidget
        if isinstance(value, bool):
            check = QCheckBox(parent)
            check.setChecked(value)
            field = check
        elif kind.choices:
            combo = QComboBox(parent)
            for choice in kind.choices:
                combo.addItem(_choice_title(choice), choice)
            combo.setCurrentIndex(kind.choices.index(value))
            field = combo
        elif isinstance(value, int):
            spin = indented(QSpinBox(parent))
            spin.setRange(int(kind.low), int(kind.high))
            spin.setValue(value)
            field = spin
        elif isinstance(value, float):
            number = indented(QDoubleSpinBox(parent))
            number.setRange(kind.low, kind.high)
            number.setSingleStep(kind.step)
            number.setSuffix(kind.suffix)
            number.setValue(value)
            field = number
        else:
            return self._path_field(name, str(value), kind, parent)
        field.setAccessibleName(_setting_title(name))
        self._fields[name] = field
        return field

    def _path_field(self, name: str, value: str, kind: Kind, parent: QWidget) -> QWidget:
        line = QLineEdit(value, parent)
        line.setAccessibleName(_setting_title(name))
        line.setPlaceholderText(self.tr("beside the documents") if kind.folder else self.tr("the bundled one"))
        browse = QPushButton("…", parent)
        browse.setAccessibleName(self.tr("Choose"))
        self._fields[name] = line

        def choose() -> None:
            if kind.folder:
                folder = ask_folder(self, _setting_title(name))
                line.setText(str(folder) if folder else line.text())
            else:
                chosen, _ = QFileDialog.getOpenFileName(self, _setting_title(name), "", "*.safetensors")
                line.setText(chosen or line.text())

        browse.clicked.connect(choose)
        both = QWidget(parent)
        row = QHBoxLayout(both)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(line, 1)
        row.addWidget(browse)
        return both

    @property
    def answer(self) -> Settings:
        """The settings chosen."""
        changes: dict[str, object] = {}
        for name, field in self._fields.items():
            if isinstance(field, QCheckBox):
                changes[name] = field.isChecked()
            elif isinstance(field, QComboBox):
                changes[name] = field.currentData()
            elif isinstance(field, QSpinBox | QDoubleSpinBox):
                changes[name] = field.value()
            elif isinstance(field, QLineEdit):
                changes[name] = field.text().strip()
        return replace(self._settings, **changes)  # type: ignore[arg-type]


def _locked(field: QWidget, parent: QWidget) -> QWidget:
    """Return a field that shows its value and cannot be changed, with the reason beside it."""
    field.setEnabled(False)
    reason = label_of(say("set by your IT department"), parent)
    reason.setObjectName("note")
    field.setToolTip(reason.text())
    field.setAccessibleDescription(reason.text())
    both = QWidget(parent)
    row = QHBoxLayout(both)
    row.setContentsMargins(0, 0, 0, 0)
    row.addWidget(field, 1)
    row.addWidget(reason)
    return both


def _setting_title(name: str) -> str:
    titles = {
        "language": say("Language (after restart)"),
        "text_scale": say("Size of text"),
        "hide_identity_at_start": say("Start with names hidden"),
        "remember_recent": say("Remember recent films"),
        "next_after_accept": say("Next film after accepting"),
        "export_on_accept": say("Export when accepting"),
        "export_folder": say("Export to"),
        "window_gain": say("Speed of window drag"),
        "level_down_is_brighter": say("Dragging down brightens"),
        "interpolation": say("Interpolation"),
        "mask_opacity": say("Strength of fill"),
        "contour_width": say("Width of outlines"),
        "device": say("Run the model on"),
        "checkpoint": say("Model file"),
        "live_update": say("Outline follows while a box is dragged"),
        "check_below": say("Mark outlines with quality below"),
        "embeddings_kept": say("Encoded films kept in memory"),
        "embeddings_disk_mb": say("Encoded films kept on disk"),
    }
    return titles.get(name, name)


def _choice_title(choice: str) -> str:
    titles = {
        "system": say("as the system"),
        "nearest": say("none (pixels)"),
        "linear": say("linear"),
        "cubic": say("cubic"),
        "auto": say("whatever is fastest"),
        "cpu": say("CPU"),
        "cuda": say("GPU"),
        **LANGUAGES,
    }
    return titles.get(choice, choice)


def ok_cancel(dialog: QDialog) -> QDialogButtonBox:
    kinds = QDialogButtonBox.StandardButton
    buttons = QDialogButtonBox(kinds.Ok | kinds.Cancel, dialog)
    buttons.button(kinds.Ok).setText(say("OK"))
    buttons.button(kinds.Cancel).setText(say("Cancel"))
    buttons.accepted.connect(dialog.accept)
    buttons.rejected.connect(dialog.reject)
    return buttons


def plain_labels(dialog: QWidget) -> None:
    """Make the labels that layouts have made show text as it is."""
    for label in dialog.findChildren(QLabel):
        label.setTextFormat(Qt.TextFormat.PlainText)
