"""What kind of DICOM object a file is, from its first bytes: asked of every file that is opened, so quick to import."""

from pathlib import Path

from engine.errors import FilmError
from engine.files import read_head
from engine.film.structure import stated_object

SEG = "1.2.840.10008.5.1.4.1.1.66.4"
LABEL_MAP_SEG = "1.2.840.10008.5.1.4.1.1.66.7"
PRESENTATION = "1.2.840.10008.5.1.4.1.1.11.1"
_SR = "1.2.840.10008.5.1.4.1.1.88."
_HEAD_BYTES = 4096  # the file's description and the first elements of its data set (PS3.10 7.1)


def stated(path: Path) -> tuple[str, str]:
    """Return SOP class and instance as the head of a DICOM file states them; empty where it is none."""
    try:
        return stated_object(read_head(path, _HEAD_BYTES))
    except FilmError:
        return "", ""


def is_document(path: Path) -> bool:
    """Return whether a file is JSON, as our results.json is, under whatever name it was copied."""
    if path.suffix.lower() == ".json":
        return True
    try:
        return read_head(path, 1) == b"{"
    except FilmError:
        return False


def is_result(path: Path) -> bool:
    """Return whether a DICOM file is a segmentation, a report or a presentation state."""
    sop_class = stated(path)[0]
    return sop_class in (SEG, LABEL_MAP_SEG, PRESENTATION) or sop_class.startswith(_SR)
