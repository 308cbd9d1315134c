"""Says which system packages are missing, with the line that installs them. Runs before anything is installed."""

import ctypes
import shutil
import sys

# Shared libraries that PySide6's wheel expects from the system (Linux), and the Debian packages that hold them.
QT_LIBRARIES = {
    "libEGL.so.1": "libegl1",
    "libGL.so.1": "libgl1",
    "libfontconfig.so.1": "libfontconfig1",
    "libdbus-1.so.3": "libdbus-1-3",
    "libxkbcommon.so.0": "libxkbcommon0",
}
# Needed only where a window really opens under X11.
X11_LIBRARIES = {
    "libxcb-cursor.so.0": "libxcb-cursor0",
    "libxkbcommon-x11.so.0": "libxkbcommon-x11-0",
    "libxcb-icccm.so.4": "libxcb-icccm4",
    "libxcb-keysyms.so.1": "libxcb-keysyms1",
    "libxcb-image.so.0": "libxcb-image0",
    "libxcb-render-util.so.0": "libxcb-render-util0",
    "libxcb-randr.so.0": "libxcb-randr0",
    "libxcb-shape.so.0": "libxcb-shape0",
    "libxcb-xkb.so.1": "libxcb-xkb1",
}
# What some tests try our results with; each skips, visibly, where its program is not there.
TEST_PROGRAMS = {
    "dciodvfy": "dicom3tools",
    "dcmdump": "dcmtk",
    "Orthanc": "orthanc",
    "fiu-run": "fiu-utils",
}


def missing(libraries: dict[str, str]) -> list[str]:
    """Return the Debian packages whose library cannot be loaded; none on Windows and macOS."""
    if not sys.platform.startswith("linux"):
        return []
    absent = []
    for library, package in libraries.items():
        try:
            ctypes.CDLL(library)
        except OSError:
            absent.append(package)
    return absent


def complain(packages: list[str], purpose: str) -> None:
    """Print the line that installs what is missing."""
    print(f"{purpose} needs system packages that are not installed. On Debian or Ubuntu:", file=sys.stderr)
    print(f"    sudo apt-get install --no-install-recommends {' '.join(packages)}", file=sys.stderr)


def main(argv: list[str]) -> int:
    """Check one thing: `python`, `qt`, `x11` or `tests`; or `--list` every Debian package that is needed."""
    wanted = argv[0] if argv else "qt"
    if wanted == "--list":
        print(" ".join([*QT_LIBRARIES.values(), *X11_LIBRARIES.values(), "python3-venv", "make"]))
        return 0
    if wanted == "python":
        if sys.version_info < (3, 11):  # noqa: UP036 (this file runs before anything is known of the Python)
            print(f"Lungbox needs Python 3.11 or newer; this is {sys.version.split()[0]}.", file=sys.stderr)
            print("Name another one: make PYTHON=python3.12 ...", file=sys.stderr)
            return 1
        try:
            import ensurepip  # noqa: F401 (Debian splits it off)
            import venv  # noqa: F401
        except ImportError:
            complain(["python3-venv"], "A virtual environment")
            return 1
        return 0
    if wanted == "tests":
        absent = [package for program, package in TEST_PROGRAMS.items() if shutil.which(program) is None]
        if absent:
            complain(absent, "Every test")
        return 1 if absent else 0
    packages = missing(QT_LIBRARIES) + (missing(X11_LIBRARIES) if wanted == "x11" else [])
    if packages:
        complain(packages, "The viewer")
    return 1 if packages else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
