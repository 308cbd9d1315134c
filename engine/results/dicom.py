"""What every DICOM object we write shares: a source that highdicom accepts, common attributes, bytes."""

import bisect
import io
import logging
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Any

from engine.case import Finding
from engine.film.radiograph import NoteCode
from engine.results.codes import PRIVATE_SCHEME, look_of
from engine.results.context import MANUFACTURER, MODEL_NAME, REFERRED, SERIAL_NUMBER, Export
from engine.version import VERSION

if TYPE_CHECKING:
    from highdicom.coding_schemes import CodingSchemeIdentificationItem
    from pydicom.dataelem import DataElement
    from pydicom.dataset import Dataset

# Type 2 of the Patient and General Study modules (PS3.3 C.7.1.1, C.7.2.1): there, though they may be empty.
_TYPE_2 = (
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyDate",
    "StudyTime",
    "ReferringPhysicianName",
    "StudyID",
    "AccessionNumber",
)
_UTF_8 = "ISO_IR 192"
_COMPUTED_RADIOGRAPHY = "1.2.840.10008.5.1.4.1.1.1"
# Where a slice lies in the patient; a projection lies nowhere, whatever its header says.
_OF_A_SLICE = (
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "ImageOrientationSlide",
    "ImageCenterPointCoordinatesSequence",
    "SliceThickness",
    "SpacingBetweenSlices",
    "SharedFunctionalGroupsSequence",
    "PerFrameFunctionalGroupsSequence",
)


def _is_date(text: str) -> bool:
    """Return whether a DA is a day: 00000000, by which some systems mean none, is not."""
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return re.fullmatch(r"[0-9]{8}", text) is not None


def _matches(pattern: str) -> Callable[[str], bool]:
    return lambda text: re.fullmatch(pattern, text) is not None


# highdicom parses these and refuses a film whose header holds anything else; such values are set aside while it works,
# and put back as they were: a result must name its patient exactly as the film does.
_PARSED: dict[str, Callable[[str], bool]] = {
    "PatientBirthDate": _is_date,
    "StudyDate": _is_date,
    "StudyTime": _matches(r"([01]\d|2[0-3])([0-5]\d([0-5]\d(\.\d{1,6})?)?)?"),
    "PatientSex": _matches("[MFO]"),  # PS3.3 C.7.1.1
}


def prepared_source(export: Export) -> "Dataset":
    """Return the film's header with every attribute that highdicom copies from it present and legal.

    Its class is CR's, as highdicom takes a film for many frames by its class; `completed` puts the film's own back.
    """
    from pydicom.datadict import dictionary_VR, tag_for_keyword
    from pydicom.dataelem import DataElement
    from pydicom.multival import MultiValue

    source = export.source()
    source.decode()  # highdicom writes text in the film's character set, and does not know all that films use
    source.SpecificCharacterSet = _UTF_8
    source.SOPClassUID = _COMPUTED_RADIOGRAPHY
    film = export.case.radiograph
    for keyword in _TYPE_2:
        # A backslash in a name makes it several names, which highdicom refuses.
        if keyword not in source or isinstance(source[keyword].value, MultiValue):
            source[keyword] = DataElement(tag_for_keyword(keyword) or 0, dictionary_VR(keyword), None)
    for keyword, legal in _PARSED.items():
        if not legal(str(source[keyword].value or "").strip()):
            setattr(source, keyword, None)
    # A millimetre that reading refused must not come back through a result.
    for keyword in _OF_A_SLICE if film.spacing else (*_OF_A_SLICE, "PixelSpacing"):
        source.pop(keyword, None)
    source.Rows, source.Columns, source.SamplesPerPixel = film.rows, film.columns, 1
    return source


def attribute_at_fault(export: Export, make: Callable[[Export], object], faults: tuple[type[Exception], ...]) -> str:
    """Return the name of the attribute of the film's header that keeps `make` from working; empty where none does."""
    from pydicom.datadict import dictionary_description, dictionary_has_tag

    header = export.source()
    referred = {header[keyword].tag for keyword in REFERRED}
    tags = [tag for tag in header.keys() if tag not in referred]  # noqa: SIM118 - iterating would decode every value

    def works_without(count: int) -> bool:
        try:
            make(replace(export, without=frozenset(tags[:count])))
        except faults:
            return False
        return True

    if not works_without(len(tags)):
        return ""
    last = tags[bisect.bisect_left(range(len(tags)), True, key=works_without) - 1]
    name = dictionary_description(last) if dictionary_has_tag(last) else "private attribute"
    return f"{name} ({last.group:04X},{last.element:04X})"


def head(export: Export, kind: str, description: str) -> dict[str, Any]:
    """Return what every object says of itself, as highdicom's constructors take it: its UIDs, and who made it."""
    ids = export.ids[kind]
    return {
        "series_instance_uid": ids.series_uid,
        "series_number": ids.series_number,
        "series_description": description,
        "sop_instance_uid": ids.instance_uid,
        "instance_number": 1,
        "manufacturer": MANUFACTURER,
        "manufacturer_model_name": MODEL_NAME,
        "software_versions": VERSION,
        "device_serial_number": SERIAL_NUMBER,
    }


def plain_text(text: str, most: int = 64) -> str:
    """Return text as one value of LO (PS3.5 6.2): a backslash would part it in two, and controls are not allowed."""
    writable = text.encode("utf-8", "replace").decode("utf-8")
    return re.sub(r"[\\\x00-\x1f\x7f-\x9f]+", " ", writable).strip()[:most].rstrip()


def label_of(finding: Finding) -> str:
    """Return the structure's label as every object writes it."""
    return plain_text(finding.label) or look_of(finding).name


def say_lossy(dataset: "Dataset") -> None:
    """Say that pixels come from a lossy film: once lost is lost for good (PS3.3 C.7.6.1.1.5)."""
    dataset.LossyImageCompression = "01"


def reader_name(export: Export) -> str:
    """Return the reader as a DICOM person name; as typed, so all of it is the family name (PS3.5 6.2.1)."""
    plain = plain_text(re.sub(r"[\^=]+", " ", export.reader), 60)
    return f"{plain}^" if plain else ""


def private_scheme() -> "CodingSchemeIdentificationItem":
    """Return the item by which a reader knows whose the private codes are (PS3.3 C.12.1.1.6)."""
    from highdicom.coding_schemes import CodingSchemeIdentificationItem

    return CodingSchemeIdentificationItem(
        designator=PRIVATE_SCHEME,
        name="Lungbox chest radiograph measurements",
        version=VERSION,
        responsible_organization=MANUFACTURER,
    )


def completed(dataset: "Dataset", export: Export) -> "Dataset":
    """Return the object with the attributes that highdicom leaves to its caller."""
    stamp = export.made_at
    date, time = stamp.strftime("%Y%m%d"), stamp.strftime("%H%M%S")
    for keyword in ("InstanceCreation", "Content", "Series"):
        setattr(dataset, f"{keyword}Date", date)
        setattr(dataset, f"{keyword}Time", time)
    if export.made_at.utcoffset() is not None:
        dataset.TimezoneOffsetFromUTC = stamp.strftime("%z")
    source = export.source()
    for keyword in _TYPE_2:
        if keyword in source:
            dataset[keyword] = source[keyword]

    def refer_to_film(item: "Dataset", element: "DataElement") -> None:
        if element.keyword == "ReferencedSOPInstanceUID" and element.value == source.SOPInstanceUID:
            item.ReferencedSOPClassUID = source.SOPClassUID

    dataset.walk(refer_to_film)
    film = export.case.radiograph
    if "Rows" in dataset and film.has_note(NoteCode.LOSSY):
        say_lossy(dataset)
        for keyword in ("LossyImageCompressionRatio", "LossyImageCompressionMethod"):
            if source.get(keyword):
                dataset[keyword] = source[keyword]
    orientation = film.orientation
    if "Rows" in dataset and "PatientOrientation" not in dataset:
        # Type 2C in General Image: empty where the film does not state it (PS3.3 C.7.6.1.1.1).
        dataset.PatientOrientation = [orientation.rightwards, orientation.downwards] if orientation else None
    if str(dataset.Modality) not in ("SEG", "SR") and "Laterality" not in dataset:
        # Type 2C in General Series: a chest has no side, so empty (PS3.3 C.7.3.1).
        dataset.Laterality = None
    # Text copied from the film may be of any script.
    dataset.SpecificCharacterSet = _UTF_8
    if export.deidentified:
        from engine.results.deidentify import mark

        mark(dataset)
    return dataset


def encoded(dataset: "Dataset") -> bytes:
    """Return the object as a DICOM file; its preamble is zero."""
    out = io.BytesIO()
    with only_our_warnings():
        dataset.save_as(out, enforce_file_format=True)
    return out.getvalue()


@contextmanager
def only_our_warnings() -> Iterator[None]:
    """Silence pydicom's and highdicom's remarks on the source's values, which they quote."""
    loggers = [logging.getLogger(name) for name in ("pydicom", "highdicom")]
    before = [logger.disabled for logger in loggers]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for logger in loggers:
            logger.disabled = True
        try:
            yield
        finally:
            for logger, disabled in zip(loggers, before, strict=True):
                logger.disabled = disabled
