"""The comparison of finished runs, as tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from advwindow.comparison.audits import failed_audits
from advwindow.comparison.comparable import check_comparable, threat_budgets
from advwindow.comparison.contrasts import contrast_table
from advwindow.comparison.entries import Entry, read_entries
from advwindow.comparison.geometry import cell_table, layer_table, survival_table
from advwindow.comparison.matrix import attack_table, matrix_table, pair_table
from advwindow.comparison.ranks import front_table, rank_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from advwindow.attacks import Budget
    from advwindow.runs import RunDirectory

_RESAMPLES = 10_000

#: Tables of a comparison, by the names of its fields.
TABLES = ("matrix", "attacks", "pairs", "ranks", "front", "contrasts", "layers", "cells")


@dataclass(frozen=True, eq=False)
class Comparison:
    """Models and defences on the same images, under the same attacks within the same budgets.

    Shares and accuracies are in [0, 1], of all images: one that is misclassified when clean is not robust. Intervals
    are 95 % ones. ``eps`` is the exact text, ``eps_value`` the number, infinite for ``"min"``. What is missing is null.

    Attributes:
        entries: what is compared, with every image's fate.
        budgets: within what, by norm, then by size.
        matrix: one row per entry and budget: clean, oblivious, adaptive, black-box and worst-per-sample accuracy, cost
            (`matrix_table`), and what survives of the meaning under the strongest attack (`survival_table`).
        attacks: one row per entry, budget, attack and access (`attack_table`).
        pairs: one row per budget and pair of entries, with McNemar's exact test (`pair_table`).
        ranks: one row per budget and entry, best first (`rank_table`).
        front: one row per budget and entry: the Pareto front of clean and robust accuracy (`front_table`).
        contrasts: one row per entry, budget and rule of honesty (`contrast_table`).
        layers: one row per cell and layer (`layer_table`).
        cells: one row per cell as it was run (`cell_table`).
        callouts: sentences on defences that only look strong, and on audits that failed.
        notes: sentences on what limits the comparison.
    """

    entries: tuple[Entry, ...]
    budgets: tuple[Budget, ...]
    matrix: pl.DataFrame
    attacks: pl.DataFrame
    pairs: pl.DataFrame
    ranks: pl.DataFrame
    front: pl.DataFrame
    contrasts: pl.DataFrame
    layers: pl.DataFrame
    cells: pl.DataFrame
    callouts: tuple[str, ...]
    notes: tuple[str, ...]


def compare_runs(
    runs: Sequence[RunDirectory], *, images: str = "", resamples: int = _RESAMPLES, seed: int = 0
) -> Comparison:
    """Compare every model and defence of some finished runs.

    Targeted cells are left out. A run of several image sets is compared one set at a time (`image_sets`).

    Args:
        runs: at least one, each once.
        images: reference of the image set; empty where there is one only.
        resamples: of the bootstrap of ranks and of the Pareto front.
        seed: of the bootstrap.

    Raises:
        UserError: there is nothing to compare, or what differs is more than model and defence.
        IncompleteError: cells are missing.
    """
    entries = read_entries(runs, images=images)
    notes = check_comparable(entries)
    budgets = threat_budgets(entries[0])
    pairs = pair_table(entries, budgets)
    layers = layer_table(entries)
    cells = cell_table(entries, layers)
    contrasts = contrast_table(entries, budgets)
    matrix = pl.concat(
        [matrix_table(entries, budgets), survival_table(entries, budgets, cells)], how="horizontal"
    )  # fmt: skip
    return Comparison(
        entries=entries,
        budgets=tuple(budgets),
        matrix=matrix,
        attacks=attack_table(entries, budgets),
        pairs=pairs,
        ranks=rank_table(entries, budgets, pairs, resamples=resamples, seed=seed),
        front=front_table(entries, budgets, resamples=resamples, seed=seed),
        contrasts=contrasts,
        layers=layers,
        cells=cells,
        callouts=(
            *contrasts.filter(pl.col("called_out"))["sentence"],
            *(sentence for _, sentence in failed_audits(entries)),
        ),
        notes=notes,
    )
