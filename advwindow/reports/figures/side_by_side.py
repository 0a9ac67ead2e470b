"""Entries of a comparison side by side: alignment and drift against depth on the same axes, and all verdicts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from advwindow.reports.figures import curves
from advwindow.reports.figures.captions import Words
from advwindow.reports.figures.comparison import pareto_pieces, survival_pieces
from advwindow.reports.figures.illustration import Illustration
from advwindow.reports.figures.illustrations import curve_data, verdict_data
from advwindow.reports.figures.strip import verdict_strip
from advwindow.reports.reading.comparison_answer import at, budget_name, deciding
from advwindow.reports.reading.comparison_layers import numbers_of, panel_titles, strongest_cell
from advwindow.reports.reading.studies import layers_under
from advwindow.reports.style import MARKS
from advwindow.reports.text import ABSENT, number

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from matplotlib.figure import Figure

    from advwindow.attacks import Budget
    from advwindow.comparison import Comparison
    from advwindow.reports.figures.curves import Curves, Layers

#: Panels, rows of the strip, and columns of the strip that fit a page.
_MOST_PANELS, _MOST_ROWS, _MOST_LAYERS = 12, 30, 60
#: With more panels than this only the budget that tells entries apart best is drawn against depth.
_MOST_DRAWN = 48
#: Intervals of few concepts reach further than any correlation can.
_MOST = 1.05
_KEY = "; ".join(f"{mark.letter}: {mark.meaning}" for mark in MARKS.values())
_BESIDE = (
    "{budget}: {what} against depth, {conditions} of the same size and under the strongest attack on each entry. "
    "All panels of this kind, at every budget, have the same vertical axis, which ends where correlations do{pieces}."
)
_PIECES = "; networks with other layers stand apart"


def illustrate_comparison(comparison: Comparison) -> list[Illustration]:
    """Every figure of a comparison, in the order of its report.

    ``pareto`` (of two entries or more), ``survival``, and for each budget (by its number) ``alignment-0``, ``drift-0``
    and ``strip-0``.
    """
    return [*front(comparison), _survival(comparison), *against_depth(comparison), *_strips(comparison)]


def drawn_budgets(comparison: Comparison) -> list[Budget]:
    """Budgets that are drawn against depth: all, or where these are too many the one that tells entries apart best."""
    few = len(comparison.entries) * len(comparison.budgets) <= _MOST_DRAWN
    return list(comparison.budgets) if few else [deciding(comparison)]


def front(comparison: Comparison) -> list[Illustration]:
    """Clean against robust accuracy; nothing for a single entry, which no other can beat."""
    if len(comparison.entries) == 1:
        return []
    numbers = numbers_of(comparison)
    parts = []
    for budget in comparison.budgets:
        rows = at(comparison.matrix, budget).select("entry", "clean", "robust").iter_rows()
        told = "; ".join(
            f"{numbers[entry]}: {number(100 * clean, digits=1)} and {number(100 * robust, digits=1)}"
            for entry, clean, robust in rows
        )
        parts.append(f"{budget_name(budget)}: {told}.")
    caption = (
        "Further right: more accurate when clean; further up: withstands more. Numbers are those of the table above; "
        "the line joins entries that no other beats in one respect without losing in the other. The further a triangle "
        "stands above its dot, the more the defence only seems to protect."
    )
    alt = f"Clean accuracy and robust accuracy in per cent, by number of entry. {' '.join(parts)}"
    return [Illustration("pareto", tuple(pareto_pieces(comparison)), Words(caption, alt), comparison.front)]


def _survival(comparison: Comparison) -> Illustration:
    numbers = numbers_of(comparison)
    parts = []
    for budget in comparison.budgets:
        rows = at(comparison.matrix, budget).select("entry", "retention").iter_rows()
        told = "; ".join(
            f"{numbers[entry]}: {ABSENT if kept is None else f'{number(100 * kept, digits=0)} %'}"
            for entry, kept in rows
        )
        parts.append(f"{budget_name(budget)}: {told}.")
    caption = (
        "What the strongest attack leaves of each layer's clean alignment with words, in per cent. Letters are "
        "verdicts; unanchored layers have nothing to lose and no number. Above 100 the layer is more aligned under "
        "attack, which small sets of concepts allow by chance."
    )
    alt = f"Clean alignment left in all layers together, by number of entry. {' '.join(parts)}"
    return Illustration("survival", tuple(survival_pieces(comparison)), Words(caption, alt), comparison.layers)


def against_depth(comparison: Comparison) -> Iterator[Illustration]:
    """Alignment and drift against depth, ``alignment-0`` for the first budget that is drawn, and so on."""
    budgets = drawn_budgets(comparison)
    groups = {budget: list(_groups(comparison, budget)) for budget in budgets}
    measure = comparison.entries[0].spec.measure
    for name, kind, what, conditions in (
        ("alignment", curves.ALIGNMENT, "alignment with words", "clean, under noise"),
        ("drift", curves.DRIFT, "drift (the alignment that is lost)", "under noise"),
    ):
        drawn = {
            budget: [
                curves.small_multiples(kind, part, measure=measure)
                for group in groups[budget]
                for part in _parts(group, _MOST_PANELS)
            ]
            for budget in budgets
        }
        _same_height([figure for figures in drawn.values() for figure in figures])
        for place, budget in enumerate(budgets):
            apart = _PIECES if len(groups[budget]) > 1 else ""
            caption = _BESIDE.format(budget=budget_name(budget), what=what, conditions=conditions, pieces=apart)
            together = {title: table for group in groups[budget] for title, table in group.items()}
            words = Words(caption, f"{caption} {_told(kind, together)}")
            data = pl.concat([curve_data(kind, group) for group in groups[budget]], how="vertical_relaxed")
            yield Illustration(f"{name}-{place}", tuple(drawn[budget]), words, data)


def _strips(comparison: Comparison) -> Iterator[Illustration]:
    for place, budget in enumerate(comparison.budgets):
        groups = list(_groups(comparison, budget))
        figures = [
            verdict_strip(some) for group in groups for part in _parts(group, _MOST_ROWS) for some in _by_layers(part)
        ]
        caption = f"{budget_name(budget)}: the verdict on every layer under the strongest attack. {_KEY}."
        told = "; ".join(f"{title}: {_letters(table)}" for group in groups for title, table in group.items())
        data = pl.concat([verdict_data(group) for group in groups], how="vertical_relaxed")
        yield Illustration(f"strip-{place}", tuple(figures), Words(caption, f"Matrix of verdicts. {told}."), data)


def _groups(comparison: Comparison, budget: Budget) -> Iterable[Layers]:
    """Layers of each entry under its strongest attack, by title of the entry; networks of the same layers together."""
    titles = panel_titles(comparison)
    groups: dict[tuple[str, ...], dict[str, pl.DataFrame]] = {}
    for entry in comparison.entries:
        table = entry.run.table(strongest_cell(comparison, entry, budget).spec, "layers")
        names = tuple(layers_under(table, "clean")["layer"])
        groups.setdefault(names, {})[titles[entry.name]] = table
    return groups.values()


def _parts(layers: Layers, most: int) -> Iterator[Layers]:
    titles = list(layers)
    for start in range(0, len(titles), most):
        yield {title: layers[title] for title in titles[start : start + most]}


def _by_layers(layers: Layers) -> Iterator[Mapping[str, pl.DataFrame]]:
    count = layers_under(next(iter(layers.values())), "clean").height
    width = -(-count // -(-count // _MOST_LAYERS))
    for start in range(0, count, width):
        inside = pl.col("depth").is_between(start, start + width - 1)
        yield {title: table.filter(inside) for title, table in layers.items()}


def _same_height(figures: Iterable[Figure]) -> None:
    """Give all panels of several figures the same vertical axis; what is beyond any correlation is cut off."""
    first = [figure.axes[0] for figure in figures]  # the panels of one figure share theirs
    limits = [axes.get_ylim() for axes in first]
    for axes in first:
        axes.set_ylim(max(-_MOST, min(low for low, _ in limits)), min(_MOST, max(high for _, high in limits)))


def _told(kind: Curves, layers: Layers) -> str:
    """The largest value under attack, entry by entry."""
    column = kind.shown[0]
    parts = []
    for title, table in layers.items():
        rows = layers_under(table, "attack").drop_nulls(column)
        most = rows.sort(column, descending=True, maintain_order=True).head(1).to_dicts()
        told = f"at most {number(most[0][column])} under attack" if most else "nothing known under attack"
        parts.append(f"{title}: {told}")
    return f"{'; '.join(parts)}."


def _letters(table: pl.DataFrame) -> str:
    rows = layers_under(table, "attack").select("verdict", "hijacked").iter_rows()
    return " ".join(MARKS[verdict].letter + ("H" if hijacked else "") for verdict, hijacked in rows)
