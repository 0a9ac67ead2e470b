"""Retention against budget: the share of clean alignment that a layer keeps, and the budget that halves it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from matplotlib.lines import Line2D
from matplotlib.transforms import ScaledTranslation

from advwindow.reports.figures.budgets import (
    attack_keys,
    attack_looks,
    dress_shares,
    keys_above,
    labels_of,
    moved,
    name_budgets,
    name_panel,
    panel_grid,
)
from advwindow.reports.figures.illustration import Illustration
from advwindow.reports.figures.panels import figure_of, values
from advwindow.reports.figures.retention_caption import retention_words
from advwindow.reports.reading.retention import retention_points
from advwindow.reports.style import NOISE, house_style
from advwindow.reports.text import short_names

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from advwindow.reports.figures.budgets import Looks
    from advwindow.reports.reading.studies import Study

#: Attacks whose intervals can be told apart in one figure.
MOST_ATTACKS = 4
_COLUMNS, _PANEL, _NAME_WIDTH = 3, 34.0, 34
#: What the axis reaches beyond nothing and everything where intervals do.
_LEAST, _MOST = -0.35, 1.35
#: Where an interval ends that the data do not bound: far outside all panels.
_OPEN = 100.0
_HALF: dict[str, Any] = {"color": NOISE, "linestyle": "--", "linewidth": 0.7}
_LIFE: dict[str, Any] = {"marker": "|", "markersize": 6, "markeredgewidth": 1.2, "linewidth": 1.8}
#: Points from the axis to the first half-life, from there to the next, and the height of a panel.
_FIRST, _STEP, _TALL = 4.0, 4.5, _PANEL / 25.4 * 72
_HALF_KEY, _LIFE_KEY = "half of it", "half-life, 95 %"


def retention(points: pl.DataFrame, *, names: Sequence[str], looks: Looks) -> Figure:
    """Retention against budget, one panel per layer.

    Args:
        points: of `retention_points`, of one norm and at most `MOST_ATTACKS` attacks.
        names: of all layers of the network, in its order.
        looks: of the attacks, by title.
    """
    tables = points.partition_by("layer", maintain_order=True)
    labels = dict(zip(names, short_names(names, _NAME_WIDTH), strict=True))
    with house_style():
        keys = [*labels_of(_attacks(points)), _HALF_KEY, _LIFE_KEY]
        figure, panels = panel_grid(len(tables), columns=_COLUMNS, keys=keys, height=_PANEL)
        limits = _limits(points)
        for place, (axes, table) in enumerate(zip(panels, tables, strict=True)):
            drawn = draw_retention(axes, table, looks=looks)
            axes.set_ylim(limits)
            name_panel(axes, labels[table["layer"][0]])
            axes.set_ylabel(axes.get_ylabel() if place % _COLUMNS == 0 else "")
            axes.set_xlabel(axes.get_xlabel() if place + _COLUMNS >= len(tables) else "")
        keys_above(figure, drawn)
    return figure


def draw_retention(axes: Axes, points: pl.DataFrame, *, looks: Looks) -> dict[str, Artist]:
    """The curves of one layer under attacks of one norm.

    Args:
        axes: where to.
        points: rows of `retention_points` of one layer and norm.
        looks: of the attacks, by title.

    Returns:
        The keys.
    """
    tables = {
        str(table["attack"][0]): table.sort("budget") for table in points.partition_by("attack", maintain_order=True)
    }
    _dress(axes, points)
    for place, (title, table) in enumerate(tables.items()):
        _curve(axes, table, looks[title], (place, len(tables)))
        _life(axes, table.row(0, named=True), looks[title], place)
    keys = attack_keys(list(tables), looks)
    return keys | {_HALF_KEY: Line2D([], [], **_HALF), _LIFE_KEY: Line2D([], [], color=NOISE, **_LIFE)}


def retention_illustration(study: Study) -> list[Illustration]:
    """The figure, pieces of one norm each; none without two budgets or without an aligned layer."""
    points = retention_points(study)
    if points.is_empty():
        return []
    pieces = [piece for table in points.partition_by("norm", maintain_order=True) for piece in _pieces(table)]
    looks = attack_looks(study)
    figures = tuple(retention(piece, names=study.names, looks=looks) for piece in pieces)
    return [Illustration("retention", figures, retention_words(points), points)]


def _pieces(points: pl.DataFrame) -> list[pl.DataFrame]:
    titles = _attacks(points)
    starts = range(0, len(titles), MOST_ATTACKS)
    return [points.filter(pl.col("attack").is_in(titles[start : start + MOST_ATTACKS])) for start in starts]


def _attacks(points: pl.DataFrame) -> list[str]:
    return points["attack"].unique(maintain_order=True).to_list()


def _limits(points: pl.DataFrame) -> tuple[float, float]:
    """Ends of the axis: all intervals that are not absurd, and room for the half-lives below them."""
    ends = [values(points, name) for name in ("retention", "retention_low", "retention_high")]
    known = np.concatenate([end[np.isfinite(end)] for end in ends])
    low, high = max(_LEAST, min(0.0, float(known.min()))) - 0.04, min(_MOST, max(1.04, float(known.max()))) + 0.04
    lanes = (_FIRST + _STEP * points["attack"].n_unique()) / _TALL
    return low - (high - low) * lanes / (1 - lanes), high


def _dress(axes: Axes, points: pl.DataFrame) -> None:
    axes.set_ylim(_limits(points))
    dress_shares(axes, ticks=[0, 0.5, 1], label="clean alignment left")
    budgets = points.filter(pl.col("budget") > 0).select("eps", "budget").unique(maintain_order=True).sort("budget")
    name_budgets(axes, dict(budgets.iter_rows()), far=float(budgets["budget"][-1]))
    axes.axhline(0.5, zorder=1, label="half", **_HALF)


def _curve(axes: Axes, table: pl.DataFrame, style: Mapping[str, Any], place: tuple[int, int]) -> None:
    at, (low, high) = values(table, "budget"), _intervals(table)
    beside = moved(axes, *place)
    axes.vlines(at, low, high, color=style["color"], linewidth=0.7, transform=beside, zorder=3)
    axes.plot(at, values(table, "retention"), label=table["attack"][0], transform=beside, zorder=4, **style)


def _intervals(table: pl.DataFrame) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Ends of the intervals of retention; under an attack an end that is null is one that the data do not bound."""
    measured = (values(table, "budget") > 0) & np.isfinite(values(table, "retention"))
    low, high = (values(table, name) for name in ("retention_low", "retention_high"))
    return np.where(measured & np.isnan(low), -_OPEN, low), np.where(measured & np.isnan(high), _OPEN, high)


def _life(axes: Axes, row: Mapping[str, Any], style: Mapping[str, Any], place: int) -> None:
    """The half-life on the line of one half, and with its interval in a lane above the axis."""
    at, low, high = row["half_life"], row["half_life_low"], row["half_life_high"]
    if low is None or high is None:
        return
    color = style["color"]
    lane = axes.get_xaxis_transform() + ScaledTranslation(
        0, (_FIRST + _STEP * place) / 72, figure_of(axes).dpi_scale_trans
    )
    ends = [max(low, 0.0), min(high, axes.get_xlim()[1])]
    look = {**_LIFE, "marker": "", "color": color, "alpha": 0.45, "solid_capstyle": "butt"}
    axes.plot(ends, [0, 0], label="half-life interval", transform=lane, zorder=4, **look)
    if at is not None:
        axes.plot([at], [0], label="half-life", transform=lane, zorder=5, **{**_LIFE, "color": color, "linestyle": ""})
        axes.plot(
            [at], [0.5], color=color, marker="x", markersize=4.5, linestyle="", zorder=6, label="half-life at half"
        )
