"""Models and defences side by side: the Pareto front, and what survives in every layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from advwindow.reports.style import ATTACK, CLEAN, FAINT, INK, MARKS, MM, WIDTH, drawable, house_style, render, tidy
from advwindow.reports.text import eps_name, norm_name, printable, short_names, shorten
from advwindow.runs import write_bytes

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.axes import Axes

    from advwindow.attacks import Budget
    from advwindow.comparison import Comparison

_COLUMNS = 2


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
    the defence only seems to protect.
    """
    numbers = numbers_of(comparison)
    budgets = comparison.budgets
    rows = -(-len(budgets) // _COLUMNS)
    key_height = 3.2 * MM * len(numbers) + 8 * MM
    height = rows * 62 * MM + key_height
    with house_style():
        figure = Figure(figsize=(WIDTH, height))
        for place, budget in enumerate(budgets):
            row, column = divmod(place, _COLUMNS)
            width = (WIDTH - 30 * MM) / _COLUMNS
            left = (12 * MM + column * (width + 14 * MM)) / WIDTH
            bottom = 1 - ((row + 1) * 62 * MM - 10 * MM) / height
            axes = figure.add_axes((left, bottom, width / WIDTH, 46 * MM / height))
            _draw_front(axes, comparison, budget, numbers)
        _name_entries(figure, numbers, bottom=key_height / height)
    return figure


def survival(comparison: Comparison) -> Figure:
    """Share of each layer's clean alignment that is left under the strongest attack, entries below each other.

    A letter is the verdict; layers that are not aligned with words have no share. One block of lines for each budget.
    """
    entries = comparison.entries
    height = (len(comparison.budgets) * (len(entries) * 6 + 9) + 8) * MM
    with house_style():
        figure = Figure(figsize=(WIDTH, height))
        axes = figure.add_axes((62 * MM / WIDTH, 8 * MM / height, (WIDTH - 64 * MM) / WIDTH, 1 - 9 * MM / height))
        ticks, line = {}, 0.0
        for budget in comparison.budgets:
            axes.text(0, line, f"{_budget_name(budget)}, % of the clean alignment left", fontweight="bold", va="center")
            layers = _strongest(comparison, budget)
            for place, entry in enumerate(entries, start=1):
                ticks[line + place] = drawable(shorten(printable(entry.name), 48))
                _draw_layers(axes, layers[entry.name], line + place)
            line += len(entries) + 1.5
        axes.set_yticks(list(ticks), list(ticks.values()), fontsize=5.5)
        axes.set(ylim=(line - 0.4, -0.6), xlim=(0, 1), xticks=[])
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        told = "   ".join(f"{mark.letter} {verdict}" for verdict, mark in MARKS.items())
        figure.text(0.01, 2 * MM / height, f"First layer left, last layer right.   {told}", fontsize=6, color=INK)
    return figure


def _strongest(comparison: Comparison, budget: Budget) -> dict[str, pl.DataFrame]:
    """Layers of the cell that the matrix calls strongest, by entry."""
    norm, eps = str(budget.norm), budget.eps
    here = comparison.matrix.filter((pl.col("norm") == norm) & (pl.col("eps") == eps))
    return {
        row["entry"]: comparison.layers.filter(
            (pl.col("entry") == row["entry"])
            & (pl.col("norm") == norm)
            & ((pl.col("eps") == eps) | (pl.col("eps") == "min"))
            & (pl.concat_str("attack", "access", separator=" ") == row["strongest"])
        ).unique("layer", keep="first", maintain_order=True)
        for row in here.iter_rows(named=True)
    }


def _draw_layers(axes: Axes, layers: pl.DataFrame, line: float) -> None:
    if layers.is_empty():
        return
    width = 1 / layers.height
    for place, row in enumerate(layers.sort("depth").iter_rows(named=True)):
        mark = MARKS[row["display"]]
        look: dict[str, Any] = {"facecolor": mark.fill, "hatch": mark.hatch, "edgecolor": FAINT, "linewidth": 0.5}
        axes.add_patch(Rectangle((place * width, line - 0.42), width * 0.94, 0.84, **look))
        left = row["retention"]
        text = mark.letter if left is None else f"{mark.letter} {100 * left:z.0f}".replace("-", "−")
        size = 5.5 if layers.height <= 12 else 4.2
        axes.text((place + 0.47) * width, line, text, ha="center", va="center", fontsize=size, color=mark.ink)


def _draw_front(axes: Axes, comparison: Comparison, budget: Budget, numbers: dict[str, int]) -> None:
    chosen = (pl.col("norm") == str(budget.norm)) & (pl.col("eps") == budget.eps)
    matrix, front = comparison.matrix.filter(chosen), comparison.front.filter(chosen)
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
    for (x, y), names in together.items():
        axes.annotate(",".join(names), (x, y), (3, 2.5), textcoords="offset points", fontsize=6, color=CLEAN)
    axes.set_xlabel("clean accuracy in %")
    axes.set_ylabel("robust accuracy in %, worst per image")
    axes.set_xlim(right=103)
    axes.set_ylim(-3, 103)
    axes.set_title(_budget_name(budget), loc="left", fontsize=7, fontweight="bold", color=INK, pad=3)


def _name_entries(figure: Figure, numbers: dict[str, int], *, bottom: float) -> None:
    names = short_names([printable(name) for name in numbers], 100)
    lines = [f"{place}  {drawable(name)}" for place, name in zip(numbers.values(), names, strict=True)]
    lines.append("● worst of all attacks    △ attack that does not know the defence    bars: 95 % intervals (Wilson)")
    figure.text(12 * MM / WIDTH, bottom - 0.02, "\n".join(lines), va="top", fontsize=6, color=INK, linespacing=1.4)


def _budget_name(budget: Budget) -> str:
    return drawable(f"{norm_name(str(budget.norm))} {eps_name(budget.eps)}")


def numbers_of(comparison: Comparison) -> dict[str, int]:
    """What stands for the entries' names where there is no room for them."""
    return {entry.name: place for place, entry in enumerate(comparison.entries, start=1)}
