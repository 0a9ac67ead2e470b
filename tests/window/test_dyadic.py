import numpy as np
import pytest
from scipy import stats

from advwindow.window.alignment import pair_values, unit_pairs
from advwindow.window.dyadic import Covariance, band_factor, dyadic_covariance, intervals
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
    assert np.allclose(found.upper, [1 + 2 * stats.t.ppf(0.95, 20), 2 + np.sqrt(11) * stats.t.ppf(0.95, 20)])
    assert (found.band_high > found.high).all()
    assert (found.band_low < found.low).all()


def test_band_factor_of_one_quantity_is_the_t_quantile():
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
