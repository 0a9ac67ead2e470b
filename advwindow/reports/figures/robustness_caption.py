"""What is said about the robustness curves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from advwindow.reports.figures.captions import Words
from advwindow.reports.reading.robustness import stepped
from advwindow.reports.text import count, distance, norm_name, percent, printable

if TYPE_CHECKING:
    from collections.abc import Mapping


def robustness_words(points: pl.DataFrame) -> Words:
    """Caption and alternative text.

    Args:
        points: of `robustness_points`.
    """
    clean = points.row(0, named=True)
    images = count(clean["images"], "image")
    first = f"Accuracy against the budget. {_share(clean)} of {images} are classified correctly when clean."
    panels = points.partition_by("norm", maintain_order=True)
    caption = " ".join([first, *map(_told, panels), "Brackets and bars are Wilson's 95 % intervals."])
    each = [
        f"{norm_name(table['norm'][0])}, {table['attack'][0]}: {_course(table)}."
        for panel in panels
        for table in panel.partition_by("attack", "kind", maintain_order=True)
    ]
    return Words(
        caption, " ".join([f"Robust accuracy against budget, {count(len(panels), 'panel')}, one per norm.", *each])
    )


def _told(panel: pl.DataFrame) -> str:
    """The worst of a norm in a sentence: all attacks together, or the only one."""
    curves = panel.partition_by("kind", "attack", maintain_order=True)
    chosen = next((table for table in curves if table["kind"][0] == "worst"), curves[0])
    written = chosen.filter(pl.col("eps") != "")
    norm, last = norm_name(panel["norm"][0]), (chosen if written.is_empty() else written).row(-1, named=True)
    name = "all attacks together" if last["kind"] == "worst" else last["attack"]
    verb = "leave" if last["kind"] == "worst" else "leaves"
    return f"{norm}: {name} {verb} {_share(last)} at {_at(last)}; {_half(chosen)}."


def _half(curve: pl.DataFrame) -> str:
    """Where half of the clean accuracy is gone."""
    rows = curve.rows(named=True)
    fallen = [place for place, row in enumerate(rows) if row["robust"] <= rows[0]["robust"] / 2]
    if not rows[0]["standing"]:
        return "there is no accuracy to lose"
    if not fallen:
        return "more than half of the accuracy is left there"
    before, here = rows[fallen[0] - 1], rows[fallen[0]]
    if stepped(curve):
        return f"half of the accuracy is gone within {_at(here)}"
    return f"half of the accuracy is gone between {_at(before)} and {_at(here)}"


def _course(curve: pl.DataFrame) -> str:
    first, last = curve.row(0, named=True), curve.row(-1, named=True)
    return f"from {percent(first['robust'])} to {percent(last['robust'])} at {_at(last)}"


def _at(row: Mapping[str, Any]) -> str:
    return printable(row["eps"]) or (distance(row["budget"], row["norm"]) if row["budget"] else "0")


def _share(row: Mapping[str, Any]) -> str:
    return f"{percent(row['robust'])} [{round(100 * row['low'])}, {round(100 * row['high'])}]"
