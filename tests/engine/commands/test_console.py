import io
import json
from pathlib import Path

import pytest

from engine.__main__ import main
from engine.commands.console import progress, report_error
from engine.errors import PromptError


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
