"""A DICOM file to a Radiograph: structure, header, pixels, grey, size, in that order, each refusing what it must."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from pydicom.uid import UID

from engine.errors import FilmError, NotAFilmError
from engine.film.facts import read_facts, reads_sop_class
from engine.film.header import Header, plain_header, read_header
from engine.film.overlays import read_overlays
from engine.film.radiograph import Note, NoteCode, Radiograph, Source, pixel_sha256
from engine.film.spacing import read_spacing
from engine.film.stored import read_pixels
from engine.film.structure import Layout, lay_out
from engine.film.transforms import read_grey


def radiograph_from_dicom(data: bytes, path: Path, sha256: str | Callable[[], str]) -> Radiograph:
    """Return the film in a DICOM file, whole; FilmError, naming the file and never the patient, otherwise."""
    try:
        layout = lay_out(data)
        header = read_header(layout)
        return _radiograph(layout, header, path, sha256)
    except FilmError as error:
        raise type(error)(f"{path.name}: {error.message}", advice=error.advice) from None


def _radiograph(layout: Layout, header: Header, path: Path, sha256: str | Callable[[], str]) -> Radiograph:
    _check_kind(layout, header)
    pixels = read_pixels(layout, header)
    grey = read_grey(header, pixels)
    size = read_spacing(header)
    overlays = read_overlays(header, pixels)
    facts = read_facts(layout, header)
    source, odd = _source(layout, header, path, sha256, partial(pixel_sha256, pixels.values))
    return Radiograph(
        stored=pixels.values,
        source=source,
        bits_stored=pixels.bits_stored,
        modality=grey.modality,
        padding=grey.padding,
        views=grey.views,
        inverse=grey.inverse,
        spacing=size.spacing,
        magnification=size.magnification,
        pixel_aspect=size.pixel_aspect,
        overlays=overlays.overlays,
        orientation=facts.orientation,
        laterality=facts.laterality,
        view_position=facts.view_position,
        body_part=facts.body_part,
        identity=facts.identity,
        notes=(*pixels.notes, *grey.notes, *size.notes, *facts.notes, *overlays.notes, *odd),
    )


def _check_kind(layout: Layout, header: Header) -> None:
    """Refuse what is DICOM and no radiograph, before its pixels are looked at."""
    sop_class = header.uid("SOPClassUID")
    if sop_class and not reads_sop_class(sop_class):
        # The dictionary's name, never the file's text.
        name = UID(sop_class).name
        kind = "of a private or unknown kind" if name == sop_class else f"of the kind {name}"
        raise NotAFilmError(f"an object {kind}, not a radiograph.", advice="Choose a CR, DX, RF or XA image.")
    if layout.pixels is None and not header.has("Rows"):
        raise NotAFilmError("it holds no image.", advice="Choose a CR, DX, RF or XA image.")


def _source(
    layout: Layout, header: Header, path: Path, sha256: str | Callable[[], str], pixels_sha256: Callable[[], str]
) -> tuple[Source, tuple[Note, ...]]:
    """Return where the film came from, and notes on what had to be left out."""
    notes: list[Note] = []
    uids = {keyword: header.uid(keyword) for keyword in ("SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID")}
    missing = [keyword for keyword, uid in uids.items() if not uid]
    if missing:
        notes.append(Note(NoteCode.HEADER_ODD, f"no valid {', '.join(missing)}: results cannot refer to the film"))
    if not header.uid("SOPClassUID"):
        notes.append(Note(NoteCode.HEADER_ODD, "the file does not say what kind of object it is"))
    plain = plain_header(layout)
    left_out = plain.left_out + len(layout.unsound)
    if left_out:
        notes.append(Note(NoteCode.HEADER_ODD, f"{left_out} damaged header elements are left out"))
    source = Source(
        path=path,
        file_sha256=sha256,
        pixel_sha256=pixels_sha256,
        kind="DICOM",
        transfer_syntax=layout.transfer_syntax,
        modality=header.term("Modality"),
        sop_instance_uid=uids["SOPInstanceUID"],
        study_instance_uid=uids["StudyInstanceUID"],
        series_instance_uid=uids["SeriesInstanceUID"],
        header=plain.data_set,
    )
    return source, tuple(notes)
