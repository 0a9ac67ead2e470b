"""What matplotlib drew, written again for a page: smaller, with attributes for styles and ids of its own."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING

from advwindow.reports.page.markup import Markup, join, tag

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_NUMBER = re.compile(r"-?\d+\.\d+(?:e-?\d+)?")
_NOTHING = re.compile(r"rotate\(-?0 [^)]*\)")
_FEWEST = 2
_INHERITED = frozenset({
    "fill", "stroke", "stroke-width", "stroke-linecap", "stroke-linejoin", "stroke-dasharray", "stroke-dashoffset",
    "font-size", "font-weight", "font-style", "text-anchor", "fill-opacity", "stroke-opacity",
})  # fmt: skip


class Writer:
    """Writes parts of an SVG again, smaller, with ids of its own."""

    def __init__(self, root: ET.Element, prefix: str) -> None:
        self._prefix = prefix
        self._known = {element.get("id", ""): element for element in root.iter() if element.get("id")}
        self._names: dict[str, str] = {}
        self._count = 0

    def group(self, key: str, *, names_at: float) -> Markup:
        """One group with what it refers to; the names of layers end at the height `names_at`."""
        self._names = {}
        return self._with_definitions(self._cleaned(self._known[key], names_at))

    def swatches(self) -> Iterator[tuple[Markup, tuple[float, float, float, float]]]:
        """The swatch of each key with a view box around it."""
        legend = self._known["keys"]
        parts: list[ET.Element] = []
        for part in legend:
            if (part.get("id") or "").startswith("text"):
                self._names = {}
                yield self._with_definitions([made for each in parts for made in self._cleaned(each, 0)]), _around(part)
                parts = []
            else:
                parts.append(part)

    def _with_definitions(self, parts: Iterable[ET.Element]) -> Markup:
        body = join([written(part) for part in parts])
        pending = list(self._names)
        definitions = []
        for name in pending:  # grows by what definitions refer to
            definitions += [written(part) for part in self._cleaned(self._known[name], 0)]
            pending += [each for each in self._names if each not in pending]
        return join([tag("defs", *definitions), body]) if definitions else body

    def _cleaned(self, element: ET.Element, names_at: float) -> list[ET.Element]:
        """The element with plain names and attributes; a group without attributes is what it holds."""
        name = element.tag.rpartition("}")[2]
        if name == "defs":
            return []
        made = ET.Element(name, self._attributes(element, names_at))
        if name == "text":
            made.text = element.text
            return [made]
        made.extend([each for child in element for each in self._cleaned(child, names_at)])
        if name == "g":
            gid = element.get("id") or ""
            if gid.startswith("of-"):
                made.set("class", gid)
            hoist(made)
            if not made.attrib:
                return list(made)
        return [made]

    def _attributes(self, element: ET.Element, names_at: float) -> dict[str, str]:
        found: dict[str, str] = {}
        for key, value in element.attrib.items():
            plain = key.rpartition("}")[2]
            if plain == "style":
                found |= {name: self._led(told) for name, told in _style(value).items()}
            elif plain == "href":
                found["href"] = f"#{self._name(value[1:])}" if value.startswith("#") else value
            elif plain == "clip-path" or plain.startswith("marker-"):
                found[plain] = self._led(value)
            elif plain == "id":
                if value in self._names:
                    found["id"] = self._names[value]
            else:
                found[plain] = _numbers(value)
        if element.tag.endswith("}text"):
            _anchor(found, names_at)
        return {key: value for key, value in found.items() if value}

    def _led(self, value: str) -> str:
        """A value whose reference, if it is one, leads to what it is called here."""
        return f"url(#{self._name(value[5:-1])})" if value.startswith("url(#") else value

    def _name(self, known: str) -> str:
        if known not in self._names:
            self._names[known] = f"{self._prefix}-{self._count}"
            self._count += 1
        return self._names[known]


def hoist(group: ET.Element) -> None:
    """What all elements of a group say alike, and would inherit, is said once."""
    if len(group) < _FEWEST:
        return
    first = group[0].attrib
    shared = {
        key: value for key, value in first.items()
        if key in _INHERITED and all(child.get(key) == value for child in group)
    }  # fmt: skip
    for child in group:
        for key in shared:
            del child.attrib[key]
    group.attrib.update(shared)


def written(element: ET.Element) -> Markup:
    """An element as text; one that is empty closes itself, as SVG may."""
    if element.text or len(element):
        return tag(element.tag, element.text or "", *map(written, element), **element.attrib)
    return Markup(tag(element.tag, **element.attrib).replace(f"></{element.tag}>", "/>"))


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
