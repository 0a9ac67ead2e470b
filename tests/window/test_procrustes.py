import numpy as np
import pytest
from scipy.linalg import orthogonal_procrustes, sqrtm

from advwindow.errors import UserError
from advwindow.window.grams import gram_of
from advwindow.window.permutation import label_permutations
from advwindow.window.procrustes import procrustes, procrustes_null
from advwindow.window.similarity import ConstantPatternError


def patterns(n, d, *, seed=0):
    return np.random.default_rng(seed).normal(size=(n, d)) + 1


def explicit(x, y):
    x, y = x - x.mean(0), y - y.mean(0)
    return np.linalg.svd(x.T @ y, compute_uv=False).sum() / np.linalg.norm(x) / np.linalg.norm(y)


@pytest.mark.parametrize(("n", "d", "e"), [(4, 2, 3), (10, 1, 1), (10, 3, 40), (30, 50, 60), (30, 5, 5)])
def test_gram_form_equals_the_singular_values_of_the_product(n, d, e):
    x, y = patterns(n, d, seed=1), patterns(n, e, seed=2)
    found = procrustes(gram_of(x).raw, gram_of(y).raw)
    assert found.value == pytest.approx(explicit(x, y), abs=1e-10)
    assert found.distance == pytest.approx(1 - found.value)
    assert np.cos(found.angular) == pytest.approx(found.value)


def test_it_is_the_nuclear_norm_of_matrix_square_roots_and_what_the_best_turn_reaches():
    x, y = patterns(9, 12, seed=1), patterns(9, 12, seed=2)
    x, y = x - x.mean(0), y - y.mean(0)
    found = procrustes(x @ x.T, y @ y.T).value
    # A centred Gram has no root of full rank, so the rounding of the product of roots is bounded by a generous 1e-6.
    roots = np.real(sqrtm(x @ x.T + 1e-14 * np.eye(9)) @ sqrtm(y @ y.T + 1e-14 * np.eye(9)))
    scale = np.linalg.norm(x) * np.linalg.norm(y)
    assert np.linalg.svd(roots, compute_uv=False).sum() / scale == pytest.approx(found, abs=1e-6)
    turn, reached = orthogonal_procrustes(x, y)
    assert reached / scale == pytest.approx(found, abs=1e-12)
    assert np.linalg.norm(x @ turn / np.linalg.norm(x) - y / np.linalg.norm(y)) ** 2 == pytest.approx(2 - 2 * found)


def test_shift_turn_and_scale_change_nothing():
    x, y = patterns(20, 6, seed=1), patterns(20, 9, seed=2)
    turn = np.linalg.qr(patterns(6, 6, seed=3))[0]
    base = procrustes(x @ x.T, y @ y.T).value
    for moved in (x + 5, x @ turn, 40 * x, -x):
        assert procrustes(moved @ moved.T, y @ y.T).value == pytest.approx(base, abs=1e-10)
    assert procrustes(y @ y.T, x @ x.T).value == pytest.approx(base, abs=1e-12)
    assert procrustes(x**3 @ (x**3).T, y @ y.T).value != pytest.approx(base, abs=1e-3)


def test_itself_is_one_and_disjoint_directions_are_zero():
    x = patterns(15, 4)
    found = procrustes(x @ x.T, 3 * x @ x.T)
    assert found.value == pytest.approx(1)
    assert found.value <= 1
    assert found.angular == pytest.approx(0, abs=1e-7)
    first, second = np.array([1.0, -1, 1, -1]), np.array([1.0, 1, -1, -1])
    apart = procrustes(np.outer(first, first), np.outer(second, second))
    assert apart.value == pytest.approx(0, abs=1e-12)
    assert apart.angular == pytest.approx(np.pi / 2)


@pytest.mark.parametrize("d", [3, 60])
def test_null_equals_relabelling(d):
    x, y = patterns(12, d, seed=1), patterns(12, 7, seed=2)
    permutations = np.vstack([np.arange(12), label_permutations(20, 12, seed=3)])
    null = procrustes_null(x @ x.T, y @ y.T, permutations)
    assert null == pytest.approx(np.array([explicit(x, y[order]) for order in permutations]), abs=1e-10)
    assert null[0] == pytest.approx(procrustes(x @ x.T, y @ y.T).value, abs=1e-12)
    assert null[1:].std() > 1e-3


def test_more_features_than_samples_make_it_high_by_chance():
    wide, other = (gram_of(patterns(20, 2000, seed=seed)).raw for seed in (1, 2))
    assert procrustes(wide, other).value > 0.8
    assert procrustes_null(wide, other, label_permutations(20, 20, seed=0)).mean() > 0.8


def test_bad_input():
    gram = gram_of(patterns(6, 3)).raw
    with pytest.raises(UserError, match="do not fit"):
        procrustes(gram, gram[:5, :5])
    with pytest.raises(UserError, match="at least 4"):
        procrustes(gram[:3, :3], gram[:3, :3])
    with pytest.raises(UserError, match="not finite"):
        procrustes(gram * np.nan, gram)
    with pytest.raises(ConstantPatternError, match="all samples are the same"):
        procrustes(gram, np.full((6, 6), 7.0))
    with pytest.raises(ConstantPatternError, match="all samples are the same"):
        procrustes_null(np.zeros((6, 6)), gram, label_permutations(2, 6, seed=0))
