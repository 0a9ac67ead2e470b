"""p-values from shared resamples, one layer at a time and over all layers."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from advwindow.errors import UserError, did_you_mean

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

#: ``max-t``: family-wise error from the shared resamples, step-down (Westfall & Young 1993); ``bh``: false discovery
#: rate under positive dependence (Benjamini & Hochberg 1995); ``by``: under any (Benjamini & Yekutieli 2001).
CORRECTIONS = ("max-t", "bh", "by")

# Resampled statistics this close to the observed one are equal to it but for rounding.
_EQUAL = 1e-9


class PValues(NamedTuple):
    """p-values in [1 / (B + 1), 1].

    Attributes:
        raw: ``(L,)``, each layer by itself.
        adjusted: ``(L,)``, over all layers, by one of `CORRECTIONS`: the chance of any false rejection (``max-t``), or
            the expected share of false ones among the rejections (``bh``, ``by``).
    """

    raw: Array
    adjusted: Array


def adjusted(p: Array, method: str) -> Array:
    """Adjusted p-values of one family by Benjamini and Hochberg, or Benjamini and Yekutieli.

    ``min over k >= rank of c L p_(k) / k``, at most 1, with c = 1 (``bh``) or ``1 + 1/2 + ... + 1/L`` (``by``).

    Args:
        p: ``(L,)`` in [0, 1]; NaN where there was no test, which does not count to the family.
        method: ``"bh"`` or ``"by"``.

    Returns:
        ``(L,)`` in [0, 1], NaN where `p` is.

    Raises:
        UserError: unknown method (``"max-t"`` needs the resamples: `resampled_p`).

    Example:
        >>> adjusted(np.array([0.01, 0.04, np.nan]), "bh").tolist()
        [0.02, 0.04, nan]
    """
    methods = CORRECTIONS[1:]
    if method not in methods:
        raise UserError("unknown correction of p-values", got=method, fix=did_you_mean(method, methods))
    tested = np.flatnonzero(~np.isnan(p))
    order = tested[np.argsort(-p[tested], kind="stable")]
    rank = np.arange(len(order), 0, -1)
    penalty = (1 / rank).sum() if method == "by" else 1.0
    found: Array = np.full(len(p), np.nan)
    found[order] = np.minimum.accumulate(p[order] * penalty * len(order) / rank).clip(max=1)
    return found


def resampled_p(observed: Array, null: Array, *, tail: str, correction: str = "max-t") -> PValues:
    """p-values of statistics against their joint resampling distribution, ``(1 + #{null >= observed}) / (B + 1)``.

    For the maximum over layers every layer is put on its own scale, its standard deviation over the resamples and the
    observation together (so that the procedure treats the observation as one of them, and stays exact).

    Args:
        observed: ``(L,)``.
        null: ``(B, L)``, row by row the same resample in all layers.
        tail: ``"upper"`` (large values speak against the null), ``"lower"``, or ``"both"`` (distance from 0).
        correction: one of `CORRECTIONS`, for `PValues.adjusted`.

    Raises:
        UserError: unknown correction.
    """
    if correction not in CORRECTIONS:
        raise UserError("unknown correction of p-values", got=correction, fix=did_you_mean(correction, CORRECTIONS))
    together = np.vstack([observed, null])
    if tail == "both":
        scored = np.abs(together) / _or_one(np.sqrt((together**2).mean(0)))
    else:
        sign = 1.0 if tail == "upper" else -1.0
        scored = sign * (together - together.mean(0)) / _or_one(together.std(0))
    raw = (1 + (scored[1:] >= scored[0] - _EQUAL).sum(0)) / len(together)
    return PValues(raw, _step_down(scored) if correction == "max-t" else adjusted(raw, correction))


def _step_down(scored: Array) -> Array:
    """Westfall-Young step-down maxima; row 0 is the observation, large values speak against the null."""
    order = np.argsort(-scored[0], kind="stable")
    # Running maximum from the least significant layer upwards: column j is the maximum over layers j, j + 1, ...
    maxima = np.maximum.accumulate(scored[1:, order[::-1]], axis=1)[:, ::-1]
    stepped = (1 + (maxima >= scored[0, order] - _EQUAL).sum(0)) / len(scored)
    found = np.empty(len(order))
    found[order] = np.maximum.accumulate(stepped)
    return found


def _or_one(scale: Array) -> Array:
    return np.where(scale > 1e-12, scale, 1.0)
