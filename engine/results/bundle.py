"""One case to one folder of results, written whole or not at all.

Everything is made in memory, written into a hidden folder beside the target, brought to the disk, and renamed into
place in one step. Nothing that exists is overwritten or removed: a name that is taken gets a number.
"""

import contextlib
import errno
import os
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from engine.case import Case
from engine.errors import OutputError
from engine.files import PART_PREFIX, PART_SUFFIX, SHARED, create, sha256, sync_folder, unfinished_in
from engine.film.radiograph import NoteCode
from engine.measure import Measurements, Prior
from engine.results.context import DICOM_KINDS, Export
from engine.results.document import WrittenFile, document
from engine.results.nifti import fits

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

    from engine.results.deidentify import Deidentification

KINDS = ("seg", "sr", "gsps", "sc", "png", "nifti", "csv", "json", "pdf")
# Written only where asked for by name: few archives take a label map yet.
OPTIONAL_KINDS = ("labelmap",)
PICTURE_KINDS = ("png", "nifti", "csv", "json", "pdf")  # what a film that is no DICOM can have
DEFAULT_PATTERN = "lungbox-{date}-{time}"
MANIFEST = "results.json"

_NAMES = {
    "seg": "segmentation.dcm",
    "labelmap": "labelmap.dcm",
    "sr": "report.dcm",
    "gsps": "presentation.dcm",
    "sc": "capture.dcm",
}
_MOST_NUMBERED = 1000
_STALE_AFTER_S = 3600.0
# What highdicom and pydicom were seen to raise on headers that are legal to read and impossible to refer to.
# OSError: pydicom's word for an element that it cannot encode; results are made in memory, so it is never the disk's.
_HEADER_FAULTS = (ValueError, TypeError, AttributeError, KeyError, IndexError, OverflowError, OSError)
_RESERVED = {"con", "prn", "aux", "nul", *(f"{port}{number}" for port in ("com", "lpt") for number in range(1, 10))}
_LONGEST_NAME = 80


@dataclass(frozen=True, slots=True)
class Bundle:
    """Where the results lie."""

    folder: Path
    files: tuple[WrittenFile, ...]


@dataclass(frozen=True, slots=True)
class _Made:
    name: str
    kind: str
    data: bytes
    sop_instance_uid: str = ""


def kinds_for(case: Case) -> tuple[str, ...]:
    """Return every kind of result that a case can have: a picture has no study for DICOM to belong to."""
    film = case.radiograph
    kinds = KINDS if film.source.kind == "DICOM" else PICTURE_KINDS
    impossible = set()
    if film.has_note(NoteCode.COLOUR_REDUCED):
        impossible.add("gsps")
    if not fits(film):
        impossible.add("nifti")
    return tuple(kind for kind in kinds if kind not in impossible)


def export(
    case: Case,
    measurements: Measurements,
    folder: Path,
    kinds: Sequence[str],
    *,
    pattern: str = DEFAULT_PATTERN,
    reader: str = "",
    made_at: datetime | None = None,
    deidentify: "Deidentification | None" = None,
    prior: Prior | None = None,
    language: str = "en",
) -> Bundle:
    """Write the chosen results into a new folder inside `folder`, whole or not at all.

    `results.json` is always among them: it names every file by its hash, for `lungbox verify`. A report (sr) refers to
    a segmentation, so seg comes with it. `pattern` may hold {date}, {time}, {film} (eight digits of the pixels' hash).
    A `prior` is left out of de-identified results: it would name another film. `language` is the PDF's.
    """
    check_kinds(kinds)
    if not any(not finding.mask.is_empty for finding in case.findings):
        raise OutputError("Nothing is outlined on this film.", advice="Outline a lung first.")
    stamp = made_at or datetime.now().astimezone()
    films: list[_Made] = []
    if deidentify is not None:
        from engine.results.deidentify import deidentified

        try:
            case, measurements, film_file = deidentified(case, measurements, deidentify, kinds)
        except _HEADER_FAULTS as error:
            raise OutputError(
                f"The film could not be de-identified ({type(error).__name__}); nothing was written.",
                advice="Leave de-identification out, and report the fault.",
            ) from error
        if film_file is not None:
            films.append(_Made("film.dcm", "film", film_file, case.radiograph.source.sop_instance_uid))
    job = Export(
        case,
        measurements,
        stamp,
        reader="" if deidentify else reader,
        deidentified=deidentify is not None,
        prior=None if deidentify else prior,
        language=language,
    )
    made = [*films, *make(job, kinds)]
    name = folder_name(pattern, job)
    return _written(made, job, Path(folder), name)


def check_kinds(kinds: Sequence[str]) -> None:
    """Refuse results that nobody can write."""
    known = (*KINDS, *OPTIONAL_KINDS)
    unknown = sorted(set(kinds) - set(known))
    if unknown:
        names = ", ".join(name or "nothing" for name in unknown)
        raise OutputError(f"There is no result called {names}.", advice=f"Choose from {', '.join(known)}.")


def make(job: Export, kinds: Sequence[str]) -> list[_Made]:
    """Return the chosen results as bytes, in memory; OutputError names the one that could not be made."""
    wanted = set(kinds)
    if "sr" in wanted:
        wanted.add("seg")
    made: list[_Made] = []
    if wanted & set(DICOM_KINDS):
        job.source()  # refuses a film that no DICOM result can refer to, before anything is made
        made += _dicom(job, wanted)
    if "png" in wanted:
        made += _named("png", lambda: _pictures(job))
    if "nifti" in wanted:
        made += _named("nifti", lambda: [_Made("labels.nii.gz", "nifti", _nifti(job))])
    if "csv" in wanted:
        made += _named("csv", lambda: _tables(job))
    if "pdf" in wanted:
        made += _named("pdf", lambda: [_Made("report.pdf", "pdf", _pdf(job))])
    return made


def _named(kind: str, maker: Callable[[], list[_Made]]) -> list[_Made]:
    """Return what `maker` makes, its faults told with the name of the result."""
    try:
        return maker()
    except _HEADER_FAULTS as error:
        # The type alone: the fault's own words may quote the header.
        raise OutputError(
            f"The {kind} could not be made from this film ({type(error).__name__}); nothing was written.",
            advice=f"Leave {kind} out, and report the fault.",
        ) from error


def _from_header(kind: str, job: Export, maker: "Callable[[Export], Dataset]") -> "Dataset":
    """Return what `maker` makes of a film's header, its faults told with the attribute that they come from."""
    from engine.results.dicom import attribute_at_fault

    try:
        return maker(job)
    except _HEADER_FAULTS as error:
        attribute = attribute_at_fault(job, maker, _HEADER_FAULTS)
        if not attribute:
            raise
        left = "seg and sr" if kind == "seg" else kind  # a report brings its segmentation
        raise OutputError(
            f"The {kind} could not be made: the film's {attribute} is at fault; nothing was written.",
            advice=f"Have it corrected where the film comes from, or leave {left} out.",
        ) from error


def _dicom(job: Export, wanted: set[str]) -> list[_Made]:
    from engine.results.dicom import encoded, only_our_warnings
    from engine.results.gsps import presentation_state
    from engine.results.sc import capture
    from engine.results.seg import segmentation
    from engine.results.sr import report

    made: list[_Made] = []
    written: dict[str, Dataset] = {}

    def add(kind: str, maker: "Callable[[Export], Dataset]") -> None:
        def one() -> list[_Made]:
            written[kind] = _from_header(kind, job, maker)
            return [_Made(_NAMES[kind], kind, encoded(written[kind]), job.ids[kind].instance_uid)]

        if kind in wanted:
            made.extend(_named(kind, one))

    with only_our_warnings():
        add("seg", segmentation)
        add("labelmap", partial(segmentation, label_map=True))
        add("sr", lambda job: report(job, written["seg"]))
        add("gsps", presentation_state)
        add("sc", capture)
    return made


def _pictures(job: Export) -> list[_Made]:
    from engine.results.pictures import overlay_png

    masks = [
        _Made(f"mask-{number}-{finding.structure.value.replace('_', '-')}.png", "png", finding.mask.png())
        for number, finding in enumerate(job.outlined, start=1)
    ]
    return [*masks, _Made("overlay.png", "png", overlay_png(job.case))]


def _nifti(job: Export) -> bytes:
    from engine.results.nifti import label_map

    return label_map(job)


def _tables(job: Export) -> list[_Made]:
    from engine.results.prior import changes_table
    from engine.results.table import table

    tables = [_Made("measurements.csv", "csv", table(job))]
    return tables if job.prior is None else [*tables, _Made("changes.csv", "csv", changes_table(job))]


def _pdf(job: Export) -> bytes:
    from engine.results.report import pdf

    return pdf(job)


def folder_name(pattern: str, job: Export) -> str:
    """Return a folder name that every system takes, from a pattern that may ask for anything."""
    fields = {
        "{date}": f"{job.made_at:%Y%m%d}",
        "{time}": f"{job.made_at:%H%M%S}",
        "{film}": job.case.radiograph.source.pixel_sha256[:8],
    }
    name = pattern
    for field, value in fields.items():
        name = name.replace(field, value)
    name = re.sub(r"[^A-Za-z0-9._-]+", "_", name).strip("._-")[:_LONGEST_NAME].rstrip("._-")
    if not name or name.split(".")[0].lower() in _RESERVED:
        name = f"lungbox_{name}".rstrip("_")
    return name


def _written(made: list[_Made], job: Export, folder: Path, name: str) -> Bundle:
    """Stage, sync, rename."""
    files = tuple(_written_file(item) for item in made)
    manifest = _manifest(job, files)
    staging: Path | None = None
    try:
        sweep_stale(folder)
        unfinished = unfinished_in(folder)
        unfinished.mkdir()
        staging = unfinished
        for item in made:
            _write(staging / item.name, item.data)
        _write(staging / MANIFEST, manifest)
        sync_folder(staging)
        target = _renamed(staging, folder, name)
        staging = None
    except OSError as error:
        raise OutputError(f"The results could not be written: {_reason(error)}.", advice=_advice(error)) from error
    finally:
        if staging is not None:
            _discard(staging)
    try:
        sync_folder(folder)
    except OSError as error:
        raise OutputError(
            f"The results are in {target.name}, whole, but the disk did not confirm it: {_reason(error)}.",
            advice="Run `lungbox verify` on them after checking the disk.",
        ) from error
    return Bundle(target, (*files, WrittenFile(MANIFEST, "json", sha256(manifest), len(manifest))))


def _manifest(job: Export, files: tuple[WrittenFile, ...]) -> bytes:
    try:
        return document(job, files)
    except ValueError as error:  # reopened from a file that another program wrote
        raise OutputError(
            "An outline or mark of this film has a number or a name that cannot be; nothing was written.",
            advice="Draw it anew, and report the fault.",
        ) from error


def _written_file(item: _Made) -> WrittenFile:
    content = ""
    if item.sop_instance_uid:
        from engine.results.content import content_sha256

        content = content_sha256(item.data)
    return WrittenFile(item.name, item.kind, sha256(item.data), len(item.data), item.sop_instance_uid, content)


def _write(path: Path, data: bytes) -> None:
    descriptor = create(path, SHARED)
    try:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _renamed(staging: Path, folder: Path, name: str) -> Path:
    """Move the staged folder to the first free name; a name taken meanwhile by somebody else is left to them."""
    for number in range(1, _MOST_NUMBERED):
        target = folder / (name if number == 1 else f"{name}-{number}")
        if os.path.lexists(target):
            continue
        try:
            os.rename(staging, target)  # noqa: PTH104 (never replaces a folder that holds anything; faults are injected here)
        except OSError as error:
            if error.errno in (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR):
                continue
            raise
        return target
    raise OutputError(f"There are {_MOST_NUMBERED} results called {name} already.", advice="Choose another name.")


def _discard(staging: Path) -> None:
    """Remove a staging folder by unlinking alone: rmtree opens folders, which the fault at hand may forbid."""
    with contextlib.suppress(OSError):
        for path in staging.iterdir():
            path.unlink()
        staging.rmdir()


def sweep_stale(folder: Path, older_than_s: float = _STALE_AFTER_S) -> int:
    """Remove staging folders that a killed process left an hour ago or more; return how many."""
    swept = 0
    with contextlib.suppress(OSError):
        for part in folder.glob(f"{PART_PREFIX}*{PART_SUFFIX}"):
            with contextlib.suppress(OSError):
                if part.is_dir() and not part.is_symlink() and time.time() - part.lstat().st_mtime >= older_than_s:
                    _discard(part)
                    swept += not part.exists()
    return swept


def _reason(error: OSError) -> str:
    return (error.strerror or "the system refused").lower()


def _advice(error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return "Free some space, or choose another folder; nothing was left behind."
    return "Choose another folder; nothing was left behind."
