import tracemalloc

import numpy as np
import pytest
from scipy import stats

from advwindow.window import dyadic
from advwindow.window.alignment import pair_values, unit_pairs
from advwindow.window.dyadic import Covariance, band_factor, dyadic_covariance, intervals, ratio_intervals
from tests.window.helpers import correlations, rng, shared_factors


def slow_covariance(a, b, w, shrink):
    """The formula of the paper, entry by entry, for two geometries; population-standardised pair vectors."""
    concepts = len(w)
    pairs = [(i, j) for i in range(concepts) for j in range(i + 1, concepts)]

    def standard(matrix):
        values = np.array([matrix[p] for p in pairs])
        return (values - values.mean()) / values.std()

    y = standard(w)
    influences, by_concept = [], []
    for matrix in (a, b):
        x = standard(matrix)
        r = (x * y).mean()
        psi = x * y - r / 2 * (x**2 + y**2)
        influences.append(psi)
        by_concept.append([sum(psi[p] for p, pair in enumerate(pairs) if i in pair) for i in range(concepts)])
    d, psi = np.array(by_concept), np.array(influences)
    return shrink * (d @ d.T - psi @ psi.T) / len(pairs) ** 2, shrink * psi @ psi.T / len(pairs) ** 2


def test_covariance_is_the_published_formula():
    a, b, w = (correlations(12, seed=s) for s in range(3))
    unit = unit_pairs(pair_values(np.stack([a, b])), "pearson")
    found = dyadic_covariance(unit, unit_pairs(pair_values(w), "pearson"), 12)
    robust, own = slow_covariance(a, b, w, (12 / 10) ** 2)
    assert np.allclose(found.robust, robust, atol=1e-15)
    assert np.allclose(found.pairs, own, atol=1e-15)


def test_variance_is_never_below_that_of_independent_pairs():
    cov = Covariance(np.array([[-1.0, 0.2], [0.2, 4.0]]), np.array([[0.5, 0.0], [0.0, 1.0]]), 10)
    assert np.allclose(cov.of(np.eye(2)), [[0.5, 0.2], [0.2, 4.0]])
    assert np.allclose(cov.of(np.array([[1.0, -1.0]])), [[2.6]])
    assert np.allclose(cov.of(np.array([[1.0, 0.0]])), [[0.5]])


def test_intervals_use_t_and_the_contrast():
    cov = Covariance(np.array([[4.0, 1.0], [1.0, 9.0]]), np.eye(2) * 0.1, 21)
    found = intervals(np.array([1.0, 2.0]), cov, np.array([[1.0, 0.0], [1.0, -1.0]]), seed=0)
    assert np.allclose(found.se, [2, np.sqrt(11)])
    t = stats.t.ppf(0.975, 20)
    assert np.allclose(found.low, [1 - 2 * t, 2 - np.sqrt(11) * t])
    assert np.allclose(found.high, [1 + 2 * t, 2 + np.sqrt(11) * t])
    assert (found.upper > [1 + 2 * stats.t.ppf(0.95, 20), 2 + np.sqrt(11) * stats.t.ppf(0.95, 20)]).all()
    assert (found.upper < found.band_high).all()
    assert (found.band_high > found.high).all()
    assert (found.band_low < found.low).all()


def test_band_factor_of_one_quantity_is_the_t_quantile():
    assert band_factor(np.array([[7.0]]), 25, seed=0, sides=1) == pytest.approx(stats.t.ppf(0.95, 25), rel=0.02)
    assert band_factor(np.array([[7.0]]), 25, seed=0) == pytest.approx(stats.t.ppf(0.975, 25), rel=0.02)


def test_band_factor_grows_with_independent_quantities_only():
    df, many = 40, 20
    equal = band_factor(np.ones((many, many)), df, seed=0)
    free = band_factor(np.eye(many), df, seed=0)
    assert equal == pytest.approx(stats.t.ppf(0.975, df), rel=0.02)
    assert equal < free <= stats.t.ppf(1 - 0.025 / many, df) * 1.02


def test_band_factor_repairs_an_indefinite_covariance():
    broken = np.array([[1.0, 0.9, -0.9], [0.9, 1.0, 0.9], [-0.9, 0.9, 1.0]])
    assert np.linalg.eigvalsh(broken).min() < 0
    assert 2 < band_factor(broken, 1000, seed=0) < stats.t.ppf(1 - 0.025 / 3, 1000) * 1.02


def test_band_is_repeatable():
    assert band_factor(np.eye(3), 20, seed=1) == band_factor(np.eye(3), 20, seed=1)


@pytest.mark.parametrize("concepts", [12, 20, 40])
@pytest.mark.parametrize("measure", ["pearson", "spearman"])
def test_drift_interval_misses_zero_in_at_most_five_percent(concepts, measure):
    runs, missed = 400, 0
    for seed in range(runs):
        words, clean, attacked = shared_factors(concepts, seed=seed, noise=2.0)
        unit = unit_pairs(pair_values(np.stack([np.corrcoef(clean), np.corrcoef(attacked)])), measure)
        y = unit_pairs(pair_values(np.corrcoef(words)), measure)
        drift = unit @ y @ np.array([1.0, -1.0])
        se = np.sqrt(dyadic_covariance(unit, y, concepts).of(np.array([[1.0, -1.0]]))[0, 0])
        missed += abs(drift) > stats.t.ppf(0.975, concepts - 1) * se
    assert missed <= stats.binom.ppf(0.999, runs, 0.05)


def test_standard_error_is_that_of_new_concepts():
    concepts, estimates, variances = 40, [], []
    mixing = rng(123).normal(size=(8, 140))
    for seed in range(300):
        factors = rng(seed).normal(size=(concepts, 8))
        space = factors @ mixing + 2 * rng(seed + 10_000).normal(size=(concepts, 140))
        unit = unit_pairs(pair_values(np.stack([np.corrcoef(space[:, :70]), np.corrcoef(space[:, 70:])])), "pearson")
        estimates.append(unit[0] @ unit[1])
        variances.append(dyadic_covariance(unit[:1], unit[1], concepts).of(np.eye(1))[0, 0])
    assert np.mean(variances) == pytest.approx(np.var(estimates), rel=0.3)


def test_two_equal_alignments_differ_by_nothing_and_surely():
    """Rounding must not turn a variance of 0 into a NaN."""
    values = rng(5).normal(size=(1, 10))
    unit = (values - values.mean()) / np.linalg.norm(values - values.mean())
    words = rng(6).normal(size=10)
    words = (words - words.mean()) / np.linalg.norm(words - words.mean())
    for nudge in (0.0, 1e-17, 1e-16):
        covariance = dyadic_covariance(np.concatenate([unit, unit * (1 + nudge)]), words, 5)
        found = intervals(np.zeros(1), covariance, np.array([[1.0, -1.0]]), seed=0)
        assert np.isfinite(found.se).all()
        assert found.se[0] < 1e-7


def random_unit(geometries, concepts, *, seed=0):
    return unit_pairs(rng(seed).normal(size=(geometries, concepts * (concepts - 1) // 2)), "pearson")


@pytest.mark.parametrize("block", [1, 100, 777, 2**21])
def test_blocks_do_not_change_the_covariance(monkeypatch, block):
    unit = random_unit(5, 33)
    whole = dyadic_covariance(unit[1:], unit[0], 33)
    monkeypatch.setattr(dyadic, "_BLOCK", block)
    found = dyadic_covariance(unit[1:], unit[0], 33)
    assert np.allclose(found.robust, whole.robust, rtol=1e-12, atol=1e-16)
    assert np.allclose(found.pairs, whole.pairs, rtol=1e-12, atol=1e-16)


def test_memory_does_not_grow_with_the_geometries(monkeypatch):
    unit = random_unit(40, 300)
    monkeypatch.setattr(dyadic, "_BLOCK", 2**14)
    tracemalloc.start()
    try:
        dyadic_covariance(unit[1:], unit[0], 300)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < unit.nbytes / 10


def test_some_of_the_alignments():
    cov = Covariance(np.arange(9.0).reshape(3, 3), -np.arange(9.0).reshape(3, 3), 10)
    some = cov.select([2, 0])
    assert some.robust.tolist() == [[8, 6], [2, 0]]
    assert some.pairs.tolist() == [[-8, -6], [-2, 0]]
    assert some.concepts == 10


ABOVE, BELOW = np.array([[0.0, 1.0]]), np.array([[1.0, 0.0]])


def ratio(a, b, covariance):
    return ratio_intervals(np.array([b]), np.array([a]), covariance=covariance, contrasts=(ABOVE, BELOW), seed=0)


def test_ratio_by_the_delta_method_and_fieller():
    robust, a, b = np.array([[4e-4, 1e-4], [1e-4, 9e-4]]), 0.6, 0.3
    cov = Covariance(robust, robust / 10, 31)
    found = ratio(a, b, cov)
    assert found.se[0] == pytest.approx(np.sqrt(9e-4 - 2 * 0.5 * 1e-4 + 0.25 * 4e-4) / a)
    for end, level in ((found.low[0], 0.975), (found.high[0], 0.975), (found.upper[0], 0.95)):
        se = np.sqrt(robust[1, 1] - 2 * end * robust[0, 1] + end**2 * robust[0, 0])
        assert abs(b - end * a) == pytest.approx(stats.t.ppf(level, 30) * se)
    assert found.low[0] < 0.5 < found.upper[0] < found.high[0]
    assert found.band_low[0] == pytest.approx(found.low[0], rel=0.03)


def test_ratio_with_a_negative_robust_variance_uses_pairs():
    pairs = np.array([[1e-4, 0.0], [0.0, 1e-4]])
    found = ratio(0.6, 0.3, Covariance(-pairs, pairs, 31))
    expected = ratio(0.6, 0.3, Covariance(pairs, pairs, 31))
    assert found.se == pytest.approx(expected.se)
    assert (found.low, found.high) == (expected.low, expected.high)


def test_ratio_to_nothing():
    cov = Covariance(np.eye(2) * 0.01, np.eye(2) * 0.001, 31)
    weak = ratio(0.15, 0.1, cov)
    assert (weak.low[0], weak.high[0]) == (-np.inf, np.inf)
    both = ratio_intervals(
        np.array([0.3, 0.3]), np.array([-0.1, 0.9]), covariance=cov, contrasts=(ABOVE[[0, 0]], BELOW[[0, 0]]), seed=0
    )
    assert np.isnan([values[0] for values in both]).all()
    assert np.isfinite([values[1] for values in both]).all()


def damaged(concepts, *, seed, noise):
    """Alignments of a clean and a damaged geometry, drawn from one fixed population of concepts."""
    mixing, draw = rng(7), rng(seed)
    factors = draw.normal(size=(concepts, 8))
    words = factors @ mixing.normal(size=(8, 40)) + noise * draw.normal(size=(concepts, 40))
    signal = factors @ mixing.normal(size=(8, 60))
    clean, hurt = (signal + k * noise * draw.normal(size=(concepts, 60)) for k in (2, 4))
    unit = unit_pairs(pair_values(np.stack([np.corrcoef(clean), np.corrcoef(hurt)])), "pearson")
    y = unit_pairs(pair_values(np.corrcoef(words)), "pearson")
    return unit @ y, dyadic_covariance(unit, y, concepts)


@pytest.mark.parametrize("concepts", [20, 40])
@pytest.mark.parametrize("noise", [1.0, 2.0, 4.0])
def test_retention_interval_covers(concepts, noise):
    runs = [damaged(concepts, seed=seed, noise=noise) for seed in range(300)]
    truth = np.divide(*np.mean([r for r, _ in runs], axis=0)[::-1])
    found = [ratio(r[0], r[1], cov) for r, cov in runs if r[0] > 0]
    missed = sum(not one.low[0] <= truth <= one.high[0] for one in found)
    assert missed <= stats.binom.ppf(0.999, len(found), 0.05)
    if noise == 1:
        assert missed >= stats.binom.ppf(0.001, len(found), 0.05)
