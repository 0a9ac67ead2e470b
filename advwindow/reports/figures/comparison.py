"""Models and defences side by side: the Pareto front, and what survives in every layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from advwindow.reports.figures.labels import placed
from advwindow.reports.figures.panels import legend
from advwindow.reports.reading.comparison_answer import at, budget_name
from advwindow.reports.reading.comparison_layers import labels_of, layers_of, numbers_of, panel_titles
from advwindow.reports.style import ATTACK, CLEAN, FAINT, INK, MARKS, MM, WIDTH, drawable, house_style, render, tidy
from advwindow.reports.text import printable, short_names, shorten
from advwindow.runs import write_bytes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import polars as pl
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from advwindow.attacks import Budget
    from advwindow.comparison import Comparison, Entry

    Array = NDArray[np.float64]

_COLUMNS = 2
#: Panels of fronts, and lines of survival, that fit a page.
_MOST_FRONTS = 6
_MOST_LINES = 30
#: Millimetres: a row of fronts, the keys above them.
_FRONT, _KEYS = 62, 2.5
#: Names that have room beside a single front.
_MOST_BESIDE = 14
#: Points: width of a digit and height of a line of numbers, and how far from its dot a number may stand.
_DIGIT, _LINE, _GAPS = 3.8, 6.0, (3.0, 6.0, 11.0, 17.0, 25.0)
#: Layers beside each other with room for letter and number, and for a letter.
_ROOM_FOR_NUMBERS, _ROOM_FOR_LETTERS = 20, 50


def save_comparison_figures(comparison: Comparison, folder: Path) -> list[Path]:
    """Write the figures of a comparison as SVG, PDF and PNG; returns the files."""
    figures = {"pareto": pareto(comparison), "survival": survival(comparison)}
    paths = []
    for name, figure in figures.items():
        for kind in ("svg", "pdf", "png"):
            paths.append(folder / f"{name}.{kind}")
            write_bytes(paths[-1], render(figure, kind))
    return paths


def pareto(comparison: Comparison) -> Figure:
    """Clean against worst-per-sample robust accuracy, one panel per budget, with the front and 95 % intervals.

    A hollow triangle marks what an attack that does not know the defence leaves: the further above the dot, the more
    the defence only seems to protect. Entries are named below.
    """
    numbers = numbers_of(comparison)
    return _fronts(comparison, comparison.budgets, below=3.2 * MM * len(numbers) + 8 * MM)


def pareto_pieces(comparison: Comparison) -> list[Figure]:
    """The same in pieces that fit a page, for readers who have the entries' numbers at hand: keys, but no names."""
    budgets = comparison.budgets
    parts = [budgets[start : start + _MOST_FRONTS] for start in range(0, len(budgets), _MOST_FRONTS)]
    return [_fronts(comparison, part, above=_KEYS * MM) for part in parts]


def survival(comparison: Comparison) -> Figure:
    """Share of each layer's clean alignment that is left under the strongest attack, entries below each other.

    A letter is the verdict; layers that are not aligned with words have no share. One block of lines for each budget.
    """
    return _blocks(comparison, [(budget, comparison.entries) for budget in comparison.budgets])


def survival_pieces(comparison: Comparison) -> list[Figure]:
    """The same in pieces that fit a page."""
    entries = comparison.entries
    parts = [entries[start : start + _MOST_LINES] for start in range(0, len(entries), _MOST_LINES)]
    pieces: list[list[tuple[Budget, Sequence[Entry]]]] = [[]]
    for budget in comparison.budgets:
        for part in parts:
            if pieces[-1] and sum(len(block[1]) + 2 for block in pieces[-1]) + len(part) > _MOST_LINES:
                pieces.append([])
            pieces[-1].append((budget, part))
    return [_blocks(comparison, piece) for piece in pieces]


def _fronts(comparison: Comparison, budgets: Sequence[Budget], *, above: float = 0, below: float = 0) -> Figure:
    """Panels with keys above or names below, whichever has room."""
    rows = -(-len(budgets) // _COLUMNS)
    height = above + rows * _FRONT * MM + below
    numbers = numbers_of(comparison)
    with house_style():
        figure = Figure(figsize=(WIDTH, height))
        for place, budget in enumerate(budgets):
            row, column = divmod(place, _COLUMNS)
            width = (WIDTH - 30 * MM) / _COLUMNS
            left = (12 * MM + column * (width + 14 * MM)) / WIDTH
            bottom = 1 - (above + ((row + 1) * _FRONT - 10) * MM) / height
            axes = figure.add_axes((left, bottom, width / WIDTH, 46 * MM / height))
            _draw_front(axes, comparison, budget, numbers)
        if above:
            legend(figure, _front_keys())
            if len(budgets) == 1 and len(numbers) <= _MOST_BESIDE:
                lines = "\n".join(map(drawable, panel_titles(comparison, 44).values()))
                figure.text(0.56, 0.86, lines, va="top", fontsize=6.5, color=INK, linespacing=1.7)
        if below:
            _name_entries(figure, numbers, bottom=below / height)
    return figure


def _front_keys() -> dict[str, Any]:
    hollow: dict[str, Any] = {"markerfacecolor": "white", "markeredgecolor": ATTACK, "markersize": 4}
    return {
        "worst of all attacks": Line2D([], [], color=CLEAN, marker="o", linestyle="", markersize=3.5),
        "attack that does not know the defence": Line2D([], [], marker="^", linestyle="", **hollow),
        "95 % interval (Wilson)": Line2D([], [], color=FAINT, linewidth=0.8),
        "front": Line2D([], [], color=FAINT, linewidth=1.6),
    }


def _blocks(comparison: Comparison, blocks: Sequence[tuple[Budget, Sequence[Entry]]]) -> Figure:
    """Blocks of lines, one for each budget, with the keys at the foot."""
    labels = labels_of(comparison)
    height = (sum(len(entries) * 6 + 9 for _, entries in blocks) + 8) * MM
    with house_style():
        figure = Figure(figsize=(WIDTH, height))
        axes = figure.add_axes((62 * MM / WIDTH, 8 * MM / height, (WIDTH - 64 * MM) / WIDTH, 1 - 9 * MM / height))
        ticks, line = {}, 0.0
        for budget, entries in blocks:
            title = f"{drawable(budget_name(budget))}, % of the clean alignment left"
            axes.text(0, line, title, fontweight="bold", va="center")
            for place, entry in enumerate(entries, start=1):
                ticks[line + place] = drawable(f"{labels[entry.name].number}: {shorten(labels[entry.name].name, 46)}")
                _draw_layers(axes, layers_of(comparison, entry, budget), line + place)
            line += len(entries) + 1.5
        axes.set_yticks(list(ticks), list(ticks.values()), fontsize=5.5)
        axes.set(ylim=(line - 0.4, -0.6), xlim=(0, 1), xticks=[])
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        told = "   ".join(f"{mark.letter} {verdict}" for verdict, mark in MARKS.items())
        figure.text(0.01, 2 * MM / height, f"First layer left, last layer right.   {told}", fontsize=6, color=INK)
    return figure


def _draw_layers(axes: Axes, layers: pl.DataFrame, line: float) -> None:
    if layers.is_empty():
        return
    width = 1 / layers.height
    for place, row in enumerate(layers.sort("depth").iter_rows(named=True)):
        mark = MARKS[row["display"]]
        look: dict[str, Any] = {"facecolor": mark.fill, "hatch": mark.hatch, "edgecolor": FAINT, "linewidth": 0.5}
        axes.add_patch(Rectangle((place * width, line - 0.42), width * 0.94, 0.84, **look))
        if layers.height > _ROOM_FOR_LETTERS:
            continue
        left = row["retention"] if layers.height <= _ROOM_FOR_NUMBERS else None
        text = mark.letter if left is None else f"{mark.letter} {100 * left:z.0f}".replace("-", "−")
        size = 5.5 if layers.height <= 12 else 4.2
        axes.text((place + 0.47) * width, line, text, ha="center", va="center", fontsize=size, color=mark.ink)


def _draw_front(axes: Axes, comparison: Comparison, budget: Budget, numbers: dict[str, int]) -> None:
    matrix, front = at(comparison.matrix, budget), at(comparison.front, budget)
    best = front.filter("on_front").sort("clean")
    together: dict[tuple[float, float], list[str]] = {}
    tidy(axes)
    axes.plot(100 * best["clean"], 100 * best["robust"], color=FAINT, linewidth=1, zorder=0)
    for row in matrix.iter_rows(named=True):
        x, y = 100 * row["clean"], 100 * row["robust"]
        spans = [
            [[value - 100 * row[f"{name}_low"]], [100 * row[f"{name}_high"] - value]]
            for name, value in (("clean", x), ("robust", y))
        ]
        axes.errorbar(x, y, xerr=spans[0], yerr=spans[1], fmt="none", ecolor=FAINT, elinewidth=0.5, zorder=0)
        if row["oblivious"] is not None:
            above = 100 * row["oblivious"]
            axes.plot([x, x], [y, above], color=ATTACK, linewidth=0.6, linestyle=":")
            axes.plot(x, above, marker="^", markerfacecolor="white", markeredgecolor=ATTACK, markersize=4, linestyle="")
        axes.plot(x, y, marker="o", color=CLEAN, markersize=3.5, linestyle="")
        together.setdefault((x, y), []).append(str(numbers[row["entry"]]))
    axes.set_xlabel("clean accuracy in %")
    axes.set_ylabel("robust accuracy in %, worst per image")
    axes.set_xlim(right=103)
    axes.set_ylim(-3, 103)
    axes.set_title(drawable(budget_name(budget)), loc="left", fontsize=7, fontweight="bold", color=INK, pad=3)
    above = matrix.drop_nulls("oblivious")
    _number_dots(axes, together, 100 * above.select("clean", "oblivious").to_numpy())


def _number_dots(axes: Axes, together: Mapping[tuple[float, float], Sequence[str]], others: Array) -> None:
    """Entries' numbers beside their dots, with a line where the nearest free place is not a near one.

    Args:
        axes: whose limits are set.
        together: numbers by the place of their dot, in per cent.
        others: ``(n, 2)``, what else should not be covered.
    """
    names = [",".join(numbers) for numbers in together.values()]
    dots = np.array(list(together))
    to_points = 72 / axes.figure.dpi
    points, obstacles = (axes.transData.transform(each) * to_points for each in (dots, np.vstack([dots, others])))
    sizes = np.array([(_DIGIT * len(name), _LINE) for name in names])
    window = np.array(axes.get_window_extent().extents) * to_points
    for dot, name, middle in zip(
        together, names, placed(points, sizes, obstacles, window=window, gaps=_GAPS), strict=True
    ):
        place = np.array([5.0, 5.0]) if middle is None else middle
        line = {"arrowstyle": "-", "color": CLEAN, "linewidth": 0.3, "shrinkA": 2, "shrinkB": 2}
        far = float(np.hypot(*place)) > _GAPS[1] + _DIGIT * len(name)
        axes.annotate(
            name, dot, tuple(place), textcoords="offset points", ha="center", va="center", fontsize=6, color=CLEAN,
            arrowprops=line if far else None,
        )  # fmt: skip


def _name_entries(figure: Figure, numbers: dict[str, int], *, bottom: float) -> None:
    names = short_names([printable(name) for name in numbers], 100)
    lines = [f"{place}  {drawable(name)}" for place, name in zip(numbers.values(), names, strict=True)]
    lines.append("● worst of all attacks    △ attack that does not know the defence    bars: 95 % intervals (Wilson)")
    figure.text(12 * MM / WIDTH, bottom - 0.02, "\n".join(lines), va="top", fontsize=6, color=INK, linespacing=1.4)
