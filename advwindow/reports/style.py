"""How all figures look: one colour for each condition, Okabe and Ito's palette, letters wherever colour speaks."""

from __future__ import annotations

import functools
import io
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

import matplotlib as mpl
from matplotlib.ft2font import FT2Font

from advwindow.reports.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Width = Literal["column", "page"]

CLEAN, NOISE, ATTACK = "#0072B2", "#767676", "#D55E00"
INK, FAINT = "#222222", "#C8C8C8"

#: Inches in a millimetre.
MM = 1 / 25.4

#: Width of every figure: that of the text on A4.
WIDTH = 170 * MM

#: Widths of figures in papers, in inches: one column, the page.
WIDTHS: dict[Width, float] = {"column": 89 * MM, "page": WIDTH}

_MANY_POINTS = 90

#: The style as matplotlib reads it; people may use it for figures of their own.
_STYLE = Path(__file__).with_name("paper.mplstyle")

#: What matplotlib writes into a file besides the figure, and that would differ the next time.
_TELLTALES = {"svg": ["Date"], "png": ["Software"], "pdf": ["CreationDate", "Creator", "Producer"]}


class Mark(NamedTuple):
    """How a verdict looks: a colour and a letter, so that neither is needed alone."""

    letter: str
    fill: str
    ink: str
    hatch: str
    meaning: str


MARKS = {
    "unanchored": Mark("U", "#FFFFFF", "#767676", "////", "not aligned with words even on clean images"),
    "intact": Mark("I", "#9AD1F3", "#222222", "", "aligned, no significant drift"),
    "eroded": Mark("E", "#E69F00", "#222222", "", "significant drift"),
    "collapsed": Mark("C", "#222222", "#FFFFFF", "", "significant drift, nothing of size is left"),
    "hijacked": Mark("H", "#CC79A7", "#222222", "", "closer to the wrong word than to the true one"),
}


@contextmanager
def house_style(*, points: int = 0) -> Iterator[None]:
    """The defaults of matplotlib with ours on top, whatever the caller has set; nothing of it stays.

    Args:
        points: how many stand side by side across the figure; many get smaller marks.
    """
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(_settings())
        if points > _MANY_POINTS:
            mpl.rcParams["lines.markersize"] = 1.6
        yield


def render(figure: Figure, kind: str, *, selectable: bool = False) -> bytes:
    """A figure as ``"svg"``, ``"pdf"`` or ``"png"``, the same bytes each time.

    Args:
        figure: what to draw.
        kind: the format.
        selectable: keep text in an SVG as text; whoever shows it then needs the font DejaVu Sans.
    """
    buffer = io.BytesIO()
    with house_style(), mpl.rc_context({"svg.fonttype": "none" if selectable else "path"}):
        figure.savefig(buffer, format=kind, metadata=dict.fromkeys(_TELLTALES[kind]))
    return buffer.getvalue()


def drawable(text: str) -> str:
    """Text in which every character is one the figures' font can draw; others become a box."""
    known = _known_characters()
    return "".join(character if ord(character) in known else "□" for character in printable(text))


def tidy(axes: Axes) -> None:
    """Without the lines above and right."""
    axes.spines[["top", "right"]].set_visible(False)


@functools.cache
def _settings() -> mpl.RcParams:
    return mpl.rc_params_from_file(_STYLE, use_default_template=False)


@functools.cache
def _known_characters() -> frozenset[int]:
    return frozenset(FT2Font(f"{mpl.get_data_path()}/fonts/ttf/DejaVuSans.ttf").get_charmap())
