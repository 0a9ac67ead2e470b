"""Grams: the inner products from which every measure follows, accumulated without keeping an activation.

What is stored, and why it is enough: `Gram.centred` holds the products of row-centred patterns (each pattern minus its
own mean over features), from which the ancestor's Pearson similarity follows by normalising. Adding ``d m m^T`` gives
the raw products, from which cosine, squared distances and (after U-centring) CKA follow. In float64 neither loses more
digits than the float32 activations have lost already.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from advwindow.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray
    from torch import Tensor

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
        raw: Array = self.centred + self.features * np.outer(self.mean, self.mean)
        return raw

    def rows(self, start: int, stop: int) -> Gram:
        """The Gram of the patterns from `start` up to `stop`."""
        chosen = slice(start, stop)
        return Gram(self.centred[chosen, chosen], self.mean[chosen], self.features)


def gram_of(patterns: Array) -> Gram:
    """The Gram of patterns ``(n, d)`` in float64; the patterns are centred before they are multiplied."""
    patterns = np.asarray(patterns, np.float64)
    mean: Array = patterns.mean(1)
    centred = patterns - mean[:, None]
    return Gram(centred @ centred.T, mean, patterns.shape[1])


class ConceptSums:
    """Running float64 sums of activations by layer and concept; the memory does not depend on the number of images.

    Args:
        concepts: number of concepts ``C``.

    Example:
        >>> sums = ConceptSums(2)
        >>> sums.add({"fc": torch.tensor([[1.0], [3.0], [5.0]])}, torch.tensor([0, 0, 1]))
        >>> sums.means()["fc"].tolist()
        [[2.0], [5.0]]
    """

    def __init__(self, concepts: int) -> None:
        self.counts = torch.zeros(concepts, dtype=torch.int64)
        self._sums: dict[str, Tensor] = {}

    def add(self, activations: Mapping[str, Tensor], concepts: Tensor) -> None:
        """Add a batch.

        Args:
            activations: layer to ``(n, d)``.
            concepts: ``(n,)`` int64, the concept of each row.

        Raises:
            UserError: a layer has another number of features than before.
        """
        self.counts += torch.bincount(concepts, minlength=len(self.counts))
        for layer, rows in activations.items():
            self._sum(layer, rows.shape[1]).index_add_(0, concepts, rows.double())

    def merge(self, other: ConceptSums) -> None:
        """Add what another accumulator has seen of other images."""
        self.counts += other.counts
        for layer, sums in other._sums.items():
            self._sum(layer, sums.shape[1]).add_(sums)

    def means(self) -> dict[str, Array]:
        """Layer to concept means ``(C, d)``, float64; every concept must have been seen."""
        assert bool((self.counts > 0).all()), "a concept without images has no mean"
        return {layer: (sums / self.counts[:, None]).numpy() for layer, sums in self._sums.items()}

    def arrays(self) -> dict[str, NDArray[np.float64] | NDArray[np.int64]]:
        """Everything as plain arrays, ``counts`` and ``sums/<layer>``; `from_arrays` reads them back."""
        return {"counts": self.counts.numpy(), **{f"sums/{layer}": sums.numpy() for layer, sums in self._sums.items()}}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[np.float64] | NDArray[np.int64]]) -> ConceptSums:
        """The accumulator that `arrays` described."""
        sums = cls(len(arrays["counts"]))
        sums.counts += torch.from_numpy(arrays["counts"])
        for name, array in arrays.items():
            if name.startswith("sums/"):
                sums._sum(name.removeprefix("sums/"), array.shape[1]).add_(torch.from_numpy(array))
        return sums

    def _sum(self, layer: str, features: int) -> Tensor:
        fresh = torch.zeros(len(self.counts), features, dtype=torch.float64)
        found = self._sums.setdefault(layer, fresh)
        if found.shape[1] != features:
            raise UserError(
                f"layer {layer!r} changes its number of features between batches",
                got=f"{found.shape[1]} and {features}",
                fix="give all images the same size, or use pooling 'mean'",
            )
        return found


def closeness(activations: Array, references: Array, *, similarity: str) -> Array:
    """Similarity of each image's activation to each concept's mean.

    Args:
        activations: ``(n, d)``.
        references: ``(C, d)`` concept means.
        similarity: ``"pearson"`` (over features) or ``"cosine"``.

    Returns:
        ``(n, C)`` in [-1, 1]; NaN where an activation has no variance (Pearson) or is zero (cosine).
    """
    images, concepts = (_unit_rows(np.asarray(rows, np.float64), similarity) for rows in (activations, references))
    near: Array = np.clip(images @ concepts.T, -1, 1)
    return near


def displacement(clean: Array, moved: Array) -> Array:
    """How far each image's activation moved, ``||moved - clean|| / ||clean||``.

    Args:
        clean: ``(n, d)``.
        moved: ``(n, d)``, the same images under another condition.

    Returns:
        ``(n,)``, at least 0; NaN where the clean activation is zero.
    """
    reach = np.linalg.norm(moved.astype(np.float64) - clean, axis=1)
    size = np.linalg.norm(clean.astype(np.float64), axis=1)
    moved_by: Array = np.divide(reach, size, out=np.full(len(size), np.nan), where=size > 0)
    return moved_by


def _unit_rows(rows: Array, similarity: str) -> Array:
    size = np.linalg.norm(rows, axis=1, keepdims=True)
    if similarity == "pearson":
        rows = rows - rows.mean(1, keepdims=True)
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    # Below float32 resolution there is no variation, only rounding.
    resolved = length > np.finfo(np.float32).eps * size
    unit: Array = np.divide(rows, length, out=np.full_like(rows, np.nan), where=resolved)
    return unit
