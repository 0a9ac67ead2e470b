"""Identification: can each attacked pattern still be recognised among all clean ones?"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from advwindow.errors import UserError
from advwindow.window.similarity import ConstantPatternError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

# Similarities that agree to 12 digits are equal; the rest is the order of summation.
_EQUAL = 1e-12

# Power below this share of the strongest pattern's (float32 resolution, squared) is rounding.
_CONSTANT = float(np.finfo(np.float32).eps) ** 2


class Identification(NamedTuple):
    """How well the patterns of one condition are recognised among the clean ones.

    Attributes:
        accuracy: mean of `correct`, in [0, 1].
        correct: ``(P,)`` in [0, 1]: 1 if the own clean pattern is the most similar one, ``1 / t`` if it is one of t
            equally similar ones, else 0.
        rank: ``(P,)`` in [1, P]: place of the own clean pattern, 1 the most similar; ties share the mean of their
            places, so chance is ``(P + 1) / 2``.
        chance: ``1 / P``.
    """

    accuracy: float
    correct: Array
    rank: Array
    chance: float


def identification(own_clean: Array, cross: Array, own_other: Array) -> Identification:
    """For every pattern of the other condition: is the most similar clean pattern its own?

    Kay et al. 2008. The products decide the similarity: those of row-centred patterns give Pearson over the features,
    raw ones the cosine. Where a concept has several folds, its other folds are among the P candidates, too.

    Args:
        own_clean: ``(P, P)`` products of the clean patterns; only the diagonal is used.
        cross: ``(P, P)`` products of clean patterns (rows) with those of the other condition (columns).
        own_other: ``(P, P)`` products of the other condition's patterns; only the diagonal is used.

    Raises:
        UserError: shapes differ, fewer than two patterns, or products that are not finite.
        ConstantPatternError: a pattern has no power, relative to the strongest one.
    """
    _check(own_clean, cross, own_other)
    clean, other = _lengths(own_clean, "clean"), _lengths(own_other, "other")
    return identified(cross / clean[:, None] / other)


def identified(similarity: Array) -> Identification:
    """The same from similarities ``(P, P)`` of clean patterns (rows) with those of the other condition (columns)."""
    own = np.diag(similarity)
    nearer = (similarity > own + _EQUAL).sum(0)
    tied = (np.abs(similarity - own) <= _EQUAL).sum(0)
    correct: Array = np.where(nearer == 0, 1 / tied, 0.0)
    # The tied ones, the own pattern among them, hold the places nearer + 1 to nearer + tied.
    return Identification(float(correct.mean()), correct, nearer + (tied + 1) / 2, 1 / len(similarity))


def _lengths(products: Array, condition: str) -> Array:
    power = np.diag(products)
    weak = ~(power > _CONSTANT * power.max())
    if weak.any():
        rows = np.flatnonzero(weak).tolist()
        raise ConstantPatternError(f"patterns of the {condition} condition have no similarity", got=f"rows {rows}")
    lengths: Array = np.sqrt(power)
    return lengths


def _check(own_clean: Array, cross: Array, own_other: Array) -> None:
    if not own_clean.shape == cross.shape == own_other.shape or cross.ndim != 2 or cross.shape[0] != cross.shape[1]:
        shapes = f"{own_clean.shape}, {cross.shape} and {own_other.shape}"
        raise UserError("Grams do not fit", got=shapes, expected="three (P, P) Grams")
    if len(cross) < 2:
        raise UserError("too few patterns to tell apart", got=len(cross), expected="at least 2")
    if not all(np.isfinite(part).all() for part in (cross, np.diag(own_clean), np.diag(own_other))):
        raise UserError("inner products are not finite", fix="leave out the concepts without a pattern")
