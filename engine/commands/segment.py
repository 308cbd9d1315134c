"""`lungbox segment`: films and boxes in; masks, overlays and measurements out, a folder a film."""

import argparse
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from engine.case import Case
from engine.commands.console import add_json_option, add_model_options, box_of, print_json, progress, report_error
from engine.domain import chest_likeness
from engine.errors import LungboxError, PromptError
from engine.files import make_folder
from engine.film.decoder import prewarm
from engine.film.radiograph import Radiograph
from engine.film.reading import read_radiograph
from engine.geometry import BoxPrompt, Prompts
from engine.likeness import ChestLikeness
from engine.lungs import name_lungs
from engine.mask import Mask
from engine.measure import Caveat, Measurements, calibration_text, displayed, jittered, measure, with_intervals
from engine.results.bundle import KINDS, OPTIONAL_KINDS, Bundle, check_kinds, export, kinds_for
from engine.results.words import LANGUAGES
from engine.segmenter import Embedding, Segmenter, load_segmenter

_MOST_FAILURES = 99  # an exit code says how many films failed; shells keep 126 and above for themselves


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the command line."""
    parser = commands.add_parser(
        "segment",
        help="outline and measure the lungs on films",
        description="Outline and measure the lungs on films. Each film gets a folder with its masks, an overlay and "
        "results.json in --out. The exit code is the number of films that failed, 99 at most.",
    )
    parser.add_argument("films", type=Path, nargs="+", metavar="FILE", help="DICOM, PNG, TIFF or JPEG radiographs")
    parser.add_argument(
        "--box",
        type=float,
        nargs=4,
        action="append",
        metavar=("X0", "Y0", "X1", "Y1"),
        help="left, top, right, bottom in pixels; once for each lung, or once round both (default: the whole film)",
    )
    parser.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="where the results go; made if it is not there"
    )
    parser.add_argument(
        "--results",
        default="png,json",
        metavar="KINDS",
        help=f"which results to write, with commas: {','.join((*KINDS, *OPTIONAL_KINDS))}; or all, which is every kind "
        f"that the film can have but {', '.join(OPTIONAL_KINDS)} (default: %(default)s)",
    )
    parser.add_argument("--intervals", action="store_true", help="also measure under moved boxes; three seconds a film")
    parser.add_argument("--reader", default="", help="who signs, as it should stand in the results")
    parser.add_argument(
        "--language", choices=LANGUAGES, default="en", help="of the PDF; all other files are the same in any language"
    )
    private = parser.add_argument_group("de-identified results (PS3.15, basic profile)")
    private.add_argument(
        "--deidentify", action="store_true", help="results, and the film, of nobody: new UIDs, no names"
    )
    private.add_argument(
        "--no-burned-in-text",
        action="store_true",
        help="you looked at every film, and none shows a name; without it no result may hold the picture",
    )
    private.add_argument("--keep-sex-and-age", action="store_true", help="retain patient characteristics")
    add_model_options(parser)
    add_json_option(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Segment the films one by one; a film that fails is reported and left out."""
    prompts = [Prompts(box_of(values)) for values in arguments.box or []]
    kinds = _kinds(arguments.results)
    make_folder(arguments.out)
    prewarm()  # while the model loads
    private = None
    if arguments.deidentify:
        from engine.results.deidentify import Deidentification

        private = Deidentification(arguments.no_burned_in_text, arguments.keep_sex_and_age)
    segmenter = load_segmenter(arguments.checkpoint, arguments.device)
    begin = time.monotonic()
    failed = 0
    done: list[dict[str, Any]] = []
    try:
        for path in progress(arguments.films):
            try:
                embedding, case = segmented(read_radiograph(path), prompts, segmenter)
                likeness = chest_likeness(segmenter, embedding, case.radiograph)
                case = replace(case, likeness=likeness)
                measurements = measure(case)
                if arguments.intervals:
                    measurements = with_intervals(case, measurements, alternatives(embedding, case, segmenter))
                bundle = export(
                    case,
                    measurements,
                    arguments.out,
                    kinds_for(case) if kinds is None else kinds,
                    # A file's name is often the patient's.
                    pattern="lungbox-{film}" if private else path.stem,
                    reader=arguments.reader,
                    deidentify=private,
                    language=arguments.language,
                )
            except LungboxError as error:
                failed += 1
                report_error(error, as_json=arguments.json, path=path)
                continue
            done.append(_described(path, case, bundle, likeness))
            if not arguments.json:
                print(_line(path, case, measurements, bundle), flush=True)
                if likeness.doubtful:
                    print(f"{path.name}: {Caveat.DOUBTED.text}", file=sys.stderr, flush=True)
    finally:
        seconds = time.monotonic() - begin
        summary = f"segmented {len(done)} of {len(arguments.films)} films in {seconds:.1f} s, {failed} failed"
        if arguments.json:
            print_json({"films": done, "failed": failed, "backend": segmenter.backend.description})
        elif len(arguments.films) > 1:
            print(summary, file=sys.stderr)
    return min(failed, _MOST_FAILURES)


def _kinds(text: str) -> tuple[str, ...] | None:
    """Return the results asked for, None for all; refused before the model is loaded."""
    kinds = tuple(kind.strip().lower() for kind in text.split(",") if kind.strip())
    if kinds == ("all",):
        return None
    check_kinds(kinds or ("",))
    return kinds


def segmented(radiograph: Radiograph, prompts: list[Prompts], segmenter: Segmenter) -> tuple[Embedding, Case]:
    """Return the film's embedding, and the case with the lungs that the boxes ask for; without a box, both lungs."""
    asked = prompts or [Prompts(BoxPrompt.whole(radiograph.rows, radiograph.columns))]
    for prompt in asked:
        if prompt.box is not None:
            prompt.box.clipped(radiograph.rows, radiograph.columns)  # refused before the costly part
    embedding = segmenter.embed(radiograph)
    case = Case(radiograph)
    for prompt, answer in zip(asked, segmenter.segment_many(embedding, asked), strict=True):
        for finding in name_lungs(answer, prompt, radiograph):
            if case.of(finding.structure) is not None:
                raise PromptError(
                    f"Two boxes gave the same {finding.label.lower()}.",
                    advice="Draw one box for each lung, or one round both.",
                )
            case = case.with_finding(finding)
    if not case.findings:
        raise PromptError("The model found no lung there.", advice="Draw the box round a lung.")
    return embedding, case


def alternatives(embedding: Embedding, case: Case, segmenter: Segmenter) -> dict[str, list[Mask]]:
    """Return, by tracking UID, the masks that slightly other boxes give: how far a number depends on the drawing."""
    film = case.radiograph
    found: dict[str, list[Mask]] = {}
    for finding in case.findings:
        if finding.prompts is None:
            continue
        moved = jittered(finding.prompts, film.rows, film.columns)
        answers = segmenter.segment_many(embedding, moved)
        named = [name_lungs(answer, prompt, film) for answer, prompt in zip(answers, moved, strict=True)]
        masks = [other.mask for lungs in named for other in lungs if other.structure is finding.structure]
        if len(masks) == len(moved):  # a box that loses the lung leaves no interval to speak of
            found[finding.tracking_uid] = masks
    return found


def _described(path: Path, case: Case, bundle: Bundle, likeness: ChestLikeness) -> dict[str, Any]:
    return {
        "file": str(path),
        "folder": str(bundle.folder),
        "results": [file.name for file in bundle.files],
        "structures": {finding.structure.value: {"area_px": finding.mask.area_px} for finding in case.findings},
        "notes": [note.code.value for note in case.radiograph.notes],
        "looks_like_frontal_chest": not likeness.doubtful,
    }


def _line(path: Path, case: Case, measurements: Measurements, bundle: Bundle) -> str:
    areas = []
    for finding in case.findings:
        area = measurements.of(finding.structure.value, "area")
        known = area is not None and area.value is not None
        size = f"{displayed(area)} {area.unit}" if known and area is not None else f"{finding.mask.area_px} px"
        areas.append(f"{finding.label.lower()} {size}")
    return f"{path.name}: {', '.join(areas)} ({calibration_text(measurements.spacing)}) -> {bundle.folder}"
