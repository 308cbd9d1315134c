"""Read-only files shipped with the program."""

from pathlib import Path


def path(name: str) -> Path:
    """Return where a bundled file lies, frozen or not; the only way to find one."""
    return Path(__file__).resolve().parent / name
