"""The figures of a report: pure functions from tables of layers to figures.

All take the tables by the title of their attack, as `advwindow.reports.reading.studies.Study.layers` gives them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from advwindow.reports.figures.panels import COLUMNS, grid, legend, values
from advwindow.reports.reading.studies import ALPHA, layers_under
from advwindow.reports.style import ATTACK, CLEAN, FAINT, INK, NOISE, house_style

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import polars as pl
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    Layers = Mapping[str, pl.DataFrame]
    Keys = dict[str, Artist]

_LOOK: dict[str, dict[str, Any]] = {
    "clean": {"color": CLEAN, "linestyle": "-", "marker": "o"},
    "noise": {"color": NOISE, "linestyle": "--", "marker": ""},
    "attack": {"color": ATTACK, "linestyle": "-", "marker": "D"},
}
_BAND = 0.1
_CHANCE: dict[str, Any] = {"color": INK, "linestyle": ":", "linewidth": 0.7}
_CEILING: dict[str, Any] = {"color": CLEAN, "linestyle": "-.", "linewidth": 0.7}
_NAMES = {"clean": "clean", "noise": "noise of the same size", "attack": "attack"}


@dataclass(frozen=True)
class Curves:
    """A kind of figure: something against depth, one panel for each attack.

    Attributes:
        ylabel: of the vertical axis; ``{measure}`` stands for the name of the correlation.
        height: of a panel in millimetres, where there are several.
        shown: columns of the table of layers that are drawn.
        conditions: rows of the table of layers that are drawn.
        draw: draws tables into panels that share their axes; returns the keys of what was drawn.
        alone: height of a panel by itself, if another one.
    """

    ylabel: str
    height: float
    shown: tuple[str, ...]
    conditions: tuple[str, ...]
    draw: Callable[[Sequence[Axes], Sequence[pl.DataFrame]], Keys]
    alone: float = 0

    def label(self, measure: str) -> str:
        """The label of the vertical axis."""
        return self.ylabel.format(measure=measure.capitalize())


def small_multiples(kind: Curves, layers: Layers, *, measure: str = "spearman") -> Figure:
    """One panel for each attack, the keys above all of them.

    Args:
        kind: what to draw.
        layers: tables of layers by attack.
        measure: name of the correlation, for the axis.
    """
    names = [str(name) for name in layers_under(next(iter(layers.values())), "clean")["layer"]]
    height = kind.height if len(layers) > 1 or not kind.alone else kind.alone
    with house_style(points=min(COLUMNS, len(layers)) * len(names)):
        figure, panels = grid(list(layers), names, ylabel=kind.label(measure), height=height)
        legend(figure, kind.draw(panels, list(layers.values())))
    return figure


def alignment(layers: Layers, *, measure: str = "spearman") -> Figure:
    """Alignment with words against depth: clean, matched noise, attack; bands hold for all layers at once."""
    return small_multiples(ALIGNMENT, layers, measure=measure)


def two_vs_two(layers: Layers) -> Figure:
    """Share of pairs of concepts told apart, against depth; hollow where not significantly above chance."""
    return small_multiples(TWO_VS_TWO, layers)


def drift(layers: Layers) -> Figure:
    """Clean alignment minus alignment under the attack, with 95 % intervals, beside the drift under noise."""
    return small_multiples(DRIFT, layers)


def beyond_noise(layers: Layers) -> Figure:
    """Drift under the attack minus drift under noise of the same size, with 95 % intervals."""
    return small_multiples(BEYOND_NOISE, layers)


def one_vs_two(layers: Layers) -> Figure:
    """Share of fooled images that a layer still holds closer to the true word than to the wrong one."""
    return small_multiples(ONE_VS_TWO, layers)


def _alignment(panels: Sequence[Axes], tables: Sequence[pl.DataFrame]) -> Keys:
    for axes, table in zip(panels, tables, strict=True):
        _chance_band(axes, layers_under(table, "clean"))
        for condition in ("clean", "attack"):
            _band(axes, layers_under(table, condition), condition, "band_low", "band_high")
        _curves(axes, table, "alignment")
        _dots(axes, layers_under(table, "attack"))
    keys: Keys = {
        "95 % band": Patch(facecolor=CLEAN, alpha=_BAND),
        "chance, 95 %": Line2D([], [], **_CHANCE),
        "drift significant": Line2D([], [], color=INK, marker="v", linestyle="", markersize=3),
    }
    return _condition_keys() | keys | _ceilings(panels, tables)


def _two_vs_two(panels: Sequence[Axes], tables: Sequence[pl.DataFrame]) -> Keys:
    for axes, table in zip(panels, tables, strict=True):
        axes.axhline(0.5, color=NOISE, linewidth=0.6, label="chance")
        _curves(axes, table, "two_vs_two", p_column="two_vs_two_p_adjusted")
    hollow = Line2D([], [], color=INK, marker="o", markerfacecolor="white", linestyle="")
    chance = Line2D([], [], color=NOISE, linewidth=0.6)
    return _condition_keys() | {"chance": chance, "hollow: not above chance": hollow}


def _drift(panels: Sequence[Axes], tables: Sequence[pl.DataFrame]) -> Keys:
    for axes, table in zip(panels, tables, strict=True):
        axes.axhline(0, color=INK, linewidth=0.6)
        noise, attack = layers_under(table, "noise"), layers_under(table, "attack")
        _band(axes, noise, "noise", "drift_ci_low", "drift_ci_high")
        axes.plot(values(noise, "depth"), values(noise, "drift"), label="noise", **_LOOK["noise"])
        _points(axes, attack, "drift", ("drift_ci_low", "drift_ci_high"), _significant(attack, "drift_p_adjusted"))
    noise_key = {"noise of the same size, 95 %": Line2D([], [], **_LOOK["noise"])}
    return _point_keys("attack, 95 %", "hollow: not significant over all layers") | noise_key


def _beyond_noise(panels: Sequence[Axes], tables: Sequence[pl.DataFrame]) -> Keys:
    for axes, table in zip(panels, tables, strict=True):
        axes.axhline(0, color=INK, linewidth=0.6)
        attack = layers_under(table, "attack")
        ends = ("drift_beyond_noise_low", "drift_beyond_noise_high")
        _points(axes, attack, "drift_beyond_noise", ends, values(attack, ends[0]) > 0)
    return _point_keys("attack minus noise, 95 %", "hollow: interval holds zero")


def _one_vs_two(panels: Sequence[Axes], tables: Sequence[pl.DataFrame]) -> Keys:
    for axes, table in zip(panels, tables, strict=True):
        attack = layers_under(table, "attack")
        axes.axhline(0.5, color=NOISE, linewidth=0.6)
        axes.set_ylim(-0.05, 1.05)
        axes.set_yticks([0, 0.5, 1], ["0 %", "50 %", "100 %"])
        _points(axes, attack, "one_vs_two", None, _significant(attack, "one_vs_two_p_adjusted"))
        _note(axes, f"{_most(attack, 'one_vs_two_n')} images")
    return _point_keys("fooled images", "hollow: not significantly below one half")


def _curves(axes: Axes, table: pl.DataFrame, column: str, *, p_column: str = "") -> None:
    for condition, look in _LOOK.items():
        rows = layers_under(table, condition)
        depth, height = values(rows, "depth"), values(rows, column)
        axes.plot(depth, height, label=condition, zorder=3, **{**look, "marker": "" if p_column else look["marker"]})
        if p_column and look["marker"]:
            filled = _significant(rows, p_column) | np.isnan(values(rows, p_column))
            _markers(axes, depth, height, filled, condition)


def _band(axes: Axes, rows: pl.DataFrame, condition: str, low: str, high: str) -> None:
    color = _LOOK[condition]["color"]
    depth, ends = values(rows, "depth"), (values(rows, low), values(rows, high))
    axes.fill_between(depth, *ends, color=color, alpha=_BAND, linewidth=0)
    for end in ends:
        axes.plot(depth, end, color=color, alpha=0.5, linewidth=0.4, label=f"{condition} band")


def _ceilings(panels: Sequence[Axes], tables: Sequence[pl.DataFrame]) -> Keys:
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


def _chance_band(axes: Axes, rows: pl.DataFrame) -> None:
    for end in ("chance_low", "chance_high"):
        axes.plot(values(rows, "depth"), values(rows, end), label="chance", **_CHANCE)
    axes.axhline(0, color=FAINT, linewidth=0.6, zorder=1)


def _dots(axes: Axes, rows: pl.DataFrame) -> None:
    """Marks along the upper edge where the drift is significant."""
    depth = values(rows, "depth")[_significant(rows, "drift_p_adjusted") & (values(rows, "drift") > 0)]
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


def _points(
    axes: Axes, rows: pl.DataFrame, column: str, ends: tuple[str, str] | None, filled: NDArray[np.bool_]
) -> None:
    depth, height = values(rows, "depth"), values(rows, column)
    if ends:
        axes.vlines(depth, values(rows, ends[0]), values(rows, ends[1]), color=ATTACK, linewidth=0.9, zorder=3)
    axes.plot(depth, height, color=ATTACK, linewidth=0.5, label="attack", zorder=3)
    _markers(axes, depth, height, filled, "attack")


def _markers(
    axes: Axes, depth: NDArray[np.float64], height: NDArray[np.float64], filled: NDArray[np.bool_], condition: str
) -> None:
    look = _LOOK[condition]
    for mask, face in ((filled, look["color"]), (~filled, "white")):
        axes.plot(
            depth[mask], height[mask], linestyle="", marker=look["marker"], color=look["color"], markerfacecolor=face,
            markeredgewidth=0.7, zorder=4, label=f"{condition} {'filled' if mask is filled else 'hollow'}",
        )  # fmt: skip


def _significant(rows: pl.DataFrame, column: str) -> NDArray[np.bool_]:
    return values(rows, column) <= ALPHA


def _most(rows: pl.DataFrame, column: str) -> int:
    return int(np.nan_to_num(values(rows, column)).max(initial=0))


def _note(axes: Axes, text: str) -> None:
    axes.text(0.02, 0.06, text, transform=axes.transAxes, ha="left", va="bottom", fontsize=6, color=NOISE)


def _condition_keys() -> Keys:
    return {_NAMES[condition]: Line2D([], [], **look) for condition, look in _LOOK.items()}


def _point_keys(filled: str, hollow: str) -> Keys:
    look: dict[str, Any] = {"color": ATTACK, "marker": "D", "linewidth": 0.9}
    return {filled: Line2D([], [], **look), hollow: Line2D([], [], **look, markerfacecolor="white", linestyle="")}


ALIGNMENT = Curves(
    "alignment ({measure})",
    40,
    ("alignment", "band_low", "band_high", "chance_low", "chance_high", "ceiling", "drift", "drift_p_adjusted"),
    ("clean", "noise", "attack"),
    _alignment,
    alone=32,
)
TWO_VS_TWO = Curves(
    "2 vs 2 accuracy", 34, ("two_vs_two", "two_vs_two_p_adjusted"), ("clean", "noise", "attack"), _two_vs_two
)
DRIFT = Curves(
    "drift (lost alignment)",
    32,
    ("drift", "drift_ci_low", "drift_ci_high", "drift_p_adjusted"),
    ("noise", "attack"),
    _drift,
)
BEYOND_NOISE = Curves(
    "drift beyond noise",
    24,
    ("drift_beyond_noise", "drift_beyond_noise_low", "drift_beyond_noise_high"),
    ("attack",),
    _beyond_noise,
)
ONE_VS_TWO = Curves(
    "closer to true word", 23, ("one_vs_two", "one_vs_two_n", "one_vs_two_p_adjusted"), ("attack",), _one_vs_two
)

#: All of them, by the names of their files.
KINDS = {
    "alignment": ALIGNMENT,
    "two-vs-two": TWO_VS_TWO,
    "drift": DRIFT,
    "beyond-noise": BEYOND_NOISE,
    "one-vs-two": ONE_VS_TWO,
}
