"""Settings: every choice declared once, with its limits; file, dialog and translations derive from the declaration.

A broken settings file never stops a start: it is put aside as `.bad`, the defaults hold, and the reader is told once.
"""

import contextlib
import json
from collections.abc import Collection
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import platformdirs

from engine.errors import LungboxError
from engine.files import read_file, write_atomically

APPLICATION = "lungbox"
_LIMIT_BYTES = 1 << 20
_RECENT = 12


@dataclass(frozen=True, slots=True)
class Kind:
    """What a setting may hold, and where the dialog shows it (no page: not in the dialog)."""

    page: str = ""
    choices: tuple[str, ...] = ()
    low: float = 0.0
    high: float = 0.0
    step: float = 1.0
    suffix: str = ""
    folder: bool = False
    file: bool = False


def _setting(default: Any, **kind: Any) -> Any:
    return field(default=default, metadata={"kind": Kind(**kind)})


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything the reader can choose that outlives a session."""

    language: str = _setting("system", page="general", choices=("system", "en", "de"))
    text_scale: float = _setting(1.0, page="general", low=0.8, high=2.0, step=0.1, suffix="x")
    hide_identity_at_start: bool = _setting(False, page="general")
    remember_recent: bool = _setting(True, page="general")
    next_after_accept: bool = _setting(True, page="general")
    export_on_accept: bool = _setting(True, page="export")
    export_folder: str = _setting("", page="export", folder=True)
    window_gain: float = _setting(1.0, page="display", low=0.25, high=4.0, step=0.25, suffix="x")
    level_down_is_brighter: bool = _setting(True, page="display")
    interpolation: str = _setting("linear", page="display", choices=("nearest", "linear", "cubic"))
    mask_opacity: float = _setting(0.22, page="display", low=0.05, high=0.8, step=0.05)
    contour_width: float = _setting(1.8, page="display", low=1.0, high=5.0, step=0.2, suffix=" px")
    device: str = _setting("auto", page="model", choices=("auto", "cpu", "cuda"))
    checkpoint: str = _setting("", page="model", file=True)
    live_update: bool = _setting(True, page="model")
    check_below: float = _setting(0.8, page="model", low=0.0, high=1.0, step=0.05)
    embeddings_kept: int = _setting(8, page="model", low=1, high=64)
    embeddings_disk_mb: int = _setting(512, page="model", low=0, high=65536, step=128, suffix=" MB")
    shortcut_profile: str = _setting("chest")
    shortcuts: tuple[tuple[str, str], ...] = _setting(())  # changes against the profile: action, keys
    recent: tuple[str, ...] = _setting(())
    tour_done: bool = _setting(False)
    brush_radius: int = _setting(24, low=1, high=400)
    window_geometry: str = _setting("")
    window_state: str = _setting("")

    def with_recent(self, path: Path) -> "Settings":
        """Return the settings with a path at the head of the recent ones."""
        kept = tuple(old for old in self.recent if old != str(path))
        return replace(self, recent=(str(path), *kept)[:_RECENT]).remembered()

    def remembered(self) -> "Settings":
        """Return the settings without recent paths where these are not to be remembered."""
        return self if self.remember_recent else replace(self, recent=())

    def changed(self, before: "Settings", after: "Settings") -> "Settings":
        """Return the settings with what differs between two others."""
        values = ((item.name, getattr(after, item.name)) for item in fields(self))
        return replace(self, **{name: value for name, value in values if value != getattr(before, name)})


def kind_of(name: str) -> Kind:
    """Return the declaration of a setting."""
    declared = next(item for item in fields(Settings) if item.name == name)
    kind = declared.metadata["kind"]
    assert isinstance(kind, Kind)
    return kind


def checked(name: str, value: Any) -> Any:
    """Return a value of the right type and within its limits; ValueError otherwise."""
    default = getattr(Settings(), name)
    kind = kind_of(name)
    if isinstance(default, bool):
        if not isinstance(value, bool):
            raise TypeError(name)
        return value
    if isinstance(default, int | float):
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise TypeError(name)
        number = type(default)(value)
        return min(max(number, type(default)(kind.low)), type(default)(kind.high)) if kind.high else number
    if isinstance(default, tuple):
        if not isinstance(value, list):
            raise TypeError(name)
        if name == "shortcuts":
            return tuple((str(action), str(keys)) for action, keys in value)
        return tuple(str(item) for item in value)
    if not isinstance(value, str) or (kind.choices and value not in kind.choices):
        raise ValueError(name)
    return value


def folder(name: str) -> Path:
    """Return the system's folder for our config, data, cache or log files."""
    places = {
        "config": platformdirs.user_config_path,
        "data": platformdirs.user_data_path,
        "cache": platformdirs.user_cache_path,
        "log": platformdirs.user_log_path,
    }
    return places[name](APPLICATION, appauthor=False)


def settings_path() -> Path:
    """Return where the settings lie."""
    return folder("config") / "settings.json"


def load_settings(path: Path, default: Settings | None = None) -> tuple[Settings, bool]:
    """Return the settings, `default` where the file says nothing, and whether something in it could not be used."""
    default = default or Settings()
    try:
        values = _values(path)
    except FileNotFoundError:
        return default, False
    except (LungboxError, OSError, ValueError, TypeError, RecursionError):
        if path.exists():
            _put_aside(path)
            return default, True
        return default, False
    known = {item.name for item in fields(Settings)}
    good: dict[str, Any] = {}
    broken = False
    for name, value in values.items():
        if name not in known:
            continue  # a newer version's
        try:
            good[name] = checked(name, value)
        except (ValueError, TypeError, OverflowError):
            broken = True
    return replace(default, **good), broken


def _values(path: Path) -> dict[str, Any]:
    return dict(json.loads(read_file(path, _LIMIT_BYTES)))


def _put_aside(path: Path) -> None:
    try:
        path.replace(path.with_suffix(".json.bad"))
    except OSError:
        return  # a read-only folder: it will be ignored again next time


def save_settings(
    path: Path, settings: Settings, default: Settings | None = None, locked: Collection[str] = ()
) -> None:
    """Write the user's own choices, whole or not at all: what differs from `default`.

    What is locked is not the user's choice: what the file said of it stays, for the day on which it is unlocked.
    """
    default = default or Settings()
    chosen = {name: value for name, value in asdict(settings).items() if value != getattr(default, name)}
    own = {name: value for name, value in chosen.items() if name not in locked}
    if locked:
        with contextlib.suppress(LungboxError, OSError, ValueError, TypeError, RecursionError):
            own |= {name: value for name, value in _values(path).items() if name in locked}
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, json.dumps(own, indent=1).encode())
