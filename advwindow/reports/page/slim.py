"""Drawings in fewer bytes, looking the same: a page with thirty attacks on sixty layers holds half a million marks.

matplotlib writes each mark of a curve as an element of its own, and each segment of a bundle of lines with its style.
Here a curve's marks, and the ticks of an axis, become one invisible line with a mark at each of its corners, segments
of one style one path, and long paths are told in steps of a tenth of a point.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from itertools import groupby
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_SVG = "http://www.w3.org/2000/svg"
_GROUP, _USE, _PATH, _TEXT = (f"{{{_SVG}}}{name}" for name in ("g", "use", "path", "text"))
_HREF = "{http://www.w3.org/1999/xlink}href"
_FEWEST = 3
_STEP = re.compile(r"([MLz])\s*(-?[\d.]+(?:e-?\d+)?)?[\s,]*(-?[\d.]+(?:e-?\d+)?)?\s*")
_STRAIGHT = re.compile(r"[MLz\d\s.,e-]*")


def slim(root: ET.Element) -> None:
    """Change a drawing of matplotlib's in place; what it shows stays within a twentieth of a point.

    Args:
        root: of the SVG; marks are ``use`` elements, ids begin paths that are used.
    """
    known = {element.get("id", ""): element for element in root.iter() if element.get("id")}
    markers: dict[tuple[str, str], ET.Element] = {}
    for group in list(root.iter(_GROUP)):
        if group.get("id", "").startswith("matplotlib.axis"):
            _by_kind(group)
    for parent in list(root.iter()):
        kept: list[ET.Element] = []
        for (kind, *_), members in groupby(list(parent), key=_alike):
            alike = list(members)
            if kind == _USE and len(alike) >= _FEWEST:
                kept.append(_marked(alike, markers, known))
            elif kind == _PATH and len(alike) >= _FEWEST:
                kept.append(ET.Element(_PATH, alike[0].attrib | {"d": " ".join(each.get("d", "") for each in alike)}))
            else:
                kept += alike
        parent[:] = kept
    for path in root.iter(_PATH):
        path.set("d", stepwise(path.get("d", "")))
    root.extend(markers.values())


def stepwise(path: str) -> str:
    """Straight lines in steps of tenths of a point; rounding does not add up along the way.

    Example:
        >>> stepwise("M 10 20.04 L 11.26 20 L 12 19 z")
        'M10 20l1.3 0l.7-1z'
    """
    if not _STRAIGHT.fullmatch(path):
        return path
    told, at, begun = [], (0, 0), (0, 0)
    for command, x, y in _STEP.findall(path):
        if command == "z":
            told.append("z")
            at = begun
            continue
        to = (round(10 * float(x)), round(10 * float(y)))
        pair = to if command == "M" else (to[0] - at[0], to[1] - at[1])
        begun = to if command == "M" else begun
        told.append(("M" if command == "M" else "l") + _pair(*pair))
        at = to
    return "".join(told)


def _by_kind(axis: ET.Element) -> None:
    """An axis as its lines, its ticks and its names, which matplotlib tells tick by tick."""
    parts = sorted(
        _leaves(axis), key=lambda part: (part.tag == _USE, part.tag, part.get(_HREF, ""), part.get("style", ""))
    )
    names = ET.Element(_GROUP)
    names.extend(part for part in parts if part.tag == _TEXT)
    axis[:] = [*(part for part in parts if part.tag != _TEXT), names]


def _leaves(group: ET.Element) -> Iterator[ET.Element]:
    """What a group holds, without groups that only bear a name."""
    for child in group:
        if child.tag == _GROUP and set(child.keys()) <= {"id"}:
            yield from _leaves(child)
        else:
            yield child


def _pair(x: int, y: int) -> str:
    first, second = _tenths(x), _tenths(y)
    return f"{first}{'' if second.startswith('-') else ' '}{second}"


def _tenths(value: int) -> str:
    sign, whole, tenth = "-" if value < 0 else "", *divmod(abs(value), 10)
    return f"{sign}{whole or ('' if tenth else 0)}{f'.{tenth}' if tenth else ''}"


def _alike(element: ET.Element) -> tuple[str, ...]:
    """Neighbours with the same key may become one; closed shapes stay by themselves."""
    style = element.get("style", "")
    if element.tag == _USE and not len(element):
        return (_USE, element.get(_HREF, ""), style)
    if element.tag == _PATH and "fill: none" in style and "opacity" not in style and "id" not in element.attrib:
        return (_PATH, element.get("clip-path", ""), style)
    return ("", str(id(element)))


def _marked(
    uses: list[ET.Element], markers: dict[tuple[str, str], ET.Element], known: dict[str, ET.Element]
) -> ET.Element:
    """One line, not drawn itself, with the mark at all its corners."""
    key = (uses[0].get(_HREF, "")[1:], uses[0].get("style", ""))
    if key not in markers:
        name = f"mark-{len(markers)}"
        marker = ET.Element(f"{{{_SVG}}}marker", {"id": name, "markerUnits": "userSpaceOnUse", "overflow": "visible"})
        shape = known[key[0]]
        style = "; ".join(part for part in (shape.get("style", ""), key[1]) if part)
        marker.append(ET.Element(_PATH, {"d": shape.get("d", ""), "style": style}))
        markers[key] = marker
    corners = " L ".join(f"{use.get('x')} {use.get('y')}" for use in uses)
    where = f"url(#{markers[key].get('id')})"
    places = {f"marker-{place}": where for place in ("start", "mid", "end")}
    return ET.Element(_PATH, {"d": f"M {corners}", "style": "fill: none", **places})
