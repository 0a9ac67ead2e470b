import numpy as np
import pytest

from advwindow.errors import UserError
from advwindow.window.decoding import decoding_null, decoding_two_vs_two, ridge_penalty
from advwindow.window.grams import gram_of
from advwindow.window.permutation import label_permutations
from advwindow.window.similarity import ConstantPatternError


def rng(seed=0):
    return np.random.default_rng(seed)


def related(concepts, d, e, *, seed=0, noise=0.5):
    draw = rng(seed)
    x = draw.normal(size=(concepts, d)) + 2
    y = x @ draw.normal(size=(d, e)) / np.sqrt(d) + noise * draw.normal(size=(concepts, e)) + draw.normal(size=e)
    return x, y


def ridge(x, y, penalty):
    """Explicit ridge with a free intercept as least squares on augmented rows."""
    d = x.shape[1]
    design = np.block([[np.ones((len(x), 1)), x], [np.zeros((d, 1)), np.sqrt(penalty) * np.eye(d)]])
    weights, *_ = np.linalg.lstsq(design, np.vstack([y, np.zeros((d, y.shape[1]))]), rcond=None)
    return lambda new: np.hstack([np.ones((len(new), 1)), new]) @ weights


def loop(x, y, penalty, *, pearson=False, tie=0.5):
    """Win matrix by fitting a model to every pair's complement."""

    def fits(p, q):
        if pearson:
            p, q = p - p.mean(), q - q.mean()
        return p @ q / np.linalg.norm(p) / np.linalg.norm(q)

    wins = np.zeros((len(x), len(x)))
    for i in range(len(x)):
        for j in range(i + 1, len(x)):
            seen = [c for c in range(len(x)) if c not in (i, j)]
            p, q = ridge(x[seen], y[seen], penalty)(x[[i, j]])
            margin = fits(p, y[i]) + fits(q, y[j]) - fits(p, y[j]) - fits(q, y[i])
            wins[i, j] = wins[j, i] = tie if abs(margin) < 1e-9 else float(margin > 0)
    return wins


@pytest.mark.parametrize("concepts", [5, 6, 11, 20])
@pytest.mark.parametrize("d", [1, 3, 9, 40])
@pytest.mark.parametrize("penalty", [1e-3, 1.0, 300.0, None])
@pytest.mark.parametrize("kind", ["raw", "centred"])
def test_closed_form_equals_explicit_fits(concepts, d, penalty, kind):
    x, y = related(concepts, d, 7, seed=concepts + d, noise=2.0)
    features = gram_of(x).raw
    found = decoding_two_vs_two(features, getattr(gram_of(y), kind), penalty=penalty)
    slow = loop(x, y, ridge_penalty(features) if penalty is None else penalty, pearson=kind == "centred")
    assert np.array_equal(found.wins, slow)
    assert found.correct == slow.sum() / 2
    assert found.pairs == concepts * (concepts - 1) / 2
    assert found.accuracy == found.correct / found.pairs
    assert np.allclose(found.per_concept, slow.sum(1) / (concepts - 1))


def test_the_oracle_sees_the_penalty_and_the_similarity():
    x, y = related(20, 9, 7, seed=29, noise=2.0)
    assert not np.array_equal(loop(x, y, 1e-3), loop(x, y, 300.0))
    assert not np.array_equal(loop(x, y, 1.0), loop(x, y, 1.0, pearson=True))


@pytest.mark.parametrize("centre", [True, False])
def test_margins_of_a_large_word_mean_are_exact(centre):
    x, y = related(12, 4, 6)
    y = y - y.mean(0) if centre else y + 100
    assert np.array_equal(decoding_two_vs_two(gram_of(x).raw, y @ y.T, penalty=2.0).wins, loop(x, y, 2.0))


def test_the_default_penalty_leaves_a_tenth_of_the_rank():
    for concepts, d, rank in [(20, 50, 19), (30, 8, 8), (12, 1, 1)]:
        x = rng(d).normal(size=(concepts, d)) * np.logspace(0, -2, d) + 5
        penalty = ridge_penalty(x @ x.T)
        centred = x - x.mean(0)
        hat = centred @ np.linalg.solve(centred.T @ centred + penalty * np.eye(d), centred.T)
        assert np.trace(hat) == pytest.approx(rank / 10, rel=1e-6)


def test_the_default_penalty_of_equal_eigenvalues():
    assert ridge_penalty(3 * np.eye(9)) == pytest.approx(27)


def test_a_perfect_map_is_decoded():
    x, y = related(30, 6, 20, noise=0.0)
    assert decoding_two_vs_two(gram_of(x).raw, gram_of(y).centred, penalty=1e-6).accuracy == 1


def test_an_offset_of_the_activations_does_not_count_as_rank():
    x = rng().normal(size=(30, 4))
    assert ridge_penalty((x + 1e4) @ (x + 1e4).T) == pytest.approx(ridge_penalty(x @ x.T), rel=1e-4)


@pytest.mark.parametrize("d", [3, 100])
def test_independent_data_score_half_on_average(d):
    scores = []
    for seed in range(300):
        draw = rng(seed)
        x, y = gram_of(draw.normal(size=(16, d))), gram_of(draw.normal(size=(16, 10)) + draw.normal(size=10))
        scores.append(decoding_two_vs_two(x.raw, y.centred).accuracy)
    assert np.mean(scores) == pytest.approx(0.5, abs=4 * np.std(scores) / np.sqrt(len(scores)))
    assert np.std(scores) < 0.15


def test_shift_rotation_and_scale_of_the_features_change_nothing():
    x, y = related(15, 8, 6, noise=2.0)
    words = gram_of(y).centred
    turn = np.linalg.qr(rng(5).normal(size=(8, 8)))[0]
    base = decoding_two_vs_two(x @ x.T, words).wins
    assert 0.5 < base.sum() / (15 * 14) < 1
    for moved in (x + 7, x @ turn, 30 * x):
        assert np.array_equal(decoding_two_vs_two(moved @ moved.T, words).wins, base)


def test_consistent_relabelling_only_reorders():
    x, y = related(15, 8, 6, noise=2.0)
    features, words, order = x @ x.T, gram_of(y).centred, rng(3).permutation(15)
    base = decoding_two_vs_two(features, words).wins
    dealt = decoding_two_vs_two(features[np.ix_(order, order)], words[np.ix_(order, order)]).wins
    assert np.array_equal(dealt, base[np.ix_(order, order)])
    assert not np.array_equal(decoding_two_vs_two(features, words[np.ix_(order, order)]).wins, base)


@pytest.mark.parametrize(("ties", "score"), [("half", 0.5), ("fail", 0.0), ("pass", 1.0)])
def test_ties(ties, score):
    x, y = related(10, 6, 5)
    y[1] = y[0]  # the same word twice
    x[3] = x[2]  # the same activation twice
    found = decoding_two_vs_two(x @ x.T, y @ y.T, ties=ties)
    assert found.wins[0, 1] == found.wins[2, 3] == score
    assert np.array_equal(found.wins, loop(x, y, ridge_penalty(x @ x.T), tie=score))


@pytest.mark.parametrize("ties", ["half", "fail"])
@pytest.mark.parametrize("d", [3, 30])
def test_null_equals_relabelling_the_words(ties, d):
    x, y = related(12, d, 6)
    features, words = x @ x.T, gram_of(y).centred
    permutations = np.vstack([np.arange(12), label_permutations(40, 12, seed=1)])
    null = decoding_null(features, words, permutations, ties=ties)
    slow = [decoding_two_vs_two(features, words[np.ix_(o, o)], ties=ties).accuracy for o in permutations]
    assert np.allclose(null, slow, atol=1e-12)
    assert null[0] == pytest.approx(decoding_two_vs_two(features, words, ties=ties).accuracy)
    penalised = decoding_null(features, words, permutations, ties=ties, penalty=1e-3)
    assert not np.array_equal(penalised, null)


def test_null_is_centred_on_half():
    x, y = related(20, 10, 8)
    null = decoding_null(x @ x.T, gram_of(y).centred, label_permutations(400, 20, seed=2))
    assert null.mean() == pytest.approx(0.5, abs=4 * null.std() / 20)


def test_words_without_any_difference_are_ties():
    x, y = related(8, 4, 3)
    same = np.tile(y[0], (8, 1))
    assert decoding_two_vs_two(x @ x.T, same @ same.T).accuracy == 0.5


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        ("activations", "all activations are the same"),
        ("word", r"a word vector has no length.*rows \[2\]"),
        ("prediction", "a predicted word vector has no length"),
    ],
)
def test_constant_patterns_are_named(spoil, message):
    x, y = related(8, 4, 3)
    if spoil == "activations":
        x[:] = x[0]
    elif spoil == "word":
        y[2] = 0
    else:  # six words in opposite pairs at the same activations are predicted to be nothing
        x = np.repeat(rng().normal(size=(4, 4)), 2, axis=0)
        y = np.repeat(rng(1).normal(size=(4, 3)), 2, axis=0) * np.tile([[1.0], [-1.0]], (4, 1))
    with pytest.raises(ConstantPatternError, match=message):
        decoding_two_vs_two(x @ x.T, y @ y.T)


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        (lambda g: g[:4, :4], {}, "do not fit"),
        (lambda g: g + np.diag([np.nan, *np.zeros(7)]), {}, "not finite"),
        (lambda g: g, {"penalty": 0.0}, "penalty.*got 0.0"),
        (lambda g: g, {"penalty": np.inf}, "penalty"),
        (lambda g: g, {"ties": "win"}, "unknown tie rule"),
    ],
)
def test_bad_input(change, options, message):
    x, y = related(8, 4, 3)
    with pytest.raises(UserError, match=message):
        decoding_two_vs_two(change(x @ x.T), y @ y.T, **options)
    with pytest.raises(UserError, match=message):
        decoding_null(change(x @ x.T), y @ y.T, label_permutations(2, 8, seed=0), **options)


def test_too_few_concepts():
    x, y = related(4, 4, 3)
    with pytest.raises(UserError, match="at least 5"):
        decoding_two_vs_two(x @ x.T, y @ y.T)
