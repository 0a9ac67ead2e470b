"""The figures of a run as files, for papers and web pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from advwindow.reports.illustrations import illustrate
from advwindow.reports.reading import read_studies
from advwindow.reports.style import render
from advwindow.runs import write_bytes

if TYPE_CHECKING:
    from pathlib import Path

    from advwindow.runs import RunDirectory


def save_figures(run: RunDirectory, folder: Path) -> list[Path]:
    """Write every figure of the report as SVG (text as outlines) and as PNG.

    Args:
        run: at least one cell must be finished.
        folder: where to; it is made. Figures of a second study begin with ``study-2-``, a second piece ends in ``-2``.

    Returns:
        The files, SVG before PNG.

    Raises:
        IncompleteError: no cell is finished.
        UserError: the folder cannot be written.
    """
    paths = []
    for place, study in enumerate(read_studies(run), start=1):
        for illustration in illustrate(study):
            for part, piece in enumerate(illustration.pieces, start=1):
                name = f"{f'study-{place}-' if place > 1 else ''}{illustration.name}{f'-{part}' if part > 1 else ''}"
                for kind in ("svg", "png"):
                    paths.append(folder / f"{name}.{kind}")
                    write_bytes(paths[-1], render(piece, kind))
    return paths
