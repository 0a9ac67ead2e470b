"""How much of their clean alignment layers keep within each budget, and the budget that halves it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from advwindow.reports.reading.budgets import families, lives_of, size_of
from advwindow.reports.reading.findings import headline

if TYPE_CHECKING:
    from advwindow.reports.reading.budgets import Family
    from advwindow.reports.reading.studies import Attacked, Study

#: Rows of `retention_points`.
POINTS: dict[str, type[pl.DataType]] = {
    "norm": pl.String, "attack": pl.String, "layer": pl.String, "depth": pl.Int64, "eps": pl.String,
    "budget": pl.Float64, "retention": pl.Float64, "retention_low": pl.Float64, "retention_high": pl.Float64,
    "half_life": pl.Float64, "half_life_low": pl.Float64, "half_life_high": pl.Float64, "half_life_text": pl.String,
}  # fmt: skip

#: Layers that are told.
MOST_LAYERS = 6

_LIFE = {"half_life": "half_life", "low": "half_life_low", "high": "half_life_high", "text": "half_life_text"}
_SHARES = ("retention", "retention_low", "retention_high")


def retention_points(study: Study) -> pl.DataFrame:
    """What the figure draws: retention with its 95 % interval, one row per attack, layer and budget.

    Attacks are those made within two budgets or more. Layers are at most `MOST_LAYERS`, evenly spread over those that
    are aligned with words on clean images, as the table of half-lives chooses them. At budget 0 retention is 1. The
    half-life of the layer under the attack, `advwindow.runs.run_half_lives`, stands in each of its rows: null where it
    lies outside the budgets; an end of its interval is 0 or infinite where the data do not bound it.
    """
    chosen = _layers(study)
    several = [family for family in families(study) if family.several]
    if not (chosen and several):
        return pl.DataFrame(schema=POINTS)
    lives = study.half_lives
    rows = [row for family in several for layer in chosen for row in _rows(family, layer, lives)]
    return pl.DataFrame(rows, schema=POINTS)


def _layers(study: Study) -> list[str]:
    anchored = headline(study).rows().filter(pl.col("verdict") != "unanchored")["layer"].to_list()
    if len(anchored) <= MOST_LAYERS:
        return anchored
    return [anchored[place] for place in np.linspace(0, len(anchored) - 1, MOST_LAYERS).round().astype(int)]


def _rows(family: Family, layer: str, lives: pl.DataFrame) -> list[dict[str, Any]]:
    found = [(attack, _at(attack, layer)) for attack in family.attacks]
    depth = next((row["depth"] for _, row in found if row), None)
    head = {"norm": family.norm, "attack": family.title, "layer": layer, "depth": depth} | _life(family, layer, lives)
    return [
        head | {"eps": "0", "budget": 0.0, "retention": 1.0},
        *(
            head | {"eps": attack.spec.eps, "budget": size_of(attack)} | {name: row.get(name) for name in _SHARES}
            for attack, row in found
        ),
    ]


def _life(family: Family, layer: str, lives: pl.DataFrame) -> dict[str, Any]:
    """The half-life of a layer; empty where the run has none."""
    found = lives_of(family, lives).filter(pl.col("layer") == layer).select(*_LIFE).rename(_LIFE)
    return found.row(0, named=True) if len(found) else {}


def _at(attack: Attacked, layer: str) -> dict[str, Any]:
    """The row of a layer under attack; empty where a cell has no such layer."""
    rows = attack.rows().filter(pl.col("layer") == layer)
    return rows.row(0, named=True) if len(rows) else {}
