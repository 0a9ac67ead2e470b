"""How alike concepts are to each other: by their words, in the clean network, under attack, and what that changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import matplotlib as mpl
import numpy as np
import polars as pl
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure

from advwindow.reports.figures.illustration import Illustration
from advwindow.reports.figures.matrices_caption import matrix_words
from advwindow.reports.figures.matrix_scale import KINDS, MANY, least_cluster, pooled_pairs
from advwindow.reports.figures.naming import GAP, NAME_SIZE, NAME_WIDTH, Naming, row_of, usual
from advwindow.reports.reading.findings import headline
from advwindow.reports.reading.geometry import concept_names, headline_geometry, word_order
from advwindow.reports.style import ATTACK, CLEAN, FAINT, INK, MM, WIDTHS, Width, drawable, house_style
from advwindow.reports.text import shorten
from advwindow.window.alignment import pair_values

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from numpy.typing import NDArray

    from advwindow.reports.reading.geometry import ConceptGeometry, Order
    from advwindow.reports.reading.studies import Study

    Array = NDArray[np.float64]

#: Panels beside each other, by the width of the figure.
_COLUMNS: dict[Width, int] = {"page": 4, "column": 2}

#: Millimetres of a title above a panel, and of the colour bars below.
_TITLE, _BARS = 4.5, 11.0
_TITLE_WIDTH = 20

#: Percentiles at which colours end where there are many concepts.
_ENDS = (1, 99)
#: Few colours make small files.
_COLORS = 65

_CHANGE = LinearSegmentedColormap.from_list("change", [CLEAN, "#FFFFFF", ATTACK], _COLORS).with_extremes(bad=FAINT)


class Panel(NamedTuple):
    """One matrix as it is drawn.

    Attributes:
        title: above it.
        values: ``(C, C)`` in the order of the concepts.
        colors: of the values.
        scale: from values to the range of colours.
    """

    title: str
    values: Array
    colors: Colormap
    scale: Normalize


def matrices(geometry: ConceptGeometry, *, width: Width = "page") -> Figure:
    """The concepts' similarities: words, clean, attacked, and attacked minus clean.

    Args:
        geometry: of the concepts.
        width: ``"page"`` (four panels in a row) or ``"column"`` (two by two).
    """
    columns, total = _COLUMNS[width], WIDTHS[width] / MM
    side, right, naming = row_of(concept_names(geometry.concepts, NAME_WIDTH), columns=columns, total=total)
    rows = 4 // columns
    height = rows * (side + _TITLE) + (rows - 1) * GAP + _BARS
    with house_style():
        figure = Figure(figsize=(total * MM, height * MM))
        panels = []
        for place in range(4):
            row, column = divmod(place, columns)
            left = total - right - side - (columns - 1 - column) * (side + GAP)
            bottom = height - (row + 1) * (side + _TITLE) - row * GAP
            panels.append(figure.add_axes((left / total, bottom / height, side / total, side / height)))
        draw_matrices(panels, geometry, columns=columns, naming=naming)
    return figure


def draw_matrices(
    axes: Sequence[Axes], geometry: ConceptGeometry, *, columns: int = 4, naming: Naming | None = None
) -> None:
    """The same into four given axes: words, clean, attacked, difference.

    Args:
        axes: four, row by row.
        geometry: of the concepts.
        columns: axes beside each other, 4 or 2.
        naming: which concepts are named; as many as usually have room if None.
    """
    order, panels = word_order(geometry.of_words), panels_of(geometry)
    named = naming or usual(len(geometry.concepts))
    for place, (each, panel) in enumerate(zip(axes, panels, strict=True)):
        _draw(each, panel, order)
        if place % columns == 0:
            _name(each, geometry, order, slice(0, None, named.step))
            each.set_ylabel(named.told(len(geometry.concepts)), fontsize=6)
        if named.both and place % columns == columns - 1:
            each.yaxis.tick_right()
            _name(each, geometry, order, slice(1, None, named.step))
    _bar(axes[1] if columns == 4 else axes[2], panels[0], f"similarity ({KINDS[geometry.kind].partition(' ')[0]})")
    _bar(axes[3], panels[3], "change under attack")


def panels_of(geometry: ConceptGeometry) -> tuple[Panel, Panel, Panel, Panel]:
    """The four matrices; the first three on one scale of colours, the last centred on 0."""
    alike = geometry.of_words, geometry.clean, geometry.attacked
    values = np.concatenate([pair_values(matrix) for matrix in alike])
    ends = _ENDS if len(geometry.concepts) > MANY else (0, 100)
    one = Normalize(*_apart(*np.percentile(values, ends).tolist()))
    most = max(float(np.percentile(np.abs(pair_values(geometry.difference)), ends[1])), 0.01)
    viridis = mpl.colormaps["viridis"].resampled(_COLORS).with_extremes(bad=FAINT)
    titles = "words", "clean images", drawable(shorten(geometry.attack, _TITLE_WIDTH))
    first, second, third = (
        Panel(title, matrix, viridis, one) for title, matrix in zip(titles, alike, strict=True)
    )  # fmt: skip
    return first, second, third, Panel("attacked − clean", geometry.difference, _CHANGE, Normalize(-most, most))


def pooled(values: Array) -> Array:
    """Means of blocks, so that not too many of them stand beside each other; missing values are left out.

    Args:
        values: ``(n, n)``, at least one of each block there where blocks have several.

    Returns:
        As they are where they are few enough.
    """
    step = pooled_pairs(len(values))
    if step == 1:
        return values
    starts = np.arange(0, len(values), step)
    there = np.isfinite(values)
    sums, counts = (
        np.add.reduceat(np.add.reduceat(each, starts, axis=0), starts, axis=1)
        for each in (np.where(there, values, 0.0), there.astype(float))
    )
    return np.asarray(np.divide(sums, counts, out=np.full_like(sums, np.nan), where=counts > 0))


def matrix_data(geometry: ConceptGeometry) -> pl.DataFrame:
    """What is drawn: one row per pair of concepts."""
    first, second = np.triu_indices(len(geometry.concepts), 1)
    concepts = np.array(geometry.concepts, dtype=object)
    return pl.DataFrame({
        "concept_a": pl.Series(concepts[first], dtype=pl.String),
        "concept_b": pl.Series(concepts[second], dtype=pl.String),
        "words": pair_values(geometry.of_words),
        "clean": pair_values(geometry.clean),
        "attack": pair_values(geometry.attacked),
        "difference": pair_values(geometry.difference),
    })  # fmt: skip


def matrices_illustration(study: Study) -> list[Illustration]:
    """The figure under the most harmful attack where its drift is largest; none where that layer has no geometry."""
    geometry = headline_geometry(study)
    if geometry is None:
        return []
    words = matrix_words(headline(study), geometry)
    return [Illustration("matrices", (matrices(geometry),), words, matrix_data(geometry))]


def _draw(axes: Axes, panel: Panel, order: Order) -> None:
    size = len(order.leaves)
    shown = panel.values[np.ix_(order.leaves, order.leaves)].copy()
    np.fill_diagonal(shown, np.nan)
    masked = np.ma.masked_invalid(pooled(shown))
    extent = (-0.5, size - 0.5, size - 0.5, -0.5)
    axes.imshow(masked, cmap=panel.colors, norm=panel.scale, interpolation_stage="data", extent=extent)
    borders = order.borders(least_cluster(size)) - 0.5
    axes.hlines(borders, -0.5, size - 0.5, colors=INK, linewidth=0.25)
    axes.vlines(borders, -0.5, size - 0.5, colors=INK, linewidth=0.25)
    axes.set_title(panel.title, loc="left", fontsize=7, fontweight="bold", color=INK, pad=3)
    axes.set(xticks=[], yticks=[], xlim=(-0.5, size - 0.5), ylim=(size - 0.5, -0.5))


def _name(axes: Axes, geometry: ConceptGeometry, order: Order, chosen: slice) -> None:
    names = concept_names(geometry.concepts, NAME_WIDTH)
    places = range(len(names))[chosen]
    axes.set_yticks(places, [drawable(names[order.leaves[place]]) for place in places], fontsize=NAME_SIZE)
    axes.tick_params(axis="y", length=1.5, width=0.4, pad=1)


def _bar(axes: Axes, panel: Panel, label: str) -> None:
    """A bar of colours below a panel; an image, as a mesh would be hundreds of shapes."""
    below = axes.inset_axes((0.04, -0.11, 0.92, 0.05))
    low, high = float(panel.scale.vmin or 0), float(panel.scale.vmax or 0)
    below.imshow(
        np.linspace(low, high, 256)[None], cmap=panel.colors, norm=panel.scale, extent=(low, high, 0, 1), aspect="auto"
    )
    below.set_yticks([])
    below.tick_params(axis="x", labelsize=5.5, pad=1.5)
    below.set_xlabel(label, fontsize=6, labelpad=1.5)


def _apart(low: float, high: float) -> tuple[float, float]:
    """Ends of a scale that has some length."""
    return (low, high) if high - low > 0.01 else (low - 0.01, high + 0.01)
