"""The tables as people read them: text in every cell, shares in per cent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from advwindow.comparison.compare import Comparison

#: Stands for a number that does not exist.
ABSENT = "–"

_Row = dict[str, Any]


def readable_tables(comparison: Comparison) -> dict[str, pl.DataFrame]:
    """Five tables of text, by title, for terminals, web pages and papers.

    ``"Robust accuracy"``, ``"Meaning"`` (what survives in the layers under the strongest attack), ``"Attacks"``,
    ``"Pairs"`` and ``"Ranks"``. Intervals are 95 % ones; headings say so where a table has some.
    """
    entries = len(comparison.entries)
    return {
        "Robust accuracy": _table(comparison.matrix, _ACCURACY),
        "Meaning": _table(comparison.matrix, _MEANING),
        "Attacks": _table(comparison.attacks, _ATTACKS),
        **({"Pairs": _table(comparison.pairs, _PAIRS)} if entries > 1 else {}),
        **({"Ranks": _table(_ranked(comparison), _RANKS)} if entries > 1 else {}),
    }


_KEY = ["norm", "eps", "entry"]


def _ranked(comparison: Comparison) -> pl.DataFrame:
    """Ranks, best first, with their place on the front."""
    front = comparison.front.select(*_KEY, "on_front", "front_share")
    return comparison.ranks.join(front, on=_KEY, maintain_order="left")


def _table(frame: pl.DataFrame, columns: Mapping[str, Callable[[_Row], str]]) -> pl.DataFrame:
    rows = [{title: show(row) for title, show in columns.items()} for row in frame.iter_rows(named=True)]
    return pl.DataFrame(rows, schema=dict.fromkeys(columns, pl.String))


def _text(name: str) -> Callable[[_Row], str]:
    return lambda row: ABSENT if row[name] in {None, ""} else str(row[name])


def _count(name: str) -> Callable[[_Row], str]:
    return lambda row: f"{row[name]:,}"


def _budget(row: _Row) -> str:
    return f"{row['norm']} {'minimal' if row['eps'] == 'min' else row['eps']}"


def _percent(name: str, *, digits: int = 1) -> Callable[[_Row], str]:
    return lambda row: ABSENT if row[name] is None else _number(100 * row[name], f"z.{digits}f")


def _number(value: float, how: str) -> str:
    """With a true minus sign."""
    return format(value, how).replace("-", "−")


def _interval(name: str, *, low: str = "", high: str = "", signed: bool = False) -> Callable[[_Row], str]:
    names = (name, low or f"{name}_low", high or f"{name}_high")
    sign = "+" if signed else ""

    def show(row: _Row) -> str:
        share, *ends = (row[each] for each in names)
        if share is None:
            return ABSENT
        middle, below, above = (_number(100 * each, f"{sign}z.1f") for each in (share, *ends))
        return f"{middle} [{below}, {above}]"

    return show


def _p(name: str) -> Callable[[_Row], str]:
    return lambda row: "<0.001" if row[name] < 0.001 else f"{row[name]:.3f}"


def _seconds(row: _Row) -> str:
    return f"{row['seconds']:,.1f}"


def _ranks(row: _Row) -> str:
    return f"{row['rank']} [{row['rank_low']}, {row['rank_high']}]"


def _tested(row: _Row) -> str:
    low, high = row["tested_low"], row["tested_high"]
    return str(low) if low == high else f"{low} to {high}"


def _front(row: _Row) -> str:
    return f"{'yes' if row['on_front'] else 'no'} ({100 * row['front_share']:.0f} %)"


_ACCURACY: dict[str, Callable[[_Row], str]] = {
    "entry": _text("entry"),
    "budget": _budget,
    "n": _count("images"),
    "clean %": _interval("clean"),
    "oblivious %": _interval("oblivious"),
    "adaptive %": _interval("adaptive"),
    "black-box %": _interval("black_box"),
    "robust %": _interval("robust"),
    "seconds": _seconds,
    "gradients": _count("backwards"),
}
_MEANING: dict[str, Callable[[_Row], str]] = {
    "entry": _text("entry"),
    "budget": _budget,
    "strongest attack": _text("strongest"),
    "alignment kept %": _percent("retention", digits=0),
    "layers": _count("layers"),
    "unanchored": _count("unanchored"),
    "intact": _count("intact"),
    "eroded": _count("eroded"),
    "collapsed": _count("collapsed"),
    "hijacked": _count("hijacked"),
    "audit": _text("audit"),
}
_ATTACKS: dict[str, Callable[[_Row], str]] = {
    "entry": _text("entry"),
    "budget": _budget,
    "attack": _text("attack"),
    "access": _text("access"),
    "robust %": _interval("robust"),
    "broken": _count("broken"),
    "by it alone": _count("only"),
    "seconds": _seconds,
    "passes": _count("forwards"),
    "gradients": _count("backwards"),
}
_PAIRS: dict[str, Callable[[_Row], str]] = {
    "budget": _budget,
    "first": _text("first"),
    "second": _text("second"),
    "difference in points": _interval("difference", low="low", high="high", signed=True),
    "only first": _count("only_first"),
    "only second": _count("only_second"),
    "p": _p("p"),
    "p (Holm)": _p("p_holm"),
    "better": _text("better"),
}
_RANKS: dict[str, Callable[[_Row], str]] = {
    "budget": _budget,
    "entry": _text("entry"),
    "robust %": _percent("robust"),
    "rank": _ranks,
    "rank by tests": _tested,
    "first in %": _percent("first_share", digits=0),
    "on the front": _front,
}
