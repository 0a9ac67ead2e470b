"""The 2 vs 2 and the 1 vs 2 test in closed form.

Xu, Murphy & Fyshe 2016 (BrainBench); Dharmaretnam & Fyshe 2018; Dharmaretnam, Foster & Fyshe 2021. Both ask of two
concepts whether each one's row of similarities to all *other* concepts fits its own word better than the other's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from advwindow.errors import UserError, did_you_mean
from advwindow.window.profiles import clear_diagonal, profile_correlations, unit_profiles

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

#: What a tie counts: ``fail`` is the ancestor's strict ``>``.
TIES = {"half": 0.5, "fail": 0.0, "pass": 1.0}

#: Fewer concepts leave profiles of fewer than three entries.
MIN_CONCEPTS = 5

# Differences this small are rounding; the smallest real one on the BrainBench matrices is 6.5e-6.
_TIE = 1e-9


@dataclass(frozen=True, eq=False)
class TwoVsTwo:
    """Result of the 2 vs 2 test.

    Attributes:
        accuracy: share of pairs matched correctly, in [0, 1]; chance is 1/2.
        correct: number of pairs matched correctly, ties counted by the rule.
        pairs: ``C (C - 1) / 2``.
        per_concept: ``(C,)``, mean over the pairs of each concept: which concepts lost their meaning.
        wins: ``(C, C)`` symmetric, 1 where the pair was matched correctly, 0 on the diagonal.
    """

    accuracy: float
    correct: float
    pairs: int
    per_concept: Array
    wins: Array

    @property
    def se(self) -> float:
        """First-order U-statistic standard error of the accuracy, ``2 sd(per_concept) / sqrt(C)``.

        A lower bound: a win also depends on all other concepts as columns, which this leaves out.
        """
        return float(2 * self.per_concept.std(ddof=1) / np.sqrt(len(self.per_concept)))


@dataclass(frozen=True, eq=False)
class OneVsTwo:
    """Result of the 1 vs 2 test on ``T`` images.

    Attributes:
        accuracy: share of images that look more like the first word than like the second, in [0, 1]; chance is 1/2.
        correct: number of those images, ties counted by the rule.
        margins: ``(T,)``, correlation with the first word's profile minus that with the second's, in [-2, 2].
        wins: ``(T,)``, 1, 0, or what a tie counts.
    """

    accuracy: float
    correct: float
    margins: Array
    wins: Array


def two_vs_two(a: Array, b: Array, *, ties: str = "half") -> TwoVsTwo:
    """Match every pair of concepts between two similarity (or distance) matrices.

    Pair (i, j) is correct if ``r(A_i, B_i) + r(A_j, B_j) > r(A_i, B_j) + r(A_j, B_i)``, r the Pearson correlation over
    all columns but i and j. Closed form: one matrix product instead of a loop over pairs.

    Args:
        a: ``(C, C)``, C at least 5; the diagonal is never used.
        b: ``(C, C)``, concepts in the same order.
        ties: what a tie counts, a key of `TIES`; ``"fail"`` reproduces BrainBench.

    Raises:
        UserError: shapes differ, too few concepts, an unknown tie rule.
        ConstantPatternError: a profile is constant.

    Example:
        >>> space = np.corrcoef(np.random.default_rng(0).normal(size=(8, 20)))
        >>> two_vs_two(space, space).accuracy
        1.0
    """
    check_matrices(a, b)
    wins = pair_wins(a, b, ties=ties)
    concepts = len(wins)
    correct = float(wins.sum() / 2)
    pairs = concepts * (concepts - 1) // 2
    return TwoVsTwo(correct / pairs, correct, pairs, wins.sum(1) / (concepts - 1), wins)


def pair_wins(a: Array, b: Array, *, ties: str = "half") -> Array:
    """The win matrices of `two_vs_two` for a stack of matrices.

    Args:
        a: ``(..., C, C)``.
        b: ``(C, C)``.
        ties: a key of `TIES`.

    Returns:
        ``(..., C, C)`` symmetric, zero diagonals.

    Raises:
        UserError: as `two_vs_two`.
    """
    own, other = profile_correlations(a, b)
    balance = own - other
    wins = tie_scores(balance + balance.swapaxes(-1, -2), ties)
    return clear_diagonal(wins)


def one_vs_two_grid(a: Array, b: Array, *, ties: str = "half") -> tuple[Array, Array]:
    """The 1 vs 2 test for every (source, target) pair of concepts at once.

    Args:
        a: ``(C, C)``, entry ``[s, k]`` the similarity of concept s under attack to clean concept k; not symmetric.
        b: ``(C, C)`` word similarity.
        ties: a key of `TIES`.

    Returns:
        Wins and margins, ``(C, C)``: entry ``[s, t]`` compares word s (source) with word t (target) without columns s
        and t; a positive margin means closer to the source. Diagonals are 0.

    Raises:
        UserError: as `two_vs_two`.
    """
    check_matrices(a, b)
    own, other = profile_correlations(a, b)
    margins = own - other
    np.fill_diagonal(margins, 0)
    wins = tie_scores(margins, ties)
    np.fill_diagonal(wins, 0)
    return wins, margins


def one_vs_two(u: Array, first: Array, second: Array, *, masked: NDArray[np.bool_], ties: str = "half") -> OneVsTwo:
    """Does each image look more like its first word (the truth) or its second (the wrong prediction)?

    Correct iff ``r(u, first) > r(u, second)``, over the reference concepts that are not masked.

    Args:
        u: ``(T, C)`` similarity of each image's activation to the reference concepts.
        first: ``(T, C)`` similarity of each image's first word to the reference words.
        second: ``(T, C)`` likewise for the second word.
        masked: ``(T, C)`` bool, True for references to leave out: the image's own two concepts.
        ties: a key of `TIES`.

    Raises:
        UserError: no images, fewer than three references left, an unknown tie rule.
        ConstantPatternError: a profile is constant.
    """
    if not len(u):
        raise UserError("1 vs 2 has no images to test", expected="at least one image with a wrong prediction")
    if (~masked).sum(1).min() < MIN_CONCEPTS - 2:
        raise UserError("1 vs 2 needs at least three reference concepts beside the two compared", got=u.shape[1])
    image = unit_profiles(u, masked)
    margins = np.einsum("tc,tc->t", image, unit_profiles(first, masked) - unit_profiles(second, masked))
    wins = tie_scores(margins, ties)
    return OneVsTwo(float(wins.mean()), float(wins.sum()), margins, wins)


def tie_scores(difference: Array, ties: str) -> Array:
    """1 where positive, 0 where negative, and what the rule says within 1e-9 of zero.

    Raises:
        UserError: unknown rule.
    """
    if ties not in TIES:
        raise UserError("unknown tie rule", got=ties, fix=did_you_mean(ties, TIES))
    return np.where(np.abs(difference) <= _TIE, TIES[ties], (difference > 0).astype(np.float64))


def check_matrices(a: Array, b: Array) -> None:
    """Two square matrices of the same size, C at least 5, finite off the diagonal.

    Raises:
        UserError: otherwise.
    """
    if a.shape != b.shape or a.ndim != 2 or a.shape[0] != a.shape[1]:
        raise UserError("matrices do not fit", got=f"{a.shape} and {b.shape}", expected="two (C, C) matrices")
    if len(a) < MIN_CONCEPTS:
        raise UserError("too few concepts to match", got=len(a), expected=f"at least {MIN_CONCEPTS}")
    off = ~np.eye(len(a), dtype=bool)
    if not (np.isfinite(a[off]).all() and np.isfinite(b[off]).all()):
        raise UserError("similarities are not finite", fix="leave out the concepts without a similarity")
