"""Sweeps from Python, and finished runs as data."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from advwindow.errors import IncompleteError
from advwindow.reports import write_pdf
from advwindow.runs import RunDirectory, make_manifest, run_half_lives
from advwindow.sweep.audit import audit_run
from advwindow.sweep.cell import Transport
from advwindow.sweep.config import Sweep, change_attacks, make_sweep, sweep_toml
from advwindow.sweep.executor import Silent, Watcher, execute
from advwindow.sweep.formats import settle_formats
from advwindow.sweep.plan import Library, PlannedCell, make_plan, plan_id
from advwindow.sweep.study import parse_device

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl


class Run:
    """A run as data.

    Args:
        directory: the run on disk.
    """

    def __init__(self, directory: RunDirectory) -> None:
        self.directory = directory

    @property
    def path(self) -> Path:
        """The run's folder."""
        return self.directory.path

    @property
    def cells(self) -> pl.DataFrame:
        """One row per finished cell."""
        return self.directory.cells()

    @property
    def samples(self) -> pl.DataFrame:
        """One row per cell and image."""
        return self.directory.tables("samples")

    @property
    def layers(self) -> pl.DataFrame:
        """One row per cell, layer and condition."""
        return self.directory.tables("layers")

    @property
    def references(self) -> pl.DataFrame:
        """One row per cell, reference (word spaces, their mean, pixels), layer and condition."""
        return self.directory.tables("references")

    @property
    def trace(self) -> pl.DataFrame:
        """What word each layer says of some images: one row per cell, image, layer and condition."""
        return self.directory.tables("trace")

    @property
    def half_lives(self) -> pl.DataFrame:
        """One row per layer and attack with several budgets: where half of its alignment is gone."""
        return run_half_lives(self.directory)

    def report(self, path: Path | str) -> Path:
        """Write the report as PDF; returns its path."""
        return write_pdf(self.directory, Path(path))


def open_run(path: Path | str) -> Run:
    """A run that exists; raises `UserError` if the folder holds none."""
    return Run(RunDirectory(path))


def attack(  # noqa: PLR0913 - one keyword for each part of a study
    *,
    attacks: str | dict[str, Any] | Sequence[str | dict[str, Any]],
    eps: str | Sequence[str] = (),
    model: str | Sequence[str] = "sample:efficientnet-lite0",
    defense: str | Sequence[str] = "",
    images: str | Sequence[str] = "sample:imagenet",
    words: str | Sequence[str] = "glove-6b-50d",
    seed: int | Sequence[int] = 0,
    window: dict[str, Any] | None = None,
    audit: Literal["quick", "full", "off"] = "quick",
    out: Path | str | None = None,
) -> Run:
    """Attack, capture, compare with words, judge: a whole sweep; goes on where an earlier call was interrupted.

    Args:
        attacks: names, or tables as in a sweep file (``{"name": "pgd", "steps": 20}``); one alone needs no list.
        eps: epsilons of all attacks that work at a fixed size.
        model: one reference or several.
        defense: what protects the models, one reference or several; ``""`` for nothing.
        images: one reference or several.
        words: one reference or several.
        seed: one seed or several.
        window: settings of the window, as in a sweep file.
        audit: how much is checked whether the attacks can be believed, see `advwindow.attacks.audit`.
        out: the run's folder; by default ``runs/`` and the plan's identity.

    Raises:
        UserError: something cannot be used.
        IncompleteError: some cells could not be computed.
    """
    content: dict[str, Any] = {
        "models": _several(model),
        "defenses": _several(defense),
        "images": _several(images),
        "words": _several(words),
        "seeds": _several(seed),
        "attack": [{"name": entry} if isinstance(entry, str) else dict(entry) for entry in _several(attacks)],
        "window": window or {},
    }
    change_attacks(content, eps=_several(eps))
    return run_sweep(make_sweep(content), out=None if out is None else Path(out), transport=Transport(audit=audit))


def run_sweep(
    sweep: Sweep, *, out: Path | None = None, transport: Transport | None = None, watcher: Watcher | None = None
) -> Run:
    """Plan a sweep and compute what is missing; see `attack` for what it raises."""
    transport = transport or Transport()
    library = Library(parse_device(transport.device))
    cells = make_plan(library, sweep)
    return run_plan(
        cells,
        library,
        sweep_toml(sweep),
        out=out or default_folder(sweep.name, cells),
        transport=transport,
        watcher=watcher or Silent(),
    )


def run_plan(
    cells: list[PlannedCell],
    library: Library,
    toml: str,
    *,
    out: Path,
    transport: Transport,
    watcher: Watcher,
) -> Run:
    """Compute what is missing of a plan.

    Args:
        cells: the plan.
        library: has what they work on.
        toml: a file that gives the same plan again; kept in the run.
        out: the run's folder.
        transport: how to compute.
        watcher: is told how it goes on.

    Raises:
        UserError: something cannot be used.
        IncompleteError: some cells could not be computed.
    """
    specs = [cell.spec for cell in cells]
    directory = RunDirectory.create(out, specs, sweep_toml=toml, manifest=make_manifest())
    missing = directory.missing(images=transport.keep_images)
    watcher.run_begins(missing)
    if missing:
        directory.log("run started", cells=len(specs), missing=len(missing))
        with directory.working():
            settle_formats(directory, missing, library)
            execute(directory, missing, library, transport, watcher)
        left = directory.missing()
        directory.log("run ended", missing=len(left))
        if left:
            raise IncompleteError(
                f"{len(left)} of {len(specs)} cells of {out} could not be computed",
                fix="see the reasons above or in events.jsonl; the same command tries them again",
            )
    if transport.audit != "off":
        audit_run(directory, library, transport.audit, transport, watcher)
    return Run(directory)


def default_folder(name: str, cells: list[PlannedCell]) -> Path:
    """Where a run goes unless told otherwise: the same plan, the same folder, so the same command goes on by itself."""
    return Path("runs") / f"{name}-{plan_id(cells)[:8]}"


def finished_cells(path: Path) -> list[str]:
    """Ids of the finished cells in a folder; none where there is no run."""
    return [spec.cell_id for spec in RunDirectory(path).done()] if (path / "plan.json").is_file() else []


def _several(value: object) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]
