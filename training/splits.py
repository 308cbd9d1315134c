"""Who is trained on and who is tested on: 80:10:10 by patient and duplicate group, the same on every machine."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace

from training.manifest import DataError, FilmRecord, Split

_SALT = "lungbox split 1"  # another salt is another split: never change it under a published result


def split_of(group: str) -> Split:
    """Return the split that a group's name falls into: a hash, so a film added later moves no other."""
    share = int.from_bytes(hashlib.sha256(f"{_SALT}:{group}".encode()).digest()[:8], "big") / 2**64
    if share < 0.8:
        return Split.TRAIN
    return Split.VAL if share < 0.9 else Split.TEST


def assign(records: Sequence[FilmRecord], group_of: Mapping[str, str]) -> list[FilmRecord]:
    """Return the records with a split each; given splits stay, and pull the rest of their group after them.

    A film without a mask pulls its group to train, where nothing else was given: pretraining sees it.
    """
    given: dict[str, Split] = {}
    for record in records:
        if record.split not in (Split.UNASSIGNED, Split.UNLABELLED):
            given.setdefault(group_of[record.key], record.split)
    for record in records:
        if record.split is Split.UNLABELLED:
            given.setdefault(group_of[record.key], Split.TRAIN)
    assigned = [
        replace(record, split=given.get(group, split_of(group)))
        if record.split is Split.UNASSIGNED and (group := group_of[record.key])
        else record
        for record in records
    ]
    refuse_leaks(assigned, group_of)
    return assigned


def leaks(records: Sequence[FilmRecord], group_of: Mapping[str, str]) -> list[tuple[FilmRecord, FilmRecord]]:
    """Return pairs of films of one group in different splits; unlabelled films count as trained on."""
    first: dict[tuple[str, Split], FilmRecord] = {}
    for record in records:
        split = Split.TRAIN if record.split is Split.UNLABELLED else record.split
        first.setdefault((group_of[record.key], split), record)
    splits: dict[str, list[FilmRecord]] = {}
    for (group, _), record in first.items():
        splits.setdefault(group, []).append(record)
    return [(members[0], other) for members in splits.values() for other in members[1:]]


def refuse_leaks(records: Sequence[FilmRecord], group_of: Mapping[str, str]) -> None:
    """Raise DataError where a patient or a film is in two splits."""
    found = leaks(records, group_of)
    if found:
        one, other = found[0]
        raise DataError(
            f"{len(found)} groups lie in two splits, among them {one.key} ({one.split.value}) "
            f"and {other.key} ({other.split.value}).",
            advice="Put films of one patient, and copies of one film, into the same split.",
        )
