"""Layers of a comparison: what the strongest attack on each entry leaves of them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import polars as pl

from advwindow.reports.reading.comparison_answer import at, budget_name
from advwindow.reports.reading.comparison_wording import KEPT, THINNED, more
from advwindow.reports.style import MARKS
from advwindow.reports.text import ABSENT, number, printable, short_names, shorten, signed, without_common_start

if TYPE_CHECKING:
    from collections.abc import Mapping

    from advwindow.attacks import Budget
    from advwindow.comparison import Comparison, Entry, Tested

    Layers = tuple[str, ...]

#: Pairs of entries, and layers side by side, that are shown; the files hold all.
_MOST_PAIRS = 28
_MOST_LAYERS = 14
_LAYER_NAME = 16
#: Names are cut where one is longer than this, and in any case at the other number.
_LONG_NAME, _NAME = 28, 60


def numbers_of(comparison: Comparison) -> dict[str, int]:
    """What stands for the entries' names where there is no room for them."""
    return {entry.name: place for place, entry in enumerate(comparison.entries, start=1)}


class Label(NamedTuple):
    """What stands for an entry in tables: its number, and its name without what all names begin with."""

    number: str
    name: str


def labels_of(comparison: Comparison) -> dict[str, Label]:
    """Labels by the names of entries; the list of what was compared has whole names."""
    numbers = numbers_of(comparison)
    names = [printable(name) for name in numbers]
    if max(map(len, names)) > _LONG_NAME:
        names = without_common_start(names)
    return {
        entry: Label(str(number), shorten(name, _NAME))
        for (entry, number), name in zip(numbers.items(), names, strict=True)
    }


def panel_titles(comparison: Comparison, width: int = 26) -> dict[str, str]:
    """Number and as much of the name as tells entries apart, by entry; different for each.

    Defences of one model go by their own names. Where names are too long, options of models and defences are left out
    first, if that leaves names different.
    """
    numbers, entries = numbers_of(comparison), comparison.entries
    models, defences = ({getattr(entry.spec, kind) for entry in entries} for kind in ("model", "defense"))
    alone = len(models) == 1 < len(defences) == len(entries)
    names = [printable((entry.spec.defense or "no defence") if alone else entry.name) for entry in entries]
    plain = [" + ".join(part.partition("?")[0] for part in name.split(" + ")) for name in names]
    if max(len(name) for name in short_names(names, 10**4)) > width and len(set(plain)) == len(plain):
        names = plain
    short = short_names(names, width)
    return {entry: f"{place}: {name}" for (entry, place), name in zip(numbers.items(), short, strict=True)}


def strongest_cell(comparison: Comparison, entry: Entry, budget: Budget) -> Tested:
    """The cell that the matrix calls strongest."""
    row = at(comparison.matrix, budget).filter(pl.col("entry") == entry.name).row(0, named=True)
    own = {
        cell.spec.cell_id: cell for cell in entry.at(budget) if cell.budget.minimal or cell.budget.value == budget.value
    }
    minimal = [key for key, cell in own.items() if cell.budget.minimal]
    found = comparison.cells.filter(
        pl.col("entry") == entry.name,
        pl.col("cell").is_in(list(own)),
        pl.concat_str("attack", "access", separator=" ") == row["strongest"],
    ).with_columns(minimal=pl.col("cell").is_in(minimal))
    ranked = found.sort("minimal", "robust", "retention", nulls_last=True, maintain_order=True)
    return own[ranked["cell"][0]]


def survival_tables(comparison: Comparison) -> list[dict[str, Any]]:
    """Verdict and per cent of the clean alignment left, one table for each budget and set of layers."""
    labels = labels_of(comparison)
    tables = []
    for budget in comparison.budgets:
        groups: dict[Layers, list[dict[str, Any]]] = {}
        for entry in comparison.entries:
            rows = layers_of(comparison, entry, budget)
            cells = [_survived(row) for row in rows.iter_rows(named=True)]
            groups.setdefault(tuple(rows["layer"]), []).append({**labels[entry.name]._asdict(), "cells": cells})
        tables += [
            {"budget": budget_name(budget), "layers": [printable(name) for name in layers], "rows": rows}
            for layers, rows in groups.items()
        ]
    return tables


def _survived(row: Mapping[str, Any]) -> dict[str, Any]:
    verdicts = [row["verdict"], *(["hijacked"] if row["hijacked"] else [])]
    left = row["retention"]
    return {
        "letters": [MARKS[verdict].letter for verdict in verdicts],
        "text": ABSENT if left is None else number(100 * left, digits=0),
    }


def kept_tables(comparison: Comparison) -> list[dict[str, Any]]:
    """Differences of what is left of each layer's clean alignment, for pairs of networks that share layer names.

    One table for each budget and set of layers that two entries or more have; many layers are thinned evenly.
    """
    labels = labels_of(comparison)
    tables = []
    for budget in comparison.budgets:
        kept = {entry.name: kept_of(comparison, entry, budget) for entry in comparison.entries}
        order = at(comparison.pairs, budget).with_columns(size=-pl.col("difference").abs())
        wanted = order.sort("p_holm", "size", maintain_order=True).select("first", "second").rows()
        groups: dict[tuple[str, ...], list[tuple[str, str]]] = {}
        for first, second in wanted:
            if tuple(kept[first]) == tuple(kept[second]):
                groups.setdefault(tuple(kept[first]), []).append((first, second))
        for layers, pairs in groups.items():
            chosen = thinned(layers)
            rows = [_kept_row(pair, kept, chosen, labels) for pair in pairs]
            rows = [row for row in rows if any(cell["text"] != ABSENT for cell in row["cells"])]
            if rows:
                tables.append({
                    "budget": budget_name(budget),
                    "layers": short_names(chosen, _LAYER_NAME),
                    "rows": rows[:_MOST_PAIRS],
                    "caption": KEPT
                    + (THINNED if len(chosen) < len(layers) else "")
                    + more(max(0, len(rows) - _MOST_PAIRS), "layers.csv"),
                })  # fmt: skip
    return tables


def thinned(layers: tuple[str, ...]) -> tuple[str, ...]:
    """At most as many layers as have room side by side, evenly spaced, first and last among them."""
    if len(layers) <= _MOST_LAYERS:
        return layers
    step = (len(layers) - 1) / (_MOST_LAYERS - 1)
    return tuple(layers[round(place * step)] for place in range(_MOST_LAYERS))


def kept_of(comparison: Comparison, entry: Entry, budget: Budget) -> dict[str, float | None]:
    """Share of each layer's clean alignment that the strongest attack leaves, in the order of the network."""
    rows = layers_of(comparison, entry, budget)
    return dict(rows.select("layer", "retention").iter_rows())


def layers_of(comparison: Comparison, entry: Entry, budget: Budget) -> pl.DataFrame:
    """Rows of the table of layers under the strongest attack, in the order of the network."""
    cell = strongest_cell(comparison, entry, budget).spec.cell_id
    return comparison.layers.filter((pl.col("entry") == entry.name) & (pl.col("cell") == cell)).sort("depth")


def _kept_row(
    pair: tuple[str, str],
    kept: Mapping[str, Mapping[str, float | None]],
    layers: tuple[str, ...],
    labels: Mapping[str, Label],
) -> dict[str, Any]:
    cells = []
    for layer in layers:
        one, two = (kept[name][layer] for name in pair)
        difference = math.nan if one is None or two is None else one - two
        tint = 0.0 if math.isnan(difference) else max(-1.0, min(1.0, difference))
        cells.append({"text": signed(100 * difference, digits=0), "tint": tint})
    first, second = (labels[name] for name in pair)
    return {"numbers": [first.number, second.number], "names": [first.name, second.name], "cells": cells}
