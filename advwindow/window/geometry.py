"""The geometry of one layer in all conditions: every measure that needs the layer's own Gram."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from advwindow.errors import UserError
from advwindow.window.alignment import pair_matrix, pair_values, u_unit, unit_pairs
from advwindow.window.matching import MIN_CONCEPTS, pair_wins
from advwindow.window.similarity import ConstantPatternError, constant_patterns, similarity
from advwindow.window.swap import swap_null

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from advwindow.window.evidence import Evidence
    from advwindow.window.grams import Gram

    Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class WordGeometry:
    """The reference.

    Attributes:
        similarity: ``(C, C)``.
        pearson: ``(N,)``, pair values with mean 0 and length 1.
        spearman: ``(N,)``, their ranks likewise.
        u_centred: ``(C, C)``, U-centred Gram of length 1.
    """

    similarity: Array
    pearson: Array
    spearman: Array
    u_centred: Array

    def pairs(self, measure: str) -> Array:
        """`pearson` or `spearman`."""
        return self.spearman if measure == "spearman" else self.pearson

    def matrix(self, measure: str) -> Array:
        """The same as a symmetric matrix ``(C, C)`` with zero diagonal."""
        return pair_matrix(self.pairs(measure), len(self.similarity))


@dataclass(frozen=True, eq=False)
class LayerGeometry:
    """One layer in ``S`` conditions.

    Attributes:
        similarity: ``(S, C, C)``.
        pairs: ``(S, N)``, pair values with mean 0 and length 1 for the measure of the analysis.
        rsa_pearson: ``(S,)``.
        rsa_spearman: ``(S,)``.
        two_vs_two: ``(S,)``.
        per_concept: ``(S, C)``, 2 vs 2 by concept.
        cka: ``(S,)``, debiased, with the words.
        cka_clean: ``(S,)``, debiased, with the clean condition.
        drift: ``(S, 1 + B)``, drift in the swap test: observed, then swapped; zeros for clean.
    """

    similarity: Array
    pairs: Array
    rsa_pearson: Array
    rsa_spearman: Array
    two_vs_two: Array
    per_concept: Array
    cka: Array
    cka_clean: Array
    drift: Array


def word_geometry(evidence: Evidence) -> WordGeometry:
    """The geometry of the words.

    Raises:
        UserError: fewer than five concepts, or a word vector that is constant.
    """
    if len(evidence.concepts) < MIN_CONCEPTS:
        fix = f"study images of at least {MIN_CONCEPTS} classes that have word vectors"
        raise UserError("too few concepts for a geometry", got=", ".join(evidence.concepts), fix=fix)
    constant = constant_patterns(evidence.word_gram, evidence.similarity)
    if constant.any():
        words = ", ".join(word for word, flat in zip(evidence.words, constant, strict=True) if flat)
        raise UserError("word vectors without variance", got=words, fix="leave these classes out or use other words")
    matrix = similarity(evidence.word_gram, evidence.similarity)
    values = pair_values(matrix)
    return WordGeometry(
        matrix, unit_pairs(values, "pearson"), unit_pairs(values, "spearman"), u_unit(evidence.word_gram.raw)
    )


def layer_geometry(
    gram: Gram, words: WordGeometry, coins: Array, *, kind: str, measure: str, ties: str
) -> LayerGeometry:
    """Every measure of one layer.

    Args:
        gram: of ``S * C`` patterns, condition by condition, clean first.
        words: the reference.
        coins: ``(1 + B, C)``, first row zeros (`swap_null`).
        kind: similarity, ``"pearson"`` or ``"cosine"``.
        measure: ``"spearman"`` or ``"pearson"``, of `LayerGeometry.pairs` and `LayerGeometry.drift`.
        ties: rule of the 2 vs 2 test.

    Raises:
        ConstantPatternError: a pattern, a profile or a whole geometry is constant.
    """
    concepts = len(words.similarity)
    starts = range(0, len(gram.mean), concepts)
    stacked = similarity(gram, kind)
    blocks = np.stack([stacked[start : start + concepts, start : start + concepts] for start in starts])
    centred = [u_unit(gram.rows(start, start + concepts).raw) for start in starts]
    values = pair_values(blocks)
    units = {name: unit_pairs(values, name) for name in ("pearson", "spearman")}
    per_concept = pair_wins(blocks, words.similarity, ties=ties).sum(2) / (concepts - 1)
    return LayerGeometry(
        similarity=blocks,
        pairs=units[measure],
        rsa_pearson=units["pearson"] @ words.pearson,
        rsa_spearman=units["spearman"] @ words.spearman,
        two_vs_two=per_concept.mean(1),
        per_concept=per_concept,
        cka=np.array([(k * words.u_centred).sum() for k in centred]),
        cka_clean=np.array([(k * centred[0]).sum() for k in centred]),
        drift=_drifts(stacked, words.matrix(measure), coins, measure),
    )


def defect(evidence: Evidence, gram: Gram, error: ConstantPatternError) -> str:
    """Why a layer has no geometry, in plain words."""
    constant = constant_patterns(gram, evidence.similarity)
    if not constant.any():
        return f"Nothing can be compared in this layer: {error}"
    condition, concept = divmod(int(np.flatnonzero(constant)[0]), len(evidence.concepts))
    where = f"{evidence.concepts[concept]!r} ({evidence.conditions[condition]})"
    more = f" and {int(constant.sum()) - 1} more" if constant.sum() > 1 else ""
    return f"Nothing can be compared in this layer: the activation of {where}{more} does not vary over the features."


def _drifts(stacked: Array, words: Array, coins: Array, measure: str) -> Array:
    concepts = len(words)
    drifts = [np.zeros(len(coins))]
    for start in range(concepts, len(stacked), concepts):
        both = np.r_[:concepts, start : start + concepts]
        drifts.append(swap_null(stacked[np.ix_(both, both)], words, coins, measure=measure))
    return np.stack(drifts)
