"""Contestants timed in turn in one process, so that all meet the same machine; what counts is the ratios."""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING, Any, NamedTuple

import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

THREADS = 2


class Timing(NamedTuple):
    """Seconds of each round, and what the last round returned."""

    seconds: tuple[float, ...]
    returned: Any

    @property
    def median(self) -> float:
        """Median seconds."""
        return statistics.median(self.seconds)


def contest(
    contestants: Mapping[str, Callable[[], object]], *, rounds: int = 3, warm_up: bool = True
) -> dict[str, Timing]:
    """Run every contestant once per round, after a round that does not count; every other round backwards.

    Args:
        contestants: work by name.
        rounds: rounds that count.
        warm_up: whether there is a round that does not count.
    """
    torch.set_num_threads(THREADS)
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    returned: dict[str, Any] = {}
    names = list(contestants)
    for turn in range(-int(warm_up), rounds):
        for name in names if turn % 2 else reversed(names):
            started = time.perf_counter()
            returned[name] = contestants[name]()
            _wait()
            if turn >= 0:
                seconds[name].append(time.perf_counter() - started)
    return {name: Timing(tuple(seconds[name]), returned[name]) for name in contestants}


def ratio(timings: Mapping[str, Timing], ours: str, *others: str) -> float:
    """Median over the rounds of seconds of the fastest of the others over ours: how many times faster we are."""
    fastest = [min(seconds) for seconds in zip(*(timings[other].seconds for other in others), strict=True)]
    ratios: list[float] = [theirs / mine for mine, theirs in zip(timings[ours].seconds, fastest, strict=True)]
    return statistics.median(ratios)


def report(title: str, timings: Mapping[str, Timing], notes: Mapping[str, str]) -> None:
    """Print one line per contestant: median seconds, range, and a note on what it reached."""
    print(f"\n{title}")
    width = max(map(len, timings))
    for name, timing in timings.items():
        low, high = min(timing.seconds), max(timing.seconds)
        print(f"  {name:{width}}  {timing.median:8.2f} s  ({low:.2f} to {high:.2f})  {notes.get(name, '')}".rstrip())


def _wait() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
