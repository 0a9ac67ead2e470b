from itertools import permutations as orders

import numpy as np
import pytest

from advwindow.errors import UserError
from advwindow.window.neighbours import neighbour_null, neighbour_overlap
from advwindow.window.permutation import label_permutations


def similarities(concepts, *, seed=0, shape=()):
    return np.random.default_rng(seed).normal(size=(*shape, concepts, concepts))


def nearest(row, own, k):
    others = [j for j in range(len(row)) if j != own]
    return set(sorted(others, key=lambda j: -row[j])[:k])


def brute_force(a, b, k):
    return np.array([len(nearest(a[i], i, k) & nearest(b[i], i, k)) / k for i in range(len(a))])


@pytest.mark.parametrize(("concepts", "k"), [(3, 1), (5, 3), (12, 1), (12, 4), (12, 10), (30, 10)])
def test_sets(concepts, k):
    a, b = similarities(concepts, seed=1), similarities(concepts, seed=2)
    found = neighbour_overlap(a, b, k=k)
    assert np.allclose(found.per_concept, brute_force(a, b, k))
    assert found.value == pytest.approx(brute_force(a, b, k).mean())
    assert found.chance == k / (concepts - 1)


def test_a_stack_is_scored_one_by_one():
    stack, b = similarities(10, seed=1, shape=(2, 3)), similarities(10, seed=2)
    found = neighbour_overlap(stack, b, k=3)
    assert found.value.shape == (2, 3)
    for place in np.ndindex(2, 3):
        assert np.allclose(found.per_concept[place], brute_force(stack[place], b, 3))


def test_the_diagonal_and_monotone_maps_do_not_matter():
    a, b = similarities(10, seed=1), similarities(10, seed=2)
    base = neighbour_overlap(a, b, k=3).per_concept
    for diagonal in (100.0, -100.0, np.nan, np.inf):
        spoilt = a.copy()
        np.fill_diagonal(spoilt, diagonal)
        assert np.array_equal(neighbour_overlap(spoilt, b, k=3).per_concept, base)
    assert np.array_equal(neighbour_overlap(np.exp(a), b, k=3).per_concept, base)
    assert neighbour_overlap(a, a, k=3).value == 1
    assert not np.array_equal(neighbour_overlap(-a, b, k=3).per_concept, base)


def tied(concepts, seed):
    return np.random.default_rng(seed).integers(0, 3, size=(concepts, concepts)).astype(float)


@pytest.mark.parametrize("k", [1, 2, 3])
def test_ties_are_the_mean_over_all_ways_to_break_them(k):
    a, b = tied(5, 1), tied(5, 2)
    found = neighbour_overlap(a, b, k=k).per_concept

    def broken(matrix, row):
        """Each way to order the columns of equal similarity."""
        return [nearest(matrix[row] + 1e-3 * np.array(order), row, k) for order in orders(range(5))]

    for i in range(5):
        ways = [len(one & two) / k for one in broken(a, i) for two in broken(b, i)]
        assert found[i] == pytest.approx(np.mean(ways))


def test_ties_do_not_depend_on_the_order_or_on_rounding():
    a, b, order = tied(9, 1), tied(9, 2), np.random.default_rng(3).permutation(9)
    base = neighbour_overlap(a, b, k=2).per_concept
    dealt = neighbour_overlap(a[np.ix_(order, order)], b[np.ix_(order, order)], k=2).per_concept
    assert np.allclose(dealt, base[order])
    assert np.allclose(neighbour_overlap(a + 1e-14 * similarities(9), b, k=2).per_concept, base)
    assert not np.allclose(neighbour_overlap(a + 1e-6 * similarities(9), b, k=2).per_concept, base)


def test_all_equal_is_chance():
    found = neighbour_overlap(np.ones((9, 9)), similarities(9), k=2)
    assert found.value == pytest.approx(found.chance)


@pytest.mark.parametrize("make", [similarities, tied])
def test_null_equals_relabelling(make):
    a, b = np.stack([make(10, seed=1), make(10, seed=2)]), make(10, seed=3)
    permutations = np.vstack([np.arange(10), label_permutations(30, 10, seed=1)])
    null = neighbour_null(a, b, permutations, k=3)
    slow = [neighbour_overlap(a, b[np.ix_(order, order)], k=3).value for order in permutations]
    assert null.shape == (31, 2)
    assert np.allclose(null, slow)
    assert np.allclose(neighbour_null(a[0], b, permutations, k=3), null[:, 0])


def test_null_in_blocks(monkeypatch):
    a, b, permutations = similarities(8, seed=1), similarities(8, seed=2), label_permutations(23, 8, seed=1)
    whole = neighbour_null(a, b, permutations, k=2)
    monkeypatch.setattr("advwindow.window.neighbours._BLOCK", 70)
    assert np.array_equal(neighbour_null(a, b, permutations, k=2), whole)


def test_the_mean_over_all_relabellings_is_chance():
    a, b = similarities(5, seed=1), tied(5, 2)
    every = np.array(list(orders(range(5))))
    assert neighbour_null(a, b, every, k=2).mean() == pytest.approx(neighbour_overlap(a, b, k=2).chance)


def test_bad_input():
    a, b = similarities(6), similarities(6, seed=1)
    with pytest.raises(UserError, match="do not fit"):
        neighbour_overlap(a[:5, :5], b, k=2)
    for k in (0, 5):
        with pytest.raises(UserError, match=f"got {k}; expected 1 to 4 for 6 concepts"):
            neighbour_overlap(a, b, k=k)
    a[0, 1] = np.nan
    with pytest.raises(UserError, match="not finite"):
        neighbour_overlap(a, b, k=2)
    with pytest.raises(UserError, match="not finite"):
        neighbour_null(a, b, label_permutations(2, 6, seed=0), k=2)
