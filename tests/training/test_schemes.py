"""The rows of rounding, with a real small network on made films: written, read back, run and compared."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.network.checkpoint import read_checkpoint
from tests.tiny import TINY, tiny_checkpoint
from tests.training.made_films import write_films
from tests.training.small_model import COMPACT, films, logits_of, small_model
from training.adaptation import SCHEMES, Quantization
from training.qat import calibrating, round_places
from training.release import Sample
from training.schemes import ROWS, Judged, calibrated, main, rounded, table_rows

ROW = "int8 encoder, attention"


def test_ranges_fixed_once_are_those_of_each_row_by_itself() -> None:
    model, batch = small_model(COMPACT), films(COMPACT, 2)
    samples = [
        Sample(batch.frames[i].numpy(), batch.coordinates[i : i + 1].numpy(), batch.labels[i : i + 1].numpy())
        for i in range(2)
    ]
    ranges = calibrated(model, [ROW, "int8"], samples)
    shared = rounded(model, ROW, ranges)
    alone = small_model(COMPACT)
    quantization = SCHEMES[ROW].quantization
    assert isinstance(quantization, Quantization)
    round_places(alone, quantization)
    with calibrating(alone), torch.no_grad():
        for sample in samples:
            alone.decode(
                alone.encode(torch.from_numpy(sample.frame)[None]),
                torch.from_numpy(sample.coordinates),
                torch.from_numpy(sample.labels),
            )
    assert torch.equal(logits_of(shared, batch), logits_of(alone, batch))
    assert not torch.equal(logits_of(shared, batch), logits_of(model, batch))


def test_a_row_that_loses_more_than_the_margin_is_not_called_as_good() -> None:
    dice = {"float32": [0.95, 0.96, 0.97, 0.96], "good": [0.95, 0.961, 0.97, 0.96], "bad": [0.93, 0.94, 0.95, 0.95]}
    found = {name: Judged(values, [100.0] * 4, [10.0] * 4) for name, values in dice.items()}
    found["good"].film_ms[:] = [50.0] * 4
    rows = table_rows(found, {"float32": 400, "good": 100, "bad": 50}, dict.fromkeys(dice, "engine"), list("abcd"))
    assert [row.against_float.shown for row in rows] == [True, True, False]
    assert [row.smaller for row in rows] == [1.0, 4.0, 8.0]
    assert rows[1].film_ratio == pytest.approx(2.0)
    assert rows[2].against_float.difference.value == pytest.approx(
        100 * (np.mean(dice["bad"]) - np.mean(dice["float32"]))
    )


def test_one_command_writes_every_file_and_the_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, out = tmp_path / "data", tmp_path / "out"
    data.mkdir()
    write_films(data)
    start = tiny_checkpoint(tmp_path / "tiny.safetensors")
    words = ["--checkpoint", str(start), "--data", str(data), "--out", str(out), "--calibration", "2", "--rows", ROW]
    assert main(words) == 0
    printed = capsys.readouterr().out
    assert printed.count("\n| ") == 4  # heading, rule, float and the row
    files = {read_checkpoint(path).scheme: path for path in out.glob("*.safetensors")}
    assert set(files) == {"float32", ROW}
    row = next(row for row in json.loads((out / "table.json").read_text())["rows"] if row["scheme"] == ROW)
    assert row["size_bytes"] == files[ROW].stat().st_size < files["float32"].stat().st_size
    assert row["against_float"]["difference"]["films"] == 3  # the validation films, no others
    name = "image_encoder.blocks.0.attn.query_scale"
    assert name in read_checkpoint(files[ROW]).tensors
    assert read_checkpoint(files[ROW]).config == TINY


def test_every_row_is_a_scheme_that_a_release_can_have() -> None:
    assert set(ROWS) <= set(SCHEMES)
