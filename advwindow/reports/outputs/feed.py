"""Cells on their way to a tracker while a run goes on, without the run ever waiting for it."""

from __future__ import annotations

import threading
from queue import SimpleQueue
from typing import TYPE_CHECKING

from advwindow.reports.outputs.places import reason_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from advwindow.reports.outputs.places import Place
    from advwindow.reports.outputs.sinks import Sink
    from advwindow.runs import CellSpec, RunDirectory


class Feed:
    """Sends cells to one place, in a thread of its own.

    A place that fails (a locked database, a full disk, no network) is told of once and given another chance with each
    cell that follows and at the end. Whatever happens to it stops here.

    Args:
        run: whose cells are sent.
        place: where to.
        warn: is told once, from that thread, why a cell could not be sent.
    """

    def __init__(self, run: RunDirectory, place: Place, warn: Callable[[str], None]) -> None:
        self.place = place
        self._run = run
        self._warn = warn
        self._warned = False
        self._sink: Sink | None = None
        self._left: dict[str, CellSpec] = {}
        self._queue: SimpleQueue[CellSpec | None] = SimpleQueue()
        # A daemon: a network that never answers must not keep the program from ending.
        self._thread = threading.Thread(target=self._work, name=f"feed of {place.name}", daemon=True)
        self._thread.start()

    def put(self, spec: CellSpec) -> None:
        """Send a finished cell as soon as it is its turn."""
        self._left[spec.cell_id] = spec
        self._queue.put(spec)

    def close(self, patience: float) -> list[CellSpec]:
        """Wait until all is sent.

        Args:
            patience: seconds to wait at most.

        Returns:
            Cells that were not sent, in the order of the plan.
        """
        self._queue.put(None)
        self._thread.join(patience)
        left = set(self._left)
        return [spec for spec in self._run.specs if spec.cell_id in left]

    def _work(self) -> None:
        while (spec := self._queue.get()) is not None:
            self._send(spec)
        for spec in list(self._left.values()):
            if not self._send(spec):
                break

    def _send(self, spec: CellSpec) -> bool:
        try:
            if self._sink is None:
                self._sink = self.place.open()
            self._sink.cell_done(self._run, spec)
        except Exception as error:  # noqa: BLE001 - trackers raise what they like, and none of it may harm the run
            if not self._warned:
                self._warned = True
                self._warn(reason_of(error))
            return False
        self._left.pop(spec.cell_id, None)
        return True
