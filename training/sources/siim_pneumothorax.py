"""SIIM-ACR Pneumothorax: `dicom-images-train/STUDY/SERIES/UID.dcm` and `train-rle.csv` with run lengths.

The masks are of pneumothoraces, not of lungs: the lung recipe refuses them. A film may have several rows; -1 is none.
"""

from pathlib import Path

from training.manifest import Convention, FilmRecord, Label, MaskFile, Split, manifest_rows
from training.sources.names import patient_in

SOURCE = "siim_pneumothorax"
_LICENCE = "terms of the competition; read them before use"
_TABLE = "train-rle.csv"


def recognises(folder: Path) -> bool:
    """Return whether films and table are here."""
    return (folder / "dicom-images-train").is_dir() and (folder / _TABLE).is_file()


def records(folder: Path) -> list[FilmRecord]:
    """Return the training films; one that the table does not name has no label."""
    named = {row["ImageId"] for row in manifest_rows(folder / _TABLE, ("ImageId", "EncodedPixels"))}
    found = []
    for image in sorted((folder / "dicom-images-train").glob("*/*/*.dcm"), key=lambda path: path.stem):
        labelled = image.stem in named
        found.append(
            FilmRecord(
                id=image.stem,
                patient=patient_in(image) or image.stem,
                source=SOURCE,
                image=image,
                mask=(MaskFile(folder / _TABLE, key=image.stem),) if labelled else (),
                label=Label.PNEUMOTHORAX if labelled else Label.NONE,
                convention=Convention.NONE,
                split=Split.UNASSIGNED if labelled else Split.UNLABELLED,
                licence=_LICENCE,
            )
        )
    return found
