"""Where finished cells are sent to, as people name it: the URI of an MLflow store, a folder of TensorBoard events."""

from __future__ import annotations

import importlib.util
import shlex
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from advwindow.errors import MissingExtraError, UserError
from advwindow.privacy import without_password
from advwindow.reports.outputs.sinks import MlflowSink, TensorBoardSink, send

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from advwindow.reports.outputs.sinks import Sink
    from advwindow.runs import RunDirectory


class Place(NamedTuple):
    """Where cells can be sent to.

    Attributes:
        name: of the tracker.
        option: of ``advwindow report`` and ``advwindow attack``, as typed in a shell, without a password.
        open: connects; raises whatever the tracker raises.
    """

    name: str
    option: str
    open: Callable[[], Sink]


def sending_places(*, mlflow: str = "", tensorboard: Path | None = None) -> list[Place]:
    """Places to send cells to; nothing is opened yet.

    Args:
        mlflow: URI of a store; empty for none.
        tensorboard: folder of events; None for none.

    Raises:
        MissingExtraError: a tracker is not installed.
    """
    found = []
    if mlflow:
        _need("MLflow", "mlflow")
        found.append(Place("MLflow", _option("mlflow", without_password(mlflow)), partial(MlflowSink, mlflow)))
    if tensorboard is not None:
        _need("TensorBoard", "tensorboard")
        option = _option("tensorboard", str(tensorboard))
        found.append(Place("TensorBoard", option, partial(TensorBoardSink, tensorboard)))
    return found


def send_to(place: Place, run: RunDirectory) -> int:
    """Send all finished cells of a run; returns how many were new there.

    Raises:
        UserError: the tracker refuses, or cannot be reached.
    """
    try:
        return send(run, place.open())
    except UserError:
        raise
    except Exception as error:
        raise UserError(
            f"cannot send cells to {place.name}",
            got=reason_of(error),
            fix=f"look at {place.option}; what was sent is kept, and the same command sends the rest",
        ) from error


def reason_of(error: Exception) -> str:
    """The first line of what went wrong, without passwords."""
    lines = str(error).strip().splitlines()
    text = f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
    return without_password(str(error) if isinstance(error, UserError) else text)


def _option(name: str, value: str) -> str:
    return f"--{name} {shlex.quote(value)}"


def _need(name: str, package: str) -> None:
    if importlib.util.find_spec(package) is None:
        raise MissingExtraError(f"export to {name}", package=package, extra=package)
