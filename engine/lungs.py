"""From the model's answer to named lungs: which lung is which, and the last tidy step. One rule for all callers."""

from collections.abc import Iterator

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
    return _lungs_among(mask.each_part()) or mask


def name_lungs(segmentation: Segmentation, prompts: Prompts, radiograph: Radiograph) -> tuple[Finding, ...]:
    """Return the right and left lung, or the one that was boxed; nothing where the model saw none."""
    mask = _lungs_among(_asked_for(segmentation.mask, prompts))
    if mask is None:
        return ()
    one_asked = prompts.box is not None and _is_narrow(prompts.box, radiograph.pixel_aspect)
    mask = mask.largest_parts(1) if one_asked else mask
    bounds = mask.bounds()
    assert bounds is not None  # a part has pixels
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


def _asked_for(mask: Mask, prompts: Prompts) -> Iterator[Mask]:
    """Yield the mask's parts without those mostly outside the box: air beside an arm must not name the sides."""
    box, some = prompts.box, False
    for part in mask.each_part():
        if box is None or part.clipped(box).area_px * 2 >= part.area_px:
            some = True
            yield part
    if box is not None and not some:  # all of it spills over the box: what lies inside is still what was asked for
        yield from mask.clipped(box).each_part()


def _lungs_among(parts: Iterator[Mask]) -> Mask | None:
    """Return the largest part, the second too where it is a lung's size, without holes; None where there is none."""
    first, second = next(parts, None), next(parts, None)
    if first is None:
        return None
    two = second is not None and second.area_px >= _SECOND_LUNG * first.area_px
    return (first.union(second) if second is not None and two else first).holes_filled()


def _is_narrow(box: BoxPrompt, pixel_aspect: float) -> bool:
    return (box.x1 - box.x0) < _ONE_LUNG_BOX * (box.y1 - box.y0) * pixel_aspect


def _one_lung(mask: Mask, bounds: BoxPrompt, columns: int, *, right_first: bool) -> list[tuple[Structure, Mask]]:
    on_image_left = bounds.x0 + bounds.x1 < columns
    return [(Structure.RIGHT_LUNG if on_image_left == right_first else Structure.LEFT_LUNG, mask)]
