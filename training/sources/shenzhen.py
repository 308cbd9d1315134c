"""Shenzhen No. 3 Hospital as NLM ships it: `CXR_png/`, and Stirenko's masks in `mask/*_mask.png` for 566 of 662.

Jaeger et al. 2014 (films), Stirenko et al. 2018 (masks). Every film is another patient; the spacing is not stated.
"""

from pathlib import Path

from training.manifest import Convention, FilmRecord, Label, MaskFile, Split

SOURCE = "shenzhen"
_LICENCE = "NLM public image set; masks listed both as CC0-1.0 and as CC-BY-NC-SA-4.0"


def _masks(folder: Path) -> Path:
    """Return where the masks lie: Stirenko's archive repeats its folder's name."""
    inner = folder / "mask" / "mask"
    return inner if inner.is_dir() else folder / "mask"


def recognises(folder: Path) -> bool:
    """Return whether Shenzhen's films are here; Montgomery has the same folder with other names in it."""
    return any((folder / "CXR_png").glob("CHNCXR_*.png"))


def records(folder: Path) -> list[FilmRecord]:
    """Return all films, those without a mask as unlabelled."""
    found, masks = [], _masks(folder)
    for image in sorted((folder / "CXR_png").glob("CHNCXR_*.png")):
        mask = masks / f"{image.stem}_mask.png"
        labelled = mask.is_file()
        found.append(
            FilmRecord(
                id=image.stem,
                patient=image.stem,
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
