"""COVID-19 Radiography: four classes, each with `images/` (299 x 299) and `masks/` (256 x 256) of the same names.

Chowdhury et al. 2020, Rahman et al. 2021. The masks are lungs, drawn by a network and checked by hand.
"""

from pathlib import Path

from training.manifest import Convention, FilmRecord, Label, MaskFile, Split
from training.sources.names import patient_from

SOURCE = "covid_radiography"
_LICENCE = "terms of the publisher; read them before use"
_CLASSES = ("COVID", "Lung_Opacity", "Normal", "Viral Pneumonia")


def _root(folder: Path) -> Path:
    inner = folder / "COVID-19_Radiography_Dataset"
    return inner if inner.is_dir() else folder


def recognises(folder: Path) -> bool:
    """Return whether a class with images and masks is here."""
    root = _root(folder)
    return any((root / name / "images").is_dir() and (root / name / "masks").is_dir() for name in _CLASSES)


def records(folder: Path) -> list[FilmRecord]:
    """Return the films of all classes, those without a mask as unlabelled."""
    found = []
    for image in sorted(path for name in _CLASSES for path in (_root(folder) / name / "images").glob("*.png")):
        mask = image.parent.parent / "masks" / image.name
        labelled = mask.is_file()
        found.append(
            FilmRecord(
                id=image.stem,
                patient=patient_from(image.stem),
                source=SOURCE,
                image=image,
                mask=(MaskFile(mask),) if labelled else (),
                label=Label.LUNGS if labelled else Label.NONE,
                convention=Convention.HEART_EXCLUDED if labelled else Convention.NONE,
                split=Split.UNASSIGNED if labelled else Split.UNLABELLED,
                licence=_LICENCE,
            )
        )
    return found
