"""Drawing a result again from its record: prompts, checkpoint and edits in, the same mask out."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.errors import DamagedFilmError, LungboxError, NotAFilmError
from engine.film.radiograph import Radiograph
from engine.geometry import Prompts
from engine.lungs import name_lungs, tidied
from engine.mask import Mask
from engine.results.reopen import prompts_of, read_document
from engine.results.runs import with_edits
from engine.results.sop import is_document
from engine.results.sr import REPLAY_PREFIX
from engine.segmenter import Embedding, Segmentation, Segmenter

# On another backend sums are taken in another order: the outline may move by a pixel here and there, and no more.
LEAST_DICE = 0.999


@dataclass(frozen=True, slots=True)
class Record:
    """What a results.json or an SR says of how its masks came about."""

    film_pixel_sha256: str  # empty in an SR, which names its film by UID
    film_file_sha256: str
    sop_instance_uid: str
    structures: tuple[dict[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Replayed:
    """One structure drawn again."""

    label: str
    identical: bool  # bit for bit
    dice: float | None  # None where the old mask is known by its hash alone
    same_backend: bool
    drawn_by: str  # "model", or "reader" where no model had a part
    backend: str
    mask: Mask

    @property
    def passed(self) -> bool:
        """Bit for bit on the same backend, Dice at least `LEAST_DICE` on another."""
        if self.identical:
            return True
        return not self.same_backend and self.dice is not None and self.dice >= LEAST_DICE


def read_record(path: Path) -> Record:
    """Return the record in a results.json or a Structured Report."""
    if is_document(path):
        values = read_document(path)
        try:
            film = values["film"]
            return Record(
                film["pixel_sha256"], film["file_sha256"], film["sop_instance_uid"], tuple(values["structures"])
            )
        except (KeyError, TypeError) as error:
            raise _damaged(path) from error
    from engine.results.read_seg import dataset_of, understood
    from engine.results.read_sr import film_uids_of_sr

    dataset = dataset_of(path)
    structures = []
    for text in _texts(dataset):
        if text.startswith(REPLAY_PREFIX):
            try:
                structures.append(json.loads(text[len(REPLAY_PREFIX) :]))
            except ValueError as error:
                raise _damaged(path) from error
    if not structures:
        raise NotAFilmError(
            f"{path.name} holds no record to replay.", advice="Choose a Lungbox results.json or report."
        )
    with understood(path.name):
        uids = film_uids_of_sr(dataset)
    return Record("", "", uids.pop() if len(uids) == 1 else "", tuple(structures))


def check_film(record: Record, film: Radiograph, name: str) -> None:
    """Refuse a film that the record was not made on."""
    same = (
        record.film_pixel_sha256 == film.source.pixel_sha256
        if record.film_pixel_sha256
        else record.sop_instance_uid == film.source.sop_instance_uid
    )
    if not same:
        raise LungboxError(f"{name} was made on another film than {film.source.path.name}.", advice="Name its film.")


def replay(record: Record, film: Radiograph, segmenter: Segmenter, old: dict[str, Mask]) -> list[Replayed]:
    """Return every structure drawn again; `old` holds the masks as they were, by tracking UID, where they are known."""
    embedding = segmenter.embed(film)
    provenance = segmenter.provenance
    replayed = []
    for row in record.structures:
        try:
            stated = row["provenance"]
            if stated is not None and stated["checkpoint_sha256"] != provenance.checkpoint_sha256:
                raise LungboxError(
                    f"{row['label']} was drawn by checkpoint {stated['checkpoint_sha256'][:16]}, this is "
                    f"{provenance.checkpoint_sha256[:16]}.",
                    advice="Name the checkpoint with --checkpoint.",
                )
            known = old.get(row["tracking_uid"])
            mask = _drawn_again(row, film, segmenter, embedding, known)
            identical = mask.sha256 == row["mask_sha256"]
            by_model = row["edits"]["base"] == "model"
            replayed.append(
                Replayed(
                    label=str(row["label"]),
                    identical=identical,
                    dice=1.0 if identical else None if known is None else mask.dice(known),
                    same_backend=not by_model or (stated is not None and stated["backend"] == provenance.backend),
                    drawn_by="model" if by_model else "reader",
                    backend=provenance.backend,
                    mask=mask,
                )
            )
        except (KeyError, TypeError, ValueError) as error:
            raise DamagedFilmError("The record to replay is damaged.", advice="Choose another copy.") from error
    return replayed


def _drawn_again(
    row: dict[str, Any], film: Radiograph, segmenter: Segmenter, embedding: Embedding, known: Mask | None
) -> Mask:
    """Return the mask that the record leads to: the one of the recorded hash, else the one nearest to the old mask."""
    edits = row["edits"]
    if edits["base"] == "empty":
        return with_edits(Mask.empty(film.rows, film.columns), edits)
    prompts = prompts_of(row["prompts"])
    if prompts is None:
        raise ValueError("a model's mask without prompts")
    masks = [with_edits(base, edits) for base in _bases(segmenter.segment(embedding, prompts), prompts, film)]
    for mask in masks:
        if mask.sha256 == row["mask_sha256"]:
            return mask
    return masks[0] if known is None else max(masks, key=known.dice)


def _bases(answer: Segmentation, prompts: Prompts, film: Radiograph) -> list[Mask]:
    """Return every mask the program makes of one answer: lungs by side, or a structure the reader named first."""
    named = [finding.mask for finding in name_lungs(answer, prompts, film)]
    return [*named, tidied(answer.mask), answer.mask.holes_filled(), answer.mask]


def _texts(item: Any) -> list[str]:
    found = []
    for child in item.get("ContentSequence") or ():
        text = child.get("TextValue")
        if text is not None:
            found.append(str(text))
        found += _texts(child)
    return found


def _damaged(path: Path) -> DamagedFilmError:
    return DamagedFilmError(f"{path.name} is damaged.", advice="Choose another copy.")
