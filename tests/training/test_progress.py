"""What a run says: how long it will take, in a terminal and in a file, and numbers that a kill leaves readable."""

import csv
import io
import sys
from pathlib import Path

import pytest

from training.progress import COLUMNS, Speaker, duration, journal, mend, seconds_left
from training.recipe import Phase

PHASES = (Phase(256, 100, 4), Phase(512, 50, 4))


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_the_time_left_counts_every_phase_at_its_own_rate() -> None:
    assert seconds_left(PHASES, 0, 0, {}) is None
    assert seconds_left(PHASES, 0, 60, {256: 0.5}) == 40 * 0.5 + 50 * 0.5 * 4  # four times the pixels
    assert seconds_left(PHASES, 0, 60, {256: 0.5, 512: 3.0}) == 40 * 0.5 + 50 * 3.0
    assert seconds_left(PHASES, 1, 20, {256: 0.5, 512: 3.0}) == 30 * 3.0
    assert seconds_left(PHASES, 2, 0, {256: 0.5}) == 0.0


def test_times_are_said_as_people_say_them() -> None:
    assert [duration(seconds) for seconds in (12.4, 600, 3599, 3600 * 3 + 300)] == [
        "12 s",
        "10 min",
        "1 h 00 min",
        "3 h 05 min",
    ]


def test_a_file_gets_lines_and_a_terminal_one_line_that_renews_itself() -> None:
    file, terminal = io.StringIO(), Terminal()
    for stream in (file, terminal):
        speaker = Speaker(stream)
        speaker.progress(25, 100, "loss 1.0")
        speaker.progress(50, 100, "loss 0.5")
        speaker.line("validation")
    assert file.getvalue() == " 25 %  25/100 films  loss 1.0\n 50 %  50/100 films  loss 0.5\nvalidation\n"
    assert terminal.getvalue().count("\r") == 2
    assert "[##########..........]  50 %" in terminal.getvalue()
    assert terminal.getvalue().endswith("loss 0.5\nvalidation\n")


def test_a_torn_line_and_steps_that_will_be_taken_again_are_cut(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text('1,4,32,0.5,0.9,3.0,\n2,8,32,,,,"{""lung"": 0.9}"\n3,12,32,0.4,0.9,3.0,\n4,16,3', encoding="utf-8")
    mend(path, 2)
    with path.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["step"] for row in rows] == ["1", "2"]
    assert rows[1]["validation"] == '{"lung": 0.9}'


def test_numbers_go_to_tensorboard_too(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    with journal(tmp_path, 0, 0) as told:
        told.step(1, 4, 32, 0.5, 0.9, 3.0)
        told.validation(1, 4, 32, {"lung": 0.8})
    curves = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    assert curves.Scalars("train/loss")[0].value == pytest.approx(0.5)
    assert curves.Scalars("validation/lung")[0].step == 4


def test_without_tensorboard_the_numbers_go_to_the_log_alone_and_that_is_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with journal(tmp_path, 0, 0) as told:
        told.step(1, 4, 32, 0.5, 0.9, 3.0)
        told.step(2, 8, 32, 0.4, None, 3.0)
    assert capsys.readouterr().err.count("TensorBoard is not installed") == 1
    lines = (tmp_path / "log.csv").read_text(encoding="utf-8").splitlines()
    assert lines == [",".join(COLUMNS), "1,4,32,0.5000,0.9000,3.00,", "2,8,32,0.4000,,3.00,"]
    assert not (tmp_path / "tensorboard").exists()
