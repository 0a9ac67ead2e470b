import numpy as np
import pytest
from scipy import stats

from advwindow.window.alignment import pair_values, unit_pairs
from advwindow.window.dyadic import Covariance, dyadic_covariance
from advwindow.window.halflife import half_life
from tests.window.helpers import rng

BUDGETS = np.array([1, 2, 4, 8, 16]) / 255


def sure(count, *, variance=1e-12, concepts=50):
    return Covariance(np.eye(count) * variance, np.eye(count) * variance / 10, concepts)


def test_a_straight_line():
    found = half_life(BUDGETS, 0.6 - 0.05 * np.r_[0, 1, 2, 4, 8, 16], covariance=sure(6))
    assert found.estimate == pytest.approx(6 / 255)
    assert found.low == pytest.approx(6 / 255, rel=1e-3)
    assert found.high == pytest.approx(6 / 255, rel=1e-3)
    assert found.text == "6/255 (95 %: 6/255 to 6/255)"
    assert found.note == ""


def test_no_variance_at_all():
    found = half_life(BUDGETS, 0.6 - 0.05 * np.r_[0, 1, 2, 4, 8, 16], covariance=sure(6, variance=0.0))
    assert (found.low, found.high) == (pytest.approx(6 / 255), pytest.approx(6 / 255))


def test_a_measured_budget_may_be_it():
    found = half_life(BUDGETS, np.array([0.8, 0.7, 0.6, 0.4, 0.2, 0.1]), covariance=sure(6))
    assert found.estimate == pytest.approx(4 / 255)


def test_rises_are_pooled():
    """0.3 and 0.5 become 0.4 and 0.4; the half of 0.9 is passed between 2/255 (0.7) and 4/255."""
    found = half_life(BUDGETS[:4], np.array([0.9, 0.8, 0.7, 0.3, 0.5]), covariance=sure(5, variance=0.01))
    assert found.estimate == pytest.approx((2 + 2 * (0.7 - 0.45) / 0.3) / 255)
    assert found.low < found.estimate < found.high


@pytest.mark.parametrize(
    ("alignments", "text", "low", "high"),
    [
        ([0.6, 0.6, 0.6, 0.6, 0.6, 0.5], "> 16/255 (95 %: > 16/255)", 16 / 255, np.inf),
        ([0.6, 0.1, 0.0, 0.0, 0.0, 0.0], "< 1/255 (95 %: < 1/255)", 0.0, 1 / 255),
    ],
)
def test_outside_the_measured_budgets(alignments, text, low, high):
    found = half_life(BUDGETS, np.array(alignments), covariance=sure(6, variance=1e-6))
    assert found.estimate is None
    assert found.text == text
    assert (found.low, found.high) == (low, high)


def test_intervals_may_be_open():
    above = half_life(BUDGETS, np.array([0.6, 0.6, 0.6, 0.6, 0.45, 0.25]), covariance=sure(6, variance=0.0025))
    assert np.isfinite(above.low)
    assert above.high == np.inf
    assert "or more" in above.text
    below = half_life(BUDGETS, np.array([0.6, 0.35, 0.2, 0.0, 0.0, 0.0]), covariance=sure(6, variance=0.0025))
    assert below.low == 0
    assert "up to" in below.text
    lost = half_life(BUDGETS, np.array([0.1, 0.1, 0.05, 0.0, 0.0, 0.0]), covariance=sure(6, variance=0.04))
    assert "anywhere" in lost.text
    assert "not surely above zero" in lost.note


def test_the_ends_are_where_the_test_turns():
    draw = rng(0).normal(size=(6, 6))
    cov = Covariance(draw @ draw.T * 1e-4, np.eye(6) * 1e-6, 40)
    alignments = np.array([0.7, 0.68, 0.6, 0.5, 0.25, 0.0])
    found = half_life(BUDGETS, alignments, covariance=cov)
    grid = np.linspace(BUDGETS[0], BUDGETS[-1], 20_001)
    weights = np.stack([np.interp(grid, np.r_[0, BUDGETS], row) for row in np.eye(6)], axis=1)
    weights[:, 0] -= 0.5
    t = weights @ alignments / np.sqrt(np.einsum("gk,kl,gl->g", weights, cov.robust, weights))
    kept = grid[np.abs(t) <= stats.t.ppf(0.975, 39)]
    assert found.low == pytest.approx(kept.min(), abs=1e-5)
    assert found.high == pytest.approx(kept.max(), abs=1e-5)
    assert found.low < found.estimate < found.high


def test_another_unit():
    found = half_life(np.array([0.5, 1.0]), np.array([0.6, 0.4, 0.2]), covariance=sure(3), show="{:.2f}".format)
    assert found.text.startswith("0.75 ")


def test_what_cannot_be_said_is_said():
    none = half_life(BUDGETS, np.array([-0.1, 0, 0, 0, 0, 0]), covariance=sure(6))
    assert (none.estimate, none.low, none.high, none.text) == (None, None, None, "none")
    assert "not aligned" in none.note
    assert "not aligned" in half_life(BUDGETS, np.full(6, np.nan), covariance=sure(6)).note
    assert "no geometry" in half_life(BUDGETS, np.array([0.5, 0.4, np.nan, 0, 0, 0]), covariance=sure(6)).note
    one = half_life(BUDGETS[:1], np.array([0.6, 0.5]), covariance=sure(2, concepts=12))
    assert one.text == "> 1/255 (95 %: > 1/255)"
    assert "One budget" in one.note
    assert "12 concepts" in one.note


def attacked(concepts, *, seed):
    """Alignments at growing budgets, each adding more of one fixed displacement of every concept."""
    mixing, draw = rng(7), rng(seed)
    factors = draw.normal(size=(concepts, 8))
    words = factors @ mixing.normal(size=(8, 40)) + 2 * draw.normal(size=(concepts, 40))
    clean = factors @ mixing.normal(size=(8, 60)) + 2 * draw.normal(size=(concepts, 60))
    step = 0.8 * draw.normal(size=clean.shape)
    layers = [np.corrcoef(clean + budget * 255 * step) for budget in np.r_[0, BUDGETS]]
    unit = unit_pairs(pair_values(np.stack(layers)), "pearson")
    y = unit_pairs(pair_values(np.corrcoef(words)), "pearson")
    return unit @ y, dyadic_covariance(unit, y, concepts)


@pytest.mark.parametrize("concepts", [30, 60])
def test_interval_covers_the_half_life_of_new_concepts(concepts):
    runs = [attacked(concepts, seed=seed) for seed in range(300)]
    curve = np.mean([r for r, _ in runs], axis=0)
    truth = float(np.interp(-curve[0] / 2, -curve, np.r_[0, BUDGETS]))
    assert BUDGETS[0] < truth < BUDGETS[-1]
    found = [half_life(BUDGETS, r, covariance=cov) for r, cov in runs]
    missed = sum(not one.low <= truth <= one.high for one in found)
    assert stats.binom.ppf(0.0005, 300, 0.05) <= missed <= stats.binom.ppf(0.9995, 300, 0.065)
    assert np.mean([np.isfinite(one.high) for one in found]) > 0.9
