"""Cells of a run that goes on, sent to trackers as they finish."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Self

from rich.text import Text

from advwindow.cli.progress import console
from advwindow.reports.outputs.feed import Feed
from advwindow.reports.text import count
from advwindow.runs import RunDirectory

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path
    from types import TracebackType

    from advwindow.attacks import AuditLevel
    from advwindow.reports.outputs.places import Place
    from advwindow.runs import CellSpec
    from advwindow.sweep import Watcher

#: Seconds that the end of a run waits for trackers; that of an interrupted one.
PATIENCE, INTERRUPTED_PATIENCE = 60.0, 5.0
_NAMED = 5


class Sending:
    """Watches a run for another watcher, and sends every finished cell to some places.

    What earlier calls finished is offered first: a place keeps what it has not got.

    Args:
        watcher: sees all that happens, before it is sent.
        folder: of the run; it need not exist until the run begins.
        places: where to; none for none.
    """

    def __init__(self, watcher: Watcher, folder: Path, places: Sequence[Place]) -> None:
        self._watcher = watcher
        self._folder = folder
        self._places = places
        self._feeds: list[Feed] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        patience = PATIENCE if kind is None or issubclass(kind, Exception) else INTERRUPTED_PATIENCE
        for feed in self._feeds:
            left = feed.close(patience)
            if left:
                self._tell(feed.place, left)

    def run_begins(self, missing: list[CellSpec]) -> None:
        """Offer what is finished already."""
        self._watcher.run_begins(missing)
        if not self._places:
            return
        run = RunDirectory(self._folder)
        self._feeds = [Feed(run, place, _warning_of(place)) for place in self._places]
        anew = {spec.cell_id for spec in missing}
        for spec in run.done():
            if spec.cell_id not in anew:
                self._send(spec)

    def cell_started(self, spec: CellSpec) -> None:
        """A cell begins."""
        self._watcher.cell_started(spec)

    def cell_done(self, spec: CellSpec, seconds: float) -> None:
        """Send a cell that is finished and on disk."""
        self._watcher.cell_done(spec, seconds)
        self._send(spec)

    def cell_failed(self, spec: CellSpec, reason: str) -> None:
        """A cell could not be computed; there is nothing to send."""
        self._watcher.cell_failed(spec, reason)

    def audit_started(self, spec: CellSpec, level: AuditLevel) -> None:
        """All cells are done; this one's attack is being audited."""
        self._watcher.audit_started(spec, level)

    def _send(self, spec: CellSpec) -> None:
        for feed in self._feeds:
            feed.put(spec)

    def _tell(self, place: Place, left: Sequence[CellSpec]) -> None:
        names = ", ".join([spec.condition for spec in left[:_NAMED]] + ["…"] * (len(left) > _NAMED))
        command = f"advwindow report {shlex.quote(str(self._folder))} {place.option}"
        _warn(f"{count(len(left), 'cell')} not sent to {place.name} ({names}), but safe in the run. Later: {command}")


def _warning_of(place: Place) -> Callable[[str], None]:
    return lambda reason: _warn(f"cannot send to {place.name}: {reason.rstrip('.')}. The run goes on.")


def _warn(text: str) -> None:
    # One print for both: lines of other threads do not come between.
    console.print(Text.assemble(("warning", "yellow"), f" {text}"), soft_wrap=True)
