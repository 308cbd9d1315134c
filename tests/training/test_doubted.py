"""The count of doubted films, with a network of random weights on made films."""

from pathlib import Path

import numpy as np
import pytest

from engine.film.radiograph import Radiograph, Source
from tests.tiny import tiny_checkpoint
from tests.training.made_films import write_films
from training.doubted import main, spoilt


def test_every_film_that_may_be_looked_at_is_counted_and_each_way_of_spoiling_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = tiny_checkpoint(tmp_path / "tiny.safetensors")
    assert main(["--data", str(write_films(tmp_path)), "--checkpoint", str(model)]) == 0
    rows = [line.split(" | ") for line in capsys.readouterr().out.splitlines() if line.startswith("| ")][1:]
    counted = {row[0].strip("| "): int(row[1].split(" of ")[1]) for row in rows}
    assert counted == {"shenzhen, val": 3, "lower 30 %": 3, "on its side": 3, "upside down": 3}


def test_a_spoilt_film_is_a_part_or_a_turn_of_the_film() -> None:
    film = Radiograph(np.arange(200, dtype=np.uint16).reshape(20, 10), Source(Path("f"), "", "", "PNG"), 8)
    found = dict(spoilt(film))
    assert np.array_equal(found["lower 30 %"].stored, film.stored[14:])
    assert found["on its side"].stored.shape == (10, 20)
    assert np.array_equal(found["upside down"].stored[::-1], film.stored)
