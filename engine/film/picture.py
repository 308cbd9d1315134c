"""PNG, TIFF and JPEG to a Radiograph: stored values as they are, and nothing that such a file cannot know."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from engine.errors import FilmError
from engine.film.decoder import Reply, decode_picture
from engine.film.grey import Rescale
from engine.film.radiograph import Note, NoteCode, Radiograph, Source, pixel_sha256

_ORIENTATIONS = {
    2: "mirrored", 3: "turned upside down", 4: "mirrored and turned upside down", 5: "mirrored and turned left",
    6: "turned right", 7: "mirrored and turned right", 8: "turned left",
}  # fmt: skip


def radiograph_from_picture(data: bytes, path: Path, sha256: str | Callable[[], str], kind: str) -> Radiograph:
    """Return the film in a PNG, TIFF or JPEG file; FilmError, naming the file, otherwise.

    A resolution in the file is that of a printer or a screen, not of a detector: the film stays in pixels until a
    reader calibrates it.
    """
    try:
        reply = decode_picture(data, kind)
    except FilmError as error:
        raise type(error)(f"{path.name}: {error.message}", advice=error.advice) from None
    stored = reply.samples
    return Radiograph(
        stored=stored,
        source=Source(path=path, file_sha256=sha256, pixel_sha256=partial(pixel_sha256, stored), kind=kind),
        bits_stored=8 * stored.itemsize,
        modality=Rescale(1.0, 0.0),
        inverse=reply.facts.get("inverse") is True,
        notes=_notes(reply, kind),
    )


def _notes(reply: Reply, kind: str) -> tuple[Note, ...]:
    """Return what the reader should know of a picture."""
    notes = [Note(NoteCode.SPACING_MISSING, f"a {kind} file does not say how large a pixel is")]
    if kind == "JPEG":
        notes.append(Note(NoteCode.LOSSY, "the picture has been compressed with loss"))
    match reply.facts.get("colour"):
        case "mixed":
            notes.append(Note(NoteCode.COLOUR_REDUCED, "a picture in colour, reduced to grey"))
        case "equal":
            notes.append(Note(NoteCode.COLOUR_REDUCED, "a grey picture saved as colour"))
    if reply.facts.get("transparent") is True:
        notes.append(Note(NoteCode.HEADER_ODD, "its transparency is ignored"))
    turned = _ORIENTATIONS.get(reply.facts.get("orientation", 1))
    if turned:
        notes.append(Note(NoteCode.ORIENTATION_UNKNOWN, f"the file asks for it to be shown {turned}; shown as stored"))
    return tuple(notes)
