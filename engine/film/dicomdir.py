"""The films that a DICOMDIR names (PS3.3 F), in its order: patients, their studies, series and images."""

from pathlib import Path

from engine.errors import FilmError
from engine.files import read_file
from engine.film.facts import reads_sop_class
from engine.film.header import Header, read_header
from engine.film.structure import lay_out

_LIMIT_BYTES = 64 << 20  # some hundred thousand records


def films_in_dicomdir(path: Path) -> list[Path] | None:
    """Return the files of images that we read; None where the directory is damaged or of files that are not there."""
    try:
        records = read_header(lay_out(read_file(path, _LIMIT_BYTES))).items("DirectoryRecordSequence")
        # Records lie in the order of their tree wherever that was seen, so the links between them are not followed.
        films = [record for record in records if record.term("DirectoryRecordType") == "IMAGE" and _is_film(record)]
        found = _Folder(path.parent).files([record.texts("ReferencedFileID") for record in films])
    except FilmError:
        return None
    return None if not records or (films and not found) else found


def _is_film(record: Header) -> bool:
    sop_class = record.uid("ReferencedSOPClassUIDInFile")
    return record.word("RecordInUseFlag") != 0 and (not sop_class or reads_sop_class(sop_class))


class _Folder:
    """Finds files by their parts, in capitals on the medium and often not where it was copied to."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._names: dict[Path, dict[str, str]] = {}

    def files(self, named: list[tuple[str, ...]]) -> list[Path]:
        """Return those that are there, and none outside the folder."""
        return list(dict.fromkeys(path for parts in named if (path := self._file(parts)) is not None))

    def _file(self, parts: tuple[str, ...]) -> Path | None:
        place = self._root
        for part in parts:
            name = self._children(place).get(part.casefold())  # only what lies there: neither ".." nor a separator
            if name is None:
                return None
            place /= name
        return place if parts and place.is_file() else None

    def _children(self, place: Path) -> dict[str, str]:
        if place not in self._names:
            try:
                names = sorted(child.name for child in place.iterdir())
            except OSError:
                names = []
            self._names[place] = {name.casefold(): name for name in names}
        return self._names[place]
