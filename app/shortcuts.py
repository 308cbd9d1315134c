"""Every command of the window with its keys, in three profiles; the reader's own changes lie on top."""

from collections.abc import Mapping
from dataclasses import dataclass

from PySide6.QtCore import QT_TRANSLATE_NOOP

PROFILES = ("chest", "weasis", "ohif")


@dataclass(frozen=True, slots=True)
class Command:
    """One thing the reader can ask for. `text` is translated in the context "Commands"."""

    name: str
    text: str
    chest: tuple[str, ...] = ()
    weasis: tuple[str, ...] | None = None  # None: as in chest
    ohif: tuple[str, ...] | None = None
    group: str = ""

    def keys(self, profile: str) -> tuple[str, ...]:
        """Return the keys of a profile."""
        own = {"weasis": self.weasis, "ohif": self.ohif}.get(profile)
        return self.chest if own is None else own


def _c(
    group: str,
    name: str,
    text: object,
    *chest: str,
    weasis: tuple[str, ...] | None = None,
    ohif: tuple[str, ...] | None = None,
) -> Command:
    return Command(name, str(text), chest, weasis, ohif, group)


GROUPS: dict[str, str] = {
    "film": str(QT_TRANSLATE_NOOP("Commands", "Film")),
    "tools": str(QT_TRANSLATE_NOOP("Commands", "Tools")),
    "outline": str(QT_TRANSLATE_NOOP("Commands", "Outlines")),
    "view": str(QT_TRANSLATE_NOOP("Commands", "View")),
    "program": str(QT_TRANSLATE_NOOP("Commands", "Program")),
}

COMMANDS: tuple[Command, ...] = (
    _c("film", "open", QT_TRANSLATE_NOOP("Commands", "Open film …"), "Ctrl+O"),
    _c("film", "open-folder", QT_TRANSLATE_NOOP("Commands", "Open folder …"), "Ctrl+Shift+O"),
    _c("film", "open-case", QT_TRANSLATE_NOOP("Commands", "Open case …"), "Ctrl+Alt+O"),
    _c("film", "open-results", QT_TRANSLATE_NOOP("Commands", "Open results …"), "Ctrl+Alt+R"),
    _c("film", "save", QT_TRANSLATE_NOOP("Commands", "Save case"), "Ctrl+S"),
    _c("film", "save-as", QT_TRANSLATE_NOOP("Commands", "Save case as …"), "Ctrl+Shift+S"),
    _c("film", "export", QT_TRANSLATE_NOOP("Commands", "Export …"), "Ctrl+E"),
    _c("film", "export-deidentified", QT_TRANSLATE_NOOP("Commands", "Export de-identified …"), "Ctrl+Shift+E"),
    _c("film", "show-results", QT_TRANSLATE_NOOP("Commands", "Show what was exported")),
    _c("film", "accept", QT_TRANSLATE_NOOP("Commands", "Accept and export"), "Return", "Enter"),
    _c("film", "flag", QT_TRANSLATE_NOOP("Commands", "Flag for another look"), "K"),
    _c("film", "next", QT_TRANSLATE_NOOP("Commands", "Next film"), "PgDown", ohif=("PgDown", "Down")),
    _c("film", "previous", QT_TRANSLATE_NOOP("Commands", "Previous film"), "PgUp", ohif=("PgUp", "Up")),
    _c("film", "compare", QT_TRANSLATE_NOOP("Commands", "Compare with a prior …"), "Ctrl+D"),
    _c("film", "outline-prior", QT_TRANSLATE_NOOP("Commands", "Outline the prior's lungs"), "Ctrl+Shift+D"),
    _c("tools", "box", QT_TRANSLATE_NOOP("Commands", "Box"), "B"),
    _c("tools", "point", QT_TRANSLATE_NOOP("Commands", "Point"), "P"),
    _c("tools", "brush", QT_TRANSLATE_NOOP("Commands", "Brush"), "E", ohif=("U",)),
    _c("tools", "eraser", QT_TRANSLATE_NOOP("Commands", "Eraser"), "X", ohif=("E",)),
    _c("tools", "polygon", QT_TRANSLATE_NOOP("Commands", "Polygon"), "G", weasis=("Y",)),
    _c("tools", "callipers", QT_TRANSLATE_NOOP("Commands", "Heart callipers"), "C"),
    _c("tools", "distance", QT_TRANSLATE_NOOP("Commands", "Distance"), "D"),
    _c("tools", "windowing", QT_TRANSLATE_NOOP("Commands", "Window and level"), "Shift+W", weasis=("W",), ohif=("W",)),
    _c("tools", "hand", QT_TRANSLATE_NOOP("Commands", "Hand"), "H", weasis=("T",), ohif=("T",)),
    _c("tools", "brush-smaller", QT_TRANSLATE_NOOP("Commands", "Smaller brush"), "["),
    _c("tools", "brush-larger", QT_TRANSLATE_NOOP("Commands", "Larger brush"), "]"),
    _c("outline", "both-lungs", QT_TRANSLATE_NOOP("Commands", "Both lungs"), "L", ohif=("Shift+L",)),
    _c("outline", "keyboard-box", QT_TRANSLATE_NOOP("Commands", "New box by keyboard"), "Insert"),
    _c("outline", "rerun", QT_TRANSLATE_NOOP("Commands", "Outline again"), "F5"),
    _c("outline", "undo", QT_TRANSLATE_NOOP("Commands", "Undo"), "Ctrl+Z"),
    _c("outline", "redo", QT_TRANSLATE_NOOP("Commands", "Redo"), "Ctrl+Y", "Ctrl+Shift+Z"),
    _c("outline", "delete", QT_TRANSLATE_NOOP("Commands", "Delete selected"), "Del"),
    _c("outline", "next-structure", QT_TRANSLATE_NOOP("Commands", "Next structure"), "Tab"),
    _c("outline", "previous-structure", QT_TRANSLATE_NOOP("Commands", "Previous structure"), "Shift+Tab", "Backtab"),
    _c("outline", "swap-sides", QT_TRANSLATE_NOOP("Commands", "Exchange right and left"), "Ctrl+L"),
    _c("outline", "name-structure", QT_TRANSLATE_NOOP("Commands", "Name another structure …"), "N"),
    _c("outline", "rename", QT_TRANSLATE_NOOP("Commands", "Rename …"), "Shift+N"),
    _c("outline", "fill-holes", QT_TRANSLATE_NOOP("Commands", "Fill holes"), "Ctrl+H"),
    _c("outline", "smooth", QT_TRANSLATE_NOOP("Commands", "Smooth"), "S"),
    _c("outline", "grow", QT_TRANSLATE_NOOP("Commands", "Grow"), "Ctrl+]"),
    _c("outline", "shrink", QT_TRANSLATE_NOOP("Commands", "Shrink"), "Ctrl+["),
    _c("outline", "keep-largest", QT_TRANSLATE_NOOP("Commands", "Keep largest part"), "Ctrl+K"),
    _c("outline", "clip", QT_TRANSLATE_NOOP("Commands", "Clip to box"), "Ctrl+B"),
    _c("outline", "calibrate", QT_TRANSLATE_NOOP("Commands", "Calibrate by the last distance …"), "Ctrl+M"),
    _c("outline", "magnification", QT_TRANSLATE_NOOP("Commands", "Correct for magnification"), "Ctrl+G"),
    *(
        _c("view", f"preset-{n}", QT_TRANSLATE_NOOP("Commands", "Window preset"), str(n))
        for n in range(10)
    ),
    _c("view", "window", QT_TRANSLATE_NOOP("Commands", "Set window …"), "W", weasis=("Shift+W",), ohif=("Shift+W",)),
    _c("view", "invert", QT_TRANSLATE_NOOP("Commands", "Invert"), "I"),
    _c("view", "rotate-right", QT_TRANSLATE_NOOP("Commands", "Rotate right"), "Ctrl+R", ohif=("R",)),
    _c("view", "rotate-left", QT_TRANSLATE_NOOP("Commands", "Rotate left"), "Ctrl+Shift+R", ohif=("L",)),
    _c("view", "flip", QT_TRANSLATE_NOOP("Commands", "Flip left and right"), "Ctrl+F", ohif=("H",)),
    _c("view", "zoom-in", QT_TRANSLATE_NOOP("Commands", "Zoom in"), "=", "+"),
    _c("view", "zoom-out", QT_TRANSLATE_NOOP("Commands", "Zoom out"), "-"),
    _c("view", "fit", QT_TRANSLATE_NOOP("Commands", "Fit the film"), "F", weasis=("Ctrl+Return", "F"), ohif=("F",)),
    _c("view", "actual-size", QT_TRANSLATE_NOOP("Commands", "One to one"), "Z"),
    _c("view", "reset", QT_TRANSLATE_NOOP("Commands", "Reset view"), "R", ohif=("Shift+R",)),
    _c("view", "marks", QT_TRANSLATE_NOOP("Commands", "Fill, contour, off (hold to peek)"), "O", weasis=("O",)),
    _c("view", "fainter", QT_TRANSLATE_NOOP("Commands", "Fainter fill"), ","),
    _c("view", "stronger", QT_TRANSLATE_NOOP("Commands", "Stronger fill"), "."),
    _c("view", "corners", QT_TRANSLATE_NOOP("Commands", "Corner text"), "T", weasis=("V",), ohif=("Shift+T",)),
    _c("view", "magnifier", QT_TRANSLATE_NOOP("Commands", "Magnifier"), "M"),
    _c("view", "uncertainty", QT_TRANSLATE_NOOP("Commands", "Uncertainty band"), "U", ohif=("Shift+U",)),
    _c("view", "histogram", QT_TRANSLATE_NOOP("Commands", "Histogram"), "Ctrl+I"),
    _c("view", "worklist", QT_TRANSLATE_NOOP("Commands", "Show worklist"), "F2"),
    _c("view", "panel", QT_TRANSLATE_NOOP("Commands", "Show panel"), "F3"),
    _c("view", "full-screen", QT_TRANSLATE_NOOP("Commands", "Full screen"), "F11"),
    _c("view", "hide-identity", QT_TRANSLATE_NOOP("Commands", "Hide names"), "Ctrl+Shift+H"),
    _c("program", "next-part", QT_TRANSLATE_NOOP("Commands", "Film, list, structures, numbers in turn"), "F6"),
    _c("program", "cancel", QT_TRANSLATE_NOOP("Commands", "Cancel, then deselect"), "Esc"),
    _c("program", "model", QT_TRANSLATE_NOOP("Commands", "Model …")),
    _c("program", "settings", QT_TRANSLATE_NOOP("Commands", "Settings …"), "Ctrl+,"),
    _c("program", "shortcuts", QT_TRANSLATE_NOOP("Commands", "Shortcuts"), "F1"),
    _c("program", "edit-shortcuts", QT_TRANSLATE_NOOP("Commands", "Edit shortcuts …")),
    _c("program", "tour", QT_TRANSLATE_NOOP("Commands", "Tour")),
    _c("program", "log", QT_TRANSLATE_NOOP("Commands", "Show the log")),
    _c("program", "about", QT_TRANSLATE_NOOP("Commands", "About Lungbox")),
    _c("program", "close", QT_TRANSLATE_NOOP("Commands", "Close"), "Ctrl+W"),
    _c("program", "quit", QT_TRANSLATE_NOOP("Commands", "Quit"), "Ctrl+Q"),
)  # fmt: skip

BY_NAME: Mapping[str, Command] = {command.name: command for command in COMMANDS}


def bindings(profile: str, changes: tuple[tuple[str, str], ...]) -> dict[str, tuple[str, ...]]:
    """Return the keys of every command: the profile's, and the reader's where there are any. No key does two things."""
    own = {name: keys for name, keys in changes if name in BY_NAME}
    result: dict[str, tuple[str, ...]] = {
        name: tuple(key for key in keys.split(" | ") if key) for name, keys in own.items()
    }
    taken = {key for keys in result.values() for key in keys}
    for command in COMMANDS:
        if command.name in result:
            continue
        kept = tuple(key for key in command.keys(profile) if key not in taken)
        taken.update(kept)
        result[command.name] = kept
    return result


def conflicts(bound: Mapping[str, tuple[str, ...]]) -> dict[str, list[str]]:
    """Return keys that more than one command has."""
    users: dict[str, list[str]] = {}
    for name, keys in bound.items():
        for key in keys:
            users.setdefault(key, []).append(name)
    return {key: names for key, names in users.items() if len(names) > 1}
