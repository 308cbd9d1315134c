"""What is being built: version, commit and its time, each from its one place."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def commit_time() -> int:
    """Return when the commit was made, in seconds: the build's own clock says nothing about what is in it."""
    command = ["git", "-C", str(ROOT), "log", "-1", "--format=%ct"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return int(done.stdout.strip() or 0) or 315_532_800  # 1980: the earliest that archives can hold


def commit() -> str:
    """Return the commit; empty where the tree has changes that are in no commit."""
    git = ["git", "-C", str(ROOT)]
    changed = subprocess.run([*git, "status", "--porcelain"], capture_output=True, text=True, check=False)
    head = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    return head.stdout.strip() if head.returncode == changed.returncode == 0 and not changed.stdout.strip() else ""


def version() -> str:
    """Return the version."""
    if str(ROOT) not in sys.path:
        sys.path.insert(0, str(ROOT))
    from engine.version import VERSION

    return VERSION
