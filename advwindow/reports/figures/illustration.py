"""A figure of a study with what is said about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl
    from matplotlib.figure import Figure

    from advwindow.reports.figures.captions import Words


@dataclass(frozen=True, eq=False)
class Illustration:
    """A figure in one or more pieces.

    Attributes:
        name: of the figure; names its files.
        pieces: at least one.
        words: caption and alternative text.
        data: what is drawn, one row per point.
    """

    name: str
    pieces: tuple[Figure, ...]
    words: Words
    data: pl.DataFrame
