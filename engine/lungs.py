"""From the model's answer to named lungs: which lung is which, and the last tidy step. One rule for all callers."""

from collections.abc import Iterator

from engine.case import Finding, Making, Structure
from engine.errors import MeasurementError
from engine.film.radiograph import Radiograph
from engine.frame import Frame, frontal_frame, sides_of
from engine.geometry import BoxPrompt, Prompts
from engine.mask import Mask
from engine.segmenter import Segmentation

# The smaller lung is seldom under a third of the larger; specks and a gastric bubble are far smaller than this.
_SECOND_LUNG = 0.12
# A single piece wider than this times its height is both lungs, grown together: one lung is higher than wide.
_FUSED_WIDTH = 1.05
# A box narrower than this times its height is mostly round one lung, so its mask is one lung, unless two pieces stand
# side by side in it as lungs do: they share at most this much of their width, and differ in area by no more than this.
_ONE_LUNG_BOX = 0.75
_SHARED_WIDTH = 0.25
_SECOND_BESIDE = 0.25
# A piece was meant where at least this share of it lies in the box. With each edge up to 15 % of a side too far in, a
# box round both may have but 40 % of a lung; a box round one has a few per cent of the other.
MEANT = 1 / 3


def lung_at(radiograph: Radiograph, x: float, y: float) -> Structure:
    """Return the lung on whose side of the patient an image point lies, whichever of eight ways the film is stored."""
    frame = _frame_of(radiograph)
    return Structure.RIGHT_LUNG if frame.from_image(x, y)[0] < frame.width / 2 else Structure.LEFT_LUNG


def usual_box(radiograph: Radiograph, structure: Structure) -> BoxPrompt:
    """Return where a lung usually lies: the first guess of a box drawn without a pointer."""
    frame = _frame_of(radiograph)
    start = 0.08 if structure is Structure.RIGHT_LUNG else 0.52
    return frame.box(frame.width * start, frame.height * 0.12, frame.width * (start + 0.4), frame.height * 0.85)


def tidied(mask: Mask) -> Mask:
    """Return the mask's lungs without specks and pinholes: one piece, or two where the second is a lung's size."""
    return _lungs_among(mask.each_part()) or mask


def name_lungs(segmentation: Segmentation, prompts: Prompts, radiograph: Radiograph) -> tuple[Finding, ...]:
    """Return the right and left lung, or the one that was boxed; nothing where the model saw none."""
    mask = _lungs_among(_asked_for(segmentation.mask, prompts))
    if mask is None:
        return ()
    narrow = prompts.box is not None and _is_narrow(prompts.box, radiograph)
    one_asked = narrow and not _stand_side_by_side(mask, radiograph)
    mask = mask.largest_parts(1) if one_asked else mask
    bounds = mask.bounds()
    assert bounds is not None  # a part has pixels
    width, height = _upright_size(bounds, radiograph)
    fused = width > _FUSED_WIDTH * height
    named = [(lung_at(radiograph, *bounds.center), mask)]
    if not one_asked and (mask.part_count > 1 or fused):
        try:
            right, left = sides_of(mask, _frame_of(radiograph))
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
    """Yield the mask's parts without those that the box hardly has: air beside an arm must not name the sides."""
    box, some = prompts.box, False
    for part in mask.each_part():
        if box is None or part.clipped(box).area_px >= MEANT * part.area_px:
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


def _is_narrow(box: BoxPrompt, radiograph: Radiograph) -> bool:
    width, height = _upright_size(box, radiograph)
    return width < _ONE_LUNG_BOX * height


def _upright_size(box: BoxPrompt, radiograph: Radiograph) -> tuple[float, float]:
    """Return a box's width and height on the upright patient, in widths of a stored pixel."""
    across, down = box.x1 - box.x0, (box.y1 - box.y0) * radiograph.pixel_aspect
    return (down, across) if _frame_of(radiograph).transposed else (across, down)


def _frame_of(radiograph: Radiograph) -> Frame:
    """Return the upright frame; a film that is not frontal has no sides, and is taken as it is stored."""
    return frontal_frame(radiograph) or Frame(radiograph.rows, radiograph.columns)


def _stand_side_by_side(mask: Mask, radiograph: Radiograph) -> bool:
    """Return whether the two pieces of a mask are two lungs; those of one lung lie on each other."""
    parts = mask.parts()[:2]
    spans = [_columns(bounds, radiograph) for part in parts if (bounds := part.bounds()) is not None]
    if len(spans) < 2:
        return False
    (a0, a1), (b0, b1) = spans
    shared, narrower = min(a1, b1) - max(a0, b0), min(a1 - a0, b1 - b0)
    return parts[1].area_px >= _SECOND_BESIDE * parts[0].area_px and shared <= _SHARED_WIDTH * narrower


def _columns(box: BoxPrompt, radiograph: Radiograph) -> tuple[float, float]:
    """Return a box's two sides across the upright patient, in the order of the stored image."""
    return (box.y0, box.y1) if _frame_of(radiograph).transposed else (box.x0, box.x1)
