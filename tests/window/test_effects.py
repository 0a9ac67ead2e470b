import numpy as np
import pytest
from scipy.stats import binom, spearmanr

from advwindow.window.effects import (
    LOSER_RATE,
    area_between,
    cohens_q,
    concept_losses,
    first_layers,
    mirror_q,
    z_against_null,
)
from advwindow.window.similarity import ConstantPatternError
from advwindow.window.verdict import Verdict
from tests.window.helpers import rng, shared_factors


def test_cohens_q():
    found = cohens_q(np.array([0.5, 0.0, 1.0, np.nan]), np.array([0.2, 0.0, 0.5, 0.1]))
    assert found[0] == pytest.approx(0.5 * np.log(3) - 0.5 * np.log(1.2 / 0.8))
    assert found[1] == 0
    assert np.isnan(found[2:]).all()


def test_z_against_the_null():
    null = rng(0).normal(size=(500, 3)) * [1, 10, 0] + [0, 5, 1]
    found = z_against_null(np.array([2.0, 25.0, 1.0]), null)
    assert found[:2] == pytest.approx((np.array([2.0, 25.0]) - null[:, :2].mean(0)) / null[:, :2].std(0, ddof=1))
    assert found[0] == pytest.approx(2, abs=0.3)
    assert np.isnan(found[2])


def test_area_between_curves():
    flat = np.full(5, 0.5)
    assert area_between(flat, flat - 0.2) == pytest.approx(0.2)
    assert area_between(flat, flat + 0.2) == pytest.approx(-0.2)
    assert area_between(flat, flat - np.array([0, 0, 0, 0, 0.4])) == pytest.approx(0.4 / 8)
    uneven = np.array([0.0, 1, 2, 3, 13])
    assert area_between(flat, flat - np.array([0, 0, 0, 0, 0.4]), depth=uneven) == pytest.approx(0.2 * 10 / 13)


def test_area_leaves_out_layers_without_geometry():
    clean = np.array([0.5, np.nan, 0.5])
    assert area_between(clean, np.array([0.5, 0.1, 0.3])) == pytest.approx(0.1)
    assert area_between(np.array([0.5]), np.array([0.2])) == pytest.approx(0.3)
    assert np.isnan(area_between(np.array([np.nan]), np.array([0.2])))


def test_first_layers():
    names = ["a", "b", "c", "d"]
    verdicts = [Verdict.UNANCHORED, Verdict.INTACT, Verdict.COLLAPSED, Verdict.ERODED]
    assert first_layers(names, verdicts, [False, False, False, True]) == ("c", "c", "d")
    assert first_layers(names, [Verdict.INTACT, Verdict.ERODED] * 2, [True] * 4) == ("b", None, "a")
    assert first_layers(names[:1], [Verdict.INTACT], [False]) == (None, None, None)


def stacked(clean, attacked):
    return np.corrcoef(np.concatenate([clean, attacked]))


def test_losses_against_the_definition():
    words, clean, attacked = shared_factors(9, seed=0)
    similar, word = stacked(clean, attacked), np.corrcoef(words)
    found = concept_losses(similar, word)
    for i in range(9):
        others = [j for j in range(9) if j != i]
        for row, value in ((i, found.clean[i]), (9 + i, found.condition[i])):
            profile = [similar[row, j] + similar[row, 9 + j] for j in others]
            assert value == pytest.approx(spearmanr(profile, word[i, others]).statistic)
    assert found.loss == pytest.approx(found.clean - found.condition)
    assert "10 are needed" in found.note


@pytest.mark.parametrize("measure", ["pearson", "spearman"])
def test_interchanging_patterns_turns_the_signs_of_their_losses_alone(measure):
    """This is what the control of false discoveries rests on."""
    words, clean, attacked = shared_factors(30, seed=1)
    coins = rng(2).integers(0, 2, (30, 1)).astype(bool)
    plain = concept_losses(stacked(clean, attacked), np.corrcoef(words), measure=measure)
    swapped = (np.where(coins, attacked, clean), np.where(coins, clean, attacked))
    found = concept_losses(stacked(*swapped), np.corrcoef(words), measure=measure)
    assert found.loss == pytest.approx(np.where(coins[:, 0], -1, 1) * plain.loss)


def test_nothing_moved():
    words, clean, _ = shared_factors(30, seed=1)
    found = concept_losses(stacked(clean, clean), np.corrcoef(words))
    assert (found.loss == 0).all()
    assert (found.q == 1).all()
    assert found.note == ""


def test_constant_profiles_are_refused():
    words, clean, attacked = shared_factors(12, seed=1)
    flat = np.corrcoef(words)
    flat[3] = 0.5
    with pytest.raises(ConstantPatternError):
        concept_losses(stacked(clean, attacked), flat)


def slow_named(loss, rate):
    """Barber & Candes: the smallest threshold whose estimated false discovery rate is small enough."""
    for t in sorted({abs(x) for x in loss if x != 0}):
        if (1 + sum(loss <= -t)) / max(1, sum(loss >= t)) <= rate:
            return loss >= t
    return np.zeros(len(loss), dtype=bool)


def test_q_is_the_rate_at_which_the_filter_selects():
    for seed in range(30):
        loss = np.round(rng(seed).normal(0.5, 1, size=40), 1)
        found = mirror_q(loss)
        for rate in (0.05, 0.1, 0.2, 0.5, 0.9):
            assert ((found <= rate) == slow_named(loss, rate)).all()
        assert (found[loss <= 0] == 1).all()


def moved(concepts, losers, *, seed):
    """Words and the stacked similarity when some concepts' attacked patterns are those of nothing."""
    words, clean, attacked = shared_factors(concepts, seed=seed)
    attacked[:losers] = rng(seed + 50_000).normal(size=(losers, clean.shape[1])) * clean.std()
    return concept_losses(stacked(clean, attacked), np.corrcoef(words))


def test_exchangeable_conditions_have_no_losers():
    """Without a loser every naming is false: at most one run in ten may name any."""
    runs = 300
    false = sum((moved(30, 0, seed=seed).q <= LOSER_RATE).any() for seed in range(runs))
    assert false <= binom.ppf(0.999, runs, LOSER_RATE)


def test_exchangeable_conditions_at_a_rate_that_30_concepts_can_reach():
    runs, rate = 300, 0.5
    false = sum((moved(30, 0, seed=seed).q <= rate).any() for seed in range(runs))
    assert runs * 0.2 <= false <= binom.ppf(0.999, runs, rate)


@pytest.mark.parametrize(("concepts", "losers"), [(30, 15), (40, 30)])
def test_losers_are_found_and_those_that_stayed_are_not_blamed(concepts, losers):
    named = [moved(concepts, losers, seed=seed).q <= LOSER_RATE for seed in range(100)]
    false = [one[losers:].sum() / max(1, one.sum()) for one in named]
    power = np.mean([one[:losers].mean() for one in named])
    assert np.mean(false) <= LOSER_RATE + 3 * np.std(false) / 10
    assert power > 0.8
