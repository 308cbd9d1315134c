"""`make dist`: from a commit to a folder, and an archive of it, that start without Python and without a network.

    python packaging/build.py [--gpu] [--out dist] [--no-archive]

Prints what every megabyte is spent on, against the limits of the CPU build. Two builds of one commit give the same
archive as far as PyInstaller's own output allows: names are sorted, owners and times are the commit's.
"""

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tarfile
from collections import Counter
from pathlib import Path

import installers
import licences
import program_icon
from slim import slim
from this_commit import ROOT, commit, commit_time, version

MADE = ROOT / "build" / "made"  # what the spec takes from us

LIMIT_MB, ARCHIVE_LIMIT_MB = 380.0, 140.0  # of the CPU build, unpacked and packed

STARTER = """#!/bin/sh
# The viewer: the same program as lungbox, which carries all of the Python. Works through links to this file.
exec "$(dirname "$(readlink -f "$0")")/lungbox" --viewer "$@"
"""


def make_inputs() -> None:
    """Write what the spec takes besides the repository's own files: icons, properties, which commit this is."""
    program_icon.write(MADE)
    (MADE / "version.txt").write_text(installers.version_resource(version()), encoding="utf-8")
    of = commit()
    print(f"commit {of}" if of else "note: changes that are in no commit; the program will not say which commit it is")
    (MADE / "build.json").write_text(json.dumps({"commit": of}) + "\n", encoding="utf-8")


def freeze(out: Path, work: Path, *, with_torch: bool) -> Path:
    """Run PyInstaller; return the program's folder."""
    environment = os.environ | {"PYTHONHASHSEED": "0", "SOURCE_DATE_EPOCH": str(commit_time())}
    environment["LUNGBOX_VERSION"] = version()
    environment["LUNGBOX_WITH_TORCH"] = "1" if with_torch else "0"
    command = [sys.executable, "-m", "PyInstaller", "--noconfirm", "--clean", "--log-level", "WARN"]
    command += ["--distpath", str(out), "--workpath", str(work), str(ROOT / "packaging" / "viewer.spec")]
    subprocess.run(command, check=True, env=environment, cwd=ROOT)
    return out / "lungbox"


def finish(folder: Path) -> None:
    """Put beside the program what PyInstaller does not make."""
    for line in slim(folder / "_internal"):
        print(line)
    if sys.platform.startswith("linux"):
        shutil.copy(ROOT / "packaging" / "lungbox.desktop", folder)
        shutil.copy(MADE / "lungbox.svg", folder)
        starter = folder / "lungbox-viewer"
        starter.write_text(STARTER, encoding="utf-8")
        starter.chmod(0o755)
    elif sys.platform == "win32":
        shutil.copy(MADE / "lungbox.ico", folder)


def sizes(folder: Path) -> Counter[str]:
    """Return bytes by library: the first folder below the program's inner one, or the file's own name."""
    inner = folder / "_internal" if (folder / "_internal").is_dir() else folder
    found: Counter[str] = Counter()
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            below = path.relative_to(inner) if path.is_relative_to(inner) else path.relative_to(folder)
            found[below.parts[0]] += path.stat().st_size
    return found


def archive(folder: Path, target: Path, time: int) -> Path:
    """Write the folder as a .tar.xz whose bytes depend on its contents alone."""

    def plain(entry: tarfile.TarInfo) -> tarfile.TarInfo:
        entry.uid = entry.gid = 0
        entry.uname = entry.gname = ""
        entry.mtime = time
        return entry

    part = target.with_suffix(".part")
    with tarfile.open(part, "w:xz", preset=6) as file:
        for path in sorted(folder.rglob("*")):
            file.add(path, Path(folder.name) / path.relative_to(folder), recursive=False, filter=plain)
    part.replace(target)
    return target


def main(argv: list[str] | None = None) -> int:
    """Build, measure, pack."""
    parser = argparse.ArgumentParser(prog="packaging/build.py", description="Build the program's folder and archive.")
    parser.add_argument("--gpu", action="store_true", help="with torch, for NVIDIA GPUs; far larger")
    parser.add_argument("--out", type=Path, default=ROOT / "dist")
    parser.add_argument("--no-archive", action="store_true", help="leave it at the folder")
    given = parser.parse_args(argv)
    make_inputs()
    folder = freeze(given.out, ROOT / "build" / "freeze", with_torch=given.gpu)
    finish(folder)
    bundled = licences.write(folder)
    print(f"{len(bundled)} components, all approved: NOTICES.txt, sbom.cdx.json")
    found = sizes(folder)
    total_mb = sum(found.values()) / 1e6
    for name, size in found.most_common(16):
        print(f"{size / 1e6:8.1f} MB  {name}")
    print(f"{total_mb:8.1f} MB  in all, of {LIMIT_MB:.0f} allowed without torch")
    small_enough = given.gpu or total_mb <= LIMIT_MB
    if not given.no_archive:
        kind = "gpu" if given.gpu else "cpu"
        name = f"lungbox-{version()}-{platform.system().lower()}-{platform.machine().lower()}-{kind}.tar.xz"
        packed = archive(folder, given.out / name, commit_time())
        packed_mb = packed.stat().st_size / 1e6
        print(f"{packed_mb:8.1f} MB  {packed.name}, of {ARCHIVE_LIMIT_MB:.0f} allowed without torch")
        small_enough = small_enough and (given.gpu or packed_mb <= ARCHIVE_LIMIT_MB)
    return 0 if small_enough else 1


if __name__ == "__main__":
    sys.exit(main())
