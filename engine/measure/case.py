"""measure(case): every number of a case, in the order it is shown. Derived each time, never stored."""

from dataclasses import replace

from engine.case import Case, Finding, HeartCallipers, Structure
from engine.errors import MeasurementError
from engine.film.radiograph import NoteCode, Radiograph, ViewPosition
from engine.frame import Frame, frontal_frame, sides_of
from engine.geometry import SpacingOrigin
from engine.measure.calibration import Scale, scale_of, spacing_of
from engine.measure.grey import grey_relationship, grey_rows
from engine.measure.heart import cardiothoracic, proposed_callipers
from engine.measure.lungs import (
    Lung,
    area_of,
    extents,
    outline_and_place,
    pair,
    perimeter_and_centroid,
    prepared_lung,
)
from engine.measure.values import Caveat, Evidence, Measurement, Measurements

SUPINE = "40199007"  # SNOMED CT, Patient Orientation Code Sequence (0054,0410) and its modifier


def measure(case: Case) -> Measurements:
    """Return every measurement of a case; a value that cannot be taken is there with its reason."""
    film = case.radiograph
    scale, frame = scale_of(case), frontal_frame(film)
    caveats = film_caveats(film, scale)
    right, left = lungs_of(case, frame, scale, caveats)
    relationship = grey_relationship(film)
    rows: list[Measurement] = []
    for lung, structure in ((right, Structure.RIGHT_LUNG), (left, Structure.LEFT_LUNG)):
        if lung is None:
            continue
        rows += outline_and_place(lung, scale)
        rows += extents(lung, scale)
        finding = case.of(structure)
        if finding is not None:
            rows += grey_rows(finding, film, structure.value, relationship)
    both = case.of(Structure.BOTH_LUNGS)
    together = pair(right, left, scale, ())
    if both is not None and (right is None or left is None):
        # Lungs that could not be told apart still have an area between them.
        together[0] = area_of(
            both.mask.area_px,
            scale,
            "both_lungs",
            evidence=Evidence(masks=(both.tracking_uid,)),
            caveats=caveats,
            what="count of the mask's pixels",
        )
    rows += together
    diameter = next(row for row in together if row.id == "thoracic-diameter")
    rows += cardiothoracic(case.callipers, diameter, frame, scale, (*caveats, *view_caveats(film)))
    for finding in case.findings:
        if finding.structure is Structure.OTHER:
            rows += _other(finding, film, scale, caveats, relationship)
    rows += [
        Measurement(
            f"distance-{number}",
            "thorax",
            f"Distance {number}",
            scale.length(line),
            scale.unit,
            "straight line drawn by the reader",
            scale.origin,
            evidence=Evidence(lines=(line,)),
            caveats=caveats,
        )
        for number, line in enumerate(case.distances, start=1)
    ]
    rows = [_without_scale_caveats(row) for row in rows]
    if case.doubtful:  # then no number can be trusted, of whatever kind
        rows = [replace(row, caveats=(Caveat.DOUBTED, *row.caveats)) for row in rows]
    return Measurements(tuple(rows), spacing_of(case))


def _without_scale_caveats(row: Measurement) -> Measurement:
    """Return a ratio or an angle without the caveats on millimetres: spacing cancels in them."""
    if row.origin is not None or not row.caveats:
        return row
    scale_only = (Caveat.MAGNIFIED, Caveat.SPACING_UNKNOWN)
    return replace(row, caveats=tuple(caveat for caveat in row.caveats if caveat not in scale_only))


def propose_callipers(case: Case) -> HeartCallipers | None:
    """Return heart callipers at the lungs' inner borders, None where these do not show the heart."""
    scale, frame = scale_of(case), frontal_frame(case.radiograph)
    right, left = lungs_of(case, frame, scale, ())
    if right is None or left is None or right.shape is None or left.shape is None:
        return None
    return proposed_callipers(right.shape, left.shape)


def film_caveats(film: Radiograph, scale: Scale) -> tuple[Caveat, ...]:
    """Return what every length and area of a film must carry."""
    found = {
        Caveat.NOT_FRONTAL: film.has_note(NoteCode.NOT_FRONTAL),
        Caveat.MAGNIFIED: scale.origin is SpacingOrigin.DETECTOR,
        Caveat.SPACING_UNKNOWN: scale.origin is SpacingOrigin.UNKNOWN,
        Caveat.ORIENTATION_ASSUMED: film.orientation is None,
        Caveat.NOT_CHEST: film.has_note(NoteCode.NOT_CHEST),
    }
    return tuple(caveat for caveat, applies in found.items() if applies)


def view_caveats(film: Radiograph) -> tuple[Caveat, ...]:
    """Return what a cardiothoracic ratio must carry: it was defined on the upright PA film."""
    caveats: list[Caveat] = []
    if film.view_position is ViewPosition.AP:
        caveats.append(Caveat.AP)
    elif film.view_position is not ViewPosition.PA:
        caveats.append(Caveat.VIEW_UNKNOWN)
    if is_supine(film):
        caveats.append(Caveat.SUPINE)
    return tuple(caveats)


def is_supine(film: Radiograph) -> bool:
    """Return whether the header says that the patient lay."""
    if not film.source.header:
        return False
    from engine.film.header import data_set  # pydicom is slow to import, and pictures never need it

    dataset = data_set(film.source.header)
    for item in dataset.get("PatientOrientationCodeSequence") or ():
        codes = [item, *(item.get("PatientOrientationModifierCodeSequence") or ())]
        if any(str(code.get("CodeValue", "")) == SUPINE for code in codes):
            return True
    return False


def lungs_of(
    case: Case, frame: Frame | None, scale: Scale, caveats: tuple[Caveat, ...]
) -> tuple[Lung | None, Lung | None]:
    """Return the right and the left lung, out of a mask of both where that is all there is."""
    right, left = (_lung(case.of(side), frame, scale, caveats) for side in (Structure.RIGHT_LUNG, Structure.LEFT_LUNG))
    both = case.of(Structure.BOTH_LUNGS)
    if right is not None or left is not None or both is None or frame is None:
        return right, left
    try:
        masks = sides_of(both.mask, frame)
    except MeasurementError:
        return None, None
    split = (*caveats, Caveat.SPLIT)
    sides = zip((Structure.RIGHT_LUNG, Structure.LEFT_LUNG), masks, strict=True)
    first, second = (
        prepared_lung(side, both.tracking_uid, mask, frame=frame, scale=scale, caveats=split) for side, mask in sides
    )
    return first, second


def _lung(finding: Finding | None, frame: Frame | None, scale: Scale, caveats: tuple[Caveat, ...]) -> Lung | None:
    if finding is None:
        return None
    return prepared_lung(
        finding.structure, finding.tracking_uid, finding.mask, frame=frame, scale=scale, caveats=caveats
    )


def _other(
    finding: Finding, film: Radiograph, scale: Scale, caveats: tuple[Caveat, ...], relationship: str | None
) -> list[Measurement]:
    """Return area, outline, place and grey of a structure that the reader named."""
    key, evidence = finding.tracking_uid, Evidence(masks=(finding.tracking_uid,))
    return [
        area_of(
            finding.mask.area_px, scale, key, evidence=evidence, caveats=caveats, what="count of the mask's pixels"
        ),
        *perimeter_and_centroid(finding.mask, key, evidence, scale, caveats),
        *grey_rows(finding, film, key, relationship),
    ]
