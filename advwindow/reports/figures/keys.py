"""Keys of figures in as few lines as have room: names are measured, as their letters are not equally wide."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path

from advwindow.reports.style import MM, house_style

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Sizes of letters: between a mark and its name, and from a name to the next mark.
_BEFORE, _AFTER = 0.5, 1.3


def key_lines(labels: Sequence[str], *, room: float, handle: float = 2.0) -> int:
    """The least number of lines that keys take, one below the other if need be.

    Args:
        labels: what they mean.
        room: millimetres from side to side.
        handle: how long the marks are, in sizes of letters.
    """
    return -(-len(labels) // _columns(labels, room, handle))


def put_keys(
    owner: Axes | Figure, keys: Mapping[str, Artist], where: Mapping[str, Any], *, room: float, handle: float = 2.0
) -> int:
    """Keys in as few lines as have room, without a frame.

    Args:
        owner: what they belong to.
        keys: marks by what they mean.
        where: what else to tell matplotlib of the legend: its place, a title.
        room: millimetres from side to side.
        handle: how long the marks are, in sizes of letters.

    Returns:
        Number of lines.
    """
    columns = _columns(list(keys), room, handle)
    look = {"frameon": False, "borderpad": 0, "handletextpad": _BEFORE, "columnspacing": _AFTER, **where}
    owner.legend(list(keys.values()), list(keys), ncols=columns, handlelength=handle, **look)
    return -(-len(keys) // columns)


def widths(labels: Sequence[str], *, size: float | None = None) -> list[float]:
    """Millimetres that names take in the figures' font.

    Args:
        labels: the names.
        size: of the letters in points; the usual one if None.
    """
    with house_style():
        font = FontProperties(size=size or mpl.rcParams["font.size"])
        found = [text_to_path.get_text_width_height_descent(label, font, ismath=False)[0] for label in labels]
    return [float(width) / 72 / MM for width in found]


def _columns(labels: Sequence[str], room: float, handle: float) -> int:
    """Columns of the least number of lines that has room, filled as matplotlib fills them."""
    with house_style():
        em = mpl.rcParams["font.size"] / 72 / MM
    beside, names = (handle + _BEFORE + _AFTER) * em, widths(labels)
    for lines in range(1, len(labels)):
        columns = -(-len(labels) // lines)
        if sum(beside + max(column) for column in np.array_split(names, columns)) - _AFTER * em <= room:
            return columns
    return 1
