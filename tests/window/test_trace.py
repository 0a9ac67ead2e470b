import numpy as np
import pytest

from advwindow.window.decoding import ridge_penalty
from advwindow.window.evidence import CLEAN
from advwindow.window.similarity import ConstantPatternError
from advwindow.window.trace import word_scores, word_trace
from advwindow.window.window import Window
from tests.window.helpers import World, rng


def fitted(x, y, new, penalty):
    """Prediction of a ridge regression with a free intercept."""
    mean_x, mean_y = x.mean(0), y.mean(0)
    kernel = (x - mean_x) @ (x - mean_x).T
    dual = np.linalg.solve(kernel + penalty * np.eye(len(x)), y - mean_y)
    return mean_y + (new - mean_x) @ (x - mean_x).T @ dual


def slow_scores(x, images, truth, y):
    """One regression for every image and word."""
    scores = np.empty((len(images), len(x)))
    for place, (image, own) in enumerate(zip(images, truth, strict=True)):
        penalty = ridge_penalty(np.delete(x, own, 0) @ np.delete(x, own, 0).T)
        for word in range(len(x)):
            kept = [j for j in range(len(x)) if j not in (own, word)]
            mean = y[kept].mean(0)
            said, meant = fitted(x[kept], y[kept], image, penalty) - mean, y[word] - mean
            scores[place, word] = said @ meant / np.linalg.norm(said) / np.linalg.norm(meant)
    return scores


@pytest.mark.parametrize(("concepts", "features"), [(6, 4), (9, 30), (14, 8)])
def test_closed_form_is_one_regression_for_every_image_and_word(concepts, features):
    draw = rng(concepts)
    x, y = draw.normal(size=(concepts, features)) + 2, draw.normal(size=(concepts, 11)) + 1
    truth = np.array([0, 3, 3, concepts - 1])
    images = x[truth] + draw.normal(size=(4, features))
    found = word_scores(x @ x.T, images @ x.T, truth, y @ y.T)
    assert np.allclose(found, slow_scores(x, images, truth, y), atol=1e-10)


def test_without_meaning_the_true_word_has_every_rank_alike():
    """Neither the left-out word nor the others have an advantage."""
    ranks = []
    for seed in range(60):
        draw = rng(seed)
        x, y = draw.normal(size=(12, 20)), draw.normal(size=(12, 8))
        scores = word_scores(x @ x.T, x @ x.T, np.arange(12), y @ y.T)
        ranks += (1 + (scores > np.diag(scores)[:, None]).sum(1)).tolist()
    assert np.mean(ranks) == pytest.approx(6.5, abs=0.4)


def test_a_layer_that_knows_its_words_says_them_though_it_never_saw_them():
    draw = rng(1)
    factors = draw.normal(size=(30, 4))
    x, y = factors @ draw.normal(size=(4, 60)), factors @ draw.normal(size=(4, 25))
    scores = word_scores(x @ x.T, x @ x.T, np.arange(30), y @ y.T)
    assert (scores.argmax(1) == np.arange(30)).mean() > 0.6


def test_concepts_that_look_the_same():
    with pytest.raises(ConstantPatternError):
        word_scores(np.ones((5, 5)), np.ones((1, 5)), np.array([2]), np.eye(5))


def test_the_trace_of_a_planted_network():
    """The early layer keeps saying the image's word, the late one says the word that the attack wrote into it."""
    world = World(30)
    window = Window(world.model, world.words, layers=["early", "late"], permutations=19)
    report = window.compare(world.images, world.attacked, labels=world.labels)
    trace = word_trace(report.evidence)
    assert trace.equals(report.trace)
    assert trace.columns == ["image", "concept", "layer", "condition", "says", "similarity", "rank"]
    assert trace["image"].unique().sort().to_list() == np.linspace(0, 59, 16).round().astype(int).tolist()
    names = world.model.label_names
    hits = {("early", CLEAN): 0, ("early", "attack"): 0, ("late", CLEAN): 0, ("late", "attack"): 0}
    hijacked = 0
    for row in trace.iter_rows(named=True):
        assert row["concept"] == names[world.labels[row["image"]]]
        assert sorted(row["similarity"], reverse=True) == row["similarity"]
        assert (row["rank"] == 1) == (row["says"][0] == row["concept"])
        hits[row["layer"], row["condition"]] += row["rank"] == 1
        target = names[world.targets[world.labels[row["image"]]]]
        hijacked += row["layer"] == "late" and row["condition"] == "attack" and row["says"][0] == target
    assert min(hits["early", CLEAN], hits["early", "attack"], hits["late", CLEAN]) >= 10
    assert hits["late", "attack"] == 0
    assert hijacked >= 9
