"""Do other people's validators find fault with what we write? Prints the new errors of every object; wants none.

    python -m benchmarks.validity [FILM ...]

For each film (by default the demo film, films with the least legal header, and every chest in ../shared/data/dicom) a
bundle of every kind is exported as `lungbox segment` does, and once more de-identified. dciodvfy and dcentvfy
(dicom3tools) and dcmdump (dcmtk) read every object; an error counts unless the film itself already has it. One JSON
line at the end; exits 1 when there is any.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

import resources
from engine.case import Case, Finding, Line, Making, Structure
from engine.commands.segment import segmented
from engine.errors import PromptError
from engine.film.radiograph import Radiograph
from engine.film.reading import read_radiograph
from engine.likeness import ChestLikeness
from engine.mask import Mask
from engine.measure import measure, propose_callipers
from engine.results.bundle import KINDS, OPTIONAL_KINDS, export
from engine.results.deidentify import Deidentification
from engine.results.dicom import only_our_warnings
from engine.segmenter import Segmenter, load_segmenter

TOOLS = ("dciodvfy", "dcentvfy", "dcmdump")
SHARED_FILMS = Path(__file__).resolve().parents[1] / ".." / "shared" / "data" / "dicom"
# The other sample films are a hip, a tibia, and one whose codestream is broken.
CHESTS = (
    "canon_dx_966_fixed_j2k_lossless_mono1",
    "highdicom_dx_thorax_169x211_mono1",
    "nih_dx_implicit_mono2_1024",
    "rsna_cr_ap_jpegbaseline_mono2_1024",
    "wg04_rg1_cr_thorax_j2k_lossy_mono1",
    "wg04_rg1_cr_thorax_jpegls_nearlossless_mono1",
)
# Label maps came into the standard in 2024: dicom3tools of 2022 do not know them, and hold their background segment,
# number 0, against the rule for other segmentations (PS3.3 C.8.20.4 begins the others at 1).
_LABEL_MAP = "1.2.840.10008.5.1.4.1.1.66.7"
_NEWER_THAN_THE_TOOLS = {
    "Error - Information Object Not found",
    "Error - SegmentNumber not monotonically increasing from one by one"
    " - have SegmentSequence item number 1 (from one) with SegmentNumber of 0",
}

CR, DX, SECONDARY_CAPTURE = (
    "1.2.840.10008.5.1.4.1.1.1",
    "1.2.840.10008.5.1.4.1.1.1.1",
    "1.2.840.10008.5.1.4.1.1.7",
)


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that a validator says of an object and not of its film."""

    tool: str
    name: str
    text: str


def missing_tools() -> list[str]:
    """Return the validators that are not installed."""
    return [tool for tool in TOOLS if shutil.which(tool) is None]


def errors(path: Path) -> set[str]:
    """Return the errors that dciodvfy reports."""
    done = subprocess.run(["dciodvfy", str(path)], capture_output=True, text=True, check=False, errors="replace")
    return {line for line in (done.stdout + done.stderr).splitlines() if line.startswith("Error")}


def new_faults(film: Path, objects: Sequence[Path]) -> list[Fault]:
    """Return what the validators hold against objects and not against their film."""
    known = errors(film)
    faults = []
    with tempfile.TemporaryDirectory() as folder:
        # dcentvfy gives up on a film that is itself damaged at its end; the header is what it compares.
        header = Path(folder) / "header.dcm"
        with only_our_warnings():
            pydicom.dcmread(film).save_as(header)
        for path in objects:
            with only_our_warnings():
                sop_class = pydicom.dcmread(path, stop_before_pixels=True).SOPClassUID
            excused = known | (_NEWER_THAN_THE_TOOLS if sop_class == _LABEL_MAP else set())
            faults += [Fault("dciodvfy", path.name, text) for text in sorted(errors(path) - excused)]
            if path.name != "film.dcm":  # a de-identified film is of another patient than the one it was made from
                said = _said(["dcentvfy", str(header), str(path)])
                faults += [Fault("dcentvfy", path.name, line) for line in said if "Error" in line]
            faults += [
                Fault("dcmdump", path.name, line) for line in _said(["dcmdump", "-q", str(path)], errors_only=True)
            ]
    return faults


def _said(command: list[str], *, errors_only: bool = False) -> list[str]:
    done = subprocess.run(command, capture_output=True, text=True, check=False, errors="replace")
    lines = (done.stderr if errors_only else done.stdout + done.stderr).splitlines()
    return lines if done.returncode == 0 or lines or not errors_only else [f"ended with {done.returncode}"]


def least_film(sop_class: str, pixels: np.ndarray) -> Dataset:
    """Return a film whose header holds what PS3.3 demands and nothing else: type 2 is empty, type 3 absent."""
    film = Dataset()
    film.SOPClassUID, film.SOPInstanceUID = sop_class, "1.2.826.0.1.3680043.10.1466.7.1"
    film.StudyInstanceUID, film.SeriesInstanceUID = "1.2.826.0.1.3680043.10.1466.7.2", "1.2.826.0.1.3680043.10.1466.7.3"
    for keyword in (
        "PatientName", "PatientID", "PatientBirthDate", "PatientSex",
        "StudyDate", "StudyTime", "ReferringPhysicianName", "StudyID", "AccessionNumber",
        "SeriesNumber", "Manufacturer", "InstanceNumber", "PatientOrientation",
    ):  # fmt: skip
        setattr(film, keyword, None)
    film.SamplesPerPixel, film.PhotometricInterpretation = 1, "MONOCHROME2"
    film.Rows, film.Columns = pixels.shape
    film.BitsAllocated, film.BitsStored, film.HighBit, film.PixelRepresentation = 16, 12, 11, 0
    film.add_new("PixelData", "OW", pixels.astype("<u2").tobytes())
    if sop_class == SECONDARY_CAPTURE:
        film.Modality, film.ConversionType, film.Laterality = "OT", "DF", None
    elif sop_class == CR:
        film.Modality, film.BodyPartExamined, film.ViewPosition, film.Laterality = "CR", None, None, None
    else:
        _add_digital(film)
    return film


def _add_digital(film: Dataset) -> None:
    """Add what the DX modules demand (PS3.3 A.26)."""
    film.Modality, film.PresentationIntentType = "DX", "FOR PRESENTATION"
    film.PatientOrientation = ["L", "F"]
    film.ImageType = ["ORIGINAL", "PRIMARY", ""]
    film.PixelIntensityRelationship, film.PixelIntensityRelationshipSign = "LOG", -1
    film.RescaleIntercept, film.RescaleSlope, film.RescaleType = "0", "1", "US"
    film.PresentationLUTShape = "IDENTITY"
    film.LossyImageCompression, film.BurnedInAnnotation = "00", "NO"
    film.WindowCenter, film.WindowWidth = "2048", "4096"
    film.ImageLaterality, film.DetectorType = "U", None
    film.ImagerPixelSpacing = ["0.2", "0.2"]
    film.AcquisitionContextSequence = []
    region = Dataset()
    region.CodeValue, region.CodingSchemeDesignator, region.CodeMeaning = "51185008", "SCT", "Chest"
    film.AnatomicRegionSequence = [region]


def write(film: Dataset, path: Path) -> Path:
    """Write a data set as a file."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = film.SOPClassUID, film.SOPInstanceUID
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    film.file_meta = meta
    film.save_as(path, enforce_file_format=True)
    return path


def case_on(film: Radiograph, segmenter: Segmenter) -> Case:
    """Return the film with the model's lungs, or two drawn ellipses, and with everything that objects can carry."""
    try:
        _, case = segmented(film, [], segmenter)
    except PromptError:
        y, x = np.mgrid[: film.rows, : film.columns]
        y, x = y / film.rows - 0.5, x / film.columns
        sides = ((Structure.RIGHT_LUNG, 0.28), (Structure.LEFT_LUNG, 0.72))
        masks = [(side, Mask.of(((x - at) / 0.17) ** 2 + (y / 0.35) ** 2 < 1)) for side, at in sides]
        case = Case(film, tuple(Finding(side, mask, Making.DRAWN) for side, mask in masks))
    return replace(
        case,
        callipers=propose_callipers(case),
        distances=(Line(film.columns * 0.2, film.rows * 0.3, film.columns * 0.7, film.rows * 0.4),),
        likeness=ChestLikeness(lungs=0, quality=0.0, undecided=2.0),  # doubted: the warning is in every object
    )


def main() -> int:
    """Export and validate."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("films", type=Path, nargs="*")
    arguments = parser.parse_args()
    if missing_tools():
        print(f"not installed: {', '.join(missing_tools())} (Debian: dicom3tools, dcmtk)", file=sys.stderr)
        return 2
    segmenter = load_segmenter(device="cpu")
    checked, count = 0, 0
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        films = arguments.films or [*_default_films(folder)]
        for path in films:
            case = case_on(read_radiograph(path), segmenter)
            kinds = [*KINDS, *OPTIONAL_KINDS]
            vouched = Deidentification(burned_in_text_absent=True)
            for private in (None, vouched):
                made = export(case, measure(case), folder, kinds, reader="" if private else "R", deidentify=private)
                objects = sorted(made.folder.glob("*.dcm"))
                faults = new_faults(path, objects)
                checked, count = checked + len(objects), count + len(faults)
                name = f"{path.name}{', de-identified' if private else ''}"
                print(f"{name}: {len(objects)} objects, {len(faults)} new errors (the film has {len(errors(path))})")
                for fault in faults:
                    print(f"    {fault.name}: {fault.tool}: {fault.text}")
    print(json.dumps({"films": len(films), "outputs_validated": checked, "new_errors": count}))
    return 1 if count else 0


def _default_films(folder: Path) -> list[Path]:
    demo = resources.path("demo") / "demo.dcm"
    pixels = read_radiograph(demo).stored
    least = [
        write(least_film(sop_class, pixels), folder / f"least-{name}.dcm")
        for name, sop_class in (("CR", CR), ("DX", DX), ("SC", SECONDARY_CAPTURE))
    ]
    shared = [SHARED_FILMS / f"{name}.dcm" for name in CHESTS] if SHARED_FILMS.is_dir() else []
    return [demo, *least, *shared]


if __name__ == "__main__":
    sys.exit(main())
