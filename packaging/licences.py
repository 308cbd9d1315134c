"""What is in the program's folder, under which licences: the notices that go with it, and its bill of materials.

    python packaging/licences.py FOLDER

Writes NOTICES.txt (every component with its licence's text) and sbom.cdx.json (CycloneDX 1.6) into the folder. Fails,
and writes nothing, on a component that packaging/components.toml does not list or whose licence is not approved there.
"""

import json
import sys
import tomllib
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

HERE = Path(__file__).resolve().parent
_TEXTS = {"LGPL-3.0-only": ("LGPL-3.0.txt", "GPL-3.0.txt")}  # the LGPL adds to the GPL, so both texts are owed
_RELINK = (
    "Lungbox uses Qt and PySide6 under the GNU Lesser General Public License, version 3. They are shared libraries\n"
    "in _internal/PySide6 and _internal/shiboken6, unchanged but for the symbols of debuggers; put builds of your own\n"
    "with the same interface in their place, and the program uses those. Their source is published by The Qt Company\n"
    "with each release."
)


class UnapprovedError(Exception):
    """A component that may not be bundled."""


@dataclass(frozen=True, slots=True)
class Component:
    """One library of the bundle."""

    name: str
    version: str
    licence: str
    why: str
    texts: tuple[str, ...]


def distributions(root: str, left_out: frozenset[str]) -> dict[str, metadata.Distribution]:
    """Return what an installed project needs, itself not included, by lower-case name."""
    found: dict[str, metadata.Distribution] = {}
    waiting = [root]
    while waiting:
        distribution = metadata.distribution(waiting.pop())
        for text in distribution.requires or []:
            requirement = Requirement(text)
            if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
                continue
            needed = metadata.distribution(requirement.name)
            name = str(needed.metadata["Name"]).lower()
            if name not in found and name not in left_out:
                found[name] = needed
                waiting.append(name)
    return found


def licence_texts(distribution: metadata.Distribution, licence: str) -> tuple[str, ...]:
    """Return the licence files that a distribution carries, or our copy where it carries none."""
    named = ("licen", "copying", "notice", "third-party")
    files = [file for file in distribution.files or [] if ".dist-info/" in str(file)]
    found = [_decoded(file.read_binary()) for file in files if any(word in file.name.lower() for word in named)]
    if not found:
        found = [(HERE / "texts" / name).read_text(encoding="utf-8") for name in _TEXTS.get(licence, ())]
    return tuple(found)


def _decoded(data: bytes) -> str:
    """Return a text that is in UTF-8, or, like some of the older notices, in Latin-1."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def components(listing: dict[str, Any], found: dict[str, metadata.Distribution]) -> list[Component]:
    """Return every bundled component, or say which may not be bundled."""
    known, approved = listing["component"], frozenset(listing["approved"])
    bundled = []
    for name, distribution in sorted(found.items()):
        entry = known.get(name)
        if entry is None:
            raise UnapprovedError(f"{name} is not in packaging/components.toml: read its licence, then list it")
        if entry["licence"] not in approved:
            raise UnapprovedError(f"{name} has the licence {entry['licence']}, which is not approved")
        texts = licence_texts(distribution, entry["licence"])
        bundled.append(Component(name, distribution.version, entry["licence"], entry["why"], texts))
    return bundled


def notices(bundled: list[Component]) -> str:
    """Return the notices' text."""
    parts = ["Lungbox is built with these components.\n", _RELINK + "\n"]
    for component in bundled:
        parts.append("=" * 100)
        parts.append(f"{component.name} {component.version}\n{component.licence}: {component.why}\n")
        parts += component.texts
    return "\n".join(parts) + "\n"


def bill_of_materials(bundled: list[Component], version: str) -> dict[str, Any]:
    """Return the CycloneDX document. It has no time and no serial number: two builds of a commit agree."""
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": {"type": "application", "name": "lungbox", "version": version}},
        "components": [
            {
                "type": "library",
                "name": component.name,
                "version": component.version,
                "purl": f"pkg:pypi/{component.name}@{component.version}",
                "licenses": [{"license": {"id": component.licence}}],
                "description": component.why,
            }
            for component in bundled
        ],
    }


def write(folder: Path) -> list[Component]:
    """Check the components and write both files."""
    listing = tomllib.loads((HERE / "components.toml").read_text(encoding="utf-8"))
    found = distributions("lungbox", frozenset(listing["left_out"]))
    found["pyinstaller"] = metadata.distribution("pyinstaller")
    bundled = components(listing, found)
    text, bill = notices(bundled), bill_of_materials(bundled, metadata.version("lungbox"))
    (folder / "NOTICES.txt").write_text(text, encoding="utf-8")
    (folder / "sbom.cdx.json").write_text(json.dumps(bill, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    return bundled


def main(argv: list[str]) -> int:
    """Write the files into a folder."""
    try:
        bundled = write(Path(argv[0]))
    except UnapprovedError as error:
        print(f"packaging/licences.py: {error}", file=sys.stderr)
        return 1
    print(f"{len(bundled)} components, {', '.join(sorted({component.licence for component in bundled}))}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
