"""Executors: cells one after the other in this process, or side by side in processes of their own."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
import traceback
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from typing import TYPE_CHECKING, Protocol

import torch

from advwindow.errors import IncompleteError, UserError
from advwindow.runs import RunDirectory
from advwindow.sweep.cell import Transport, compute_cell
from advwindow.sweep.formats import recall_formats
from advwindow.sweep.plan import Library
from advwindow.sweep.study import parse_device

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from advwindow.attacks import AuditLevel
    from advwindow.runs import CellSpec


class Watcher(Protocol):
    """Is told how a run goes on; shows it, or does nothing."""

    def run_begins(self, missing: list[CellSpec]) -> None:
        """What is left of the plan; nothing where all is done."""
        ...

    def cell_started(self, spec: CellSpec) -> None:
        """A cell begins."""
        ...

    def cell_done(self, spec: CellSpec, seconds: float) -> None:
        """A cell is finished and on disk."""
        ...

    def cell_failed(self, spec: CellSpec, reason: str) -> None:
        """A cell could not be computed; the others go on."""
        ...

    def audit_started(self, spec: CellSpec, level: AuditLevel) -> None:
        """All cells are done; this one's attack is being audited."""
        ...


class Silent:
    """Watches and says nothing."""

    def run_begins(self, missing: list[CellSpec]) -> None:
        """Say nothing."""

    def cell_started(self, spec: CellSpec) -> None:
        """Say nothing."""

    def cell_done(self, spec: CellSpec, seconds: float) -> None:
        """Say nothing."""

    def cell_failed(self, spec: CellSpec, reason: str) -> None:
        """Say nothing."""

    def audit_started(self, spec: CellSpec, level: AuditLevel) -> None:
        """Say nothing."""


def execute(
    run: RunDirectory, specs: Sequence[CellSpec], library: Library, transport: Transport, watcher: Watcher
) -> None:
    """Compute cells and keep each as soon as it is finished.

    A cell that a `UserError` stops is logged as failed and left missing; an interrupt leaves the cell in progress
    missing.

    Raises:
        UserError: a finished cell cannot be written.
        KeyboardInterrupt: the user interrupted; everything finished is on disk.
    """
    if transport.workers > 1 and len(specs) > 1:
        _side_by_side(run, specs, transport, watcher)
    else:
        for spec in specs:
            watcher.cell_started(spec)
            _report(run, spec, _run_one(run, spec, library, transport), watcher)


def _run_one(run: RunDirectory, spec: CellSpec, library: Library, transport: Transport) -> tuple[float, str]:
    """Seconds, and the reason of a failure."""
    started = time.perf_counter()
    try:
        result = compute_cell(spec, library.of(spec), transport)
    except UserError as error:
        return time.perf_counter() - started, str(error)
    except Exception as error:  # noqa: BLE001 - one broken cell must not keep the others from being computed
        run.log("traceback", cell=spec.cell_id, text=traceback.format_exc())
        reason = f"{type(error).__name__}: {error} (a bug, or not enough memory; the traceback is in events.jsonl)"
        return time.perf_counter() - started, reason
    run.save(spec, result)
    return time.perf_counter() - started, ""


def _report(run: RunDirectory, spec: CellSpec, outcome: tuple[float, str], watcher: Watcher) -> None:
    seconds, reason = outcome
    if reason:
        run.log("cell failed", cell=spec.cell_id, condition=spec.condition, reason=reason)
        watcher.cell_failed(spec, reason)
    else:
        run.log("cell done", cell=spec.cell_id, condition=spec.condition, seconds=round(seconds, 3))
        watcher.cell_done(spec, seconds)


def _side_by_side(run: RunDirectory, specs: Sequence[CellSpec], transport: Transport, watcher: Watcher) -> None:
    workers = min(transport.workers, len(specs))
    threads = max(1, (os.cpu_count() or 1) // workers)
    pool = ProcessPoolExecutor(
        workers,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_begin_worker,
        initargs=(run.path, transport, threads),
    )
    try:
        futures = {pool.submit(_work, spec): spec for spec in specs}
        for spec in specs:
            watcher.cell_started(spec)
        for future, spec in _finished(futures):
            _report(run, spec, future.result(), watcher)
    except BrokenProcessPool as error:
        raise IncompleteError("a worker process died", fix="use fewer workers; the same command goes on") from error
    except BaseException:
        for process in list((pool._processes or {}).values()):  # noqa: SLF001 - there is no public way to stop them
            process.kill()
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    pool.shutdown()


def _finished(
    futures: dict[Future[tuple[float, str]], CellSpec],
) -> Iterator[tuple[Future[tuple[float, str]], CellSpec]]:
    for future in as_completed(futures):
        yield future, futures[future]


class _Worker:
    """What a worker process keeps between its cells."""

    run: RunDirectory
    studies: Library
    transport: Transport


def _begin_worker(path: Path, transport: Transport, threads: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    torch.set_num_threads(threads)
    _Worker.run = RunDirectory(path)
    recall_formats(_Worker.run)
    _Worker.studies = Library(parse_device(transport.device))
    _Worker.transport = transport


def _leave_with_parent() -> None:
    """A worker whose parent was killed would go on, unseen, in a folder that another process may take up."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _work(spec: CellSpec) -> tuple[float, str]:
    return _run_one(_Worker.run, spec, _Worker.studies, _Worker.transport)
