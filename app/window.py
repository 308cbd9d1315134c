"""The window: menus, tool rail, panels, canvas and status bar. It shows a Session and asks it; it decides nothing."""

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QByteArray, QCoreApplication, QEvent, QObject, QPoint, Qt, QTimer, Signal
from PySide6.QtGui import (
    QAction,
    QActionGroup,
    QCloseEvent,
    QDragEnterEvent,
    QDropEvent,
    QKeyEvent,
    QKeySequence,
)
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QMainWindow,
    QMenu,
    QMenuBar,
    QSizePolicy,
    QSplitter,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.bar import ActionButton, Bar
from app.canvas import Canvas
from app.comparing import Comparing
from app.faults import Toast
from app.findings import FindingsPanel
from app.gestures import GESTURES, Gestures
from app.icons import icon
from app.prior import Films, PriorView
from app.results import are_results
from app.session import Session
from app.shortcuts import COMMANDS, bindings
from app.status import StatusLine
from app.wording import notice_text, preset_text, window_text
from app.worklist_panel import WorklistPanel
from engine.measure import Change, can_apply_magnification

_TAP_MS = 250
_ON_SELECTED = (  # as the menu has them
    "rerun", "swap-sides", "rename", "", "fill-holes", "smooth", "grow", "shrink", "keep-largest", "clip", "", "delete",
)  # fmt: skip
_RAIL = ("box", "point", "brush", "eraser", "polygon", "callipers", "distance", "windowing", "hand")


class Window(QMainWindow):
    """One reader, one film at a time, and the list of those to come."""

    command = Signal(str)  # a command that needs a dialog, or ends the program

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.session, self.lightbox = session, session.lightbox
        self.setWindowTitle("Lungbox")  # never a name: window managers list titles
        self.setWindowIcon(icon("lungbox"))
        self.actions_by_name: dict[str, QAction] = {}
        self.close_guard: Callable[[], bool] = lambda: True
        self._held: int | None = None  # the overlay key, while it is down
        self._tap = QTimer(self)
        self._tap.setSingleShot(True)
        self._tap.setInterval(_TAP_MS)
        self.comparing = Comparing(session, self)
        self._make_actions()
        self.canvas = Canvas(session, self)
        self.prior = PriorView(self.lightbox, self.comparing, self.canvas.mouse, self)
        self.toast = Toast(self.canvas)
        self.worklist_panel = WorklistPanel(session.worklist, self.lightbox, self)
        self.findings_panel = FindingsPanel(session, self.comparing, self)
        self.status = StatusLine(session, self)
        self._splitter = QSplitter(Qt.Orientation.Horizontal, self)
        self._build()
        self._wire()
        self.bind(session.settings.shortcut_profile, session.settings.shortcuts)
        self._refresh()

    # Construction

    def _make_actions(self) -> None:
        for known in COMMANDS:
            action = QAction(_command_text(known.text), self)
            action.setObjectName(known.name)
            action.setShortcutContext(Qt.ShortcutContext.WindowShortcut)
            action.triggered.connect(self._handler(known.name))
            self.actions_by_name[known.name] = action
            self.addAction(action)
        tools = QActionGroup(self)
        short = {"callipers": self.tr("Heart"), "distance": self.tr("Distance"), "windowing": self.tr("Window")}
        for name in _RAIL:
            action = self.actions_by_name[name]
            action.setIconText(short.get(name, action.text()))
            action.setCheckable(True)
            action.setIcon(icon("window" if name == "windowing" else name))
            tools.addAction(action)
        for name in ("magnifier", "uncertainty", "hide-identity", "worklist", "panel", "magnification", "full-screen"):
            self.actions_by_name[name].setCheckable(True)
        for name, picture in (
            ("both-lungs", "lungs"), ("undo", "undo"), ("redo", "redo"), ("invert", "invert"), ("fit", "fit"),
            ("rotate-right", "rotate"), ("flip", "flip"), ("hide-identity", "names"), ("magnifier", "magnifier"),
        ):  # fmt: skip
            self.actions_by_name[name].setIcon(icon(picture))
        for name in ("next-structure", "previous-structure"):
            self.removeAction(self.actions_by_name[name])  # Tab is the canvas's only while it has the focus

    def _handler(self, name: str) -> Callable[[], None]:
        session, box = self.session, self.lightbox
        own: dict[str, Callable[[], None]] = {
            "accept": self._accept,
            "flag": session.flag,
            "next": lambda: self._step(1),
            "previous": lambda: self._step(-1),
            "brush-smaller": lambda: session.set_brush_radius(session.brush_radius / 1.25),
            "brush-larger": lambda: session.set_brush_radius(session.brush_radius * 1.25),
            "both-lungs": session.both_lungs,
            "keyboard-box": session.keyboard_box,
            "rerun": session.rerun,
            "undo": session.undo,
            "redo": session.redo,
            "delete": session.delete_selected,
            "next-structure": lambda: session.select_next(1),
            "previous-structure": lambda: session.select_next(-1),
            "swap-sides": session.swap_sides,
            "fill-holes": session.edit.fill_holes,
            "smooth": session.edit.smooth,
            "grow": session.edit.grow,
            "shrink": session.edit.shrink,
            "keep-largest": session.edit.keep_largest,
            "clip": session.edit.clip_to_box,
            "magnification": lambda: session.edit.apply_magnification(on=not self._magnified()),
            "invert": box.invert,
            "rotate-right": lambda: box.turn(1),
            "rotate-left": lambda: box.turn(-1),
            "flip": box.flip,
            "zoom-in": lambda: self._zoom(1.25),
            "zoom-out": lambda: self._zoom(0.8),
            "fit": box.fit,
            "actual-size": self._actual_size,
            "reset": box.reset,
            "marks": box.cycle_marks,
            "fainter": lambda: box.set_opacity(box.display.opacity - 0.05),
            "stronger": lambda: box.set_opacity(box.display.opacity + 0.05),
            "corners": box.cycle_corners,
            "magnifier": lambda: box.magnify(on=not box.magnifying),
            "uncertainty": self._uncertainty,
            "worklist": lambda: self._toggle(self.worklist_panel),
            "panel": lambda: self._toggle(self.findings_panel),
            "full-screen": self._full_screen,
            "hide-identity": lambda: box.hide_identity(hidden=not box.display.identity_hidden),
            "outline-prior": self.comparing.outline,
            "next-part": self._next_part,
            "cancel": self._cancel,
            "close": self._close,
            "quit": self._close,
        }
        if name in _RAIL:
            return lambda: session.take(name)
        if name.startswith("preset-"):
            return lambda: box.preset(int(name.removeprefix("preset-")))
        return own.get(name, lambda: self.command.emit(name))

    def _build(self) -> None:
        middle = QWidget(self)
        row = QHBoxLayout(middle)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        row.addWidget(self._rail())
        row.addWidget(Films(self.canvas, self.prior, middle), 1)
        self._splitter.addWidget(self.worklist_panel)
        self._splitter.addWidget(middle)
        self._splitter.addWidget(self.findings_panel)
        self._splitter.setHandleWidth(1)
        self._splitter.setChildrenCollapsible(False)
        self._splitter.setStretchFactor(1, 1)
        self._splitter.setSizes([232, 872, 416])
        whole = QWidget(self)
        column = QVBoxLayout(whole)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._bar())
        column.addWidget(self._splitter, 1)
        self.setCentralWidget(whole)
        self.setStatusBar(self.status)
        self.resize(1440, 900)

    def _bar(self) -> QWidget:
        bar = Bar("Lungbox", self)
        bar.row.addWidget(self._menus(bar))
        bar.row.addStretch(1)
        bar.add_labelled(self._button("both-lungs", bar))
        for name in ("undo", "redo"):
            bar.row.addWidget(self._button(name, bar))
        bar.row.addSpacing(10)
        self._window_button = QToolButton(bar)
        self._window_button.setIcon(icon("window"))
        self._window_button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self._window_button.setMenu(self._preset_menu)
        self._window_button.setAccessibleName(self.tr("Window presets"))
        bar.add_labelled(self._window_button)
        for name in ("invert", "fit", "rotate-right", "flip", "magnifier"):
            bar.row.addWidget(self._button(name, bar))
        bar.row.addSpacing(10)
        bar.row.addWidget(self._button("hide-identity", bar))
        return bar

    def _button(self, name: str, parent: QWidget) -> ActionButton:
        return ActionButton(self.actions_by_name[name], parent)

    def _rail(self) -> QWidget:
        rail = QWidget(self)
        rail.setObjectName("rail")
        rail.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        layout = QVBoxLayout(rail)
        layout.setContentsMargins(5, 8, 5, 8)
        layout.setSpacing(3)
        layout.addStrut(60)
        for name in _RAIL:
            button = self._button(name, rail)
            button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextUnderIcon)
            button.setSizePolicy(QSizePolicy.Policy.MinimumExpanding, QSizePolicy.Policy.Fixed)
            layout.addWidget(button)
        layout.addStretch(1)
        return rail

    def _menus(self, parent: QWidget) -> QMenuBar:
        bar = QMenuBar(parent)
        bar.setNativeMenuBar(False)
        bar.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)  # never cut to its first menus
        self._preset_menu = QMenu(self.tr("Window"), self)
        self._recent_menu = QMenu(self.tr("Recent"), self)
        menus: tuple[tuple[str, tuple[str | QMenu, ...]], ...] = (
            (self.tr("&File"), ("open", "open-folder", self._recent_menu, "", "open-case", "save", "save-as", "",
                                "open-results", "export", "export-deidentified", "show-results", "", "accept", "flag",
                                "", "next", "previous", "", "compare", "outline-prior", "", "close", "quit")),
            (self.tr("&Edit"), ("undo", "redo", "", "delete", "rerun", "swap-sides", "rename", "name-structure", "",
                                "fill-holes", "smooth", "grow", "shrink", "keep-largest", "clip", "", "calibrate",
                                "magnification")),
            (self.tr("&Tools"), (*_RAIL, "", "both-lungs", "keyboard-box", "", "brush-smaller", "brush-larger")),
            (self.tr("&View"), (self._preset_menu, "window", "invert", "histogram", "", "fit", "actual-size", "zoom-in",
                                "zoom-out", "", "rotate-right", "rotate-left", "flip", "reset", "", "marks", "fainter",
                                "stronger", "uncertainty", "magnifier", "corners", "hide-identity", "", "worklist",
                                "panel", "full-screen")),
            (self.tr("&Help"), ("shortcuts", "edit-shortcuts", "tour", "", "model", "settings", "log", "about")),
        )  # fmt: skip
        for title, items in menus:
            menu = bar.addMenu(title)
            for item in items:
                if isinstance(item, QMenu):
                    menu.addMenu(item)
                elif item:
                    menu.addAction(self.actions_by_name[item])
                else:
                    menu.addSeparator()
        return bar

    def _wire(self) -> None:
        session, box = self.session, self.lightbox
        session.case_changed.connect(self._refresh)
        session.selection_changed.connect(self._refresh)
        session.tool_changed.connect(self._refresh)
        self.canvas.tool_used.connect(lambda: self.actions_by_name["undo"].setEnabled(session.can_undo))
        session.film_changed.connect(self._film_changed)
        box.display_changed.connect(self._refresh)
        session.noticed.connect(lambda code: self.status.say(notice_text(code)))
        self.canvas.menu_wanted.connect(self._context_menu)
        self.findings_panel.menu_wanted.connect(self._context_menu)
        self.findings_panel.measurement_chosen.connect(self.canvas.show_evidence)
        self.findings_panel.changes.chosen.connect(self._change_chosen)
        self.findings_panel.changes.outline_wanted.connect(self.comparing.outline)
        self.comparing.changed.connect(self._refresh)
        self.findings_panel.accept.clicked.connect(self._accept)
        self.findings_panel.flag.clicked.connect(session.flag)
        self.findings_panel.structure_wanted.connect(lambda: self.command.emit("name-structure"))
        self.canvas.installEventFilter(self)
        for view in self.findChildren(QAbstractItemView):
            view.installEventFilter(self)
        self.setAcceptDrops(True)

    # Shortcuts

    def bind(self, profile: str, changes: tuple[tuple[str, str], ...]) -> None:
        """Give every command its keys, and the mouse its gestures."""
        self.canvas.mouse.gestures = GESTURES.get(profile, Gestures())
        for name, keys in bindings(profile, changes).items():
            action = self.actions_by_name[name]
            # Held, tapped and focus-bound keys are handled as key events.
            sequences = [QKeySequence(key) for key in keys]
            action.setShortcuts([] if name == "marks" else sequences)
            action.setProperty("keys", [sequence.toString() for sequence in sequences])
            text = action.text().replace("&", "")
            shown = sequences[0].toString(QKeySequence.SequenceFormat.NativeText) if sequences else ""
            action.setToolTip(f"{text} ({shown})" if shown else text)

    def _is(self, event: QKeyEvent, name: str) -> bool:
        # Shift and Tab arrive as Backtab, and with Shift still held.
        backtab = event.key() == Qt.Key.Key_Backtab
        pressed = QKeySequence(Qt.Key.Key_Backtab if backtab else event.keyCombination()).toString()
        return pressed in (self.actions_by_name[name].property("keys") or [])

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Keys that nobody else took: the overlay key, held or tapped."""
        if self._is(event, "marks"):
            if not event.isAutoRepeat():
                self._held = event.key()
                self._tap.start()
                self.lightbox.peek(on=True)
            return
        super().keyPressEvent(event)

    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        """A tap cycles the overlay, a hold only lifted it."""
        if event.key() == self._held and not event.isAutoRepeat():  # whatever other keys are held by now
            self._held = None
            self.lightbox.peek(on=False)
            if self._tap.isActive():
                self._tap.stop()
                self.lightbox.cycle_marks()
            return
        super().keyReleaseEvent(event)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Tab goes through the structures while the canvas has the focus; lists look for no film by the overlay key."""
        if isinstance(watched, QAbstractItemView) and isinstance(event, QKeyEvent):
            if event.type() == QEvent.Type.KeyPress and self._is(event, "marks"):
                self.keyPressEvent(event)
                return True
            if event.type() == QEvent.Type.KeyRelease and event.key() == self._held:
                self.keyReleaseEvent(event)
                return True
        if watched is self.canvas and event.type() == QEvent.Type.KeyPress and isinstance(event, QKeyEvent):
            for name, step in (("next-structure", 1), ("previous-structure", -1)):
                if self._is(event, name) and self.session.shown is not None and self.session.shown.findings:
                    self.session.select_next(step)
                    return True
        return super().eventFilter(watched, event)

    # Commands that need the window

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Take files and folders, wherever in the window."""
        if event.mimeData().hasUrls():
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """Open what was dropped."""
        paths = [Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()]
        if paths:
            event.acceptProposedAction()
            self.open_paths(paths)

    def open_paths(self, paths: list[Path], *, add: bool = False) -> None:
        """Open what was dropped or chosen: case files and results by themselves, all else as films."""
        cases = [path for path in paths if path.suffix == ".lungbox"]
        results = [path for path in paths if are_results(path)]
        films = [path for path in paths if path not in cases and path not in results]
        if cases:
            self.session.files.open(cases[0])
            if len(paths) > 1:
                self.session.noticed.emit("first-case")
        elif results:
            self.session.files.open_results(results[0])
        elif films:
            self.session.files.open_films(films, add=add)

    def _change_chosen(self, change: Change | None) -> None:
        self.canvas.show_evidence((change.current,) if change is not None else ())
        self.comparing.choose(change)

    def _accept(self) -> None:
        if not self.canvas.commit():
            self.session.accept()

    def _cancel(self) -> None:
        if self.isFullScreen() and not self.canvas.tool.sketch.polygon and self.session.selected is None:
            self._full_screen()
        else:
            self.canvas.cancel()

    def _next_part(self) -> None:
        """Give the keyboard to the next part of the window: Tab alone stays with the film's structures."""
        parts = (self.canvas, self.worklist_panel.list, self.findings_panel.findings, self.findings_panel.table)
        shown = [part for part in parts if part.isVisible()]
        has = next((n for n, part in enumerate(shown) if part.hasFocus()), -1)
        shown[(has + 1) % len(shown)].setFocus(Qt.FocusReason.ShortcutFocusReason)

    def _uncertainty(self) -> None:
        self.lightbox.show_uncertainty(on=not self.lightbox.display.uncertainty)
        self.session.measuring.bands = {}
        if self.lightbox.display.uncertainty:
            self.session.measuring.estimate_uncertainty()

    def _close(self) -> None:
        self.close()

    def _step(self, by: int) -> None:
        if not self.session.worklist.step(by) and self.session.worklist.entries:
            self.session.noticed.emit("last-film" if by > 0 else "first-film")

    def _zoom(self, factor: float) -> None:
        place = self.canvas.middle()
        self.lightbox.zoom(factor, place.x(), place.y())

    def _actual_size(self) -> None:
        place = self.canvas.middle()
        self.lightbox.actual_size(place.x(), place.y(), self.canvas.device_scale)

    def _toggle(self, panel: QWidget) -> None:
        panel.setVisible(not panel.isVisible())
        self._refresh()

    def _full_screen(self) -> None:
        if self.isFullScreen():
            self.showNormal()
        else:
            self.showFullScreen()
        self._refresh()

    def _magnified(self) -> bool:
        return self.session.case is not None and self.session.case.magnification_applied

    def _context_menu(self, at: QPoint) -> None:
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        if self.session.finding is not None:
            items: tuple[str, ...] = _ON_SELECTED
        else:
            items = ("both-lungs", "name-structure", "", "invert", "fit", "actual-size", "reset", "", "hide-identity")
        for item in items:
            if item:
                menu.addAction(self.actions_by_name[item])
            else:
                menu.addSeparator()
        menu.popup(at)

    # Following the session

    def _film_changed(self) -> None:
        self._preset_menu.clear()
        film = self.lightbox.film
        for number, preset in enumerate(film.presets if film else ()):
            action = self.actions_by_name[f"preset-{number}"]
            action.setText(preset_text(preset).replace("&", "&&"))
            self._preset_menu.addAction(action)
        self._refresh()

    def _refresh(self) -> None:
        session, box, case = self.session, self.lightbox, self.session.case
        actions = self.actions_by_name
        reading, finding = session.reading, session.finding
        actions["undo"].setEnabled(session.can_undo)
        actions["redo"].setEnabled(bool(reading and reading.history.undone))
        for name in ("export", "export-deidentified"):
            actions[name].setEnabled(bool(case and case.findings))
        for name in ("accept", "save", "save-as", "flag", "compare"):  # Return ends a film's first polygon, too
            actions[name].setEnabled(case is not None)
        for name in ("both-lungs", "keyboard-box", "histogram", "window"):
            actions[name].setEnabled(case is not None)
        for name in filter(None, _ON_SELECTED):
            actions[name].setEnabled(finding is not None)
        actions["outline-prior"].setEnabled(self.comparing.film is not None and not self.comparing.outlining)
        actions["calibrate"].setEnabled(bool(case and case.distances))
        actions["magnification"].setEnabled(bool(case and can_apply_magnification(case.radiograph)))
        actions["magnification"].setChecked(self._magnified())
        if session.tool in actions:
            actions[session.tool].setChecked(True)
        hidden = box.display.identity_hidden
        actions["hide-identity"].setChecked(hidden)
        self._recent_menu.setEnabled(not hidden and not self._recent_menu.isEmpty())  # files are named after people
        actions["hide-identity"].setIcon(icon("names-hidden" if hidden else "names"))
        actions["hide-identity"].setIconText(self.tr("Names hidden") if hidden else self.tr("Hide names"))
        actions["magnifier"].setChecked(box.magnifying)
        actions["uncertainty"].setChecked(box.display.uncertainty)
        actions["worklist"].setChecked(not self.worklist_panel.isHidden())
        actions["panel"].setChecked(not self.findings_panel.isHidden())
        actions["full-screen"].setChecked(self.isFullScreen())
        named = next((p for p in (box.film.presets if box.film else ()) if p.view is box.display.view), None)
        own = window_text(box.display.view) if box.film else self.tr("Window")
        self._window_button.setText(preset_text(named).split(": ", 1)[-1] if named is not None else own)
        self._window_button.setEnabled(box.film is not None)

    def show_recent(self, recent: tuple[str, ...]) -> None:
        """Fill the menu of recent films."""
        self._recent_menu.clear()
        for text in recent:
            path = Path(text)
            action = self._recent_menu.addAction(path.name.replace("&", "&&"))
            action.triggered.connect(lambda _=False, path=path: self.open_paths([path]))
        self._refresh()

    # Leaving

    def geometry_text(self) -> tuple[str, str]:
        """Return the window's place and the panels' widths, for the settings."""
        return (
            bytes(self.saveGeometry().toBase64().data()).decode(),
            bytes(self._splitter.saveState().toBase64().data()).decode(),
        )

    def restore(self, geometry: str, state: str) -> None:
        """Put the window where it was."""
        if geometry:
            self.restoreGeometry(QByteArray.fromBase64(geometry.encode()))
        if state:
            self._splitter.restoreState(QByteArray.fromBase64(state.encode()))

    def closeEvent(self, event: QCloseEvent) -> None:
        """Ask about unsaved work first."""
        if self.close_guard():
            event.accept()
        else:
            event.ignore()


def _command_text(text: str) -> str:
    return QCoreApplication.translate("Commands", text)
