"""A bundle through an archive and back: sent by C-STORE, fetched by C-GET, whole, and pixel for pixel."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import AE, evt
from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelGet

from benchmarks.pacs import judged, round_trip
from engine.case import Case
from engine.measure import measure
from engine.results.bundle import KINDS, OPTIONAL_KINDS, export
from engine.results.content import content_sha256, first_content_sha256
from tests.engine.results.exports import dicom_case

SEG, LABEL_MAP, SR, GSPS, SC = (f"1.2.840.10008.5.1.4.1.1.{last}" for last in ("66.4", "66.7", "88.33", "11.1", "7"))


class Archive:
    """A storage and C-GET provider in this process: it keeps data sets, and gives them back under its own heads."""

    def __init__(self) -> None:
        self.kept: dict[str, Dataset] = {}
        ae = AE(ae_title="ARCHIVE")
        ae.add_supported_context(StudyRootQueryRetrieveInformationModelGet)
        for sop_class in (SEG, LABEL_MAP, SR, GSPS, SC):
            ae.add_supported_context(sop_class, ExplicitVRLittleEndian, scu_role=True, scp_role=True)
        handlers = [(evt.EVT_C_STORE, self._store), (evt.EVT_C_GET, self._get)]
        self.server = ae.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers)
        self.port = self.server.socket.getsockname()[1]

    def _store(self, event: Any) -> int:
        dataset = event.dataset
        dataset.file_meta = event.file_meta
        self.kept[str(dataset.SOPInstanceUID)] = dataset
        return 0

    def _get(self, event: Any) -> Iterator[Any]:
        asked = str(event.identifier.StudyInstanceUID)
        found = [dataset for dataset in self.kept.values() if dataset.StudyInstanceUID == asked]
        yield len(found)
        for dataset in found:
            yield 0xFF00, dataset


@pytest.fixture
def archive() -> Iterator[Archive]:
    archive = Archive()
    yield archive
    archive.server.shutdown()


def sent_and_fetched(archive: Archive, folder: Path) -> tuple[Case, Path]:
    case = dicom_case(87, 101)  # 101 columns: rows of a binary segmentation begin within bytes
    made = export(case, measure(case), folder, (*KINDS, *OPTIONAL_KINDS)).folder
    assert round_trip(made, folder / "back", archive.port) == [0] * 5
    return case, folder / "back"


def test_a_bundle_comes_back_from_an_archive_whole(archive: Archive, tmp_path: Path) -> None:
    case, back = sent_and_fetched(archive, tmp_path)
    assert len(archive.kept) == 5
    checks, equal = judged(case, back)
    assert [check.passed for check in checks] == [True, True, True, None]
    assert equal == len(case.findings)


def _all(item: Dataset) -> list[Dataset]:
    return [item, *(deeper for child in item.get("ContentSequence") or () for deeper in _all(child))]


@pytest.mark.parametrize("name", ["segmentation.dcm", "report.dcm", "capture.dcm"])
def test_a_value_changed_on_the_way_is_told(name: str, archive: Archive, tmp_path: Path) -> None:
    case, back = sent_and_fetched(archive, tmp_path)
    dataset = dcmread(back / name)
    if "PixelData" in dataset:
        pixels = bytearray(dataset.PixelData)
        pixels[len(pixels) // 2] ^= 1
        dataset.PixelData = bytes(pixels)
    else:
        measured = next(item for item in _all(dataset) if "MeasuredValueSequence" in item)
        measured.MeasuredValueSequence[0].NumericValue = "1"
    dataset.save_as(back / name)
    checks, _ = judged(case, back)
    assert checks[0].passed is False
    assert f"{name} has changed" in checks[0].message


def test_how_a_data_set_is_filed_is_no_change(tmp_path: Path) -> None:
    case = dicom_case()
    folder = export(case, measure(case), tmp_path, ("sr",)).folder
    for name in ("report.dcm", "segmentation.dcm"):
        before = (folder / name).read_bytes()
        dataset = dcmread(folder / name)
        dataset.file_meta.ImplementationVersionName = "ARCHIVE"
        dataset.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
        for element in dataset:
            if element.VR == "SQ":
                element.is_undefined_length = True
        path = tmp_path / name
        dataset.save_as(path, implicit_vr=True, little_endian=True)
        assert path.read_bytes() != before
        assert content_sha256(path.read_bytes()) == content_sha256(before)


def test_a_number_that_ends_like_padding_is_a_number(tmp_path: Path) -> None:
    folder = export(dicom_case(), measure(dicom_case()), tmp_path, ("seg",)).folder
    dataset = dcmread(folder / "segmentation.dcm")
    hashes = set()
    for number in (0, 32, 8192):
        dataset.SegmentSequence[0].SegmentNumber = number
        dataset.save_as(tmp_path / "changed.dcm")
        hashes.add(content_sha256((tmp_path / "changed.dcm").read_bytes()))
    assert len(hashes) == 3


def test_a_bundle_of_the_first_rule_still_verifies(archive: Archive, tmp_path: Path) -> None:
    case, back = sent_and_fetched(archive, tmp_path)
    manifest = back / "results.json"
    values = json.loads(manifest.read_bytes())
    for file in values["files"]:
        if file["content_sha256"]:
            file["content_sha256"] = first_content_sha256((back / file["name"]).read_bytes())
    manifest.write_text(json.dumps(values))
    checks, _ = judged(case, back)
    assert checks[0].passed is True


NETWORK_OF_ITS_OWN = ["unshare", "-rn"]
CAN = shutil.which("Orthanc") is not None and (
    subprocess.run([*NETWORK_OF_ITS_OWN, "true"], capture_output=True, check=False).returncode == 0
    if shutil.which("unshare")
    else False
)


@pytest.mark.slow
@pytest.mark.skipif(not CAN, reason="Orthanc, or a network namespace to run it in, is not there")
def test_a_bundle_comes_back_from_orthanc_whole() -> None:
    command = [*NETWORK_OF_ITS_OWN, sys.executable, "-m", "benchmarks.pacs"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=240)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert (result["sent"], result["refused"], result["masks_equal"]) == (4, 0, 2)
    assert result["verify"] == {"whole": True, "film": True, "masks": True, "checkpoint": None}
