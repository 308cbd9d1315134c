"""Coded concepts as plain values, and the look and name of each structure (resources/structures.toml)."""

import tomllib
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import resources
from engine.case import Finding, Structure

if TYPE_CHECKING:
    from highdicom.sr import CodedConcept


@dataclass(frozen=True, slots=True)
class Code:
    """Code value, coding scheme designator and meaning (PS3.3 8.8)."""

    value: str
    scheme: str
    meaning: str

    def concept(self) -> "CodedConcept":
        """Return the code as highdicom takes it."""
        from highdicom.sr import CodedConcept

        return CodedConcept(self.value, self.scheme, self.meaning)


# One private scheme, for the few concepts that neither DICOM nor SNOMED CT has (docs/results.md).
PRIVATE_SCHEME = "99LUNGBOX"

ANATOMICAL_STRUCTURE = Code("91723000", "SCT", "Anatomical structure")
LUNG = Code("39607008", "SCT", "Lung")
HEART = Code("80891009", "SCT", "Heart")
THORAX = Code("816094009", "SCT", "Thorax")
RIGHT = Code("24028007", "SCT", "Right")
LEFT = Code("7771000", "SCT", "Left")
BILATERAL = Code("51440002", "SCT", "Right and left")
PLAIN_CHEST_XRAY = Code("399208008", "SCT", "Plain chest X-ray")
ARTIFICIAL_INTELLIGENCE = Code("123110", "DCM", "Artificial Intelligence")

# Pre-coordinated lungs and old schemes: read from others, never written (SNOMED CT, RadLex, SRT).
PRECOORDINATED = {
    ("3341006", "SCT"): Structure.RIGHT_LUNG,
    ("44029006", "SCT"): Structure.LEFT_LUNG,
    ("RID1302", "RADLEX"): Structure.RIGHT_LUNG,
    ("RID1326", "RADLEX"): Structure.LEFT_LUNG,
    ("T-28100", "SRT"): Structure.RIGHT_LUNG,
    ("T-28500", "SRT"): Structure.LEFT_LUNG,
    ("T-28100", "99SDM"): Structure.RIGHT_LUNG,
    ("T-28500", "99SDM"): Structure.LEFT_LUNG,
}
LUNG_CODES = {("39607008", "SCT"), ("RID1301", "RADLEX"), ("T-28000", "SRT"), ("181216001", "SCT")}
ANATOMY_CODES = {(ANATOMICAL_STRUCTURE.value, ANATOMICAL_STRUCTURE.scheme), ("T-D0005", "SRT"), ("T-D0005", "99SDM")}
RIGHT_CODES = {("24028007", "SCT"), ("G-A100", "SRT"), ("R", "DCM")}
LEFT_CODES = {("7771000", "SCT"), ("G-A101", "SRT"), ("L", "DCM")}
BOTH_CODES = {("51440002", "SCT"), ("G-A102", "SRT")}

UNITS = {
    "mm": Code("mm", "UCUM", "millimeter"),
    "cm2": Code("cm2", "UCUM", "square centimeter"),
    "deg": Code("deg", "UCUM", "degree"),
    "1": Code("{ratio}", "UCUM", "ratio"),
    "px": Code("{pixels}", "UCUM", "pixels"),
    "grey": Code("1", "UCUM", "no units"),
}

_AREA = Code("42798000", "SCT", "Area")
_HEIGHT = Code("121207", "DCM", "Height")
_MEAN = Code("373098007", "SCT", "Mean")
_DEVIATION = Code("386136009", "SCT", "Standard Deviation")
_DISTANCE = Code("121206", "DCM", "Distance")

# Concept names of measurements. Where one public code serves several (two heights), a private one keeps them apart.
CONCEPTS = {
    "area": _AREA,
    "perimeter": Code("131191004", "SCT", "Perimeter"),
    "height-angle": _HEIGHT,
    "height-dome": Code("HEIGHT-DOME", PRIVATE_SCHEME, "Lung height to dome of diaphragm"),
    "width": Code("103355008", "SCT", "Width"),
    "thoracic-diameter": Code("THORACIC-DIAM", PRIVATE_SCHEME, "Internal thoracic diameter"),
    "heart-right": Code("HEART-RIGHT", PRIVATE_SCHEME, "Midline to right heart border"),
    "heart-left": Code("HEART-LEFT", PRIVATE_SCHEME, "Midline to left heart border"),
    "heart-diameter": Code("HEART-DIAMETER", PRIVATE_SCHEME, "Transverse cardiac diameter"),
    "ctr": Code("CTR", PRIVATE_SCHEME, "Cardiothoracic ratio"),
    "asymmetry": Code("ASYMMETRY", PRIVATE_SCHEME, "Asymmetry of lung areas"),
    "left-right-ratio": Code("LEFT-RIGHT", PRIVATE_SCHEME, "Left lung area over right lung area"),
    "diaphragm-difference": Code("DIAPHRAGM-DIFF", PRIVATE_SCHEME, "Level of right dome above left"),
    "costophrenic-angle": Code("CP-ANGLE", PRIVATE_SCHEME, "Costophrenic angle"),
    "dome-height": Code("DOME-HEIGHT", PRIVATE_SCHEME, "Height of diaphragm dome above its chord"),
    "area-upper": Code("AREA-UPPER", PRIVATE_SCHEME, "Area of upper third"),
    "area-middle": Code("AREA-MIDDLE", PRIVATE_SCHEME, "Area of middle third"),
    "area-lower": Code("AREA-LOWER", PRIVATE_SCHEME, "Area of lower third"),
    "share-upper": Code("SHARE-UPPER", PRIVATE_SCHEME, "Share of area in upper third"),
    "share-middle": Code("SHARE-MIDDLE", PRIVATE_SCHEME, "Share of area in middle third"),
    "share-lower": Code("SHARE-LOWER", PRIVATE_SCHEME, "Share of area in lower third"),
    "centroid-x": Code("CENTROID-X", PRIVATE_SCHEME, "Centroid column"),
    "centroid-y": Code("CENTROID-Y", PRIVATE_SCHEME, "Centroid row"),
    "grey-mean": _MEAN,
    "grey-spread": _DEVIATION,
}
DISTANCE = _DISTANCE
# Straight lines in the reports of others (CID 7470, and SNOMED's older identifiers): length, distance, diameter, axes.
LINES = {
    ("410668003", "SCT"), ("G-D7FE", "SRT"), ("121206", "DCM"), ("121207", "DCM"), ("81827009", "SCT"),
    ("103355008", "SCT"), ("103339001", "SCT"), ("103340004", "SCT"), ("M-02550", "SRT"), ("G-A185", "SRT"),
    ("G-A186", "SRT"),
}  # fmt: skip

# TID 1500's container for what is said of the whole film, and what we say there.
QUALITATIVE_EVALUATIONS = Code("C0034375", "UMLS", "Qualitative Evaluations")
FRONTAL_CHEST = Code("FRONTAL-CHEST", PRIVATE_SCHEME, "Looks like a frontal chest film to the model")
MARKS = Code("MARKS", PRIVATE_SCHEME, "Marks of the reader and verdict of the model, as data")
YES, NO = Code("373066001", "SCT", "Yes"), Code("373067005", "SCT", "No")


@dataclass(frozen=True, slots=True)
class Look:
    """How a structure is drawn and coded."""

    name: str
    color: tuple[int, int, int]
    type: Code
    laterality: Code | None


@cache
def looks() -> dict[str, Look]:
    """Return the look of each structure by its value."""
    table = tomllib.loads(resources.path("structures.toml").read_text(encoding="utf-8"))
    return {
        key: Look(
            row["name"],
            (int(row["color"][1:3], 16), int(row["color"][3:5], 16), int(row["color"][5:7], 16)),
            Code(*row["type"]),
            Code(*row["laterality"]) if "laterality" in row else None,
        )
        for key, row in table.items()
    }


def look_of(finding: Finding) -> Look:
    """Return how a finding is drawn and coded."""
    return looks()[finding.structure.value]
