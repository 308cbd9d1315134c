"""What a DICOM object holds, whoever filed it: archives write the file's head anew and keep the data set."""

import hashlib
import io
import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_BYTES_VRS = {"OB", "OW", "OD", "OF", "OL", "OV", "UN"}


def content_sha256(data: bytes) -> str:
    """Return the SHA-256 of a DICOM file's data set, blind to how it is filed.

    The file meta group, explicit or implicit VR, defined or undefined lengths, group lengths and trailing padding may
    differ; no value may. Raises what pydicom raises (PYDICOM_FAULTS) where the file is none.
    """
    from pydicom import dcmread

    digest = hashlib.sha256()
    _add(dcmread(io.BytesIO(data)), digest)
    return digest.hexdigest()


def _add(dataset: "Dataset", digest: "hashlib._Hash") -> None:
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
                _add(item, digest)
            digest.update(b"end")
            continue
        # pydicom has already understood the character set, and nothing else.
        value = raw.value if isinstance(raw.value, bytes) else str(raw.value or "").encode()
        value = value if vr in _BYTES_VRS else value.rstrip(b"\0 ")
        digest.update(struct.pack("<Q", len(value)) + value)
