"""Finished cells as events for experiment trackers: MLflow and TensorBoard.

A sink is told of one cell at a time, so that it can be fed while a sweep runs or from a finished run (`send`). A cell
that a sink already holds is left as it is: a finished cell does not change.
"""

from __future__ import annotations

import json
import logging
import math
import re
import shutil
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from advwindow.models.extras import import_extra
from advwindow.reports.reading.studies import VERDICTS, layers_under
from advwindow.runs.atomic import TEMPORARY, new_folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import polars as pl

    from advwindow.runs import CellSpec, RunDirectory

EXPERIMENT = "advwindow"

_NUMBERS = (
    "clean_accuracy", "clean_low", "clean_high", "robust_accuracy", "robust_low", "robust_high", "successes",
    "median_distance", "concepts", "images",
)  # fmt: skip
_CURVES = {
    "clean": ("alignment", "two_vs_two"),
    "noise": ("alignment", "two_vs_two", "drift"),
    "attack": ("alignment", "two_vs_two", "drift", "one_vs_two"),
}
_PARAMETERS = ("model", "defense", "images", "attack", "norm", "eps", "target", "access", "seed", "measure")
_CELL_TAG = "advwindow.cell"
_LONGEST = 500


class Point(NamedTuple):
    """One number of a curve over depth.

    Attributes:
        name: e.g. ``"alignment/attack"``.
        depth: place of the layer, from 0.
        value: finite.
    """

    name: str
    depth: int
    value: float


class Sink(Protocol):
    """Is told of finished cells."""

    def cell_done(self, run: RunDirectory, spec: CellSpec) -> bool:
        """Keep a finished cell; whether it is new here."""
        ...


def send(run: RunDirectory, sink: Sink) -> int:
    """Tell a sink of all finished cells, in the order of the plan.

    Returns:
        Number of cells that were new to it.
    """
    return sum(sink.cell_done(run, spec) for spec in run.done())


class MlflowSink:
    """One MLflow run for each cell: what was attacked as parameters, accuracies as metrics, curves with depth as step.

    Whatever MLflow and the store raise is passed on as it is.

    Args:
        uri: of the store, e.g. ``"sqlite:///mlflow.db"``.
        experiment: its name; it is made where there is none.

    Raises:
        MissingExtraError: MLflow is not installed.
    """

    def __init__(self, uri: str, *, experiment: str = EXPERIMENT) -> None:
        mlflow = import_extra("mlflow", purpose="export to MLflow", package="mlflow", extra="mlflow")
        # It tells people of every table that it makes in a new store.
        logging.getLogger("mlflow.store.db.utils").setLevel(logging.WARNING)
        self._entities = import_extra("mlflow.entities", purpose="export to MLflow", package="mlflow", extra="mlflow")
        self._client = mlflow.MlflowClient(tracking_uri=uri)
        known = self._client.get_experiment_by_name(experiment)
        self._experiment = known.experiment_id if known else self._client.create_experiment(experiment)

    def cell_done(self, run: RunDirectory, spec: CellSpec) -> bool:
        """Keep a finished cell; whether it is new here."""
        tags = {_CELL_TAG: spec.cell_id, "advwindow.plan": run.plan_id}
        chosen = " and ".join(f"tags.`{name}` = '{value}'" for name, value in tags.items())
        known = self._client.search_runs([self._experiment], chosen)
        if any(each.info.status == "FINISHED" for each in known):
            return False
        for each in known:  # what was interrupted half-way would stand beside the whole
            self._client.delete_run(each.info.run_id)
        made = self._client.create_run(self._experiment, tags=tags, run_name=spec.condition).info.run_id
        entities = self._entities
        metrics = [entities.Metric(name, value, 0, 0) for name, value in _numbers(run, spec).items()]
        metrics += [entities.Metric(point.name, point.value, 0, point.depth) for point in _points(run, spec)]
        parameters = [entities.Param(name, value) for name, value in _told(spec).items()]
        self._client.log_batch(made, params=parameters)
        for start in range(0, len(metrics), _LONGEST):
            self._client.log_batch(made, metrics=metrics[start : start + _LONGEST])
        self._client.set_terminated(made)
        return True


class TensorBoardSink:
    """One folder of events for each cell: accuracies at step 0, curves with depth as step, what was attacked as text.

    Args:
        folder: for ``tensorboard --logdir``.

    Raises:
        MissingExtraError: TensorBoard is not installed.
        UserError: the folder cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        import_extra("tensorboard", purpose="export to TensorBoard", package="tensorboard", extra="tensorboard")
        self._events = import_extra(
            "torch.utils.tensorboard", purpose="export to TensorBoard", package="tensorboard", extra="tensorboard"
        )
        self._folder = folder

    def cell_done(self, run: RunDirectory, spec: CellSpec) -> bool:
        """Keep a finished cell; whether it is new here."""
        folder = self._folder / f"{_file_name(spec.condition)}-{spec.cell_id}"
        if folder.is_dir():
            return False
        for leftover in self._folder.glob(f"{TEMPORARY}*-{folder.name}"):  # of a killed process
            shutil.rmtree(leftover, ignore_errors=True)
        with new_folder(folder) as temporary, self._events.SummaryWriter(str(temporary)) as writer:
            writer.add_text("cell", _code(json.dumps(_told(spec), indent=2, ensure_ascii=False)), 0)
            for name, value in _numbers(run, spec).items():
                writer.add_scalar(name, value, 0)
            for point in _points(run, spec):
                writer.add_scalar(point.name, point.value, point.depth)
        return True


def _told(spec: CellSpec) -> dict[str, str]:
    """What was computed, none of it empty."""
    plain: dict[str, Any] = {name: getattr(spec, name) for name in _PARAMETERS} | {"words": ", ".join(spec.words)}
    plain |= {f"attack.{name}": value for name, value in spec.parameters.items()}
    return {name: str(value)[:_LONGEST] for name, value in plain.items() if str(value)}


def _numbers(run: RunDirectory, spec: CellSpec) -> dict[str, float]:
    summary = run.summary(spec)
    rows = layers_under(run.table(spec, "layers"), "attack")
    counted = {f"layers/{verdict}": float((rows["verdict"] == verdict).sum()) for verdict in VERDICTS}
    counted["layers/hijacked"] = float(rows["hijacked"].fill_null(value=False).sum())
    found = {name: float(summary[name]) for name in _NUMBERS if summary.get(name) is not None}
    return found | counted


def _points(run: RunDirectory, spec: CellSpec) -> Iterator[Point]:
    layers = run.table(spec, "layers")
    for condition, columns in _CURVES.items():
        rows = layers_under(layers, condition)
        for column in columns:
            yield from _curve(rows, column, f"{column}/{condition}")


def _curve(rows: pl.DataFrame, column: str, name: str) -> Iterator[Point]:
    for depth, value in rows.select("depth", column).iter_rows():
        if value is not None and math.isfinite(value):
            yield Point(name, int(depth), float(value))


def _file_name(text: str) -> str:
    """Letters, digits and hyphens, so that no name leads out of the folder."""
    return re.sub(r"[^A-Za-z0-9]+", "-", text).strip("-")[:80]


def _code(text: str) -> str:
    """A block of code in Markdown, which TensorBoard shows as it is."""
    return "\n".join(f"    {line}" for line in text.splitlines())
