"""Cells of a map and the marks in them, drawn in few shapes whatever their number."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.patches import PathPatch
from matplotlib.path import Path

from advwindow.reports.style import MARKS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes

    Cells = list[tuple[int, int]]

#: What a verdict looks like where there is no room for its letter.
DOTS: dict[str, dict[str, Any]] = {
    "eroded": {"marker": "o", "markersize": 1.6}, "collapsed": {"marker": "s", "markersize": 2.6},
    "hijacked": {"marker": "^", "markersize": 2.6},
}  # fmt: skip


def fill(axes: Axes, places: Cells, look: Mapping[str, Any], *, joined: bool) -> None:
    """Cells as one shape: small files, whatever their number.

    Args:
        axes: where to.
        places: column and row of each.
        look: of the shape.
        joined: whether neighbours in a row become one.
    """
    runs = _runs(places) if joined else [(column, row, 1) for column, row in places]
    left, top, wide = np.asarray(runs, float).T
    x, y = np.stack([left, left + wide, left + wide, left, left], 1), np.stack([top, top, top + 1, top + 1, top], 1)
    codes = np.tile([Path.MOVETO, Path.LINETO, Path.LINETO, Path.LINETO, Path.CLOSEPOLY], len(runs))
    patch = PathPatch(Path(np.stack([x, y], 2).reshape(-1, 2), codes), **look)
    axes.add_artist(patch)  # unlike add_patch it does not look at every segment for limits, which are known


def write(axes: Axes, at: tuple[int, int], kinds: Sequence[str], *, ink: str, size: float) -> None:
    """The letters of verdicts in a cell.

    Args:
        axes: where to.
        at: column and row.
        kinds: verdicts; those without a mark are not written.
        ink: colour of the letters.
        size: of the letters in points.
    """
    text = "".join(MARKS[kind].letter for kind in kinds if kind in DOTS)
    look: dict[str, Any] = {"ha": "center", "va": "center_baseline", "fontsize": size, "fontweight": "bold"}
    if text:
        axes.text(at[0] + 0.5, at[1] + 0.5, text, color=ink, **look)


def dot(axes: Axes, places: Cells, kind: str, *, ink: str) -> None:
    """A verdict's mark in the middle of cells."""
    x, y = (np.asarray(places, float) + 0.5).T
    axes.plot(x, y, color=ink, linestyle="", markeredgewidth=0, label=kind, **DOTS[kind])


def _runs(places: Cells) -> list[tuple[int, int, int]]:
    """Column, row and length of what stands side by side."""
    found: list[tuple[int, int, int]] = []
    for column, row in sorted(places, key=lambda at: (at[1], at[0])):
        if found and (start := found[-1])[1] == row and start[0] + start[2] == column:
            found[-1] = (start[0], row, start[2] + 1)
        else:
            found.append((column, row, 1))
    return found
