import numpy as np
import pytest
from scipy.stats import binom, false_discovery_control

from advwindow.errors import UserError
from advwindow.window.multiplicity import CORRECTIONS, adjusted, resampled_p
from tests.window.helpers import rng


def slow_step_down(scored: np.ndarray) -> np.ndarray:
    """Westfall-Young, one step after the other; row 0 is the observation."""
    order = np.argsort(-scored[0], kind="stable")
    found, floor = np.empty(scored.shape[1]), 0.0
    for step, layer in enumerate(order):
        rest = scored[1:, order[step:]].max(1)
        floor = max(floor, (1 + np.sum(rest >= scored[0, layer] - 1e-9)) / len(scored))
        found[layer] = floor
    return found


@pytest.mark.parametrize("tail", ["upper", "lower", "both"])
def test_against_the_definition(tail):
    null = rng(1).normal(size=(199, 6)) * rng(2).uniform(0.1, 5, 6)
    observed = rng(3).normal(size=6) * 2
    found = resampled_p(observed, null, tail=tail)
    sign = {"upper": 1, "lower": -1, "both": 0}[tail]
    fold = np.abs if tail == "both" else lambda t: sign * t
    assert np.allclose(found.raw, [(1 + np.sum(fold(null[:, k]) >= fold(observed[k]))) / 200 for k in range(6)])
    both = np.vstack([observed, null])
    scored = np.abs(both) / np.sqrt((both**2).mean(0)) if tail == "both" else sign * (both - both.mean(0)) / both.std(0)
    assert np.allclose(found.adjusted, slow_step_down(scored))


def test_bounds_and_order():
    null = rng(1).normal(size=(99, 8))
    found = resampled_p(np.linspace(-9, 9, 8), null, tail="upper")
    assert found.raw.min() == 1 / 100
    assert found.raw.max() == 1
    assert (found.adjusted >= found.raw).all()
    assert (np.diff(found.adjusted) <= 0).all()


def test_one_layer_needs_no_adjustment():
    null = rng(1).normal(size=(99, 1))
    found = resampled_p(np.array([1.5]), null, tail="both")
    assert found.raw == found.adjusted


def test_scale_and_equal_values_do_not_matter():
    null = rng(1).normal(size=(99, 3))
    observed = np.array([2.0, 0.0, -1.0])
    scale = np.array([1e-6, 1.0, 1e6])
    plain, scaled = (resampled_p(observed * s, null * s, tail="both") for s in (1.0, scale))
    assert np.allclose(plain.adjusted, scaled.adjusted)
    nothing = resampled_p(np.zeros(3), np.zeros((99, 3)), tail="both")
    assert (nothing.raw == 1).all()
    assert (nothing.adjusted == 1).all()


def test_family_wise_error_is_five_percent_for_correlated_layers():
    runs, draws = 1000, 99
    false = 0
    for seed in range(runs):
        shared = rng(seed).normal(size=(draws + 1, 1))
        table = shared + rng(seed + 10_000).normal(size=(draws + 1, 8)) * np.arange(1, 9)
        false += resampled_p(table[0], table[1:], tail="upper").adjusted.min() <= 0.05
    assert binom.ppf(0.001, runs, 0.05) <= false <= binom.ppf(0.999, runs, 0.05)


def slow_rejections(p: np.ndarray, rate: float, penalty: float) -> np.ndarray:
    """The procedure as published: reject the k smallest, k the largest with p_(k) <= k rate / (L penalty)."""
    order = np.argsort(p)
    passed = [k for k in range(1, len(p) + 1) if p[order[k - 1]] <= k * rate / (len(p) * penalty)]
    rejected = np.zeros(len(p), dtype=bool)
    rejected[order[: max(passed, default=0)]] = True
    return rejected


@pytest.mark.parametrize("method", ["bh", "by"])
@pytest.mark.parametrize("size", [1, 2, 7, 50])
def test_adjusted_against_scipy(method, size):
    for seed in range(20):
        p = rng(seed).uniform(size=size) ** 3
        assert np.allclose(adjusted(p, method), false_discovery_control(p, method=method))


@pytest.mark.parametrize("method", ["bh", "by"])
def test_adjusted_against_the_procedure(method):
    p = np.round(rng(0).uniform(size=40) ** 2, 2)
    penalty = (1 / np.arange(1, 41)).sum() if method == "by" else 1
    found = adjusted(p, method)
    for rate in (0.013, 0.051, 0.1234, 0.317, 0.71):
        assert ((found <= rate) == slow_rejections(p, rate, penalty)).all()
    assert found.max() <= 1


@pytest.mark.parametrize("method", ["bh", "by"])
def test_missing_tests_do_not_count(method):
    p = np.array([np.nan, 0.01, 0.2, np.nan, 0.03])
    found = adjusted(p, method)
    assert np.isnan(found[[0, 3]]).all()
    assert np.allclose(found[[1, 2, 4]], false_discovery_control(p[[1, 2, 4]], method=method))
    assert np.isnan(adjusted(np.full(3, np.nan), method)).all()


def test_correction_of_resampled_p():
    null = rng(1).normal(size=(199, 6))
    observed = np.array([3.5, 2.5, 2.0, 1.0, 0.0, -1.0])
    found = {name: resampled_p(observed, null, tail="upper", correction=name) for name in CORRECTIONS}
    assert found["max-t"].adjusted.tolist() == resampled_p(observed, null, tail="upper").adjusted.tolist()
    for name in ("bh", "by"):
        assert found[name].raw.tolist() == found["max-t"].raw.tolist()
        assert np.allclose(found[name].adjusted, false_discovery_control(found[name].raw, method=name))


def test_unknown_corrections():
    with pytest.raises(UserError, match="max-t"):
        resampled_p(np.zeros(2), np.zeros((9, 2)), tail="upper", correction="maxt")
    with pytest.raises(UserError, match="unknown correction"):
        adjusted(np.zeros(2), "max-t")
