"""From prompts to findings, and findings into the case. Plain functions: the worker asks, the session merges."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from engine.case import Case, CaseState, Finding, Making, Structure
from engine.film.radiograph import Radiograph
from engine.geometry import Prompts
from engine.lungs import name_lungs
from engine.mask import Mask
from engine.measure import jittered
from engine.segmenter import Embedding, Segmenter

if TYPE_CHECKING:
    from engine.results.reopen import Reopened

_LUNGS = (Structure.RIGHT_LUNG, Structure.LEFT_LUNG)


def answered(
    segmenter: Segmenter,
    embedding: Embedding,
    radiograph: Radiograph,
    prompts: Prompts,
    structure: Structure | None,
    name: str,
) -> tuple[Finding, ...]:
    """Return what the model sees in the prompts; with no structure given, the lungs it finds are named by side."""
    segmentation = segmenter.segment(embedding, prompts)
    if structure is None:
        return name_lungs(segmentation, prompts, radiograph)
    if structure in _LUNGS:
        # The reader has said which lung it is: the same outline, under the reader's name.
        found = name_lungs(segmentation, prompts, radiograph)
        lung = next((finding for finding in found if finding.structure is structure), found[0] if found else None)
        return () if lung is None else (replace(lung, structure=structure),)
    mask = segmentation.mask.holes_filled()
    if mask.is_empty:
        return ()
    provenance, quality = segmentation.provenance, segmentation.quality
    return (Finding(structure, mask, Making.MODEL, name, prompts, quality=quality, provenance=provenance),)


def alternatives(
    segmenter: Segmenter, embedding: Embedding, radiograph: Radiograph, findings: tuple[Finding, ...]
) -> dict[str, list[Mask]]:
    """Return, for each finding as the model drew it, what it draws when the box is moved a little."""
    drawn = [f for f in findings if f.making is Making.MODEL and f.prompts is not None and f.prompts.box is not None]
    found: dict[str, list[Mask]] = {}
    for prompts in {finding.prompts for finding in drawn if finding.prompts is not None}:
        group = [finding for finding in drawn if finding.prompts == prompts]
        for moved in jittered(prompts, radiograph.rows, radiograph.columns):
            structure, name = (group[0].structure, group[0].name) if len(group) == 1 else (None, "")
            for answer in answered(segmenter, embedding, radiograph, moved, structure, name):
                same = next((finding for finding in group if same_structure(finding, answer)), None)
                if same is not None:
                    found.setdefault(same.tracking_uid, []).append(answer.mask)
    return found


def band_of(mask: Mask, others: Sequence[Mask]) -> Mask:
    """Return the pixels on which the mask and its alternatives disagree."""
    union, common = mask, mask
    for other in others:
        union, common = union.union(other), common.intersect(other)
    return union.minus(common)


def group_of(case: Case, finding: Finding) -> tuple[Finding, ...]:
    """Return the findings drawn by the same prompts: one box round both lungs moves both."""
    if finding.prompts is None:
        return (finding,)
    return tuple(other for other in case.findings if other.prompts == finding.prompts)


def same_structure(a: Finding, b: Finding) -> bool:
    """Return whether two findings are of the same structure, so that one takes the other's place."""
    return a.structure is b.structure and a.name == b.name


def brought_in(case: Case, found: "Reopened") -> Case:
    """Return the case with results read back, each in the place of the same structure; what they do not name stays."""
    from engine.results.reopen import each_once

    findings = found.findings
    for old in case.findings:
        if any(same_structure(old, finding) for finding in findings):
            case = case.without(old.tracking_uid)
    for finding in findings:
        case = case.with_finding(finding)
    case = replace(case, findings=each_once(case.findings))
    state = CaseState.BOXED if case.findings and case.state is CaseState.NEW else case.state
    return found.marks.on(replace(case, state=state))


def overtaken(case: Case, asked: tuple[Finding, ...]) -> bool:
    """Return whether a mask was changed by hand since the model was asked for a new one."""
    nows = [(case.finding(finding.tracking_uid), finding) for finding in asked]
    return any(now is not None and _by_hand(now, finding) for now, finding in nows)


def _by_hand(now: Finding, asked: Finding) -> bool:
    return now.mask is not asked.mask and now.making is not Making.MODEL


def merged(case: Case, asked: tuple[Finding, ...], answers: tuple[Finding, ...]) -> Case:
    """Return the case with answers in it. Those that were there keep their tracking UID; lost members of a group go.

    What was asked of a finding is for that one, whatever it is called by now, and for none once it is gone.
    """
    kept = set()
    for answer in answers:
        before = next((finding for finding in asked if same_structure(finding, answer)), None)
        if before is not None:
            old = case.finding(before.tracking_uid)
            if old is None:
                continue
        else:
            old = next((finding for finding in case.findings if same_structure(finding, answer)), None)
        if old is not None:
            answer = replace(answer, structure=old.structure, name=old.name, tracking_uid=old.tracking_uid)  # noqa: PLW2901
        kept.add(answer.tracking_uid)
        case = case.with_finding(answer)
    for finding in asked if kept else ():
        now = case.finding(finding.tracking_uid)
        if now is not None and finding.tracking_uid not in kept and not _by_hand(now, finding):
            case = case.without(finding.tracking_uid)
    if case.state is CaseState.NEW and case.findings:
        case = replace(case, state=CaseState.BOXED)
    return case
