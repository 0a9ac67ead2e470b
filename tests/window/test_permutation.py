from collections import Counter

import numpy as np
import pytest
from scipy.stats import spearmanr

from advwindow.window.alignment import debiased_cka, pair_matrix, pair_values, u_unit, unit_pairs
from advwindow.window.matching import one_vs_two, two_vs_two
from advwindow.window.permutation import (
    correlation_null,
    first_return,
    label_permutations,
    one_vs_two_null,
    two_vs_two_null,
)
from tests.window.helpers import correlations, rng


def test_permutations_are_permutations_and_repeatable():
    found = label_permutations(50, 9, seed=3)
    assert (np.sort(found, axis=1) == np.arange(9)).all()
    assert np.array_equal(found, label_permutations(50, 9, seed=3))
    assert not np.array_equal(found, label_permutations(50, 9, seed=4))
    counts = np.bincount(label_permutations(9000, 9, seed=0)[:, 0], minlength=9)
    assert abs(counts - 1000).max() < 5 * np.sqrt(1000)


@pytest.mark.parametrize("concepts", [5, 99, 100, 128])
def test_one_product_equals_scipy_on_relabelled_words(concepts):
    layers, words = np.stack([correlations(concepts, seed=s) for s in range(3)]), correlations(concepts, seed=9)
    permutations = label_permutations(40, concepts, seed=0)
    unit = unit_pairs(pair_values(words), "spearman")
    null = correlation_null(unit_pairs(pair_values(layers), "spearman"), pair_matrix(unit, concepts), permutations)
    upper = np.triu_indices(concepts, 1)
    for b in (0, 31, 32, 39):
        dealt = words[np.ix_(permutations[b], permutations[b])]
        for k in range(3):
            assert null[b, k] == pytest.approx(spearmanr(layers[k][upper], dealt[upper])[0], abs=1e-12)


def test_the_same_product_gives_the_null_of_debiased_cka():
    x, y = rng(1).normal(size=(12, 30)), rng(2).normal(size=(12, 9))
    k, l = x @ x.T, y @ y.T
    permutations = label_permutations(20, 12, seed=0)
    null = correlation_null(2**0.5 * pair_values(u_unit(k))[None], 2**0.5 * u_unit(l), permutations)[:, 0]
    for b, order in enumerate(permutations):
        assert null[b] == pytest.approx(debiased_cka(k, l[np.ix_(order, order)]), abs=1e-12)


@pytest.mark.parametrize("concepts", [5, 11, 20])
@pytest.mark.parametrize("ties", ["half", "fail", "pass"])
def test_two_vs_two_null_equals_relabelling(concepts, ties):
    layers, words = np.stack([correlations(concepts, seed=s) for s in range(3)]), correlations(concepts, seed=9)
    permutations = label_permutations(30, concepts, seed=1)
    null = two_vs_two_null(layers, words, permutations, ties=ties)
    for b, order in enumerate(permutations):
        expected = [two_vs_two(layer, words[np.ix_(order, order)], ties=ties).accuracy for layer in layers]
        assert np.allclose(null[b], expected, atol=1e-12)


def test_two_vs_two_null_is_wider_than_a_binomial():
    """Pairs share concepts: the published SD at 60 concepts is .075, a binomial's .012."""
    a, b = correlations(60, seed=1, features=300), correlations(60, seed=2, features=300)
    null = two_vs_two_null(a[None], b, label_permutations(400, 60, seed=0))
    assert null.mean() == pytest.approx(0.5, abs=0.02)
    assert null.std() == pytest.approx(0.075, abs=0.02)


def test_first_return_is_a_uniform_permutation_of_the_rest():
    permutations = label_permutations(24_000, 6, seed=0)
    induced = first_return(permutations, np.array([1, 4]))
    assert (np.sort(induced, axis=1) == np.arange(6)).all()
    assert (induced[:, [1, 4]] == [1, 4]).all()
    counts = Counter(map(tuple, induced[:, [0, 2, 3, 5]].tolist()))
    assert len(counts) == 24
    assert max(abs(count - 1000) for count in counts.values()) < 5 * np.sqrt(1000)


def test_first_return_follows_the_permutation_through_masked_places():
    assert first_return(np.array([[1, 2, 3, 0, 4]]), np.array([1, 2])).tolist() == [[3, 1, 2, 0, 4]]
    assert first_return(np.array([[0, 1, 3, 2, 4]]), np.array([0])).tolist() == [[0, 1, 3, 2, 4]]


def test_one_vs_two_null_equals_relabelling():
    concepts, images = 9, 7
    draw = rng(5)
    layers = draw.normal(size=(2, images, concepts))
    first, second = draw.normal(size=(2, images, concepts))
    masked = np.zeros((images, concepts), bool)
    masked[np.arange(images), np.arange(images)] = True
    masked[:4, 8] = True
    permutations = label_permutations(25, concepts, seed=2)
    null = one_vs_two_null(layers, first, second, masked=masked, permutations=permutations)
    for b in range(25):
        orders = [first_return(permutations[b : b + 1], np.flatnonzero(row))[0] for row in masked]
        dealt = [np.stack([words[i][orders[i]] for i in range(images)]) for words in (first, second)]
        expected = [one_vs_two(layer, *dealt, masked=masked).accuracy for layer in layers]
        assert np.allclose(null[b], expected, atol=1e-12)


def test_one_vs_two_null_has_mean_one_half():
    draw = rng(6)
    u, first, second = draw.normal(size=(3, 12, 15))
    masked = np.eye(15, dtype=bool)[:12]
    null = one_vs_two_null(u[None], first, second, masked=masked, permutations=label_permutations(4000, 15, seed=0))
    assert null.mean() == pytest.approx(0.5, abs=0.02)
