"""Presentation states, ours and of others, as outlines and distances on the film; or refused with the reason."""

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from engine.case import Finding, Line, Making
from engine.errors import UnsupportedFilmError
from engine.film.radiograph import Radiograph
from engine.mask import Mask
from engine.outline import Polygon
from engine.results.context import MANUFACTURER
from engine.results.gsps import CALLIPERS_LAYER
from engine.results.marks import Marks
from engine.results.read_seg import other_film, structure_of_label, understood

if TYPE_CHECKING:
    from pydicom.dataset import Dataset


def film_uids_of_pr(dataset: "Dataset") -> set[str]:
    """Return the SOP Instance UIDs of the images that a presentation state is of (PS3.3 C.11.11)."""
    return {
        str(reference.get("ReferencedSOPInstanceUID", ""))
        for series in dataset.get("ReferencedSeriesSequence") or ()
        for reference in series.get("ReferencedImageSequence") or ()
    } - {""}


def marks_of_pr(dataset: "Dataset", film: Radiograph, name: str) -> tuple[tuple[Finding, ...], Marks, tuple[str, ...]]:
    """Return what a presentation state draws on a film: closed polylines as outlines, straight lines as distances.

    Its coordinates are single precision, and outlines are smooth: what comes back is near the mask, not the mask.
    """
    outlines: dict[tuple[str, str, int], list[Polygon]] = {}
    lines: dict[Line, None] = {}
    remarks: dict[str, None] = {}
    with understood(name):
        if film.source.sop_instance_uid not in film_uids_of_pr(dataset):
            raise other_film(name)
        ours = str(dataset.get("Manufacturer", "")) == MANUFACTURER
        for annotation in dataset.get("GraphicAnnotationSequence") or ():
            if not _is_on(annotation, film):
                continue
            if ours and str(annotation.get("GraphicLayer", "")) == CALLIPERS_LAYER:
                continue  # drawn anew from the lungs and the callipers
            for graphic in annotation.get("GraphicObjectSequence") or ():
                _read(graphic, outlines, lines, remarks)
    findings = []
    for (uid, label, _), polygons in outlines.items():
        mask = Mask.of_polygons(film.rows, film.columns, polygons)
        finding = Finding(structure_of_label(label), mask, Making.IMPORTED, label[:64])
        if not mask.is_empty:
            findings.append(replace(finding, tracking_uid=uid) if uid else finding)
    if not findings and not lines:
        raise UnsupportedFilmError(f"{name} draws no outline and no line.", advice="Choose another result.")
    return tuple(findings), Marks(distances=tuple(lines)), tuple(remarks)


def _is_on(annotation: "Dataset", film: Radiograph) -> bool:
    """Return whether an annotation is on this film: on all that the state is of where it names none (PS3.3 C.10.5)."""
    images = annotation.get("ReferencedImageSequence") or ()
    return not images or film.source.sop_instance_uid in {
        str(image.get("ReferencedSOPInstanceUID", "")) for image in images
    }


def _read(
    graphic: "Dataset",
    outlines: dict[tuple[str, str, int], list[Polygon]],
    lines: dict[Line, None],
    remarks: dict[str, None],
) -> None:
    """Sort one graphic object in: closed, straight, or neither."""
    points = np.array([float(value) for value in graphic.get("GraphicData") or ()])
    kind = str(graphic.get("GraphicType", ""))
    if str(graphic.get("GraphicAnnotationUnits", "")) != "PIXEL" or kind != "POLYLINE":
        remarks[f"a {kind} in {graphic.get('GraphicAnnotationUnits')} units is not read"] = None
        return
    if points.size < 4 or points.size % 2 or not np.isfinite(points).all():
        remarks["a line without its points is not read"] = None
        return
    points = points.reshape(-1, 2)
    if len(points) == 2:
        lines[Line(*points.ravel().tolist())] = None
    elif len(points) >= 4 and np.array_equal(points[0], points[-1]):
        uid = str(graphic.get("TrackingUID", "") or "")
        # A structure may be drawn in several parts, with holes; what nobody tracks is a structure each.
        number = 0 if uid else len(outlines)
        key = (uid, str(graphic.get("TrackingID", "") or "Structure"), number)
        outlines.setdefault(key, []).append(points[:-1])
    else:
        remarks["an open line of several points is not read"] = None
