"""Figures of a report as SVG inside a page: each panel by itself, so that panels can be stacked, hidden and asked.

The figures are those of the PDF, drawn by the same functions. What matplotlib writes is taken apart: styles become
attributes, which a strict policy allows and a style sheet can turn for dark pages; numbers lose digits nobody can see.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING, NamedTuple

from matplotlib.colors import to_hex

from advwindow.reports.page.markup import Markup, tag
from advwindow.reports.page.slim import slim
from advwindow.reports.page.writer import Writer
from advwindow.reports.style import ATTACK, CLEAN, NOISE, render

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Points: what belongs to a panel left of its axes, above, and right of it; the gap between axis and layer names.
_LEFT, _ABOVE, _RIGHT, _GAP = 40.0, 14.0, 3.0, 5.5
_CONDITIONS = {CLEAN.lower(): "clean", NOISE.lower(): "noise", ATTACK.lower(): "attack"}


class Panel(NamedTuple):
    """One panel.

    Attributes:
        svg: what is inside the SVG element.
        view: its view box in points: left, top, width, height.
        axes: the box of the axes in the same units.
        first: where the first layer stands.
        step: from a layer to the next.
    """

    svg: Markup
    view: tuple[float, float, float, float]
    axes: tuple[float, float, float, float]
    first: float
    step: float


class Drawn(NamedTuple):
    """A figure taken apart: its panels, and its keys as a swatch (an SVG element) and a name."""

    panels: list[Panel]
    keys: list[tuple[Markup, str]]


def draw(figure: Figure, *, prefix: str) -> Drawn:
    """Take a figure of panels apart.

    Args:
        figure: made by `advwindow.reports.figures.panels.grid`; its axes get all their labels: each stands alone.
        prefix: begins every id, unique in the page.
    """
    height = 72 * figure.get_figheight()
    boxes = [_box(axes, height) for axes in figure.axes]
    foot = height - max(top + tall for _, top, _, tall in boxes)
    for place, axes in enumerate(figure.axes):
        _stand_alone(axes, figure.axes[0].get_ylabel(), gid=f"panel-{place}")
    legend = figure.legends[0]
    legend.set_gid("keys")
    figure.patch.set_visible(False)
    root = ET.fromstring(render(figure, "svg", selectable=True))  # noqa: S314 - as above
    slim(root)
    writer = Writer(root, prefix)
    panels = []
    for place, (axes, box) in enumerate(zip(figure.axes, boxes, strict=True)):
        left, top, width, tall = box
        view = (left - _LEFT, top - _ABOVE, width + _LEFT + _RIGHT, tall + _ABOVE + foot)
        first, second = (axes.transData.transform((depth, 0))[0] * 72 / figure.dpi for depth in (0, 1))
        svg = writer.group(f"panel-{place}", names_at=top + tall + _GAP)
        panels.append(Panel(svg, _rounded(view), _rounded(box), round(first, 2), round(second - first, 3)))
    swatches = [
        tag("svg", body, viewBox=" ".join(map(str, view)), width=view[2], height=view[3], aria_hidden="true")
        for body, view in writer.swatches()
    ]
    return Drawn(panels, list(zip(swatches, (text.get_text() for text in legend.get_texts()), strict=True)))


def plate(figure: Figure, *, prefix: str) -> Markup:
    """A figure as it is, for those that are not made of panels.

    Args:
        figure: to draw.
        prefix: begins every id, unique in the page.
    """
    figure.patch.set_visible(False)
    figure.set_gid("plate")
    root = ET.fromstring(render(figure, "svg", selectable=True))  # noqa: S314 - as above
    slim(root)
    width, height = (round(72 * inches, 2) for inches in figure.get_size_inches())
    return tag("svg", Writer(root, prefix).group("plate", names_at=0), viewBox=f"0 0 {width} {height}", class_="plate")


def _box(axes: Axes, height: float) -> tuple[float, float, float, float]:
    assert axes.figure is not None
    place = axes.get_position()
    width = 72 * axes.figure.get_figwidth()  # type: ignore[union-attr]  # no panel is in a subfigure
    return (place.x0 * width, (1 - place.y1) * height, place.width * width, place.height * height)


def _rounded(box: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
    left, top, width, height = (round(value, 2) for value in box)
    return left, top, width, height


def _stand_alone(axes: Axes, ylabel: str, *, gid: str) -> None:
    """With all labels, without a background, and with the condition of each curve as its id."""
    axes.set_gid(gid)
    axes.tick_params(labelleft=True, labelbottom=True)
    axes.set_ylabel(ylabel)
    axes.patch.set_visible(False)
    for line in axes.lines:
        condition = str(line.get_label()).partition(" ")[0]
        if condition in _CONDITIONS.values():
            line.set_gid(f"of-{condition}")
    for collection in axes.collections:
        colors = [*collection.get_facecolor(), *collection.get_edgecolor()]
        condition = _CONDITIONS.get(to_hex(colors[0]), "") if colors else ""
        if condition:
            collection.set_gid(f"of-{condition}")
