"""Figures for papers of all attacks and budgets of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

import polars as pl

from advwindow.errors import UserError, did_you_mean
from advwindow.reports.figures import collapse_map as maps
from advwindow.reports.figures import retention as retentions
from advwindow.reports.figures import robustness as curves
from advwindow.reports.figures.budgets import attack_looks
from advwindow.reports.figures.panels import names_height
from advwindow.reports.plot.canvas import Canvas, Options, Source
from advwindow.reports.reading.collapse import collapse_points
from advwindow.reports.reading.retention import retention_points
from advwindow.reports.reading.robustness import robustness_points
from advwindow.reports.style import MM

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Millimetres: a panel with its labels, a row of the map.
_PANEL, _ROW = 58, 4.6


def robustness(run: Source, ax: Axes | None = None, *, norm: str = "", **options: Unpack[Options]) -> Axes:
    """Robust accuracy against budget, one line per attack, with Wilson's 95 % intervals. See `alignment`.

    Attacks that seek the smallest perturbation are drawn as the share of images that stands within each budget.

    Args:
        run: a run, or its folder.
        ax: where to draw; a new figure if None.
        norm: which of several, e.g. ``"linf"``; the first if empty.
        options: see `Options`; all attacks are drawn.

    Raises:
        UserError: no attack in this norm, or as `alignment`.
    """
    canvas = Canvas.of(run, ax, options)
    points = _in_norm(robustness_points(canvas.study), norm)
    with canvas.axes() as axes:
        keys = curves.draw_robustness(axes, points, looks=attack_looks(canvas.study))
        return canvas.fit(axes, _PANEL * MM, lines=canvas.keys_above(axes, keys, title=""))


def retention(
    run: Source, ax: Axes | None = None, *, layer: str = "", norm: str = "", **options: Unpack[Options]
) -> Axes:
    """Share of a layer's clean alignment that is left, against budget, with its half-life. See `alignment`.

    Args:
        run: a run, or its folder.
        ax: where to draw; a new figure if None.
        layer: one that is aligned with words; the last of those that the report shows if empty.
        norm: which of several; the first if empty.
        options: see `Options`; all attacks with several budgets are drawn.

    Raises:
        UserError: no attack has several budgets, no such layer among those that are shown, or as `alignment`.
    """
    canvas = Canvas.of(run, ax, options)
    points = retention_points(canvas.study)
    if points.is_empty():
        raise UserError(
            "there is nothing to draw", got="no attack with several budgets, or no layer aligned with words",
            fix="give the attack a list, e.g. eps = ['1/255', '2/255', '4/255']",
        )  # fmt: skip
    points = _in_norm(points, norm)
    layers = points["layer"].unique(maintain_order=True).to_list()
    if layer and layer not in layers:
        raise UserError("no such layer in this figure", got=layer, fix=did_you_mean(layer, layers))
    chosen = layer or layers[-1]
    with canvas.axes() as axes:
        of_layer = points.filter(pl.col("layer") == chosen)
        keys = retentions.draw_retention(axes, of_layer, looks=attack_looks(canvas.study))
        return canvas.fit(axes, _PANEL * MM, lines=canvas.keys_above(axes, keys, title=chosen))


def collapse_map(run: Source, ax: Axes | None = None, **options: Unpack[Options]) -> Axes:
    """How much each layer (left to right) loses beyond noise under every attack and budget. See `alignment`."""
    canvas = Canvas.of(run, ax, options)
    points = collapse_points(canvas.study)
    names, rows = canvas.study.names, points.select("attack", "eps").n_unique()
    with canvas.axes() as axes:
        letters = canvas.inches / len(names) > 2 * MM
        keys = maps.draw_collapse_map(axes, points, letters=letters)
        lines = canvas.keys_below(axes, keys)
        return canvas.fit(axes, _ROW * rows * MM + names_height(names), lines=lines)


def _in_norm(points: pl.DataFrame, norm: str) -> pl.DataFrame:
    norms = points["norm"].unique(maintain_order=True).to_list()
    if norm and norm not in norms:
        raise UserError("no attack of this run is in this norm", got=norm, fix=did_you_mean(norm, norms))
    return points.filter(pl.col("norm") == (norm or norms[0]))
