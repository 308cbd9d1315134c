"""A result alone finds its film, or says which one it wants; a film knows the results that lie beside it."""

import json
import os
from dataclasses import replace
from pathlib import Path

import cv2
import pytest

from engine.case import Case
from engine.errors import LungboxError
from engine.film.radiograph import Radiograph
from engine.film.reading import read_radiograph
from engine.film.structure import stated_object
from engine.measure import measure
from engine.results import beside
from engine.results.beside import film_wanted, find_film, results_beside
from engine.results.bundle import export
from engine.results.sop import is_result
from tests.engine.results.exports import MADE_AT, marked
from tests.phantom import NATIVE_SYNTAXES, dicom_bytes, dicom_film, thorax, write_film

UID = "1.2.826.0.1.3680043.10.1466.1.1"


def film_at(path: Path, uid: str = UID) -> Radiograph:
    path.parent.mkdir(parents=True, exist_ok=True)
    return read_radiograph(write_film(path, dicom_film(thorax(120, 101), SOPInstanceUID=uid)))


def results(case: Case, place: Path, **options: object) -> Path:
    place.mkdir(parents=True, exist_ok=True)
    return export(case, measure(case), place, ("sr", "png"), **{"made_at": MADE_AT, **options}).folder  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["segmentation.dcm", "report.dcm", "results.json", ""])
@pytest.mark.parametrize("where", ["beside", "above", "listed"])
def test_a_result_finds_its_film(name: str, where: str, tmp_path: Path) -> None:
    place = {"beside": "out/r/f.dcm", "above": "out/f.dcm", "listed": "else/f.dcm"}[where]
    film = film_at(tmp_path / place)
    folder = results(marked(film), tmp_path / "out", pattern="r")
    if where == "beside":  # the bundle's folder was taken by the film's: another name
        film.source.path.rename(folder / "f.dcm")
        film = read_radiograph(folder / "f.dcm")
    film_at(tmp_path / "out" / "another.dcm", uid="1.2.3")
    result = folder / name if name else folder
    wanted = film_wanted(result)
    assert wanted.said
    assert wanted.is_of(film)
    listed = [tmp_path / "gone.dcm", tmp_path / "else" / "f.dcm"]
    assert find_film(wanted, result, listed) == film.source.path


def test_which_film_is_wanted_is_said_by_number(tmp_path: Path) -> None:
    film = film_at(tmp_path / "else" / "f.dcm")
    folder = results(marked(film), tmp_path / "out")
    for name in ("segmentation.dcm", "report.dcm", "results.json"):
        wanted = film_wanted(folder / name)
        assert find_film(wanted, folder / name, []) is None
        assert UID in wanted.text
        assert not wanted.is_of(film_at(tmp_path / "b.dcm", uid="1.2.3")) or name == "results.json"


def test_a_picture_is_found_by_its_bytes(tmp_path: Path) -> None:
    path = tmp_path / "chest.png"
    cv2.imwrite(str(path), thorax(120, 101, bits=8).astype("uint8"))
    case = marked(read_radiograph(path))
    (tmp_path / "out").mkdir()
    folder = export(case, measure(case), tmp_path / "out", ("png",)).folder
    path.rename(tmp_path / "out" / "renamed.png")
    cv2.imwrite(str(tmp_path / "out" / "a.png"), thorax(60, 50, bits=8).astype("uint8"))
    wanted = film_wanted(folder)
    assert "SHA-256" in wanted.text
    assert find_film(wanted, folder, []) == tmp_path / "out" / "renamed.png"


def test_results_are_told_from_films_by_their_first_bytes(tmp_path: Path) -> None:
    film = film_at(tmp_path / "f.dcm")
    folder = results(marked(film), tmp_path)
    assert is_result(folder / "segmentation.dcm")
    assert is_result(folder / "report.dcm")
    assert not is_result(tmp_path / "f.dcm")
    assert not is_result(folder / "results.json")
    assert not is_result(tmp_path / "absent.dcm")
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.dcm")
        assert not is_result(tmp_path / "pipe.dcm")  # and nobody waits for it


@pytest.mark.parametrize("syntax", NATIVE_SYNTAXES)
def test_any_head_states_its_object_or_nothing(syntax: str) -> None:
    own = "1.2.826.0.1.3680043.10.1466.1.99"  # the description before it still has the old one
    data = dicom_bytes(dicom_film(thorax(60, 50), SOPInstanceUID=own), syntax)
    assert stated_object(data[:4096])[1] == own
    for length in range(0, 700, 7):
        assert stated_object(data[:length])[1] in ("", UID, own)
    assert stated_object(b"\x89PNG" + bytes(400)) == ("", "")
    assert stated_object(bytes(128) + b"DICM" + b"\x02\x00\x03\x00UI\xff\xff1.2") == ("", "")


def test_the_results_of_a_film_are_found_newest_first_and_nobody_elses(tmp_path: Path) -> None:
    film = film_at(tmp_path / "f.dcm")
    case = marked(film)
    old = results(case, tmp_path, reader="Dr. Old")
    new = results(case, tmp_path, reader="Dr. New", made_at=MADE_AT.replace(year=2027))
    other = read_radiograph(write_film(tmp_path / "g.dcm", dicom_film(thorax(121, 101))))
    results(marked(other), tmp_path)
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "results.json").write_text(json.dumps({"x": film.source.pixel_sha256}))
    found = results_beside(film)
    assert [(one.folder, one.reader) for one in found] == [(new, "Dr. New"), (old, "Dr. Old")]
    assert found[0].structures == 3
    assert results_beside(replace(film, source=replace(film.source, path=tmp_path / "nowhere" / "f.dcm"))) == ()


def test_what_is_no_result_says_so(tmp_path: Path) -> None:
    (tmp_path / "results.json").write_text("[]")
    with pytest.raises(LungboxError):
        film_wanted(tmp_path)
    (tmp_path / "a.dcm").write_bytes(b"nothing")
    with pytest.raises(LungboxError):
        film_wanted(tmp_path / "a.dcm")


def test_a_slow_folder_holds_nobody_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    film = film_at(tmp_path / "f.dcm")
    folder = results(marked(film), tmp_path)
    assert results_beside(film)
    monkeypatch.setattr(beside, "LOOK_S", -1.0)
    monkeypatch.setattr(beside, "SEARCH_S", -1.0)
    assert results_beside(film) == ()
    assert find_film(film_wanted(folder), folder, [film.source.path]) is None
