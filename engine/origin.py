"""Which commit this copy of the program is."""

import json
import re
from functools import cache
from pathlib import Path

import resources

BUILD_FILE = "build.json"  # written into the frozen program's resources by packaging/build.py
_HASH = re.compile(r"[0-9a-f]{40}")


@cache
def commit() -> str:
    """Return the commit: of the build, or of the checkout that runs; empty where neither says."""
    built = resources.path(BUILD_FILE)
    try:
        if built.exists():
            return _checked(str(json.loads(built.read_text(encoding="utf-8"))["commit"]))
        return _checked(_head(Path(__file__).resolve().parents[1]))
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _checked(text: str) -> str:
    return text if _HASH.fullmatch(text) else ""


def _head(root: Path) -> str:
    """Return what HEAD names in a checkout, read as git keeps it (gitrepository-layout(5)) without starting git."""
    folder = root / ".git"
    if folder.is_file():  # a linked work tree
        folder = (root / folder.read_text(encoding="utf-8").removeprefix("gitdir:").strip()).resolve()
    head = (folder / "HEAD").read_text(encoding="utf-8").strip()
    if not head.startswith("ref: "):
        return head
    name = head.removeprefix("ref: ")
    shared = folder / "commondir"
    common = (folder / shared.read_text(encoding="utf-8").strip()).resolve() if shared.exists() else folder
    for place in (folder / name, common / name):
        if place.exists():
            return place.read_text(encoding="utf-8").strip()
    packed = (common / "packed-refs").read_text(encoding="utf-8").splitlines()
    return next((line.split()[0] for line in packed if line.endswith(f" {name}")), "")
