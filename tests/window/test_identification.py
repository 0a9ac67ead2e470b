import numpy as np
import pytest
from scipy.stats import rankdata

from advwindow.errors import UserError
from advwindow.window.grams import gram_of
from advwindow.window.identification import identification
from advwindow.window.similarity import ConstantPatternError


def conditions(n, d, *, seed=0, noise=1.0):
    draw = np.random.default_rng(seed)
    clean = draw.normal(size=(n, d)) + 2 * draw.normal(size=(n, 1))
    return clean, clean + noise * draw.normal(size=(n, d))


def blocks(clean, other, *, pearson):
    gram = gram_of(np.vstack([clean, other]))
    products, n = gram.centred if pearson else gram.raw, len(clean)
    return products[:n, :n], products[:n, n:], products[n:, n:]


def brute_force(clean, other, *, pearson):
    """Similarity of every clean pattern (rows) with every other (columns), one by one."""

    def near(x, y):
        if pearson:
            return np.corrcoef(x, y)[0, 1]
        return x @ y / np.linalg.norm(x) / np.linalg.norm(y)

    return np.array([[near(x, y) for y in other] for x in clean])


@pytest.mark.parametrize("pearson", [True, False])
@pytest.mark.parametrize(("n", "d", "noise"), [(2, 5, 1.0), (12, 4, 1.0), (40, 30, 3.0)])
def test_brute_force(n, d, noise, pearson):
    clean, other = conditions(n, d, seed=n, noise=noise)
    found = identification(*blocks(clean, other, pearson=pearson))
    near = brute_force(clean, other, pearson=pearson)
    assert np.array_equal(found.correct, near.argmax(0) == np.arange(n))
    assert np.array_equal(found.rank, np.diag(rankdata(-near, axis=0)))
    assert found.accuracy == pytest.approx(found.correct.mean())
    assert found.chance == 1 / n


def test_the_two_similarities_differ():
    clean, other = conditions(40, 30, seed=40, noise=3.0)
    ranks = [identification(*blocks(clean, other, pearson=pearson)).rank for pearson in (True, False)]
    assert not np.array_equal(*ranks)


def test_unmoved_patterns_are_identified_and_scale_does_not_matter():
    clean, other = conditions(15, 10, noise=2.0)
    still = identification(*blocks(clean, clean, pearson=True))
    assert still.accuracy == 1
    assert np.array_equal(still.rank, np.ones(15))
    base = identification(*blocks(clean, other, pearson=True))
    assert 0 < base.accuracy < 1
    scales = np.linspace(0.1, 9, 15)[:, None]
    scaled = identification(*blocks(scales * clean, scales[::-1] * other, pearson=True))
    assert np.array_equal(scaled.rank, base.rank)


def test_the_candidates_are_the_clean_patterns():
    # Attacked 1 and 2 both look like clean 0: read the other way round, clean 0 would still find its own.
    clean = np.eye(3)
    other = np.array([[1.0, 0, 0], [0.9, 0.1, 0], [0.8, 0, 0.3]])
    found = identification(clean @ clean.T, clean @ other.T, other @ other.T)
    assert found.correct.tolist() == [1, 0, 0]
    assert found.rank.tolist() == [1, 2, 2]


def test_ties_share_credit_and_places():
    clean = np.array([[1.0, 0, 0], [1.0, 0, 0], [2.0, 0, 0], [0, 1.0, 0], [0, 0, 1.0]])
    other = np.array([[1.0, 0.2, 0], [0.2, 1.0, 0], [1.0, 0, 0], [0, 3.0, 0], [0, 1.0, 0]])
    found = identification(clean @ clean.T, clean @ other.T, other @ other.T)
    assert found.correct == pytest.approx([1 / 3, 0, 1 / 3, 1, 0])
    assert found.rank.tolist() == [2, 3, 2, 1, 3.5]


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_ties_survive_rounding_at_any_scale(scale):
    first, other = conditions(30, 7, noise=0.3)
    clean = np.repeat(first, 2, axis=0) * np.tile([[1.0], [1 / 3]], (30, 1))  # every clean pattern twice
    found = identification(*blocks(clean, scale * np.repeat(other, 2, axis=0), pearson=True))
    single = identification(*blocks(first, other, pearson=True))
    assert np.array_equal(found.correct, np.repeat(single.correct / 2, 2))
    assert np.array_equal(found.rank, np.repeat(2 * single.rank - 0.5, 2))


def test_patterns_exchanged_are_never_identified_and_ranks_by_chance_are_central():
    clean, _ = conditions(20, 10)
    assert identification(*blocks(clean, np.roll(clean, 1, axis=0), pearson=True)).accuracy == 0
    ranks = []
    for seed in range(40):
        draw = np.random.default_rng(seed)
        ranks.append(identification(*blocks(draw.normal(size=(20, 9)), draw.normal(size=(20, 9)), pearson=True)).rank)
    assert np.mean(ranks) == pytest.approx(10.5, abs=4 * np.std(ranks) / np.sqrt(np.size(ranks)))


def test_bad_input():
    own, cross, other = blocks(*conditions(6, 4), pearson=False)
    with pytest.raises(UserError, match="do not fit"):
        identification(own[:5, :5], cross, other)
    with pytest.raises(UserError, match="do not fit"):
        identification(own[:5], cross[:5], other[:5])
    with pytest.raises(UserError, match="at least 2"):
        identification(own[:1, :1], cross[:1, :1], other[:1, :1])
    with pytest.raises(UserError, match="not finite"):
        identification(own, cross * np.nan, other)


@pytest.mark.parametrize(("side", "name"), [(0, "clean"), (1, "other")])
def test_a_constant_pattern_is_named(side, name):
    pair = conditions(6, 4)
    pair[side][3] = 7.0
    with pytest.raises(ConstantPatternError, match=rf"the {name} condition .*rows \[3\]"):
        identification(*blocks(*pair, pearson=True))
    identification(*blocks(*pair, pearson=False))
