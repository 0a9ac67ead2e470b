import numpy as np
import pytest

from advwindow.errors import UserError
from advwindow.window.sums import Patterns, PatternSums, closeness, displacement, joined, products
from tests.window.helpers import patterns_of, rng


def batch(seed: int, n: int = 50) -> tuple[dict[str, np.ndarray], np.ndarray]:
    draw = rng(seed)
    return {"a": draw.normal(size=(n, 6)) + 3, "b": draw.normal(size=(n, 3))}, draw.integers(0, 4, n)


def added(sums: PatternSums, acts, places, rows: slice = slice(None)) -> PatternSums:
    sums.add({layer: patterns_of(each[rows]) for layer, each in acts.items()}, places[rows])
    return sums


def test_means_do_not_depend_on_batches_or_shards():
    acts, places = batch(0)
    whole, parts, other = (PatternSums(4) for _ in range(3))
    added(whole, acts, places)
    for target, rows in ((parts, slice(0, 7)), (parts, slice(7, 23)), (other, slice(23, 50))):
        added(target, acts, places, rows)
    parts.merge(other)
    assert np.array_equal(parts.counts, whole.counts)
    for layer, rows in acts.items():
        expected = np.stack([rows[places == c].mean(0) for c in range(4)])
        for sums in (whole, parts):
            mean = sums.mean(layer)
            assert np.allclose(mean.centred + mean.mean[:, None], expected, atol=1e-14)
            assert np.allclose(mean.mean, expected.mean(1), atol=1e-14)


def test_features_must_not_change():
    sums = PatternSums(2)
    sums.add({"a": patterns_of(np.ones((1, 3)))}, np.array([0]))
    with pytest.raises(UserError, match="layer 'a' changes its number of features between batches: got '3 and 4'"):
        sums.add({"a": patterns_of(np.ones((1, 4)))}, np.array([1]))


def test_closeness_is_correlation_or_cosine():
    x, refs = rng(1).normal(size=(5, 20)) + 3, rng(2).normal(size=(4, 20)) + 1
    expected = np.corrcoef(np.vstack([x, refs]))[:5, 5:]
    assert np.allclose(closeness(patterns_of(x), patterns_of(refs), similarity="pearson"), expected, atol=1e-14)
    cosine = x @ refs.T / np.outer(np.linalg.norm(x, axis=1), np.linalg.norm(refs, axis=1))
    assert np.allclose(closeness(patterns_of(x), patterns_of(refs), similarity="cosine"), cosine, atol=1e-14)
    assert np.allclose(products(patterns_of(x), patterns_of(refs)), x @ refs.T)


def test_closeness_of_an_activation_without_variance_is_missing():
    x = np.vstack([np.full(20, np.float32(0.1)), rng().normal(size=20)])
    found = closeness(patterns_of(x), patterns_of(rng(1).normal(size=(3, 20))), similarity="pearson")
    assert np.isnan(found[0]).all()
    assert np.isfinite(found[1]).all()


def test_displacement():
    clean, moved = np.array([[3.0, 4.0], [0.0, 0.0]]), np.array([[3.0, 7.0], [1.0, 0.0]])
    found = displacement(patterns_of(clean), patterns_of(moved))
    assert found[0] == pytest.approx(0.6)
    assert np.isnan(found[1])


def test_parts_of_patterns():
    x = patterns_of(rng(3).normal(size=(5, 8)))
    again = joined([x.take(slice(0, 2)), x.take(np.array([2, 3, 4]))])
    assert all(np.array_equal(one, other) for one, other in zip(again, x, strict=True))
    assert Patterns(x.centred.astype(np.float32), x.mean, 8).size == 5 * 8 * 4 + 5 * 8
