"""Cross-validated squared distances: what is left of a distance once the noise of the images is out of it.

The squared distance of two noisy means is too large by the power of the noise. Products of differences between
*different* folds (independent sets of images) have no such bias (Nili et al. 2014; Walther et al. 2016: crossnobis,
here with the identity as the metric). Estimates of small distances may be negative; they are kept, or the mean would
be biased again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from advwindow.errors import UserError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]


def crossvalidated_distances(products: Array, *, folds: int, features: int) -> Array:
    """Unbiased squared distance per feature between the patterns of every two concepts.

    The mean over ordered pairs of folds m != m' of ``<x_mi - x_mj, x_m'i - x_m'j> / d``, in O(P^2) without the loop.

    Args:
        products: ``(..., P, P)`` inner products, ``P = M C``, fold-major (pattern ``m C + c``); raw products for the
            Euclidean distance, those of row-centred patterns for the distance without the patterns' means.
        folds: M, at least 2.
        features: d.

    Returns:
        ``(..., C, C)`` symmetric, zero diagonal, in squared units of one feature; may be negative.

    Raises:
        UserError: fewer than two folds, no features, or a Gram that does not split into the folds.
    """
    blocks = _blocks(products, folds, features)
    same = np.einsum("...mimj->...ij", blocks)
    gram = (blocks.sum((-4, -2)) - same) / (folds * (folds - 1) * features)
    power = np.diagonal(gram, axis1=-2, axis2=-1)
    distances: Array = power[..., None] + power[..., None, :] - gram - gram.swapaxes(-1, -2)
    return distances


def crossvalidated_shift(own_clean: Array, cross: Array, own_other: Array, *, folds: int, features: int) -> Array:
    """Unbiased squared distance per feature that each concept moved from the clean condition to another.

    The mean over ordered pairs of folds m != m' of ``<x_m - y_m, x_m' - y_m'> / d``, x clean and y the same images
    under the other condition. It estimates the squared length of the *common* displacement of a concept; what moves
    each image its own way averages out.

    Args:
        own_clean: ``(P, P)`` products of the clean patterns, ``P = M C``, fold-major.
        cross: ``(..., P, P)`` products of clean patterns (rows) with those of the other condition (columns).
        own_other: ``(..., P, P)`` products of the other condition's patterns.
        folds: M, at least 2.
        features: d.

    Returns:
        ``(..., C)``; may be negative.

    Raises:
        UserError: as `crossvalidated_distances`.
    """
    if not own_clean.shape == cross.shape[-2:] == own_other.shape[-2:]:
        shapes = f"{own_clean.shape}, {cross.shape} and {own_other.shape}"
        raise UserError("Grams do not fit", got=shapes, expected="three of the same number of patterns")
    clean, between, other = (_between_folds(part, folds, features) for part in (own_clean, cross, own_other))
    shift: Array = clean - 2 * between + other
    return shift


def _between_folds(products: Array, folds: int, features: int) -> Array:
    """``(..., C)``: each concept's mean product with itself in another fold, per feature."""
    own = np.einsum("...mcnc->...cmn", _blocks(products, folds, features))
    total = own.sum((-1, -2)) - own.trace(axis1=-2, axis2=-1)
    mean: Array = total / (folds * (folds - 1) * features)
    return mean


def _blocks(products: Array, folds: int, features: int) -> Array:
    """The Gram as ``(..., M, C, M, C)``."""
    if folds < 2:
        raise UserError(
            "cross-validation needs at least two folds", got=folds, fix="give at least two images of each class"
        )
    if features < 1:
        raise UserError("a distance per feature needs features", got=features, expected="at least 1")
    size = products.shape[-1]
    if products.ndim < 2 or products.shape[-2] != size or size % folds:
        raise UserError("the Gram does not split into folds", got=f"{products.shape} and {folds} folds")
    return products.reshape(*products.shape[:-2], folds, size // folds, folds, size // folds)
