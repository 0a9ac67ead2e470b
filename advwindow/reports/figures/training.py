"""The figure of a training: alignment of every layer with words against the epoch, beside accuracy."""

from __future__ import annotations

import io
import math
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle

from advwindow.reports.figures.panels import legend
from advwindow.reports.reading.course import read_course, stretches
from advwindow.reports.style import ATTACK, CLEAN, FAINT, INK, MM, NOISE, WIDTH, drawable, house_style, render, tidy
from advwindow.reports.text import short_names
from advwindow.runs import write_bytes

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import polars as pl
    from matplotlib.axes import Axes
    from matplotlib.image import AxesImage
    from numpy.typing import NDArray

    from advwindow.reports.reading.course import Course

    Array = NDArray[np.float64]

#: Layers drawn as curves: enough to see depth, few enough to follow each.
_MOST_CURVES = 5
_MOST_NAMES, _MOST_EPOCHS, _NAME_WIDTH, _KEY_WIDTH = 25, 20, 20, 12
#: Millimetres: margins, gaps, and the three panels.
_LEFT, _RIGHT, _TOP, _BOTTOM, _GAP = 30, 26, 7, 9, 8
_CURVES, _ACCURACY, _ROW, _LEAST_MAP, _MOST_MAP = 42, 22, 4.2, 16, 100
#: Beyond so many looks marks would touch; the map then tells alone what is significant.
_MARKED = 60
_STEPS = (1, 2, 5, 10, 20, 25, 50, 100)
_COLORS = LinearSegmentedColormap.from_list("aligned", [ATTACK, "#FFFFFF", CLEAN])
#: Shallow to deep, told by darkness as well.
_DEPTHS = LinearSegmentedColormap.from_list("depth", ["#56B4E9", "#0072B2", "#001F3F"])
_STYLES = ("-", (0, (8, 2)), "--", "-.", (0, (4, 1, 1, 1, 1, 1)))
_CHANCE: dict[str, Any] = {"color": INK, "linestyle": ":", "linewidth": 0.7}
_CHANCE_FILL: dict[str, Any] = {"facecolor": FAINT, "alpha": 0.3, "linewidth": 0}
_BAND: dict[str, Any] = {"alpha": 0.15, "linewidth": 0}
_HATCH: dict[str, Any] = {"facecolor": "none", "edgecolor": NOISE, "linewidth": 0, "hatch": "/////"}
_ACCURACIES: dict[str, tuple[str, dict[str, Any]]] = {
    "accuracy": ("the images looked at", {"color": NOISE, "linestyle": "--", "marker": ""}),
    "clean_accuracy": ("validation, clean", {"color": CLEAN, "linestyle": "-", "marker": "o"}),
    "robust_accuracy": ("validation, under PGD", {"color": ATTACK, "linestyle": "-", "marker": "D"}),
}


def training_figure(table: pl.DataFrame, *, measure: str = "pearson") -> Figure:
    """Alignment with words against the epoch: curves of some layers, a map of all, and accuracy below.

    Looks stand at equal distances, whatever the epochs between them. The curves are those of at most five layers,
    evenly spaced in depth; the first and the last have pointwise 95 % intervals. 95 % of alignments lie inside the
    dotted lines if words are dealt out at random (the widest of these layers). Hollow marks and hatched fields are not
    significant over all layers of that epoch; on the right stands the epoch from which a layer stays significant.

    Args:
        table: one row per epoch and layer, of `advwindow.window.WindowCallback` or a trace; ``clean_accuracy`` and
            ``robust_accuracy`` are drawn where there are any.
        measure: name of the correlation, for the axis.
    """
    course = read_course(table)
    tall = min(_MOST_MAP, max(_LEAST_MAP, _ROW * len(course.layers)))
    total = _TOP + _CURVES + _GAP + tall + _GAP + _ACCURACY + _BOTTOM
    with house_style(points=2 * len(course.epochs)):
        figure = Figure(figsize=(WIDTH, total * MM))
        accuracy = _panel(figure, _BOTTOM, _ACCURACY, total)
        heat = _panel(figure, _BOTTOM + _ACCURACY + _GAP, tall, total)
        curves = _panel(figure, _BOTTOM + _ACCURACY + _GAP + tall + _GAP, _CURVES, total)
        _curves(curves, course, measure)
        _color_bar(figure, heat, _map(heat, course))
        _accuracy(accuracy, course)
        for axes in (curves, heat, accuracy):
            _name_epochs(axes, course.epochs, named=axes is accuracy)
        legend(figure, _keys(course))
    return figure


def save_training(table: pl.DataFrame, folder: Path, *, measure: str = "pearson", name: str = "training") -> list[Path]:
    """Write the figure as SVG (text as outlines), PNG and PDF, the same bytes each time.

    Args:
        table: as for `training_figure`.
        folder: where to; it is made.
        measure: as for `training_figure`.
        name: of the files.

    Returns:
        The files.

    Raises:
        UserError: the folder cannot be written.
    """
    figure = training_figure(table, measure=measure)
    files = {folder / f"{name}.{kind}": render(figure, kind) for kind in ("svg", "png")}
    files[folder / f"{name}.pdf"] = _pdf(figure)
    for file, data in files.items():
        write_bytes(file, data)
    return list(files)


def _pdf(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    with house_style(), mpl.rc_context({"pdf.fonttype": 42}):  # publishers refuse fonts of type 3
        figure.savefig(buffer, format="pdf", metadata={"CreationDate": None})
    return buffer.getvalue()


def _panel(figure: Figure, base: float, height: float, total: float) -> Axes:
    wide = WIDTH / MM
    axes = figure.add_axes((_LEFT / wide, base / total, 1 - (_LEFT + _RIGHT) / wide, height / total))
    tidy(axes)
    axes.grid(axis="y", linewidth=0.3, color="#DDDDDD")
    axes.set_axisbelow(True)
    return axes


def _curves(axes: Axes, course: Course, measure: str) -> None:
    axes.set_ylabel(f"alignment ({measure.capitalize()})")
    places, shown = np.arange(len(course.epochs)), _shown(len(course.layers))
    low, high = (course.columns[name][shown] for name in ("chance_low", "chance_high"))
    ends = _least(low), -_least(-high)
    axes.fill_between(places, *ends, zorder=1, **_CHANCE_FILL)
    for end in ends:
        axes.plot(places, end, label="chance", zorder=1, **_CHANCE)
    axes.axhline(0, color=FAINT, linewidth=0.6, zorder=1)
    curves = []
    for layer, look, name in zip(shown, _looks(len(shown)), _names(course, shown, _KEY_WIDTH), strict=True):
        if layer in (shown[0], shown[-1]):
            band = (course.columns[end][layer] for end in ("ci_low", "ci_high"))
            axes.fill_between(places, *band, color=look["color"], label="interval", zorder=2, **_BAND)
        curves += axes.plot(places, course.columns["alignment"][layer], label=name, zorder=3, **look)
        if len(places) <= _MARKED:
            _marks(axes, course, layer, look["color"])
    keys: dict[str, Any] = {"loc": "upper left", "bbox_to_anchor": (1.005, 1.02), "frameon": False, "handlelength": 2.2}
    axes.legend(handles=curves[::-1], borderpad=0, borderaxespad=0.2, **keys)  # the deepest on top, as in the map


def _shown(layers: int) -> list[int]:
    return sorted({int(place) for place in np.linspace(0, layers - 1, min(layers, _MOST_CURVES)).round()})


def _least(values: Array) -> Array:
    """Of each column; NaN where a column has nothing."""
    least: Array = np.where(np.isnan(values), np.inf, values).min(0)
    return np.where(np.isinf(least), np.nan, least)


def _looks(count: int) -> list[dict[str, Any]]:
    shades = np.linspace(0, 1, count) if count > 1 else [0.5]
    styles = _STYLES[:count][::-1]  # the deepest layer gets the unbroken line
    return [{"color": _DEPTHS(float(shade)), "linestyle": style} for shade, style in zip(shades, styles, strict=True)]


def _names(course: Course, layers: Sequence[int], width: int) -> list[str]:
    return [drawable(name) for name in short_names([course.layers[layer] for layer in layers], width)]


def _marks(axes: Axes, course: Course, layer: int, color: object) -> None:
    places, sure = np.arange(len(course.epochs)), course.significant[layer]
    for mask, label in ((sure, "significant"), (~sure, "not significant")):
        axes.plot(
            places[mask], course.columns["alignment"][layer][mask], linestyle="", marker="o", color=color,
            markerfacecolor=color if mask is sure else "white", markeredgewidth=0.7, zorder=4, label=label,
        )  # fmt: skip


def _map(axes: Axes, course: Course) -> AxesImage:
    """All layers, the first at the bottom."""
    values, count = course.columns["alignment"], len(course.layers)
    reach = max(0.05, float(np.nanmax(np.abs(values), initial=0)))
    axes.grid(visible=False)
    axes.set_facecolor("#EEEEEE")
    image = axes.imshow(
        values, cmap=_COLORS, vmin=-reach, vmax=reach, aspect="auto", interpolation="nearest", origin="lower"
    )
    for layer, sure in enumerate(course.significant):
        for start, stop in stretches(~sure):
            axes.add_patch(Rectangle((start - 0.5, layer - 0.5), stop - start, 1, **_HATCH))
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    named = list(range(0, count, math.ceil(count / _MOST_NAMES)))
    labels = _names(course, range(count), _NAME_WIDTH)
    axes.set_yticks(named, [labels[place] for place in named], fontsize=5.5)
    _name_onsets(axes, course, named)
    return image


def _name_onsets(axes: Axes, course: Course, named: Sequence[int]) -> None:
    told: dict[str, Any] = {"ha": "left", "fontsize": 5.5, "color": INK}
    edge = len(course.epochs) - 0.5
    axes.text(edge, len(course.layers) - 0.45, " from", va="bottom", **told)
    for layer in named:
        epoch = course.from_epoch(layer)
        axes.text(edge, layer, f" {'–' if epoch is None else epoch}", va="center_baseline", **told)


def _color_bar(figure: Figure, heat: Axes, image: AxesImage) -> None:
    box, wide = heat.get_position(), WIDTH / MM
    axes = figure.add_axes((1 - (_RIGHT - 11) / wide, box.y0, 2.5 / wide, box.height))
    figure.colorbar(image, cax=axes)
    values = np.asarray(image.get_array(), np.float64)
    axes.set_ylim(min(0.0, float(np.nanmin(values, initial=0))), max(0.05, float(np.nanmax(values, initial=0))))
    axes.set_title("alignment", fontsize=5.5, pad=2.5)


def _accuracy(axes: Axes, course: Course) -> None:
    axes.set_ylabel("accuracy")
    axes.set_xlabel("epoch")
    axes.set_ylim(-0.03, 1.03)
    axes.set_yticks([0, 0.5, 1], ["0 %", "50 %", "100 %"])
    places = np.arange(len(course.epochs))
    for column, values in course.accuracy.items():
        label, look = _ACCURACIES[column]
        axes.plot(places, values, label=label, **look | ({} if len(places) <= _MARKED else {"marker": ""}))
    axes.legend(loc="lower left", bbox_to_anchor=(0, 0.98), ncols=3, frameon=False, borderpad=0, borderaxespad=0.2)


def _name_epochs(axes: Axes, epochs: Sequence[int], *, named: bool) -> None:
    step = next((step for step in _STEPS if step * _MOST_EPOCHS >= len(epochs)), _STEPS[-1])
    round_ones = [place for place, epoch in enumerate(epochs) if epoch % step == 0]
    places = round_ones or list(range(0, len(epochs), step))
    axes.set_xlim(-0.5, len(epochs) - 0.5)
    axes.set_xticks(places, [str(epochs[place]) for place in places])
    axes.tick_params(axis="x", labelbottom=named)


def _keys(course: Course) -> dict[str, Any]:
    hollow = Line2D([], [], color=INK, marker="o", markerfacecolor="white", linestyle="")
    keys = {
        "95 % interval": Patch(facecolor=CLEAN, **_BAND),
        "chance, 95 %": Line2D([], [], **_CHANCE),
        "hatched: not significant over the layers": Patch(**_HATCH),
    }
    return keys | ({"hollow: likewise": hollow} if len(course.epochs) <= _MARKED else {})
