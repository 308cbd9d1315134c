"""From the model's answer to named lungs: which lung is which, and the last tidy step. One rule for all callers."""

from engine.case import Finding, Making, Structure
from engine.errors import MeasurementError
from engine.film.radiograph import Radiograph
from engine.geometry import BoxPrompt, Prompts
from engine.mask import Mask
from engine.segmenter import Segmentation

# The smaller lung is seldom under a third of the larger; specks and a gastric bubble are far smaller than this.
_SECOND_LUNG = 0.12
# A single piece wider than this times its height is both lungs, grown together: one lung is higher than wide.
_FUSED_WIDTH = 1.05


# A box narrower than this times its height is round one lung: a box round both is about as wide as it is high.
_ONE_LUNG_BOX = 0.75


def right_on_image_left(radiograph: Radiograph) -> bool:
    """Return whether the patient's right is on the image's left: yes, unless Patient Orientation says otherwise."""
    return radiograph.orientation is None or not radiograph.orientation.rightwards.startswith("R")


def tidied(mask: Mask) -> Mask:
    """Return the mask's lungs without specks and pinholes: one piece, or two where the second is a lung's size."""
    parts = mask.parts()  # largest first
    if not parts:
        return mask
    two = len(parts) > 1 and parts[1].area_px >= _SECOND_LUNG * parts[0].area_px
    return mask.largest_parts(2 if two else 1).holes_filled()


def name_lungs(segmentation: Segmentation, prompts: Prompts, radiograph: Radiograph) -> tuple[Finding, ...]:
    """Return the right and left lung, or the one that was boxed; nothing where the model saw none."""
    mask = tidied(_asked_for(segmentation.mask, prompts))
    one_asked = prompts.box is not None and _is_narrow(prompts.box, radiograph.pixel_aspect)
    mask = mask.largest_parts(1) if one_asked else mask
    bounds = mask.bounds()
    if bounds is None:
        return ()
    right_first = right_on_image_left(radiograph)
    fused = (bounds.x1 - bounds.x0) > _FUSED_WIDTH * (bounds.y1 - bounds.y0) * radiograph.pixel_aspect
    named = _one_lung(mask, bounds, radiograph.columns, right_first=right_first)
    if not one_asked and (mask.part_count > 1 or fused):
        try:
            right, left = mask.split_lungs(right_on_image_left=right_first)
            named = [(Structure.RIGHT_LUNG, right), (Structure.LEFT_LUNG, left)]
        except MeasurementError:
            pass  # one lung in two pieces, or a broad one
    return tuple(
        Finding(
            structure=structure,
            mask=part,
            making=Making.MODEL,
            prompts=prompts,
            quality=segmentation.quality,
            provenance=segmentation.provenance,
        )
        for structure, part in named
    )


def _asked_for(mask: Mask, prompts: Prompts) -> Mask:
    """Return the mask without parts that lie mostly outside the box: air beside an arm must not name the sides."""
    if prompts.box is None or mask.clipped(prompts.box).area_px == mask.area_px:
        return mask
    kept = Mask.empty(mask.rows, mask.columns)
    for part in mask.parts():
        if part.clipped(prompts.box).area_px * 2 >= part.area_px:
            kept = kept.union(part)
    # All of it spills over the box: what lies inside is still what was asked for.
    return mask.clipped(prompts.box) if kept.is_empty else kept


def _is_narrow(box: BoxPrompt, pixel_aspect: float) -> bool:
    return (box.x1 - box.x0) < _ONE_LUNG_BOX * (box.y1 - box.y0) * pixel_aspect


def _one_lung(mask: Mask, bounds: BoxPrompt, columns: int, *, right_first: bool) -> list[tuple[Structure, Mask]]:
    on_image_left = bounds.x0 + bounds.x1 < columns
    return [(Structure.RIGHT_LUNG if on_image_left == right_first else Structure.LEFT_LUNG, mask)]
