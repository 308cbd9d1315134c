"""A folder with a manifest of our own, or one that a person wrote: `training.manifest` says with which columns."""

from pathlib import Path

from training.manifest import MANIFEST, FilmRecord, read_manifest

SOURCE = "manifest"


def recognises(folder: Path) -> bool:
    """Return whether there is a manifest."""
    return (folder / MANIFEST).is_file()


def records(folder: Path) -> list[FilmRecord]:
    """Return the films that the manifest lists."""
    return read_manifest(folder / MANIFEST)
