"""When a count is more than chance or rounding can explain: exact tests, so that honest networks raise no alarm."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scipy.stats import binomtest

if TYPE_CHECKING:
    from advwindow.attacks.audit.findings import Verdict

#: About ten checks of an audit count images (S1 to S8, I5, I6); together they are to raise a false alarm in 5 % of the
#: audits at most (Bonferroni), even where just as many images were missed as is tolerated.
WARN_LEVEL = 0.05 / 10
FAIL_LEVEL = 0.001


def beyond(count: int, total: int, tolerated: float) -> Verdict:
    """Whether more cases than tolerated occurred, by an exact one-sided binomial test.

    A single case is always tolerated: one image may lie on a boundary.

    Args:
        count: cases seen.
        total: cases possible.
        tolerated: share that is no reason for doubt, in (0, 1).

    Returns:
        ``"fail"`` at the level 0.1 %, ``"warn"`` at 0.5 %, else ``"pass"``.

    Example:
        >>> [beyond(count, 100, 0.01) for count in (1, 4, 5, 9)]
        ['pass', 'pass', 'warn', 'fail']
    """
    if count <= 1 or total == 0:
        return "pass"
    chance = float(binomtest(count, total, tolerated, alternative="greater").pvalue)
    return "fail" if chance < FAIL_LEVEL else "warn" if chance < WARN_LEVEL else "pass"


def mcnemar(only_first: int, only_second: int) -> float:
    """Exact one-sided p that the first is right no more often than the second, from the cases where they differ.

    Example:
        >>> mcnemar(5, 0)
        0.03125
    """
    differing = only_first + only_second
    return float(binomtest(only_first, differing, 0.5, alternative="greater").pvalue) if differing else 1.0


def below(count: int, total: int, share: float) -> float:
    """Exact one-sided p that cases are as frequent as `share`, against being rarer."""
    return float(binomtest(count, total, share, alternative="less").pvalue) if total else 1.0


def percent(count: float, total: float) -> str:
    """A share as text.

    Example:
        >>> percent(1, 8)
        '12.5 %'
    """
    return f"{100 * count / total:.3g} %" if total else "none"
