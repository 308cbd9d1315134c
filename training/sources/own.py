"""A folder with a manifest of our own."""

from pathlib import Path

from training.manifest import COLUMNS, FilmRecord, read_manifest

SOURCE = "manifest"


def recognises(folder: Path) -> bool:
    """Return whether there is a manifest with our header."""
    path = folder / "manifest.csv"
    if not path.is_file():
        return False
    with path.open(encoding="utf-8-sig") as file:
        return file.readline().strip().split(",") == list(COLUMNS)


def records(folder: Path) -> list[FilmRecord]:
    """Return the films that the manifest lists."""
    return read_manifest(folder / "manifest.csv")
