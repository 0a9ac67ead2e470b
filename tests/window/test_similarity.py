import numpy as np
import pytest
from scipy.stats import ortho_group

from advwindow.errors import UserError
from advwindow.window.grams import gram_of
from advwindow.window.similarity import ConstantPatternError, constant_patterns, similarity
from tests.window.helpers import rng


@pytest.mark.parametrize("offset", [0.0, 100.0])
def test_pearson_is_corrcoef(offset):
    x = rng().normal(size=(9, 40)) + offset
    assert np.allclose(similarity(gram_of(x)), np.corrcoef(x), atol=1e-11)


def test_cosine():
    x = rng().normal(size=(9, 40)) + 1
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    assert np.allclose(similarity(gram_of(x), "cosine"), unit @ unit.T, atol=1e-14)


def test_invariances():
    x = rng().normal(size=(9, 40))
    rows = x * rng(1).uniform(0.5, 2, (9, 1)) + rng(2).normal(size=(9, 1))
    assert np.allclose(similarity(gram_of(rows)), similarity(gram_of(x)), atol=1e-13)
    turned = x @ ortho_group.rvs(40, random_state=3)
    assert np.allclose(similarity(gram_of(turned), "cosine"), similarity(gram_of(x), "cosine"), atol=1e-13)


@pytest.mark.parametrize("kind", ["pearson", "cosine"])
def test_diagonal_is_one_and_nothing_leaves_the_range(kind):
    x = np.repeat(rng().normal(size=(3, 5)), 4, axis=0)
    found = similarity(gram_of(x), kind)
    assert (np.diag(found) == 1).all()
    assert np.abs(found).max() <= 1
    assert np.array_equal(found, found.T)


@pytest.mark.parametrize("value", [0.0, 0.1, 1e6, 1e-20])
def test_constant_patterns_are_flagged_at_any_scale(value):
    x = rng().normal(size=(6, 33))
    x[3] = np.float32(value)
    assert constant_patterns(gram_of(x)).tolist() == [False] * 3 + [True] + [False] * 2
    with pytest.raises(ConstantPatternError, match=r"rows \[3\]"):
        similarity(gram_of(x))
    assert constant_patterns(gram_of(x), "cosine").any() == (value == 0)


def test_small_patterns_are_not_constant():
    assert not constant_patterns(gram_of(1e-15 * rng().normal(size=(6, 33)))).any()


def test_unknown_kind():
    with pytest.raises(UserError, match="unknown similarity"):
        similarity(gram_of(np.eye(5)), "euclid")
