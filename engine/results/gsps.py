"""Grayscale Softcopy Presentation State (PS3.3 A.33.1): outlines and calliper lines over the film."""

from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.case import Line
from engine.errors import OutputError
from engine.film.grey import ModalityLut, Rescale, VoiLut, Window, default_view
from engine.film.radiograph import NoteCode
from engine.measure import UNIT_SYMBOLS, Caveat, displayed, value_text
from engine.outline import Polygon
from engine.results.codes import look_of, looks
from engine.results.context import Export, structure_key
from engine.results.dicom import completed, head, label_of, plain_text, prepared_source, reader_name
from engine.results.pictures import drawn_outlines

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

# Graphic Data is FL with a 16-bit length in bytes (PS3.5 7.1.2): 8191 points at most, and far fewer draw faster.
_MOST_POINTS = 4000
_WARNING = (255, 176, 64)
_PLAIN = (255, 255, 255)
CALLIPERS_LAYER = "CALLIPERS"  # what lies there follows from lungs and callipers


def presentation_state(export: Export) -> "Dataset":
    """Return the presentation state of the film: its own grey, our lines."""
    import highdicom as hd

    film = export.case.radiograph
    if film.has_note(NoteCode.COLOUR_REDUCED):
        raise OutputError(  # PS3.3 A.33.1: of grayscale images alone
            "A film in colour has no grayscale presentation state.", advice="Leave gsps out."
        )
    source = prepared_source(export)
    layers, annotations = _annotations(export, source)
    dataset = hd.pr.GrayscaleSoftcopyPresentationState(
        referenced_images=[source],
        content_label="LUNGS",
        content_description="Outlines and measurements",
        graphic_annotations=annotations,
        graphic_layers=layers,
        content_creator_name=reader_name(export) or "Lungbox^",
        modality_lut_transformation=_modality(export, source),
        voi_lut_transformations=[_voi(export)],
        # The film's Photometric Interpretation is ignored under a presentation state (PS3.4 N.2.1.4).
        presentation_lut_transformation=hd.PresentationLUTTransformation(
            presentation_lut_shape="INVERSE" if film.inverse else "IDENTITY"
        ),
        **head(export, "gsps", "Lungbox outlines"),
    )
    # Height over width (PS3.3 C.10.4); highdicom takes every pixel for a square.
    aspect = Fraction(film.pixel_aspect).limit_denominator(10_000)
    dataset.DisplayedAreaSelectionSequence[0].PresentationPixelAspectRatio = [aspect.numerator, aspect.denominator]
    return completed(dataset, export)


def _modality(export: Export, source: "Dataset") -> Any:
    """Return the modality transformation as the film was read; never none, or highdicom would copy the header's."""
    import highdicom as hd

    modality = export.case.radiograph.modality
    if isinstance(modality, ModalityLut):
        lut = hd.ModalityLUT("US", 0, modality.entries.astype(np.uint16))
        _place(lut, modality.first)
        return hd.ModalityLUTTransformation(modality_lut=lut)
    if not isinstance(modality, Rescale):
        raise TypeError(f"a presentation state cannot hold a modality of type {type(modality).__name__}")
    return hd.ModalityLUTTransformation(
        rescale_intercept=modality.intercept,
        rescale_slope=modality.slope,
        rescale_type=str(source.get("RescaleType") or "US")[:16],
    )


def _voi(export: Export) -> Any:
    """Return the view in which the film opens, so that outlines are seen on the greys they were drawn on."""
    import highdicom as hd

    view = default_view(export.case.radiograph)
    explanation = plain_text(view.explanation) or None
    if isinstance(view, VoiLut):
        # Entries of 16 bits show the same, and are what every viewer and validator knows.
        entries = np.rint(view.entries * (0xFFFF / ((1 << view.bits) - 1))).astype(np.uint16)
        lut = hd.VOILUT(0, entries, explanation)
        _place(lut, view.first)
        return hd.pr.SoftcopyVOILUTTransformation(voi_luts=[lut])
    if not isinstance(view, Window):
        raise TypeError(f"a presentation state cannot hold a view of type {type(view).__name__}")
    return hd.pr.SoftcopyVOILUTTransformation(
        window_center=view.center,
        window_width=view.width,
        window_explanation=explanation,
        voi_lut_function=view.function.value,
    )


def _place(lut: "Dataset", first: int) -> None:
    """Say in a table's descriptor which value its entries begin with (PS3.3 C.11.2.1.1); highdicom has none below 0."""
    count, _, bits = lut.LUTDescriptor
    lut.add_new("LUTDescriptor", "SS" if first < 0 else "US", [count, first, bits])


def _annotations(export: Export, source: "Dataset") -> tuple[list[Any], list[Any]]:
    import highdicom as hd

    layers: list[Any] = []
    annotations: list[Any] = []

    def add(name: str, color: tuple[int, int, int], graphics: list[Any], texts: list[Any]) -> None:
        layer = hd.pr.GraphicLayer(
            layer_name=name, order=len(layers) + 1, display_color=hd.color.CIELabColor.from_rgb(*color)
        )
        layers.append(layer)
        annotations.append(
            hd.pr.GraphicAnnotation(
                referenced_images=[source], graphic_layer=layer, graphic_objects=graphics, text_objects=texts
            )
        )

    for number, finding in enumerate(export.outlined, start=1):
        graphics = [
            _graphic(_closed(polygon), finding.tracking_uid, label_of(finding)) for polygon in drawn_outlines(finding)
        ]
        text = _text(export, structure_key(finding), label_of(finding))
        bounds = finding.mask.bounds()
        assert bounds is not None  # outlined findings hold pixels
        add(f"STRUCTURE {number}", look_of(finding).color, graphics, [_label(text, bounds.center)])
    if export.case.doubtful:
        film = export.case.radiograph
        add("DOUBT", _WARNING, [], [_label(Caveat.DOUBTED.text, (film.columns * 0.02, film.rows * 0.04))])
    if export.case.distances:
        graphics = [_graphic(_ends(line, export)) for line in export.case.distances]
        rows = [row for row in export.measurements if row.id.startswith("distance-")]
        texts = [_label(value_text(row), _ends(row.evidence.lines[0], export).mean(axis=0)) for row in rows]
        add("DISTANCES", _PLAIN, graphics, texts)
    lines = _calliper_lines(export)
    if lines:
        graphics = [_graphic(_ends(line, export)) for line in lines]
        ratio = export.measurements.of("heart", "ctr")
        texts = []
        if ratio is not None and ratio.value is not None:
            texts = [_label(f"CTR {displayed(ratio)}", (lines[2].x0, lines[2].y0))]  # at the head of the midline
        add(CALLIPERS_LAYER, looks()["heart"].color, graphics, texts)
    return layers, annotations


def _calliper_lines(export: Export) -> tuple[Line, ...]:
    """Return the lines of ratio or thoracic diameter."""
    ratio, thorax = export.measurements.of("heart", "ctr"), export.measurements.of("thorax", "thoracic-diameter")
    shown = ratio if ratio is not None and ratio.value is not None else thorax
    return shown.evidence.lines if shown is not None and shown.value is not None else ()


def _ends(line: Line, export: Export) -> Polygon:
    """Return the ends of a line, as far as the film holds it."""
    film = export.case.radiograph
    return np.clip([[line.x0, line.y0], [line.x1, line.y1]], 0.0, [film.columns, film.rows])


def _text(export: Export, key: str, label: str) -> str:
    area = export.measurements.of(key, "area")
    if area is None or area.value is None:
        return label
    return f"{label} {displayed(area)} {UNIT_SYMBOLS[area.unit]}"


def _closed(polygon: Polygon) -> Polygon:
    step = -(-len(polygon) // _MOST_POINTS)
    kept = polygon[::step]
    return np.concatenate([kept, kept[:1]])


def _graphic(points: Polygon, tracking_uid: str | None = None, tracking_id: str | None = None) -> Any:
    import highdicom as hd

    return hd.pr.GraphicObject(
        graphic_type="POLYLINE",
        graphic_data=points,
        units="PIXEL",
        tracking_uid=tracking_uid,
        tracking_id=tracking_id,
    )


def _label(text: str, anchor: Sequence[float]) -> Any:
    import highdicom as hd

    return hd.pr.TextObject(
        text_value=text[:1024], units="PIXEL", anchor_point=tuple(anchor), anchor_point_visible=False
    )
