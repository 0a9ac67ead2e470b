"""The matrix: every entry at every budget, under every kind of attack, with intervals and cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from advwindow.comparison.entries import ACCESSES, withstood
from advwindow.comparison.paired import holm, paired
from advwindow.runs import wilson

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from advwindow.attacks import Budget
    from advwindow.comparison.entries import Entry, Tested

#: Level of the paired tests.
ALPHA = 0.05

_BUDGET = {"norm": pl.String, "eps": pl.String, "eps_value": pl.Float64}
_COST = {"seconds": pl.Float64, "forwards": pl.Int64, "backwards": pl.Int64}


def _shares(*names: str) -> dict[str, type[pl.DataType]]:
    return {f"{name}{end}": pl.Float64 for name in names for end in ("", "_low", "_high")}


MATRIX: dict[str, type[pl.DataType]] = {
    "entry": pl.String, "model": pl.String, "defense": pl.String, "run": pl.String, **_BUDGET, "images": pl.Int64,
    **_shares("clean", "oblivious", "adaptive", "black_box", "robust"),
    "attacks": pl.Int64, "draws": pl.Int64, **_COST,
}  # fmt: skip
ATTACKS: dict[str, type[pl.DataType]] = {
    "entry": pl.String, **_BUDGET, "attack": pl.String, "parameters": pl.String, "access": pl.String,
    "images": pl.Int64, **_shares("robust"), "broken": pl.Int64, "only": pl.Int64, **_COST,
}  # fmt: skip
PAIRS: dict[str, type[pl.DataType]] = {
    **_BUDGET, "first": pl.String, "second": pl.String, "images": pl.Int64, "first_robust": pl.Float64,
    "second_robust": pl.Float64, "difference": pl.Float64, "low": pl.Float64, "high": pl.Float64,
    "only_first": pl.Int64, "only_second": pl.Int64, "p": pl.Float64, "p_holm": pl.Float64, "better": pl.String,
}  # fmt: skip


def matrix_table(entries: Sequence[Entry], budgets: Sequence[Budget]) -> pl.DataFrame:
    """One row per entry and budget.

    ``clean`` is the share of all images that the defended network classifies correctly; ``oblivious``, ``adaptive``
    and ``black_box`` the share that is, and that no attack of that kind fooled within the budget; ``robust`` the share
    that none of all attacks fooled. Each has Wilson's 95 % interval, and is null without such an attack. ``attacks``
    counts cells; cost is that of the cells at this very budget and of minimal-norm ones.
    """
    rows = [_matrix_row(entry, budget) for entry in entries for budget in budgets]
    return pl.DataFrame(rows, schema=MATRIX, orient="row")


def attack_table(entries: Sequence[Entry], budgets: Sequence[Budget]) -> pl.DataFrame:
    """One row per entry, budget, attack with its parameters, and access; seeds and smaller budgets count in it.

    ``broken`` is the number of images that are classified correctly when clean and that the attack fooled, ``only``
    those among them that no other row of the entry at that budget fooled.
    """
    rows = [row for entry in entries for budget in budgets for row in _attack_rows(entry, budget)]
    return pl.DataFrame(rows, schema=ATTACKS)


def pair_table(entries: Sequence[Entry], budgets: Sequence[Budget]) -> pl.DataFrame:
    """One row per budget and pair of entries: what McNemar's exact test says of their worst per sample.

    ``difference`` is robust accuracy of the first minus that of the second, with Newcombe's 95 % interval, which is
    not adjusted. ``p_holm`` is adjusted over all rows of the table, ``better`` the entry that is then better at 5 %.
    """
    rows = [
        _pair_row(first, second, budget)
        for budget in budgets
        for place, first in enumerate(entries)
        for second in entries[place + 1 :]
    ]
    adjusted = holm([row["p"] for row in rows])
    for row, p in zip(rows, adjusted, strict=True):
        ahead = row["first"] if row["difference"] > 0 else row["second"]
        row |= {"p_holm": float(p), "better": ahead if p < ALPHA else ""}
    return pl.DataFrame(rows, schema=PAIRS)


def budget_columns(budget: Budget) -> dict[str, str | float]:
    """How a budget stands in a table: norm, the text of epsilon, and its number (infinite for ``"min"``)."""
    return {"norm": str(budget.norm), "eps": budget.eps, "eps_value": budget.value}


def attack_labels(cells: Iterable[Tested]) -> dict[tuple[str, str], str]:
    """What to call each attack: its name, with the parameters where it occurs with several."""
    attacks = list(dict.fromkeys(cell.attack for cell in cells))
    names = [name for name, _ in attacks]
    return {
        (name, parameters): name if names.count(name) == 1 else f"{name} {parameters}" for name, parameters in attacks
    }


def shares(name: str, counted: NDArray[np.bool_] | None) -> dict[str, float | None]:
    """A share of samples with Wilson's interval, as three columns; null where there is nothing to count."""
    columns = (name, f"{name}_low", f"{name}_high")
    if counted is None:
        return dict.fromkeys(columns)
    return dict(zip(columns, wilson(int(counted.sum()), len(counted)), strict=True))


def cost_of(cells: Iterable[Tested]) -> dict[str, float | int]:
    """What cells cost, summed over images: ``seconds`` of attacking, ``forwards`` and ``backwards`` passes."""
    spent = list(cells)
    return {
        "seconds": round(sum(float(cell.summary["attack_seconds"]) for cell in spent), 3),
        "forwards": sum(int(cell.summary["forwards"]) for cell in spent),
        "backwards": sum(int(cell.summary["backwards"]) for cell in spent),
    }


def certain(mask: NDArray[np.bool_] | None) -> NDArray[np.bool_]:
    """What is known to exist: every budget of a comparison has attacks in every entry."""
    assert mask is not None
    return mask


def _matrix_row(entry: Entry, budget: Budget) -> dict[str, Any]:
    spec, cells = entry.spec, entry.at(budget)
    kinds = {access.replace("-", "_"): entry.robust(budget, access) for access in ACCESSES}
    return {
        "entry": entry.name,
        "model": spec.model,
        "defense": spec.defense,
        "run": entry.run.path.name,
        **budget_columns(budget),
        "images": len(entry.ids),
        **shares("clean", entry.correct),
        **{column: value for name, mask in kinds.items() for column, value in shares(name, mask).items()},
        **shares("robust", entry.robust(budget)),
        "attacks": len(cells),
        "draws": max(cell.spec.draws for cell in entry.cells),
        **_cost(cells, budget),
    }


def _attack_rows(entry: Entry, budget: Budget) -> list[dict[str, Any]]:
    groups: dict[tuple[tuple[str, str], str], list[Tested]] = {}
    for cell in entry.at(budget):
        groups.setdefault((cell.attack, cell.access), []).append(cell)
    labels = attack_labels(entry.cells)
    broken = {key: entry.correct & ~withstood(entry, cells, budget) for key, cells in groups.items()}
    times = np.sum(list(broken.values()), axis=0)
    return [
        {
            "entry": entry.name,
            **budget_columns(budget),
            "attack": labels[attack],
            "parameters": attack[1],
            "access": access,
            "images": len(entry.ids),
            **shares("robust", withstood(entry, cells, budget)),
            "broken": int(broken[attack, access].sum()),
            "only": int((broken[attack, access] & (times == 1)).sum()),
            **_cost(cells, budget),
        }
        for (attack, access), cells in groups.items()
    ]


def _pair_row(first: Entry, second: Entry, budget: Budget) -> dict[str, Any]:
    one, two = certain(first.robust(budget)), certain(second.robust(budget))
    return {
        **budget_columns(budget),
        "first": first.name,
        "second": second.name,
        "images": len(first.ids),
        "first_robust": float(one.mean()),
        "second_robust": float(two.mean()),
        **paired(one, two)._asdict(),
    }


def _cost(cells: Sequence[Tested], budget: Budget) -> dict[str, float | int]:
    return cost_of([cell for cell in cells if cell.budget.minimal or cell.budget.value == budget.value])
