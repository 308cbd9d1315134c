"""Mean and spread of grey inside a mask, and only where the values mean something."""

import numpy as np

from engine.case import Finding
from engine.film.radiograph import NoteCode, Radiograph
from engine.measure.values import Caveat, Evidence, Measurement, Reason

# Pixel Intensity Relationship (0028,1040): anything else says nothing of X-ray intensity.
_RELATIONSHIPS = {"LIN": "linear in", "LOG": "logarithmic in"}


def grey_relationship(radiograph: Radiograph) -> str | None:
    """Return "LIN" or "LOG" where the file states how grey relates to X-ray intensity, else None."""
    header = radiograph.source.header
    if not header:
        return None
    from engine.film.header import data_set  # pydicom is slow to import, and pictures never need it

    dataset = data_set(header)
    stated = str(dataset.get("PixelIntensityRelationship", "") or "").strip().upper()
    return stated if stated in _RELATIONSHIPS else None


def grey_rows(finding: Finding, radiograph: Radiograph, structure: str, relationship: str | None) -> list[Measurement]:
    """Return mean and standard deviation of the modality values inside a mask, padding left out."""
    names = (("grey-mean", "Mean grey"), ("grey-spread", "Spread of grey"))
    crop, x0, y0 = finding.mask.crop()
    window = (slice(y0, y0 + crop.shape[0]), slice(x0, x0 + crop.shape[1]))
    if relationship is None:
        return [
            Measurement(key, structure, name, None, "grey", "", reason=Reason.GREY_WITHOUT_MEANING)
            for key, name in names
        ]
    stored = radiograph.stored[window]
    inside = stored[crop & radiograph.valid()[window]] if crop.size else stored.ravel()[:0]
    if not inside.size:
        return [Measurement(key, structure, name, None, "grey", "", reason=Reason.EMPTY) for key, name in names]
    # Lungs hold millions of pixels of few thousand values: a histogram costs less than their floats, and is exact.
    found, counts = np.unique(inside, return_counts=True)
    values = radiograph.modality.apply(found).astype(np.float64)
    mean = float(np.average(values, weights=counts))
    spread = float(np.sqrt(np.average((values - mean) ** 2, weights=counts)))
    caveats = (Caveat.LOSSY,) if radiograph.has_note(NoteCode.LOSSY) else ()
    method = f"modality values, {_RELATIONSHIPS[relationship]} X-ray intensity; no absolute scale"
    return [
        Measurement(
            key,
            structure,
            name,
            value,
            "grey",
            method,
            evidence=Evidence(masks=(finding.tracking_uid,)),
            caveats=caveats,
        )
        for (key, name), value in zip(names, (mean, spread), strict=True)
    ]
