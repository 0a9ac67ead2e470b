import numpy as np
import pytest

from advwindow.errors import UserError
from advwindow.window.crossvalidated import crossvalidated_distances, crossvalidated_shift


def patterns(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def products(x, y=None):
    """Gram of fold-major patterns ``(..., M, C, d)``."""
    x = x.reshape(*x.shape[:-3], -1, x.shape[-1])
    y = x if y is None else y.reshape(*y.shape[:-3], -1, y.shape[-1])
    return x @ y.swapaxes(-1, -2)


def double_loop(x, y):
    """Mean over ordered pairs of folds of the products of two sets of differences ``(M, d)``."""
    folds = len(x)
    pairs = [(m, n) for m in range(folds) for n in range(folds) if m != n]
    return np.mean([x[m] @ y[n] for m, n in pairs]) / x.shape[1]


@pytest.mark.parametrize("folds", [2, 3, 5])
def test_distances_equal_the_double_loop(folds):
    x = patterns(folds, 6, 9) + 3
    found = crossvalidated_distances(products(x), folds=folds, features=9)
    for i in range(6):
        for j in range(6):
            assert found[i, j] == pytest.approx(double_loop(x[:, i] - x[:, j], x[:, i] - x[:, j]), abs=1e-12)
    assert np.array_equal(found, found.T)
    assert np.array_equal(np.diag(found), np.zeros(6))


@pytest.mark.parametrize("folds", [2, 3, 5])
def test_shift_equals_the_double_loop(folds):
    x, y = patterns(folds, 6, 9, seed=1) + 3, patterns(folds, 6, 9, seed=2)
    found = crossvalidated_shift(products(x), products(x, y), products(y), folds=folds, features=9)
    assert found == pytest.approx(np.array([double_loop((x - y)[:, i], (x - y)[:, i]) for i in range(6)]))


def test_stacks_are_taken_one_by_one():
    x, y = patterns(3, 5, 7, seed=1), patterns(4, 3, 5, 7, seed=2)
    distances = crossvalidated_distances(products(y), folds=3, features=7)
    shift = crossvalidated_shift(products(x), products(x[None], y), products(y), folds=3, features=7)
    assert (distances.shape, shift.shape) == ((4, 5, 5), (4, 5))
    for s in range(4):
        alone = crossvalidated_shift(products(x), products(x, y[s]), products(y[s]), folds=3, features=7)
        assert np.allclose(shift[s], alone)
        assert np.allclose(distances[s], crossvalidated_distances(products(y[s]), folds=3, features=7))


def test_without_noise_it_is_the_plain_distance():
    x = np.repeat(patterns(1, 5, 8), 3, axis=0)
    found = crossvalidated_distances(products(x), folds=3, features=8)
    plain = ((x[0][:, None] - x[0]) ** 2).mean(-1)
    assert np.allclose(found, plain)
    y = x + 2
    assert np.allclose(crossvalidated_shift(products(x), products(x, y), products(y), folds=3, features=8), 4)


def test_distances_are_unbiased_and_plain_ones_are_not():
    truth = np.array([[0.0], [0.0], [1.0]]) * np.ones(10)
    x = truth + patterns(2000, 4, 3, 10)
    found = crossvalidated_distances(products(x), folds=4, features=10)
    error = found.std(0) / np.sqrt(len(found))
    assert abs(found.mean(0)[0, 1]) < 4 * error[0, 1]
    assert abs(found.mean(0)[0, 2] - 1) < 4 * error[0, 2]
    assert (found[:, 0, 1] < 0).any()
    assert ((x.mean(1)[:, 0] - x.mean(1)[:, 1]) ** 2).mean() > 0.4


def test_shift_is_unbiased_also_where_conditions_share_their_images():
    images = patterns(2000, 4, 2, 10, seed=1)
    moved = np.array([[0.0], [0.5]])
    own_way = patterns(2000, 4, 2, 10, seed=2)  # each image is moved its own way, which averages out
    attacked = images + moved + own_way
    found = np.stack(
        [
            crossvalidated_shift(products(x), products(x, y), products(y), folds=4, features=10)
            for x, y in zip(images, attacked, strict=True)
        ]
    )
    error = found.std(0) / np.sqrt(len(found))
    assert np.all(np.abs(found.mean(0) - [0, 0.25]) < 4 * error)
    assert (found[:, 0] < 0).any()
    assert ((attacked - images).mean(1)[:, 0] ** 2).mean() > 0.2


def test_nothing_moved():
    x = patterns(3, 5, 7)
    still = crossvalidated_shift(products(x), products(x), products(x), folds=3, features=7)
    assert np.allclose(still, 0, atol=1e-14)


@pytest.mark.parametrize(
    ("folds", "features", "message"),
    [
        (1, 7, "at least two folds: got 1. Fix: give at least two images"),
        (4, 7, "does not split"),
        (3, 0, "needs features"),
    ],
)
def test_bad_input(folds, features, message):
    gram = products(patterns(3, 5, 7))
    with pytest.raises(UserError, match=message):
        crossvalidated_distances(gram, folds=folds, features=features)
    with pytest.raises(UserError, match=message):
        crossvalidated_shift(gram, gram, gram, folds=folds, features=features)


def test_grams_of_different_sizes():
    gram = products(patterns(3, 5, 7))
    with pytest.raises(UserError, match="do not fit"):
        crossvalidated_shift(gram, gram[:12, :12], gram, folds=3, features=7)
    with pytest.raises(UserError, match="does not split"):
        crossvalidated_distances(gram[:14], folds=3, features=7)
