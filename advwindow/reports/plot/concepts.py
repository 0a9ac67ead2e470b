"""Figures for papers of single concepts in one layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

from advwindow.errors import UserError, did_you_mean
from advwindow.reports.figures import concept_map as maps
from advwindow.reports.figures import matrices as blocks
from advwindow.reports.plot.canvas import Canvas, Options, Source
from advwindow.reports.reading.findings import worst_layer
from advwindow.reports.reading.geometry import ConceptGeometry, read_geometry
from advwindow.reports.style import MM, house_style

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

_PANEL = 76


def concept_map(run: Source, ax: Axes | None = None, *, layer: str = "", **options: Unpack[Options]) -> Axes:
    """Where concepts lie when clean, where the attack takes them, and where their words lie. See `alignment`.

    Joint classical scaling of clean and attacked concepts (Torgerson 1952); words are turned and scaled onto the clean
    ones.

    Args:
        run: a run, or its folder.
        ax: where to draw; a new figure if None.
        layer: which; the one that drifts most if empty.
        options: see `Options`.

    Raises:
        UserError: no such layer, too few concepts, or as `alignment`.
    """
    canvas = Canvas.of(run, ax, options)
    geometry = _geometry(canvas, layer)
    with canvas.axes() as axes:
        lines = canvas.keys_above(axes, maps.map_keys(geometry.attack), title="")
        canvas.fit(axes, _PANEL * MM, lines=lines)
        maps.draw_concept_map(axes, geometry)
        return axes


def matrices(
    run: Source, ax: Sequence[Axes] | None = None, *, layer: str = "", **options: Unpack[Options]
) -> list[Axes]:
    """Similarities of the concepts: words, clean, attacked, and attacked minus clean. See `concept_map`.

    Args:
        run: a run, or its folder.
        ax: four axes; a new figure if None.
        layer: which; the one that drifts most if empty.
        options: see `Options`.

    Returns:
        The four axes.
    """
    canvas = Canvas.of(run, None, options)
    geometry = _geometry(canvas, layer)
    if ax is None:
        return blocks.matrices(geometry, width=canvas.width).axes[:4]
    if len(ax) != 4:
        raise UserError("the figure has four panels", got=f"{len(ax)} axes", fix="pass four, row by row")
    with house_style():
        blocks.draw_matrices(ax, geometry)
    return list(ax)


def _geometry(canvas: Canvas, layer: str) -> ConceptGeometry:
    names = canvas.study.names
    if layer and layer not in names:
        raise UserError("no such layer in this run", got=layer, fix=did_you_mean(layer, names))
    chosen = layer or str(worst_layer(canvas.attacked)["layer"])
    found = read_geometry(canvas.study.run, canvas.attacked, layer=chosen)
    if found is None:
        raise UserError("too few concepts to draw", got=f"{canvas.attacked.summary['concepts']}", expected="4 or more")
    return found
