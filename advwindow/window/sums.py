"""Running sums of activations by concept and fold: they merge, and do not grow with the number of images."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch

from advwindow.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    Array = NDArray[np.float64]

# Below float32 resolution there is no variation, only rounding.
_RESOLUTION = float(np.finfo(np.float32).eps)


class Patterns(NamedTuple):
    """Activations as the window keeps them.

    Attributes:
        centred: ``(n, k)``, each activation minus its own mean over its features; sketched where the layer is wide,
            and then ``k < features``. float32 for single images, float64 for means.
        mean: ``(n,)`` float64, those means.
        features: number of features before any sketch.
    """

    centred: NDArray[np.floating]
    mean: Array
    features: int

    @property
    def size(self) -> int:
        """Bytes."""
        return self.centred.nbytes + self.mean.nbytes

    def averaged(self, weights: Array) -> Patterns:
        """Weighted means of the patterns; `weights` is ``(m, n)``."""
        return Patterns(weights @ self.centred, weights @ self.mean, self.features)

    def take(self, rows: NDArray[np.bool_] | NDArray[np.int64] | slice) -> Patterns:
        """Some of the patterns."""
        return Patterns(self.centred[rows], self.mean[rows], self.features)

    def lengths(self) -> Array:
        """``(n,)``, Euclidean length of the activations as they were (estimated where sketched)."""
        whole: Array = np.sqrt(self.spreads() ** 2 + self.features * self.mean**2)
        return whole

    def spreads(self) -> Array:
        """``(n,)``, Euclidean length of the centred activations."""
        spread: Array = np.linalg.norm(self.centred.astype(np.float64), axis=1)
        return spread


class PatternSums:
    """Float64 sums of activations by layer and pattern (a concept's images in one fold).

    Args:
        patterns: their number ``P``.
    """

    def __init__(self, patterns: int) -> None:
        self.counts = np.zeros(patterns, np.int64)
        self._sums: dict[str, tuple[Tensor, Array, int]] = {}

    def add(self, activations: Mapping[str, Patterns], places: NDArray[np.int64]) -> None:
        """Add a batch.

        Args:
            activations: layer to ``n`` activations.
            places: ``(n,)``, the pattern to which each belongs.

        Raises:
            UserError: a layer has another number of features than before.
        """
        self.counts += np.bincount(places, minlength=len(self.counts))
        index = torch.from_numpy(places)
        for layer, rows in activations.items():
            centred, mean = self._of(layer, rows.centred.shape[1], rows.features)
            centred.index_add_(0, index, torch.from_numpy(rows.centred).double())
            np.add.at(mean, places, rows.mean)

    def merge(self, other: PatternSums) -> None:
        """Add what another accumulator has seen of other images."""
        self.counts += other.counts
        for layer, (theirs, means, features) in other._sums.items():
            centred, mean = self._of(layer, theirs.shape[1], features)
            centred += theirs
            mean += means

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of the layers, in the order in which they came."""
        return tuple(self._sums)

    def mean(self, layer: str) -> Patterns:
        """A layer's mean patterns; every pattern must have been seen."""
        assert self.counts.all(), "a pattern without images has no mean"
        centred, mean, features = self._sums[layer]
        return Patterns(centred.numpy() / self.counts[:, None], mean / self.counts, features)

    def _of(self, layer: str, width: int, features: int) -> tuple[Tensor, Array]:
        if layer not in self._sums:
            count = len(self.counts)
            self._sums[layer] = (torch.zeros(count, width, dtype=torch.float64), np.zeros(count), features)
        centred, mean, before = self._sums[layer]
        if before != features:
            raise UserError(
                f"layer {layer!r} changes its number of features between batches",
                got=f"{before} and {features}",
                fix="give all images the same size, or use pooling 'mean'",
            )
        return centred, mean


def joined(parts: Sequence[Patterns]) -> Patterns:
    """Patterns of the same layer one after the other; there must be at least one part."""
    return Patterns(
        np.concatenate([part.centred for part in parts]),
        np.concatenate([part.mean for part in parts]),
        parts[0].features,
    )


def closeness(activations: Patterns, references: Patterns, *, similarity: str) -> Array:
    """Similarity of each activation to each reference.

    Args:
        activations: ``n`` of them.
        references: ``C`` of them, of the same layer.
        similarity: ``"pearson"`` (over features) or ``"cosine"``.

    Returns:
        ``(n, C)`` in [-1, 1]; NaN where an activation has no variance (Pearson) or is zero (cosine).
    """
    if similarity == "cosine":
        overlap = products(activations, references)
    else:
        overlap = activations.centred.astype(np.float64) @ references.centred.T
    inverse, other = (_inverse_lengths(each, similarity) for each in (activations, references))
    near: Array = np.clip(overlap * inverse[:, None] * other, -1, 1)
    return near


def products(activations: Patterns, references: Patterns) -> Array:
    """Inner products ``(n, C)`` of activations with references, as they are."""
    centred = activations.centred.astype(np.float64) @ references.centred.T
    return with_means(centred, activations.mean, references.mean, activations.features)


def displacement(clean: Patterns, moved: Patterns) -> Array:
    """How far each image's activation moved, ``||moved - clean|| / ||clean||``.

    Args:
        clean: ``n`` activations.
        moved: of the same images under another condition.

    Returns:
        ``(n,)``, at least 0; NaN where the clean activation is zero.
    """
    step = Patterns(moved.centred - clean.centred, moved.mean - clean.mean, clean.features)
    size = clean.lengths()
    moved_by: Array = np.divide(step.lengths(), size, out=np.full(len(size), np.nan), where=size > 0)
    return moved_by


def _inverse_lengths(patterns: Patterns, similarity: str) -> Array:
    whole = patterns.lengths()
    length = patterns.spreads() if similarity == "pearson" else whole
    resolved = length > _RESOLUTION * whole
    inverse: Array = np.divide(1, length, out=np.full_like(length, np.nan), where=resolved)
    return inverse


def with_means(centred: Array, rows: Array, columns: Array, features: int) -> Array:
    """Raw products from those of row-centred patterns and the patterns' means over the features."""
    raw: Array = centred + features * np.outer(rows, columns)
    return raw
