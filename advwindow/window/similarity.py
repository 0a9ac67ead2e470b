"""Concept-by-concept similarity from Grams, and which patterns have none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from advwindow.errors import UserError, did_you_mean

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from advwindow.window.grams import Gram

    Array = NDArray[np.float64]

#: ``pearson`` over the features (Words as a Window, BrainBench), or ``cosine``.
SIMILARITIES = ("pearson", "cosine")

# A pattern that varies by less than float32 can resolve holds rounding and no information.
_RESOLUTION = float(np.finfo(np.float32).eps) ** 2


class ConstantPatternError(UserError):
    """A pattern without variance has no correlation with anything, so there is nothing to score."""


def similarity(gram: Gram, kind: str = "pearson") -> Array:
    """Similarity of every two patterns.

    Args:
        gram: of ``n`` patterns.
        kind: one of `SIMILARITIES`.

    Returns:
        ``(n, n)`` float64 in [-1, 1], symmetric, diagonal 1.

    Raises:
        ConstantPatternError: a pattern is constant over the features (``pearson``) or zero (``cosine``).
        UserError: unknown kind.
    """
    constant = constant_patterns(gram, kind)
    if constant.any():
        rows = np.flatnonzero(constant).tolist()
        raise ConstantPatternError("patterns without variance have no similarity", got=f"rows {rows}")
    products = gram.centred if kind == "pearson" else gram.raw
    scale = 1 / np.sqrt(np.diag(products))
    found = np.clip(products * np.outer(scale, scale), -1, 1)
    np.fill_diagonal(found, 1.0)
    return found


def constant_patterns(gram: Gram, kind: str = "pearson") -> NDArray[np.bool_]:
    """Which patterns have no similarity: constant over the features (``pearson``), or zero (``cosine``).

    Returns:
        ``(n,)`` bool.

    Raises:
        UserError: unknown kind.
    """
    if kind not in SIMILARITIES:
        raise UserError("unknown similarity", got=kind, fix=did_you_mean(kind, SIMILARITIES))
    power = np.diag(gram.raw)
    left = np.diag(gram.centred) if kind == "pearson" else power
    constant: NDArray[np.bool_] = ~(left > _RESOLUTION * power)
    return constant
