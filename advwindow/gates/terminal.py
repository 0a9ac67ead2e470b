"""Decisions on the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich import box
from rich.table import Table
from rich.text import Text

from advwindow.gates.decision import tally
from advwindow.gates.text import visible

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from advwindow.gates.decision import Decision


def print_decisions(decisions: Sequence[Decision], console: Console) -> None:
    """Print a row for each finding, and how many gates failed.

    Args:
        decisions: of `judge`.
        console: where to.
    """
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), show_edge=False)
    table.add_column("", no_wrap=True)
    table.add_column("gate", ratio=1)
    table.add_column("found", ratio=3)
    for decision in decisions:
        for place, finding in enumerate(decision.findings):
            mark = Text("pass", style="green") if finding.passed else Text("FAIL", style="bold red")
            table.add_row(mark, Text(visible(decision.title) if place == 0 else ""), Text(visible(str(finding))))
    console.print(table)
    style = "green" if all(decision.passed for decision in decisions) else "bold red"
    console.print(Text(f"{tally(decisions)}.", style=style), highlight=False)
