"""Figures of a run for papers: each draws into given axes, or makes a figure of a column's or a page's width.

Example::

    import advwindow as aw
    import matplotlib.pyplot as plt

    run = aw.open_run("runs/quick")
    aw.plot.alignment(run).figure.savefig("alignment.pdf")  # 89 mm wide, the most harmful attack

    figure, (left, right) = plt.subplots(1, 2, layout="constrained")
    aw.plot.drift(run, left, attack="PGD L∞ 8/255")
    aw.plot.two_vs_two(run, right, attack="PGD L∞ 8/255", legend=False)

Colours are those of all reports: one for each condition, told apart also by lines and marks. For figures of your own
beside them: ``plt.style.use("advwindow.reports.paper")``.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from advwindow.errors import UserError, did_you_mean
from advwindow.reports.figures import curves
from advwindow.reports.figures.panels import alone, figure_of, key_above, names_height
from advwindow.reports.figures.references import draw_references
from advwindow.reports.figures.strip import draw_strip, strip_height, strip_keys
from advwindow.reports.reading.findings import headline
from advwindow.reports.reading.studies import Study, read_studies
from advwindow.reports.style import ATTACK, CLEAN, MM, NOISE, WIDTHS, Width, house_style
from advwindow.runs import RunDirectory

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

    from advwindow.reports.reading.studies import Attacked

__all__ = [
    "COLORS",
    "WIDTHS",
    "alignment",
    "beyond_noise",
    "drift",
    "house_style",
    "one_vs_two",
    "references",
    "two_vs_two",
    "verdicts",
]

#: The colour of each condition, in every figure.
COLORS = {"clean": CLEAN, "noise": NOISE, "attack": ATTACK}

#: Millimetres: a line of keys, and what is left of a column for a panel and of that for its strip.
_KEY_LINE, _MARGIN, _STRIP_LABELS = 3.4, 16, 22
#: Inches around everything.
_PAD = 0.02
#: A cell of the strip narrower than this has no letter.
_LEAST_CELL = 1.9


class HasDirectory(Protocol):
    """A run as `advwindow.open_run` gives it."""

    @property
    def directory(self) -> RunDirectory:
        """The run on disk."""


#: What a figure is drawn of: a run, its folder, or one study of it.
Source = HasDirectory | RunDirectory | Study | Path | str


def alignment(
    run: Source,
    ax: Axes | None = None,
    *,
    attack: str = "",
    study: str = "",
    width: Width = "column",
    legend: bool = True,
) -> Axes:
    """Alignment with words against depth: clean, matched noise, attack; bands hold for all layers at once.

    Args:
        run: a run, or its folder.
        ax: where to draw; a new figure if None.
        attack: its title in the report, e.g. ``"PGD L∞ 8/255"``; the most harmful one if empty.
        study: title of one of several studies in a run; the first if empty.
        width: of a new figure: ``"column"`` (89 mm) or ``"page"`` (170 mm).
        legend: whether keys and the attack's title stand above the axes.

    Returns:
        The axes; ``.figure.savefig`` writes them.

    Raises:
        UserError: no such attack or study, or the folder holds no run.
        IncompleteError: no cell is finished.
    """
    return _curves(curves.ALIGNMENT, _chosen(run, study, attack), ax, width, legend=legend)


def two_vs_two(
    run: Source,
    ax: Axes | None = None,
    *,
    attack: str = "",
    study: str = "",
    width: Width = "column",
    legend: bool = True,
) -> Axes:
    """Share of pairs of concepts told apart, against depth; hollow where not above chance. See `alignment`."""
    return _curves(curves.TWO_VS_TWO, _chosen(run, study, attack), ax, width, legend=legend)


def drift(
    run: Source,
    ax: Axes | None = None,
    *,
    attack: str = "",
    study: str = "",
    width: Width = "column",
    legend: bool = True,
) -> Axes:
    """Lost alignment with 95 % intervals, beside that under noise of the same size. See `alignment`."""
    return _curves(curves.DRIFT, _chosen(run, study, attack), ax, width, legend=legend)


def beyond_noise(
    run: Source,
    ax: Axes | None = None,
    *,
    attack: str = "",
    study: str = "",
    width: Width = "column",
    legend: bool = True,
) -> Axes:
    """Drift under the attack minus drift under noise of the same size, with 95 % intervals. See `alignment`."""
    return _curves(curves.BEYOND_NOISE, _chosen(run, study, attack), ax, width, legend=legend)


def one_vs_two(
    run: Source,
    ax: Axes | None = None,
    *,
    attack: str = "",
    study: str = "",
    width: Width = "column",
    legend: bool = True,
) -> Axes:
    """Share of fooled images that a layer still holds closer to the true word than to the wrong one. See `alignment`.

    Empty where no image was fooled into another word.
    """
    return _curves(curves.ONE_VS_TWO, _chosen(run, study, attack), ax, width, legend=legend)


def references(
    run: Source,
    ax: Axes | None = None,
    *,
    attack: str = "",
    study: str = "",
    condition: str = "clean",
    width: Width = "column",
    legend: bool = True,
) -> Axes:
    """Alignment with everything that layers were compared with: word spaces, their mean, pixels. See `alignment`.

    Args:
        run: a run, or its folder.
        ax: where to draw; a new figure if None.
        attack: its title in the report; the most harmful one if empty.
        study: title of one of several studies in a run; the first if empty.
        condition: ``"clean"``, ``"noise"`` or ``"attack"``.
        width: of a new figure.
        legend: whether keys stand above the axes.
    """
    if condition not in COLORS:
        raise UserError("unknown condition", got=condition, expected=", ".join(COLORS))
    _, attacked = _chosen(run, study, attack)
    names, inches = _names(attacked), _room(ax, width)
    title = attacked.title if condition == "attack" else {"clean": "clean images", "noise": "noise"}[condition]
    with house_style(points=len(names)):
        axes = ax or _new(width)
        alone(axes, names, ylabel=curves.ALIGNMENT.label(attacked.spec.measure))
        room = 2 * inches / MM  # keys stand in two lines
        keys = draw_references(axes, attacked.references, names, condition=condition, room=room)
        lines = key_above(axes, keys, title=title, width=inches) if legend else 0
        _fit(axes, ax, 34 * MM + names_height(names), lines)
    return axes


def verdicts(
    run: Source, ax: Axes | None = None, *, study: str = "", width: Width = "column", legend: bool = True
) -> Axes:
    """Verdict of every layer (left to right) under every attack (top to bottom). See `alignment`.

    The cell's colour and letter are the verdict on the geometry, a band below it says that images are hijacked.
    Letters are left out where cells are too narrow for them.
    """
    chosen = _study(run, study)
    inches = _room(ax, width)
    with house_style():
        axes = ax or _new(width)
        cell = (inches / MM - _STRIP_LABELS) / len(chosen.names)
        draw_strip(axes, chosen.layers, letters=cell > _LEAST_CELL)
        if legend:
            _keys_below(axes, strip_keys(), columns=3 if width == "column" else 5)
        _fit(axes, ax, strip_height(chosen.layers) + names_height(chosen.names), 2 if legend else 0)
    return axes


def _curves(
    kind: curves.Curves, chosen: tuple[Study, Attacked], ax: Axes | None, width: Width, *, legend: bool
) -> Axes:
    _, attacked = chosen
    names = _names(attacked)
    inches = _room(ax, width)
    with house_style(points=len(names) * (2 if width == "column" else 1)):
        axes = ax or _new(width)
        alone(axes, names, ylabel=kind.label(attacked.spec.measure))
        keys = kind.draw([axes], [attacked.layers])
        lines = key_above(axes, keys, title=attacked.title, width=inches) if legend else 0
        _fit(axes, ax, (kind.alone or kind.height) * MM + names_height(names), lines)
    return axes


def _keys_below(axes: Axes, keys: Mapping[str, Artist], *, columns: int) -> None:
    axes.legend(
        list(keys.values()), list(keys), loc="upper left", bbox_to_anchor=(0, -0.02), ncols=columns, frameon=False,
        borderaxespad=0, borderpad=0.2, handlelength=1.4, handletextpad=0.5, columnspacing=1.2,
    )  # fmt: skip


def _new(width: Width) -> Axes:
    if width not in WIDTHS:
        raise UserError("unknown width of a figure", got=width, expected=" or ".join(WIDTHS))
    layout = ConstrainedLayoutEngine(w_pad=_PAD, h_pad=_PAD)
    return Figure(figsize=(WIDTHS[width], 1), layout=layout).add_subplot()


def _fit(axes: Axes, given: Axes | None, panel: float, lines: int) -> None:
    """Make a new figure as high as what is in it; given axes keep their size."""
    if given is None:
        figure_of(axes).set_figheight(panel + (lines * _KEY_LINE + 2) * MM)


def _room(given: Axes | None, width: Width) -> float:
    """Inches across the axes."""
    if given is None:
        return WIDTHS.get(width, 0) - _MARGIN * MM
    return float(given.get_window_extent().width / figure_of(given).dpi)


def _chosen(run: Source, study: str, attack: str) -> tuple[Study, Attacked]:
    chosen = _study(run, study)
    by_title = {each.title: each for each in chosen.attacks}
    if attack and attack not in by_title:
        raise UserError("no such attack in this run", got=attack, fix=did_you_mean(attack, by_title))
    return chosen, by_title[attack] if attack else headline(chosen)


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


def _names(attack: Attacked) -> list[str]:
    return [str(name) for name in attack.rows("clean")["layer"]]
