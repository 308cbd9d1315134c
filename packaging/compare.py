"""Whether two builds of one commit are the same: `python packaging/compare.py dist/lungbox other/lungbox`.

Lists every file that differs. Those that may differ are in packaging/may_differ.txt with the reason; any other is an
error.
"""

import hashlib
import sys
from fnmatch import fnmatch
from pathlib import Path

LISTED = Path(__file__).resolve().with_name("may_differ.txt")


def contents(folder: Path) -> dict[str, str]:
    """Return what is in a folder, by place: the hash of a file with its rights, or where a link leads."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink():
            found[name] = f"link to {path.readlink()}"
        elif path.is_file():
            found[name] = f"{path.stat().st_mode & 0o777:o} {hashlib.sha256(path.read_bytes()).hexdigest()}"
    return found


def differences(first: Path, second: Path) -> list[str]:
    """Return the places of what is different, or in one of the folders only."""
    one, other = contents(first), contents(second)
    return sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))


def may_differ() -> list[str]:
    """Return the patterns of what may differ."""
    lines = (line.split("#")[0].strip() for line in LISTED.read_text(encoding="utf-8").splitlines())
    return [line for line in lines if line]


def main(argv: list[str]) -> int:
    """Print what differs; 1 where something may not."""
    if len(argv) != 2 or not all(Path(name).is_dir() for name in argv):
        print("usage: python packaging/compare.py FOLDER FOLDER", file=sys.stderr)
        return 2
    patterns, wrong = may_differ(), 0
    found = differences(Path(argv[0]), Path(argv[1]))
    for name in found:
        allowed = any(fnmatch(name, pattern) for pattern in patterns)
        wrong += not allowed
        print(f"{'may differ' if allowed else 'DIFFERS   '}  {name}")
    print(f"{len(contents(Path(argv[0])))} files, {len(found)} differ, {wrong} of them though they should not")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
