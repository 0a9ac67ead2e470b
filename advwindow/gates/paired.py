"""The interval for a difference of two shares of the same samples."""

from __future__ import annotations

import math
from typing import NamedTuple

from scipy.optimize import brentq
from scipy.stats import norm

# Nearer to the estimate than that no end is sought.
_STEP = 1e-9


class Drop(NamedTuple):
    """A difference of two shares with its interval, all in [-1, 1]."""

    difference: float
    low: float
    high: float


def paired_drop(lost: int, gained: int, trials: int, *, confidence: float = 0.95) -> Drop:
    """Tango's score interval for the difference of two paired shares (Tango 1998, Statistics in Medicine 17, 891-908).

    All differences that the score test does not reject; among the intervals that need no tables one of those that
    Fagerland, Lydersen and Laake (2014, Statistics in Medicine 33, 2850-2875) recommend, also for few samples. Like
    Wilson's, which it extends, it has a width where nothing was lost or gained. Not exact: it aims at its coverage.

    Args:
        lost: successes of the first share that are failures of the second.
        gained: failures of the first that are successes of the second.
        trials: all samples, at least 1 and at least ``lost + gained``.
        confidence: coverage aimed at.

    Example:
        >>> paired_drop(0, 0, 20).high
        0.161...
    """
    assert min(lost, gained) >= 0
    assert trials >= max(1, lost + gained)
    reach = float(norm.ppf((1 + confidence) / 2))
    found = (lost - gained) / trials
    high = _end(lost, gained, trials, reach)
    return Drop(found, -_end(gained, lost, trials, reach), high)


def _end(lost: int, gained: int, trials: int, reach: float) -> float:
    """The largest difference that is not rejected."""
    found = (lost - gained) / trials
    if found == 1:
        return 1.0
    # The estimate itself is no end, even where its variance is 0; at 1 the variance is 0 and everything is rejected.
    end: float = brentq(lambda d: _excess(d, lost, gained, trials, reach), found + _STEP, 1.0, xtol=1e-14)
    return end


def _excess(difference: float, lost: int, gained: int, trials: int, reach: float) -> float:
    """How far the squared distance from the estimate exceeds what the score test allows; below 0: not rejected."""
    a = 2 * trials
    b = -lost - gained + (2 * trials - lost + gained) * difference
    c = -gained * difference * (1 - difference)
    share = (math.sqrt(max(0.0, b * b - 4 * a * c)) - b) / (2 * a)  # most likely share gained, given the difference
    variance = trials * (2 * share + difference * (1 - difference))
    return float((lost - gained - trials * difference) ** 2 - reach**2 * variance)
