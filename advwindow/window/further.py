"""Further measures of one layer in all conditions, beside those that the verdict rests on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from advwindow.window.alignment import biased_cka, pair_values, unit_pairs
from advwindow.window.crossvalidated import crossvalidated_distances, crossvalidated_shift
from advwindow.window.decoding import decoding_null, decoding_two_vs_two
from advwindow.window.multiplicity import resampled_p
from advwindow.window.neighbours import neighbour_null, neighbour_overlap
from advwindow.window.procrustes import overlap, procrustes_null, unit_patterns
from advwindow.window.similarity import ConstantPatternError, similarity

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from advwindow.window.geometry import WordGeometry
    from advwindow.window.grams import Stack

    Array = NDArray[np.float64]

#: Neighbours of each concept that are compared, at most; a quarter of the other concepts where there are few.
MOST_NEIGHBOURS = 10

#: Columns of `further_measures`.
FURTHER = (
    "decoding",
    "procrustes",
    "neighbours",
    "cka_biased",
    "cka_biased_null",
    "rsa_crossvalidated",
    "shift",
    "decoding_p",
    "procrustes_p",
    "procrustes_null",
    "neighbours_p",
)


def further_measures(
    stack: Stack,
    patterns: Stack,
    words: WordGeometry,
    *,
    kind: str,
    ties: str,
    folds: int,
    permutations: NDArray[np.int64],
) -> dict[str, Array]:
    """One number per condition for each measure of `FURTHER`; NaN where there is none.

    Args:
        stack: of the ``C`` concept means.
        patterns: of the ``M * C`` means by fold.
        words: the reference.
        kind: similarity, ``"pearson"`` or ``"cosine"``.
        ties: rule of the 2 vs 2 test.
        folds: ``M``.
        permutations: ``(B, C)`` relabellings for the p-values, and the null mean of Procrustes; B = 0 for none.
    """
    conditions = range(len(stack.own))
    columns = {name: np.full(len(conditions), np.nan) for name in FURTHER}
    for s in conditions:
        for name, compute in _with_words(stack, words, s, kind, ties).items():
            try:
                columns[name][s] = compute()
            except ConstantPatternError:
                continue
        biased = biased_cka(stack.gram(s).raw, words.gram.raw)
        columns["cka_biased"][s], columns["cka_biased_null"][s] = biased
        if len(permutations):
            for name, value in _nulls(stack, words, s, kind, ties, permutations, columns).items():
                columns[name][s] = value
        if folds > 1:
            columns["shift"][s] = _shift(*_products(patterns, s, kind), folds, patterns.features)
            columns["rsa_crossvalidated"][s] = _crossvalidated_alignment(patterns, words, s, kind, folds)
    return columns


def neighbours(concepts: int) -> int:
    """How many neighbours of each of so many concepts are compared."""
    return max(1, min(MOST_NEIGHBOURS, (concepts - 1) // 4))


def _with_words(stack: Stack, words: WordGeometry, s: int, kind: str, ties: str) -> dict[str, Callable[[], float]]:
    gram = stack.gram(s)
    word_products = words.gram.centred if kind == "pearson" else words.gram.raw
    k = neighbours(len(words.similarity))
    return {
        "decoding": lambda: decoding_two_vs_two(gram.raw, word_products, ties=ties).accuracy,
        "procrustes": lambda: overlap(unit_patterns(gram.raw), words.patterns),
        "neighbours": lambda: float(neighbour_overlap(similarity(gram, kind), words.similarity, k=k).value),
    }


def _nulls(
    stack: Stack,
    words: WordGeometry,
    s: int,
    kind: str,
    ties: str,
    permutations: NDArray[np.int64],
    columns: dict[str, Array],
) -> dict[str, float]:
    """p-values, each layer by itself, against relabelled words; and what Procrustes gives by chance."""
    gram = stack.gram(s)
    word_products = words.gram.centred if kind == "pearson" else words.gram.raw
    k = neighbours(len(words.similarity))
    try:
        nulls = {
            "decoding": decoding_null(gram.raw, word_products, permutations, ties=ties),
            "procrustes": procrustes_null(gram.raw, words.gram.raw, permutations),
            "neighbours": neighbour_null(similarity(gram, kind), words.similarity, permutations, k=k),
        }
    except ConstantPatternError:
        return {}
    tested = {
        f"{name}_p": float(resampled_p(columns[name][s : s + 1], null[:, None], tail="upper").raw[0])
        for name, null in nulls.items()
        if np.isfinite(columns[name][s])
    }
    return {**tested, "procrustes_null": float(nulls["procrustes"].mean())}


def _products(patterns: Stack, s: int, kind: str) -> tuple[Array, Array, Array]:
    if kind == "pearson":
        return patterns.own[0], patterns.cross[s], patterns.own[s]
    return patterns.gram(0).raw, patterns.raw_cross(s), patterns.gram(s).raw


def _shift(own: Array, cross: Array, other: Array, folds: int, features: int) -> float:
    """Squared displacement common to a concept's images, in units of the squared distance between concepts."""
    moved = crossvalidated_shift(own, cross, other, folds=folds, features=features).mean()
    apart = pair_values(crossvalidated_distances(own, folds=folds, features=features)).mean()
    return float(moved / apart) if apart > 0 else float("nan")


def _crossvalidated_alignment(patterns: Stack, words: WordGeometry, s: int, kind: str, folds: int) -> float:
    """Correlation of word similarity with cross-validated nearness."""
    products = patterns.own[s] if kind == "pearson" else patterns.gram(s).raw
    distances = crossvalidated_distances(products, folds=folds, features=patterns.features)
    return float(unit_pairs(-pair_values(distances), "pearson") @ words.pearson)
