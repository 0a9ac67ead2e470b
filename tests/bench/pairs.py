"""Two things timed alternately in one process, so that both meet the same machine; what counts is their ratio."""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable


class Pair(NamedTuple):
    """Median seconds of both, and the median of the ratios of neighbouring runs (other / ours)."""

    ours: float
    other: float
    ratio: float


def alternate(ours: Callable[[], object], other: Callable[[], object], *, rounds: int = 5) -> Pair:
    """Run both once to warm up, then `rounds` times in turn."""
    times: tuple[list[float], list[float]] = ([], [])
    for count in range(rounds + 1):
        for place, work in enumerate((ours, other)):
            started = time.perf_counter()
            work()
            if count:
                times[place].append(time.perf_counter() - started)
    ratios = [theirs / mine for mine, theirs in zip(*times, strict=True)]
    return Pair(statistics.median(times[0]), statistics.median(times[1]), statistics.median(ratios))
