"""Samples in turn: as many rounds as there is time for, whatever a single call takes."""

import time

from benchmarks.timing import interleaved


def test_rounds_go_on_for_as_long_as_they_may() -> None:
    def quick() -> None:
        time.sleep(0.25)

    found = interleaved({"one": quick, "other": quick}, 4, seconds=60.0)
    assert [times.samples for times in found.values()] == [4, 4]
    found = interleaved({"one": quick}, 9, seconds=0.0)
    assert found["one"].samples == 2
