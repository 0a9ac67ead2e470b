"""The rows of a comparison's tables, as text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from advwindow.comparison.audits import audits_of
from advwindow.reports.reading.comparison_answer import at, budget_name, name_of
from advwindow.reports.reading.comparison_layers import numbers_of
from advwindow.reports.style import MARKS
from advwindow.reports.text import ABSENT, count, number, p_value, printable, signed, span

if TYPE_CHECKING:
    from collections.abc import Mapping

    from advwindow.attacks import Audit, Budget
    from advwindow.comparison import Comparison, Entry

#: Accuracies of an entry, in the order of the matrix.
KINDS = ("clean", "oblivious", "adaptive", "black_box", "robust")

#: Pairs, and lines of attacks, that are shown; the files hold all.
_MOST_PAIRS = 28
_MOST_ATTACKS = 150


def matrix_tables(comparison: Comparison) -> list[dict[str, Any]]:
    """One table for each budget, the best entry first."""
    return [
        {
            "budget": budget_name(budget),
            "rows": [_matrix_row(comparison, budget, row) for row in _ranked(comparison, budget)],
        }
        for budget in comparison.budgets
    ]


def _ranked(comparison: Comparison, budget: Budget) -> list[dict[str, Any]]:
    ranks = at(comparison.ranks, budget).select("entry", "rank", "rank_low", "rank_high")
    return ranks.join(at(comparison.matrix, budget), on="entry", maintain_order="left").to_dicts()


def _matrix_row(comparison: Comparison, budget: Budget, row: Mapping[str, Any]) -> dict[str, Any]:
    front = at(comparison.front, budget).filter(pl.col("entry") == row["entry"]).row(0, named=True)
    return {
        "number": str(numbers_of(comparison)[row["entry"]]),
        "name": name_of(row["entry"]),
        "rank": str(row["rank"]),
        "rank_span": f"{row['rank_low']}–{row['rank_high']}",
        "shares": [_share(row, kind) for kind in KINDS],
        "verdicts": [row[verdict] for verdict in MARKS],
        "kept": ABSENT if row["retention"] is None else f"{number(100 * row['retention'], digits=0)}",
        "strongest": printable(row["strongest"]),
        "front": bool(front["on_front"]),
        "audit": row["audit"] or ABSENT,
    }


def _share(row: Mapping[str, Any], kind: str) -> dict[str, Any] | None:
    """A share in per cent with its interval, and all three in [0, 1] for a bar; None where there was no attack."""
    if row[kind] is None:
        return None
    low, high = row[f"{kind}_low"], row[f"{kind}_high"]
    return {
        "text": number(100 * row[kind], digits=1),
        "span": span(100 * low, 100 * high, digits=1),
        "bar": [low, row[kind], high],
    }


def pair_tables(comparison: Comparison) -> list[dict[str, Any]]:
    """Differences of robust accuracy, one table for each budget, the surest first; empty for one entry."""
    numbers = numbers_of(comparison)
    tables = []
    for budget in comparison.budgets if len(numbers) > 1 else []:
        pairs = at(comparison.pairs, budget).with_columns(size=-pl.col("difference").abs())
        shown = pairs.sort("p_holm", "size", maintain_order=True).head(_MOST_PAIRS)
        tables.append({
            "budget": budget_name(budget),
            "rows": [_pair_row(row, numbers) for row in shown.iter_rows(named=True)],
            "left": pairs.height - shown.height,
            "significant": pairs.filter(pl.col("better") != "").height,
            "all": pairs.height,
        })  # fmt: skip
    return tables


def _pair_row(row: Mapping[str, Any], numbers: Mapping[str, int]) -> dict[str, Any]:
    ends = [100 * row[name] for name in ("low", "high")]
    return {
        "numbers": [str(numbers[row["first"]]), str(numbers[row["second"]])],
        "names": [name_of(row["first"]), name_of(row["second"])],
        "difference": signed(100 * row["difference"], digits=1),
        "span": f"[{signed(ends[0], digits=1)}, {signed(ends[1], digits=1)}]",
        "bar": [row["low"], row["difference"], row["high"]],
        "only": [str(row["only_first"]), str(row["only_second"])],
        "p": p_value(row["p"]),
        "p_holm": p_value(row["p_holm"]),
        "better": str(numbers[row["better"]]) if row["better"] else ABSENT,
        "significant": bool(row["better"]),
    }


def cost_rows(comparison: Comparison) -> list[dict[str, str]]:
    """What each entry's attacks cost at each budget."""
    numbers = numbers_of(comparison)
    return [
        {
            "number": str(numbers[row["entry"]]),
            "name": name_of(row["entry"]),
            "budget": budget_name(budget),
            "attacks": f"{row['attacks']:,}",
            "draws": f"{row['draws']:,}",
            "seconds": f"{row['seconds']:,.1f}",
            "forwards": f"{row['forwards']:,}",
            "backwards": f"{row['backwards']:,}",
        }
        for budget in comparison.budgets
        for row in at(comparison.matrix, budget).iter_rows(named=True)
    ]


def attack_rows(comparison: Comparison) -> dict[str, Any]:
    """What each attack alone leaves, and what it cost."""
    numbers = numbers_of(comparison)
    rows = [
        {
            "number": str(numbers[row["entry"]]),
            "name": name_of(row["entry"]),
            "budget": budget_name(budget),
            "attack": printable(row["attack"]),
            "access": row["access"],
            "robust": number(100 * row["robust"], digits=1),
            "span": span(100 * row["robust_low"], 100 * row["robust_high"], digits=1),
            "broken": f"{row['broken']:,}",
            "only": f"{row['only']:,}",
            "seconds": f"{row['seconds']:,.1f}",
            "backwards": f"{row['backwards']:,}",
        }
        for budget in comparison.budgets
        for row in at(comparison.attacks, budget).iter_rows(named=True)
    ]
    return {"rows": rows[:_MOST_ATTACKS], "left": max(0, len(rows) - _MOST_ATTACKS)}


def audit_rows(comparison: Comparison) -> dict[str, Any]:
    """What audits found: checks that fired, entry by entry; and which entries were not audited."""
    numbers = numbers_of(comparison)
    rows = [_audit_row(entry, audit, numbers) for entry in comparison.entries for _, audit in audits_of(entry)]
    without = [str(numbers[entry.name]) for entry in comparison.entries if not audits_of(entry)]
    return {"rows": rows, "without": without if rows else []}


def _audit_row(entry: Entry, audit: Audit, numbers: Mapping[str, int]) -> dict[str, Any]:
    asked = sum(finding.verdict != "skipped" for finding in audit)
    return {
        "number": str(numbers[entry.name]),
        "name": name_of(entry.name),
        "attack": printable(f"{audit.attack} {audit.budget}"),
        "about": f"{audit.level}, {count(audit.images, 'image')}",
        "verdict": str(audit.worst),
        "asked": count(asked, "check"),
        "fired": [
            {
                "code": each.code, "verdict": str(each.verdict),
                "summary": printable(each.summary), "remedy": printable(each.remedy),
            }
            for each in audit.fired
        ],
    }  # fmt: skip
