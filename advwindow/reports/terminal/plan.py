"""The plan of a sweep on the terminal, and what it costs at most."""

from __future__ import annotations

from collections import Counter
from itertools import groupby
from typing import TYPE_CHECKING, Protocol

from advwindow.reports.reading.studies import Subject, titles
from advwindow.reports.terminal.console import say, say_subject, table_of
from advwindow.reports.text import count, listing

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from rich.console import Console

    from advwindow.reports.terminal.console import Row
    from advwindow.runs import CellSpec


class Planned(Protocol):
    """What is shown of a planned cell; see `advwindow.sweep.PlannedCell`."""

    @property
    def spec(self) -> CellSpec:
        """What to compute."""

    @property
    def images(self) -> int:
        """Images that are attacked."""

    @property
    def gradients(self) -> int:
        """Most gradients that the attack can spend; 0 if it does not tell."""

    @property
    def notes(self) -> Sequence[str]:
        """What the attack does otherwise here than its protocol says."""


def print_plan(
    cells: Sequence[Planned], speeds: Mapping[str, float], console: Console, *, done: Collection[str] = ()
) -> None:
    """The plan of a sweep and what it costs at most.

    Args:
        cells: all cells, in order.
        speeds: gradients per second of each cell's model on this machine, by the cell's id; for the estimate.
        console: where to.
        done: identities of cells that are finished already.
    """
    names = titles([cell.spec for cell in cells])
    for subject, group in groupby(cells, key=lambda cell: Subject.of(cell.spec)):
        say_subject(subject, console)
        rows: list[Row] = []
        notes: dict[str, list[str]] = {}
        for cell in group:
            name = names[cell.spec.cell_id]
            for note in cell.notes:
                notes.setdefault(note, []).append(name)
            row: Row = {"attack": name, "images": f"{cell.images:,}", "gradients": _cost(cell.gradients)}
            state: Row = {"state": "done" if cell.spec.cell_id in done else "to do"} if done else {}
            rows.append(row | state)
        console.print(table_of(rows))
        for note, who in notes.items():
            say(console, f"! {listing(who)}: {note}", style="dim")
    say(console, _estimate([cell for cell in cells if cell.spec.cell_id not in done], speeds))


def _cost(gradients: int) -> str:
    return f"{gradients:,}" if gradients else "unknown"


def _estimate(cells: Sequence[Planned], speeds: Mapping[str, float]) -> str:
    total = sum(cell.gradients for cell in cells)
    unknown = Counter(cell.gradients == 0 for cell in cells)[True]
    more = f", and {count(unknown, 'cell')} whose cost is unknown" if unknown else ""
    seconds = sum(cell.gradients / speeds[cell.spec.cell_id] for cell in cells)
    rate = f" at {total / seconds:.0f} gradients a second" if seconds else ""
    time = f"about {_duration(seconds)}{rate}"
    cost = f"{count(len(cells), 'cell')} to compute: at most {total:,} gradients, {time}{more}."
    return f"{cost} Looking through the window comes on top."


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
