"""Montgomery County as NLM ships it: `CXR_png/`, and `ManualMask/leftMask/` and `rightMask/` with the same names.

Jaeger et al. 2014, Candemir et al. 2014. 138 films of 138 patients, 0.0875 mm at the detector.
"""

from pathlib import Path

from training.manifest import Convention, FilmRecord, Label, MaskFile, Part, Split

SOURCE = "montgomery"
SPACING_MM = 0.0875
_LICENCE = "NLM public image set: attribution"


def recognises(folder: Path) -> bool:
    """Return whether films and both lungs' masks are here."""
    return (folder / "CXR_png").is_dir() and (folder / "ManualMask").is_dir()


def records(folder: Path) -> list[FilmRecord]:
    """Return the films that have both masks; NLM drew one for each."""
    found = []
    for image in sorted((folder / "CXR_png").glob("MCUCXR_*.png")):
        right = folder / "ManualMask" / "rightMask" / image.name
        left = folder / "ManualMask" / "leftMask" / image.name
        labelled = right.is_file() and left.is_file()
        found.append(
            FilmRecord(
                id=image.stem,
                patient=image.stem,
                source=SOURCE,
                image=image,
                mask=(MaskFile(right, Part.RIGHT), MaskFile(left, Part.LEFT)) if labelled else (),
                label=Label.LUNGS if labelled else Label.NONE,
                convention=Convention.HEART_EXCLUDED if labelled else Convention.NONE,
                split=Split.UNASSIGNED if labelled else Split.UNLABELLED,
                licence=_LICENCE,
                spacing_mm=SPACING_MM,
            )
        )
    return found
