"""Who and what is on the film, from its header: patient, orientation, side, view, and what the reader should know."""

import re
from dataclasses import dataclass

from engine.film.header import Header
from engine.film.radiograph import SCRIPTS, Identity, Note, NoteCode, Orientation, ViewPosition
from engine.film.structure import Layout

_DX_FOR_PROCESSING = "1.2.840.10008.5.1.4.1.1.1.1.1"
_SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
# What we read, PS3.6 table A-1; the multi-frame Secondary Captures only with one frame in them.
_READ = frozenset(
    {
        "1.2.840.10008.5.1.4.1.1.1",  # Computed Radiography
        "1.2.840.10008.5.1.4.1.1.1.1",  # Digital X-Ray, for presentation
        _DX_FOR_PROCESSING,
        "1.2.840.10008.5.1.4.1.1.12.1",  # X-Ray Angiographic
        "1.2.840.10008.5.1.4.1.1.12.2",  # X-Ray Radiofluoroscopic
        _SECONDARY_CAPTURE,
        "1.2.840.10008.5.1.4.1.1.7.2",  # Multi-frame Grayscale Byte Secondary Capture
        "1.2.840.10008.5.1.4.1.1.7.3",  # Multi-frame Grayscale Word Secondary Capture
        "1.2.840.10008.5.1.4.1.1.7.4",  # Multi-frame True Color Secondary Capture
    }
)
_CHEST = ("CHEST", "THORAX", "LUNG", "RIB", "HEART", "STERNUM", "BABYGRAM", "CHESTABDOMEN", "CLAVICLE", "TSPINE")
_RADIOGRAPHS = frozenset({"CR", "DX", "RF", "XA", "RG", "OT", "SC", ""})
_ANIMAL = re.compile(r"\b(canine|feline|equine|bovine|veterinar)", re.IGNORECASE)
_TELLING = (
    "PatientSpeciesDescription",
    "AcquisitionDeviceProcessingDescription",
    "ProtocolName",
    "SeriesDescription",
    "StudyDescription",
    "InstitutionName",
)
_DIRECTION = re.compile(r"[LRAPHF]{1,3}")
# Codes of View Code Sequence (0054,0220), CID 4010: SNOMED CT and the SNOMED RT it replaced.
VIEW_CODES = {
    "272479007": ViewPosition.PA,
    "R-40888": ViewPosition.PA,
    "R-10214": ViewPosition.PA,  # in older lists
    "399348003": ViewPosition.AP,
    "R-10206": ViewPosition.AP,
    "399067008": ViewPosition.LATERAL,
    "R-102CD": ViewPosition.LATERAL,
    "399198007": ViewPosition.LATERAL,  # right lateral
    "R-10232": ViewPosition.LATERAL,
    "399173006": ViewPosition.LATERAL,  # left lateral
    "R-10236": ViewPosition.LATERAL,
}
# View Position (0018,5101): the defined terms of the CR module (PS3.3 C.8.1.1), and two more that are met.
VIEW_TERMS = {
    "PA": ViewPosition.PA,
    "AP": ViewPosition.AP,
    "LL": ViewPosition.LATERAL,
    "RL": ViewPosition.LATERAL,
    "LLD": ViewPosition.OTHER,
    "RLD": ViewPosition.OTHER,
    "LLO": ViewPosition.OTHER,
    "RLO": ViewPosition.OTHER,
    "LAT": ViewPosition.LATERAL,
    "LATERAL": ViewPosition.LATERAL,
}
_LOSSY_SYNTAXES = frozenset(
    {
        "1.2.840.10008.1.2.4.50",  # JPEG Baseline
        "1.2.840.10008.1.2.4.51",  # JPEG Extended
        "1.2.840.10008.1.2.4.81",  # JPEG-LS Near-lossless
    }
)


@dataclass(frozen=True, slots=True)
class Facts:
    """The header's account of the film, apart from its pixels."""

    orientation: Orientation | None
    laterality: str
    view_position: ViewPosition
    body_part: str
    identity: Identity
    notes: tuple[Note, ...]


def reads_sop_class(uid: str) -> bool:
    """Return whether objects of this class are films we read."""
    return uid in _READ


def is_chest(body_part: str) -> bool:
    """Return whether a stated body part has lungs in it; none stated may have."""
    return not body_part or any(part in body_part.replace(" ", "") for part in _CHEST)


def read_facts(layout: Layout, header: Header) -> Facts:
    """Return what the header says, contradictions noted."""
    notes: list[Note] = []
    orientation = _orientation(header, notes)
    view = _view(header, orientation, notes)
    body_part = header.term("BodyPartExamined")
    _note_subject(header, body_part, notes)
    _note_making(layout, header, notes)
    if _executable(layout.preamble):
        notes.append(
            Note(NoteCode.PREAMBLE_EXECUTABLE, "the file is also a program: do not run it, and tell who sent it")
        )
    notes += [Note(NoteCode.HEADER_ODD, reason) for reason in layout.odd]
    return Facts(orientation, _laterality(header), view, body_part, _identity(header), tuple(notes))


def _executable(preamble: bytes) -> bool:
    """Return whether a system would run a file that begins so (CVE-2019-11687)."""
    return preamble.startswith(
        (b"MZ", b"\x7fELF", b"#!", b"\xcf\xfa\xed\xfe", b"\xce\xfa\xed\xfe", b"\xca\xfe\xba\xbe", b"\xfe\xed\xfa")
    )


def _orientation(header: Header, notes: list[Note]) -> Orientation | None:
    """Return Patient Orientation, from the image or from its Content's row and column (PS3.3 C.7.6.1.1.1)."""
    directions = header.texts("PatientOrientation")
    if not any(directions):
        notes.append(Note(NoteCode.ORIENTATION_UNKNOWN, "the file does not say which side is the patient's left"))
        return None
    upper = [direction.upper() for direction in directions]
    if len(upper) != 2 or not all(_DIRECTION.fullmatch(direction) for direction in upper):
        notes.append(Note(NoteCode.ORIENTATION_UNKNOWN, "Patient Orientation is not two directions"))
        return None
    along, down = upper
    if _axis(along) == _axis(down):
        notes.append(Note(NoteCode.ORIENTATION_UNKNOWN, f"Patient Orientation {along}, {down} contradicts itself"))
        return None
    return Orientation(along, down)


def _axis(direction: str) -> str:
    return {"L": "LR", "R": "LR", "A": "AP", "P": "AP", "H": "HF", "F": "HF"}[direction[0]]


def _laterality(header: Header) -> str:
    """Return the side as the image says, else as its series does: "L", "R", "B", "U" (unpaired) or ""."""
    for keyword in ("ImageLaterality", "Laterality"):
        side = header.text(keyword).upper()
        if side in {"L", "R", "B", "U"}:
            return side
    return ""


def _view(header: Header, orientation: Orientation | None, notes: list[Note]) -> ViewPosition:
    """Return the view, UNKNOWN where the file's statements contradict each other."""
    stated = header.text("ViewPosition").upper()
    views = set()
    if stated:
        views.add(VIEW_TERMS.get(stated, ViewPosition.OTHER))
    for item in header.items("ViewCodeSequence")[:1]:
        code = item.text("CodeValue")
        if code:
            views.add(VIEW_CODES.get(code, ViewPosition.OTHER))
    if len(views) > 1:
        views.discard(ViewPosition.OTHER)
    if len(views) > 1:
        notes.append(Note(NoteCode.VIEW_UNKNOWN, "View Position and its code contradict each other"))
        return ViewPosition.UNKNOWN
    view = views.pop() if views else ViewPosition.UNKNOWN
    sideways = orientation is not None and "AP" in {_axis(orientation.rightwards), _axis(orientation.downwards)}
    if view is ViewPosition.UNKNOWN and not sideways:
        notes.append(Note(NoteCode.VIEW_UNKNOWN, "the file does not say whether the view is PA, AP or lateral"))
    elif view is ViewPosition.AP:
        notes.append(Note(NoteCode.VIEW_AP, "an AP view: the heart and mediastinum are magnified"))
    elif view is not ViewPosition.PA or sideways:
        notes.append(Note(NoteCode.NOT_FRONTAL, "not a frontal view, or not stated to be one"))
    return view


def _note_subject(header: Header, body_part: str, notes: list[Note]) -> None:
    """Note what is not a human chest."""
    modality = header.term("Modality")
    if not is_chest(body_part):
        notes.append(Note(NoteCode.NOT_CHEST, f"the body part is stated as {body_part}"))
    elif modality not in _RADIOGRAPHS:
        notes.append(Note(NoteCode.NOT_CHEST, f"the modality is stated as {modality}"))
    elif header.term("AnatomicalOrientationType") == "QUADRUPED" or any(
        _ANIMAL.search(header.text(keyword)) for keyword in _TELLING
    ):
        notes.append(Note(NoteCode.NOT_CHEST, "an animal's film"))


def _note_making(layout: Layout, header: Header, notes: list[Note]) -> None:
    """Note how the film was made, where that bears on reading it."""
    if header.text("LossyImageCompression") == "01" or layout.transfer_syntax in _LOSSY_SYNTAXES:
        ratios = [ratio for ratio in header.numbers("LossyImageCompressionRatio") if 1 <= ratio < 1e4]
        how = f", {ratios[-1]:g} to 1" if ratios else ""
        notes.append(Note(NoteCode.LOSSY, f"the picture has been compressed with loss{how}"))
    intent = header.text("PresentationIntentType").upper()
    if intent == "FOR PROCESSING" or header.uid("SOPClassUID") == _DX_FOR_PROCESSING:
        notes.append(Note(NoteCode.FOR_PROCESSING, "raw detector data, not processed for reading"))
    if header.text("BurnedInAnnotation").upper() == "YES":
        notes.append(Note(NoteCode.BURNED_IN, "text is burned into the picture; it may name the patient"))


def _identity(header: Header) -> Identity:
    return Identity(
        patient_name=_person(header.text("PatientName")),
        patient_id=header.text("PatientID"),
        birth_date=header.text("PatientBirthDate"),
        sex=header.text("PatientSex"),
        study_date=header.text("StudyDate"),
        study_time=header.text("StudyTime"),
        study_description=header.text("StudyDescription"),
        accession_number=header.text("AccessionNumber"),
        institution=header.text("InstitutionName"),
    )


def _person(name: str) -> str:
    """Return a person's name as it is read aloud: "Family, Given Middle", each script in turn (PS3.5 6.2.1)."""
    groups = []
    for group in name.split("="):
        family, *rest = (part.strip() for part in group.split("^"))
        given = " ".join(part for part in rest if part)
        readable = ", ".join(part for part in (family, given) if part)
        if readable:
            groups.append(readable)
    return SCRIPTS.join(groups)
