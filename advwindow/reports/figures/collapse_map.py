"""The collapse map: how much meaning every layer loses under every attack and budget, beyond what noise does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from advwindow.reports.figures.cells import DOTS, dot, fill, write
from advwindow.reports.figures.collapse_caption import collapse_words
from advwindow.reports.figures.illustration import Illustration
from advwindow.reports.figures.keys import key_lines, put_keys, widths
from advwindow.reports.figures.loss_scale import UNKNOWN, ink_on, loss_scale
from advwindow.reports.figures.panels import values
from advwindow.reports.reading.collapse import collapse_points, conditions_of, whole_drift
from advwindow.reports.style import FAINT, INK, MARKS, MM, WIDTH, drawable, house_style
from advwindow.reports.text import eps_name, short_names, shorten

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

    from advwindow.reports.figures.cells import Cells
    from advwindow.reports.reading.studies import Study

#: Rows and columns of one piece, and columns that leave room for a letter in each cell.
MOST_ROWS, MOST_COLUMNS, MOST_LETTERS = 40, 150, 60
#: Millimetres: names of attacks, a row, a letter of a rotated name, a line of keys, from side to side of the keys.
_LABELS, _ROW, _LETTER, _LINE, _ROOM = 40.0, 4.2, 1.2, 3.6, WIDTH / MM - 2
#: How long the marks of keys are, in sizes of letters; size of the names of attacks in points.
_HANDLE, _SIZE = 1.5, 5.5
_NAME_WIDTH, _TITLE_WIDTH, _EPS_WIDTH, _MOST_NAMES = 20, 20, 9, 60
_HATCH: dict[str, Any] = {"facecolor": "none", "edgecolor": "#9A9A9A", "hatch": "////", "linewidth": 0}


def collapse_map(points: pl.DataFrame, *, scale: Sequence[float] | None = None) -> Figure:
    """Layers from left to right, attacks and budgets from top to bottom; the darker a cell, the more is lost.

    Args:
        points: of `collapse_points`, at most `MOST_ROWS` attacks and budgets by `MOST_COLUMNS` layers.
        scale: smallest and largest loss of the scale, where several figures share one; that of the points if None.
    """
    names = _labels(points)
    rows = len(conditions_of(points))
    letters = len(names) <= MOST_LETTERS
    keys = map_keys(points, letters=letters, scale=scale)
    lines = key_lines(list(keys), room=_ROOM, handle=_HANDLE)
    heading, below = 2.5 + _LETTER * max(map(len, names)), 2 + _LINE * (lines + 1)
    total = heading + _ROW * rows + below
    with house_style():
        figure = Figure(figsize=(WIDTH, total * MM))
        box = (_LABELS * MM / WIDTH, below / total, 1 - (_LABELS + 1) * MM / WIDTH, _ROW * rows / total)
        draw_collapse_map(figure.add_axes(box), points, letters=letters, scale=scale)
        left, top = 1 * MM / WIDTH, (below - 1.5) / total
        title = "drift" if whole_drift(points) else "drift beyond noise"
        figure.text(left, top, title, va="top", fontweight="bold", color=INK)
        where = {"loc": "upper left", "bbox_to_anchor": (left, top - _LINE / total), "borderaxespad": 0}
        put_keys(figure, keys, where, room=_ROOM, handle=_HANDLE)
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
    conditions, depths = conditions_of(points), _depths(points)
    steps = loss_scale(values(points, "lost"), scale)
    rows, columns = ({key: place for place, key in enumerate(keys)} for keys in (conditions, depths))
    size = 5.0 if len(depths) <= MOST_LETTERS / 2 else 4.0
    cells: dict[str, Cells] = {}
    marks: dict[tuple[str, str], Cells] = {}
    keys = points.select("attack", "eps", "depth", "verdict", "hijacked").iter_rows()
    for lost, (attack, eps, depth, verdict, hijacked) in zip(values(points, "lost").tolist(), keys, strict=True):
        at, color = (columns[depth], rows[attack, eps]), steps.color(lost)
        kinds, ink = [str(verdict), *(["hijacked"] if hijacked else [])], ink_on(color)
        cells.setdefault(color, []).append(at)
        if letters:
            write(axes, at, kinds, ink=ink, size=size)
        for kind in kinds:
            marks.setdefault((kind, ink), []).append(at)
    edge = {"edgecolor": "#FFFFFF", "linewidth": 0.6} if letters else {"linewidth": 0}
    for color, places in cells.items():
        fill(axes, places, {"facecolor": color, "label": f"lost {color}", **edge}, joined=not letters)
    for (kind, ink), places in marks.items():
        if kind == "unanchored":
            fill(axes, places, {"label": kind, **_HATCH}, joined=True)
        elif kind in DOTS and not letters:
            dot(axes, places, kind, ink=ink)
    _name_layers(axes, _labels(points))
    _name_rows(axes, conditions)
    return map_keys(points, letters=letters, scale=scale)


def map_keys(points: pl.DataFrame, *, letters: bool, scale: Sequence[float] | None = None) -> dict[str, Artist]:
    """Keys of the steps of loss and of the marks, those that occur."""
    found = set(points["verdict"].drop_nulls()) | ({"hijacked"} if points["hijacked"].any() else set())
    marks: dict[str, Artist] = {
        (f"{MARKS[kind].letter} {kind}" if letters else kind): Line2D(
            [], [], color=INK, linestyle="", **({} if letters else look)
        )
        for kind, look in DOTS.items()
        if kind in found
    }
    if "unanchored" in found:
        marks["not aligned when clean"] = Patch(**_HATCH)
    lost = values(points, "lost")
    unknown = {"not known": Patch(facecolor=UNKNOWN)} if np.isnan(lost).any() else {}
    return loss_scale(lost, scale).keys | unknown | marks


def collapse_map_illustration(study: Study) -> list[Illustration]:
    """The figure; none where there is one attack at one budget."""
    if len(study.attacks) < 2:
        return []
    points = collapse_points(study)
    lost = values(points, "lost")
    scale = (float(np.nanmin(lost)), float(np.nanmax(lost))) if np.isfinite(lost).any() else (0.0, 1.0)
    figures = tuple(collapse_map(piece, scale=scale) for piece in _pieces(points))
    return [Illustration("collapse-map", figures, collapse_words(study, points), points)]


def _pieces(points: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """Parts that fit a page, as even as possible."""
    conditions, depths = conditions_of(points), _depths(points)
    for rows in _cuts(len(conditions), MOST_ROWS):
        chosen = pl.DataFrame(conditions[rows], schema=["attack", "eps"], orient="row")
        some = points.join(chosen, on=["attack", "eps"], how="semi", maintain_order="left")
        for columns in _cuts(len(depths), MOST_COLUMNS):
            yield some.filter(pl.col("depth").is_in(depths[columns]))


def _cuts(size: int, most: int) -> Iterator[slice]:
    width = -(-size // -(-size // most))
    return (slice(start, start + width) for start in range(0, size, width))


def _labels(points: pl.DataFrame) -> list[str]:
    names = points.select("layer", "depth").unique("depth", keep="first").sort("depth")["layer"].to_list()
    return [drawable(name) for name in short_names(names, _NAME_WIDTH)]


def _depths(points: pl.DataFrame) -> list[int]:
    return sorted(points["depth"].unique().to_list())


def _name_rows(axes: Axes, conditions: Sequence[tuple[str, str]]) -> None:
    """Each attack is named once, beside the first of its budgets; a line parts it from the next."""
    labels, parted = [], []
    for row, (attack, eps) in enumerate(conditions):
        first = row == 0 or conditions[row - 1][0] != attack
        title = f"{shorten(attack, _TITLE_WIDTH)}  " if first else ""
        labels.append(drawable(title) + ("  " if first else "") + drawable(shorten(eps_name(eps), _EPS_WIDTH)))
        if first and row:
            parted.append(row)
            axes.axhline(row, color="#FFFFFF", linewidth=2.2, zorder=3)
    axes.set_ylim(len(conditions), 0)
    axes.set_yticks(np.arange(len(conditions)) + 0.5, labels, fontsize=_SIZE)
    axes.set_yticks(parted, minor=True)
    wide = max(widths(labels, size=_SIZE)) * MM * 72 + 2  # points; ticks as long as the names between them
    axes.tick_params(axis="y", which="minor", length=wide, width=0.5, color="#BBBBBB")


def _name_layers(axes: Axes, labels: Sequence[str]) -> None:
    step = -(-len(labels) // _MOST_NAMES)
    places = range(0, len(labels), step)
    axes.set_xlim(0, len(labels))
    axes.spines[:].set(color=FAINT, linewidth=0.5)
    axes.tick_params(length=0, top=True, labeltop=True, bottom=False, labelbottom=False, pad=2)
    size = 5.5 if len(labels) <= MOST_LETTERS * 0.75 else 4.8
    axes.set_xticks([place + 0.5 for place in places], [labels[place] for place in places], rotation=90, fontsize=size)
