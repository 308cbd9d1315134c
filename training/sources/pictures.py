"""Any folder of films with masks beside them: `images/`, and `masks/` with files of the same names.

The plainest layout there is, for films of one's own. It says neither by which convention lungs were drawn nor whose a
film is; the first is asked for (`python -m training.data split --convention`), the second DICOM files say themselves.
A mask may end in _mask, -mask or .mask; films without one are unlabelled.
"""

from pathlib import Path

from training.manifest import Convention, DataError, FilmRecord, Label, MaskFile, Split
from training.sources.names import patient_in

SOURCE = "images"
FILMS = (".dcm", ".png", ".jpg", ".jpeg", ".tif", ".tiff")
MASKS = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp")
_MARKS = ("_mask", "-mask", ".mask")


def recognises(folder: Path) -> bool:
    """Return whether films lie in a folder of that name."""
    return (folder / "images").is_dir()


def records(folder: Path) -> list[FilmRecord]:
    """Return the films, named as they lie below `images/`; the source is called as the folder is."""
    images, masks = _by_name(folder / "images", FILMS), _by_name(folder / "masks", MASKS)
    if images and masks and not images.keys() & masks.keys():
        raise DataError(
            f"None of the {len(masks)} masks in masks/ has the name of a film in images/.",
            advice=f"Call each as its film is, such as {next(iter(images))}; it may end in _mask.",
        )
    source = folder.resolve().name
    found = []
    for name, image in images.items():
        mask = masks.get(name)
        found.append(
            FilmRecord(
                id=name,
                patient=_patient(image) or name,
                source=source,
                image=image,
                mask=() if mask is None else (MaskFile(mask),),
                label=Label.NONE if mask is None else Label.LUNGS,
                convention=Convention.NONE,
                split=Split.UNLABELLED if mask is None else Split.UNASSIGNED,
                licence="",
            )
        )
    return found


def _by_name(folder: Path, endings: tuple[str, ...]) -> dict[str, Path]:
    """Return the files below a folder by their path without the ending and without what marks a mask."""
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in endings)
    found: dict[str, Path] = {}
    for path in files:
        name = path.relative_to(folder).with_suffix("").as_posix()
        for mark in _MARKS:
            name = name.removesuffix(mark)
        if name in found:
            raise DataError(
                f"{found[name].name} and {path.name} in {folder.name}/ go by one name, {name}.",
                advice="Rename one, or take it away.",
            )
        found[name] = path
    return found


def _patient(image: Path) -> str:
    """Return whose film a DICOM file says it is; nothing where it is another file, or does not say."""
    if image.suffix.lower() != ".dcm":
        return ""
    try:
        return patient_in(image)
    except DataError:
        return ""  # that it cannot be read is said of the film, where its pixels are asked for
