import numpy as np
import pytest
from scipy import stats

from advwindow.window import Options, analyse
from advwindow.window.geometry import word_geometry
from advwindow.window.permutation import label_permutations
from advwindow.window.sets import set_scores
from tests.window.helpers import evidence_of, rng, shared_factors, slow_two_vs_two

CONCEPTS, FOLDS = 9, 3


def several(rows, *, noise=1.5, seed=0):
    """One row for each concept and fold, fold by fold."""
    return np.vstack([rows + noise * rng(seed + fold).normal(size=rows.shape) for fold in range(FOLDS)])


def world():
    words, clean, attacked = shared_factors(CONCEPTS)
    other = rng(4).normal(size=(2, CONCEPTS, 25))
    return evidence_of(
        words,
        {
            "good": [several(clean), several(attacked, seed=5)],
            "chance": [several(other[0], seed=7), several(other[1], seed=9)],
        },
        folds=FOLDS,
    ), words


def scores(evidence, name, **settings):
    options = Options(**({"permutations": 49, "two_vs_two_permutations": 49, "image_sets": True} | settings))
    words = word_geometry(evidence, "toy")
    return set_scores(evidence.layers[name].stack, words, kind="pearson", folds=FOLDS, options=options)


def brute(evidence, words, name, condition, order=slice(None), *, tie=0.5):
    """The loop of the paper in every image set, then the mean of the scores."""
    own = evidence.layers[name].stack.own[condition]
    dealt = np.corrcoef(words[order])
    found = []
    for fold in range(FOLDS):
        rows = slice(fold * CONCEPTS, (fold + 1) * CONCEPTS)
        products = own[rows, rows]
        scale = np.sqrt(np.diag(products))
        wins = slow_two_vs_two(products / np.outer(scale, scale), dealt, tie=tie)
        found.append(wins[np.triu_indices(CONCEPTS, 1)].mean())
    return np.mean(found)


@pytest.mark.parametrize("name", ["good", "chance"])
def test_the_score_is_the_mean_over_image_sets(name):
    evidence, words = world()
    found, _ = scores(evidence, name)
    assert found == pytest.approx([brute(evidence, words, name, s) for s in (0, 1)])


def test_it_is_not_the_score_of_the_mean_image():
    evidence, _ = world()
    found = analyse(evidence, Options(permutations=19, image_sets=True)).layers
    assert not np.allclose(found["two_vs_two_sets"], found["two_vs_two"])


def test_the_null_deals_the_same_words_in_all_sets():
    evidence, words = world()
    _, null = scores(evidence, "good")
    orders = label_permutations(49, CONCEPTS, seed=0)
    for row in (0, 7, 48):
        expected = [brute(evidence, words, "good", s, orders[row]) for s in (0, 1)]
        assert null[row] == pytest.approx(expected)
    assert null.mean() == pytest.approx(0.5, abs=0.05)


def test_p_values_and_false_discovery_rate():
    evidence, _ = world()
    options = Options(permutations=49, two_vs_two_permutations=49, image_sets=True, correction="bh")
    found = analyse(evidence, options).layers
    for condition, s in (("clean", 0), ("attack", 1)):
        raw = []
        for name in ("good", "chance"):
            seen, null = scores(evidence, name)
            raw.append((1 + (null[:, s] >= seen[s] - 1e-12).sum()) / 50)
        rows = found.filter(condition=condition)
        assert rows["two_vs_two_sets_p"].to_list() == pytest.approx(raw)
        expected = stats.false_discovery_control(raw, method="bh")
        assert rows["two_vs_two_sets_p_adjusted"].to_list() == pytest.approx(expected.tolist())


@pytest.mark.parametrize(("ties", "worth"), [("half", 0.5), ("fail", 0.0), ("pass", 1.0)])
def test_ties_count_as_asked(ties, worth):
    """Two concepts of the same activation cannot be told apart."""
    words, clean, _ = shared_factors(CONCEPTS)
    clean[1] = clean[0]
    evidence = evidence_of(words, {"late": [np.vstack([clean] * FOLDS)] * 2}, folds=FOLDS)
    found, _ = scores(evidence, "late", ties=ties)
    assert found[0] == pytest.approx(brute(evidence, words, "late", 0, tie=worth))


def test_without_relabellings_there_is_no_null():
    evidence = world()[0]
    found, null = scores(evidence, "good", two_vs_two_permutations=0)
    assert np.isfinite(found).all()
    assert null.shape == (0, 2)
    report = analyse(evidence, Options(permutations=19, two_vs_two_permutations=0, image_sets=True))
    assert report.layers["two_vs_two_sets"].null_count() == 0
    assert report.layers["two_vs_two_sets_p"].null_count() == 4


def test_nothing_unless_asked():
    evidence, _ = world()
    assert analyse(evidence, Options(permutations=19)).layers["two_vs_two_sets"].null_count() == 4


def flat_in_one_set():
    _, words = world()
    patterns = several(rng(2).normal(size=(CONCEPTS, 25)))
    flat = patterns.copy()
    flat[CONCEPTS + 2] = 0.25
    chance = several(rng(6).normal(size=(CONCEPTS, 25)))
    return evidence_of(words, {"flat": [flat, patterns], "chance": [chance, chance]}, folds=FOLDS), words


def test_a_set_without_a_geometry_has_no_score():
    evidence, _ = flat_in_one_set()
    found, null = scores(evidence, "flat")
    assert np.isnan(found[0])
    assert np.isnan(null[:, 0]).all()


@pytest.mark.parametrize("correction", ["max-t", "bh"])
def test_a_layer_without_a_score_has_no_p_and_is_no_member_of_the_family(correction):
    evidence, words = flat_in_one_set()
    options = Options(permutations=49, two_vs_two_permutations=49, image_sets=True, correction=correction)
    found = analyse(evidence, options).layers
    flat = found.filter(layer="flat", condition="clean")
    assert flat["two_vs_two_sets"].item() is None
    assert flat["two_vs_two_sets_p"].item() is None
    assert flat["two_vs_two_sets_p_adjusted"].item() is None
    alone = evidence_of(words, {"chance": [several(rng(6).normal(size=(CONCEPTS, 25)))] * 2}, folds=FOLDS)
    expected = analyse(alone, options).layers.filter(condition="clean")
    rows = found.filter(layer="chance", condition="clean")
    for name in ("two_vs_two_sets", "two_vs_two_sets_p", "two_vs_two_sets_p_adjusted"):
        assert rows[name].item() == pytest.approx(expected[name].item()), name
