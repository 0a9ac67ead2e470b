"""What everything on the terminal shares: plain lines, and tables that fit its width."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich import box
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from advwindow.reports.style import MARKS
from advwindow.reports.text import printable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import Console

    from advwindow.reports.reading.studies import Subject

#: Of verdicts, from best to worst.
STYLES = {"unanchored": "dim", "intact": "", "eroded": "yellow", "collapsed": "bold red", "hijacked": "magenta"}
#: The letters of verdicts.
KEY = "  ".join(f"{mark.letter} {verdict}" for verdict, mark in MARKS.items())
#: Columns of words; those of numbers stand to the right.
_WORDS = frozenset(("", "attack", "clean", "alignment", "verdict", "status", "says", "in 8 bits", "layer", "state"))
#: Width at which no table needs to shrink.
_ENDLESS = 10_000

Row = dict[str, Text | str]


def say(console: Console, text: str, *, style: str = "") -> None:
    """Print a text as it is: nothing in it is markup, no number is highlighted."""
    console.print(Text(text, style=style), highlight=False)


def say_subject(subject: Subject, console: Console) -> None:
    """Print what was studied, after an empty line; where it is too long, a line ends between its parts."""
    lines: list[str] = []
    for part in (subject.model, subject.images, subject.words, f"seed {subject.seed}"):
        longer = f"{lines[-1]} · {printable(part)}" if lines else ""
        if lines and len(longer) <= console.width:
            lines[-1] = longer
        else:
            lines.append(printable(part))
    console.print()
    say(console, "\n".join(lines), style="bold")


def table_of(rows: Sequence[Row], columns: Sequence[str] = (), *, headings: Mapping[str, str] | None = None) -> Table:
    """A table without a frame.

    Args:
        rows: cells by column; what a row lacks stays empty.
        columns: from left to right; by default all of the rows, in order of appearance.
        headings: of columns that are not headed by their names.
    """
    columns = columns or columns_of(rows)
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), pad_edge=False, show_edge=False)
    for column in columns:
        heading = Text((headings or {}).get(column, column))
        table.add_column(heading, justify="left" if column in _WORDS else "right", no_wrap=True)
    for row in rows:
        cells = [row.get(column, "") for column in columns]
        table.add_row(*(cell if isinstance(cell, Text) else Text(cell) for cell in cells))
    return table


def columns_of(rows: Sequence[Row]) -> list[str]:
    """All columns of some rows, in order of appearance."""
    return list(dict.fromkeys(name for row in rows for name in row))


def natural_width(table: Table, console: Console) -> int:
    """Width of a table with room for everything."""
    return Measurement.get(console, console.options.update(width=_ENDLESS), table).maximum


def fitting(rows: Sequence[Row], console: Console, *, least: int) -> list[str]:
    """Columns that have room, from the left.

    Args:
        rows: as `table_of` takes them.
        console: its width decides.
        least: number of columns that stay whatever the width.
    """
    columns = columns_of(rows)
    while len(columns) > least and natural_width(table_of(rows, columns), console) > console.width:
        columns.pop()
    return columns


def print_fitting(rows: Sequence[Row], console: Console, *, least: int) -> None:
    """Print the columns that have room, see `fitting`, and the names of those that have none."""
    kept = fitting(rows, console, least=least)
    console.print(table_of(rows, kept))
    left_out = columns_of(rows)[len(kept) :]
    if left_out:
        say(console, f"Left out for want of width: {'; '.join(left_out)}.", style="dim")
