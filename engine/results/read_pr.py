"""Presentation states, ours and of others, as outlines and distances on the film; or refused with the reason."""

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from engine.case import Finding, Line, Making, Structure
from engine.errors import DamagedFilmError, UnsupportedFilmError
from engine.film.radiograph import Radiograph
from engine.mask import Mask
from engine.outline import Polygon
from engine.results.codes import LUNG
from engine.results.context import MANUFACTURER
from engine.results.gsps import CALLIPERS_LAYER
from engine.results.marks import Marks
from engine.results.read_seg import other_film, structure_of_codes

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
    from engine.film.header import PYDICOM_FAULTS, quiet_pydicom

    outlines: dict[tuple[str, str], list[Polygon]] = {}
    lines: dict[Line, None] = {}
    remarks: dict[str, None] = {}
    try:
        with quiet_pydicom():
            if film.source.sop_instance_uid not in film_uids_of_pr(dataset):
                raise other_film(name)
            ours = str(dataset.get("Manufacturer", "")) == MANUFACTURER
            for annotation in dataset.get("GraphicAnnotationSequence") or ():
                if ours and str(annotation.get("GraphicLayer", "")) == CALLIPERS_LAYER:
                    continue  # drawn anew from the lungs and the callipers
                for graphic in annotation.get("GraphicObjectSequence") or ():
                    _read(graphic, outlines, lines, remarks)
    except PYDICOM_FAULTS as error:
        raise DamagedFilmError(f"{name} is damaged or incomplete.", advice="Export it again.") from error
    findings = []
    for (uid, label), polygons in outlines.items():
        mask = Mask.of_polygons(film.rows, film.columns, polygons)
        structure = structure_of_codes((LUNG.value, LUNG.scheme) if "lung" in label.lower() else ("", ""), set(), label)
        finding = Finding(structure, mask, Making.IMPORTED, label[:64] if structure is Structure.OTHER else "")
        if not mask.is_empty:
            findings.append(replace(finding, tracking_uid=uid) if uid else finding)
    if not findings and not lines:
        raise UnsupportedFilmError(f"{name} draws no outline and no line.", advice="Choose another result.")
    return tuple(findings), Marks(distances=tuple(lines)), tuple(remarks)


def _read(
    graphic: "Dataset",
    outlines: dict[tuple[str, str], list[Polygon]],
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
        key = (str(graphic.get("TrackingUID", "")), str(graphic.get("TrackingID", "")) or "Structure")
        outlines.setdefault(key, []).append(points[:-1])
    else:
        remarks["an open line of several points is not read"] = None
