"""read_radiograph: any file to a whole Radiograph, or to one error that says why not.

Knows files by their content; a name or an ending proves nothing.
"""

from pathlib import Path

from engine.errors import FilmTooLargeError, NotAFilmError
from engine.files import read_file, sha256_aside
from engine.film.radiograph import Radiograph
from engine.film.structure import looks_like_dicom

MAX_FILE_BYTES = 1 << 29  # 67 megapixels of 16-bit colour, with room for a header

_PICTURES = {
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"\xff\xd8\xff": "JPEG",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"II+\0": "TIFF",
    b"MM\0+": "TIFF",
}
_EXPORT = "Export the film as DICOM, PNG, TIFF or JPEG."
_LOOKS_LIKE = {
    b"%PDF": ("a PDF document", _EXPORT),
    b"PK\x03\x04": ("a zip archive or an office document", "Unpack it, and open the film inside."),
    b"\x1f\x8b": ("a gzip archive", "Unpack it, and open the film inside."),
    b"7z\xbc\xaf\x27\x1c": ("a 7z archive", "Unpack it, and open the film inside."),
    b"Rar!": ("a rar archive", "Unpack it, and open the film inside."),
    b"GIF8": ("a GIF picture", _EXPORT),
    b"BM": ("a BMP picture", _EXPORT),
    b"RIFF": ("a WebP picture or a recording", _EXPORT),
    b"\x00\x00\x00\x0cjP  ": ("a JPEG 2000 picture outside DICOM", _EXPORT),
    b"\xff\x4f\xff\x51": ("a JPEG 2000 picture outside DICOM", _EXPORT),
    b"MZ": ("a program", "Do not run it. Choose the film itself."),
    b"\x7fELF": ("a program", "Do not run it. Choose the film itself."),
    b"<": ("a web page or an XML file", "Download the film itself."),
    b"{": ("a JSON file", _EXPORT),
    b"\x93NUMPY": ("a NumPy array", _EXPORT),
    b"\x89HDF": ("an HDF5 file", _EXPORT),
    b"SQLite": ("a database", _EXPORT),
}


def read_radiograph(path: Path | str) -> Radiograph:
    """Return the film in a DICOM, PNG, TIFF or JPEG file; FilmError where there is none, or not a whole one."""
    path = Path(path)
    try:
        return _radiograph(path, read_file(path, MAX_FILE_BYTES))
    except MemoryError:
        raise FilmTooLargeError(
            f"{path.name} takes more memory than there is.", advice="Close other films or programs and try again."
        ) from None


def _radiograph(path: Path, data: bytes) -> Radiograph:
    kind = _kind(data)
    # Pictures need no pydicom, DICOM no codecs: each is imported when the first of its kind is read.
    if kind == "DICOM":
        from engine.film.dicom import radiograph_from_dicom

        return radiograph_from_dicom(data, path, sha256_aside(data))
    if kind:
        from engine.film.picture import radiograph_from_picture

        return radiograph_from_picture(data, path, sha256_aside(data), kind)
    looks_like, advice = _description(data)
    raise NotAFilmError(f"{path.name} is {looks_like}, not a film.", advice=advice)


def _kind(data: bytes) -> str:
    """Return "DICOM", "PNG", "TIFF" or "JPEG", "" for anything else."""
    # First, as PS3.10 7.1 lets a DICOM file begin with another kind's bytes (a preamble makes some of them TIFF too).
    if looks_like_dicom(data):
        return "DICOM"
    return next((kind for magic, kind in _PICTURES.items() if data.startswith(magic)), "")


def _description(data: bytes) -> tuple[str, str]:
    """Return what the bytes look like, and what to do about it."""
    if not data:
        return "empty", "Copy the file again from where it came from."
    for magic, description in _LOOKS_LIKE.items():
        if data.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(magic) or data.startswith(magic):
            return description
    sample = data[:4096]
    if not sample.translate(None, bytes(range(32, 256)) + b"\t\r\n\f\x1b"):
        return "a text file", _EXPORT
    if not any(sample):
        return "nothing but zeros", "Copy the file again from where it came from."
    return "of a kind we do not know", _EXPORT
