"""The comparison as PDF: data and figures from the runs, typeset by typst; the same bytes from the same runs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from advwindow.reports.document.drawings import drawings
from advwindow.reports.document.typeset import typeset
from advwindow.reports.figures.side_by_side import drawn_budgets, illustrate_comparison
from advwindow.reports.reading.comparison import made, whole
from advwindow.runs import write_bytes

if TYPE_CHECKING:
    from pathlib import Path

    from advwindow.comparison import Comparison


def write_comparison_pdf(comparison: Comparison, path: Path) -> Path:
    """Typeset a comparison: PDF/A-2a and PDF/UA-1, complete without network or installed fonts.

    Args:
        comparison: the whole.
        path: where to; its folder is made.

    Raises:
        UserError: the path cannot be written.
    """
    files: dict[str, bytes] = {}
    figures = drawings(illustrate_comparison(comparison), "figures", files)
    undrawn = len(drawn_budgets(comparison)) < len(comparison.budgets)
    data = {**whole(comparison), "figures": figures, "undrawn": undrawn}
    files["data.json"] = json.dumps(data, ensure_ascii=False, allow_nan=False).encode()
    when = int(made(comparison).timestamp())
    write_bytes(path, typeset("comparison.typ", files, timestamp=when, shared=("house.typ", "compared.typ")))
    return path
