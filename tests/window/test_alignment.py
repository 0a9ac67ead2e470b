import re

import numpy as np
import pytest
from scipy.stats import ortho_group, pearsonr, spearmanr

from advwindow.errors import UserError
from advwindow.window.alignment import biased_cka, debiased_cka, pair_matrix, pair_values, rsa, unit_pairs
from advwindow.window.similarity import ConstantPatternError
from tests.window.helpers import correlations, rng

UPPER = np.triu_indices(14, 1)


def hsic1(k, l):
    """Unbiased HSIC of Song et al. 2012, term by term."""
    n = len(k)
    k, l = k - np.diag(np.diag(k)), l - np.diag(np.diag(l))
    one = np.ones(n)
    terms = (
        np.trace(k @ l) + (one @ k @ one) * (one @ l @ one) / ((n - 1) * (n - 2)) - 2 / (n - 2) * (one @ k @ l @ one)
    )
    return terms / (n * (n - 3))


@pytest.mark.parametrize(("method", "reference"), [("pearson", pearsonr), ("spearman", spearmanr)])
def test_rsa_is_the_correlation_of_upper_triangles(method, reference):
    a, b = correlations(14, seed=1), correlations(14, seed=2)
    assert rsa(a, b, method=method) == pytest.approx(reference(a[UPPER], b[UPPER])[0], abs=1e-13)


def test_rsa_with_ties_takes_mid_ranks():
    a, b = np.round(correlations(14, seed=1), 1), np.round(correlations(14, seed=2), 1)
    assert rsa(a, b) == pytest.approx(spearmanr(a[UPPER], b[UPPER])[0], abs=1e-13)


def test_rounding_noise_breaks_no_ties():
    a, b = np.round(correlations(14, seed=1), 1), correlations(14, seed=2)
    assert rsa(a + 1e-15 * rng().normal(size=a.shape), b) == rsa(a, b)


def test_spearman_ignores_monotone_transforms_and_pearson_affine_ones():
    a, b = correlations(14, seed=1), correlations(14, seed=2)
    assert rsa(np.exp(3 * a), b) == pytest.approx(rsa(a, b), abs=1e-13)
    assert rsa(5 - 2 * a, 1 - b, method="pearson") == pytest.approx(rsa(a, b, method="pearson"), abs=1e-13)


def test_pairs_go_to_a_matrix_and_back():
    a = rng().normal(size=(14, 14))
    a = np.triu(a, 1) + np.triu(a, 1).T
    assert np.array_equal(pair_matrix(pair_values(a), 14), a)


def test_unit_pairs_have_no_mean_and_length_one():
    for measure in ("pearson", "spearman"):
        unit = unit_pairs(pair_values(np.stack([correlations(9, seed=s) for s in range(3)])), measure)
        assert np.allclose(unit.sum(1), 0, atol=1e-13)
        assert np.allclose((unit**2).sum(1), 1)


@pytest.mark.parametrize(
    ("a", "b", "method", "message"),
    [
        (np.eye(4), np.eye(4), "pearson", "too few concepts"),
        (correlations(6), correlations(6), "kendall", "unknown measure: got 'kendall'"),
        (np.ones((6, 6)), correlations(6), "pearson", "equally similar"),
        (np.full((6, 6), 0.1), correlations(6), "spearman", "equally similar"),
    ],
)
def test_what_rsa_refuses(a, b, method, message):
    with pytest.raises(UserError, match=message):
        rsa(a, b, method=method)


def grams(n: int, d: int = 12, *, offset: float = 0.0):
    x, y = rng(1).normal(size=(n, d)) + offset, rng(2).normal(size=(n, 7)) + rng(1).normal(size=(n, d))[:, :7]
    return x @ x.T, y @ y.T


@pytest.mark.parametrize("n", [4, 5, 20, 99, 100, 128])
def test_debiased_cka_is_the_ratio_of_unbiased_hsic(n):
    k, l = grams(n)
    assert debiased_cka(k, l) == pytest.approx(hsic1(k, l) / np.sqrt(hsic1(k, k) * hsic1(l, l)), abs=1e-10)


@pytest.mark.parametrize("offset", [0, 1, 10, 50, 1000])
def test_cka_does_not_see_a_feature_offset(offset):
    plain, shifted = grams(50), grams(50, offset=offset)
    assert debiased_cka(*shifted) == pytest.approx(debiased_cka(*plain), abs=1e-6)
    assert biased_cka(*shifted).value == pytest.approx(biased_cka(*plain).value, abs=1e-6)


def test_cka_of_float32_features_with_an_offset():
    x, y = rng(1).normal(size=(50, 30)), rng(1).normal(size=(50, 30)) + rng(2).normal(size=(50, 30))
    far = (x + 1000).astype(np.float32).astype(np.float64)
    assert debiased_cka(far @ far.T, y @ y.T) == pytest.approx(debiased_cka(x @ x.T, y @ y.T), abs=1e-3)


def test_cka_invariances():
    x, y = rng(1).normal(size=(20, 9)), rng(2).normal(size=(20, 9))
    turned = 3 * x @ ortho_group.rvs(9, random_state=0) + rng(3).normal(size=9)
    for cka in (debiased_cka, lambda k, l: biased_cka(k, l).value):
        assert cka(turned @ turned.T, y @ y.T) == pytest.approx(cka(x @ x.T, y @ y.T), abs=1e-12)
        assert cka(turned @ turned.T, x @ x.T) == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize(("d", "biased"), [(10_000, 0.95), (64, 0.35)])
def test_independent_data(d, biased):
    """Biased CKA is high by chance at n = 100, as its null mean says; the debiased one is about 0."""
    x, y = rng(1).normal(size=(100, d)), rng(2).normal(size=(100, d))
    k, l = x @ x.T, y @ y.T
    assert abs(debiased_cka(k, l)) < 0.06
    assert biased_cka(k, l).value > biased
    assert biased_cka(k, l).value == pytest.approx(biased_cka(k, l).null_mean, abs=0.03)


def test_the_null_mean_of_biased_cka_is_that_of_relabelling():
    k, l = grams(8)
    found = [biased_cka(k, l[np.ix_(p, p)]).value for p in (rng(s).permutation(8) for s in range(4000))]
    assert np.mean(found) == pytest.approx(biased_cka(k, l).null_mean, abs=4 * np.std(found) / np.sqrt(4000))
    free = [debiased_cka(k, l[np.ix_(p, p)]) for p in (rng(s).permutation(8) for s in range(4000))]
    assert np.mean(free) == pytest.approx(0, abs=4 * np.std(free) / np.sqrt(4000))


def test_what_cka_refuses():
    k, _ = grams(5)
    with pytest.raises(UserError, match=re.escape("too few samples to compare Grams: got 3; expected at least 4")):
        debiased_cka(k[:3, :3], k[:3, :3])
    with pytest.raises(UserError, match="do not fit"):
        biased_cka(k, k[:4, :4])
    with pytest.raises(ConstantPatternError):
        debiased_cka(np.full((6, 6), 7.3), np.eye(6))
