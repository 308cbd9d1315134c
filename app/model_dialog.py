"""The models on this computer, each with its card: which one outlines, and adding one by hand."""

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QHBoxLayout,
    QListWidget,
    QListWidgetItem,
    QPlainTextEdit,
    QVBoxLayout,
    QWidget,
)

from app.wording import say
from engine.models import Model


class ModelDialog(QDialog):
    """A list of models, the card of the one that is selected, and a button for another file."""

    add_asked = Signal()

    def __init__(
        self, models: Sequence[Model], in_use: str, parent: QWidget | None = None, *, locked: bool = False
    ) -> None:
        super().__init__(parent)
        self._locked = locked
        self.setWindowTitle(say("Model"))
        self.resize(760, 440)
        self._models: tuple[Model, ...] = ()
        self._list = QListWidget(self)
        self._list.setAccessibleName(say("Models"))
        self._list.setMaximumWidth(280)
        self._card = QPlainTextEdit(self)
        self._card.setReadOnly(True)
        self._card.setAccessibleName(say("Card of the model"))
        kinds = QDialogButtonBox.StandardButton
        buttons = QDialogButtonBox(kinds.Cancel, self)
        buttons.button(kinds.Cancel).setText(say("Cancel"))
        add = buttons.addButton(say("Add a model file …"), QDialogButtonBox.ButtonRole.ActionRole)
        self._use = buttons.addButton(say("Use this model"), QDialogButtonBox.ButtonRole.AcceptRole)
        self._use.setDefault(True)
        if locked:
            self._use.setToolTip(say("set by your IT department"))
        self._list.setSpacing(3)
        add.clicked.connect(self.add_asked)
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        self._list.currentRowChanged.connect(self._show_card)
        self._list.itemActivated.connect(self._use.click)
        beside = QHBoxLayout()
        beside.addWidget(self._list)
        beside.addWidget(self._card, 1)
        layout = QVBoxLayout(self)
        layout.addLayout(beside, 1)
        layout.addWidget(buttons)
        self.show_models(models, in_use)

    def show_models(self, models: Sequence[Model], selected: str) -> None:
        """Show these models, the one with that SHA-256 selected."""
        self._models = tuple(models)
        self._list.clear()
        for model in self._models:
            name = f"{model.name} {model.version}".strip()
            item = QListWidgetItem(f"{name}\n{_kind(model)}")
            item.setData(Qt.ItemDataRole.AccessibleTextRole, name)
            self._list.addItem(item)
        chosen = [row for row, model in enumerate(self._models) if model.sha256 == selected]
        self._list.setCurrentRow(chosen[0] if chosen else 0)

    @property
    def answer(self) -> Model | None:
        """The model chosen."""
        row = self._list.currentRow()
        return self._models[row] if 0 <= row < len(self._models) else None

    def _show_card(self) -> None:
        model = self.answer
        self._card.setPlainText("" if model is None else card_text(model))
        self._use.setEnabled(model is not None and not model.fault and not self._locked)


def _kind(model: Model) -> str:
    if model.fault:
        return say("cannot be used")
    return f"{say('shipped') if model.bundled else say('added')}, {model.scheme}, {model.megabytes:.1f} MB"


def card_text(model: Model) -> str:
    """Return what there is to read of a model, as lines."""
    if model.fault:
        return model.fault
    card = model.card
    limits = card.get("limits")
    parts = [
        f"{model.name} {model.version}",
        f"SHA-256: {model.sha256}",
        f"{say('Licence')}: {model.licence}",
        str(card.get("intended_use", "")),
        str(card.get("convention", "")),
        "\n".join(f"- {limit}" for limit in limits) if isinstance(limits, list) else "",
        str(card.get("data", "")),
        str(card.get("note", "")),
    ]
    return "\n\n".join(part for part in parts if part)
