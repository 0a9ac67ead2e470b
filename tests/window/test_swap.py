import numpy as np
import pytest
from scipy.stats import binom, pearsonr, rankdata

from advwindow.window.alignment import pair_matrix, pair_values, unit_pairs
from advwindow.window.multiplicity import resampled_p
from advwindow.window.swap import swap_coins, swap_null
from tests.window.helpers import correlations, rng, shared_factors


def slow_swap(stacked, words, coins, measure):
    """Gather both similarity matrices for each outcome of the coins."""
    concepts = len(words)
    upper = np.triu_indices(concepts, 1)
    if measure == "spearman":
        own = np.arange(concepts)
        allowed = np.triu(np.ones_like(stacked, dtype=bool), 1)
        allowed[own, own + concepts] = False
        ranks = np.zeros_like(stacked)
        ranks[allowed] = rankdata(stacked[allowed])
        stacked, words = ranks + ranks.T, pair_matrix(rankdata(words[upper]), concepts)
    drifts = []
    for coin in coins.astype(int):
        first = np.arange(concepts) + concepts * coin
        second = np.arange(concepts) + concepts * (1 - coin)
        one, two = (pearsonr(stacked[np.ix_(rows, rows)][upper], words[upper])[0] for rows in (first, second))
        drifts.append(one - two)
    return np.array(drifts)


@pytest.mark.parametrize("concepts", [5, 8, 30])
@pytest.mark.parametrize("measure", ["pearson", "spearman"])
def test_quadratic_form_equals_the_gather(concepts, measure):
    stacked, words = correlations(2 * concepts, seed=1), correlations(concepts, seed=2)
    coins = np.vstack([np.zeros(concepts), swap_coins(20, concepts, seed=0)])
    unit = pair_matrix(unit_pairs(pair_values(words), measure), concepts)
    found = swap_null(stacked, unit, coins, measure=measure)
    assert np.allclose(found, slow_swap(stacked, words, coins, measure), atol=1e-12)


@pytest.mark.parametrize("measure", ["pearson", "spearman"])
def test_the_complement_has_the_opposite_drift(measure):
    stacked, words = correlations(24, seed=1), correlations(12, seed=2)
    unit = pair_matrix(unit_pairs(pair_values(words), measure), 12)
    coins = swap_coins(30, 12, seed=0)
    assert np.allclose(
        swap_null(stacked, unit, coins, measure=measure), -swap_null(stacked, unit, 1 - coins, measure=measure)
    )


@pytest.mark.parametrize("measure", ["pearson", "spearman"])
def test_unchanged_patterns_have_no_drift_at_all(measure):
    x = rng(1).normal(size=(12, 40))
    stacked = np.corrcoef(np.vstack([x, x]))
    stacked += 1e-15 * rng(2).normal(size=stacked.shape)
    unit = pair_matrix(unit_pairs(pair_values(correlations(12)), measure), 12)
    coins = np.vstack([np.zeros(12), swap_coins(50, 12, seed=0)])
    found = swap_null(stacked, unit, coins, measure=measure)
    assert not found.any()
    assert resampled_p(found[:1], found[1:, None], tail="both").raw[0] == 1


def test_coins_are_fair_and_repeatable():
    coins = swap_coins(4000, 10, seed=1)
    assert set(np.unique(coins)) == {0, 1}
    assert np.array_equal(coins, swap_coins(4000, 10, seed=1))
    assert abs(coins.mean(0) - 0.5).max() < 5 * 0.5 / np.sqrt(4000)


@pytest.mark.parametrize("measure", ["pearson", "spearman"])
def test_type_one_error_is_five_percent(measure):
    concepts, runs = 20, 400
    coins = np.vstack([np.zeros(concepts), swap_coins(199, concepts, seed=0)])
    rejections = 0
    for seed in range(runs):
        words, clean, attacked = shared_factors(concepts, seed=seed)
        unit = pair_matrix(unit_pairs(pair_values(np.corrcoef(words)), measure), concepts)
        null = swap_null(np.corrcoef(np.vstack([clean, attacked])), unit, coins, measure=measure)
        rejections += resampled_p(null[:1], null[1:, None], tail="both").raw[0] <= 0.05
    assert binom.ppf(0.001, runs, 0.05) <= rejections <= binom.ppf(0.999, runs, 0.05)


def test_power_against_a_loss_of_half_the_signal():
    concepts, found = 30, 0
    coins = np.vstack([np.zeros(concepts), swap_coins(199, concepts, seed=0)])
    for seed in range(20):
        words, clean, _ = shared_factors(concepts, seed=seed)
        attacked = 0.3 * clean + 3 * rng(seed).normal(size=clean.shape)
        unit = pair_matrix(unit_pairs(pair_values(np.corrcoef(words)), "spearman"), concepts)
        null = swap_null(np.corrcoef(np.vstack([clean, attacked])), unit, coins)
        found += resampled_p(null[:1], null[1:, None], tail="both").raw[0] <= 0.05
    assert found >= 18
