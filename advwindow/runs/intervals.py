"""Intervals for shares of samples."""

from __future__ import annotations

from typing import NamedTuple

from scipy.stats import binomtest


class Interval(NamedTuple):
    """A share with its confidence interval, all in [0, 1]."""

    share: float
    low: float
    high: float


def wilson(successes: int, trials: int, *, confidence: float = 0.95) -> Interval:
    """Wilson's score interval for a binomial share (Wilson 1927, JASA 22).

    Args:
        successes: number of successes.
        trials: number of trials, at least 1.
        confidence: coverage aimed at.

    Example:
        >>> wilson(0, 10).high
        0.2775...
    """
    bounds = binomtest(successes, trials).proportion_ci(confidence, method="wilson")
    return Interval(successes / trials, float(bounds.low), float(bounds.high))
