"""Rows of similarity matrices without the concepts compared, and their correlations in closed form."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from advwindow.window.similarity import ConstantPatternError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

# Share of a profile's power below which its variance is rounding.
_CONSTANT = 1e-12


class Profiles(NamedTuple):
    """Correlations of similarity profiles, each without the two concepts compared; diagonals mean nothing.

    Attributes:
        own: ``(..., C, C)``, entry ``[i, j]`` is ``r(A_i, B_i)`` without columns i and j.
        other: ``(..., C, C)``, entry ``[i, j]`` is ``r(A_i, B_j)`` without columns i and j.
    """

    own: Array
    other: Array


def profile_correlations(a: Array, b: Array) -> Profiles:
    """All masked row correlations of two matrices, O(C^3) as one matrix product.

    Args:
        a: ``(..., C, C)``.
        b: ``(C, C)``.

    Raises:
        ConstantPatternError: a masked row is constant.
    """
    a, b = without_diagonal(a), without_diagonal(b)
    n = len(b) - 2
    product = a @ b.T
    ua, va = masked_sums(a)
    ub, vb = masked_sums(b)
    own = n * (np.diagonal(product, axis1=-2, axis2=-1)[..., None] - a * b) - ua * ub
    other = n * product - ua * ub.T
    return Profiles(own / np.sqrt(va * vb), other / np.sqrt(va * vb.T))


def without_diagonal(a: Array) -> Array:
    """A copy minus its off-diagonal mean, with a zero diagonal; Pearson does not see the shift."""
    a = clear_diagonal(np.array(a, np.float64))
    a -= a.sum((-1, -2), keepdims=True) / (a.shape[-1] * (a.shape[-1] - 1))
    return clear_diagonal(a)


def masked_sums(a: Array) -> tuple[Array, Array]:
    """Sum, and n squared times the variance, of each row without columns i and j (1 on the diagonal).

    Args:
        a: ``(..., C, C)`` with a zero diagonal.

    Raises:
        ConstantPatternError: a row without a pair of columns is constant.
    """
    total, spread, flat = _masked_sums(a)
    if flat.any():
        rows = sorted(set(np.nonzero(flat)[-2].tolist()))
        raise ConstantPatternError(
            "a similarity profile is constant, so it correlates with nothing", got=f"rows {rows}"
        )
    return total, spread


def flat_profiles(a: Array) -> NDArray[np.bool_]:
    """Which rows of a matrix ``(C, C)`` are constant once two columns are left out, so that nothing can be matched."""
    return np.asarray(_masked_sums(without_diagonal(a))[2].any(-1))


def _masked_sums(a: Array) -> tuple[Array, Array, NDArray[np.bool_]]:
    n = a.shape[-1] - 2
    total = a.sum(-1)[..., None] - a
    power = n * ((a * a).sum(-1)[..., None] - a * a)
    spread = power - total * total
    on_diagonal = np.eye(a.shape[-1], dtype=bool)
    spread = np.where(on_diagonal, 1.0, spread)
    return total, spread, ~(spread > _CONSTANT * power) & ~on_diagonal


def varying(profiles: Array, masked: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which rows are finite and vary over their unmasked entries, ``(n,)``."""
    kept = np.where(masked, 0.0, profiles)
    centred = np.where(masked, 0.0, kept - kept.sum(1, keepdims=True) / (~masked).sum(1, keepdims=True))
    return np.asarray((centred**2).sum(1) > _CONSTANT * (kept**2).sum(1))


def unit_profiles(profiles: Array, masked: NDArray[np.bool_]) -> Array:
    """Rows with mean 0 and length 1 over their unmasked entries, 0 where masked.

    Raises:
        ConstantPatternError: a row is constant, or not finite.
    """
    kept = np.where(masked, 0.0, profiles)
    centred = np.where(masked, 0.0, kept - kept.sum(1, keepdims=True) / (~masked).sum(1, keepdims=True))
    length = np.linalg.norm(centred, axis=1, keepdims=True)
    if not (length**2 > _CONSTANT * (kept**2).sum(1, keepdims=True)).all():
        raise ConstantPatternError("a similarity profile is constant, so it correlates with nothing")
    unit: Array = centred / length
    return unit


def clear_diagonal(a: Array) -> Array:
    """Set the diagonals of matrices ``(..., C, C)`` to 0, in place."""
    places = np.arange(a.shape[-1])
    a[..., places, places] = 0
    return a
