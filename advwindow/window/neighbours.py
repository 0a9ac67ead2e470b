"""Mutual nearest neighbours: do a layer and the words agree on which concepts are close?

Huh et al. 2024. Groeger et al. 2026 find that local neighbourhoods still agree where global measures, set against
their null, no longer do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from advwindow.errors import UserError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Indices = NDArray[np.int64]

# Similarities that differ by less than this share of the largest are equal but for rounding.
_EQUAL = 1e-12

# Entries of the largest intermediate array of the null (about 32 MB).
_BLOCK = 2**22


class NeighbourOverlap(NamedTuple):
    """Share of nearest neighbours in common.

    Attributes:
        value: ``(...)``, mean over concepts, in [0, 1].
        per_concept: ``(..., C)`` in [0, 1].
        chance: ``k / (C - 1)``, the exact mean over all relabellings.
    """

    value: Array
    per_concept: Array
    chance: float


def neighbour_overlap(a: Array, b: Array, *, k: int) -> NeighbourOverlap:
    """Mean over concepts of ``|k nearest in a & k nearest in b| / k``, a concept never being its own neighbour.

    Ties at the k-th place share what is left of the k places, as if broken at random and independently in a and b:
    the value is the expected overlap, and the order of the concepts does not matter. So a matrix with such ties
    overlaps itself by less than 1.

    Args:
        a: ``(..., C, C)`` similarities, larger is nearer (negate distances); the diagonal is not used.
        b: ``(C, C)``, concepts in the same order.
        k: neighbours of each concept, 1 to C - 2 (with C - 1 everything is a neighbour).

    Raises:
        UserError: shapes differ, `k` out of range, or similarities that are not finite.
    """
    _check(a, b, k)
    shared: Array = (_memberships(a, k) * _memberships(b, k)).sum(-1) / k
    return NeighbourOverlap(shared.mean(-1), shared, k / (len(b) - 1))


def neighbour_null(a: Array, b: Array, permutations: Indices, *, k: int) -> Array:
    """`NeighbourOverlap.value` when the words are dealt out at random, ``b[pi][:, pi]``.

    Only the neighbours in `b` are followed: ``O(k C)`` for each geometry and relabelling.

    Args:
        a: ``(..., C, C)``.
        b: ``(C, C)``.
        permutations: ``(B, C)``, from `advwindow.window.permutation.label_permutations`.
        k: neighbours of each concept.

    Returns:
        ``(B, ...)`` in [0, 1].

    Raises:
        UserError: as `neighbour_overlap`.
    """
    _check(a, b, k)
    concepts = len(b)
    words = _memberships(b, k)
    rows, columns = np.nonzero(words)
    weights = words[rows, columns] / (k * concepts)
    # All geometries of one pair of concepts lie together, so that a pair is looked up once.
    layers = np.ascontiguousarray(_memberships(a, k).reshape(-1, concepts * concepts).T)
    place = np.argsort(permutations, axis=1)
    null = np.empty((len(permutations), layers.shape[1]))
    step = max(1, _BLOCK // (len(weights) * layers.shape[1]))
    for start in range(0, len(permutations), step):
        chosen = place[start : start + step]
        pairs = chosen[:, rows] * concepts + chosen[:, columns]
        null[start : start + step] = weights @ layers[pairs]
    return null.reshape(len(permutations), *a.shape[:-2])


def _memberships(similarities: Array, k: int) -> Array:
    """``(..., C, C)``: entry ``[i, j]`` is the probability (ties broken at random) that j is a neighbour of i."""
    concepts = similarities.shape[-1]
    itself = np.eye(concepts, dtype=bool)
    near = np.where(itself, -np.inf, similarities)
    margin = _EQUAL * np.abs(np.where(itself, 0.0, similarities)).max((-1, -2), keepdims=True)
    last = np.partition(near, concepts - k, axis=-1)[..., concepts - k, None]
    inside = near > last + margin
    tied = ~inside & (near >= last - margin)
    share = (k - inside.sum(-1, keepdims=True)) / tied.sum(-1, keepdims=True)
    members: Array = inside + tied * share
    return members


def _check(a: Array, b: Array, k: int) -> None:
    if b.ndim != 2 or b.shape[0] != b.shape[1] or a.shape[-2:] != b.shape:
        raise UserError("matrices do not fit", got=f"{a.shape} and {b.shape}", expected="(..., C, C) and (C, C)")
    if not 1 <= k <= len(b) - 2:
        raise UserError(
            "the number of neighbours does not fit", got=k, expected=f"1 to {len(b) - 2} for {len(b)} concepts"
        )
    off = ~np.eye(len(b), dtype=bool)
    if not (np.isfinite(a[..., off]).all() and np.isfinite(b[off]).all()):
        raise UserError("similarities are not finite", fix="leave out the concepts without a similarity")
