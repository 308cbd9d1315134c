"""Films as the window needs them: the radiograph, its pyramid and its presets, all made off the UI thread."""

import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtGui import QImage

from app.casefile import FILM_SUFFIXES, SUFFIX
from app.display import GreyRange, Preset, grey_range, presets_for
from app.rendering import Pyramid, build_pyramid, grey_table, thumbnail_image
from engine.case import CaseState
from engine.errors import FilmError
from engine.files import read_head
from engine.film.dicomdir import films_in_dicomdir
from engine.film.radiograph import Radiograph
from engine.film.reading import read_radiograph

_MAGIC_AT = 128  # PS3.10 7.1: a preamble, then DICM
_LIMIT_FILES = 20_000
THUMBNAIL_SIDE = 192


@dataclass(frozen=True, slots=True, eq=False)
class Film:
    """One film, ready to be shown."""

    radiograph: Radiograph
    pyramid: Pyramid
    presets: tuple[Preset, ...]
    greys: GreyRange

    @property
    def path(self) -> Path:
        """Where it was read."""
        return self.radiograph.source.path

    @property
    def nbytes(self) -> int:
        """Memory it takes, roughly."""
        return self.radiograph.stored.nbytes + self.pyramid.nbytes


def film_of(radiograph: Radiograph) -> Film:
    """Prepare a film for the screen."""
    return Film(radiograph, build_pyramid(radiograph), presets_for(radiograph), grey_range(radiograph))


def load_film(path: Path) -> Film:
    """Read a film that will be open; hashed beside, as the UI thread asks for that first of all."""
    radiograph = read_radiograph(path)
    with ThreadPoolExecutor(1, "lungbox-hash") as beside:
        beside.submit(lambda: radiograph.source.pixel_sha256)  # waited for at the end of the block
        return film_of(radiograph)


def thumbnail_of(film: Film) -> QImage:
    """Return the film's picture for the worklist."""
    table = grey_table(film.radiograph, film.presets[0].view, inverted=False)
    return thumbnail_image(film.pyramid, table, THUMBNAIL_SIDE)


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """One line of the worklist."""

    path: Path
    state: CaseState = CaseState.NEW
    view: str = ""  # "PA", "AP"
    taken: str = ""  # date and time, as the file has them
    patient: str = ""  # on screen only
    description: str = ""
    study: str = ""  # Study Instance UID (0020,000D)
    thumbnail: QImage | None = None
    problem: str = ""  # why it could not be read
    read: bool = False


def films_in(places: Iterable[Path]) -> list[Path]:
    """Return the films at some files and folders, each once, in reading order."""
    found: dict[Path, None] = {}
    for place in places:
        if place.is_dir():
            found.update(dict.fromkeys(_walk(place)))
        elif place.name.upper() == "DICOMDIR":
            named = films_in_dicomdir(place)
            found.update(dict.fromkeys(_walk(place.parent) if named is None else named))
        else:
            found[place] = None
        if len(found) >= _LIMIT_FILES:
            break
    return list(found)[:_LIMIT_FILES]


def _walk(folder: Path) -> Iterator[Path]:
    for root, folders, names in os.walk(folder, followlinks=False):
        folders.sort()
        for name in sorted(names):
            path = Path(root) / name
            if name.startswith(".") or name.upper() == "DICOMDIR" or path.suffix.lower() == SUFFIX:
                continue
            if path.suffix.lower() in FILM_SUFFIXES or _has_magic(path):
                yield path


def _has_magic(path: Path) -> bool:
    """Return whether a file says that it is DICOM, whatever it is called."""
    try:
        return read_head(path, _MAGIC_AT + 4)[_MAGIC_AT:] == b"DICM"
    except FilmError:
        return False
