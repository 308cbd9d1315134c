"""What every command says in the same way: errors, progress, JSON."""

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from engine.errors import LungboxError, PromptError
from engine.geometry import BoxPrompt
from engine.models import model_path

INTERRUPTED = 130  # 128 + SIGINT, as shells have it


def report_error(error: LungboxError, *, as_json: bool, path: Path | None = None) -> None:
    """Print one line on standard error: what went wrong and what to do."""
    if as_json:
        fault: dict[str, Any] = {"error": type(error).__name__, "message": error.message, "advice": error.advice}
        if path is not None:
            fault["file"] = str(path)
        print(json.dumps(fault), file=sys.stderr)
        return
    where = f"{path}: " if path is not None and path.name not in error.message else ""
    print("lungbox: " + where + " ".join(str(error).split()), file=sys.stderr)


def print_json(values: Any) -> None:
    """Print one JSON document on standard output."""
    print(json.dumps(values, indent=2, ensure_ascii=False, allow_nan=False))


def progress(paths: Sequence[Path]) -> Iterator[Path]:
    """Yield the paths with a progress bar on standard error, where several and somebody watches."""
    if len(paths) < 2 or not sys.stderr.isatty():
        yield from paths
        return
    begin = time.monotonic()
    for done, path in enumerate(paths):
        left = (time.monotonic() - begin) / done * (len(paths) - done) if done else 0.0
        filled = round(24 * done / len(paths))
        bar = "#" * filled + "-" * (24 - filled)
        print(
            f"\r\x1b[2K[{bar}] {done}/{len(paths)}  {left:.0f} s left  {path.name[:40]}",
            end="",
            file=sys.stderr,
            flush=True,
        )
        yield path
    print("\r\x1b[2K", end="", file=sys.stderr, flush=True)


def add_model_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that choose the checkpoint and the device."""
    parser.add_argument(
        "--checkpoint",
        type=model_path,
        help="a model file, or a name of `lungbox model list` (default: the bundled one)",
    )
    parser.add_argument(
        "--device", choices=["auto", "cpu", "cuda"], default="auto", help="where the model runs (default: %(default)s)"
    )


def add_json_option(parser: argparse.ArgumentParser) -> None:
    """Add the option for machines."""
    parser.add_argument("--json", action="store_true", help="print JSON, errors too")


def box_of(values: Sequence[float]) -> BoxPrompt:
    """Return the box of four numbers, left top right bottom, half-open in image pixels."""
    if len(values) != 4:
        raise PromptError(f"A box needs four numbers, got {len(values)}.", advice="Give left top right bottom.")
    return BoxPrompt(*values)
