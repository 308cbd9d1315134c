"""Results and films that lie near each other: which film a result wants, where it is, and what results a film has."""

import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from engine.errors import FilmError, LungboxError
from engine.files import read_file, sha256
from engine.film.radiograph import Radiograph
from engine.results.bundle import MANIFEST
from engine.results.read_pr import film_uids_of_pr
from engine.results.read_seg import dataset_of, film_uids_of_seg, understood
from engine.results.read_sr import film_uids_of_sr
from engine.results.reopen import read_document
from engine.results.sop import LABEL_MAP_SEG, PRESENTATION, SEG, is_document, stated

_MOST_FILES = 5000  # of one folder; an archive's inbox is no place to look through
_MOST_BUNDLES = 200
# A folder on a slow server must not hold up whoever waits behind: what was found by then is the answer.
LOOK_S = 1.0  # nobody asked for it
SEARCH_S = 20.0  # somebody did
_MOST_BYTES = 1 << 28
_MOST_JSON_BYTES = 1 << 26


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a result says of the film it was made on."""

    sop_instance_uids: frozenset[str]
    pixel_sha256: str = ""
    file_sha256: str = ""

    @property
    def said(self) -> bool:
        """Return whether it names a film at all."""
        return bool(self.sop_instance_uids or self.pixel_sha256)

    def is_of(self, film: Radiograph) -> bool:
        """Return whether a film is the one."""
        if self.pixel_sha256:
            return self.pixel_sha256 == film.source.pixel_sha256
        return film.source.sop_instance_uid in self.sop_instance_uids

    @property
    def text(self) -> str:
        """Return which film, in words: by number, for a name is nobody's business."""
        if self.sop_instance_uids:
            return f"the film with SOP Instance UID {' or '.join(sorted(self.sop_instance_uids)[:2])}"
        return f"the film whose pixels have SHA-256 {self.pixel_sha256[:16]}…"


@dataclass(frozen=True, slots=True)
class FoundResults:
    """A bundle that was made on a film."""

    folder: Path
    made_at: datetime
    reader: str
    structures: int


def film_wanted(path: Path) -> Wanted:
    """Return which film a bundle's folder, its results.json, a SEG, an SR or a GSPS was made on."""
    path = Path(path)
    if path.is_dir() or is_document(path):
        film = read_document(path / MANIFEST if path.is_dir() else path).get("film")
        film = film if isinstance(film, dict) else {}
        uid = str(film.get("sop_instance_uid", ""))
        return Wanted(frozenset({uid} - {""}), str(film.get("pixel_sha256", "")), str(film.get("file_sha256", "")))
    dataset = dataset_of(path)
    sop_class = str(dataset.get("SOPClassUID", ""))
    readers = {SEG: film_uids_of_seg, LABEL_MAP_SEG: film_uids_of_seg, PRESENTATION: film_uids_of_pr}
    with understood(path.name):
        return Wanted(frozenset(readers.get(sop_class, film_uids_of_sr)(dataset)))


def find_film(wanted: Wanted, result: Path, listed: Iterable[Path]) -> Path | None:
    """Return the film that a result wants: from beside it, from the folder above, or from a list of films."""
    seen: set[Path] = set()
    until = time.monotonic() + SEARCH_S
    folder = result if result.is_dir() else result.parent
    for path in (*_files(folder), *_files(folder.parent), *listed):
        if time.monotonic() > until:
            break
        if path in seen or path == result:
            continue
        seen.add(path)
        if _is_wanted(path, wanted):
            return path
    return None


def results_beside(film: Radiograph) -> tuple[FoundResults, ...]:
    """Return the bundles of a film in its own folder and one level below, the newest first."""
    needle = film.source.pixel_sha256.encode()
    found = []
    until = time.monotonic() + LOOK_S
    for manifest in _manifests(film.source.path.parent, until):
        if time.monotonic() > until:
            break
        try:
            if needle in read_file(manifest, _MOST_JSON_BYTES):
                found.append(_described(manifest, film))
        except (LungboxError, ArithmeticError, KeyError, TypeError, ValueError):
            continue  # nobody asked for this file
    return tuple(sorted((one for one in found if one is not None), key=lambda one: one.made_at, reverse=True))


def _described(manifest: Path, film: Radiograph) -> FoundResults | None:
    values: dict[str, Any] = read_document(manifest)
    if values["film"]["pixel_sha256"] != film.source.pixel_sha256:
        return None  # named in it as something else: a prior
    made_at = datetime.fromisoformat(values["made_at"])
    return FoundResults(manifest.parent, made_at.astimezone(), str(values["reader"]), len(values["structures"]))


def _manifests(folder: Path, until: float) -> list[Path]:
    """Return the newest results.json of a folder and of the folders in it."""
    dated = []
    try:
        with os.scandir(folder) as entries:
            places = [folder, *(Path(entry.path) for entry in entries if entry.is_dir(follow_symlinks=False))]
    except OSError:
        return []
    for place in places[:_MOST_FILES]:
        if time.monotonic() > until:
            break
        try:
            dated.append(((place / MANIFEST).stat().st_mtime, place / MANIFEST))
        except OSError:
            continue
    return [path for _, path in sorted(dated, reverse=True)[:_MOST_BUNDLES]]


def _files(folder: Path) -> Iterator[Path]:
    try:
        with os.scandir(folder) as entries:
            names = sorted(entry.name for entry in entries if entry.is_file(follow_symlinks=False))
    except OSError:
        return
    yield from (folder / name for name in names[:_MOST_FILES])


def _is_wanted(path: Path, wanted: Wanted) -> bool:
    uid = stated(path)[1]
    if uid:
        return uid in wanted.sop_instance_uids
    if not wanted.file_sha256 or path.suffix.lower() in (".json", ".csv", ".pdf", ".gz"):
        return False
    try:
        return sha256(read_file(path, _MOST_BYTES)) == wanted.file_sha256
    except FilmError:
        return False
