"""Procrustes similarity: how well one geometry can be turned onto the other, from Grams."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from advwindow.errors import UserError
from advwindow.window.alignment import check_grams
from advwindow.window.grams import double_centred
from advwindow.window.similarity import ConstantPatternError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Indices = NDArray[np.int64]


class Procrustes(NamedTuple):
    """How well two sets of patterns match after the best shift, scaling and orthogonal map.

    Attributes:
        value: similarity in [0, 1]; 1 if one is the other turned. It is high by chance where features outnumber
            samples: print the mean of `procrustes_null` beside it.
        distance: ``1 - value``, in [0, 1].
        angular: ``arccos(value)``, in [0, pi / 2]; a metric (Williams et al. 2021).
    """

    value: float
    distance: float
    angular: float


def procrustes(k: Array, l: Array) -> Procrustes:  # noqa: E741 - K and L are the Grams of the literature
    """``||X' Y||_* / (||X|| ||Y||)`` of centred patterns, which is ``||Kc^(1/2) Lc^(1/2)||_* / sqrt(tr Kc tr Lc)``.

    Schönemann 1966; Ding, Denain & Steinhardt 2021. It does not change under a shift, an orthogonal map or a scaling of
    the features of either side.

    Args:
        k: ``(n, n)`` raw products, n at least 4.
        l: ``(n, n)``, samples in the same order.

    Raises:
        UserError: shapes differ, n below 4, or products that are not finite.
        ConstantPatternError: all samples of one side are the same.
    """
    _check(k, l)
    value = overlap(unit_patterns(k), unit_patterns(l))
    return Procrustes(value, 1 - value, float(np.arccos(value)))


def procrustes_null(k: Array, l: Array, permutations: Indices) -> Array:  # noqa: E741 - as above
    """`Procrustes.value` when the samples of `l` are dealt out at random.

    A relabelling costs the singular values of a matrix as large as the ranks of the two Grams.

    Args:
        k: as `procrustes`.
        l: as `procrustes`.
        permutations: ``(B, n)``, from `advwindow.window.permutation.label_permutations`.

    Returns:
        ``(B,)`` in [0, 1].

    Raises:
        UserError: as `procrustes`.
        ConstantPatternError: likewise.
    """
    _check(k, l)
    first, second = unit_patterns(k), unit_patterns(l)
    return np.array([overlap(first, second[order]) for order in permutations])


def overlap(x: Array, y: Array) -> float:
    """`Procrustes.value` of patterns from `unit_patterns`."""
    return float(np.linalg.svd(x.T @ y, compute_uv=False).sum().clip(0, 1))


def unit_patterns(k: Array) -> Array:
    """Patterns ``(n, r)`` with these products after centring, r their rank, scaled to Frobenius norm 1.

    Factors instead of square roots of ``Kc Lc``: the root of a rounding error of 1e-16 would be 1e-8, n times over.
    """
    values, vectors = np.linalg.eigh(double_centred(k))
    kept = values > len(k) * np.finfo(np.float64).eps * max(values[-1], np.abs(k).max())
    if not kept.any():
        raise ConstantPatternError("all samples are the same, so Procrustes has nothing to turn")
    unit: Array = vectors[:, kept] * np.sqrt(values[kept] / values[kept].sum())
    return unit


def _check(k: Array, l: Array) -> None:  # noqa: E741 - as above
    check_grams(k, l)
    if not (np.isfinite(k).all() and np.isfinite(l).all()):
        raise UserError("inner products are not finite", fix="leave out the samples without a pattern")
