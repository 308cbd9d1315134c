"""Data on the command line: `python -m training.data check --data DIR --out DIR`, and `python -m training.data split`.

`check` reads every film and mask and writes report.md and contact-sheet.png. `split` writes one manifest for any number
of folders, 80:10:10 by patient and copies, and refuses a leak; `--convention` says how lungs were drawn where a folder
does not.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from engine.errors import LungboxError
from engine.files import write_atomically
from training import pictures
from training.check import Findings, check_film, contact_sheet, findings, report
from training.manifest import MANIFEST, Convention, FilmRecord, add_convention, drawn_by, unique, write_manifest
from training.progress import watched
from training.sources import records_in
from training.splits import assign

# Beside the checkout, as CONTRIBUTING says; never inside it, where a film could be committed.
SHARED = Path(__file__).resolve().parents[1].parent / "shared" / "data" / "cxr"


def gathered(folders: Sequence[Path]) -> list[FilmRecord]:
    """Return the films of all folders."""
    return unique([record for folder in folders for record in records_in(folder)])


def checked(records: Sequence[FilmRecord]) -> Findings:
    """Return the findings on some films, with a line of progress."""
    return findings([check_film(record) for record in watched(records)])


def _check(folders: Sequence[Path], out: Path) -> None:
    found = checked(gathered(folders))
    out.mkdir(parents=True, exist_ok=True)
    text = report(found)
    write_atomically(out / "report.md", text.encode())
    pictures.write_png(out / "contact-sheet.png", contact_sheet(found))
    print(text)


def split(records: Sequence[FilmRecord], out: Path) -> list[FilmRecord]:
    """Write a manifest of the films, each with a split; return them."""
    assigned = assign(records, checked(records).group_of)
    out.mkdir(parents=True, exist_ok=True)
    write_manifest(out / MANIFEST, assigned)
    return assigned


def told(records: Sequence[FilmRecord]) -> Iterator[str]:
    """Yield how many films each split has."""
    for value, count in sorted(Counter(record.split.value for record in records).items()):
        yield f"{value}: {count} films"


def main(words: Sequence[str] | None = None) -> int:
    """Do as the command line says; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m training.data", description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("task", choices=["check", "split"])
    parser.add_argument("--data", type=Path, action="append", help="folder as downloaded; may be repeated")
    parser.add_argument("--out", type=Path, default=Path("check"), help="folder for what is written")
    add_convention(parser)
    given = parser.parse_args(words)
    folders = given.data or [SHARED]
    try:
        if given.task == "check":
            _check(folders, given.out)
        else:
            for line in told(split(drawn_by(Convention(given.convention), gathered(folders)), given.out)):
                print(line)
    except LungboxError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
