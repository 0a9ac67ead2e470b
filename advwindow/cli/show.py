"""``advwindow show``: a finished run on the terminal."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - typer reads the annotations
from typing import Annotated

import typer


def show(
    run: Annotated[Path, typer.Argument(help="Folder of a run.")],
    *,
    layer: Annotated[
        list[str] | None, typer.Option(metavar="PATTERN", help="Layer, or a pattern such as '*.1?'; may be repeated.")
    ] = None,
    sample: Annotated[
        list[str] | None,
        typer.Option(metavar="ID", help="Id of an image, a pattern of ids, or its number from 0; may be repeated."),
    ] = None,
) -> None:
    """Show a run at a glance: alignment over depth, verdicts, robust accuracy; or some layers and images in full.

    Needs neither model nor images. Heeds the terminal's width and NO_COLOR.
    """
    from rich.console import Console

    from advwindow.reports.terminal.show import show_run
    from advwindow.runs import RunDirectory

    show_run(RunDirectory(run), Console(), layers=layer or [], samples=sample or [])
