"""The noise ceiling: how well could a layer agree with words, given that images and words are samples themselves?

A deterministic network has no noise of its own; what would differ in a repetition are the images of a concept and the
word space. Spearman 1904; Spearman-Brown 1910; noise ceilings as in Nili et al. 2014, from images instead of subjects.
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from advwindow.streams import stream
from advwindow.window.alignment import pair_values, unit_pairs
from advwindow.window.similarity import ConstantPatternError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Counts = NDArray[np.int64]
    Halves = tuple[tuple[int, ...], tuple[int, ...]]

# Averaging more splits of the same images adds next to nothing.
_SPLITS = 32

# Squared length, relative to the longest pattern, that float32 activations cannot resolve.
_RESOLUTION = float(np.finfo(np.float32).eps) ** 2


class Reliability(NamedTuple):
    """Reliability of a layer's geometry under one condition.

    Attributes:
        value: of the geometry of all images, in (0, 1]: its expected correlation with that of as many other images;
            None where not estimable.
        halves: mean correlation of the geometries of two halves of the images, in [-1, 1]; None without halves.
        splits: how many splits were averaged.
        note: why it is not estimable, in plain words; empty otherwise.
    """

    value: float | None
    halves: float | None
    splits: int
    note: str


class Ceiling(NamedTuple):
    """The highest alignment that noise lets a layer reach.

    Attributes:
        value: ``sqrt(layer reliability * word reliability)`` in (0, 1], None where not estimable.
        note: what it leaves out or why there is none, in plain words; empty otherwise.
    """

    value: float | None
    note: str


class DriftParts(NamedTuple):
    """Drift freed from noise; the parts add up to the raw drift. None where not estimable.

    Attributes:
        clean: disattenuated alignment of the clean layer.
        condition: that under the condition, by its own reliability.
        drift: their difference.
        geometry: the part of the raw drift that is a change of geometry.
        reliability: the part that is loss of reliability: images of the same concept agree less.
        note: plain words; empty if nothing is to be said.
    """

    clean: float | None
    condition: float | None
    drift: float | None
    geometry: float | None
    reliability: float | None
    note: str


class Agreement(NamedTuple):
    """How well geometries from disjoint sets of images agree.

    Attributes:
        r: mean correlation over splits.
        noise: mean of 1 / images over concepts, sets and splits.
        splits: how many.
    """

    r: float
    noise: float
    splits: int


def layer_reliability(products: Array, counts: Counts, *, measure: str = "spearman", seed: int) -> Reliability:
    """Reliability of a layer's geometry from image halves (window.md 12.7).

    The folds of every concept are split in two halves of equal size, the same in all concepts (with an odd number of
    folds one is left out in turn). A half's pattern is the mean over its images, so its Gram is ``S GG S^T`` of the
    fold Gram GG. The correlation of the halves' geometries, averaged over splits, is stepped up to all images
    (`stepped_up`): by Spearman-Brown with two or three folds, which gives too little where noise far exceeds signal;
    from four folds on the agreement of single folds serves to put that right.

    Args:
        products: ``(M C, M C)`` inner products of fold patterns, pattern ``f * C + c``; of row-centred patterns for
            Pearson similarity, of the patterns as they are for cosine. Patterns are means over the fold's images.
        counts: ``(C, M)`` images behind each.
        measure: ``"spearman"`` or ``"pearson"`` correlation of geometries.
        seed: for the sample of splits where there are more than 32.

    Raises:
        UserError: unknown measure.
    """
    concepts, folds = counts.shape
    assert products.shape == (concepts * folds, concepts * folds)
    if folds < 2:
        return Reliability(None, None, 0, "Reliability needs at least two image sets; each concept has one.")
    sums = products.reshape(folds, concepts, folds, concepts) * counts.T[:, :, None, None]
    sums *= counts.T
    try:
        halves = _agreement(sums, counts, half_splits(folds, seed=seed), measure)
        single = _agreement(sums, counts, _single_folds(folds), measure) if folds >= 4 else None
    except ConstantPatternError as error:
        return Reliability(None, None, 0, f"Reliability is not estimable: {error}.")
    if halves is None:
        return Reliability(None, None, 0, "Some concept has too few images for two halves.")
    if not halves.r > 0:
        note = "The halves of the images do not agree, so the reliability is not estimable."
        return Reliability(None, halves.r, halves.splits, note)
    return Reliability(stepped_up(halves, single, noise=float(np.mean(1 / counts.sum(1)))), halves.r, halves.splits, "")


def stepped_up(halves: Agreement, single: Agreement | None, *, noise: float) -> float:
    """Reliability with less noise than in the halves.

    ``1 / r - 1`` is the ratio of noise to signal in a geometry. Spearman-Brown takes it to be proportional to the noise
    x of a pattern. A similarity of two noisy patterns also holds the product of two noises, so that it is
    ``a x + b x^2``, a and b not negative; two values of x give both.

    Args:
        halves: how well halves agree, r above 0.
        single: the same for single folds, or None; not used unless r is above 0 and there is more noise.
        noise: x of all images together, the mean of 1 / images over concepts.

    Returns:
        In (0, 1].
    """
    e, x = 1 / halves.r - 1, halves.noise
    if single is None or not single.r > 0 or not single.noise > x:
        return spearman_brown(halves.r, x / noise)
    b = ((1 / single.r - 1) / single.noise - e / x) / (single.noise - x)
    b = min(max(b, 0.0), e / x**2)
    return 1 / (1 + (e / x - b * x) * noise + b * noise**2)


def half_splits(folds: int, *, seed: int, limit: int = _SPLITS) -> list[Halves]:
    """Pairs of disjoint halves, ``folds // 2`` folds each: all there are, or a random sample if more than `limit`."""
    size = folds // 2
    rest = combinations(range(folds), 2 * size)
    every = ((half, tuple(f for f in used if f not in half)) for used in rest for half in combinations(used, size))
    found = [halves for _, halves in zip(range(2 * limit + 1), every, strict=False)]
    if len(found) <= 2 * limit:
        return [halves for halves in found if halves[0] < halves[1]]
    rng = stream(seed, "image halves")
    drawn = (rng.permutation(folds).tolist() for _ in range(limit))
    return [(tuple(order[:size]), tuple(order[size : 2 * size])) for order in drawn]


def _single_folds(folds: int) -> list[Halves]:
    found: list[Halves] = [((first,), (second,)) for first, second in combinations(range(folds), 2)]
    return found[:_SPLITS]


def _agreement(sums: Array, counts: Counts, splits: list[Halves], measure: str) -> Agreement | None:
    """Over the splits with images of every concept on both sides; None without any.

    Args:
        sums: ``(M, C, M, C)`` products of sums over images.
        counts: ``(C, M)``.
        splits: disjoint sets of folds.
        measure: correlation of geometries.
    """
    agree, noise = [], []
    for split in splits:
        sizes = [counts[:, folds].sum(1) for folds in split]
        if min(size.min() for size in sizes) > 0:
            first, second = (unit_pairs(_geometry(_set_products(sums, folds)), measure) for folds in split)
            agree.append(first @ second)
            noise.append(np.mean([1 / size for size in sizes]))
    return Agreement(float(np.mean(agree)), float(np.mean(noise)), len(agree)) if agree else None


def _set_products(sums: Array, folds: tuple[int, ...]) -> Array:
    """Products of a set's pattern sums; a similarity does not depend on their lengths, so sums do for means."""
    total: Array = sum((sums[f, :, g] for f in folds for g in folds), np.zeros(1))
    return total


def spearman_brown(r: float, ratio: float) -> float:
    """Reliability with `ratio` times as much data: ``k r / (1 + (k - 1) r)``, r in (0, 1].

    Example:
        >>> spearman_brown(0.5, 2)
        0.6666666666666666
    """
    return ratio * r / (1 + (ratio - 1) * r)


def word_reliability(geometries: Array, *, measure: str = "spearman") -> float | None:
    """Reliability of a word geometry: the mean correlation of the geometries of several word spaces (12.7).

    Args:
        geometries: ``(W, N)`` pair values, one row for each word space.
        measure: ``"spearman"`` or ``"pearson"``.

    Returns:
        In [-1, 1]; None with a single word space.

    Raises:
        UserError: unknown measure, or (`ConstantPatternError`) a geometry without structure.
    """
    if len(geometries) < 2:
        return None
    unit = unit_pairs(geometries, measure)
    return float(pair_values(unit @ unit.T).mean())


def noise_ceiling(layer: float | None, words: float | None) -> Ceiling:
    """The maximal attainable alignment, ``sqrt(rel_layer * rel_word)``.

    Args:
        layer: reliability of the layer's geometry.
        words: that of the word geometry; None if there is a single word space, which is then taken as exact.
    """
    if layer is None or not layer > 0:
        return Ceiling(None, "The noise ceiling is not estimable: the geometry is not reliable over images.")
    if words is None:
        return Ceiling(float(np.sqrt(layer)), "One word space: the noise ceiling counts the choice of images only.")
    if not words > 0:
        return Ceiling(None, "The noise ceiling is not estimable: the word spaces do not agree.")
    return Ceiling(float(np.sqrt(layer * words)), "")


def disattenuated(r: float, ceiling: Ceiling) -> float | None:
    """Alignment freed from noise, ``r / sqrt(rel_layer * rel_word)``; it is also the fraction of the noise ceiling.

    May exceed 1 by chance and is not cut off. None where the ceiling is not estimable.
    """
    return None if ceiling.value is None else r / ceiling.value


def disattenuated_drift(clean: float, condition: float, *, ceilings: tuple[Ceiling, Ceiling]) -> DriftParts:
    """Drift freed from noise, each condition by its own reliability, and how much of the raw drift is which.

    With alignment = ceiling times disattenuated alignment, the drift is the change of the second at the mean ceiling
    (geometry) plus the change of the first at the mean disattenuated alignment (reliability).

    Args:
        clean: alignment of the clean layer.
        condition: alignment under the condition.
        ceilings: of both.
    """
    before, after = disattenuated(clean, ceilings[0]), disattenuated(condition, ceilings[1])
    note = " ".join(dict.fromkeys(ceiling.note for ceiling in ceilings if ceiling.note))
    if before is None or after is None or ceilings[0].value is None or ceilings[1].value is None:
        return DriftParts(before, after, None, None, None, note)
    geometry = (before - after) * (ceilings[0].value + ceilings[1].value) / 2
    reliability = (ceilings[0].value - ceilings[1].value) * (before + after) / 2
    return DriftParts(before, after, before - after, geometry, reliability, note)


def _geometry(products: Array) -> Array:
    """Pair values of the similarity of patterns with these products.

    Raises:
        ConstantPatternError: a pattern has no similarity.
    """
    power = np.diag(products)
    if not (power > _RESOLUTION * power.max()).all():
        raise ConstantPatternError("a half of the images gives a pattern without variance")
    return pair_values(products / np.sqrt(np.outer(power, power)))
