"""The rows of a comparison's tables, as text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from advwindow.comparison.audits import audits_of
from advwindow.reports.reading.comparison_answer import at, budget_name
from advwindow.reports.reading.comparison_layers import Label, labels_of
from advwindow.reports.reading.comparison_wording import ATTACKS, AUDITS, PAIRS, more
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
        **labels_of(comparison)[row["entry"]]._asdict(),
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
    labels = labels_of(comparison)
    tables = []
    for budget in comparison.budgets if len(labels) > 1 else []:
        pairs = at(comparison.pairs, budget).with_columns(size=-pl.col("difference").abs())
        shown = pairs.sort("p_holm", "size", maintain_order=True).head(_MOST_PAIRS)
        significant = pairs.filter(pl.col("better") != "").height
        caption = PAIRS.format(significant=significant, all=pairs.height)
        tables.append({
            "budget": budget_name(budget),
            "rows": [_pair_row(row, labels) for row in shown.iter_rows(named=True)],
            "caption": f"{caption}{more(pairs.height - shown.height, 'pairs.csv')}",
        })  # fmt: skip
    return tables


def _pair_row(row: Mapping[str, Any], labels: Mapping[str, Label]) -> dict[str, Any]:
    ends = [100 * row[name] for name in ("low", "high")]
    first, second = labels[row["first"]], labels[row["second"]]
    return {
        "numbers": [first.number, second.number],
        "names": [first.name, second.name],
        "difference": signed(100 * row["difference"], digits=1),
        "span": f"[{signed(ends[0], digits=1)}, {signed(ends[1], digits=1)}]",
        "bar": [row["low"], row["difference"], row["high"]],
        "only": [str(row["only_first"]), str(row["only_second"])],
        "p": p_value(row["p"]),
        "p_holm": p_value(row["p_holm"]),
        "better": labels[row["better"]].number if row["better"] else ABSENT,
        "significant": bool(row["better"]),
    }


def cost_rows(comparison: Comparison) -> list[dict[str, str]]:
    """What each entry's attacks cost at each budget."""
    labels = labels_of(comparison)
    return [
        {
            **labels[row["entry"]]._asdict(),
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
    labels = labels_of(comparison)
    rows = [
        {
            **labels[row["entry"]]._asdict(),
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
    left = max(0, len(rows) - _MOST_ATTACKS)
    return {"rows": rows[:_MOST_ATTACKS], "caption": f"{ATTACKS}{more(left, 'attacks.csv')}"}


def audit_rows(comparison: Comparison) -> dict[str, Any]:
    """What audits found: checks that fired, entry by entry; and which entries were not audited."""
    labels = labels_of(comparison)
    rows = [_audit_row(entry, audit, labels) for entry in comparison.entries for _, audit in audits_of(entry)]
    without = [labels[entry.name].number for entry in comparison.entries if not audits_of(entry)]
    told = f" Not audited: {', '.join(without)}." if without else ""
    return {"rows": rows, "caption": f"{AUDITS}{told}" if rows else ""}


def _audit_row(entry: Entry, audit: Audit, labels: Mapping[str, Label]) -> dict[str, Any]:
    asked = sum(finding.verdict != "skipped" for finding in audit)
    return {
        **labels[entry.name]._asdict(),
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
