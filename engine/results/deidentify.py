"""De-identified export: the Basic Application Level Confidentiality Profile of PS3.15 Annex E, by an allow-list.

Nothing of the header is kept unless it is on the list below, is of the form that the list demands, and has been written
anew from its meaning: no private element, no free text, no overlay, no compressed codestream (whose comments can hold
text) and no sequence passes, but the tables of greys, as numbers. Every UID becomes a new one, the same for the same
UID throughout a key.

What no program can promise is that the pixels hold no name. The reader is asked; without an answer no pixels leave.
"""

import hashlib
import hmac
import io
import math
import re
import secrets
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from engine.case import Case, Finding, Structure
from engine.errors import OutputError
from engine.files import sha256
from engine.film.facts import VIEW_TERMS, is_chest, reads_sop_class
from engine.film.header import data_set
from engine.film.radiograph import Identity, NoteCode, Radiograph, ViewPosition
from engine.measure import Measurement, Measurements
from engine.measure.case import SUPINE, is_supine
from engine.results.dicom import say_lossy

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

# Results that show the film's pixels; masks and numbers do not.
PIXEL_KINDS = ("film", "sc", "png", "pdf")

_NUMBERS = (
    "PixelSpacing",
    "ImagerPixelSpacing",
    "NominalScannedPixelSpacing",
    "PixelAspectRatio",
    "EstimatedRadiographicMagnificationFactor",
    "DistanceSourceToDetector",
    "DistanceSourceToPatient",
    "WindowCenter",
    "WindowWidth",
    "RescaleSlope",
    "RescaleIntercept",
    "PixelIntensityRelationshipSign",
    "LossyImageCompressionRatio",
    "KVP",
)
_TERMS = {
    "Modality": re.compile("CR|DX|RF|OT|SC|PX|XA"),
    "Laterality": re.compile("[LR]"),
    "ImageLaterality": re.compile("[LRUB]"),
    "PixelIntensityRelationship": re.compile("LIN|LOG|DISP"),
    "LossyImageCompression": re.compile("0[01]"),
    "LossyImageCompressionMethod": re.compile(r"ISO_10918_1|ISO_14495_1|ISO_15444_1"),
    "PixelSpacingCalibrationType": re.compile("FIDUCIAL|GEOMETRY"),
    "PresentationIntentType": re.compile("FOR PRESENTATION|FOR PROCESSING"),
    "VOILUTFunction": re.compile("LINEAR|LINEAR_EXACT|SIGMOID"),
    "RescaleType": re.compile("US|OD|HU"),
    "ConversionType": re.compile("DV|DI|DF|WSD|SD|SI|DRW|SYN"),
    "DetectorType": re.compile("DIRECT|SCINTILLATOR|STORAGE|FILM"),
    "PositionerType": re.compile("CARM|COLUMN|RIGID|NONE"),
}
# Body Part Examined (PS3.16 annex L), as far as films are taken of it; any other that is no chest becomes OTHER.
_THORAX = frozenset({"CHEST", "THORAX", "LUNG"})
_BODY_PARTS = _THORAX | {
    "ABDOMEN", "ANKLE", "ARM", "BABYGRAM", "BREAST", "CALCANEUS", "CHESTABDOMEN", "CLAVICLE", "COCCYX", "CSPINE",
    "ELBOW", "EXTREMITY", "FEMUR", "FINGER", "FOOT", "FOREARM", "HAND", "HEAD", "HEART", "HIP", "HUMERUS", "JAW",
    "KNEE", "LEG", "LSPINE", "NECK", "PELVIS", "RIB", "RIBS", "SCAPULA", "SHOULDER", "SKULL", "SPINE", "SSPINE",
    "STERNUM", "THIGH", "THUMB", "TOE", "TSPINE", "WHOLEBODY", "WRIST",
}  # fmt: skip
_OTHER_PART = "OTHER"
# Type 2 somewhere among the films we read: there, and empty unless the list above lets a value through.
_EMPTY = (
    "PatientBirthDate",
    "PatientSex",
    "StudyDate",
    "StudyTime",
    "AccessionNumber",
    "ReferringPhysicianName",
    "StudyID",
    "Manufacturer",
    "AcquisitionDate",
    "AcquisitionTime",
    "ContentDate",
    "ContentTime",
    "PatientOrientation",
    "BodyPartExamined",
    "ViewPosition",
)
_CHARACTERISTICS = {"PatientSex": re.compile("[MFO]"), "PatientAge": re.compile(r"\d{3}[DWMY]")}
_BASIC_PROFILE = ("113100", "Basic Application Confidentiality Profile")
_RETAIN_CHARACTERISTICS = ("113108", "Retain Patient Characteristics Option")
_SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"


@dataclass(frozen=True, slots=True)
class Deidentification:
    """The reader's choices. The key makes exports under one key agree on every UID; it is never written anywhere."""

    burned_in_text_absent: bool = False  # the reader looked at the film and saw no text that names anybody
    retain_characteristics: bool = False  # sex and age (option 113108)
    key: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)

    def uid(self, uid: str) -> str:
        """Return the UID that stands for `uid` under this key."""
        digest = hmac.new(self.key, uid.encode(), hashlib.sha256).digest()
        return f"2.25.{uuid.UUID(bytes=digest[:16], version=4).int}"

    def pseudonym(self, patient_id: str) -> str:
        """Return a patient ID that stands for another under this key."""
        return f"ANON-{hmac.new(self.key, patient_id.encode(), hashlib.sha256).hexdigest()[:12].upper()}"


def deidentified(
    case: Case, measurements: Measurements, options: Deidentification, kinds: Sequence[str]
) -> tuple[Case, Measurements, bytes | None]:
    """Return case and measurements of a film that is nobody's, and the film as DICOM where its pixels may leave."""
    film = case.radiograph
    _ask_about_pixels(film, options, kinds)
    if film.source.kind == "DICOM" and film.source.header:
        plain = _film_file(film, options)
        from engine.film.dicom import radiograph_from_dicom  # reads what we wrote: nothing of the old header is left

        anonymous = radiograph_from_dicom(plain, Path("film.dcm"), sha256(plain))
    else:
        plain = None
        anonymous = _anonymous_picture(film)
    uids = {finding.tracking_uid: options.uid(finding.tracking_uid) for finding in case.findings}
    findings = tuple(_anonymous_finding(finding, number, uids) for number, finding in enumerate(case.findings, start=1))
    new_case = replace(case, radiograph=anonymous, findings=findings)
    return new_case, _anonymous_measurements(measurements, uids), plain if options.burned_in_text_absent else None


def mark(dataset: "Dataset") -> None:
    """Say in an object that it has been de-identified, and how (PS3.3 C.7.1.1)."""
    if not dataset.get("DeidentificationMethodCodeSequence"):
        _state_method(dataset, retained="PatientSex" in dataset and bool(dataset.PatientSex))


def _state_method(dataset: "Dataset", *, retained: bool) -> None:
    codes = [_BASIC_PROFILE, _RETAIN_CHARACTERISTICS] if retained else [_BASIC_PROFILE]
    dataset.PatientIdentityRemoved = "YES"
    dataset.DeidentificationMethod = "Lungbox: allow-list of PS3.15 E.1-1"
    dataset.DeidentificationMethodCodeSequence = [_code(value, "DCM", meaning) for value, meaning in codes]
    dataset.LongitudinalTemporalInformationModified = "REMOVED"


def _ask_about_pixels(film: Radiograph, options: Deidentification, kinds: Sequence[str]) -> None:
    shown = [kind for kind in kinds if kind in PIXEL_KINDS]
    if shown and not options.burned_in_text_absent:
        raise OutputError(
            f"Nobody has said whether text is burned into the film, and {', '.join(shown)} would show it.",
            advice="Look at the film and confirm that it shows no name, or leave these out.",
        )
    # Whoever vouches for the pixels gets the film itself written, whatever the kinds; its own header knows better.
    if options.burned_in_text_absent and film.has_note(NoteCode.BURNED_IN):
        raise OutputError(
            "The film's header says that text is burned in.",
            advice="Leave pictures and the film out: do not confirm that it shows no name.",
        )


def _film_file(film: Radiograph, options: Deidentification) -> bytes:
    """Return a new DICOM film: the stored values, native, and what the list lets through."""
    from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
    from pydicom.uid import UID, ExplicitVRLittleEndian

    old = data_set(film.source.header)
    new = Dataset()
    sop_class = str(old.get("SOPClassUID", ""))
    # What is not one of the standard's is private, and may say whose it is.
    new.SOPClassUID = UID(sop_class if reads_sop_class(sop_class) else _SECONDARY_CAPTURE)
    source, nobodys = film.source, f"film {film.source.pixel_sha256}"
    for keyword, uid in (
        ("SOPInstanceUID", source.sop_instance_uid),
        ("StudyInstanceUID", source.study_instance_uid),
        ("SeriesInstanceUID", source.series_instance_uid),
    ):
        setattr(new, keyword, options.uid(uid or f"{keyword} of {nobodys}"))  # films that lack one are not one film
    if old.get("FrameOfReferenceUID"):
        new.FrameOfReferenceUID = options.uid(str(old.FrameOfReferenceUID))
    new.PatientName = "ANONYMOUS"
    new.PatientID = options.pseudonym(str(old.get("PatientID") or "") or nobodys)
    _put_skeleton(old, new)
    new.SeriesNumber, new.InstanceNumber = 1, 1
    _copy_listed(old, new, _TERMS)
    _put_facts(film, old, new)
    if "ImageLaterality" in new and "Laterality" in new:
        del new.Laterality
    if options.retain_characteristics:
        _copy_listed(old, new, _CHARACTERISTICS)
    if not new.get("Modality"):
        new.Modality = "OT"
    for keyword in _NUMBERS:
        _copy_number(old, new, keyword)
    _copy_tables(old, new)
    image_type = [str(part) for part in (old.get("ImageType") or [])][:2]
    known = (
        len(image_type) == 2 and image_type[0] in ("ORIGINAL", "DERIVED") and image_type[1] in ("PRIMARY", "SECONDARY")
    )
    new.ImageType = image_type if known else ["DERIVED", "SECONDARY"]
    new.BurnedInAnnotation = "NO" if options.burned_in_text_absent else "YES"
    _state_method(new, retained=options.retain_characteristics)
    _put_pixels(film, old, new)
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = new.SOPClassUID, UID(new.SOPInstanceUID)
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    out = io.BytesIO()
    written = FileDataset(out, new, preamble=bytes(128), file_meta=meta)
    written.save_as(out, enforce_file_format=True)
    return out.getvalue()


def _put_skeleton(old: "Dataset", new: "Dataset") -> None:
    """Put in, empty, what must be there even when nothing is said."""
    for keyword in _EMPTY:
        setattr(new, keyword, None)
    if "Laterality" in old and "ImageLaterality" not in old:
        new.Laterality = None  # one of the two, never both (PS3.3 C.7.3.1)
    for keyword in ("DetectorType", "PositionerType"):  # type 2 in DX alone
        if keyword in old or _is_digital(new):
            setattr(new, keyword, None)
    if "AcquisitionContextSequence" in old:
        new.AcquisitionContextSequence = []
    if "AnatomicRegionSequence" in old:
        new.AnatomicRegionSequence = []
    if new.SOPClassUID == _SECONDARY_CAPTURE:
        new.ConversionType = "WSD"


def _put_facts(film: Radiograph, old: "Dataset", new: "Dataset") -> None:
    """Say what reading made of the header, in terms of our lists: what makes a number doubtful must leave with it."""
    stated = str(old.get("ViewPosition") or "").strip().upper()
    if VIEW_TERMS.get(stated) is film.view_position:
        new.ViewPosition = stated
    elif film.view_position is not ViewPosition.UNKNOWN:
        new.ViewPosition = film.view_position.value.upper()
    if film.orientation is not None:
        new.PatientOrientation = [film.orientation.rightwards, film.orientation.downwards]
    if is_supine(film):
        lying = _code("102538003", "SCT", "recumbent")
        lying.PatientOrientationModifierCodeSequence = [_code(SUPINE, "SCT", "supine")]
        new.PatientOrientationCodeSequence = [lying]
    if film.body_part in _BODY_PARTS:
        new.BodyPartExamined = film.body_part
    if film.has_note(NoteCode.NOT_CHEST) and is_chest(new.BodyPartExamined or ""):
        new.BodyPartExamined = _OTHER_PART
    if new.BodyPartExamined in _THORAX and "AnatomicRegionSequence" in new:
        new.AnatomicRegionSequence = [_code("816094009", "SCT", "Thorax")]
    if film.has_note(NoteCode.LOSSY):
        say_lossy(new)


def _is_digital(film: "Dataset") -> bool:
    """Return whether a film is of one of the DX classes, which demand more than others."""
    return str(film.SOPClassUID).startswith("1.2.840.10008.5.1.4.1.1.1.1")


def _code(value: str, scheme: str, meaning: str) -> "Dataset":
    from pydicom.dataset import Dataset

    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item


def _copy_listed(old: "Dataset", new: "Dataset", listed: "dict[str, re.Pattern[str]]") -> None:
    for keyword, form in listed.items():
        value = old.get(keyword)
        if value in (None, ""):
            continue
        parts = [str(part).strip() for part in (value if not isinstance(value, str) else [value])]
        if parts and all(form.fullmatch(part) for part in parts):
            setattr(new, keyword, parts if len(parts) > 1 else parts[0])


def _copy_number(old: "Dataset", new: "Dataset", keyword: str) -> None:
    """Write a number anew: as text it could hold anything."""
    from pydicom.datadict import dictionary_VR

    value = old.get(keyword)
    if value in (None, ""):
        return
    parts = list(value) if isinstance(value, Sequence) and not isinstance(value, str) else [value]
    try:
        numbers = [float(part) for part in parts]
    except (TypeError, ValueError):
        return
    if not all(math.isfinite(number) for number in numbers):
        return
    if dictionary_VR(keyword) in ("SS", "US"):
        written: list[int] | list[str] = [int(number) for number in numbers]
    else:
        whole = all(number.is_integer() for number in numbers)
        written = [str(int(number)) if whole else f"{number:.10g}"[:16] for number in numbers]
    setattr(new, keyword, written if len(written) > 1 else written[0])


def _copy_tables(old: "Dataset", new: "Dataset") -> None:
    """Keep grey tables, without the words that explain them."""
    from pydicom.dataset import Dataset

    for keyword in ("ModalityLUTSequence", "VOILUTSequence"):
        items = []
        for item in old.get(keyword) or ():
            if "LUTDescriptor" in item and "LUTData" in item:
                table = Dataset()
                table.add(item["LUTDescriptor"])
                table.add(item["LUTData"])
                if keyword == "ModalityLUTSequence":
                    table.ModalityLUTType = "US"
                items.append(table)
        if items:
            setattr(new, keyword, items)


def _put_pixels(film: Radiograph, old: "Dataset", new: "Dataset") -> None:
    stored = film.stored
    signed = stored.dtype.kind == "i"
    new.SamplesPerPixel = 1
    new.PhotometricInterpretation = "MONOCHROME1" if film.inverse else "MONOCHROME2"
    if old.get("PresentationLUTShape") or _is_digital(new):
        # Type 1 in DX; it says again what the Photometric Interpretation says (PS3.3 C.8.11.3.1.2).
        new.PresentationLUTShape = "INVERSE" if film.inverse else "IDENTITY"
    new.Rows, new.Columns = film.rows, film.columns
    new.BitsAllocated = stored.dtype.itemsize * 8
    new.BitsStored, new.HighBit = film.bits_stored, film.bits_stored - 1
    new.PixelRepresentation = int(signed)
    if film.padding is not None:
        vr = "SS" if signed else "US"
        new.add_new("PixelPaddingValue", vr, film.padding[0])
        new.add_new("PixelPaddingRangeLimit", vr, film.padding[1])
    data = np.ascontiguousarray(stored.astype(stored.dtype.newbyteorder("<"))).tobytes()
    new.add_new("PixelData", "OW" if new.BitsAllocated > 8 else "OB", data + bytes(len(data) % 2))


def _anonymous_picture(film: Radiograph) -> Radiograph:
    source = replace(film.source, path=Path("film"), file_sha256="")
    spacing = None if film.spacing is None else replace(film.spacing, detail="")
    return replace(film, source=source, identity=Identity(), spacing=spacing)


def _anonymous_finding(finding: Finding, number: int, uids: dict[str, str]) -> Finding:
    """Return a finding under its new UID; a name that the reader typed is free text, and goes."""
    name = f"Structure {number}" if finding.structure is Structure.OTHER else ""
    return replace(finding, tracking_uid=uids[finding.tracking_uid], name=name)


def _anonymous_measurements(measurements: Measurements, uids: dict[str, str]) -> Measurements:
    def renamed(row: Measurement) -> Measurement:
        masks = tuple(uids.get(uid, uid) for uid in row.evidence.masks)
        return replace(
            row, structure=uids.get(row.structure, row.structure), evidence=replace(row.evidence, masks=masks)
        )

    spacing = measurements.spacing
    if spacing is not None:
        spacing = replace(spacing, detail="")  # the file's own words
    return Measurements(tuple(renamed(row) for row in measurements), spacing)
