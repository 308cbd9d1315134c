"""Whose film it is: what file names say, where collections kept those of a hospital's archive, and what DICOM says."""

import re
from pathlib import Path

import pydicom
from pydicom.errors import InvalidDicomError

from training.manifest import DataError

_BIMCV_SUBJECT = re.compile(r"sub-(S\d+)")


def patient_from(stem: str) -> str:
    """Return the subject of a BIMCV name (sub-S03047_ses-...); any other film counts as a patient of its own.

    That is all these collections say of patients, so their films also need the perceptual hash (`training.duplicates`).
    """
    found = _BIMCV_SUBJECT.search(stem)
    return found.group(1) if found else stem


def patient_in(path: Path) -> str:
    """Return the patient that a DICOM file names, "" where it names none; DataError where it is no such file."""
    try:
        header = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=["PatientID"])
    except (InvalidDicomError, OSError, EOFError) as error:
        raise DataError(f"{path.name} is not a DICOM file.") from error
    return str(header.get("PatientID") or "")
