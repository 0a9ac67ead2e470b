import os
from pathlib import Path

import numpy as np
import pytest

from advwindow.errors import UserError
from advwindow.window.matching import one_vs_two, one_vs_two_grid, pair_wins, two_vs_two
from advwindow.window.similarity import ConstantPatternError
from tests.window.helpers import correlations, rng, slow_two_vs_two


@pytest.fixture(scope="module")
def brains() -> list[np.ndarray]:
    folder = os.environ.get("ADVWINDOW_DATA")
    if not folder:
        pytest.skip("ADVWINDOW_DATA is not set, so the BrainBench matrices are not at hand")
    return [np.load(Path(folder) / "brainbench" / f"b{k}.npy", allow_pickle=False) for k in range(1, 10)]


def test_brainbench_pair(brains):
    found = two_vs_two(brains[0], brains[1], ties="fail")
    assert (found.correct, found.pairs) == (1459, 1770)
    assert found.accuracy == pytest.approx(0.824294, abs=5e-7)


def test_brainbench_each_against_the_mean_of_the_others(brains):
    published = [1649, 1586, 1456, 1518, 1445, 1368, 1423, 1106, 1468]
    total = np.sum(brains, axis=0)
    assert [two_vs_two(b, (total - b) / 8, ties="fail").correct for b in brains] == published


def test_brainbench_has_no_ties(brains):
    for ties in ("half", "pass"):
        assert two_vs_two(brains[0], brains[1], ties=ties).correct == 1459


@pytest.mark.parametrize("concepts", [5, 6, 9, 20, 60])
@pytest.mark.parametrize("symmetric", [True, False])
def test_closed_form_equals_the_loop(concepts, symmetric):
    a, b = correlations(concepts, seed=1), correlations(concepts, seed=2)
    if not symmetric:
        a, b = a + 0.3 * rng(3).normal(size=a.shape), b + 0.3 * rng(4).normal(size=b.shape)
    found = two_vs_two(a, b)
    slow = slow_two_vs_two(a, b)
    assert np.array_equal(found.wins, slow)
    assert found.correct == slow.sum() / 2
    assert found.pairs == concepts * (concepts - 1) / 2
    assert np.allclose(found.per_concept, slow.sum(1) / (concepts - 1))
    assert found.per_concept.mean() == pytest.approx(found.accuracy)


@pytest.mark.parametrize(("ties", "score"), [("half", 0.5), ("fail", 0.0), ("pass", 1.0)])
def test_ties(ties, score):
    b = correlations(8, seed=5)
    b[1], b[:, 1] = b[0], b[:, 0]  # words 0 and 1 are the same, so nothing tells them apart
    a = correlations(8, seed=6)
    found = two_vs_two(a, b, ties=ties)
    assert found.wins[0, 1] == score
    assert np.array_equal(found.wins, slow_two_vs_two(a, b, tie=score))


def test_differences_above_the_tolerance_are_no_ties():
    b = correlations(8, seed=5)
    b[1], b[:, 1] = b[0], b[:, 0]
    b[0, 5] += 1e-6
    assert two_vs_two(correlations(8, seed=6), b).wins[0, 1] in (0, 1)


def test_shift_scale_and_distances_change_nothing():
    a, b = correlations(15, seed=1), correlations(15, seed=2)
    wins = two_vs_two(a, b).wins
    assert np.array_equal(two_vs_two(100 + 3 * a, b - 7).wins, wins)
    assert np.array_equal(two_vs_two(1 - a, 1 - b).wins, wins)
    off = a + np.diag(rng().normal(size=15))
    assert np.array_equal(two_vs_two(off, b).wins, wins)


def test_consistent_relabelling_changes_nothing_else():
    a, b, order = correlations(15, seed=1), correlations(15, seed=2), rng(3).permutation(15)
    wins = two_vs_two(a, b).wins
    turned = two_vs_two(a[np.ix_(order, order)], b[np.ix_(order, order)]).wins
    assert np.array_equal(turned, wins[np.ix_(order, order)])


def test_a_stack_is_scored_as_its_parts():
    stack, b = np.stack([correlations(9, seed=s) for s in range(4)]).reshape(2, 2, 9, 9), correlations(9, seed=9)
    wins = pair_wins(stack, b)
    assert np.array_equal(wins[1, 0], two_vs_two(stack[1, 0], b).wins)


def test_a_space_matches_itself_and_chance_is_one_half():
    a = correlations(30, seed=1)
    assert two_vs_two(a, a).accuracy == 1
    scores = [two_vs_two(correlations(30, seed=s), correlations(30, seed=1000 + s)).accuracy for s in range(60)]
    assert abs(np.mean(scores) - 0.5) < 4 * np.std(scores) / np.sqrt(60)


def test_standard_error_is_the_first_order_one():
    found = two_vs_two(correlations(30, seed=1), correlations(30, seed=2))
    h = found.wins.sum(1) / 29
    assert found.se == pytest.approx(2 * np.std(h, ddof=1) / np.sqrt(30))


@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        (np.eye(4), np.eye(4), "too few concepts to match: got 4; expected at least 5"),
        (np.eye(6), np.eye(7), "matrices do not fit"),
        (np.ones((6, 5)), np.ones((6, 5)), "matrices do not fit"),
        (np.full((6, 6), np.nan), np.ones((6, 6)), "not finite"),
    ],
)
def test_what_cannot_be_matched(a, b, message):
    with pytest.raises(UserError, match=message):
        two_vs_two(a, b)


def test_unknown_tie_rule():
    with pytest.raises(UserError, match=r"unknown tie rule: got 'haf'\. Fix: did you mean half"):
        two_vs_two(correlations(6), correlations(6), ties="haf")


def test_a_constant_profile_is_never_scored():
    a = correlations(8, seed=1)
    a[2, :] = a[:, 2] = 0.3
    with pytest.raises(ConstantPatternError, match=r"rows \[2\]"):
        two_vs_two(a, correlations(8, seed=2))
    with pytest.raises(ConstantPatternError):
        two_vs_two(correlations(8, seed=2), np.ones((8, 8)))


@pytest.mark.parametrize("concepts", [5, 12])
def test_one_vs_two_grid_equals_the_loop(concepts):
    a = rng(1).normal(size=(concepts, concepts))
    b = correlations(concepts, seed=2)
    wins, margins = one_vs_two_grid(a, b)
    for s in range(concepts):
        for t in set(range(concepts)) - {s}:
            m = [k for k in range(concepts) if k not in (s, t)]
            margin = np.corrcoef(a[s, m], b[s, m])[0, 1] - np.corrcoef(a[s, m], b[t, m])[0, 1]
            assert margins[s, t] == pytest.approx(margin, abs=1e-12)
            assert wins[s, t] == (margin > 0)
    assert not np.diag(margins).any()


def test_one_vs_two_of_images_equals_the_loop():
    concepts, images = 10, 25
    draw = rng(3)
    u, first, second = draw.normal(size=(3, images, concepts))
    masked = np.zeros((images, concepts), bool)
    masked[np.arange(images), draw.integers(0, concepts, images)] = True
    masked[np.arange(images), draw.integers(0, concepts, images)] = True
    found = one_vs_two(u, first, second, masked=masked)
    for i in range(images):
        keep = ~masked[i]
        margin = np.corrcoef(u[i, keep], first[i, keep])[0, 1] - np.corrcoef(u[i, keep], second[i, keep])[0, 1]
        assert found.margins[i] == pytest.approx(margin, abs=1e-12)
        assert found.wins[i] == (margin > 0)
    assert found.accuracy == found.correct / images


def test_grid_and_images_agree():
    a, b = rng(1).normal(size=(9, 9)), correlations(9, seed=2)
    s, t = np.array([0, 3, 8]), np.array([5, 1, 2])
    masked = np.zeros((3, 9), bool)
    masked[np.arange(3), s] = masked[np.arange(3), t] = True
    found = one_vs_two(a[s], b[s], b[t], masked=masked)
    wins, margins = one_vs_two_grid(a, b)
    assert np.allclose(found.margins, margins[s, t], atol=1e-12)
    assert np.array_equal(found.wins, wins[s, t])


@pytest.mark.parametrize(("ties", "score"), [("half", 0.5), ("fail", 0.0), ("pass", 1.0)])
def test_one_vs_two_ties(ties, score):
    u, word = rng().normal(size=(2, 4, 8))
    found = one_vs_two(u, word, word, masked=np.zeros((4, 8), bool), ties=ties)
    assert found.accuracy == score


def test_one_vs_two_needs_images_and_references():
    none = np.zeros((0, 8))
    with pytest.raises(UserError, match="no images"):
        one_vs_two(none, none, none, masked=none.astype(bool))
    u = rng().normal(size=(2, 4))
    with pytest.raises(UserError, match="at least three reference concepts"):
        one_vs_two(u, u, u, masked=np.tile([True, True, False, False], (2, 1)))
    with pytest.raises(ConstantPatternError):
        one_vs_two(np.full((2, 4), np.nan), u, u, masked=np.zeros((2, 4), bool))
