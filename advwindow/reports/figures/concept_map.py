"""Concepts moving on a map: where they lie when clean, where the attack takes them, and where their words are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from advwindow.reports.figures.captions import Words
from advwindow.reports.figures.illustration import Illustration
from advwindow.reports.figures.labels import placed
from advwindow.reports.figures.panels import figure_of
from advwindow.reports.reading.findings import headline, layer_name
from advwindow.reports.reading.geometry import concept_names, distance, headline_geometry
from advwindow.reports.reading.scaling import map_concepts
from advwindow.reports.style import ATTACK, CLEAN, FAINT, INK, MM, NOISE, WIDTHS, Width, drawable, house_style, tidy
from advwindow.reports.text import count, number, percent, shorten

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from advwindow.reports.reading.geometry import ConceptGeometry
    from advwindow.reports.reading.scaling import ConceptMap
    from advwindow.reports.reading.studies import Attacked, Study

    Array = NDArray[np.float64]
    Places = NDArray[np.int64]

#: Up to so many concepts are all named; of more those that moved most.
_ALL, _MOST = 25, 15

#: Millimetres: the height of the panel, and what stands left of, right of, below and above it.
_HEIGHT: dict[Width, float] = {"page": 84, "column": 72}
_LEFT, _RIGHT, _BOTTOM, _TOP = 14, 2, 9, 5
_NAME_WIDTH, _TOLD_WIDTH, _TITLE_WIDTH = 18, 30, 22

#: Points between a mark and its name, and around a name.
_GAPS, _CLEARANCE = (2.5, 5.0, 8.0, 12.0), 0.8
#: Along an arrow so many points are kept free of names where that can be.
_ALONG = 8
#: More dots than this are one image.
_RASTERED = 300
#: Shorter arrows (shares of the map's size) are none.
_LEAST = 1e-6


def concept_map(geometry: ConceptGeometry, *, width: Width = "page") -> Figure:
    """The map of the concepts as a figure by itself.

    Args:
        geometry: of the concepts.
        width: ``"page"`` or ``"column"``.
    """
    total, panel = WIDTHS[width] / MM, _HEIGHT[width]
    height = panel + _BOTTOM + _TOP
    with house_style():
        figure = Figure(figsize=(total * MM, height * MM))
        box = (_LEFT / total, _BOTTOM / height, (total - _LEFT - _RIGHT) / total, panel / height)
        axes = figure.add_axes(box)
        draw_concept_map(axes, geometry)
        keys = map_keys(geometry.attack)
        figure.legend(
            list(keys.values()), list(keys), loc="upper left", bbox_to_anchor=(_LEFT / total, 1), ncols=len(keys),
            frameon=False, borderaxespad=0.3, borderpad=0, handlelength=1.6, columnspacing=1.6, handletextpad=0.5,
        )  # fmt: skip
    return figure


def draw_concept_map(axes: Axes, geometry: ConceptGeometry) -> None:
    """The map in given axes, which keep their size: both dimensions have the same scale.

    Args:
        axes: where to; names are placed for the size that they have now.
        geometry: of the concepts.
    """
    found, shown = map_concepts(geometry), told_concepts(geometry)
    others = np.setdiff1d(np.arange(len(geometry.concepts)), shown)
    tidy(axes)
    axes.set_aspect("equal", adjustable="datalim")
    shares = [percent(float(share)) for share in found.shares]
    axes.set_xlabel(f"dimension 1 ({shares[0]} of the variance)")
    axes.set_ylabel(f"dimension 2 ({shares[1]} of the variance)")
    many: dict[str, Any] = {"linestyle": "", "marker": "o", "markersize": 1.8, "markeredgewidth": 0, "zorder": 1}
    many |= {"alpha": 0.35, "rasterized": len(others) > _RASTERED}
    axes.plot(*found.clean[others].T, color=CLEAN, label="other clean", **many)
    axes.plot(*found.attacked[others].T, color=ATTACK, label="other attacked", **many)
    _draw_words(axes, found, shown)
    axes.plot(*found.clean[shown].T, color=CLEAN, marker="o", markersize=3.2, linestyle="", zorder=4, label="clean")
    axes.margins(0.06)
    axes.locator_params(nbins=7)
    _draw_arrows(axes, found, shown)
    names = concept_names(geometry.concepts, _NAME_WIDTH)
    _name(axes, [drawable(names[each]) for each in shown], found.clean[shown], _obstacles(found, shown))


def map_keys(title: str) -> dict[str, Line2D]:
    """Keys by what they mean.

    Args:
        title: of the attack.
    """
    return {
        "clean": Line2D([], [], color=CLEAN, marker="o", markersize=3.2, linestyle=""),
        f"under {drawable(shorten(title, _TITLE_WIDTH))}": Line2D([], [], color=ATTACK, marker=">", markersize=3.5),
        "word": Line2D([], [], color=NOISE, marker="s", markersize=2.2, linestyle="-", linewidth=0.4),
    }


def told_concepts(geometry: ConceptGeometry) -> Places:
    """The concepts with name and arrow, those that moved farthest (among all dimensions) first."""
    farthest = np.argsort(-geometry.moved, kind="stable")
    return farthest if len(farthest) <= _ALL else farthest[:_MOST]


def map_data(geometry: ConceptGeometry) -> pl.DataFrame:
    """What is drawn: one row per concept, and how far it moved among all dimensions."""
    found = map_concepts(geometry)
    points = {"clean": found.clean, "attack": found.attacked, "word": found.words}
    concepts = np.array(geometry.concepts, dtype=object)
    return pl.DataFrame({
        "concept": pl.Series(geometry.concepts, dtype=pl.String),
        "word": pl.Series(geometry.words, dtype=pl.String),
        **{f"{axis}_{name}": where[:, place] for name, where in points.items() for place, axis in enumerate("xy")},
        "moved": geometry.moved,
        "nearest_clean": pl.Series(concepts[geometry.nearest], dtype=pl.String),
    })  # fmt: skip


def map_words(attack: Attacked, geometry: ConceptGeometry) -> Words:
    """About the map of one of the attack's layers."""
    concepts, layer = len(geometry.concepts), layer_name(attack, geometry.layer)
    share = percent(float(map_concepts(geometry).shares.sum()))
    facts = f"{_farthest(geometry)} {_strayed(geometry)}"
    some = f" Arrows (and names, where there is room) have the {_MOST} that moved farthest."
    caption = (
        f"Where {count(concepts, 'concept')} lie at {layer} on clean images (dots), where {attack.title} takes them "
        f"(arrowheads), and their words (squares, joined to the dots), turned and scaled onto the clean concepts. "
        f"The two dimensions hold {share} of the variance of clean and attacked concepts: distances on the map are "
        f"approximations, those told here are not.{some if concepts > _ALL else ''} {facts}"
    )
    return Words(
        caption, f"Map of {count(concepts, 'concept')} at {layer}, which shows {share} of the variance. {facts}"
    )


def map_illustration(study: Study) -> list[Illustration]:
    """The figure under the most harmful attack where its drift is largest; none where that layer has no geometry."""
    geometry = headline_geometry(study)
    if geometry is None:
        return []
    words = map_words(headline(study), geometry)
    return [Illustration("concept-map", (concept_map(geometry),), words, map_data(geometry))]


def _draw_words(axes: Axes, found: ConceptMap, shown: Places) -> None:
    ties = np.stack([found.clean[shown], found.words[shown]], 1)
    axes.add_collection(LineCollection(list(ties), colors=FAINT, linewidths=0.4, zorder=2), autolim=True)
    axes.plot(*found.words[shown].T, color=NOISE, marker="s", markersize=2.2, linestyle="", zorder=3, label="words")


def _draw_arrows(axes: Axes, found: ConceptMap, shown: Places) -> None:
    """Without those that have no length; their ends count for the limits of the axes."""
    ends = found.attacked[shown]
    axes.update_datalim(ends)
    axes.autoscale_view()
    least = _LEAST * float(np.ptp(found.clean, axis=0).max())
    for start, end in zip(found.clean[shown], ends, strict=True):
        if np.linalg.norm(end - start) > least:
            look = {"arrowstyle": "-|>,head_length=0.28,head_width=0.13", "color": ATTACK, "linewidth": 0.8}
            axes.annotate("", end, start, arrowprops={**look, "shrinkA": 0, "shrinkB": 0}, zorder=5)


def _obstacles(found: ConceptMap, shown: Places) -> Array:
    """``(n, 2)`` points that names should not cover: marks, and points along the arrows."""
    along = np.linspace(0, 1, _ALONG)[:, None, None]
    arrows = found.clean[shown] + along * (found.attacked[shown] - found.clean[shown])
    return np.concatenate([arrows.reshape(-1, 2), found.words[shown]])


def _name(axes: Axes, names: Sequence[str], points: Array, obstacles: Array) -> None:
    """Write names beside points; those without room are left out."""
    axes.apply_aspect()
    unit = figure_of(axes).dpi / 72
    texts = [
        axes.annotate(
            name, point, (0, 0), textcoords="offset points", fontsize=5.5, color=INK, zorder=6, ha="center", va="center"
        )
        for name, point in zip(names, points, strict=True)
    ]
    sizes = np.array([text.get_window_extent().size for text in texts]) / unit + 2 * _CLEARANCE
    places = placed(
        axes.transData.transform(points) / unit,
        sizes,
        axes.transData.transform(obstacles) / unit,
        window=np.array(axes.get_window_extent().extents) / unit,
        gaps=_GAPS,
    )
    for text, place in zip(texts, places, strict=True):
        if place is None:
            text.remove()
        else:
            text.set_position((float(place[0]), float(place[1])))


def _farthest(geometry: ConceptGeometry) -> str:
    """What moved most and how far the median moved, beside what noise does."""
    names, moved = concept_names(geometry.concepts, _TOLD_WIDTH), geometry.moved
    most = int(moved.argmax())
    told = (
        f"The concept that moves farthest is {names[most]}, by {number(float(moved[most]))} of at most 2 (the root of "
        f"2 − 2 × its similarity to itself when clean); the median is {number(float(np.median(moved)))}"
    )
    if geometry.kept_by_noise is None:
        return f"{told}."
    return f"{told} (under noise of the same size {number(float(np.median(distance(geometry.kept_by_noise))))})."


def _strayed(geometry: ConceptGeometry) -> str:
    strayed = int((geometry.nearest != np.arange(len(geometry.concepts))).sum())
    total = len(geometry.concepts)
    if not strayed:
        return "Every attacked concept is still nearest to itself when clean."
    return f"{strayed} of {total} attacked concepts lie nearer to another clean concept than to themselves when clean."
