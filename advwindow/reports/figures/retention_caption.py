"""What is said about retention against the budget."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import polars as pl

from advwindow.reports.figures.captions import Words
from advwindow.reports.text import count, listing, norm_name, percent, printable, short_names

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_MOST_TOLD, _NAME_WIDTH = 3, 34


def retention_words(points: pl.DataFrame) -> Words:
    """Caption and alternative text.

    Args:
        points: of `retention_points`, at least one.
    """
    layers = points.select("layer", "depth").unique(maintain_order=True).sort("depth")["layer"].to_list()
    labels = dict(zip(layers, short_names(layers, _NAME_WIDTH), strict=True))
    attacks = points.partition_by("norm", "attack", maintain_order=True)
    told = [f"{_name(attack)}: {_halved(_lives(attack), labels)}" for attack in attacks[:_MOST_TOLD]]
    more = len(attacks) - len(told)
    caption = (
        f"Share of the clean alignment left in {count(len(layers), 'layer')} as the budget grows; bars are 95 % "
        f"intervals, cut where they leave the panel; half-lives stand above the axis. {'. '.join(told)}."
    )
    caption += f" {count(more, 'further attack')} not told here." if more else ""
    each = [f"Left by {_name(attack)} {_left(attack, labels)}." for attack in attacks]
    return Words(caption, " ".join(["Share of clean alignment left against budget, one panel per layer.", *each]))


def _name(attack: pl.DataFrame) -> str:
    return f"{attack['attack'][0]} {norm_name(attack['norm'][0])}"


def _lives(attack: pl.DataFrame) -> list[dict[str, Any]]:
    return attack.unique("layer", keep="first", maintain_order=True).rows(named=True)


def _halved(rows: Sequence[Mapping[str, Any]], labels: Mapping[str, str]) -> str:
    """The layers of the shortest and the longest half-life that are known; and how many are not."""
    known = sorted((row["half_life"], place) for place, row in enumerate(rows) if row["half_life"] is not None)
    beyond = [row for row in rows if row["half_life"] is None and _text(row).startswith(("<", ">"))]
    unknown = len(rows) - len(known) - len(beyond)
    layers = count(len(rows), "layer")
    lost = [f"not known in {unknown} of {layers}"] if unknown else []
    if not (known or beyond):
        return f"half-life {lost[0]}"
    if not known:
        first = f"no half-life lies within the budgets ({labels[beyond[0]['layer']]}: {_text(beyond[0])})"
        return "; ".join([first, *lost])
    ends = [rows[place] for _, place in dict.fromkeys((known[0], known[-1]))]
    told = listing([f"{_text(row)} at {labels[row['layer']]}" for row in ends])
    outside = [f"in {len(beyond)} of {layers} it lies outside the budgets"] if beyond else []
    return "; ".join([f"half-life {told}", *outside, *lost])


def _text(row: Mapping[str, Any]) -> str:
    return printable(row["half_life_text"] or "not known")


def _left(attack: pl.DataFrame, labels: Mapping[str, str]) -> str:
    """What is left at the largest budget, layer by layer."""
    last = attack.filter(pl.col("budget") == pl.col("budget").max())
    shares = [
        f"{percent(value).replace('-', '−')} at {labels[layer]}"
        for layer, value in last.select("layer", "retention").iter_rows()
        if value is not None and not math.isnan(value)
    ]
    return f"at budget {last['eps'][0]}: {listing(shares) or 'not known'}"
