"""Nothing is lost: killed at any moment, torn at any byte, the next start has the work."""

import gc
import os
import signal
import subprocess
import sys
import time
import weakref
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from app.history import Change, History
from app.journal import Journal, JournalFolder, read_journal
from engine.case import Case, CaseState, Finding, Line, Making, Structure
from engine.errors import LungboxError
from engine.film.reading import read_radiograph
from engine.geometry import BoxPrompt, Prompts
from engine.mask import Mask
from tests.app.room import Room, film
from tests.phantom import read_film

MakeRoom = Callable[..., Room]


def a_case() -> Case:
    return Case(read_film())


def worked_on(case: Case, journal: Journal) -> list[Case]:
    """Do some things, and return every case on the way."""
    rows, columns = case.radiograph.rows, case.radiograph.columns
    mask = Mask.of_polygons(rows, columns, [])
    cases = [case]
    for number in range(6):
        finding = Finding(
            Structure.OTHER, mask, Making.DRAWN, f"part {number}", Prompts(BoxPrompt(1, 2, 3 + number, 9)),
            tracking_uid=f"2.25.{number}",
        )  # fmt: skip
        after = replace(case.with_finding(finding), state=CaseState.BOXED, distances=(Line(0, 0, number, 1),))
        journal.add(Change(case, after, "brush"))
        case = after
        cases.append(case)
    return cases


def test_a_journal_gives_back_the_case_and_its_history(tmp_path: Path) -> None:
    start = a_case()
    journal = Journal(tmp_path / "a.journal", start)
    cases = worked_on(start, journal)
    journal.step("undo")
    journal.close()
    found = read_journal(tmp_path / "a.journal")
    assert found is not None
    work = found.on(start.radiograph)
    case, history = work.case, work.history
    assert case.findings == cases[-2].findings
    assert case.distances == cases[-2].distances
    assert len(history.done) == 5
    assert len(history.undone) == 1
    change = history.redo()
    assert change is not None
    assert change.after.findings == cases[-1].findings


def test_a_journal_torn_at_any_byte_gives_back_a_case_that_was(tmp_path: Path) -> None:
    start = a_case()
    path = tmp_path / "a.journal"
    journal = Journal(path, start)
    cases = worked_on(start, journal)
    journal.close()
    legal = [case.findings for case in cases]
    data = path.read_bytes()
    seen = set()
    for length in range(0, len(data), 37):
        path.write_bytes(data[:length])
        found = read_journal(path)
        if found is not None:
            case = found.on(start.radiograph).case
            assert case.findings in legal
            seen.add(len(case.findings))
    assert seen == set(range(6))


def test_a_flipped_bit_costs_a_line_and_never_a_wrong_mask(tmp_path: Path) -> None:
    start = a_case()
    path = tmp_path / "a.journal"
    journal = Journal(path, start)
    legal = [case.findings for case in worked_on(start, journal)]
    journal.close()
    data = bytearray(path.read_bytes())
    sums = [place + 1 + digit for place, byte in enumerate(data) if byte == 10 for digit in range(8)]
    for place in (
        *range(len(data) // 2, len(data), 211),
        *(place for place in sums if len(data) // 2 < place < len(data)),
    ):
        torn = bytearray(data)
        torn[place] ^= 0x10
        path.write_bytes(bytes(torn))
        found = read_journal(path)
        assert found is not None
        assert found.on(start.radiograph).case.findings in legal


def test_a_journal_refuses_another_film(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "a.journal", a_case())
    worked_on(a_case(), journal)
    journal.close()
    found = read_journal(tmp_path / "a.journal")
    assert found is not None
    with pytest.raises(LungboxError, match="changed"):
        found.on(read_film(bits_stored=10))


def test_two_sessions_never_touch_each_other_s_journals(tmp_path: Path) -> None:
    one, two = JournalFolder(tmp_path), JournalFolder(tmp_path)
    one.begin()
    two.begin()
    worked_on(a_case(), one.journal_for(a_case()))
    assert two.left_behind() == []  # its session is alive
    two.sweep()
    one.end(keep=True)
    assert len(two.left_behind()) == 1
    two.end(keep=False)


def test_names_of_journals_hold_nothing_of_the_patient(tmp_path: Path) -> None:
    folder = JournalFolder(tmp_path)
    folder.begin()
    worked_on(a_case(), folder.journal_for(a_case()))
    for path in tmp_path.rglob("*"):
        assert "SENTINEL" not in str(path)
        if path.is_file():
            assert b"SENTINEL" not in path.read_bytes()
            assert path.stat().st_mode & 0o077 == 0 or path.name == "session.lock"
    folder.end(keep=False)


def test_a_write_that_failed_costs_no_later_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    start = a_case()
    journal = Journal(tmp_path / "a.journal", start)
    rows, columns = start.radiograph.rows, start.radiograph.columns
    drawn = Mask.of_polygons(rows, columns, [np.array([(2.0, 2.0), (30.0, 2.0), (30.0, 30.0)])])
    first = start.with_finding(Finding(Structure.OTHER, drawn, Making.DRAWN, "a", tracking_uid="2.25.1"))
    second = replace(first, distances=(Line(0, 0, 5, 5),))
    whole = Journal._line

    def torn(self: Journal, entry: dict[str, object]) -> None:
        assert self._file is not None
        self._file.write(b'\n00000000 {"do')
        raise OSError(28, "No space left on device")

    journal.step("undo")  # the head is there
    monkeypatch.setattr(Journal, "_line", torn)
    with pytest.raises(LungboxError):
        journal.add(Change(start, first, "brush"))
    monkeypatch.setattr(Journal, "_line", whole)
    journal.add(Change(first, second, "distance"))
    journal.close()
    found = read_journal(tmp_path / "a.journal")
    assert found is not None
    case = found.on(start.radiograph).case
    assert (case.findings, case.distances) == (second.findings, second.distances)


def test_a_journal_keeps_no_film_in_memory(tmp_path: Path) -> None:
    folder = JournalFolder(tmp_path)
    case = a_case()
    pixels = weakref.ref(case.radiograph.stored)
    folder.journal_for(case)
    del case
    gc.collect()
    assert pixels() is None


_KILLED = """
import sys, time
from pathlib import Path
from app.history import Change
from app.journal import JournalFolder
from engine.case import Case, Line
from engine.film.reading import read_radiograph
from dataclasses import replace
case = Case(read_radiograph(Path(sys.argv[1])))
folder = JournalFolder(Path(sys.argv[2])); folder.begin()
journal = folder.journal_for(case)
for number in range(100000):
    after = replace(case, distances=(*case.distances[-20:], Line(0, 0, number, 1)))
    journal.add(Change(case, after, "distance")); case = after
    print(number, flush=True)
"""


def test_killed_at_any_moment_no_step_that_was_done_is_lost(tmp_path: Path) -> None:
    path = film(tmp_path / "film.dcm")
    radiograph = read_radiograph(path)
    for round_number in range(3):
        root = tmp_path / f"journal-{round_number}"
        with subprocess.Popen(
            [sys.executable, "-c", _KILLED, str(path), str(root)], stdout=subprocess.PIPE, text=True, cwd=Path.cwd()
        ) as process:  # fmt: skip
            assert process.stdout is not None
            for _ in range(20 + 13 * round_number):
                process.stdout.readline()
            time.sleep(0.003 * round_number)
            process.send_signal(signal.SIGKILL)
            rest = process.stdout.read().split()
        said = int(rest[-1]) if rest else 19 + 13 * round_number
        found = JournalFolder(root).left_behind()
        assert len(found) == 1
        work = found[0].on(radiograph)
        case, history = work.case, work.history
        assert isinstance(history, History)
        assert case.distances[-1].x1 >= said


def test_the_next_start_offers_the_work_back(
    make_room: MakeRoom, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    path = film(tmp_path / "film.dcm")
    dead = JournalFolder(home / "data" / "journal")
    dead.begin()
    start = Case(read_radiograph(path))
    cases = worked_on(start, dead.journal_for(start))
    dead.end(keep=True)  # what the lock looks like once its process is gone
    asked: list[str] = []

    def restore(parent: object, title: str, text: str, choices: object) -> int:
        asked.append(text)
        return 0

    monkeypatch.setattr("app.assembly.ask", restore)
    room = make_room()
    room.wait(lambda: room.session.reading is not None)
    room.settle()
    assert len(asked) == 1
    assert room.case.findings == cases[-1].findings
    assert room.session.dirty
    for _ in range(6):
        room.session.undo()
    assert room.case.findings == ()


@pytest.mark.skipif(sys.platform == "win32", reason="the lock there is the system's own")
def test_a_dead_session_is_known_as_dead_though_we_have_its_process_number(tmp_path: Path) -> None:
    path = film(tmp_path / "film.dcm")
    root = tmp_path / "journal"
    code = _KILLED.replace("range(100000)", "range(3)") + "import os; os._exit(9)"
    subprocess.run([sys.executable, "-c", code, str(path), str(root)], check=False, stdout=subprocess.DEVNULL)
    lock = next(root.rglob("session.lock"))
    lock.write_text("\n".join([str(os.getpid()), *lock.read_text().split("\n")[1:]]))
    assert len(JournalFolder(root).left_behind()) == 1


def test_of_two_sessions_that_died_over_one_film_the_later_work_comes_back_and_the_other_is_kept(
    make_room: MakeRoom, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    path = film(tmp_path / "film.dcm")
    start = Case(read_radiograph(path))
    for number in (1.0, 2.0):
        dead = JournalFolder(home / "data" / "journal")
        dead.begin()
        journal = dead.journal_for(start)
        journal.add(Change(start, replace(start, distances=(Line(0, 0, number, 1),)), "distance"))
        dead.end(keep=True)
        time.sleep(0.02)
    monkeypatch.setattr("app.assembly.ask", lambda *_: 0)
    room = make_room()
    room.wait(lambda: room.session.reading is not None)
    room.settle()
    assert room.case.distances == (Line(0, 0, 2.0, 1),)
    left = JournalFolder(home / "data" / "journal").left_behind()
    assert [item.on(start.radiograph).case.distances for item in left] == [(Line(0, 0, 1.0, 1),)]


def test_work_that_comes_back_is_in_a_journal_at_every_moment(
    make_room: MakeRoom, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    path = film(tmp_path / "film.dcm")
    start = Case(read_radiograph(path))
    dead = JournalFolder(home / "data" / "journal")
    dead.begin()
    cases = worked_on(start, dead.journal_for(start))
    dead.end(keep=True)
    monkeypatch.setattr("app.assembly.ask", lambda *_: 0)
    monkeypatch.setattr(Journal, "add", lambda *_: pytest.fail("written a step at a time: a kill would leave half"))
    room = make_room()
    room.wait(lambda: room.session.reading is not None)
    assert room.session.reading is not None
    found = read_journal(room.session.reading.journal.path)
    assert found is not None
    assert found.on(start.radiograph).case.findings == cases[-1].findings
    assert len(list((home / "data" / "journal").rglob("*.journal"))) == 1
