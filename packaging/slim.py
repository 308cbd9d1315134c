"""Makes the frozen folder smaller without changing what it computes. Linux only; elsewhere there is nothing to do.

OpenCV's wheel is linked to FFmpeg, OpenSSL and OpenBLAS: 74 MB that are loaded with every start and reached by none of
the functions that we call (tests/packaging/test_slim.py holds the list of those). They cannot just be left out, for the
loader wants their symbols. So each of these libraries is replaced by a stub: the same name, the same symbols with the
same versions, and one body that says what happened and ends the process. cv2 itself is not touched.

Qt is linked to ICU, whose data is mostly names (of currencies, units, languages, countries, in 200 languages) that Qt
has itself. ICU's own tool (icupkg) takes them out; what is left is linked under the same name.
"""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

OPENCV_LIBRARIES = "opencv_python_headless.libs"
STUBBED = ("libavcodec-", "libavformat-", "libavutil-", "libswscale-", "libopenblasp-")
TOOLS = ("gcc", "nm", "objcopy", "objdump", "strip", "icupkg")

# Of ICU's data: trees of names, of which only these languages stay.
_ICU_TREES = ("curr", "lang", "rbnf", "region", "unit", "zone")
_ICU_KEPT = ("root", "en", "de", "pool", "res_index", "supplementalData", "tzdbNames")

# Files of data that are written with spaces for people; highdicom reads the same from the same text without them.
_COMPACTED = ("highdicom/_standard/*.json",)

_BODY = """
#include <stdlib.h>
#include <unistd.h>
static const char said[] = "lungbox: {library} is not bundled, and was called\\n";
__attribute__((noreturn)) static void absent(void) {{
    if (write(2, said, sizeof said - 1) < 0) {{ abort(); }}
    abort();
}}
"""


@dataclass(frozen=True, slots=True)
class Symbol:
    """A symbol of a shared library."""

    name: str
    version: str  # empty where the library has none
    kind: str  # nm's letter: T is code


def slim(folder: Path) -> list[str]:
    """Do all of it to a frozen program's inner folder; return what was done, as lines."""
    if not sys.platform.startswith("linux"):
        return []
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing:
        return [f"not made smaller: {', '.join(missing)} is not installed"]
    before = size(folder)
    said = []
    for what, work in (
        ("video and algebra of OpenCV replaced by stubs", stub_opencv),
        ("names in other languages removed from ICU", trim_icu),
        ("libraries that nothing needs any more removed", remove_orphans),
        ("symbols of debuggers removed", strip),
        ("tables of data without spaces", compact),
    ):
        work(folder)
        after = size(folder)
        said.append(f"{(before - after) / 1e6:8.1f} MB  less: {what}")
        before = after
    return said


def stub_opencv(folder: Path) -> None:
    """Replace the libraries of OpenCV's wheel that no function of ours reaches."""
    module = next((folder / "cv2").glob("cv2*.so"), None)
    if module is None:
        return
    wanted = {symbol.name for symbol in symbols(module, defined=False)}
    for library in sorted((folder / OPENCV_LIBRARIES).iterdir()):
        if library.name.startswith(STUBBED):
            used = [symbol for symbol in symbols(library, defined=True) if symbol.name in wanted]
            write_stub(library, used)


def write_stub(library: Path, used: Iterable[Symbol]) -> None:
    """Put a library in the place of another that has these of its symbols, each of which ends the process."""
    used = sorted(set(used), key=lambda symbol: (symbol.version, symbol.name))
    data = [symbol.name for symbol in used if symbol.kind not in "TtWwi"]
    if data:
        raise RuntimeError(f"{library.name}: {', '.join(data)} is data, which no stub can stand for")
    source, versions = library.with_suffix(".c"), library.with_suffix(".map")
    functions = [f"__attribute__((noreturn)) void {symbol.name}(void) {{ absent(); }}" for symbol in used]
    source.write_text(_BODY.format(library=library.name.split("-")[0]) + "\n".join(functions) + "\n")
    blocks = []
    for version in sorted({symbol.version for symbol in used if symbol.version}):
        names = " ".join(f"{symbol.name};" for symbol in used if symbol.version == version)
        blocks.append(f"{version} {{ global: {names} local: *; }};")
    versions.write_text("\n".join(blocks) + "\n")
    command = [
        "gcc",
        "-shared",
        "-fPIC",
        "-O1",
        "-w",
        "-fno-builtin",
        "-Wl,--build-id=none",
        f"-Wl,-soname,{library.name}",
    ]
    command += [f"-Wl,--version-script,{versions}"] if blocks else []
    part = library.with_suffix(".part")
    subprocess.run([*command, "-o", str(part), str(source)], check=True)
    part.replace(library)
    source.unlink()
    versions.unlink()


def symbols(library: Path, *, defined: bool) -> list[Symbol]:
    """Return the dynamic symbols that a library has, or those that it wants."""
    kind = "--defined-only" if defined else "--undefined-only"
    command = ["nm", "--dynamic", "--with-symbol-versions", kind, str(library)]
    found = []
    for line in subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines():
        *_, letter, text = line.split()
        name, _, version = text.partition("@")
        found.append(Symbol(name, version.lstrip("@"), letter))
    return found


def trim_icu(folder: Path) -> None:
    """Take out of Qt's copy of ICU what a window in English or German never asks for."""
    for library in sorted((folder / "PySide6" / "Qt" / "lib").glob("libicudata.so.*")):
        (symbol,) = [found for found in symbols(library, defined=True) if found.name.endswith("_dat")]
        stem = library.with_suffix("")
        # icupkg reads the version and the byte order from the file's name: icudt73l.dat, l for little-endian.
        package = library.with_name(f"{symbol.name.removesuffix('_dat')}l.dat")
        package.write_bytes(_section(library, ".rodata"))
        listed = subprocess.run(["icupkg", "-l", str(package)], capture_output=True, text=True, check=True).stdout
        gone = stem.with_suffix(".txt")
        gone.write_text("\n".join(name for name in listed.split() if _is_gone(name)) + "\n")
        subprocess.run(["icupkg", "-r", str(gone), str(package)], check=True, capture_output=True)
        source = stem.with_suffix(".S")
        source.write_text(
            f".section .rodata\n.balign 16\n.globl {symbol.name}\n.type {symbol.name}, @object\n"
            f'{symbol.name}:\n.incbin "{package}"\n.size {symbol.name}, . - {symbol.name}\n'
            '.section .note.GNU-stack,"",@progbits\n'
        )
        command = ["gcc", "-shared", "-nostdlib", "-Wl,--build-id=none", f"-Wl,-soname,{library.name}"]
        subprocess.run([*command, "-o", str(library), str(source)], check=True)
        for path in (package, gone, source):
            path.unlink()


def _is_gone(name: str) -> bool:
    tree, _, item = name.partition("/")
    return tree in _ICU_TREES and item.split(".")[0] not in _ICU_KEPT


def _section(library: Path, name: str) -> bytes:
    """Return the bytes of a section."""
    copy = library.with_suffix(".section")
    subprocess.run(["objcopy", "-O", "binary", "--only-section", name, str(library), str(copy)], check=True)
    data = copy.read_bytes()
    copy.unlink()
    return data


def remove_orphans(folder: Path) -> None:
    """Remove shared libraries that were brought by one which has gone: no file of the folder needs them any more.

    Only libraries beside the program and those of OpenCV are looked at: what lies in a package may be opened by name.
    """
    needs = {path: needed(path) for path in binaries(folder)}
    while True:
        wanted = {name for path in needs for name in needs[path]}
        orphans = [path for path in needs if _may_go(path, folder) and path.name not in wanted]
        if not orphans:
            break
        for path in orphans:
            path.unlink()
            del needs[path]
    for link in [path for path in folder.rglob("*") if path.is_symlink() and not path.exists()]:
        link.unlink()


def _may_go(path: Path, folder: Path) -> bool:
    beside = path.parent in (folder, folder / OPENCV_LIBRARIES)
    return beside and path.name.startswith("lib") and not path.name.startswith("libpython")


def needed(path: Path) -> list[str]:
    """Return the names of the libraries that a binary is linked to."""
    return [line.split()[1] for line in headers(path).splitlines() if line.strip().startswith("NEEDED")]


def headers(path: Path) -> str:
    """Return what a binary says of itself to the loader: segments, libraries, versions."""
    return subprocess.run(["objdump", "-p", str(path)], capture_output=True, text=True, check=True).stdout


def binaries(folder: Path) -> list[Path]:
    """Return the programs and libraries of a folder, links to them left out."""
    found = []
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink():
            with path.open("rb") as file:
                if file.read(4) == b"\x7fELF":
                    found.append(path)
    return found


def strip(folder: Path) -> None:
    """Take out the symbols that only a debugger reads, where what is left can still be loaded.

    Wheels' libraries were patched after they were linked, and binutils puts some of those together so that no loader
    takes them ("ELF load command address/offset not page-aligned"): such files stay as they were.
    """
    for path in binaries(folder):
        part = path.with_name(f"{path.name}.part")
        subprocess.run(["strip", "--strip-unneeded", "-o", str(part), str(path)], check=True)
        if part.stat().st_size < path.stat().st_size and is_loadable(part):
            shutil.copymode(path, part)
            part.replace(path)
        else:
            part.unlink()


def is_loadable(path: Path) -> bool:
    """Whether each segment (ELF, PT_LOAD) has offset and address that agree within a page."""
    segments = re.findall(r"LOAD off\s+0x(\w+) vaddr 0x(\w+) paddr 0x\w+ align 2\*\*(\d+)", headers(path))
    return bool(segments) and all((int(off, 16) - int(at, 16)) % 2 ** int(power) == 0 for off, at, power in segments)


def compact(folder: Path) -> None:
    """Write tables of data without the spaces between their values."""
    for pattern in _COMPACTED:
        for path in sorted(folder.glob(pattern)):
            values = json.loads(path.read_text(encoding="utf-8"))
            path.write_text(json.dumps(values, separators=(",", ":"), ensure_ascii=False), encoding="utf-8")


def size(folder: Path) -> int:
    """Return the bytes of a folder's files, links left out."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
