"""`lungbox verify DIR`: whether a folder of results is whole, of that film, and of that checkpoint."""

import argparse
from pathlib import Path

from engine.commands.console import add_json_option, print_json
from engine.errors import CheckpointError
from engine.film.reading import read_radiograph
from engine.network.checkpoint import bundled_checkpoint, read_checkpoint
from engine.results.check import check_bundle

_ANSWERS = {True: "yes", False: "NO", None: "-"}


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the command line."""
    parser = commands.add_parser("verify", help="re-read a folder of results: whole, of that film, of that checkpoint")
    parser.add_argument("folder", type=Path, metavar="DIR")
    parser.add_argument("--film", type=Path, metavar="FILM", help="the film it should be of (default: film.dcm beside)")
    parser.add_argument("--checkpoint", type=Path, metavar="FILE", help="the checkpoint (default: the bundled one)")
    add_json_option(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print one line a question; 1 when any answer is no."""
    beside = arguments.folder / "film.dcm"
    path = arguments.film or (beside if beside.is_file() else None)
    film = read_radiograph(path) if path is not None else None
    checks = check_bundle(arguments.folder, film, _checkpoint_sha256(arguments.checkpoint))
    if arguments.json:
        print_json({check.question: {"passed": check.passed, "message": check.message} for check in checks})
    else:
        for check in checks:
            print(f"{check.question:<11} {_ANSWERS[check.passed]:<4} {check.message}")
    return 1 if any(check.passed is False for check in checks) else 0


def _checkpoint_sha256(path: Path | None) -> str | None:
    """Return the hash of the named checkpoint, or of the bundled one where there is one."""
    if path is not None:
        return read_checkpoint(path).sha256
    try:
        return read_checkpoint(bundled_checkpoint()).sha256
    except CheckpointError:
        return None
