"""The report in the reader's language: nothing is left in English, numbers and dates as the language writes them."""

import re
import tomllib
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from reportlab.pdfgen.canvas import Canvas

import resources
from engine.case import Case, Finding, Line, Making, Structure
from engine.film.radiograph import ViewPosition
from engine.geometry import SpacingOrigin
from engine.likeness import ChestLikeness
from engine.measure import Caveat, Obstacle, Prior, Reason, calibration_text, measure, with_intervals
from engine.results.bundle import PICTURE_KINDS, export
from engine.results.context import NOTICE, Export
from engine.results.report import pdf
from engine.results.words import LANGUAGES, Words
from tests.engine.results.exports import MADE_AT, dicom_case, job

SPACED: dict[str, Any] = {"ImagerPixelSpacing": ["0.2", "0.15"]}
HAND = ChestLikeness(0, 0.2, 3.0)


def sentences(language: str) -> dict[str, str]:
    return tomllib.loads(resources.path(f"i18n/report.{language}.toml").read_text(encoding="utf-8"))


def with_ranges(case: Case) -> Export:
    masks = {finding.tracking_uid: [finding.mask.grown(2)] for finding in case.findings}
    return job(case, measurements=with_intervals(case, measure(case), masks))


def pages() -> dict[str, Callable[[], Export]]:
    """Return exports that between them say everything that a report can."""
    spaced = dicom_case(**SPACED)
    then = dicom_case(**SPACED, SOPInstanceUID="1.2.3", PatientID="ELSE", StudyDate="20250102")
    plain = dicom_case(SOPInstanceUID="1.2.3", StudyDate=None)
    line = (Line(3.0, 4.0, 50.0, 60.0), 12.5)

    def compared(now: Case, before: Case) -> Export:
        return job(now, prior=Prior(before, measure(before)))

    view = ViewPosition.LATERAL
    return {
        "ranges": lambda: with_ranges(spaced),
        "doubted": lambda: job(replace(spaced, likeness=HAND)),
        "calibrated": lambda: job(replace(spaced, known_length_mm=line)),
        "magnified": lambda: job(
            replace(dicom_case(**SPACED, EstimatedRadiographicMagnificationFactor="1.2"), magnification_applied=True)
        ),
        "lateral": lambda: job(
            replace(plain, radiograph=replace(plain.radiograph, view_position=view), findings=plain.findings)
        ),
        "compared": lambda: compared(spaced, replace(then, likeness=HAND)),
        "compared in pixels": lambda: compared(spaced, plain),
        "de-identified": lambda: job(spaced, deidentified=True),
        "one lung": lambda: job(replace(plain, findings=plain.findings[:1], callipers=None)),
        "imported": lambda: job(
            replace(plain, findings=tuple(replace(f, making=Making.IMPORTED) for f in plain.findings))
        ),
        "both in one": lambda: job(
            replace(plain, findings=(replace(plain.findings[0], structure=Structure.BOTH_LUNGS),), callipers=None)
        ),
    }


@pytest.mark.parametrize("page", sorted(pages()))
def test_everything_a_report_says_is_translated(page: str, monkeypatch: pytest.MonkeyPatch) -> None:
    known = sentences("de")
    asked: set[str] = set()
    real = Words.__call__

    def noted(self: Words, text: str) -> str:
        asked.add(text)
        return real(self, text)

    monkeypatch.setattr(Words, "__call__", noted)
    pdf(replace(pages()[page](), language="de"))
    assert asked
    views = {view.value for view in ViewPosition}
    assert asked - set(known) - (views & {"PA", "AP"}) == set()


def test_every_caveat_reason_origin_and_obstacle_is_translated() -> None:
    known = sentences("de")
    said = [item.text for kind in (Caveat, Reason, Obstacle) for item in kind]
    said += [calibration_text(None), NOTICE]
    from engine.measure.values import ORIGIN_TEXTS

    assert set(ORIGIN_TEXTS) == set(SpacingOrigin)
    assert [text for text in (*said, *ORIGIN_TEXTS.values()) if text not in known] == []


def test_a_translation_keeps_its_places_and_nothing_is_left_over() -> None:
    holes = re.compile(r"\{\w+\}")
    for english, german in sentences("de").items():
        assert sorted(holes.findall(english)) == sorted(holes.findall(german)), english
        german.encode("cp1252")  # what Helvetica has
    source = Path(resources.__file__).parent.parent / "engine"
    code = "\n".join(path.read_text(encoding="utf-8") for path in source.rglob("*.py"))
    for toml in (resources.path("structures.toml"),):
        code += toml.read_text(encoding="utf-8")
    labels = {Finding(structure, dicom_case().findings[0].mask, Making.DRAWN).label for structure in Structure}
    unused = [
        text for text in sentences("de") if text not in labels and f'"{text}"' not in code and f"'{text}'" not in code
    ]
    assert unused == []


def drawn(made: Export, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    words: list[str] = []
    with monkeypatch.context() as patch:
        for name in ("drawString", "drawRightString"):
            patch.setattr(Canvas, name, lambda canvas, x, y, text, *rest: words.append(text))
        pdf(made)
    return words


def test_numbers_and_dates_are_written_as_the_language_wants(monkeypatch: pytest.MonkeyPatch) -> None:
    case = dicom_case(**SPACED)
    made = with_ranges(replace(case, likeness=None))
    made = replace(made, made_at=datetime(2026, 11, 12, 9, 5, tzinfo=UTC))
    area = made.measurements.of("right_lung", "area")
    assert area is not None
    assert area.value is not None
    english, german = (drawn(replace(made, language=language), monkeypatch) for language in LANGUAGES)
    assert f"{area.value:.1f} cm²" in english
    assert f"{area.value:.1f} cm²".replace(".", ",") in german
    assert "2026-11-12 09:05" in english
    assert "12.11.2026 09:05" in german
    assert [word for word in german if re.fullmatch(r"[-+]?\d+\.\d+( ?(mm|cm²|°))?", word)] == []


def test_only_the_page_changes_with_the_language(tmp_path: Path) -> None:
    case = dicom_case(**SPACED)
    folders = [
        export(case, measure(case), tmp_path, PICTURE_KINDS, made_at=MADE_AT, language=language).folder
        for language in LANGUAGES
    ]
    for name in ("measurements.csv", "overlay.png", "labels.nii.gz"):
        assert (folders[0] / name).read_bytes() == (folders[1] / name).read_bytes()
    assert (folders[0] / "report.pdf").read_bytes() != (folders[1] / "report.pdf").read_bytes()


def test_what_is_no_date_stays_as_it_is() -> None:
    assert Words("de").date("SOMETIME") == "SOMETIME"
    assert Words("de").date("") == ""
    assert Words("de").date("20261112") == "12.11.2026"
    assert Words("de").number("1.5 x 2.25") == "1,5 x 2,25"
    assert Words("en").number("1.5") == "1.5"
    assert Words("de")("no sentence of ours") == "no sentence of ours"
