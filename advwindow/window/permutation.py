"""Label permutation: what alignment with words looks like when the words are dealt out at random.

One set of relabellings serves all layers, conditions and measures, so that maxima over layers come for free. Words are
always relabelled as a whole (rows and columns of their matrix together).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from advwindow.streams import stream
from advwindow.window.alignment import pair_values
from advwindow.window.matching import tie_scores
from advwindow.window.profiles import masked_sums, unit_profiles, without_diagonal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Indices = NDArray[np.int64]

# Relabelled matrices in one matrix product: enough for BLAS, and 4 MB each with 1,000 concepts.
_CHUNK = 32

# Entries of the largest intermediate array of the 2 vs 2 null (about 8 MB).
_BLOCK = 2**20


def label_permutations(count: int, concepts: int, *, seed: int) -> Indices:
    """Random relabellings ``(B, C)`` of the concepts, each a permutation of 0 .. C - 1."""
    order = np.tile(np.arange(concepts), (count, 1))
    return stream(seed, "label permutation").permuted(order, axis=1)


def correlation_null(pairs: Array, words: Array, permutations: Indices) -> Array:
    """Correlations of geometries with the relabelled word geometry, all geometries in one matrix product.

    With U-centred Grams scaled to length ``sqrt(1/2)`` over the pairs this is the null of debiased CKA.

    Args:
        pairs: ``(K, N)`` pair values of the geometries with length 1 (`unit_pairs`).
        words: ``(C, C)`` symmetric, zero diagonal, its pair values with length 1.
        permutations: ``(B, C)``.

    Returns:
        ``(B, K)`` in [-1, 1].
    """
    null = np.empty((len(permutations), len(pairs)))
    for start in range(0, len(permutations), _CHUNK):
        chunk = slice(start, start + _CHUNK)
        null[chunk] = (pairs @ _dealt_pairs(words, permutations[chunk]).T).T
    return null


def _dealt_pairs(words: Array, permutations: Indices) -> Array:
    """Pair values ``(B, N)`` of the relabelled matrices."""
    concepts = len(words)
    flat = np.ascontiguousarray(words).ravel()
    dealt = np.empty((len(permutations), concepts * (concepts - 1) // 2))
    start = 0
    # Row by row: only one row of each matrix is then looked up at a time, and that stays in the cache.
    for row in range(concepts - 1):
        stop = start + concepts - 1 - row
        places = permutations[:, row, None] * concepts + permutations[:, row + 1 :]
        dealt[:, start:stop] = flat.take(places, mode="clip")  # without "clip" the places are checked, which is slower
        start = stop
    return dealt


def two_vs_two_null(a: Array, b: Array, permutations: Indices, *, ties: str = "half") -> Array:
    """2 vs 2 accuracies of geometries with the relabelled word geometry.

    One ``C^3`` product for each geometry and relabelling: seconds below 50 concepts, hours for hundreds.

    Args:
        a: ``(K, C, C)``.
        b: ``(C, C)`` word similarity.
        permutations: ``(B, C)``.
        ties: a key of `TIES`.

    Returns:
        ``(B, K)`` in [0, 1].

    Raises:
        UserError: as `two_vs_two`.
    """
    a, b = without_diagonal(a), without_diagonal(b)
    concepts = len(b)
    n = concepts - 2
    (ua, va), (ub, vb) = masked_sums(a), masked_sums(b)
    inverse_a, inverse_b = 1 / np.sqrt(va), 1 / np.sqrt(vb)
    sums_a, sums_b, scaled_a, scaled_b = ua * inverse_a, ub * inverse_b, n * a * inverse_a, b * inverse_b
    null = np.empty((len(permutations), len(a)))
    for rows in _blocks(len(permutations), a.size):
        order = permutations[rows]
        dealt = (order[:, None, :, None], order[:, None, None, :])
        inverse, sums, scaled = inverse_b[dealt], sums_b[dealt], scaled_b[dealt]
        product = n * (a @ b[dealt].swapaxes(-1, -2))
        balance = np.diagonal(product, axis1=-2, axis2=-1)[..., None] * inverse - product * inverse.swapaxes(-1, -2)
        balance *= inverse_a
        balance -= scaled_a * scaled
        balance -= sums_a * (sums - sums.swapaxes(-1, -2))
        null[rows] = tie_scores(pair_values(balance + balance.swapaxes(-1, -2)), ties).mean(-1)
    return null


def one_vs_two_null(
    u: Array,
    first: Array,
    second: Array,
    *,
    masked: NDArray[np.bool_],
    permutations: Indices,
    ties: str = "half",
) -> Array:
    """1 vs 2 accuracies when the labels of the reference concepts are dealt out at random.

    One relabelling of the references is applied to both words' profiles, to all images and to all layers. For an image
    whose own concepts are masked it is followed until it leaves the masked ones (the first-return map, again uniform).

    Args:
        u: ``(L, T, C)`` similarity of each image's activation to the reference concepts, by layer.
        first: ``(T, C)`` profile of each image's first word.
        second: ``(T, C)`` profile of its second word.
        masked: ``(T, C)`` bool, at most two references of each image.
        permutations: ``(B, C)``.
        ties: a key of `TIES`.

    Returns:
        ``(B, L)`` in [0, 1].

    Raises:
        ConstantPatternError: a profile is constant.
    """
    images = np.stack([unit_profiles(layer, masked) for layer in u])
    words = unit_profiles(first, masked) - unit_profiles(second, masked)
    score = np.zeros((len(permutations), len(u)))
    for image in range(len(words)):
        order = first_return(permutations, np.flatnonzero(masked[image]))
        score += tie_scores(words[image][order] @ images[:, image].T, ties)
    return score / len(words)


def first_return(permutations: Indices, masked: Indices) -> Indices:
    """Permutations of the unmasked places, induced by permutations of all: each is followed until it leaves the masked.

    Args:
        permutations: ``(B, C)``.
        masked: places to leave out.

    Returns:
        ``(B, C)``, the masked places mapped to themselves.
    """
    induced = permutations.copy()
    rows = np.arange(len(permutations))
    for place in masked:
        before = np.argmax(induced == place, axis=1)
        induced[rows, before] = induced[rows, place]
        induced[:, place] = place
    return induced


def _blocks(count: int, size: int) -> Iterator[slice]:
    step = max(1, _BLOCK // size)
    return (slice(start, min(start + step, count)) for start in range(0, count, step))
