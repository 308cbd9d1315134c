"""The sheet of all keys, and the editor of them."""

from dataclasses import replace

from PySide6.QtCore import QCoreApplication
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QGridLayout,
    QKeySequenceEdit,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from app.badges import heading
from app.dialogs import label_of, ok_cancel, plain_labels
from app.gestures import Gestures
from app.settings import Settings
from app.shortcuts import COMMANDS, GROUPS, PROFILES, bindings, conflicts

_MARGIN = 60  # logical pixels: what a dialog has beside its page, and what it leaves of the screen
_COLUMNS = (
    (("film", "outline"), ("tools", "view"), ("mouse", "program")),
    (("film", "outline", "program"), ("mouse", "tools", "view")),
    (("film", "outline", "tools", "view", "mouse", "program"),),
)


class ShortcutSheet(QDialog):
    """Every key on one page."""

    def __init__(self, bound: dict[str, tuple[str, ...]], gestures: Gestures, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._gestures = gestures
        self.setWindowTitle(self.tr("Shortcuts"))
        room = max(self.screen().availableSize().width(), parent.width() if parent is not None else 0) - 2 * _MARGIN
        page = self._page(bound, _COLUMNS[0])
        for columns in _COLUMNS[1:]:
            if page.sizeHint().width() > room:
                page.deleteLater()
                page = self._page(bound, columns)
        scroll = QScrollArea(self)
        scroll.setWidget(page)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QScrollArea.Shape.NoFrame)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close, self)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.addWidget(scroll, 1)
        layout.addWidget(buttons)
        self.resize(max(1180, min(page.sizeHint().width() + _MARGIN, room + _MARGIN)), 800)

    def _page(self, bound: dict[str, tuple[str, ...]], columns: tuple[tuple[str, ...], ...]) -> QWidget:
        page = QWidget(self)
        grid = QGridLayout(page)
        grid.setHorizontalSpacing(26)
        grid.setVerticalSpacing(4)
        for column, groups in enumerate(columns):
            row = 0
            for group in groups:
                for left, right in self._lines(group, bound):
                    if right is None:
                        grid.addWidget(heading(left, page), row, column * 2, 1, 2)
                    else:
                        keys = label_of(right, page)
                        keys.setObjectName("hint")
                        grid.addWidget(label_of(left, page), row, column * 2)
                        grid.addWidget(keys, row, column * 2 + 1)
                    row += 1
                if group != groups[-1]:
                    grid.setRowMinimumHeight(row, self.fontMetrics().height())
                row += 1
        grid.setRowStretch(200, 1)
        return page

    def _arrows(self, bound: dict[str, tuple[str, ...]]) -> str:
        films = {"Up", "Down"} & {key for name in ("next", "previous") for key in bound.get(name, ())}
        return self.tr("← →; Ctrl + arrows: 10 px") if films else self.tr("arrows; Ctrl: 10 px")

    def _lines(self, group: str, bound: dict[str, tuple[str, ...]]) -> list[tuple[str, str | None]]:
        if group == "mouse":
            zooms, wheels = self._gestures.right == "zoom", (self.tr("wheel"), self.tr("Ctrl + wheel"))
            zoom, films = wheels if self._gestures.wheel == "zoom" else wheels[::-1]
            right = self.tr("right drag")
            return [
                (self.tr("MOUSE"), None),
                (self.tr("Tool; with the box tool, a box"), self.tr("left drag")),
                (self.tr("New box although one is there"), self.tr("Shift + drag")),
                (self.tr("Point in, point out"), self.tr("Ctrl, Alt + click")),
                (self.tr("Window: width and level"), self.tr("left drag, with its tool") if zooms else right),
                (self.tr("  coarse, fine"), self.tr("Ctrl, Alt")),
                (self.tr("Menu"), self.tr("right click")),
                (self.tr("Pan"), self.tr("middle drag, Space + drag")),
                (self.tr("Zoom at the pointer"), f"{zoom}, {right}" if zooms else zoom),
                (self.tr("Brush size"), self.tr("Shift + wheel")),
                (self.tr("Next, previous film"), films),
                (self.tr("Whole film, one to one"), self.tr("double click")),
                (self.tr("Move the selected box"), self._arrows(bound)),
                (self.tr("Resize the selected box"), self.tr("Shift + arrows")),
            ]
        lines: list[tuple[str, str | None]] = [(command_text(GROUPS[group]).upper(), None)]
        for command in COMMANDS:
            keys = bound.get(command.name, ())
            if (
                command.group != group
                or not keys
                or (command.name.startswith("preset-") and command.name != "preset-0")
            ):
                continue
            keys = tuple(key for key in keys if key != "Backtab")  # what Qt makes of Shift+Tab
            shown = ", ".join(QKeySequence(key).toString(QKeySequence.SequenceFormat.NativeText) for key in keys)
            if command.name == "preset-0":
                shown = "0 … 9"
            lines.append((command_text(command.text).removesuffix(" …"), shown))
        return lines


def command_text(text: str) -> str:
    """Return a command's words."""
    return QCoreApplication.translate("Commands", text)


class ShortcutEditor(QDialog):
    """Keys of every command; nothing is taken over while two commands share one."""

    def __init__(self, settings: Settings, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Edit shortcuts"))
        self._settings = settings
        self._profile = QComboBox(self)
        titles = {"chest": self.tr("Chest (ours)"), "weasis": self.tr("Weasis, IHE"), "ohif": self.tr("OHIF")}
        for name in PROFILES:
            self._profile.addItem(titles[name], name)
        self._profile.setCurrentIndex(
            PROFILES.index(settings.shortcut_profile) if settings.shortcut_profile in PROFILES else 0
        )
        self._fields: dict[str, QKeySequenceEdit] = {}
        page = QWidget(self)
        form = QFormLayout(page)
        for command in COMMANDS:
            field = QKeySequenceEdit(page)
            field.setMaximumSequenceLength(1)
            field.setClearButtonEnabled(True)
            field.keySequenceChanged.connect(self._check)
            self._fields[command.name] = field
            number = f" {command.name.removeprefix('preset-')}" if command.name.startswith("preset-") else ""
            form.addRow(command_text(command.text).removesuffix(" …") + number, field)
        scroll = QScrollArea(self)
        scroll.setWidget(page)
        scroll.setWidgetResizable(True)
        self._problem = label_of("", self, wrap=True)
        reset = QPushButton(self.tr("Back to the profile's own keys"), self)
        self._buttons = ok_cancel(self)
        layout = QVBoxLayout(self)
        layout.addWidget(self._profile)
        layout.addWidget(scroll, 1)
        layout.addWidget(self._problem)
        layout.addWidget(reset)
        layout.addWidget(self._buttons)
        plain_labels(self)
        self.resize(max(560, page.sizeHint().width() + _MARGIN), 680)
        self._fill(settings.shortcuts)
        self._profile.currentIndexChanged.connect(lambda: self._fill(()))
        reset.clicked.connect(lambda: self._fill(()))

    @property
    def profile(self) -> str:
        """The profile chosen."""
        return str(self._profile.currentData())

    @property
    def answer(self) -> Settings:
        """The settings with the keys chosen."""
        plain = bindings(self.profile, ())
        changes = []
        for name, field in self._fields.items():
            keys = field.keySequence().toString()
            own = tuple(QKeySequence(key).toString() for key in plain[name])
            if keys != (own[0] if own else ""):
                changes.append((name, keys))
        return replace(self._settings, shortcut_profile=self.profile, shortcuts=tuple(changes))

    def _fill(self, changes: tuple[tuple[str, str], ...]) -> None:
        for name, keys in bindings(self.profile, changes).items():
            field = self._fields[name]
            field.blockSignals(True)
            field.setKeySequence(QKeySequence(keys[0]) if keys else QKeySequence())
            field.blockSignals(False)
        self._check()

    def _check(self) -> None:
        bound = {
            name: (field.keySequence().toString(),)
            for name, field in self._fields.items()
            if not field.keySequence().isEmpty()
        }
        twice = conflicts(bound)
        texts = {command.name: command_text(command.text).removesuffix(" …") for command in COMMANDS}
        lines = [f"{key}: {', '.join(texts[name] for name in names)}" for key, names in twice.items()]
        self._problem.setText(self.tr("Two commands share a key:") + "\n" + "\n".join(lines) if lines else "")
        self._buttons.button(QDialogButtonBox.StandardButton.Ok).setEnabled(not lines)
