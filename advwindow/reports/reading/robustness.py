"""What is left of accuracy within each budget, under every attack and under all of them together."""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from advwindow.reports.reading.budgets import families, size_of
from advwindow.runs import wilson

if TYPE_CHECKING:
    from collections.abc import Sequence

    from advwindow.reports.reading.budgets import Family
    from advwindow.reports.reading.studies import Attacked, Study

#: Rows of `robustness_points`.
POINTS: dict[str, type[pl.DataType]] = {
    "norm": pl.String, "attack": pl.String, "kind": pl.String, "eps": pl.String, "budget": pl.Float64,
    "images": pl.Int64, "standing": pl.Int64, "robust": pl.Float64, "low": pl.Float64, "high": pl.Float64,
}  # fmt: skip

#: What all attacks leave together.
WORST = "worst per image of all attacks"

#: Distances at which a curve is told; of more, as many that part the images evenly.
MOST_DISTANCES = 400


def robustness_points(study: Study) -> pl.DataFrame:
    """What the figure draws: robust accuracy with Wilson's 95 % interval, one row per point of a curve.

    ``kind`` is ``"budget"`` for an attack within budgets, whose images are judged as its own table judges them;
    ``"distance"`` for one that sought the smallest perturbation: the share of images that it has not fooled within a
    distance, which holds until the next row; ``"worst"`` for the images that no attack of the norm has fooled within
    the budget, be it with a smaller budget or at a smaller distance (as `advwindow.comparison` counts). It has a row at
    each budget, and at those distances at which more images are fooled than a line between the budgets would show.
    The first row of each curve, at budget 0, is clean accuracy. Of more than `MOST_DISTANCES` distances that many are
    told: counts are exact there, and between two of them fewer than one image in `MOST_DISTANCES` is fooled.
    """
    found: list[dict[str, Any]] = []
    groups: dict[str, list[Family]] = {}
    for family in families(study):
        groups.setdefault(family.norm, []).append(family)
    for norm, members in groups.items():
        for family in members:
            found += _minimal_rows(family) if family.minimal else _budget_rows(family)
        found += _worst_rows(norm, members) if len(members) > 1 else []
    return pl.DataFrame(found, schema=POINTS)


def stepped(curve: pl.DataFrame) -> bool:
    """Whether a curve falls at each of its points and not between them."""
    return bool((curve["eps"] == "").all())


def _reach(attack: Attacked) -> pl.DataFrame:
    """What it takes to fool each image: minus infinity where none is needed, infinity where the attack did not."""
    budget = size_of(attack)
    size = pl.col("distance").cast(pl.Float64) if math.isinf(budget) else pl.lit(budget)
    wrong = pl.when(pl.col("target").is_null()).then("success").otherwise(pl.col("prediction") != pl.col("label"))
    reach = (
        pl.when(pl.col("status") == "skipped_misclassified").then(-math.inf).when(wrong).then(size).otherwise(math.inf)
    )
    return attack.samples.select("sample_id", reach=reach)


def _budget_rows(family: Family) -> list[dict[str, Any]]:
    reaches = [(attack, _reach(attack)["reach"]) for attack in family.attacks]
    head = {"norm": family.norm, "attack": family.title, "kind": "budget"}
    rows = [head | {"eps": attack.spec.eps} | _counted(reach, size_of(attack)) for attack, reach in reaches]
    return [head | {"eps": "0"} | _counted(reaches[0][1], 0.0), *rows]


def _minimal_rows(family: Family) -> list[dict[str, Any]]:
    reach = _reach(family.attacks[0])["reach"]
    head = {"norm": family.norm, "attack": family.title, "kind": "distance", "eps": ""}
    return [head | _counted(reach, at) for at in (0.0, *_distances(reach))]


def _worst_rows(norm: str, members: Sequence[Family]) -> list[dict[str, Any]]:
    """At every budget, and at distances at which more images are fooled than a line between the budgets would show."""
    together = pl.concat(_reach(attack) for family in members for attack in family.attacks)
    reach = together.group_by("sample_id", maintain_order=True).agg(pl.col("reach").min())["reach"]
    fixed = sorted((attack for each in members if not each.minimal for attack in each.attacks), key=size_of)
    budgets = {size_of(attack): attack.spec.eps for attack in reversed(fixed)}
    head: dict[str, Any] = {"norm": norm, "attack": WORST, "kind": "worst"}
    steps = [head | {"eps": ""} | _counted(reach, at) for at in (0.0, *_distances(reach)) if at not in budgets]
    if not budgets:
        return steps
    rows = [head | {"eps": budgets.get(at, "0")} | _counted(reach, at) for at in (0.0, *sorted(budgets))]
    inside = [step for step in steps if 0 < step["budget"] < max(budgets)]
    line = np.interp(
        [step["budget"] for step in inside], [row["budget"] for row in rows], [row["robust"] for row in rows]
    )
    below = [step for step, height in zip(inside, line, strict=True) if step["robust"] < height]
    return sorted([*rows, *below], key=lambda row: row["budget"])


def _distances(reach: pl.Series) -> list[float]:
    """Where a curve falls; of too many distances those that part the images evenly, the first and the last among them.

    They are order statistics: a distance that many images share cannot be missed.
    """
    fooled = reach.filter((reach > 0) & (reach < math.inf)).sort()
    if fooled.n_unique() > MOST_DISTANCES:
        fooled = fooled.gather(np.linspace(0, len(fooled) - 1, MOST_DISTANCES).round().astype(int))
    return [float(each) for each in fooled.unique().sort()]


def _counted(reach: pl.Series, budget: float) -> dict[str, Any]:
    """How many images withstand all that lies within a budget; at 0 how many are classified correctly."""
    standing = int((reach > (budget or -math.inf)).sum())
    robust, low, high = _interval(standing, len(reach))
    return {"budget": budget, "images": len(reach), "standing": standing, "robust": robust, "low": low, "high": high}


@functools.lru_cache(maxsize=4096)
def _interval(standing: int, images: int) -> tuple[float, float, float]:
    return wilson(standing, images)
