"""The check finds what is wrong with a set that was spoilt on purpose, and says nothing of a good one."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from training.check import check_film, contact_sheet, findings, heart_gap, lung_faults, report
from training.data import main
from training.manifest import Convention, FilmRecord, Label, MaskFile, Part, Split, read_manifest, write_manifest
from training.truth import Pixels, split_lungs

SIDE = 160


def ellipses(*, heart: bool = False) -> NDArray[np.uint8]:
    """Two lungs; with the heart left out, the left one is cut back low down."""
    mask = np.zeros((SIDE, SIDE), np.uint8)
    for centre in (45, 115):
        cv2.ellipse(mask, (centre, 85), (28, 60), 0, 0, 360, 255, -1)
    if heart:
        cv2.ellipse(mask, (85, 115), (34, 40), 0, 0, 360, 0, -1)
    return mask


def lungs(pixels: NDArray[np.uint8]) -> Pixels:
    return np.asarray(pixels > 0)


def film(seed: int) -> NDArray[np.uint8]:
    rng = np.random.default_rng(seed)
    base: NDArray[np.float32] = cv2.GaussianBlur(ellipses(), (0, 0), 5).astype(np.float32) * -0.5 + 190
    marks = cv2.resize(rng.normal(0, 1, (40, 40)).astype(np.float32), (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    return np.asarray(np.clip(base + 12 * marks, 0, 255), dtype=np.uint8)


def write_set(folder: Path) -> list[FilmRecord]:
    """Six good films of six patients, three of another convention, and a manifest."""
    records = []
    for i in range(9):
        cv2.imwrite(str(folder / f"{i}.png"), film(i))
        cv2.imwrite(str(folder / f"{i}.mask.png"), ellipses(heart=i < 6))
        convention = Convention.HEART_EXCLUDED if i < 6 else Convention.HEART_INCLUDED
        records.append(
            FilmRecord(
                id=str(i),
                patient=f"p{i}",
                source="one" if i < 6 else "two",
                image=folder / f"{i}.png",
                mask=(MaskFile(folder / f"{i}.mask.png"),),
                label=Label.LUNGS,
                convention=convention,
                split=(Split.TRAIN, Split.VAL, Split.TEST)[i % 3],
                licence="",
            )
        )
    write_manifest(folder / "manifest.csv", records)
    return records


def checked(records: list[FilmRecord]) -> str:
    return report(findings([check_film(record) for record in records]))


def test_a_good_set_has_counts_and_no_remarks(tmp_path: Path) -> None:
    text = checked(write_set(tmp_path))
    assert "9 films, 0 of them broken" in text
    assert "0 remarks" in text
    assert "0 copies of another film; 0 pairs of strangers" in text
    assert "0 groups of patient or copy in two splits" in text
    assert "| one | train | lungs | 2 | 2 |" in text
    assert "| two | 160 x 160 | 160 x 160 | 160 x 160 | 3 of 3 |" in text


def test_mixed_conventions_are_called_out_and_measured(tmp_path: Path) -> None:
    records = write_set(tmp_path)
    text = checked(records)
    assert "heart-excluded, heart-included: MIXED" in text
    assert "| one | heart-excluded | 6 |" in text
    assert "MIXED" not in checked(records[:6])


def test_the_heart_widens_the_gap_between_the_lungs() -> None:
    without, with_heart = (heart_gap(split_lungs(lungs(ellipses(heart=heart)))) for heart in (True, False))
    assert without is not None
    assert with_heart is not None
    assert without > 0.3 > 0.22 > with_heart


def test_copies_in_two_splits_and_broken_files_are_found(tmp_path: Path) -> None:
    records = write_set(tmp_path)
    cv2.imwrite(str(tmp_path / "4.png"), cv2.convertScaleAbs(film(0), alpha=0.9, beta=10))
    (tmp_path / "5.png").write_bytes(b"\x89PNG\r\n\x1a\nshort")
    (tmp_path / "2.mask.png").write_bytes(b"GIF89a")
    text = checked(records)
    assert "9 films, 1 of them broken" in text
    assert "1 copies of another film" in text
    assert "one/0 and one/4 (train and val)" in text
    assert "1 groups of patient or copy in two splits" in text
    assert "one/0 (train) and one/4 (val)" in text
    assert "cannot be read" in text
    assert "mask cannot be read: 2.mask.png is not a mask that can be read" in text


def spoilt(change: str) -> NDArray[np.uint8]:
    mask = ellipses()
    match change:
        case "empty":
            mask[:] = 0
        case "hole":
            mask[80:85, 40:45] = 0
        case "crumb":
            mask[3, 3] = 255
        case "bridge":
            mask[85, :] = 255
        case "small":
            mask = cv2.copyMakeBorder(cv2.resize(mask, (40, 40)), 60, 60, 60, 60, cv2.BORDER_CONSTANT)
        case "outside":
            mask = np.roll(mask, 25, axis=0)
            mask[100:, 20:70] = 255
        case "half":
            mask = np.hstack([mask, np.zeros_like(mask)])
        case "uneven":
            mask[:, 80:] = 0
            cv2.ellipse(mask, (115, 85), (10, 20), 0, 0, 360, 255, -1)
    return mask


@pytest.mark.parametrize(
    ("change", "remark"),
    [
        ("empty", "the mask is empty"),
        ("hole", "1 holes in the mask"),
        ("crumb", "right lung in 2 pieces, all but one of them crumbs"),
        ("bridge", "the lungs cannot be told apart"),
        ("small", "lungs cover 3 % of the film"),
        ("outside", "lungs run out of the film"),
        ("half", "both lungs lie in one half of the film"),
        ("uneven", "one lung is 8.0 times the other"),
    ],
)
def test_a_spoilt_mask_is_remarked_on(change: str, remark: str) -> None:
    assert remark in list(lung_faults(split_lungs(lungs(spoilt(change))), drawn_apart=False))


def test_a_good_mask_is_not_remarked_on() -> None:
    assert not list(lung_faults(split_lungs(lungs(ellipses())), drawn_apart=False))


def test_exchanged_sides_are_seen_where_the_lungs_are_drawn_apart(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "film.png"), film(0))
    mask = ellipses()
    for name, part in (("a", mask[:, :80]), ("b", mask[:, 80:])):
        whole = np.zeros_like(mask)
        whole[:, :80] = part if name == "a" else 0
        whole[:, 80:] = part if name == "b" else 0
        cv2.imwrite(str(tmp_path / f"{name}.png"), whole)

    def record(right: str, left: str) -> FilmRecord:
        files = (MaskFile(tmp_path / f"{right}.png", Part.RIGHT), MaskFile(tmp_path / f"{left}.png", Part.LEFT))
        return FilmRecord(
            "f", "p", "s", tmp_path / "film.png", files, Label.LUNGS, Convention.HEART_EXCLUDED, Split.TRAIN, ""
        )

    assert not check_film(record("a", "b")).faults
    assert [fault.what for fault in check_film(record("b", "a")).faults] == ["left and right are exchanged"]


def test_the_contact_sheet_shows_every_source_and_every_remark(tmp_path: Path) -> None:
    records = write_set(tmp_path)
    cv2.imwrite(str(tmp_path / "8.mask.png"), spoilt("hole"))
    sheet = contact_sheet(findings([check_film(record) for record in records]))
    # 6 films of one source and 3 of the other, then the remarked one: ten tiles, one row.
    assert sheet.shape == (196, 1800, 3)
    greens = np.all(sheet == (80, 220, 80), axis=2)
    assert all(greens[:, i * 180 : (i + 1) * 180].any() for i in range(10))


def test_check_on_the_command_line_writes_both(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_set(tmp_path)
    assert main(["check", "--data", str(tmp_path), "--out", str(tmp_path / "out")]) == 0
    assert (tmp_path / "out" / "report.md").read_text() in capsys.readouterr().out
    assert cv2.imread(str(tmp_path / "out" / "contact-sheet.png")) is not None


def test_split_on_the_command_line_writes_a_manifest_or_refuses(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_set(tmp_path)
    assert main(["split", "--data", str(tmp_path), "--out", str(tmp_path / "out")]) == 0
    assert len(read_manifest(tmp_path / "out" / "manifest.csv")) == 9
    cv2.imwrite(str(tmp_path / "4.png"), film(0))  # a copy of a training film among the validation films
    assert main(["split", "--data", str(tmp_path), "--out", str(tmp_path / "out")]) == 1
    assert "two splits" in capsys.readouterr().err


def test_a_folder_that_is_no_data_set_is_one_line_and_status_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", "--data", str(tmp_path), "--out", str(tmp_path / "out")]) == 1
    assert "not laid out like any data set" in capsys.readouterr().err
