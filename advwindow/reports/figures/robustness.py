"""Robustness curves: what is left of accuracy as the budget grows, for every attack and for all of them together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

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
from advwindow.reports.figures.panels import values
from advwindow.reports.figures.robustness_caption import robustness_words
from advwindow.reports.reading.budgets import families
from advwindow.reports.reading.robustness import WORST, robustness_points, stepped
from advwindow.reports.style import FAINT, INK, house_style
from advwindow.reports.text import norm_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.transforms import Transform

    from advwindow.reports.figures.budgets import Looks
    from advwindow.reports.reading.studies import Study

#: Attacks that one figure can tell apart: six colours, each with a full and a dashed line.
MOST_ATTACKS = 12

_WORST: dict[str, Any] = {"color": INK, "linestyle": "-", "marker": "", "linewidth": 2.2}
_CLEAN: dict[str, Any] = {"color": INK, "marker": "o", "markersize": 4, "linestyle": ""}
_BAND = 0.12
_PANEL = 46.0
#: Marks on a survival curve, the last where it falls for the last time.
_MARKS = 6


def robustness(points: pl.DataFrame, *, looks: Looks) -> Figure:
    """Robust accuracy against budget, one panel per norm, the keys above.

    Args:
        points: of `robustness_points`, of at most `MOST_ATTACKS` attacks.
        looks: of the attacks, by title.
    """
    tables = points.partition_by("norm", maintain_order=True)
    with house_style():
        names = [*labels_of(_attacks(points)), WORST, *_clean_keys()]
        figure, panels = panel_grid(len(tables), columns=2, keys=names, height=_PANEL)
        keys: dict[str, Artist] = {}
        for axes, table in zip(panels, tables, strict=True):
            name_panel(axes, norm_name(table["norm"][0]))
            keys |= draw_robustness(axes, table, looks=looks)
            axes.set_ylabel(axes.get_ylabel() if axes in panels[::2] else "")
        attacks = attack_keys(_attacks(points), looks)
        keys_above(figure, attacks | {name: keys[name] for name in names if name in keys and name not in attacks})
    return figure


def draw_robustness(axes: Axes, points: pl.DataFrame, *, looks: Looks) -> dict[str, Artist]:
    """The curves of one norm.

    Args:
        axes: where to.
        points: rows of `robustness_points` of one norm.
        looks: of the attacks, by title.

    Returns:
        The keys.
    """
    _dress(axes, points)
    tables = {str(table["attack"][0]): table for table in points.partition_by("attack", maintain_order=True)}
    fixed = [title for title, table in tables.items() if table["kind"][0] == "budget"]
    for title, table in tables.items():
        if title in fixed:
            _bars(axes, table, looks[title], moved(axes, fixed.index(title), len(fixed)))
        elif title in looks:
            _steps(axes, table, looks[title], _BAND / 1.5)
        else:
            _worst(axes, table)
    _clean(axes, points)
    worst: dict[str, Artist] = {WORST: Line2D([], [], **_WORST)} if WORST in tables else {}
    return attack_keys(_attacks(points), looks) | worst | _clean_keys()


def robustness_illustration(study: Study) -> list[Illustration]:
    """The figure; none where no attack has several budgets or seeks the smallest perturbation."""
    found = families(study)
    if not any(family.minimal or family.several for family in found):
        return []
    points, looks = robustness_points(study), attack_looks(study)
    titles = list(looks)
    pieces = (titles[start : start + MOST_ATTACKS] for start in range(0, len(titles), MOST_ATTACKS))
    figures = tuple(robustness(_of(points, piece), looks=looks) for piece in pieces)
    return [Illustration("robustness", figures, robustness_words(points), points)]


def _attacks(points: pl.DataFrame) -> list[str]:
    return points.filter(pl.col("kind") != "worst")["attack"].unique(maintain_order=True).to_list()


def _of(points: pl.DataFrame, titles: Sequence[str]) -> pl.DataFrame:
    """Points of some attacks; those of all together stay where some attack of their norm does."""
    own = points.filter((pl.col("kind") != "worst") & pl.col("attack").is_in(titles))
    return points.filter(
        pl.col("norm").is_in(own["norm"].unique().to_list())
        & ((pl.col("kind") == "worst") | pl.col("attack").is_in(titles))
    )


def _dress(axes: Axes, points: pl.DataFrame) -> None:
    axes.set_ylim(-0.03, 1.03)
    dress_shares(axes, ticks=[0, 0.25, 0.5, 0.75, 1], label="robust accuracy")
    written = points.filter((pl.col("eps") != "") & (pl.col("budget") > 0))
    budgets = dict(written.select("eps", "budget").unique(maintain_order=True).sort("budget").iter_rows())
    far = float(points["budget"].max() or 1.0)  # type: ignore[arg-type]  # a column of floats
    name_budgets(axes, budgets, far=min(far, 2 * max(budgets.values())) if budgets else far)


def _bars(axes: Axes, table: pl.DataFrame, look: Mapping[str, Any], at: Transform) -> None:
    budget, height = values(table, "budget"), values(table, "robust")
    inside = budget > 0  # clean accuracy is everybody's
    marked = np.flatnonzero(inside).tolist()
    axes.plot(budget, height, transform=at, label=table["attack"][0], zorder=4, markevery=marked, **look)
    ends = values(table, "low")[inside], values(table, "high")[inside]
    axes.vlines(budget[inside], *ends, color=look["color"], linewidth=0.7, transform=at, zorder=3)


def _steps(axes: Axes, table: pl.DataFrame, look: Mapping[str, Any], alpha: float, zorder: int = 4) -> None:
    """A survival curve: it falls at each distance and stays as it is to the end of the axis."""
    reached = values(table, "budget")
    at = np.append(reached, max(axes.get_xlim()[1], reached[-1]))
    height, low, high = (np.append(found := values(table, column), found[-1]) for column in ("robust", "low", "high"))
    axes.fill_between(at, low, high, step="post", color=look["color"], alpha=alpha, linewidth=0, zorder=2)
    marked = np.unique(np.linspace(0, len(reached) - 1, _MARKS + 1).round().astype(int))[1:].tolist()
    axes.plot(
        at, height, label=table["attack"][0], drawstyle="steps-post", zorder=zorder, markevery=marked, **look
    )  # fmt: skip


def _worst(axes: Axes, table: pl.DataFrame) -> None:
    if stepped(table):
        _steps(axes, table, _WORST, _BAND, zorder=3)
        return
    at = values(table, "budget")
    axes.fill_between(at, values(table, "low"), values(table, "high"), color=INK, alpha=_BAND, linewidth=0, zorder=1)
    axes.plot(at, values(table, "robust"), label=WORST, zorder=3, **_WORST)


def _clean(axes: Axes, points: pl.DataFrame) -> None:
    first = points.row(0, named=True)
    axes.axhline(first["robust"], color=FAINT, linewidth=0.6, linestyle=":", zorder=1)
    axes.vlines([0], first["low"], first["high"], color=INK, linewidth=0.9, zorder=5)
    axes.plot([0], [first["robust"]], label="clean", zorder=6, **_CLEAN)


def _clean_keys() -> dict[str, Artist]:
    band = Patch(facecolor=INK, alpha=2 * _BAND, linewidth=0)
    return {"clean images": Line2D([], [], **_CLEAN), "bars and bands: 95 %": band}
