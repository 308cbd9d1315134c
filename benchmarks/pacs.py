"""Does a bundle survive an archive? Sends one to Orthanc by C-STORE, fetches it back by C-GET, and verifies it.

    unshare -rn .venv/bin/python -m benchmarks.pacs        # Orthanc listens everywhere: give it a network of its own

Prints one JSON line; exits 1 when an object is refused, lost or changed, 2 where Orthanc is not installed.
"""

import contextlib
import json
import logging
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian
from pynetdicom import AE, build_role, evt
from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelGet, Verification

import resources
from engine.case import Case, Finding, Making, Structure
from engine.film.reading import read_radiograph
from engine.mask import Mask
from engine.measure import measure
from engine.results.bundle import KINDS, MANIFEST, export
from engine.results.check import Check, check_bundle
from engine.results.reopen import read_document, reopen

_CALLER, _ARCHIVE = "LUNGBOX", "ARCHIVE"
_TIMEOUT_S = 30
_HERE = ("127.0.0.1", 0)  # pynetdicom would bind to every address of the machine
_SUCCESS, _PENDING = 0x0000, (0xFF00, 0xFF01)


def store(paths: Sequence[Path], port: int) -> list[int]:
    """Send files as they are by C-STORE; return the status of each."""
    ae = _entity()
    for sop_class in {str(dcmread(path, stop_before_pixels=True).SOPClassUID) for path in paths}:
        ae.add_requested_context(sop_class, ExplicitVRLittleEndian)
    association = ae.associate("127.0.0.1", port, ae_title=_ARCHIVE, bind_address=_HERE)
    if not association.is_established:
        raise ConnectionError("the archive does not answer")
    try:
        return [int(association.send_c_store(path).get("Status", -1)) for path in paths]
    finally:
        association.release()


def fetch(study_uid: str, sop_classes: Sequence[str], port: int) -> list[Dataset]:
    """Return every object of a study, by C-GET."""
    found: list[Dataset] = []

    def stored(event: Any) -> int:
        dataset = event.dataset
        dataset.file_meta = event.file_meta
        found.append(dataset)
        return _SUCCESS

    ae = _entity()
    ae.add_requested_context(StudyRootQueryRetrieveInformationModelGet)
    for sop_class in sop_classes:
        ae.add_requested_context(sop_class, ExplicitVRLittleEndian)
    roles = [build_role(sop_class, scp_role=True) for sop_class in sop_classes]
    handlers = [(evt.EVT_C_STORE, stored)]
    association = ae.associate(
        "127.0.0.1", port, ae_title=_ARCHIVE, bind_address=_HERE, ext_neg=roles, evt_handlers=handlers
    )
    if not association.is_established:
        raise ConnectionError("the archive does not answer")
    query = Dataset()
    query.QueryRetrieveLevel, query.StudyInstanceUID = "STUDY", study_uid
    try:
        for status, _ in association.send_c_get(query, StudyRootQueryRetrieveInformationModelGet):
            if status.get("Status") not in (_SUCCESS, *_PENDING):
                raise ConnectionError(f"the archive answered {status.get('Status')}")
    finally:
        association.release()
    return found


def round_trip(folder: Path, back: Path, port: int) -> list[int]:
    """Send a bundle's objects, and put what comes back, with the files no archive takes, into another folder."""
    record = read_document(folder / MANIFEST)
    names = {file["sop_instance_uid"]: file["name"] for file in record["files"] if file["sop_instance_uid"]}
    paths = [folder / name for name in names.values()]
    classes = sorted({str(dcmread(path, stop_before_pixels=True).SOPClassUID) for path in paths})
    statuses = store(paths, port)
    back.mkdir()
    for path in folder.iterdir():
        if path not in paths:
            shutil.copyfile(path, back / path.name)
    for dataset in fetch(record["film"]["study_instance_uid"], classes, port):
        dataset.save_as(back / names[str(dataset.SOPInstanceUID)], enforce_file_format=True)
    return statuses


def demo_bundle(folder: Path, kinds: Sequence[str] = KINDS) -> tuple[Case, Path]:
    """Return a case on the demo film, and its bundle."""
    film = read_radiograph(resources.path("demo") / "demo.dcm")
    sides = ((Structure.RIGHT_LUNG, "right_lung"), (Structure.LEFT_LUNG, "left_lung"))
    findings = []
    for side, name in sides:
        mask = Mask.of(read_radiograph(resources.path("demo") / f"{name}.png").stored > 0)
        findings.append(Finding(side, mask, Making.DRAWN))
    case = Case(film, tuple(findings))
    return case, export(case, measure(case), folder, kinds).folder


def judged(case: Case, back: Path) -> tuple[tuple[Check, ...], int]:
    """Return what `lungbox verify` says of what came back, and how many masks are the same to the pixel."""
    checks = check_bundle(back, case.radiograph, None)
    segments = reopen(back / "segmentation.dcm", case.radiograph).findings
    equal = [
        np.array_equal(one.mask.pixels(), two.mask.pixels()) for one, two in zip(segments, case.findings, strict=True)
    ]
    return checks, sum(equal)


@contextlib.contextmanager
def orthanc(port: int) -> Iterator[None]:
    """Run Orthanc on an empty archive until the block ends."""
    with tempfile.TemporaryDirectory() as place:
        configuration = {
            "Name": "T", "StorageDirectory": place, "IndexDirectory": place, "HttpServerEnabled": False,
            "DicomAet": _ARCHIVE, "DicomPort": port, "UnknownSopClassAccepted": True, "DicomAlwaysAllowGet": True,
            "DicomAlwaysAllowStore": True, "Plugins": [],
        }  # fmt: skip
        (Path(place) / "orthanc.json").write_text(json.dumps(configuration), encoding="utf-8")
        process = subprocess.Popen(
            ["Orthanc", f"{place}/orthanc.json"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            _wait_for(port)
            yield
        finally:
            process.terminate()
            process.wait()


def _wait_for(port: int) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        ae = _entity()
        ae.add_requested_context(Verification)
        association = ae.associate("127.0.0.1", port, ae_title=_ARCHIVE, bind_address=_HERE)
        if association.is_established:
            association.send_c_echo()
            association.release()
            return
        time.sleep(0.3)
    raise ConnectionError("Orthanc did not start")


def _entity() -> Any:
    ae = AE(ae_title=_CALLER)
    ae.acse_timeout = ae.dimse_timeout = ae.network_timeout = _TIMEOUT_S
    return ae


def main() -> int:
    """Make the round trip."""
    if shutil.which("Orthanc") is None:
        print("not installed: Orthanc (Debian: orthanc)", file=sys.stderr)
        return 2
    logging.getLogger("pynetdicom").setLevel(logging.CRITICAL)  # it knocks until Orthanc opens
    subprocess.run(["ip", "link", "set", "lo", "up"], check=False, stderr=subprocess.DEVNULL)
    with tempfile.TemporaryDirectory() as place, orthanc(port := 14242):
        # No label map: Orthanc 1.10 stores one, but its C-GET knows no class newer than itself.
        case, folder = demo_bundle(Path(place))
        statuses = round_trip(folder, back := Path(place) / "back", port)
        checks, equal = judged(case, back)
    result = {
        "archive": "Orthanc",
        "sent": len(statuses),
        "refused": sum(status != _SUCCESS for status in statuses),
        "verify": {check.question: check.passed for check in checks},
        "said": checks[0].message,
        "masks_equal": equal,
    }
    print(json.dumps(result))
    good = not result["refused"] and equal == len(case.findings) and all(c.passed is not False for c in checks)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
