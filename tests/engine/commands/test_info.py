"""`lungbox info`: what we understood, for people and for machines, and whose film it is only when asked."""

import argparse
import json
from pathlib import Path

import numpy as np
import pytest

from engine.commands import info
from engine.errors import FilmError
from tests.phantom import SENTINEL, add_overlay, dicom_film, lut_item, write_film


def call(*words: str) -> int:
    parser = argparse.ArgumentParser()
    info.add_parser(parser.add_subparsers())
    arguments = parser.parse_args(["info", *words])
    return int(arguments.run(arguments))


@pytest.fixture
def film(tmp_path: Path) -> Path:
    dataset = dicom_film(
        photometric="MONOCHROME1",
        WindowCenter=["1000", "2000"],
        WindowWidth=["500", "4000"],
        WindowCenterWidthExplanation=["SENTINEL", "SENTINEL"],
        VOILUTSequence=[lut_item(0, np.arange(4096, dtype=np.uint16), 12, "SENTINEL")],
        ImagerPixelSpacing=[0.143, 0.143],
        EstimatedRadiographicMagnificationFactor="1.07",
        PixelPaddingValue=4095,
        StudyDescription="SENTINEL",
        ViewPosition="AP",
    )
    add_overlay(dataset, np.eye(96, 80, dtype=bool), label="SENTINEL")
    return write_film(tmp_path / "film.dcm", dataset)


def test_people_read_lines(film: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(str(film)) == 0
    shown = capsys.readouterr().out
    for part in (
        "film.dcm (DICOM DX)",
        "80 x 96, 12 bits unsigned, 0 to 4095",
        "Explicit VR Little Endian",
        "center 1000, width 500, LINEAR",
        "center 2000, width 4000, LINEAR",
        "a VOI LUT of 4096 entries",
        "low values bright",
        "0.143 x 0.143 mm at the detector",
        "1.07, not applied",
        "L to the right, F down",
        "4095 to 4095",
        "80 pixels",
        "an AP view",
    ):
        assert part in shown


def test_machines_read_json(film: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(str(film), "--json") == 0
    described = json.loads(capsys.readouterr().out)
    assert described["columns"] == 80
    assert described["rows"] == 96
    assert described["spacing"] == {
        "row_mm": 0.143,
        "column_mm": 0.143,
        "origin": "detector",
        "unit": "mm at the detector",
    }
    assert described["magnification"] == 1.07
    assert len(described["views"]) == 3
    assert "view-ap" in {note["code"] for note in described["notes"]}
    assert "identity" not in described


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_nothing_of_the_patient_is_printed_unless_asked(
    film: Path, options: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(str(film), *options) == 0
    printed = capsys.readouterr()
    for secret in ("SENTINEL", "19500101", "1.2.826.0.1.3680043.10.1466"):
        assert secret not in printed.out + printed.err
    assert call(str(film), "--identity", *options) == 0
    shown = capsys.readouterr().out
    for asked in (SENTINEL.replace("^", ", "), "SENTINEL-ID", "19500101", "1.2.826.0.1.3680043.10.1466.1.1"):
        assert asked in shown


def test_pixels_only_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(str(write_film(tmp_path / "film.dcm", PixelSpacing=b"0\\0"))) == 0
    shown = capsys.readouterr().out
    assert "pixels only" in shown
    assert "cannot be true" in shown


def test_a_hostile_name_does_not_act_on_the_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_film(tmp_path / "film.dcm", PatientName=b"\x1b]0;gotcha\x07\x1b[2Jname")
    assert call(str(path), "--identity") == 0
    shown = capsys.readouterr().out
    assert "\x1b" not in shown
    assert "\x07" not in shown
    assert "gotcha" in shown


def test_a_file_that_is_no_film_is_an_error_of_ours(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("not a film")
    with pytest.raises(FilmError, match=r"notes\.txt"):
        call(str(path))
