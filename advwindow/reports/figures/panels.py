"""Small multiples: one panel for each attack, depth from left to right, all on the same axes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import matplotlib as mpl
from matplotlib.figure import Figure

from advwindow.reports.style import INK, MM, WIDTH, drawable, tidy
from advwindow.reports.text import short_names, shorten

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    import polars as pl
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

COLUMNS = 3
_LEFT, _RIGHT, _GAP = 14 * MM, 1 * MM, 5 * MM
_TOP, _TITLE = 4 * MM, 6 * MM
#: Room that one letter of a rotated layer name takes.
_LETTER = 1.12 * MM
_NAME_WIDTH = 18
_MOST_NAMES, _NAME_SIZE = 20, 5.5
#: More keys than this stand closer together.
_MOST_KEYS = 6


def grid(titles: Sequence[str], names: Sequence[str], *, ylabel: str, height: float) -> tuple[Figure, list[Axes]]:
    """A figure with one panel per title, layers named below the lowest panels.

    Args:
        titles: one per panel.
        names: of the layers, by depth.
        ylabel: of all panels.
        height: of a panel in millimetres.
    """
    columns = min(COLUMNS, len(titles))
    rows = math.ceil(len(titles) / columns)
    labels, bottom = axis_names(names), names_height(names)
    total = _TOP + rows * (height * MM + _TITLE) + bottom
    figure = Figure(figsize=(WIDTH, total))
    width = (WIDTH - _LEFT - _RIGHT - (columns - 1) * _GAP) / columns
    panels: list[Axes] = []
    for place, title in enumerate(titles):
        row, column = divmod(place, columns)
        left = _LEFT + column * (width + _GAP)
        base = total - _TOP - (row + 1) * (height * MM + _TITLE)
        box = (left / WIDTH, base / total, width / WIDTH, height * MM / total)
        axes = figure.add_axes(box, sharex=panels[0] if panels else None, sharey=panels[0] if panels else None)
        _dress(axes, drawable(shorten(title, 34)), ylabel if column == 0 else "")
        axes.tick_params(axis="x", labelbottom=place + columns >= len(titles))
        panels.append(axes)
    _name_layers(panels[0], labels)  # of all, as they share their axis
    for axes in panels:
        axes.tick_params(axis="x", labelrotation=90, labelsize=_NAME_SIZE)
    return figure, panels


def values(rows: pl.DataFrame, column: str) -> NDArray[np.float64]:
    """A column as numbers, NaN where there is none."""
    return rows[column].cast(float).fill_null(math.nan).to_numpy()


def legend(figure: Figure, handles: Mapping[str, Artist]) -> None:
    """One line of keys above all panels."""
    figure.legend(
        list(handles.values()),
        list(handles),
        loc="upper left",
        bbox_to_anchor=(_LEFT / WIDTH, 0.995),
        bbox_transform=figure.transFigure,
        ncols=len(handles),
        frameon=False,
        borderaxespad=0.1,
        borderpad=0,
        handlelength=1.8,
        columnspacing=1.6 if len(handles) <= _MOST_KEYS else 0.9,
        handletextpad=0.5,
    )


def alone(axes: Axes, names: Sequence[str], *, ylabel: str) -> None:
    """Make axes that stand by themselves into a panel: layers named below, nothing above.

    Args:
        axes: empty ones.
        names: of the layers, by depth.
        ylabel: of the vertical axis.
    """
    _dress(axes, "", ylabel)
    _name_layers(axes, axis_names(names))
    axes.tick_params(axis="x", labelrotation=90, labelsize=_NAME_SIZE)


def axis_names(names: Sequence[str]) -> list[str]:
    """Names of layers as an axis shows them."""
    return [drawable(name) for name in short_names(names, _NAME_WIDTH)]


def names_height(names: Sequence[str]) -> float:
    """Inches that the names of layers take below a panel."""
    return 2.5 * MM + _LETTER * max(len(label) for label in axis_names(names))


def figure_of(axes: Axes) -> Figure:
    """The whole figure that axes are in."""
    figure = axes.get_figure(root=True)
    assert figure is not None
    return figure


def _dress(axes: Axes, title: str, ylabel: str) -> None:
    tidy(axes)
    axes.set_title(title, loc="left", fontsize=7, fontweight="bold", color=INK, pad=3)
    axes.set_ylabel(ylabel)
    # The size is told to the ticks themselves: else matplotlib asks the settings of whoever saves the figure, and
    # chooses ticks that the layout had no room for.
    axes.tick_params(axis="y", labelleft=bool(ylabel), labelsize=mpl.rcParams["font.size"])
    axes.grid(axis="y", linewidth=0.3, color="#DDDDDD")
    axes.set_axisbelow(True)


def _name_layers(axes: Axes, labels: Sequence[str]) -> None:
    step = math.ceil(len(labels) / _MOST_NAMES)
    places = list(range(0, len(labels), step))
    axes.set_xlim(-0.6, len(labels) - 0.4)
    axes.set_xticks(places, [labels[place] for place in places])
