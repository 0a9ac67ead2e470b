"""Ranks with their uncertainty: who is first, and who else could be, had the images been others."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import polars as pl

from advwindow.comparison.matrix import budget_columns, certain
from advwindow.comparison.pareto import pareto_front
from advwindow.streams import stream

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from advwindow.attacks import Budget
    from advwindow.comparison.entries import Entry

# Entries of the largest array of draws (8 MB): many images under many entries have many patterns.
_BLOCK = 2**20

_BUDGET: dict[str, type[pl.DataType]] = {"norm": pl.String, "eps": pl.String, "eps_value": pl.Float64}
RANKS: dict[str, type[pl.DataType]] = {
    **_BUDGET, "entry": pl.String, "robust": pl.Float64, "rank": pl.Int64, "rank_low": pl.Int64,
    "rank_high": pl.Int64, "first_share": pl.Float64, "tested_low": pl.Int64, "tested_high": pl.Int64,
}  # fmt: skip
FRONT: dict[str, type[pl.DataType]] = {
    **_BUDGET, "entry": pl.String, "clean": pl.Float64, "robust": pl.Float64, "on_front": pl.Boolean,
    "front_share": pl.Float64, "dominated_by": pl.String,
}  # fmt: skip


class Ranks(NamedTuple):
    """Ranks of ``k`` entries, 1 the best.

    Attributes:
        rank: ``(k,)`` one more than the number of entries that are better; equal ones share a rank.
        low: ``(k,)`` best rank that the bootstrap's 95 % interval leaves.
        high: ``(k,)`` worst rank that it leaves.
        first: ``(k,)`` share of the resamples in which no entry is better.
    """

    rank: NDArray[np.int64]
    low: NDArray[np.int64]
    high: NDArray[np.int64]
    first: NDArray[np.float64]


def resample(samples: NDArray[np.bool_], *, resamples: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Bootstrap counts: how many of ``n`` images drawn with replacement count, in every column at once.

    The same images are drawn for all columns, so that they stay paired. Images that count in the same columns are
    drawn together, which is the same distribution at a cost that does not grow with their number.

    Args:
        samples: ``(n, k)``.
        resamples: how often.
        rng: where draws come from.

    Returns:
        ``(resamples, k)`` counts between 0 and n.
    """
    patterns, times = np.unique(samples, axis=0, return_counts=True)
    weights, shares = patterns.astype(np.int64), times / times.sum()
    counts = np.empty((resamples, samples.shape[1]), np.int64)
    step = max(1, _BLOCK // len(patterns))
    for start in range(0, resamples, step):
        part = counts[start : start + step]
        part[:] = rng.multinomial(len(samples), shares, size=len(part)) @ weights
    return counts


def ranks(robust: NDArray[np.bool_], *, resamples: int, rng: np.random.Generator) -> Ranks:
    """Ranks by the number of robust images, with a percentile interval of a bootstrap over images.

    In each resample an entry that is level with others could have any of the ranks they share: the lower end takes the
    best of these, the upper end the worst.

    Args:
        robust: ``(n, k)`` which image each entry is robust on.
        resamples: of the bootstrap.
        rng: where draws come from.
    """
    best, worst = _places(resample(robust, resamples=resamples, rng=rng))
    return Ranks(
        rank=_places(robust.sum(0, keepdims=True, dtype=np.int64))[0][0],
        low=np.quantile(best, 0.025, axis=0, method="inverted_cdf").astype(np.int64),
        high=np.quantile(worst, 0.975, axis=0, method="inverted_cdf").astype(np.int64),
        first=(best == 1).mean(axis=0),
    )


def rank_table(
    entries: Sequence[Entry], budgets: Sequence[Budget], pairs: pl.DataFrame, *, resamples: int, seed: int
) -> pl.DataFrame:
    """One row per budget and entry, best first.

    ``rank_low`` to ``rank_high`` is the bootstrap's 95 % interval. ``tested_low`` to ``tested_high`` follows from the
    paired tests: behind every entry that is better and ahead of every one that is worse after Holm's adjustment, at 5 %
    for the whole table of pairs. ``first_share``: resamples in which no entry is better.
    """
    rows = []
    for budget in budgets:
        robust = np.stack([certain(entry.robust(budget)) for entry in entries], axis=1)
        rng = stream(seed, "ranks", str(budget))
        found = ranks(robust, resamples=resamples, rng=rng)
        here = pairs.filter((pl.col("norm") == str(budget.norm)) & (pl.col("eps_value") == budget.value))
        for place in np.lexsort((np.arange(len(entries)), found.rank)):
            name = entries[place].name
            against = here.filter((pl.col("better") != "") & ((pl.col("first") == name) | (pl.col("second") == name)))
            won = int((against["better"] == name).sum())
            rows.append({
                **budget_columns(budget),
                "entry": name,
                "robust": float(robust[:, place].mean()),
                "rank": int(found.rank[place]),
                "rank_low": int(found.low[place]),
                "rank_high": int(found.high[place]),
                "first_share": float(found.first[place]),
                "tested_low": 1 + against.height - won,
                "tested_high": len(entries) - won,
            })  # fmt: skip
    return pl.DataFrame(rows, schema=RANKS)


def front_table(entries: Sequence[Entry], budgets: Sequence[Budget], *, resamples: int, seed: int) -> pl.DataFrame:
    """One row per budget and entry: is another at least as good in clean and robust accuracy, and better in one?

    ``front_share`` is the share of the bootstrap's resamples in which none is, ``dominated_by`` names the first other
    entry that is.
    """
    rows = []
    for budget in budgets:
        clean = np.stack([entry.correct for entry in entries], axis=1)
        robust = np.stack([certain(entry.robust(budget)) for entry in entries], axis=1)
        both = np.concatenate([clean, robust], axis=1)
        points = both.mean(axis=0).reshape(2, -1).T
        counts = resample(both, resamples=resamples, rng=stream(seed, "front", str(budget)))
        drawn = counts.reshape(resamples, 2, -1).swapaxes(1, 2)
        share, on_front = pareto_front(drawn).mean(axis=0), pareto_front(points)
        for place, entry in enumerate(entries):
            ahead = (points >= points[place]).all(axis=1) & (points > points[place]).any(axis=1)
            rows.append({
                **budget_columns(budget),
                "entry": entry.name,
                "clean": float(points[place, 0]),
                "robust": float(points[place, 1]),
                "on_front": bool(on_front[place]),
                "front_share": float(share[place]),
                "dominated_by": next((entries[each].name for each in np.flatnonzero(ahead).tolist()), ""),
            })  # fmt: skip
    return pl.DataFrame(rows, schema=FRONT)


def _places(counts: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Best and worst rank ``(m, k)`` that each entry can claim in each row of ``(m, k)`` counts."""
    better = counts[:, None, :] > counts[:, :, None]
    level = counts[:, None, :] >= counts[:, :, None]
    return 1 + better.sum(axis=2), level.sum(axis=2)
