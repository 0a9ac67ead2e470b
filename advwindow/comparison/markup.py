"""Tables of text as Markdown and LaTeX, with every special character escaped."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl

_LATEX = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}", '"': "''", "`": r"\textasciigrave{}", "–": "--", "−": "$-$",
    "∞": r"$\infty$", "₂": "$_2$", "…": r"\ldots{}", "·": r"\textperiodcentered{}",
}  # fmt: skip


def markdown_table(table: pl.DataFrame) -> str:
    r"""A pipe table; pipes, line breaks and marks of emphasis, code, links and tags in a cell are escaped.

    Example:
        >>> import polars as pl
        >>> print(markdown_table(pl.DataFrame({"a|b": ["1"]})))
        | a\|b |
        | --- |
        | 1 |
    """
    rows = [table.columns, ["---"] * table.width, *table.iter_rows()]
    return "\n".join(_line([cell if place == 1 else markdown(cell) for cell in row]) for place, row in enumerate(rows))


def markdown(text: str) -> str:
    """Text that Markdown shows as it is, on one line."""
    return re.sub(r"([\\`*_\[\]<>|#~&$])", r"\\\1", _flat(text))


def latex_table(table: pl.DataFrame, *, caption: str = "", label: str = "") -> str:
    r"""A ``table`` environment with a ``booktabs`` tabular; columns of numbers stand to the right.

    Args:
        table: of text.
        caption: above the table, as plain text.
        label: for ``\ref``; letters, digits and hyphens.
    """
    columns = "".join("r" if _numeric(table[name].to_list()) else "l" for name in table.columns)
    lines = [
        r"\begin{table}",
        r"\centering",
        *([rf"\caption{{{latex(caption)}}}"] if caption else []),
        *([rf"\label{{{label}}}"] if label else []),
        rf"\begin{{tabular}}{{{columns}}}",
        r"\toprule",
        _row(table.columns),
        r"\midrule",
        *(_row(row) for row in table.iter_rows()),
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"


def latex(text: str) -> str:
    r"""Text that LaTeX sets as it is, also where it begins a row of a table; hyphens do not join to dashes.

    Example:
        >>> latex("50 % of a_b")
        '50 \\% of a\\_b'
    """
    parts = re.split(r"(?<=-)(?=-)", _flat(text))
    escaped = "{}".join("".join(_LATEX.get(character, character) for character in part) for part in parts)
    return f"{{{escaped[0]}}}{escaped[1:]}" if escaped[:1] in {"[", "*"} else escaped


def _numeric(cells: Sequence[str]) -> bool:
    return bool(cells) and all(re.match(r"[+<>−-]?\d|–$", cell) for cell in cells)


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _row(cells: Sequence[str]) -> str:
    return " & ".join(latex(cell) for cell in cells) + r" \\"


def _flat(text: str) -> str:
    return " ".join(text.split())
