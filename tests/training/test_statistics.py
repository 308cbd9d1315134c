"""Tests and intervals against exhaustive counting and published tables."""

import itertools

import numpy as np
import pytest

from training import statistics


def exhaustive_p(differences: np.ndarray) -> float:
    """Two-sided p by trying every pattern of signs."""
    ranks = np.argsort(np.argsort(np.abs(differences))) + 1
    total = ranks.sum()
    observed = min(ranks[differences > 0].sum(), ranks[differences < 0].sum())
    as_extreme = 0
    for signs in itertools.product((0, 1), repeat=len(ranks)):
        positive = int((ranks * np.array(signs)).sum())
        as_extreme += min(positive, total - positive) <= observed
    return float(as_extreme / 2 ** len(ranks))


@pytest.mark.parametrize("seed", range(6))
def test_exact_p_equals_trying_every_sign(seed: int) -> None:
    differences = np.random.default_rng(seed).normal(0.4, 1.0, 9)
    found = statistics.wilcoxon(differences)
    assert found.exact
    assert found.p_value == pytest.approx(min(1.0, exhaustive_p(differences)))


def test_the_textbook_table_is_met() -> None:
    """Critical values at 5 % two-sided: rank sum 8 for ten pairs, 52 for twenty (Wilcoxon 1945 and later tables)."""
    for pairs, critical in ((10, 8), (20, 52)):
        ranks = np.arange(1.0, pairs + 1)
        positive: list[float] = []
        left = critical
        for rank in ranks[::-1]:  # a set of ranks with that very sum
            if rank <= left:
                positive.append(rank)
                left -= int(rank)
        assert left == 0
        at = np.where(np.isin(ranks, positive), ranks, -ranks)
        assert statistics.wilcoxon(at).statistic == critical
        assert statistics.wilcoxon(at).p_value <= 0.05
        assert at[0] == -1.0
        at[0] = 1.0  # one more in the smaller sum is no longer significant
        assert statistics.wilcoxon(at).p_value > 0.05


def test_ties_and_zeros_follow_the_corrected_normal_approximation() -> None:
    """By hand: ranks 2.5 for four ones, 6 for three twos, 8 for the three, so the negative sum is 2.5."""
    found = statistics.wilcoxon(np.array([0.0, 1, 1, 1, -1, 2, 2, 2, 3]))
    assert (found.pairs, found.statistic, found.exact) == (8, 2.5, False)
    variance = 8 * 9 * 17 / 24 - ((4**3 - 4) + (3**3 - 3)) / 48
    z = (18 - 2.5 - 0.5) / variance**0.5
    assert z == pytest.approx(2.1377, abs=1e-3)
    assert found.p_value == pytest.approx(0.0325, abs=2e-4)


def test_the_approximation_joins_the_exact_test() -> None:
    rng = np.random.default_rng(1)
    exact = statistics.wilcoxon(rng.normal(0.3, 1, 50))
    differences = np.random.default_rng(1).normal(0.3, 1, 50)
    near = statistics.wilcoxon(np.concatenate([differences, [1e-12]]))
    assert exact.exact
    assert not near.exact
    assert near.p_value == pytest.approx(exact.p_value, abs=0.01)


def test_no_difference_is_no_evidence() -> None:
    assert statistics.wilcoxon(np.zeros(7)).p_value == 1.0


def test_interval_of_a_mean_is_the_normal_one_for_many_films() -> None:
    scores = np.random.default_rng(0).normal(0.96, 0.02, 400)
    found = statistics.bootstrap(scores, [str(i) for i in range(400)])
    half = 1.96 * scores.std() / 20
    assert found.value == pytest.approx(scores.mean(), rel=1e-12)
    assert found.low == pytest.approx(scores.mean() - half, abs=half / 8)
    assert found.high == pytest.approx(scores.mean() + half, abs=half / 8)
    assert (found.films, found.patients) == (400, 400)


def test_films_of_one_patient_count_once() -> None:
    """Twenty copies of each of ten patients' films say no more than ten films: the interval stays as wide."""
    patients = np.random.default_rng(0).normal(0.95, 0.02, 10)
    single = statistics.bootstrap(patients, [str(i) for i in range(10)])
    repeated = statistics.bootstrap(np.repeat(patients, 20), [str(i) for i in range(10) for _ in range(20)])
    naive = statistics.bootstrap(np.repeat(patients, 20), [str(i) for i in range(200)])
    assert repeated.high - repeated.low == pytest.approx(single.high - single.low)
    assert naive.high - naive.low < 0.4 * (repeated.high - repeated.low)


@pytest.mark.parametrize("seed", range(5))
def test_weighted_statistics_equal_numpys_on_the_films_written_out(seed: int) -> None:
    rng = np.random.default_rng(seed)
    scores = rng.random(30).round(1)  # with ties
    weights = rng.integers(0, 4, (20, 30))
    written_out = [np.repeat(scores, row) for row in weights]
    np.testing.assert_allclose(statistics.mean(scores, weights), [part.mean() for part in written_out])
    fifth = [np.percentile(part, 5) for part in written_out]
    np.testing.assert_allclose(statistics.fifth_percentile(scores, weights), fifth)


def test_resamples_in_blocks_are_as_good_as_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    scores = np.random.default_rng(2).normal(0.9, 0.05, 60)
    names = [str(i // 2) for i in range(60)]
    at_once = statistics.bootstrap(scores, names)
    monkeypatch.setattr(statistics, "_AT_ONCE", 60 * 7)
    in_blocks = statistics.bootstrap(scores, names)
    assert in_blocks.value == at_once.value
    assert in_blocks.low == pytest.approx(at_once.low, abs=0.002)
    assert in_blocks.high == pytest.approx(at_once.high, abs=0.002)


def test_the_same_seed_gives_the_same_interval() -> None:
    scores = np.linspace(0.8, 1.0, 30)
    names = [str(i) for i in range(30)]
    fifth = statistics.fifth_percentile
    assert statistics.bootstrap(scores, names, fifth) == statistics.bootstrap(scores, names, fifth)
    assert statistics.bootstrap(scores, names, fifth).value == pytest.approx(0.81)


def test_a_difference_can_be_significant_and_still_not_inferior() -> None:
    rng = np.random.default_rng(5)
    old = rng.normal(0.965, 0.02, 300)
    new = old - 0.001 + rng.normal(0, 0.001, 300)
    names = [str(i) for i in range(300)]
    assert statistics.wilcoxon(new - old).p_value < 0.001
    assert statistics.non_inferiority(new, old, names).shown


def test_a_difference_can_be_insignificant_and_not_shown_to_be_harmless() -> None:
    """The paper's p > 0.05 proves nothing: few films, wide spread."""
    differences = np.array([-0.06, 0.05, -0.04, 0.03, -0.05, 0.02, -0.02, 0.04])
    old = np.full(8, 0.95)
    assert statistics.wilcoxon(differences).p_value > 0.05
    found = statistics.non_inferiority(old + differences, old, [str(i) for i in range(8)])
    assert not found.shown


def test_scores_without_patients_are_our_mistake() -> None:
    with pytest.raises(ValueError, match="3 scores for 2 patients"):
        statistics.bootstrap(np.ones(3), ["a", "b"])
