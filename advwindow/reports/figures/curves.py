"""The figures of a report: pure functions from tables of layers to figures.

All take the tables by the title of their attack, as `advwindow.reports.reading.studies.Study.layers` gives them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from advwindow.reports.figures.panels import COLUMNS, grid, legend, values
from advwindow.reports.figures.strokes import (
    BAND,
    CHANCE,
    LOOK,
    band,
    ceilings,
    chance_band,
    condition_keys,
    curves,
    drift_dots,
    most,
    note,
    point_keys,
    points,
    significant,
)
from advwindow.reports.reading.studies import layers_under
from advwindow.reports.style import CLEAN, INK, NOISE, house_style

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import polars as pl
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    Layers = Mapping[str, pl.DataFrame]
    Keys = dict[str, Artist]


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
        chance_band(axes, layers_under(table, "clean"))
        for condition in ("clean", "attack"):
            band(axes, layers_under(table, condition), condition, "band_low", "band_high")
        curves(axes, table, "alignment")
        drift_dots(axes, layers_under(table, "attack"))
    keys: Keys = {
        "95 % band": Patch(facecolor=CLEAN, alpha=BAND),
        "chance, 95 %": Line2D([], [], **CHANCE),
        "drift significant": Line2D([], [], color=INK, marker="v", linestyle="", markersize=3),
    }
    return condition_keys() | keys | ceilings(panels, tables)


def _two_vs_two(panels: Sequence[Axes], tables: Sequence[pl.DataFrame]) -> Keys:
    for axes, table in zip(panels, tables, strict=True):
        axes.axhline(0.5, color=NOISE, linewidth=0.6, label="chance")
        curves(axes, table, "two_vs_two", p_column="two_vs_two_p_adjusted")
    hollow = Line2D([], [], color=INK, marker="o", markerfacecolor="white", linestyle="")
    chance = Line2D([], [], color=NOISE, linewidth=0.6)
    return condition_keys() | {"chance": chance, "hollow: not above chance": hollow}


def _drift(panels: Sequence[Axes], tables: Sequence[pl.DataFrame]) -> Keys:
    for axes, table in zip(panels, tables, strict=True):
        axes.axhline(0, color=INK, linewidth=0.6)
        noise, attack = layers_under(table, "noise"), layers_under(table, "attack")
        band(axes, noise, "noise", "drift_ci_low", "drift_ci_high")
        axes.plot(values(noise, "depth"), values(noise, "drift"), label="noise", **LOOK["noise"])
        points(axes, attack, "drift", ("drift_ci_low", "drift_ci_high"), significant(attack, "drift_p_adjusted"))
    noise_key = {"noise of the same size, 95 %": Line2D([], [], **LOOK["noise"])}
    return point_keys("attack, 95 %", "hollow: not significant over all layers") | noise_key


def _beyond_noise(panels: Sequence[Axes], tables: Sequence[pl.DataFrame]) -> Keys:
    for axes, table in zip(panels, tables, strict=True):
        axes.axhline(0, color=INK, linewidth=0.6)
        attack = layers_under(table, "attack")
        ends = ("drift_beyond_noise_low", "drift_beyond_noise_high")
        points(axes, attack, "drift_beyond_noise", ends, values(attack, ends[0]) > 0)
    return point_keys("attack minus noise, 95 %", "hollow: interval not above zero")


def _one_vs_two(panels: Sequence[Axes], tables: Sequence[pl.DataFrame]) -> Keys:
    for axes, table in zip(panels, tables, strict=True):
        attack = layers_under(table, "attack")
        axes.axhline(0.5, color=NOISE, linewidth=0.6)
        axes.set_ylim(-0.05, 1.05)
        axes.set_yticks([0, 0.5, 1], ["0 %", "50 %", "100 %"])
        points(axes, attack, "one_vs_two", None, significant(attack, "one_vs_two_p_adjusted"))
        note(axes, f"{most(attack, 'one_vs_two_n')} images")
    return point_keys("fooled images", "hollow: not significantly below one half")


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
