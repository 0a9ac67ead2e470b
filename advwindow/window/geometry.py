"""The geometry of one layer in all conditions: the similarities behind alignment, drift and the 2 vs 2 test."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from advwindow.errors import UserError
from advwindow.window.alignment import pair_matrix, pair_values, u_unit, unit_pairs
from advwindow.window.effects import concept_losses
from advwindow.window.matching import MIN_CONCEPTS, pair_wins
from advwindow.window.procrustes import unit_patterns
from advwindow.window.profiles import flat_profiles
from advwindow.window.similarity import ConstantPatternError, constant_patterns, similarity
from advwindow.window.swap import swap_null

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from advwindow.window.evidence import Evidence
    from advwindow.window.grams import Gram, Stack
    from advwindow.window.options import Options

    Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class WordGeometry:
    """The reference.

    Attributes:
        gram: of the word vectors.
        similarity: ``(C, C)``.
        pearson: ``(N,)``, pair values with mean 0 and length 1.
        spearman: ``(N,)``, their ranks likewise.
        u_centred: ``(C, C)``, U-centred Gram of length 1.
        flat: ``(C,)`` bool, words that are equally similar to all others: nothing can be matched to them.
        patterns: ``(C, r)``, vectors with these products after centring, of length 1 together (`unit_patterns`).
    """

    gram: Gram
    similarity: Array
    pearson: Array
    spearman: Array
    u_centred: Array
    flat: NDArray[np.bool_]
    patterns: Array

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
        similarity: ``(S, C, C)``; None where nothing later needs it.
        pairs: ``(S, N)``, pair values with mean 0 and length 1 for the measure of the analysis.
        rsa_pearson: ``(S,)``.
        rsa_spearman: ``(S,)``.
        two_vs_two: ``(S,)``.
        per_concept: ``(S, C)``, 2 vs 2 by concept.
        cka: ``(S,)``, debiased, with the words.
        cka_clean: ``(S,)``, debiased, with the clean condition.
        drift: ``(S, 1 + B)``, drift in the swap test: observed, then swapped; zeros for clean.
        loss: ``(S, C)``, how much of each concept's relation to its word is gone (`concept_losses`); NaN for clean.
        loss_q: ``(S, C)``, its q-value.
    """

    similarity: Array | None
    pairs: Array
    rsa_pearson: Array
    rsa_spearman: Array
    two_vs_two: Array
    per_concept: Array
    cka: Array
    cka_clean: Array
    drift: Array
    loss: Array
    loss_q: Array


def word_geometry(evidence: Evidence, space: str) -> WordGeometry:
    """The geometry of the words in one of the spaces.

    Raises:
        UserError: fewer than five concepts, or a word vector that is constant.
    """
    if len(evidence.concepts) < MIN_CONCEPTS:
        fix = f"study images of at least {MIN_CONCEPTS} classes that have word vectors"
        raise UserError("too few concepts for a geometry", got=", ".join(evidence.concepts), fix=fix)
    kept = evidence.spaces[space]
    constant = constant_patterns(kept.gram, evidence.similarity)
    if constant.any():
        words = ", ".join(word for word, flat in zip(kept.words, constant, strict=True) if flat)
        raise UserError("word vectors without variance", got=words, fix="leave these classes out or use other words")
    matrix = similarity(kept.gram, evidence.similarity)
    values = pair_values(matrix)
    units = {measure: unit_pairs(values, measure) for measure in ("pearson", "spearman")}
    raw = kept.gram.raw
    return WordGeometry(
        kept.gram, matrix, units["pearson"], units["spearman"], u_unit(raw), flat_profiles(matrix), unit_patterns(raw)
    )


def layer_geometry(stack: Stack, words: WordGeometry, coins: Array, *, kind: str, options: Options) -> LayerGeometry:
    """The geometry of one layer.

    Args:
        stack: of ``C`` patterns under ``S`` conditions.
        words: the reference.
        coins: ``(1 + B, C)``, first row zeros (`swap_null`).
        kind: similarity, ``"pearson"`` or ``"cosine"``.
        options: measure and tie rule.

    Raises:
        ConstantPatternError: a pattern, a profile or a whole geometry is constant.
    """
    grams = [stack.gram(condition) for condition in range(len(stack.own))]
    blocks = np.stack([similarity(gram, kind) for gram in grams])
    centred = [u_unit(gram.raw) for gram in grams]
    values = pair_values(blocks)
    units = {name: unit_pairs(values, name) for name in ("pearson", "spearman")}
    swapped = _against_clean(stack, words, coins, kind, options.measure)
    per_concept = _matched(blocks, words, options.ties)
    return LayerGeometry(
        similarity=blocks if options.matching_permutations(len(words.similarity)) else None,
        pairs=units[options.measure],
        rsa_pearson=units["pearson"] @ words.pearson,
        rsa_spearman=units["spearman"] @ words.spearman,
        two_vs_two=per_concept.mean(1),
        per_concept=per_concept,
        cka=np.array([(k * words.u_centred).sum() for k in centred]),
        cka_clean=np.array([(k * centred[0]).sum() for k in centred]),
        drift=swapped.drift,
        loss=swapped.loss,
        loss_q=swapped.loss_q,
    )


def defect(evidence: Evidence, stack: Stack, error: ConstantPatternError) -> str:
    """Why a layer has no geometry, in plain words."""
    constant = np.stack(
        [constant_patterns(stack.gram(condition), evidence.similarity) for condition in range(len(stack.own))]
    )
    if not constant.any():
        return f"Nothing can be compared in this layer: {error}"
    condition, concept = np.argwhere(constant)[0].tolist()
    where = f"{evidence.concepts[concept]!r} ({evidence.conditions[condition]})"
    more = f" and {int(constant.sum()) - 1} more" if constant.sum() > 1 else ""
    return f"Nothing can be compared in this layer: the activation of {where}{more} does not vary over the features."


def _matched(blocks: Array, words: WordGeometry, ties: str) -> Array:
    """2 vs 2 by condition and concept; NaN where a word has no profile to match."""
    if words.flat.any():
        return np.full(blocks.shape[:2], np.nan)
    shares: Array = pair_wins(blocks, words.similarity, ties=ties).sum(2) / (len(words.similarity) - 1)
    return shares


class _AgainstClean(NamedTuple):
    drift: Array
    loss: Array
    loss_q: Array


def _against_clean(stack: Stack, words: WordGeometry, coins: Array, kind: str, measure: str) -> _AgainstClean:
    """What needs the similarities of clean patterns with those of a condition; NaN or zeros for clean itself."""
    shape = (len(stack.own), len(words.similarity))
    found = _AgainstClean(np.zeros((shape[0], len(coins))), np.full(shape, np.nan), np.full(shape, np.nan))
    matrix = words.matrix(measure)
    for condition in range(1, shape[0]):
        both = similarity(stack.beside_clean(condition), kind)
        found.drift[condition] = swap_null(both, matrix, coins, measure=measure)
        if not words.flat.any():
            losses = concept_losses(both, words.similarity, measure=measure)
            found.loss[condition], found.loss_q[condition] = losses.loss, losses.q
    return found
