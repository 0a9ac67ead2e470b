"""What a figure for papers is drawn of and into."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypedDict

from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from advwindow.errors import UserError, did_you_mean
from advwindow.reports.figures.keys import put_keys
from advwindow.reports.figures.panels import figure_of
from advwindow.reports.reading.findings import headline
from advwindow.reports.reading.studies import Study, read_studies
from advwindow.reports.style import ATTACK, CLEAN, MM, NOISE, WIDTHS, Width, drawable, house_style
from advwindow.reports.text import shorten
from advwindow.runs import RunDirectory

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

    from advwindow.reports.reading.studies import Attacked

#: The colour of each condition, in every figure.
COLORS = {"clean": CLEAN, "noise": NOISE, "attack": ATTACK}

#: Millimetres: a line of keys, a letter of their title, and what is left of a column beside a panel.
_KEY_LINE, _LETTER, _MARGIN = 3.4, 1.5, 16
#: Inches around everything.
_PAD = 0.02


class HasDirectory(Protocol):
    """A run as `advwindow.open_run` gives it."""

    @property
    def directory(self) -> RunDirectory:
        """The run on disk."""


#: What a figure is drawn of: a run, its folder, or one study of it.
Source = HasDirectory | RunDirectory | Study | Path | str


class Options(TypedDict, total=False):
    """What all figures understand.

    Attributes:
        attack: its title in the report, e.g. ``"PGD L∞ 8/255"``; the most harmful one if left out.
        study: title of one of several studies in a run; the first if left out.
        width: of a new figure: ``"column"`` (89 mm, the default) or ``"page"`` (170 mm).
        legend: whether keys and the attack's title stand beside the panel; they do if left out.
    """

    attack: str
    study: str
    width: Width
    legend: bool


@dataclass(frozen=True, eq=False)
class Canvas:
    """Where to draw, and of what.

    Attributes:
        study: what was studied.
        attacked: the attack to speak of.
        given: axes of the caller's; None for a new figure.
        width: of a new figure.
        legend: whether keys are wanted.
    """

    study: Study
    attacked: Attacked
    given: Axes | None
    width: Width
    legend: bool

    @classmethod
    def of(cls, run: Source, ax: Axes | None, options: Options) -> Canvas:
        """Read the run.

        Raises:
            UserError: no such attack, study or width, or the folder holds no run.
            IncompleteError: no cell is finished.
        """
        width = options.get("width", "column")
        if width not in WIDTHS:
            raise UserError("unknown width of a figure", got=width, expected=" or ".join(WIDTHS))
        study = _study(run, options.get("study", ""))
        attacked = _attacked(study, options.get("attack", ""))
        return cls(study, attacked, ax, width, options.get("legend", True))

    @property
    def inches(self) -> float:
        """Across the axes."""
        if self.given is None:
            return WIDTHS[self.width] - _MARGIN * MM
        return float(self.given.get_window_extent().width / figure_of(self.given).dpi)

    @contextmanager
    def axes(self, *, points: int = 0) -> Iterator[Axes]:
        """The axes, in the style of the house.

        Args:
            points: how many stand side by side.
        """
        with house_style(points=points):
            layout = ConstrainedLayoutEngine(w_pad=_PAD, h_pad=_PAD)
            yield self.given or Figure(figsize=(WIDTHS[self.width], 1), layout=layout).add_subplot()

    def keys_above(self, axes: Axes, keys: Mapping[str, Artist], *, title: str) -> int:
        """Put keys and a title above the axes, if they are wanted; returns the lines they take."""
        if not self.legend:
            return 0
        room = self.inches / MM
        where = {
            "loc": "lower left", "bbox_to_anchor": (0, 1.01), "borderpad": 0.2, "borderaxespad": 0, "alignment": "left",
            "title": drawable(shorten(title, round(room / _LETTER))),
            "title_fontproperties": {"weight": "bold", "size": 7},
        }  # fmt: skip
        lines = put_keys(axes, keys, where, room=room)
        return lines + bool(title)

    def keys_below(self, axes: Axes, keys: Mapping[str, Artist]) -> int:
        """Put keys below the axes, if they are wanted; returns the lines they take."""
        if not self.legend:
            return 0
        columns = 3 if self.width == "column" else 5
        axes.legend(
            list(keys.values()), list(keys), loc="upper left", bbox_to_anchor=(0, -0.02), ncols=columns, frameon=False,
            borderaxespad=0, borderpad=0.2, handlelength=1.4, handletextpad=0.5, columnspacing=1.2,
        )  # fmt: skip
        return -(-len(keys) // columns)

    def fit(self, axes: Axes, panel: float, *, lines: int) -> Axes:
        """Make a new figure as high as a panel in inches and lines of keys; given axes keep their size."""
        if self.given is None:
            figure_of(axes).set_figheight(panel + (lines * _KEY_LINE + 2) * MM)
        return axes


def _attacked(study: Study, title: str) -> Attacked:
    by_title = {each.title: each for each in study.attacks}
    if title and title not in by_title:
        raise UserError("no such attack in this run", got=title, fix=did_you_mean(title, by_title))
    return by_title[title] if title else headline(study)


def _study(run: Source, title: str) -> Study:
    studies = [run] if isinstance(run, Study) else read_studies(_directory(run))
    by_title = {each.title: each for each in studies}
    if title and title not in by_title:
        raise UserError("no such study in this run", got=title, fix=did_you_mean(title, by_title))
    return by_title[title] if title else studies[0]


def _directory(run: HasDirectory | RunDirectory | Path | str) -> RunDirectory:
    if isinstance(run, Path | str):
        return RunDirectory(run)
    return run if isinstance(run, RunDirectory) else run.directory
