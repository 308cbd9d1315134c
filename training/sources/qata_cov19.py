"""QaTa-COV19-v2: `Train Set/` and `Test Set/`, each with `Images/x.png` and `Ground-truths/mask_x.png`.

Degerli et al. 2021. The masks are of infected regions, not of lungs: the lung recipe refuses them. Its own split is by
image, so it is not kept.
"""

from pathlib import Path

from training.manifest import Convention, FilmRecord, Label, MaskFile, Split
from training.sources.names import patient_from

SOURCE = "qata_cov19"
_LICENCE = "terms of the publisher; read them before use"
_HALVES = ("Train Set", "Test Set")


def _root(folder: Path) -> Path:
    """Return where the halves lie: the archive puts them two folders deep."""
    inner = (folder / "QaTa-COV19" / "QaTa-COV19-v2", folder / "QaTa-COV19-v2")
    return next((path for path in inner if path.is_dir()), folder)


def recognises(folder: Path) -> bool:
    """Return whether one of the halves is here, with its ground truths."""
    return any((_root(folder) / half / "Ground-truths").is_dir() for half in _HALVES)


def records(folder: Path) -> list[FilmRecord]:
    """Return the films of both halves that have a ground truth."""
    found = []
    for half in _HALVES:
        for image in sorted((_root(folder) / half / "Images").glob("*.png")):
            mask = image.parent.parent / "Ground-truths" / f"mask_{image.name}"
            labelled = mask.is_file()
            found.append(
                FilmRecord(
                    id=f"{half.split()[0].lower()}/{image.stem}",
                    patient=patient_from(image.stem),
                    source=SOURCE,
                    image=image,
                    mask=(MaskFile(mask),) if labelled else (),
                    label=Label.INFECTION if labelled else Label.NONE,
                    convention=Convention.NONE,
                    split=Split.UNASSIGNED if labelled else Split.UNLABELLED,
                    licence=_LICENCE,
                )
            )
    return found
