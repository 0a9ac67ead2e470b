"""Where in the network meaning survives: alignment of layers under each attack, entry beside entry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import polars as pl

from advwindow.comparison.audits import audits_of
from advwindow.comparison.entries import withstood
from advwindow.comparison.matrix import attack_labels, cost_of, shares

if TYPE_CHECKING:
    from collections.abc import Sequence

    from advwindow.attacks import Budget
    from advwindow.comparison.entries import Entry, Tested

#: Verdicts on the geometry of a layer, from bad luck to worst; a hijacked layer has one of these, too.
VERDICTS = ("unanchored", "intact", "eroded", "collapsed")

_KEYS: dict[str, type[pl.DataType]] = {
    "entry": pl.String, "cell": pl.String, "attack": pl.String, "access": pl.String, "norm": pl.String,
    "eps": pl.String, "seed": pl.Int64, "condition": pl.String,
}  # fmt: skip
LAYERS: dict[str, type[pl.DataType]] = {
    **_KEYS, "layer": pl.String, "depth": pl.Int64, "clean_alignment": pl.Float64, "noise_alignment": pl.Float64,
    "alignment": pl.Float64, "retention": pl.Float64, "retention_low": pl.Float64, "retention_high": pl.Float64,
    "verdict": pl.String, "hijacked": pl.Boolean, "display": pl.String,
}  # fmt: skip
_SURVIVAL: dict[str, type[pl.DataType]] = {
    "retention": pl.Float64, "layers": pl.Int64, **dict.fromkeys((*VERDICTS, "hijacked"), pl.Int64),
}  # fmt: skip
CELLS: dict[str, type[pl.DataType]] = {
    **_KEYS, "parameters": pl.String, "draws": pl.Int64, "images": pl.Int64, "robust": pl.Float64,
    "robust_low": pl.Float64, "robust_high": pl.Float64, "median_distance": pl.Float64, "seconds": pl.Float64,
    "forwards": pl.Int64, "backwards": pl.Int64, **_SURVIVAL, "area": pl.Float64, "first_eroding": pl.String,
    "first_collapsing": pl.String, "first_hijacked": pl.String, "audit": pl.String,
}  # fmt: skip
#: What `survival_table` adds to a row of the matrix.
SURVIVAL: dict[str, type[pl.DataType]] = {"strongest": pl.String, **_SURVIVAL, "audit": pl.String}


class Survival(NamedTuple):
    """What is left of the meaning under one attack.

    Attributes:
        retention: summed alignment under attack over summed clean alignment, of layers that were aligned when clean
            and have both; None where no layer does. A mean of ratios would be ruled by the smallest denominators.
        counts: number of layers, of each of `VERDICTS`, and of hijacked ones.
    """

    retention: float | None
    counts: dict[str, int]


def survival(layers: pl.DataFrame) -> Survival:
    """Summarise the rows of `layer_table` that belong to one cell."""
    anchored = layers.filter(
        pl.col("verdict") != "unanchored", pl.col("clean_alignment").is_not_null(), pl.col("alignment").is_not_null()
    )
    clean = float(anchored["clean_alignment"].sum())
    verdicts = layers["verdict"].to_list()
    return Survival(
        retention=float(anchored["alignment"].sum()) / clean if clean > 0 else None,
        counts={
            "layers": layers.height,
            **{verdict: verdicts.count(verdict) for verdict in VERDICTS},
            "hijacked": int(layers["hijacked"].sum()),
        },
    )


def layer_table(entries: Sequence[Entry]) -> pl.DataFrame:
    """One row per entry, cell and layer: alignment when clean, under noise of the same size, and under attack."""
    tables = [_layers(entry, cell, label) for entry in entries for cell, label in _labelled(entry)]
    return pl.concat(tables) if tables else pl.DataFrame(schema=LAYERS)


def cell_table(entries: Sequence[Entry], layers: pl.DataFrame) -> pl.DataFrame:
    """One row per cell as it was run: accuracy at its own budget and seed, cost, what survives, verdict of its audit.

    Args:
        entries: all of them.
        layers: what `layer_table` gives.
    """
    rows = []
    for entry in entries:
        verdicts = {cell.spec.cell_id: audit.worst for cell, audit in audits_of(entry)}
        for cell, label in _labelled(entry):
            found = survival(_of_cell(layers, entry, cell))
            conditions = entry.run.table(cell.spec, "conditions")
            under = conditions.filter(pl.col("condition") == "attack").to_dicts()
            rows.append({
                **_keys(entry, cell, label),
                "parameters": cell.attack[1],
                "draws": cell.spec.draws,
                "images": len(entry.ids),
                **shares("robust", withstood(entry, [cell], cell.budget)),
                "median_distance": _median(cell),
                **cost_of([cell]),
                "retention": found.retention,
                **found.counts,
                **{name: under[0][name] if under else None for name in _CONDITION},
                "audit": verdicts.get(cell.spec.cell_id),
            })  # fmt: skip
    return pl.DataFrame(rows, schema=CELLS)


def survival_table(entries: Sequence[Entry], budgets: Sequence[Budget], cells: pl.DataFrame) -> pl.DataFrame:
    """One row per entry and budget, in that order: what survives under the strongest attack on the defended network.

    Strongest is the cell at this very budget (of minimal-norm ones, if there is no other) that leaves the lowest robust
    accuracy; of several the one that leaves least alignment. Attacks that do not know the defence come last. ``audit``
    is the gravest verdict of the entry's audits in this norm.

    Args:
        entries: all of them.
        budgets: all of them.
        cells: what `cell_table` gives.
    """
    return pl.DataFrame([_strongest(entry, budget, cells) for entry in entries for budget in budgets], schema=SURVIVAL)


def _strongest(entry: Entry, budget: Budget, cells: pl.DataFrame) -> dict[str, Any]:
    own = {
        cell.spec.cell_id: cell.budget.minimal
        for cell in entry.at(budget)
        if cell.budget.minimal or cell.budget.value == budget.value
    }
    mine = cells.filter((pl.col("entry") == entry.name) & (pl.col("norm") == str(budget.norm)))
    here = mine.filter(pl.col("cell").is_in(list(own))).with_columns(
        blind=pl.col("access") == "oblivious", minimal=pl.col("cell").replace_strict(own, return_dtype=pl.Boolean)
    )
    order = ("blind", "minimal", "robust", "retention")
    ranked = here.sort(*order, nulls_last=True, maintain_order=True).row(0, named=True)
    found = set(mine["audit"].drop_nulls())
    gravest = next((verdict for verdict in ("fail", "warn", "pass", "skipped") if verdict in found), None)
    return {
        "strongest": f"{ranked['attack']} {ranked['access']}",
        **{name: ranked[name] for name in _SURVIVAL},
        "audit": gravest,
    }


def _of_cell(layers: pl.DataFrame, entry: Entry, cell: Tested) -> pl.DataFrame:
    return layers.filter((pl.col("entry") == entry.name) & (pl.col("cell") == cell.spec.cell_id))


_CONDITION = ("area", "first_eroding", "first_collapsing", "first_hijacked")


def _labelled(entry: Entry) -> list[tuple[Tested, str]]:
    labels = attack_labels(entry.cells)
    return [(cell, labels[cell.attack]) for cell in entry.cells]


def _keys(entry: Entry, cell: Tested, label: str) -> dict[str, str | int]:
    return {
        "entry": entry.name,
        "cell": cell.spec.cell_id,
        "attack": label,
        "access": cell.access,
        "norm": cell.spec.norm,
        "eps": cell.spec.eps,
        "seed": cell.spec.seed,
        "condition": cell.spec.condition,
    }


def _layers(entry: Entry, cell: Tested, label: str) -> pl.DataFrame:
    table = entry.run.table(cell.spec, "layers")
    under = {name: table.filter(pl.col("condition") == name) for name in ("clean", "noise", "attack")}
    joined = under["attack"]
    for name in ("clean", "noise"):
        alignment = under[name].select("layer", pl.col("alignment").alias(f"{name}_alignment"))
        joined = joined.join(alignment, on="layer", how="left", maintain_order="left")
    keys = [pl.lit(value).alias(name) for name, value in _keys(entry, cell, label).items()]
    return joined.sort("depth").select(*keys, *(name for name in LAYERS if name not in _KEYS)).cast(LAYERS)  # type: ignore[arg-type] # a schema


def _median(cell: Tested) -> float | None:
    won = cell.distance[cell.success]
    return float(np.median(won)) if len(won) else None
