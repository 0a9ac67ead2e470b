"""Figures of a report as SVG inside a page: each panel by itself, so that panels can be stacked, hidden and asked.

The figures are those of the PDF, drawn by the same functions. What matplotlib writes is taken apart: styles become
attributes, which a strict policy allows and a style sheet can turn for dark pages; numbers lose digits nobody can see.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING, NamedTuple

from matplotlib.colors import to_hex

from advwindow.reports.page.markup import Markup, join, tag
from advwindow.reports.page.slim import slim
from advwindow.reports.style import ATTACK, CLEAN, NOISE, render

if TYPE_CHECKING:
    from collections.abc import Iterator

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Points: what belongs to a panel left of its axes, above, and right of it; the gap between axis and layer names.
_LEFT, _ABOVE, _RIGHT, _GAP = 40.0, 14.0, 3.0, 5.5
_CONDITIONS = {CLEAN.lower(): "clean", NOISE.lower(): "noise", ATTACK.lower(): "attack"}
_NUMBER = re.compile(r"-?\d+\.\d+(?:e-?\d+)?")
_NOTHING = re.compile(r"rotate\(-?0 [^)]*\)")


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
    writer = _Writer(root, prefix)
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
    return tag("svg", _Writer(root, prefix).group("plate", names_at=0), viewBox=f"0 0 {width} {height}", class_="plate")


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


class _Writer:
    """Writes parts of an SVG again, smaller, with ids of its own."""

    def __init__(self, root: ET.Element, prefix: str) -> None:
        self._prefix = prefix
        self._known = {element.get("id", ""): element for element in root.iter() if element.get("id")}
        self._names: dict[str, str] = {}
        self._count = 0

    def group(self, key: str, *, names_at: float) -> Markup:
        """One group with what it refers to; the names of layers end at the height `names_at`."""
        self._names = {}
        return self._with_definitions(self._element(self._known[key], names_at))

    def swatches(self) -> Iterator[tuple[Markup, tuple[float, float, float, float]]]:
        """The swatch of each key with a view box around it."""
        legend = self._known["keys"]
        parts: list[ET.Element] = []
        for part in legend:
            if (part.get("id") or "").startswith("text"):
                self._names = {}
                yield self._with_definitions(join([self._element(each, 0) for each in parts])), _around(part)
                parts = []
            else:
                parts.append(part)

    def _with_definitions(self, body: Markup) -> Markup:
        pending = list(self._names)
        definitions = []
        for name in pending:  # grows by what definitions refer to
            definitions.append(self._element(self._known[name], 0))
            pending += [each for each in self._names if each not in pending]
        return join([tag("defs", *definitions), body]) if definitions else body

    def _element(self, element: ET.Element, names_at: float) -> Markup:
        name = element.tag.rpartition("}")[2]
        if name == "defs":
            return Markup()
        attributes = self._attributes(element, names_at)
        if name == "text":
            return tag("text", element.text or "", **attributes)
        children = [self._element(child, names_at) for child in element]
        if name == "g":
            gid = element.get("id") or ""
            attributes |= {"class": gid} if gid.startswith("of-") else {}
            if not attributes:
                return join(children)
        return tag(name, *children, **attributes)

    def _attributes(self, element: ET.Element, names_at: float) -> dict[str, str]:
        found: dict[str, str] = {}
        for key, value in element.attrib.items():
            plain = key.rpartition("}")[2]
            if plain == "style":
                found |= _style(value)
            elif plain == "href":
                found["href"] = f"#{self._name(value[1:])}" if value.startswith("#") else value
            elif plain == "clip-path" or plain.startswith("marker-"):
                found[plain] = f"url(#{self._name(value[5:-1])})"
            elif plain == "id":
                if value in self._names:
                    found["id"] = self._names[value]
            else:
                found[plain] = _numbers(value)
        if element.tag.endswith("}text"):
            _anchor(found, names_at)
        return {key: value for key, value in found.items() if value}

    def _name(self, known: str) -> str:
        if known not in self._names:
            self._names[known] = f"{self._prefix}-{self._count}"
            self._count += 1
        return self._names[known]


def _style(text: str) -> dict[str, str]:
    """Declarations as attributes; the page chooses the family of letters."""
    pairs = (part.partition(":") for part in text.split(";") if part.strip())
    found = {name.strip(): _numbers(value.strip()) for name, _, value in pairs}
    found.pop("font-family", None)
    return found


def _numbers(text: str) -> str:
    """Two digits after the point are a seventieth of a pixel; white space is for readers of source."""
    short = _NUMBER.sub(lambda found: f"{float(found[0]):.2f}".rstrip("0").rstrip("."), _NOTHING.sub("", text))
    return re.sub(r"\s*([MLCQz])\s*", r"\1", " ".join(short.split()))


def _anchor(attributes: dict[str, str], names_at: float) -> None:
    """Names of layers hang from their axis whatever the reader's letters are as wide as."""
    transform = attributes.get("transform", "")
    if names_at and transform.startswith("translate") and transform.endswith("rotate(-90)"):
        x = transform.partition("(")[2].partition(" ")[0]
        attributes |= {"transform": f"translate({x} {names_at:.2f}) rotate(-90)", "text-anchor": "end"}


def _around(text: ET.Element) -> tuple[float, float, float, float]:
    """The view box of the swatch left of a key's name."""
    inner = next(element for element in text.iter() if element.tag.endswith("}text"))
    x, y = (float(inner.get(name, "0")) for name in ("x", "y"))
    return (round(x - 16, 2), round(y - 6.5, 2), 14.0, 8.5)
