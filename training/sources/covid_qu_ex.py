"""COVID-QU-Ex: `Lung Segmentation Data/` and `Infection Segmentation Data/`, each Train, Val and Test by class.

Tahir et al. 2021. Films and masks are 256 x 256 and share names: `images/`, `lung masks/`, `infection masks/`. The lung
masks are a network's, corrected by hand. The second part repeats films of the first to give their infections. Its own
split is by image, so it is not kept.
"""

from pathlib import Path

from training.manifest import Convention, FilmRecord, Label, MaskFile, Split
from training.sources.names import patient_from

SOURCE = "covid_qu_ex"
_LICENCE = "terms of the publisher; read them before use"
_LUNGS, _INFECTIONS = "Lung Segmentation Data", "Infection Segmentation Data"


def _root(folder: Path, part: str) -> Path:
    """Return where a part lies: the archive repeats its folder's name."""
    inner = folder / part / part
    return inner if inner.is_dir() else folder / part


def recognises(folder: Path) -> bool:
    """Return whether the lungs' part or the infections' is here."""
    return (folder / _LUNGS).is_dir() or (folder / _INFECTIONS).is_dir()


def records(folder: Path) -> list[FilmRecord]:
    """Return the films with lung masks, and the films with infection masks as films of the same patients."""
    return [
        *_part(_root(folder, _LUNGS), "lungs", "lung masks", Label.LUNGS, Convention.HEART_EXCLUDED),
        *_part(_root(folder, _INFECTIONS), "infection", "infection masks", Label.INFECTION, Convention.NONE),
    ]


def _part(root: Path, name: str, masks: str, label: Label, convention: Convention) -> list[FilmRecord]:
    found = []
    for image in sorted(root.glob("*/*/images/*.png")):
        mask = image.parent.parent / masks / image.name
        if not mask.is_file():
            continue
        found.append(
            FilmRecord(
                id=f"{name}/{image.parent.parent.name}/{image.stem}",
                patient=patient_from(image.stem),
                source=SOURCE,
                image=image,
                mask=(MaskFile(mask),),
                label=label,
                convention=convention,
                split=Split.UNASSIGNED,
                licence=_LICENCE,
            )
        )
    return found
