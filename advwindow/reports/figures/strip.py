"""The verdict strip: layers from left to right, attacks from top to bottom, one letter in every cell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from matplotlib.collections import PatchCollection
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle

from advwindow.reports.reading.studies import layers_under
from advwindow.reports.style import INK, MARKS, MM, WIDTH, drawable, house_style
from advwindow.reports.text import short_names, shorten

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import polars as pl
    from matplotlib.axes import Axes

_LABELS = 36 * MM
#: Millimetres: a row, the key, a letter of a rotated name.
_ROW, _KEY, _LETTER = 5.4, 6.5, 1.2
_NAME_WIDTH, _TITLE_WIDTH = 20, 30
#: Names beside each other where cells are too narrow for letters.
_MOST_NAMES = 26
#: Share of a cell's height that tells of the images rather than the geometry.
_LOWER = 0.4


class _Field(NamedTuple):
    """A verdict at its place: column, row and share of a row."""

    verdict: str
    left: float
    top: float
    height: float


def verdict_strip(layers: Mapping[str, pl.DataFrame]) -> Figure:
    """Verdicts of all layers under all attacks.

    The cell's colour and letter are the verdict on the geometry, a band below it says that images are hijacked.

    Args:
        layers: tables of layers by attack.
    """
    names = [str(name) for name in layers_under(next(iter(layers.values())), "clean")["layer"]]
    heading, body = 2 + _LETTER * max(len(label) for label in _labels(names)), _ROW * len(layers)
    total = heading + body + _KEY
    with house_style():
        figure = Figure(figsize=(WIDTH, total * MM))
        box = (_LABELS / WIDTH, _KEY / total, 1 - _LABELS / WIDTH, body / total)
        draw_strip(figure.add_axes(box), layers)
        _key(figure.add_axes((0, 0, 1, 0.75 * _KEY / total)))
    return figure


def draw_strip(axes: Axes, layers: Mapping[str, pl.DataFrame], *, letters: bool = True) -> None:
    """The verdicts without their key.

    Args:
        axes: where to.
        layers: tables of layers by attack.
        letters: whether cells have room for a letter.
    """
    labels = _labels([str(name) for name in layers_under(next(iter(layers.values())), "clean")["layer"]])
    fields = [field for row, table in enumerate(layers.values()) for field in _row_fields(table, row)]
    _paint(axes, fields)
    for field in fields if letters else ():
        _letter(axes, field)
    axes.set_xlim(0, len(labels))
    axes.set_ylim(len(layers), 0)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0, top=True, labeltop=True, bottom=False, labelbottom=False, pad=2)
    step = 1 if letters else -(-len(labels) // _MOST_NAMES)
    places = range(0, len(labels), step)
    axes.set_xticks([place + 0.5 for place in places], [labels[place] for place in places], rotation=90, fontsize=5.5)
    titles = [drawable(shorten(title, _TITLE_WIDTH)) for title in layers]
    size = 6.5 if max(len(title) for title in titles) <= _TITLE_WIDTH - 8 else 5.5
    axes.set_yticks([place + 0.5 for place in range(len(titles))], titles, fontsize=size)


def strip_keys() -> dict[str, Patch]:
    """Keys of the verdicts: letter and name."""
    looks: dict[str, dict[str, Any]] = {
        f"{mark.letter} {verdict}": {"facecolor": mark.fill, "hatch": mark.hatch} for verdict, mark in MARKS.items()
    }
    return {name: Patch(edgecolor="#BBBBBB", linewidth=0.5, **look) for name, look in looks.items()}


def strip_height(layers: Mapping[str, pl.DataFrame]) -> float:
    """Inches of the rows."""
    return _ROW * len(layers) * MM


def _labels(names: Sequence[str]) -> list[str]:
    return [drawable(name) for name in short_names(names, _NAME_WIDTH)]


def _row_fields(table: pl.DataFrame, row: int) -> Iterator[_Field]:
    cells = layers_under(table, "attack").select("verdict", "hijacked")
    for column, (verdict, hijacked) in enumerate(cells.iter_rows()):
        yield _Field(str(verdict), column, row, 1 - _LOWER if hijacked else 1.0)
        if hijacked:
            yield _Field("hijacked", column, row + 1 - _LOWER, _LOWER)


def _paint(axes: Axes, fields: Sequence[_Field]) -> None:
    """All fields of a colour at once: one by one, those of a large run would take seconds."""
    for verdict, mark in MARKS.items():
        boxes = [Rectangle((field.left, field.top), 1, field.height) for field in fields if field.verdict == verdict]
        edge = "#D9D9D9" if mark.hatch else "white"
        if boxes:
            colors: dict[str, Any] = {"facecolor": mark.fill, "edgecolor": edge, "hatch": mark.hatch or None}
            axes.add_collection(PatchCollection(boxes, linewidth=0, **colors), autolim=False)
            frame = PatchCollection(boxes, facecolor="none", edgecolor="white", linewidth=0.8)
            axes.add_collection(frame, autolim=False)


def _letter(axes: Axes, field: _Field) -> None:
    mark = MARKS[field.verdict]
    axes.text(
        field.left + 0.5, field.top + field.height / 2, mark.letter, ha="center", va="center_baseline", color=mark.ink,
        fontsize=6 if field.height > 0.5 else 5, fontweight="bold",
    )  # fmt: skip


def _key(axes: Axes) -> None:
    axes.set_axis_off()
    axes.set_xlim(0, 170)
    axes.set_ylim(1, 0)
    for place, (verdict, mark) in enumerate(MARKS.items()):
        left = 34 * place
        look: dict[str, Any] = {"facecolor": mark.fill, "hatch": mark.hatch, "edgecolor": "#BBBBBB"}
        axes.add_patch(Rectangle((left + 0.3, 0.1), 5, 0.8, linewidth=0.5, **look))
        axes.text(
            left + 2.8,
            0.5,
            mark.letter,
            ha="center",
            va="center_baseline",
            color=mark.ink,
            fontsize=6,
            fontweight="bold",
        )
        axes.text(left + 6.5, 0.5, verdict, ha="left", va="center_baseline", color=INK)
