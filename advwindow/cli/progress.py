"""What people see while a sweep runs: a bar with an estimate on a terminal, one line per cell elsewhere."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bars

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from advwindow.attacks import AuditLevel
    from advwindow.runs import CellSpec
    from advwindow.sweep import PlannedCell
    from advwindow.training import Epoch

console = Console(stderr=True)


class Progress:
    """Watches a run. The estimate weighs cells by the gradients they can spend.

    Args:
        cells: the whole plan; cells that turn out to be finished already count as done.
    """

    def __init__(self, cells: list[PlannedCell]) -> None:
        self._cost = {cell.spec.cell_id: cell.gradients + cell.images for cell in cells}
        self._left = dict(self._cost)
        self._count = len(cells)
        self._several = len({cell.spec.subject for cell in cells}) > 1
        self._done = 0
        self._spent_cost = 0
        self._started = time.perf_counter()
        self._bars = Bars(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[estimate]}"),
            console=console,
            disable=not console.is_terminal,
        )
        self._task = self._bars.add_task("Attacking", total=self._count, estimate="")

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._bars.stop()

    def run_begins(self, missing: list[CellSpec]) -> None:
        """How much is left of the plan."""
        wanted = {spec.cell_id for spec in missing}
        self._left = {cell: cost for cell, cost in self._cost.items() if cell in wanted}
        self._done = self._count - len(wanted)
        self._bars.update(self._task, completed=self._done)
        if self._done:
            text = (
                "everything is done already"
                if not missing
                else f"going on: {self._done} of {self._count} cells are done"
            )
            console.print(text.capitalize() + ".", highlight=False)

    def cell_started(self, spec: CellSpec) -> None:
        """A cell begins."""
        self._bars.update(self._task, description=self._told(spec))

    def cell_done(self, spec: CellSpec, seconds: float) -> None:
        """A cell is finished and on disk."""
        self._done += 1
        self._spent_cost += self._left.pop(spec.cell_id, 0)
        estimate = self._estimate()
        self._bars.update(self._task, completed=self._done, estimate=estimate)
        if not console.is_terminal:
            line = (
                f"[{self._done}/{self._count}] {self._told(spec)}: {seconds:.1f} s{', ' + estimate if estimate else ''}"
            )
            console.print(line, highlight=False, markup=False)

    def cell_failed(self, spec: CellSpec, reason: str) -> None:
        """A cell could not be computed; the others go on."""
        self._left.pop(spec.cell_id, None)
        console.print("[red]failed[/red] ", end="", highlight=False)
        console.print(f"{self._told(spec)}: ", end="", highlight=False, markup=False)
        console.print(reason, highlight=False, markup=False)

    def audit_started(self, spec: CellSpec, level: AuditLevel) -> None:
        """All cells are done; this one's attack is being audited."""
        text = f"Auditing {self._told(spec)} ({level})"
        self._bars.update(self._task, description=text, estimate="")
        if not console.is_terminal:
            console.print(text, highlight=False, markup=False)

    def interrupted(self) -> None:
        """The user pressed Ctrl-C."""
        self._bars.stop()
        console.print(
            f"Interrupted: {self._done} of {self._count} cells are done and safe. The same command goes on from here.",
            highlight=False,
        )

    def _told(self, spec: CellSpec) -> str:
        return f"{spec.subject}: {spec.condition}" if self._several else spec.condition

    def _estimate(self) -> str:
        left = sum(self._left.values())
        if not left or not self._spent_cost:
            return ""
        seconds = (time.perf_counter() - self._started) * left / self._spent_cost
        return f"about {seconds / 60:.0f} min left" if seconds > 90 else f"about {seconds:.0f} s left"


class TrainingBars:
    """Watches a training: a bar over the epoch's batches on a terminal, one line per epoch everywhere.

    Args:
        epochs: of the whole training.
        bars: where batches are shown.
    """

    def __init__(self, epochs: int, bars: Bars) -> None:
        self._epochs = epochs
        self._bars = bars
        self._task = bars.add_task("Reading images", total=None)

    def batch_done(self, epoch: int, done: int, of: int) -> None:
        """One step is done."""
        self._bars.update(self._task, description=f"Epoch {epoch} of {self._epochs}", completed=done, total=of)

    def epoch_done(self, record: Epoch) -> None:
        """An epoch is over and its checkpoint on disk."""
        line = (
            f"epoch {record.epoch}/{self._epochs}: loss {record.loss:.3f}, "
            f"right in training {record.trained_accuracy:.1%}, "
            f"on validation images {record.clean_accuracy:.1%}, attacked {record.robust_accuracy:.1%}; "
            f"{record.seconds:.0f} s"
        )
        console.print(line, highlight=False, markup=False)
        if record.note:
            console.print(f"[yellow]warning[/yellow] {record.note}", highlight=False)


@contextmanager
def training_progress(epochs: int) -> Iterator[TrainingBars]:
    """Bars for a training, taken away at its end."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Bars(*columns, console=console, disable=not console.is_terminal, transient=True) as bars:
        yield TrainingBars(epochs, bars)
