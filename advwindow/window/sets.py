"""Scores as Words as a Window takes them: every image set by itself, then the mean of the scores.

Dharmaretnam & Fyshe 2018; Dharmaretnam, Foster & Fyshe 2021: one image per concept and set, a 2 vs 2 score per set,
the scores (not the activations) averaged. Our folds are the sets.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from advwindow.window.grams import Gram
from advwindow.window.matching import pair_wins
from advwindow.window.permutation import label_permutations, two_vs_two_null
from advwindow.window.similarity import ConstantPatternError, similarity

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from advwindow.window.geometry import WordGeometry
    from advwindow.window.grams import Stack
    from advwindow.window.options import Options

    Array = NDArray[np.float64]


def set_scores(patterns: Stack, words: WordGeometry, *, kind: str, folds: int, options: Options) -> tuple[Array, Array]:
    """Mean 2 vs 2 accuracy over image sets, and what it is when words are dealt out at random.

    Args:
        patterns: of the ``M * C`` means by fold, fold by fold.
        words: the reference.
        kind: similarity, ``"pearson"`` or ``"cosine"``.
        folds: ``M``.
        options: tie rule, permutations and seed.

    Returns:
        ``(S,)``, NaN where a set has no geometry; and ``(B, S)``, the same relabellings in all sets, layers and
        conditions, with B = 0 unless the 2 vs 2 test is permuted at this number of concepts.
    """
    conditions, concepts = len(patterns.own), len(words.similarity)
    permutations = label_permutations(options.matching_permutations(concepts), concepts, seed=options.seed)
    try:
        matrices = [
            np.stack([similarity(_fold(patterns, s, fold, concepts), kind) for s in range(conditions)])
            for fold in range(folds)
        ]
        scores = [pair_wins(each, words.similarity, ties=options.ties).sum((1, 2)) for each in matrices]
        null = [two_vs_two_null(each, words.similarity, permutations, ties=options.ties) for each in matrices]
    except ConstantPatternError:
        return np.full(conditions, np.nan), np.full((len(permutations), conditions), np.nan)
    return np.mean(scores, axis=0) / (concepts * (concepts - 1)), np.mean(null, axis=0)


def _fold(patterns: Stack, condition: int, fold: int, concepts: int) -> Gram:
    chosen = slice(fold * concepts, (fold + 1) * concepts)
    return Gram(patterns.own[condition][chosen, chosen], patterns.mean[condition, chosen], patterns.features)
