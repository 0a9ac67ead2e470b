"""Two defences on the same images: is one better, and by how much?"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.stats import binomtest

from advwindow.runs import wilson

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


class Paired(NamedTuple):
    """Two shares of the same samples.

    Attributes:
        difference: first share minus second share, in [-1, 1].
        low: lower end of its interval (`newcombe`).
        high: upper end.
        only_first: number of samples that count for the first alone.
        only_second: for the second alone.
        p: two-sided p-value of `mcnemar`.
    """

    difference: float
    low: float
    high: float
    only_first: int
    only_second: int
    p: float


def paired(first: NDArray[np.bool_], second: NDArray[np.bool_], *, confidence: float = 0.95) -> Paired:
    """Compare two shares of the same samples, test and effect.

    Args:
        first: ``(n,)`` what counts for the first share; at least one sample.
        second: ``(n,)`` for the second.
        confidence: of the interval of the difference.
    """
    both = int((first & second).sum())
    only_first, only_second = int((first & ~second).sum()), int((second & ~first).sum())
    table = (both, only_first, only_second, len(first) - both - only_first - only_second)
    low, high = newcombe(table, confidence=confidence)
    difference = (only_first - only_second) / len(first)
    return Paired(difference, low, high, only_first, only_second, mcnemar(only_first, only_second))


def mcnemar(only_first: int, only_second: int) -> float:
    """Two-sided p-value of McNemar's exact test: discordant samples fall to either side like a fair coin.

    McNemar 1947 (Psychometrika 12); the binomial form, not the chi-squared approximation. 1 without discordant samples.

    Args:
        only_first: number of samples that count for the first alone.
        only_second: for the second alone.

    Example:
        >>> mcnemar(6, 0)
        0.03125
    """
    discordant = only_first + only_second
    return float(binomtest(only_first, discordant).pvalue) if discordant else 1.0


def newcombe(table: tuple[int, int, int, int], *, confidence: float = 0.95) -> tuple[float, float]:
    """Newcombe's square-and-add interval for the difference of two paired shares.

    Newcombe 1998 (Statistics in Medicine 17, 2635), method 10: Wilson's intervals of both shares, joined with the
    correlation of the two, which is corrected towards 0 where it is positive. It never leaves [-1, 1].

    Args:
        table: number of samples that count for both, for the first alone, for the second alone, for neither.
        confidence: coverage aimed at.

    Example:
        >>> low, high = newcombe((1, 1, 7, 12))
        >>> round(low, 3), round(high, 3)
        (-0.507, -0.026)
    """
    both, only_first, only_second, _ = table
    n = sum(table)
    first = wilson(both + only_first, n, confidence=confidence)
    second = wilson(both + only_second, n, confidence=confidence)
    correlation = _correlation(table)
    down, up = first.share - first.low, first.high - first.share
    other_down, other_up = second.share - second.low, second.high - second.share
    below = math.sqrt(max(0.0, down**2 - 2 * correlation * down * other_up + other_up**2))
    above = math.sqrt(max(0.0, up**2 - 2 * correlation * up * other_down + other_down**2))
    difference = first.share - second.share
    return max(-1.0, difference - below), min(1.0, difference + above)


def holm(p: Sequence[float]) -> NDArray[np.float64]:
    """p-values adjusted for the whole family by Holm's step-down procedure (Holm 1979).

    Args:
        p: ``(m,)`` raw p-values.

    Returns:
        ``(m,)`` adjusted ones, in the order given, at most 1.

    Example:
        >>> holm([0.01, 0.04, 0.03]).round(3).tolist()
        [0.03, 0.06, 0.06]
    """
    raw = np.asarray(p, dtype=np.float64)
    order = np.argsort(raw, kind="stable")
    stepped = np.maximum.accumulate(raw[order] * np.arange(len(raw), 0, -1))
    adjusted = np.empty_like(raw)
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted


def _correlation(table: tuple[int, int, int, int]) -> float:
    both, only_first, only_second, neither = table
    margins = (both + only_first) * (only_second + neither) * (both + only_second) * (only_first + neither)
    if not margins:
        return 0.0
    excess = both * neither - only_first * only_second
    corrected = max(0.0, excess - sum(table) / 2) if excess > 0 else float(excess)
    return corrected / math.sqrt(margins)
