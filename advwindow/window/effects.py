"""Effect sizes: how large a drift is, where in depth it begins, and which words lost their meaning (window.md 12.8)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from advwindow.window.alignment import unit_pairs
from advwindow.window.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Array = NDArray[np.float64]

#: Share of false ones among the concepts named that `ConceptLosses.q` is compared with: 10 named concepts at least.
LOSER_RATE = 0.1

# Losses this small are rounding.
_ZERO = 1e-9


class ConceptLosses(NamedTuple):
    """Which words lost their meaning under a condition.

    Attributes:
        clean: ``(C,)`` in [-1, 1], correlation of each concept's clean profile with its word's.
        condition: ``(C,)``, that under the condition.
        loss: ``(C,)``, clean minus condition.
        q: ``(C,)`` in (0, 1], the smallest false discovery rate at which the concept is among the losers. Name all
            concepts with q up to a rate chosen beforehand (`LOSER_RATE`).
        note: what cannot be concluded, in plain words; empty otherwise.
    """

    clean: Array
    condition: Array
    loss: Array
    q: Array
    note: str


class FirstLayers(NamedTuple):
    """The first layers, in depth, of which something is so; None if there is no such layer.

    Attributes:
        eroding: alignment fell significantly (eroded or collapsed).
        collapsing: nothing of practical size is left.
        hijacked: images are closer to the wrong word than to the true one.
    """

    eroding: str | None
    collapsing: str | None
    hijacked: str | None


def cohens_q(clean: Array, condition: Array) -> Array:
    """Cohen's q of two correlations, ``atanh(clean) - atanh(condition)``.

    By the convention of Cohen (1988) 0.1 is small, 0.3 medium, 0.5 large.

    Args:
        clean: any shape, in [-1, 1].
        condition: the same shape.

    Returns:
        The same shape; NaN where a correlation is NaN or not below 1 in size.
    """
    correlations = np.stack([clean, condition])
    inside = np.where(np.abs(correlations) < 1, correlations, np.nan)
    first, second = np.arctanh(inside)
    found: Array = first - second
    return found


def z_against_null(observed: Array, null: Array) -> Array:
    """Distance from the mean of the null distribution in its standard deviations.

    Args:
        observed: ``(L,)``.
        null: ``(B, L)`` resamples.

    Returns:
        ``(L,)``; NaN where the null distribution does not vary.
    """
    sd = null.std(0, ddof=1)
    z: Array = np.divide(observed - null.mean(0), sd, out=np.full(len(observed), np.nan), where=sd > 1e-12)
    return z


def area_between(clean: Array, condition: Array, *, depth: Array | None = None) -> float:
    """Mean drift over depth: the area between two alignment curves by the trapezoid rule, depth scaled to [0, 1].

    Args:
        clean: ``(L,)`` alignments in depth order; NaN where a layer has no geometry (it is left out).
        condition: ``(L,)``.
        depth: ``(L,)`` increasing positions; evenly spaced if None.

    Returns:
        In [-2, 2], positive where the condition lies below; a single layer's drift if there is one; NaN without any.
    """
    drift = clean - condition
    sound = np.isfinite(drift)
    at = (np.arange(len(drift)) if depth is None else depth)[sound]
    if len(at) < 2:
        return float(drift[sound][0]) if len(at) else float("nan")
    return float(np.trapezoid(drift[sound], at) / (at[-1] - at[0]))


def first_layers(layers: Sequence[str], verdicts: Sequence[Verdict], hijacked: Sequence[bool]) -> FirstLayers:
    """The first eroding, collapsing and hijacked layer.

    Verdicts rest on tests adjusted over layers and on simultaneous bounds, so with max-T (not with a false discovery
    rate) "first" needs no further correction.

    Args:
        layers: names in depth order.
        verdicts: on their geometry.
        hijacked: whether images are closer to the wrong word.
    """
    fallen = {Verdict.ERODED, Verdict.COLLAPSED}
    return FirstLayers(
        next((name for name, verdict in zip(layers, verdicts, strict=True) if verdict in fallen), None),
        next((name for name, verdict in zip(layers, verdicts, strict=True) if verdict is Verdict.COLLAPSED), None),
        next((name for name, taken in zip(layers, hijacked, strict=True) if taken), None),
    )


def concept_losses(stacked: Array, words: Array, *, measure: str = "spearman") -> ConceptLosses:
    """Which concepts lost their relation to the words, with control of the false discovery rate.

    A concept's profile is its similarity to all other concepts, each of them taken clean and under the condition alike
    (the sum of both similarities); its alignment is the correlation of that profile with its word's. As this yardstick
    does not change when any concept's two patterns are interchanged, a loss is due to the concept's own pattern, not
    to what became of the others. (Rows of the condition's own geometry, and 2 vs 2 by concept, fall for a concept that
    did not move if all others moved.)

    The null of concept i is that its own clean and attacked pattern are exchangeable, whatever happened to the others.
    Then the sign of its loss is a fair coin, given the size and all other losses; and nothing more is known: with one
    coin, no permutation p-value can be below 1/2. Coins of the other concepts do not help (they test that *nothing*
    moved), nor does a test over the other concepts as a sample: it takes every chance displacement of the one pattern
    for a loss. But gains count the false losses: among exchangeable concepts there are as many gains of a size as
    losses. The largest set of losses above a threshold t with ``(1 + #{loss <= -t}) / #{loss >= t} <= rate`` has a
    false discovery rate of at most `rate`, in finite samples (Barber & Candes 2015, arXiv 1404.5609), if the coins of
    different concepts are independent. At a rate q at least 1 / q concepts are named, or none.

    Args:
        stacked: ``(2C, 2C)`` similarity of the clean patterns followed by those of the condition.
        words: ``(C, C)`` word similarity; the diagonal is not used.
        measure: ``"spearman"`` (ranks within a profile) or ``"pearson"``.

    Raises:
        UserError: unknown measure, or (`ConstantPatternError`) a profile is constant.
    """
    concepts = len(words)
    assert stacked.shape == (2 * concepts, 2 * concepts)
    yardstick = stacked[:, :concepts] + stacked[:, concepts:]
    off = ~np.eye(concepts, dtype=bool)
    clean, condition, reference = (
        unit_pairs(rows[off].reshape(concepts, concepts - 1), measure)
        for rows in (yardstick[:concepts], yardstick[concepts:], words)
    )
    before, after = ((rows * reference).sum(1) for rows in (clean, condition))
    loss = np.where(np.abs(before - after) < _ZERO, 0.0, before - after)
    return ConceptLosses(before, after, loss, mirror_q(loss), _note(loss))


def mirror_q(loss: Array) -> Array:
    """The smallest rate at which the knockoff+ filter of Barber & Candes (2015) selects each statistic.

    Args:
        loss: ``(C,)``, of independent random sign where there is nothing to find.

    Returns:
        ``(C,)`` in (0, 1]; 1 where the loss is not above 0.

    Example:
        >>> mirror_q(np.array([5.0, 4.0, 3.0, -1.0])).round(2).tolist()
        [0.33, 0.33, 0.33, 1.0]
    """
    ordered = np.sort(loss)
    least = np.abs(loss[loss != 0])
    above = len(loss) - np.searchsorted(ordered, least, side="left")
    below = np.searchsorted(ordered, -least, side="right")
    rate = (1 + below) / np.maximum(above, 1)
    order = np.argsort(least)
    best = np.minimum.accumulate(rate[order]).clip(max=1)
    q = np.ones(len(loss))
    lost = loss > 0
    q[lost] = best[np.searchsorted(least[order], loss[lost], side="right") - 1]
    return q


def _note(loss: Array) -> str:
    fewest = int(np.ceil(1 / LOSER_RATE))
    if len(loss) < fewest:
        return f"With {len(loss)} concepts no single word can be said to have lost its meaning: {fewest} are needed."
    return ""
