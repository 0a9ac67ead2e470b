"""The figure of references: what else than the first word space a layer's geometry agrees with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl
from matplotlib.lines import Line2D

from advwindow.reports.figures.panels import grid, legend, values
from advwindow.reports.reading.studies import ALPHA
from advwindow.reports.style import FAINT, INK, drawable, house_style
from advwindow.reports.text import shorten
from advwindow.window.references import MEAN, PIXELS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_PIXELS: dict[str, Any] = {"color": "#009E73", "marker": "s", "linestyle": "-"}
_MEAN: dict[str, Any] = {"color": INK, "marker": "", "linestyle": "--", "linewidth": 0.9}
_BEYOND: dict[str, Any] = {"color": INK, "marker": "", "linestyle": ":", "linewidth": 0.9}
_SPACES: tuple[dict[str, Any], ...] = (
    {"color": INK, "marker": "o", "linestyle": "-"},
    {"color": "#CC79A7", "marker": "^", "linestyle": "-"},
    {"color": "#E69F00", "marker": "v", "linestyle": "-"},
    {"color": "#56B4E9", "marker": "P", "linestyle": "-"},
)
_TAKEN = "beyond pixels"
#: Millimetres: the line of keys, what a key needs beside its letters, a letter.
_LINE, _KEY, _LETTER = 152.0, 10.0, 1.3
#: Letters of a name, however little room there is.
_FEWEST = 4


def shown_references(references: pl.DataFrame) -> dict[str, dict[str, Any]]:
    """How to draw each reference: the first four word spaces, their mean, the pixels."""
    names = [str(name) for name in references["reference"].unique(maintain_order=True)]
    spaces = [name for name in names if name not in {MEAN, PIXELS}]
    looks = dict(zip(spaces, _SPACES, strict=False))
    return looks | {name: look for name, look in ((MEAN, _MEAN), (PIXELS, _PIXELS)) if name in names}


def reference_curves(references: pl.DataFrame, names: Sequence[str], *, title: str, measure: str) -> Figure:
    """Alignment with each reference against depth, on clean images and under one attack; hollow where not above chance.

    The dotted line is the first word space with the pixels' geometry taken out.

    Args:
        references: the table of one cell.
        names: of the layers, by depth.
        title: of the attack.
        measure: name of the correlation, for the axis.
    """
    with house_style(points=2 * len(names)):
        figure, panels = grid(["clean images", title], names, ylabel=f"alignment ({measure.capitalize()})", height=34)
        for axes, condition in zip(panels, ("clean", "attack"), strict=True):
            keys = draw_references(axes, references, names, condition=condition)
        legend(figure, keys)
    return figure


def draw_references(
    axes: Axes, references: pl.DataFrame, names: Sequence[str], *, condition: str, room: float = _LINE
) -> dict[str, Line2D]:
    """The references under one condition.

    Args:
        axes: where to.
        references: the table of one cell.
        names: of the layers, by depth.
        condition: ``"clean"``, ``"noise"`` or ``"attack"``.
        room: for one line of keys, in millimetres.

    Returns:
        The keys.
    """
    looks = shown_references(references)
    axes.axhline(0, color=FAINT, linewidth=0.6, zorder=1)
    rows = _by_depth(references.filter(pl.col("condition") == condition), names)
    for name, look in looks.items():
        _curve(axes, rows.filter(pl.col("reference") == name), look, name)
    taken = rows.filter(pl.col("reference") == next(iter(looks)))
    axes.plot(values(taken, "depth"), values(taken, "beyond_pixels"), label=_TAKEN, **_BEYOND)
    return _keys(looks | ({_TAKEN: _BEYOND} if PIXELS in looks else {}), room)


def _keys(looks: dict[str, dict[str, Any]], line: float) -> dict[str, Line2D]:
    """Names as long as one line of keys has room for; numbered where they would be the same."""
    names = {name: {MEAN: "their mean"}.get(name, name) for name in looks}
    letters = (line - _KEY * len(looks)) / _LETTER
    widths = range(60, _FEWEST, -1)
    room = next(
        (width for width in widths if sum(min(len(each), width) for each in names.values()) <= letters), _FEWEST
    )
    keys: dict[str, Line2D] = {}
    for place, (name, look) in enumerate(looks.items(), start=1):
        label = drawable(shorten(names[name], room))
        free = label if label not in keys else drawable(shorten(f"{place}. {names[name]}", room))
        keys[free] = Line2D([], [], **look)
    return keys


def _by_depth(rows: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
    depths = pl.DataFrame({"layer": names, "depth": range(len(names))}, schema={"layer": pl.String, "depth": pl.Int64})
    return rows.join(depths, on="layer").sort("depth")


def _curve(axes: Axes, rows: pl.DataFrame, look: dict[str, Any], name: str) -> None:
    depth, height = values(rows, "depth"), values(rows, "alignment")
    axes.plot(depth, height, label=name, zorder=3, **(look | {"marker": ""}))
    above = values(rows, "alignment_p_adjusted") <= ALPHA
    for mask, face in ((above, look["color"]), (~above, "white")) if look["marker"] else ():
        axes.plot(
            depth[mask], height[mask], linestyle="", marker=look["marker"], color=look["color"], markerfacecolor=face,
            markeredgewidth=0.7, zorder=4, label=f"{name} {'filled' if mask is above else 'hollow'}",
        )  # fmt: skip
