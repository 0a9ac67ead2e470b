"""Dyadic-robust standard errors: pairs that share a concept are dependent.

Aronow, Samii & Assenova 2015 (arXiv 1312.3398), applied to the influence of each pair on a correlation of geometries.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy import stats

from advwindow.streams import stream

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    Array = NDArray[np.float64]

_BAND_DRAWS = 20_000

# Entries of the largest intermediate array of the covariance (16 MB).
_BLOCK = 2**21


@dataclass(frozen=True, eq=False)
class Covariance:
    """Joint sampling covariance of ``K`` alignments over the choice of concepts.

    Attributes:
        robust: ``(K, K)``, dyadic-robust; a variance may come out too small or negative.
        pairs: ``(K, K)``, the part of it that independent pairs would have.
        concepts: number of concepts ``C``.
    """

    robust: Array
    pairs: Array
    concepts: int

    def of(self, contrasts: Array) -> Array:
        """Covariance of linear combinations of the alignments.

        A variance has two components, one from concepts and one from pairs. The first is never below 0, so no variance
        is taken below that of independent pairs.

        Args:
            contrasts: ``(M, K)``.

        Returns:
            ``(M, M)``; not always positive semi-definite.
        """
        spread: Array = contrasts @ self.robust @ contrasts.T
        floor = np.einsum("mk,kl,ml->m", contrasts, self.pairs, contrasts)
        np.fill_diagonal(spread, np.maximum(np.diag(spread), floor))
        return spread

    def select(self, alignments: Sequence[int]) -> Covariance:
        """The covariance of some of the alignments, in this order."""
        chosen = np.ix_(alignments, alignments)
        return Covariance(self.robust[chosen], self.pairs[chosen], self.concepts)


class Intervals(NamedTuple):
    """Standard errors with intervals for ``M`` quantities.

    Attributes:
        se: ``(M,)``.
        low: ``(M,)``, lower end of the pointwise 95 % interval.
        high: ``(M,)``, its upper end.
        band_low: ``(M,)``, lower end of the simultaneous 95 % band over the M quantities.
        band_high: ``(M,)``, its upper end.
        upper: ``(M,)``, one-sided upper bounds that hold together with probability 0.95.
    """

    se: Array
    low: Array
    high: Array
    band_low: Array
    band_high: Array
    upper: Array


def dyadic_covariance(pairs: Array, words: Array, concepts: int) -> Covariance:
    """Covariance of the correlations of ``K`` geometries with one word geometry.

    The influence of pair ij on a correlation r is ``x_ij y_ij - (r / 2) (x_ij^2 + y_ij^2)`` for standardised x and y
    (for Spearman: standardised ranks); variances are scaled by ``(C / (C - 2))^2`` for small samples. Beside its
    arguments it needs a few tens of megabytes, whatever K and C.

    Args:
        pairs: ``(K, N)`` pair values with mean 0 and length 1 (`unit_pairs`), upper triangles row by row.
        words: ``(N,)`` likewise.
        concepts: ``C``, with N = C (C - 1) / 2.
    """
    # Length 1 instead of variance 1: the products carry the estimator's factor 1 / N already.
    r = np.stack([row @ words for row in pairs])[:, None]
    own, by_concept = np.zeros((len(pairs), len(pairs))), np.zeros((len(pairs), concepts))
    for rows, span in _row_blocks(len(pairs), concepts):
        x, y = pairs[:, span], words[span]
        influence = x * y - r / 2 * (x**2 + y**2)
        own += influence @ influence.T
        _add_by_concept(by_concept, influence, rows)
    scale = (concepts / (concepts - 2)) ** 2
    own *= scale
    return Covariance(scale * (by_concept @ by_concept.T) - own, own, concepts)


def _row_blocks(geometries: int, concepts: int) -> Iterator[tuple[range, slice]]:
    """First concepts with their pairs, so many at a time that an array ``(K, pairs)`` has about `_BLOCK` entries."""
    starts = np.concatenate([[0], np.cumsum(np.arange(concepts - 1, 0, -1))])
    row, wanted = 0, max(1, _BLOCK // geometries)
    while row < concepts - 1:
        stop = max(row + 1, int(np.searchsorted(starts, starts[row] + wanted, side="right")) - 1)
        yield range(row, stop), slice(int(starts[row]), int(starts[stop]))
        row = stop


def _add_by_concept(sums: Array, influence: Array, rows: range) -> None:
    """Add each pair's influence to both its concepts: sums ``(K, C)``, influence ``(K, pairs of the rows)``."""
    start = 0
    for row in rows:
        of_row = influence[:, start : start + sums.shape[1] - 1 - row]
        sums[:, row] += of_row.sum(1)
        sums[:, row + 1 :] += of_row
        start += of_row.shape[1]


def intervals(estimates: Array, covariance: Covariance, contrasts: Array, *, seed: int) -> Intervals:
    """Intervals for linear combinations of alignments, from t with C - 1 degrees of freedom.

    Args:
        estimates: ``(M,)``.
        covariance: of the K alignments.
        contrasts: ``(M, K)``, the combinations.
        seed: for the draws behind the simultaneous band.
    """
    spread = covariance.of(contrasts)
    se = _standard_errors(spread)
    df = covariance.concepts - 1
    both = float(stats.t.ppf(0.975, df)) * se
    band = band_factor(spread, df, seed=seed) * se
    upper = estimates + band_factor(spread, df, seed=seed, sides=1) * se
    return Intervals(se, estimates - both, estimates + both, estimates - band, estimates + band, upper)


def ratio_intervals(
    above: Array, below: Array, *, covariance: Covariance, contrasts: tuple[Array, Array], seed: int
) -> Intervals:
    """Intervals for ratios of combinations of alignments, such as the retention ``rho = b / a`` of a condition.

    The standard error is that of the delta method, whose influence is ``(psi_b - rho psi_a) / a``. The intervals are
    Fieller's (1954): all rho for which ``b - rho a`` does not differ from 0. They do not need a to be many standard
    errors above 0, and become lopsided where it is not, which ``rho +- t se`` does not. They reach from -inf to inf
    where a itself does not differ from 0 at that level: then the data do not bound the ratio.

    Args:
        above: ``(M,)``, the numerators b.
        below: ``(M,)``, the denominators a.
        covariance: of the K alignments.
        contrasts: ``(M, K)`` for the numerators and ``(M, K)`` for the denominators.
        seed: for the draws behind the simultaneous band.

    Returns:
        Each ``(M,)``, ``upper`` pointwise; NaN where the denominator is not above 0: then there is nothing to retain.
    """
    df = covariance.concepts - 1
    sound = below > 0
    a, b = below[sound], above[sound]
    upper, lower = (contrast[sound] for contrast in contrasts)
    spread = covariance.of((upper - (b / a)[:, None] * lower) / a[:, None])
    reach = [float(stats.t.ppf(level, df)) for level in (0.975, 0.95)]
    reach.append(band_factor(spread, df, seed=seed) if len(a) else 0.0)
    (low, high), (_, bound), (band_low, band_high) = (_fieller(a, b, covariance, (upper, lower), t) for t in reach)
    found = np.full((6, len(below)), np.nan)
    found[:, sound] = _standard_errors(spread), low, high, band_low, band_high, bound
    return Intervals(*found)


def _fieller(
    a: Array, b: Array, covariance: Covariance, contrasts: tuple[Array, Array], reach: float
) -> tuple[Array, Array]:
    """Ends of the set of rho with ``|b - rho a| <= reach * se``; se is the larger of the robust and that of pairs."""
    upper, lower = contrasts
    lows, highs = [], []
    for matrix in (covariance.robust, covariance.pairs):
        bb, ab, aa = (
            np.einsum("mk,kl,ml->m", left, matrix, right)
            for left, right in ((upper, upper), (upper, lower), (lower, lower))
        )
        square, middle = a**2 - reach**2 * aa, a * b - reach**2 * ab
        inside = middle**2 - square * (b**2 - reach**2 * bb)
        root, divisor = np.sqrt(inside.clip(0)), np.where(square > 0, square, 1)
        # A robust variance may be negative: then no rho is left, and the pairs decide alone.
        ends = (
            np.where(inside >= 0, (middle - root) / divisor, np.inf),
            np.where(inside >= 0, (middle + root) / divisor, -np.inf),
        )
        lows.append(np.where(square > 0, ends[0], -np.inf))
        highs.append(np.where(square > 0, ends[1], np.inf))
    return np.minimum(*lows), np.maximum(*highs)


def band_factor(covariance: Array, df: int, *, seed: int, sides: int = 2) -> float:
    """How many standard errors a band must reach to cover all quantities together with probability 0.95.

    The 95 % quantile of ``max |g|`` (of ``max g`` for one side), g multivariate t with these correlations; negative
    eigenvalues are clipped.

    Args:
        covariance: ``(M, M)``.
        df: degrees of freedom.
        seed: of the random draws.
        sides: 2, or 1 for an upper bound only.
    """
    sd = _standard_errors(covariance)
    scale = np.divide(1, sd, out=np.zeros_like(sd), where=sd > 0)
    values, vectors = np.linalg.eigh(covariance * scale * scale[:, None])
    root = vectors * np.sqrt(values.clip(0))
    root /= np.linalg.norm(root, axis=1, keepdims=True).clip(1e-12)
    rng = stream(seed, "simultaneous band")
    draws = rng.standard_normal((_BAND_DRAWS, len(root))) @ root.T
    draws /= np.sqrt(rng.chisquare(df, (_BAND_DRAWS, 1)) / df)
    return float(np.quantile((np.abs(draws) if sides == 2 else draws).max(1), 0.95))


def _standard_errors(covariance: Array) -> Array:
    """Roots of the variances; the difference of two equal alignments has one of 0, which rounding can make negative."""
    errors: Array = np.sqrt(np.diag(covariance).clip(0))
    return errors
