import dataclasses
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from advwindow.errors import UserError
from advwindow.window import Options, Window, analyse
from advwindow.window.analysis import compute
from advwindow.window.dyadic import dyadic_covariance, intervals
from advwindow.window.permutation import label_permutations
from advwindow.window.references import MEAN, PIXELS, agreement, reference_table, references
from tests.window.helpers import World, evidence_of, rng, shared_factors

CONCEPTS = 14
UPPER = np.triu_indices(CONCEPTS, 1)


def world(**changes):
    words, clean, attacked = shared_factors(CONCEPTS)
    _, late, late_attacked = shared_factors(CONCEPTS, seed=3)
    return evidence_of(
        words,
        {"early": [clean, attacked], "late": [late + clean, late_attacked]},
        others={"second": words + 2 * rng(8).normal(size=words.shape), "third": rng(9).normal(size=(CONCEPTS, 12))},
        pixels=np.hstack([words[:, :10], rng(10).normal(size=(CONCEPTS, 20))]),
        **changes,
    )


def geometry(products):
    scale = np.sqrt(np.diag(products))
    return (products / np.outer(scale, scale))[UPPER]


def correlate(one, other, measure):
    return (stats.spearmanr if measure == "spearman" else stats.pearsonr)(one, other).statistic


def geometries(evidence, measure):
    """Pair values of every reference, with the mean of the word spaces made by hand."""
    found = {name: geometry(space.gram.centred) for name, space in evidence.spaces.items()}
    ranked = {name: stats.rankdata(g) if measure == "spearman" else g for name, g in found.items()}
    found[MEAN] = np.mean([stats.zscore(values) for values in ranked.values()], axis=0)
    return found | {PIXELS: geometry(evidence.pixels.centred)}


def brute(evidence, measure, reference, layer, condition):
    values = geometry(evidence.layers[layer].stack.own[evidence.conditions.index(condition)])
    other = geometries(evidence, measure)[reference]
    if reference == MEAN and measure == "spearman":
        return stats.pearsonr(stats.rankdata(values), other).statistic
    return correlate(values, other, measure)


def table(evidence, **settings):
    return analyse(evidence, Options(**({"permutations": 99} | settings)))


@pytest.mark.parametrize("measure", ["pearson", "spearman"])
def test_alignment_and_drift_with_every_reference(measure):
    evidence = world()
    found = table(evidence, measure=measure).references
    assert found["reference"].unique(maintain_order=True).to_list() == ["toy", "second", "third", MEAN, PIXELS]
    assert found.height == 5 * 2 * 2
    for row in found.iter_rows(named=True):
        names = row["reference"], row["layer"]
        assert row["alignment"] == pytest.approx(brute(evidence, measure, *names, row["condition"]), abs=1e-12)
        if row["condition"] == "clean":
            assert row["drift"] is row["drift_ci_low"] is row["drift_ci_high"] is None
        else:
            drift = brute(evidence, measure, *names, "clean") - row["alignment"]
            assert row["drift"] == pytest.approx(drift, abs=1e-12)
            assert row["drift_ci_low"] < drift < row["drift_ci_high"]


@pytest.mark.parametrize("measure", ["pearson", "spearman"])
def test_beyond_pixels_is_the_correlation_of_residuals(measure):
    """Partial correlation by least squares: what pixels explain is taken out of both sides."""
    evidence = world()
    found = table(evidence, measure=measure).references
    rank = stats.rankdata if measure == "spearman" else np.asarray
    pixels = rank(geometry(evidence.pixels.centred))
    design = np.column_stack([np.ones(len(pixels)), pixels])

    def left(values):
        return values - design @ np.linalg.lstsq(design, values, rcond=None)[0]

    for row in found.iter_rows(named=True):
        if row["reference"] == PIXELS:
            assert row["beyond_pixels"] is None
            continue
        reference = geometries(evidence, measure)[row["reference"]]
        reference = reference if row["reference"] == MEAN else rank(reference)
        layer = rank(geometry(evidence.layers[row["layer"]].stack.own[evidence.conditions.index(row["condition"])]))
        expected = np.corrcoef(left(layer), left(reference))[0, 1]
        assert row["beyond_pixels"] == pytest.approx(expected, abs=1e-10)


def test_p_values_count_relabellings():
    evidence = world()
    found = table(evidence, correction="bh").references
    orders = label_permutations(99, CONCEPTS, seed=0)
    for reference in ("second", PIXELS):
        gram = evidence.pixels if reference == PIXELS else evidence.spaces[reference].gram
        raw = []
        for layer in ("early", "late"):
            values = geometry(evidence.layers[layer].stack.own[1])
            seen = correlate(values, geometry(gram.centred), "pearson")
            null = [correlate(values, geometry(gram.centred[np.ix_(order, order)]), "pearson") for order in orders]
            raw.append((1 + sum(value >= seen - 1e-12 for value in null)) / 100)
        rows = found.filter(reference=reference, condition="attack")
        assert rows["alignment_p"].to_list() == pytest.approx(raw)
        adjusted = stats.false_discovery_control(raw, method="bh")
        assert rows["alignment_p_adjusted"].to_list() == pytest.approx(adjusted.tolist())


def test_the_first_space_is_that_of_the_main_table():
    report = table(world(), permutations=199)
    main = report.references.filter(reference="toy")
    for name in ("alignment", "alignment_p", "alignment_p_adjusted", "drift", "drift_ci_low", "drift_ci_high"):
        assert main[name].to_list() == pytest.approx(report.layers[name].to_list(), abs=1e-12), name


def test_drift_intervals_are_the_dyadic_ones():
    evidence = world()
    found = table(evidence).references.filter(reference="third", condition="attack", layer="late")

    def unit(values):
        centred = values - values.mean()
        return centred / np.linalg.norm(centred)

    pairs = np.stack([unit(geometry(evidence.layers["late"].stack.own[s])) for s in (0, 1)])
    words = unit(geometry(evidence.spaces["third"].gram.centred))
    drift = np.array([pairs[0] @ words - pairs[1] @ words])
    spread = intervals(drift, dyadic_covariance(pairs, words, CONCEPTS), np.array([[1.0, -1.0]]), seed=0)
    assert found["drift_ci_low"].item() == pytest.approx(spread.low[0])
    assert found["drift_ci_high"].item() == pytest.approx(spread.high[0])


@pytest.mark.parametrize("measure", ["pearson", "spearman"])
def test_agreement_of_every_two_references_but_their_mean(measure):
    evidence = world()
    found = agreement(evidence, Options(measure=measure, permutations=99))
    names = ["toy", "second", "third", PIXELS]
    expected = [(one, other) for place, one in enumerate(names) for other in names[place + 1 :]]
    assert found.select("first", "second").rows() == expected
    known = geometries(evidence, measure)
    for row in found.iter_rows(named=True):
        assert row["correlation"] == pytest.approx(correlate(known[row["first"]], known[row["second"]], measure))
        assert row["ci_low"] < row["correlation"] < row["ci_high"]
        reach = stats.t.ppf(0.975, CONCEPTS - 1) * row["se"]
        assert row["ci_high"] - row["correlation"] == pytest.approx(reach)


def test_agreement_is_symmetric_in_the_two():
    evidence = world()
    swapped = {name: evidence.spaces[name] for name in ("third", "second", "toy")}
    one = agreement(evidence, Options(permutations=99)).filter(first="second", second="third")
    other = agreement(type(evidence)(**vars(evidence) | {"spaces": swapped}), Options(permutations=99))
    other = other.filter(first="third", second="second")
    for name in ("correlation", "se", "ci_low", "ci_high"):
        assert one[name].item() == pytest.approx(other[name].item()), name


def test_one_space_and_constant_pixels_leave_one_reference():
    words, clean, attacked = shared_factors(CONCEPTS)
    evidence = evidence_of(words, {"late": [clean, attacked]}, pixels=np.full((CONCEPTS, 9), 0.5))
    assert [each.name for each in references(evidence, "pearson")] == ["toy"]
    report = table(evidence)
    assert report.references["reference"].unique().to_list() == ["toy"]
    assert report.references["beyond_pixels"].null_count() == 2
    assert report.agreement.height == 0
    assert report.agreement.columns == ["first", "second", "correlation", "se", "ci_low", "ci_high"]


def test_words_that_are_the_pixels_have_nothing_beyond_them():
    words, clean, attacked = shared_factors(CONCEPTS)
    found = table(evidence_of(words, {"late": [clean, attacked]}, pixels=words)).references
    assert found.filter(reference="toy")["beyond_pixels"].null_count() == 2
    same = found.partition_by("reference")
    assert same[0]["alignment"].to_list() == pytest.approx(same[1]["alignment"].to_list())


def test_no_sound_layer_leaves_an_empty_table_of_the_same_columns():
    evidence = world()
    options = Options(permutations=99)
    numbers = replace(compute(evidence, options), layers={})
    empty = reference_table(evidence, numbers, options)
    assert empty.height == 0
    assert empty.schema == table(evidence).references.schema


def test_references_that_cancel_have_no_mean():
    """Similarities of opposite sign: their mean has no geometry, only rounding."""
    words, clean, attacked = shared_factors(CONCEPTS)
    likeness = np.corrcoef(words)
    opposite = 2 * np.eye(CONCEPTS) - likeness
    evidence = evidence_of(words, {"late": [clean, attacked]}, others={"other": words})
    gram = evidence.spaces["other"].gram
    reversed_gram = type(gram)(opposite, np.zeros(CONCEPTS), 1)
    spaces = dict(evidence.spaces)
    spaces["other"] = type(spaces["other"])(spaces["other"].words, reversed_gram)
    found = table(type(evidence)(**vars(evidence) | {"spaces": spaces})).references
    assert found["reference"].unique(maintain_order=True).to_list() == ["toy", "other", PIXELS]


@pytest.mark.parametrize("name", [PIXELS, MEAN])
def test_a_space_of_another_reference_s_name_is_refused(name):
    """Two references of one name would be mixed up: what lies beyond the pixels would be told of the wrong ones."""
    world = World(8)
    with pytest.raises(UserError, match=name):
        Window(world.model, [world.words, dataclasses.replace(world.words, name=name)])
