"""Presentation states of others: annotations on the film they name, outlines apart, and no lung by accident."""

from dataclasses import replace
from pathlib import Path

import highdicom as hd
import numpy as np
import pytest
from pydicom.dataset import Dataset

from engine.case import Case, Line, Structure
from engine.errors import LungboxError
from engine.results.dicom import encoded, only_our_warnings
from engine.results.gsps import presentation_state
from engine.results.reopen import Reopened, reopen
from tests.engine.results.exports import ANOTHER, dicom_case, job

PA, LATERAL = dicom_case(), dicom_case(SOPInstanceUID="1.2.3.77", ViewPosition="LL")


def square(x: float, y: float, side: float) -> list[list[float]]:
    return [[x, y], [x + side, y], [x + side, y + side], [x, y + side], [x, y]]


def foreign_state(drawn: list[tuple[Case, list[list[float]]]], label: str = "") -> Dataset:
    """Return a presentation state over both films, an annotation for each polyline and the film that it is on."""
    images = {id(case): job(case).source() for case in (PA, LATERAL)}
    layer = hd.pr.GraphicLayer(layer_name="L", order=1)
    tracking = {"tracking_uid": "1.2.3.88", "tracking_id": label} if label else {}
    with only_our_warnings():
        annotations = [
            hd.pr.GraphicAnnotation(
                referenced_images=[images[id(case)]],
                graphic_layer=layer,
                graphic_objects=[hd.pr.GraphicObject("POLYLINE", np.array(points), units="PIXEL", **tracking)],
            )
            for case, points in drawn
        ]
        state: Dataset = hd.pr.GrayscaleSoftcopyPresentationState(
            referenced_images=list(images.values()),
            **ANOTHER,
            content_label="A",
            graphic_annotations=annotations,
            graphic_layers=[layer],
        )
    return state


def reopened(state: Dataset, folder: Path, case: Case = PA) -> Reopened:
    path = folder / "state.dcm"
    path.write_bytes(encoded(state))
    return reopen(path, case.radiograph)


def test_a_line_is_on_the_film_that_its_annotation_names(tmp_path: Path) -> None:
    state = foreign_state([(PA, [[1.0, 1.0], [50.0, 1.0]]), (LATERAL, [[10.0, 10.0], [10.0, 90.0]])])
    assert reopened(state, tmp_path).marks.distances == (Line(1, 1, 50, 1),)
    assert reopened(state, tmp_path, LATERAL).marks.distances == (Line(10, 10, 10, 90),)
    del state.GraphicAnnotationSequence[1].ReferencedImageSequence  # then it is on every film of the state
    assert reopened(state, tmp_path).marks.distances == (Line(1, 1, 50, 1), Line(10, 10, 10, 90))


def test_a_state_that_draws_on_the_other_film_alone_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LungboxError, match="draws no outline"):
        reopened(foreign_state([(LATERAL, square(10, 10, 20))]), tmp_path)


def test_outlines_that_nobody_tracks_are_a_structure_each(tmp_path: Path) -> None:
    state = foreign_state([(PA, square(10, 10, 20)), (PA, square(20, 20, 20))])
    found = reopened(state, tmp_path).findings
    assert [(f.structure, f.name, f.mask.area_px) for f in found] == [(Structure.OTHER, "Structure", 400)] * 2


def test_outlines_under_one_tracking_uid_are_one_structure_with_its_hole(tmp_path: Path) -> None:
    state = foreign_state([(PA, square(10, 10, 20)), (PA, square(15, 15, 10))], label="Cavity")
    (found,) = reopened(state, tmp_path).findings
    assert (found.name, found.mask.area_px) == ("Cavity", 300)


@pytest.mark.parametrize(
    ("label", "structure"),
    [
        ("Right lung", Structure.RIGHT_LUNG),
        ("LUNG_L", Structure.LEFT_LUNG),
        ("Both lungs", Structure.BOTH_LUNGS),
        ("Nodule right lung", Structure.OTHER),
        ("Lung mass", Structure.OTHER),
        ("Left lung apex scar", Structure.OTHER),
        ("Plunging goitre", Structure.OTHER),
        ("right", Structure.OTHER),
    ],
)
def test_a_label_is_a_lung_where_it_says_nothing_else(label: str, structure: Structure, tmp_path: Path) -> None:
    (found,) = reopened(foreign_state([(PA, square(10, 10, 20))], label=label), tmp_path).findings
    assert (found.structure, found.name) == (structure, label if structure is Structure.OTHER else "")


def test_a_readers_own_structure_comes_back_beside_the_lungs_whatever_it_is_called(tmp_path: Path) -> None:
    case = replace(PA, findings=(*PA.findings[:2], replace(PA.findings[2], name="Nodule right lung")))
    with only_our_warnings():
        found = reopened(presentation_state(job(case)), tmp_path).findings
    assert [(f.structure, f.label) for f in found] == [(f.structure, f.label) for f in case.findings]
