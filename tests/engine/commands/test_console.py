import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from engine.__main__ import main
from engine.commands.console import progress, report_error
from engine.errors import PromptError
from resources import path as resource


class Watched(io.StringIO):
    """A standard error that somebody is looking at."""

    def isatty(self) -> bool:
        return True


PATHS = [Path(f"film{number}.dcm") for number in range(3)]


def test_several_films_show_a_bar_that_is_gone_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Watched()
    monkeypatch.setattr("sys.stderr", screen)
    assert list(progress(PATHS)) == PATHS
    shown = screen.getvalue().split("\r\x1b[2K")
    assert shown[1].startswith("[------------------------] 0/3")
    assert shown[3].startswith("[################--------] 2/3")
    assert shown[-1] == ""


@pytest.mark.parametrize("paths", [PATHS[:1], PATHS], ids=["one film", "nobody watching"])
def test_no_bar_for_one_film_or_into_a_file(paths: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Watched() if len(paths) == 1 else io.StringIO()
    monkeypatch.setattr("sys.stderr", screen)
    assert list(progress(paths)) == paths
    assert screen.getvalue() == ""


def test_an_error_is_one_line_whatever_it_holds(capsys: pytest.CaptureFixture[str]) -> None:
    report_error(PromptError("two\nlines", advice="do\nthis"), as_json=False, path=Path("film.dcm"))
    assert capsys.readouterr().err == "lungbox: film.dcm: two lines do this\n"


def test_an_error_for_machines_names_its_kind_and_file(capsys: pytest.CaptureFixture[str]) -> None:
    report_error(PromptError("no", advice="yes"), as_json=True, path=Path("film.dcm"))
    fault = json.loads(capsys.readouterr().err)
    assert fault == {"error": "PromptError", "message": "no", "advice": "yes", "file": "film.dcm"}


def test_a_wrong_call_exits_with_2_and_says_how(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["segment"])
    assert left.value.code == 2
    assert "usage: lungbox segment" in capsys.readouterr().err


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    shown = capsys.readouterr().out
    assert all(f"    {name}" in shown for name in ("segment", "infer", "info", "measure", "verify", "replay", "doctor"))


ROOT = Path(__file__).resolve().parents[3]
NAMES = [
    pytest.param("Δοκιμή.dcm".encode(), "cp1252", "\\u0394\\u03bf\\u03ba", id="Greek on a Western terminal"),
    pytest.param(
        b"bad\xff.dcm", "utf-8:strict", "bad\\udcff", id="no text at all",
        marks=pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="names are text there"),
    ),
]  # fmt: skip


def typed(arguments: list[str], encoding: str) -> subprocess.CompletedProcess[bytes]:
    """The real command line, on a terminal of some encoding."""
    command = [sys.executable, "-m", "engine", *arguments]
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, timeout=120, check=False)


@pytest.mark.parametrize(("name", "encoding", "shown"), NAMES)
def test_a_name_that_the_terminal_cannot_show_is_printed_in_escapes(
    tmp_path: Path, name: bytes, encoding: str, shown: str
) -> None:
    film = tmp_path / os.fsdecode(name)
    shutil.copy(resource("demo/demo.dcm"), film)
    done = typed(["info", str(film)], encoding)
    assert (done.returncode, done.stderr) == (0, b"")
    assert shown in done.stdout.decode(encoding.partition(":")[0])
    as_json = typed(["info", "--json", str(film)], encoding)
    assert json.loads(as_json.stdout.decode("utf-8"))["file"] == film.name


@pytest.mark.parametrize(("name", "encoding", "shown"), NAMES)
def test_a_strange_name_does_not_end_a_batch(tmp_path: Path, name: bytes, encoding: str, shown: str) -> None:
    films = [tmp_path / os.fsdecode(name), tmp_path / "good.dcm"]
    for film in films:
        shutil.copy(resource("demo/demo.dcm"), film)
    done = typed(["segment", *map(str, films), "--out", str(tmp_path / "out"), "--results", "json"], encoding)
    assert done.returncode == 0
    lines = done.stdout.decode(encoding.partition(":")[0]).splitlines()
    assert len(lines) == 2
    assert lines[0].startswith(shown)
    assert (tmp_path / "out" / "good").is_dir()


@pytest.mark.skipif(sys.platform == "win32", reason="a closed pipe is another error there")
def test_a_reader_that_goes_ends_it_quietly_where_there_is_no_sigpipe() -> None:
    code = "import signal, sys; vars(signal).pop('SIGPIPE', None); from engine.__main__ import main; "
    code += f"sys.exit(main(['info', {str(resource('demo/demo.dcm'))!r}]))"
    read_end, write_end = os.pipe()
    os.close(read_end)
    try:
        command = [sys.executable, "-u", "-c", code]
        done = subprocess.run(command, cwd=ROOT, stdout=write_end, stderr=subprocess.PIPE, timeout=120, check=False)
    finally:
        os.close(write_end)
    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.parametrize("command", ["verify", "replay"])
def test_what_the_system_refuses_is_said_and_not_traced(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, "a" * 300]) == 1  # a name longer than any file system has; which call fails is the system's
    said = capsys.readouterr().err
    assert said.startswith("lungbox: ")
    assert said.count("\n") == 1


def test_a_folder_that_may_not_be_searched_is_named(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(_: Path) -> bool:
        raise PermissionError(13, "Permission denied", "shut/film.dcm")  # tests may run as root, whom nothing refuses

    monkeypatch.setattr(Path, "is_file", refused)
    assert main(["verify", "shut", "--json"]) == 1
    fault = json.loads(capsys.readouterr().err)
    assert fault["message"] == "shut/film.dcm cannot be reached: permission denied."
    assert "may open its folder" in fault["advice"]
