"""The page on films of any shape, with much to say beside them: nothing lies on anything else, and nothing is lost."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from reportlab.pdfgen.canvas import Canvas

from engine.case import Finding, Making, Structure
from engine.likeness import ChestLikeness
from engine.mask import Mask
from engine.measure import Caveat, Prior, measure, with_intervals
from engine.results.context import NOTICE, Export
from engine.results.report import pdf
from engine.results.words import LANGUAGES, Words
from tests.engine.results.exports import dicom_case, job

# All that a film can say against its numbers.
BAD: dict[str, Any] = {
    "ViewPosition": "AP",
    "PatientOrientation": None,
    "BodyPartExamined": "ABDOMEN",
    "ImagerPixelSpacing": ["1", "1"],
}
SHAPES = {"upright": (420, 340), "landscape": (350, 430), "wide": (200, 420), "tall": (420, 200)}


@dataclass(frozen=True)
class Placed:
    """A text on the page."""

    y: float
    left: float
    right: float
    size: float
    text: str

    def hits(self, other: "Placed") -> bool:
        """Return whether two texts touch: capitals stand on the line, and are 0.7 of the size high."""
        apart = self.right <= other.left or other.right <= self.left
        low, high = sorted((self, other), key=lambda placed: placed.y)
        return not apart and low.y + 0.7 * low.size > high.y


def touching(placed: list[Placed]) -> list[tuple[str, str]]:
    return [(one.text, other.text) for n, one in enumerate(placed) for other in placed[n + 1 :] if one.hits(other)]


Page = Callable[[Export], list[Placed]]


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> Page:
    placed: list[Placed] = []

    def noted(name: str, real: Any) -> None:
        def drawn(self: Any, x: float, y: float, text: str) -> None:
            width = self.stringWidth(text, self._fontname, self._fontsize)
            left = x - width if name == "drawRightString" else x
            placed.append(Placed(y, left, left + width, self._fontsize, text))
            real(self, x, y, text)

        monkeypatch.setattr(Canvas, name, drawn)

    noted("drawString", Canvas.drawString)
    noted("drawRightString", Canvas.drawRightString)

    def made(export: Export) -> list[Placed]:
        placed.clear()
        pdf(export)
        return [text for text in placed if text.y > 0]  # below it lies what is measured before it is placed

    return made


def with_much_to_say(shape: str, **elements: Any) -> Export:
    """Return a case with every caveat, an interval on every number, 40 structures, and a prior of another patient."""
    case = dicom_case(*SHAPES[shape], **{**BAD, **elements})
    speck = np.zeros((case.radiograph.rows, case.radiograph.columns), dtype=np.bool_)
    speck[:12, :12] = True
    right = case.findings[0]
    many = [
        Finding(
            Structure.OTHER,
            case.findings[2].mask,
            Making.DRAWN if number % 2 else Making.IMPORTED,
            f"Structure named by a reader, number {number}",
        )
        for number in range(40)
    ]
    findings = (replace(right, mask=right.mask.union(Mask.of(speck))), *case.findings[1:], *many)
    case = replace(case, findings=findings, likeness=ChestLikeness(0, 0.1, 3.0))
    masks = {finding.tracking_uid: [finding.mask.grown(3)] for finding in case.findings[:2]}
    before = dicom_case(*SHAPES[shape], ImagerPixelSpacing=["1", "1"], StudyDate="20250101", PatientID="ELSE")
    measured = with_intervals(case, measure(case), masks)
    return job(case, measurements=measured, prior=Prior(before, measure(before)))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("shape", sorted(SHAPES))
def test_the_fullest_page_is_legible_on_a_film_of_any_shape(shape: str, language: str, page: Page) -> None:
    export = replace(with_much_to_say(shape), language=language)
    placed, say = page(export), Words(language)
    assert touching(placed) == []
    texts = [text.text for text in placed]
    notice = next(text for text in placed if text.text == say(NOTICE))
    assert min(text.y for text in placed) == notice.y
    assert texts.count(say("change")) == 1
    assert sum(text.size == 7.5 and text.text.startswith(f"{say('R')}  ") for text in placed) >= 3  # changes are shown
    said = " ".join(texts)
    caveats = {caveat for row in export.measurements for caveat in row.caveats}
    assert {Caveat.NOT_CHEST, Caveat.AP, Caveat.FRAGMENTS} <= caveats
    assert all(say(caveat.text) in said for caveat in caveats)


@pytest.mark.parametrize("shape", sorted(SHAPES))
def test_the_table_begins_below_the_film_and_the_text_beside_it(shape: str, page: Page) -> None:
    case = dicom_case(*SHAPES[shape], **BAD)
    assert touching(page(job(case))) == []


def test_names_of_many_structures_are_counted_not_listed(page: Page) -> None:
    texts = " ".join(text.text for text in page(with_much_to_say("upright")))
    assert texts.count("Structure named by a reader, number") <= 10
    assert "and 17 more: drawn by the reader" in texts
    assert "and 16 more: imported" in texts


@pytest.mark.parametrize(
    ("stored", "shown"),
    [
        ("Yamada^Tarou=山田^太郎", "Yamada, Tarou"),
        ("山田^太郎=Yamada^Tarou", "Yamada, Tarou"),
        ("Wang^XiaoDong=王^小东=", "Wang, XiaoDong"),
        ("Müller^Jörg", "Müller, Jörg"),
        ("王^小东", "?, ??"),
    ],
)
def test_a_name_in_several_scripts_is_shown_in_the_latin_one(stored: str, shown: str, page: Page) -> None:
    case = dicom_case(SpecificCharacterSet="ISO_IR 192", PatientName=stored)
    assert shown in [text.text for text in page(job(case))]
