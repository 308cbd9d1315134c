"""Words: errors, notes, structures, units and numbers as sentences of the reader's language.

The engine's own messages are English and go to the log; here their type or code becomes what is read on screen.
"""

import html
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

from PySide6.QtCore import QCoreApplication, QLocale, QObject, QTranslator

import resources
from app.casefile import CaseFileError
from app.display import Preset, PresetKind
from app.results import PartlyOpenedError, ResultsError
from engine.case import Case, CaseState, Finding, Line, Making, Structure
from engine.errors import (
    BackendError,
    CheckpointError,
    DamagedFilmError,
    FilmTooLargeError,
    LungboxError,
    MeasurementError,
    NoResultError,
    NotAFilmError,
    OutputError,
    PromptError,
    SelfTestError,
    UnsupportedFilmError,
)
from engine.film.grey import View, VoiLut, Window, WindowFunction
from engine.film.radiograph import NoteCode, Radiograph, ViewPosition, person_name
from engine.geometry import Spacing, SpacingOrigin
from engine.measure import (
    Caveat,
    Change,
    Measurement,
    Obstacle,
    Reason,
    rounded,
    scale_of,
    value_text,
)

MINUS = "\N{MINUS SIGN}"
LANGUAGES = {"en": "English", "de": "Deutsch"}


def say(text: str) -> str:
    """Return a sentence in the reader's language."""
    return QCoreApplication.translate("Wording", text)


def films_text(count: int) -> str:
    """Return a number of films in words."""
    return say("1 film") if count == 1 else say("{count} films").format(count=count)


def steps_text(count: int) -> str:
    """Return a number of steps of work in words."""
    return say("1 step") if count == 1 else say("{count} steps").format(count=count)


class SentenceFile(QTranslator):
    """A `.ts` file, read as it is: no compiled copy that could fall behind it."""

    def __init__(self, path: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._sentences: dict[tuple[str, str], str] = {}
        # The file is ours, shipped and hashed with the program.
        for context in ElementTree.parse(path).getroot().iter("context"):  # noqa: S314
            name = context.findtext("name") or ""
            for message in context.iter("message"):
                source, translation = message.findtext("source"), message.find("translation")
                if source and translation is not None and translation.text and translation.get("type") is None:
                    self._sentences[name, source] = translation.text

    def translate(self, context: str, source_text: str, disambiguation: str | None = None, n: int = -1) -> str:
        """Return the sentence, or nothing, upon which Qt shows the English one."""
        # None, and not "": an empty sentence would be shown as one.
        return self._sentences.get((context, source_text))  # type: ignore[return-value]

    def isEmpty(self) -> bool:
        """Return whether there is nothing in it."""
        return not self._sentences

    def __len__(self) -> int:
        return len(self._sentences)


def language_of(choice: str) -> str:
    """Return the language for a setting: the system's where we speak it."""
    if choice in LANGUAGES:
        return choice
    system = QLocale.system().name()[:2]
    return system if system in LANGUAGES else "en"


def translation_path(language: str) -> Path:
    """Return the file of a language."""
    return resources.path(f"i18n/{language}.ts")


def structure_name(finding: Finding) -> str:
    """Return what a structure is called."""
    return finding.name or structure_title(finding.structure)


def structure_title(structure: Structure) -> str:
    """Return what a kind of structure is called."""
    titles = {
        Structure.RIGHT_LUNG: say("Right lung"),
        Structure.LEFT_LUNG: say("Left lung"),
        Structure.BOTH_LUNGS: say("Both lungs"),
        Structure.OTHER: say("Other"),
    }
    return titles[structure]


def making_text(finding: Finding) -> str:
    """Return how a mask came about."""
    texts = {
        Making.MODEL: say("outlined"),
        Making.EDITED: say("edited"),
        Making.DRAWN: say("drawn"),
        Making.IMPORTED: say("imported"),
    }
    return texts[finding.making]


def state_text(state: CaseState) -> str:
    """Return where the reader is with a film."""
    texts = {
        CaseState.NEW: say("new"),
        CaseState.BOXED: say("boxed"),
        CaseState.ACCEPTED: say("accepted"),
        CaseState.FLAGGED: say("flagged"),
    }
    return texts[state]


def preset_text(preset: Preset) -> str:
    """Return a preset's name: the header's own words where it has any."""
    texts = {
        PresetKind.HEADER: say("Header"),
        PresetKind.AUTO: say("Auto"),
        PresetKind.LUNG: say("Lung"),
        PresetKind.MEDIASTINUM: say("Mediastinum"),
        PresetKind.FULL: say("Full range"),
    }
    name = texts[preset.kind]
    explanation = preset.view.explanation.strip()
    if preset.kind is PresetKind.HEADER and explanation:
        return f"{name}: {plain(explanation, 24)}"
    return name


def plain(text: str, limit: int = 80) -> str:
    """Return text from a file fit for one line: no control or direction characters, not endless."""
    kept = "".join(letter for letter in text if letter.isprintable() and letter not in _DIRECTIONS)
    return kept if len(kept) <= limit else kept[: limit - 1] + "…"


def path_text(path: Path) -> str:
    """Return a path as people write it: the home folder shortened, the middle of a long one left out."""
    text = f"~/{path.relative_to(Path.home()).as_posix()}" if path.is_relative_to(Path.home()) else str(path)
    return text if len(text) <= 80 else f"{text[:24]} … {text[-52:]}"


def tool_tip(text: str) -> str:
    """Return text that a tool tip shows as it is: Qt takes what looks like markup for markup."""
    return f"<p>{html.escape(text)}</p>" if "<" in text or "&" in text else text


_DIRECTIONS = {chr(code) for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F, 0x061C)}


def person(name: str) -> str:
    """Return a Person Name as it is read, short enough for a corner."""
    return plain(person_name(name), 48)


def identity_lines(radiograph: Radiograph) -> tuple[str, ...]:
    """Return whose film it is, for the corner of the canvas."""
    who = radiograph.identity
    name = person(who.patient_name)
    facts = "  ".join(
        plain(part, 32) for part in (who.patient_id, who.birth_date and date(who.birth_date), who.sex) if part
    )
    study = "  ".join(plain(part, 40) for part in (date(who.study_date), who.study_description) if part)
    return tuple(line for line in (name, facts, study) if line)


def date(text: str) -> str:
    """Return a DICOM date as people write it everywhere."""
    return f"{text[:4]}-{text[4:6]}-{text[6:8]}" if len(text) == 8 and text.isdigit() else plain(text, 16)


def view_text(radiograph: Radiograph) -> str:
    """Return the projection and the machine's kind."""
    view = radiograph.view_position
    names = {ViewPosition.LATERAL: say("lateral"), ViewPosition.OTHER: say("other view")}
    known = "" if view is ViewPosition.UNKNOWN else names.get(view, view.value)
    return "  ".join(part for part in (known, plain(radiograph.source.modality, 8), radiograph.source.kind) if part)


def window_text(view: View) -> str:
    """Return width and level, or the name of a table."""
    if isinstance(view, Window):
        kind = " S" if view.function is WindowFunction.SIGMOID else ""
        return f"W {view.width:.5g}  L {view.center:.5g}{kind}"
    if isinstance(view, VoiLut):
        return say("Table {name}").format(name=plain(view.explanation, 24)).strip()
    return ""


def calibration(spacing: Spacing | None) -> str:
    """Return where the millimetres come from, in few words."""
    if spacing is None:
        return say("pixels only, no millimetres")
    texts = {
        SpacingOrigin.DETECTOR: say("mm at the detector"),
        SpacingOrigin.FIDUCIAL: say("mm by fiducial"),
        SpacingOrigin.GEOMETRY: say("mm corrected for magnification"),
        SpacingOrigin.CORRECTED: say("mm corrected, type not stated"),
        SpacingOrigin.UNKNOWN: say("mm, origin unknown"),
        SpacingOrigin.SCANNER: say("mm at the film's surface"),
        SpacingOrigin.USER: say("mm calibrated by the reader"),
    }
    return texts[spacing.origin]


def origin_mark(origin: SpacingOrigin | None) -> str:
    """Return an origin in one word, beside a number."""
    texts = {
        SpacingOrigin.DETECTOR: say("detector"),
        SpacingOrigin.FIDUCIAL: say("fiducial"),
        SpacingOrigin.GEOMETRY: say("patient"),
        SpacingOrigin.CORRECTED: say("corrected"),
        SpacingOrigin.UNKNOWN: say("unknown"),
        SpacingOrigin.SCANNER: say("scanner"),
        SpacingOrigin.USER: say("reader"),
    }
    return "" if origin is None else texts[origin]


def length_text(case: Case, line: Line) -> str:
    """Return the length of a line on a case with its unit and origin."""
    scale = scale_of(case)
    mark = origin_mark(scale.origin)
    return f"{rounded(scale.length(line), scale.unit)} {scale.unit}" + (f"  {mark}" if mark else "")


def evidence_text(measurement: Measurement) -> str:
    """Return a number as it stands beside the place that it was taken from: with unit and origin."""
    mark = origin_mark(measurement.origin)
    return "  ".join(part for part in (value_text(measurement), mark) if part)


def measurement_name(measurement: Measurement) -> str:
    """Return what a row of the table is called."""
    names = {
        "area": say("Projected area"),
        "perimeter": say("Perimeter"),
        "height-dome": say("Height to dome"),
        "height-angle": say("Height to angle"),
        "width": say("Maximum width"),
        "share-upper": say("Upper zone"),
        "share-middle": say("Middle zone"),
        "share-lower": say("Lower zone"),
        "costophrenic-angle": say("Costophrenic angle"),
        "dome-height": say("Dome height"),
        "asymmetry": say("Asymmetry"),
        "left-right-ratio": say("Left to right"),
        "diaphragm-difference": say("Right dome above left"),
        "thoracic-diameter": say("Thoracic diameter"),
        "heart-right": say("Heart, right of midline"),
        "heart-left": say("Heart, left of midline"),
        "heart-diameter": say("Heart diameter"),
        "ctr": say("Cardiothoracic ratio"),
        "grey": say("Mean grey"),
    }
    if measurement.id.startswith("distance-"):
        return say("Distance {number}").format(number=measurement.id.removeprefix("distance-"))
    return names.get(measurement.id, measurement.name)


def measured_name(measurement: Measurement, case: Case | None) -> str:
    """Return what a row is called that stands by itself: with the side, or the structure's own name."""
    name = measurement_name(measurement)
    if measurement.structure == Structure.RIGHT_LUNG.value:
        return say("{name}, right").format(name=name)
    if measurement.structure == Structure.LEFT_LUNG.value:
        return say("{name}, left").format(name=name)
    finding = case.finding(measurement.structure) if case is not None else None
    return f"{structure_name(finding)}: {name}" if finding is not None else name


def sided_name(measurement: Measurement, case: Case | None) -> str:
    """Return the same for a narrow column, where right and left stand one below the other."""
    sides = {Structure.RIGHT_LUNG.value: say("R"), Structure.LEFT_LUNG.value: say("L")}
    side = sides.get(measurement.structure)
    return f"{side}  {measurement_name(measurement)}" if side else measured_name(measurement, case)


def typeset(number: str) -> str:
    """Return a rounded number with a minus sign where the engine, for machines, writes a hyphen."""
    return number.replace("-", MINUS)


def changed_text(change: Change) -> str:
    """Return a difference with its sign."""
    if change.difference is None:
        return "–"
    text = rounded(abs(change.difference), change.current.unit)
    if float(text) == 0:
        return text
    return f"{'+' if change.difference > 0 else MINUS}{text}"


def obstacle_text(obstacle: Obstacle) -> str:
    """Return why two numbers do not compare."""
    texts = {
        Obstacle.NO_MILLIMETRES: say("Without millimetres on both films only ratios and angles compare."),
        Obstacle.OTHER_CALIBRATION: say(
            "The two films are calibrated in different ways: only ratios and angles compare."
        ),
        Obstacle.GREY: say("Grey values of two exposures do not compare."),
    }
    return texts[obstacle]


def prior_source_text(source: str) -> str:
    """Return where a prior's outlines come from."""
    texts = {
        "session": say("Outlined in this session."),
        "case": say("Outlines from its case file."),
        "results": say("Outlines from the results beside it."),
        "model": say("Outlined by the model; nobody has corrected it."),
    }
    return texts[source]


def reason_text(reason: Reason) -> str:
    """Return why there is no number."""
    texts = {
        Reason.EMPTY: say("The mask is empty."),
        Reason.NEEDS_BOTH_LUNGS: say("Both lungs must be outlined."),
        Reason.NEEDS_CALLIPERS: say("Place the heart callipers first (C)."),
        Reason.CALLIPERS_UNUSABLE: say("The midline has no length, or the heart's borders are exchanged."),
        Reason.NOT_FRONTAL: say("This is not a frontal view."),
        Reason.NO_BASE: say("The mask has no base wide enough for a diaphragm."),
        Reason.NO_ANGLE: say("The outline is too short beside the costophrenic angle."),
        Reason.GREY_WITHOUT_MEANING: say("The file does not say what its grey values mean."),
    }
    return texts.get(reason, reason.text)


def caveat_text(caveat: Caveat) -> str:
    """Return what to know before using a number."""
    texts = {
        Caveat.AP: say("AP view: the heart is magnified, the ratio reads too high."),
        Caveat.SUPINE: say("Supine: the diaphragm stands higher and the heart is wider than upright."),
        Caveat.VIEW_UNKNOWN: say("The film does not state its view."),
        Caveat.MAGNIFIED: say("Millimetres at the detector: larger than in the patient."),
        Caveat.SPACING_UNKNOWN: say("The film does not say at which plane its millimetres hold."),
        Caveat.ORIENTATION_ASSUMED: say("Orientation not stated: taken as upright, right on the image's left."),
        Caveat.FRAGMENTS: say("The mask is in several parts; lengths are of the largest."),
        Caveat.OVERLAP: say("The masks of the two lungs overlap."),
        Caveat.SPLIT: say("One mask of both lungs, split into sides automatically."),
        Caveat.CUT_OFF: say("The mask reaches the edge of the film."),
        Caveat.NOT_CHEST: say("The film does not say that it is a chest."),
        Caveat.LOSSY: say("Lossy compression has changed the grey values."),
        Caveat.NOT_FRONTAL: say("Not a frontal view: the outlines cannot be trusted."),
        Caveat.DOUBTED: say("Does not look like a frontal chest film: the outlines cannot be trusted."),
    }
    return texts.get(caveat, caveat.text)


def note_text(code: NoteCode) -> str:
    """Return a note of the reader's as the sentence on its badge."""
    texts = {
        NoteCode.LOSSY: say("Lossy compression: fine detail may be lost."),
        NoteCode.POLARITY: say("The header's polarity was contradictory and was corrected. Press I if it looks wrong."),
        NoteCode.SPACING_MISSING: say("No pixel spacing: sizes in pixels only."),
        NoteCode.SPACING_UNUSABLE: say("Unusable pixel spacing: sizes in pixels only."),
        NoteCode.SPACING_CONTRADICTORY: say("Contradictory spacing: sizes in pixels only."),
        NoteCode.SPACING_MAGNIFIED: say("Millimetres at the detector; magnification not applied."),
        NoteCode.VIEW_AP: say("AP view: the heart reads too large."),
        NoteCode.VIEW_UNKNOWN: say("The film does not state its view."),
        NoteCode.NOT_FRONTAL: say("Not a frontal view: the outlines cannot be trusted."),
        NoteCode.NOT_CHEST: say("The film does not say that it is a chest."),
        NoteCode.FOR_PROCESSING: say("A raw image, made for processing, not for reading."),
        NoteCode.COLOUR_REDUCED: say("Colour was reduced to grey."),
        NoteCode.WINDOW_UNUSABLE: say("The header's window is unusable."),
        NoteCode.LUT_UNUSABLE: say("A lookup table of the header is unusable."),
        NoteCode.RESCALE_UNUSABLE: say("The header's rescale is unusable."),
        NoteCode.BURNED_IN: say("Text may be burned into the pixels: look for names before sharing."),
        NoteCode.ORIENTATION_UNKNOWN: say("Orientation not stated: R and L are assumed."),
        NoteCode.HEADER_ODD: say("The header has oddities; see the log."),
        NoteCode.PREAMBLE_EXECUTABLE: say("The file begins like a program. It was read as a film only."),
    }
    return texts.get(code, code.value)


def doubt_text() -> str:
    """Return the warning on a film that does not look like what the model knows."""
    return caveat_text(Caveat.DOUBTED)


def place_text(number: int) -> str:
    """Return what a film is called by its place in the list, where it has or may show no name."""
    return f"# {number + 1}"


def notice_text(code: str) -> str:
    """Return a passing remark of the status bar."""
    texts = {
        "nothing-found": say("The model sees no lung in this box."),
        "nothing-to-accept": say("Nothing to accept yet: outline a lung first."),
        "still-outlining": say("Not done: an outline is still to come. Look at it first."),
        "overtaken": say("The new outline was dropped: the mask has been changed meanwhile."),
        "left-unanswered": say("The film was left before an outline had come: it was dropped."),
        "saved": say("Saved."),
        "exporting": say("Writing the results."),
        "nothing-exported": say("Nothing was exported since the start."),
        "results-opened": say("The results are open; undo takes them back."),
        "results-film-found": say("The film of these results was found and opened."),
        "fell-back": say("The faster engine cannot be used here: the model runs on another, more slowly."),
        "model-restarted": say("The model's process ended and was started again. Nothing was lost."),
        "last-film": say("This is the last film of the list."),
        "first-film": say("This is the first film of the list."),
        "first-case": say("The first case was opened. Open the others one at a time."),
        "another-film": say("Nothing was changed: another film has come up meanwhile."),
    }
    return texts.get(code, code)


_KINDS: tuple[tuple[type[LungboxError], Callable[[], str]], ...] = (
    (NotAFilmError, lambda: say("This file is not a single radiograph.")),
    (DamagedFilmError, lambda: say("This film is damaged and was not opened.")),
    (UnsupportedFilmError, lambda: say("This kind of film is not supported.")),
    (FilmTooLargeError, lambda: say("This film is too large to open.")),
    (PromptError, lambda: say("This prompt cannot be used.")),
    (CheckpointError, lambda: say("The model cannot be used.")),
    (SelfTestError, lambda: say("The self-test failed: do not trust the outlines.")),
    (NoResultError, lambda: say("The model gave no usable result.")),
    (BackendError, lambda: say("The model could not be run.")),
    (MeasurementError, lambda: say("This cannot be measured.")),
    (OutputError, lambda: say("Could not be written. Your work is still here.")),
    (PartlyOpenedError, lambda: say("Some of these results could not be opened.")),
    (ResultsError, lambda: say("These results cannot be opened.")),
    (CaseFileError, lambda: say("This case cannot be opened.")),
)


def error_title(error: LungboxError) -> str:
    """Return what kind of thing went wrong."""
    return next((title() for kind, title in _KINDS if isinstance(error, kind)), say("That did not work."))
