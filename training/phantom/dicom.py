"""The film as a DX image for presentation (PS3.3 A.26), complete enough that validators find nothing to say."""

import uuid

import imagecodecs
import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import dcmwrite
from pydicom.sequence import Sequence
from pydicom.uid import UID, DigitalXRayImageStorageForPresentation, JPEGLSLossless

from training.phantom.film import Film

_NAMESPACE = uuid.UUID("5f2c3a52-6c1f-5d0e-9a4b-4c756e67626f")
BITS_STORED = 12


def uid(seed: int, role: str) -> UID:
    """Return the same UID for the same film and role, always (PS3.5 B.2: the 2.25 arc of a UUID)."""
    return UID(f"2.25.{uuid.uuid5(_NAMESPACE, f'{seed}/{role}').int}")


def dicom_bytes(film: Film, collimation_mm: tuple[float, float, float, float]) -> bytes:
    """Return the whole file. The same film gives the same bytes."""
    stored = np.round(film.grey * (2**BITS_STORED - 1)).astype(np.uint16)
    dataset = Dataset()
    _identity(dataset, film)
    _acquisition(dataset, film, collimation_mm)
    _pixels(dataset, film, stored)
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    meta.TransferSyntaxUID = JPEGLSLossless
    meta.ImplementationClassUID = uid(0, "implementation")
    meta.ImplementationVersionName = "LUNGBOX"
    dataset.file_meta = meta
    dataset.preamble = b"\0" * 128
    stream = DicomBytesIO()
    dcmwrite(stream, dataset, enforce_file_format=True)
    return bytes(stream.getvalue())


def _code(value: str, scheme: str, meaning: str) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item


def _identity(dataset: Dataset, film: Film) -> None:
    """Fill in Patient, Study, Series, Equipment and SOP Common: nobody, at no hospital."""
    seed = film.anatomy.seed
    dataset.SpecificCharacterSet = "ISO_IR 100"
    dataset.SOPClassUID = DigitalXRayImageStorageForPresentation
    dataset.SOPInstanceUID = uid(seed, "instance")
    dataset.StudyInstanceUID = uid(seed, "study")
    dataset.SeriesInstanceUID = uid(seed, "series")
    dataset.PatientName = "Demo^Simulated"
    dataset.PatientID = f"LUNGBOX-DEMO-{seed}"
    dataset.PatientBirthDate = ""
    dataset.PatientSex = "O"
    dataset.PatientComments = "Simulated radiograph: no person was exposed"
    dataset.StudyDate = dataset.SeriesDate = dataset.ContentDate = dataset.AcquisitionDate = "20260101"
    dataset.StudyTime = dataset.SeriesTime = dataset.ContentTime = dataset.AcquisitionTime = "120000"
    dataset.AccessionNumber = ""
    dataset.ReferringPhysicianName = ""
    dataset.StudyID = "1"
    dataset.StudyDescription = "Simulated chest radiograph"
    dataset.SeriesDescription = "Chest PA, simulated"
    dataset.SeriesNumber = dataset.InstanceNumber = dataset.AcquisitionNumber = 1
    dataset.Modality = "DX"
    dataset.PresentationIntentType = "FOR PRESENTATION"
    dataset.Manufacturer = "Lungbox"
    dataset.ManufacturerModelName = "Simulated thorax"
    dataset.DeviceSerialNumber = "0"
    dataset.SoftwareVersions = "1"
    dataset.InstitutionName = "Simulated, no hospital"


def _acquisition(dataset: Dataset, film: Film, collimation_mm: tuple[float, float, float, float]) -> None:
    """Fill in DX Anatomy Imaged, Positioning, Detector, Acquisition and Collimator."""
    beam = film.beam
    dataset.BodyPartExamined = "CHEST"
    dataset.AnatomicRegionSequence = Sequence([_code("816094009", "SCT", "Chest")])
    dataset.ImageLaterality = "U"  # unpaired
    dataset.ViewPosition = "PA"
    view = _code("272479007", "SCT", "postero-anterior")
    view.ViewModifierCodeSequence = Sequence([])
    dataset.ViewCodeSequence = Sequence([view])
    dataset.PatientOrientation = ["L", "F"]
    dataset.PositionerType = "NONE"
    dataset.KVP = 120
    dataset.Exposure = 2
    dataset.Grid = "FOCUSED"
    dataset.DistanceSourceToDetector = f"{beam.source_detector_mm:g}"
    dataset.DistanceSourceToPatient = f"{-beam.source_z_mm:g}"
    dataset.EstimatedRadiographicMagnificationFactor = f"{beam.magnification(0.0):.6f}"
    dataset.DetectorType = "SCINTILLATOR"
    dataset.DetectorConfiguration = "AREA"
    dataset.DetectorDescription = "Simulated flat panel"
    dataset.FieldOfViewShape = "RECTANGLE"
    dataset.FieldOfViewDimensions = [
        round(beam.rows * beam.spacing_mm), round(beam.columns * beam.spacing_mm)
    ]  # fmt: skip
    dataset.FieldOfViewOrigin = [0, 0]
    dataset.FieldOfViewRotation = "0"
    dataset.FieldOfViewHorizontalFlip = "NO"
    dataset.ImagerPixelSpacing = [f"{beam.spacing_mm:g}"] * 2
    # Equal to Imager Pixel Spacing: distances at the detector, not corrected for magnification (PS3.3 10.7.1.1).
    dataset.PixelSpacing = [f"{beam.spacing_mm:g}"] * 2
    left, top, right, bottom = (round(edge / beam.spacing_mm) for edge in collimation_mm)
    dataset.CollimatorShape = "RECTANGULAR"
    dataset.CollimatorLeftVerticalEdge = left
    dataset.CollimatorRightVerticalEdge = beam.columns - right
    dataset.CollimatorUpperHorizontalEdge = top
    dataset.CollimatorLowerHorizontalEdge = beam.rows - bottom
    dataset.AcquisitionContextSequence = Sequence([])


def _pixels(dataset: Dataset, film: Film, stored: np.ndarray[tuple[int, ...], np.dtype[np.uint16]]) -> None:
    """Fill in DX Image, Image Pixel and VOI LUT; the frame losslessly compressed."""
    dataset.ImageType = ["DERIVED", "PRIMARY", ""]
    dataset.DerivationDescription = "Computed from an analytic model of the chest"
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.Rows, dataset.Columns = film.beam.rows, film.beam.columns
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, BITS_STORED, BITS_STORED - 1
    dataset.PixelRepresentation = 0
    dataset.PixelIntensityRelationship = "LOG"
    dataset.PixelIntensityRelationshipSign = -1  # more X-rays, lower values
    dataset.RescaleIntercept, dataset.RescaleSlope, dataset.RescaleType = 0, 1, "US"
    dataset.PresentationLUTShape = "IDENTITY"
    dataset.WindowCenter, dataset.WindowWidth = 2**BITS_STORED // 2, 2**BITS_STORED
    dataset.WindowCenterWidthExplanation = "Whole range"
    dataset.LossyImageCompression = "00"
    dataset.BurnedInAnnotation = "NO"
    dataset.PixelData = encapsulate([bytes(imagecodecs.jpegls_encode(stored, level=0))])
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = True
