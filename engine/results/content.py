"""What a DICOM object holds, whoever filed it: archives write the file's head anew and keep the data set."""

import hashlib
import io
import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

# Only text is padded (PS3.5 6.2): at the end of a number, a byte that looks like padding is part of it.
_TEXT_VRS = frozenset(
    {"AE", "AS", "CS", "DA", "DS", "DT", "IS", "LO", "LT", "PN", "SH", "ST", "TM", "UC", "UI", "UR", "UT"}
)
# What results were first hashed by: of numbers, too, it took the end for padding.
_FIRST_PADDED_VRS = _TEXT_VRS | {"AT", "FD", "FL", "SL", "SS", "SV", "UL", "US", "UV"}


def content_sha256(data: bytes) -> str:
    """Return the SHA-256 of a DICOM file's data set, blind to how it is filed.

    The file meta group, explicit or implicit VR, defined or undefined lengths, group lengths and trailing padding may
    differ; no value may. Raises what pydicom raises (PYDICOM_FAULTS) where the file is none.
    """
    return _hash(data, _TEXT_VRS)


def first_content_sha256(data: bytes) -> str:
    """Return the hash by the first rule, by which older results are verified."""
    return _hash(data, _FIRST_PADDED_VRS)


def _hash(data: bytes, padded: frozenset[str]) -> str:
    from pydicom import dcmread

    digest = hashlib.sha256()
    _add(dcmread(io.BytesIO(data)), digest, padded)
    return digest.hexdigest()


def _add(dataset: "Dataset", digest: "hashlib._Hash", padded: frozenset[str]) -> None:
    from pydicom.datadict import dictionary_VR

    for tag in sorted(dataset.keys()):
        if tag.element == 0 or tag == 0xFFFCFFFC:  # a group's length; padding after the data set (PS3.10 7.2)
            continue
        raw = dataset.get_item(tag)
        vr = raw.VR or dictionary_VR(tag)
        digest.update(struct.pack("<L", tag))
        if vr == "SQ":
            items = dataset[tag].value
            digest.update(struct.pack("<L", len(items)))
            for item in items:
                _add(item, digest, padded)
            digest.update(b"end")
            continue
        value = _bytes(raw.value)
        value = value.rstrip(b"\0 ") if vr in padded else value
        digest.update(struct.pack("<Q", len(value)) + value)


def _bytes(value: object) -> bytes:
    """Return a value as the file has it: pydicom has already understood the character set and a sign, nothing else."""
    if isinstance(value, bytes):
        return value
    return struct.pack("<H", value) if isinstance(value, int) else str(value or "").encode()
