"""Assembly: every object of the program, made and wired once; and the commands that need a dialog."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from PySide6.QtCore import QObject, Qt, QTimer
from PySide6.QtWidgets import QApplication, QDialog
from shiboken6 import isValid

from app.about import AboutDialog
from app.casefile import case_path
from app.dialogs import (
    LengthDialog,
    NameDialog,
    SettingsDialog,
    TextDialog,
    WindowDialog,
    agreed,
    ask,
    ask_case,
    ask_films,
    ask_folder,
    ask_model,
    ask_results,
    ask_where_to_save,
    wait,
)
from app.display import as_window
from app.encoding import Encoder
from app.exporting import Exports
from app.faults import Faults
from app.histogram import HistogramDialog
from app.jobs import Jobs, Lane, Priority
from app.journal import JournalFolder
from app.lightbox import Lightbox
from app.model_dialog import ModelDialog
from app.policy import Policy
from app.proving import Proof
from app.reading import Reading
from app.session import Session
from app.settings import Settings, folder, load_settings, save_settings
from app.shortcut_dialogs import ShortcutEditor, ShortcutSheet
from app.shortcuts import bindings
from app.theme import apply_theme
from app.tour import Tour
from app.window import Window
from app.wording import films_text, place_text, say, steps_text, structure_title
from app.worklist import Worklist
from engine.case import Structure
from engine.errors import LungboxError, OutputError
from engine.models import Model, add_model, installed_models
from engine.network.checkpoint import bundled_checkpoint
from engine.selftest import record_path

_log = logging.getLogger("lungbox.app")
_NAMED = (Structure.RIGHT_LUNG, Structure.LEFT_LUNG)


@dataclass(slots=True, eq=False)
class Parts:
    """The objects, in the order in which they are made."""

    jobs: Jobs
    encoder: Encoder
    worklist: Worklist
    lightbox: Lightbox
    journals: JournalFolder
    session: Session
    window: Window
    faults: Faults


class Assembly(QObject):
    """Owns the parts and answers the window's commands."""

    def __init__(self, parts: Parts, settings_file: Path, policy: Policy, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._policy = policy
        self.parts, self.window, self.session = parts, parts.window, parts.session
        self._settings_file = settings_file
        self._written = parts.session.settings  # as the file has them, but for what others wrote
        self._closed = False
        parts.session.failed.connect(parts.faults.error)
        parts.faults.shown.connect(lambda title, details: parts.window.toast.show_message(title, self._named(details)))
        self.exports = Exports(parts.session, parts.window, parts.faults, self)
        parts.session.film_changed.connect(self._remember_film)
        parts.window.command.connect(self.command)
        parts.window.close_guard = self.may_close
        parts.window.show_recent(parts.session.settings.recent)

    # Beginning and end

    def begin(self, checkpoint: Path | None, device: str) -> None:
        """Load the model and claim the journal."""
        parts = self.parts
        parts.faults.install()
        settings = self.session.settings
        parts.encoder.start(checkpoint, device, settings.embeddings_kept, settings.embeddings_disk_mb)
        try:
            parts.journals.begin()
        except OutputError as error:
            parts.faults.error(error)

    def prove(self) -> None:
        """Have this copy tested in the background, now and whenever its model or engine changes."""
        proof = Proof(self.parts.encoder, folder("data") / record_path().name, self)
        proof.failed.connect(self.parts.faults.error)

    def offer_recovery(self) -> bool:
        """Offer the work that earlier sessions could not save; True when it is being opened."""
        found = self.parts.journals.left_behind()
        if not found:
            self.parts.journals.sweep()
            return False
        steps = steps_text(sum(item.unsaved for item in found))
        text = say("Lungbox did not end properly. Unsaved work can be restored: {films}, {steps}.")
        answer = ask(
            self.window,
            say("Restore work"),
            text.format(films=films_text(len(found)), steps=steps),
            (say("Restore"), say("Discard"), say("Later")),
        )
        if answer == 0:
            self.session.recover(found)
        elif answer == 1:
            for item in found:
                item.path.unlink(missing_ok=True)
            self.parts.journals.sweep()
        return answer == 0

    def _named(self, text: str) -> str:
        """Return a message without the names of films, which are named after people, while names are hidden."""
        if not self.parts.lightbox.display.identity_hidden:
            return text
        for number, entry in enumerate(self.parts.worklist.entries):
            text = text.replace(entry.path.name, place_text(number))
        return text

    def say_settings_broken(self) -> None:
        """Tell once that the settings could not all be read."""
        self.window.toast.show_message(
            say("Some settings could not be read."), say("The defaults are used for them. The file was kept aside.")
        )

    def say_policy_broken(self) -> None:
        """Tell what is wrong with the file of whoever looks after the computers."""
        faults = ", ".join(self._policy.faults)[:300]
        _log.warning("policy not usable: %s", faults)
        self.window.toast.show_message(
            say("The policy file for this computer cannot be used."),
            say("Names are hidden and nothing is exported by itself. Tell your IT department: {faults}").format(
                faults=faults
            ),
        )

    def may_close(self) -> bool:
        """Return whether the window may close: results are written first, and unsaved work is asked about."""
        if not self._exports_done():
            return False
        unsaved = self.session.readings.unsaved()
        if unsaved:
            text = say("Work that is in no case file: {films}.").format(films=films_text(len(unsaved)))
            choices = (say("Save"), say("Keep for next time"), say("Discard"), say("Cancel"))
            answer = ask(self.window, say("Unsaved work"), text, choices, default=1)
            if answer == 3 or (answer == 0 and not self._save_all()):
                return False
            if answer == 2:
                self.session.readings.discard_unsaved()
        self.close()
        return True

    def _exports_done(self) -> bool:
        """Wait for results that are being written; True when they are, or when the reader goes without them."""
        exports = self.exports
        if not exports.unfinished:
            return True
        text = say("Results are still being written. Lungbox closes when they are.")
        failures = exports.failures
        if not wait(self.window, say("Export"), text, exports.finished, say("Close without them"), say("Cancel")):
            return False
        return exports.failures == failures  # what failed is on screen, and the work still open

    def _save_all(self) -> bool:
        for item in self.session.readings.unsaved():
            path = item.path or ask_where_to_save(self.window, case_path(item.film.path))
            if path is None:
                return False
            try:
                self.session.readings.save_now(item, path)
            except LungboxError as error:
                self.parts.faults.error(error)
                return False
        return True

    def close(self) -> None:
        """Write the settings, end the journal, stop the workers."""
        if self._closed:
            return
        self._closed = True
        geometry, state = self.window.geometry_text()
        self.parts.jobs.close()  # first: what it still writes must not be the last word
        self._change(
            replace(
                self.session.settings,
                window_geometry=geometry,
                window_state=state,
                brush_radius=round(self.session.brush_radius),
            )
        )
        self.parts.encoder.close()
        self.session.readings.end()
        self.parts.faults.uninstall()

    # Commands

    def command(self, name: str) -> None:
        """Do what needs a dialog; KeyError, and so shown as a bug, for a command that nobody has taught us."""
        self._commands()[name]()

    def _commands(self) -> dict[str, Callable[[], None]]:
        return {
            "open": self._open,
            "open-folder": self._open_folder,
            "open-case": self._open_case,
            "open-results": self._open_results,
            "save": self._save,
            "save-as": self._save_as,
            "export": self.exports.ask,
            "export-deidentified": self.exports.ask_deidentified,
            "show-results": self.exports.show_last,
            "name-structure": self._name_structure,
            "rename": self._rename,
            "calibrate": self._calibrate,
            "window": self._set_window,
            "compare": self._compare,
            "histogram": self._histogram,
            "tour": self.begin_tour,
            "model": self._model,
            "settings": self._settings,
            "shortcuts": self._sheet,
            "edit-shortcuts": self._edit_shortcuts,
            "log": self._show_log,
            "about": self._about,
        }

    def _open(self) -> None:
        if paths := ask_films(self.window):
            self.window.open_paths(paths)

    def _open_folder(self) -> None:
        if (path := ask_folder(self.window, say("Open folder"))) is not None:
            self.window.open_paths([path])

    def _open_case(self) -> None:
        if (path := ask_case(self.window)) is not None:
            self.session.files.open(path)

    def _open_results(self) -> None:
        if (path := ask_results(self.window)) is not None:
            self.session.files.open_results(path)

    def _save(self) -> None:
        reading = self.session.reading
        if reading is not None and reading.path is not None:
            self.session.files.save(reading.path)
        else:
            self._save_as()

    def _save_as(self) -> None:
        reading = self.session.reading
        if reading is not None:
            path = ask_where_to_save(self.window, reading.path or case_path(reading.film.path))
            if path is not None:
                self.session.files.save(path, reading)

    def _agreed(self, dialog: QDialog) -> bool:
        """Return whether the reader agreed, and to something on this film."""
        reading = self.session.reading
        return agreed(dialog) and self._still_open(reading)

    def _still_open(self, reading: Reading | None) -> bool:
        """Return whether a film that a dialog was about is open; says so where one asked for earlier has come up."""
        if self.session.reading is reading:
            return True
        self.session.noticed.emit("another-film")
        return False

    def _ask_name(self) -> tuple[Structure, str] | None:
        dialog = NameDialog(tuple(structure_title(structure) for structure in _NAMED), self.window)
        if not self._agreed(dialog):
            return None
        number, name = dialog.answer
        if number is None and not name:
            return None
        return (Structure.OTHER, name) if number is None else (_NAMED[number], name)

    def _name_structure(self) -> None:
        if (asked := self._ask_name()) is not None:
            self.session.name_next(*asked)

    def _rename(self) -> None:
        if self.session.finding is not None and (asked := self._ask_name()) is not None:
            self.session.relabel(*asked)

    def _calibrate(self) -> None:
        case = self.session.case
        if case is not None and case.distances:
            dialog = LengthDialog(self.window)
            if self._agreed(dialog):
                self.session.edit.calibrate(case.distances[-1], dialog.answer)

    def _set_window(self) -> None:
        if self.parts.lightbox.film is not None:
            view = as_window(self.parts.lightbox.display.view)
            dialog = WindowDialog(view.center, view.width, self.window)
            if self._agreed(dialog):
                self.parts.lightbox.set_window(*dialog.answer)

    def _settings(self) -> None:
        dialog = SettingsDialog(self.session.settings, self.window, locked=self._policy.locked)
        if agreed(dialog):
            old = self.session.settings
            self._change(dialog.answer)
            new = self.session.settings
            application = QApplication.instance()
            if new.text_scale != old.text_scale and isinstance(application, QApplication):
                apply_theme(application, new.text_scale)
            if new.mask_opacity != old.mask_opacity:
                self.parts.lightbox.set_opacity(new.mask_opacity)
            self.parts.encoder.kept = new.embeddings_kept
            self.window.show_recent(new.recent)
            if _model_choice(new) != _model_choice(old):
                self._start_model()

    def _start_model(self) -> None:
        """Let the model of the settings outline from now on; what is drawn stays as it is."""
        new = self.session.settings
        checkpoint = Path(new.checkpoint) if new.checkpoint else None
        self.parts.encoder.start(checkpoint, new.device, new.embeddings_kept, new.embeddings_disk_mb)
        self.session.doubt.forget()
        if self.session.case is not None:
            self.parts.encoder.encode(self.session.case.radiograph)
            self.session.doubt.ask()

    def _model(self) -> None:
        self.parts.jobs.run(Lane.RESULT, installed_models, self._choose_model, self.parts.faults.error, key="models")

    def _choose_model(self, models: list[Model]) -> None:
        in_use = self.parts.encoder.status.checkpoint_sha256
        dialog = ModelDialog(models, in_use, self.window, locked="checkpoint" in self._policy.locked)
        dialog.add_asked.connect(lambda: self._add_model(dialog))
        dialog.accepted.connect(lambda: self._use_model(dialog.answer))
        self._show(dialog)

    def _add_model(self, dialog: ModelDialog) -> None:
        if (path := ask_model(self.window)) is None:
            return

        def added() -> tuple[Model, list[Model]]:
            return add_model(path), installed_models()

        def shown(found: tuple[Model, list[Model]]) -> None:
            if isValid(dialog):
                dialog.show_models(found[1], found[0].sha256)

        self.parts.jobs.run(Lane.RESULT, added, shown, self.parts.faults.error, key="models")

    def _use_model(self, model: Model | None) -> None:
        if model is None or model.sha256 == self.parts.encoder.status.checkpoint_sha256:
            return
        path = "" if model.path == bundled_checkpoint() else str(model.path)
        self._change(replace(self.session.settings, checkpoint=path))
        self._start_model()

    def _compare(self) -> None:
        comparing, reading = self.window.comparing, self.session.reading
        if comparing.film is not None:
            comparing.clear()
        elif (paths := ask_films(self.window)) and self._still_open(reading):
            comparing.open(paths[0])

    def _histogram(self) -> None:
        HistogramDialog(self.parts.lightbox, self.window).show()

    def begin_tour(self) -> None:
        """Show the tour."""
        for running in self.window.canvas.findChildren(Tour):
            running.end()
        tour = Tour(self.session, self.window.canvas)
        tour.ended.connect(lambda: self._change(replace(self.session.settings, tour_done=True)))

    def _sheet(self) -> None:
        settings = self.session.settings
        bound = bindings(settings.shortcut_profile, settings.shortcuts)
        self._show(ShortcutSheet(bound, self.window.canvas.mouse.gestures, self.window))

    def _edit_shortcuts(self) -> None:
        dialog = ShortcutEditor(self.session.settings, self.window)
        if agreed(dialog):
            self._change(dialog.answer)
            self.window.bind(self.session.settings.shortcut_profile, self.session.settings.shortcuts)

    def _show_log(self) -> None:
        try:
            text = (folder("log") / "lungbox.log").read_text(encoding="utf-8", errors="replace")[-200_000:]
        except OSError:
            text = ""
        self._show(TextDialog(say("Log"), text or say("The log is empty."), self.window))

    def _about(self) -> None:
        self._show(AboutDialog(self.parts.encoder.status, self.window))

    @staticmethod
    def _show(dialog: QDialog) -> None:
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.open()

    # Settings

    def _remember_film(self) -> None:
        reading = self.session.reading
        if reading is not None:
            # A slow disk must not hold up the film that has just been opened.
            self.session.settings = self.session.settings.with_recent(reading.film.path)
            self.parts.jobs.run(
                Lane.RESULT, self._write_settings, lambda _: None, key="settings", priority=Priority.SOON
            )
            self.window.show_recent(self.session.settings.recent)

    def _change(self, settings: Settings) -> None:
        settings = self._policy.applied(settings).remembered()
        self.session.settings = settings
        self._apply(settings)
        self._write_settings()

    def _write_settings(self) -> None:
        try:
            policy, mine = self._policy, self.session.settings
            # Another window may have written meanwhile: only what was changed here is ours to say.
            theirs, broken = load_settings(self._settings_file, policy.settings)
            whole = mine if broken else theirs.changed(self._written, mine)
            save_settings(self._settings_file, whole, policy.settings, policy.locked)
            self._written = mine
        except (OSError, LungboxError) as error:
            _log.warning("settings not written: %s", type(error).__name__)

    def _apply(self, settings: Settings) -> None:
        box = self.parts.lightbox
        box.gain, box.down_is_brighter = settings.window_gain, settings.level_down_is_brighter
        if box.display.interpolation != settings.interpolation:
            box.set_interpolation(settings.interpolation)  # type: ignore[arg-type]
        QTimer.singleShot(0, self.window.canvas.update)


def _model_choice(settings: Settings) -> tuple[str, str, int]:
    return settings.checkpoint, settings.device, settings.embeddings_disk_mb


def assemble(settings: Settings, settings_file: Path, parent: QObject, policy: Policy | None = None) -> Assembly:
    """Make every part and wire it."""
    jobs = Jobs(parent)
    encoder = Encoder(jobs, parent)
    worklist = Worklist(jobs, parent)
    lightbox = Lightbox(parent)
    journals = JournalFolder(folder("data") / "journal")
    session = Session(jobs, encoder, worklist, lightbox, journals, settings, parent)
    lightbox.hide_identity(hidden=settings.hide_identity_at_start)
    lightbox.set_opacity(settings.mask_opacity)
    window = Window(session)
    window.restore(settings.window_geometry, settings.window_state)
    faults = Faults(parent)
    parts = Parts(jobs, encoder, worklist, lightbox, journals, session, window, faults)
    assembly = Assembly(parts, settings_file, policy or Policy(), parent)
    assembly._apply(settings)
    return assembly
