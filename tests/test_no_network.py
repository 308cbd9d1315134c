"""No program of ours, and no child of theirs, opens a connection, listens, or asks for an address."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import resources

ROOT = Path(__file__).resolve().parents[1]
DEMO = resources.path("demo/demo.dcm")

# Loaded by every Python that finds it: the programs and the children that they start.
WATCH = """
import os, socket, sys

def watch(event, arguments):
    if event in ("socket.connect", "socket.bind", "socket.sendto", "socket.sendmsg"):
        if arguments[0].family == getattr(socket, "AF_UNIX", None):
            return
    elif event not in ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"):
        return
    with open(os.environ["WATCHED"], "a") as file:
        file.write(f"{event}\\n")
    raise RuntimeError(f"the network was used: {event}")

sys.addaudithook(watch)
with open(os.environ["WATCHED"] + ".started", "a") as file:
    file.write(f"{sys.orig_argv}\\n")
"""

VIEWER = """
import sys
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication
from app.__main__ import main

application = QApplication(["lungbox"])
QTimer.singleShot(4000, application.quit)
sys.exit(main([sys.argv[1]]))
"""


def watched(folder: Path, arguments: list[str]) -> tuple[subprocess.CompletedProcess[str], list[str], int]:
    """Run Python so; return what became of it, what it asked of the network, and how many Pythons ran."""
    (folder / "sitecustomize.py").write_text(WATCH)
    seen = folder / "seen"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(folder), str(ROOT)]), "WATCHED": str(seen)}
    done = subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    events = seen.read_text().split() if seen.exists() else []
    return done, events, len((folder / "seen.started").read_text().splitlines())


def test_a_program_that_asks_for_an_address_is_caught(tmp_path: Path) -> None:
    done, events, _ = watched(tmp_path, ["-c", "import socket; socket.getaddrinfo('localhost', 80)"])
    assert done.returncode != 0
    assert events == ["socket.getaddrinfo"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["-m", "engine", "segment", str(DEMO), "--out", "results"],
        ["-m", "engine", "doctor"],
        ["-c", VIEWER, str(DEMO)],
    ],
    ids=["segment", "doctor", "viewer"],
)
def test_no_program_of_ours_uses_the_network(arguments: list[str], tmp_path: Path) -> None:
    done, events, _ = watched(tmp_path, arguments)
    assert done.returncode == 0, done.stderr
    assert events == []


def test_children_are_watched_too(tmp_path: Path) -> None:
    _, _, pythons = watched(tmp_path, ["-c", VIEWER, str(DEMO)])
    assert pythons >= 2
