"""Measurements of each lung and of both together, by the definitions in docs/measurements.md."""

from dataclasses import dataclass, replace

import numpy as np

from engine.case import Structure
from engine.frame import Frame
from engine.mask import Mask
from engine.measure.calibration import Scale
from engine.measure.shape import (
    TANGENT_MM,
    TANGENT_SHARE,
    LungShape,
    costophrenic_angle,
    dome_height,
    lung_shape,
)
from engine.measure.values import Caveat, Evidence, Measurement, Reason

ZONES = ("upper", "middle", "lower")


@dataclass(frozen=True, slots=True, eq=False)
class Lung:
    """One lung ready to be measured: its pixels, landmarks where the view is frontal, and what to warn of."""

    structure: Structure
    tracking_uid: str
    mask: Mask
    shape: LungShape | None  # None: empty, or not a frontal view
    part_count: int
    caveats: tuple[Caveat, ...]


def prepared_lung(
    structure: Structure,
    tracking_uid: str,
    mask: Mask,
    *,
    frame: Frame | None,
    scale: Scale,
    caveats: tuple[Caveat, ...],
) -> Lung:
    """Return a lung with its landmarks found in its own frame."""
    parts = mask.part_count
    shape = None
    if frame is not None and parts:
        own = frame.mirrored() if structure is Structure.LEFT_LUNG else frame
        shape = lung_shape(mask if parts == 1 else mask.largest_parts(1), own, scale)
    if parts > 1:
        caveats = (*caveats, Caveat.FRAGMENTS)
    bounds = mask.bounds()
    if bounds is not None and (bounds.x0 == 0 or bounds.y0 == 0 or bounds.x1 == mask.columns or bounds.y1 == mask.rows):
        caveats = (*caveats, Caveat.CUT_OFF)
    return Lung(structure, tracking_uid, mask, shape, parts, caveats)


def area_of(
    pixels: int, scale: Scale, structure: str, *, evidence: Evidence, caveats: tuple[Caveat, ...], what: str = ""
) -> Measurement:
    """Return a projected area from a count of pixels."""
    method = what or "count of the mask's pixels; lung hidden by heart, mediastinum and diaphragm only where outlined"
    if scale.unit == "px":
        return Measurement(
            "area", structure, "Projected area", float(pixels), "px", method, evidence=evidence, caveats=caveats
        )
    value = pixels * scale.row * scale.column / 100.0
    return Measurement(
        "area", structure, "Projected area", value, "cm2", method, scale.origin, evidence=evidence, caveats=caveats
    )


def outline_and_place(lung: Lung, scale: Scale) -> list[Measurement]:
    """Return what any mask has, frontal or not: area, perimeter, centroid."""
    structure, caveats = lung.structure.value, lung.caveats
    evidence = Evidence(masks=(lung.tracking_uid,))
    area = area_of(lung.mask.area_px, scale, structure, evidence=evidence, caveats=caveats)
    return [area, *perimeter_and_centroid(lung.mask, structure, evidence, scale, caveats)]


def perimeter_and_centroid(
    mask: Mask, structure: str, evidence: Evidence, scale: Scale, caveats: tuple[Caveat, ...]
) -> list[Measurement]:
    """Return the length of the outline, and the mean place of the mask's pixels in image coordinates."""
    outline = Measurement(
        "perimeter",
        structure,
        "Perimeter",
        mask.perimeter(scale.pixel_size),
        scale.unit,
        "length of the outline through the middles of the pixels' edges, averaged over nine edges; holes included",
        scale.origin,
        evidence=evidence,
        caveats=caveats,
    )
    crop, x0, y0 = mask.crop()
    if not crop.size:
        return [
            outline,
            *(_none(f"centroid-{axis}", structure, f"Centroid {axis}", "px", Reason.EMPTY) for axis in "xy"),
        ]
    columns, rows = crop.sum(axis=0, dtype=np.int64), crop.sum(axis=1, dtype=np.int64)
    total = float(columns.sum())
    centroid = (
        x0 + 0.5 + float(columns @ np.arange(columns.size)) / total,
        y0 + 0.5 + float(rows @ np.arange(rows.size)) / total,
    )
    place = Evidence(points=(centroid,), masks=evidence.masks)
    return [
        outline,
        *(
            Measurement(
                f"centroid-{axis}",
                structure,
                f"Centroid {axis}",
                value,
                "px",
                "mean of pixel centres, in image pixels",
                evidence=place,
            )
            for axis, value in zip("xy", centroid, strict=True)
        ),
    ]


def extents(lung: Lung, scale: Scale) -> list[Measurement]:
    """Return heights, width, zones, angle and dome: what needs an upright frontal lung."""
    structure = lung.structure.value
    shape = lung.shape
    if shape is None:
        reason = Reason.EMPTY if not lung.part_count else Reason.NOT_FRONTAL
        return [_none(key, structure, name, unit, reason) for key, name, unit in _extent_rows(scale)]
    return [
        _height_to_dome(lung, shape),
        _height_to_angle(lung, shape),
        _width(lung, shape),
        *_zones(lung, shape, scale),
        _angle(lung, shape),
        _dome(lung, shape),
    ]


def _extent_rows(scale: Scale) -> list[tuple[str, str, str]]:
    area_unit = "px" if scale.unit == "px" else "cm2"
    return [
        ("height-dome", "Height to dome", scale.unit),
        ("height-angle", "Height to costophrenic angle", scale.unit),
        ("width", "Maximum width", scale.unit),
        *(
            row
            for zone in ZONES
            for row in (
                (f"area-{zone}", f"{zone.capitalize()} zone area", area_unit),
                (f"share-{zone}", f"{zone.capitalize()} zone share", "1"),
            )
        ),
        ("costophrenic-angle", "Costophrenic angle", "deg"),
        ("dome-height", "Dome height", scale.unit),
    ]


def _none(key: str, structure: str, name: str, unit: str, reason: Reason) -> Measurement:
    return Measurement(key, structure, name, None, unit, "", reason=reason)


def _length(
    lung: Lung, shape: LungShape, key: str, *, name: str, value: float, method: str, evidence: Evidence
) -> Measurement:
    scale = shape.scale
    return Measurement(
        key,
        lung.structure.value,
        name,
        value,
        scale.unit,
        method,
        scale.origin,
        evidence=evidence,
        caveats=lung.caveats,
    )


def _height_to_dome(lung: Lung, shape: LungShape) -> Measurement:
    if shape.dome is None:
        return _none("height-dome", lung.structure.value, "Height to dome", shape.scale.unit, Reason.NO_BASE)
    x, level = shape.dome
    evidence = Evidence(
        lines=(shape.frame.line(x, shape.top, x, level),),
        points=(shape.frame.point(*shape.apex), shape.frame.point(x, level)),
    )
    value = (level - shape.top) * shape.scale.row
    method = "top row to the diaphragm's highest point"
    return _length(lung, shape, "height-dome", name="Height to dome", value=value, method=method, evidence=evidence)


def _height_to_angle(lung: Lung, shape: LungShape) -> Measurement:
    x, level = shape.costophrenic
    evidence = Evidence(
        lines=(shape.frame.line(x, shape.top, x, level),),
        points=(shape.frame.point(*shape.apex), shape.frame.point(x, level)),
    )
    value = (level - shape.top) * shape.scale.row
    method = "top row to the lowest point of the lateral half"
    name = "Height to costophrenic angle"
    return _length(lung, shape, "height-angle", name=name, value=value, method=method, evidence=evidence)


def _width(lung: Lung, shape: LungShape) -> Measurement:
    row = shape.widest_row
    outer, inner = shape.outer[row - shape.top], shape.inner[row - shape.top]
    evidence = Evidence(lines=(shape.frame.line(outer, row + 0.5, inner, row + 0.5),))
    value = float(inner - outer) * shape.scale.column
    method = "widest row, outer edge to inner edge"
    return _length(lung, shape, "width", name="Maximum width", value=value, method=method, evidence=evidence)


def _zones(lung: Lung, shape: LungShape, scale: Scale) -> list[Measurement]:
    """Return area and share of each third of the lung's height."""
    structure = lung.structure.value
    frame = shape.frame
    height = (shape.bottom - shape.top) / 3
    # The outer limits are the film's, so that fragments above and below the lung are in a zone too.
    limits = [0.0, shape.top + height, shape.top + 2 * height, float(frame.height)]
    boxes = [frame.box(0, limits[zone], frame.width, limits[zone + 1]) for zone in range(3)]
    counts = [lung.mask.clipped(box).area_px for box in boxes]
    total = sum(counts)
    rows = []
    method = "third of the lung's height; zones are not lobes"
    for zone, box, count in zip(ZONES, boxes, counts, strict=True):
        evidence = Evidence(masks=(lung.tracking_uid,), box=box)
        area = area_of(count, scale, structure, evidence=evidence, caveats=lung.caveats, what=method)
        rows.append(replace(area, id=f"area-{zone}", name=f"{zone.capitalize()} zone area"))
        rows.append(
            Measurement(
                f"share-{zone}",
                structure,
                f"{zone.capitalize()} zone share",
                count / total,
                "1",
                f"of the lung's area; {method}",
                evidence=evidence,
                caveats=lung.caveats,
            )
        )
    return rows


def _angle(lung: Lung, shape: LungShape) -> Measurement:
    angle = costophrenic_angle(shape)
    if angle is None:
        return _none("costophrenic-angle", lung.structure.value, "Costophrenic angle", "deg", Reason.NO_ANGLE)
    over = f"{TANGENT_MM:g} mm" if shape.scale.unit == "mm" else f"{TANGENT_SHARE:.0%} of the lung's height"
    evidence = Evidence(lines=tuple(shape.frame.line(*start, *end) for start, end in angle.tangents))
    return Measurement(
        "costophrenic-angle",
        lung.structure.value,
        "Costophrenic angle",
        angle.degrees,
        "deg",
        f"between chest wall and diaphragm, each fitted over {over} of outline; reported, not classified",
        evidence=evidence,
        caveats=lung.caveats,
    )


def _dome(lung: Lung, shape: LungShape) -> Measurement:
    dome = dome_height(shape)
    if dome is None:
        return _none("dome-height", lung.structure.value, "Dome height", shape.scale.unit, Reason.NO_BASE)
    evidence = Evidence(lines=tuple(shape.frame.line(*start, *end) for start, end in (dome.rise, dome.chord)))
    method = "greatest distance of the diaphragm above the chord between its ends; reported, not classified"
    return _length(lung, shape, "dome-height", name="Dome height", value=dome.height, method=method, evidence=evidence)


def pair(right: Lung | None, left: Lung | None, scale: Scale, extra: tuple[Caveat, ...]) -> list[Measurement]:
    """Return what takes both lungs: total, asymmetry, ratio, level of the domes, internal thoracic diameter."""
    if right is None or left is None or not (right.part_count and left.part_count):
        area_unit = "px" if scale.unit == "px" else "cm2"
        rows = (
            ("area", "both_lungs", "Projected area", area_unit),
            ("asymmetry", "both_lungs", "Asymmetry", "1"),
            ("left-right-ratio", "both_lungs", "Left to right", "1"),
            ("diaphragm-difference", "both_lungs", "Right dome above left", scale.unit),
            ("thoracic-diameter", "thorax", "Internal thoracic diameter", scale.unit),
        )
        return [_none(key, structure, name, unit, Reason.NEEDS_BOTH_LUNGS) for key, structure, name, unit in rows]
    both = (right.tracking_uid, left.tracking_uid) if right.tracking_uid != left.tracking_uid else (right.tracking_uid,)
    caveats = tuple(dict.fromkeys((*right.caveats, *left.caveats, *extra)))
    union = right.mask.union(left.mask).area_px
    area_right, area_left = right.mask.area_px, left.mask.area_px
    if union != area_right + area_left:
        caveats = (*caveats, Caveat.OVERLAP)
    evidence = Evidence(masks=both)
    what = "pixels in either lung's mask"
    structure = Structure.BOTH_LUNGS.value
    asymmetry = (area_right - area_left) / (area_right + area_left)
    rows_out = [area_of(union, scale, structure, evidence=evidence, caveats=caveats, what=what)]
    if right.shape is None or left.shape is None:
        names = (("asymmetry", "Asymmetry"), ("left-right-ratio", "Left to right"))
        rows_out += [_none(key, structure, name, "1", Reason.NOT_FRONTAL) for key, name in names]
    else:
        rows_out += [
            Measurement(
                "asymmetry",
                structure,
                "Asymmetry",
                asymmetry,
                "1",
                "(right - left) / (right + left) area",
                evidence=evidence,
                caveats=caveats,
            ),
            Measurement(
                "left-right-ratio",
                structure,
                "Left to right",
                area_left / area_right,
                "1",
                "left area / right area",
                evidence=evidence,
                caveats=caveats,
            ),
        ]
    return [*rows_out, _level_difference(right, left, scale, caveats), thoracic_diameter(right, left, scale, caveats)]


def _level_difference(right: Lung, left: Lung, scale: Scale, caveats: tuple[Caveat, ...]) -> Measurement:
    key, structure, name = "diaphragm-difference", Structure.BOTH_LUNGS.value, "Right dome above left"
    if right.shape is None or left.shape is None:
        return _none(key, structure, name, scale.unit, Reason.NOT_FRONTAL)
    dome_right, dome_left = right.shape.dome, left.shape.dome
    if dome_right is None or dome_left is None:
        return _none(key, structure, name, scale.unit, Reason.NO_BASE)
    # The left lung's frame is mirrored: rows agree, and x is brought over for drawing.
    right_x, left_x = dome_right[0], left.shape.frame.width - dome_left[0]
    frame, along = right.shape.frame, right.shape.scale
    lines = (
        frame.line(left_x, dome_right[1], left_x, dome_left[1]),
        frame.line(right_x, dome_right[1], left_x, dome_right[1]),
    )
    return Measurement(
        key,
        structure,
        name,
        (dome_left[1] - dome_right[1]) * along.row,
        along.unit,
        "level of the right dome above the left; negative where the left is higher",
        along.origin,
        evidence=Evidence(lines=lines),
        caveats=caveats,
    )


def thoracic_diameter(right: Lung, left: Lung, scale: Scale, caveats: tuple[Caveat, ...]) -> Measurement:
    """Return the widest distance, on one row, between the lungs' outer edges: a proxy for the inner rib margins."""
    key, structure, name = "thoracic-diameter", "thorax", "Internal thoracic diameter"
    if right.shape is None or left.shape is None:
        return _none(key, structure, name, scale.unit, Reason.NOT_FRONTAL)
    frame, along = right.shape.frame, right.shape.scale
    top, bottom = max(right.shape.top, left.shape.top), min(right.shape.bottom, left.shape.bottom)
    if bottom <= top:
        return _none(key, structure, name, scale.unit, Reason.NEEDS_BOTH_LUNGS)
    from_right = right.shape.outer[top - right.shape.top : bottom - right.shape.top]
    to_left = frame.width - left.shape.outer[top - left.shape.top : bottom - left.shape.top]
    widths = to_left - from_right
    row = int(np.nanargmax(widths))
    line = frame.line(float(from_right[row]), top + row + 0.5, float(to_left[row]), top + row + 0.5)
    return Measurement(
        key,
        structure,
        name,
        float(widths[row]) * along.column,
        along.unit,
        "widest row between the lungs' outer edges, a proxy for the inner rib margins",
        along.origin,
        evidence=Evidence(lines=(line,)),
        caveats=caveats,
    )
