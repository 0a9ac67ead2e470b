"""What a comparison comes to, in a few sentences that are made from its numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from advwindow.reports.text import count, eps_name, listing, norm_name, number, printable, shorten

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from advwindow.attacks import Budget
    from advwindow.comparison import Comparison

_NAME = 70
#: Entries that are named one by one.
_MOST_NAMED = 3


def question(comparison: Comparison) -> str:
    """What is asked."""
    entries = comparison.entries
    defended = any(entry.spec.defense for entry in entries)
    if len(entries) == 1:
        return f"Does this {'defended model' if defended else 'model'} stand, and where does meaning survive?"
    kind = "models and defences" if defended else "models"
    return f"Which of these {len(entries)} {kind} stands, and where does meaning survive?"


def answer(comparison: Comparison) -> list[str]:
    """Who withstands, where meaning survives, and what warns, at the budget that tells entries apart best."""
    budget = deciding(comparison)
    return [
        _standing(comparison, budget),
        *_elsewhere(comparison, budget),
        *_meaning(comparison, budget),
        *_warnings(comparison),
    ]


def deciding(comparison: Comparison) -> Budget:
    """The budget at which robust accuracies of the entries lie furthest apart; the first of several."""

    def spread(budget: Budget) -> float:
        robust = at(comparison.matrix, budget)["robust"].to_list()
        return float(max(robust) - min(robust))

    return max(comparison.budgets, key=spread)


def at(table: pl.DataFrame, budget: Budget) -> pl.DataFrame:
    """Rows of a table of the comparison at one of its budgets."""
    return table.filter((pl.col("norm") == str(budget.norm)) & (pl.col("eps") == budget.eps))


def budget_name(budget: Budget) -> str:
    """``"L∞ 8/255"``."""
    return f"{norm_name(str(budget.norm))} {eps_name(printable(budget.eps))}"


def name_of(entry: str) -> str:
    """An entry's name for a sentence or a cell."""
    return shorten(printable(entry), _NAME)


def share(row: Mapping[str, Any], name: str, *, span: bool = True) -> str:
    """``"25.0 % [11.2, 46.9]"``."""
    middle = f"{number(100 * row[name], digits=1)} %"
    ends = [number(100 * row[f"{name}{end}"], digits=1) for end in ("_low", "_high")]
    return f"{middle} [{ends[0]}, {ends[1]}]" if span else middle


def _standing(comparison: Comparison, budget: Budget) -> str:
    rows = at(comparison.matrix, budget).sort("robust", descending=True, maintain_order=True).to_dicts()
    first, where = rows[0], f"At {budget_name(budget)}"
    if len(rows) == 1:
        return (
            f"{where}, {name_of(first['entry'])} classifies {share(first, 'robust')} of {first['images']} images "
            f"correctly whatever the attack, and {share(first, 'clean')} when they are clean."
        )
    if not first["robust"]:
        return (
            f"{where} none of the {len(rows)} withstands: robust accuracy is 0.0 % for all of them (95 % interval up "
            f"to {number(100 * first['robust_high'], digits=1)} %, {first['images']} images)."
        )
    level = [row for row in rows if row["robust"] == first["robust"]]
    if len(level) > 1:
        named = _some([row["entry"] for row in level])
        before = f", before {count(len(rows) - len(level), 'other')}" if len(rows) > len(level) else ""
        robust = share(first, "robust")
        return (
            f"{where}, {named} are level with a robust accuracy of {robust}{before}; {_tested(comparison, budget, [])}"
        )
    return (
        f"{where}, {name_of(first['entry'])} withstands most: all attacks together leave it {share(first, 'robust')} "
        f"of {first['images']} images ({share(first, 'clean', span=False)} when they are clean); "
        f"{_tested(comparison, budget, [first['entry']])}"
    )


def _tested(comparison: Comparison, budget: Budget, best: Sequence[str]) -> str:
    """What the paired tests say of the entry that is best."""
    pairs = at(comparison.pairs, budget)
    adjusted = "after Holm's adjustment"
    if pairs.filter(pl.col("better") != "").is_empty():
        return f"no difference between entries is significant there {adjusted}."
    if not best:
        found = pairs.filter(pl.col("better") != "").height
        return f"{found} of {count(pairs.height, 'difference')} between entries there are significant {adjusted}."
    won = pairs.filter(pl.col("better") == best[0]).height
    ranked = at(comparison.ranks, budget).filter(pl.col("entry") == best[0]).row(0, named=True)
    low, high = ranked["rank_low"], ranked["rank_high"]
    could = "other images would rank it first, too" if high == 1 else f"other images could rank it {low} to {high}"
    others = count(len(comparison.entries) - 1, "other")
    return f"it is significantly better than {won} of {others} {adjusted}, and {could}."


def _elsewhere(comparison: Comparison, budget: Budget) -> list[str]:
    """Who is first at the other budgets."""
    others = [other for other in comparison.budgets if other is not budget]
    if len(comparison.entries) == 1 or not others:
        return []
    here = _first(comparison, budget)[0]
    same = [budget_name(other) for other in others if _first(comparison, other)[0] == here]
    parts = [f"the same at {listing(same)}"] if same else []
    for other in others:
        names, robust = _first(comparison, other)
        if names != here:
            who = "all are level" if len(names) == len(comparison.entries) else _some(names)
            parts.append(f"{who} at {budget_name(other)} ({robust})")
    more = [f"others at {count(len(parts) - _MOST_NAMED, 'further budget')}"] if len(parts) > _MOST_NAMED else []
    return [f"First elsewhere: {'; '.join([*parts[:_MOST_NAMED], *more])}."]


def _first(comparison: Comparison, budget: Budget) -> tuple[list[str], str]:
    """Entries that are first at a budget, and their robust accuracy."""
    rows = at(comparison.matrix, budget)
    first = rows.filter(pl.col("robust") == rows["robust"].max())
    return first["entry"].to_list(), share(first.row(0, named=True), "robust", span=False)


def _meaning(comparison: Comparison, budget: Budget) -> list[str]:
    rows = at(comparison.matrix, budget)
    known = rows.drop_nulls("retention").sort("retention", descending=True, maintain_order=True).to_dicts()
    without = rows.height - len(known)
    if not known:
        return ["No layer is significantly aligned with words when clean, so there is no meaning that could be lost."]
    best, worst = known[0], known[-1]
    left = f"{number(100 * best['retention'], digits=0)} % of the clean alignment with words"
    if len(known) == 1:
        told = f"In the aligned layers of {name_of(best['entry'])} the strongest attack leaves {left}"
    else:
        told = (
            f"The strongest attacks leave between {number(100 * worst['retention'], digits=0)} % "
            f"({name_of(worst['entry'])}) and {left} ({name_of(best['entry'])})"
        )
    hit = sum(bool(row["eroded"] + row["collapsed"]) for row in known)
    lost = f"{hit} lost it significantly in some layer" if hit else "none lost it significantly in any layer"
    told += f"; of {count(len(known), 'network')} with aligned layers {lost}."
    turned = sum(bool(row["hijacked"]) for row in rows.iter_rows(named=True))
    told += f" In some layer of {turned}, fooled images are closer to the wrong word (hijacked)." if turned else ""
    more = f" In {without} no layer is significantly aligned when clean: nothing can be lost there." if without else ""
    return [told + more]


def _warnings(comparison: Comparison) -> list[str]:
    blind = comparison.matrix["oblivious"].count()
    if comparison.callouts:
        return [f"{count(len(comparison.callouts), 'warning')} below: read them before the numbers."]
    return ["No defence is called out for only looking strong."] if blind else []


def _some(entries: Sequence[str]) -> str:
    named = [name_of(entry) for entry in entries[:_MOST_NAMED]]
    more = len(entries) - len(named)
    return listing([*named, f"{more} more"]) if more else listing(named)
