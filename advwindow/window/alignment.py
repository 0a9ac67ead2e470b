"""How alike two geometries are as a whole: representational similarity analysis, and CKA from Grams."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from advwindow.errors import UserError, did_you_mean
from advwindow.window.grams import double_centred
from advwindow.window.matching import check_matrices
from advwindow.window.similarity import ConstantPatternError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

#: Correlations of two geometries over their pairs.
MEASURES = ("spearman", "pearson")

# Similarities that agree to 12 digits are equal; the rest is the order of summation.
_DIGITS = 12


class BiasedCka(NamedTuple):
    """Biased linear CKA with the value it has by chance.

    Attributes:
        value: in [0, 1].
        null_mean: its mean over all relabellings; near 1 where features outnumber samples.
    """

    value: float
    null_mean: float


def rsa(a: Array, b: Array, *, method: str = "spearman") -> float:
    """Correlation of two similarity matrices over their pairs of concepts, in [-1, 1].

    Args:
        a: ``(C, C)`` symmetric, C at least 5; the diagonal is not used.
        b: ``(C, C)``, concepts in the same order, both similarities or both distances.
        method: one of `MEASURES`.

    Raises:
        UserError: shapes differ, too few concepts, an unknown method, or (`ConstantPatternError`) all pairs are equal.
    """
    check_matrices(a, b)
    return float(unit_pairs(pair_values(a), method) @ unit_pairs(pair_values(b), method))


def pair_values(matrices: Array) -> Array:
    """The upper triangles ``(..., N)`` of matrices ``(..., C, C)``, N = C (C - 1) / 2, row by row."""
    first, second = np.triu_indices(matrices.shape[-1], 1)
    values: Array = matrices[..., first, second]
    return values


def pair_matrix(values: Array, concepts: int) -> Array:
    """The symmetric matrix ``(C, C)`` with zero diagonal that has these pair values ``(N,)``."""
    matrix = np.zeros((concepts, concepts))
    matrix[np.triu_indices(concepts, 1)] = values
    return matrix + matrix.T


def unit_pairs(values: Array, measure: str) -> Array:
    """Pair values (``spearman``: their mid-ranks) with mean 0 and length 1 along the last axis.

    Args:
        values: ``(..., N)``.
        measure: one of `MEASURES`.

    Raises:
        UserError: unknown measure, or (`ConstantPatternError`) all values are equal.
    """
    if measure not in MEASURES:
        raise UserError("unknown measure", got=measure, fix=did_you_mean(measure, MEASURES))
    if measure == "spearman":
        values = pair_ranks(values)
    centred = values - values.mean(-1, keepdims=True)
    length = np.linalg.norm(centred, axis=-1, keepdims=True)
    if not (length > 1e-10 * np.linalg.norm(values, axis=-1, keepdims=True)).all():
        raise ConstantPatternError("all pairs of concepts are equally similar, so there is no geometry to compare")
    unit: Array = centred / length
    return unit


def pair_ranks(values: Array) -> Array:
    """Mid-ranks along the last axis, of values rounded to 12 digits."""
    rows = np.round(values, _DIGITS).reshape(-1, values.shape[-1])
    return np.stack([_mid_ranks(row) for row in rows]).reshape(values.shape)


def _mid_ranks(values: Array) -> Array:
    # scipy's `rankdata` gives the same, but sorts stably, which takes most of its time.
    order = np.argsort(values)
    ordered = values[order]
    first = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    after = np.append(first[1:], len(values))
    ranks = np.empty(len(values))
    ranks[order] = np.repeat((first + 1 + after) / 2, after - first)
    return ranks


def debiased_cka(k: Array, l: Array) -> float:  # noqa: E741 - K and L are the Grams of the literature
    """Debiased linear CKA of two Grams, in [-1, 1]; its mean over relabellings is exactly 0.

    The cosine of the U-centred Grams, equal to the ratio of unbiased HSIC estimates (Song et al. 2012; Szekely & Rizzo
    2014). It does not change under a shift, an orthogonal map or a scaling of the features. Negative values are kept.

    Args:
        k: ``(n, n)`` raw products, n at least 4; the diagonal is not used.
        l: ``(n, n)``, samples in the same order.

    Raises:
        UserError: shapes differ, n below 4, or (`ConstantPatternError`) a Gram has no structure left after centring.
    """
    check_grams(k, l)
    return float((u_unit(k) * u_unit(l)).sum())


def biased_cka(k: Array, l: Array) -> BiasedCka:  # noqa: E741 - as above
    """Linear CKA as first published, beside its mean under random relabelling.

    ``E = sqrt(PR_K PR_L) / (n - 1)``, PR the participation ratio ``tr(Kc)^2 / ||Kc||^2``; exact for label permutation.

    Args:
        k: ``(n, n)`` raw products, n at least 4.
        l: ``(n, n)``, samples in the same order.

    Raises:
        UserError: as `debiased_cka`.
    """
    check_grams(k, l)
    kc, lc = _double_centred(k), _double_centred(l)
    sizes = np.linalg.norm(kc), np.linalg.norm(lc)
    null_mean = np.trace(kc) * np.trace(lc) / (sizes[0] * sizes[1] * (len(k) - 1))
    return BiasedCka(float((kc * lc).sum() / (sizes[0] * sizes[1])), float(null_mean))


def u_unit(k: Array) -> Array:
    """The U-centred Gram, scaled to Frobenius norm 1; zero diagonal, rows sum to 0.

    Raises:
        ConstantPatternError: nothing is left after centring.
    """
    n = len(k)
    # Double centring changes nothing after U-centring, but takes a common offset out of the float64 sums.
    k = _double_centred(k)
    scale = np.linalg.norm(k)
    np.fill_diagonal(k, 0)
    row = k.sum(1) / (n - 2)
    centred = k - row[:, None] - row + k.sum() / ((n - 1) * (n - 2))
    np.fill_diagonal(centred, 0)
    length = np.linalg.norm(centred)
    if not length > 1e-10 * scale:
        raise ConstantPatternError("all samples are equally similar, so CKA has nothing to compare")
    unit: Array = centred / length
    return unit


def _double_centred(k: Array) -> Array:
    centred = double_centred(k)
    if not np.abs(np.diag(centred)).max() > 1e-14 * np.abs(np.diag(k)).max():
        raise ConstantPatternError("all samples are the same, so CKA has nothing to compare")
    return centred


def check_grams(k: Array, l: Array) -> None:  # noqa: E741 - as above
    """Two Grams of the same samples, at least 4; raises `UserError` otherwise."""
    if k.shape != l.shape or k.ndim != 2 or k.shape[0] != k.shape[1]:
        raise UserError("Grams do not fit", got=f"{k.shape} and {l.shape}", expected="two (n, n) Grams")
    if len(k) < 4:
        raise UserError("too few samples to compare Grams", got=len(k), expected="at least 4")
