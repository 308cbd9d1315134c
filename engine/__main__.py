"""The `lungbox` command: `python -m engine` is the same."""

import argparse
import io
import logging
import os
import sys
from collections.abc import Sequence

from engine.commands import doctor, infer, info, measure, model, replay, segment, verify
from engine.commands.console import INTERRUPTED, report_error
from engine.errors import LungboxError
from engine.version import VERSION

_PIPE_CLOSED = 141  # 128 + SIGPIPE, as shells have it; Windows has no such signal

_COMMANDS = (segment, infer, info, measure, verify, replay, model, doctor)


def parser() -> argparse.ArgumentParser:
    """Return the whole command line."""
    top = argparse.ArgumentParser(
        prog="lungbox",
        description="Outline and measure the lungs on a chest radiograph with one box, offline. "
        "Research software, not a medical device.",
    )
    top.add_argument("--version", action="version", version=f"lungbox {VERSION}")
    top.add_argument("--verbose", action="store_true", help="say more on standard error; never a patient's data")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for command in _COMMANDS:
        command.add_parser(commands)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return the exit code: 0 done, 1 some film failed, 2 the call was wrong, 130 interrupted."""
    arguments = parser().parse_args(argv)
    _print_anything(as_json=getattr(arguments, "json", False))
    logging.basicConfig(
        level=logging.INFO if arguments.verbose else logging.WARNING,
        format="%(levelname)s: %(message)s",
        stream=sys.stderr,
    )
    try:
        return int(arguments.run(arguments))
    except LungboxError as error:
        report_error(error, as_json=getattr(arguments, "json", False))
        return 1
    except KeyboardInterrupt:
        print("lungbox: interrupted; what was written is whole", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # `lungbox info film | head`: the reader has gone. Python would complain once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _PIPE_CLOSED
    except OSError as error:
        # A folder that may not be searched, a share that went away: the system's refusal, and no fault to be traced.
        reason = (error.strerror or "the system refused").lower()
        refused = LungboxError(
            f"{error.filename or 'A file'} cannot be reached: {reason}.",
            advice="Check the name, and that you may open its folder.",
        )
        report_error(refused, as_json=getattr(arguments, "json", False))
        return 1


def _print_anything(*, as_json: bool) -> None:
    """Have names that the terminal cannot show printed in escapes, and JSON in UTF-8 (RFC 8259 section 8.1)."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8" if as_json else None, errors="backslashreplace")


if __name__ == "__main__":
    sys.exit(main())
