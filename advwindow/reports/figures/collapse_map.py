"""The collapse map: how much meaning every layer loses under every attack and budget, beyond what noise does."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import polars as pl
from matplotlib.colors import LinearSegmentedColormap, to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, PathPatch
from matplotlib.path import Path
from matplotlib.ticker import MaxNLocator

from advwindow.reports.figures.captions import Words
from advwindow.reports.figures.panels import values
from advwindow.reports.figures.robustness import families
from advwindow.reports.style import ATTACK, FAINT, INK, MARKS, MM, WIDTH, drawable, house_style
from advwindow.reports.text import count, eps_name, listing, norm_name, number, short_names, shorten, span

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from advwindow.reports.figures.robustness import Family
    from advwindow.reports.reading.studies import Study

    Cells = list[tuple[int, int]]

#: Rows of `collapse_points`.
POINTS: dict[str, type[pl.DataType]] = {
    "attack": pl.String, "eps": pl.String, "layer": pl.String, "depth": pl.Int64, "lost": pl.Float64,
    "drift_beyond_noise": pl.Float64, "drift_beyond_noise_low": pl.Float64, "drift_beyond_noise_high": pl.Float64,
    "drift": pl.Float64, "drift_p_adjusted": pl.Float64, "verdict": pl.String, "hijacked": pl.Boolean,
}  # fmt: skip

#: Rows and columns of one piece, and columns that leave room for a letter in each cell.
MOST_ROWS, MOST_COLUMNS, MOST_LETTERS = 40, 150, 60
_SCALE = LinearSegmentedColormap.from_list("lost", ["#FFF7F0", "#FBC9A0", ATTACK, "#7A2E00", "#2B0F00"])
#: Nothing was measured; nothing beyond noise was lost.
_UNKNOWN, _NONE = "#E4E4E4", "#FFFFFF"
_LEVELS = 7
#: Millimetres: names of attacks, a row, a letter of a rotated name, a line of keys, a letter and what else a key takes.
_LABELS, _ROW, _LETTER, _LINE, _KEY_LETTER, _HANDLE = 40.0, 4.2, 1.2, 3.6, 1.15, 7.2
_NAME_WIDTH, _TITLE_WIDTH, _EPS_WIDTH, _MOST_NAMES = 20, 20, 9, 60
#: What a verdict looks like where there is no room for its letter.
_DOTS: dict[str, dict[str, Any]] = {
    "eroded": {"marker": "o", "markersize": 1.6}, "collapsed": {"marker": "s", "markersize": 2.6},
    "hijacked": {"marker": "^", "markersize": 2.6},
}  # fmt: skip
_HATCH: dict[str, Any] = {"facecolor": "none", "edgecolor": "#9A9A9A", "hatch": "////", "linewidth": 0}
_MOST_TOLD, _TOLD_WIDTH = 3, 28


class _Scale(NamedTuple):
    """Steps of loss and their colours."""

    bounds: NDArray[np.float64]
    colors: tuple[str, ...]

    def color(self, lost: float) -> str:
        """The colour of a cell."""
        if math.isnan(lost):
            return _UNKNOWN
        place = int(np.searchsorted(self.bounds, lost, side="left")) - 1
        return self.colors[min(place, len(self.colors) - 1)] if place >= 0 else _NONE

    @property
    def keys(self) -> dict[str, Artist]:
        """A patch for each step."""
        digits = max(1, *(len(f"{bound:.6g}".partition(".")[2]) for bound in self.bounds))
        texts = [number(bound, digits=digits) for bound in self.bounds]
        names = [f"≤ {texts[0]}", *(f"to {text}" for text in texts[1:])]
        edge: dict[str, Any] = {"edgecolor": "#BBBBBB", "linewidth": 0.5}
        return {name: Patch(facecolor=color, **edge) for name, color in zip(names, (_NONE, *self.colors), strict=True)}


def collapse_points(study: Study) -> pl.DataFrame:
    """What the figure draws: one row per attack, budget and layer; attacks together, by size of the budget.

    ``lost`` is what the colour shows: drift beyond noise of the same size, or the whole drift where a layer has no such
    number anywhere in the study (no noise was looked at).
    """
    tables = [
        attack.rows().select(
            pl.lit(_title(family)).alias("attack"), pl.lit(attack.spec.eps).alias("eps"),
            *(name for name in POINTS if name not in {"attack", "eps", "lost"}),
        )
        for family in families(study)
        for attack in family.attacks
    ]  # fmt: skip
    table = pl.concat(tables, how="vertical_relaxed")
    shown = "drift" if table["drift_beyond_noise"].is_null().all() else "drift_beyond_noise"
    return table.with_columns(pl.col(shown).cast(pl.Float64).alias("lost")).select(
        pl.col(n).cast(t) for n, t in POINTS.items()
    )


def collapse_map(points: pl.DataFrame, *, scale: Sequence[float] | None = None) -> Figure:
    """Layers from left to right, attacks and budgets from top to bottom; the darker a cell, the more is lost.

    Args:
        points: of `collapse_points`, at most `MOST_ROWS` attacks and budgets by `MOST_COLUMNS` layers.
        scale: smallest and largest loss of the scale, where several figures share one; that of the points if None.
    """
    names = _labels(points)
    rows = len(_conditions(points))
    letters = len(names) <= MOST_LETTERS
    keys = map_keys(points, letters=letters, scale=scale)
    lines = _lines(list(keys))
    heading, below = 2.5 + _LETTER * max(map(len, names)), 2 + _LINE * (lines + 1)
    total = heading + _ROW * rows + below
    with house_style():
        figure = Figure(figsize=(WIDTH, total * MM))
        box = (_LABELS * MM / WIDTH, below / total, 1 - (_LABELS + 1) * MM / WIDTH, _ROW * rows / total)
        draw_collapse_map(figure.add_axes(box), points, letters=letters, scale=scale)
        left, top = 1 * MM / WIDTH, (below - 1.5) / total
        figure.text(left, top, _heading(points), va="top", fontweight="bold", color=INK)
        figure.legend(
            list(keys.values()), list(keys), loc="upper left", bbox_to_anchor=(left, top - _LINE / total),
            ncols=-(-len(keys) // lines), frameon=False, borderaxespad=0, borderpad=0, handlelength=1.5,
            handletextpad=0.5, columnspacing=1.1,
        )  # fmt: skip
    return figure


def draw_collapse_map(
    axes: Axes, points: pl.DataFrame, *, letters: bool = True, scale: Sequence[float] | None = None
) -> dict[str, Artist]:
    """The map without its keys.

    Args:
        axes: where to.
        points: rows of `collapse_points`.
        letters: whether cells have room for the letter of their verdict; else marks stand in them.
        scale: as in `collapse_map`.

    Returns:
        The keys.
    """
    conditions, depths = _conditions(points), _depths(points)
    steps = _scale(points, scale)
    rows, columns = ({key: place for place, key in enumerate(keys)} for keys in (conditions, depths))
    size = 5.0 if len(depths) <= MOST_LETTERS / 2 else 4.0
    cells: dict[str, Cells] = {}
    marks: dict[tuple[str, str], Cells] = {}
    keys = points.select("attack", "eps", "depth", "verdict", "hijacked").iter_rows()
    for lost, (attack, eps, depth, verdict, hijacked) in zip(values(points, "lost").tolist(), keys, strict=True):
        at, color = (columns[depth], rows[attack, eps]), steps.color(lost)
        kinds, ink = [str(verdict), *(["hijacked"] if hijacked else [])], _ink(color)
        cells.setdefault(color, []).append(at)
        if letters:
            _write(axes, at, kinds, ink=ink, size=size)
        for kind in kinds:
            marks.setdefault((kind, ink), []).append(at)
    edge = {"edgecolor": "#FFFFFF", "linewidth": 0.6} if letters else {"linewidth": 0}
    for color, places in cells.items():
        _fill(axes, places, {"facecolor": color, "label": f"lost {color}", **edge}, joined=not letters)
    for (kind, ink), places in marks.items():
        if kind == "unanchored":
            _fill(axes, places, {"label": kind, **_HATCH}, joined=True)
        elif kind in _DOTS and not letters:
            _dot(axes, places, kind, ink=ink)
    _name_rows(axes, conditions)
    _name_layers(axes, _labels(points))
    return map_keys(points, letters=letters, scale=scale)


def map_keys(points: pl.DataFrame, *, letters: bool, scale: Sequence[float] | None = None) -> dict[str, Artist]:
    """Keys of the steps of loss and of the marks, those that occur."""
    found = set(points["verdict"].drop_nulls()) | ({"hijacked"} if points["hijacked"].any() else set())
    marks: dict[str, Artist] = {
        (f"{MARKS[kind].letter} {kind}" if letters else kind): Line2D(
            [], [], color=INK, linestyle="", **({} if letters else look)
        )
        for kind, look in _DOTS.items()
        if kind in found
    }
    if "unanchored" in found:
        marks["not aligned when clean"] = Patch(**_HATCH)
    unknown = {"not known": Patch(facecolor=_UNKNOWN)} if np.isnan(values(points, "lost")).any() else {}
    return _scale(points, scale).keys | unknown | marks


def collapse_words(study: Study, points: pl.DataFrame) -> Words:
    """Caption and alternative text.

    Args:
        study: what was attacked.
        points: of `collapse_points`, of this study.
    """
    labels = _told_names(study)
    kinds = points["verdict"]
    fell, gone = int(kinds.is_in(["eroded", "collapsed"]).sum()), int((kinds == "collapsed").sum())
    what = "alignment" if _whole(points) else "alignment beyond what noise of the same size takes"
    many = count(len(_conditions(points)), "combination")
    caption = [f"How much {what} is lost, layer by layer, under {many} of attack and budget."]
    top = points.filter(pl.col("verdict") != "unanchored", pl.col("lost").is_not_null() & pl.col("lost").is_not_nan())
    if top.height:
        row = top.sort("lost", descending=True, maintain_order=True).row(0, named=True)
        ends = "" if _whole(points) else f" {span(row['drift_beyond_noise_low'], row['drift_beyond_noise_high'])}"
        where = f"{labels[row['layer']]} under {row['attack']} {eps_name(row['eps'])}"
        caption.append(f"Of layers aligned with words {where} loses most: {number(row['lost'])}{ends}.")
    collapsed = f", {gone} of them collapsed" if gone else ""
    caption.append(f"The drift is significant in {fell} of {count(points.height, 'cell')}{collapsed}.")
    alt = f"Map of what is lost, layers by attacks and budgets. {' '.join(_told(study, points))}"
    return Words(" ".join([*caption, *_spread(study)]), alt)


def collapse_map_illustration(study: Study) -> list[tuple[str, tuple[Figure, ...], Words, pl.DataFrame]]:
    """Name, pieces, words and data of the figure; nothing where there is one attack at one budget."""
    if len(study.attacks) < 2:
        return []
    points = collapse_points(study)
    lost = values(points, "lost")
    scale = (float(np.nanmin(lost)), float(np.nanmax(lost))) if np.isfinite(lost).any() else (0.0, 1.0)
    figures = tuple(collapse_map(piece, scale=scale) for piece in _pieces(points))
    return [("collapse-map", figures, collapse_words(study, points), points)]


def _pieces(points: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """Parts that fit a page, as even as possible."""
    conditions, depths = _conditions(points), _depths(points)
    for rows in _cuts(len(conditions), MOST_ROWS):
        chosen = pl.DataFrame(conditions[rows], schema=["attack", "eps"], orient="row")
        some = points.join(chosen, on=["attack", "eps"], how="semi", maintain_order="left")
        for columns in _cuts(len(depths), MOST_COLUMNS):
            yield some.filter(pl.col("depth").is_in(depths[columns]))


def _cuts(size: int, most: int) -> Iterator[slice]:
    width = -(-size // -(-size // most))
    return (slice(start, start + width) for start in range(0, size, width))


def _title(family: Family) -> str:
    return f"{family.title} {norm_name(family.norm)}"


def _conditions(points: pl.DataFrame) -> list[tuple[str, str]]:
    return [
        (str(attack), str(eps))
        for attack, eps in points.select("attack", "eps").unique(maintain_order=True).iter_rows()
    ]


def _labels(points: pl.DataFrame) -> list[str]:
    names = points.select("layer", "depth").unique("depth", keep="first").sort("depth")["layer"].to_list()
    return [drawable(name) for name in short_names(names, _NAME_WIDTH)]


def _whole(points: pl.DataFrame) -> bool:
    return bool(points["drift_beyond_noise"].is_null().all())


def _heading(points: pl.DataFrame) -> str:
    return "drift" if _whole(points) else "drift beyond noise"


def _scale(points: pl.DataFrame, ends: Sequence[float] | None) -> _Scale:
    """Round steps from nothing to the largest loss."""
    lost = values(points, "lost")
    most = max(0.05, ends[1] if ends else float(np.nanmax(lost, initial=0)))
    bounds = np.asarray(MaxNLocator(_LEVELS, steps=[1, 2, 2.5, 5, 10]).tick_values(0, most))
    bounds = bounds[bounds >= 0]
    bounds = np.append(bounds, 2 * bounds[-1] - bounds[-2]) if bounds[-1] < most else bounds
    places = np.linspace(0.08, 1, len(bounds) - 1)
    return _Scale(bounds, tuple(to_hex(_SCALE(place)) for place in places))


def _depths(points: pl.DataFrame) -> list[int]:
    return sorted(points["depth"].unique().to_list())


def _ink(color: str) -> str:
    """Black on light cells, white on dark ones."""
    return INK if float(np.dot(to_rgb(color), (0.2126, 0.7152, 0.0722))) > 0.5 else "#FFFFFF"


def _fill(axes: Axes, places: Cells, look: Mapping[str, Any], *, joined: bool) -> None:
    """Cells as one shape, joined with their neighbours in a row: small files, whatever the number of cells."""
    runs = _runs(places) if joined else [(column, row, 1) for column, row in places]
    left, top, wide = np.asarray(runs, float).T
    x, y = np.stack([left, left + wide, left + wide, left, left], 1), np.stack([top, top, top + 1, top + 1, top], 1)
    codes = np.tile([Path.MOVETO, Path.LINETO, Path.LINETO, Path.LINETO, Path.CLOSEPOLY], len(runs))
    patch = PathPatch(Path(np.stack([x, y], 2).reshape(-1, 2), codes), **look)
    axes.add_artist(patch)  # unlike add_patch it does not look at every segment for limits, which are known


def _runs(places: Cells) -> list[tuple[int, int, int]]:
    """Column, row and length of what stands side by side."""
    found: list[tuple[int, int, int]] = []
    for column, row in sorted(places, key=lambda at: (at[1], at[0])):
        if found and (start := found[-1])[1] == row and start[0] + start[2] == column:
            found[-1] = (start[0], row, start[2] + 1)
        else:
            found.append((column, row, 1))
    return found


def _write(axes: Axes, at: tuple[int, int], kinds: Sequence[str], *, ink: str, size: float) -> None:
    text = "".join(MARKS[kind].letter for kind in kinds if kind in _DOTS)
    look: dict[str, Any] = {"ha": "center", "va": "center_baseline", "fontsize": size, "fontweight": "bold"}
    if text:
        axes.text(at[0] + 0.5, at[1] + 0.5, text, color=ink, **look)


def _dot(axes: Axes, places: Cells, kind: str, *, ink: str) -> None:
    x, y = (np.asarray(places, float) + 0.5).T
    axes.plot(x, y, color=ink, linestyle="", markeredgewidth=0, label=kind, **_DOTS[kind])


def _name_rows(axes: Axes, conditions: Sequence[tuple[str, str]]) -> None:
    """Each attack is named once, beside the first of its budgets; a line parts it from the next."""
    labels = []
    for row, (attack, eps) in enumerate(conditions):
        first = row == 0 or conditions[row - 1][0] != attack
        title = f"{shorten(attack, _TITLE_WIDTH)}  " if first else ""
        labels.append(drawable(title) + ("  " if first else "") + drawable(shorten(eps_name(eps), _EPS_WIDTH)))
        if first and row:
            axes.axhline(row, color="#FFFFFF", linewidth=2.2, zorder=3)
            axes.plot(
                [-0.36, 0],
                [row, row],
                transform=axes.get_yaxis_transform(),
                color="#BBBBBB",
                linewidth=0.5,
                clip_on=False,
            )
    axes.set_ylim(len(conditions), 0)
    axes.set_yticks(np.arange(len(conditions)) + 0.5, labels, fontsize=5.5)


def _name_layers(axes: Axes, labels: Sequence[str]) -> None:
    step = -(-len(labels) // _MOST_NAMES)
    places = range(0, len(labels), step)
    axes.set_xlim(0, len(labels))
    axes.spines[:].set(color=FAINT, linewidth=0.5)
    axes.tick_params(length=0, top=True, labeltop=True, bottom=False, labelbottom=False, pad=2)
    size = 5.5 if len(labels) <= MOST_LETTERS * 0.75 else 4.8
    axes.set_xticks([place + 0.5 for place in places], [labels[place] for place in places], rotation=90, fontsize=size)


def _lines(keys: Sequence[str]) -> int:
    """The least number of lines that the keys take."""

    def width(lines: int) -> float:
        columns = [keys[start : start + lines] for start in range(0, len(keys), lines)]
        return sum(_HANDLE + _KEY_LETTER * max(map(len, column)) for column in columns)

    return next(n for n in range(1, len(keys) + 1) if n == len(keys) or width(n) <= WIDTH / MM - 2)


def _told_names(study: Study) -> dict[str, str]:
    return dict(zip(study.names, short_names(study.names, _TOLD_WIDTH), strict=True))


def _spread(study: Study) -> list[str]:
    """Where the loss begins to be significant at the smallest and at the largest budget of an attack."""
    told: list[str] = []
    labels = _told_names(study)
    for family in families(study):
        first, last = family.attacks[0], family.attacks[-1]
        fallen = [
            attack.rows().filter(pl.col("verdict").is_in(["eroded", "collapsed"]))["layer"].to_list()
            for attack in (first, last)
        ]
        if first is not last and all(fallen) and len(told) < _MOST_TOLD:
            ends = [
                f"{labels[layers[0]]} at {attack.spec.eps} ({count(len(layers), 'layer')})"
                for attack, layers in zip((first, last), fallen, strict=True)
            ]
            told.append(f"{_title(family)} is first significant at {listing(ends)}.")
    return told


def _told(study: Study, points: pl.DataFrame) -> list[str]:
    """The layer that loses most under each attack and budget."""
    labels = _told_names(study)
    told = []
    for table in points.partition_by("attack", "eps", maintain_order=True):
        known = table.filter(pl.col("lost").is_not_null() & pl.col("lost").is_not_nan())
        row = known.sort("lost", descending=True, maintain_order=True).row(0, named=True) if known.height else None
        most = f"most at {labels[row['layer']]}, {number(row['lost'])}" if row else "not known"
        told.append(f"{table['attack'][0]} {eps_name(table['eps'][0])}: {most}.")
    return told
