"""Whether a built program works where it will be used: no Python, no network, a new user, a read-only folder.

    python packaging/smoke.py dist/lungbox

Copies the folder to a path with spaces and letters of other alphabets, takes its write permission away, and runs it
with an empty home: version, self-test, the demo film outlined and measured against its truth, results verified, the
window shown (under Xvfb where it is installed) and photographed, and closed. Says what each step took.
"""

import argparse
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

ODD = "Röntgen Bilder 胸部"  # a folder as hospitals name them
AREA_TOLERANCE = 0.01  # of the demo film's known areas, measured from its known masks


def without_network() -> list[str]:
    """Return what puts a command into a namespace without any network, nothing where that is not allowed."""
    command = ["unshare", "--user", "--map-root-user", "--net"]
    if shutil.which("unshare") and subprocess.run([*command, "true"], capture_output=True, check=False).returncode == 0:
        return command
    print("note: no network namespace here; the network is not taken away")
    return []


class Place:
    """The copied program and its user's empty home."""

    def __init__(self, built: Path, folder: Path) -> None:
        self.program = folder / ODD / built.name
        self.home = folder / "home"
        self.home.mkdir()
        shutil.copytree(built, self.program, symlinks=True)
        for path in [self.program, *self.program.rglob("*")]:
            if not path.is_symlink():
                path.chmod(path.stat().st_mode & ~(stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH))
        self.prefix = without_network()

    def environment(self, **more: str) -> dict[str, str]:
        """Return the environment of a user who has nothing."""
        kept = {name: os.environ[name] for name in ("PATH", "LANG", "SYSTEMROOT", "TEMP") if name in os.environ}
        return kept | {"HOME": str(self.home), "XDG_RUNTIME_DIR": str(self.home)} | more

    def run(self, what: str, arguments: Sequence[str], **more: str) -> str:
        """Run the command line; return what it printed. A step that fails ends the smoke test."""
        begun = time.monotonic()
        done = subprocess.run(
            [*self.prefix, str(self.program / "lungbox"), *arguments],
            env=self.environment(**more),
            cwd=self.home,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        if done.returncode != 0:
            raise SystemExit(f"{what}: exit {done.returncode}\n{done.stdout}\n{done.stderr}")
        print(f"{what}: {time.monotonic() - begun:.2f} s")
        return done.stdout


def check_areas(place: Place, demo: Path) -> None:
    """Measure the demo film's known masks, and compare the areas with its truth."""
    truth = json.loads(demo.with_name("truth.json").read_text(encoding="utf-8"))["lungs"]
    for lung in ("right_lung", "left_lung"):
        mask, side = demo.with_name(truth[lung]["mask"]), lung.replace("_", "-")
        said = place.run(f"measure {side}", ["measure", str(mask), "--film", str(demo), "--structure", side, "--json"])
        area_cm2 = next(row["value"] for row in json.loads(said)["measurements"] if row["id"] == "area")
        off = 100 * area_cm2 / float(truth[lung]["area_mm2"]) - 1.0
        print(f"  {area_cm2:.1f} cm2, {100 * off:+.2f} % of the truth")
        if abs(off) > AREA_TOLERANCE:
            raise SystemExit(f"{side}: the area is {100 * off:+.1f} % off")


def show_window(place: Place, picture: Path) -> None:
    """Start the viewer twice on a screen of its own, time the window, photograph it, and close it."""
    if not shutil.which("Xvfb") or not shutil.which("xdotool") or not shutil.which("import"):
        print("window: skipped; Xvfb, xdotool and ImageMagick are needed")
        return
    display = f":{90 + os.getpid() % 9}"
    screen = subprocess.Popen(["Xvfb", display, "-screen", "0", "1600x1000x24"], stderr=subprocess.DEVNULL)
    try:
        time.sleep(1.0)
        for start in ("cold", "second"):
            begun = time.monotonic()
            viewer = subprocess.Popen(
                [str(place.program / "lungbox-viewer")],
                env=place.environment(DISPLAY=display),
                cwd=place.home,
                stderr=subprocess.DEVNULL,
            )
            ask = ["xdotool", "search", "--sync", "--onlyvisible", "--class", "lungbox"]
            subprocess.run(ask, env=os.environ | {"DISPLAY": display}, timeout=60, check=True, capture_output=True)
            print(f"window, {start} start: {time.monotonic() - begun:.2f} s")
            time.sleep(8.0)
            if start == "cold":
                subprocess.run(["import", "-display", display, "-window", "root", str(picture)], check=True)
                print(f"photograph: {picture}")
            viewer.send_signal(signal.SIGTERM)
            viewer.wait(30)
    finally:
        screen.terminate()
        screen.wait()


def main(argv: list[str] | None = None) -> int:
    """Run every step."""
    parser = argparse.ArgumentParser(prog="packaging/smoke.py", description="Try a built program as a new user would.")
    parser.add_argument("built", type=Path, help="folder made by packaging/build.py")
    parser.add_argument("--picture", type=Path, default=Path("out/smoke.png"))
    given = parser.parse_args(argv)
    given.picture.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        place = Place(given.built.resolve(), Path(name))
        try:
            print(place.run("version", ["--version"]).strip())
            print(place.run("doctor", ["doctor"]))
            demo = next(place.program.rglob("demo.dcm"))
            out = place.home / "results"
            place.run("segment", ["segment", str(demo), "--out", str(out)])
            place.run("verify", ["verify", str(next(out.rglob("results.json")).parent)])
            check_areas(place, demo)
            show_window(place, given.picture)
        finally:
            for path in [place.program, *place.program.rglob("*")]:  # so that the copy can be removed
                if path.is_dir():
                    path.chmod(0o755)
    print("smoke test passed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
