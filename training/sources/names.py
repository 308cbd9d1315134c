"""What file names say of a patient, where the Qatar collections kept the names of the hospital's archive."""

import re

_BIMCV_SUBJECT = re.compile(r"sub-(S\d+)")


def patient_from(stem: str) -> str:
    """Return the subject of a BIMCV name (sub-S03047_ses-...); any other film counts as a patient of its own.

    That is all these collections say of patients, so their films also need the perceptual hash (`training.duplicates`).
    """
    found = _BIMCV_SUBJECT.search(stem)
    return found.group(1) if found else stem
