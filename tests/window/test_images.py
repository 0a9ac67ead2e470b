from dataclasses import replace

import numpy as np
import pytest

from advwindow.window.evidence import Trials
from advwindow.window.images import image_tests, own_concepts
from advwindow.window.matching import one_vs_two
from advwindow.window.options import Options
from tests.window.helpers import evidence_of, rng, shared_factors

CONCEPTS, OPTIONS = 12, Options(permutations=499)


@pytest.fixture
def evidence():
    """Two layers: one at the true words, one at the wrong ones; 4 trials on noise, 20 under attack."""
    words, clean, again = shared_factors(CONCEPTS)
    b = np.corrcoef(words)
    draw = rng(1)
    truth = draw.integers(0, CONCEPTS, 24)
    wrong = (truth + draw.integers(1, CONCEPTS, 24)) % CONCEPTS
    condition = np.repeat([1, 2], [4, 20])
    found = evidence_of(words, {"true": [clean, again, again], "wrong": [clean, again, again]})
    near = {"true": b[truth], "wrong": b[wrong]}
    layers = {
        name: replace(layer, closeness=near[name] + 0.2 * draw.normal(size=(24, CONCEPTS)))
        for name, layer in found.layers.items()
    }
    trials = Trials(condition, truth, wrong, b[wrong])
    return replace(found, conditions=("clean", "noise", "attack"), layers=layers, trials=trials), b


def test_accuracy_and_p_values(evidence):
    evidence, b = evidence
    columns = image_tests(evidence, b, OPTIONS)
    assert columns["one_vs_two_n"].tolist() == [[0, 4, 20]] * 2
    assert np.isnan(columns["one_vs_two"][:, 0]).all()
    trials, rows = evidence.trials, evidence.trials.condition == 2
    for place, layer in enumerate(evidence.layers.values()):
        masked = own_concepts(trials.truth[rows], trials.wrong[rows], CONCEPTS)
        test = one_vs_two(layer.closeness[rows], b[trials.truth[rows]], trials.profile[rows], masked=masked)
        assert columns["one_vs_two"][place, 2] == test.accuracy
        assert columns["one_vs_two_margin"][place, 2] == pytest.approx(test.margins.mean())
    assert columns["one_vs_two_p_adjusted"][1, 2] <= 0.01
    assert columns["one_vs_two_p"][0, 2] > 0.9


def test_an_activation_without_variance_leaves_its_layer_out(evidence):
    evidence, b = evidence
    dead = evidence.layers["true"].closeness.copy()
    dead[10] = np.nan
    layers = {**evidence.layers, "true": replace(evidence.layers["true"], closeness=dead)}
    columns = image_tests(replace(evidence, layers=layers), b, OPTIONS)
    assert np.isnan(columns["one_vs_two"][0, 2])
    assert np.isfinite(columns["one_vs_two"][0, 1])
    assert columns["one_vs_two"][1, 2] < 0.2


def test_only_dead_layers_and_no_trials(evidence):
    evidence, b = evidence
    layers = {name: replace(layer, closeness=layer.closeness * np.nan) for name, layer in evidence.layers.items()}
    assert np.isnan(image_tests(replace(evidence, layers=layers), b, OPTIONS)["one_vs_two"]).all()


def test_the_wrong_word_may_be_no_concept():
    masked = own_concepts(np.array([2, 0]), np.array([-1, 3]), 5)
    assert masked.tolist() == [[False, False, True, False, False], [True, False, False, True, False]]


def test_tie_rule(evidence):
    evidence, b = evidence
    trials = replace(evidence.trials, profile=b[evidence.trials.truth])
    for ties, score in (("half", 0.5), ("fail", 0.0), ("pass", 1.0)):
        columns = image_tests(replace(evidence, trials=trials), b, replace(OPTIONS, ties=ties))
        assert columns["one_vs_two"][0, 2] == score
