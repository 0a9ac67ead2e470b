"""Models and defences side by side, on the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
from rich import box
from rich.table import Table
from rich.text import Text

from advwindow.comparison import readable_tables
from advwindow.reports.reading.comparison import certificate_sentence
from advwindow.reports.reading.comparison_layers import numbers_of
from advwindow.reports.style import MARKS
from advwindow.reports.text import printable, shorten

if TYPE_CHECKING:
    from rich.console import Console

    from advwindow.comparison import Comparison

_NAME = 44
_MOST_PAIRS = 20
#: Columns for which a terminal has no room.
_LEFT_OUT = ("n", "gradients", "only first", "only second", "p")
#: Headings where there is little room; letters are those of the verdicts.
_SHORT = {
    "entry": "", "oblivious %": "obl. %", "adaptive %": "ada. %", "black-box %": "b-box %", "seconds": "s",
    "strongest attack": "strongest", "alignment kept %": "kept %", "rank by tests": "by tests",
    "first in %": "first %", "on the front": "front",
    **{verdict: mark.letter for verdict, mark in MARKS.items()},
}  # fmt: skip


def print_comparison(comparison: Comparison, console: Console) -> None:
    """Accuracy and meaning of every entry, differences that are significant, ranks, call-outs and notes.

    Entries bear numbers, and only robust accuracy its interval, so that the tables fit 80 columns; the files hold all.
    """
    first, numbers = comparison.entries[0], numbers_of(comparison)
    console.print()
    console.print(Text(f"{printable(first.spec.images)}: {len(first.ids)} images", style="bold"))
    for name, number in numbers.items():
        console.print(Text(f"{number:>3}  {printable(name)}"))
    for title, table in readable_tables(comparison).items():
        if title == "Pairs":
            _print_pairs(comparison, table, numbers, console)
        elif title != "Attacks":
            _print_table(title, _compact(table, numbers), console)
    for entry in comparison.entries:
        if entry.certificate is not None:
            console.print(Text(certificate_sentence(entry.name, entry.certificate)))
    for sentence in comparison.callouts:
        console.print(Text(f"! {printable(sentence)}", style="yellow"))
    for sentence in comparison.notes:
        console.print(Text(f"! {printable(sentence)}", style="dim"))


def _compact(table: pl.DataFrame, numbers: dict[str, int]) -> pl.DataFrame:
    table = table.drop(_LEFT_OUT, strict=False)
    kept = {"robust %", "rank", "difference in points"}
    wide = [name for name in table.columns if name not in kept]
    return (
        table.with_columns(pl.all().replace({name: str(number) for name, number in numbers.items()}))
        .with_columns(pl.col(wide).str.replace(r" \[.*\]$", ""))
        .rename(lambda name: _SHORT.get(name, name))
    )


def _print_pairs(comparison: Comparison, table: pl.DataFrame, numbers: dict[str, int], console: Console) -> None:
    """The surest of the differences that are significant."""
    surest = pl.struct(comparison.pairs["p_holm"], -comparison.pairs["difference"].abs())
    significant = table.with_columns(surest.alias("surest")).filter(comparison.pairs["better"] != "")
    shown = significant.sort("surest", maintain_order=True).drop("surest")[:_MOST_PAIRS]
    if shown.is_empty():
        told = "no difference is significant after Holm's adjustment."
        console.print(Text(f"\nPairs: {told}", style="bold"))
        return
    _print_table("Pairs", _compact(shown, numbers), console)
    if len(significant) > len(shown):
        more = f"{len(significant) - len(shown)} more differences are significant; --out writes them all."
        console.print(Text(more, style="dim"))


def _print_table(title: str, table: pl.DataFrame, console: Console) -> None:
    console.print()
    look = {"box": box.SIMPLE_HEAD, "padding": (0, 1), "pad_edge": False, "show_edge": False}
    shown = Table(title=title, title_justify="left", title_style="bold", **look)  # type: ignore[arg-type] # mixed kinds
    for name in table.columns:
        shown.add_column(name, no_wrap=True)
    for row in table.iter_rows():
        shown.add_row(*(Text(shorten(printable(str(cell)), _NAME)) for cell in row))
    console.print(shown)
