"""What curves over depth are drawn with: lines, bands, marks and the keys that explain them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.lines import Line2D

from advwindow.reports.figures.panels import values
from advwindow.reports.reading.studies import ALPHA, layers_under
from advwindow.reports.style import ATTACK, CLEAN, FAINT, INK, NOISE

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    Keys = dict[str, Artist]

LOOK: dict[str, dict[str, Any]] = {
    "clean": {"color": CLEAN, "linestyle": "-", "marker": "o"},
    "noise": {"color": NOISE, "linestyle": "--", "marker": ""},
    "attack": {"color": ATTACK, "linestyle": "-", "marker": "D"},
}
BAND = 0.1
CHANCE: dict[str, Any] = {"color": INK, "linestyle": ":", "linewidth": 0.7}
_CEILING: dict[str, Any] = {"color": CLEAN, "linestyle": "-.", "linewidth": 0.7}
_NAMES = {"clean": "clean", "noise": "noise of the same size", "attack": "attack"}


def curves(axes: Axes, table: pl.DataFrame, column: str, *, p_column: str = "") -> None:
    """Every condition of a table against depth; marks are hollow where a column of p-values says not significant."""
    for condition, look in LOOK.items():
        rows = layers_under(table, condition)
        depth, height = values(rows, "depth"), values(rows, column)
        axes.plot(depth, height, label=condition, zorder=3, **{**look, "marker": "" if p_column else look["marker"]})
        if p_column and look["marker"]:
            filled = significant(rows, p_column) | np.isnan(values(rows, p_column))
            _markers(axes, depth, height, filled, condition)


def band(axes: Axes, rows: pl.DataFrame, condition: str, low: str, high: str) -> None:
    """A tinted band between two columns, with its edges."""
    color = LOOK[condition]["color"]
    depth, ends = values(rows, "depth"), (values(rows, low), values(rows, high))
    axes.fill_between(depth, *ends, color=color, alpha=BAND, linewidth=0)
    for end in ends:
        axes.plot(depth, end, color=color, alpha=0.5, linewidth=0.4, label=f"{condition} band")


def ceilings(panels: Sequence[Axes], tables: Sequence[pl.DataFrame]) -> Keys:
    """Noise ceilings of clean layers, where they lie inside the panels: they must not squeeze the curves.

    Returns:
        Their key, if one can be seen.
    """
    limits = panels[0].get_ylim()
    seen = False
    for axes, table in zip(panels, tables, strict=True):
        rows = layers_under(table, "clean")
        ceiling = values(rows, "ceiling")
        axes.plot(values(rows, "depth"), ceiling, label="ceiling", **_CEILING)
        seen |= bool((ceiling < limits[1]).any())
    panels[0].set_ylim(limits)
    return {"noise ceiling": Line2D([], [], **_CEILING)} if seen else {}


def chance_band(axes: Axes, rows: pl.DataFrame) -> None:
    """Both ends of what chance gives, and the line of none."""
    for end in ("chance_low", "chance_high"):
        axes.plot(values(rows, "depth"), values(rows, end), label="chance", **CHANCE)
    axes.axhline(0, color=FAINT, linewidth=0.6, zorder=1)


def drift_dots(axes: Axes, rows: pl.DataFrame) -> None:
    """Marks along the upper edge where the drift is significant."""
    depth = values(rows, "depth")[significant(rows, "drift_p_adjusted") & (values(rows, "drift") > 0)]
    heights = np.full(len(depth), 0.97)
    transform = axes.get_xaxis_transform()
    axes.plot(
        depth,
        heights,
        transform=transform,
        color=INK,
        marker="v",
        linestyle="",
        markersize=3,
        label="drift significant",
    )


def points(
    axes: Axes, rows: pl.DataFrame, column: str, ends: tuple[str, str] | None, filled: NDArray[np.bool_]
) -> None:
    """The attack against depth, with intervals where there are ends; hollow where not filled."""
    depth, height = values(rows, "depth"), values(rows, column)
    if ends:
        axes.vlines(depth, values(rows, ends[0]), values(rows, ends[1]), color=ATTACK, linewidth=0.9, zorder=3)
    axes.plot(depth, height, color=ATTACK, linewidth=0.5, label="attack", zorder=3)
    _markers(axes, depth, height, filled, "attack")


def _markers(
    axes: Axes, depth: NDArray[np.float64], height: NDArray[np.float64], filled: NDArray[np.bool_], condition: str
) -> None:
    look = LOOK[condition]
    for mask, face in ((filled, look["color"]), (~filled, "white")):
        axes.plot(
            depth[mask], height[mask], linestyle="", marker=look["marker"], color=look["color"], markerfacecolor=face,
            markeredgewidth=0.7, zorder=4, label=f"{condition} {'filled' if mask is filled else 'hollow'}",
        )  # fmt: skip


def significant(rows: pl.DataFrame, column: str) -> NDArray[np.bool_]:
    """``(layers,)`` which adjusted p-values of a column are small."""
    return values(rows, column) <= ALPHA


def most(rows: pl.DataFrame, column: str) -> int:
    """The largest whole number of a column; 0 where it has none."""
    return int(np.nan_to_num(values(rows, column)).max(initial=0))


def note(axes: Axes, text: str) -> None:
    """A small remark in the lower left corner."""
    axes.text(0.02, 0.06, text, transform=axes.transAxes, ha="left", va="bottom", fontsize=6, color=NOISE)


def condition_keys() -> Keys:
    """Keys of clean images, noise and attack."""
    return {_NAMES[condition]: Line2D([], [], **look) for condition, look in LOOK.items()}


def point_keys(filled: str, hollow: str) -> Keys:
    """Keys of filled and hollow marks of the attack."""
    look: dict[str, Any] = {"color": ATTACK, "marker": "D", "linewidth": 0.9}
    return {filled: Line2D([], [], **look), hollow: Line2D([], [], **look, markerfacecolor="white", linestyle="")}
