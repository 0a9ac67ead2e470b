"""``advwindow report``: a finished run as PDF and as a page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def report(
    run: Annotated[Path, typer.Argument(help="Folder of a run.")],
    output: Annotated[Path | None, typer.Option("-o", "--output", help="reports/RUN.pdf by default.")] = None,
    html: Annotated[Path | None, typer.Option(help="File to write the same as one HTML page to.")] = None,
    figures: Annotated[Path | None, typer.Option(help="Folder to write each figure to, as SVG and PNG.")] = None,
) -> None:
    """Typeset the report of a run; needs neither model nor images. Prints the PDF's path, then the page's."""
    from advwindow.reports import save_figures, write_html, write_pdf
    from advwindow.runs import RunDirectory

    directory = RunDirectory(run)
    target = output or Path("reports") / f"{directory.path.resolve().name}.pdf"
    write_pdf(directory, target)
    if figures is not None:
        save_figures(directory, figures)
    typer.echo(target)
    if html is not None:
        typer.echo(write_html(directory, html))
