"""Random faults of the C library's calls, where libfiu can make them."""

import json
import shutil
import subprocess
import sys

import pytest


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("fiu-run") is None, reason="libfiu (fiu-utils) is not installed")
def test_nothing_is_lost_whichever_call_fails() -> None:
    command = ["fiu-run", "-x", sys.executable, "-m", "benchmarks.io_faults", "--faults", "40"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=240)
    assert done.returncode == 0, done.stdout + done.stderr
    counts = json.loads(done.stdout)
    assert sum(counts["saves_that_met_a_fault"].values()) >= 40
    assert (counts["data_lost"], counts["half_results"], counts["failures_untold"], counts["stale_files"]) == (0,) * 4


def test_without_the_preload_nothing_is_claimed() -> None:
    done = subprocess.run([sys.executable, "-m", "benchmarks.io_faults"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert "fiu-run" in done.stderr
