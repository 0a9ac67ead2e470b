"""What figures against the budget share: panels, an axis of budgets, and how each attack of a study looks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullLocator
from matplotlib.transforms import ScaledTranslation

from advwindow.reports.figures.keys import key_lines, put_keys, widths
from advwindow.reports.figures.panels import figure_of
from advwindow.reports.reading.budgets import families
from advwindow.reports.style import ATTACK, INK, MM, WIDTH, drawable, tidy
from advwindow.reports.text import shorten

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.transforms import Transform
    from numpy.typing import NDArray

    from advwindow.reports.reading.studies import Study

    Array = NDArray[np.float64]
    Looks = Mapping[str, Mapping[str, Any]]

#: The first is that of the attack in figures of one attack; that of clean images is not among them.
_COLORS = (ATTACK, "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#332288")
_DASHES: tuple[Any, ...] = ("-", (0, (4, 1.6)), (0, (1, 1.2)), (0, (6, 1.5, 1, 1.5)))
_MARKERS = ("o", "D", "s", "^", "v", "P", "X", "<", ">", "p", "*", "h")
#: Millimetres: margins, gap between panels, a line of keys, between names of budgets.
_LEFT, _RIGHT, _GAP, _TOP, _BOTTOM, _LINE, _APART = 14.0, 4.0, 12.0, 5.0, 9.5, 3.5, 1.5
_ROOM = WIDTH / MM - _LEFT - 1
#: How long the marks of keys are, in sizes of letters: a dashed line must be seen as one.
_HANDLE = 2.6
_TITLE_WIDTH, _EPS_WIDTH = 36, 9
#: Points: how far the marks of attacks at one budget stand apart at most, from each other and in all.
_STEP, _SPREAD = 1.8, 9.0
#: Budgets further apart than this factor are drawn on a square-root scale.
_FAR = 10.0


def panel_grid(count: int, *, columns: int, keys: Sequence[str], height: float) -> tuple[Figure, list[Axes]]:
    """A figure of the page's width with panels against budget, below room for keys.

    Args:
        count: number of panels.
        columns: panels side by side at most.
        keys: names of the keys that `keys_above` shall put there.
        height: of a panel in millimetres.
    """
    columns, above = min(columns, count), key_lines(keys, room=_ROOM, handle=_HANDLE) * _LINE + 1
    row = _TOP + height + _BOTTOM
    total = above + -(-count // columns) * row
    width = (WIDTH / MM - _LEFT - _RIGHT - (columns - 1) * _GAP) / columns
    figure = Figure(figsize=(WIDTH, total * MM))
    boxes = [
        (_LEFT + place % columns * (width + _GAP), total - above - (place // columns + 1) * row + _BOTTOM)
        for place in range(count)
    ]
    wide, tall = width * MM / WIDTH, height / total
    return figure, [figure.add_axes((left * MM / WIDTH, low / total, wide, tall)) for left, low in boxes]


def keys_above(figure: Figure, keys: Mapping[str, Artist]) -> None:
    """Keys above all panels."""
    place = (_LEFT * MM / WIDTH, 0.999)
    where = {"loc": "upper left", "bbox_to_anchor": place, "borderaxespad": 0.1}
    put_keys(figure, keys, where, room=_ROOM, handle=_HANDLE)


def name_panel(axes: Axes, title: str) -> None:
    """A title above a panel."""
    axes.set_title(drawable(title), loc="left", fontsize=7, fontweight="bold", color=INK, pad=3)


def attack_looks(study: Study) -> Looks:
    """How to draw each attack, by title: the same in every figure of the study and under every norm."""
    titles = dict.fromkeys(family.title for family in families(study))
    return {title: look(place) for place, title in enumerate(titles)}


def look(place: int) -> Mapping[str, Any]:
    """How to draw one of several attacks: colour, line and mark, so that each tells it by itself or with another."""
    color, dash = _COLORS[place % len(_COLORS)], place // len(_COLORS) % len(_DASHES)
    return {
        "color": color, "linestyle": _DASHES[dash], "marker": _MARKERS[place % len(_MARKERS)],
        "markerfacecolor": "white" if dash % 2 else color, "markeredgewidth": 0.7, "linewidth": 1.1, "markersize": 3.4,
    }  # fmt: skip


def labels_of(titles: Iterable[str]) -> dict[str, str]:
    """Titles by what a key has room for; numbered where that would be the same."""
    found: dict[str, str] = {}
    for place, title in enumerate(titles, start=1):
        label = drawable(shorten(title, _TITLE_WIDTH))
        found[label if label not in found else drawable(shorten(f"{place}. {title}", _TITLE_WIDTH))] = title
    return found


def attack_keys(titles: Sequence[str], looks: Looks) -> dict[str, Artist]:
    """Keys of attacks.

    Args:
        titles: of those that are drawn.
        looks: of these and others, by title.
    """
    return {label: Line2D([], [], **looks[title]) for label, title in labels_of(titles).items()}


def dress_shares(axes: Axes, *, ticks: Sequence[float], label: str) -> None:
    """Make the vertical axis one of shares in per cent.

    Args:
        axes: whose.
        ticks: shares in [0, 1] that are named.
        label: what they are shares of.
    """
    tidy(axes)
    axes.set_yticks(ticks, [f"{100 * tick:.0f} %" for tick in ticks])
    axes.set_ylabel(label)
    axes.grid(axis="y", linewidth=0.3, color="#DDDDDD")
    axes.set_axisbelow(True)


def name_budgets(axes: Axes, budgets: Mapping[str, float], *, far: float) -> None:
    """Make the horizontal axis one of budgets, named as they were written as far as there is room.

    Args:
        axes: whose.
        budgets: numbers by the text the user wrote, increasing; matplotlib chooses ticks if there are none.
        far: the largest number that is drawn.
    """
    label = "budget" if budgets else "distance"
    if budgets and far / min(budgets.values()) > _FAR:
        axes.set_xscale("function", functions=(_root, _square))
        label = f"{label} (square-root scale)"
    axes.set_xlabel(label)
    axes.set_xlim(0, far)
    axes.set_xlim(*_padded(axes, far))
    if not budgets:
        return
    texts = {0.0: "0"} | {value: drawable(shorten(text, _EPS_WIDTH)) for text, value in budgets.items()}
    shown = _with_room(axes, texts)
    axes.set_xticks(list(texts), [text if value in shown else "" for value, text in texts.items()])
    axes.xaxis.set_minor_locator(NullLocator())


def moved(axes: Axes, place: int, count: int) -> Transform:
    """Data coordinates shifted sideways, so that one of several marks at the same budget can be seen beside the others.

    Args:
        axes: whose.
        place: of the mark.
        count: of marks.
    """
    points = (place - (count - 1) / 2) * min(_STEP, _SPREAD / count)
    return axes.transData + ScaledTranslation(points / 72, 0, figure_of(axes).dpi_scale_trans)


def _with_room(axes: Axes, texts: Mapping[float, str]) -> list[float]:
    """Numbers whose names do not touch: the ends first, what is between gives way to them."""
    room = float(axes.get_window_extent().width) / figure_of(axes).dpi / MM
    ends = axes.transScale.transform([[value, 0] for value in (*axes.get_xlim(), *texts)])[:, 0]
    at = dict(zip(texts, (ends[2:] - ends[0]) / (ends[1] - ends[0]) * room, strict=True))
    wide = dict(zip(texts, widths(list(texts.values())), strict=True))
    shown: list[float] = []
    for value in dict.fromkeys([max(texts), 0.0, *sorted(texts, reverse=True)]):
        if all(abs(at[value] - at[other]) >= (wide[value] + wide[other]) / 2 + _APART for other in shown):
            shown.append(value)
    return shown


def _padded(axes: Axes, far: float) -> tuple[float, float]:
    """Ends of the axis with a margin that looks the same on both sides."""
    wide = float(axes.transScale.transform((far, 0))[0])
    back = axes.transScale.inverted()
    return tuple(float(back.transform((end * wide, 0))[0]) for end in (-0.04, 1.04))  # type: ignore[return-value]


def _root(x: Array) -> Array:
    found: Array = np.sign(x) * np.sqrt(np.abs(x))
    return found


def _square(x: Array) -> Array:
    found: Array = np.sign(x) * np.square(x)
    return found
