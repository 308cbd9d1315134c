"""A DICOMDIR gives the films it names, in its order, and nothing outside its folder."""

import gc
import random
import warnings
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.fileset import FileSet

from app.films import films_in
from engine.film.dicomdir import films_in_dicomdir
from engine.film.reading import read_radiograph
from tests.phantom import CR, DX, dicom_film, thorax, write_film

CT = "1.2.840.10008.5.1.4.1.1.2"


def _film(path: Path, patient: str, study: str, number: int, sop_class: str = DX) -> Path:
    values = thorax()
    values[0, 0] = number
    film = dicom_film(
        values,
        SOPClassUID=sop_class,
        SOPInstanceUID=f"1.2.826.{number}",
        StudyInstanceUID=study,
        SeriesInstanceUID=f"{study}.1",
        PatientID=patient,
        PatientName=patient,
        StudyDate="20260101",
        StudyTime="1200",
        StudyID="1",
        SeriesNumber="1",
        InstanceNumber=str(number),
        Modality="CT" if sop_class == CT else "DX",
    )
    return write_film(path, film)


@pytest.fixture
def disc(tmp_path: Path) -> Path:
    """Return the DICOMDIR of two patients' films and a slice of a CT."""
    folder = tmp_path / "loose"
    folder.mkdir()
    made = [
        _film(folder / "c.dcm", "B", "1.2.3.1", 3),
        _film(folder / "a.dcm", "A", "1.2.3.2", 1, CR),
        _film(folder / "d.dcm", "B", "1.2.3.1", 4, CT),
        _film(folder / "b.dcm", "A", "1.2.3.2", 2),
    ]
    files = FileSet()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for path in made:
            files.add(path)
        files.write(tmp_path / "disc")
        del files  # its temporary folder goes with it, and pydicom leaves that to the collector, with a warning
        gc.collect()
    return tmp_path / "disc" / "DICOMDIR"


def _numbers(paths: list[Path] | None) -> list[int]:
    assert paths is not None
    return [int(read_radiograph(path).stored[0, 0]) for path in paths]


def _rewritten(path: Path, **changes: object) -> None:
    """Change the first image's record."""
    directory = dcmread(path)
    record: Dataset = next(item for item in directory.DirectoryRecordSequence if item.DirectoryRecordType == "IMAGE")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for keyword, value in changes.items():
            setattr(record, keyword, value)
        directory.save_as(path)


def test_films_come_by_patient_and_study_and_what_is_no_film_is_left_out(disc: Path) -> None:
    assert _numbers(films_in([disc])) == [3, 1, 2]
    assert len([path for path in disc.parent.rglob("*") if path.is_file()]) == 5  # the CT is there, and not listed


def test_names_are_found_whatever_their_case(disc: Path) -> None:
    for path in sorted(disc.parent.rglob("*"), key=lambda path: -len(path.parts)):
        if path != disc:
            path.rename(path.with_name(path.name.lower()))
    assert _numbers(films_in_dicomdir(disc)) == [3, 1, 2]


@pytest.mark.parametrize("named", [["..", "SECRET"], ["../SECRET"], ["/etc", "PASSWD"], [""], ["."], ["GONE"]])
def test_no_record_leads_out_of_the_folder(disc: Path, named: list[str]) -> None:
    _film(disc.parent.parent / "SECRET", "C", "1.2.3.3", 9)
    _rewritten(disc, ReferencedFileID=named)
    assert _numbers(films_in_dicomdir(disc)) == [1, 2]


def test_a_record_that_is_no_longer_in_use_is_left_out(disc: Path) -> None:
    _rewritten(disc, RecordInUseFlag=0)
    assert _numbers(films_in_dicomdir(disc)) == [1, 2]


def test_a_damaged_directory_gives_way_to_what_lies_in_its_folder(disc: Path) -> None:
    disc.write_bytes(disc.read_bytes()[:200])
    assert films_in_dicomdir(disc) is None
    assert sorted(_numbers([path for path in films_in([disc]) if dcmread(path).SOPClassUID != CT])) == [1, 2, 3]


def test_a_directory_without_its_files_gives_way_too(disc: Path, tmp_path: Path) -> None:
    alone = tmp_path / "alone"
    alone.mkdir()
    (alone / "DICOMDIR").write_bytes(disc.read_bytes())
    film = _film(alone / "film.dcm", "A", "1.2.3.2", 7)
    assert films_in([alone / "DICOMDIR"]) == [film]


def test_a_disc_without_films_lists_none(disc: Path) -> None:
    directory = dcmread(disc)
    for record in directory.DirectoryRecordSequence:
        if record.DirectoryRecordType == "IMAGE":
            record.ReferencedSOPClassUIDInFile = CT
    directory.save_as(disc)
    assert films_in([disc]) == []


def test_whatever_is_damaged_the_answer_is_of_the_folder_or_none(disc: Path) -> None:
    rng, whole = random.Random(11), disc.read_bytes()
    inside, unread = set(disc.parent.rglob("*")), 0
    for _ in range(300):
        data = bytearray(whole)
        for _ in range(rng.choice((1, 3, 20))):
            at = rng.randrange(len(data))
            data[at : at + rng.randrange(2)] = rng.randbytes(rng.randrange(3))
        disc.write_bytes(data)
        found = films_in_dicomdir(disc)
        unread += found is None
        assert set(found or ()) <= inside
    assert 0 < unread < 300
