"""DICOM Segmentation (PS3.3 A.51): one binary segment a structure, on the film's own grid."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from engine.case import Finding, Making
from engine.results.codes import ANATOMICAL_STRUCTURE, ARTIFICIAL_INTELLIGENCE, look_of
from engine.results.context import MANUFACTURER, Export, drawn_by_model
from engine.results.dicom import completed, head, label_of, plain_text, prepared_source, reader_name

if TYPE_CHECKING:
    from highdicom.seg import SegmentDescription
    from pydicom.dataset import Dataset


def segmentation(export: Export, *, label_map: bool = False) -> "Dataset":
    """Return the SEG of every outlined structure; binary unless a label map is asked for."""
    import highdicom as hd

    kind, description = ("labelmap", "Lungbox label map") if label_map else ("seg", "Lungbox segmentation")
    source = prepared_source(export)
    findings = export.outlined
    pixels = np.stack([finding.mask.pixels() for finding in findings], axis=-1)[None].astype(np.uint8)
    dataset = hd.seg.Segmentation(
        source_images=[source],
        pixel_array=_label_map(pixels) if label_map else pixels,
        segmentation_type="LABELMAP" if label_map else "BINARY",
        segment_descriptions=[_description(number, finding) for number, finding in enumerate(findings, start=1)],
        content_label="LUNGS",
        content_description="Outlined structures",
        content_creator_name=reader_name(export) or None,
        omit_empty_frames=False,
        **head(export, kind, description),
    )
    for item in dataset.SegmentSequence:
        if item.SegmentNumber == 0:
            continue  # a label map's background
        laterality = look_of(findings[item.SegmentNumber - 1]).laterality
        if laterality is not None:
            # CID 244: the side is a modifier nested in the type; highdicom takes no argument for it.
            property_type = item.SegmentedPropertyTypeCodeSequence[0]
            property_type.SegmentedPropertyTypeModifierCodeSequence = [laterality.concept()]
    return completed(dataset, export)


def _label_map(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return one label a pixel; where structures overlap the later one is on top."""
    labels = np.zeros(pixels.shape[:3], dtype=np.uint8)
    for number in range(pixels.shape[-1]):
        labels[pixels[..., number] > 0] = number + 1
    return labels


def _description(number: int, finding: Finding) -> "SegmentDescription":
    import highdicom as hd

    look = look_of(finding)
    by_model = drawn_by_model(finding)
    algorithm_type = "MANUAL" if not by_model else "SEMIAUTOMATIC"  # a box is always the reader's
    return hd.seg.SegmentDescription(
        segment_number=number,
        segment_label=label_of(finding),
        segmented_property_category=ANATOMICAL_STRUCTURE.concept(),
        segmented_property_type=look.type.concept(),
        algorithm_type=algorithm_type,
        algorithm_identification=_algorithm(finding) if by_model else None,
        tracking_uid=finding.tracking_uid,
        tracking_id=label_of(finding),
        display_color=hd.color.CIELabColor.from_rgb(*look.color),
    )


def _algorithm(finding: Finding) -> object:
    import highdicom as hd

    provenance = finding.provenance
    assert provenance is not None  # drawn_by_model says so
    return hd.AlgorithmIdentificationSequence(
        name=plain_text(provenance.checkpoint_name),
        family=ARTIFICIAL_INTELLIGENCE.concept(),
        version=provenance.lungbox_version,
        source=MANUFACTURER,
        parameters={
            "checkpoint": provenance.checkpoint_sha256,
            "backend": provenance.backend,
            "edited": "yes" if finding.making is Making.EDITED else "no",
        },
    )
