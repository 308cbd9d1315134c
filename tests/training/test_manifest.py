"""The manifest survives the disk, and what is not the lungs' truth is refused."""

from dataclasses import replace
from pathlib import Path

import pytest

from training.manifest import (
    Convention,
    DataError,
    FilmRecord,
    Label,
    MaskFile,
    Part,
    Split,
    lung_truth,
    named_sources,
    read_manifest,
    unique,
    write_manifest,
)


def film(folder: Path, name: str = "one", **changes: object) -> FilmRecord:
    record = FilmRecord(
        id=name,
        patient="p1",
        source="somewhere",
        image=folder / "films" / f"{name}, again.png",
        mask=(MaskFile(folder / "right" / "a.gif", Part.RIGHT), MaskFile(folder / "left lung" / "a.gif", Part.LEFT)),
        label=Label.LUNGS,
        convention=Convention.HEART_EXCLUDED,
        split=Split.VAL,
        licence='CC BY 4.0, "as is"',
        spacing_mm=0.175,
    )
    return replace(record, **changes)  # type: ignore[arg-type]


def test_a_manifest_reads_back_as_written_wherever_the_films_are(tmp_path: Path) -> None:
    records = [
        film(tmp_path / "elsewhere"),
        film(tmp_path, "two", mask=(MaskFile(tmp_path / "rle.csv", key="1.2.840"),), spacing_mm=None, split=Split.TEST),
        film(tmp_path, "three", mask=(), label=Label.NONE, convention=Convention.NONE, split=Split.UNLABELLED),
    ]
    path = tmp_path / "lists" / "manifest.csv"
    path.parent.mkdir()
    write_manifest(path, records)
    found = {record.id: record for record in read_manifest(path)}
    for record in records:
        read = found[record.id]
        assert read.image.resolve() == record.image.resolve()
        assert [file.path.resolve() for file in read.mask] == [file.path.resolve() for file in record.mask]
        assert replace(read, image=record.image, mask=record.mask) == record
        assert [(file.part, file.key) for file in read.mask] == [(file.part, file.key) for file in record.mask]
    assert str(tmp_path) not in path.read_text()


def test_the_same_films_in_another_order_write_the_same_bytes(tmp_path: Path) -> None:
    records = [film(tmp_path, name) for name in "cab"]
    write_manifest(tmp_path / "one.csv", records)
    write_manifest(tmp_path / "two.csv", records[::-1])
    assert (tmp_path / "one.csv").read_bytes() == (tmp_path / "two.csv").read_bytes()


def test_a_manifest_that_a_person_writes_need_say_little(tmp_path: Path) -> None:
    path = tmp_path / "ours" / "manifest.csv"
    path.parent.mkdir()
    path.write_text("image, mask, convention, age\na/1.dcm, a/1.png, heart-excluded, 51\na/2.dcm, , , 60\n")
    first, second = read_manifest(path)
    path.write_text("image, mask, label, split\na/1.dcm, a/1.png, , \na/2.dcm, , , \n")
    assert [one.split for one in read_manifest(path)] == [Split.UNASSIGNED, Split.UNLABELLED]
    assert [one.label for one in read_manifest(path)] == [Label.LUNGS, Label.NONE]
    assert first == FilmRecord(
        id="1",
        patient="1",
        source="ours",
        image=tmp_path / "ours" / "a" / "1.dcm",
        mask=(MaskFile(tmp_path / "ours" / "a" / "1.png"),),
        label=Label.LUNGS,
        convention=Convention.HEART_EXCLUDED,
        split=Split.UNASSIGNED,
        licence="",
    )
    assert (second.mask, second.label, second.split) == ((), Label.NONE, Split.UNLABELLED)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda text: text.replace("image", "picture"), "has no column image"),
        (lambda text: text.replace(",val,", ",valid,"), "row 2: 'valid' is not a valid Split"),
        (lambda text: text.replace("heart-excluded", "jsrt"), "row 2: 'jsrt' is not a valid Convention"),
        (lambda text: text.replace(",0.175", ""), "row 2 does not have as many cells"),
        (lambda text: text + text.splitlines()[1] + "\n", "Two films are called somewhere/one"),
    ],
)
def test_a_spoilt_manifest_is_refused_by_name_and_row(tmp_path: Path, spoil: object, message: str) -> None:
    path = tmp_path / "manifest.csv"
    write_manifest(path, [film(tmp_path)])
    path.write_text(spoil(path.read_text()))  # type: ignore[operator]
    with pytest.raises(DataError, match=message):
        read_manifest(path)


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "manifest.csv"
    path.write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(DataError, match="not text in UTF-8"):
        read_manifest(path)


@pytest.mark.parametrize("label", [Label.INFECTION, Label.PNEUMOTHORAX])
def test_infections_and_pneumothoraces_are_refused_as_lungs(tmp_path: Path, label: Label) -> None:
    with pytest.raises(DataError, match=f"mask of {label.value}, not of lungs"):
        lung_truth([film(tmp_path), film(tmp_path, "two", label=label)])


def test_a_film_without_a_mask_is_refused_as_truth(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="somewhere/one has no mask"):
        lung_truth([film(tmp_path, mask=(), label=Label.NONE)])


def test_two_conventions_are_never_mixed(tmp_path: Path) -> None:
    records = [film(tmp_path), film(tmp_path, "two", convention=Convention.HEART_INCLUDED)]
    with pytest.raises(DataError, match="somewhere/one is heart-excluded, somewhere/two is heart-included"):
        lung_truth(records)
    for record in records:
        assert lung_truth([record]) == [record]


def test_a_mask_of_no_known_convention_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="Nothing says whether the mask of somewhere/one takes in lung behind"):
        lung_truth([film(tmp_path, convention=Convention.NONE)])


def test_a_source_that_no_film_has_is_refused(tmp_path: Path) -> None:
    records = [film(tmp_path), film(tmp_path, source="elsewhere")]
    assert named_sources(records, ()) == records
    assert named_sources(records, ("elsewhere",)) == records[1:]
    with pytest.raises(DataError, match="No source is called nowhere"):
        named_sources(records, ("elsewhere", "nowhere"))


def test_two_films_of_one_name_are_refused(tmp_path: Path) -> None:
    assert unique([film(tmp_path), film(tmp_path, source="elsewhere")])
    with pytest.raises(DataError, match="Two films"):
        unique([film(tmp_path), film(tmp_path)])
