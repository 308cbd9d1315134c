"""What whoever looks after the computers has decided: one read-only file for all users, in TOML.

    [locked]                      # holds, whatever the user chooses; shown as locked in the settings
    hide_identity_at_start = true
    [default]                     # holds until the user chooses something else
    language = "de"

The names are those of app.settings. A file that cannot be used never stops a start, and never loosens anything: what it
says well holds, and what concerns patients' names falls to the safe side. docs/it.md has the whole of it.
"""

import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import platformdirs

from app.settings import Settings, checked, kind_of
from engine.errors import LungboxError
from engine.files import read_file

_LIMIT_BYTES = 1 << 20
# What holds, locked, while the file cannot be read: it may have said so, and nobody is harmed if it did not.
SAFE: Mapping[str, Any] = {"hide_identity_at_start": True, "remember_recent": False, "export_on_accept": False}
_UNSEEN = ("tour_done", "shortcut_profile")  # may be set too, though the dialog has no field for them
_PARTS = ("locked", "default")


@dataclass(frozen=True, slots=True)
class Policy:
    """Settings that are locked, those that hold until a user chooses, and what is wrong with the file."""

    locked: Mapping[str, Any] = field(default_factory=dict)
    default: Mapping[str, Any] = field(default_factory=dict)
    faults: tuple[str, ...] = ()

    def applied(self, settings: Settings) -> Settings:
        """Return settings with what is locked."""
        return replace(settings, **self.locked)

    @property
    def settings(self) -> Settings:
        """What a user has who never chose anything."""
        return self.applied(Settings(**self.default))


def policy_path() -> Path:
    """Return where the file lies. No variable of a user's environment moves it."""
    if sys.platform in ("win32", "darwin"):
        return platformdirs.site_config_path("Lungbox", appauthor=False) / "policy.toml"
    return Path("/etc/lungbox/policy.toml")


def load_policy(path: Path) -> Policy:
    """Return what the file says; no file, no policy."""
    try:
        data = read_file(path, _LIMIT_BYTES)
    except LungboxError as error:
        if _is_absent(path):
            return Policy()
        return Policy(SAFE, {}, (error.message,))
    try:
        said = tomllib.loads(data.decode("utf-8-sig"))  # Windows' editors begin with a mark
    except (ValueError, RecursionError) as error:
        return Policy(SAFE, {}, (f"{path.name}: {_first_line(error)}",))
    faults = [f"[{part}]" for part in said if part not in _PARTS]
    good: dict[str, dict[str, Any]] = {part: {} for part in _PARTS}
    for part in _PARTS:
        values = said.get(part, {})
        if not isinstance(values, dict):
            faults.append(part)
            continue
        for name, value in values.items():
            try:
                good[part][name] = _checked(name, value)
            except (KeyError, ValueError, TypeError, OverflowError):
                faults.append(f"{part}.{name}")
    if faults:
        good["locked"] = {**SAFE, **good["locked"]}
    return Policy(good["locked"], good["default"], tuple(faults))


def _checked(name: str, value: Any) -> Any:
    if name not in {item.name for item in fields(Settings)} or not (kind_of(name).page or name in _UNSEEN):
        raise KeyError(name)
    return checked(name, value)


def _is_absent(path: Path) -> bool:
    try:
        path.stat()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return False


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:160]
