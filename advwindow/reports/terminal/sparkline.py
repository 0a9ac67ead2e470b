"""Curves in one line of text."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_BARS = "▁▂▃▄▅▆▇█"

#: Stands for a number that does not exist.
_GAP = "·"


def sparkline(values: Sequence[float | None], *, low: float, high: float) -> str:
    """One character for each value, its height between the ends of a scale; values beyond them are cut off.

    Args:
        values: in order; None and NaN leave a dot.
        low: value of the lowest bar.
        high: value of the highest bar, above `low` unless all values are alike.

    Example:
        >>> sparkline([0.0, 0.5, None, 1.0], low=0, high=1)
        '▁▅·█'
    """
    return "".join(_bar(value, low, high) for value in values)


def thinned(values: Sequence[float | None], width: int) -> list[float | None]:
    """At most so many values: means of neighbours.

    Args:
        values: in order.
        width: at least 1.

    Example:
        >>> thinned([1.0, 3.0, None, 4.0, 5.0, 7.0], 3)
        [2.0, 4.0, 6.0]
    """
    return [_mean(values[start:end]) for start, end in stretches(len(values), width)]


def stretches(count: int, width: int) -> list[tuple[int, int]]:
    """Begin and end of at most `width` stretches, as even as possible, that cover `count` things.

    Example:
        >>> stretches(5, 2)
        [(0, 2), (2, 5)]
    """
    pieces = min(count, width)
    return [(count * place // pieces, count * (place + 1) // pieces) for place in range(pieces)]


def _bar(value: float | None, low: float, high: float) -> str:
    if value is None or math.isnan(value):
        return _GAP
    share = (value - low) / (high - low) if high > low else 0.0
    return _BARS[round(min(1.0, max(0.0, share)) * (len(_BARS) - 1))]


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None and not math.isnan(value)]
    return sum(known) / len(known) if known else None
