import dataclasses

import numpy as np
import polars as pl
import pytest

from advwindow.errors import UserError
from advwindow.window import Options, half_lives
from advwindow.window.dyadic import dyadic_covariance
from advwindow.window.halflife import half_life
from tests.window.helpers import evidence_of, rng, shared_factors

CONCEPTS = 40
UPPER = np.triu_indices(CONCEPTS, 1)
WORDS, CLEAN, OTHER = shared_factors(CONCEPTS, noise=0.3)
NOISE = rng(7).normal(size=CLEAN.shape) * CLEAN.std()


def mixed(share):
    """Activations of which so much has nothing to do with words."""
    return np.sqrt(1 - share) * CLEAN + np.sqrt(share) * NOISE


def at(share, *, early=0.0, conditions=("clean", "attack")):
    return evidence_of(WORDS, {"early": [CLEAN, mixed(early)], "late": [CLEAN, mixed(share)]}, conditions=conditions)


def alignment(evidence, layer, condition):
    def unit(products):
        scale = np.sqrt(np.diag(products))
        values = (products / np.outer(scale, scale))[UPPER]
        return (values - values.mean()) / np.linalg.norm(values - values.mean())

    return unit(evidence.layers[layer].stack.own[condition]), unit(evidence.spaces["toy"].gram.centred)


def row(table, layer):
    return table.row(by_predicate=pl.col("layer") == layer, named=True)


def test_a_planted_half_life_is_found():
    """Alignment falls along a known curve; half of it is gone between the second and the third budget."""
    shares = {2 / 255: 0.2, 4 / 255: 0.5, 8 / 255: 0.95}
    table = half_lives({budget: at(share) for budget, share in shares.items()})
    assert table["layer"].to_list() == ["early", "late"]
    clean, words = alignment(at(0.2), "late", 0)
    curve = [clean @ words, *(alignment(at(share), "late", 1)[0] @ words for share in shares.values())]
    budgets = [0.0, *shares]
    assert sorted(curve, reverse=True) == curve
    place = int(np.argmax(np.array(curve) <= curve[0] / 2))
    expected = np.interp(curve[0] / 2, [curve[place], curve[place - 1]], [budgets[place], budgets[place - 1]])
    late = row(table, "late")
    assert late["half_life"] == pytest.approx(expected)
    assert late["low"] < expected < late["high"]
    assert late["text"].startswith(f"{expected * 255:.3g}/255 (95 %: ")
    assert late["note"] == ""
    early = row(table, "early")
    assert early["half_life"] is None
    assert early["text"].startswith("> 8/255")


@pytest.mark.parametrize("measure", ["pearson", "spearman"])
def test_it_is_half_life_of_the_alignments(measure):
    shares = {0.5: 0.3, 1.0: 0.6, 2.0: 0.9}
    evidence = {budget: at(share) for budget, share in shares.items()}
    found = row(half_lives(evidence, options=Options(measure=measure), show="{:.2f}".format), "late")
    from advwindow.window.alignment import unit_pairs

    def values(products):
        scale = np.sqrt(np.diag(products))
        return unit_pairs((products / np.outer(scale, scale))[UPPER], measure)

    stacks = [each.layers["late"].stack for each in evidence.values()]
    pairs = np.stack([values(stacks[0].own[0]), *(values(stack.own[1]) for stack in stacks)])
    words = values(evidence[0.5].spaces["toy"].gram.centred)
    covariance = dyadic_covariance(pairs, words, CONCEPTS)
    pure = half_life(np.array([0.5, 1, 2]), pairs @ words, covariance=covariance, show="{:.2f}".format)
    for name, value in (("half_life", pure.estimate), ("low", pure.low), ("high", pure.high), ("text", pure.text)):
        assert found[name] == (pytest.approx(value) if isinstance(value, float) else value), name


def test_the_order_of_budgets_does_not_matter():
    evidence = {budget: at(share) for budget, share in ((8, 0.9), (2, 0.2), (4, 0.5))}
    found = half_lives(evidence)
    assert found.equals(half_lives(dict(sorted(evidence.items()))))


def test_another_condition_by_name():
    evidence = {1.0: at(0.4, conditions=("clean", "square")), 2.0: at(0.9, conditions=("clean", "square"))}
    assert row(half_lives(evidence, condition="square"), "late")["half_life"] is not None


def test_folds_are_averaged():
    def folded(share):
        rows = [np.vstack([part + 1, part - 1]) for part in (CLEAN, mixed(share))]
        return evidence_of(WORDS, {"late": rows}, folds=2)

    one = half_lives({b: folded(s) for b, s in ((1.0, 0.3), (2.0, 0.9))})
    other = half_lives({b: at(s) for b, s in ((1.0, 0.3), (2.0, 0.9))})
    assert one["half_life"].item() == pytest.approx(row(other, "late")["half_life"])


def test_a_layer_without_a_geometry_says_so():
    flat = mixed(0.5)
    flat[3] = 0.25
    evidence = {1.0: at(0.4), 2.0: evidence_of(WORDS, {"early": [CLEAN, CLEAN], "late": [CLEAN, flat]})}
    found = row(half_lives(evidence), "late")
    assert (found["half_life"], found["low"], found["high"], found["text"]) == (None, None, None, "none")
    assert "without variance" in found["note"]
    assert row(half_lives(evidence), "early")["text"].startswith("> ")


@pytest.mark.parametrize("budgets", [[], [0.0, 1.0], [-1.0, 1.0], [float("nan"), 1.0], [1.0, float("inf")]])
def test_budgets_must_be_positive_and_finite(budgets):
    with pytest.raises(UserError, match="budgets"):
        half_lives({budget: at(0.5) for budget in budgets})


def test_an_unknown_condition_is_named():
    with pytest.raises(UserError, match="pgd"):
        half_lives({1.0: at(0.5), 2.0: at(0.9)}, condition="pgd")


def other_evidence(what):
    same = at(0.9)
    if what == "layers":
        return evidence_of(WORDS, {"early": [CLEAN, CLEAN]})
    if what == "concepts":
        return dataclasses.replace(same, concepts=tuple(reversed(same.concepts)))
    return dataclasses.replace(same, similarity="cosine")


@pytest.mark.parametrize("what", ["layers", "concepts", "similarity"])
def test_evidence_of_other_things_is_refused(what):
    with pytest.raises(UserError, match=f"evidence at several budgets differs in its {what}"):
        half_lives({1.0: at(0.5), 2.0: other_evidence(what)})


def test_evidence_of_other_words_is_refused():
    other = evidence_of(-(WORDS**2), {"early": [CLEAN, CLEAN], "late": [CLEAN, mixed(0.9)]})
    with pytest.raises(UserError, match="evidence at several budgets differs in its"):
        half_lives({1.0: at(0.5), 2.0: other})


def test_evidence_of_other_images_is_refused():
    """Another clean geometry: alignment at the second budget would be held against that of other images."""
    other = evidence_of(WORDS, {"early": [OTHER, OTHER], "late": [OTHER, mixed(0.9)]})
    with pytest.raises(UserError, match="evidence at several budgets differs in its"):
        half_lives({1.0: at(0.5), 2.0: other})
