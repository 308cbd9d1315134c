"""The operations that speeds are held against, counted by hand once for SAM's ViT-B."""

import pytest

from benchmarks.networks import operations
from benchmarks.timing import Times, interleaved
from engine.network.config import ModelConfig, sam_config


def test_vit_b_needs_as_many_operations_as_its_authors_say() -> None:
    counted = operations(sam_config("vit_b"))
    total = counted.qkv + counted.projection + counted.mlp + counted.attention + counted.convolutions
    assert total / 2 == pytest.approx(487, rel=0.005)  # GMAC, as published
    assert counted.mlp == pytest.approx(2 * 12 * 4096 * 768 * 3072 * 2 / 1e9)


def test_integers_lower_the_least_time_by_their_share() -> None:
    counted = operations(ModelConfig())
    limits = {"real": 100.0, "int8": 200.0}
    saved = counted.seconds_at(limits) - counted.seconds_at(limits, ("mlp",))
    assert saved == pytest.approx(counted.mlp / 200.0)


def test_samples_disturbed_by_others_do_not_count_where_there_are_better() -> None:
    times = Times.of([(0.010, True), (0.012, True), (0.500, False)])
    assert times.median_ms == pytest.approx(11.0)
    assert (times.samples, times.clean) == (3, 2)


def test_variants_take_turns() -> None:
    calls: list[str] = []
    found = interleaved({"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}, rounds=1)
    assert found.keys() == {"a", "b"}
    assert {"a", "b"} == set(calls)


def test_no_round_begins_when_the_time_is_up_but_two_always_run() -> None:
    calls: list[str] = []
    found = interleaved({"a": lambda: calls.append("a")}, rounds=9, seconds=0.0)
    assert found["a"].samples == 2
