"""Each adapter on a miniature of the data set as it is downloaded, down to the pixels of films and masks."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from PIL import Image
from pydicom.dataset import FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian, SecondaryCaptureImageStorage

from engine.errors import DamagedFilmError
from engine.geometry import SpacingOrigin
from tests.phantom import dicom_film, thorax, write_film
from training.manifest import Convention, DataError, FilmRecord, Label, MaskFile, Part, Split, lung_truth
from training.sources import records_in
from training.sources.jsrt import read_img
from training.truth import darwin_lungs, decode_run_lengths, read_film, read_lungs, read_mask, split_lungs


def write_picture(path: Path, pixels: NDArray[np.generic]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels.astype(np.uint8)).save(path)


def film_pixels(rows: int = 40, columns: int = 40) -> NDArray[np.uint8]:
    return (np.add.outer(np.arange(rows), np.arange(columns)) * 3 % 256).astype(np.uint8)


def lung(side: str, rows: int = 40, columns: int = 40) -> NDArray[np.uint8]:
    """The patient's right lung lies on the image's left."""
    mask = np.zeros((rows, columns), np.uint8)
    start = columns // 8 if side == "right" else columns * 5 // 8
    mask[rows // 4 : rows * 3 // 4, start : start + columns // 4] = 255
    return mask


def both(rows: int = 40, columns: int = 40) -> NDArray[np.uint8]:
    return lung("right", rows, columns) | lung("left", rows, columns)


def write_jsrt(folder: Path) -> None:
    (folder / "All247images").mkdir(parents=True)
    values = np.zeros((2048, 2048), dtype=">u2")
    values[:, 1024:] = 4095
    values[0, 0] = 0x0102
    (folder / "All247images" / "JPCLN001.IMG").write_bytes(values.tobytes())
    (folder / "All247images" / "JPCNN001.IMG").write_bytes(values.tobytes())
    for side in ("right", "left"):
        write_picture(folder / "scratch" / "fold1" / "masks" / f"{side} lung" / "JPCLN001.gif", lung(side, 1024, 1024))


def write_montgomery(folder: Path) -> None:
    write_picture(folder / "CXR_png" / "MCUCXR_0001_0.png", film_pixels())
    write_picture(folder / "CXR_png" / "MCUCXR_0104_1.png", film_pixels())
    for name in ("MCUCXR_0001_0", "MCUCXR_0104_1"):
        for side in ("right", "left"):
            write_picture(folder / "ManualMask" / f"{side}Mask" / f"{name}.png", lung(side))
    (folder / "ClinicalReadings").mkdir()


def write_shenzhen(folder: Path) -> None:
    for name in ("CHNCXR_0001_0", "CHNCXR_0330_1"):
        write_picture(folder / "CXR_png" / f"{name}.png", film_pixels())
    write_picture(folder / "mask" / "CHNCXR_0001_0_mask.png", both())


def write_qata(folder: Path) -> None:
    for half in ("Train Set", "Test Set"):
        part = folder / "QaTa-COV19" / "QaTa-COV19-v2" / half
        for name in ("covid_1", "sub-S03047_ses-E06163_run-1_bp-chest_vp-ap_cr"):
            write_picture(part / "Images" / f"{name}.png", film_pixels())
            write_picture(part / "Ground-truths" / f"mask_{name}.png", lung("left") // 2)


def write_covid_qu_ex(folder: Path) -> None:
    lungs = folder / "Lung Segmentation Data" / "Lung Segmentation Data"
    infections = folder / "Infection Segmentation Data" / "Infection Segmentation Data"
    for split, kind, name in (("Train", "COVID-19", "covid_1"), ("Test", "Normal", "Normal (2)")):
        write_picture(lungs / split / kind / "images" / f"{name}.png", film_pixels())
        write_picture(lungs / split / kind / "lung masks" / f"{name}.png", both())
    write_picture(infections / "Train" / "COVID-19" / "images" / "covid_1.png", film_pixels())
    write_picture(infections / "Train" / "COVID-19" / "lung masks" / "covid_1.png", both())
    write_picture(infections / "Train" / "COVID-19" / "infection masks" / "covid_1.png", lung("left"))


def write_radiography(folder: Path) -> None:
    root = folder / "COVID-19_Radiography_Dataset"
    for kind, name in (("COVID", "COVID-1"), ("Viral Pneumonia", "Viral Pneumonia-1")):
        write_picture(root / kind / "images" / f"{name}.png", film_pixels(299, 299))
        write_picture(root / kind / "masks" / f"{name}.png", np.repeat(both(256, 256)[:, :, None], 3, axis=2))
    (root / "COVID.metadata.xlsx").write_bytes(b"PK")


def write_siim(folder: Path) -> None:
    rows = ["ImageId, EncodedPixels", "1.2.3.1, 45 3 37 2", "1.2.3.1, 200 1", "1.2.3.2, -1"]
    (folder).mkdir(exist_ok=True)
    (folder / "train-rle.csv").write_text("\n".join(rows) + "\n")
    for name, patient in (("1.2.3.1", "p-a"), ("1.2.3.2", "p-b"), ("1.2.3.3", "p-a")):
        path = folder / "dicom-images-train" / f"study-{name}" / f"series-{name}" / f"{name}.dcm"
        path.parent.mkdir(parents=True)
        dataset = pydicom.Dataset()
        dataset.file_meta = FileMetaDataset()
        dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        dataset.file_meta.MediaStorageSOPClassUID = SecondaryCaptureImageStorage
        dataset.file_meta.MediaStorageSOPInstanceUID = UID(name)
        dataset.SOPClassUID, dataset.SOPInstanceUID = SecondaryCaptureImageStorage, name
        dataset.PatientID, dataset.Modality = patient, "CR"
        dataset.Rows, dataset.Columns = 40, 30
        dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
        dataset.BitsAllocated = dataset.BitsStored = 8
        dataset.HighBit, dataset.PixelRepresentation = 7, 0
        dataset.PixelSpacing = [0.168, 0.168]
        dataset.PixelData = film_pixels(40, 30).tobytes()
        dataset.save_as(path, enforce_file_format=True)


SQUARE = [{"x": 5, "y": 10}, {"x": 15, "y": 10}, {"x": 15, "y": 30}, {"x": 5, "y": 30}]
OTHER = [{"x": point["x"] + 20, "y": point["y"]} for point in SQUARE]


def darwin_1() -> dict[str, object]:
    return {
        "dataset": "covid",
        "image": {"width": 40, "height": 40, "filename": "1.png", "original_filename": "x.png"},
        "annotations": [
            {"name": "Lung", "polygon": {"path": SQUARE, "additional_paths": [OTHER]}},
            {"name": "COVID-19", "tag": {}},
        ],
    }


def darwin_2() -> dict[str, object]:
    return {
        "version": "2.0",
        "item": {"name": "2.png", "path": "/", "slots": [{"slot_name": "0", "width": 40, "height": 40}]},
        "annotations": [
            {"name": "Lung", "polygon": {"paths": [SQUARE]}, "bounding_box": {"x": 5, "y": 10, "w": 10, "h": 20}},
            {"name": "Lung", "polygon": {"paths": [OTHER]}},
        ],
    }


def write_v7(folder: Path) -> None:
    for name in ("1", "2", "3"):
        write_picture(folder / "images" / f"{name}.png", film_pixels())
    lateral = {**darwin_1(), "image": {"width": 40, "height": 40, "filename": "3.png"}, "annotations": []}
    absent = {**darwin_1(), "image": {"width": 40, "height": 40, "filename": "9.png"}}
    annotations = folder / "releases" / "latest" / "annotations"
    annotations.mkdir(parents=True)
    for name, sheet in (("1", darwin_1()), ("2", darwin_2()), ("3", lateral), ("9", absent)):
        (annotations / f"{name}.json").write_text(json.dumps(sheet))


def write_shared(folder: Path) -> None:
    write_picture(folder / "shenzhen" / "CHNCXR_0001_0.jpg", film_pixels())
    write_picture(folder / "shenzhen" / "CHNCXR_0001_0.mask.png", both())
    write_picture(folder / "hannover_v7" / "9_Fig1_HTML-a.jpg", film_pixels())
    write_picture(folder / "hannover_v7" / "9_Fig1_HTML-a.mask.png", both())
    write_picture(folder / "nih" / "00000061_012.jpg", film_pixels())
    (folder / "manifest.csv").write_text(
        "id,source,image,mask,width,height,convention,split,licence\n"
        "CHNCXR_0001_0,shenzhen,shenzhen/CHNCXR_0001_0.jpg,shenzhen/CHNCXR_0001_0.mask.png,40,40,heart-excluded,val,NLM\n"
        "9_Fig1_HTML-a,hannover_v7,hannover_v7/9_Fig1_HTML-a.jpg,hannover_v7/9_Fig1_HTML-a.mask.png,40,40,heart-included,"
        'external,"CC BY, both"\n'
        "00000061_012,nih,nih/00000061_012.jpg,,40,40,,unlabelled,NIH\n"
    )


Layout = Callable[[Path], None]


def found(tmp_path: Path, write: Layout) -> list[FilmRecord]:
    write(tmp_path / "set")
    return records_in(tmp_path / "set")


@pytest.mark.parametrize(
    ("write", "source", "films", "label", "convention", "unlabelled"),
    [
        (write_jsrt, "jsrt", 2, Label.LUNGS, Convention.HEART_EXCLUDED, 1),
        (write_montgomery, "montgomery", 2, Label.LUNGS, Convention.HEART_EXCLUDED, 0),
        (write_shenzhen, "shenzhen", 2, Label.LUNGS, Convention.HEART_EXCLUDED, 1),
        (write_qata, "qata_cov19", 4, Label.INFECTION, Convention.NONE, 0),
        (write_radiography, "covid_radiography", 2, Label.LUNGS, Convention.HEART_EXCLUDED, 0),
        (write_siim, "siim_pneumothorax", 3, Label.PNEUMOTHORAX, Convention.NONE, 1),
        (write_v7, "v7", 3, Label.LUNGS, Convention.HEART_INCLUDED, 1),
    ],
)
def test_a_data_set_is_recognised_counted_and_its_masks_are_named_for_what_they_are(
    tmp_path: Path, write: Layout, source: str, films: int, label: Label, convention: Convention, unlabelled: int
) -> None:
    records = found(tmp_path, write)
    assert len(records) == films
    assert {record.source for record in records} == {source}
    labelled = [record for record in records if record.label is not Label.NONE]
    assert {(record.label, record.convention, record.split) for record in labelled} == {
        (label, convention, Split.UNASSIGNED)
    }
    bare = [record for record in records if record.label is Label.NONE]
    assert len(bare) == unlabelled
    assert all(record.split is Split.UNLABELLED and not record.mask for record in bare)
    assert all(record.licence for record in records)


def test_films_in_a_folder_of_images_have_the_masks_of_their_names(tmp_path: Path) -> None:
    folder = tmp_path / "Our hospital"
    for name in ("one", "ward/two", "ward/three", "four"):
        write_picture(folder / "images" / f"{name}.png", film_pixels())
    for mask in ("one.png", "ward/two_mask.png", "four.mask.tif", "of no film.png"):
        write_picture(folder / "masks" / mask, both())
    (folder / "images" / "notes.txt").write_text("no film")
    records = {record.id: record for record in records_in(folder)}
    assert set(records) == {"one", "ward/two", "ward/three", "four"}
    assert {name for name, record in records.items() if record.mask} == {"one", "ward/two", "four"}
    assert {record.source for record in records.values()} == {"Our hospital"}
    bare, drawn = records["ward/three"], records["ward/two"]
    assert (bare.label, bare.split) == (Label.NONE, Split.UNLABELLED)
    assert (drawn.label, drawn.convention, drawn.split) == (Label.LUNGS, Convention.NONE, Split.UNASSIGNED)
    np.testing.assert_array_equal(read_mask(drawn, 40, 40), both() > 0)


@pytest.mark.parametrize(
    "values",
    [(255, 255), (1, 1), (1, 2), (5, 3), (128, 255), (76, 150)],
    ids=["white", "one", "labels", "lobes", "greys", "colours"],
)
def test_both_lungs_are_read_whatever_values_they_are_drawn_in(tmp_path: Path, values: tuple[int, int]) -> None:
    path = tmp_path / "mask.png"
    drawn = np.where(lung("right") > 0, values[0], 0) + np.where(lung("left") > 0, values[1], 0)
    write_picture(path, drawn)
    record = replace(found(tmp_path, write_shenzhen)[0], mask=(MaskFile(path),))
    np.testing.assert_array_equal(read_mask(record, 40, 40), both() > 0)


def test_what_wear_or_smoothing_leaves_beside_a_lung_is_none_of_it(tmp_path: Path) -> None:
    record = found(tmp_path, write_shenzhen)[0]
    for name in ("worn.jpg", "smooth.png"):
        write_picture(tmp_path / name, cv2.GaussianBlur(both(), (5, 5), 1.0))
        mask = read_mask(replace(record, mask=(MaskFile(tmp_path / name),)), 40, 40)
        assert np.count_nonzero(mask != (both() > 0)) < 20, name


def test_a_dicom_file_says_whose_film_it_is(tmp_path: Path) -> None:
    images = tmp_path / "set" / "images"
    images.mkdir(parents=True)
    for name, patient in (("first", "P7"), ("second", "P7"), ("third", "")):
        write_film(images / f"{name}.dcm", dicom_film(thorax(24, 20), PatientID=patient))
    (images / "broken.dcm").write_bytes(b"nothing that DICOM knows")
    records = {record.id: record.patient for record in records_in(tmp_path / "set")}
    assert records == {"first": "P7", "second": "P7", "third": "third", "broken": "broken"}


@pytest.mark.parametrize("write", [write_qata, write_siim])
def test_the_lung_recipe_refuses_what_is_no_lung(tmp_path: Path, write: Layout) -> None:
    labelled = [record for record in found(tmp_path, write) if record.mask]
    with pytest.raises(DataError, match="not of lungs"):
        lung_truth(labelled)
    with pytest.raises(DataError, match="no lung mask"):
        read_lungs(labelled[0], 40, 40)


# ---------------------------------------------------------------------------------------------- JSRT


def test_jsrts_raw_films_are_read_big_endian_inverted_with_their_spacing(tmp_path: Path) -> None:
    record = found(tmp_path, write_jsrt)[0]
    radiograph = read_film(record)
    assert (radiograph.rows, radiograph.columns, radiograph.bits_stored) == (2048, 2048, 12)
    assert radiograph.stored[0, 0] == 0x0102
    assert radiograph.stored[5, 2000] == 4095
    assert radiograph.inverse
    assert radiograph.spacing is not None
    assert (radiograph.spacing.row_mm, radiograph.spacing.origin) == (0.175, SpacingOrigin.SCANNER)


def test_scrs_masks_are_doubled_onto_jsrts_grid_and_keep_their_sides(tmp_path: Path) -> None:
    record = found(tmp_path, write_jsrt)[0]
    lungs = read_lungs(record, 2048, 2048)
    assert lungs.right is not None
    assert lungs.left is not None
    np.testing.assert_array_equal(lungs.right, lung("right", 2048, 2048) > 0)
    np.testing.assert_array_equal(lungs.left, lung("left", 2048, 2048) > 0)


@pytest.mark.parametrize(
    ("data", "message"), [(b"\0" * 100, "100 bytes, expected 8388608"), (b"\xff" * 8388608, "expected 12 bits")]
)
def test_a_damaged_raw_film_is_refused(tmp_path: Path, data: bytes, message: str) -> None:
    path = tmp_path / "JPCLN001.IMG"
    path.write_bytes(data)
    with pytest.raises(DamagedFilmError, match=message):
        read_img(path)


# ---------------------------------------------------------------------------------------------- the others


def test_montgomerys_sides_are_the_patients(tmp_path: Path) -> None:
    record = found(tmp_path, write_montgomery)[0]
    assert record.spacing_mm == 0.0875
    assert [file.part for file in record.mask] == [Part.RIGHT, Part.LEFT]
    lungs = read_lungs(record, 40, 40)
    assert lungs.right is not None
    np.testing.assert_array_equal(lungs.right, lung("right") > 0)
    np.testing.assert_array_equal(lungs.both, both() > 0)


def test_films_of_one_subject_are_one_patient_where_the_name_says_so(tmp_path: Path) -> None:
    assert {record.patient for record in found(tmp_path, write_qata)} == {"covid_1", "S03047"}


def test_covid_qu_ex_gives_lungs_and_infections_apart_but_of_the_same_patient(tmp_path: Path) -> None:
    records = {record.id: record for record in found(tmp_path, write_covid_qu_ex)}
    assert set(records) == {"lungs/COVID-19/covid_1", "lungs/Normal/Normal (2)", "infection/COVID-19/covid_1"}
    lungs, infection = records["lungs/COVID-19/covid_1"], records["infection/COVID-19/covid_1"]
    assert (lungs.label, infection.label) == (Label.LUNGS, Label.INFECTION)
    assert lungs.patient_key == infection.patient_key
    np.testing.assert_array_equal(read_mask(infection, 40, 40), lung("left") > 0)
    assert lung_truth([lungs])


def test_a_mask_of_256_fits_a_film_of_299(tmp_path: Path) -> None:
    record = found(tmp_path, write_radiography)[0]
    mask = read_mask(record, 299, 299)
    assert mask.shape == (299, 299)
    assert mask.mean() == pytest.approx((both(256, 256) > 0).mean(), abs=0.005)
    assert read_film(record).rows == 299


def test_a_mask_of_another_shape_is_refused(tmp_path: Path) -> None:
    record = found(tmp_path, write_radiography)[0]
    with pytest.raises(DataError, match="256 x 256 pixels does not fit a film of 299 x 400"):
        read_mask(record, 400, 299)


def test_siims_run_lengths_run_down_the_columns_from_the_end_of_the_last_run(tmp_path: Path) -> None:
    records = {record.id: record for record in found(tmp_path, write_siim)}
    assert [records[name].patient for name in ("1.2.3.1", "1.2.3.2", "1.2.3.3")] == ["p-a", "p-b", "p-a"]
    radiograph = read_film(records["1.2.3.1"])
    mask = read_mask(records["1.2.3.1"], radiograph.rows, radiograph.columns)
    expected = np.zeros((40, 30), np.bool_)
    expected[5:8, 1] = True  # 45 = column 1, row 5; 3 long
    expected[5:7, 2] = True  # 37 after the end at 48: 85 = column 2, row 5; 2 long
    expected[0, 5] = True  # the second row of the table: 200 = column 5, row 0
    np.testing.assert_array_equal(mask, expected)
    assert not read_mask(records["1.2.3.2"], 40, 30).any()


@pytest.mark.parametrize("runs", ["1 2 3", "5 x", "1190 20", "-3 4"])
def test_run_lengths_that_do_not_fit_are_refused(runs: str) -> None:
    with pytest.raises(DataError, match="run lengths"):
        decode_run_lengths(runs, 40, 30, "train-rle.csv")


def test_a_siim_film_that_is_no_dicom_file_is_named(tmp_path: Path) -> None:
    write_siim(tmp_path / "set")
    next((tmp_path / "set").glob("**/1.2.3.2.dcm")).write_bytes(b"not DICOM")
    with pytest.raises(DataError, match=r"1\.2\.3\.2\.dcm is not a DICOM file"):
        records_in(tmp_path / "set")


@pytest.mark.parametrize("sheet", [darwin_1(), darwin_2()])
def test_both_versions_of_darwin_give_both_lungs(sheet: dict[str, object]) -> None:
    mask = darwin_lungs(json.dumps(sheet).encode(), "sheet.json")
    lungs = split_lungs(mask)
    assert lungs.right is not None
    rows, columns = np.flatnonzero(lungs.right.any(axis=1)), np.flatnonzero(lungs.right.any(axis=0))
    # The polygon's corners are corners of pixels; OpenCV's outline may take the half pixel beside it.
    assert (rows[0], columns[0]) in {(10, 5), (9, 4)}
    assert rows[-1] in {29, 30}
    assert columns[-1] in {14, 15}
    assert abs(np.count_nonzero(lungs.right) - 200) <= 32


def test_v7_keeps_its_own_convention_and_films_without_lungs_have_no_label(tmp_path: Path) -> None:
    records = {record.id: record for record in found(tmp_path, write_v7)}
    assert records["1"].convention is Convention.HEART_INCLUDED
    assert records["3"].label is Label.NONE
    assert "9" not in records
    with pytest.raises(DataError, match="Two conventions"):
        lung_truth([records["1"], replace(records["2"], convention=Convention.HEART_EXCLUDED)])
    assert read_lungs(records["2"], 40, 40).left is not None


@pytest.mark.parametrize("data", [b"[]", b"{", b'{"annotations": []}', b'{"annotations": [{"name": 3}], "image": {}}'])
def test_a_strange_annotation_is_refused(data: bytes) -> None:
    with pytest.raises(DataError, match=r"sheet\.json"):
        darwin_lungs(data, "sheet.json")


def test_the_shared_folder_keeps_splits_conventions_and_patients(tmp_path: Path) -> None:
    records = {record.key: record for record in found(tmp_path, write_shared)}
    shenzhen = records["shenzhen/CHNCXR_0001_0"]
    assert (shenzhen.split, shenzhen.convention, shenzhen.label) == (
        Split.VAL,
        Convention.HEART_EXCLUDED,
        Label.LUNGS,
    )
    hannover = records["hannover_v7/9_Fig1_HTML-a"]
    assert (hannover.split, hannover.convention, hannover.patient) == (
        Split.EXTERNAL,
        Convention.HEART_INCLUDED,
        "9_Fig1_HTML",
    )
    nih = records["nih/00000061_012"]
    assert (nih.split, nih.label, nih.patient) == (Split.UNLABELLED, Label.NONE, "00000061")
    assert read_lungs(shenzhen, 40, 40).right is not None


@pytest.mark.shared
def test_the_real_shared_films_are_all_there(shared_dir: Path) -> None:
    records = records_in(shared_dir / "data" / "cxr")
    assert len(records) == 1794
    assert sum(record.label is Label.LUNGS for record in records) == 794
    assert len({record.patient_key for record in records if record.source in {"shenzhen", "montgomery"}}) == 704


# ---------------------------------------------------------------------------------------------- masks in general


@pytest.mark.parametrize("values", [(0, 255), (0, 1), (3, 250), (0, 128)])
def test_masks_of_any_brightness_mean_the_same(tmp_path: Path, values: tuple[int, int]) -> None:
    write_picture(tmp_path / "m.png", np.where(both() > 0, values[1], values[0]))
    record = found(tmp_path, write_shenzhen)[0]
    bright = FilmRecord(
        "a", "a", "s", record.image, (MaskFile(tmp_path / "m.png"),), Label.LUNGS, Convention.NONE, Split.VAL, ""
    )
    np.testing.assert_array_equal(read_mask(bright, 40, 40), both() > 0)


def test_a_mask_that_is_no_picture_is_refused(tmp_path: Path) -> None:
    record = found(tmp_path, write_shenzhen)[0]
    record.mask[0].path.write_bytes(b"\x89PNG\r\n\x1a\nnot really")
    with pytest.raises(DataError, match=r"CHNCXR_0001_0_mask\.png is not a mask that can be read"):
        read_mask(record, 40, 40)


def test_crumbs_go_to_the_nearer_lung() -> None:
    mask = both() > 0
    mask[2, 3] = mask[38, 36] = True
    lungs = split_lungs(mask)
    assert lungs.right is not None
    assert lungs.left is not None
    assert lungs.right[2, 3]
    assert lungs.left[38, 36]
    np.testing.assert_array_equal(lungs.right | lungs.left, mask)


def test_lungs_that_touch_cannot_be_told_apart() -> None:
    mask = both() > 0
    mask[15, :] = True
    lungs = split_lungs(mask)
    assert (lungs.right, lungs.left) == (None, None)


def test_masks_kept_as_jpeg_are_masks(tmp_path: Path) -> None:
    write_picture(tmp_path / "images" / "a.jpg", film_pixels(40, 30))
    write_picture(tmp_path / "masks" / "a.jpg", both(40, 30))
    (record,) = records_in(tmp_path)
    np.testing.assert_array_equal(read_lungs(record, 40, 30).both, both(40, 30) > 0)


def test_masks_of_other_names_than_the_films_are_not_passed_over(tmp_path: Path) -> None:
    write_picture(tmp_path / "images" / "a.png", film_pixels(40, 30))
    write_picture(tmp_path / "masks" / "mask of a.png", both(40, 30))
    with pytest.raises(DataError, match="None of the 1 masks in masks/ has the name of a film"):
        records_in(tmp_path)


def test_two_files_that_go_by_one_name_are_refused(tmp_path: Path) -> None:
    write_picture(tmp_path / "images" / "a.png", film_pixels(40, 30))
    write_picture(tmp_path / "images" / "a.jpg", film_pixels(40, 30))
    with pytest.raises(DataError, match=r"a\.jpg and a\.png in images/ go by one name, a\."):
        records_in(tmp_path)
    (tmp_path / "images" / "a.jpg").unlink()
    for mask in ("a.png", "a_mask.png"):
        write_picture(tmp_path / "masks" / mask, both(40, 30))
    with pytest.raises(DataError, match=r"in masks/ go by one name"):
        records_in(tmp_path)


def test_stirenkos_masks_are_found_as_their_archive_unpacks(tmp_path: Path) -> None:
    write_picture(tmp_path / "CXR_png" / "CHNCXR_0001_0.png", film_pixels(40, 30))
    write_picture(tmp_path / "mask" / "mask" / "CHNCXR_0001_0_mask.png", both(40, 30))
    assert [record.label for record in records_in(tmp_path)] == [Label.LUNGS]


def test_a_manifest_in_another_encoding_is_said(tmp_path: Path) -> None:
    (tmp_path / "manifest.csv").write_bytes("image,größe\n".encode("latin-1"))
    with pytest.raises(DataError, match=r"manifest.csv is not text in UTF-8"):
        records_in(tmp_path)


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "holiday").mkdir()
    cv2.imwrite(str(tmp_path / "holiday" / "beach.png"), film_pixels())
    with pytest.raises(DataError, match="not laid out like any data set"):
        records_in(tmp_path / "holiday")
    with pytest.raises(DataError, match="is not a folder"):
        records_in(tmp_path / "nowhere")
