import numpy as np
import pytest
from scipy import stats

from advwindow.window import Options, analyse
from advwindow.window.alignment import biased_cka
from advwindow.window.crossvalidated import crossvalidated_distances
from advwindow.window.decoding import decoding_two_vs_two
from advwindow.window.further import FURTHER, further_measures, neighbours
from advwindow.window.geometry import word_geometry
from advwindow.window.grams import gram_of
from advwindow.window.neighbours import neighbour_overlap
from advwindow.window.permutation import label_permutations
from advwindow.window.procrustes import procrustes
from tests.window.helpers import evidence_of, rng, shared_factors

CONCEPTS, FOLDS = 12, 3


def several(rows, *, noise=1.0, seed=0, folds=FOLDS):
    return np.vstack([rows + noise * rng(seed + fold).normal(size=rows.shape) for fold in range(folds)])


def measured(words, parts, *, folds=FOLDS, kind="pearson", count=0):
    evidence = evidence_of(words, {"late": parts}, folds=folds)
    patterns = evidence.layers["late"].stack
    evidence = type(evidence)(**vars(evidence) | {"similarity": kind})
    stack = patterns.averaged(evidence.weights)
    return further_measures(
        stack,
        patterns,
        word_geometry(evidence, "toy"),
        kind=kind,
        ties="half",
        folds=folds,
        permutations=label_permutations(count, len(words), seed=0),
    )


@pytest.fixture(scope="module")
def world():
    words, clean, attacked = shared_factors(CONCEPTS)
    return words + 1.5, [several(clean + 2), several(attacked, seed=3)]


@pytest.mark.parametrize("kind", ["pearson", "cosine"])
def test_measures_with_words_are_their_pure_functions(world, kind):
    words, parts = world
    found = measured(words, parts, kind=kind)
    assert tuple(found) == FURTHER
    target = gram_of(words)
    products = target.centred if kind == "pearson" else target.raw
    for s, part in enumerate(parts):
        gram = gram_of(part.reshape(FOLDS, CONCEPTS, -1).mean(0))
        assert found["decoding"][s] == pytest.approx(decoding_two_vs_two(gram.raw, products).accuracy)
        assert found["procrustes"][s] == pytest.approx(procrustes(gram.raw, target.raw).value)
        near = gram.centred if kind == "pearson" else gram.raw
        likeness = [p / np.sqrt(np.outer(np.diag(p), np.diag(p))) for p in (near, products)]
        assert found["neighbours"][s] == pytest.approx(neighbour_overlap(*likeness, k=2).value)
        biased = biased_cka(gram.raw, target.raw)
        assert (found["cka_biased"][s], found["cka_biased_null"][s]) == pytest.approx(biased)


def test_procrustes_and_biased_cka_are_those_of_the_activations(world):
    """From the activations themselves, without any Gram."""
    words, parts = world
    found = measured(words, parts)
    y = words - words.mean(0)
    for s, part in enumerate(parts):
        x = part.reshape(FOLDS, CONCEPTS, -1).mean(0)
        x = x - x.mean(0)
        nuclear = np.linalg.svd(x.T @ y, compute_uv=False).sum() / (np.linalg.norm(x) * np.linalg.norm(y))
        assert found["procrustes"][s] == pytest.approx(nuclear)
        cka = np.linalg.norm(x.T @ y) ** 2 / (np.linalg.norm(x @ x.T) * np.linalg.norm(y @ y.T))
        assert found["cka_biased"][s] == pytest.approx(cka)


@pytest.mark.parametrize("kind", ["pearson", "cosine"])
def test_crossvalidated_alignment_by_loops(world, kind):
    words, parts = world
    found = measured(words, parts, kind=kind)["rsa_crossvalidated"]
    target = words - (words.mean(1, keepdims=True) if kind == "pearson" else 0)
    target = target / np.linalg.norm(target, axis=1, keepdims=True)
    for s, part in enumerate(parts):
        rows = part - (part.mean(1, keepdims=True) if kind == "pearson" else 0)
        rows = rows.reshape(FOLDS, CONCEPTS, -1)
        near, likeness = [], []
        for i in range(CONCEPTS):
            for j in range(i + 1, CONCEPTS):
                step = rows[:, i] - rows[:, j]
                near.append(-np.mean([step[m] @ step[n] for m in range(FOLDS) for n in range(FOLDS) if m != n]))
                likeness.append(target[i] @ target[j])
        assert found[s] == pytest.approx(stats.pearsonr(near, likeness).statistic)


@pytest.mark.parametrize("size", [0.0, 0.7, 2.0])
def test_a_common_displacement_gives_its_ratio(size):
    """Every image moves by the same vector: its squared length, in units of the distance between concepts."""
    words, clean, _ = shared_factors(CONCEPTS)
    step = rng(2).normal(size=clean.shape[1])
    step -= step.mean()
    patterns = several(clean)
    found = measured(words, [patterns, patterns + size * step], kind="cosine")
    apart = crossvalidated_distances(gram_of(patterns).raw, folds=FOLDS, features=clean.shape[1])
    mean = apart[np.triu_indices(CONCEPTS, 1)].mean() * clean.shape[1]
    assert found["shift"] == pytest.approx([0, size**2 * step @ step / mean])
    assert measured(words, [patterns, patterns + size * step])["shift"][1] > 0 or size == 0


def test_displacements_of_their_own_average_out():
    """Each image moves its own way and no concept moves: what is left is chance, of either sign."""
    words, clean, _ = shared_factors(CONCEPTS)
    patterns = several(clean)
    own = [
        measured(words, [patterns, patterns + rng(50 + k).normal(size=patterns.shape)])["shift"][1] for k in range(40)
    ]
    assert min(own) < 0 < max(own)
    assert abs(np.mean(own)) < 3 * np.std(own) / np.sqrt(len(own))


def test_concepts_that_do_not_differ_have_no_shift():
    """Without a distance between concepts there is no unit; here the estimate of it is below zero."""
    words, clean, attacked = shared_factors(CONCEPTS)
    rows = np.vstack([clean, -0.5 * clean])
    found = measured(words, [rows, rows + np.vstack([attacked] * 2)], folds=2)
    assert np.isnan(found["shift"]).all()


def test_one_fold_has_no_crossvalidation():
    words, clean, attacked = shared_factors(CONCEPTS)
    found = measured(words, [clean, attacked], folds=1, count=19)
    for name in ("rsa_crossvalidated", "shift"):
        assert np.isnan(found[name]).all()
    for name in set(FURTHER) - {"rsa_crossvalidated", "shift"}:
        assert np.isfinite(found[name]).all(), name


def test_a_flat_image_set_leaves_what_does_not_need_it(world):
    """One pattern of the attacked images is constant: the concept means still compare."""
    words, (clean, attacked) = world
    flat = attacked.copy()
    flat[CONCEPTS + 3] = 0.25
    found = measured(words, [clean, flat])
    for name in ("decoding", "procrustes", "neighbours", "cka_biased", "rsa_crossvalidated"):
        assert np.isfinite(found[name]).all(), name


@pytest.mark.parametrize(("concepts", "k"), [(5, 1), (8, 1), (9, 2), (12, 2), (41, 10), (42, 10), (1000, 10)])
def test_neighbours_are_a_quarter_of_the_others_at_most_ten(concepts, k):
    assert neighbours(concepts) == k


def test_the_table_shows_them(world):
    words, parts = world
    options = Options(permutations=19, further_permutations=19)
    layers = analyse(evidence_of(words, {"late": parts}, folds=FOLDS), options).layers
    found = measured(words, parts, count=19)
    for name in FURTHER:
        assert layers[name].to_list() == pytest.approx(found[name].tolist()), name


def test_relabelling_gives_p_values_and_what_procrustes_is_by_chance(world):
    words, parts = world
    plain, tested = measured(words, parts), measured(words, parts, count=199)
    tests = ("decoding_p", "procrustes_p", "neighbours_p", "procrustes_null")
    assert all(np.isnan(plain[name]).all() for name in tests)
    mean = np.vstack(np.split(parts[0], FOLDS)).reshape(FOLDS, CONCEPTS, -1).mean(0)
    orders = label_permutations(199, CONCEPTS, seed=0)
    null = [procrustes(mean @ mean.T, words[order] @ words[order].T).value for order in orders]
    assert tested["procrustes_null"][0] == pytest.approx(np.mean(null))
    assert tested["procrustes_p"][0] == (1 + sum(value >= plain["procrustes"][0] - 1e-9 for value in null)) / 200
    wins = [decoding_two_vs_two(mean @ mean.T, gram_of(words[order]).centred).accuracy for order in orders]
    assert tested["decoding_p"][0] == (1 + sum(value >= plain["decoding"][0] - 1e-9 for value in wins)) / 200
    report = analyse(evidence_of(words, {"late": [mean, mean]}), Options(permutations=99, further_permutations=99))
    assert report.layers["neighbours_p"].null_count() == 0
