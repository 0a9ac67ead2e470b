import numpy as np
import pytest
from scipy import stats

from advwindow.window import Options, analyse
from advwindow.window.ceilings import CEILINGS, ceiling_columns, words_reliability
from advwindow.window.reliability import layer_reliability
from tests.window.helpers import evidence_of, rng, shared_factors

CONCEPTS, FOLDS = 30, 4


def several(rows, *, noise, seed=0, folds=FOLDS):
    return np.vstack([rows + noise * rng(seed + fold).normal(size=rows.shape) for fold in range(folds)])


def world(*, noise=3.0, attack_noise=3.0, others=None, folds=FOLDS):
    words, clean, attacked = shared_factors(CONCEPTS, noise=0.5)
    parts = [several(clean, noise=noise, folds=folds), several(attacked, noise=attack_noise, seed=9, folds=folds)]
    return evidence_of(words, {"late": parts}, folds=folds, others=others)


def of_table(evidence, **settings):
    return analyse(evidence, Options(**({"permutations": 19} | settings))).layers


@pytest.mark.parametrize("measure", ["pearson", "spearman"])
@pytest.mark.parametrize("kind", ["pearson", "cosine"])
def test_columns_are_those_of_the_pure_functions(measure, kind):
    words, _, _ = shared_factors(CONCEPTS, noise=0.5)
    evidence = world(others={"second": words + rng(5).normal(size=words.shape)})
    evidence = type(evidence)(**vars(evidence) | {"similarity": kind})
    found = of_table(evidence, measure=measure)
    stack = evidence.layers["late"].stack
    values = []
    for space in evidence.spaces.values():
        products = space.gram.centred if kind == "pearson" else space.gram.raw
        scale = np.sqrt(np.diag(products))
        values.append((products / np.outer(scale, scale))[np.triu_indices(CONCEPTS, 1)])
    agree = (stats.spearmanr if measure == "spearman" else stats.pearsonr)(*values).statistic
    assert words_reliability(evidence, measure) == pytest.approx(agree)
    reliability = [
        layer_reliability(
            stack.own[s] if kind == "pearson" else stack.gram(s).raw,
            np.ones((CONCEPTS, FOLDS), np.int64),
            measure=measure,
            seed=0,
        ).value
        for s in (0, 1)
    ]
    ceiling = np.sqrt(np.array(reliability) * agree)
    alignment = found["alignment"].to_numpy()
    assert found["reliability"].to_list() == pytest.approx(reliability)
    assert found["ceiling"].to_list() == pytest.approx(ceiling.tolist())
    assert found["disattenuated"].to_list() == pytest.approx((alignment / ceiling).tolist())
    free = alignment / ceiling
    attack = found.row(1, named=True)
    assert attack["drift_disattenuated"] == pytest.approx(free[0] - free[1])
    assert attack["drift_geometry"] == pytest.approx((free[0] - free[1]) * ceiling.mean())
    assert attack["drift_reliability"] == pytest.approx((ceiling[0] - ceiling[1]) * free.mean())
    assert attack["drift_geometry"] + attack["drift_reliability"] == pytest.approx(attack["drift"])
    assert found.row(0, named=True)["drift_geometry"] is None


def test_one_word_space_leaves_the_words_out_of_the_ceiling():
    evidence = world()
    assert words_reliability(evidence, "pearson") is None
    found = of_table(evidence)
    assert (found["ceiling"] ** 2).to_list() == pytest.approx(found["reliability"].to_list())


def test_one_image_set_has_no_ceiling():
    words, clean, attacked = shared_factors(CONCEPTS)
    evidence = evidence_of(words, {"late": [clean, attacked]})
    options = Options()
    columns = ceiling_columns(
        evidence.layers["late"].stack, np.array([0.5, 0.2]), None, evidence=evidence, options=options
    )
    assert tuple(columns) == CEILINGS
    assert all(np.isnan(values).all() for values in columns.values())
    assert of_table(evidence).select(CEILINGS).null_count().row(0) == (2,) * len(CEILINGS)


def test_reliability_is_the_agreement_with_other_images():
    """What it promises: the correlation of this geometry with that of as many new images, within sampling error."""
    words, clean, _ = shared_factors(CONCEPTS, noise=0.5)
    samples = [several(clean, noise=5.0, seed=100 * k) for k in range(12)]
    geometries = [
        np.corrcoef(rows.reshape(FOLDS, CONCEPTS, -1).mean(0))[np.triu_indices(CONCEPTS, 1)] for rows in samples
    ]
    again = np.corrcoef(geometries)[np.triu_indices(len(samples), 1)].mean()
    layers = {f"layer {k}": [rows, rows] for k, rows in enumerate(samples)}
    told = of_table(evidence_of(words, layers, folds=FOLDS))["reliability"].mean()
    assert 0.2 < again < 0.9
    assert told == pytest.approx(again, abs=0.03)


def test_noise_lowers_the_ceiling_and_disattenuation_puts_it_right():
    """The same geometry seen through more noise: the drift is all reliability."""
    words, clean, _ = shared_factors(60, noise=0.5)
    parts = [several(clean, noise=1.0), several(clean, noise=10.0, seed=20)]
    found = of_table(evidence_of(words, {"late": parts}, folds=FOLDS))
    clean_row, attack = found.row(0, named=True), found.row(1, named=True)
    assert attack["ceiling"] < clean_row["ceiling"] - 0.1
    assert attack["drift"] > 0.1
    assert abs(attack["drift_disattenuated"]) < 0.1
    assert attack["drift_reliability"] > 3 * abs(attack["drift_geometry"])


def test_a_change_of_geometry_is_no_loss_of_reliability():
    words, clean, _ = shared_factors(CONCEPTS, noise=0.5)
    other = rng(3).normal(size=clean.shape) * clean.std()
    found = of_table(
        evidence_of(words, {"late": [several(clean, noise=1.0), several(other, noise=1.0, seed=8)]}, folds=FOLDS)
    ).row(1, named=True)
    assert found["drift_geometry"] > 5 * abs(found["drift_reliability"])


def test_a_layer_of_pure_noise_has_no_ceiling():
    words, clean, _ = shared_factors(CONCEPTS)
    noise = several(np.zeros_like(clean), noise=1.0, seed=31)
    found = of_table(evidence_of(words, {"late": [noise, noise]}, folds=FOLDS))
    reliable = found["reliability"][0]
    assert reliable is None or reliable < 0.3


def test_word_spaces_that_disagree_leave_no_ceiling():
    words, _, _ = shared_factors(CONCEPTS, noise=0.5)
    likeness = np.corrcoef(words)
    evidence = world(others={"other": words})
    opposite = type(evidence.pixels)(2 * np.eye(CONCEPTS) - likeness, np.zeros(CONCEPTS), 2)
    spaces = dict(evidence.spaces)
    spaces["other"] = type(spaces["other"])(spaces["other"].words, opposite)
    evidence = type(evidence)(**vars(evidence) | {"spaces": spaces})
    assert words_reliability(evidence, "pearson") == pytest.approx(-1)
    found = of_table(evidence)
    assert found["reliability"].null_count() == 0
    assert found["ceiling"].null_count() == found["disattenuated"].null_count() == 2


def test_clean_noise_leaves_the_attacked_ceiling_its_own():
    """Clean without reliability: the attacked condition keeps its own numbers, the drift has none."""
    words, _, attacked = shared_factors(CONCEPTS, noise=0.5)
    rows = several(attacked, noise=1.0)
    flat = rows.copy()
    flat[CONCEPTS + 1] = 0.25
    found = of_table(evidence_of(words, {"late": [flat, rows]}, folds=FOLDS))
    assert found["reliability"][0] is None
    assert found["ceiling"][1] is not None
    assert found["drift_disattenuated"][1] is None


def test_a_space_of_similarities_alone_says_nothing_about_the_reliability_of_words():
    words, _, _ = shared_factors(CONCEPTS, noise=0.5)
    evidence = world(others={"other": words})
    likeness = type(evidence.pixels)(np.corrcoef(words), np.zeros(CONCEPTS), 1)
    spaces = dict(evidence.spaces)
    spaces["other"] = type(spaces["other"])(spaces["other"].words, likeness)
    assert words_reliability(type(evidence)(**vars(evidence) | {"spaces": spaces}), "pearson") is None
