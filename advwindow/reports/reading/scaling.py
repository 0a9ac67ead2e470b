"""Concepts on a map: the plane that holds most of what tells them apart, and the words laid onto it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.linalg import eigh, orthogonal_procrustes
from scipy.sparse.linalg import eigsh

from advwindow.streams import stream
from advwindow.window.grams import double_centred

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from advwindow.reports.reading.geometry import ConceptGeometry

    Array = NDArray[np.float64]

#: Of larger matrices the two largest eigenvalues are found by themselves.
_MOST_DENSE = 500

#: Coordinates are equal to this many digits; the rest is rounding and must not turn the map.
_DIGITS = 6


class Scaled(NamedTuple):
    """A configuration in the plane.

    Attributes:
        points: ``(n, 2)``, their mean is 0.
        shares: ``(2,)`` in [0, 1], share of the variance that each dimension holds, the larger first.
    """

    points: Array
    shares: Array


class ConceptMap(NamedTuple):
    """Concepts in the plane that holds most of their variance, clean and attacked ones together.

    Attributes:
        clean: ``(C, 2)``.
        attacked: ``(C, 2)``.
        words: ``(C, 2)``, the words' own plane shifted, turned and scaled onto the clean concepts.
        shares: ``(2,)`` in [0, 1], share of the variance of the clean and attacked concepts in each dimension.
    """

    clean: Array
    attacked: Array
    words: Array
    shares: Array


def classical_scaling(products: Array) -> Scaled:
    """The plane that holds most variance of patterns: classical multidimensional scaling (Torgerson 1952).

    Of each dimension the coordinate farthest from 0 is positive.

    Args:
        products: ``(n, n)`` inner products, n at least 2; similarities are those of patterns of length 1.
    """
    centred = double_centred(products)
    values, vectors = _leading(centred)
    points, total = vectors * np.sqrt(values), float(np.trace(centred))
    if total <= len(products) * np.finfo(np.float64).eps * np.abs(products).max():
        return Scaled(np.zeros_like(points), np.zeros(2))
    return Scaled(points * _signs(points), values / total)


def map_concepts(geometry: ConceptGeometry) -> ConceptMap:
    """Clean and attacked concepts in one plane, and the words laid onto the clean ones (orthogonal Procrustes)."""
    count = len(geometry.concepts)
    found = classical_scaling(geometry.joint)
    clean = found.points[:count]
    words = laid_onto(classical_scaling(geometry.of_words).points, clean)
    return ConceptMap(clean, found.points[count:], words, found.shares)


def laid_onto(points: Array, target: Array) -> Array:
    """Points ``(n, 2)`` shifted, turned or mirrored, and scaled so that they are closest to `target` (Schönemann 1966).

    Args:
        points: with mean 0.
        target: ``(n, 2)``.
    """
    middle = target.mean(0)
    turn, size = orthogonal_procrustes(points, target - middle)
    power = float(np.square(points).sum())
    laid: Array = points @ turn * (size / power if power else 0) + middle
    return laid


def _leading(centred: Array) -> tuple[Array, Array]:
    """The two largest eigenvalues, the larger first, and their eigenvectors ``(n, 2)``."""
    size = len(centred)
    if size <= _MOST_DENSE:
        values, vectors = eigh(centred, subset_by_index=[size - 2, size - 1])
    else:
        start = stream(0, "classical scaling").normal(size=size)
        values, vectors = eigsh(centred, k=2, which="LA", v0=start)
    largest = np.argsort(-values, kind="stable")
    return values[largest].clip(0), vectors[:, largest]


def _signs(points: Array) -> Array:
    """``(2,)``, what makes the first of the coordinates farthest from 0 positive in each dimension."""
    size = np.abs(points)
    rounded = np.round(size / size.max(0).clip(np.finfo(np.float64).tiny), _DIGITS)
    farthest = np.take_along_axis(points, rounded.argmax(0)[None], 0)[0]
    return np.where(farthest < 0, -1.0, 1.0)
