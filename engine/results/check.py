"""Is a bundle whole, of this film, and of this checkpoint? Re-reads every byte of it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.errors import DamagedFilmError, LungboxError
from engine.files import read_file, sha256
from engine.film.radiograph import Radiograph
from engine.results.bundle import MANIFEST
from engine.results.context import DICOM_KINDS
from engine.results.reopen import read_document, reopen

_MOST_BYTES = 1 << 30


@dataclass(frozen=True, slots=True)
class Check:
    """One question and its answer; None where it could not be asked."""

    question: str  # "whole", "film", "masks", "checkpoint"
    passed: bool | None
    message: str


def check_bundle(folder: Path, film: Radiograph | None, checkpoint_sha256: str | None) -> tuple[Check, ...]:
    """Return the answers; a bundle is good when none of them is False."""
    values = read_document(folder / MANIFEST)
    try:
        return (
            _whole(folder, values),
            _of_film(folder, values, film),
            _masks(folder, values, film),
            _of_checkpoint(values, checkpoint_sha256),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise DamagedFilmError(f"{MANIFEST} is damaged.", advice="Export the results again.") from error


def _whole(folder: Path, values: dict[str, Any]) -> Check:
    problems = []
    filed_anew = 0
    for file in values["files"]:
        name = Path(str(file["name"])).name
        try:
            data = read_file(folder / name, _MOST_BYTES)
        except LungboxError:
            problems.append(f"{name} is missing")
            continue
        dicom = file["kind"] in (*DICOM_KINDS, "film")
        if len(data) != int(file["size"]) or sha256(data) != file["sha256"]:
            if not (dicom and _holds_the_same(data, file)):
                problems.append(f"{name} has changed")
                continue
            filed_anew += 1
        if dicom:
            problems += _object_problems(data, name, file, values["film"])
    if problems:
        return Check("whole", False, "; ".join(problems))
    message = f"{len(values['files'])} files as they were written"
    if filed_anew:
        message += f", {filed_anew} of them filed anew by an archive, which changed no value"
    return Check("whole", True, message)


def _holds_the_same(data: bytes, file: dict[str, Any]) -> bool:
    """Return whether a DICOM file holds what was written, though an archive has written the file itself anew."""
    from engine.film.header import PYDICOM_FAULTS, quiet_pydicom
    from engine.results.content import content_sha256, first_content_sha256

    try:
        with quiet_pydicom():
            return file.get("content_sha256") in (content_sha256(data), first_content_sha256(data))
    except PYDICOM_FAULTS:
        return False


def _object_problems(data: bytes, name: str, file: dict[str, Any], film: dict[str, Any]) -> list[str]:
    import io

    from pydicom import dcmread

    from engine.film.header import PYDICOM_FAULTS, quiet_pydicom

    try:
        with quiet_pydicom():
            dataset = dcmread(io.BytesIO(data), stop_before_pixels=True)
    except PYDICOM_FAULTS:
        return [f"{name} is not DICOM"]
    if str(dataset.get("SOPInstanceUID", "")) != file["sop_instance_uid"]:
        return [f"{name} is another object"]
    if str(dataset.get("StudyInstanceUID", "")) != film["study_instance_uid"]:
        return [f"{name} is of another study"]
    return []


def _of_film(folder: Path, values: dict[str, Any], film: Radiograph | None) -> Check:
    if film is None:
        return Check("film", None, "not asked: name the film")
    stated = values["film"]
    if stated["pixel_sha256"] != film.source.pixel_sha256:
        return Check("film", False, f"{folder.name} was made on other pixels than {film.source.path.name}")
    if stated["sop_instance_uid"] != film.source.sop_instance_uid:
        return Check("film", False, "the same pixels, under another SOP Instance UID")
    return Check("film", True, f"made on {film.source.path.name}")


def _masks(folder: Path, values: dict[str, Any], film: Radiograph | None) -> Check:
    if film is None or values["film"]["pixel_sha256"] != film.source.pixel_sha256:
        return Check("masks", None, "not asked: name the film")
    reopened = reopen(folder, film)
    if reopened.remarks:
        return Check("masks", False, "; ".join(reopened.remarks))
    return Check("masks", True, f"{len(reopened.findings)} masks read back, pixel for pixel")


def _of_checkpoint(values: dict[str, Any], checkpoint_sha256: str | None) -> Check:
    used = sorted({row["provenance"]["checkpoint_sha256"] for row in values["structures"] if row["provenance"]})
    if not used:
        return Check("checkpoint", None, "no model drew these outlines")
    if checkpoint_sha256 is None:
        return Check("checkpoint", None, f"not asked; drawn by {', '.join(sha[:16] for sha in used)}")
    if used != [checkpoint_sha256]:
        return Check(
            "checkpoint", False, f"drawn by {', '.join(sha[:16] for sha in used)}, not {checkpoint_sha256[:16]}"
        )
    return Check("checkpoint", True, f"drawn by {checkpoint_sha256[:16]}")
