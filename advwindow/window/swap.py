"""The swap test: is a layer's loss of alignment larger than if clean and attacked patterns were interchangeable?

One coin a concept swaps its clean and attacked pattern, in all layers together. Both similarity matrices then follow
from the stacked one as quadratic forms in the coins, so that no matrix is ever gathered.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from advwindow.streams import stream
from advwindow.window.alignment import pair_ranks, pair_values

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

# Differences of correlations this small are the rounding of equal geometries.
_ZERO = 1e-9


def swap_coins(count: int, concepts: int, *, seed: int) -> Array:
    """Random coins ``(B, C)``, 1.0 where a concept's two patterns are swapped."""
    return stream(seed, "swap").integers(0, 2, (count, concepts)).astype(np.float64)


def swap_null(stacked: Array, words: Array, coins: Array, *, measure: str = "spearman") -> Array:
    """Drift (alignment before minus after) of one layer for each outcome of the coins.

    Args:
        stacked: ``(2C, 2C)`` similarity of the clean patterns followed by those of the other condition.
        words: ``(C, C)`` word geometry: zero diagonal, pair values with mean 0 and length 1 (ranked for ``spearman``).
        coins: ``(B, C)`` of 0.0 and 1.0.
        measure: ``"pearson"``, or ``"spearman"``: ranks are taken once over the stacked matrix, without the pairs of a
            concept with itself, and the test stays exact.

    Returns:
        ``(B,)``; a row of zeros gives the observed drift. Values within 1e-9 of zero are zero.
    """
    clean, mixed, other = _blocks(stacked, measure)
    first, second = zip(
        *(_swapped(f(clean), f(mixed), f(other), coins) for f in (lambda z: z * words, _identity, np.square)),
        strict=True,
    )
    pairs = len(words) * (len(words) - 1) / 2
    drift = _correlation(first, pairs) - _correlation(second, pairs)
    return np.where(np.abs(drift) < _ZERO, 0.0, drift)


def _identity(z: Array) -> Array:
    return z


def _blocks(stacked: Array, measure: str) -> tuple[Array, Array, Array]:
    """Clean-clean, clean-other and other-other, with one common mean taken out and zero diagonals."""
    concepts = len(stacked) // 2
    off = ~np.eye(concepts, dtype=bool)
    blocks = stacked[:concepts, :concepts], stacked[:concepts, concepts:], stacked[concepts:, concepts:]
    values = np.concatenate([pair_values(blocks[0]), blocks[1][off], pair_values(blocks[2])])
    if measure == "spearman":
        values = pair_ranks(values)
    values = values - values.mean()
    values = values / np.abs(values).max(initial=1e-300)
    pairs = concepts * (concepts - 1) // 2
    clean, mixed, other = np.zeros((3, concepts, concepts))
    upper = np.triu_indices(concepts, 1)
    clean[upper], mixed[off], other[upper] = values[:pairs], values[pairs:-pairs], values[-pairs:]
    return clean + clean.T, mixed, other + other.T


def _swapped(clean: Array, mixed: Array, other: Array, coins: Array) -> tuple[Array, Array]:
    """Sums over pairs of both swapped matrices, for each row of coins: ``(B,)`` and ``(B,)``."""
    common = ((coins @ (clean + other - mixed - mixed.T)) * coins).sum(1) / 2
    first = clean.sum() / 2 + coins @ (mixed.sum(0) - clean.sum(0)) + common
    second = other.sum() / 2 + coins @ (mixed.sum(1) - other.sum(0)) + common
    return first, second


def _correlation(sums: tuple[Array, ...], pairs: float) -> Array:
    product, total, square = sums
    spread = square - total**2 / pairs
    return np.divide(product, np.sqrt(np.abs(spread)), out=np.zeros_like(product), where=spread > 1e-12 * square)
