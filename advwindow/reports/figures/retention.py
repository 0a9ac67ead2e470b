"""Retention against budget: the share of clean alignment that a layer keeps, and the budget that halves it."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from matplotlib.lines import Line2D
from matplotlib.transforms import ScaledTranslation

from advwindow.reports.figures.captions import Words
from advwindow.reports.figures.panels import figure_of, values
from advwindow.reports.figures.robustness import (
    families,
    key_lines,
    keys_above,
    labels_of,
    look,
    moved,
    name_budgets,
    panel_grid,
    size_of,
)
from advwindow.reports.reading.findings import headline
from advwindow.reports.style import INK, NOISE, drawable, house_style, tidy
from advwindow.reports.text import count, listing, norm_name, percent, printable, short_names

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from advwindow.reports.figures.robustness import Family, Looks
    from advwindow.reports.reading.studies import Attacked, Study

#: Rows of `retention_points`.
POINTS: dict[str, type[pl.DataType]] = {
    "norm": pl.String, "attack": pl.String, "layer": pl.String, "depth": pl.Int64, "eps": pl.String,
    "budget": pl.Float64, "retention": pl.Float64, "retention_low": pl.Float64, "retention_high": pl.Float64,
    "half_life": pl.Float64, "half_life_low": pl.Float64, "half_life_high": pl.Float64, "half_life_text": pl.String,
}  # fmt: skip

#: Layers that are drawn, and attacks whose intervals can be told apart in one figure.
MOST_LAYERS, MOST_ATTACKS = 6, 4
_MOST_TOLD = 3
_COLUMNS, _PANEL, _NAME_WIDTH = 3, 34.0, 34
#: What the axis reaches beyond nothing and everything where intervals do.
_LEAST, _MOST = -0.35, 1.35
_HALF: dict[str, Any] = {"color": NOISE, "linestyle": "--", "linewidth": 0.7}
_LIFE: dict[str, Any] = {"marker": "|", "markersize": 6, "markeredgewidth": 1.2, "linewidth": 1.8}
#: Points from the axis to the first half-life, from there to the next, and the height of a panel.
_FIRST, _STEP, _TALL = 4.0, 4.5, _PANEL / 25.4 * 72
_HALF_KEY, _LIFE_KEY = "half of it", "half-life, 95 %"


def retention_points(study: Study) -> pl.DataFrame:
    """What the figure draws: retention with its 95 % interval, one row per attack, layer and budget.

    Attacks are those made within two budgets or more. Layers are at most `MOST_LAYERS`, evenly spread over those that
    are aligned with words on clean images, as the table of half-lives chooses them. At budget 0 retention is 1. The
    half-life of the layer under the attack, `advwindow.runs.run_half_lives`, stands in each of its rows: null where it
    lies outside the budgets; an end of its interval is 0 or infinite where the data do not bound it.
    """
    chosen = _layers(study)
    several = [family for family in families(study) if len({size_of(each) for each in family.attacks}) > 1]
    if not (chosen and several):
        return pl.DataFrame(schema=POINTS)
    lives = study.half_lives
    rows = [row for family in several for layer in chosen for row in _rows(family, layer, lives)]
    return pl.DataFrame(rows, schema=POINTS)


def retention(points: pl.DataFrame, *, names: Sequence[str]) -> Figure:
    """Retention against budget, one panel per layer.

    Args:
        points: of `retention_points`, of one norm and at most `MOST_ATTACKS` attacks.
        names: of all layers of the network, in its order.
    """
    tables = points.partition_by("layer", maintain_order=True)
    labels = dict(zip(names, short_names(names, _NAME_WIDTH), strict=True))
    looks = _looks(points)
    with house_style():
        keys = [*labels_of(looks), _HALF_KEY, _LIFE_KEY]
        figure, panels = panel_grid(len(tables), columns=_COLUMNS, lines=key_lines(keys), height=_PANEL)
        limits = _limits(points)
        for place, (axes, table) in enumerate(zip(panels, tables, strict=True)):
            drawn = draw_retention(axes, table, looks=looks)
            axes.set_ylim(limits)
            title = drawable(labels[table["layer"][0]])
            axes.set_title(title, loc="left", fontsize=7, fontweight="bold", color=INK, pad=3)
            axes.set_ylabel(axes.get_ylabel() if place % _COLUMNS == 0 else "")
            axes.set_xlabel(axes.get_xlabel() if place + _COLUMNS >= len(tables) else "")
        keys_above(figure, drawn)
    return figure


def draw_retention(axes: Axes, points: pl.DataFrame, *, looks: Looks | None = None) -> dict[str, Artist]:
    """The curves of one layer under attacks of one norm.

    Args:
        axes: where to.
        points: rows of `retention_points` of one layer and norm.
        looks: of the attacks, by title; chosen anew if None.

    Returns:
        The keys.
    """
    looks = looks or _looks(points)
    tables = {
        str(table["attack"][0]): table.sort("budget") for table in points.partition_by("attack", maintain_order=True)
    }
    _dress(axes, points)
    for place, (title, table) in enumerate(tables.items()):
        _curve(axes, table, looks[title], (place, len(tables)))
        _life(axes, table.row(0, named=True), looks[title], place)
    keys: dict[str, Artist] = {
        label: Line2D([], [], **looks[title]) for label, title in labels_of(looks).items() if title in tables
    }
    return keys | {_HALF_KEY: Line2D([], [], **_HALF), _LIFE_KEY: Line2D([], [], color=NOISE, **_LIFE)}


def retention_words(points: pl.DataFrame) -> Words:
    """Caption and alternative text.

    Args:
        points: of `retention_points`, at least one.
    """
    layers = points.select("layer", "depth").unique(maintain_order=True).sort("depth")["layer"].to_list()
    labels = dict(zip(layers, short_names(layers, _NAME_WIDTH), strict=True))
    attacks = points.partition_by("norm", "attack", maintain_order=True)
    told = [f"{_name(attack)}: {_halved(_lives(attack), labels)}" for attack in attacks[:_MOST_TOLD]]
    more = len(attacks) - len(told)
    caption = (
        f"Share of the clean alignment left in {count(len(layers), 'layer')} as the budget grows; bars are 95 % "
        f"intervals, cut where they leave the panel; half-lives stand above the axis. {'. '.join(told)}."
    )
    caption += f" {count(more, 'further attack')} not told here." if more else ""
    each = [f"Left by {_name(attack)} {_left(attack, labels)}." for attack in attacks]
    return Words(caption, " ".join(["Share of clean alignment left against budget, one panel per layer.", *each]))


def retention_illustration(study: Study) -> list[tuple[str, tuple[Figure, ...], Words, pl.DataFrame]]:
    """Name, pieces (one per norm), words and data; nothing without two budgets or without an aligned layer."""
    points = retention_points(study)
    if points.is_empty():
        return []
    pieces = [piece for table in points.partition_by("norm", maintain_order=True) for piece in _pieces(table)]
    figures = tuple(retention(piece, names=study.names) for piece in pieces)
    return [("retention", figures, retention_words(points), points)]


def _pieces(points: pl.DataFrame) -> list[pl.DataFrame]:
    titles = points["attack"].unique(maintain_order=True).to_list()
    starts = range(0, len(titles), MOST_ATTACKS)
    return [points.filter(pl.col("attack").is_in(titles[start : start + MOST_ATTACKS])) for start in starts]


def _layers(study: Study) -> list[str]:
    anchored = headline(study).rows().filter(pl.col("verdict") != "unanchored")["layer"].to_list()
    if len(anchored) <= MOST_LAYERS:
        return anchored
    return [anchored[place] for place in np.linspace(0, len(anchored) - 1, MOST_LAYERS).round().astype(int)]


def _rows(family: Family, layer: str, lives: pl.DataFrame) -> list[dict[str, Any]]:
    found = [(attack, _at(attack, layer)) for attack in family.attacks]
    depth = next((row["depth"] for _, row in found if row), None)
    spec = family.attacks[0].spec
    own = {
        "attack": spec.attack, "norm": spec.norm, "parameters": json.dumps(spec.parameters), "target": spec.target,
        "access": spec.access, "layer": layer,
    }  # fmt: skip
    life = lives.filter(*(pl.col(name) == value for name, value in own.items())).select(
        "half_life", "low", "high", "text"
    )
    told = (
        dict(zip(("half_life", "half_life_low", "half_life_high", "half_life_text"), life.row(0), strict=True))
        if len(life)
        else {}
    )
    head = {"norm": family.norm, "attack": family.title, "layer": layer, "depth": depth} | told
    clean = head | {"eps": "0", "budget": 0.0, "retention": 1.0}
    names = ("retention", "retention_low", "retention_high")
    return [
        clean,
        *(
            head | {"eps": attack.spec.eps, "budget": size_of(attack)} | {name: row.get(name) for name in names}
            for attack, row in found
        ),
    ]


def _at(attack: Attacked, layer: str) -> dict[str, Any]:
    """The row of a layer under attack; empty where a cell has no such layer."""
    rows = attack.rows().filter(pl.col("layer") == layer)
    return rows.row(0, named=True) if len(rows) else {}


def _looks(points: pl.DataFrame) -> Looks:
    return {str(title): look(place) for place, title in enumerate(points["attack"].unique(maintain_order=True))}


def _limits(points: pl.DataFrame) -> tuple[float, float]:
    """Ends of the axis: all intervals that are not absurd, and room for the half-lives below them."""
    ends = [values(points, name) for name in ("retention", "retention_low", "retention_high")]
    known = np.concatenate([end[np.isfinite(end)] for end in ends])
    low, high = max(_LEAST, min(0.0, float(known.min()))) - 0.04, min(_MOST, max(1.04, float(known.max()))) + 0.04
    lanes = (_FIRST + _STEP * points["attack"].n_unique()) / _TALL
    return low - (high - low) * lanes / (1 - lanes), high


def _dress(axes: Axes, points: pl.DataFrame) -> None:
    tidy(axes)
    axes.set_ylim(_limits(points))
    axes.set_yticks([0, 0.5, 1], ["0 %", "50 %", "100 %"])
    axes.set_ylabel("clean alignment left")
    axes.grid(axis="y", linewidth=0.3, color="#DDDDDD")
    axes.set_axisbelow(True)
    budgets = points.filter(pl.col("budget") > 0).select("eps", "budget").unique(maintain_order=True).sort("budget")
    name_budgets(axes, dict(budgets.iter_rows()), far=float(budgets["budget"][-1]))
    axes.axhline(0.5, zorder=1, label="half", **_HALF)


def _curve(axes: Axes, table: pl.DataFrame, style: Mapping[str, Any], place: tuple[int, int]) -> None:
    at, low, high = (values(table, name) for name in ("budget", "retention_low", "retention_high"))
    beside = moved(axes, *place)
    axes.vlines(at, low, high, color=style["color"], linewidth=0.7, transform=beside, zorder=3)
    axes.plot(at, values(table, "retention"), label=table["attack"][0], transform=beside, zorder=4, **style)


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


def _name(attack: pl.DataFrame) -> str:
    return f"{attack['attack'][0]} {norm_name(attack['norm'][0])}"


def _lives(attack: pl.DataFrame) -> list[dict[str, Any]]:
    return attack.unique("layer", keep="first", maintain_order=True).rows(named=True)


def _halved(rows: Sequence[Mapping[str, Any]], labels: Mapping[str, str]) -> str:
    """The layers of the shortest and the longest half-life that are known."""
    known = sorted((row["half_life"], place) for place, row in enumerate(rows) if row["half_life"] is not None)
    if not known:
        return f"no half-life lies within the budgets ({labels[rows[0]['layer']]}: {_text(rows[0])})"
    ends = [rows[place] for _, place in dict.fromkeys((known[0], known[-1]))]
    told = listing([f"{_text(row)} at {labels[row['layer']]}" for row in ends])
    rest = len(rows) - len(known)
    return f"half-life {told}" + (
        f"; in {rest} of {count(len(rows), 'layer')} it lies outside the budgets" if rest else ""
    )


def _text(row: Mapping[str, Any]) -> str:
    return printable(row["half_life_text"] or "not known")


def _left(attack: pl.DataFrame, labels: Mapping[str, str]) -> str:
    """What is left at the largest budget, layer by layer."""
    last = attack.filter(pl.col("budget") == pl.col("budget").max())
    shares = [
        f"{percent(value).replace('-', '−')} at {labels[layer]}"
        for layer, value in last.select("layer", "retention").iter_rows()
        if value is not None and not math.isnan(value)
    ]
    return f"at budget {last['eps'][0]}: {listing(shares) or 'not known'}"
