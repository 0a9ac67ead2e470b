"""``advwindow report``: a finished run as PDF, page, figures, tables and events."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from advwindow.reports.outputs.places import Place
    from advwindow.runs import RunDirectory


def report(
    run: Annotated[Path, typer.Argument(help="Folder of a run.")],
    output: Annotated[Path | None, typer.Option("-o", "--output", help="reports/RUN.pdf by default.")] = None,
    html: Annotated[Path | None, typer.Option(help="File to write the same as one HTML page to.")] = None,
    figures: Annotated[
        Path | None, typer.Option(help="Folder to write each figure to, as SVG, PDF and PNG, with its data as CSV.")
    ] = None,
    json: Annotated[Path | None, typer.Option(help="File to write all findings to, see docs/outputs.md.")] = None,
    markdown: Annotated[Path | None, typer.Option(help="File to write a summary to.")] = None,
    latex: Annotated[Path | None, typer.Option(help="File to write tables for a paper to.")] = None,
    mlflow: Annotated[
        str, typer.Option(metavar="URI", help="MLflow store to add the cells to, e.g. sqlite:///mlflow.db.")
    ] = "",
    tensorboard: Annotated[Path | None, typer.Option(help="Folder of TensorBoard events to add the cells to.")] = None,
) -> None:
    """Typeset the report of a run; needs neither model nor images. Prints the PDF's path, then the page's.

    With other outputs and without -o, only these are written.
    """
    from advwindow.reports import save_figures, write_html, write_pdf
    from advwindow.reports.outputs.places import sending_places
    from advwindow.runs import RunDirectory

    directory = RunDirectory(run)
    places = sending_places(mlflow=mlflow, tensorboard=tensorboard)
    if output is not None or not any((html, figures, json, markdown, latex, mlflow, tensorboard)):
        typer.echo(write_pdf(directory, output or Path("reports") / f"{directory.path.resolve().name}.pdf"))
    if figures is not None:
        save_figures(directory, figures)
    _write_texts(directory, json=json, markdown=markdown, latex=latex)
    if html is not None:
        typer.echo(write_html(directory, html))
    _send(directory, places)


def _write_texts(run: RunDirectory, *, json: Path | None, markdown: Path | None, latex: Path | None) -> None:
    from advwindow.reports.outputs.markdown import summary_latex, summary_markdown
    from advwindow.reports.outputs.summary import summary_json
    from advwindow.runs import write_bytes

    for path, make in ((json, summary_json), (markdown, summary_markdown), (latex, summary_latex)):
        if path is not None:
            write_bytes(path, make(run).encode())


def _send(run: RunDirectory, places: Sequence[Place]) -> None:
    """Last of all, as a store may be far away: the files are written by then."""
    from advwindow.reports.outputs.places import send_to
    from advwindow.reports.reading.studies import read_studies
    from advwindow.reports.text import count

    if places:
        read_studies(run)  # refuses a run without any finished cell
    for place in places:
        new, done = send_to(place, run), len(run.done())
        typer.echo(f"{place.name}: {count(new, 'new cell')}, {done - new} there already", err=True)
