"""Case: one film and everything marked on it, and by whom. A change makes a new case; undo keeps the old one."""

import uuid
from dataclasses import dataclass, field, replace
from enum import Enum

from engine.errors import LungboxError
from engine.film.radiograph import Radiograph
from engine.geometry import Prompts
from engine.likeness import ChestLikeness
from engine.mask import Mask


class Structure(Enum):
    """The structures with a meaning of their own; any other is named by the reader."""

    RIGHT_LUNG = "right_lung"
    LEFT_LUNG = "left_lung"
    BOTH_LUNGS = "both_lungs"
    OTHER = "other"


class Making(Enum):
    """How the mask on show came about."""

    MODEL = "model"  # as the model drew it
    EDITED = "edited"  # the model's, corrected by the reader
    DRAWN = "drawn"  # by the reader alone
    IMPORTED = "imported"  # from a file


@dataclass(frozen=True, slots=True)
class Provenance:
    """What drew a mask: enough to draw it again (replay)."""

    checkpoint_name: str
    checkpoint_sha256: str
    backend: str  # e.g. "OpenVINO 2026.4.1 CPU int8+bf16"
    lungbox_version: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One structure on the film."""

    structure: Structure
    mask: Mask
    making: Making
    name: str = ""  # the reader's name, for OTHER
    prompts: Prompts | None = None
    quality: float | None = None  # the model's own estimate of its IoU, 0 to 1; None once a reader has edited
    provenance: Provenance | None = None
    # One UID per structure and study, kept across edits and runs, shared by SEG, SR and GSPS (priors need it).
    tracking_uid: str = field(default_factory=lambda: f"2.25.{uuid.uuid4().int}")
    # The mask as the model drew it, kept from the first edit on: results carry an edit as pixels added and removed.
    model_mask: Mask | None = None

    def edited(self, mask: Mask) -> "Finding":
        """Return the finding with its mask corrected by the reader; the model's own estimate no longer applies."""
        drawn = self.model_mask if self.model_mask is not None or self.making is not Making.MODEL else self.mask
        making = Making.EDITED if self.making in (Making.MODEL, Making.EDITED) else self.making
        return replace(self, mask=mask, making=making, quality=None, model_mask=drawn)

    @property
    def label(self) -> str:
        """The structure's English name, as written into results."""
        return self.name or self.structure.value.replace("_", " ").capitalize()


class CaseState(Enum):
    """Where the reader is with a film."""

    NEW = "new"
    BOXED = "boxed"
    ACCEPTED = "accepted"
    FLAGGED = "flagged"


@dataclass(frozen=True, slots=True)
class Line:
    """A straight line in image pixels."""

    x0: float
    y0: float
    x1: float
    y1: float


@dataclass(frozen=True, slots=True)
class HeartCallipers:
    """The reader's midline and the farthest points of the heart to its right and left (patient's sides)."""

    midline: Line
    right: tuple[float, float]
    left: tuple[float, float]


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """One film, its findings in drawing order, and the reader's callipers."""

    radiograph: Radiograph
    findings: tuple[Finding, ...] = ()
    callipers: HeartCallipers | None = None
    distances: tuple[Line, ...] = ()
    known_length_mm: tuple[Line, float] | None = None  # user calibration: this line is that long
    magnification_applied: bool = False  # divide detector spacing by the film's magnification
    state: CaseState = CaseState.NEW
    likeness: ChestLikeness | None = None  # the model's verdict on the film; None until it has been asked

    def __post_init__(self) -> None:
        shape = (self.radiograph.rows, self.radiograph.columns)
        for finding in self.findings:
            if (finding.mask.rows, finding.mask.columns) != shape:
                raise LungboxError(
                    f"A mask of {finding.mask.columns} x {finding.mask.rows} pixels does not fit "
                    f"a film of {shape[1]} x {shape[0]}.",
                    advice="Open it with the film it was drawn on.",
                )

    @property
    def doubtful(self) -> bool:
        """Return whether the film looks like no frontal chest film: then nothing on it can be trusted."""
        return self.likeness is not None and self.likeness.doubtful

    def marked_as(self, other: "Case") -> bool:
        """Return whether another case holds the same marks; what the model thinks of the film is none of them."""
        names = [name for name in self.__dataclass_fields__ if name not in ("radiograph", "likeness")]
        return self.radiograph is other.radiograph and all(getattr(self, n) == getattr(other, n) for n in names)

    def finding(self, tracking_uid: str) -> Finding | None:
        """Return the finding with this tracking UID."""
        return next((finding for finding in self.findings if finding.tracking_uid == tracking_uid), None)

    def of(self, structure: Structure) -> Finding | None:
        """Return the finding of one of the named structures."""
        return next((finding for finding in self.findings if finding.structure is structure), None)

    def with_finding(self, finding: Finding) -> "Case":
        """Return the case with a finding added, or replaced where its tracking UID is already there."""
        if self.finding(finding.tracking_uid) is None:
            return replace(self, findings=(*self.findings, finding))
        kept = tuple(finding if old.tracking_uid == finding.tracking_uid else old for old in self.findings)
        return replace(self, findings=kept)

    def without(self, tracking_uid: str) -> "Case":
        """Return the case less one finding."""
        return replace(self, findings=tuple(old for old in self.findings if old.tracking_uid != tracking_uid))
