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
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

_BAND_DRAWS = 20_000


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


class Intervals(NamedTuple):
    """Standard errors with intervals for ``M`` quantities.

    Attributes:
        se: ``(M,)``.
        low: ``(M,)``, lower end of the pointwise 95 % interval.
        high: ``(M,)``, its upper end.
        band_low: ``(M,)``, lower end of the simultaneous 95 % band over the M quantities.
        band_high: ``(M,)``, its upper end.
        upper: ``(M,)``, one-sided 95 % upper bound.
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
    (for Spearman: standardised ranks); variances are scaled by ``(C / (C - 2))^2`` for small samples.

    Args:
        pairs: ``(K, N)`` pair values with mean 0 and length 1 (`unit_pairs`), upper triangles row by row.
        words: ``(N,)`` likewise.
        concepts: ``C``, with N = C (C - 1) / 2.
    """
    r = pairs @ words
    # Length 1 instead of variance 1: the products carry the estimator's factor 1 / N already.
    influence = pairs * words - r[:, None] / 2 * (pairs**2 + words**2)
    first, second = np.triu_indices(concepts, 1)
    by_concept = np.stack([np.bincount(first, row, concepts) + np.bincount(second, row, concepts) for row in influence])
    scale = (concepts / (concepts - 2)) ** 2
    own = scale * (influence @ influence.T)
    return Covariance(scale * (by_concept @ by_concept.T) - own, own, concepts)


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
    both, one = float(stats.t.ppf(0.975, df)) * se, float(stats.t.ppf(0.95, df)) * se
    band = band_factor(spread, df, seed=seed) * se
    return Intervals(se, estimates - both, estimates + both, estimates - band, estimates + band, estimates + one)


def band_factor(covariance: Array, df: int, *, seed: int) -> float:
    """How many standard errors a band must reach to cover all quantities together with probability 0.95.

    The 95 % quantile of ``max |g|``, g multivariate t with these correlations; negative eigenvalues are clipped.

    Args:
        covariance: ``(M, M)``.
        df: degrees of freedom.
        seed: of the random draws.
    """
    sd = _standard_errors(covariance)
    scale = np.divide(1, sd, out=np.zeros_like(sd), where=sd > 0)
    values, vectors = np.linalg.eigh(covariance * scale * scale[:, None])
    root = vectors * np.sqrt(values.clip(0))
    root /= np.linalg.norm(root, axis=1, keepdims=True).clip(1e-12)
    rng = stream(seed, "simultaneous band")
    draws = rng.standard_normal((_BAND_DRAWS, len(root))) @ root.T
    draws /= np.sqrt(rng.chisquare(df, (_BAND_DRAWS, 1)) / df)
    return float(np.quantile(np.abs(draws).max(1), 0.95))


def _standard_errors(covariance: Array) -> Array:
    """Roots of the variances; the difference of two equal alignments has one of 0, which rounding can make negative."""
    errors: Array = np.sqrt(np.diag(covariance).clip(0))
    return errors
