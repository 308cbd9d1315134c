"""What all results of one export share: the case, its numbers, one time, and one set of UIDs."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING

from engine.case import Case, Finding, Making
from engine.errors import OutputError
from engine.measure import Change, Measurement, Measurements, Prior
from engine.version import VERSION

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

MANUFACTURER = "Lungbox"
MODEL_NAME = "Lungbox"
NOTICE = "Research software, not a medical device. Not for diagnosis or treatment."
# Device Serial Number is type 1 in what we write; software has none, so its version stands in.
SERIAL_NUMBER = VERSION

# What every DICOM result refers to its film by.
REFERRED = ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID")
DICOM_KINDS = ("seg", "labelmap", "sr", "gsps", "sc")
# Series numbers after any that a modality uses, one for each kind of object.
_SERIES_NUMBERS = {"seg": 9101, "sr": 9102, "gsps": 9103, "sc": 9104, "labelmap": 9105}


def new_uid() -> str:
    """Return a UID derived from a UUID (PS3.5 B.2)."""
    return f"2.25.{uuid.uuid4().int}"


@dataclass(frozen=True, slots=True)
class Ids:
    """Series and instance of one object we write."""

    series_uid: str
    series_number: int
    instance_uid: str


def new_ids() -> Mapping[str, Ids]:
    """Return new UIDs for each kind of DICOM object."""
    return MappingProxyType({kind: Ids(new_uid(), _SERIES_NUMBERS[kind], new_uid()) for kind in DICOM_KINDS})


@dataclass(frozen=True, slots=True, eq=False)
class Export:
    """One accepted case on its way to files. The same in every object of the bundle."""

    case: Case
    measurements: Measurements
    made_at: datetime
    reader: str = ""  # as the reader wants to be named; results say "Reader" when empty
    deidentified: bool = False
    language: str = "en"  # of the PDF alone: every other file is for machines, and stays as it is
    prior: Prior | None = None  # an earlier film of the patient, to say what changed since
    without: frozenset[int] = frozenset()  # tags of the header left out, to find the one at fault
    ids: Mapping[str, Ids] = field(default_factory=new_ids)

    @property
    def outlined(self) -> tuple[Finding, ...]:
        """The findings that hold pixels, in drawing order: segment 1, 2, ... of every object."""
        return tuple(finding for finding in self.case.findings if not finding.mask.is_empty)

    @property
    def changes(self) -> tuple[Change, ...]:
        """What changed since the prior; nothing without one."""
        return () if self.prior is None else self.prior.changes_to(self.measurements)

    def of_structure(self, key: str) -> tuple[Measurement, ...]:
        """Return the measurements of one structure."""
        return tuple(row for row in self.measurements if row.structure == key)

    def source(self) -> "Dataset":
        """Return the film's header as pydicom holds it; OutputError where the film is no DICOM."""
        from engine.film.header import data_set

        film = self.case.radiograph
        if film.source.kind != "DICOM" or not film.source.header:
            raise OutputError(
                f"A {film.source.kind} film has no patient and no study for a DICOM result to belong to.",
                advice="Choose PNG, NIfTI, CSV, JSON or PDF, or open the film's DICOM file.",
            )
        dataset = data_set(film.source.header)
        for tag in self.without:
            dataset.pop(tag, None)
        lacking = [keyword for keyword in REFERRED if not dataset.get(keyword)]
        if lacking:
            raise OutputError(
                f"The film's header lacks {', '.join(lacking)}, which every DICOM result must refer to.",
                advice="Export the film again from its system, or choose PNG, CSV, JSON or PDF.",
            )
        return dataset


def structure_key(finding: Finding) -> str:
    """Return what the measurements of a finding are filed under."""
    from engine.case import Structure

    return finding.tracking_uid if finding.structure is Structure.OTHER else finding.structure.value


def drawn_by_model(finding: Finding) -> bool:
    """Return whether a model drew the mask, edited since or not."""
    return finding.making in (Making.MODEL, Making.EDITED) and finding.provenance is not None
