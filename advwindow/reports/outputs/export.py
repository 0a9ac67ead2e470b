"""The figures of a run as files, for papers and web pages, each with its data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from advwindow.reports import plot
from advwindow.reports.figures.illustrations import (
    curve_data,
    drawable_curves,
    illustrate,
    reference_data,
    verdict_data,
)
from advwindow.reports.figures.panels import figure_of
from advwindow.reports.reading.findings import headline
from advwindow.reports.reading.studies import read_studies
from advwindow.reports.style import render
from advwindow.runs import write_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import polars as pl
    from matplotlib.figure import Figure

    from advwindow.reports.reading.studies import Study
    from advwindow.runs import RunDirectory

KINDS = ("svg", "pdf", "png")

#: Figures that are drawn for a column, too, besides those against depth.
_WHOLE = ("robustness", "collapse-map", "retention", "concept-map", "matrices")


def save_figures(run: RunDirectory, folder: Path) -> list[Path]:
    """Write every figure of the report as SVG (text as outlines), PDF and PNG, with what is drawn as CSV.

    Figures are 170 mm wide as in the report, with all attacks; those whose names end in ``-column`` are 89 mm wide,
    with the most harmful attack.

    Args:
        run: at least one cell must be finished.
        folder: where to; it is made. Figures of a second study begin with ``study-2-``, a second piece ends in ``-2``.

    Returns:
        The files, by figure: SVG, PDF, PNG of each piece, then the CSV.

    Raises:
        IncompleteError: no cell is finished.
        UserError: the folder cannot be written.
    """
    paths: list[Path] = []
    for place, study in enumerate(read_studies(run), start=1):
        prefix = f"study-{place}-" if place > 1 else ""
        for name, pieces, data in _figures(study):
            for part, piece in enumerate(pieces, start=1):
                stem = f"{prefix}{name}{f'-{part}' if part > 1 else ''}"
                paths += [_write(folder / f"{stem}.{kind}", render(piece, kind)) for kind in KINDS]
            paths.append(_write(folder / f"{prefix}{name}.csv", data.write_csv().encode()))
    return paths


def _figures(study: Study) -> Iterator[tuple[str, Sequence[Figure], pl.DataFrame]]:
    illustrations = illustrate(study)
    for illustration in illustrations:
        yield illustration.name, illustration.pieces, illustration.data
    drawn = {each.name: each.data for each in illustrations}
    worst = headline(study)
    layers = {worst.title: worst.layers}
    yield "verdicts-column", [figure_of(plot.verdicts(study))], verdict_data(study.layers)
    for name, kind in drawable_curves(study).items():
        draw = getattr(plot, name.replace("-", "_"))
        yield f"{name}-column", [figure_of(draw(study))], curve_data(kind, layers)
    if worst.references["reference"].n_unique() > 1:
        clean = reference_data(worst).filter(condition="clean")
        yield "references-column", [figure_of(plot.references(study))], clean
    for name in (each for each in _WHOLE if each in drawn):
        axes = getattr(plot, name.replace("-", "_"))(study)
        yield f"{name}-column", [figure_of(axes[0] if isinstance(axes, list) else axes)], drawn[name]


def _write(path: Path, content: bytes) -> Path:
    write_bytes(path, content)
    return path
