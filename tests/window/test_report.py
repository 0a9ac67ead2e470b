from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import t as student

from advwindow.window.alignment import pair_values, unit_pairs
from advwindow.window.dyadic import dyadic_covariance
from advwindow.window.evidence import CLEAN, NOISE, Trials
from advwindow.window.grams import Gram
from advwindow.window.options import Options
from advwindow.window.report import LAYER_COLUMNS, analyse
from tests.window.helpers import evidence_of, rng, shared_factors

FAST = Options(permutations=999)


@pytest.fixture(scope="module")
def analysed():
    words, clean, again = shared_factors(24, seed=1, noise=0.5)
    lost = 0.4 * again + 3 * rng(2).normal(size=clean.shape)
    parts = [clean, again, lost]
    return analyse(evidence_of(words, {"layer": parts}, conditions=(CLEAN, NOISE, "attack")), FAST), words, parts


def test_drift_its_interval_and_retention(analysed):
    report, words, parts = analysed
    clean, noise, attack = report.layers.iter_rows(named=True)
    unit = unit_pairs(pair_values(np.stack([np.corrcoef(x) for x in parts])), "pearson")
    y = unit_pairs(pair_values(np.corrcoef(words)), "pearson")
    r = unit @ y
    assert [row["alignment"] for row in (clean, noise, attack)] == pytest.approx(r.tolist())
    covariance = dyadic_covariance(unit, y, 24)
    for row, contrast in ((noise, [1, -1, 0]), (attack, [1, 0, -1])):
        weights = np.array([contrast], np.float64)
        se = np.sqrt(covariance.of(weights)[0, 0])
        assert row["drift"] == pytest.approx((weights @ r)[0])
        assert row["drift_se"] == pytest.approx(se)
        assert row["drift_ci_low"] == pytest.approx((weights @ r)[0] - student.ppf(0.975, 23) * se)
    assert attack["retention"] == pytest.approx(r[2] / r[0])
    assert attack["verdict"] == "eroded"
    beyond = np.sqrt(covariance.of(np.array([[0.0, 1.0, -1.0]]))[0, 0])
    assert attack["drift_beyond_noise_high"] == pytest.approx(r[1] - r[2] + student.ppf(0.975, 23) * beyond)


def test_one_layer_has_a_band_as_wide_as_its_interval(analysed):
    row = analysed[0].layers.row(2, named=True)
    assert row["band_high"] - row["band_low"] == pytest.approx(row["ci_high"] - row["ci_low"], rel=0.03)


def test_retention_is_missing_where_nothing_was_there(analysed):
    _, words, parts = analysed
    blind = rng(7).normal(size=parts[0].shape)
    report = analyse(evidence_of(words, {"layer": [blind, blind + 0.1]}), FAST)
    row = report.layers.row(1, named=True)
    assert row["verdict"] == "unanchored"
    assert row["retention"] is None
    assert row["collapse_bound"] is not None


def test_report_keeps_what_it_was_made_of(analysed):
    report, words, _ = analysed
    assert report.options == FAST
    assert report.evidence.spaces["toy"].gram.features == words.shape[1]
    assert tuple(report.layers.columns) == LAYER_COLUMNS


@pytest.mark.parametrize(
    ("concepts", "options", "said"),
    [
        (40, Options(), ["No noise control"]),
        (40, Options(permutations=99), ["Only 99 permutations: no p-value is below 0.01.", "No noise control"]),
        (12, Options(), ["Only 12 concepts: collapse", "No noise control"]),
        (5, Options(), ["Only 5 concepts: the swap test", "Only 5 concepts: collapse", "No noise control"]),
        (40, Options(two_vs_two_permutations=0), ["No noise control", "2 vs 2 accuracies have no p-values"]),
    ],
)
def test_caveats(concepts, options, said):
    words, clean, again = shared_factors(concepts, seed=1)
    caveats = analyse(evidence_of(words, {"layer": [clean, again]}), options).caveats
    assert len(caveats) == len(said)
    assert all(caveat.startswith(start) for caveat, start in zip(caveats, said, strict=True))


def test_words_that_are_equally_similar_to_all_others_cost_the_matching_and_nothing_else():
    """A taxonomy of two levels: four groups of five classes, and four classes alone."""
    _, clean, _ = shared_factors(24, seed=1, noise=0.5)
    groups = np.eye(24)
    for start in range(0, 20, 5):
        groups[start : start + 5, start : start + 5] = 1
    evidence = evidence_of(groups, {"layer": [clean, clean + rng(1).normal(size=clean.shape)]})
    space = replace(evidence.spaces["toy"], gram=Gram(groups, np.zeros(24), 1))
    trials = Trials(np.array([1, 1]), np.array([0, 22]), np.array([7, 3]), groups[[7, 3]])
    near = np.corrcoef(clean)[[0, 22]]
    layers = {name: replace(layer, closeness=near) for name, layer in evidence.layers.items()}
    report = analyse(replace(evidence, trials=trials, layers=layers, spaces={"toy": space}), FAST)
    attack = report.layers.row(1, named=True)
    assert attack["alignment"] is not None
    assert attack["drift_p"] is not None
    assert attack["two_vs_two"] is None
    assert attack["one_vs_two_n"] == 1
    assert report.concepts["loss_q"].null_count() == report.concepts.height
    assert any("equally similar to all others: word20, word21, word22, word23." in said for said in report.caveats)


def test_no_layer_with_a_geometry_is_a_report_that_says_so():
    words, clean, _ = shared_factors(12)
    dead = analyse(evidence_of(words, {"dead": [np.ones_like(clean)] * 2}), FAST).layers.row(1, named=True)
    assert (dead["verdict"], dead["alignment"], dead["retention"]) == ("unanchored", None, None)
    assert dead["note"].startswith("Nothing can be compared")


def test_a_word_space_that_sees_no_fall_is_named():
    words, clean, _ = shared_factors(24, seed=1, noise=0.3)
    other = shared_factors(24, seed=5)[0]
    lost = rng(2).normal(size=clean.shape) + other @ rng(3).normal(size=(other.shape[1], clean.shape[1]))
    report = analyse(evidence_of(words, {"layer": [clean, lost]}, others={"second": other}), FAST)
    attack = report.layers.row(1, named=True)
    assert attack["verdict"] in {"eroded", "collapsed"}
    assert "Seen through second, alignment does not fall here." in attack["note"]
