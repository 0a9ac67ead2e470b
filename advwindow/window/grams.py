"""Grams: the inner products from which every measure follows, accumulated without keeping an activation.

What is stored, and why it is enough: the products of row-centred patterns (each pattern minus its own mean over
features), from which the ancestor's Pearson similarity follows by normalising. Adding ``d m m^T`` gives the raw
products, from which cosine, squared distances and (after U-centring) CKA follow. In float64 neither loses more digits
than the float32 activations have lost already. Of two conditions only the products with clean patterns are needed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from advwindow.window.sums import with_means

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from advwindow.window.sums import Patterns

    Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Gram:
    """Inner products of ``n`` patterns over ``d`` features.

    Attributes:
        centred: ``(n, n)`` float64, products of the patterns, each minus its own mean over the features.
        mean: ``(n,)`` float64, those means.
        features: ``d``.
    """

    centred: Array
    mean: Array
    features: int

    @property
    def raw(self) -> Array:
        """``(n, n)`` products of the patterns as they are."""
        return with_means(self.centred, self.mean, self.mean, self.features)

    def averaged(self, weights: Array) -> Gram:
        """The Gram of weighted means of the patterns; `weights` is ``(m, n)``."""
        return Gram(weights @ self.centred @ weights.T, weights @ self.mean, self.features)


@dataclass(frozen=True, eq=False)
class Stack:
    """Inner products of the same ``P`` patterns under ``S`` conditions, clean first.

    Attributes:
        own: ``(S, P, P)`` float64, products of row-centred patterns within each condition.
        cross: ``(S, P, P)``, products of clean patterns (rows) with those of each condition (columns); the first
            equals the first of `own`.
        mean: ``(S, P)``, mean of each pattern over the features.
        features: ``d``, number of features.
    """

    own: Array
    cross: Array
    mean: Array
    features: int

    def gram(self, condition: int) -> Gram:
        """The patterns of one condition among themselves."""
        return Gram(self.own[condition], self.mean[condition], self.features)

    def beside_clean(self, condition: int) -> Gram:
        """The clean patterns followed by those of one condition, ``2 P`` patterns."""
        cross = self.cross[condition]
        centred = np.block([[self.own[0], cross], [cross.T, self.own[condition]]])
        return Gram(centred, np.concatenate([self.mean[0], self.mean[condition]]), self.features)

    def raw_cross(self, condition: int) -> Array:
        """``(P, P)`` products of the patterns as they are, clean ones (rows) with those of a condition (columns)."""
        return with_means(self.cross[condition], self.mean[0], self.mean[condition], self.features)

    def averaged(self, weights: Array) -> Stack:
        """The same of weighted means of the patterns, under every condition alike; `weights` is ``(m, P)``."""
        own, cross = (weights @ products @ weights.T for products in (self.own, self.cross))
        return Stack(own, cross, self.mean @ weights.T, self.features)

    def arrays(self) -> dict[str, NDArray[np.float64] | NDArray[np.int64]]:
        """Plain arrays, as `from_arrays` reads them back; what is symmetric or twice there is kept once."""
        upper = np.triu_indices(self.own.shape[1])
        return {
            "own": np.ascontiguousarray(self.own[:, upper[0], upper[1]]),
            "cross": self.cross[1:],
            "mean": self.mean,
            "features": np.array([self.features], np.int64),
        }

    @classmethod
    def from_arrays(cls, arrays: dict[str, NDArray[np.float64]]) -> Stack:
        """The stack that `arrays` described."""
        mean, packed = arrays["mean"], arrays["own"]
        conditions, patterns = mean.shape
        own = np.empty((conditions, patterns, patterns))
        first, second = np.triu_indices(patterns)
        own[:, first, second] = packed
        own[:, second, first] = packed
        return cls(own, np.concatenate([own[:1], arrays["cross"]]), mean, int(arrays["features"][0]))


def double_centred(products: Array) -> Array:
    """Products ``(n, n)`` of patterns from which their common mean pattern has been taken."""
    mean = products.mean(0)
    centred: Array = products - mean - mean[:, None] + mean.mean()
    return centred


def gram_of(patterns: Array) -> Gram:
    """The Gram of patterns ``(n, d)`` in float64; the patterns are centred before they are multiplied."""
    patterns = np.asarray(patterns, np.float64)
    mean: Array = patterns.mean(1)
    centred = patterns - mean[:, None]
    return Gram(centred @ centred.T, mean, patterns.shape[1])


def stack_of(conditions: Sequence[Patterns]) -> Stack:
    """The stack of the same patterns under several conditions, clean first."""
    clean = conditions[0].centred
    own = np.stack([_symmetric(each.centred @ each.centred.T) for each in conditions])
    cross = np.stack([own[0], *(clean @ each.centred.T for each in conditions[1:])])
    return Stack(own, cross, np.stack([each.mean for each in conditions]), conditions[0].features)


def _symmetric(products: Array) -> Array:
    """Exactly symmetric, as it is in theory and as half of it is stored."""
    upper = np.triu(products)
    exact: Array = upper + np.triu(products, 1).T
    return exact
