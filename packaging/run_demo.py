"""`make run`: opens the viewer on the demo film, or, without a screen, runs the same case headless."""

import os
import subprocess
import sys
from pathlib import Path

from check_system import QT_LIBRARIES, X11_LIBRARIES, complain, missing

DEMO = Path("resources/demo/demo.dcm")
OUT = Path("out/demo")


def why_no_window() -> str:
    """Return why a window cannot be opened here, or nothing."""
    if not sys.platform.startswith("linux"):
        return ""
    wayland = bool(os.environ.get("WAYLAND_DISPLAY"))
    if not wayland and not os.environ.get("DISPLAY"):
        return "This machine has no screen"
    packages = missing(QT_LIBRARIES) + ([] if wayland else missing(X11_LIBRARIES))
    if packages:
        complain(packages, "The viewer")
        return "The viewer's libraries are missing"
    return ""


def main() -> int:
    """Open the viewer, or segment the demo film and say where the results are."""
    reason = why_no_window()
    if not reason:
        return subprocess.run([sys.executable, "-m", "app", str(DEMO)], check=False).returncode
    print(f"{reason}: running the demo film without a window.")
    command = [sys.executable, "-m", "engine", "segment", str(DEMO), "--out", str(OUT)]
    code = subprocess.run(command, check=False).returncode
    if code == 0:
        print(f"Results in {OUT}/:")
        for path in sorted(OUT.rglob("*")):
            if path.is_file():
                print(f"    {path.relative_to(OUT)}  {path.stat().st_size / 1024:.0f} kB")
    return code


if __name__ == "__main__":
    sys.exit(main())
