"""Splits: the same everywhere, by patient and duplicate group, and refused where they leak."""

from pathlib import Path

import pytest

from training.duplicates import Pair, groups
from training.manifest import Convention, DataError, FilmRecord, Label, Split
from training.splits import assign, leaks, refuse_leaks, split_of


def film(name: str, patient: str = "", source: str = "s", split: Split = Split.UNASSIGNED) -> FilmRecord:
    return FilmRecord(
        name, patient or name, source, Path(f"{name}.png"), (), Label.LUNGS, Convention.HEART_EXCLUDED, split, ""
    )


def alone(records: list[FilmRecord]) -> dict[str, str]:
    return groups(records, [])


def test_shares_are_80_10_10() -> None:
    counts = dict.fromkeys((Split.TRAIN, Split.VAL, Split.TEST), 0)
    for i in range(5000):
        counts[split_of(f"group {i}")] += 1
    assert abs(counts[Split.TRAIN] - 4000) < 100
    assert abs(counts[Split.VAL] - 500) < 75
    assert abs(counts[Split.TEST] - 500) < 75


def test_a_film_falls_where_it_always_fell() -> None:
    """Pinned: these names decide who was trained on, so they may never move."""
    assert [split_of(name) for name in ("s/a", "s/d", "s/p")] == [Split.TRAIN, Split.VAL, Split.TEST]


def test_order_and_newcomers_move_nobody() -> None:
    films = [film(f"f{i}", patient=f"p{i // 3}") for i in range(90)]
    before = {record.key: record.split for record in assign(films, alone(films))}
    more = [film("new"), *films[::-1]]
    after = {record.key: record.split for record in assign(more, alone(more))}
    assert all(after[key] is split for key, split in before.items())
    assert len(set(before.values())) == 3


def test_films_of_a_patient_and_copies_stay_together() -> None:
    films = [film(f"f{i}", patient=f"p{i % 40}") for i in range(80)]
    copies = [Pair(0, 41, 3, 0.95, "as it is"), Pair(41, 2, 4, 0.9, "as it is")]  # chains 0, 1 and 2's patients
    group_of = groups(films, copies)
    assert len({group_of[films[i].key] for i in (0, 1, 2, 40, 41, 42)}) == 1
    assert group_of[films[3].key] != group_of[films[0].key]
    assigned = assign(films, group_of)
    assert len({assigned[i].split for i in (0, 1, 2, 40, 41, 42)}) == 1


def test_strangers_that_look_alike_are_not_one_group() -> None:
    films = [film("a"), film("b")]
    assert len(set(groups(films, [Pair(0, 1, 38, 0.43, "as it is")]).values())) == 2


def test_a_patient_of_another_source_is_another_patient() -> None:
    films = [film("a", "1", "one"), film("b", "1", "two")]
    assert len(set(alone(films).values())) == 2


def test_given_splits_stay_and_pull_their_group() -> None:
    films = [film("a", "p", split=Split.TEST), film("b", "p"), film("c", split=Split.EXTERNAL)]
    assert [record.split for record in assign(films, alone(films))] == [Split.TEST, Split.TEST, Split.EXTERNAL]


def test_a_patient_in_two_splits_is_refused() -> None:
    films = [film("a", "p", split=Split.TRAIN), film("b", "p", split=Split.TEST)]
    with pytest.raises(DataError, match=r"1 groups lie in two splits, among them s/a \(train\) and s/b \(test\)"):
        refuse_leaks(films, alone(films))
    with pytest.raises(DataError, match="two splits"):
        assign(films, alone(films))


def test_a_copy_in_another_source_and_split_is_refused() -> None:
    films = [film("a", source="one", split=Split.TRAIN), film("a", source="two", split=Split.VAL)]
    assert not leaks(films, alone(films))
    with pytest.raises(DataError, match="one/a"):
        refuse_leaks(films, groups(films, [Pair(0, 1, 2, 0.99, "as it is")]))


def test_a_film_without_a_mask_pulls_its_patient_to_train() -> None:
    films = [film(f"f{n}", f"p{n}") for n in range(30)]
    films += [film(f"bare{n}", f"p{n}", split=Split.UNLABELLED) for n in range(30)]
    assert {record.split for record in assign(films, alone(films))} == {Split.TRAIN, Split.UNLABELLED}
    given = [film("a", "p", split=Split.TEST), film("b", "p", split=Split.UNLABELLED)]
    with pytest.raises(DataError, match="two splits"):  # what is given is not moved
        assign(given, alone(given))


def test_an_unlabelled_film_counts_as_trained_on() -> None:
    """Pretraining uses unlabelled films, so a test film's copy among them is a leak."""
    films = [film("a", "p", split=Split.UNLABELLED), film("b", "p", split=Split.TEST)]
    assert len(leaks(films, alone(films))) == 1
    assert not leaks([film("a", "p", split=Split.UNLABELLED), film("b", "p", split=Split.TRAIN)], alone(films))
