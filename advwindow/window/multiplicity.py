"""p-values from shared resamples, one layer at a time and over all layers."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

# Resampled statistics this close to the observed one are equal to it but for rounding.
_EQUAL = 1e-9


class PValues(NamedTuple):
    """p-values in [1 / (B + 1), 1].

    Attributes:
        raw: ``(L,)``, each layer by itself.
        adjusted: ``(L,)``, Westfall-Young step-down max-T: the chance of any false rejection among all layers.
    """

    raw: Array
    adjusted: Array


def resampled_p(observed: Array, null: Array, *, tail: str) -> PValues:
    """p-values of statistics against their joint resampling distribution, ``(1 + #{null >= observed}) / (B + 1)``.

    For the maximum over layers every layer is put on its own scale, its standard deviation over the resamples and the
    observation together (so that the procedure treats the observation as one of them, and stays exact).

    Args:
        observed: ``(L,)``.
        null: ``(B, L)``, row by row the same resample in all layers.
        tail: ``"upper"`` (large values speak against the null), ``"lower"``, or ``"both"`` (distance from 0).
    """
    together = np.vstack([observed, null])
    if tail == "both":
        scored = np.abs(together) / _or_one(np.sqrt((together**2).mean(0)))
    else:
        sign = 1.0 if tail == "upper" else -1.0
        scored = sign * (together - together.mean(0)) / _or_one(together.std(0))
    draws = len(together)
    raw = (1 + (scored[1:] >= scored[0] - _EQUAL).sum(0)) / draws
    order = np.argsort(-scored[0], kind="stable")
    # Running maximum from the least significant layer upwards: column j is the maximum over layers j, j + 1, ...
    maxima = np.maximum.accumulate(scored[1:, order[::-1]], axis=1)[:, ::-1]
    stepped = (1 + (maxima >= scored[0, order] - _EQUAL).sum(0)) / draws
    adjusted = np.empty_like(raw)
    adjusted[order] = np.maximum.accumulate(stepped)
    return PValues(raw, adjusted)


def _or_one(scale: Array) -> Array:
    return np.where(scale > 1e-12, scale, 1.0)
