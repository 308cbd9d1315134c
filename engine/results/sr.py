"""DICOM Structured Report, TID 1500: a planar ROI group a structure, groups without ROI for what lies between them."""

import json
import uuid
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.case import Finding
from engine.geometry import SpacingOrigin
from engine.measure import Caveat, Measurement
from engine.results.codes import (
    ANATOMICAL_STRUCTURE,
    ARTIFICIAL_INTELLIGENCE,
    BILATERAL,
    CONCEPTS,
    DISTANCE,
    FRONTAL_CHEST,
    HEART,
    LUNG,
    MARKS,
    NO,
    PLAIN_CHEST_XRAY,
    PRIVATE_SCHEME,
    QUALITATIVE_EVALUATIONS,
    THORAX,
    UNITS,
    YES,
    Code,
    look_of,
    looks,
)
from engine.results.context import (
    MANUFACTURER,
    MODEL_NAME,
    SERIAL_NUMBER,
    Export,
    structure_key,
)
from engine.results.dicom import completed, head, label_of, prepared_source, private_scheme, reader_name
from engine.results.document import structure
from engine.results.marks import marks_values
from engine.version import VERSION

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

# Prefix of the text item that holds what `lungbox replay` needs of a structure, as JSON.
REPLAY_PREFIX = "lungbox-replay:"

# Where the millimetres of a value come from travels as its Measurement Method (TID 300).
_METHODS = {
    SpacingOrigin.DETECTOR: Code("MM-DETECTOR", PRIVATE_SCHEME, "Millimetres at the detector, magnified"),
    SpacingOrigin.FIDUCIAL: Code("MM-FIDUCIAL", PRIVATE_SCHEME, "Millimetres calibrated by a fiducial"),
    SpacingOrigin.GEOMETRY: Code("MM-GEOMETRY", PRIVATE_SCHEME, "Millimetres corrected for magnification"),
    SpacingOrigin.CORRECTED: Code("MM-CORRECTED", PRIVATE_SCHEME, "Millimetres corrected, type not stated"),
    SpacingOrigin.UNKNOWN: Code("MM-UNKNOWN", PRIVATE_SCHEME, "Millimetres of unknown origin"),
    SpacingOrigin.SCANNER: Code("MM-SCANNER", PRIVATE_SCHEME, "Millimetres at the surface of the film"),
    SpacingOrigin.USER: Code("MM-USER", PRIVATE_SCHEME, "Millimetres calibrated by the reader"),
}
_IMAGING_MEASUREMENTS = "126010"
_MODALITIES = {
    "CR": Code("CR", "DCM", "Computed Radiography"),
    "DX": Code("DX", "DCM", "Digital Radiography"),
    "RF": Code("RF", "DCM", "Radiofluoroscopy"),
    "XA": Code("XA", "DCM", "X-Ray Angiography"),
    "OT": Code("OT", "DCM", "Other"),
}
_PIXELS = Code("PIXELS", PRIVATE_SCHEME, "Pixels, no spacing")
_CAVEAT = Code("CAVEAT", PRIVATE_SCHEME, "Caveat")
_CAVEATS = {
    Caveat.AP: Code("AP", PRIVATE_SCHEME, "AP view, heart magnified"),
    Caveat.SUPINE: Code("SUPINE", PRIVATE_SCHEME, "Supine"),
    Caveat.VIEW_UNKNOWN: Code("VIEW-UNKNOWN", PRIVATE_SCHEME, "View not stated"),
    Caveat.MAGNIFIED: Code("MAGNIFIED", PRIVATE_SCHEME, "Magnified: millimetres at the detector"),
    Caveat.SPACING_UNKNOWN: Code("SPACING-UNKNOWN", PRIVATE_SCHEME, "Plane of millimetres not stated"),
    Caveat.ORIENTATION_ASSUMED: Code("ORIENT-ASSUMED", PRIVATE_SCHEME, "Orientation not stated, taken as upright"),
    Caveat.FRAGMENTS: Code("FRAGMENTS", PRIVATE_SCHEME, "Mask in several parts"),
    Caveat.OVERLAP: Code("OVERLAP", PRIVATE_SCHEME, "Masks overlap"),
    Caveat.SPLIT: Code("SPLIT", PRIVATE_SCHEME, "Sides split automatically"),
    Caveat.CUT_OFF: Code("CUT-OFF", PRIVATE_SCHEME, "Mask reaches the edge of the film"),
    Caveat.NOT_CHEST: Code("NOT-CHEST", PRIVATE_SCHEME, "Film not stated to be a chest"),
    Caveat.LOSSY: Code("LOSSY", PRIVATE_SCHEME, "Lossy compression"),
    Caveat.NOT_FRONTAL: Code("NOT-FRONTAL", PRIVATE_SCHEME, "Not a frontal view, outlines not to be trusted"),
    Caveat.DOUBTED: Code("DOUBTED", PRIVATE_SCHEME, "No frontal chest by its looks, outlines not to be trusted"),
}


def report(export: Export, segmentation: "Dataset") -> "Dataset":
    """Return the SR that refers to the film and to the segmentation of the same bundle."""
    import highdicom as hd

    source = prepared_source(export)
    groups: list[Any] = []
    for number, finding in enumerate(export.outlined, start=1):
        groups += _structure_groups(export, source, segmentation, number=number, finding=finding)
    outlined = {structure_key(finding) for finding in export.outlined}
    for key, code in (("both_lungs", LUNG), ("thorax", THORAX), ("heart", HEART)):
        rows = [row for row in export.of_structure(key) if row.value is not None]
        if rows and key not in outlined:
            groups.append(_group_between(export, source, key, code=code, rows=rows))
    content = hd.sr.MeasurementReport(
        observation_context=_observers(export),
        procedure_reported=PLAIN_CHEST_XRAY.concept(),
        imaging_measurements=groups,
        title=Code("126000", "DCM", "Imaging Measurement Report").concept(),
    )
    root = content[0]
    measured = next(i for i, item in enumerate(root.ContentSequence) if item.name.value == _IMAGING_MEASUREMENTS)
    root.ContentSequence.insert(measured, _image_library(export, source))
    root.ContentSequence.append(_about_film(export))
    dataset = hd.sr.ComprehensiveSR(
        evidence=[source, segmentation],
        content=root,
        is_complete=True,
        is_final=False,
        is_verified=False,
        **head(export, "sr", "Lungbox measurements"),
    )
    dataset.CodingSchemeIdentificationSequence = [private_scheme()]
    return completed(dataset, export)


def tracking_uid_between(export: Export, key: str) -> str:
    """Return the tracking UID of what has no mask of its own: the same for every run on one study."""
    study = export.case.radiograph.source.study_instance_uid
    return f"2.25.{uuid.uuid5(uuid.NAMESPACE_OID, f'{study}/{key}').int}"


def _image_library(export: Export, source: "Dataset") -> Any:
    """Return TID 1600 with the one film. highdicom's own demands an orientation and a spacing that films may lack."""
    from highdicom.sr import (
        CodeContentItem,
        ContainerContentItem,
        ContentSequence,
        ImageContentItem,
        NumContentItem,
        TextContentItem,
    )

    film, context = export.case.radiograph, "HAS ACQ CONTEXT"
    modality = _MODALITIES.get(film.source.modality, _MODALITIES["OT"])
    about: list[Any] = [
        CodeContentItem(Code("121139", "DCM", "Modality").concept(), modality.concept(), relationship_type=context)
    ]
    counts = (
        (Code("110910", "DCM", "Pixel Data Rows"), film.rows),
        (Code("110911", "DCM", "Pixel Data Columns"), film.columns),
    )
    sizes = []
    if film.spacing is not None:
        sizes = [
            (Code("111026", "DCM", "Horizontal Pixel Spacing"), film.spacing.column_mm),
            (Code("111066", "DCM", "Vertical Pixel Spacing"), film.spacing.row_mm),
        ]
    about += [
        NumContentItem(c.concept(), value, UNITS["px"].concept(), relationship_type=context) for c, value in counts
    ]
    if film.orientation is not None:
        directions = (
            (Code("111044", "DCM", "Patient Orientation Row"), film.orientation.rightwards),
            (Code("111043", "DCM", "Patient Orientation Column"), film.orientation.downwards),
        )
        about += [TextContentItem(c.concept(), way, relationship_type=context) for c, way in directions]
    about += [NumContentItem(c.concept(), size, UNITS["mm"].concept(), relationship_type=context) for c, size in sizes]
    image = ImageContentItem(
        Code("260753009", "SCT", "Source").concept(),
        referenced_sop_class_uid=source.SOPClassUID,
        referenced_sop_instance_uid=source.SOPInstanceUID,
        relationship_type="CONTAINS",
    )
    image.ContentSequence = ContentSequence(about)
    group = ContainerContentItem(Code("126200", "DCM", "Image Library Group").concept(), relationship_type="CONTAINS")
    group.ContentSequence = ContentSequence([image])
    library = ContainerContentItem(Code("111028", "DCM", "Image Library").concept(), relationship_type="CONTAINS")
    library.ContentSequence = ContentSequence([group])
    return library


def _about_film(export: Export) -> Any:
    """Return what is said of the film as a whole: whether it looks like a chest, and the reader's marks in full.

    A polyline's coordinates are single precision (SCOORD, PS3.3 C.18.6); the text has them as they were drawn.
    """
    from highdicom.sr import CodeContentItem, ContainerContentItem, ContentSequence, TextContentItem

    said: list[Any] = []
    likeness, within = export.case.likeness, "CONTAINS"
    if likeness is not None:
        answer = NO if likeness.doubtful else YES
        said.append(CodeContentItem(FRONTAL_CHEST.concept(), answer.concept(), relationship_type=within))
    data = json.dumps(marks_values(export.case), separators=(",", ":"), allow_nan=False)
    said.append(TextContentItem(MARKS.concept(), data, relationship_type=within))
    container = ContainerContentItem(QUALITATIVE_EVALUATIONS.concept(), relationship_type=within)
    container.ContentSequence = ContentSequence(said)
    return container


def _observers(export: Export) -> Any:
    import highdicom as hd

    device = hd.sr.ObserverContext(
        observer_type=Code("121007", "DCM", "Device").concept(),
        observer_identifying_attributes=hd.sr.DeviceObserverIdentifyingAttributes(
            # One device observer for one version of the program, wherever it runs.
            uid=f"2.25.{uuid.uuid5(uuid.NAMESPACE_OID, f'lungbox/{VERSION}').int}",
            name=MODEL_NAME,
            manufacturer_name=MANUFACTURER,
            model_name=f"{MODEL_NAME} {VERSION}",
            serial_number=SERIAL_NUMBER,
        ),
    )
    person = None
    if reader_name(export):
        person = hd.sr.ObserverContext(
            observer_type=Code("121006", "DCM", "Person").concept(),
            observer_identifying_attributes=hd.sr.PersonObserverIdentifyingAttributes(name=reader_name(export)),
        )
    return hd.sr.ObservationContext(observer_person_context=person, observer_device_context=device)


def _structure_groups(
    export: Export, source: "Dataset", segmentation: "Dataset", *, number: int, finding: Finding
) -> list[Any]:
    """Return the structure's ROI group and, as TID 1410 admits no other coordinates, a TID 1501 group for its lines."""
    import highdicom as hd

    look = look_of(finding)
    measured = [row for row in export.of_structure(structure_key(finding)) if row.value is not None]
    rows = [row for row in measured if not row.evidence.lines]
    lengths = [row for row in measured if row.evidence.lines]
    site = hd.sr.FindingSite(
        anatomic_location=look.type.concept(), laterality=look.laterality.concept() if look.laterality else None
    )
    referenced = hd.sr.ReferencedSegmentationFrame(
        sop_class_uid=segmentation.SOPClassUID,
        sop_instance_uid=segmentation.SOPInstanceUID,
        frame_number=number,
        segment_number=number,
        source_image=hd.sr.SourceImageForSegmentation(source.SOPClassUID, source.SOPInstanceUID),
    )
    # A segment or a frame, not both (PS3.3 table 10-3); a binary segment of one film is one frame anyway.
    del referenced[0].ReferencedSOPSequence[0].ReferencedFrameNumber
    region = hd.sr.PlanarROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=hd.sr.TrackingIdentifier(uid=finding.tracking_uid, identifier=label_of(finding)),
        referenced_segment=referenced,
        finding_category=ANATOMICAL_STRUCTURE.concept(),
        finding_type=look.type.concept(),
        finding_sites=[site],
        algorithm_id=_algorithm(finding, number),
        measurements=[_measurement(row, source) for row in rows],
        qualitative_evaluations=_caveats(rows),
    )
    if not lengths:
        return [region]
    lines = hd.sr.MeasurementsAndQualitativeEvaluations(
        tracking_identifier=hd.sr.TrackingIdentifier(uid=finding.tracking_uid, identifier=label_of(finding)),
        finding_category=ANATOMICAL_STRUCTURE.concept(),
        finding_type=look.type.concept(),
        finding_sites=[site],
        measurements=[_measurement(row, source) for row in lengths],
        qualitative_evaluations=_caveats(lengths),
        source_images=[hd.sr.SourceImageForMeasurementGroup(source.SOPClassUID, source.SOPInstanceUID)],
    )
    return [region, lines]


def _group_between(export: Export, source: "Dataset", key: str, *, code: Code, rows: list[Measurement]) -> Any:
    import highdicom as hd

    laterality = BILATERAL.concept() if key == "both_lungs" else None
    names = {"thorax": "Thorax"}
    return hd.sr.MeasurementsAndQualitativeEvaluations(
        tracking_identifier=hd.sr.TrackingIdentifier(
            uid=tracking_uid_between(export, key), identifier=names.get(key) or looks()[key].name
        ),
        finding_category=ANATOMICAL_STRUCTURE.concept(),
        finding_type=code.concept(),
        finding_sites=[hd.sr.FindingSite(anatomic_location=code.concept(), laterality=laterality)],
        measurements=[_measurement(row, source) for row in rows],
        qualitative_evaluations=_caveats(rows),
        source_images=[hd.sr.SourceImageForMeasurementGroup(source.SOPClassUID, source.SOPInstanceUID)],
    )


def _algorithm(finding: Finding, number: int) -> Any:
    """Return TID 4019 with the checkpoint, the backend and all that replay needs; also for masks drawn by hand."""
    import highdicom as hd

    provenance = finding.provenance
    replay = f"{REPLAY_PREFIX} {json.dumps(structure(finding, number), separators=(',', ':'))}"
    if provenance is None:
        return hd.sr.AlgorithmIdentification(name="Drawn by hand", version=VERSION, parameters=[replay])
    return hd.sr.AlgorithmIdentification(
        name=provenance.checkpoint_name,
        version=provenance.lungbox_version,
        parameters=[f"checkpoint SHA-256: {provenance.checkpoint_sha256}", f"backend: {provenance.backend}", replay],
        family=ARTIFICIAL_INTELLIGENCE.concept(),
        manufacturer=MANUFACTURER,
    )


def _measurement(row: Measurement, source: "Dataset") -> Any:
    import highdicom as hd

    assert row.value is not None  # rows without a value are left out: TID 300 has no place for our reasons
    image = hd.sr.SourceImageForRegion(source.SOPClassUID, source.SOPInstanceUID)
    method = _METHODS[row.origin] if row.origin is not None else _PIXELS if row.unit == "px" else None
    properties = None
    if row.interval is not None:
        low, high = row.interval
        properties = hd.sr.MeasurementProperties(
            upper_measurement_uncertainty=high - row.value, lower_measurement_uncertainty=row.value - low
        )
    name = DISTANCE if row.id.startswith("distance-") else CONCEPTS[row.id]
    return hd.sr.Measurement(
        name=name.concept(),
        value=row.value,
        unit=UNITS[row.unit].concept(),
        method=method.concept() if method else None,
        properties=properties,
        referenced_coordinates=[
            hd.sr.CoordinatesForMeasurement(
                graphic_type="POLYLINE",
                graphic_data=np.array([[line.x0, line.y0], [line.x1, line.y1]]),
                source_image=image,
            )
            for line in row.evidence.lines
        ]
        or None,
    )


def _caveats(rows: list[Measurement]) -> Any:
    import highdicom as hd

    found = dict.fromkeys(caveat for row in rows for caveat in row.caveats)
    return [hd.sr.QualitativeEvaluation(_CAVEAT.concept(), _CAVEATS[caveat].concept()) for caveat in found] or None
