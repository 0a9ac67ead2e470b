from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binom, spearmanr

from advwindow.errors import UserError
from advwindow.window.alignment import debiased_cka, rsa
from advwindow.window.analysis import compute
from advwindow.window.matching import two_vs_two
from advwindow.window.options import Options
from advwindow.window.verdict import collapse_bound
from tests.window.helpers import evidence_of, layer_of, rng, shared_factors

FAST = Options(permutations=199)


def three_layers(concepts: int, seed: int = 0):
    """One layer without words, one that loses them under attack, one that keeps them."""
    words, clean, again = shared_factors(concepts, seed=seed, noise=0.5)
    noise, other = rng(seed + 1).normal(size=(2, *clean.shape))
    return words, {"blind": [noise, noise + 0.1 * other], "lost": [clean, other], "kept": [clean, again]}


def test_measures_are_those_of_the_pure_functions():
    words, layers = three_layers(15)
    evidence = evidence_of(words, layers)
    columns = compute(evidence, FAST).columns
    b = np.corrcoef(words)
    for i, parts in enumerate(layers.values()):
        for s, x in enumerate(parts):
            a = np.corrcoef(x)
            assert columns["rsa_spearman"][i, s] == pytest.approx(rsa(a, b), abs=1e-12)
            assert columns["rsa_pearson"][i, s] == pytest.approx(rsa(a, b, method="pearson"), abs=1e-12)
            assert columns["two_vs_two"][i, s] == pytest.approx(two_vs_two(a, b).accuracy)
            assert columns["cka"][i, s] == pytest.approx(debiased_cka(x @ x.T, words @ words.T), abs=1e-12)
            assert columns["cka_clean"][i, s] == pytest.approx(debiased_cka(x @ x.T, parts[0] @ parts[0].T), abs=1e-12)
    assert np.allclose(columns["drift"][:, 1], columns["rsa_pearson"][:, 0] - columns["rsa_pearson"][:, 1])
    assert np.isnan(columns["drift"][:, 0]).all()


@pytest.mark.parametrize("measure", ["spearman", "pearson"])
def test_the_measure_drives_alignment_and_drift(measure):
    words, layers = three_layers(15)
    columns = compute(evidence_of(words, layers), replace(FAST, measure=measure)).columns
    assert np.array_equal(columns["alignment"], columns[f"rsa_{measure}"])


def test_chance_band_is_the_quantile_of_relabellings():
    words, layers = three_layers(12)
    columns = compute(evidence_of(words, layers), Options(permutations=4000)).columns
    a, b, upper = np.corrcoef(layers["lost"][0]), np.corrcoef(words), np.triu_indices(12, 1)
    orders = [rng(s).permutation(12) for s in range(4000)]
    null = [spearmanr(a[upper], b[np.ix_(p, p)][upper])[0] for p in orders]
    names = ("chance_low", "chance_high", "chance_bound")
    for name, q in zip(names, (0.025, 0.975, 0.95), strict=True):
        assert columns[name][1, 0] == pytest.approx(np.quantile(null, q), abs=0.03)


@pytest.mark.parametrize("concepts", [5, 8, 19, 40])
def test_every_size_gives_finite_numbers_within_their_ranges(concepts):
    words, layers = three_layers(concepts)
    columns = compute(evidence_of(words, layers), replace(FAST, further_permutations=199)).columns
    for name, table in columns.items():
        if name.endswith(("_p", "_p_adjusted")) and not name.startswith("one_vs_two"):
            shown = table[:, 1:] if name.startswith("drift") else table
            assert ((shown >= 1 / 200) & (shown <= 1)).all(), name
    for name in ("alignment", "se", "ci_low", "band_high", "upper", "chance_low"):
        assert np.isfinite(columns[name]).all(), name
    assert (columns["alignment_p_adjusted"] >= columns["alignment_p"]).all()
    assert (columns["band_low"] <= columns["ci_low"] + 1e-9).all()


def test_the_order_of_concepts_does_not_matter():
    words, layers = three_layers(14)
    order = rng(5).permutation(14)
    plain = compute(evidence_of(words, layers), FAST)
    turned = compute(evidence_of(words[order], {n: [x[order] for x in p] for n, p in layers.items()}), FAST)
    for name in ("alignment", "rsa_pearson", "two_vs_two", "cka", "cka_clean", "se", "drift", "drift_se"):
        assert np.allclose(plain.columns[name], turned.columns[name], atol=1e-10, equal_nan=True), name
    assert np.allclose(plain.by_concept["two_vs_two"][:, :, order], turned.by_concept["two_vs_two"])
    for name in ("alignment_p", "drift_p"):
        assert np.nanmax(np.abs(plain.columns[name] - turned.columns[name])) < 0.15, name


def test_shuffling_the_words_alone_destroys_alignment():
    words, layers = three_layers(30)
    columns = compute(evidence_of(words[rng(1).permutation(30)], layers), FAST).columns
    assert columns["alignment"][2, 0] < 0.3
    assert compute(evidence_of(words, layers), FAST).columns["alignment"][2, 0] > 0.5


def test_the_same_seed_gives_the_same_numbers():
    words, layers = three_layers(10)
    first, second = (compute(evidence_of(words, layers), FAST).columns for _ in range(2))
    for name, table in first.items():
        assert np.array_equal(table, second[name], equal_nan=True), name
    other = compute(evidence_of(words, layers), replace(FAST, seed=1)).columns
    assert not np.array_equal(first["alignment_p"], other["alignment_p"])


def test_noise_is_subtracted():
    words, clean, again = shared_factors(20, seed=1)
    lost = rng(2).normal(size=clean.shape)
    evidence = evidence_of(words, {"l": [clean, again, lost]}, conditions=("clean", "noise", "attack"))
    columns = compute(evidence, FAST).columns
    drift = columns["drift"][0]
    assert columns["drift_beyond_noise"][0, 2] == pytest.approx(drift[2] - drift[1])
    assert columns["drift_beyond_noise_low"][0, 2] < drift[2] - drift[1] < columns["drift_beyond_noise_high"][0, 2]
    assert np.isnan(columns["drift_beyond_noise"][0, :2]).all()


def test_one_dead_layer_does_not_sink_the_others():
    words, layers = three_layers(10)
    alive = compute(evidence_of(words, layers), FAST)
    dead = {**layers, "dead": [layers["kept"][0], layers["kept"][1].copy()]}
    dead["dead"][1][3] = 0.25
    found = compute(evidence_of(words, dead), FAST)
    assert list(found.defects) == ["dead"]
    assert "'concept 3' (attack) does not vary" in found.defects["dead"]
    assert np.isnan(found.columns["alignment"][3]).all()
    for name, table in alive.columns.items():
        assert np.array_equal(found.columns[name][:3], table, equal_nan=True), name


def test_layers_of_one_or_two_features_do_not_crash():
    words, layers = three_layers(10)
    flat = {**layers, **{f"narrow{d}": [x[:, :d] for x in layers["kept"]] for d in (1, 2)}}
    found = compute(evidence_of(words, flat), FAST)
    assert list(found.defects) == ["narrow1"]
    assert np.isfinite(found.columns["alignment"][4]).all()


def test_a_layer_without_any_geometry_is_a_defect():
    words, layers = three_layers(10)
    equal = np.eye(10) - 0.1
    found = compute(evidence_of(words, {**layers, "equal": [equal, equal]}), FAST)
    assert "Nothing can be compared" in found.defects["equal"]
    assert len(found.defects) == 1


def test_only_dead_layers():
    words, layers = three_layers(10)
    found = compute(evidence_of(words, {"dead": [np.ones_like(x) for x in layers["kept"]]}), FAST)
    assert list(found.defects) == ["dead"]
    assert "alignment" not in found.columns


def test_what_cannot_be_analysed():
    words, layers = three_layers(10)
    bad = words.copy()
    bad[4] = 1
    with pytest.raises(UserError, match="word vectors without variance: got 'word4'"):
        compute(evidence_of(bad, layers), FAST)
    few = evidence_of(words[:4], {name: [x[:4] for x in parts] for name, parts in layers.items()})
    with pytest.raises(UserError, match="too few concepts for a geometry"):
        compute(few, FAST)


def test_two_vs_two_p_values_can_be_had_or_not():
    words, layers = three_layers(10)
    evidence = evidence_of(words, layers)
    assert np.isnan(compute(evidence, replace(FAST, two_vs_two_permutations=0)).columns["two_vs_two_p"]).all()
    p = compute(evidence, FAST).columns["two_vs_two_p"]
    assert p[2, 0] < 0.05 < p[0, 0]


def test_cosine_similarity():
    words, layers = three_layers(10)
    evidence = replace(evidence_of(words, layers), similarity="cosine")
    unit = words / np.linalg.norm(words, axis=1, keepdims=True)
    x = layers["lost"][0] / np.linalg.norm(layers["lost"][0], axis=1, keepdims=True)
    assert compute(evidence, FAST).columns["alignment"][1, 0] == pytest.approx(
        rsa(x @ x.T, unit @ unit.T, method="pearson"), abs=1e-12
    )


def test_cosine_of_a_dead_activation():
    words, layers = three_layers(10)
    evidence = replace(evidence_of(words, layers), similarity="cosine")
    zero = layers["lost"][0].copy()
    zero[2] = 0
    dead = {"dead": layer_of([zero, zero])}
    assert list(compute(replace(evidence, layers=dead), FAST).defects) == ["dead"]


def test_collapse_is_rarely_claimed_where_meaning_is_left_and_often_where_none_is():
    """True alignment is about 0.2 with half the signal kept, above the bound of about 0.17, and 0 with none kept."""
    runs, claims = 100, {0.5: 0, 0.0: 0}
    mixing = rng(0).normal(size=(8, 150))
    for seed in range(runs):
        draw = rng(seed + 1)
        own, other = draw.normal(size=(2, 20, 8))
        words = own @ mixing[:, :50] + draw.normal(size=(20, 50))
        for kept in claims:
            mixed = kept * own + np.sqrt(1 - kept**2) * other
            parts = [x @ mixing[:, 50:] + 1.5 * draw.normal(size=(20, 100)) for x in (own, mixed)]
            options = Options(permutations=99, two_vs_two_permutations=0, seed=seed)
            found = compute(evidence_of(words, {"layer": parts}), options).columns
            bound = collapse_bound(found["alignment"][0, 0], found["chance_bound"][0, 1])
            claims[kept] += bool(found["upper"][0, 1] < bound)
    assert claims[0.5] <= binom.ppf(0.999, runs, 0.05)
    assert claims[0.0] >= 45


@pytest.mark.slow
def test_planted_family_wise_error_of_drift_over_layers():
    """Six layers that share concepts and never drift: any adjusted rejection is a false one."""
    runs, false = 150, 0
    for seed in range(runs):
        words, clean, attacked = shared_factors(20, seed=seed)
        layers = {f"l{k}": [x @ rng(k).normal(size=(60, 30)) for x in (clean, attacked)] for k in range(6)}
        options = Options(permutations=99, two_vs_two_permutations=0, seed=seed)
        false += np.nanmin(compute(evidence_of(words, layers), options).columns["drift_p_adjusted"]) <= 0.05
    assert false <= binom.ppf(0.999, runs, 0.05)
