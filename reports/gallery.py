"""The pictures of the README from a finished run: ``python reports/gallery.py runs/gallery``, or ``make gallery``."""

from __future__ import annotations

import sys
from pathlib import Path

import pypdfium2 as pdfium  # type: ignore[import-untyped]  # it has no stubs
from PIL import ImageOps

import advwindow as aw
from advwindow.reports import write_pdf
from advwindow.reports.style import render

HERE = Path(__file__).parent
FIGURES = HERE / "figures"
#: Pixels per point of the first page.
SCALE = 1.6


def first_page(pdf: Path, path: Path) -> None:
    """The first page as PNG in a thin frame."""
    with pdfium.PdfDocument(pdf) as document:
        page = document[0].render(scale=SCALE).to_pil()
    ImageOps.expand(page, border=1, fill="#C8C8C8").save(path, optimize=True)


def main(folder: str) -> None:
    """Write the sample report, its first page, and the figures that the README shows."""
    run = aw.open_run(folder)
    pdf = write_pdf(run.directory, HERE / "sample.pdf")
    first_page(pdf, FIGURES / "first-page.png")
    for name in ("alignment", "collapse_map"):
        axes = getattr(aw.plot, name)(run, width="page")
        (FIGURES / f"{name.replace('_', '-')}.png").write_bytes(render(axes.figure, "png"))


if __name__ == "__main__":
    main(sys.argv[1])
