"""`lungbox measure MASK --film FILM`: the numbers of anybody's mask.

MASK is a picture (any pixel that is not 0 belongs to it), a DICOM SEG or SR, or a folder of Lungbox results.
"""

import argparse
from dataclasses import replace
from pathlib import Path

from engine.case import Case, Finding, Making, Structure
from engine.commands.console import add_json_option, print_json
from engine.errors import LungboxError, MeasurementError
from engine.film.radiograph import Radiograph
from engine.film.reading import read_radiograph
from engine.mask import Mask
from engine.measure import UNIT_SYMBOLS, calibration_text, displayed, measure, propose_callipers
from engine.results.document import measurement_values, spacing_values
from engine.results.reopen import reopen
from engine.results.sop import is_document, is_result

_STRUCTURES = {structure.value.replace("_", "-"): structure for structure in Structure}
# JPEG smears an edge: there only the brighter half is mask.
_LOSSY_KINDS = ("JPEG",)


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the command line."""
    parser = commands.add_parser("measure", help="measure any mask on its film")
    parser.add_argument("mask", type=Path, metavar="MASK", help="a picture, SEG, SR or folder of results")
    parser.add_argument("--film", type=Path, required=True, metavar="FILM")
    parser.add_argument(
        "--structure",
        choices=sorted(_STRUCTURES),
        default="both-lungs",
        help="what a picture shows; sides of both lungs are told apart (default: %(default)s)",
    )
    parser.add_argument("--corrected", action="store_true", help="divide detector spacing by the stated magnification")
    add_json_option(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the measurements."""
    film = read_radiograph(arguments.film)
    case = _case(arguments.mask, film, _STRUCTURES[arguments.structure])
    if arguments.corrected:
        if film.magnification is None:
            raise MeasurementError(f"{film.source.path.name} states no magnification.", advice="Leave out --corrected.")
        case = replace(case, magnification_applied=True)
    if case.callipers is None:
        case = replace(case, callipers=propose_callipers(case))
    measurements = measure(case)
    if arguments.json:
        print_json(
            {
                "film": film.source.path.name,
                "spacing": spacing_values(measurements.spacing),
                "measurements": [measurement_values(row) for row in measurements],
            }
        )
        return 0
    names = {finding.tracking_uid: finding.label for finding in case.findings}
    print(f"{film.source.path.name}: {calibration_text(measurements.spacing)}")
    for row in measurements:
        place = names.get(row.structure, row.structure.replace("_", " "))
        value = displayed(row) if row.reason is None else f"- ({row.reason.text})"
        unit = UNIT_SYMBOLS[row.unit] if row.reason is None else ""
        print(f"{place:<12} {row.name:<32} {value:>8} {unit}".rstrip())
    for caveat in dict.fromkeys(caveat for row in measurements for caveat in row.caveats):
        print(f"note: {caveat.text}")
    return 0


def _case(path: Path, film: Radiograph, structure: Structure) -> Case:
    if path.is_dir() or is_result(path) or is_document(path):
        reopened = reopen(path, film)
        if not reopened.findings:
            raise LungboxError(
                f"{path.name}: {'; '.join(reopened.remarks) or 'no structure'}.", advice="Choose a mask."
            )
        return reopened.marks.on(Case(film, reopened.findings))
    picture = read_radiograph(path)
    if (picture.rows, picture.columns) != (film.rows, film.columns):
        raise MeasurementError(
            f"{path.name} has {picture.columns} x {picture.rows} pixels, the film {film.columns} x {film.rows}.",
            advice="Give a mask on the film's own pixels.",
        )
    least = picture.stored.max() / 2 if picture.source.kind in _LOSSY_KINDS else 0
    mask = Mask.of(picture.stored > least)
    if mask.is_empty:
        raise MeasurementError(f"{path.name} holds no mask: every pixel is 0.", advice="Check the file.")
    return Case(film, (Finding(structure, mask, Making.IMPORTED),))
