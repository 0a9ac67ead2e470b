import numpy as np
import pytest
from scipy.stats import spearmanr

from advwindow.errors import UserError
from advwindow.window.alignment import pair_values, unit_pairs
from advwindow.window.reliability import (
    Agreement,
    Ceiling,
    disattenuated,
    disattenuated_drift,
    half_splits,
    layer_reliability,
    noise_ceiling,
    spearman_brown,
    stepped_up,
    word_reliability,
)
from tests.window.helpers import rng

ONE_EACH = {folds: np.ones((40, folds), dtype=np.int64) for folds in (2, 3, 4, 5)}


def geometry(patterns, kind):
    unit = patterns - patterns.mean(1, keepdims=True) * (kind == "pearson")
    unit = unit / np.linalg.norm(unit, axis=1, keepdims=True)
    return pair_values(unit @ unit.T)


def fold_products(images, counts, kind):
    """Products of fold means: images by concept ``(C, n, d)``, the k-th in fold k mod M."""
    means = np.stack([images[:, f :: counts.shape[1]].mean(1) for f in range(counts.shape[1])])
    flat = means.reshape(-1, images.shape[2])
    flat = flat - flat.mean(1, keepdims=True) * (kind == "pearson")
    return flat @ flat.T


@pytest.mark.parametrize("kind", ["pearson", "cosine"])
def test_against_activations(kind):
    """Seven images in three folds (3, 2, 2): each pair of folds, one left out."""
    images = rng(0).normal(size=(12, 1, 30)) + rng(1).normal(size=(12, 7, 30)) + 0.5
    counts = np.tile([3, 2, 2], (12, 1))
    agree = []
    for a, b in ((0, 1), (0, 2), (1, 2)):
        halves = (geometry(images[:, f::3].mean(1), kind) for f in (a, b))
        agree.append(spearmanr(*halves).statistic)
    found = layer_reliability(fold_products(images, counts, kind), counts, seed=0)
    assert found.halves == pytest.approx(np.mean(agree))
    ratio = (1 / 3 + 1 / 2 + 1 / 2) / 3 * 7
    assert found.value == pytest.approx(ratio * found.halves / (1 + (ratio - 1) * found.halves))
    assert (found.splits, found.note) == (3, "")


def test_halves_of_several_folds_are_means_over_images():
    images = rng(0).normal(size=(12, 1, 30)) + rng(1).normal(size=(12, 6, 30))
    counts = np.tile([2, 2, 1, 1], (12, 1))
    folds = [images[:, f::4] for f in range(4)]
    agree = []
    for first, second in (((0, 1), (2, 3)), ((0, 2), (1, 3)), ((0, 3), (1, 2))):
        halves = [np.concatenate([folds[f] for f in half], axis=1).mean(1) for half in (first, second)]
        a, b = (geometry(half, "pearson") for half in halves)
        agree.append(np.corrcoef(a, b)[0, 1])
    found = layer_reliability(fold_products(images, counts, "pearson"), counts, measure="pearson", seed=0)
    assert found.halves == pytest.approx(np.mean(agree))
    single = np.corrcoef([geometry(fold.mean(1), "pearson") for fold in folds])[np.triu_indices(4, 1)].mean()
    # 1 / images: 3/4 over single folds; 11/30 over halves of 4 + 2 images (once) and of 3 + 3 (twice); 1/6 over all
    x = (3 / 4, ((1 / 4 + 1 / 2) / 2 + 1 / 3 + 1 / 3) / 3)
    a, b = np.linalg.solve([[x[0], x[0] ** 2], [x[1], x[1] ** 2]], [1 / single - 1, 1 / found.halves - 1])
    assert a > 0 < b
    assert found.value == pytest.approx(1 / (1 + a / 6 + b / 36))


@pytest.mark.parametrize(("folds", "splits"), [(2, 1), (3, 3), (4, 3), (5, 15), (6, 10), (30, 32)])
def test_splits(folds, splits):
    found = half_splits(folds, seed=0)
    assert len(found) == splits
    assert found == half_splits(folds, seed=0)
    assert len({frozenset(map(frozenset, halves)) for halves in found}) == splits
    for first, second in found:
        assert len(first) == len(second) == folds // 2
        assert not set(first) & set(second)


def planted(folds, *, seed, noise, features=200):
    """Two independent samples of fold patterns of the same 40 concepts."""
    draw = rng(seed)
    signal = draw.normal(size=(40, 6)) @ draw.normal(size=(6, features)) / np.sqrt(6)
    return [signal + noise * draw.normal(size=(folds, 40, features)) for _ in range(2)]


def products(patterns):
    flat = patterns.reshape(-1, patterns.shape[2])
    flat = flat - flat.mean(1, keepdims=True)
    return flat @ flat.T


def true_agreement(first, second):
    return spearmanr(geometry(first.mean(0), "pearson"), geometry(second.mean(0), "pearson")).statistic


@pytest.mark.parametrize("folds", [2, 3, 4])
def test_planted_reliability(folds):
    """The correlation with as many other images is what was promised."""
    runs = [planted(folds, seed=seed, noise=1.0) for seed in range(60)]
    found = [layer_reliability(products(first), ONE_EACH[folds], seed=0).value for first, _ in runs]
    truth = [true_agreement(*pair) for pair in runs]
    error = np.std(np.subtract(found, truth)) / np.sqrt(len(runs))
    assert np.mean(found) == pytest.approx(np.mean(truth), abs=3 * error + 0.01)
    assert np.mean(truth) < 0.99


def test_much_noise_is_where_four_folds_help():
    runs = [planted(4, seed=seed, noise=3.0) for seed in range(60)]
    found = [layer_reliability(products(first), ONE_EACH[4], seed=0) for first, _ in runs]
    truth = np.mean([true_agreement(*pair) for pair in runs])
    assert np.mean([spearman_brown(one.halves, 2) for one in found]) < truth - 0.05
    assert np.mean([one.value for one in found]) == pytest.approx(truth, abs=0.025)


def test_single_folds_that_disagree_are_not_used():
    halves = Agreement(0.5, 0.5, 3)
    expected = spearman_brown(0.5, 2)
    assert stepped_up(halves, None, noise=0.25) == expected
    assert stepped_up(halves, Agreement(-0.1, 1.0, 6), noise=0.25) == expected
    assert stepped_up(halves, Agreement(0.4, 0.5, 6), noise=0.25) == expected
    assert stepped_up(halves, Agreement(0.4, 1.0, 6), noise=0.25) == pytest.approx(expected)
    assert stepped_up(halves, Agreement(1e-9, 1.0, 6), noise=0.25) == pytest.approx(1 / (1 + 4 * 0.25**2))


def test_halves_agree_as_independent_samples_do():
    runs = [planted(4, seed=seed, noise=2.0) for seed in range(60)]
    found = [layer_reliability(products(first), ONE_EACH[4], seed=0).halves for first, _ in runs]
    truth = [true_agreement(first[:2], second[:2]) for first, second in runs]
    error = np.std(np.subtract(found, truth)) / np.sqrt(len(runs))
    assert np.mean(found) == pytest.approx(np.mean(truth), abs=3 * error)


def test_what_cannot_be_estimated_is_said():
    one = layer_reliability(np.eye(40), np.ones((40, 1), dtype=np.int64), seed=0)
    assert one.value is None
    assert "at least two image sets" in one.note
    missing = np.array([[1, 1]] * 39 + [[1, 0]])
    assert "too few images" in layer_reliability(np.eye(80), missing, seed=0).note
    patterns = planted(2, seed=0, noise=1.0)[0]
    patterns[1, 7] = 0.3
    assert "without variance" in layer_reliability(products(patterns), ONE_EACH[2], seed=0).note


def test_halves_that_disagree():
    draws = [rng(seed).normal(size=(2, 40, 300)) for seed in range(9)]
    found = [layer_reliability(products(patterns), ONE_EACH[2], seed=0) for patterns in draws]
    against = [one for one in found if one.halves < 0]
    assert against
    assert all(one.value is None and "do not agree" in one.note for one in against)


def test_a_fold_without_an_image_of_some_concept_is_left_out_of_halves_alone():
    patterns = planted(3, seed=0, noise=1.0)[0]
    counts = ONE_EACH[3].copy()
    counts[0, 2] = 0
    patterns[2, 0] = 0
    found = layer_reliability(products(patterns), counts, seed=0)
    assert found.splits == 1
    assert found.halves == pytest.approx(true_agreement(patterns[:1], patterns[1:2]))


def test_spearman_brown():
    assert spearman_brown(0.6, 2) == pytest.approx(2 * 0.6 / 1.6)
    assert spearman_brown(0.6, 1) == 0.6
    assert spearman_brown(1.0, 5) == 1


def test_word_reliability_is_the_mean_correlation():
    spaces = rng(0).normal(size=(3, 45)) + rng(1).normal(size=45)
    expected = np.mean([spearmanr(spaces[i], spaces[j]).statistic for i, j in ((0, 1), (0, 2), (1, 2))])
    assert word_reliability(spaces) == pytest.approx(expected)
    assert word_reliability(spaces, measure="pearson") == pytest.approx(
        np.corrcoef(spaces)[np.triu_indices(3, 1)].mean()
    )
    assert word_reliability(spaces[:1]) is None
    with pytest.raises(UserError, match="unknown measure"):
        word_reliability(spaces, measure="kendall")


def test_ceiling():
    assert noise_ceiling(0.64, 0.25) == Ceiling(pytest.approx(0.4), "")
    assert noise_ceiling(0.64, None).value == pytest.approx(0.8)
    assert "One word space" in noise_ceiling(0.64, None).note
    assert noise_ceiling(None, 0.5).value is None
    assert "word spaces do not agree" in noise_ceiling(0.5, -0.1).note
    assert disattenuated(0.3, noise_ceiling(0.64, 0.25)) == pytest.approx(0.75)
    assert disattenuated(0.3, noise_ceiling(None, 0.25)) is None


def test_drift_parts_add_up():
    parts = disattenuated_drift(0.5, 0.2, ceilings=(Ceiling(0.8, ""), Ceiling(0.5, "")))
    assert parts.drift == pytest.approx(0.5 / 0.8 - 0.2 / 0.5)
    assert parts.geometry + parts.reliability == pytest.approx(0.3)
    none = disattenuated_drift(0.5, 0.2, ceilings=(Ceiling(0.8, ""), noise_ceiling(None, None)))
    assert none.clean == pytest.approx(0.625)
    assert (none.drift, none.geometry, none.reliability) == (None, None, None)
    assert "not estimable" in none.note


def test_noise_alone_is_a_loss_of_reliability():
    """Images that differ more, around unchanged concepts: alignment falls, the geometry does not."""
    parts = []
    for seed in range(40):
        draw = rng(seed)
        signal = draw.normal(size=(40, 6)) @ draw.normal(size=(6, 200)) / np.sqrt(6)
        words = unit_pairs(geometry(signal + draw.normal(size=signal.shape), "pearson"), "spearman")
        layers = [signal + noise * draw.normal(size=(4, 40, 200)) for noise in (0.5, 2.0)]
        r = [unit_pairs(geometry(layer.mean(0), "pearson"), "spearman") @ words for layer in layers]
        reliable = [layer_reliability(products(layer), ONE_EACH[4], seed=0).value for layer in layers]
        ceilings = (noise_ceiling(reliable[0], None), noise_ceiling(reliable[1], None))
        parts.append(disattenuated_drift(r[0], r[1], ceilings=ceilings))
    geometry_part, reliability_part = (np.mean([getattr(p, n) for p in parts]) for n in ("geometry", "reliability"))
    assert reliability_part > 0.04
    assert abs(geometry_part) < reliability_part / 3
