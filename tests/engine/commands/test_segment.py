"""`lungbox segment` as it is typed: the real command line, the demo film, the bundled checkpoint."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from engine.__main__ import main
from engine.files import PART_PREFIX
from engine.mask import Mask
from engine.results.bundle import KINDS, OPTIONAL_KINDS
from engine.segmenter import load_segmenter
from resources import path as resource

DEMO = str(resource("demo/demo.dcm"))


def read_mask(path: Path) -> Mask:
    return Mask.of(np.asarray(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)))


def test_the_demo_films_lungs_are_outlined_and_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["segment", DEMO, "--out", str(tmp_path)]) == 0
    folder = tmp_path / "demo"
    assert (folder / "overlay.png").stat().st_size > 0
    truth = json.loads(resource("demo/truth.json").read_text(encoding="utf-8"))
    assert truth
    for number, side in enumerate(("right", "left"), start=1):
        mask = read_mask(folder / f"mask-{number}-{side}-lung.png")
        assert mask.dice(read_mask(resource(f"demo/{side}_lung.png"))) > 0.93
    results = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    areas = [row for row in results["measurements"] if row["id"] == "area"]
    assert all(row["unit"] == "cm2" for row in areas)
    assert "cm2 (mm at the detector)" in capsys.readouterr().out


@pytest.fixture
def kept_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """Load the bundled model once for all the calls of a test."""
    loaded = load_segmenter(None, "cpu")
    monkeypatch.setattr("engine.commands.segment.load_segmenter", lambda *_: loaded)


FILES_OF = {
    "seg": {"segmentation.dcm"},
    "labelmap": {"labelmap.dcm"},
    "sr": {"segmentation.dcm", "report.dcm"},
    "gsps": {"presentation.dcm"},
    "sc": {"capture.dcm"},
    "png": {"mask-1-right-lung.png", "mask-2-left-lung.png", "overlay.png"},
    "nifti": {"labels.nii.gz"},
    "csv": {"measurements.csv"},
    "json": set(),
    "pdf": {"report.pdf"},
}


@pytest.mark.usefixtures("kept_model")
def test_each_result_is_written_as_it_is_asked_for(tmp_path: Path) -> None:
    assert FILES_OF.keys() == {*KINDS, *OPTIONAL_KINDS}
    for kind, files in FILES_OF.items():
        assert main(["segment", DEMO, "--out", str(tmp_path / kind), "--results", kind]) == 0
        folder = tmp_path / kind / "demo"
        assert {path.name for path in folder.iterdir()} == {*files, "results.json"}, kind
        # Without a film only the files are looked at; with one, the masks where a file of the bundle holds them.
        holds_masks = kind in ("seg", "labelmap", "sr", "png")
        film = ["--film", DEMO] if holds_masks else []
        assert main(["verify", str(folder), *film]) == 0, kind


@pytest.mark.usefixtures("kept_model")
def test_all_results_and_a_list_typed_with_spaces(tmp_path: Path) -> None:
    assert main(["segment", DEMO, "--out", str(tmp_path / "all"), "--results", "all"]) == 0
    written = {path.name for path in (tmp_path / "all" / "demo").iterdir()}
    assert written == {"results.json"}.union(*(FILES_OF[kind] for kind in KINDS))
    assert main(["segment", DEMO, "--out", str(tmp_path / "some"), "--results", "CSV, pdf ,"]) == 0
    written = {path.name for path in (tmp_path / "some" / "demo").iterdir()}
    assert written == {"measurements.csv", "report.pdf", "results.json"}
    picture = str(resource("demo/right_lung.png"))
    assert main(["segment", picture, "--out", str(tmp_path / "picture"), "--results", "seg"]) == 1
    assert list((tmp_path / "picture").iterdir()) == []


@pytest.mark.parametrize("where", ["a file", "under a file"])
@pytest.mark.parametrize("as_json", [False, True])
def test_a_folder_that_cannot_be_made_is_said_before_the_model_is_loaded(
    where: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *, as_json: bool
) -> None:
    monkeypatch.setattr("engine.commands.segment.load_segmenter", lambda *_: pytest.fail("the model was loaded"))
    (tmp_path / "taken").write_text("mine")
    out = tmp_path / "taken" / ("sub" if where == "under a file" else "")
    assert main(["segment", DEMO, "--out", str(out), *(["--json"] if as_json else [])]) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    if as_json:
        assert json.loads(said)["error"] == "OutputError"
    else:
        assert "cannot be made" in said


@pytest.mark.parametrize("kinds", ["docx", "seg;sr", "", "all,seg"])
def test_a_result_that_nobody_can_write_is_refused_before_anything_is_done(
    kinds: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["segment", DEMO, "--out", str(tmp_path / "out"), "--results", kinds]) == 1
    assert "There is no result called" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_box_gives_its_lung_alone(tmp_path: Path) -> None:
    bounds = read_mask(resource("demo/left_lung.png")).bounds()
    assert bounds is not None
    box = [str(value) for value in bounds.corners]
    assert main(["segment", DEMO, "--box", *box, "--out", str(tmp_path)]) == 0
    assert [path.name for path in sorted((tmp_path / "demo").glob("mask-*.png"))] == ["mask-1-left-lung.png"]


def test_the_exit_code_counts_the_films_that_failed_and_the_others_are_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / "broken.dcm"
    broken.write_bytes(Path(DEMO).read_bytes()[:5000])
    assert main(["segment", str(broken), DEMO, str(tmp_path / "absent.png"), "--out", str(tmp_path / "out")]) == 2
    said = capsys.readouterr()
    faults = [line for line in said.err.splitlines() if line.startswith("lungbox: ")]
    assert len(faults) == 2
    assert said.err.splitlines()[-1].startswith("segmented 1 of 3 films")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["demo"]


def test_errors_are_json_for_machines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["segment", str(tmp_path / "absent.dcm"), "--json", "--out", str(tmp_path / "out")]) == 1
    said = capsys.readouterr()
    fault = json.loads(said.err)
    assert fault["error"] == "FilmError"
    assert "absent.dcm does not exist" in fault["message"]
    assert fault["advice"]
    assert json.loads(said.out)["failed"] == 1


def test_a_box_off_the_film_is_refused_and_nothing_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["segment", DEMO, "--box", "9000", "0", "9500", "10", "--out", str(tmp_path / "out")]) == 1
    assert "outside the film" in capsys.readouterr().err
    assert list((tmp_path / "out").iterdir()) == []


def test_two_boxes_on_one_lung_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bounds = read_mask(resource("demo/left_lung.png")).bounds()
    assert bounds is not None
    box = [str(value) for value in bounds.corners]
    assert main(["segment", DEMO, "--box", *box, "--box", *box, "--out", str(tmp_path)]) == 1
    assert "Two boxes gave the same left lung" in capsys.readouterr().err


@pytest.mark.skipif(os.name != "posix", reason="sends signals")
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGKILL])
def test_interrupting_or_killing_leaves_only_whole_results(sent: signal.Signals, tmp_path: Path) -> None:
    films = []
    for number in range(40):
        films.append(tmp_path / f"film{number}.dcm")
        shutil.copyfile(DEMO, films[-1])
    out = tmp_path / "out"
    # A shell that runs the tests in the background has its children ignore SIGINT; nobody's terminal does.
    program = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); import engine.__main__ as m; "
    command = [sys.executable, "-c", f"{program}raise SystemExit(m.main())", "segment", *map(str, films)]
    command += ["--out", str(out)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    process.stdout.readline()  # one film is done: the next ones are under way
    time.sleep(0.3)
    process.send_signal(sent)
    _, errors = process.communicate(timeout=60)
    if sent == signal.SIGINT:
        assert process.returncode == 130
        assert "interrupted" in errors
        assert not list(out.glob(f"{PART_PREFIX}*"))
    # Nobody can tidy up after SIGKILL: what it leaves is hidden, and swept by a later export.
    folders = [folder for folder in out.iterdir() if not folder.name.startswith(PART_PREFIX)]
    assert 1 <= len(folders) < len(films)
    for folder in folders:
        named = {file["name"] for file in json.loads((folder / "results.json").read_text(encoding="utf-8"))["files"]}
        assert named | {"results.json"} == {path.name for path in folder.iterdir()}


OWN_MOUNTS = ["unshare", "-rm"]
CAN_MOUNT = (
    shutil.which("unshare") is not None
    and not subprocess.run(
        [*OWN_MOUNTS, "sh", "-c", "mount -t tmpfs -o size=100k tmpfs /mnt"], capture_output=True, check=False
    ).returncode
)


@pytest.mark.skipif(not CAN_MOUNT, reason="no small disk can be mounted")
def test_a_full_disk_is_told_and_left_as_it_was(tmp_path: Path) -> None:
    out = tmp_path / "small"
    out.mkdir()
    segment = f"{sys.executable} -m engine segment {DEMO} --out {out} --results all"
    script = f"mount -t tmpfs -o size=2m tmpfs {out}; echo mine > {out}/mine; {segment}; echo ended {'$?'}; ls -A {out}"
    done = subprocess.run([*OWN_MOUNTS, "sh", "-c", script], capture_output=True, text=True, check=False)
    assert "Free some space" in done.stderr
    assert done.stdout.split() == ["ended", "1", "mine"]


def test_intervals_say_how_far_a_number_depends_on_the_box(tmp_path: Path) -> None:
    assert main(["segment", DEMO, "--intervals", "--out", str(tmp_path)]) == 0
    results = json.loads((tmp_path / "demo" / "results.json").read_text(encoding="utf-8"))
    areas = [row for row in results["measurements"] if row["id"] == "area"]
    assert areas
    for row in areas:
        low, high = row["interval"]
        assert low <= high
        assert high - low < 0.2 * row["value"]


def test_deidentified_results_name_neither_patient_nor_file(tmp_path: Path) -> None:
    film = tmp_path / "Demo-Simulated.dcm"
    shutil.copyfile(DEMO, film)
    out = tmp_path / "out"
    call = ["segment", str(film), "--out", str(out), "--results", "seg,sr,png", "--deidentify"]
    assert main([*call, "--no-burned-in-text"]) == 0
    (folder,) = out.iterdir()
    assert "Simulated" not in folder.name
    for path in folder.iterdir():
        data = path.read_bytes()
        assert b"Demo^Simulated" not in data, path.name
        assert b"LUNGBOX-DEMO-1" not in data, path.name


def test_a_picture_of_a_film_that_nobody_looked_at_is_not_deidentified(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["segment", DEMO, "--deidentify", "--out", str(tmp_path / "out")]) == 1
    assert "burned into the film" in capsys.readouterr().err
    assert list((tmp_path / "out").iterdir()) == []
