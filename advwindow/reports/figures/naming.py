"""Which of many names have room beside panels in rows, and how large the panels are then."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path

from advwindow.reports.style import MM, drawable, house_style

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Characters of a name, and the size of its letters in points.
NAME_WIDTH, NAME_SIZE = 16, 5

#: Millimetres between panels, left of the names, beside a name, where there are no names, and of a line of names.
GAP = 2.5
_MARGIN, _BESIDE, _EDGE, _LINE = 4.0, 1.5, 1.0, 1.9
#: Names beside a panel whose size is not known.
_USUAL = 18
#: So many of the longest names are measured.
_MEASURED = 30


class Naming(NamedTuple):
    """Which names are written.

    Attributes:
        step: from one name on the left to the next.
        both: whether the names in between stand on the right of the last panel.
    """

    step: int
    both: bool = False

    def told(self, names: int) -> str:
        """How many concepts there are, and whether some have no name."""
        return f"{names} concepts" + ("" if self.both or self.step == 1 else f", one in {self.step} named")


class Row(NamedTuple):
    """Panels beside each other.

    Attributes:
        side: millimetres of a panel, which is square.
        right: millimetres right of the last one.
        naming: which names are written.
    """

    side: float
    right: float
    naming: Naming


def usual(names: int) -> Naming:
    """As many as usually have room."""
    return Naming(math.ceil(names / _USUAL))


def row_of(names: Sequence[str], *, columns: int, total: float) -> Row:
    """Panels with names on their left, in a row of four also on the right where that makes room for all.

    Args:
        names: one per line of a panel, at most `NAME_WIDTH` long.
        columns: panels beside each other.
        total: millimetres of the figure's width.
    """
    size, widest = len(names), _widest(names)
    room = (total - _MARGIN - widest - (columns - 1) * GAP) / columns
    alone, between = room - _EDGE / columns, room - widest / columns
    if columns == 4 and _lines(alone) < size <= 2 * _lines(between):
        return Row(between, widest, Naming(2, both=True))
    return Row(alone, _EDGE, Naming(math.ceil(size / _lines(alone))))


def _lines(side: float) -> int:
    return int(side / _LINE)


def _widest(names: Sequence[str]) -> float:
    """Millimetres that the widest name takes beside a panel."""
    longest = sorted((drawable(name) for name in names), key=len)[-_MEASURED:]
    with house_style():
        font = FontProperties(size=NAME_SIZE)
        widths = [text_to_path.get_text_width_height_descent(name, font, ismath=False)[0] for name in longest]
    return float(max(widths)) / 72 / MM + _BESIDE
